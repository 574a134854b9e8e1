"""The postman: sends what changed to each subscription, at least once and in order, beside the worker's loop.

One thread looks whom something is due, others carry it. Nobody waits for a slow receiver but its own subscription: a
request takes 5 seconds at most, there are places for many at once, and those in trouble may hold half of them only.
The worker's jobs are done by another thread and never wait for any of this.

A range of seqs is sent and stays the same until it was taken: a retry has the same id, and reads the rows anew, so that
nothing is sent which was erased in between. What left the range by a later change comes with a later range. The range
must not grow instead: a receiver may hold what it seemed to refuse, and who begins after it is told of its removal.

Of several workers one carries; it holds a heart-beat that the next takes over when it stops.
"""

import logging
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import joinedload

from crowdmap import jobs
from crowdmap.alerts import queries, verbs
from crowdmap.alerts.models import Attempt, Outcome, Pause, State, Subscription
from crowdmap.alerts.outbound import Answer
from crowdmap.alerts.transports import TRANSPORTS, Message
from crowdmap.db import db, insert_if_absent, reading, utcnow, writing
from crowdmap.db.wake import Waker
from crowdmap.feeds.changes import changes
from crowdmap.feeds.heads import head_seq
from crowdmap.web import Permission

log = logging.getLogger("crowdmap.alerts")

PLACES = 64  # requests at once
FEATURES = 100  # in a message
MOST_BYTES = 512 * 1024  # of a message's features; a single larger one goes alone
PAUSE = timedelta(seconds=1)  # between two messages, unless more is there already
FIRST_RETRY_S, LONGEST_RETRY_S = 5, 2 * 3600
GIVE_UP = timedelta(hours=24)
KEPT_ATTEMPTS = 20
LOOK_S = 5  # at the latest
STEP_S = 0.5  # until it notices that it is told to stop
REST_S = 30  # after a fault of ours
NAME, HOLD, RENEW = "postman", timedelta(seconds=15), timedelta(seconds=5)


