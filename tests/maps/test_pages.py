"""The pages everybody reads, without JavaScript."""

import re

import pytest
from babel import Locale

from crowdmap import language
from crowdmap.reports.models import Status
from tests.builders import make_report

HOSTILE = "<script>alert(1)</script> \" onload='x' {{ 7*7 }} ‮evil"


def page(client, address, status=200):
    answer = client.get(address)
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text[:500]
    return text


@pytest.mark.parametrize("address", ["/", "/reports", "/about", "/reports?q=nothing", "/reports?kind=need&placed=no"])
def test_every_page_has_one_heading_landmarks_and_nothing_inline(session, client, address):
    make_report()
    text = page(client, address)
    assert len(re.findall(r"<h1[ >]", text)) == 1
    for part in ("<main", "<header", "<nav", "<title>", 'class="skip"'):
        assert part in text
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text) and not re.search(r"\son\w+=", text)
    assert not re.search(r"\sstyle=", text)


def test_the_map_without_scripts_leads_to_the_list_and_the_form(session, client):
    text = page(client, "/")
    noscript = text[text.index("<noscript>") : text.index("</noscript>")]
    assert 'href="/reports"' in noscript and 'href="/report"' in noscript


def test_the_list_shows_filters_and_pages(session, client, monkeypatch):
    from crowdmap.maps import pages

    monkeypatch.setattr(pages, "PAGE", 2)
    made = [make_report(category="ROAD", description=f"Road {n} is blocked") for n in range(5)]
    make_report(category="WAT", description="No water")
    seen, address = [], "/reports?kind=damage"
    while address:
        text = page(client, address)
        seen += re.findall(r'href="/reports/([\w-]+)"><bdi>', text)
        found = re.search(r'href="([^"]+)" rel="next"', text)
        address = found and found[1].replace("&amp;", "&")
    assert seen == [report.public_id for report in reversed(made)]


def test_a_filter_that_cannot_be_read_is_a_page_in_words(session, client):
    assert "colour" in page(client, "/reports?colour=red", 400)


def test_a_report_without_scripts_says_what_its_map_needs(session, client):
    text = page(client, f"/reports/{make_report(categories=['FOOD']).public_id}")
    assert "<noscript><p" in text[text.index('id="small-map"') :] and "The map needs JavaScript." in text
    line = text[text.index('<p class="line">') :].split("</p>")[0]
    assert line.count("&nbsp;· ") == 2 and " · " not in line  # no line begins with a dot


def test_times_that_are_cut_to_the_hour_are_shown_as_hours(session, client):
    need, road = make_report(category="WAT"), make_report(category="ROAD")
    for address in (f"/reports/{need.public_id}", "/reports?kind=need", f"/ogc/collections/all/items/{need.public_id}?f=html"):
        text = page(client, address)
        times = re.findall(r"<time[^>]*>[^<]*</time>", text)
        assert times and all("data-hourly" in one and re.search(r":00\s[AP]M – \d+:00\s[AP]M<", one) for one in times), address
    assert "data-hourly" not in page(client, f"/reports/{road.public_id}") and "data-ago" in page(client, f"/reports/{road.public_id}")


def test_one_report_says_what_where_when_and_what_happened(session, client):
    report = make_report(category="WAT", description="No water since Tuesday", people=60, verification="verified")
    text = page(client, f"/reports/{report.public_id}")
    assert "No water since Tuesday" in text and "60" in text and "verified" in text
    assert text.count('class="done"') == 3 and 'aria-current="step"' in text
    assert "/report?kind=offer&amp;category=WAT" in text


def test_an_unplaced_report_has_a_page_without_a_map(session, client):
    report = make_report(at=None, place="Camp Bwa Kayiman")
    text = page(client, f"/reports/{report.public_id}")
    assert "small-map" not in text


def test_hostile_words_stay_words(session, client):
    report = make_report(category="ROAD", title=HOSTILE, description=HOSTILE, place=HOSTILE)
    for address in (f"/reports/{report.public_id}", "/reports"):
        text = page(client, address)
        assert "<script>alert" not in text and "onload='x'" not in text and "{{ 7*7 }}" in text


def test_what_the_public_may_not_see_has_no_page(session, client):
    for report in (make_report(status="pending"), make_report(category="MISS")):
        text = page(client, f"/reports/{report.public_id}", 404)
        assert report.description not in text
    page(client, "/reports/nothing", 404)


def test_a_hidden_report_is_gone_in_kind_words_and_a_merged_one_leads_to_its_root(session, client):
    hidden, root, child = make_report(description="Secret words"), make_report(), make_report()
    hidden.status = Status.HIDDEN
    child.merged_into_id = root.id
    session.commit()
    assert "Secret words" not in page(client, f"/reports/{hidden.public_id}", 410)
    answer = client.get(f"/reports/{child.public_id}")
    assert answer.status_code == 301 and answer.headers["Location"] == f"/reports/{root.public_id}"


def test_restricted_categories_are_no_choice_of_the_filter(session, client):
    assert 'value="MISS"' not in page(client, "/") and 'value="WAT"' in page(client, "/")


@pytest.mark.settings(LANGUAGES="en,fr")
def test_the_page_is_shown_mirrored_and_says_the_language_of_its_words(session, client, monkeypatch):
    assert '<html lang="en" dir="rtl">' in page(client, "/?dir=rtl")
    assert '<html lang="en" dir="ltr">' in page(client, "/reports?lang=fr")  # a screen reader would read English as French
    monkeypatch.setattr(language, "babel_languages", lambda: [Locale("en"), Locale("fr")])
    assert '<html lang="fr" dir="ltr">' in page(client, "/reports?lang=fr")


def test_the_next_step_does_not_read_as_done(session, client):
    text = page(client, f"/reports/{make_report().public_id}")
    (step,) = re.findall(r'<li class="now".*?</li>', text, re.DOTALL)
    assert "Verified" in step and "not yet" in step and "<svg" not in step and "visually-hidden" not in step
