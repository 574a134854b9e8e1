"""JSON in columns, the same text on both databases."""

import orjson


def dumps(value) -> str:
    """Raises TypeError for what JSON does not know; NaN and infinities become null."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()


def loads(value):
    """A column of type JSON in SQLite turns a text that is a number into one."""
    return value if isinstance(value, (int, float)) else orjson.loads(value)
