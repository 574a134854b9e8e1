"""A mark is masked until a moderator keeps it, and each decision holds for that mark wherever it stands."""

import re

import orjson
import pytest

from crowdmap.errors import IllegalState, ValidationFailed
from crowdmap.moderation.actions import perform
from crowdmap.moderation.marking import marked
from crowdmap.moderation.models import Decision
from crowdmap.publishing import choices
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report
from tests.builders import make_account, make_report, sign_in

TEXT = "Mwen rele Jan Batis. Call 3456 7890 or 3456 7891, NIF 003-123-456-7. Ask Tijan at the blue gate."


@pytest.fixture
def report(session):
    return make_report(category="ROAD", kind="damage", title="Call 3456 7890", description=TEXT, place="near Mme Colo")


@pytest.fixture
def moderator(session):
    return make_account("moderator", name="Marie Vincent")


def told(session, report, audience="public") -> dict:
    row = session.query(Publication).filter_by(report_id=report.id, audience=audience).populate_existing().one()
    return orjson.loads(row.feature)["properties"]


def do(session, report, action, actor, **fields) -> Decision:
    perform(session, report.public_id, action, actor, report.revision, **fields)
    session.commit()
    return session.query(Decision).filter_by(report_id=report.id).order_by(Decision.id.desc()).first()


def mark(report, text: str):
    return next(one for one in marked(report).marks if one.text == text)


def test_every_mark_is_masked_by_default_for_all_beyond_the_team(session, report):
    for audience in ("public", "partner"):
        seen = told(session, report, audience)
        assert seen["description"] == "Mwen rele [name]. Call [phone] or [phone], NIF [id number]. Ask Tijan at the blue gate."
        assert (seen["title"], seen["place"]) == ("Call [phone]", "near Mme [name]")
    assert told(session, report, "staff")["description"] == TEXT
    assert [one.text for one in marked(report).marks] == ["3456 7890", "Jan Batis", "3456 7891", "003-123-456-7", "Colo"]


def test_kept_and_masked_again_that_one_alone(session, report, moderator):
    before = told(session, report)
    kept = do(session, report, "keep-mark", moderator, mark=mark(report, "3456 7890").id)
    for audience in ("public", "partner"):
        seen = told(session, report, audience)
        assert seen["title"] == "Call 3456 7890"  # wherever it stands
        assert seen["description"].startswith("Mwen rele [name]. Call 3456 7890 or [phone], NIF [id number]")
    assert report.revision == 2 and list(kept.change.values()) == [["masked", "kept"]]
    again = do(session, report, "mask-mark", moderator, mark=mark(report, "3456 7890").id)
    assert list(again.change.values()) == [["kept", "masked"]]
    assert {**told(session, report), "updated_at": 0, "seq": 0} == {**before, "updated_at": 0, "seq": 0}


def test_the_log_undoes_a_decision_and_holds_no_word_of_the_mark(session, report, moderator):
    kept = do(session, report, "keep-mark", moderator, mark=mark(report, "3456 7890").id)
    (name,) = kept.change
    assert re.fullmatch(r"phone:[0-9a-f]{4}", name)
    do(session, report, "mask-mark", moderator, mark=name)
    assert told(session, report)["title"] == "Call [phone]"
    masked = do(session, report, "mask-mark", moderator, words="Tijan")
    (name,) = masked.change
    do(session, report, "keep-mark", moderator, mark=name)
    assert "Ask Tijan" in told(session, report)["description"]
    do(session, report, "mask-mark", moderator, mark=name)
    assert "Ask [masked]" in told(session, report)["description"]


def test_words_that_no_finder_saw(session, report, moderator):
    do(session, report, "mask-mark", moderator, words="tijan  at the\nBLUE gate")
    assert told(session, report)["description"].endswith("Ask [masked].")
    assert told(session, report, "staff")["description"] == TEXT
    assert mark(report, "Tijan at the blue gate").kind == "words"
    do(session, report, "keep-mark", moderator, mark=mark(report, "Tijan at the blue gate").id)
    assert told(session, report)["description"].endswith("Ask Tijan at the blue gate.")
    assert "Tijan" not in str(report.mark_choices)


