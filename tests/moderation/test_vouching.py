"""Two who know it independently make a report corroborated; nobody alone, and not the one who reported it."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from crowdmap.db import utcnow
from crowdmap.errors import Gone, IllegalState, NotAllowed, NotFound, ValidationFailed
from crowdmap.moderation import sources
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision, VouchOrigin
from crowdmap.moderation.vouching import vouch
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report
from tests.builders import make_account, make_report, sign_in

def make_account_before(session, report):
    account = make_account("volunteer")
    account.created_at = report.created_at - timedelta(days=1)
    session.commit()
    return account


SEEN = "I stood there this morning"


@pytest.fixture
def team(session):
    """Three volunteers who were here before any report."""
    return [make_account("volunteer", name=name) for name in ("Anne", "Bertrand", "Carine")]


def decisions(session, report, action) -> list[Decision]:
    query = select(Decision).where(Decision.report_id == report.id, Decision.action == action).order_by(Decision.id)
    return list(session.scalars(query))


def seen(session, report, audience="public") -> Publication:
    query = select(Publication).where(Publication.report_id == report.id, Publication.audience == audience)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def test_two_accounts_make_it_corroborated_by_a_decision_that_names_both(session, team):
    anne, bertrand, _ = team
    report = make_report()
    seq = seen(session, report).seq
    done = vouch(session, report.public_id, anne, SEEN)
    session.commit()
    assert (done.counts, done.corroborated) == (True, False)
    assert report.verification == "unverified" and report.revision == 1 and seen(session, report).seq == seq
    done = vouch(session, report.public_id, bertrand, "My sister lives there")
    session.commit()
    assert (done.counts, done.corroborated) == (True, True) and report.revision == 2
    assert seen(session, report).verification == "corroborated"
    first, second = decisions(session, report, "vouch")
    assert [(one.account_id, one.evidence) for one in (first, second)] == [(anne.id, SEEN), (bertrand.id, "My sister lives there")]
    (kept,) = decisions(session, report, "corroborate")
    assert kept.account_id is None and "Anne" in kept.reason and "Bertrand" in kept.reason
    assert kept.change == {"verification": ["unverified", "corroborated"], "vouched_by": [None, [anne.id, bertrand.id]]}


def test_one_account_vouches_once(session, team):
    report = make_report()
    vouch(session, report.public_id, team[0], SEEN)
    session.commit()
    with pytest.raises(IllegalState) as refused:
        vouch(session, report.public_id, team[0], "And again")
    assert refused.value.code == "vouched-already"
    session.rollback()
    assert len(decisions(session, report, "vouch")) == 1


def test_of_one_network_one_counts_and_none_of_a_reporters(session, team):
    report, child = make_report(network="the reporter's"), make_report(network="their neighbour's")
    child.merged_into_id = report.id
    early = [make_account_before(session, report) for _ in range(4)]
    networks = ["the reporter's", "an office", "an office", "their neighbour's"]
    for account, network in zip(early, networks, strict=True):
        told = vouch(session, report.public_id, account, SEEN, f"device of {account.id}", network)
        session.commit()
        assert (told.counts, told.corroborated) == (True, False)  # and nobody learns where the reporter is
    assert vouch(session, report.public_id, team[0], SEEN, "a device", "elsewhere").corroborated
    session.commit()
    assert decisions(session, report, "corroborate")[0].change["vouched_by"][1] == [early[1].id, team[0].id]


def test_where_somebody_vouched_goes_with_an_erasure(client, session, team):
    sent = client.post("/api/v1/reports", json={"category": "WAT", "description": "No water", "place": "Jacmel"}).get_json()
    report = session.query(Report).one()
    report.status = "published"
    session.commit()
    vouch(session, sent["id"], team[0], SEEN, "a device", "a network")
    session.commit()
    assert session.query(VouchOrigin).count() == 1
    session.rollback()
    assert client.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={}).status_code == 204
    assert session.query(VouchOrigin).count() == 0


def test_accounts_made_after_the_report_do_not_mark_it(session, team):
    report = make_report()
    fresh = [make_account("volunteer") for _ in range(2)]
    for account in fresh:
        assert vouch(session, report.public_id, account, SEEN).counts is False
        session.commit()
    assert report.verification == "unverified" and len(decisions(session, report, "vouch")) == 2
    vouch(session, report.public_id, team[0], SEEN)
    session.commit()
    assert report.verification == "unverified"
    assert vouch(session, report.public_id, team[1], SEEN).corroborated
    session.commit()
    assert decisions(session, report, "corroborate")[0].change["vouched_by"][1] == [team[0].id, team[1].id]


def test_an_imported_report_is_as_old_as_its_coming_here(session, team):
    report = make_report()
    report.created_at = utcnow() - timedelta(days=400)
    session.commit()
    assert vouch(session, report.public_id, team[0], SEEN).counts is True
    session.commit()


def test_a_disabled_account_does_not_count(session, team):
    report = make_report()
    vouch(session, report.public_id, team[0], SEEN)
    team[0].disabled_at = utcnow()
    session.commit()
    assert not vouch(session, report.public_id, team[1], SEEN).corroborated
    session.commit()
    assert report.verification == "unverified"


def test_the_reporter_cannot_vouch(session, team):
    signed_in = make_report()
    sources.first_of(session, signed_in.id).account_id = team[0].id
    by_device = make_report(source_key="the device", contact_phone="+509 3712 3456")
    merged = make_report()
    by_device.merged_into_id = merged.id
    session.commit()
    for report, account, device in ((signed_in, team[0], None), (merged, team[1], "the device")):
        with pytest.raises(IllegalState) as refused:
            vouch(session, report.public_id, account, SEEN, device)
        assert refused.value.code == "own-report"
        session.rollback()
    assert vouch(session, signed_in.public_id, team[1], SEEN, "another device").counts
    session.commit()


@pytest.mark.parametrize("number", [{}, {"contact_phone": "+509 3700 0001"}])
def test_who_has_the_reporters_address_is_answered_as_anybody_and_does_not_count(session, team, number):
    """Addresses are not confirmed: whoever joins by one would learn whose report it is."""
    report, other = make_report(contact_email=team[0].email.upper(), **number), make_report(contact_email="else@example.org", **number)
    child = make_report(contact_email=team[1].email)
    child.merged_into_id = report.id
    session.commit()
    for one in team[:2]:
        told, elsewhere = vouch(session, report.public_id, one, SEEN), vouch(session, other.public_id, one, SEEN)
        session.commit()
        assert (told.counts, told.report.verification) == (True, "unverified") and elsewhere.counts
        assert len(decisions(session, report, "vouch")) == len(decisions(session, other, "vouch"))
    assert other.verification == "corroborated"
    vouch(session, report.public_id, team[2], SEEN)
    session.commit()
    assert report.verification == "unverified"
    assert vouch(session, report.public_id, make_account_before(session, report), SEEN).corroborated
    session.commit()


@pytest.mark.parametrize("action, fields", [("verify", {"evidence": "x"}), ("dispute", {"reason": "x"}), ("corroborate", {})])
def test_what_a_moderator_graded_stays(session, team, action, fields):
    report = make_report()
    vouch(session, report.public_id, team[0], SEEN)
    session.commit()
    perform(session, report.public_id, action, make_account("moderator"), report.revision, **fields)
    session.commit()
    graded = report.verification
    for account in team:
        with pytest.raises(IllegalState):
            vouch(session, report.public_id, account, SEEN)
        session.rollback()
    assert report.verification == graded


def test_only_what_the_public_sees(session, team):
    hidden, pending, restricted = make_report(), make_report(status="pending"), make_report(category="MISS")
    hidden.status = "hidden"
    session.commit()
    for public_id, error in ((hidden.public_id, Gone), (pending.public_id, NotFound), (restricted.public_id, NotFound), ("nothere", NotFound)):
        with pytest.raises(error):
            vouch(session, public_id, team[0], SEEN)
        session.rollback()
    assert session.query(Decision).filter_by(action="vouch").count() == 0


def test_what_was_merged_is_vouched_for_in_its_root(session, team):
    root, child = make_report(), make_report()
    child.merged_into_id = root.id
    session.commit()
    assert vouch(session, child.public_id, team[0], SEEN).report.id == root.id
    session.commit()


def test_who_may_not_and_how_they_do_not_know(session, team):
    report = make_report()
    with pytest.raises(ValidationFailed) as refused:
        vouch(session, report.public_id, team[0], "")
    assert refused.value.errors[0].field == "evidence"
    session.rollback()
    team[0].disabled_at = utcnow()
    with pytest.raises(NotAllowed):
        vouch(session, report.public_id, team[0], SEEN)
    session.rollback()


def test_the_calls_and_the_button(app, session, team):
    report = make_report()
    key = report.public_id
    address = f"/api/v1/reports/{key}/vouch"
    anne, bertrand, moderator = (sign_in(app.test_client(), who) for who in (team[0], team[1], make_account("moderator", name="Marie")))
    anne.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    stranger = app.test_client()
    assert stranger.post(address, json={"evidence": SEEN}).status_code == 401
    assert "I know that this is so" not in stranger.get(f"/reports/{key}").text
    assert "I know that this is so" in anne.get(f"/reports/{key}").text
    for body, field in (({}, "evidence"), ({"evidence": "  "}, "evidence"), ({"evidence": "x" * 2001}, "evidence"), ({"evidence": SEEN, "x": 1}, "x")):
        refused = anne.post(address, json=body)
        assert refused.status_code == 422 and refused.get_json()["errors"][0]["field"] == field
    told = anne.post(address, json={"evidence": SEEN}, headers={"User-Agent": "one"})
    assert told.status_code == 200 and (told.get_json()["verification"], told.get_json()["counts"]) == ("unverified", True)
    assert anne.post(address, json={"evidence": SEEN}).status_code == 409
    assert "I know that this is so" not in anne.get(f"/reports/{key}").text
    by_form = bertrand.post(f"/reports/{key}/vouch", data={"evidence": "<b>I saw it</b>"}, follow_redirects=True)
    assert by_form.status_code == 200 and "Two of you know it" in by_form.text
    feature = stranger.get(f"/api/v1/reports/{key}")
    assert feature.get_json()["properties"]["verification"] == "corroborated" and "saw it" not in feature.text and "Anne" not in feature.text
    desk = moderator.get(f"/moderate/{key}").text
    assert "Anne" in desk and SEEN in desk and "&lt;b&gt;I saw it&lt;/b&gt;" in desk
    assert moderator.post(address, json={"evidence": SEEN}).status_code == 409


def test_two_at_the_same_moment_are_both_heard(app, session, team):
    report = make_report()
    key, report_id = report.public_id, report.id
    clients = [sign_in(app.test_client(), account) for account in team]
    for number, client in enumerate(clients):
        client.environ_base["REMOTE_ADDR"] = f"203.0.{number}.9"
    session.rollback()
    gate, codes = threading.Barrier(3), []

    def send(client):
        gate.wait()
        codes.append(client.post(f"/api/v1/reports/{key}/vouch", json={"evidence": SEEN}).status_code)

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 200, 409]  # the third finds it corroborated
    assert session.get(Report, report_id, populate_existing=True).verification == "corroborated"
    assert len(decisions(session, report, "corroborate")) == 1
    session.rollback()
