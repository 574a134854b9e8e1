"""What people write, made safe to keep and to show."""

import re
import unicodedata

from flask_babel import gettext as _
from pydantic_core import PydanticCustomError

_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """NFC, no control characters and no bidi overrides (they can make a text read as another); line ends as \\n.

    Every script, emoji and apostrophe stays. A NUL is refused rather than dropped: nobody types it.
    """
    if "\0" in text:
        raise PydanticCustomError("nul", _("A NUL character cannot be part of a text."))
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise PydanticCustomError("surrogate", _("The text holds half a character; please type it again."))
    return _CONTROLS.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()
