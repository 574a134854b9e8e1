"""Which addresses are taken, and that no machine inside is ever reached, however the name is dressed up."""

import ipaddress
import socket
import ssl
import time

import pytest

from crowdmap import config
from crowdmap.alerts import addresses, outbound
from crowdmap.alerts.models import Outcome
from crowdmap.errors import ValidationFailed
from tests.alerts.receiver import CERTIFICATE, Receiver, say

pytestmark = pytest.mark.databases("sqlite")
NOBODY = frozenset()


@pytest.mark.parametrize(("text", "taken"), [
    ("https://example.org/hook", "https://example.org/hook"),
    ("https://EXAMPLE.org", "https://example.org/"),
    ("https://example.org:443/a?b=c&d=%20", "https://example.org/a?b=c&d=%20"),
    ("https://münchen.example.org/x", "https://xn--mnchen-3ya.example.org/x"),
    ("https://xn--mnchen-3ya.example.org/x", "https://xn--mnchen-3ya.example.org/x"),
    ("https://раураl.example/", "https://xn--l-7sba6dbr.example/"),  # Cyrillic, shown for what it is
    ("https://8.8.8.8/x", "https://8.8.8.8/x"),
    ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
    ("https://example.org./x", "https://example.org/x"),
])  # fmt: skip
def test_good_addresses_have_one_spelling(session, text, taken):
    assert addresses.parse(text, NOBODY).url == taken


@pytest.mark.parametrize(("text", "code"), [
    ("", "not-an-address"), ("example.org", "not-an-address"), ("https://", "not-an-address"), ("https:///x", "not-an-address"),
    ("ftp://example.org/", "not-an-address"), ("javascript:alert(1)", "not-an-address"), ("file:///etc/passwd", "not-an-address"),
    ("https://[::1", "not-an-address"), ("https://exa mple.org/", "not-an-address"), ("https://a..b/", "not-an-address"),
    ("https://example.org:99999/", "not-an-address"), ("https://example.org:x/", "not-an-address"),
    ("https://example.org/a b", "not-an-address"), ("https://example.org/é", "not-an-address"),
    ("https://example.org/\r\nX-Injected: 1", "not-an-address"), ("https://example.org/\tx", "not-an-address"),
    ("https://exam\nple.org/", "not-an-address"), ("https://example.org\\.evil.example/", "not-an-address"),
    ("https://example.org/%0d%0a\x00", "not-an-address"), ("https://" + "a" * 64 + ".org/", "not-an-address"),
    ("http://example.org/", "not-https"), ("https://example.org:8443/", "not-https"), ("https://example.org:80/", "not-https"),
    ("https://me:secret@example.org/", "user"), ("https://example.org@evil.example/", "user"),
    ("https://example.org\\@evil.example/", "user"),
    ("https://example.org/#x", "fragment"), ("https://example.org/#", "fragment"),
    ("https://127.0.0.1/", "not-public"), ("https://[::1]/", "not-public"), ("https://10.1.2.3/", "not-public"),
    ("https://[::ffff:8.8.8.8]/", "not-public"), ("https://169.254.169.254/latest/meta-data", "not-public"),
    ("https://example.org/" + "x" * 2000, "too-long"),
])  # fmt: skip
def test_other_addresses_are_refused_by_name(session, text, code):
    with pytest.raises(ValidationFailed) as refused:
        addresses.parse(text, NOBODY)
    assert [(fault.field, fault.code) for fault in refused.value.errors] == [("url", code)]


@pytest.mark.parametrize("text", [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1",
    "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1",
])  # fmt: skip
def test_what_is_not_public(text):
    assert not addresses.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "100.63.0.1", "172.32.0.1", "193.0.6.139", "2606:4700::1", "2a00:1450::1"])
def test_what_is_public(text):
    assert addresses.is_public(ipaddress.ip_address(text))


# ---- what is sent where


@pytest.fixture
def own():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def trusted(receiver: Receiver, path: str = "/hook") -> addresses.Target:
    return addresses.Target("http", "127.0.0.1", receiver.port, path, trusted=True)


def answers(*texts):
    """A resolver: these addresses, each in its turn; the last for ever."""
    asked = []

    def look_up(host, port):
        asked.append(host)
        text = texts[min(len(asked), len(texts)) - 1]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in text.split()]

    return look_up, asked


def send(target, **options) -> outbound.Answer:
    return outbound.post(target, {"Content-Type": "application/json"}, b'{"type":"reports.changed"}', **options)


