"""What making an application costs every time anew although it comes out the same: kept from one to the next.

Compiling the rules of the routes took nine tenths of `create_app`, compiling the templates longer than most tests.
"""

import jinja2
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import rules

from crowdmap.accounts import passwords


class CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates from one test's app to the next."""

    def __init__(self):
        self.codes = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.codes:
            bucket.bytecode_from_string(self.codes[bucket.key])

    def dump_bytecode(self, bucket):
        self.codes[bucket.key] = bucket.bytecode_to_string()


COMPILED = CompiledTemplates()
REAL_HASHER = passwords._hasher


def keep() -> None:
    """From now on every application of this process takes what was compiled before it, and hashes passwords at a small
    cost: the real one is meant to take its time, and test_passwords looks at that."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": COMPILED}
    if rules.Rule._compile_builder.__name__ != "kept_builder":
        rules.Rule._compile_builder = _keep_builders(rules.Rule._compile_builder)


def _keep_builders(compile_builder):
    """What a rule's compiled function depends on is its text and its defaults; the converters it asks are the rule's own,
    by way of its first argument. A default is turned into text at compile time: those rules are left alone."""
    builders = {}

    def kept_builder(rule, append_unknown=True):
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    return kept_builder


_statements = {}


def share_statements(engine: Engine) -> None:
    """Let *engine* find the SQL that engines of the same kind compiled before it, in other tests."""
    kind = type(engine.dialect)
    if kind not in _statements:
        # The cache's key holds the dialect, which is the engine's own: one of a kind is as good as another here,
        # since all have the settings of crowdmap.db and talk to the same server.
        kind.__hash__ = lambda dialect: hash(type(dialect))
        kind.__eq__ = lambda dialect, other: type(dialect) is type(other)
        _statements[kind] = LRUCache(5000)
    engine._compiled_cache = _statements[kind]
