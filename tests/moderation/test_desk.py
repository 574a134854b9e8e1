"""The desk without scripts: queue, one report, the exact public preview, forms that come back with what was typed."""

import re

import pytest
from sqlalchemy import func, select

from crowdmap import geo
from crowdmap.accounts.roles import GRANTS, Role
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.moderation.shown import told
from crowdmap.moderation import grades
from crowdmap.moderation.marking import marked
from crowdmap.moderation.taking_back import take_back
from crowdmap.reports.models import Report, Status, Submission
from crowdmap.web import Permission
from tests.builders import PORT_AU_PRINCE, make_account, make_report, sign_in


@pytest.fixture
def desk(session, client):
    """A client that a moderator has signed in."""
    client.moderator = make_account("moderator", name="Marie Vincent")
    return sign_in(client, client.moderator)


def rows(page):
    return re.findall(r'id="row-([a-z0-9]+)"', page.text)


def preview(page):
    return page.text.split('id="preview-head"')[1].split("</section>")[0]


def test_only_moderators_see_the_desk(session, app):
    report = make_report(status="pending")
    for role, status in ((None, 303), ("volunteer", 403), ("moderator", 200), ("coordinator", 200)):
        client = app.test_client()
        if role:
            sign_in(client, make_account(role))
        for address in ("/moderate", f"/moderate/{report.public_id}", "/moderate/new.json?since=0"):
            assert client.get(address).status_code in (status, 401 if role is None else status), (role, address)


def test_the_queue_holds_what_waits_the_most_urgent_first(session, desk):
    first, second, missing = (make_report(status="pending", category=category) for category in ("WAT", "WAT", "MISS"))
    make_report(status="published")
    page = desk.get("/moderate")
    assert rows(page) == [missing.public_id, first.public_id, second.public_id]
    assert f'href="/moderate/{first.public_id}"' in page.text and "never public" in page.text
    assert len(re.findall(r"data-lasts>[^<]*\d\d:\d\d UTC<", page.text)) == 4  # without scripts it is said whose time it is
    assert re.search(r'data-count="published">1<', page.text) and re.search(r'data-count="pending">3<', page.text)


def test_the_filter_is_the_same_as_everywhere(session, desk):
    old, new = make_report(description="water here"), make_report(category="ROAD", kind="damage")
    closed = make_report()
    closed.status = Status.CLOSED
    session.commit()
    assert rows(desk.get("/moderate?status=published")) == [new.public_id, old.public_id]
    assert rows(desk.get("/moderate?status=all&kind=damage")) == [new.public_id]
    assert rows(desk.get("/moderate?status=all&q=water")) == [old.public_id]
    assert rows(desk.get("/moderate?status=closed")) == [closed.public_id]
    assert desk.get("/moderate?status=secret").status_code == 400
    assert desk.get("/moderate?colour=red").status_code == 400


def test_paging_neither_loses_nor_doubles(session, desk, monkeypatch):
    from crowdmap.moderation import listing

    monkeypatch.setattr(listing.queue, "__defaults__", (None, 2))
    made = [make_report(status="pending").public_id for _ in range(5)]
    for query, wanted in (("", made), ("?order=newest", made[::-1]), ("?order=oldest", made), ("?kind=need&status=all&order=urgent", made)):
        seen, address = [], "/moderate" + query
        while address:
            page = desk.get(address)
            seen += rows(page)
            link = re.search(r'rel="next" href="([^"]+)"', page.text)
            address = link and link[1].replace("&amp;", "&")
        assert seen == wanted, query


def test_next_is_the_most_urgent_that_is_left_and_goes_round(session, desk):
    a, b = make_report(status="pending"), make_report(status="pending")
    assert f'id="next" href="/moderate/{b.public_id}"' in desk.get(f"/moderate/{a.public_id}").text
    assert f'id="next" href="/moderate/{a.public_id}"' in desk.get(f"/moderate/{b.public_id}").text
    c = make_report(status="pending", category="TRAP")
    assert f'id="next" href="/moderate/{c.public_id}"' in desk.get(f"/moderate/{a.public_id}").text


