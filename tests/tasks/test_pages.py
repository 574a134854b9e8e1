"""/work as a volunteer uses it: languages, practice, a task, its answer; and what nobody must see there."""

import json
import re
import threading

import pytest
from sqlalchemy import select

from crowdmap.accounts.models import Account
from crowdmap.accounts.roles import Role
from crowdmap.db import clock, utcnow
from crowdmap.events import Event
from crowdmap.geo import distance_m
from crowdmap.reports.models import LocatedBy, Report
from crowdmap.tasks import gazetteer
from crowdmap.tasks.kinds import KINDS
from crowdmap.tasks.models import Answer, PlaceFile, Result, State, Task, Volunteer
from crowdmap.tasks.verbs import offer
from tests.builders import make_account, make_report, sign_in
from tests.tasks.test_verbs import HERE, LAT, LON, UNPLACED, take, work
from tests.tasks.working import make_task, make_volunteer, tasks_of

pytestmark = pytest.mark.settings(WORK_SAMPLE=0)  # or one report in ten would have a task more
SECRET = "Call 3712-3456 or marie@privat.example, we are at 18.5431, -72.3381"


def client_of(app, account):
    return sign_in(app.test_client(), account)


def form_of(page: str, form_id: str = "answer-form") -> tuple[str, dict]:
    """Where a form goes and what its hidden fields hold."""
    form = re.search(rf'<form[^>]*id="{form_id}".*?</form>', page, re.DOTALL)[0]
    hidden = re.findall(r'<input type="hidden" name="(\w+)"[^>]*value="([^"]*)"', form)
    return re.search(r'action="([^"]+)"', form)[1], {name: value for name, value in hidden if name != "csrf_token"}


@pytest.mark.databases("sqlite")
def test_a_newcomer_says_languages_practises_and_works(app, session):
    client = client_of(app, make_account(Role.VOLUNTEER, email="new@example.org"))
    assert "Which languages do you read well?" in client.get("/work").text
    assert client.post("/work/languages", data={"languages": []}).status_code == 422
    assert client.post("/work/languages", data={"languages": ["en", "ht"]}).status_code == 303
    start = client.get("/work").text
    assert "Practice first: 0 of 3 done well." in start and "Your path" in start and "Next step:" in start
    make_task("place", **UNPLACED)
    session.rollback()
    assert "answer-form" not in client.post("/work/next", data={"only": "place"}, follow_redirects=True).text
    for number in range(3):
        page = client.get("/work?practice=place").text
        address, hidden = form_of(page)
        town = re.search(r"town-([\w-]+)", address)[1]
        answered = client.post(address, data={**hidden, "gazetteer": f"area:{town}"})
        assert answered.status_code == 303
        assert ("practice" in answered.headers["Location"]) == (number < 2)
    assert "the real work is open to you now" in client.get("/work").text
    page = client.post("/work/next", data={"only": "place"}, follow_redirects=True).text
    address, hidden = form_of(page)
    assert address.endswith("/answer")
    done = client.post(address, data={**hidden, "lat": LAT, "lon": LON, "accuracy_m": "80"}, follow_redirects=True)
    assert "Somebody else looks at it too" in done.text
    kept = session.scalars(select(Answer).order_by(Answer.id)).all()
    assert [one.good for one in kept] == [True, True, True, None] and kept[-1].value["accuracy_m"] == 80 and kept[-1].seconds is not None


