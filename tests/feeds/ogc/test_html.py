"""OGC API – Features Part 1 (17-069r4), conformance class HTML: A.6; and that people get on with the pages."""

from html.parser import HTMLParser

import pytest

from crowdmap.accounts.roles import Role
from tests.builders import JACMEL, make_account, make_report, sign_in

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
DOCUMENTS = (
    "/ogc/", "/ogc/conformance", "/ogc/api", "/ogc/collections", "/ogc/collections/needs", "/ogc/collections/needs/queryables",
    "/ogc/collections/needs/items", "/ogc/collections/needs/items/{id}",
)  # fmt: skip


class Read(HTMLParser):
    """Addresses of the links, words of the body, how often each element is opened."""

    def __init__(self, text: str):
        super().__init__()
        self.hrefs, self.words, self.opened, self.next = set(), [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.opened[tag] = self.opened.get(tag, 0) + 1
        if tag == "a":
            told = dict(attributes)
            self.hrefs.add(told.get("href"))
            if told.get("rel") == "next":
                self.next = told["href"]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def report(session):
    return make_report(
        at=JACMEL, kind="need", title="Water <b>now</b>", description="60 families at O'Brien & Sons without water", people=300,
        occurred_at="2010-01-14T08:20:00Z",
    )  # fmt: skip


def page(client, path: str) -> Read:
    answer = client.get(path, headers={"Accept": BROWSER})
    assert answer.status_code == 200 and answer.mimetype == "text/html", path
    assert answer.text.startswith("<!doctype html>")
    return Read(answer.text)


def test_every_document_is_a_page_for_a_browser_and_by_its_address(client, report):
    """A.6.1 /req/html/definition"""
    for path in DOCUMENTS:
        path = path.format(id=report.public_id)
        found = page(client, path)
        assert found.opened["h1"] == 1 and found.opened["main"] == 1, path
        assert client.get(f"{path}?f=html").mimetype == "text/html"
        assert client.get(f"{path}?f=json", headers={"Accept": BROWSER}).mimetype != "text/html"


def test_every_link_of_the_json_is_a_link_of_the_page(client, report):
    """A.6.2 /req/html/content: all links in <a>"""
    for path in DOCUMENTS:
        path = path.format(id=report.public_id)
        told = client.get(f"{path}?f=json").get_json(force=True)
        hrefs = page(client, path).hrefs
        found = [*told.get("links", []), *(link for one in told.get("collections", []) for link in one["links"])]
        for link in found:
            if link["rel"] not in ("self", "alternate", "changes"):  # of this very form; changes begin with what is shown
                assert link["href"] in hrefs, (path, link)


def test_a_page_tells_all_that_the_json_tells(client, report):
    """A.6.2 /req/html/content: all information of the response schemas"""
    feature = client.get("/ogc/collections/needs/items").get_json(force=True)["features"][0]
    for path in ("/ogc/collections/needs/items", f"/ogc/collections/needs/items/{report.public_id}"):
        words = " ".join("".join(page(client, path).words).split())
        told = feature["properties"]
        for value in (feature["id"], told["title"], told["description"], told["category"], told["url"], str(told["seq"]), "300"):
            assert value in words, (path, value)
        for number in feature["geometry"]["coordinates"]:
            assert str(number) in words
        for word in ("not verified yet", "on the map", "Jacmel", "wash"):
            assert word in words, (path, word)
    words = " ".join(page(client, "/ogc/conformance").words)
    assert all(address in words for address in client.get("/ogc/conformance").json["conformsTo"])


def test_what_was_told_is_shown_as_text(client, report):
    for path in ("/ogc/collections/needs/items?f=html", f"/ogc/collections/needs/items/{report.public_id}?f=html"):
        text = client.get(path).text
        assert "<b>now" not in text and "&lt;b&gt;now" in text


def test_a_page_holds_few_reports_and_leads_on(client, session, monkeypatch):
    monkeypatch.setattr("crowdmap.feeds.ogc.views.ROWS", 2)
    made = [make_report(kind="need").public_id for _ in range(5)]
    path, seen = "/ogc/collections/needs/items?f=html&limit=1000&verification=unverified", []
    while path:
        found = page(client, path)
        seen += [one for one in reversed(made) if any(f"/items/{one}?" in (href or "") for href in found.hrefs)]
        path = found.next and found.next.removeprefix("http://127.0.0.1:8000")
    assert seen == list(reversed(made))


def test_the_form_asks_what_the_page_can_answer(client, report):
    """Empty fields count as not asked."""
    query = "f=html&q=water&kind=&category=&verification=&status="
    assert report.public_id in client.get(f"/ogc/collections/all/items?{query}").text
    assert report.public_id not in client.get(f"/ogc/collections/all/items?{query.replace('water', 'bread')}").text


@pytest.mark.parametrize(("path", "status"), [
    ("/ogc/collections/none", 404), ("/ogc/collections/all/items?bbox=1,2,3", 400), ("/ogc/collections/all/items?lang=fr", 400),
])  # fmt: skip
def test_people_are_told_in_a_page_what_went_wrong(client, session, path, status):
    answer = client.get(path, headers={"Accept": BROWSER})
    assert answer.status_code == status and answer.mimetype == "text/html" and "<h1>" in answer.text
    assert "Set-Cookie" not in answer.headers and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert client.get(path).mimetype == "application/problem+json"


def test_a_removed_report_is_gone_in_kind_words(client, session, report):
    report.withdrawn_at = report.created_at
    session.commit()
    answer = client.get(f"/ogc/collections/needs/items/{report.public_id}", headers={"Accept": BROWSER})
    assert answer.status_code == 410 and "no longer public" in answer.text


def test_pages_are_the_same_for_whoever_is_signed_in(app, client, report):
    """Open data reads no cookie: neither name nor tools of somebody show."""
    staff = sign_in(app.test_client(), make_account(Role.COORDINATOR, name="Marie Visible"))
    for path in DOCUMENTS:
        path = path.format(id=report.public_id)
        texts = [visitor.get(path, headers={"Accept": BROWSER}).text for visitor in (client, staff)]
        assert texts[0] == texts[1] and "Marie" not in texts[1] and "Sign in" not in texts[1], path
    assert "Marie Visible" in staff.get("/about").text
