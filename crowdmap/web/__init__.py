"""What views share: who may call them, how bodies are read, how answers are labelled. No feature, no table."""

from crowdmap.web.access import Access, Anonymous, Permission, access_of, actor, brings_key, open_data, permits, public
from crowdmap.web.answers import (
    absolute,
    add_links,
    conditional,
    etag_of,
    own_path,
    problem_response,
    shareable,
    url_with,
    wants_json,
)
from crowdmap.web.bodies import MAX_JSON, parse_json, read_form, read_json, validate
from crowdmap.web.headers import is_open_data
from crowdmap.web.limits import client_device, client_source, hold_to, keyed_hash, limited
from crowdmap.web.setup import init_app

__all__ = [
    "MAX_JSON", "Access", "Anonymous", "Permission", "absolute", "access_of", "actor", "add_links", "brings_key",
    "client_device", "client_source", "conditional", "etag_of", "hold_to", "init_app", "is_open_data", "keyed_hash", "limited",
    "open_data", "own_path", "parse_json", "permits", "problem_response", "public", "read_form", "read_json",
    "shareable", "url_with", "validate", "wants_json",
]