@pytest.mark.databases("sqlite")
def test_wrong_practice_is_told_and_comes_again(app, session):
    client = client_of(app, make_volunteer(kinds=[]))
    address, hidden = form_of(client.get("/work?practice=place").text)
    told = client.post(address, data={**hidden, "gazetteer": "area:les-cayes"}, follow_redirects=True).text
    assert "km away from" in told and form_of(told)[0] != address
    assert client.post(address, data=hidden).status_code == 422
    assert client.post("/work/practice/place/nowhere", data=hidden).status_code == 404
    assert client.post("/work/practice/cooking/x", data=hidden).status_code == 404
    assert client.post("/work/practice/check/well-1", data={"heard": "confirmed"}).status_code == 403
    assert client.get("/work?practice=cooking").status_code == 404


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_can_be_practised_by_its_known_answers(app, session, kind):
    account = make_volunteer("en", "fr", "ht", "es", kinds=[], may_call=True)
    client, right = client_of(app, account), 0
    with app.app_context():
        items = KINDS[kind].items(session, ["en", "fr", "ht", "es"])
    session.rollback()
    assert len(items) >= 3
    for item in items[:3]:
        value = {
            "translate": {"text": item.why}, "categorise": {"category": item.known[0]}, "check": {"heard": item.known},
            "place": {"lat": str(item.known[1]), "lon": str(item.known[0])} if kind == "place" else {},
        }[kind]  # fmt: skip
        assert client.get(f"/work?practice={kind}").status_code == 200
        assert client.post(f"/work/practice/{kind}/{item.key}", data=value).status_code == 303
        right += session.scalars(select(Answer.good).order_by(Answer.id.desc())).first()
        session.rollback()
    assert right == 3 and kind in session.get(Volunteer, account.id, populate_existing=True).unlocked


@pytest.mark.databases("sqlite")
def test_practice_in_one_language_does_not_tell_the_next_ones_answer(app, session):
    with app.app_context():
        items = KINDS["translate"].items(session, ["en", "fr", "ht", "es"])
        judge = KINDS["translate"].judge
        words = [judge(item, {"text": "We need help"}).words for item in items]
    assert len({item.key for item in items}) == len({item.why for item in items}) == len(items) == 4
    assert {item.language for item in items} == {"fr", "ht", "es"}
    assert not any(item.why in told for item, told in zip(items, words, strict=True))
    assert "families" in words[0] and "lorries, motorbikes" in words[1]  # no stems
    client = client_of(app, make_volunteer("ht", "fr", kinds=[]))
    unsure = client.post("/work/practice/translate/water-ht", data={"unsure": "yes"}, follow_redirects=True).text
    assert items[0].why not in unsure and "It tells of: sixty, families" in unsure and "“Nou se swasant fanmi" in unsure
    session.rollback()


@pytest.mark.databases("sqlite")
def test_stuffed_practice_is_not_good(app, session):
    with app.app_context():
        items, judge = KINDS["translate"].items(session, ["ht"]), KINDS["translate"].judge
        for item in items:
            stuffed = (" ".join(one.why for one in items), f"{item.text} {item.why}", item.why + " help us" * 40)
            assert judge(item, {"text": item.why}).good
            for text in stuffed:
                judged = judge(item, {"text": text})
                assert not judged.good and "more than the message says" in judged.words, text


@pytest.mark.databases("sqlite")
def test_a_wrong_category_is_told_by_its_name(app, session):
    client = client_of(app, make_volunteer(kinds=[]))
    told = client.post("/work/practice/categorise/water", data={"category": "FOOD"}, follow_redirects=True).text
    assert "We chose another one: Water shortage (they lack water)" in told and "“Sixty families in the school yard" in told


@pytest.mark.databases("sqlite")
def test_what_waits_is_what_one_can_read(app, session):
    for _ in range(3):
        make_task("translate", language="ht", description="Nou bezwen dlo")
    session.rollback()
    english, haitian = (client_of(app, make_volunteer(language)).get("/work").text for language in ("en", "ht"))
    assert "Nothing of this waits in your languages now." in english and "3 wait" not in english and "tasks wait in all" in english
    assert "Translate 3 practice" not in client_of(app, make_volunteer("en", kinds=[])).get("/work").text
    assert "3 wait" in haitian


