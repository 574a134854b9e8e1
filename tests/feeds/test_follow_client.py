"""`crowdmap follow`, the part that asks: what it makes of answers, good and bad, and how long it waits."""

import json

import httpx
import pytest

from crowdmap.feeds.follow.client import Away, Feed, NoStream, Refused, Restart, State, events, unpack
from crowdmap.feeds.follow.loop import Follower

FEATURE = '{"type":"Feature","id":"abc","geometry":null,"properties":{"title":"\\u00e9 \\"features\\":[ {}","seq":7,"n":1.50}}'
EMPTY = {"type": "FeatureCollection", "seq": 7, "more": False, "next": None, "features": []}
STATE = State("https://map.example.org/feeds/all.geojson", "/feeds/changes", 7)


def feed_answering(*answers, address="https://map.example.org"):
    """A feed whose map gives these answers one after the other; also the list of what was asked."""
    asked, left = [], list(answers)

    def answer(request):
        asked.append(request)
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return Feed(address, http=httpx.Client(transport=httpx.MockTransport(answer))), asked


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://map.example.org", "https://map.example.org/feeds/all.geojson"),
        ("https://map.example.org/", "https://map.example.org/feeds/all.geojson"),
        ("http://[::1]:8000/feeds/needs.geojson?category=WAT&limit=5", "http://[::1]:8000/feeds/needs.geojson?category=WAT"),
        ("https://me:secret@map.example.org/feeds/all.geojson", "https://map.example.org/feeds/all.geojson"),
    ],
)
def test_an_address_is_a_site_or_a_feed(address, url):
    assert Feed(address).url == url


@pytest.mark.parametrize(
    "address", ["map.example.org", "ftp://map.example.org", "https://map.example.org/feeds/all.csv", "https://a.org/x", "file:///a"]
)
def test_another_address_is_refused(address):
    with pytest.raises(ValueError, match="https://"):
        Feed(address)


def test_each_feature_keeps_the_text_it_came_in():
    text = json.dumps({"title": 'a "features":[ b', "seq": 7, "features": []}, separators=(",", ":"))
    text = text.replace('"features":[]', f'"features":[{FEATURE},{FEATURE}]')
    page = unpack(text[:-1] + ',"links":[]}')
    assert [feature.text for feature in page.features] == [FEATURE, FEATURE]
    assert page.features[0].id == "abc" and page.features[0].seq == 7 and not page.features[0].removed
    assert page.members == {"title": 'a "features":[ b', "seq": 7, "features": [], "links": []}


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_events_are_read_however_they_arrive(cut):
    stream = f": welcome\nretry: 3000\n\nid: 5\n\nid: 7\nevent: report\ndata: {FEATURE}\n\n: heart-beat\n\n".encode() * 2
    pieces = [stream[:cut], stream[cut : cut + 100], stream[cut + 100 :]]
    assert [feature.text for found in events(pieces) for feature in found] == [FEATURE, FEATURE]
    assert [f.text for found in events([stream.replace(b"\n", b"\r\n")]) for f in found] == [FEATURE, FEATURE]
    assert list(events([stream[:-60]]))[0][0].text == FEATURE  # what was cut off is no event


PROBLEM = {"code": "x", "detail": "In words."}
BAD = [
    (httpx.Response(410, json=PROBLEM), Restart, 0), (httpx.Response(400, json={**PROBLEM, "code": "invalid-cursor"}), Restart, 0),
    (httpx.Response(400, json=PROBLEM), Refused, 0), (httpx.Response(401, json=PROBLEM), Refused, 0),
    (httpx.Response(404, text="no"), Refused, 0), (httpx.Response(302, headers={"Location": "/"}), Refused, 0),
    (httpx.Response(429, json=PROBLEM, headers={"Retry-After": "7"}), Away, 7),
    (httpx.Response(503, text="<html>", headers={"Retry-After": "Fri, 01 Jan 2010 00:00:00 GMT"}), Away, 0),
    (httpx.Response(503, headers={"Retry-After": "999999999"}), Away, 3600), (httpx.Response(502), Away, 0),
    (httpx.Response(500, headers={"Content-Type": "application/json"}, text="{"), Away, 0),
    (httpx.Response(200, text="<html>Please log in to the hotel's network"), Away, 0), (httpx.Response(200, text=""), Away, 0),
    (httpx.Response(200, text='{"features":[{"id":'), Away, 0), (httpx.Response(200, json=[]), Away, 0),
    (httpx.ConnectError("refused"), Away, 0), (httpx.ReadTimeout("slow"), Away, 0),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "error", "seconds"), BAD)
