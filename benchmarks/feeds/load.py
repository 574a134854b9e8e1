"""How many answers a second a server gives: wrk (Debian's) on the loopback, every connection kept alive."""

import re
import shutil
import statistics
import subprocess
from pathlib import Path

CONNECTIONS, SECONDS, RUNS = 8, 3, 3
MOST_OF_304 = 4_000  # bytes, headers and all


def rate(folder: Path, addresses: list[str], *, expect: int = 200, seconds: int = SECONDS, runs: int = RUNS, **headers: str) -> float:
    """Answers a second, the median of some runs; each address in its turn. Stops at an answer with another status: wrk tells
    of those from 400 on, and 200 and 304 are told apart by their length. A script that looks at each answer would have wrk
    copy them all, and at a thousand large pages a second that is half of what is measured."""
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is needed: apt-get install wrk")
    base = "/".join(addresses[0].split("/", 3)[:3])
    script = folder / "ask.lua"
    listed = ",\n".join(f"[==[{address.removeprefix(base)}]==]" for address in addresses)
    told = ",".join(f'["{name.replace("_", "-")}"]=[==[{value}]==]' for name, value in headers.items())
    script.write_text(f"""
local paths, headers, n = {{{listed}}}, {{{told}}}, 0
request = function() n = n + 1; return wrk.format("GET", paths[(n - 1) % #paths + 1], headers) end
done = function(summary) print(string.format("BYTES %d ANSWERS %d WRONG %d", summary.bytes, summary.requests, summary.errors.status)) end
""")
    found = []
    for _run in range(runs):
        command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "120s", "-s", str(script), base]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        size, answers, wrong = map(int, re.search(r"BYTES (\d+) ANSWERS (\d+) WRONG (\d+)", said).groups())
        assert not wrong and "Socket errors" not in said and answers, said
        assert (size / answers < MOST_OF_304) == (expect == 304), said
        found.append(float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]))
    return statistics.median(found)
