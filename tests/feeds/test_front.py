"""In front of Flask: what was answered is given again while it holds, and only then."""

import contextlib
import gzip
import json
import threading
import time

import pytest
import zstandard

from crowdmap.feeds import encodings, front, pages
from crowdmap.feeds.cache import Bodies
from crowdmap.reports.models import Status
from tests.builders import ids, make_report

FEED = "/feeds/needs.geojson"


@pytest.fixture
def asked_of_flask(app, monkeypatch):
    """Counts what goes past the front."""
    seen, inner = [], app.wsgi_app._next

    def note(environ, start_response):
        seen.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    monkeypatch.setattr(app.wsgi_app, "_next", note)
    app.wsgi_app.clear()
    return seen


def test_the_same_question_is_answered_without_flask_and_alike(session, client, asked_of_flask):
    make_report()
    first, second = client.get(FEED), client.get(FEED)
    assert asked_of_flask == [FEED]
    assert second.data == first.data and second.status_code == 200
    told = [{name: value for name, value in answer.headers if name != "Date"} for answer in (first, second)]
    assert told[0] == told[1]
    assert "Cookie" not in second.headers["Vary"]


def test_a_new_report_a_hidden_one_and_one_of_another_kind(session, client, asked_of_flask):
    report = make_report()
    assert ids(client.get(FEED).json) == [report.public_id]
    new = make_report()
    assert ids(client.get(FEED).json) == [new.public_id, report.public_id]
    new.status = Status.HIDDEN
    session.commit()
    assert ids(client.get(FEED).json) == [report.public_id]
    before = len(asked_of_flask)
    make_report(kind="offer", category="FDP")  # nothing that needs show has changed
    assert ids(client.get(FEED).json) == [report.public_id]
    assert len(asked_of_flask) == before


def test_whoever_has_it_gets_no_body(session, client, asked_of_flask):
    make_report()
    tag = client.get(FEED).headers["ETag"]
    for given in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        answer = client.get(FEED, headers={"If-None-Match": given})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == tag and "Content-Type" not in answer.headers
    assert client.get(FEED, headers={"If-None-Match": '"other"'}).status_code == 200
    assert asked_of_flask == [FEED]


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer cm_x"}, {"X-API-Key": "cm_x"}, {"Range": "bytes=0-9"}, {"Accept": "text/html"}, {"Host": "localhost:1"}],
    ids=lambda headers: next(iter(headers)),
)
def test_who_asks_otherwise_is_answered_by_flask(session, client, asked_of_flask, headers):
    make_report()
    client.get(FEED)
    client.get(FEED, headers=headers)
    assert asked_of_flask == [FEED, FEED]


def test_who_brings_a_cookie_is_answered_by_flask(session, client, asked_of_flask):
    make_report()
    client.get(FEED)
    client.set_cookie("crowdmap_language", "fr")
    client.get(FEED)
    assert asked_of_flask == [FEED, FEED]


def test_errors_pages_and_changes_are_not_kept(session, client, asked_of_flask):
    make_report()
    paths = ("/feeds/needs.geojson?kind=offer", "/feeds/nothing.geojson", "/feeds/changes?since=0", "/report", "/healthz")
    for path in paths:
        client.get(path), client.get(path)
    assert len(asked_of_flask) == 2 * len(paths)


def test_a_time_relative_to_now_holds_for_its_minute(session, client, asked_of_flask, monkeypatch):
    make_report()
    client.get(FEED + "?from=-1h")
    client.get(FEED + "?from=-1h")
    now = front.this_minute()
    monkeypatch.setattr(front, "this_minute", lambda: now + 1)
    client.get(FEED + "?from=-1h")
    assert len(asked_of_flask) in (2, 3)  # three where the clock turned between the first two


def test_answers_are_compressed_once_for_all(session, client, monkeypatch):
    for _number in range(4):
        make_report(description="Water for sixty families at the school")
    plain = client.get(FEED)
    packed, encode = [], encodings.encode

    def count(name, data):
        packed.append(name)
        return encode(name, data)

    monkeypatch.setattr(encodings, "encode", count)
    for _again in range(3):
        answer = client.get(FEED, headers={"Accept-Encoding": "gzip, deflate"})
        assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(answer.data) == plain.data
        answer = client.get(FEED, headers={"Accept-Encoding": "gzip, zstd"})
        assert answer.headers["Content-Encoding"] == "zstd" and zstandard.decompress(answer.data) == plain.data
        assert answer.headers["ETag"] == plain.headers["ETag"] and "Accept-Encoding" in answer.headers["Vary"]
    assert sorted(packed) == ["gzip", "zstd"]
    assert "Content-Encoding" not in client.get(FEED, headers={"Accept-Encoding": "identity"}).headers


