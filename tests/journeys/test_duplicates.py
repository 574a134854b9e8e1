"""Suspected duplicates in a real browser: side by side with the keyboard only, on a phone, and without any script."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from crowdmap.db import db, reading
from crowdmap.dedupe.models import Suspicion
from crowdmap.reports.models import Report
from tests.builders import PORT_AU_PRINCE, make_report, make_suspicion
from tests.journeys.test_desk import signed_in

pytestmark = pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake")


@pytest.fixture
def live_server(serve):
    """Without the worker: it would look at the planted pairs itself, and judge otherwise."""
    return serve("--no-worker")


LON, LAT = PORT_AU_PRINCE


def into(report) -> str | None:
    """Public id of what it is merged into now; read aside, as in test_desk."""
    with reading(), db.session.session_factory() as own:
        parent = own.get(Report, report.id).merged_into_id
        return parent and own.get(Report, parent).public_id


def refused() -> int:
    with reading(), db.session.session_factory() as own:
        return len(own.scalars(select(Suspicion.id).where(Suspicion.refused_at.is_not(None))).all())


def go(page, key: str) -> None:
    """Press a key that leads to another page, and wait for it: before its scripts are there it hears no key."""
    with page.expect_navigation():
        page.keyboard.press(key)


def pair(*told, **fields):
    """Two reports some 200 m apart, the first of them on the map."""
    a = make_report(at=(LON, LAT), accuracy_m=40, description=told[0], **fields)
    b = make_report(at=(LON + 0.002, LAT), accuracy_m=150, description=told[1], status="pending", **fields)
    return a, b


@pytest.fixture
def crisis(session):
    """A flood of six, a pair that is the same, a pair that is not."""
    flood = [make_report(status="pending", category="FOOD", description="PLEASE SEND HELP to the orphanage") for _ in range(6)]
    for one in flood[1:]:
        make_suspicion(flood[0], one, 0.99, exact=True, same_text=True)
    same = pair("Sixty people without water, Delmas 31", "No water for sixty people at Delmas 31")
    other = pair("Clinic at number 31 needs a doctor", "Clinic at number 33 needs a doctor", category="ROAD", kind="damage")
    make_suspicion(*same, 0.9, metres=180, hours=0.67, words=0.61, same_numbers=["31"])
    make_suspicion(*other, 0.7, metres=200, other_numbers=[["31", "33"]])
    return flood, same, other


def test_a_heap_of_duplicates_by_keyboard_alone(app, session, live_server, page, crisis):
    flood, same, other = crisis
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    expect(page.locator("#to-duplicates")).to_contain_text("3")
    press = page.keyboard.press
    go(page, "y")
    expect(page.locator("#groups .report-row")).to_have_count(3)
    go(page, "n")

    # the flood: one group, all chosen, one decision
    head = page.locator("#group-head")
    expect(head).to_have_text("6 reports that may tell the same")
    expect(page.locator('.members input[name="member"]:checked')).to_have_count(6)
    go(page, "g")
    expect(page.locator(".done")).to_contain_text("5 reports were merged")
    assert {into(report) for report in flood[1:]} == {flood[0].public_id}

    # the pair: reasons, marks, both circles; skipped, and come back to
    expect(head).to_have_text("2 reports that may tell the same")
    expect(page.locator(".why")).to_contain_text("180 m · 40 min · 61 % of the words · same number 31")
    expect(page.locator("#twins-map .map-number.shown")).to_have_count(2)
    expect(page.locator("#twins-map path.map-precision")).to_have_count(2)
    address = page.url.partition("?")[0]
    go(page, "n")
    expect(page.locator(".compare mark").filter(has_text="33")).to_be_visible()
    expect(page.locator("tr.row-description .differs-sign")).to_be_visible()
    expect(page.locator("tr.row-category .differs-sign")).to_have_count(0)
    go(page, "j")
    page.wait_for_url(address)

    # the root by its number, and who takes part
    expect(page.locator("#merge-words")).to_have_text("Merge into 1")
    press("2")
    expect(page.locator("#merge-words")).to_have_text("Merge into 2")
    press("1")
    expect(page.locator("#merge-words")).to_have_text("Merge into 1")
    last = page.locator('input[data-member="2"]')
    press("x")
    expect(page.locator('input[data-member="1"]')).not_to_be_checked()  # of the column that one is in
    press("x")
    last.focus()
    press("Space")
    expect(last).not_to_be_checked()
    press("x")
    expect(last).to_be_checked()
    press("?")
    expect(page.locator("#keys")).to_be_focused()
    press("Escape")
    go(page, "g")
    expect(page.locator(".done")).to_contain_text("1 report was merged")
    assert into(same[1]) == same[0].public_id

    # not the same, undone, and said again
    expect(page.locator("tr.row-description")).to_contain_text("31")
    go(page, "f")
    expect(page.locator(".done")).to_contain_text("Not the same. It is not asked again.")
    expect(page.locator(".queue .empty")).to_contain_text("No suspected duplicates")
    assert refused() == 1
    go(page, "u")
    expect(page.locator(".flash")).to_contain_text("it is asked again")
    expect(head).to_have_text("2 reports that may tell the same")
    assert refused() == 0
    go(page, "f")
    expect(page.locator(".queue .empty")).to_be_visible()
    assert refused() == 1 and into(other[1]) is None
    expect(page.locator(".figure")).to_contain_text("Of the last 7 suggestions that people decided, 6 (86 %) were the same.")


def test_a_merge_is_undone_by_a_key_and_an_empty_page_fills_by_itself(app, session, live_server, page):
    a, b = pair("No water at the camp", "no water at the camp")
    signed_in(page, app, live_server).goto(live_server.url + "/moderate/duplicates")
    expect(page.locator(".queue .empty")).to_contain_text("New ones appear by themselves.")
    make_suspicion(a, b)
    expect(page.locator("#groups .report-row")).to_have_count(1)
    go(page, "n")
    expect(page.locator("#group-head")).to_be_focused()
    go(page, "g")
    expect(page.locator(".done")).to_be_visible()
    assert into(b) == a.public_id
    go(page, "u")
    expect(page.locator(".flash")).to_contain_text("they stand by themselves again")
    assert into(b) is None


def test_the_report_leads_to_the_comparison_and_back(app, session, live_server, page):
    words = "No water at the camp behind the stadium, children are ill"
    a, b = pair(words, words + " and old people")
    make_suspicion(a, b, 0.9, metres=210)
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{a.public_id}")
    page.get_by_role("link", name="Compare").click()
    expect(page.locator("#group-head")).to_be_focused()
    go(page, "f")
    expect(page.locator(".done")).to_be_visible()
    page.goto(f"{live_server.url}/moderate/{b.public_id}")
    page.locator(".refused").get_by_role("button", name="Ask again").click()
    expect(page.locator("#said")).to_contain_text("It may be asked again")
    expect(page.locator(".twins")).to_contain_text("210 m")


def test_too_late_says_who_was_first_and_changes_nothing(app, session, live_server, new_page):
    from crowdmap.moderation.actions import perform
    from tests.builders import make_account

    page = new_page(allow=("409",))
    a, b = pair("No water at the camp", "no water at the camp")
    make_suspicion(a, b)
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/duplicates/{a.public_id}")
    perform(session, b.public_id, "edit", make_account(name="Paul Other"), 1, title="Changed")
    session.commit()
    go(page, "g")
    expect(page.locator("#errors")).to_contain_text("Paul Other did this: Edit.")
    expect(page.locator("#errors")).to_be_focused()
    assert into(b) is None
    go(page, "g")  # seen now
    expect(page.locator(".done")).to_be_visible()


@pytest.mark.databases("sqlite")
def test_everything_works_without_scripts_on_a_phone(app, session, live_server, new_page, crisis):
    flood, same, other = crisis
    page = new_page(width=360, height=740, java_script_enabled=False)
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    page.locator("#to-duplicates").click()
    page.locator("#groups a").nth(1).click()
    page.get_by_label("Takes the others in (1)").check()
    page.get_by_role("button", name=re.compile("Merge into 1")).click()
    expect(page.locator(".done")).to_contain_text("1 report was merged")
    assert into(same[1]) == same[0].public_id
    expect(page.locator("tr.row-description")).to_contain_text("Clinic")
    page.get_by_role("button", name=re.compile("Not the same")).click()
    expect(page.locator(".done")).to_contain_text("not asked again")
    page.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.locator(".flash")).to_contain_text("it is asked again")
    page.locator("#next").click()
    expect(page.locator("#group-head")).to_have_text("6 reports that may tell the same")
    page.get_by_role("link", name=re.compile("Show.*3")).click()
    expect(page.locator(".compare thead")).to_contain_text("3")
    page.locator(".members .choice").nth(5).click()
    page.get_by_role("button", name=re.compile("Merge into 1")).click()
    expect(page.locator(".done")).to_contain_text("4 reports were merged")
    assert [into(report) for report in flood].count(flood[0].public_id) == 4


@pytest.mark.databases("sqlite")
def test_no_page_of_it_is_wider_than_a_phone(app, session, live_server, phone, crisis):
    flood, _same, _other = crisis
    a, b = pair("W" * 90, "Rue " + "x" * 90 + " word" * 400, place="P" * 80, title="T" * 100)
    make_suspicion(a, b, 0.8, metres=10, same_numbers=["1" * 40])
    signed_in(phone, app, live_server)
    for address in ("", f"/{a.public_id}", f"/{flood[0].public_id}", f"/{flood[0].public_id}?with={flood[3].public_id}"):
        for width in (320, 360):
            phone.set_viewport_size({"width": width, "height": 700})
            phone.goto(live_server.url + "/moderate/duplicates" + address)
            assert phone.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
            assert phone.locator("h1").count() == 1
            small = phone.eval_on_selector_all(
                "main a.button, main button, main .choice", "e => e.map(n => [n.textContent.trim(), n.getBoundingClientRect().height]).filter(p => p[1] && p[1] < 36)"
            )
            assert not small, (address, small)
