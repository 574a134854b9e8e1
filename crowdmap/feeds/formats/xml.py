"""Text for XML 1.0, which has no way to write most control characters: not even as a number (§2.2)."""

import re

from markupsafe import escape

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)


def written(value) -> str:
    """As the content of an element or, in double quotes, of an attribute."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(escape(clean(str(value))))