class Postman:
    """``run`` until told to stop; ``round`` sends what is due now."""

    def __init__(self, app: Flask, stop: threading.Event | None = None):
        self.app, self.stop = app, stop or threading.Event()
        self._pool = ThreadPoolExecutor(PLACES, thread_name_prefix="postman")
        self._news = threading.Event()
        self._guard = threading.Lock()
        self._busy: dict[int, bool] = {}  # id → whether it is in trouble
        self._passed: dict[int, tuple[int, int]] = {}  # id → (its seq, read up to where nothing concerned it)
        self._rest: dict[int, datetime] = {}
        self._held: datetime | None = None

    def run(self) -> None:
        watch = threading.Thread(target=self._watch, name="postman-watch", daemon=True)
        watch.start()
        while not self.stop.is_set():
            self._news.clear()
            wait = LOOK_S
            try:
                _sent, wait = self.round()
            except Exception:  # a database that is away, or a fault of ours: log, wait, go on
                log.exception("the postman met trouble; it goes on in %s s", LOOK_S)
            until = time.monotonic() + wait
            while not self._news.wait(STEP_S) and not self.stop.is_set() and time.monotonic() < until:
                pass
        self.close()

    def close(self) -> None:
        """Waits for what is under way, 5 seconds and a little, then lets the next take over."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._held:
            try:
                with self.app.app_context():
                    self._hold(self._held - HOLD)
            except Exception:
                log.warning("the postman's place could not be given back; another takes over by itself")

    def _watch(self) -> None:
        waker, head = Waker(self.app), 0
        while not self.stop.is_set():
            seq = waker.wait(head, LOOK_S / 2)
            if seq != head:
                head = seq
                self._news.set()
        self._news.set()
        waker.close()

    # ---- who is served

    def round(self) -> tuple[list[Future], float]:
        """Hand out what is due; → the requests under way by it, and the seconds until something else is due."""
        now = utcnow()
        with self.app.app_context(), reading():
            heads: dict = {}
            waiting = [one for one in queries.to_serve() if self._has_news(one, heads)]
            db.session.expunge_all()
            db.session.rollback()
        if not waiting or not self._mine(now):
            return [], LOOK_S
        sent, later = [], [now + timedelta(seconds=LOOK_S)]
        for one in waiting:
            due = max(one.due_at, self._rest.get(one.id, one.due_at))
            if due > now:
                later.append(due)
            elif self._take_place(one):
                sent.append(self._pool.submit(self._serve, one.id, one.challenge_due))
        return sent, max(0.05, (min(later) - utcnow()).total_seconds())

    def _has_news(self, one: Subscription, heads: dict) -> bool:
        if one.challenge_due or not _allowed(one):
            return True
        if one.audience not in heads:
            heads[one.audience] = head_seq(one.audience)
        seq, reached = self._passed.get(one.id, (None, 0))
        return max(one.seq, reached if seq == one.seq else 0) < heads[one.audience]

    def _take_place(self, one: Subscription) -> bool:
        with self._guard:
            trouble = one.failures > 0
            if one.id in self._busy or len(self._busy) >= PLACES:
                return False
            if trouble and sum(self._busy.values()) >= PLACES // 2:
                return False
            self._busy[one.id] = trouble
            return True

    def _serve(self, subscription_id: int, challenge: bool) -> None:
        try:
            with self.app.app_context():
                if challenge:
                    ask(subscription_id)
                else:
                    reached = send(subscription_id, self._passed.get(subscription_id))
                    if reached:
                        self._passed[subscription_id] = reached
                    else:
                        self._passed.pop(subscription_id, None)
        except Exception:
            log.exception("subscription %s could not be served; it rests for %s s", subscription_id, REST_S)
            self._rest[subscription_id] = utcnow() + timedelta(seconds=REST_S)
        finally:
            with self._guard:
                self._busy.pop(subscription_id, None)
            self._news.set()

    # ---- one carries at a time

    def _mine(self, now: datetime) -> bool:
        if self._held and now - self._held < RENEW:
            return True
        with self.app.app_context():
            return self._hold(now)

    def _hold(self, now: datetime) -> bool:
        """Write the heart-beat if it is still the one we wrote, or nobody's any more. Who writes it, carries."""
        beat = jobs.Heartbeat
        ours = beat.at == self._held if self._held else beat.at < now - HOLD
        with writing():
            found = db.session.execute(update(beat).where(beat.name == NAME, ours).values(at=now)).rowcount
            if not found and not self._held:
                found = len(insert_if_absent(db.session, beat, [{"name": NAME, "at": now}], conflict=("name",)))
            db.session.commit()
        self._held = now if found else None
        return bool(found)


@jobs.beside
def postman(app: Flask, stop: threading.Event) -> None:
    Postman(app, stop).run()


def _allowed(one: Subscription) -> bool:
    """Whether its owner may still have one: an account that was disabled takes its subscriptions with it."""
    return one.account.can(Permission.SUBSCRIBE)


# ---- one subscription. Each reads, sends without a connection to the database, and writes what came of it.


