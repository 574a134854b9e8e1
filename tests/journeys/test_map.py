"""The map in a real browser: what it shows, what it lets one do, and that it keeps itself up to date."""

import json
import re
import urllib.request
from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.submit import Incoming, submit_many
from crowdmap.maps import overlays
from crowdmap.reports.models import Report, Status
from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

# What the page does is asked on one database; what the database has a part in (live changes, cells, voices) on both.
pytestmark = [
    pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake"), pytest.mark.databases("sqlite"),
]  # fmt: skip
both = pytest.mark.databases("sqlite", "postgis")
TOWN = "#map=13/18.5430/-72.3350"
MARKS = ".leaflet-marker-pane .map-mark"
LIVE = "#live[data-state=live]"


def rows(page: Page):
    return page.locator("#list-body .report-row .title")


def open_map(page: Page, server, address="/" + TOWN):
    page.goto(server.url + address)
    expect(page.locator("#in-view")).to_contain_text("in view")
    return page


def test_the_map_and_the_list_show_the_same_and_a_mark_opens_its_report(session, live_server, page):
    need = make_report(category="WAT", description="No water for sixty people", verification="verified")
    make_report(at=(-72.3301, 18.5482), category="ROAD", description="Rue Pavée is blocked")
    make_report(at=JACMEL, category="ROAD", description="Far away")
    open_map(page, live_server)
    expect(page.locator("#in-view")).to_have_text("2 in view")
    expect(page.locator(MARKS)).to_have_count(2)
    expect(rows(page)).to_have_text(["Rue Pavée is blocked", "No water for sixty people"])
    expect(page.locator('output[data-facet=kind][data-value=need]')).to_have_text("1")

    mark = page.locator(MARKS).filter(has=page.locator(".mark.need.verified"))
    mark.click()
    popup = page.locator(".leaflet-popup")
    expect(popup).to_contain_text("No water for sixty people")
    expect(popup).to_contain_text("verified")
    expect(page.locator("path.precision")).to_have_count(1)  # how well the place is known
    expect(page.locator("#list .report-row.selected")).to_contain_text("No water")
    assert f"report={need.public_id}" in page.url
    popup.get_by_role("link", name="Open the report").click()
    expect(page.locator("h1")).to_contain_text("No water for sixty people")


@both
def test_a_new_report_appears_by_itself_and_a_hidden_one_leaves(session, live_server, page, phone):
    make_report(description="There from the start")
    open_map(page, live_server)
    open_map(phone, live_server)
    for window in (page, phone):
        expect(window.locator(LIVE)).to_be_visible()
    report = make_report(at=(-72.34, 18.55), category="ROAD", description="Bridge is down", status="pending")
    expect(rows(page)).to_have_text(["There from the start"])

    report.status = Status.PUBLISHED
    session.commit()
    for window in (page, phone):
        expect(window.locator(".mark.damage").locator("visible=true").first).to_be_attached(timeout=3000)
        expect(rows(window)).to_have_text(["Bridge is down", "There from the start"], timeout=3000)
        expect(window.locator("#in-view")).to_have_text("2 in view")
    expect(page.locator("#live .age")).not_to_be_empty()

    report.status = Status.HIDDEN
    session.commit()
    for window in (page, phone):
        expect(rows(window)).to_have_text(["There from the start"], timeout=3000)
        expect(window.locator(MARKS)).to_have_count(1)
        expect(window.locator("#in-view")).to_have_text("1 in view")


def test_filters_live_in_the_address_and_the_back_button_undoes_them(session, live_server, page):
    make_report(category="WAT", description="Water please")
    make_report(category="ROAD", description="Road is blocked", verification="verified")
    open_map(page, live_server)
    page.locator("label.kind.damage").click()
    expect(rows(page)).to_have_text(["Water please"])
    assert "kind=need,offer,information" in page.url
    page.locator("label.kind.damage").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_text("How sure").click()
    page.locator('label:has(input[name=verification][value=verified])').click()
    expect(rows(page)).to_have_text(["Road is blocked"])
    expect(page.locator("#chips .chip")).to_have_text(["verified"])
    shared = page.url
    page.go_back()
    expect(rows(page)).to_have_count(2)
    page.go_forward()
    expect(rows(page)).to_have_text(["Road is blocked"])
    page.goto("about:blank")
    page.goto(shared)
    expect(rows(page)).to_have_text(["Road is blocked"])
    page.locator("#chips .chip").click()
    expect(rows(page)).to_have_count(2)


