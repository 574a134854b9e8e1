"""numberMatched is exact at every moment, though it is not counted each time."""

import random

from sqlalchemy import event, func

from crowdmap.db import db, reading
from crowdmap.feeds import counts
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Report, Status
from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

ASKED = ({}, {"kind": "need"}, {"category": "WAT"}, {"bbox": "-72.6,18.2,-72.5,18.3"}, {"q": "pump"}, {"status": "all"}, {"placed": "no"})


def both_ways(app, question) -> tuple[int, int]:
    """As pages are told, and as the database counts."""
    with app.app_context(), reading():
        chosen = ReportFilter.parse(question)
        told = counts.count(chosen, Audience.PUBLIC)
        counted = db.session.scalar(chosen.select(Audience.PUBLIC, func.count()))
        db.session.rollback()
    return told, counted


def test_it_is_right_after_whatever_happens(app, session):
    pick = random.Random(4)
    made = []
    for step in range(40):
        deed = pick.random()
        if deed < 0.5 or not made:
            made.append(make_report(
                at=pick.choice((PORT_AU_PRINCE, JACMEL, None)), place="market", category=pick.choice(("WAT", "FDP")),
                description=pick.choice(("The pump is broken", "Clinic")), status=pick.choice(("published", "pending")),
            ))  # fmt: skip
        else:
            report = pick.choice(made)
            if deed < 0.7:
                report.status = pick.choice((Status.HIDDEN, Status.PUBLISHED, Status.CLOSED))
            elif deed < 0.85:
                report.category = pick.choice(("WAT", "FDP"))
            else:
                report.withdrawn_at = None if report.withdrawn_at else report.created_at
            session.commit()
        for question in ASKED:
            told, counted = both_ways(app, question)
            assert told == counted, (step, question)


def test_new_reports_are_added_to_what_was_counted(app, session):
    make_report()
    question = {"verification": "unverified"}  # which the table of counts does not know
    both_ways(app, question)
    asked = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_):
        if "count(" in statement.lower():
            asked.append(statement)

    make_report()
    with app.app_context(), reading():
        chosen = ReportFilter.parse(question)
        assert counts.count(chosen, Audience.PUBLIC) == 2
        assert counts.count(chosen, Audience.PUBLIC) == 2
        db.session.rollback()
    event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) == 1 and "publication.id IN" in asked[0]


def test_a_filter_relative_to_now_is_counted_each_time(app, session):
    report = make_report()
    assert both_ways(app, {"from": "-1h"}) == (1, 1)
    with app.app_context():
        # time passes: nothing is written that a seq would tell of
        moved = db.session.get(Report, report.id).created_at.replace(year=2010)
        db.session.execute(db.text("UPDATE publication SET happened_at = :then"), {"then": moved.strftime("%Y-%m-%d %H:%M:%S.000000")})
        db.session.commit()
    assert both_ways(app, {"from": "-1h"}) == (0, 0)


def test_a_writer_counts_for_itself(app, session):
    make_report()
    assert both_ways(app, {}) == (1, 1)
    assert counts.count(ReportFilter(), Audience.PUBLIC) == 1
    session.rollback()