def send(subscription_id: int, passed: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Send the next range. → (its seq, how far was read) where nothing concerned it: kept in memory, since a writing for
    every change of every report would cost more than reading on."""
    with reading():
        one = _one(subscription_id)
        if one is None or one.state is not State.ACTIVE:
            return None
        message = next_message(one, passed) if _allowed(one) else None
        _let_go()
    if message is None:
        _stop(subscription_id)
    elif not message.features and one.until_seq is None:
        return one.seq, message.until
    else:
        answer = TRANSPORTS[one.transport].deliver(one, message) if message.features else None
        _keep(one, message, answer)
    return None


def next_message(one: Subscription, passed: tuple[int, int] | None = None) -> Message:
    """What changed after its seq, or what is left of the range that was tried before."""
    since = passed[1] if passed and passed[0] == one.seq and one.until_seq is None else one.seq
    found = changes(one.chosen, one.audience, since, FEATURES)
    items, until, more = found.items, found.seq, found.more
    if one.until_seq is not None:  # it had at most FEATURES rows, and rows only leave it
        more = more or until > one.until_seq
        items, until = [item for item in items if item[0] <= one.until_seq], one.until_seq
    else:
        size = 0
        for number, (_seq, data) in enumerate(items):
            size += len(data)
            if number and size > MOST_BYTES:
                items, until, more = items[:number], items[number - 1][0], True
                break
    return Message(since, until, more, [data for _seq, data in items])


def _one(subscription_id: int) -> Subscription | None:
    query = select(Subscription).where(Subscription.id == subscription_id).options(joinedload(Subscription.account))
    return db.session.scalar(query)


def _let_go() -> None:
    """What was read stays readable, and no connection is held while a receiver takes its time."""
    db.session.expunge_all()
    db.session.rollback()


def ask(subscription_id: int) -> None:
    """Send the challenge; what comes back decides whether an unverified subscription becomes active."""
    with reading():
        one = _one(subscription_id)
        _let_go()
    if one is None:
        return
    answer = TRANSPORTS[one.transport].challenge(one) if _allowed(one) else None
    with writing():
        row = _locked(subscription_id)
        if row is not None:
            row.challenge_due = False
            if answer:
                _note_attempt(row, answer, challenge=True)
                if answer.outcome is Outcome.OK and row.state is State.UNVERIFIED:
                    row.state, row.due_at = State.ACTIVE, utcnow()
        db.session.commit()


def _stop(subscription_id: int) -> None:
    with writing():
        row = _locked(subscription_id)
        if row is not None and row.state is State.ACTIVE:
            verbs.pause(row, None, Pause.NOT_ALLOWED)
        db.session.commit()


def _keep(one: Subscription, message: Message, answer: Answer | None) -> None:
    """*answer* None: nothing is left in the range, so there was nothing to send."""
    with writing():
        row, now = _locked(one.id), utcnow()
        if row is None or row.seq != one.seq:  # removed meanwhile, or another carried it
            db.session.rollback()
            return
        if answer:
            _note_attempt(row, answer, reports=len(message.features))
        if answer is None or answer.outcome is Outcome.OK:
            row.seq, row.until_seq, row.failures, row.failing_since = message.until, None, 0, None
            row.due_at = now if message.more else now + PAUSE
            row.delivered_at = now if answer else row.delivered_at
        else:
            _failed(row, message, answer, now)
        db.session.commit()


def _failed(row: Subscription, message: Message, answer: Answer, now: datetime) -> None:
    row.seq, row.until_seq = message.since, message.until
    row.failures, row.failing_since = row.failures + 1, row.failing_since or now
    row.due_at = min(now + wait_after(row.failures, answer.retry_after_s), max(now, row.failing_since + GIVE_UP))
    if row.state is State.ACTIVE:  # nobody paused it meanwhile
        if answer.outcome is Outcome.GONE:
            verbs.pause(row, None, Pause.GONE)
        elif now - row.failing_since >= GIVE_UP:
            verbs.pause(row, None, Pause.FAILING)


def wait_after(failures: int, asked_s: int = 0) -> timedelta:
    """Twice as long each time, up to two hours, give or take a fifth: receivers that went down together are not all
    tried at the same moment. *asked_s*: at least so long, where the receiver said so."""
    seconds = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures - 1, 20)) * random.uniform(0.8, 1.2)
    return timedelta(seconds=max(seconds, asked_s))


def _locked(subscription_id: int) -> Subscription | None:
    query = select(Subscription).where(Subscription.id == subscription_id).with_for_update()
    return db.session.scalar(query.execution_options(populate_existing=True))


def _note_attempt(row: Subscription, answer: Answer, *, challenge: bool = False, reports: int = 0) -> None:
    db.session.add(Attempt(
        subscription_id=row.id, challenge=challenge, reports=reports, outcome=answer.outcome, status=answer.status,
        ms=answer.ms,
    ))  # fmt: skip
    db.session.flush()
    kept = select(Attempt.id).where(Attempt.subscription_id == row.id).order_by(Attempt.id.desc()).limit(KEPT_ATTEMPTS)
    db.session.execute(delete(Attempt).where(Attempt.subscription_id == row.id, Attempt.id.not_in(kept)))