def test_the_preview_is_what_publishing_makes_of_it(session, desk, app):
    report = make_report(status="pending", category="WAT", title="Water for 40", place="Rue Capois 12, Turgeau",
                         description="Call +509 3456 7890 or jean@planted.example, we are at 18.53981, -72.33412",
                         contact_phone="+509 9999 8888")  # fmt: skip
    shown = preview(desk.get(f"/moderate/{report.public_id}"))
    lon, lat = geo.tile_centre(*PORT_AU_PRINCE)
    assert f"{lat:.5f}, {lon:.5f}" in shown and "Water for 40" in shown
    assert "[phone]" in shown and "[e-mail]" in shown and "[position]" in shown
    for mark in ("3456", "planted", "18.53981", "Capois", "9999", f"{PORT_AU_PRINCE[1]:.5f}"):
        assert mark not in shown, mark
    assert desk.post(f"/moderate/{report.public_id}/publish", data={"revision": 1}).status_code == 303
    feature = app.test_client().get("/feeds/all.geojson").get_json(force=True)["features"][0]
    assert feature["geometry"]["coordinates"] == [lon, lat]
    assert str(feature["properties"]["description"]) in shown.replace("&#39;", "'")
    assert preview(desk.get(f"/moderate/{report.public_id}")).count("[phone]") == 1


def test_what_is_restricted_is_said_to_be_seen_by_nobody(session, desk):
    report = make_report(status="pending", category="MISS", description="Looking for Jean Planted")
    shown = preview(desk.get(f"/moderate/{report.public_id}"))
    assert "Not at all." in shown and "Planted" not in shown
    done = desk.post(f"/moderate/{report.public_id}/publish", data={"revision": 1}, follow_redirects=True).text
    assert (
        "Published for the team only" in done
        and "It is on the map now" not in done
        and "published, for the team only" in done
    )


def test_everything_told_is_there_but_contact_only_when_asked_and_that_is_kept(session, desk):
    from crowdmap.intake.draft import ReportDraft
    from crowdmap.intake.submit import Incoming, submit

    told = {"description": "Bridge is down", "contact_phone": "+509 9999 8888", "contact_name": "Jean Planted",
            "Sender": "+509 1",
            "note": "<script>alert(1)</script>"}  # fmt: skip
    draft = ReportDraft(
        category="BRID", description="Bridge is down", contact_phone="+509 9999 8888", contact_name="Jean Planted"
    )
    key = submit(session, Incoming(draft, "api", "x1", told)).public_id
    session.commit()
    page = desk.get(f"/moderate/{key}")
    assert "9999" not in page.text and "Planted" not in page.text and "+509 1" not in page.text
    assert "&lt;script&gt;" in page.text and "<script>alert" not in page.text
    assert session.scalars(select(Decision).where(Decision.action == "see-contact")).all() == []
    session.rollback()
    asked = desk.post(f"/moderate/{key}/contact")
    assert "+509 9999 8888" in asked.text and "Jean Planted" in asked.text
    assert asked.headers["Cache-Control"] == "no-store"
    api = desk.get(f"/api/v1/reports/{key}/contact")
    assert api.get_json() == {
        "id": key,
        "contact_name": "Jean Planted",
        "contact_phone": "+509 9999 8888",
        "contact_email": None,
        "others": [],
        "taken_back": False,
    }
    looks = session.scalars(select(Decision).where(Decision.action == "see-contact")).all()
    assert [look.account_id for look in looks] == [desk.moderator.id] * 2
    assert "9999" not in repr([(look.change, look.reason) for look in looks])


NOBODYS = (
    "Telefono", "Teléfono", "Telefòn", "Téléphone", "Tel.", "Nom", "Nombre", "Correo electrónico", "Courriel", "WhatsApp", "Prénom",
    "Apellidos", "Nom complet", "contact_name", "Sender ID", "phoneNumber", "E-Mail", "Numéro de téléphone", "Siyati", "Imel", "Nom de la personne",
)  # fmt: skip
TOLD = ("Nombre de personnes", "Nom du lieu", "Non-food items", "Description", "Place name", "Hôtel", "Intel", "Category")


