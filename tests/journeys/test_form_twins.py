"""The form asks whether it is on the map already: by keyboard alone, on a phone, without scripts, and without the
server's help. Nobody is kept from reporting by it."""

import json
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from crowdmap.db import db, reading
from crowdmap.reports.models import Report, Submission
from tests.builders import PORT_AU_PRINCE, make_report

pytestmark = pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake")
HOSTILE = '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> \u202eReversed'
TOLD = "Sixty people at the church of Delmas 33 have no water since Tuesday"
WORDS = "No water at the church of Delmas 33 since Tuesday, sixty people"
PHONE = "+509 3712 3456"


@pytest.fixture
def twin(session):
    found = make_report(at=PORT_AU_PRINCE, kind="need", category="WAT", title="Water at the church", description=f"{TOLD}. {HOSTILE}")
    key = found.public_id
    session.rollback()
    return key


def voices(server, key: str) -> int:
    with urllib.request.urlopen(f"{server.url}/api/v1/reports/{key}") as answer:
        return json.load(answer)["properties"]["voices"]


def stored() -> tuple[list[str], list[dict]]:
    """Descriptions of all reports and what was received, read aside."""
    with reading(), db.session.session_factory() as own:
        reports = [row.description for row in own.query(Report.description).order_by(Report.id)]
        return reports, [row.verbatim for row in own.query(Submission.verbatim).order_by(Submission.id)]


