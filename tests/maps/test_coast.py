"""The fine coast around the crisis, cut from Natural Earth."""

import json

import pytest
import shapely

from crowdmap.maps import coast

pytestmark = pytest.mark.databases("sqlite")


@pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")
def test_haiti_is_land_its_bay_is_sea_and_the_border_is_there(session, client, app):
    if not coast.SOURCE.is_file():
        pytest.fail("the assets are not built; run python3 dev.py assets")
    answer = client.get("/map/coast.geojson")
    land, borders = json.loads(answer.data)["features"]
    shape = shapely.from_geojson(json.dumps(land["geometry"]))
    assert shape.is_valid or shapely.make_valid(shape).area == pytest.approx(shape.area, rel=1e-3)
    assert shape.contains(shapely.Point(-72.3, 18.5)) and not shape.contains(shapely.Point(-72.6, 18.75))
    line = shapely.from_geojson(json.dumps(borders["geometry"]))
    assert line.distance(shapely.Point(-71.85, 18.5)) < 0.2
    assert len(answer.data) < 300_000
    assert client.get("/map/coast.geojson", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("area", ["", "170,-20,-170,-10", "-20,-35,60,40"])
def test_where_no_fine_coast_helps_there_is_none(area, tmp_path):
    from crowdmap import create_app

    app = create_app({"AREA": area, "INSTANCE": tmp_path, "SECRET_KEY": "x" * 40})
    with app.app_context():
        assert json.loads(coast.coast())["features"] == []
