"""The Atom feed: what a reader of news needs, and a point for maps."""

import feedparser

from tests.builders import JACMEL, make_report


def test_an_entry_is_complete_and_keeps_its_id(client, session):
    report = make_report(at=JACMEL, category="ROAD", kind="damage", description="The bridge\nis gone", verification="verified", accuracy_m=12)
    feed = feedparser.parse(client.get("/feeds/damage.atom?category=ROAD&limit=1").data)
    (entry,) = feed.entries
    assert entry.id == entry.link and entry.id.endswith(f"/reports/{report.public_id}")
    assert entry.title == "The bridge is gone" and entry.summary == "The bridge\nis gone"
    assert entry.where["coordinates"] == JACMEL  # feedparser turns it to lon, lat
    assert {(tag.scheme, tag.term) for tag in entry.tags} >= {
        ("urn:crowdmap:kind", "damage"), ("urn:crowdmap:category", "ROAD"), ("urn:crowdmap:verification", "verified"),
    }  # fmt: skip
    published, identity = entry.published, entry.id
    report.title = "Bridge"
    session.commit()
    feed = feedparser.parse(client.get("/feeds/damage.atom?category=ROAD&limit=1").data)
    assert (feed.entries[0].id, feed.entries[0].published, feed.entries[0].title) == (identity, published, "Bridge")


def test_the_feed_is_one_whatever_page_of_it(client, session):
    for _ in range(3):
        make_report()
    first = feedparser.parse(client.get("/feeds/all.atom?limit=2&kind=need").data).feed
    links = {(link.rel, link.get("type")): link.href for link in first.links}
    following = links["next", "application/atom+xml"]
    assert links["self", "application/atom+xml"].endswith("/feeds/all.atom?limit=2&kind=need")
    assert ("license", "text/html") in links and ("alternate", "text/html") in links
    second = feedparser.parse(client.get(following.removeprefix("http://127.0.0.1:8000")).data).feed
    assert first.id == second.id == "http://127.0.0.1:8000/feeds/all.atom?kind=need"
