"""Reading what comes in, strictly: refused by name at the edge, so that nothing odd travels further."""

import json
import re
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import request
from flask_babel import gettext as _
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from crowdmap.errors import (
    FieldError,
    InvalidParameter,
    MalformedBody,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)

MAX_JSON = 256 * 1024
MAX_DEPTH = 32
MOST_FAULTS = 50  # told of one body: wording 15,000 of them took seconds
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_KEY = re.compile(rb'"([^"\\]{1,60})"\s*:')

Model = TypeVar("Model", bound=BaseModel)


class _NotANumber:
    """Stands for NaN, Infinity and 1e999 until the place where it occurred is known."""


class _Repeated(Exception):
    pass


def check_address() -> None:
    """Before each request: a path or query that no database can hold goes no further. Raises NotFound, InvalidParameter."""
    if "\0" in request.path:
        raise NotFound()
    for name, value in request.args.items(multi=True):
        if "\0" in name or "\0" in value:
            raise InvalidParameter(_("A NUL character cannot be part of a text."), field=name.replace("\0", ""), code="nul")


def check_form() -> None:
    """Before each request of somebody who may make it: a form that no database can hold, or that is not UTF-8, goes no
    further. Raises ValidationFailed naming the fields; pages answer that by showing the form again, which is not for
    everybody. Decoding would quietly change bytes that are not UTF-8, so they are looked for in what came.
    """
    if request.mimetype == "application/x-www-form-urlencoded":
        pairs = (part.partition(b"=")[::2] for part in request.get_data().replace(b"+", b" ").split(b"&"))
        faults = [fault for name, text in pairs if (fault := _form_fault(unquote_to_bytes(name), unquote_to_bytes(text)))]
        if faults:
            raise ValidationFailed(faults)


def _form_fault(name: bytes, text: bytes) -> FieldError | None:
    field = name.replace(b"\0", b"").decode("utf-8", "replace") or "body"
    if b"\0" in name or b"\0" in text:
        return FieldError(field, "nul", _("A NUL character cannot be part of a text."))
    try:
        name.decode("utf-8"), text.decode("utf-8")
    except UnicodeDecodeError:
        return FieldError(field, "not-utf-8", _("Some characters did not arrive whole. Please type them again."))
    return None


def read_json(model: type[Model]) -> Model:
    """The request's body as a *model*: a number written as text is not a number here, though it is in a form.

    Raises UnsupportedMediaType, TooLarge, MalformedBody, ValidationFailed.
    """
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise UnsupportedMediaType(_("Send application/json."), field="Content-Type")
    raw = request.get_data()
    if len(raw) > MAX_JSON:
        raise TooLarge(_("At most 256 kB can be taken."))
    return validate(model, parse_json(raw), strict=True)


def read_form(model: type[Model], form: MultiDict | None = None, lists: frozenset[str] = frozenset()) -> Model:
    """A posted form as a *model*: empty fields count as absent, the token is left out, fields in *lists* repeat."""
    form = request.form if form is None else form
    data: dict[str, Any] = {}
    for name in form:
        if name in lists:
            data[name] = [value for value in form.getlist(name) if value.strip()]
        elif name != "csrf_token" and form[name].strip():
            data[name] = form[name]
    return validate(model, data)


