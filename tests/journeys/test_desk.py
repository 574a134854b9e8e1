"""The desk in a real browser: checked by keyboard, with live news, and without any script at all."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import joinedload

from crowdmap.accounts import sessions
from crowdmap.accounts.models import LoginSession
from crowdmap.accounts.passwords import digest, new_secret
from crowdmap.db import db, reading, utcnow
from crowdmap.moderation.actions import perform
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report, Status
from tests.builders import PORT_AU_PRINCE, make_account, make_report

pytestmark = pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake")
WORDS = "No water at the camp behind the stadium, children are ill"


def signed_in(page: Page, app, server, role="moderator", name="Marie Vincent") -> Page:
    """The page with the cookie that signing in sets."""
    account, key, now = make_account(role, name=name), new_secret(), utcnow()
    db.session.add(
        LoginSession(key_hash=digest(key), account_id=account.id, created_at=now, seen_at=now, device="Test")
    )
    db.session.commit()
    page.context.add_cookies([{"name": sessions.cookie_name(app, "sign_in"), "value": key, "url": server.url}])
    page.moderator = account
    return page


def now(report) -> Report:
    """As it stands in the database; read aside, for a transaction left open here would keep the server from writing."""
    with reading(), db.session.session_factory() as own:
        found = own.get(Report, report.id, options=[joinedload(Report.private)])
        own.expunge_all()
        return found


def test_a_morning_at_the_desk_by_keyboard(app, session, live_server, page):
    first = make_report(status="pending", category="WAT", title="Water", description=WORDS + " call +509 3456 7890")
    twin = make_report(
        status="pending", category="WAT", description=WORDS, at=(PORT_AU_PRINCE[0] + 0.001, PORT_AU_PRINCE[1])
    )
    third = make_report(status="pending", category="ROAD", kind="damage", description="Wall fell on the road")
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    page.evaluate("window.marker = 1")
    expect(page.locator("#queue-list .report-row")).to_have_count(3)
    page.keyboard.press("n")
    expect(page.locator("#report-head")).to_have_text("Water")
    expect(page.locator(".preview")).to_contain_text("[phone]")
    expect(page.locator("#small-map .map-dot.exact")).to_be_visible()
    expect(page.locator("#small-map .map-dot.twin")).to_be_visible()
    page.keyboard.press("v")
    evidence = page.locator("#do-verify textarea")
    expect(evidence).to_be_focused()
    evidence.fill("called back, p and n are only letters here")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#said")).to_contain_text("Marked as verified.")
    expect(page.locator(".dossier .tag.good")).to_have_text("verified")
    assert now(first).verification == "verified"
    page.keyboard.press("p")  # decided: the next one stands there at once, and the list stays
    expect(page.locator("#said")).to_contain_text("It is on the map now.")
    expect(page.locator("#report-head")).to_have_text(re.compile("No water"))
    assert now(first).status == "published" and page.url.endswith(twin.public_id)
    expect(page.locator(f"#row-{first.public_id}")).to_have_count(0)

    expect(page.locator(".twins").first).to_contain_text("of the words")
    page.get_by_role("button", name="Merge into this one").first.click()
    expect(page.locator("#report-head")).to_have_text(re.compile("Wall fell"))
    assert now(twin).merged_into_id == first.id
    page.keyboard.press("u")  # within ten seconds
    expect(page.locator("#said")).to_contain_text("Taken back.")
    expect(page.locator("#report-head")).to_have_text(re.compile("No water"))
    assert now(twin).merged_into_id is None

    page.keyboard.press("n")
    expect(page.locator("#report-head")).to_have_text(re.compile("Wall fell"))
    page.keyboard.press("e")
    page.locator("#do-edit #title").fill("Road blocked")
    page.keyboard.press("Escape")
    expect(page.locator("#do-edit")).to_be_hidden()
    page.keyboard.press("e")
    expect(page.locator("#do-edit #title")).to_have_value("Road blocked")
    page.locator("#do-edit .button.primary").click()
    expect(page.locator("#report-head")).to_have_text("Road blocked")
    page.keyboard.press("m")
    page.locator("#small-map").click(position={"x": 60, "y": 120})
    expect(page.locator(".toast")).to_contain_text("Put here")
    page.locator("#do-move .button.primary").click()
    expect(page.locator("#said")).to_contain_text("Moved.")
    moved = now(third).private
    assert (moved.lon, moved.lat) != PORT_AU_PRINCE and moved.located_by == "pin"
    page.keyboard.press("h")
    page.locator("#do-hide textarea").fill("twice the same")
    page.locator("#do-hide .button.danger").click()
    expect(page.locator("#report-head")).to_have_text(re.compile("No water"))
    assert now(third).status == "hidden"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("undo, for ten seconds")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("x")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator(".desk-start")).to_contain_text("When a report comes in")
    assert now(twin).status == "hidden" and page.evaluate("window.marker") == 1


def test_many_at_once_by_key_and_views(app, session, live_server, page):
    made = [make_report(status="pending", title=f"Water {n}") for n in range(5)]
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{made[0].public_id}")
    page.evaluate("window.marker = 1")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("#bulk-n")).to_have_text("3 chosen")
    page.keyboard.press("h")
    expect(page.locator("#bulk-reason")).to_be_focused()
    page.keyboard.type("one and the same flood")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("Hide: 3 reports.")
    expect(page.locator("#queue-list .report-row")).to_have_count(2)
    expect(page.locator("#report-head")).to_have_text("Water 3")
    assert [now(report).status for report in made] == ["hidden"] * 3 + ["pending"] * 2
    expect(page.locator("#bulk-form")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.locator("#queue-list .report-row")).to_have_count(5)
    expect(page.locator("#said")).to_contain_text("3 taken back.")
    assert {now(report).status for report in made} == {"pending"}
    assert page.evaluate("window.marker") == 1
    page.keyboard.press("/")
    page.locator("#f-kind").select_option("need")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator(".queue-filter > summary").click()
    page.locator("#v-name").fill("Needs")
    page.get_by_role("button", name="Keep this view").click()
    expect(page.locator(".status-tabs")).to_contain_text("Needs")
    expect(page.locator("[data-view-count]")).to_have_text("5")
    page.keyboard.press("1")
    page.wait_for_url("**/moderate?status=pending")
    page.keyboard.press("5")
    page.wait_for_url("**/moderate?kind=need")


@pytest.mark.databases("sqlite")
def test_a_tablet_has_the_map_as_a_tab_and_large_targets(app, session, live_server, new_page):
    page = new_page(width=800, height=1100, has_touch=True)
    report = make_report(status="pending", title="Water")
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}")
    expect(page.locator(".dossier")).to_be_visible()
    expect(page.locator("#queue-list")).to_be_visible()
    expect(page.locator(".desk-side")).to_be_hidden()
    page.locator(".to-side").click()
    expect(page.locator("#small-map .map-dot.exact")).to_be_visible()
    expect(page.locator(".dossier")).to_be_hidden()
    page.locator(".to-report").click()
    expect(page.locator(".dossier")).to_be_visible()
    small = page.evaluate(
        "Array.from(document.querySelectorAll('.desk .button, .status-tabs a, .pick')).filter((one) => one.offsetParent)"
        ".map((one) => [one.textContent.trim(), one.getBoundingClientRect().height]).filter(([, height]) => height < 43.5)"
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_news_arrives_and_what_others_decide_leaves(app, session, live_server, page):
    first = make_report(status="pending", title="Number one")
    second = make_report(status="pending", title="Number two")
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{first.public_id}")
    expect(page.locator("#queue-list .report-row")).to_have_count(2)
    fresh = make_report(status="pending", title="Just in")
    expect(page.locator(f"#row-{fresh.public_id}")).to_be_visible(timeout=6000)
    expect(page.locator('[data-count="pending"]')).to_have_text("3")
    perform(session, second.public_id, "publish", make_account(), revision=1)
    session.commit()
    expect(page.locator(f"#row-{second.public_id}")).to_have_count(0, timeout=6000)
    perform(session, first.public_id, "hide", make_account(name="Paul Other"), revision=1, reason="a person is named")
    session.commit()
    expect(page.locator(".toast")).to_contain_text("Somebody has just decided", timeout=6000)


def choose(page: Page, *reports) -> None:
    for report in reports:
        page.locator(f"#row-{report.public_id} .pick").click()


@pytest.mark.databases("sqlite")
def test_what_changes_under_a_tick_is_chosen_no_longer(app, session, live_server, page):
    """Whoever acts on many must have seen each of them as it is."""
    made = [make_report(status="pending", title=f"Water {n}") for n in range(3)]
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate")
    choose(page, *made[1:])
    expect(page.locator("#bulk-n")).to_have_text("2 chosen")
    perform(session, made[1].public_id, "edit", make_account(), revision=1, title="Where the rebels are")
    session.commit()
    expect(page.locator(f"#row-{made[1].public_id} .title")).to_have_text("Where the rebels are", timeout=6000)
    expect(page.locator("#bulk-n")).to_have_text("1 chosen")
    expect(page.locator(".toast")).to_contain_text("Chosen no longer, for they have changed: 1.")
    page.locator("#bulk-do").select_option("publish")
    page.locator("#bulk-form .button.primary").click()
    expect(page.locator("#said")).to_contain_text("Publish: one report.")
    assert [now(report).status for report in made] == ["pending", "pending", "published"]


@pytest.mark.databases("sqlite")
def test_what_one_did_oneself_brings_nobody_too_late(app, session, live_server, new_page):
    """A mark that is kept changes nothing of the row, and the report's revision all the same."""
    report = make_report(status="pending", title="Water", description=WORDS + " call +509 3456 7890, or 3456 7891")
    page, other = new_page(), new_page()
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}")
    signed_in(other, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}")
    page.keyboard.press("Space")
    expect(page.locator("#bulk-n")).to_have_text("1 chosen")
    for _mark in range(2):
        page.locator("#keep-mark-form button").click()
        expect(page.locator("#said")).to_contain_text("It stands in the public text.")
        page.evaluate("document.querySelector('#said').replaceChildren()")
    expect(other.locator(".toast")).to_contain_text("Somebody has just decided", timeout=6000)
    page.wait_for_timeout(1000)  # the news of it has come by then
    expect(page.locator("#bulk-n")).to_have_text("1 chosen")
    page.locator("#bulk-do").select_option("publish")
    page.locator("#bulk-form .button.primary").click()
    expect(page.locator("#said")).to_contain_text("Publish: one report.")
    assert now(report).status == "published"


