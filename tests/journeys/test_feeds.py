"""From the map to a feed of one's own, in a real browser: what is counted, copied and pasted is what is served."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from crowdmap.feeds.models import OwnLayer
from tests.builders import JACMEL, LEOGANE, PASSWORD, make_account, make_report

pytestmark = [
    pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake"), pytest.mark.databases("sqlite"),
]  # fmt: skip
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def served(address: str) -> dict:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def address(page: Page, name: str = "geojson") -> str:
    return page.locator(f"#address-{name}").input_value()


def settled(page: Page, matched: int) -> Page:
    expect(page.locator(f"#outcome[data-matched='{matched}']:not([aria-busy])")).to_be_visible()
    return page


def test_from_the_map_with_a_filter_to_an_address_that_answers_with_the_same(session, live_server, new_page):
    page = new_page(permissions=CLIPBOARD)
    make_report(category="WAT", description="No water for sixty people")
    make_report(category="WAT", description="Pump is broken")
    make_report(at=JACMEL, category="WAT", description="No water in Jacmel")
    make_report(category="ROAD", description="Rue Pavée is blocked")
    page.goto(live_server.url + "/?q=water#map=13/18.5430/-72.3350")
    expect(page.locator("#in-view")).to_have_text("1 in view")
    for kind in ("offer", "damage", "information"):
        page.locator(f"label.kind.{kind}").click()
    page.get_by_text("Use this view").click()
    page.get_by_role("link", name="Build a feed from this view").click()

    settled(page, 1)
    assert "layer=needs" in page.url and "bbox=" in page.url
    expect(page.locator("#outcome-head")).to_have_text("1 report")
    expect(page.locator(".preview-table th[scope=row]")).to_have_text(["No water for sixty people"])
    page.get_by_role("button", name="Copy: GeoJSON").click()
    expect(page.locator(".toast")).to_contain_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == address(page) and served(copied)["numberMatched"] == 1

    page.get_by_label("Words").fill("")  # while one types
    settled(page, 2)
    assert "q=" not in page.url
    page.get_by_role("button", name="No box").click()
    settled(page, 3)
    assert served(address(page))["numberMatched"] == 3
    page.locator("label.chip-choice", has_text="Everything").click()
    settled(page, 4)
    page.locator("details.recipe summary", has_text="curl").click()
    page.get_by_role("button", name="Copy: curl").click()
    assert f"'{address(page)}?limit=all'" in page.evaluate("navigator.clipboard.readText()")


def test_the_box_is_drawn_moved_and_taken_away_by_keyboard_alone(session, live_server, page):
    make_report(category="ROAD")
    make_report(at=LEOGANE, category="ROAD")
    page.goto(live_server.url + "/feeds")
    settled(page, 2)
    page.locator("input[name=layer][value=all]").focus()
    page.keyboard.press("ArrowRight")  # needs
    settled(page, 0)
    for _ in range(2):  # offers, damage
        page.keyboard.press("ArrowRight")
    settled(page, 2)
    page.locator("details.pick summary", has_text="How sure").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    settled(page, 2)
    assert "verification=unverified" in page.url and "layer=damage" in page.url
    box = page.locator("#bbox")
    box.focus()
    page.keyboard.type("-72.40,18.50,-72.30,18.60")
    page.keyboard.press("Tab")
    settled(page, 1)
    expect(page.locator("path.feed-box")).to_have_count(1)
    middle = page.locator(".box-handle.middle")
    middle.focus()
    before = box.input_value()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(box).not_to_have_value(before)
    west, south, east, north = map(float, box.input_value().split(","))
    assert west < -72.41 and abs((east - west) - 0.1) < 0.001 and abs(south - 18.5) < 0.001 and abs(north - 18.6) < 0.001
    expect(middle).to_be_focused()
    corner = page.locator(".box-handle.rising").first
    corner.focus()
    page.keyboard.press("ArrowLeft")
    expect(box).not_to_have_value(re.compile(f"^{west}"))
    settled(page, 0)  # it was moved away from the report
    page.get_by_role("button", name="No box").focus()
    page.keyboard.press("Enter")
    settled(page, 2)
    expect(box).to_have_value("")
    expect(page.locator(".box-handle")).to_have_count(0)
    page.get_by_role("button", name="Draw a box").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".box-handle")).to_have_count(5)
    expect(box).not_to_have_value("")


def test_a_corner_is_dragged_and_the_count_follows(session, live_server, page):
    make_report(category="ROAD")
    make_report(at=LEOGANE, category="ROAD")
    page.goto(live_server.url + "/feeds?bbox=-72.7,18.4,-72.2,18.7")
    settled(page, 2)
    corner = page.locator(".box-handle.rising").first.bounding_box()  # south-west
    other = page.locator(".box-handle.rising").last.bounding_box()
    page.mouse.move(corner["x"] + 14, corner["y"] + 14)
    page.mouse.down()
    page.mouse.move(corner["x"] + 0.5 * (other["x"] - corner["x"]), corner["y"] + 10, steps=8)
    page.mouse.up()
    settled(page, 1)
    assert served(address(page))["numberMatched"] == 1


def test_what_cannot_be_read_is_said_at_once_and_nothing_is_lost(session, live_server, new_page):
    page = new_page(allow=("400",))
    make_report(category="WAT")
    page.goto(live_server.url + "/feeds?q=report")
    settled(page, 1)
    page.locator("#from").fill("yesterday")
    page.keyboard.press("Tab")
    slot = page.locator("#from-error")
    expect(slot).to_contain_text("is no time such as")
    expect(page.locator("#from")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#spoken")).to_contain_text("is no time such as")
    expect(page.locator("#q")).to_have_value("report")
    expect(page.locator("#address-geojson")).to_have_count(0)
    page.locator("#from").fill("2010-01-12")
    page.keyboard.press("Tab")
    settled(page, 1)
    expect(slot).to_be_empty()
    expect(page.locator("#spoken")).to_have_text("1 reports")


def test_a_coordinator_names_a_layer_and_a_stranger_has_it(session, live_server, page, new_page):
    make_report(category="WAT", description="No water")
    make_report(category="ROAD")
    coordinator = make_account("coordinator")
    page.goto(live_server.url + "/login?next=/feeds")
    page.locator("input[name=email]").fill(coordinator.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button").first.click()
    settled(page, 2)
    page.get_by_label("Words").fill("water")
    settled(page, 1)
    page.locator("#title").fill("Water points")
    page.get_by_role("button", name="Name it").click()
    expect(page.locator(".flash")).to_contain_text("Water points is a layer now.")
    settled(page, 1)
    assert served(live_server.url + "/feeds/water-points.geojson")["numberMatched"] == 1
    session.rollback()
    assert session.query(OwnLayer).one().filter == {"q": "water"}
    session.rollback()

    stranger = new_page()
    stranger.goto(live_server.url + "/feeds")
    settled(stranger, 2)
    stranger.locator("label.chip-choice", has_text="Water points").click()
    settled(stranger, 1)
    assert "/feeds/water-points.geojson" in address(stranger)
    expect(stranger.get_by_role("button", name="Remove")).to_have_count(0)
    page.get_by_role("button", name="Remove Water points").click()
    expect(page.locator(".flash")).to_contain_text("is no layer any more")


@pytest.mark.parametrize("width", [320, 360, 640, 1280])
def test_the_page_never_scrolls_sideways_and_targets_are_large(session, live_server, new_page, width):
    make_report(category="WAT", description="A word that is very long: " + "w" * 120)
    page = new_page(width=width, height=740)
    for query in ("", "?layer=needs&category=WAT&bbox=-72.4,18.5,-72.3,18.6", "?q=" + "long" * 40, "?dir=rtl"):
        page.goto(live_server.url + "/feeds" + query)
        expect(page.locator("#outcome")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, query
        small = page.evaluate(
            """() => Array.from(document.querySelectorAll("main button, main .button, main summary, main .chip-choice"))
                .filter((item) => item.checkVisibility() && !item.matches(".small"))
                .filter((item) => item.getBoundingClientRect().height < 43.5).map((item) => item.outerHTML.slice(0, 120))"""
        )
        assert small == [], query


def test_without_scripts_the_form_does_the_same(session, live_server, new_page):
    page = new_page(java_script_enabled=False)
    make_report(category="WAT", description="No water")
    make_report(category="ROAD")
    page.goto(live_server.url + "/feeds")
    page.locator("input[name=layer][value=needs]").check()
    page.get_by_label("Words").fill("water")
    page.get_by_role("button", name="Show").click()
    settled(page, 1)
    expect(page.locator("#feed-map")).to_be_hidden()
    assert served(address(page))["numberMatched"] == 1
