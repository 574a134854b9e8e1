"""What tests of the volunteers' desk share: volunteers who may work, and tasks of one report."""

from crowdmap.accounts.roles import Role
from crowdmap.db import db, utcnow, writing
from crowdmap.tasks.kinds import KINDS
from crowdmap.tasks.making import make_tasks
from crowdmap.tasks.models import Task, Volunteer
from tests.builders import make_account, make_report


def make_volunteer(*languages: str, kinds=KINDS, may_call: bool = False, role=Role.VOLUNTEER, **account):
    """A committed account that learned *kinds* and reads *languages*."""
    account = make_account(role, **account)
    with writing():
        unlocked = {kind: utcnow().isoformat() for kind in kinds}
        db.session.add(Volunteer(account_id=account.id, languages=list(languages or ["en"]), unlocked=unlocked, may_call=may_call))
        db.session.commit()
    return account


def make_task(kind: str, **report) -> Task:
    """The committed task of a new report."""
    report = make_report(**report)
    made = tasks_of(report)
    assert kind in made, f"this report needs no {kind}: {sorted(made)}"
    return made[kind]


def tasks_of(report) -> dict[str, Task]:
    make_tasks(db.session, [report.id])
    db.session.commit()
    found = {task.kind: task for task in db.session.query(Task).filter_by(report_id=report.id).populate_existing()}
    db.session.commit()
    return found