def test_who_sent_it_is_told_in_no_language_and_at_no_depth():
    assert told({name: "Planted" for name in NOBODYS}) == []
    assert [name for name, _words in told(dict.fromkeys(TOLD, "yes"))] == list(TOLD)
    feature = {
        "type": "Feature", "geometry": {"type": "Point", "coordinates": [-72.3, 18.5]}, "id": 7,
        "properties": {
            "title": "Water", "phone": "3712 3456", "reporter": {"title": "Mme"}, "tags": ["a", "b"], "empty": {},
            "answers": [{"question": "where", "Nom": "Planted"}, {"question": "who", "contacts": ["Planted"]}],
        },
    }  # fmt: skip
    assert told(feature) == [
        ("type", "Feature"), ("geometry / type", "Point"), ("geometry / coordinates", "-72.3, 18.5"), ("id", "7"),
        ("properties / title", "Water"), ("properties / tags", "a, b"), ("properties / answers / 1 / question", "where"),
        ("properties / answers / 2 / question", "who"),
    ]  # fmt: skip
    deep = {}
    for _level in range(500):
        deep = {"in": deep or "Planted"}
    assert told(deep) == []


def test_a_sign_that_turns_the_words_round_is_named_and_not_obeyed(session, desk, client):
    words = "Pay to \u202eknab eht\u202c, \u2066now\u2069"
    body = {"category": "ROAD", "description": words, "lon": -72.3, "lat": 18.5, "place": "here \u202eereht"}
    told = client.post("/api/v1/reports", json=body).get_json()
    page = desk.get(f"/moderate/{told['id']}").text
    assert "Pay to [U+202E]knab eht[U+202C], [U+2066]now[U+2069]" in page and "<bdi>here [U+202E]ereht</bdi>" in page
    assert not any(sign in page for sign in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert session.query(Submission).one().verbatim["description"] == words  # kept as it came
    session.rollback()


def test_contact_is_for_those_allowed(session, app):
    key = make_report(contact_name="Jean Planted").public_id
    session.rollback()
    for role, status in ((None, 401), ("volunteer", 403), ("moderator", 200)):
        client = app.test_client()
        if role:
            sign_in(client, make_account(role))
        answer = client.get(f"/api/v1/reports/{key}/contact")
        assert answer.status_code == status and ("Planted" in answer.text) == (status == 200)


@pytest.mark.databases("sqlite")
def test_that_there_is_a_contact_is_no_secret_from_those_who_may_not_see_it(session, desk, monkeypatch):
    report, without = make_report(contact_name="Jean Planted"), make_report()
    monkeypatch.setitem(GRANTS, Role.MODERATOR, GRANTS[Role.MODERATOR] - {Permission.SEE_CONTACT})
    page = desk.get(f"/moderate/{report.public_id}").text
    assert "Something was given" in page and "Show contact" not in page and "Planted" not in page
    page = desk.get(f"/moderate/{without.public_id}").text
    assert "Nothing was given." in page and "Something was given" not in page


@pytest.mark.databases("sqlite")
def test_every_form_whose_words_outlive_an_erasure_says_so(session, desk):
    report = make_report()
    perform(session, report.public_id, "add-evidence", desk.moderator, report.revision, evidence_kind="source", evidence="heard")
    session.commit()
    page = desk.get(f"/moderate/{report.public_id}").text
    forms = dict(re.findall(r'<form[^>]*data-action="([a-z-]+)"[^>]*>(.*?)</form>', page, re.DOTALL))
    warned = {name for name, inside in forms.items() if "they would stay when the report is erased" in inside}
    assert warned == {"verify", "corroborate", "add-evidence", "dispute", "hide", "note", "edit", "withdraw-evidence"}
    assert "without names" in forms["bulk"]


def test_a_form_that_came_too_late_tells_what_happened_and_keeps_what_was_typed(session, desk, app):
    report = make_report(status="pending")
    key = report.public_id
    other = sign_in(app.test_client(), make_account(name="Paul Other"))
    assert other.post(f"/api/v1/reports/{key}/actions/publish", json={"revision": 1}).status_code == 200
    late = desk.post(f"/moderate/{key}/hide", data={"revision": 1, "reason": "Names <b>a person</b>, the street too"})
    assert late.status_code == 409
    assert "Paul Other did this: Publish." in late.text
    assert "Names &lt;b&gt;a person&lt;/b&gt;, the street too" in late.text
    assert 'class="panel open" id="do-hide"' in late.text
    revision = re.search(r'id="do-hide".*?name="revision" value="(\d+)"', late.text, re.DOTALL)[1]
    again = desk.post(f"/moderate/{key}/hide", data={"revision": revision, "reason": "Names a person"})
    assert again.status_code == 303 and session.get(Report, report.id, populate_existing=True).status == "hidden"


def test_who_is_named_is_whoever_changed_it_not_whoever_was_there_last(session, desk, app):
    """Notes, looks at a contact, answers that nothing changed for: none of them brings anybody too late."""
    told = {"category": "WAT", "description": "x", "place": "y", "contact_phone": "+509 3456 7890"}
    made = app.test_client().post("/api/v1/reports", json=told, environ_base={"REMOTE_ADDR": "203.0.113.9"}).get_json()
    paul = sign_in(app.test_client(), make_account(name="Paul Other"))
    key, other = made["id"], make_report().public_id
    session.rollback()
    address = f"/api/v1/reports/{key}/actions"
    assert paul.post(f"{address}/publish", json={"revision": 1}).status_code == 200
    third = sign_in(app.test_client(), make_account(name="Third Person"))
    assert third.get(f"/api/v1/reports/{key}/contact").status_code == 200
    assert third.post(f"{address}/note", json={"reason": "called"}).status_code == 200
    assert third.post(f"{address}/distinct", json={"other": other}).status_code == 200
    assert third.post(f"/api/v1/reports/{key}/vouch", json={"evidence": "I was there"}).status_code == 200
    track = f"/api/v1/track/{made['tracking_token']}"
    assert app.test_client().post(f"{track}/correct", json={"description": "z"}).status_code < 300  # it waits as a letter
    assert app.test_client().post(f"{track}/message", json={"text": "thank you"}).status_code < 300
    late = desk.post(f"{address}/close", json={"revision": 1})
    assert late.status_code == 409 and (late.get_json(force=True)["by"], late.get_json(force=True)["action"]) == ("Paul Other", "publish")
    late = desk.post(f"/moderate/{key}/close", data={"revision": 1})
    assert late.status_code == 409 and "Paul Other did this: Publish." in late.text
    assert app.test_client().post(f"{track}/correct", json={"contact_phone": "+509 3456 7891"}).status_code < 300
    late = desk.post(f"/moderate/{key}/close", data={"revision": 2})
    assert "The reporter or the machine did this: corrected what was told." in late.text


@pytest.mark.databases("sqlite")
def test_what_is_answered_as_wrong_was_not_done(session, desk):
    """An address that the list cannot be read from, by hand or from another day, is refused before anything is kept."""
    report = make_report(status="pending", contact_phone="+509 9999 8888")
    key, seen = report.public_id, f"{report.public_id}:1"
    for query in ("status=bogus", "colour=red", "order=best"):
        for path, data in (
            (f"/moderate/{key}/publish", {"revision": 1}), (f"/moderate/{key}/contact", {}),
            ("/moderate/bulk", {"do": "publish", "seen": [seen]}),
        ):  # fmt: skip
            for headers in ({}, {"X-Desk": "act"}):
                assert desk.post(f"{path}?{query}", data=data, headers=headers).status_code == 400, (path, query)
    assert session.get(Report, report.id, populate_existing=True).status == "pending"
    assert session.scalars(select(Decision)).all() == []
    session.rollback()
    assert desk.post(f"/moderate/{key}/publish?status=all", data={"revision": 1}, headers={"X-Desk": "act"}).status_code == 200
    number = session.scalars(select(Decision.id)).one()
    session.rollback()
    assert desk.post("/moderate/undo?status=bogus", data={"decision": number}, headers={"X-Desk": "act"}).status_code == 400
    assert session.get(Report, report.id, populate_existing=True).status == "published"


def test_a_form_with_a_fault_comes_back_with_422(session, desk):
    key = make_report(status="pending", description="As it was").public_id
    typed = {
        "revision": 1,
        "title": "New title",
        "description": "New words",
        "kind": "need",
        "category": "WAT",
        "people": "many",
    }
    page = desk.post(f"/moderate/{key}/edit", data=typed)
    assert page.status_code == 422
    for kept in ("New title", "New words", 'value="many"', "whole number"):
        assert kept in page.text, kept
    assert desk.post(f"/moderate/{key}/verify", data={"revision": 1, "evidence": "  "}).status_code == 422
    assert desk.post(f"/moderate/{key}/dance", data={"revision": 1}).status_code == 404


def test_the_edit_form_takes_values_away_and_leaves_an_untouched_time_alone(session, desk):
    report = make_report(
        status="pending", title="Old", people=5, occurred_at="2010-01-13T09:30:15.250000+00:00", place="there"
    )
    page = desk.get(f"/moderate/{report.public_id}").text
    stood = re.search(r'name="occurred_at_was" value="([^"]*)"', page)[1]
    form = {"revision": 1, "title": "", "description": report.description, "kind": "need", "category": "WAT",
            "people": "", "quantity": "", "unit": "", "place": "there", "occurred_at": stood, "occurred_at_was": stood,
            "categories": ["FOOD"]}  # fmt: skip
    was = report.occurred_at
    session.rollback()
    assert desk.post(f"/moderate/{report.public_id}/edit", data=form).status_code == 303
    after = session.get(Report, report.id, populate_existing=True)
    assert (after.title, after.people, after.occurred_at, after.more_categories) == ("", None, was, ["FOOD"])
    change = (
        session.scalars(select(Decision).where(Decision.report_id == report.id, Decision.action == "edit")).one().change
    )
    assert set(change) == {"title", "people", "more_categories"}


def test_twins_can_be_merged_and_parted_from_the_page(session, desk):
    words = "No water at the camp behind the stadium, children are ill"
    a = make_report(description=words, status="pending")
    b = make_report(
        description=words + " and old people", status="pending", at=(PORT_AU_PRINCE[0] + 0.001, PORT_AU_PRINCE[1])
    )
    page = desk.get(f"/moderate/{b.public_id}").text
    assert f'name="into" value="{a.public_id}"' in page and "of the words" in page and re.search(r"\d+ m · 0 min", page)
    assert desk.post(f"/moderate/{b.public_id}/merge", data={"revision": 1, "into": a.public_id}).status_code == 303
    child = desk.get(f"/moderate/{b.public_id}").text
    assert "was merged into another" in child and 'data-key="z"' in child and 'data-key="p"' not in child
    assert "Merged into this report" in desk.get(f"/moderate/{a.public_id}").text
    assert desk.post(f"/moderate/{b.public_id}/unmerge", data={"revision": 2}).status_code == 303
    assert "was merged into another" not in desk.get(f"/moderate/{b.public_id}").text


def test_a_twin_on_the_map_takes_in_the_one_that_waits(session, desk):
    words = "No water at the camp behind the stadium, children are ill"
    public = make_report(description=words)
    waiting = make_report(description=words, status="pending", at=(PORT_AU_PRINCE[0] + 0.001, PORT_AU_PRINCE[1]))
    page = desk.get(f"/moderate/{public.public_id}").text
    assert f'action="/moderate/{waiting.public_id}/merge"' in page and "Take that one in" in page
    assert f'name="into" value="{public.public_id}"' in page
    other = desk.get(f"/moderate/{waiting.public_id}").text
    assert f'action="/moderate/{waiting.public_id}/merge"' in other and "Merge into this one" in other


def test_news_tells_what_came_and_what_left(session, desk):
    seq = int(re.search(r'data-seq="(\d+)"', desk.get("/moderate").text)[1])
    a = make_report(status="pending", title="Fresh <i>news</i>")
    news = desk.get(f"/moderate/new.json?since={seq}").get_json()
    assert [row["id"] for row in news["rows"]] == [a.public_id] and news["counts"]["pending"] == 1
    assert "Fresh &lt;i&gt;news" in news["rows"][0]["html"]
    a.status = Status.PUBLISHED
    session.commit()
    later = desk.get(f"/moderate/new.json?since={news['seq']}").get_json()
    assert later["gone"] == [a.public_id] and later["rows"] == [] and later["seq"] > news["seq"]
    assert desk.get(f"/moderate/new.json?since={later['seq']}").get_json()["gone"] == []
    assert desk.get("/moderate/new.json?since=x").status_code == 400
    make_report(status="pending", category="ROAD", kind="damage")
    damage = desk.get(f"/moderate/new.json?since={later['seq']}&kind=need").get_json()
    assert damage["rows"] == [] and len(damage["gone"]) == 1


def test_whatever_moves_the_revision_is_news(session, desk):
    """Also where nothing that the list shows is another: the row's box tells which revision one has seen."""
    report, marie = make_report(status="pending", description="Report: call 3456 7890"), make_account()
    mark = marked(report).marks[0].id
    session.rollback()
    seq = desk.get("/moderate/new.json?since=0").get_json()["seq"]
    called = {"evidence_kind": "called", "evidence": "they answered"}
    steps = (("keep-mark", {"mark": mark}), ("add-evidence", called), ("add-evidence", called), ("edit", {"title": "Water"}))
    for revision, (action, fields) in enumerate(steps, 1):
        perform(session, report.public_id, action, marie, revision, **fields)
        session.commit()
        news = desk.get(f"/moderate/new.json?since={seq}").get_json()
        assert [row["id"] for row in news["rows"]] == [report.public_id], action
        assert f'value="{report.public_id}:{revision + 1}"' in news["rows"][0]["html"], action
        seq = news["seq"]
    perform(session, report.public_id, "note", marie, reason="nothing new")
    session.commit()
    assert desk.get(f"/moderate/new.json?since={seq}").get_json()["rows"] == []
    feature = desk.get(f"/api/v1/reports/{report.public_id}").get_json()
    assert feature["properties"]["revision"] == 5


@pytest.mark.databases("sqlite")
def test_the_machines_own_words_are_in_the_readers_language(session, desk, monkeypatch):
    """States, marks and reasons are kept as words for machines, and read as words for people."""
    report = make_report(status="published")
    late = desk.post(f"/moderate/{report.public_id}/publish", data={"revision": 1})
    assert late.status_code == 409 and "“Publish” is not possible while the report is on the map." in late.text
    assert desk.post("/moderate/views?status=pending,hidden&verification=corroborated", data={"name": "Odd"}).status_code == 303
    assert 'title="all reports that are waiting for a check, hidden marked told by several"' in desk.get("/moderate").text
    monkeypatch.setitem(grades.REASONS, grades.SETTLED, "réglé")
    monkeypatch.setitem(grades.REASONS, grades.TAKEN_BACK, "repris")
    marie = desk.moderator
    perform(session, report.public_id, "dispute", marie, 1, "it is otherwise")
    perform(session, report.public_id, "verify", marie, 2, evidence="called")
    session.commit()
    take_back(session, marie, [session.scalar(select(func.max(Decision.id)))])
    session.commit()
    page = desk.get(f"/moderate/{report.public_id}").text
    assert page.count("repris") == 2 and "taken back at once" not in page  # at the piece, and in the history
    perform(session, report.public_id, "verify", marie, 4, evidence="called again")
    session.commit()
    page = desk.get(f"/moderate/{report.public_id}").text
    assert "réglé" in page and "settled by what was found since" not in page


def test_words_whose_form_is_gone_can_be_copied(session, desk):
    """A colleague did something after which the action is not offered any more."""
    report = make_report(status="pending")
    perform(session, report.public_id, "hide", make_account(name="Paul Other"), 1, "a person is named")
    session.commit()
    for action, form in (("dispute", {"reason": "The bridge <stands>"}), ("verify", {"evidence": "The bridge <stands>"})):
        late = desk.post(f"/moderate/{report.public_id}/{action}", data={"revision": 1, **form})
        assert late.status_code == 409 and "Paul Other did this" in late.text and f'id="do-{action}"' not in late.text
        assert re.search(r"<textarea[^>]* readonly>The bridge &lt;stands&gt;</textarea>", late.text), action
        assert "What you typed is still here" not in late.text
    for action, form in (("reject", {"reason": "spam"}), ("publish", {})):  # nothing was typed
        late = desk.post(f"/moderate/{report.public_id}/{action}", data={"revision": 1, **form})
        assert late.status_code == 409 and 'id="orphaned"' not in late.text, action
    note = desk.post(f"/moderate/{report.public_id}/mask-mark", data={"revision": 1, "words": "Rue 5"})
    assert "What you typed is still here" in note.text and 'value="Rue 5"' in note.text and 'id="orphaned"' not in note.text


def test_a_form_from_another_site_or_without_a_token_does_nothing(session, desk):
    report = make_report(status="pending")
    data = {"revision": 1}
    assert (
        desk.post(
            f"/moderate/{report.public_id}/publish", data=data, headers={"Origin": "https://evil.example"}
        ).status_code
        == 403
    )
    desk.environ_base.pop("HTTP_X_CSRFTOKEN")
    assert desk.post(f"/moderate/{report.public_id}/publish", data=data).status_code == 403
    assert session.get(Report, report.id, populate_existing=True).status == "pending"


def test_a_withdrawn_report_opens_and_offers_nothing_wrong(session, desk):
    report = make_report(status="published")
    report.withdrawn_at = report.created_at
    session.commit()
    page = desk.get(f"/moderate/{report.public_id}")
    assert page.status_code == 200 and "took it back" in page.text
    assert desk.get("/moderate/nothere").status_code == 404
