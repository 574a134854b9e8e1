"""What can go wrong, by name, and the one table that says how it is answered.

Raise these anywhere; views never catch them. The answer is problem+json (RFC 9457) for programs and a
page for people. A field error says what happened, and what to do.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    field: str
    code: str
    message: str


class DomainError(Exception):
    """Base of all: *message* is for people, *field* names the input at fault, *code* is for programs."""

    code = "error"
    title = "That did not work"
    retry_after: int | None = None
    challenge: str | None = None  # WWW-Authenticate (RFC 9110 §11.6.1)

    def __init__(self, message: str = "", *, field: str | None = None, code: str | None = None, **extra):
        super().__init__(message)
        self.message = message or self.title
        self.code = code or self.code
        self.extra = extra
        self.errors = [FieldError(field, self.code, self.message)] if field else []


class ValidationFailed(DomainError):
    code = "invalid"
    title = "Something in what you sent needs a second look"

    def __init__(self, errors: list[FieldError], message: str = "", **extra):
        super().__init__(message or (errors[0].message if errors else ""), **extra)
        self.errors = errors


class UnknownParameter(DomainError):
    code, title = "unknown-parameter", "There is no such parameter"


class InvalidParameter(DomainError):
    code, title = "invalid-parameter", "A parameter could not be read"


class InvalidBbox(InvalidParameter):
    code = "invalid-bbox"


class InvalidPoint(InvalidParameter):
    code = "invalid-point"


class InvalidCursor(InvalidParameter):
    code = "invalid-cursor"


class MalformedBody(DomainError):
    code, title = "malformed", "The message could not be read"


class UnsupportedMediaType(DomainError):
    code, title = "unsupported-media-type", "Send application/json"


class TooLarge(DomainError):
    code, title = "too-large", "That is more than can be taken at once"


class SignInNeeded(DomainError):
    code, title = "sign-in", "Please sign in first"


class KeyRefused(DomainError):
    """Whoever shows a key that opens nothing is told so, and never served as the public instead."""

    code, title = "key-refused", "This key opens nothing here"
    challenge = 'Bearer realm="crowdmap", error="invalid_token"'


class NotAllowed(DomainError):
    code, title = "not-allowed", "Your account may not do this"


class CrossSite(DomainError):
    code, title = "cross-site", "This request did not come from one of our pages"


class UnknownHost(DomainError):
    code, title = "unknown-host", "This map is not known by that name; see PUBLIC_URL"


class NotFound(DomainError):
    code, title = "not-found", "There is nothing here"


class Gone(DomainError):
    code, title = "gone", "This is no longer here"


class CursorExpired(Gone):
    code, title = "cursor-expired", "Start again from the beginning"


class StaleRevision(DomainError):
    code, title = "stale-revision", "Somebody else changed this report in the meantime"


class IllegalState(DomainError):
    code, title = "illegal-state", "That cannot be done in the report's present state"


class SameKeyOtherContent(DomainError):
    code, title = "idempotency-conflict", "This key was used before for another message"


class TooMany(DomainError):
    code, title, retry_after = "too-many", "That was a lot at once; please wait a little", 60


class Busy(DomainError):
    code, title, retry_after = "busy", "Too many at once just now; nothing was lost, please try again", 2


class StreamsFull(Busy):
    code, title, retry_after = "streams-full", "All live connections are taken; ask /feeds/changes instead", 15


class FilesBusy(Busy):
    code, title, retry_after = "files-busy", "Other files are being made just now; please try again", 10


class Unexpected(DomainError):
    """A fault of ours."""

    code, title = "unexpected", "Something went wrong at our side"


# error → status; the first class of an error's ancestry that stands here counts
TABLE: dict[type[Exception], int] = {
    DomainError: 400,
    ValidationFailed: 422,
    UnknownParameter: 400,
    InvalidParameter: 400,
    MalformedBody: 400,
    UnsupportedMediaType: 415,
    TooLarge: 413,
    SignInNeeded: 401,
    KeyRefused: 401,
    NotAllowed: 403,
    CrossSite: 403,
    UnknownHost: 421,
    NotFound: 404,
    Gone: 410,
    StaleRevision: 409,
    IllegalState: 409,
    SameKeyOtherContent: 409,
    TooMany: 429,
    Busy: 503,
    Unexpected: 500,
}


def status_of(error: DomainError) -> int:
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


def problem(error: DomainError) -> dict:
    """The problem+json body (RFC 9457 §3) with ``errors: [{field, code, message}]``."""
    return {
        "type": "about:blank" if error.code == "error" else f"urn:crowdmap:problem:{error.code}",
        "title": str(error.title),
        "status": status_of(error),
        "detail": str(error.message),
        "code": error.code,
        "errors": [{"field": e.field, "code": e.code, "message": e.message} for e in error.errors],
        **error.extra,
    }