def test_a_translation_follows_every_decision(session, report, moderator):
    """Also one that came before it, or after it; and words that stand in the translation alone can be masked."""
    do(session, report, "mask-mark", moderator, words="Tijan")
    report.translation = "My name is Jan Batis, call 3456 7890 or 3456 7891. Ask Tijan, or Aunt Lili."
    session.commit()
    assert mark(report, "Tijan").masked and marked(report).pieces["translation"]
    do(session, report, "mask-mark", moderator, words="aunt lili")
    do(session, report, "keep-mark", moderator, mark=mark(report, "3456 7890").id)
    for audience in ("public", "partner"):
        seen = told(session, report, audience)
        assert seen["translation"] == "My name is [name], call 3456 7890 or [phone]. Ask [masked], or [masked]."
        assert "Ask [masked] at the blue gate" in seen["description"]
        row = session.query(Publication).filter_by(report_id=report.id, audience=audience).one()
        assert "tijan" not in row.search_text and "lili" not in row.search_text
    assert told(session, report, "staff")["translation"] == report.translation
    session.rollback()


def test_an_edit_keeps_decisions_and_masks_what_is_new(session, report, moderator):
    do(session, report, "keep-mark", moderator, mark=mark(report, "3456 7890").id)
    do(session, report, "mask-mark", moderator, words="Tijan")
    do(session, report, "edit", moderator, description="New: 3456 7892. Before: 3456 7890. Tijan, and 3456 78901.")
    assert told(session, report)["description"] == "New: [phone]. Before: 3456 7890. [masked], and [phone]."
    do(session, report, "edit", moderator, description="Ti jan, tijan.")
    assert told(session, report)["description"] == "Ti jan, [masked]."


def test_what_cannot_be_decided_is_refused_by_name(session, report, moderator):
    phone = mark(report, "3456 7890").id
    other = choices.id_of("phone", "9999 9999")
    for action, fields, field in (
        ("keep-mark", {"mark": other}, "mark"),
        ("mask-mark", {"mark": other}, "mark"),
        ("mask-mark", {}, "mark"),
        ("mask-mark", {"mark": phone, "words": "Tijan"}, "mark"),
        ("mask-mark", {"words": "not there"}, "words"),
        ("mask-mark", {"words": "a " * 60}, "words"),
    ):
        with pytest.raises(ValidationFailed) as refused:
            perform(session, report.public_id, action, moderator, report.revision, **fields)
        assert [error.field for error in refused.value.errors] == [field], (action, fields)
    for action, fields in (("mask-mark", {"mark": phone}), ("mask-mark", {"words": "3456 7890"}), ("mask-mark", {"words": "Batis"})):
        with pytest.raises(IllegalState):
            perform(session, report.public_id, action, moderator, report.revision, **fields)
    session.rollback()
    assert session.get(Report, report.id, populate_existing=True).mark_choices is None
    session.rollback()


@pytest.mark.databases("sqlite")
def test_erasing_takes_the_decisions_with_it(session, client, moderator):
    sent = client.post("/api/v1/reports", json={"category": "WAT", "description": "Call 3456 7890", "place": "x"}).get_json()
    report = session.query(Report).filter_by(public_id=sent["id"]).one()
    do(session, report, "keep-mark", moderator, mark=mark(report, "3456 7890").id)
    session.rollback()  # or SQLite's one place to write would stay taken
    assert "3456 7890" in client.get(f"/api/v1/track/{sent['tracking_token']}").text  # one's own words, as they were sent
    client.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={})
    assert session.get(Report, report.id, populate_existing=True).mark_choices is None
    session.rollback()


# ---- at the desk, without scripts


