"""Any text as a literal of the languages that recipes are written in.

What somebody searched for stands in a recipe that somebody else pastes into a terminal: nothing of it may be read as
code. Each function takes any text and gives one literal that means exactly this text.
"""

import json
import re
import shlex

_M = {"\r": "cr", "\n": "lf", "\t": "tab"}


def shell(text: str) -> str:
    """POSIX shells, in single quotes: there neither ``$`` nor a backtick nor ``!`` means anything."""
    return shlex.quote(text)


def script(text: str) -> str:
    """JavaScript: JSON in ASCII is a part of it (ECMA-262 §12.9.4)."""
    return json.dumps(text, ensure_ascii=True)


def python(text: str) -> str:
    """Python: the escapes that JSON uses mean the same; a pair of surrogates would not."""
    return json.dumps(text, ensure_ascii=False)


def r(text: str) -> str:
    """R (``?Quotes``): as JSON has it."""
    return json.dumps(text, ensure_ascii=False)


def power_query(text: str) -> str:
    """Power Query's M: a quote is doubled, ``#(`` begins an escape (language specification, "Text literals")."""
    text = text.replace('"', '""').replace("#(", "#(#)(")
    return '"' + re.sub(r"[\r\n\t]", lambda found: f"#({_M[found[0]]})", text) + '"'