@pytest.mark.databases("sqlite")
def test_news_older_than_ones_own_action_brings_nothing_back(app, session, live_server, page):
    """A question of the list is on its way while a report is hidden: its answer still holds that row, and news beside it."""
    made = [make_report(status="pending", title=f"Water {n}") for n in range(2)]
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{made[0].public_id}")
    held = []

    def late(route):
        held.append((route, route.fetch(url=re.sub("since=[0-9]+", "since=0", route.request.url))))  # answered, not arrived

    page.route("**/moderate/new.json*", late)
    other = make_report(status="pending", title="Just in")
    while not held:
        page.wait_for_timeout(100)
    page.keyboard.press("h")
    page.locator("#do-hide textarea").fill("twice the same")
    with page.expect_request("**/moderate/new.json*"):  # asked again, for what was asked before is old
        with page.expect_request(lambda request: request.method == "POST"):
            page.locator("#do-hide .button.danger").click()
        route, answer = held[0]
        assert made[0].public_id in answer.text() and other.public_id in answer.text()
        route.fulfill(response=answer)
    expect(page.locator("#report-head")).to_have_text("Water 1")
    page.wait_for_timeout(500)
    assert len(held) == 2
    rows = page.locator("#queue-list .report-row").evaluate_all("rows => rows.map((row) => row.dataset.id)")
    assert sorted(rows) == sorted((made[1].public_id, other.public_id))


