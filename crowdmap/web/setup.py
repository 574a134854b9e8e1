"""Wires the helpers into an application, in the order in which a request meets them."""

import ipaddress
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from crowdmap.config import BY_NAME
from crowdmap.db import MOST_ID
from crowdmap.errors import UnknownHost
from crowdmap.web import forgery, headers
from crowdmap.web.access import actor, brings_key, check_access
from crowdmap.web.bodies import MAX_JSON, check_address, check_form
from crowdmap.web.limits import limiter

# Names that no stranger can register and point at this machine (RFC 6762, RFC 8375, and what routers hand out).
LOCAL_SUFFIXES = (".local", ".lan", ".home.arpa", ".internal", ".localhost")


def check_host() -> None:
    """Before each request: only names this map is known by. Raises UnknownHost."""
    host = urlsplit("//" + request.host).hostname or ""
    if host not in current_app.extensions["crowdmap_hosts"] and not _is_local(host):
        raise UnknownHost()


def identify() -> None:
    """Before each request: find out who calls while no transaction is open. Open data asks for nobody but keys."""
    if request.url_rule is None or request.endpoint == "static":
        return
    if brings_key():
        g.key = current_app.extensions["crowdmap_key_of_request"]()  # of crowdmap.organisations
    elif not headers.is_open_data():
        actor()


def _is_local(host: str) -> bool:
    """Unconfigured, on a laptop in the field: any address by number, and names of the local network."""
    loopback_only = current_app.extensions["crowdmap_hosts"] > LOOPBACK
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return not loopback_only and ("." not in host or host.endswith(LOCAL_SUFFIXES))
    return ip.is_loopback or not loopback_only


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def known_hosts(public_url: str) -> frozenset[str]:
    """The host of PUBLIC_URL beside loopback; loopback alone while PUBLIC_URL is left at its default."""
    host = urlsplit(public_url).hostname
    configured = public_url != BY_NAME["PUBLIC_URL"].default and host
    return LOOPBACK | {host} if configured else LOOPBACK


class RowNumber(IntegerConverter):
    """``<int:…>`` in a path, as far as a database has such numbers; beyond them there is nothing, which is a 404."""

    def __init__(self, map, fixed_digits=0, min=None, max=MOST_ID, signed=False):
        super().__init__(map, fixed_digits, min, max, signed)


def init_app(app: Flask) -> None:
    """Proxies, limits of size and rate, host, origin, permission; headers on the way out."""
    settings = app.config["CROWDMAP"]
    if settings.TRUSTED_PROXIES:
        hops = settings.TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
    app.url_map.converters["int"] = RowNumber
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_JSON
    app.extensions["crowdmap_hosts"] = known_hosts(settings.PUBLIC_URL)
    app.before_request(check_host)
    app.before_request(check_address)
    app.before_request(identify)
    app.before_request(forgery.check_forgery)
    app.before_request(check_access)
    app.before_request(check_form)
    limiter.init_app(app)
    forgery.init_app(app)
    headers.init_app(app)