@pytest.mark.databases("sqlite")
def test_the_desk_shows_each_mark_and_keeps_it_by_one_click(session, client, moderator):
    report = make_report(status="pending", title="Call 3456 7890", description=TEXT, place="near Mme Colo")
    sign_in(client, moderator)
    address = f"/moderate/{report.public_id}"
    page = client.get(address).text
    assert "5 marks masked, 0 kept" in page
    text = page.split('id="marks"')[1].split("</div>")[0]
    assert text.count('<mark class="found masked">') == 6 and "(telephone number, masked)" in text
    head, form = page.split(' id="keep-mark-form"')
    form = form.split("</form>")[0]
    assert head.endswith('data-action="keep-mark"') and 'form="keep-mark-form" data-action="keep-mark" data-key="i"' in page
    fields = dict(re.findall(r'name="(revision|mark)" value="([^"]*)"', form))
    answer = client.post(f"{address}/keep-mark", data=fields)
    assert answer.status_code == 303
    page = client.get(address).text
    assert "4 marks masked, 1 kept" in page and '<mark class="found kept">' in page
    answer = client.post(f"{address}/mask-mark", data={"revision": "2", "words": "nowhere"})
    assert answer.status_code == 422 and "do not stand in the report" in answer.text and 'value="nowhere"' in answer.text
    assert client.post(f"{address}/mask-mark", data={"revision": "2", "words": "Tijan"}).status_code == 303
    assert "5 marks masked, 1 kept" in client.get(address).text


@pytest.mark.databases("sqlite")
def test_the_desk_shows_the_translation_with_its_marks_and_as_the_public_reads_it(session, client, moderator):
    report = make_report(status="pending", description="Tijan la")
    report.translation = "Tijan is here, call 3456 7890"
    session.commit()
    page = sign_in(client, moderator).get(f"/moderate/{report.public_id}").text
    words = page.split('id="marks"')[1].split("</div>")[0]
    assert "Tijan is here" in words and words.count('<mark class="found masked">') == 1
    preview = page.split('id="preview-head"')[1].split("</section>")[0]
    assert "Tijan is here, call [phone]" in preview and "1 mark masked" in preview
    fields = {"revision": report.revision, "words": "Tijan"}
    session.rollback()
    assert client.post(f"/moderate/{report.public_id}/mask-mark", data=fields).status_code == 303
    preview = client.get(f"/moderate/{report.public_id}").text.split('id="preview-head"')[1].split("</section>")[0]
    assert "[masked] is here, call [phone]" in preview and "[masked] la" in preview


@pytest.mark.databases("sqlite")
def test_a_number_that_the_title_begins_is_masked_in_both_and_each_part_is_decided_of(session, moderator):
    report = make_report(category="ROAD", kind="damage", title="Call Marie 3712", description="3456, she is alone")
    seen = told(session, report)
    assert (seen["title"], seen["description"]) == ("Call Marie [phone]", "[phone], she is alone")
    assert [one.text for one in marked(report).marks] == ["3712", "3456"]
    do(session, report, "keep-mark", moderator, mark=mark(report, "3712").id)
    seen = told(session, report)
    assert (seen["title"], seen["description"]) == ("Call Marie 3712", "[phone], she is alone")


@pytest.mark.databases("sqlite")
def test_a_text_without_marks_is_shown_as_it_came(session, client, moderator):
    report = make_report(status="pending", description="Needs <b>water</b> for 60 people")
    page = sign_in(client, moderator).get(f"/moderate/{report.public_id}").text
    assert "Needs &lt;b&gt;water&lt;/b&gt; for 60 people" in page and "marks masked" not in page and "<mark" not in page


@pytest.mark.databases("sqlite")
def test_marks_as_json(session, client, moderator):
    report = make_report(description="Call 3456 7890")
    address = f"/api/v1/reports/{report.public_id}"
    assert client.get(address + "/marks").status_code == 401
    sign_in(client, moderator)
    answer = client.get(address + "/marks").get_json()
    assert (answer["masked"], answer["kept"], answer["marks"][0]["text"]) == (1, 0, "3456 7890")
    body = {"revision": answer["revision"], "mark": answer["marks"][0]["id"]}
    assert client.post(address + "/actions/keep-mark", json=body).get_json()["revision"] == 2
    assert client.get(address + "/marks").get_json()["marks"][0]["state"] == "kept"
    assert client.get("/api/v1/reports/nothere/marks").status_code == 404