def test_what_a_bad_answer_means(answer, error, seconds):
    feed, _ = feed_answering(answer)
    with pytest.raises(error) as told:
        feed.changes(STATE)
    assert type(told.value) is error and str(told.value)
    if error is Away:
        assert told.value.retry_after == seconds


@pytest.mark.parametrize(("answer", "error", "seconds"), [case for case in BAD if not (isinstance(case[0], httpx.Response) and case[0].status_code == 200)])
def test_where_there_is_no_stream_the_changes_are_asked(answer, error, seconds):
    feed, asked = feed_answering(answer)
    with pytest.raises(error if error is not Away else NoStream):
        list(feed.stream(STATE))
    assert asked[0].url.path == "/feeds/stream" and asked[0].url.params["since"] == "7"


class Kept:
    """A copy in memory."""

    rest = 0

    def __init__(self, state=STATE):
        self.state, self.features = state, {}

    def replace(self, batches, state):
        self.features = {feature.id: feature.text for batch in batches for feature in batch}
        self.state = state

    def apply(self, features, state):
        for feature in features:
            self.features.pop(feature.id, None)
            if not feature.removed:
                self.features[feature.id] = feature.text
        self.state = state

    def __len__(self):
        return len(self.features)

    def close(self):
        pass


@pytest.fixture
def slept(monkeypatch):
    """Nobody sleeps; how long they would have."""
    found = []
    monkeypatch.setattr("crowdmap.feeds.follow.loop.time.sleep", found.append)
    return found


def test_it_waits_longer_each_time_and_never_less_than_it_is_asked(slept):
    busy = httpx.Response(429, headers={"Retry-After": "7"}, json=PROBLEM)
    broken = [httpx.ConnectError("refused")] * 9
    feed, _ = feed_answering(busy, *broken, httpx.Response(200, json=EMPTY))
    said = []
    follower = Follower(feed, Kept(), said.append)
    follower.catch_up()
    assert slept[0] == 7 and len(slept) == len(said) == 10
    for number, pause in enumerate(slept[1:], 1):
        most = min(60, 2**number)
        assert most / 2 <= pause <= most
    assert said[0].startswith("429 In words.") and "trying again" in said[0]


def test_once_does_not_try_for_ever(slept):
    feed, asked = feed_answering(httpx.ConnectError("refused"))
    with pytest.raises(Away):
        Follower(feed, Kept(), str).run(once=True)
    assert len(asked) == 6


def test_410_takes_the_layer_again_and_what_is_gone_goes(slept):
    links = [{"rel": "changes", "href": "http://127.0.0.1:8000/feeds/changes?since=3&kind=need"}]
    text = json.dumps({**EMPTY, "seq": 3, "links": links, "features": []}, separators=(",", ":"))
    layer = httpx.Response(200, text=text.replace('"features":[]', f'"features":[{FEATURE}]'))
    now = httpx.Response(200, json={**EMPTY, "seq": 3})
    feed, asked = feed_answering(httpx.Response(410, json=PROBLEM), layer, now)
    copy, said = Kept(), []
    copy.features = {"gone": "{}"}
    Follower(feed, copy, said.append).run(once=True)
    assert copy.features == {"abc": FEATURE}
    assert copy.state == State(STATE.url, "/feeds/changes?kind=need", 3)
    assert said[0] == "410 In words. The layer is taken again."
    # the map's own name for itself is not used: behind a proxy nobody may know it
    assert {request.url.host for request in asked} == {"map.example.org"}


def test_a_filter_that_cannot_be_followed_is_refused_before_anything_is_written(slept):
    links = [{"rel": "changes", "href": "/feeds/changes?since=3&from=-24h"}]
    feed, _ = feed_answering(httpx.Response(200, json={**EMPTY, "links": links}), httpx.Response(400, json=PROBLEM))
    copy = Kept(state=None)
    with pytest.raises(Refused, match="400 In words"):
        Follower(feed, copy, str).run()
    assert copy.state is None


def test_the_key_goes_with_every_question_and_not_to_another_site():
    asked = []

    def answer(request):
        asked.append(request)
        if request.url.host == "map.example.org":
            return httpx.Response(307, headers={"Location": f"https://elsewhere.example{request.url.raw_path.decode()}"})
        return httpx.Response(200, json=EMPTY)

    http = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)
    Feed("https://map.example.org", "a-key", http).changes(STATE)
    assert asked[0].headers["Authorization"] == "Bearer a-key" and "Authorization" not in asked[1].headers