def test_a_filter_that_cannot_be_read_is_said_and_can_be_cleared(session, live_server, new_page):
    page = new_page(allow=("400",))
    make_report(description="There from the start")
    page.goto(f"{live_server.url}/?category=NOSUCH{TOWN}")
    expect(page.locator("#list-body")).to_contain_text("NOSUCH")
    page.get_by_role("button", name="Clear the filters").first.click()
    expect(rows(page)).to_have_text(["There from the start"])
    page.goto(f"{live_server.url}/?from=-24h{TOWN}")
    expect(page.locator(LIVE)).to_be_visible()


def test_words_filter_and_names_of_places_fly_there(session, live_server, page):
    make_report(category="WAT", description="No water in the camp")
    make_report(category="FOOD", description="Rice is gone")
    overlays.add(session, "Roads", json.dumps({"type": "Feature", "properties": {"name": "Route de Frères", "highway": "primary"}, "geometry": {
        "type": "LineString", "coordinates": [[-72.28, 18.53], [-72.27, 18.54]]}}).encode())  # fmt: skip
    session.commit()
    open_map(page, live_server)
    page.keyboard.press("/")
    page.keyboard.type("water")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_text(["No water in the camp"])
    assert "q=water" in page.url
    page.locator("#search-words").fill("freres")
    expect(page.locator("#search-found li")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"map=1\d/18\.53\d+/-72\.27"))
    expect(page.locator(".map-label.road")).to_have_text(["Route de Frères"])


def test_reports_of_one_place_are_one_counted_mark_that_opens_their_list(session, live_server, page):
    for n in range(3):
        make_report(at=(-72.3351, 18.5431), category="WAT", description=f"Need number {n}")
    open_map(page, live_server)
    for _ in range(2):
        expect(page.locator(MARKS)).to_have_count(1)
        expect(page.locator(".map-mark .many")).to_have_text("3")
        page.locator("#map .leaflet-control-zoom-in").click()
        expect(page).to_have_url(re.compile("map=1[4-9]"))
    popup = page.locator(".leaflet-popup")
    for _again in range(3):  # on a busy machine the marks of the new zoom come just after the click, and close what it opened
        page.locator(MARKS).click()
        with suppress(TimeoutError):
            popup.locator(".popup-head").wait_for(timeout=5000)
            break
    expect(popup.locator(".popup-head")).to_have_text("3 reports at this place")
    popup.get_by_role("button", name="Need number 1").click()
    expect(popup.get_by_role("link", name="Open the report")).to_be_visible()
    popup.get_by_role("button", name="All at this place").click()
    expect(popup.locator(".report-row")).to_have_count(3)


@both
def test_unplaced_reports_stand_in_the_list_and_move_to_the_map_when_placed(session, live_server, page):
    report = make_report(at=None, category="ROAD", description="A bridge fell, somewhere near the river")
    open_map(page, live_server)
    expect(page.locator("#unplaced-n")).to_have_text("1")
    page.locator("#unplaced summary").click()
    expect(page.locator("#unplaced-body .title")).to_have_text(["A bridge fell, somewhere near the river"])
    expect(page.locator(LIVE)).to_be_visible()
    report.private.lon, report.private.lat = PORT_AU_PRINCE
    session.commit()
    expect(rows(page)).to_have_text(["A bridge fell, somewhere near the river"], timeout=3000)
    expect(page.locator("#unplaced")).to_be_hidden()
    expect(page.locator(MARKS)).to_have_count(1)


def test_the_list_is_used_by_keyboard_alone(session, live_server, page):
    make_report(category="WAT", description="No water for sixty people")
    open_map(page, live_server)
    skip = page.get_by_role("link", name="Skip the map, go to the list")
    skip.focus()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "list"
    row = page.get_by_role("button", name="No water for sixty people")
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#list .report-row.selected .detail")).to_be_visible()
    expect(row).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Open the report"
    # nothing on the map itself catches the Tab key
    assert page.locator(".leaflet-marker-pane [tabindex='0']").count() == 0


def test_a_link_to_a_report_on_the_map_opens_it(session, live_server, page):
    report = make_report(category="WAT", description="No water for sixty people")
    page.goto(f"{live_server.url}/#report={report.public_id}")
    expect(page.locator(".leaflet-popup")).to_contain_text("No water for sixty people")


