"""Things tests need, built through the real doors: a report by ``submit``, an account by its verb."""

import itertools
from functools import cache

from itsdangerous import URLSafeTimedSerializer

from crowdmap.accounts import sessions
from crowdmap.accounts.models import Account, LoginSession
from crowdmap.accounts.passwords import digest, hash_password, new_secret
from crowdmap.accounts.roles import Role
from crowdmap.db import db, utcnow, writing
from crowdmap.dedupe.models import Suspicion
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.submit import Incoming, submit
from crowdmap.organisations.models import ApiKey, Organisation
from crowdmap.organisations.scopes import parse_options
from crowdmap.organisations.verbs import add_key, add_organisation
from crowdmap.reports.models import Report, Status

PORT_AU_PRINCE = (-72.335, 18.543)
LEOGANE = (-72.634, 18.511)
JACMEL = (-72.535, 18.234)

PASSWORD = "five wild geese over the bay"

_serial = itertools.count(1)


def make_report(*, at=PORT_AU_PRINCE, status="published", category="WAT", channel="api", external_id=None,
                source_key=None, network=None, verification="unverified", session=None, **fields) -> Report:  # fmt: skip
    """A committed report; *fields* are those of ReportDraft. ``at=None``: unplaced."""
    session = session or db.session
    number = next(_serial)
    fields.setdefault("description", f"Report number {number}")
    if at is not None:
        fields.update(lon=at[0], lat=at[1])
    draft = ReportDraft(category=category, **fields)
    receipt = submit(session, Incoming(
        draft, channel, external_id or f"test-{number}", {"text": fields["description"], "n": number},
        source_key=source_key or f"source-{number}", network=network, status=Status(status), verification=verification,
    ))  # fmt: skip
    session.commit()
    report = session.query(Report).filter_by(public_id=receipt.public_id).one()
    session.commit()  # or SQLite's one place to write would stay taken
    return report


def make_suspicion(a: Report, b: Report, score: float = 0.9, exact: bool = False, **told) -> Suspicion:
    """A committed pair as the worker finds it; *told* is what it says in words, such as ``metres=180``."""
    first, second = sorted((a.id, b.id))
    evidence = {"signals": {"words": score}, "told": told}
    suspicion = Suspicion(a_id=first, b_id=second, score=score, exact=exact, evidence=evidence)
    db.session.add(suspicion)
    db.session.commit()
    return suspicion


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def make_account(role: Role | str = Role.MODERATOR, *, email: str | None = None, name: str | None = None) -> Account:
    """A committed account whose password is PASSWORD. Needs an application context (fixture `session`)."""
    role = Role(role)
    email = email or f"{role}{next(_serial)}@example.org"
    account = Account(email=email, name=name or email.partition("@")[0], role=role, password_hash=_password_hash())
    with writing():
        db.session.add(account)
        db.session.commit()
    return account


def sign_in(client, account: Account, **columns):
    """Sign the client in and let it send the form token with each request; returns the client.

    No password is hashed for it: a row of `session` is made, as signing in makes one (*columns* over its own).
    """
    key, now = new_secret(), utcnow()
    columns = {"created_at": now, "seen_at": now, "device": "Test", **columns}
    with writing():
        db.session.add(LoginSession(key_hash=digest(key), account_id=account.id, **columns))
        db.session.commit()
    app = client.application
    client.set_cookie(sessions.cookie_name(app, "sign_in"), key)
    signer = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token")
    client.environ_base["HTTP_X_CSRFTOKEN"] = signer.dumps(sessions.form_token(key))
    return client


def make_organisation(slug: str = "wash", *, approve: bool = True) -> Organisation:
    """A committed organisation. Needs an application context (fixture `session`)."""
    with writing():
        organisation = add_organisation(slug.title(), slug, approve=approve)
        db.session.commit()
    return organisation


def make_key(*options: str, slug: str = "wash", **more) -> tuple[ApiKey, str]:
    """A committed key and its text; *options* are its scope as on the command line. The organisation is made, approved,
    where there is none."""
    with writing():
        if db.session.query(Organisation).filter_by(slug=slug).one_or_none() is None:
            make_organisation(slug)
        key, text = add_key(slug, parse_options(options), **more)
        db.session.commit()
    return key, text


def bearer(text: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {text}"}


def ids(collection: dict) -> list[str]:
    """The ids of a feature collection, in order."""
    return [feature["id"] for feature in collection["features"]]
