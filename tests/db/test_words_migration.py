"""Answers from before a task knew its words stay, and whoever gave one may answer the next round."""

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select

from crowdmap.db import db, migrate
from crowdmap.moderation.actions import perform
from crowdmap.reports import crisis
from crowdmap.reports.models import Report
from crowdmap.tasks.making import make_tasks
from crowdmap.tasks.models import Answer, State, Task
from crowdmap.tasks.verbs import answer, offer
from tests.builders import make_account
from tests.conftest import CRISIS
from tests.tasks.working import make_task, make_volunteer


def translate(volunteer, task, text):
    assert offer(db.session, volunteer).id == task.id
    outcome = answer(db.session, volunteer, task.id, {"text": text}, seconds=3)
    db.session.commit()
    return outcome.state


def asked_anew(report_id, words):
    report = db.session.get(Report, report_id, populate_existing=True)
    perform(db.session, report.public_id, "edit", make_account(), report.revision, description=words)
    db.session.commit()
    make_tasks(db.session)
    db.session.commit()


@pytest.mark.settings(WORK_SAMPLE=0)
def test_up_from_before_with_rows_in(migrated):
    before = ScriptDirectory(str(migrate.folder())).get_revision("0016").down_revision
    with migrated.app_context():
        crisis.load(CRISIS)
        task, volunteer = make_task("translate", status="pending", language="ht", description="Nou bezwen dlo"), make_volunteer("ht")
        waits = make_task("translate", status="pending", language="ht", description="Nou la")
        report_id = task.report_id
        translate(volunteer, task, "We need water")
        db.session.add(Answer(account_id=volunteer.id, kind="place", value={"lat": 1}, practice="town-a", good=True))
        asked_anew(report_id, "Nou bezwen manje")
        db.session.commit()
        offered = offer(db.session, volunteer)
        answer(db.session, volunteer, offered.id, {"text": "We need food"}, seconds=4)
        db.session.commit()
        volunteer_id, keys = volunteer.id, (task.id, waits.id)
        db.session.remove()
        flask_migrate.downgrade(directory=str(migrate.folder()), revision=before)
    migrate.upgrade(migrated)
    with migrated.app_context():
        kept = db.session.execute(select(Answer.task_id, Answer.round, Answer.value, Answer.good).order_by(Answer.id)).all()
        assert [tuple(row) for row in kept] == [(None, 1, {"lat": 1}, True), (offered.id, offered.round, {"text": "We need food"}, None)]
        assert set(db.session.execute(select(Task.words, Task.taken_at))) == {(None, None)}
        db.session.commit()
        volunteer = db.session.get(type(volunteer), volunteer_id)
        left = next(key for key in keys if key != offered.id)
        assert translate(volunteer, db.session.get(Task, left), "We are here") == "agreed"
        done = db.session.get(Task, offered.id, populate_existing=True)
        assert done.state is State.DONE and done.words is None
        asked_anew(done.report_id, "Nou bezwen anpil manje")
        assert translate(volunteer, done, "We need much food") == "agreed"
