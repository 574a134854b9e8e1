"""One action on many reports: each by itself, and what was refused to one does not undo the others."""

import pytest

from crowdmap.errors import NotAllowed, NotFound, ValidationFailed
from crowdmap.moderation.actions import perform
from crowdmap.moderation.bulk import MOST_AT_ONCE, perform_many
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report
from tests.builders import make_account, make_report


def public_ids(session) -> set[str]:
    query = session.query(Publication.public_id).filter_by(audience="public", removed=None)
    return {public_id for (public_id,) in query}


def test_what_is_refused_to_one_is_told_and_the_others_are_done(session):
    moderator = make_account()
    good, changed, hidden, last = (make_report(status="pending") for _ in range(4))
    seen = {report.public_id: report.revision for report in (good, changed, hidden, last)} | {"nothere": 1}
    perform(session, changed.public_id, "edit", moderator, changed.revision, description="Other words")
    perform(session, hidden.public_id, "hide", moderator, hidden.revision, "names a person")
    session.commit()
    seen[hidden.public_id] = hidden.revision
    outcome = perform_many(session, moderator, "publish", seen)
    session.commit()
    assert outcome.done == [good.public_id, last.public_id]
    assert [(one["id"], one["code"]) for one in outcome.skipped] == [
        (changed.public_id, "stale-revision"), (hidden.public_id, "illegal-state"), ("nothere", "not-found"),
    ]  # fmt: skip
    assert all(one["why"] for one in outcome.skipped)
    assert public_ids(session) == {good.public_id, last.public_id}
    assert session.query(Decision).filter_by(action="publish", account_id=moderator.id).count() == 2


def test_nothing_of_what_is_refused_halfway_stays(session):
    """An action that changes something before it finds what is wrong."""
    moderator = make_account()
    first, second = make_report(), make_report(description="It stays so")
    seen = {first.public_id: first.revision, second.public_id: second.revision}
    outcome = perform_many(session, moderator, "edit", seen, description="Other words", category="NOPE")
    session.commit()
    assert outcome.done == [] and {one["code"] for one in outcome.skipped} == {"invalid"}
    assert session.get(Report, second.id, populate_existing=True).description == "It stays so"
    assert session.query(Decision).filter_by(action="edit").count() == 0


@pytest.mark.databases("sqlite")
def test_who_may_not_and_what_is_too_much(session):
    report = make_report(status="pending")
    with pytest.raises(NotAllowed):
        perform_many(session, make_account("volunteer"), "publish", {report.public_id: 1})
    with pytest.raises(NotFound):
        perform_many(session, make_account(), "explode", {report.public_id: 1})
    with pytest.raises(ValidationFailed, match=str(MOST_AT_ONCE)):
        perform_many(session, make_account(), "publish", {f"id{n}": 1 for n in range(MOST_AT_ONCE + 1)})