@pytest.mark.databases("sqlite")
@pytest.mark.settings(WORK_SAMPLE=1)
@pytest.mark.parametrize("kind", list(KINDS))
def test_no_number_or_address_of_anybody_is_shown(app, session, kind):
    report = make_report(
        description=SECRET, title="Marie 3712 3456", language="ht", contact_phone="+509 3799 1201", contact_name="Zebulon", **UNPLACED
    )
    tasks_of(report)
    account = make_volunteer("ht", kinds=[kind], may_call=True)
    session.commit()
    page = client_of(app, account).post("/work/next", data={"only": kind}, follow_redirects=True).text
    assert "answer-form" in page
    for mark in ("3712", "3799", "marie@", "Zebulon", report.public_id):
        assert mark not in page, mark
    assert ("18.5431" in page) == (kind == "place")  # who looks for the place needs what tells it
    if kind == "categorise":
        assert "checked" not in page.split("answer-form")[1].split("</form>")[0]


@pytest.mark.databases("sqlite")
def test_calling_back_shows_the_contact_of_one_report_on_request(app, session):
    report = make_report(contact_phone="+509 3799 1201", contact_name="Zebulon", description="Or call 3712-3456")
    other = make_report(contact_phone="+509 3799 5555", contact_name="Another")
    other.merged_into_id = report.id
    session.commit()
    tasks_of(report)
    client = client_of(app, make_volunteer(may_call=True))
    page = client.post("/work/next", data={"only": "check"}, follow_redirects=True).text
    assert "3799" not in page and "3712" not in page and "Or call [phone]" in page
    address = re.search(r'action="(/work/\d+/contact)#contact"', page)[1]
    shown = client.post(address).text
    assert "3799 1201" in shown and "Or call 3712-3456" in shown  # a look that is in the log
    assert "5555" not in shown and "Another" not in shown
    assert "3712" not in client.get("/work").text
    assert client_of(app, make_volunteer(may_call=True)).post(address).status_code == 409
    assert client_of(app, make_volunteer()).post(address, headers={"Accept": "application/json"}).status_code == 409


@pytest.mark.databases("sqlite")
def test_what_became_secret_or_was_taken_back_is_not_shown_any_more(app, session):
    for column, value in (("more_categories", ["VIOL"]), ("withdrawn_at", utcnow())):
        task, account = make_task("place", description="By the blue gate", **UNPLACED), make_volunteer()
        take(session, account, task)
        client = client_of(app, account)
        assert "blue gate" in client.get("/work").text
        setattr(session.get(Report, task.report_id), column, value)
        session.commit()
        assert "blue gate" not in client.get("/work").text


def test_what_was_typed_is_kept_where_somebody_else_has_it_now(app, session):
    task, one, two = make_task("translate", language="ht", description="Nou bezwen dlo"), make_volunteer("ht"), make_volunteer("ht")
    take(session, one, task)
    with clock(lambda: task.leased_until):
        take(session, two, task)
    client = client_of(app, one)
    answered = client.post(f"/work/{task.id}/answer", data={"text": "We need <water>"})
    assert answered.status_code == 409 and "We need &lt;water&gt;" in answered.text and "Somebody else has this now" in answered.text
    assert client.post(f"/work/{task.id}/keep", headers={"Accept": "application/json"}).status_code == 409
    assert client_of(app, two).post(f"/work/{task.id}/keep").get_json()["seconds"] > 250


@pytest.mark.databases("sqlite")
def test_a_wrong_answer_shows_the_form_again(app, session):
    task, account = make_task("translate", language="ht", description="Nou bezwen dlo"), make_volunteer("ht")
    take(session, account, task)
    client = client_of(app, account)
    for data, status in (({}, 422), ({"text": "x"}, 422), ({"text": "ok then", "colour": "red"}, 422), ({"text": "\0"}, 422), ({"text": "x" * 20_000}, 422)):
        answered = client.post(f"/work/{task.id}/answer", data=data)
        assert answered.status_code == status and "answer-form" in answered.text, data
    assert client.post("/work/999/answer", data={"text": "ok then"}).status_code == 404
    assert client.post("/work/next", data={"only": "cooking"}).status_code == 404
    assert client.post("/work/next", data={"speed": "9"}).status_code == 422


