"""What concerns all ways out together: a layer of one's own, and the scope of a key."""

import pytest
from mapbox_vector_tile import decode

from crowdmap.alerts.admin import _filter_of
from crowdmap.errors import InvalidParameter
from crowdmap.feeds import layers
from crowdmap.feeds.formats import FORMATS
from crowdmap.filters import ReportFilter
from tests.builders import JACMEL, PORT_AU_PRINCE, bearer, ids, make_account, make_key, make_report, sign_in
from tests.contracts.formats_read import READERS


@pytest.fixture
def own_layer(session):
    chosen = ReportFilter.parse({"category": "WAT", "from": "2010-01-13", "bbox": "-72.4,18.5,-72.3,18.6"})
    layers.add(session, make_account("coordinator"), title="Water since", slug="water-since", chosen=chosen)
    session.commit()


def outlets(layer: str, query: str = "") -> list[str]:
    return [
        *(f"/feeds/{layer}.{suffix}?limit=all{query}" for suffix in FORMATS), f"/ogc/collections/{layer}/items?limit=1000{query}",
        f"/feeds/changes?since=0&layer={layer}{query}", f"/tiles/{layer}/0/0/0.mvt?{query.lstrip('&')}",
    ]  # fmt: skip


def found(answer, path: str, folder) -> set[str]:
    assert answer.status_code == 200, (path, answer.text)
    if path.startswith("/tiles/"):
        told = decode(answer.data)["reports"]["features"] if answer.data else []
        return {one["properties"]["id"] for one in told}
    suffix = path.partition("?")[0].rpartition(".")[2]
    if path.startswith("/feeds/changes") or suffix not in FORMATS:
        return {one["id"] for one in answer.get_json(force=True)["features"] if not one["properties"].get("removed")}
    return {one.id for one in READERS[suffix](answer.data, folder)}


def test_a_layer_of_ones_own_is_the_same_everywhere_and_gone_everywhere(session, client, own_layer, tmp_path):
    mine = make_report(at=PORT_AU_PRINCE, occurred_at="2010-01-14T00:00:00Z")
    make_report(at=PORT_AU_PRINCE, occurred_at="2010-01-12T00:00:00Z")
    make_report(at=JACMEL, occurred_at="2010-01-14T00:00:00Z")
    make_report(at=PORT_AU_PRINCE, category="ROAD", kind="damage", occurred_at="2010-01-14T00:00:00Z")
    for path in outlets("water-since"):
        for _again in range(2):
            assert found(client.get(path), path, tmp_path) == {mine.public_id}, path
    narrower = "&bbox=-72.34,18.5,-72.3,18.6&kind=need"  # two boxes: one filter cannot say both
    for path in outlets("water-since", narrower):
        assert found(client.get(path), path, tmp_path) == {mine.public_id}, path
    span = "/ogc/collections/water-since/items?datetime=2010-01-13T00:00:00Z/2010-01-15T00:00:00Z"
    assert ids(client.get(span).get_json()) == [mine.public_id]
    assert "water-since" in {one["id"] for one in client.get("/ogc/collections").get_json()["collections"]}
    assert "water-since" in client.get("/ogc/api").get_json(force=True)["paths"]["/collections/water-since"]["get"]["operationId"]
    coordinator = sign_in(client.application.test_client(), make_account("coordinator"))
    assert coordinator.post("/admin/layers/water-since/remove").status_code == 303
    for path in [*outlets("water-since"), "/ogc/collections/water-since", "/tiles/water-since.json"]:
        assert client.get(path).status_code == 404, path


def test_a_webhook_takes_no_layer_that_one_filter_cannot_say(app, session, own_layer):
    with app.test_request_context():
        assert _filter_of("/feeds/water-since.geojson?kind=need").categories == ("WAT",)
        with pytest.raises(InvalidParameter):
            _filter_of("/feeds/water-since.geojson?bbox=-72.34,18.5,-72.3,18.6")


def test_a_keys_scope_holds_everywhere_and_its_answers_are_nobody_elses(session, app, client, tmp_path):
    water = make_report(at=PORT_AU_PRINCE, verification="verified")
    road = make_report(at=PORT_AU_PRINCE, category="ROAD", kind="damage")
    _key, text = make_key("sectors=wash")
    everybody = {water.public_id, road.public_id}
    for path in outlets("all"):
        for _again in range(2):  # from the cache too, and in both orders
            assert found(client.get(path), path, tmp_path) == everybody, path
            answer = client.get(path, headers=bearer(text))
            assert found(answer, path, tmp_path) == {water.public_id}, path
            assert answer.headers["Cache-Control"] == "no-store" and "Access-Control-Allow-Origin" not in answer.headers, path
    public = client.get("/feeds/all.geojson?limit=1").get_json()
    cursor = public["next"].partition("cursor=")[2].partition("&")[0]
    assert client.get(f"/feeds/all.geojson?limit=1&cursor={cursor}", headers=bearer(text)).status_code == 400


def test_the_exact_place_of_what_is_verified_is_for_keys_alone(session, client, tmp_path):
    make_report(at=(-72.336174, 18.545612), verification="verified")
    _key, text = make_key()
    exact = [-72.336174, 18.545612]
    for path in ("/feeds/all.geojson", "/ogc/collections/all/items", "/feeds/changes?since=0", "/api/v1/reports"):
        for _again in range(2):
            (told,) = client.get(path, headers=bearer(text)).get_json(force=True)["features"]
            assert told["geometry"]["coordinates"] == exact, path
            (told,) = client.get(path).get_json(force=True)["features"]
            assert told["geometry"]["coordinates"] != exact, path
