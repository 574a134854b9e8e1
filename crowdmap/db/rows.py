"""INSERT … ON CONFLICT, on both databases; and many values asked for in parts."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from sqlalchemy import Select, bindparam, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

CHUNK = 500  # values in one IN: a statement has a most of parameters, and thousands of them are slow to put together
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
# ``column.in_(IDS)`` of a statement that is made once, at a module's head, for `by_ids`: putting one together costs as much
# as its answer
IDS = bindparam("ids", expanding=True)


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


def in_chunks(values: Sequence) -> Iterator[Sequence]:
    """*values* in parts of at most CHUNK, in their order."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def by_ids(session: Session, statement: Select, ids: Iterable) -> Iterator[Row]:
    """The rows of a statement with IDS, asked for in parts of *ids* in their order."""
    for some in in_chunks(sorted(ids)):
        yield from session.execute(statement, {"ids": some})


def insert_if_absent(session: Session, model, rows: Iterable[dict], conflict: Sequence[str]) -> list[Row]:
    """Insert the rows whose *conflict* columns (attribute names of a unique constraint) are not there yet.

    → the inserted ones as rows of (primary key …, conflict columns …), in no order. Two writers with the same row:
    one inserts it, the other waits for that commit and gets nothing back.
    """
    rows = list(rows)
    if not rows:
        return []
    mapper = inspect(model)
    keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    wanted = [getattr(model, key) for key in dict.fromkeys([*keys, *conflict])]
    statement = _INSERT[_dialect(session)](model).on_conflict_do_nothing(index_elements=[getattr(model, c) for c in conflict])
    return list(session.execute(statement.returning(*wanted), rows))


def upsert(
    session: Session, model, rows: Iterable[dict], conflict: Sequence[str], update: Sequence[str] | None = None
) -> None:
    """Insert the rows, which have the same columns; where *conflict* columns are there already, set *update* (default: all
    other columns given).

    Give rows sorted by their key, so that two writers lock them in one order.
    """
    rows = list(rows)
    if not rows:
        return
    names = [name for name in rows[0] if name not in conflict] if update is None else list(update)
    # the table, not the class: the session's own way of inserting costs as much again
    session.execute(_upsert(_dialect(session), model.__table__, tuple(conflict), tuple(names)), rows)


@lru_cache(maxsize=256)
def _upsert(dialect: str, table, conflict: tuple[str, ...], names: tuple[str, ...]):
    statement, keys = _INSERT[dialect](table), [table.c[name] for name in conflict]
    if not names:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: getattr(statement.excluded, name) for name in names}
    )


def accumulate(session: Session, model, rows: Iterable[dict] | Select, conflict: Sequence[str]) -> None:
    """Insert the rows; where *conflict* columns are there already, add the other columns to what stands there.

    Give rows sorted by their key, as for `upsert`; or a select of all the model's columns in their order, with a WHERE.
    """
    dialect, table = _dialect(session), model.__table__
    if isinstance(rows, Select):
        statement = _INSERT[dialect](table).from_select(table.columns.keys(), rows)
        session.execute(_adding(statement, table, conflict))
    elif rows := list(rows):
        session.execute(_accumulate(dialect, table, tuple(conflict)), rows)


@lru_cache(maxsize=256)
def _accumulate(dialect: str, table, conflict: tuple[str, ...]):
    return _adding(_INSERT[dialect](table), table, conflict)


def _adding(statement, table, conflict):
    names = [name for name in table.columns.keys() if name not in conflict]
    added = {name: table.c[name] + getattr(statement.excluded, name) for name in names}
    return statement.on_conflict_do_update(index_elements=[table.c[name] for name in conflict], set_=added)
