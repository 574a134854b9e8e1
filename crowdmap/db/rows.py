"""INSERT … ON CONFLICT, on both databases; and many values asked for in parts."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Select, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

CHUNK = 500  # values in one IN: a statement has a most of parameters, and thousands of them are slow to put together
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _insert(session: Session, model):
    return _INSERT[session.get_bind().dialect.name](model)


def in_chunks(values: Sequence) -> Iterator[Sequence]:
    """*values* in parts of at most CHUNK, in their order."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


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
    statement = _insert(session, model).on_conflict_do_nothing(index_elements=[getattr(model, c) for c in conflict])
    return list(session.execute(statement.returning(*wanted), rows))


def upsert(
    session: Session, model, rows: Iterable[dict], conflict: Sequence[str], update: Sequence[str] | None = None
) -> None:
    """Insert the rows; where *conflict* columns are there already, set *update* (default: all other columns given).

    Give rows sorted by their key, so that two writers lock them in one order.
    """
    rows = list(rows)
    if not rows:
        return
    names = [name for name in rows[0] if name not in conflict] if update is None else list(update)
    statement = _insert(session, model)
    keys = [getattr(model, name) for name in conflict]
    if names:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={name: getattr(statement.excluded, name) for name in names}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    session.execute(statement, rows)


def accumulate(session: Session, model, rows: Iterable[dict] | Select, conflict: Sequence[str]) -> None:
    """Insert the rows; where *conflict* columns are there already, add the other columns to what stands there.

    Give rows sorted by their key, as for `upsert`; or a select of all the model's columns in their order, with a WHERE.
    """
    statement = _insert(session, model)
    names = [column.key for column in inspect(model).columns]
    if isinstance(rows, Select):
        statement, given = statement.from_select(names, rows), None
    else:
        given = list(rows)
        if not given:
            return
    added = {name: getattr(model, name) + getattr(statement.excluded, name) for name in names if name not in conflict}
    keys = [getattr(model, name) for name in conflict]
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=added), given)