def test_a_whole_layer_is_compressed_as_it_goes(session, client):
    for _number in range(4):
        make_report()
    plain = json.loads(client.get(FEED + "?limit=all").data)
    answer = client.get(FEED + "?limit=all", headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(answer.data))["features"] == plain["features"]
    answer = client.get(FEED + "?limit=all", headers={"Accept-Encoding": "zstd"})
    assert json.loads(zstandard.ZstdDecompressor().decompressobj().decompress(answer.data))["features"] == plain["features"]


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [("", ""), ("gzip", "gzip"), ("GZIP;q=0.5, zstd;q=0.4", "zstd"), ("zstd;q=0, gzip", "gzip"), ("*", "zstd"), ("br", ""),
     ("gzip;q=0.0", ""), ("*;q=0, gzip", "gzip"), ("identity", ""), (";;,,", "")],
)  # fmt: skip
def test_the_encoding_follows_the_header(accepted, chosen):
    assert encodings.choose(accepted) == chosen


def test_nothing_is_given_while_the_seq_cannot_be_read(session, client, app, asked_of_flask, monkeypatch):
    make_report()
    client.get(FEED), client.get(FEED)
    assert len(asked_of_flask) == 1

    def broken():
        raise OSError("the disk is gone")

    monkeypatch.setattr(app.wsgi_app._glance, "rows", broken)
    assert client.get(FEED).status_code == 200
    assert len(asked_of_flask) == 2


@pytest.mark.databases("sqlite")
def test_whoever_waits_long_for_a_large_page_is_told_to_come_again(session, client, monkeypatch):
    monkeypatch.setattr(pages, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(pages, "PATIENCE_S", 0.1, raising=False)
    make_report(kind="need")
    with pages._turns:
        answer = client.get(f"{FEED}?limit=5000")
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "10"
        assert client.get(FEED).status_code == 200
    assert client.get(f"{FEED}?limit=5000").status_code == 200


def test_a_body_is_built_by_one_however_many_wait_and_leave():
    """The gate of a key is the last waiter's to take away: one who leaves early must not open a second."""
    store, building, most = Bodies(), [], []
    step = threading.Semaphore(0)

    def build():
        building.append(1)
        most.append(len(building))
        step.acquire(timeout=10)
        building.pop()
        raise ValueError  # it cannot be built: then each who waits tries in turn

    def ask():
        with contextlib.suppress(ValueError):
            store.get("key", lambda: 1, build)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads[:3]:
        thread.start()
    while not building:
        time.sleep(0.01)
    time.sleep(0.1)
    step.release()  # the first leaves; the second builds, the third waits
    time.sleep(0.2)
    threads[3].start()
    time.sleep(0.2)
    for _ in range(3):
        step.release()
    for thread in threads:
        thread.join()
    assert len(most) == 4 and max(most) == 1 and not store._building


@pytest.mark.databases("sqlite")
@pytest.mark.settings(LANGUAGES=["en", "fr"])
@pytest.mark.parametrize("address", [FEED, f"{FEED}?limit=all", "/feeds/needs.gpkg"])
def test_a_validator_is_of_one_language_one_version_and_its_settings(session, client, app, monkeypatch, address):
    """Titles are in the reader's language, and what stands around the features comes from the settings."""
    make_report(kind="need")
    tags = []

    def ask(**headers):
        app.wsgi_app.clear()
        answer = client.get(address, headers={"If-None-Match": ",".join(tags), **headers})
        assert "Accept-Language" in answer.headers["Vary"]
        return answer

    def another():
        answer = ask()
        assert answer.status_code == 200
        tags.append(answer.headers["ETag"])
        assert ask().status_code == 304

    another()
    assert ask(**{"Accept-Language": "fr"}).status_code == 200
    monkeypatch.setattr("crowdmap.feeds.answer.__version__", "next")
    another()
    for name in ("DATA_LICENSE", "ATTRIBUTION", "PUBLIC_URL", "TITLE"):
        monkeypatch.setattr(app.config["CROWDMAP"], name, "http://other.example")
        another()