@pytest.mark.parametrize("leads_to", ["127.0.0.1", "8.8.8.8 127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "10.0.0.1"])
def test_a_name_that_leads_inside_is_not_reached(own, monkeypatch, leads_to):
    look_up, asked = answers(leads_to)
    monkeypatch.setattr(addresses, "look_up", look_up)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connected"))
    answer = send(addresses.Target("https", "inside.example.org", own.port, "/"))
    assert answer.outcome is Outcome.NOT_PUBLIC and asked == ["inside.example.org"]


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f.1", "2130706433", "017700000001"])
def test_other_spellings_of_this_machine_are_not_reached(session, own, host):
    target = addresses.parse(f"https://{host}/", NOBODY)
    assert send(target).outcome in (Outcome.NOT_PUBLIC, Outcome.NO_ADDRESS)
    assert own.messages == []


def test_a_name_that_answers_otherwise_the_second_time_gains_nothing(own, monkeypatch):
    """DNS rebinding: public when it is looked at, this machine when it is connected to."""
    look_up, asked = answers("8.8.8.8", "127.0.0.1")
    monkeypatch.setattr(addresses, "look_up", look_up)
    reached = []

    def connect(_socket, address):
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    answer = send(addresses.Target("https", "rebinding.example.org", 443, "/"))
    assert answer.outcome is Outcome.UNREACHABLE
    assert asked == ["rebinding.example.org"] and reached == [("8.8.8.8", 443)]


def test_redirects_are_not_followed(own):
    other = Receiver()
    own.answer = lambda handler: say(handler, 307, Location=other.url)
    answer = send(trusted(own))
    other.stop()
    assert (answer.outcome, answer.status, other.messages) == (Outcome.REDIRECT, 307, [])


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_no_proxy_of_the_environment_is_used(own, monkeypatch, name):
    proxy = Receiver()
    monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert send(trusted(own)).outcome is Outcome.OK
    proxy.stop()
    assert len(own.messages) == 1 and proxy.messages == []


def endless(handler):
    """A gigabyte."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**9))
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x" * 10**6)


def endless_chunks(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")


@pytest.mark.parametrize(("answer", "outcome"), [(endless, "ok"), (endless_chunks, "no-http"), (endless_headers, "ok")])
def test_at_most_64_kb_of_an_answer_are_read(own, answer, outcome):
    own.answer = answer
    began = time.monotonic()
    told = send(trusted(own), read=True)
    assert len(told.body) <= 64 * 1024 and time.monotonic() - began < 4
    assert told.outcome == outcome  # what matters of it, the status, was in the first line


def drip(handler):
    """Each byte comes within any time-out that is counted anew."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 100:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


@pytest.mark.parametrize("answer", [drip, lambda handler: time.sleep(10)])
def test_it_takes_five_seconds_in_all(own, monkeypatch, answer):
    assert outbound.LIMIT_S == 5
    monkeypatch.setattr(outbound, "LIMIT_S", 0.6)
    own.answer = answer
    told = send(trusted(own), read=True)
    assert told.outcome is Outcome.TIMEOUT and 500 <= told.ms < 4000


def test_a_slow_name_server_is_part_of_them(own, monkeypatch):
    monkeypatch.setattr(outbound, "LIMIT_S", 0.3)
    monkeypatch.setattr(addresses, "look_up", lambda *_: time.sleep(2) or [])
    assert send(trusted(own)).outcome is Outcome.TIMEOUT


def test_what_is_no_answer_is_told_apart(own, monkeypatch):
    own.answer = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert send(trusted(own)).outcome is Outcome.NO_HTTP
    own.answer = lambda handler: None  # hangs up
    assert send(trusted(own)).outcome is Outcome.NO_HTTP
    for status, outcome in ((200, "ok"), (204, "ok"), (301, "redirect"), (404, "status"), (410, "gone"), (500, "status")):
        own.answer = status
        assert send(trusted(own)).outcome == outcome
    own.stop()
    assert send(trusted(own)).outcome is Outcome.UNREACHABLE
    monkeypatch.setattr(addresses, "look_up", lambda *_: [])
    assert send(trusted(own)).outcome is Outcome.NO_ADDRESS


def test_a_second_address_is_tried_where_the_first_does_not_answer(own, monkeypatch):
    look_up, _asked = answers("::1 127.0.0.1")
    monkeypatch.setattr(addresses, "look_up", look_up)
    assert send(trusted(own)).outcome is Outcome.OK and len(own.messages) == 1


@pytest.mark.parametrize(("host", "outcome"), [
    ("hooks.example.org", "ok"), ("xn--mnchen-3ya.example.org", "ok"), ("other.example.org", "certificate"), ("127.0.0.1", "certificate"),
])  # fmt: skip
def test_the_certificate_must_be_the_names(monkeypatch, host, outcome):
    receiver = Receiver(tls=True)
    context = ssl.create_default_context(cafile=CERTIFICATE)
    monkeypatch.setattr(outbound, "tls_context", lambda: context)
    monkeypatch.setattr(addresses, "look_up", answers("127.0.0.1")[0])
    answer = send(addresses.Target("https", host, receiver.port, "/", trusted=True))
    receiver.stop()
    assert answer.outcome == outcome and len(receiver.messages) == (outcome == "ok")
    if outcome == "ok":
        assert receiver.messages[0].headers["host"] == f"{host}:{receiver.port}"


def test_an_unknown_authority_is_refused(monkeypatch):
    receiver = Receiver(tls=True)
    monkeypatch.setattr(addresses, "look_up", answers("127.0.0.1")[0])
    answer = send(addresses.Target("https", "hooks.example.org", receiver.port, "/", trusted=True))
    receiver.stop()
    assert (answer.outcome, receiver.messages) == (Outcome.CERTIFICATE, [])


@pytest.mark.parametrize(("text", "pairs"), [
    ("", set()), ("localhost:9000", {("localhost", 9000)}), (" A.example:80 , [::1]:9000 ", {("a.example", 80), ("::1", 9000)}),
])  # fmt: skip
def test_the_setting_names_hosts_with_ports(tmp_path, text, pairs):
    assert config.load({"INSTANCE": tmp_path, "WEBHOOK_ALLOW": text}).WEBHOOK_ALLOW == pairs


@pytest.mark.parametrize("text", ["localhost", "localhost:", ":80", "localhost:x", "localhost:0", "localhost:70000"])
def test_other_settings_stop_the_start(tmp_path, text):
    with pytest.raises(config.SettingError, match="WEBHOOK_ALLOW"):
        config.load({"INSTANCE": tmp_path, "WEBHOOK_ALLOW": text})


def test_what_is_allowed_may_be_private_and_plain(session):
    allowed = frozenset({("10.0.0.5", 9000)})
    assert addresses.parse("http://10.0.0.5:9000/x", allowed).trusted
    for text in ("http://10.0.0.5/x", "http://10.0.0.6:9000/x", "https://10.0.0.5/"):
        with pytest.raises(ValidationFailed):
            addresses.parse(text, allowed)
