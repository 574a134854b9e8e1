"""Prepared texts: what is shipped, a deployment's own words, and who speaks where a language has none."""

import pytest

from crowdmap.errors import ValidationFailed
from crowdmap.events import Event
from crowdmap.moderation import canned
from crowdmap.moderation.canned import BLANKS, NAMES, SHIPPED, CannedText, Texts, fill
from tests.builders import make_account, make_report, sign_in
from tests.moderation.test_together import at_once, met

ADDRESS = "/admin/texts"


@pytest.fixture
def coordinator(app, session):
    return sign_in(app.test_client(), make_account("coordinator"))


def test_every_shipped_language_has_every_text_and_all_its_blanks():
    assert SHIPPED == ("en", "es", "fr", "ht")
    for language in SHIPPED:
        told = canned.shipped(language)
        assert set(told["texts"]) == set(NAMES) and set(told["blanks"]) == set(BLANKS), language
        for key, text in told["texts"].items():
            canned.check(text)
            assert "{title}" in text and len(text) < 400, (language, key)


@pytest.mark.parametrize("place, title, words", [
    ("Delmas 33", "Water.", "About Water: where exactly is it? Tell us a street, a building or something that everybody knows near Delmas 33."),
    (None, "", "About what you reported: where exactly is it? Tell us a street, a building or something that everybody knows near the place you named."),
    ("a\n b", "x" * 90, f"About {'x' * 79}…: where exactly is it? Tell us a street, a building or something that everybody knows near a b."),
    ("{title}", "{place}", "About {place}: where exactly is it? Tell us a street, a building or something that everybody knows near {title}."),
])  # fmt: skip
def test_blanks(place, title, words):
    assert fill(canned.shipped("en")["texts"]["where"], "en", place, title) == words


@pytest.mark.parametrize("text", ["{name}", "{}", "{", "}", "{{place}}", "{ place }", "{place.__class__}"])
def test_a_blank_that_nothing_fills_is_refused(text):
    with pytest.raises(ValidationFailed):
        canned.check(f"Where is {text}?")


@pytest.mark.databases("sqlite")
@pytest.mark.settings(LANGUAGES="ht,fr,de")
def test_what_language_a_report_is_answered_in(session):
    assert [canned.language_of(told) for told in ("fr", "ht-HT", "ht_HT", "FR", "es", "pl", None, "")] == [
        "fr", "ht", "ht", "fr", "es", "ht", "ht", "ht"
    ]  # fmt: skip


@pytest.mark.settings(LANGUAGES="ht,de")
def test_own_words_go_first_and_the_shipped_ones_come_back(session):
    actor = make_account("coordinator")
    assert Texts(session).find("where", "de").language == "ht"
    canned.save(session, actor, "where", "de", "Wo genau ist {place}?")
    canned.save(session, actor, "where", "en", "Where?")
    session.commit()
    found = Texts(session).find("where", "de")
    assert (found.text, found.own, found.borrowed) == ("Wo genau ist {place}?", True, False)
    assert fill(found.text, "de", None, None) == "Wo genau ist the place you named?"  # no words of its own are shipped
    assert Texts(session).find("where", "en").text == "Where?"
    canned.save(session, actor, "where", "en", "")
    canned.save(session, actor, "where", "de", "")
    session.commit()
    assert Texts(session).find("where", "en").text == canned.shipped("en")["texts"]["where"]
    assert Texts(session).find("where", "de").language == "ht" and session.query(CannedText).count() == 0
    assert [event.data["language"] for event in session.query(Event).filter_by(name="TextChanged")] == ["de", "en", "en", "de"]
    session.rollback()


@pytest.mark.parametrize("write", ["save", "add"])
def test_two_who_write_the_same_text_at_once(session, app, monkeypatch, write):
    """Both have looked before either writes; on SQLite the second looks after the first has written."""
    actors, check, meet = [make_account("coordinator") for _ in range(2)], canned.check, met()
    monkeypatch.setattr(canned, "check", lambda text: (meet(), check(text)))
    more = {"save": ("where", "en", "Where?"), "add": ("road-open", "en", "Is it open?", True)}[write]
    session.rollback()
    first, second = at_once(app, *(lambda s, one=one: getattr(canned, write)(s, one, *more) for one in actors))
    refused = [one.errors[0].code for one in (first, second) if one is not None]
    assert refused == {"save": [], "add": ["taken"]}[write], (first, second)
    assert session.query(CannedText).one().text == more[2]
    session.rollback()


def test_a_text_of_ones_own(coordinator, session):
    told = coordinator.post(ADDRESS, data={"key": "road-open", "language": "en", "text": "Is the road at {place} open?", "asks": "yes"})
    assert told.status_code == 303 and told.location == f"{ADDRESS}/road-open"
    assert "road-open" in coordinator.get(ADDRESS).text
    report = make_report(place="Carrefour", status="pending")
    asked = coordinator.post(f"/api/v1/reports/{report.public_id}/actions/ask", json={"canned": "road-open", "language": "fr"})
    assert asked.status_code == 200
    assert "Is the road at Carrefour open?" in coordinator.get(f"/moderate/{report.public_id}").text
    assert coordinator.post(f"{ADDRESS}/road-open", data={"language": "en", "text": ""}).location == ADDRESS
    assert coordinator.get(f"{ADDRESS}/road-open").status_code == 404


def test_a_preview_keeps_nothing(coordinator, session):
    told = coordinator.post(f"{ADDRESS}/where", data={"language": "en", "text": "Is it near {place}?", "preview": "yes"})
    assert told.status_code == 200 and "Is it near Delmas 33?" in told.text and "Is it near {place}?" in told.text
    told = coordinator.post(ADDRESS, data={"key": "x-y", "language": "en", "text": "At {place}?", "preview": "yes"})
    assert told.status_code == 200 and "At Delmas 33?" in told.text
    assert session.query(CannedText).count() == 0
    session.rollback()


@pytest.mark.parametrize("path, data, field", [
    ("/where", {"language": "en", "text": "{name}?"}, "text"),
    ("/where", {"language": "en", "text": "{name}?", "preview": "yes"}, "text"),
    ("/where", {"language": "xx", "text": "x"}, "language"),
    ("/where", {"text": "x"}, "language"),
    ("/where", {"language": "en", "text": "x" * 1001}, "text"),
    ("/where", {"language": "en", "text": "x", "colour": "red"}, "colour"),
    ("", {"key": "where", "language": "en", "text": "x"}, "key"),
    ("", {"key": "Not a key", "language": "en", "text": "x"}, "key"),
    ("", {"key": "own", "language": "en", "text": ""}, "text"),
    ("", {"language": "en", "text": "x"}, "key"),
])  # fmt: skip
def test_what_cannot_be_kept_comes_back_with_what_was_typed(coordinator, session, path, data, field):
    told = coordinator.post(ADDRESS + path, data=data)
    assert told.status_code == 422 and f'href="#{field}"' in told.text
    assert session.query(CannedText).count() == 0
    session.rollback()


def test_an_unknown_key_is_not_found(coordinator, session):
    assert coordinator.get(f"{ADDRESS}/nothere").status_code == 404
    for data in ({"language": "en", "text": "x"}, {"language": "en", "text": "x", "preview": "yes"}, {}):
        assert coordinator.post(f"{ADDRESS}/nothere", data=data).status_code == 404
