"""The demonstration's invented reports: the same from the same seed, believable in number and place, never real."""

import re
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from crowdmap.intake import generate
from crowdmap.intake.draft import ReportDraft
from crowdmap.publishing import masks
from crowdmap.reports import crisis
from crowdmap.reports.models import Policy, Status

NOW = datetime(2026, 1, 20, 12, tzinfo=timezone.utc)
TEMPLATE = crisis.read("earthquake")


@pytest.fixture(scope="module")
def many():
    return list(generate.Generator(TEMPLATE, 7).batch(3000, NOW))


def test_the_same_seed_makes_the_same_reports():
    def made(seed):
        return list(generate.Generator(TEMPLATE, seed).batch(200, NOW))

    assert made(1) == made(1) != made(2)


def test_as_many_published_as_asked_and_some_on_top(many):
    restricted = {c.code for c in TEMPLATE.categories if c.policy is Policy.RESTRICTED}
    status = Counter(item.status for item in many if item.theme[0] not in restricted)
    assert status[Status.PUBLISHED] == 3000
    assert 0 < status[Status.PENDING] <= generate.QUEUE and status[Status.CLOSED] and status[Status.HIDDEN]
    assert any(item.theme[0] in restricted for item in many)


def test_they_come_in_order_over_the_last_days(many):
    times = [item.received_at for item in many]
    assert times == sorted(times) and NOW - timedelta(days=generate.DAYS) <= times[0] and times[-1] <= NOW
    assert all(item.fields["occurred_at"] <= item.received_at for item in many)


def test_all_kinds_languages_and_categories(many):
    assert {item.fields["kind"] for item in many} == {"need", "offer", "damage", "information"}
    assert {item.fields["language"] for item in many} == {"en", "fr", "ht"}
    assert len({item.theme for item in many}) > 30


def test_places_unplaced_and_outside(many):
    placed = [item for item in many if "lon" in item.fields]
    assert 0.02 < 1 - len(placed) / len(many) < 0.06
    outside = [item for item in placed if not TEMPLATE.area.contains(item.fields["lon"], item.fields["lat"])]
    assert outside and all(item.status is Status.PENDING for item in outside)
    points = Counter((item.fields["lon"], item.fields["lat"]) for item in placed)
    assert points.most_common(1)[0][1] >= 5  # camps and towns: many reports on one point


def test_duplicates_are_told_in_near_the_same_words(many):
    words = Counter(re.sub(r"\W+", " ", item.fields["description"]).split(" ", 4)[-1] for item in many)
    assert sum(count > 1 for count in words.values()) > 20


def test_every_sentence_is_whole(many):
    for item in many:
        assert not re.search(r"[{}]|  ", item.fields["title"] + item.fields["description"])


def test_people_and_numbers_are_invented(many):
    texts = [item.fields["description"] for item in many]
    numbers = [number for text in texts for number in re.findall(r"\+?\d[\d ]{7,}", text)]
    assert numbers and all(number.startswith("+509 55") for number in numbers)
    mails = [mail for text in texts for mail in re.findall(r"\S+@\S+", text)]
    assert mails and all(mail.strip(".").endswith(".example") for mail in mails)
    for text in texts:
        assert "+509 55" not in masks.mask(text) and "@" not in masks.mask(text)


@pytest.mark.databases("sqlite")
def test_every_one_is_a_valid_draft(many, session):
    assert all(ReportDraft(**item.fields).category in {c.code for c in TEMPLATE.categories} for item in many)


def test_only_where_its_towns_are():
    with pytest.raises(ValueError, match="earthquake"):
        generate.Generator(crisis.read("generic"))


def test_each_language_has_every_theme():
    for language in ("en", "fr", "ht"):
        for theme in generate.scenery.THEMES:
            own = generate.phrases(language)[theme.category][theme.kind]
            assert own["titles"] and own["texts"]
