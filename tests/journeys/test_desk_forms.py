"""What is typed at the desk goes where it was meant, is never lost in silence, and nothing lies over it."""

import pytest
from playwright.sync_api import Page, expect

from crowdmap.moderation.actions import perform
from tests.builders import make_account, make_report
from tests.journeys.test_desk import choose, now, signed_in

pytestmark = [pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake"), pytest.mark.databases("sqlite")]


def opened(page: Page, app, live_server, report, **who) -> Page:
    signed_in(page, app, live_server, **who).goto(f"{live_server.url}/moderate/{report.public_id}")
    return page


def test_the_words_of_a_question_are_never_taken_for_keys(app, session, live_server, page):
    report = make_report(status="pending", title="Water")
    make_report(status="pending", title="Another")
    opened(page, app, live_server, report)
    page.keyboard.press("q")
    expect(page.locator("#ask-text")).to_be_focused()
    expect(page.locator("#ask-text")).to_be_in_viewport()
    page.keyboard.type("please keep")
    expect(page.locator("#ask-text")).to_have_value("please keep")
    assert now(report).status == "pending" and now(report).verification == "unverified"
    page.keyboard.press("Escape")
    expect(page.locator("#do-ask")).to_be_hidden()
    expect(page.locator(".talk").get_by_text("Ask the reporter", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#ask-text")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#said")).to_contain_text("It stands on the reporter's page now.")
    expect(page.locator(".talk-list")).to_contain_text("please keep")


def test_what_is_half_written_stays_with_its_report(app, session, live_server, page):
    first, second = make_report(status="pending", title="Water"), make_report(status="pending", title="Food")
    opened(page, app, live_server, first)
    page.keyboard.press("t")
    page.keyboard.type("ask the priest about it")
    page.locator("#next").click()
    expect(page.locator("#report-head")).to_have_text("Food")
    expect(page.locator(".toast")).to_contain_text("Not sent, and kept with the report you left: Note")
    page.keyboard.press("t")
    expect(page.locator("#note-reason")).to_have_value("")
    page.keyboard.press("Escape")
    page.locator(f"#row-{first.public_id} .title a").click()
    expect(page.locator(".toast", has_text="Begun here and not sent yet: Note")).to_be_visible()
    page.keyboard.press("t")
    expect(page.locator("#note-reason")).to_have_value("ask the priest about it")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.locator('[data-view="2"]').click()
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"] and page.url.endswith(first.public_id)
    page.locator("#note-reason").focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#said")).to_contain_text("Noted.")
    expect(page.locator(".history")).to_contain_text("ask the priest about it")
    page.locator('[data-view="2"]').click()  # sent: nothing is asked any more
    page.wait_for_url("**/moderate?status=published")
    assert now(second).status == "pending"


def test_a_colleagues_decision_is_told_of_its_own_report_alone(app, session, live_server, page):
    first, second = make_report(status="pending", title="Water"), make_report(status="pending", title="Food")
    opened(page, app, live_server, first)
    bar = page.locator(".toast", has_text="Somebody has just decided")
    perform(session, first.public_id, "hide", make_account(name="Paul Other"), revision=1, reason="a person is named")
    session.commit()
    expect(bar).to_be_visible(timeout=6000)
    page.keyboard.press("n")
    expect(page.locator("#report-head")).to_have_text("Food")
    expect(bar).to_have_count(0)
    page.evaluate("CM.deskOwn = () => false")  # as after a while
    page.keyboard.press("v")
    page.keyboard.type("called back")
    with page.expect_response("**/moderate/new.json*"):
        page.keyboard.press("Control+Enter")
    expect(page.locator(".dossier .tag.good")).to_have_text("verified")
    page.wait_for_timeout(1000)
    expect(bar).to_have_count(0)
    assert now(second).verification == "verified"


def test_nobody_rejects_many_for_a_reason_unchosen_and_the_cursor_stays_in_the_list(app, session, live_server, page):
    made = [make_report(status="pending", title=f"Water {n}") for n in range(5)]
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("x")
    expect(page.locator("#bulk-do")).to_be_focused()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(300)
    assert {now(report).status for report in made} == {"pending"}
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#said")).to_contain_text("Reject: spam: 2 reports.")
    assert sum(now(report).status == "hidden" for report in made) == 2
    here = "document.activeElement.closest('.report-row') && document.activeElement.closest('.report-row').dataset.id"
    expect(page.locator("#queue-list .report-row")).to_have_count(3)
    assert now(next(report for report in made if report.public_id == page.evaluate(here))).status == "pending"
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text("2 taken back.")
    assert page.evaluate(here)


def test_a_search_shows_what_it_found(app, session, live_server, page):
    found = make_report(status="pending", title="Nou bezwen dlo")
    make_report(status="pending", title="Food")
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    page.keyboard.press("/")
    page.keyboard.type("dlo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/moderate?q=dlo*")
    expect(page.locator("#filter-line")).to_contain_text("dlo")
    expect(page.locator("#f-q")).to_be_hidden()
    expect(page.locator(f"#row-{found.public_id}")).to_be_in_viewport(ratio=1)
    expect(page.locator(f"#row-{found.public_id} .title a")).to_be_focused()
    page.locator("#filter-line a").click()
    expect(page.locator("#queue-list .report-row")).to_have_count(2)


def test_told_by_several_asks_by_whom(app, session, live_server, page):
    report = make_report(status="pending", title="Water")
    opened(page, app, live_server, report)
    page.keyboard.press("k")
    expect(page.locator("#corroborate-evidence")).to_be_focused()
    assert now(report).verification == "unverified"
    page.keyboard.type("the nurse and the priest, each by themselves")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#said")).to_contain_text("Marked as told by several.")
    expect(page.locator("#sure")).to_contain_text("the nurse and the priest")
    assert now(report).verification == "corroborated"


def test_the_bar_is_calm_and_a_forms_buttons_are_in_view(app, session, live_server, page):
    opened(page, app, live_server, make_report(status="pending", title="Water", description="Water " * 300))
    assert page.locator(".action-bar").bounding_box()["height"] < 110  # two lines, not four
    page.keyboard.press("v")
    expect(page.locator("#do-verify .button.primary")).to_be_in_viewport(ratio=1)
    middle = "one => { const b = one.getBoundingClientRect(); return one.contains(document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2)); }"
    assert page.locator("#do-verify .button.primary").evaluate(middle)
    page.keyboard.press("Escape")
    more = page.locator(".more-actions summary")
    dispute = page.locator(".action-bar").get_by_role("button", name="Dispute")
    expect(dispute).to_be_hidden()
    more.focus()
    page.keyboard.press("Enter")
    expect(dispute).to_be_visible()
    page.keyboard.press("Escape")
    expect(dispute).to_be_hidden()
    expect(more).to_be_focused()
    page.keyboard.press("Space")
    dispute.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#dispute-reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    page.keyboard.press("d")
    expect(page.locator("#dispute-reason")).to_be_focused()


def test_what_was_done_is_said_over_no_form(app, session, live_server, page):
    made = [make_report(status="pending", title=f"Water {n}") for n in range(4)]
    opened(page, app, live_server, made[0])
    page.keyboard.press("p")
    expect(page.locator("#said")).to_contain_text("It is on the map now.")
    choose(page, *made[2:])
    for selector in ("#said .notice", "#bulk-form", ".decide"):
        expect(page.locator(selector)).to_be_visible()
    said = page.locator("#said .notice").bounding_box()
    assert said["y"] + said["height"] < min(page.locator(one).bounding_box()["y"] for one in ("#bulk-form", ".decide", ".status-tabs"))


def test_a_phone_moves_a_report_by_a_tap(app, session, live_server, phone):
    report = make_report(status="pending", title="Water", description="Water " * 100)
    opened(phone, app, live_server, report)
    before = now(report).private
    phone.locator('.action-bar [data-key="m"]').click()
    map_box = phone.locator("#do-move #small-map")
    expect(map_box).to_be_in_viewport(ratio=0.9)
    map_box.click(position={"x": 60, "y": 60})
    expect(phone.locator("#lat")).not_to_have_value(f"{before.lat:.6f}")
    phone.locator("#do-move [data-close]").click()
    expect(phone.locator(".desk-side #small-map")).to_have_count(1)
    phone.locator('.action-bar [data-key="m"]').click()
    phone.locator("#do-move #small-map").click(position={"x": 60, "y": 60})
    expect(phone.locator("#do-move .button.primary")).to_be_in_viewport(ratio=1)
    phone.locator("#do-move .button.primary").click()
    expect(phone.locator("#said")).to_contain_text("Moved.")
    expect(phone.locator("#said .key")).to_be_hidden()
    expect(phone.locator(".desk-side #small-map")).to_have_count(1)
    assert now(report).private.lat != before.lat


def test_more_opens_without_scripts_and_what_was_done_lies_over_nothing(app, session, live_server, new_page):
    page = new_page(width=360, height=740, java_script_enabled=False)
    report = make_report(status="pending", title="Water")
    opened(page, app, live_server, report)
    page.locator(".preview").get_by_role("button", name="Publish").click()
    undo = page.locator("#undo-form button")
    expect(undo).to_be_visible()
    assert undo.bounding_box()["y"] < 300
    assert page.locator("#said").evaluate("one => getComputedStyle(one).position") == "static"
    page.locator(".more-actions summary").click()
    page.locator(".action-bar a", has_text="Dispute").click()
    page.locator("#dispute-reason").fill("seen otherwise")
    page.locator("#do-dispute .button.primary").click()
    expect(page.locator(".history")).to_contain_text("seen otherwise")
    assert now(report).verification == "disputed"
