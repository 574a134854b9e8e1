"""The production server: gunicorn with threads, and the worker beside it in a process of its own."""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

from flask import Flask
from gunicorn.app.base import BaseApplication

from crowdmap import create_app, jobs
from crowdmap.db import db
from crowdmap.web import slow

THREADS = 128  # streams may hold half of them
GRACE_S = 10
ASKING_S = 20  # without a byte of a question that has begun; then it is over
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # as glibc's <malloc.h> has them


class Server(BaseApplication):
    """gunicorn, configured from here instead of from files."""

    def __init__(self, options: dict, overrides: dict | None = None):
        self.options, self.overrides = options, overrides
        super().__init__()

    def load_config(self):
        for key, value in self.options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        return create_app(self.overrides)


def run(host: str, port: int, *, workers: int = 2, threads: int = THREADS, worker: bool = True, quiet: bool = False):
    """Serve until a signal ends it. The worker process is started and ended with the server."""
    os.environ["CROWDMAP_THREADS"] = str(threads)
    beside = start_worker() if worker else None
    options = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "timeout": 60,
        "graceful_timeout": GRACE_S,
        "keepalive": 15,
        "max_requests": 0,
        "accesslog": None,  # an access log would keep who looked at what; a proxy in front may, by its own policy
        "loglevel": "warning" if quiet else "info",
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        "control_socket_disable": True,  # one file in the home folder, shared by every server of the user
        "post_worker_init": _set_up_worker,
        "on_exit": lambda server: stop_worker(beside),
        "forwarded_allow_ips": "127.0.0.1,::1",
        "forwarder_headers": "",  # a proxy that hands on what a stranger wrote would let them move the addresses (SCRIPT_NAME)
        "limit_request_line": 8190,
    }
    try:
        Server(options).run()
    finally:
        stop_worker(beside)


def _set_up_worker(worker) -> None:
    slow.init_app(worker.app.callable)
    _wait_no_longer(worker)
    share_the_memory()
    _let_streams_end(worker)
    spare_the_collector()


def _wait_no_longer(worker) -> None:
    """gunicorn reads a question without any limit of time, and whoever sends one letter would hold a thread for good. Linux
    hands this on from a listening socket to each connection."""
    for listening in worker.sockets:
        listening.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", ASKING_S, 0))
    worker.log.error_log.addFilter(lambda told: not (told.exc_info and isinstance(told.exc_info[1], BlockingIOError)))


def spare_the_collector() -> None:
    """What is there once the application is loaded stays for good: looking through it all again takes 90 ms, now and
    then, in the middle of somebody's answer."""
    gc.collect()
    gc.freeze()


def share_the_memory() -> None:
    """glibc gives each few threads a heap of their own, and what one of them has freed is no other's: a third more for 128
    threads that each made a large answer once. Python lets one of them work at a time anyway. What is large comes from the
    system and goes back to it (mallopt(3)). Elsewhere there is no such call."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, 2 << 20), (_M_TRIM_THRESHOLD, 8 << 20)):
            mallopt(parameter, value)


def _let_streams_end(worker) -> None:
    """Streams end by themselves when the worker is told to stop, instead of holding it for the whole grace."""
    worker.app.callable.extensions["crowdmap_streams"].stopping = lambda: not worker.alive


def start_worker() -> subprocess.Popen:
    command = [sys.executable, "-c", "from crowdmap.cli import main; main()", "worker", "--with-parent", str(os.getpid())]
    return subprocess.Popen(command, start_new_session=True)


def stop_worker(process: subprocess.Popen | None) -> None:
    if process is not None and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()


def run_worker(app: Flask, *, with_parent: int | None = None) -> None:
    """The worker's loop until SIGTERM or SIGINT; *with_parent*: also when the server of this process id, which started
    it, is gone. By its id, for it may have been killed before this process looks who its parent is."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if with_parent is not None:

        def watch():
            while not stop.wait(2):
                if os.getppid() != with_parent:
                    stop.set()

        threading.Thread(target=watch, daemon=True).start()
    jobs.run(app, stop)
    with app.app_context():
        db.engine.dispose()