def test_a_right_click_offers_to_report_there(session, live_server, page):
    open_map(page, live_server)
    page.locator("#map").click(button="right", position={"x": 600, "y": 500})
    link = page.get_by_role("link", name="Report something here")
    assert re.fullmatch(r"/report\?lat=18\.\d{5}&lon=-72\.\d{5}", link.get_attribute("href"))


def test_the_feed_of_this_view_is_offered_and_answers(session, live_server, page):
    make_report(category="WAT")
    make_report(at=JACMEL, category="WAT")
    open_map(page, live_server)
    for kind in ("offer", "damage", "information"):
        page.locator(f"label.kind.{kind}").click()
    page.get_by_text("Use this view").click()
    field = page.locator("#view-feed")
    expect(field).to_have_value(re.compile(r"/feeds/needs\.geojson\?"))  # it is filled a moment after the click
    address = field.input_value()
    assert "kind=" not in address
    with urllib.request.urlopen(address) as answer:
        assert json.load(answer)["numberMatched"] == 1


def test_when_all_layers_are_off_the_page_says_so(session, live_server, page):
    make_report()
    open_map(page, live_server)
    for kind in ("need", "offer", "damage", "information"):
        page.locator(f"label.kind.{kind}").click()
    expect(page.locator("#list-body")).to_contain_text("Turn on a layer")
    expect(page.locator(MARKS)).to_have_count(0)
    page.get_by_role("button", name="Show all layers").click()
    expect(rows(page)).to_have_count(1)


@pytest.fixture
def crowd(session):
    """More reports than are drawn one by one, of two kinds at three places."""
    spots = ((-72.3351, 18.5431, "WAT"), (-72.25, 18.52, "ROAD"), (-72.45, 18.53, "WAT"))
    messages = []
    for n in range(420):
        lon, lat, category = spots[n % 3]
        lat += (n % 7) / 1000
        draft = ReportDraft(category=category, description=f"Report {n}", lon=lon, lat=lat)
        messages.append(Incoming(draft, "import", f"crowd-{n}", {"n": n}, source_key=f"s{n}", status=Status.PUBLISHED))
    for start in range(0, len(messages), 100):
        submit_many(session, messages[start : start + 100])
        session.commit()


@both
def test_many_reports_are_rings_that_open_and_follow_what_happens(crowd, session, live_server, page):
    open_map(page, live_server, "/#map=10/18.53/-72.35")
    expect(page.locator("#in-view")).to_have_text("420 in view")
    rings = page.locator(".leaflet-marker-pane .ring")
    expect(rings.first).to_be_visible()
    expect(rows(page)).to_have_count(30)
    page.get_by_role("button", name="Show more").click()
    expect(rows(page)).to_have_count(60)
    expect(page.locator(LIVE)).to_be_visible()
    report = session.query(Report).first()
    report.status = Status.HIDDEN
    session.commit()
    expect(page.locator("#in-view")).to_have_text("419 in view", timeout=8000)
    zoom = page.evaluate("CM.map.getZoom()")
    rings.first.click()
    expect(page.locator(".map-mark, .ring").first).to_be_visible()
    page.wait_for_timeout(900)
    assert page.evaluate("CM.map.getZoom()") > zoom


def test_without_a_seat_in_the_stream_the_page_polls(session, serve, new_page):
    server, page = serve("--workers", "1", "--threads", "8"), new_page(allow=("503",))
    make_report(description="There from the start")
    held = [urllib.request.urlopen(f"{server.url}/feeds/stream") for _ in range(4)]
    window = open_map(page, server)
    expect(window.locator("#live[data-state=poll]")).to_be_visible()
    make_report(at=(-72.34, 18.55), category="ROAD", description="Bridge is down")
    expect(rows(window)).to_have_text(["Bridge is down", "There from the start"], timeout=15000)
    for stream in held:
        stream.close()


def test_after_a_restore_the_page_reads_again_and_goes_on(session, live_server, new_page):
    page = new_page(allow=("410",))
    answers = []

    def gone_once(route):
        answers.append(route)
        route.fulfill(status=410, body="{}") if len(answers) == 1 else route.continue_()

    page.route("**/feeds/stream**", gone_once)
    make_report(description="There from the start")
    open_map(page, live_server)
    expect(page.locator(LIVE)).to_be_visible()
    assert len(answers) == 2
    make_report(at=(-72.34, 18.55), category="ROAD", description="Bridge is down")
    expect(rows(page)).to_have_text(["Bridge is down", "There from the start"], timeout=5000)


