"""Change every column that a publication could depend on, and find exactly that changed in what each audience sees.

A column that is not in these tables fails the test: whoever adds one decides here who may see it.
"""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import inspect, select

from crowdmap import geo
from crowdmap.publishing import hook
from crowdmap.publishing.models import Publication, PublicationCategory
from crowdmap.reports.models import (
    Category, Kind, LocatedBy, Report, ReportPrivate, Status, Submission, Talk, Verification,
)  # fmt: skip
from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

THEN = datetime(2010, 1, 13, 9, 30, tzinfo=UTC)
ALL, STAFF, NOBODY = ("public", "staff", "partner"), ("staff",), ()
GONE = "gone"

# column → (new value, who sees a difference, in which properties of the feature)
REPORT = {
    "kind": (Kind.INFORMATION, ALL, {"kind"}),
    "category": ("BRID", ALL, {"category", "categories"}),
    "more_categories": (["COM"], ALL, {"categories"}),
    "status": (Status.CLOSED, ALL, {"status"}),
    "verification": (Verification.VERIFIED, ALL, {"verification"}),
    "verification_reason": ("called,source", ALL, {"verification_reason"}),
    "title": ("Bridge down", ALL, {"title"}),
    "description": ("Nobody can pass", ALL, {"description"}),
    "translation": ("Nobody can pass there", ALL, {"translation"}),
    "language": ("ht", NOBODY, set()),
    "place": ("behind the market", ALL, {"place"}),
    "people": (12, ALL, {"people"}),
    "quantity": (2.5, ALL, {"quantity"}),
    "unit": ("lorries", ALL, {"unit"}),
    "source": ("sms", ALL, {"source"}),
    "occurred_at": (THEN, ALL, {"occurred_at"}),
    "created_at": (THEN, ALL, {"created_at"}),
    "closed_at": (THEN, NOBODY, set()),
    "out_of_area": (True, STAFF, {"out_of_area"}),
    "revision": (9, STAFF, {"revision"}),
    "withdrawn_at": (THEN, ALL, GONE),
    "erased_at": (THEN, ALL, GONE),
    "talk": (Talk.ANSWERED, STAFF, {"talk"}),
}
PRIVATE = {
    "lon": (JACMEL[0], ALL, {"geometry", "area"}),
    "lat": (18.6, ALL, {"geometry", "area"}),
    "accuracy_m": (77.0, ALL, {"precision_m"}),
    "located_by": (LocatedBy.TOWN, NOBODY, set()),
    "contact_name": ("Jean Planted", NOBODY, set()),
    "contact_phone": ("+509 3456 7890", NOBODY, set()),
    "contact_email": ("jean@planted.example", NOBODY, set()),
}
def test_times_of_what_is_blurred_are_cut_to_the_hour_for_the_public_alone(session):
    blurred, exact = make_report(category="WAT"), make_report(category="ROAD", kind="damage")

    def times(report, audience):
        row = session.query(Publication).filter_by(report_id=report.id, audience=audience).one()
        told = orjson.loads(row.feature)["properties"]
        return row, [told[name] for name in ("created_at", "updated_at")]

    row, hours = times(blurred, "public")
    assert all(hour.endswith(":00:00Z") for hour in hours)
    assert hours[1] == row.updated_at.strftime("%Y-%m-%dT%H:00:00Z")
    for report, audience in ((blurred, "staff"), (exact, "public"), (exact, "staff")):
        row, seconds = times(report, audience)
        assert seconds[1] == row.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    before = hook.fingerprint(session)
    hook.touch(session, [blurred.id, exact.id])
    session.commit()
    assert hook.fingerprint(session) == before  # what is compared does not hold the moment
    session.rollback()


NEVER_CHANGES = {"id", "public_id", "report_id"}
BY_ITS_OWN_TEST = {"merged_into_id", "mark_choices"}  # the latter: tests/moderation/test_marking.py


def seen(session, report):
    """What each audience sees: feature without the stamps, flattened; and the seq."""
    rows = session.scalars(
        select(Publication).where(Publication.report_id == report.id).execution_options(populate_existing=True)
    )
    found = {}
    for row in rows:
        feature = orjson.loads(row.feature) if row.feature else None
        flat = None
        if feature:
            flat = {**feature["properties"], "geometry": feature["geometry"]}
            for stamp in ("seq", "updated_at"):
                flat.pop(stamp)
        found[row.audience.value] = (row.seq, flat)
    return found


def test_every_column_has_an_answer():
    for model, table in ((Report, REPORT), (ReportPrivate, PRIVATE)):
        columns = {column.key for column in inspect(model).column_attrs}
        assert columns - NEVER_CHANGES - BY_ITS_OWN_TEST == set(table), model.__name__


