"""Every setting, in one place: its name, its default, its meaning.

Values come from ``CROWDMAP_<NAME>`` in the environment, else from ``crowdmap.toml`` in the instance folder, else
from here. Nobody else reads the environment.
"""

import os
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import current_app

from crowdmap.geo import Bbox


class SettingError(Exception):
    """A setting cannot be used; the message names it and says what to do."""


def _switch(value) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in {"on", "yes", "true", "1"}:
        return True
    if text in {"off", "no", "false", "0", ""}:
        return False
    raise ValueError("say on or off")


def _bbox(value) -> Bbox | None:
    if value in (None, ""):
        return None
    if isinstance(value, Bbox):
        return value
    return Bbox(*map(float, value)) if isinstance(value, (list, tuple)) else Bbox.parse(value)


def _zone(value) -> str:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a known time zone, such as America/Port-au-Prince") from None
    return str(value)


def _languages(value) -> tuple[str, ...]:
    items = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return tuple(item.strip() for item in items if item.strip()) or ("en",)


def _one_of(*allowed: str) -> Callable:
    def check(value):
        if value not in allowed:
            raise ValueError("say one of " + ", ".join(allowed))
        return value

    return check


def _count(value) -> int:
    number = int(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _share(value) -> float:
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError("a share lies between 0 and 1")
    return number


def _from_one(value) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _language(value) -> str:
    text = str(value).strip().lower()
    if not (text.isascii() and text.isalpha() and 2 <= len(text) <= 3):
        raise ValueError("a language is two or three letters, such as fr")
    return text


def _places(value) -> frozenset[tuple[str, int]]:
    """host:port, separated by commas, as (host, port) pairs."""
    items = value if isinstance(value, (list, tuple, frozenset)) else str(value or "").split(",")
    places = set()
    for text in filter(None, (str(item).strip() for item in items)):
        host, _colon, port = text.rpartition(":")
        if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
            raise ValueError(f"{text} is not host:port, such as localhost:9000 or [::1]:9000")
        places.add((host.strip("[]").lower(), int(port)))
    return frozenset(places)


def _regions(value) -> tuple[str, ...]:
    items = value if isinstance(value, (list, tuple)) else str(value).split(",")
    codes = tuple(item.strip().upper() for item in items if item.strip())
    for code in codes:
        if not (len(code) == 2 and code.isascii() and code.isalpha()):
            raise ValueError(f"{code} is not a country's two letters, such as HT")
    return codes


def _id_length(value) -> int:
    number = int(value)
    if not 4 <= number <= 40:
        raise ValueError("say a number from 4 to 40")
    return number


@dataclass(frozen=True)
class Setting:
    name: str
    default: Any
    help: str
    parse: Callable[[Any], Any] = str


SETTINGS = (
    Setting("INSTANCE", "instance", "folder of this crisis: settings, secret key, embedded database", Path),
    Setting("DATABASE_URL", "", "sqlite:///path or postgresql+psycopg://…; empty: crowdmap.db in INSTANCE"),
    Setting("SECRET_KEY", "", "signs tokens and cookies; empty: made once and kept in INSTANCE/secret_key"),
    Setting("PUBLIC_URL", "http://127.0.0.1:8000", "address under which people reach this map", lambda v: str(v).rstrip("/")),
    Setting("TITLE", "Crisis map", "name of the crisis, shown on every page"),
    Setting("AREA", "", "west,south,east,north of the crisis; reports outside wait for a moderator", _bbox),
    Setting("TIMEZONE", "UTC", "zone of dates that come without one", _zone),
    Setting("DATA_LICENSE", "https://creativecommons.org/licenses/by/4.0/", "licence of the data in feeds, an address"),
    Setting("ATTRIBUTION", "the people who reported, and crowdmap", "whom users of the data must name"),
    Setting("LANGUAGES", "en", "languages offered, in order, separated by commas", _languages),
    Setting("TILE_URL", "", "raster tiles, https://…/{z}/{x}/{y}.png; empty: coast and borders only"),
    Setting("TILE_ATTRIBUTION", "", "credit for the tiles"),
    Setting("RATE_LIMITS", True, "on or off", _switch),
    Setting("TRUSTED_PROXIES", 0, "how many proxies in front may set X-Forwarded-*", _count),
    Setting("MIN_FILL_SECONDS", 3, "a form sent sooner than this is looked at as a machine's", _count),
    Setting(
        "MODERATION", "before", "reports are checked before they are published, or after, which needs triage rules",
        _one_of("before", "after"),
    ),
    Setting("FLOOD_PER_MINUTE", 30, "when more messages come in a minute, nothing is published unread; 0: never is", _count),
    Setting("FLOOD_PER_SOURCE", 10, "the same for messages of one source in ten minutes", _count),
    Setting("FLOOD_PER_NETWORK", 30, "the same for messages of one network in ten minutes: a whole camp may share it", _count),
    Setting("HOLD_NETWORK", True, "while a device is held, all from its network waits for a person: on or off", _switch),
    Setting("JOIN", "invitation", "who may join as a volunteer: invitation or open", _one_of("invitation", "open")),
    Setting(
        "PHONE_REGIONS", "", "countries whose telephone numbers are known in texts: HT,DO; empty: the country of TIMEZONE", _regions
    ),
    Setting("ID_LENGTH", 5, "letters and digits that a number after a word such as CIN or passport has at least to be masked", _id_length),
    Setting("WORKING_LANGUAGE", "en", "language that moderators and agencies read: messages in another one are translated into it", _language),
    Setting("WORK_SAMPLE", 0.1, "share of the reports that two volunteers categorise without seeing the category, 0 to 1", _share),
    Setting("WORK_LEASE_MINUTES", 5, "how long a volunteer's task is theirs; then it returns by itself", _from_one),
    Setting("WORK_PER_HOUR", 120, "tasks that one volunteer may take in an hour", _from_one),
    Setting("WORK_UNLOCK", 3, "practice messages to do well before the real work of a kind is open", _count),
    Setting("THREADS", 128, "threads of a server process; live streams may hold half of them", _count),
    Setting("WEBHOOK_ALLOW", "", "receivers of webhooks that may be private, without https, on any port: host:port, …", _places),
    Setting("METRICS_TOKEN", "", "bearer token for /metrics from elsewhere than this machine"),
    Setting("CHROMIUM", "", "path of the browser for the browser tests"),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
OF_COMMANDS = {"KEY"}  # read by an option of `crowdmap follow`; no instance has it


class Settings(SimpleNamespace):
    """The parsed values as attributes by name."""


def load(overrides: dict[str, Any] | None = None) -> Settings:
    """Read every setting; *overrides* (name → value) win. Raises SettingError."""
    given = dict(overrides or {})
    for name in given:
        if name not in BY_NAME:
            raise SettingError(f"there is no setting {name}")
    instance = Path(given.get("INSTANCE") or os.environ.get("CROWDMAP_INSTANCE") or "instance").absolute()
    instance.mkdir(parents=True, exist_ok=True)
    written = _read_toml(instance / "crowdmap.toml")
    values = {}
    for setting in SETTINGS:
        raw = given.get(setting.name)
        if raw is None:
            raw = os.environ.get("CROWDMAP_" + setting.name)
        if raw is None:
            raw = written.get(setting.name.lower(), setting.default)
        try:
            values[setting.name] = setting.parse(raw)
        except SettingError:
            raise
        except Exception as error:
            raise SettingError(f"CROWDMAP_{setting.name}: {error}") from error
    values["INSTANCE"] = instance
    values["DATABASE_URL"] = values["DATABASE_URL"] or f"sqlite:///{instance / 'crowdmap.db'}"
    values["SECRET_KEY"] = values["SECRET_KEY"] or _secret_key(instance / "secret_key")
    return Settings(**values)


def unknown_in_environment() -> list[str]:
    """Names that look like settings and are none: a typing error would otherwise be silent."""
    known = BY_NAME.keys() | OF_COMMANDS
    return sorted(n for n in os.environ if n.startswith("CROWDMAP_") and n.removeprefix("CROWDMAP_") not in known)


def settings() -> Settings:
    """Those of the running application."""
    return current_app.config["CROWDMAP"]


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} could not be read: {error}") from error
    for name in written:
        if name.upper() not in BY_NAME:
            raise SettingError(f"{path}: there is no setting {name}")
    return written


def stored(instance: Path) -> dict[str, Any]:
    """What ``crowdmap.toml`` of an instance says, lower-case names → values; empty where there is none."""
    return _read_toml(Path(instance) / "crowdmap.toml")


def write(instance: Path, values: dict[str, Any]) -> Path:
    """Write settings (lower-case names → str, number, bool or list) to ``crowdmap.toml``, keeping what is there."""
    path = Path(instance) / "crowdmap.toml"
    merged = {**_read_toml(path), **values}

    def literal(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return repr(value)
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(literal(item) for item in value) + "]"
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name} = {literal(value)}\n" for name, value in merged.items()), encoding="utf-8")
    return path


def _secret_key(path: Path) -> str:
    """Made once, readable by its owner only; linked into place whole, so that processes starting together agree."""
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            fresh.unlink()
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:
        raise SettingError(f"{path} is too short for a secret key; remove it and a new one is made")
    return key
