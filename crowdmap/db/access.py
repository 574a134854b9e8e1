"""Whether the next transaction reads or writes.

Decided when a transaction begins, not later: on SQLite a reader that turns into a writer fails at once, because
somebody may have written in between. Reading: one consistent snapshot, writes refused, on both databases.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

from flask import has_request_context, request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1, without TRACE


class Access(StrEnum):
    READ = "read"
    WRITE = "write"


_access: ContextVar[Access | None] = ContextVar("crowdmap_database_access", default=None)


def access() -> Access:
    """What reading() or writing() says; else reading inside a safe HTTP request; else writing."""
    chosen = _access.get()
    if chosen is not None:
        return chosen
    return Access.READ if has_request_context() and request.method in SAFE_METHODS else Access.WRITE


@contextmanager
def _choose(mode: Access):
    token = _access.set(mode)
    try:
        yield
    finally:
        _access.reset(token)


def reading():
    """Transactions that begin inside this block only read. One that has begun already keeps what it is."""
    return _choose(Access.READ)


def writing():
    """Transactions that begin inside this block may write, in a GET too. One that has begun keeps what it is."""
    return _choose(Access.WRITE)