@pytest.mark.databases("sqlite")
def test_news_leaves_the_cursor_where_it_is(app, session, live_server, page):
    made = [make_report(status="pending", title=f"Water {n}") for n in range(4)]
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate")
    here = "document.activeElement.closest('.report-row') && document.activeElement.closest('.report-row').dataset.id"
    paul = make_account()

    def change(report, action, **fields):
        perform(session, report.public_id, action, paul, now(report).revision, **fields)
        session.commit()

    page.locator(f"#row-{made[1].public_id} .title a").focus()
    change(made[1], "edit", title="Other words")
    expect(page.locator(f"#row-{made[1].public_id} .title")).to_have_text("Other words", timeout=6000)
    assert page.evaluate(here) == made[1].public_id
    page.keyboard.press("ArrowDown")
    assert page.evaluate(here) == made[2].public_id
    change(made[2], "edit", category="TRAP")  # more urgent than all others: it moves, and the cursor with it
    expect(page.locator(".report-row").first).to_have_attribute("data-id", made[2].public_id, timeout=6000)
    assert page.evaluate(here) == made[2].public_id
    change(made[2], "hide", reason="twice the same")
    expect(page.locator(f"#row-{made[2].public_id}")).to_have_count(0, timeout=6000)
    assert page.evaluate(here) == made[0].public_id
    box = page.locator(f"#row-{made[0].public_id} input")
    box.check()
    box.uncheck()  # a range begins here
    change(made[0], "edit", title="Changed meanwhile")
    expect(page.locator(f"#row-{made[0].public_id} .title")).to_have_text("Changed meanwhile", timeout=6000)
    page.locator(f"#row-{made[3].public_id} input").click(modifiers=["Shift"])
    expect(page.locator("#bulk-n")).to_have_text("3 chosen")