def press(page: Page, *keys: str):
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, selector: str, most: int = 60, key: str = "Tab"):
    """Tab until the focus is on what *selector* matches; it must be within reach."""
    for _ in range(most):
        if page.evaluate("(selector) => Boolean(document.activeElement && document.activeElement.matches(selector))", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{selector} is not reached by Tab; the focus is on {page.evaluate('document.activeElement.outerHTML.slice(0, 200)')}")


def write_by_keyboard(page: Page, server, place: str = "church of Delmas 33", words: str = WORDS):
    """From the address bar to the words of the third question, without a click."""
    page.goto(server.url + "/report")
    tab_to(page, "input[name=kind]")
    press(page, "Space")
    tab_to(page, "input[name=category]")
    while page.evaluate("document.activeElement.value") != "WAT":
        press(page, "ArrowDown")
    tab_to(page, "#step-next")
    press(page, "Enter")
    expect(page.locator(".steps .where")).to_contain_text("2 of 4")
    tab_to(page, "input[name=place]")
    page.keyboard.type(place)
    tab_to(page, ".point-fields > summary")
    press(page, "Enter")
    tab_to(page, "input[name=lat]")
    page.keyboard.type("18.5431")
    press(page, "Tab")
    page.keyboard.type("-72.3352")
    tab_to(page, "#step-next")
    press(page, "Enter")
    expect(page.locator(".steps .where")).to_contain_text("3 of 4")
    tab_to(page, "textarea[name=description]")
    page.keyboard.type(words)


PANEL = ".twins-panel"
YES = ".twins-panel .twin button"
NO = ".twins-panel > button"


def to_the_contact(page: Page):
    tab_to(page, "#step-next")
    press(page, "Enter")
    expect(page.locator(".steps .where")).to_contain_text("4 of 4")
    tab_to(page, "input[name=contact_phone]")
    page.keyboard.type(PHONE)


def test_by_keyboard_somebody_says_that_it_is_the_same(session, live_server, page, twin):
    write_by_keyboard(page, live_server)
    expect(page.locator(PANEL)).to_be_visible()
    expect(page.locator("textarea[name=description]")).to_be_focused()  # it came without taking the focus
    expect(page.locator("#twins-say")).to_have_text("One report on the map is like yours.")
    expect(page.locator(PANEL)).to_contain_text("Water at the church")
    expect(page.locator(PANEL)).to_contain_text('<img src=x onerror="window.hit=1">')
    assert page.evaluate("window.hit") is None and page.locator(f"{PANEL} img, {PANEL} script").count() == 0
    link = page.locator(f"{PANEL} a")
    assert link.get_attribute("href") == f"/reports/{twin}" and link.get_attribute("target") == "_blank"
    tab_to(page, f"{PANEL} a")
    tab_to(page, YES)
    to_the_contact(page)
    expect(page.locator(f"section.step:not([hidden]) {PANEL}")).to_be_visible()  # once more above the button
    tab_to(page, YES)
    press(page, "Enter")
    expect(page.locator("h1")).to_have_text("Your voice is counted")
    assert voices(live_server, twin) == 2
    reports, messages = stored()
    assert len(reports) == 1 and len(messages) == 2
    told = messages[1]
    assert (told["description"], told["contact_phone"], told["place"], told["lat"]) == (WORDS, PHONE, "church of Delmas 33", "18.5431")


def test_by_keyboard_somebody_says_that_it_is_different(session, live_server, page, twin):
    write_by_keyboard(page, live_server)
    expect(page.locator(PANEL)).to_be_visible()
    tab_to(page, NO)
    press(page, "Space")
    expect(page.locator(".twins-answered")).to_be_focused()
    expect(page.locator(PANEL)).to_contain_text("sent as a report of its own")
    press(page, "Tab")
    expect(page.get_by_role("button", name="Show them again")).to_be_focused()
    press(page, "Enter")
    expect(page.locator("#twins-head")).to_be_focused()
    tab_to(page, NO)
    press(page, "Enter", "Tab", "Tab")
    expect(page.locator("input[name=people]")).to_be_focused()  # what follows
    to_the_contact(page)
    expect(page.locator(PANEL)).to_be_hidden()
    tab_to(page, "#send")
    press(page, "Enter")
    expect(page.locator("h1")).to_have_text("Your report has arrived")  # and was not asked once more
    assert voices(live_server, twin) == 1
    reports, messages = stored()
    assert reports[1:] == [WORDS] and messages[1]["contact_phone"] == PHONE


@pytest.mark.databases("sqlite")
def test_another_one_that_came_meanwhile_is_asked_about_by_the_server(session, live_server, page, twin):
    write_by_keyboard(page, live_server)
    expect(page.locator(PANEL)).to_be_visible()
    tab_to(page, NO)
    press(page, "Enter")
    to_the_contact(page)
    page.route("**/api/v1/duplicates", lambda route: route.abort())
    other = make_report(at=PORT_AU_PRINCE, kind="need", category="WAT", title="Just in", description=TOLD)
    other_id = other.public_id
    session.rollback()
    tab_to(page, "#send")
    press(page, "Enter")
    expect(page.locator("h1")).to_have_text("Is it one of these?")
    expect(page.locator(".twin")).to_have_count(1)
    expect(page.locator(".twin")).to_contain_text("Just in")
    page.get_by_role("button", name="Yes, this is it").press("Enter")
    expect(page.locator("h1")).to_have_text("Your voice is counted")
    assert voices(live_server, other_id) == 2 and voices(live_server, twin) == 1


def choose(page: Page, name: str, value: str):
    page.locator(f"label.tile:has(input[name={name}][value={value}])").click()


def fill_in(page: Page, server):
    page.goto(server.url + "/report")
    choose(page, "kind", "need")
    choose(page, "category", "WAT")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("The place in words").fill("church of Delmas 33")
    page.get_by_role("button", name="Next").click()


def test_without_scripts_it_is_a_second_step(session, live_server, new_page, twin):
    window = new_page(width=360, height=740, java_script_enabled=False)
    window.goto(live_server.url + "/report")
    choose(window, "kind", "need")
    choose(window, "category", "WAT")
    window.get_by_label("The place in words").fill("church of Delmas 33")
    window.get_by_label("In your own words").fill(WORDS)
    window.get_by_label("Telephone").fill(PHONE)
    window.get_by_role("button", name="Send").click()
    expect(window.locator("h1")).to_have_text("Is it one of these?")
    card = window.locator(".twin")
    expect(card).to_contain_text("Sixty people at the church")
    expect(card).to_contain_text("<script>window.hit=1</script>")
    expect(card).to_contain_text("within the last hour")
    window.get_by_role("button", name="Yes, this is it: add my voice").click()
    expect(window.locator("h1")).to_have_text("Your voice is counted")
    assert voices(live_server, twin) == 2 and stored()[1][1]["contact_phone"] == PHONE


def test_on_a_small_phone_it_is_calm(session, live_server, phone, twin):
    for number in range(4):
        make_report(at=PORT_AU_PRINCE, kind="need", category="WAT", title="W" * 90, description=f"{TOLD} {number} " + "x" * 300)
    session.rollback()
    fill_in(phone, live_server)
    box = phone.get_by_label("In your own words")
    box.click()
    top = box.bounding_box()["y"]
    box.press_sequentially(WORDS[:20])
    expect(phone.locator(PANEL)).to_be_visible()
    box.press_sequentially(WORDS[20:])
    expect(phone.locator(".twin")).to_have_count(5)
    expect(phone.locator("#twins-say")).to_have_text("5 reports on the map are like yours.")
    assert box.bounding_box()["y"] == top  # nothing moved under the finger
    for width in (320, 360):
        phone.set_viewport_size({"width": width, "height": 740})
        assert phone.evaluate("document.documentElement.scrollWidth") <= width
    for button in phone.locator(f"{PANEL} button").all():
        assert button.bounding_box()["height"] >= 44
    # while something below is being written, nothing is put above it
    phone.reload()
    fill_in(phone, live_server)
    phone.route("**/api/v1/duplicates", lambda route: (phone.wait_for_timeout(900), route.continue_()))
    phone.get_by_label("In your own words").fill(WORDS)
    people = phone.get_by_label("How many people?")
    with phone.expect_response("**/api/v1/duplicates"):
        people.click()
        people.press_sequentially("60")
    phone.wait_for_timeout(200)
    expect(phone.locator(PANEL)).to_be_hidden()
    phone.get_by_label("In one line").click()
    expect(phone.locator(PANEL)).to_be_visible()


@pytest.mark.parametrize("wrong", ["429", "500", "offline", "nonsense"])
def test_whatever_becomes_of_the_question_the_report_is_sent(session, live_server, new_page, wrong):
    page = new_page(allow=("429", "500", "ERR_INTERNET_DISCONNECTED", "ERR_FAILED"))
    asked = []

    def answer(route):
        asked.append(route.request.post_data)
        if wrong == "offline":
            route.abort("internetdisconnected")
        elif wrong == "nonsense":
            route.fulfill(status=200, body="<html>", content_type="text/html")
        else:
            route.fulfill(status=int(wrong), headers={"Retry-After": "600"}, json={"code": "x", "errors": []})

    page.route("**/api/v1/duplicates", answer)
    fill_in(page, live_server)
    box = page.get_by_label("In your own words")
    with page.expect_event("requestfinished" if wrong != "offline" else "requestfailed", lambda r: "duplicates" in r.url):
        box.fill("The well of the third camp has run dry today")
    page.wait_for_timeout(300)
    expect(page.locator(PANEL)).to_be_hidden()
    expect(page.locator("#form-says")).to_be_hidden()
    before = len(asked)
    box.press_sequentially(" and more")
    page.wait_for_timeout(1000)
    assert len(asked) == before if wrong == "429" else len(asked) > before  # it comes again when it was told to
    assert "contact" not in "".join(asked) and PHONE not in "".join(asked)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("h1")).to_have_text("Your report has arrived")
    assert stored()[0] == ["The well of the third camp has run dry today and more"]