def test_a_page_that_was_offline_catches_up(session, live_server, new_page):
    page = new_page(allow=("ERR_INTERNET_DISCONNECTED",))
    make_report(description="There from the start")
    open_map(page, live_server)
    expect(page.locator(LIVE)).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#live[data-state=off]")).to_be_visible()
    make_report(at=(-72.34, 18.55), category="ROAD", description="Bridge is down")
    page.context.set_offline(False)
    expect(rows(page)).to_have_text(["Bridge is down", "There from the start"], timeout=8000)
    expect(page.locator(LIVE)).to_be_visible()


def test_tiles_that_do_not_come_leave_by_themselves_and_say_so(session, serve, new_page):
    server = serve(TILE_URL="http://127.0.0.1:9/{z}/{x}/{y}.png")
    page = new_page(allow=("127.0.0.1:9",))
    open_map(page, server)
    expect(page.locator(".toast")).to_contain_text("The simple map is shown")
    assert page.locator(".leaflet-tile-pane img").count() == 0
    assert page.locator(".leaflet-paper-pane canvas").count() > 0


def test_the_sheet_of_a_phone_has_three_stops_and_nothing_hides_under_it(session, live_server, phone):
    make_report(category="WAT", description="No water for sixty people")
    open_map(phone, live_server)
    sheet, button = phone.locator("#sheet"), phone.locator(".float-report")

    def top(locator):
        return locator.bounding_box()["y"]

    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    expect(phone.locator("label.kind").first).to_be_in_viewport()
    assert top(button) + button.bounding_box()["height"] <= top(sheet)
    peek = top(sheet)
    phone.locator("#sheet-handle").focus()
    phone.keyboard.press("ArrowUp")
    expect(sheet).to_have_attribute("data-stop", "half")
    expect(rows(phone)).to_be_visible()
    phone.wait_for_timeout(300)
    assert top(sheet) < peek - 100 and top(button) + button.bounding_box()["height"] <= top(sheet)
    phone.locator("#to-filters").tap()
    expect(sheet).to_have_attribute("data-stop", "full")
    expect(phone.get_by_text("How sure")).to_be_visible()
    phone.locator("#to-filters").tap()
    phone.get_by_role("button", name="No water for sixty people").tap()
    expect(sheet).to_have_attribute("data-stop", "peek")
    expect(phone.locator(".leaflet-popup")).to_contain_text("No water for sixty people")


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_no_page_scrolls_sideways_and_targets_are_large(session, live_server, new_page, width):
    report = make_report(category="WAT", description="No water for sixty people at the corner of Delmas 33")
    page = new_page(width=width, height=700)
    for address in ("/", "/reports", f"/reports/{report.public_id}", "/about"):
        page.goto(live_server.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        small = page.evaluate(
            """() => Array.from(document.querySelectorAll("button, .button, nav a, summary, .kind"))
                .filter((item) => item.checkVisibility() && !item.closest(".report-row") && !item.matches(".link-button, .small, .chip, .sheet-handle"))
                .filter((item) => item.getBoundingClientRect().height < 43.5).map((item) => item.outerHTML.slice(0, 120))"""
        )
        assert small == [], address


def test_without_scripts_the_page_leads_to_the_list_and_the_form(session, live_server, new_page):
    make_report(category="WAT", description="No water for sixty people")
    page = new_page(java_script_enabled=False)
    page.goto(live_server.url)
    page.get_by_role("link", name="List of reports").click()
    expect(page.get_by_role("link", name="No water for sixty people")).to_be_visible()


def test_me_too_is_counted_and_gives_a_link(session, live_server, page):
    report = make_report(category="WAT", description="No water for sixty people")
    page.goto(f"{live_server.url}/reports/{report.public_id}")
    page.get_by_text("I need this too").click()
    page.get_by_label("What would you add?").fill("We are forty more")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#voice-answer a")).to_have_attribute("href", re.compile("^/track/"))
    page.reload()
    expect(page.get_by_text("2 people told this")).to_be_visible()
