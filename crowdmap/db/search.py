"""Words, as a clause: every word as a prefix, without accents and case, in any script.

The column holds what fold() made: tokens joined by single spaces, so both databases take the tokens as they are and
no dictionary or parser of theirs decides. No stemming: names and Kreyòl have none that fits.
"""

import unicodedata

from sqlalchemy import Text, false, literal, text, true
from sqlalchemy.ext.compiler import compiles

from crowdmap.db.clause import Clause, table_of

LONGEST_WORD = 64  # characters; PostgreSQL refuses words of more than 2 kB
MOST_WORDS = 16  # of a question

_PLAIN = {
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "ng", "ə": "e",
}  # letters that Unicode does not take apart  # fmt: skip


class _Folding(dict):
    """Code point → what stands for it; worked out once for each character that ever occurs."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd":
            folded = str(unicodedata.decimal(character))
        elif category[0] in "LN" or category == "Mc":
            folded = _PLAIN.get(character, character)
        elif category in ("Mn", "Me", "Cf"):  # accents, vowel points; joiners and direction marks inside a word
            folded = ""
        else:
            folded = " "
        self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(value: str | None) -> str:
    """NFKD, lower case by Unicode's folding, accents off, digits of any script as 0-9; tokens joined by one space."""
    if not value:
        return ""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
    return " ".join(word[:LONGEST_WORD] for word in apart.translate(_FOLDING).split())


class _Matches(Clause):
    """id, search_text, question for FTS5, question for tsquery"""

    inherit_cache = True


@compiles(_Matches, "sqlite")
def _in_fts5(element, compiler, **kw):
    key, column, question, _ = element.clauses
    table = compiler.preparer.quote(fts_name(table_of(column)))
    return (
        f"({compiler.process(key, **kw)} IN "
        f"(SELECT rowid FROM {table} WHERE {table} MATCH {compiler.process(question, **kw)}))"
    )


@compiles(_Matches, "postgresql")
def _in_tsvector(element, compiler, **kw):
    _, column, _, question = element.clauses
    return f"({_vector(compiler.process(column, **kw))} @@ CAST({compiler.process(question, **kw)} AS tsquery))"


def text_matches(model, words: str):
    """Rows of *model* (with ``id`` and ``search_text``) that hold every word, each as the beginning of one of theirs.

    Blank: all rows. Signs only: none. Never raises, whatever the words hold.
    """
    tokens = fold(words).split()[:MOST_WORDS]
    if not tokens:
        return true() if not (words or "").strip() else false()
    fts5 = " ".join(f'"{token}"*' for token in tokens)
    tsquery = " & ".join(f"'{token}':*" for token in tokens)
    return _Matches(model.id, model.search_text, literal(fts5, Text()), literal(tsquery, Text()))


# ---- the indexes, for migrations


def fts_name(table: str) -> str:
    return f"{table}_fts"


def index_name(table: str, column: str) -> str:
    return f"fts_{table}_{column}"


def _vector(column: str) -> str:
    # not to_tsvector: its parser would take "3km", hosts and numbers apart in its own way
    return f"array_to_tsvector(string_to_array({column}, ' '))"


def create(bind, table: str = "publication", column: str = "search_text", key: str = "id") -> None:
    """Make the index of a table that exists; *bind* is a connection, or Alembic's ``op``. Rows in it are indexed."""
    connection = bind.get_bind() if hasattr(bind, "get_bind") else bind
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"CREATE INDEX {index_name(table, column)} ON {table} USING gin ({_vector(column)})"))
        return
    fts, old, new = fts_name(table), f"old.{key}, old.{column}", f"new.{key}, new.{column}"
    remove = f"INSERT INTO {fts} ({fts}, rowid, {column}) VALUES ('delete', {old});"
    add = f"INSERT INTO {fts} (rowid, {column}) VALUES ({new});"
    for statement in (
        # the text is not kept twice; ascii: everything beyond ASCII belongs to a word, and fold() left only spaces
        f"CREATE VIRTUAL TABLE {fts} USING fts5({column}, content='{table}', content_rowid='{key}', "
        "tokenize='ascii', prefix='2 3 4', detail=none)",
        f"INSERT INTO {fts} ({fts}) VALUES ('rebuild')",
        f"CREATE TRIGGER {fts}_ai AFTER INSERT ON {table} BEGIN {add} END",
        f"CREATE TRIGGER {fts}_ad AFTER DELETE ON {table} BEGIN {remove} END",
        f"CREATE TRIGGER {fts}_au AFTER UPDATE OF {column} ON {table} "
        f"WHEN old.{column} IS NOT new.{column} BEGIN {remove} {add} END",
    ):
        connection.exec_driver_sql(statement)


def drop(bind, table: str = "publication", column: str = "search_text") -> None:
    connection = bind.get_bind() if hasattr(bind, "get_bind") else bind
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"DROP INDEX IF EXISTS {index_name(table, column)}"))
        return
    fts = fts_name(table)
    for suffix in ("ai", "ad", "au"):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {fts}_{suffix}")
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {fts}")


# ---- the other way round: which rows have a word


def rows_with_words(session, words: list[tuple[str, int]], model, only: dict | None = None) -> list[tuple[int, int]]:
    """(position in *words*, id): for each (folded word, limit) the newest rows of *model* that have exactly this word;
    of these, those whose columns have the values of *only*.

    The index alone answers, so the work is bounded by the limits on SQLite; on PostgreSQL by how many rows have the
    word, so callers leave out common ones.
    """
    words = [(position, word, limit) for position, (word, limit) in enumerate(words) if _is_token(word) and limit > 0]
    if not words:
        return []
    table, column = model.__table__.name, model.search_text.key
    if session.get_bind().dialect.name == "postgresql":
        part = (
            f"SELECT * FROM (SELECT {{0}} AS word, id FROM (SELECT id FROM {table} "
            f"WHERE {_vector(column)} @@ CAST(:q{{0}} AS tsquery) OFFSET 0) AS found ORDER BY id DESC LIMIT :n{{0}}) AS w{{0}}"
        )
        quoted = {f"q{position}": f"'{word}'" for position, word, _ in words}
    else:
        fts = fts_name(table)
        part = (
            f"SELECT * FROM (SELECT {{0}} AS word, rowid AS id FROM {fts} WHERE {fts} MATCH :q{{0}} "
            "ORDER BY rowid DESC LIMIT :n{0})"
        )
        quoted = {f"q{position}": f'"{word}"' for position, word, _ in words}
    statement = " UNION ALL ".join(part.format(position) for position, _, _ in words)
    values = {f"n{position}": limit for position, _, limit in words} | quoted
    if only:
        kept = " AND ".join(f"{table}.{name} = :only_{name}" for name in only)
        # CROSS JOIN: SQLite keeps this order, the few found first
        found = f"({statement}) AS found CROSS JOIN {table}"
        statement = f"SELECT found.word, found.id FROM {found} WHERE {table}.id = found.id AND {kept}"
        values |= {f"only_{name}": value for name, value in only.items()}
    return [(row.word, row.id) for row in session.execute(text(statement), values)]


def _is_token(word: str) -> bool:
    """One of fold's: nothing in it can end a quotation."""
    return bool(word) and len(word) <= LONGEST_WORD and not any(c in "'\"\\ \0" for c in word)
