"""Candidates from the database: the right ones, for the right eyes."""

from types import SimpleNamespace

from sqlalchemy import delete, update

from crowdmap.db import utcnow
from crowdmap.dedupe import candidates_for_public, vocabulary
from crowdmap.dedupe.find import Sides, candidates
from crowdmap.dedupe.models import Vocabulary
from crowdmap.publishing.models import Audience
from tests.builders import LEOGANE, PORT_AU_PRINCE, make_account, make_report, sign_in

WATER = "No water at the camp behind the stadium, children are ill"
LON, LAT = PORT_AU_PRINCE


def draft(description=WATER, lon=LON, lat=LAT, **fields):
    given = {
        "kind": None,
        "category": "WAT",
        "categories": [],
        "title": "",
        "place": "",
        "accuracy_m": None,
        "occurred_at": None,
    }
    return SimpleNamespace(**{**given, "description": description, "lon": lon, "lat": lat, **fields})


def found(session, **fields):
    return [c["id"] for c in candidates_for_public(session, draft(**fields))]


def test_the_same_told_twice_is_found_and_the_rest_is_not(session):
    twin = make_report(description="no water in the camp behind the stadium, ill children", at=(LON + 0.001, LAT))
    make_report(description="Bridge is down on the road south", category="ROAD", kind="damage")
    make_report(description=WATER, category="WAT", kind="offer")
    make_report(description="Please send tents and blankets", category="SHEL", at=LEOGANE)
    assert found(session) == [twin.public_id]


def test_without_a_place_the_words_find_it(session):
    twin = make_report(description=WATER, at=None, place="stadium")
    assert found(session, lon=None, lat=None) == [twin.public_id]


def test_neighbouring_categories_and_several_are_ranked(session):
    same = make_report(description=WATER)
    near = make_report(description="The camp behind the stadium needs water", category="SAN", at=(LON, LAT + 0.002))
    assert found(session) == [same.public_id, near.public_id]


def test_the_public_never_learns_of_what_is_not_public(session, client):
    make_report(description=WATER, status="pending")
    hidden = make_report(description=WATER)
    hidden.status = "hidden"
    make_report(description=WATER, category="MISS")
    session.commit()
    assert found(session) == []
    query = {"kind": "need", "category": "WAT", "lat": LAT, "lon": LON, "text": WATER}
    assert client.get("/api/v1/duplicates", query_string=query).get_json() == {"candidates": []}


def test_public_answers_hold_bands_and_no_score_metres_or_contact(session, client):
    twin = make_report(
        description=WATER + " call +509 3456 7890", contact_phone="+509 3456 7890", contact_name="Jean Planted"
    )
    query = {"category": "WAT", "lat": LAT, "lon": LON, "text": WATER}
    answer = client.get("/api/v1/duplicates", query_string=query)
    (one,) = answer.get_json()["candidates"]
    assert set(one) == {"id", "title", "text", "distance", "age_minutes", "voices", "reasons", "url"}
    assert one["id"] == twin.public_id and one["distance"] in ("same-place", "under-500-m", "under-2-km")
    assert "3456" not in answer.text and "Planted" not in answer.text
    sign_in(client, make_account("moderator"))
    (staff,) = client.get("/api/v1/duplicates", query_string=query).get_json()["candidates"]
    assert staff["metres"] == 0 and staff["score"] > 0.8


def test_the_band_comes_from_the_public_point(session, client):
    """Asking from many places draws circles around the middle of the square, not around the door."""
    make_report(description=WATER, at=(LON, LAT))
    make_report(description=WATER, at=(LON + 0.0005, LAT + 0.0005), external_id="other-door-same-square")
    for dlon in range(-8, 9):
        query = {"category": "WAT", "lat": LAT, "lon": LON + dlon / 1000, "text": WATER}
        bands = {c["distance"] for c in client.get("/api/v1/duplicates", query_string=query).get_json()["candidates"]}
        assert len(bands) == 1


def test_what_only_the_team_knows_weighs_nothing_in_the_public_search(session):
    """Neither a word nor a point can be found out by asking how it changes an answer."""
    make_report(description=WATER, category="ROAD", kind="damage", at=LEOGANE)
    make_report(description="Bridge of Zorangefre is down at Leogane", category="ROAD", kind="damage", at=LEOGANE)
    asked = draft("Zorangefre: the stadium is down, children at Leogane", *LEOGANE, category="ROAD", occurred_at=utcnow())

    def answer(audience):
        vocabulary.count(session)
        session.commit()
        sides = Sides(session, audience)
        likely = candidates(session, sides.of_draft(asked), audience, limit=24, least=0.0, sides=sides)
        session.rollback()
        return {one.public_id: (one.score, one.evidence, one.told) for one in likely}, sides.weights

    (before, then), (team_before, _) = answer(Audience.PUBLIC), answer(Audience.STAFF)
    for _number in range(30):  # more than a crowd on this very point
        make_report(description="Zorangefre stadium Leogane", status="pending", category="ROAD", kind="damage", at=LEOGANE)
    (after, now), (team_after, known) = answer(Audience.PUBLIC), answer(Audience.STAFF)
    assert len(before) == 2 and after == before and (now.counts, now.points, now.reports) == (then.counts, then.points, 2)
    assert known.counts["zorangefre"] == 31 and known.crowd(*LEOGANE) == 32
    assert all(team_after.get(name) != team_before[name] for name in before)


def test_what_was_published_since_is_counted_though_nothing_new_came(session):
    waiting = [make_report(description=WATER, status="pending") for _ in range(30)]
    vocabulary.count(session)
    session.commit()
    assert not vocabulary.is_due(session)
    for report in waiting:
        report.status = "published"
    session.execute(update(Vocabulary).values(counted_at=utcnow() - 2 * vocabulary.SETTLED))
    session.commit()
    assert vocabulary.is_due(session)
    vocabulary.count(session)
    session.commit()
    assert not vocabulary.is_due(session) and vocabulary.weights(session, Audience.PUBLIC).counts["water"] == 30
    session.execute(delete(Vocabulary).where(Vocabulary.id == vocabulary.ROW[Audience.PUBLIC]))  # counted by an older version
    session.commit()
    assert vocabulary.is_due(session)
    session.rollback()


def test_bad_questions_are_refused_by_name(client):
    for query, field in (("", "kind"), ("kind=wish", "kind"), ("category=NOPE", "category"),
                         ("kind=need&lat=95&lon=0", "lat"),
                         ("kind=need&lat=nan&lon=0", "lat"), ("kind=need&colour=red", "colour")):  # fmt: skip
        answer = client.get(f"/api/v1/duplicates?{query}")
        assert answer.status_code in (400, 422), query
        assert answer.get_json(force=True)["errors"][0]["field"] == field
    assert client.get("/api/v1/duplicates?kind=need&lat=1").status_code == 422


def test_hostile_words_find_nothing_and_break_nothing(session):
    make_report()
    for text in ('" OR 1=1 --', "%_*'", "\u202e" * 50, "a" * 5000, "* AND NEAR(", "🌊" * 30):
        candidates_for_public(session, draft(description=text))