COPIES = """() => {
  const row = document.querySelector(".report-row:not(.selected)");
  for (let n = 0; n < 201; n += 1) {
    const copy = row.cloneNode(true);
    copy.id = "row-copy" + n;
    copy.dataset.id = "copy" + n;
    copy.querySelector("input").checked = false;
    copy.classList.remove("chosen");
    row.parentElement.append(copy);
  }
}"""


@pytest.mark.databases("sqlite")
def test_a_list_does_not_grow_without_end(app, session, live_server, page):
    """Two hundred rows, or more rounds of news than three, and the page's own list costs less."""
    made = [make_report(status="pending", title=f"Water {n}") for n in range(4)]
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{made[0].public_id}")
    choose(page, made[1])
    page.locator(f"#row-{made[2].public_id} .title a").focus()
    page.evaluate(COPIES)
    fresh = make_report(status="pending", title="Just in")
    expect(page.locator("#queue-list .report-row")).to_have_count(5, timeout=8000)
    expect(page.locator(f"#row-{fresh.public_id}")).to_be_visible()
    expect(page.locator(f"#row-{made[0].public_id}")).to_have_class(re.compile("selected"))
    expect(page.locator("#bulk-n")).to_have_text("1 chosen")
    assert page.evaluate("document.activeElement.closest('.report-row').dataset.id") == made[2].public_id
    asked = []

    def more(route):
        asked.append(route.request.url)
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "more": len(asked) < 9})

    page.route("**/moderate/new.json*", more)
    with page.expect_request(lambda request: request.url == f"{live_server.url}/moderate", timeout=20_000):
        make_report(status="pending", title="The first of many")
    assert len(asked) == 3
    expect(page.locator("#queue-list .report-row")).to_have_count(6)


@pytest.mark.databases("sqlite")
def test_the_keyboard_does_what_the_roles_promise(app, session, live_server, page):
    report = make_report(status="pending", title="Water")
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}")
    hide = page.locator(".action-bar").get_by_role("button", name="Hide")
    hide.focus()
    page.keyboard.press("Space")
    expect(page.locator("#do-hide textarea")).to_be_focused()
    page.keyboard.press("Escape")
    expect(hide).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#do-hide textarea")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_label("Letters, numbers and signs are keys").uncheck()
    page.keyboard.press("Escape")
    for letter in "hp?/1":
        page.keyboard.press(letter)
    expect(page.locator("#do-hide")).to_be_hidden()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert now(report).status == "pending" and page.url.endswith(report.public_id)
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#row-{report.public_id} .title a")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#bulk-n")).to_have_text("1 chosen")
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("h")
    page.locator("#show-keys").click()
    box = page.get_by_label("Letters, numbers and signs are keys")
    expect(box).not_to_be_checked()
    expect(page.locator("#do-hide")).to_be_hidden()
    box.check()
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.locator("#do-hide textarea")).to_be_focused()


@pytest.mark.databases("sqlite")
def test_u_never_parts_reports_when_there_is_nothing_to_undo(app, session, live_server, page):
    report, root = make_report(title="Water"), make_report()
    perform(session, report.public_id, "merge", make_account(), revision=1, into=root.public_id)
    session.commit()
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}?status=all")
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    assert now(report).merged_into_id == root.id
    page.keyboard.press("z")
    expect(page.locator("#said")).to_contain_text("On its own again.")
    assert now(report).merged_into_id is None


