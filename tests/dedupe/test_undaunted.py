"""No text and no model stops what people do: reports are taken, the worker goes on, pages are shown."""

import sys

import pytest
from sqlalchemy import select

from crowdmap.dedupe import find, signals
from crowdmap.dedupe.lexicon import lexicon
from crowdmap.dedupe.models import Suspicion
from crowdmap.dedupe.side import Side
from crowdmap.jobs import Cursor, Job, work_once
from crowdmap.reports.models import Kind, Report
from tests.builders import PORT_AU_PRINCE, make_account, make_report, sign_in

WATER = "No water at the camp behind the stadium, 60 children are ill"
LON, LAT = PORT_AU_PRINCE
BODY = {"kind": "need", "category": "WAT", "lon": LON, "lat": LAT, "description": WATER}
ODD = [c for c in map(chr, range(sys.maxunicode + 1)) if c.isdigit() and not c.isdecimal()]  # ❶ ⓵ ፩: digits, but no numbers


def test_every_digit_that_is_no_decimal_number_can_be_compared():
    assert len(ODD) > 60
    other = Side(Kind.NEED, description=WATER)
    for sign in ODD:
        for text in (f"camp {sign} {sign}{sign} people", f"{sign}people 6{sign}"):
            side = Side(Kind.NEED, title=sign, description=text, place=f"Delmas {sign}")
            signals.evidence(side, other)
            assert side.words is not None and side.names is not None and side.place_words is not None
            lexicon().concept(sign)


def work(session) -> None:
    while work_once(session):
        pass
    session.rollback()


def send(client, answer=201, **more) -> dict:
    told = client.post("/api/v1/reports", json={**BODY, **more})
    assert told.status_code == answer, told.text
    return told.get_json()


def test_a_report_with_such_signs_is_taken_looked_at_and_shown(app, client, session):
    app.testing = False  # a fault would be a 500, as people meet it
    odd = send(client, description=f"{WATER}. {' '.join(ODD)}", title="Camp ❶")
    plain = send(client)
    form = {**BODY, "description": f"{WATER} ❷ ➀", "client_id": "4a9a9b0e-6f0f-4ac4-9f0a-0c3c5d6a7b11"}
    assert client.post("/report", data={k: str(v) for k, v in form.items()}).status_code in (200, 303)
    work(session)
    assert session.scalars(select(Suspicion)).first() is not None
    session.rollback()
    desk = sign_in(app.test_client(), make_account())
    for one in (odd, plain):
        assert desk.get(f"/moderate/{one['id']}").status_code == 200
    assert client.get("/api/v1/duplicates", query_string={**ASKED, "text": f"{WATER} ❶"}).status_code == 200


ASKED = {"kind": "need", "category": "WAT", "lat": LAT, "lon": LON}


class Refuses:
    """A model that cannot judge what holds a certain word."""

    suggest = suspect = 0.3

    def probability(self, evidence):
        raise ValueError("this model cannot")


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(find.models, "current", lambda instance: Refuses())


def test_a_kept_report_is_never_an_error_because_of_its_twins(app, client, session, broken, caplog):
    app.testing = False
    make_report(description=WATER)
    told = send(client)
    assert told["possible_duplicates"] == [] and "could not look for duplicates" in caplog.text
    assert session.query(Report).count() == 2
    session.rollback()
    form = {**BODY, "client_id": "4a9a9b0e-6f0f-4ac4-9f0a-0c3c5d6a7b11"}
    answer = client.post("/report", data={k: str(v) for k, v in form.items()})
    assert answer.status_code == 303 and "/sent" in answer.headers["Location"]


def test_the_desk_shows_a_report_whose_twins_cannot_be_told(app, session, broken):
    app.testing = False
    make_report(description=WATER)
    report = make_report(description=WATER, status="pending")
    page = sign_in(app.test_client(), make_account()).get(f"/moderate/{report.public_id}")
    assert page.status_code == 200 and "behind the stadium" in page.text


def test_the_worker_passes_over_what_it_cannot_look_at(session, monkeypatch, caplog):
    real = find.Sides.of_row

    def of_row(self, row, properties, *more):
        if "thorn" in (properties["description"] or ""):
            raise ValueError("no side of this")
        return real(self, row, properties, *more)

    monkeypatch.setattr(find.Sides, "of_row", of_row)
    thorn = make_report(description="a thorn in the flesh of the machine", at=None, status="pending", category="ROAD", kind="damage")
    first, second = (make_report(description=WATER, status="pending") for _ in range(2))
    work(session)
    (kept,) = session.scalars(select(Suspicion))
    assert (kept.a_id, kept.b_id) == (first.id, second.id)
    assert session.get(Cursor, "look_for_twins").seq > 0
    assert session.query(Job).filter(Job.name == "look_for_twins", Job.state != "done").count() == 0
    assert thorn.public_id in caplog.text
    session.rollback()
