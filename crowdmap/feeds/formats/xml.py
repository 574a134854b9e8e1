"""Text for XML 1.0, which has no way to write most control characters: not even as a number (§2.2)."""

import re

from markupsafe import escape

MOST_HEADLINE = 80  # characters, of what was not meant as a title
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)


def written(value) -> str:
    """As the content of an element or, in double quotes, of an attribute."""
    if isinstance(value, bool):
        return "1" if value else "0"  # XML Schema has both spellings; GDAL reads this one only
    return str(escape(clean(str(value))))


def headline(told: dict) -> str:
    """A line for a report's properties: its title, else the beginning of its text, else what it is. Never empty."""
    title, text = (" ".join(clean(told[name] or "").split()) for name in ("title", "description"))
    if len(text) > MOST_HEADLINE:
        text = text[: MOST_HEADLINE - 1].rsplit(" ", 1)[0] + "…"
    return title or text or f"{told['kind']}, {told['category']}"