def test_too_late_on_a_form_shows_who_was_first_and_keeps_the_words(app, session, live_server, new_page):
    page = new_page(allow=("409",))
    report = make_report(status="pending", title="Water")
    signed_in(page, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}")
    page.keyboard.press("h")
    page.locator("#do-hide textarea").fill("names a person, and the street")
    perform(session, report.public_id, "publish", make_account(name="Paul Other"), revision=1)
    session.commit()
    page.locator("#do-hide .button.danger").click()
    expect(page.locator("#errors")).to_contain_text("Paul Other did this: Publish.")
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#do-hide textarea")).to_have_value("names a person, and the street")
    page.locator("#do-hide .button.danger").click()
    expect(page.locator("#said")).to_contain_text("Hidden.")


def test_two_moderators_see_each_other(app, session, live_server, new_page):
    report = make_report(status="pending", title="Water")
    make_report(status="pending", title="Another")
    marie, paul = new_page(), new_page()
    signed_in(marie, app, live_server).goto(f"{live_server.url}/moderate/{report.public_id}")
    signed_in(paul, app, live_server, name="Paul Other").goto(live_server.url + "/moderate")
    expect(paul.locator(f"#row-{report.public_id} [data-look]")).to_have_text("Marie Vincent")
    paul.keyboard.press("n")
    expect(paul.locator("#report-head")).to_have_text("Another")  # Marie has the first one
    paul.locator(f"#row-{report.public_id} .title a").click()
    expect(paul.locator("#colleagues")).to_contain_text("Marie Vincent looks at it since")
    expect(marie.locator("#colleagues")).to_contain_text("Paul Other", timeout=25_000)
    with marie.expect_request("**/look", timeout=10_000):  # the page before takes its leave after this one was asked for
        marie.reload()
    marie.keyboard.press("n")
    expect(paul.locator("#colleagues")).to_be_hidden(timeout=25_000)


@pytest.mark.databases("sqlite")
def test_everything_works_without_scripts_on_a_phone(app, session, live_server, new_page):
    page = new_page(width=360, height=740, java_script_enabled=False)
    report = make_report(status="pending", title="Water", description=WORDS)
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    page.locator(f"#row-{report.public_id} a").click()
    page.locator(".preview").get_by_role("button", name="Publish").click()
    expect(page.locator(".flash")).to_contain_text("It is on the map now.")
    page.locator(".action-bar a", has_text="Verify").click()
    page.locator("#do-verify textarea").fill("called back")
    page.locator("#do-verify .button.primary").click()
    expect(page.locator(".history")).to_contain_text("called back")
    page.locator(".action-bar a", has_text="Note").click()
    page.locator("#do-note textarea").fill("wants to be called again")
    page.locator("#do-note .button.primary").click()
    expect(page.locator(".history")).to_contain_text("wants to be called again")
    page.locator(".dossier .back").click()
    expect(page.locator("#queue-head")).to_be_visible()
    assert now(report).status == Status.PUBLISHED


@pytest.mark.databases("sqlite")
def test_no_page_of_the_desk_is_wider_than_a_phone(app, session, live_server, phone):
    report = make_report(status="pending", title="W" * 60, description=WORDS * 8, place="Rue " + "x" * 90)
    signed_in(phone, app, live_server, "coordinator")
    addresses = (
        "/moderate",
        f"/moderate/{report.public_id}",
        f"/moderate/{report.public_id}#do-edit",
        "/admin/categories",
        "/admin/categories/WAT",
    )
    for address in addresses:
        for width in (320, 360):
            phone.set_viewport_size({"width": width, "height": 700})
            phone.goto(live_server.url + address)
            assert phone.evaluate("document.documentElement.scrollWidth") <= width, (address, width)


@pytest.mark.databases("sqlite")
def test_a_coordinator_makes_a_category_stricter(app, session, live_server, page):
    make_report(category="LOOT", kind="damage", description="Depot emptied")
    signed_in(page, app, live_server, "coordinator").goto(live_server.url + "/admin/categories")
    page.locator("#LOOT").get_by_role("link", name="Change").click()
    expect(page.locator("main")).to_contain_text("cannot be recalled")
    page.get_by_label("team only").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".flash")).to_contain_text("One report left the public map at once")
    expect(page.locator("#LOOT")).to_contain_text("team only")
    row = session.query(Publication).filter_by(audience="public").populate_existing().one()
    assert row.removed == "removed" and row.feature is None