@pytest.mark.databases("sqlite")
def test_the_list_of_places_is_enough_without_a_script(app, session):
    report = make_report(**UNPLACED)
    task, client = tasks_of(report)["place"], client_of(app, make_volunteer())
    client.post("/work/next", data={"only": "place"})
    page = client.get("/work?places=Pòtoprens").text
    assert 'value="area:port-au-prince"' in page
    client.post(f"/work/{task.id}/answer", data={"gazetteer": "area:port-au-prince"})
    assert session.scalar(select(Answer.value))["how"] == "gazetteer"
    found = client.get("/work/places.json?q=petit goave").get_json()["places"]
    assert [one["name"] for one in found] == ["Petit-Goâve"] and client.get("/work/places.json").get_json()["places"] == []


def test_many_at_once_over_http_do_nothing_twice(app, session):
    reports = [make_report(at=None, place="there", status="pending") for _ in range(4)]
    for report in reports:
        tasks_of(report)
    clients = [client_of(app, make_volunteer(kinds=["place"])) for _ in range(4)]
    session.rollback()
    codes: list[int] = []

    def run(client):
        for _ in range(6):
            page = client.post("/work/next", data={"only": "place"}, follow_redirects=True).text
            if 'id="answer-form"' not in page:
                return
            address, hidden = form_of(page)
            codes.append(client.post(address, data={**hidden, **HERE}).status_code)

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(codes) <= {303, 409}, codes
    session.expire_all()
    tasks = session.scalars(select(Task)).all()
    assert all(task.state is State.DONE and task.result is Result.AGREED for task in tasks), [(t.state, t.result) for t in tasks]
    given = session.execute(select(Answer.task_id, Answer.account_id)).all()
    assert len(given) == len(set(given)) == 8
    assert all(report.private.located_by is LocatedBy.PIN and report.revision == 2 for report in session.scalars(select(Report)))


@pytest.mark.databases("sqlite")
def test_figures_are_for_who_signed_in_and_name_nobody(app, session):
    task, account = make_task("place", **UNPLACED), make_volunteer(name="Zebulon")
    work(session, account, task, HERE)
    assert app.test_client().get("/work/figures").status_code == 303
    client = client_of(app, make_volunteer())
    for span in ("all", "day", "week"):
        page = client.get(f"/work/figures?since={span}")
        assert page.status_code == 200 and "Zebulon" not in page.text and "alpha" in page.text
    assert client.get("/work/figures?since=tomorrow").status_code == 400


@pytest.mark.databases("sqlite")
def test_a_moderator_settles_at_the_desk_what_volunteers_could_not(app, session):
    report = make_report(**UNPLACED)
    task = tasks_of(report)["place"]
    for north in (0, 0.05, 0.1):
        work(session, make_volunteer(), task, {**HERE, "lat": LAT + north})
    client = client_of(app, make_account())
    page = client.get(f"/moderate/{report.public_id}").text
    assert "Volunteers put this report at different places." in page
    assert report.public_id in client.get("/moderate/proposals").text
    number, revision = re.search(r'name="number" value="(\d+)"><input type="hidden" name="revision" value="(\d+)"', page).groups()
    assert client.post(f"/moderate/proposals/{task.id}/accept", data={"number": number, "revision": 99}, headers={"Accept": "application/json"}).status_code == 409
    assert client.post(f"/moderate/proposals/{task.id}/accept", data={"number": number, "revision": revision}).status_code == 303
    assert client.post(f"/moderate/proposals/{task.id}/dismiss", headers={"Accept": "application/json"}).status_code == 409
    assert session.get(Report, report.id, populate_existing=True).private.lat == pytest.approx(LAT)


# ---- the gazetteer


def places(*features) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def feature(name, geometry, **properties):
    return {"type": "Feature", "properties": {"name": name, **properties}, "geometry": geometry}


