"""How often one source may ask. Counted per process in memory: a brake on floods, not an account of anybody."""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable

from flask import g, request
from flask_babel import gettext as _
from flask_limiter import Limiter
from limits import RateLimitItemPerMinute, parse_many

from crowdmap.config import settings
from crowdmap.errors import TooMany

# Generous, because the people of a whole camp share one address; a moderator's review is the real filter.
LIMITS = {
    "submit": "60 per 10 minutes;600 per day",
    "login": "30 per 5 minutes",
    "join": "20 per hour",
    "duplicates": "120 per minute",
    "track": "60 per minute",
    "subscriptions": "30 per minute",
}


def keyed_hash(purpose: str, text: str) -> str:
    """HMAC-SHA256 in hex under a key of its own for each purpose, derived from SECRET_KEY."""
    secret = settings().SECRET_KEY.encode()
    key = hmac.digest(secret, b"crowdmap:" + purpose.encode(), "sha256")
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def source_network(address: str | None) -> str:
    """The /24 or /64 an address belongs to, as text; "local" where there is none (a Unix socket)."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "local"
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 64}", strict=False))


def client_source() -> str:
    """Who asks, for limits only: a keyed hash of the network. The address itself is never stored."""
    return keyed_hash("source", source_network(request.remote_addr))[:32]


def client_device() -> str:
    """Who sends, coarsely: the network and the kind of program. Hashed before it is stored, and used only so that one
    device does not count as many voices."""
    return f"{client_source()} {request.user_agent.string[:200]}"


limiter = Limiter(key_func=client_source, storage_uri="memory://", headers_enabled=False)


def limited(name: str, methods: tuple[str, ...] = ("POST",)) -> Callable:
    """Hold a view to ``LIMITS[name]`` for these methods. Over it: 429 with Retry-After. RATE_LIMITS=off lifts it."""
    if "GET" in methods:
        methods = (*methods, "HEAD")  # it does the same work, and tells by its length
    hold = limiter.shared_limit(
        LIMITS[name],
        scope=name,
        methods=list(methods),
        exempt_when=lambda: not settings().RATE_LIMITS,
        # all others are counted before their work, so that nobody gets more by asking many at once
        deduct_when=(lambda _response: not g.get("uncounted", False)) if name == "submit" else None,
    )

    def limit(view: Callable) -> Callable:
        held = hold(view)
        held.limited = (name, methods)  # for the contract tests
        return held

    return limit


def uncounted() -> None:
    """This request does not count against the limit of its view: it asked back, and nothing was kept."""
    g.uncounted = True


def spend(name: str) -> bool:
    """Count one against ``LIMITS[name]`` for work that another view is limited for; False where nothing is left."""
    if not settings().RATE_LIMITS:
        return True
    return all([limiter.limiter.hit(limit, client_source(), name) for limit in parse_many(LIMITS[name])])


def hold_to(per_minute: int, scope: str, who: str) -> None:
    """Count one request of *who*; raises TooMany beyond *per_minute*. RATE_LIMITS=off lifts it."""
    if not settings().RATE_LIMITS:
        return
    item = RateLimitItemPerMinute(per_minute)
    if not limiter.limiter.hit(item, scope, who):
        error = TooMany(_("At most %(n)s requests a minute are taken. Please wait a little.", n=per_minute))
        error.retry_after = max(1, int(limiter.limiter.get_window_stats(item, scope, who).reset_time - time.time()) + 1)
        raise error


def too_many() -> TooMany:
    """The error for a breached limit, with the seconds to wait."""
    error = TooMany()
    if limiter.current_limit:
        error.retry_after = max(1, int(limiter.current_limit.reset_at - time.time()) + 1)
    return error
