"""Which addresses a webhook may have, and which machines may be reached: the open internet by https, nothing inside.

A name is looked up once; if any of its addresses is not public nothing is sent, and the connection goes to an address
that was looked at (SAFETY: a name that answers otherwise the second time gains nothing).
"""

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask_babel import gettext as _

from crowdmap.errors import FieldError, ValidationFailed

MOST_CHARACTERS = 2000
PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ODD = re.compile(r"[^\x21-\x7e]|[\\\"<>^`{|}]")

# Beside what Python's ipaddress says: it differs between versions, and takes some of these for global.
NOT_PUBLIC = tuple(map(ipaddress.ip_network, (
    "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3",
    "2001::/23",  # Teredo, ORCHID and other protocols' own
    "2001:db8::/32", "2002::/16",  # 6to4 holds an IPv4 address
    "3fff::/20",
)))  # fmt: skip
UNICAST = ipaddress.ip_network("2000::/3")  # outside: mapped and compatible IPv4, NAT64, link-local, unique local, …


@dataclass(frozen=True)
class Target:
    """Where to post. *trusted*: the operator named it in WEBHOOK_ALLOW, so it may be private, plain, on any port."""

    scheme: str
    host: str
    port: int
    path: str
    trusted: bool = False

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


class NoAddress(Exception):
    """The name leads nowhere."""


class NotPublic(Exception):
    """The name leads to a machine that may not be reached from here."""


def parse(text: str, allowed: frozenset[tuple[str, int]]) -> Target:
    """The address of a receiver. Raises ValidationFailed naming ``url``. Nothing is looked up."""
    if len(text) > MOST_CHARACTERS:
        raise _wrong("too-long", _("At most %(n)s characters.", n=MOST_CHARACTERS))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong("not-an-address", _("This is no address such as https://example.org/hook.")) from None
    host = _one_spelling(host)
    rest = text.partition("://")[2].partition("/")[2] + parts.query + parts.fragment
    if parts.scheme not in PORTS or not host or _ODD.search(rest) or any(ord(c) <= 0x20 or ord(c) == 0x7F for c in text):
        raise _wrong("not-an-address", _("This is no address such as https://example.org/hook."))
    if "@" in parts.netloc:
        raise _wrong("user", _("An address with a user or password is not taken: what we send is signed instead."))
    if "#" in text:
        raise _wrong("fragment", _("Leave out # and what follows: it is never sent."))
    port = PORTS[parts.scheme] if port is None else port
    trusted = (host, port) in allowed
    if not trusted:
        if parts.scheme != "https" or port != 443:
            raise _wrong("not-https", _("Only https on its usual port 443 is taken."))
        if (literal := _literal(host)) and not is_public(literal):
            raise _wrong("not-public", _("This address is not on the public internet."))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, trusted)


def _wrong(code: str, words: str) -> ValidationFailed:
    return ValidationFailed([FieldError("url", code, words)])


def _one_spelling(host: str) -> str:
    """In lower case and in punycode, which shows a look-alike for what it is; "" for what is no host."""
    host = host.rstrip(".").lower()
    if _literal(host):
        return str(_literal(host))
    try:
        host = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return host if _NAME.fullmatch(host) and len(host) <= 253 else ""


def _literal(host: str):
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it belongs to the open internet and to one machine."""
    if address.version == 6 and (address not in UNICAST or address.scope_id):
        return False
    if any(address in network for network in NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def look_up(host: str, port: int) -> list[tuple]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def resolve(target: Target, seconds: float) -> list[tuple]:
    """→ (family, socket address) pairs, all of which may be reached. Looks up once, for at most so many seconds.

    Raises NoAddress, NotPublic, TimeoutError. getaddrinfo knows no timeout: a slow one ends in a thread of its own.
    """
    found: list = []

    def ask():
        try:
            found.extend(look_up(target.host, target.port))
        except (OSError, UnicodeError):
            pass

    thread = threading.Thread(target=ask, name="webhook-look-up", daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if thread.is_alive():
        raise TimeoutError
    answers = [(family, address) for family, _type, _protocol, _name, address in found]
    if not answers:
        raise NoAddress
    if not target.trusted and not all(_may_be_reached(address[0]) for _family, address in answers):
        raise NotPublic
    return answers


def _may_be_reached(text: str) -> bool:
    literal = _literal(text)
    return literal is not None and is_public(literal)