@pytest.mark.databases("sqlite")
def test_a_yes_without_a_network_is_kept_and_sent_later(session, live_server, new_page, twin):
    page = new_page(allow=("ERR_INTERNET_DISCONNECTED",))
    fill_in(page, live_server)
    page.get_by_label("In your own words").fill(WORDS)
    expect(page.locator(PANEL)).to_be_visible()
    page.wait_for_timeout(600)  # what comes sooner is taken for a slip
    page.context.set_offline(True)
    page.get_by_role("button", name="Yes, this is it").click()
    expect(page.locator("#outbox")).to_contain_text("Not sent yet")
    expect(page.locator(PANEL)).to_be_hidden()
    assert len(stored()[1]) == 1
    page.context.set_offline(False)
    expect(page.locator(".toast")).to_contain_text("was sent", timeout=15_000)
    assert voices(live_server, twin) == 2 and len(stored()[0]) == 1


@pytest.mark.databases("sqlite")
def test_a_yes_that_says_nothing_new_is_answered_kindly(session, live_server, page, twin):
    for expected in ("Your voice is counted", "This was told before"):
        fill_in(page, live_server)
        page.get_by_label("In your own words").fill(WORDS)
        expect(page.locator(PANEL)).to_be_visible()
        page.locator(YES).press("Enter")
        expect(page.locator("h1")).to_have_text(expected)
    assert voices(live_server, twin) == 2 and len(stored()[1]) == 2
