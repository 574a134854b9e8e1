"""A receiver of webhooks in a thread: it keeps what comes, and answers as a test says."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# made for these tests, for hooks.example.org and a name in punycode; it opens nothing
CERTIFICATE, KEY = (Path(__file__).parent / "tls" / name for name in ("hooks.pem", "hooks.key.pem"))


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> dict:
        return json.loads(self.raw)

    @property
    def data(self) -> dict:
        return self.body["data"]

    @property
    def ids(self) -> list[str]:
        return [feature["id"] for feature in self.data["features"]]


class Receiver:
    """``messages``: the changes that came. ``answer``: status of the answers to them, or a function that is given the
    handler and answers itself. ``echo``: False, or what it does with a challenge."""

    def __init__(self, tls: bool = False):
        self.messages: list[Received] = []
        self.challenges: list[Received] = []
        self.answer: int | Callable = 200
        self.echo: bool | Callable = True
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver._take(self)

            def do_GET(self):
                receiver.messages.append(Received(self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # whoever hangs up in the middle is what some tests are about
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE, KEY)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _take(self, handler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        came = Received(handler.path, {name.lower(): value for name, value in handler.headers.items()}, raw)
        if came.body.get("type") == "subscription.challenge":
            self.challenges.append(came)
            if callable(self.echo):
                return self.echo(handler)
            answer = {"challenge": came.body["challenge"]} if self.echo else {"thanks": True}
            return say(handler, 200, json.dumps(answer).encode())
        self.messages.append(came)
        return self.answer(handler) if callable(self.answer) else say(handler, self.answer)


def say(handler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