CAMP = feature("Kan Delmas 33", {"type": "Point", "coordinates": [-72.30, 18.55]}, alt_name="Camp Delmas 33;Delmas Camp")
SQUARE = feature("Bel Air", {"type": "Polygon", "coordinates": [[[-72.34, 18.54], [-72.33, 18.54], [-72.33, 18.55], [-72.34, 18.54]]]})


def upload(client, raw: bytes, name="Camps"):
    import io

    return client.post("/admin/places", data={"name": name, "file": (io.BytesIO(raw), "camps.geojson")}, content_type="multipart/form-data")


def test_places_are_uploaded_found_by_any_name_replaced_and_removed(app, session):
    client, reader = client_of(app, make_account(Role.COORDINATOR)), client_of(app, make_volunteer())
    assert upload(client, places(CAMP, SQUARE, feature("", None))).status_code == 303
    assert "2 places" in client.get("/admin/places").text
    for words, name in (("camp delm", "Kan Delmas 33"), ("kan", "Kan Delmas 33"), ("33", "Kan Delmas 33"), ("BEL AÏR", "Bel Air")):
        found = reader.get(f"/work/places.json?q={words}").get_json()["places"]
        assert [one["name"] for one in found if one["code"].startswith("place:")] == [name], words
    assert found[-1]["radius_m"] > 600 and found[-1]["lon"] == pytest.approx(-72.335)
    upload(client, places(SQUARE))
    assert reader.get("/work/places.json?q=kan delmas").get_json()["places"] == []
    file_id = session.scalar(select(PlaceFile.id))
    session.rollback()
    assert client.post(f"/admin/places/{file_id}/remove").status_code == 303
    assert client.post(f"/admin/places/{file_id}/remove", headers={"Accept": "application/json"}).status_code == 404
    assert [one["kind"] for one in reader.get("/work/places.json?q=bel air").get_json()["places"]] == ["town"]
    by = session.scalar(select(Account.id).where(Account.role == Role.COORDINATOR))
    told = [(event.account_id, event.data["action"]) for event in session.query(Event).filter_by(name="PlacesChanged")]
    assert told == [(by, "add"), (by, "add"), (by, "remove")]
    session.rollback()


@pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")
def test_places_outside_the_area_are_counted(app, session):
    client = client_of(app, make_account(Role.COORDINATOR))
    swapped = feature("Camp", {"type": "Point", "coordinates": [18.55, -72.30]})
    upload(client, places(CAMP, swapped))
    assert "1 of them lies outside the crisis area. Are lat and lon swapped?" in client.get("/admin/places").text
    upload(client, places(CAMP))
    assert "outside the crisis area" not in client.get("/admin/places").text


def test_many_places_keep_their_own_names(session):
    many = places(*(feature(f"Camp {n}", {"type": "Point", "coordinates": [-72 - n / 1000, 18.5]}, alias=f"Kan {n}") for n in range(300)))
    gazetteer.add(session, "Camps", many)
    session.commit()
    for n in (0, 7, 299):
        assert {one.name for one in gazetteer.search(session, f"kan {n}") if one.lon == pytest.approx(-72 - n / 1000)} == {f"Camp {n}"}


@pytest.mark.parametrize(
    ("lons", "middle"), [((177.0, -179.0), 179.0), ((178.5, -179.5), 179.5), ((-72.4, -72.2), -72.3), ((-1.0, 1.0), 0.0)]
)
def test_of_an_area_the_middle_is_in_it(lons, middle):
    line = feature("Here", {"type": "LineString", "coordinates": [[lons[0], -18.0], [lons[1], -16.0]]})
    (found,) = gazetteer.read(places(line))
    assert (found["lon"], found["lat"]) == (pytest.approx(middle), -17) and found["radius_m"] <= 100_000
    (northern,) = gazetteer.read(places(feature("Wide", {"type": "LineString", "coordinates": [[10, 60], [11, 60.5]]})))
    assert northern["radius_m"] == pytest.approx(distance_m(10.5, 60.25, 11, 60), abs=1)  # towards the equator it is wider


