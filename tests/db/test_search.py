"""Words: folding, and the same answers from FTS5 and from PostgreSQL."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import aliased

from crowdmap.db import db, scrub, search
from crowdmap.db.search import fold, text_matches


@pytest.mark.parametrize(
    ("words", "folded"),
    [
        (None, ""),
        ("", ""),
        ("Dlo PWÒP", "dlo pwop"),
        ("Pétion-Ville", "petion ville"),
        ("m'ap mouri", "m ap mouri"),
        ("STRASSE straße", "strasse strasse"),
        ("Łódź Ørsted Æsir", "lodz orsted aesir"),
        ("İstanbul ısı", "istanbul isi"),
        ("Ｆｕｌｌ ① ²", "full 1 2"),
        ("مُسَاعَدَة ١٢٣", "مساعدة 123"),
        ("помощь", "помощь"),
        ("ёлка", "елка"),
        ("ψυχή ΣΑΣ", "ψυχη σασ"),
        ("救援 物资", "救援 物资"),
        ("पानी", "पानी"),
        ("co\u200dop so\u00adft", "coop soft"),
        ("a\x00b\ud800c", "a b c"),
        ("🔥 help! (now) 100%", "help now 100"),
        ("_under_ score", "under score"),
        ("x" * 100, "x" * 64),
    ],
)
def test_fold(words, folded):
    assert fold(words) == folded


@given(st.text())
def test_folding_twice_is_folding_once(words):
    once = fold(words)
    assert fold(once) == once
    assert once == " ".join(once.split())


def put(spots, *texts):
    db.session.execute(insert(spots), [{"id": i, "search_text": fold(words)} for i, words in enumerate(texts, 1)])
    db.session.commit()


def found(spots, words) -> list[int]:
    ids = list(db.session.scalars(select(spots.id).where(text_matches(spots, words)).order_by(spots.id)))
    db.session.rollback()
    return ids


@pytest.fixture
def texts(spots):
    put(
        spots,
        "Water needed near the school, 3km from Pétion-Ville",
        "Nou bezwen dlo pwòp ak manje",
        "Bridge destroyed at 18.5392, -72.3388; see example.org/a?b=c or mail help@example.org",
        "",
        "مُسَاعَدَة ماء 1e5 救援物资",
        "the or and not near select",
        "𞤀𞤣𞤤𞤢𞤥 пыль",
    )
    return spots


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("water", [1]),
        ("WATER school", [1]),
        ("school water", [1]),
        ("wat", [1]),
        ("ater", []),
        ("water bridge", []),
        ("pwop", [2]),
        ("pwòp dlo", [2]),
        ("petion-v", [1]),
        ("3km", [1]),
        ("3", [1, 3]),
        ("18.5392", [3]),
        ("example.org", [3]),
        ("help@example.org", [3]),
        ("مساعدة", [5]),
        ("1e5", [5]),
        ("救援", [5]),
        ("the or", [6]),
        ("near", [1, 6]),
        ("not select", [6]),
        ("𞤀𞤣", [7]),
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("   ", [1, 2, 3, 4, 5, 6, 7]),
        ("🔥", []),
        ("!!!", []),
        ("\x00", []),
    ],
)
def test_every_word_is_the_beginning_of_one(texts, words, ids):
    assert found(texts, words) == ids


HOSTILE = ['"', "'", "\"'", "a' OR 1=1 --", "NEAR(a b)", "a AND", "* ", "^water", "search_text: water", "a:*", "& | !",
           "<-> water", "\\", "\x00water", "water\ud800", "%s %(x)s :x ?", "(" * 50, "-water", "{water}", "w" * 5000,
           "a " * 500]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_only_words(texts, words):
    assert set(found(texts, words)) <= {1, 2, 3, 4, 5, 6, 7}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=40))
def test_any_words_find_what_holds_them(spots, words):
    db.session.execute(text("DELETE FROM spot"))
    put(spots, words, f"before {words} after", "something else")
    tokens, others = fold(words).split()[: search.MOST_WORDS], fold("before after something else").split()
    want = []
    if tokens or not words.strip():
        for i, words_of in enumerate((fold(words).split(), fold(f"before {words} after").split(), others[2:]), 1):
            if all(any(have.startswith(token) for have in words_of) for token in tokens):
                want.append(i)
    assert found(spots, words) == want


def test_the_index_follows_changes(texts):
    db.session.execute(update(texts).where(texts.id == 1).values(search_text="nothing"))
    db.session.get(texts, 2).lon = 1.0
    db.session.delete(db.session.get(texts, 3))
    db.session.commit()
    assert found(texts, "water") == []
    assert found(texts, "nothing") == [1]
    assert found(texts, "dlo") == [2]
    assert found(texts, "bridge") == []
    scrub()
    assert found(texts, "dlo") == [2]


@pytest.mark.databases("sqlite")
def test_nothing_erased_stays_in_the_files(texts, database):
    db.session.add(texts(id=99, channel="secretchannel", search_text="secretword " * 300))
    db.session.commit()
    db.session.delete(db.session.get(texts, 99))
    db.session.commit()
    scrub()
    files = Path(db.engine.url.database).parent.glob("empty.db*")
    assert [path.name for path in files if b"secret" in path.read_bytes()] == []


def test_rows_from_before_the_index_are_in_it(texts):
    with db.engine.begin() as connection:
        search.drop(connection, "spot")
        search.create(connection, "spot")
    assert found(texts, "water") == [1]


def test_under_another_name(texts):
    other = aliased(texts)
    assert list(db.session.scalars(select(other.id).where(text_matches(other, "water")))) == [1]


def test_the_index_is_used(texts):
    bind = db.session.get_bind()
    if bind.dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
    statement = select(texts.id).where(text_matches(texts, "wat"))
    sql = str(statement.compile(bind, compile_kwargs={"literal_binds": True}))
    prefix = "EXPLAIN QUERY PLAN " if bind.dialect.name == "sqlite" else "EXPLAIN "
    plan = "\n".join(str(row[-1]) for row in db.session.execute(text(prefix + sql.replace(":*", r"\:*"))))
    assert "fts_spot_search_text" in plan or "spot_fts VIRTUAL TABLE" in plan, plan
    assert "SCAN spot\n" not in plan