def test_each_column_reaches_whom_it_should_and_nobody_else(session):
    for on_private, column, (value, audiences, expected) in (
        *((False, name, row) for name, row in REPORT.items()),
        *((True, name, row) for name, row in PRIVATE.items()),
    ):
        report = make_report(category="ROAD", kind="damage", accuracy_m=10, title="Road", source_key=f"s-{column}")
        before = seen(session, report)
        target = report.private if on_private else report
        assert getattr(target, column) != value
        setattr(target, column, value)
        session.commit()
        after = seen(session, report)
        for audience in ALL:
            (old_seq, old), (new_seq, new) = before[audience], after[audience]
            if audience not in audiences:
                assert (new_seq, new) == (old_seq, old), (column, audience)
                continue
            assert new_seq > old_seq, (column, audience)
            if expected == GONE:
                assert new is None, (column, audience)
                continue
            changed = {name for name in old if old[name] != new[name]}
            assert changed == expected, (column, audience)


@pytest.mark.parametrize("category", ["WAT", "SHEL"])
def test_blurred_moves_and_minutes_stay_unseen_by_the_public(session, category):
    report = make_report(category=category, occurred_at=THEN)
    x, y = geo.tile(*PORT_AU_PRINCE, geo.BLUR_ZOOM)
    box = geo.tile_bounds(x, y, geo.BLUR_ZOOM)
    centre = geo.tile_centre(*PORT_AU_PRINCE)
    before = seen(session, report)
    assert before["public"][1]["geometry"]["coordinates"] == list(centre)
    for share in (0.02, 0.5, 0.98):
        report.private.lon = box.west + share * box.width
        report.private.lat = box.south + share * (box.north - box.south)
        report.occurred_at = THEN + timedelta(minutes=10 * share)
        session.commit()
        after = seen(session, report)
        assert after["public"] == before["public"] and after["staff"] != before["staff"]
        assert after["partner"] == before["partner"]
    row = session.scalar(
        select(Publication).where(Publication.report_id == report.id, Publication.audience == "public")
    )
    assert (row.lon, row.lat) == centre and row.cell == geo.cell(*centre)
    assert row.happened_at == THEN.replace(minute=0)


def test_a_persons_need_is_blurred_also_in_a_category_that_is_exact(session):
    assert seen(session, make_report(category="ROAD", kind="need"))["public"][1]["precision_m"] > 400


def test_restricted_has_no_public_row_at_all(session):
    report = make_report(category="ROAD", kind="damage", categories=["MISS"])
    assert set(seen(session, report)) == {"staff"}


def test_a_submission_more_or_less_is_a_voice_more_or_less(session):
    report = make_report()
    session.add(
        Submission(
            channel="web",
            external_id="second",
            verbatim={},
            content_hash=b"x",
            source_hash=b"other",
            report_id=report.id,
        )
    )
    session.commit()
    assert seen(session, report)["public"][1]["voices"] == 2
    second = session.scalar(select(Submission).where(Submission.external_id == "second"))
    second.withdrawn_at = THEN
    session.commit()
    assert seen(session, report)["public"][1]["voices"] == 1


def test_marks_in_every_text_are_masked_for_the_public_and_kept_for_the_staff(session):
    mark = "+509 3456 7890"
    report = make_report(
        category="ROAD", kind="damage", title=mark, description=f"call {mark}", place=f"near {mark}", unit=f"x {mark}"
    )
    report.translation = f"in other words, call {mark}"
    session.commit()
    public, staff, partner = (orjson.dumps(seen(session, report)[audience][1]) for audience in ALL)
    assert b"3456" not in public + partner and staff.count(b"3456") == 5
    row = session.scalar(
        select(Publication).where(Publication.report_id == report.id, Publication.audience == "public")
    )
    assert "3456" not in row.search_text


def test_contact_is_in_no_publication(session):
    report = make_report(
        contact_name="Jean Planted", contact_phone="+509 1111 2222", contact_email="jean@planted.example"
    )
    everything = b"".join(
        repr([getattr(row, c.key) for c in inspect(Publication).column_attrs]).encode()
        for row in session.scalars(select(Publication).where(Publication.report_id == report.id))
    )
    for mark in (b"Planted", b"1111", b"planted.example"):
        assert mark not in everything


def test_a_new_sector_of_any_of_its_categories_reaches_a_report(session):
    """Keys are limited by sectors, and what a report has is read from its rows of categories."""
    both, one = make_report(category="WAT"), make_report(category="WAT")
    session.get(Report, both.id).more_categories = ["ROAD"]
    session.commit()
    before = {row.id: row.digest for row in session.query(Publication).filter_by(report_id=one.id)}
    session.get(Category, "ROAD").sector = "health"
    hook.touch(session, [both.id, one.id])
    session.commit()
    sectors = select(PublicationCategory.sector).join(Publication).where(PublicationCategory.code == "ROAD")
    assert session.scalars(sectors.where(Publication.report_id == both.id)).all() == ["health"] * 3
    assert {row.id: row.digest for row in session.query(Publication).filter_by(report_id=one.id)} == before


def test_projecting_again_changes_no_byte(session):
    reports = [make_report(category=c) for c in ("WAT", "ROAD", "MISS")]
    before = hook.fingerprint(session)
    hook.touch(session, [r.id for r in reports])
    session.commit()
    assert hook.fingerprint(session) == before
