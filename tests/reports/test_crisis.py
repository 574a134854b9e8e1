"""Templates of a crisis: checked whole when read, written into the database once, and told again as TOML."""

import tomllib
from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

from crowdmap import geo
from crowdmap.cli import cli
from crowdmap.reports import crisis
from crowdmap.reports.models import Area, Category, Kind, Policy

MINIMAL = """
title = "Flood"
area = [5, 44, 8, 46]
towns = [{ name = "Ville", lon = 6, lat = 45, radius_m = 1000 }]
[[categories]]
code = "OTH"
name = "Other"
sector = "multi"
kind = "information"
policy = "tile"
"""


@pytest.mark.parametrize("name", crisis.names())
def test_built_in_templates_can_be_read_and_written(name):
    template = crisis.read(name)
    assert crisis.parse(tomllib.loads(crisis.write(template))) == template


def test_what_the_public_may_see_of_each_category():
    policies = {category.code: category.policy for category in crisis.read("earthquake").categories}
    for code in ("MISS", "PERS", "VIOL", "GBV", "MINOR", "DEAD", "FWD"):
        assert policies[code] is Policy.RESTRICTED
    for code in ("ROAD", "BRID", "WDP", "FDP", "HOSP", "COLL", "FIRE"):
        assert policies[code] is Policy.EXACT
    needs = [c for c in crisis.read("earthquake").categories if c.kind is Kind.NEED and c.code != "WATC"]
    assert len(needs) > 15 and all(c.policy is not Policy.EXACT for c in needs)


@pytest.mark.parametrize(
    "place, lon, lat, inside",
    [
        ("Port-au-Prince", -72.335, 18.543, True),
        ("the far west, Tiburon", -74.40, 18.33, True),
        ("Tortuga", -72.80, 20.05, True),
        ("Île-à-Vache", -73.63, 18.07, True),
        ("the border at Malpasse", -71.86, 18.50, True),
        ("Barahona", -71.10, 18.21, False),
        ("Santo Domingo", -69.89, 18.48, False),
        ("Genoa", 8.93, 44.41, False),
        ("Belgium", 5.73, 50.23, False),
        ("Hong Kong", 114.17, 22.28, False),
        ("lat and lon swapped", 18.543, -72.335, False),
    ],
)
def test_the_area_of_the_earthquake(place, lon, lat, inside):
    assert crisis.read("earthquake").area.contains(lon, lat) is inside


def test_towns_lie_in_the_area_and_are_wider_than_the_blur():
    template = crisis.read("earthquake")
    for town in template.towns:
        assert template.area.contains(town.lon, town.lat)
        assert 2 * town.radius_m >= geo.tile_side_metres(town.lat)


@pytest.mark.parametrize(
    "change, words",
    [
        (('title = "Flood"', ""), "title is missing"),
        (('title = "Flood"', 'titel = "Flood"'), "titel is not known"),
        (("[5, 44, 8, 46]", "[5, 46, 8, 44]"), "area must be"),
        (("[5, 44, 8, 46]", "[5, 46]"), "area must be"),
        (('title = "Flood"', 'title = "Flood"\ntimezone = "Mars/Dome"'), "timezone 'Mars/Dome'"),
        (('title = "Flood"', 'title = "Flood"\nlanguages = ["français"]'), "languages: 'français'"),
        (("lat = 45", "lat = 95"), "town Ville: lat 95"),
        (("radius_m = 1000", "radius_m = -1"), "radius_m must be"),
        (('code = "OTH"', 'code = "FIRE"'), "category OTH is missing"),
        (('code = "OTH"', 'code = "other"'), "capital letters"),
        (('"multi"', '"magic"'), "sector 'magic'"),
        (('"information"', '"wish"'), "kind 'wish'"),
        (('"tile"', '"secret"'), "policy 'secret'"),
        (('policy = "tile"', 'policy = "tile"\nparent = "TOP"'), "parent 'TOP'"),
        (('policy = "tile"', 'policy = "tile"\ncolour = "red"'), "colour is not known"),
        (('kind = "information"\n', ""), "kind is missing"),
    ],
)
def test_a_mistake_is_named(tmp_path, change, words):
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    assert crisis.read(path).title == "Flood"
    path.write_text(MINIMAL.replace(*change), encoding="utf-8")
    with pytest.raises(crisis.InvalidTemplate) as refused:
        crisis.read(path)
    assert words in refused.value.message and "mine.toml" in refused.value.message


@pytest.mark.parametrize("name", ["nowhere", "sectors", "../secret", "nowhere.toml"])
def test_there_is_no_such_template(name):
    with pytest.raises(crisis.InvalidTemplate):
        crisis.read(name)


def test_loading_again_changes_nothing_a_coordinator_did(session):
    session.get(Category, "WAT").policy = Policy.RESTRICTED
    session.get(Area, "jacmel").radius_m = 9000
    session.delete(session.get(Category, "PRIC"))
    session.commit()
    template = crisis.load("earthquake")
    assert session.get(Category, "WAT").policy is Policy.RESTRICTED
    assert session.get(Area, "jacmel").radius_m == 9000
    assert session.get(Category, "PRIC").parent == "OTH"
    assert session.query(Category).count() == len(template.categories)
    assert session.query(Area).count() == len(template.towns)


@pytest.mark.settings(TITLE="Mine", AREA="-74.6,17.9,-71.5,20.2", LANGUAGES="fr,ht", TIMEZONE="America/Port-au-Prince")
def test_template_export(app, session, tmp_path):
    session.get(Category, "FDP").policy = Policy.TILE
    session.commit()
    out = tmp_path / "mine.toml"
    told = CliRunner().invoke(cli, ["template", "export", "--out", str(out)], obj=ScriptInfo(create_app=lambda: app))
    assert told.exit_code == 0, told.output
    mine, original = crisis.read(out), crisis.read("earthquake")
    assert (mine.title, mine.languages, mine.area) == ("Mine", ("fr", "ht"), original.area)
    assert mine.category("FDP") == replace(original.category("FDP"), policy=Policy.TILE)
    assert {town.code for town in mine.towns} == {town.code for town in original.towns}
    assert [c.code for c in mine.categories] == [c.code for c in original.categories]
