"""A process that has loaded crowdmap and makes servers of itself: loading it anew for each of them, and for the worker
beside it, took two seconds of a processor, a hundred times.

What a child runs is the command line itself: `crowdmap serve`, its processes and its signals. Only that nothing is
imported for it is not as its users have it; test_demo and test_wheel start the command whole.
"""

import atexit
import contextlib
import contextvars
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = hasattr(os, "pidfd_open")  # Linux


class Nursery:
    """The process, started when first asked, ended with the tests."""

    def __init__(self):
        self._process = None
        self._guard = threading.Lock()

    def start(self, arguments: list[str], *, env: dict[str, str], log: Path) -> "Nursling":
        """`crowdmap` with *arguments*, in a session of its own, its output in *log*."""
        with self._guard:
            if self._process is None:
                atexit.register(self.stop)
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.nursery"],
                    cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
                )  # fmt: skip
            self._process.stdin.write(json.dumps({"arguments": arguments, "env": env, "log": str(log)}) + "\n")
            self._process.stdin.flush()
            return Nursling(int(self._process.stdout.readline()))

    def stop(self):
        """End it, and with it every server that is still there; safe to call twice."""
        with self._guard:
            if self._process is not None:
                self._process.stdin.close()
                self._process.wait(15)
                self._process.stdout.close()
                self._process = None


class Nursling:
    """A server that is no child of this process, with as much of subprocess.Popen as tests ask for. Its exit code is
    not known: 0 stands for "ended"."""

    def __init__(self, pid: int):
        self.pid = pid
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None

    def wait(self, timeout: float | None = None) -> int:
        if self._handle is not None:
            asked = select.poll()  # select() knows no handle above 1024
            asked.register(self._handle, select.POLLIN)
            if not asked.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("crowdmap serve", timeout)
            os.close(self._handle)
            self._handle = None
        return 0

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int):
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)


# --- in the process itself --------------------------------------------------------------------------------------


class Beside:
    """A forked child, with as much of subprocess.Popen as `crowdmap serve` asks for."""

    def __init__(self, work):
        self._returned = None
        self.pid = fork(work)

    def poll(self) -> int | None:
        if self._returned is None:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                    return None
            self._returned = 0
        return self._returned

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("crowdmap worker", timeout)
            time.sleep(0.01)
        return 0

    def send_signal(self, number: int):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def fork(work) -> int:
    """→ the process id of a child that does *work* in no context of ours, and then ends."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        code = contextvars.Context().run(work)
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else bool(code))


def _serve(order: dict) -> int:
    """In the child: become what was asked for."""
    from crowdmap import cli
    from tests.servers import die_with_parent

    die_with_parent()
    os.setsid()
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    os.closerange(3, 64)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)
    os.environ.clear()
    os.environ.update(order["env"])
    return cli.cli.main(order["arguments"], prog_name="crowdmap", standalone_mode=True)


def _start_worker() -> Beside:
    from crowdmap import cli

    server = os.getpid()

    def work():
        return cli.cli.main(["worker", "--with-parent", str(server)], prog_name="crowdmap", standalone_mode=True)

    return Beside(work)


def _load() -> None:
    """Everything that servers have in common, as far as it holds no connection and no thread."""
    import gc

    from sqlalchemy.orm import configure_mappers

    from crowdmap import cli, create_app, serve
    from tests import warm

    assert cli.FEATURES
    serve.start_worker = _start_worker
    warm.keep()
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"INSTANCE": Path(folder)})
        for name in app.jinja_env.list_templates():
            app.jinja_env.get_template(name)
    configure_mappers()
    while threading.active_count() > 1:  # a timer of flask-limiter's, which ends by itself
        time.sleep(0.005)
    gc.collect()
    gc.freeze()


def _reap(*_) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Until the tests' end of the pipe closes, in whichever way they ended; the servers then end with this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _load()
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        order = json.loads(line)
        print(fork(lambda: _serve(order)), file=answers, flush=True)


if __name__ == "__main__":
    main()