def parse_json(raw: bytes) -> Any:
    """JSON as RFC 8259 means it. Raises MalformedBody naming the field for NaN, infinite numbers, a repeated name,
    half a surrogate pair, NUL, more than 32 levels, or bytes that are not UTF-8."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        keys = _KEY.findall(raw[: error.start])
        field = keys[-1].decode("utf-8", "replace") if keys else "body"
        raise MalformedBody(_("The text is not UTF-8."), field=field, code="not-utf-8") from error
    depth = 0
    for token in _BRACKETS.findall(text):
        depth += (token in "[{") - (token in "]}") if len(token) == 1 else 0
        if depth > MAX_DEPTH:
            raise MalformedBody(_("That is nested too deeply."), field="body", code="too-deep")
    try:
        data = json.loads(text, parse_constant=lambda name: _NotANumber(), parse_float=_finite, object_pairs_hook=_once)
    except _Repeated as error:
        raise MalformedBody(_("This name stands there twice."), field=str(error), code="repeated-name") from error
    except ValueError as error:
        raise MalformedBody(_("This is not JSON."), field="body", code="not-json") from error
    _check(data, "")
    return data


def _finite(text: str):
    number = float(text)
    return number if abs(number) != float("inf") else _NotANumber()


def _once(pairs: list[tuple[str, Any]]) -> dict:
    data = {}
    for name, value in pairs:
        if name in data:
            raise _Repeated(name.encode("utf-8", "replace").decode())
        data[name] = value
    return data


def _check(value: Any, path: str) -> None:
    if isinstance(value, _NotANumber):
        raise MalformedBody(_("This must be an ordinary number."), field=path or "body", code="not-a-number")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedBody(_("This text holds broken characters."), field=path or "body", code="broken-text")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check(name, path or "body")
            _check(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{path}.{number}" if path else str(number))


def validate(model: type[Model], data: Any, *, strict: bool = False) -> Model:
    """*data* as a *model*; strict: with JSON's own types only. Raises ValidationFailed with one FieldError a fault,
    in kind words; a fault of several fields together names the one in its context's ``field``."""
    try:
        if strict:  # pydantic knows what strict means for JSON (a time or a UUID is text there) only when it reads JSON
            return model.model_validate_json(json.dumps(data), strict=True)
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)[:MOST_FAULTS]
        raise ValidationFailed([_field_error(fault) for fault in faults]) from None


def _plain(bound: float) -> float | int:
    """180.0 as people write it: 180."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _bounds(context: dict) -> tuple[str, str]:
    """What pydantic counts: of a text that something else read before ("Value") it says no more than of a list."""
    if context.get("field_type") in ("List", "Set", "Tuple", "Dictionary"):
        return _("At most %(n)s entries."), _("At least %(n)s entries.")
    return _("At most %(n)s characters."), _("At least %(n)s characters.")


def _field_error(fault: dict) -> FieldError:
    kind, context = fault["type"], fault.get("ctx", {})
    field = context.get("field") or ".".join(str(part) for part in fault["loc"]) or "body"
    words = {
        "missing": lambda: _("This is needed."),
        "extra_forbidden": lambda: _("There is no such field."),
        "string_type": lambda: _("This must be text."),
        "string_too_long": lambda: _("At most %(n)s characters.", n=context.get("max_length")),
        "string_too_short": lambda: _("At least %(n)s characters.", n=context.get("min_length")),
        "greater_than": lambda: _("This must be more than %(n)s.", n=_plain(context["gt"])),
        "greater_than_equal": lambda: _("This must be at least %(n)s.", n=_plain(context["ge"])),
        "less_than": lambda: _("This must be less than %(n)s.", n=_plain(context["lt"])),
        "less_than_equal": lambda: _("This must be at most %(n)s.", n=_plain(context["le"])),
        "too_long": lambda: _bounds(context)[0] % {"n": context.get("max_length")},
        "too_short": lambda: _bounds(context)[1] % {"n": context.get("min_length")},
        "enum": lambda: _("This must be one of %(choices)s.", choices=context.get("expected")),
        "literal_error": lambda: _("This must be one of %(choices)s.", choices=context.get("expected")),
        "model_type": lambda: _("An object with named fields is needed."),
        "dict_type": lambda: _("An object with named fields is needed."),
        "list_type": lambda: _("A list is needed."),
    }
    numbers = ("float_type", "float_parsing", "int_type", "int_parsing", "int_from_float", "finite_number")
    dates = (
        "datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid", "timezone_aware",
        "date_parsing",
    )  # fmt: skip
    if kind in words:
        message = words[kind]()
    elif kind in numbers:
        message = _("This must be a number.") if kind.startswith("f") else _("This must be a whole number.")
    elif kind in dates:
        message = _("This must be a date and time, such as 2010-01-13T09:30:00Z.")
    elif kind.startswith("uuid"):
        message = _("This must be a UUID.")
    elif kind == "value_error":
        inner = context.get("error")
        return FieldError(field, getattr(inner, "code", "invalid"), str(inner))
    else:
        message = fault["msg"]
    return FieldError(field, kind.replace("_", "-"), message)
