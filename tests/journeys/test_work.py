"""A volunteer with a phone: one message, one task, one hand."""

import json

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crowdmap.accounts import sessions
from crowdmap.accounts.models import LoginSession
from crowdmap.accounts.passwords import digest, new_secret
from crowdmap.db import db, reading, utcnow
from crowdmap.tasks import gazetteer
from crowdmap.tasks.models import Answer
from tests.builders import make_report
from tests.tasks.working import make_volunteer, tasks_of

pytestmark = [
    pytest.mark.settings(AREA="-72.9,18.1,-72.0,18.8", TITLE="Haiti earthquake", WORK_SAMPLE=0),
    pytest.mark.databases("sqlite"),
]
HOSTILE = '<img src=x onerror="window.hit=1"> Sixty people by the market of Jacmel, call 3712 3456'


def enter(page: Page, app, server, account) -> Page:
    """The page with the cookie that signing in sets."""
    key, now = new_secret(), utcnow()
    db.session.add(LoginSession(key_hash=digest(key), account_id=account.id, created_at=now, seen_at=now, device="Test"))
    db.session.commit()
    page.context.add_cookies([{"name": sessions.cookie_name(app, "sign_in"), "value": key, "url": server.url}])
    return page


def answers() -> list[dict]:
    with reading(), db.session.session_factory() as own:
        return list(own.scalars(select(Answer.value).order_by(Answer.id)))


def fits(page: Page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.eval_on_selector_all(
        ".work-bar .button", "all => all.filter(one => one.offsetParent && one.getBoundingClientRect().height < 44).map(one => one.textContent)"
    )
    assert not small


def test_placing_by_the_list_and_by_a_tap(live_server, app, session, phone):
    for _ in range(2):
        tasks_of(make_report(at=None, description=HOSTILE, place="market of Jacmel", status="pending"))
    enter(phone, app, live_server, make_volunteer(kinds=["place"]))
    phone.goto(live_server.url + "/work")
    phone.locator("#place button").tap()
    expect(phone.get_by_role("heading", name="Where is this?")).to_be_visible()
    expect(phone.locator("#timer")).to_contain_text("min left")
    expect(phone.locator(".work-message")).to_contain_text("call [phone]")
    fits(phone)
    phone.get_by_label("Look up a name of the message").fill("jakmel")
    phone.get_by_role("button", name="Look up").tap()
    phone.get_by_label("Jacmel").check()
    expect(phone.locator("#map-says")).to_contain_text("Chosen: Jacmel")
    phone.get_by_role("button", name="Send").tap()
    expect(phone.get_by_text("Somebody else looks at it too")).to_be_visible()
    (first,) = answers()
    assert (first["how"], first["name"]) == ("gazetteer", "Jacmel") and 3500 < first["accuracy_m"] < 4500
    phone.locator("#work-map").tap()
    expect(phone.locator("#map-says")).to_contain_text("where you tapped")
    phone.locator("#circle-range").fill("0")
    fits(phone)
    phone.get_by_role("button", name="Send").tap()
    expect(phone.get_by_text("Nothing of this waits for you now.")).to_be_visible()
    second = answers()[1]
    assert second["how"] == "pin" and second["accuracy_m"] == 10 and -72.9 < second["lon"] < -72.0
    assert phone.evaluate("window.hit") is None


def test_a_wide_place_keeps_its_reach_and_a_point_is_put_by_numbers(live_server, app, session, phone):
    corners = [[-72.8, 18.2], [-72.1, 18.2], [-72.1, 18.7], [-72.8, 18.7], [-72.8, 18.2]]
    department = {"type": "Feature", "properties": {"name": "Lwès"}, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    gazetteer.add(session, "Departments", json.dumps({"type": "FeatureCollection", "features": [department]}).encode())
    for _ in range(2):
        tasks_of(make_report(at=None, place="somewhere in Lwès", status="pending"))
    enter(phone, app, live_server, make_volunteer(kinds=["place"]))
    phone.goto(live_server.url + "/work")
    phone.locator("#place button").tap()
    phone.get_by_label("Look up a name of the message").fill("lwes")
    phone.get_by_role("button", name="Look up").tap()
    phone.get_by_label("Lwès").check()
    expect(phone.locator("#circle-says")).to_contain_text("46")  # km
    phone.get_by_role("button", name="Send").tap()
    expect(phone.get_by_text("Somebody else looks at it too")).to_be_visible()
    (first,) = answers()
    assert first["how"] == "gazetteer" and 45_000 < first["accuracy_m"] < 48_000
    phone.get_by_text("Coordinates, if you know them").press("Enter")
    phone.get_by_label("Latitude").fill("18.5")
    phone.get_by_label("Longitude").fill("-72.5")
    phone.keyboard.press("Tab")
    expect(phone.locator("#map-says")).to_contain_text("where the numbers say")
    phone.locator("#circle-range").fill("50")
    fits(phone)
    phone.get_by_role("button", name="Send").tap()
    expect(phone.get_by_text("Nothing of this waits for you now.")).to_be_visible()
    second = answers()[1]
    assert (second["how"], second["lat"], second["lon"], second["accuracy_m"]) == ("pin", 18.5, -72.5, 316)
