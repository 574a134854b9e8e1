"""How many answers a second a server gives: wrk (Debian's) on the loopback, every connection kept alive."""

import re
import shutil
import statistics
import subprocess
from pathlib import Path

CONNECTIONS, SECONDS, RUNS = 8, 3, 3


def rate(folder: Path, addresses: list[str], *, expect: int = 200, seconds: int = SECONDS, runs: int = RUNS, **headers: str) -> float:
    """Answers a second, the median of some runs; each address in its turn. Stops at an answer with another status."""
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is needed: apt-get install wrk")
    base = "/".join(addresses[0].split("/", 3)[:3])
    script = folder / "ask.lua"
    listed = ",\n".join(f"[==[{address.removeprefix(base)}]==]" for address in addresses)
    told = ",".join(f'["{name.replace("_", "-")}"]=[==[{value}]==]' for name, value in headers.items())
    script.write_text(f"""
local paths, headers, n, wrong = {{{listed}}}, {{{told}}}, 0, 0
request = function() n = n + 1; return wrk.format("GET", paths[(n - 1) % #paths + 1], headers) end
response = function(status) if status ~= {expect} then wrong = wrong + 1; print("WRONG " .. status) end end
""")
    found = []
    for _run in range(runs):
        command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "120s", "-s", str(script), base]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "WRONG" not in said and "Socket errors" not in said, said
        found.append(float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]))
    return statistics.median(found)