@pytest.mark.databases("sqlite")
@pytest.mark.settings(RATE_LIMITS="on")
def test_look_ups_have_an_end(app, session):
    client = client_of(app, make_volunteer())
    codes = [client.get("/work/places.json?q=x", headers={"Accept": "application/json"}).status_code for _ in range(61)]
    assert codes == [200] * 60 + [429]


@pytest.mark.databases("sqlite")
def test_a_file_that_is_none_is_refused_by_name(app, session):
    client = client_of(app, make_account(Role.COORDINATOR))
    point = {"type": "Point", "coordinates": [-72.3, 18.5]}
    for raw, told in (
        (b"", "Choose a GeoJSON file"), (b"{", "not JSON"), (b"[]", "no GeoJSON"), (places(), "No feature"),
        (places(feature("A", {"type": "Point", "coordinates": [-72.3]})), "Feature 1"),
        (places(feature("A", point), feature("B", {"type": "Point", "coordinates": [181, 18.5]})), "Feature 2"),
        (places(feature("A", {"type": "Point", "coordinates": ["x", 1]})), "no number"),
        (places(feature("A", {"type": "Circle", "coordinates": [1, 1]})), "Circle"),
        (places(feature("A", {"type": "Polygon", "coordinates": [[1, 2]]})), "missing"),
        (b" " * 5_000_001, "5 MB"),
    ):  # fmt: skip
        answered = upload(client, raw)
        assert answered.status_code in (400, 413) and told in answered.text, (told, answered.status_code, answered.text[-300:])
    assert upload(client, b"x" * 6_000_000).status_code == 413
    assert upload(client, places(CAMP), name="").status_code == 422
    assert session.scalar(select(PlaceFile)) is None


@pytest.mark.databases("sqlite")
def test_a_coordinator_says_who_may_call_back(app, session):
    client, account = client_of(app, make_account(Role.COORDINATOR)), make_volunteer(kinds=["check"])
    make_task("check", contact_phone="+509 3799 1201")
    assert offer(session, account) is None
    session.commit()
    assert client.post(f"/admin/volunteers/{account.id}/calls", data={"allowed": "yes"}).status_code == 303
    assert account.name in client.get("/admin/volunteers").text
    assert offer(session, account) is not None
    session.commit()
    for _again in range(2):
        client.post(f"/admin/volunteers/{account.id}/calls")
    assert not session.get(Volunteer, account.id, populate_existing=True).may_call
    # who may see contacts is in the log, each change once
    by = session.scalar(select(Account.id).where(Account.role == Role.COORDINATOR))
    told = [(event.account_id, event.data) for event in session.query(Event).filter_by(name="AccountEvent")]
    assert told == [(by, {"action": action, "about": account.id}) for action in ("calls-allowed", "calls-ended")]


@pytest.mark.databases("sqlite")
def test_nobody_who_does_no_work_is_allowed_to_call(app, session):
    client, gone = client_of(app, make_account(Role.COORDINATOR)), make_account(Role.VOLUNTEER)
    gone.disabled_at = gone.created_at
    session.commit()
    assert client.post(f"/admin/volunteers/{gone.id}/calls", data={"allowed": "yes"}).status_code == 422
    assert session.get(Volunteer, gone.id) is None


@pytest.mark.databases("sqlite")
def test_places_by_command(app, session, tmp_path):
    from crowdmap.tasks.cli import places_group

    session.rollback()
    file = tmp_path / "camps.geojson"
    file.write_bytes(places(CAMP, SQUARE))
    runner = app.test_cli_runner()
    assert "camps: 2 places." in runner.invoke(places_group, ["import", str(file)]).output
    assert "camps" in runner.invoke(places_group, ["list"]).output
    assert "gone" in runner.invoke(places_group, ["remove", "camps"]).output
    assert runner.invoke(places_group, ["remove", "camps"]).exit_code == 1
