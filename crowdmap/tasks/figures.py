"""How the work goes: done and agreed by kind, and how long messages take from step to step. Totals only, nobody's own."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, case, cast, func, select
from sqlalchemy.orm import Session

from crowdmap.events import Event, ReportSubmitted
from crowdmap.moderation.models import Decision
from crowdmap.tasks import agreement, truth
from crowdmap.tasks.kinds import KINDS, categorise, place
from crowdmap.tasks.models import LIVE, Answer, Given, Result, State, Task

# step → the decision that marks it
STEPS = {"translated": "translate", "placed": "move", "published": "publish", "verified": "verify"}
GLANCED = 300  # published reports that the header's median is of


@dataclass(frozen=True)
class KindFigures:
    """*open*: tasks that wait; *done*: that ended with an answer; *agreed*: without a moderator, *moderator*: by or still
    waiting for one. *agreement*: the share that needed none, None where one answer is enough. *seconds*: the median of
    one answer. *practised*, *good*: practice answers, and those that were right."""

    kind: str
    made: int
    open: int
    done: int
    agreed: int
    moderator: int
    answers: int
    unsure: int
    skipped: int
    agreement: float | None
    seconds: float | None
    practised: int
    good: int


@dataclass(frozen=True)
class StepFigures:
    """Of the *n* reports that came so far: *median* and *p90* minutes since they were received."""

    name: str
    n: int
    median: float | None
    p90: float | None


@dataclass(frozen=True)
class Figures:
    """*received*: reports. *coded*: reports that two coded; *same*: the share of pairs of coders who chose the same
    category; *alpha*: Krippendorff's. *placed*, *wrong*: practice placements, and those outside the known place; *off_m*:
    their median distance from it. *waiting*: what moderators are asked. *known*: against the truth, of simulated messages."""

    received: int
    kinds: list[KindFigures]
    steps: list[StepFigures]
    coded: int
    same: float | None
    alpha: float | None
    placed: int
    wrong: int
    off_m: float | None
    waiting: int
    known: truth.Known | None = None

    def step(self, name: str) -> StepFigures:
        return next(one for one in self.steps if one.name == name)

    def kind(self, name: str) -> KindFigures:
        return next(one for one in self.kinds if one.kind == name)


def figures(session: Session, since: datetime | None = None) -> Figures:
    """All, or what arrived, was made or was answered since then."""
    arrived = _arrivals(session, since)
    coded = _coded(session, since)
    off = _practice_distances(session, since)
    kinds = _kinds(session, since, coded)
    first = _first(session, arrived)
    return Figures(
        received=len(arrived), kinds=kinds, steps=_steps(first, arrived), coded=len(coded),
        same=agreement.rate(coded), alpha=agreement.alpha(coded), placed=len(off), wrong=sum(not good for good, _off in off),
        off_m=agreement.spread([metres for _good, metres in off if metres is not None])[0], waiting=waiting(session),
        known=truth.against(session, first[STEPS["placed"]].keys(), since),
    )  # fmt: skip


def waiting(session: Session) -> int:
    """How many tasks a moderator has to decide."""
    return session.scalar(select(func.count()).select_from(Task).where(Task.result == Result.MODERATOR)) or 0


def _arrivals(session: Session, since: datetime | None) -> dict[int, datetime]:
    query = select(Event.report_id, func.min(Event.at)).where(Event.name == ReportSubmitted.__name__).group_by(Event.report_id)
    if since is not None:
        query = query.where(Event.at >= since)
    return dict(session.execute(query).all())


def _first(session: Session, arrived: dict[int, datetime]) -> dict[str, dict[int, datetime]]:
    """Action of a step → report → when it was first done."""
    query = select(Decision.report_id, Decision.action, Decision.at).where(Decision.action.in_(STEPS.values())).order_by(Decision.id.desc())
    first: dict[str, dict[int, datetime]] = defaultdict(dict)
    for report_id, action, at in session.execute(query):
        # what stands in the same transaction as the message is how its source had it, and no step that anybody took
        if report_id in arrived and at > arrived[report_id]:
            first[action][report_id] = at
    unplaced = set(session.scalars(select(Task.report_id).where(Task.kind == place.NAME)))  # a point that was corrected is not placed by it
    first["move"] = {report_id: at for report_id, at in first["move"].items() if report_id in unplaced}
    return first


def _steps(first: dict[str, dict[int, datetime]], arrived: dict[int, datetime]) -> list[StepFigures]:
    found = []
    for name, action in STEPS.items():
        minutes = [(at - arrived[report_id]).total_seconds() / 60 for report_id, at in first[action].items()]
        found.append(StepFigures(name, len(minutes), *agreement.spread(minutes)))
    return found


def _kinds(session: Session, since: datetime | None, coded: list[list[str]]) -> list[KindFigures]:
    tasks, given = defaultdict(int), defaultdict(int)
    query = select(Task.kind, Task.state, Task.result, func.count()).group_by(Task.kind, Task.state, Task.result)
    for kind, state, result, n in session.execute(query if since is None else query.where(Task.created_at >= since)):
        tasks[kind, state] += n
        tasks[kind, result] += n
        tasks[kind, "made"] += n
    right = func.sum(case((Answer.good, 1), else_=0))
    practised = Answer.practice.is_not(None)
    query = select(Answer.kind, Answer.given, practised, func.count(), cast(right, Integer)).group_by(Answer.kind, Answer.given, practised)
    for kind, what, is_practice, n, good in session.execute(query if since is None else query.where(Answer.at >= since)):
        given[kind, "practised" if is_practice else what] += n
        given[kind, "good"] += (good or 0) if is_practice else 0
    seconds = _seconds(session, since)
    return [_of_kind(name, tasks, given, seconds[name], coded) for name in KINDS]


def _of_kind(name: str, tasks, given, seconds: list[float], coded: list[list[str]]) -> KindFigures:
    agreed = tasks[name, Result.AGREED]
    moderator = sum(tasks[name, result] for result in (Result.MODERATOR, Result.ACCEPTED, Result.DISMISSED))
    share = agreed / (agreed + moderator) if KINDS[name].needed > 1 and agreed + moderator else None
    return KindFigures(
        kind=name, made=tasks[name, "made"], open=sum(tasks[name, state] for state in LIVE), done=tasks[name, State.DONE],
        agreed=agreed, moderator=moderator, answers=given[name, Given.ANSWER], unsure=given[name, Given.UNSURE],
        skipped=given[name, Given.SKIP], agreement=agreement.rate(coded) if name == categorise.NAME else share,
        seconds=agreement.spread(seconds)[0], practised=given[name, "practised"], good=given[name, "good"],
    )  # fmt: skip


def _seconds(session: Session, since: datetime | None) -> dict[str, list[float]]:
    query = select(Answer.kind, Answer.seconds).where(Answer.seconds.is_not(None), Answer.practice.is_(None))
    found = defaultdict(list)
    for kind, seconds in session.execute(query if since is None else query.where(Answer.at >= since)):
        found[kind].append(seconds)
    return found


def _coded(session: Session, since: datetime | None) -> list[list[str]]:
    """The categories that each report of the sample was given in one round, to the same words, where two or more gave one."""
    query = select(Answer.task_id, Answer.round, Answer.value).where(
        Answer.kind == categorise.NAME, Answer.given == Given.ANSWER, Answer.task_id.is_not(None)
    )
    values = defaultdict(list)
    for task_id, number, value in session.execute(query if since is None else query.where(Answer.at >= since)):
        if "category" in value:
            values[task_id, number].append(value["category"])
    return [codes for codes in values.values() if len(codes) > 1]


def _practice_distances(session: Session, since: datetime | None) -> list[tuple[bool, float | None]]:
    query = select(Answer.good, Answer.off_m).where(Answer.kind == place.NAME, Answer.practice.is_not(None), Answer.given == Given.ANSWER)
    return [(bool(good), off) for good, off in session.execute(query if since is None else query.where(Answer.at >= since))]


@dataclass(frozen=True)
class Glance:
    """The header: how many tasks wait, and the median minutes from message to map of those published last."""

    queue: int
    to_map: float | None


def glance(session: Session) -> Glance:
    queue = session.scalar(select(func.count()).select_from(Task).where(Task.state.in_(LIVE))) or 0
    last = select(Decision.report_id, Decision.at).where(Decision.action == "publish").order_by(Decision.id.desc()).limit(GLANCED)
    published = dict(session.execute(last).all()[::-1])
    query = select(Event.report_id, func.min(Event.at)).where(
        Event.name == ReportSubmitted.__name__, Event.report_id.in_(list(published))
    )
    arrived = dict(session.execute(query.group_by(Event.report_id)).all())
    minutes = [(at - arrived[key]).total_seconds() / 60 for key, at in published.items() if key in arrived and at > arrived[key]]
    return Glance(queue, agreement.spread(minutes)[0])
