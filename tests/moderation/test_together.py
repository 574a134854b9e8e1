"""Moderators who decide at the same moment: one wins, the other is told, and no pointers go in circles."""

import contextlib
import threading

from sqlalchemy import select

from crowdmap.db import db
from crowdmap.errors import DomainError
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Report
from tests.builders import make_account, make_report


def at_once(app, *works):
    """Run each work(session) in a thread of its own, begun together; → what each returned or raised."""
    outcome = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(number, work):
        with app.app_context():
            start.wait()
            try:
                outcome[number] = work(db.session)
                db.session.commit()
            except Exception as error:  # the test looks at it
                outcome[number] = error
                db.session.rollback()
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return outcome


def met(people: int = 2):
    """A place where *people* threads wait for each other, so that each has looked before one writes; where the database
    lets one in at a time, they go on by themselves."""
    there = threading.Barrier(people)

    def meet(*_anything):
        with contextlib.suppress(threading.BrokenBarrierError):
            there.wait(1)

    return meet


def test_one_of_many_decisions_counts(session, app):
    report, people = make_report(status="pending"), [make_account() for _ in range(6)]
    key = report.public_id

    def decide(actor, action):
        return lambda s: perform(s, key, action, actor, revision=1, reason="seen")

    works = [decide(actor, "publish" if n % 2 else "hide") for n, actor in enumerate(people)]
    session.rollback()
    outcome = at_once(app, *works)
    won = [o for o in outcome if isinstance(o, Report)]
    assert len(won) == 1 and all(isinstance(o, (Report, DomainError)) for o in outcome), outcome
    assert session.get(Report, report.id, populate_existing=True).revision == 2
    kept = session.scalars(select(Decision).where(Decision.report_id == report.id)).all()
    assert len(kept) == 1 and kept[0].account_id == people[outcome.index(won[0])].id


def test_merging_each_other_at_once_makes_no_circle(session, app):
    actor = make_account()
    for _ in range(5):
        a, b, c = (make_report() for _ in range(3))
        ids = [r.public_id for r in (a, b, c)]

        def merge(this, into):
            return lambda s: perform(s, this, "merge", actor, revision=1, into=into)

        session.rollback()
        outcome = at_once(app, merge(ids[0], ids[1]), merge(ids[1], ids[2]), merge(ids[2], ids[0]))
        assert not [o for o in outcome if o is not None and not isinstance(o, (Report, DomainError))], outcome
        pointers = dict(
            session.execute(select(Report.id, Report.merged_into_id).where(Report.public_id.in_(ids))).all()
        )
        for start in pointers:
            seen, at = set(), start
            while pointers.get(at) is not None:
                assert at not in seen, pointers
                seen.add(at)
                at = pointers[at]
        assert any(p is None for p in pointers.values())
