"""Recipes: for any words, what is pasted means exactly the address it shows, in every language."""

import ast
import json
import re
import shlex
import shutil
import subprocess
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowdmap.feeds import quoting
from crowdmap.feeds.recipes import OUTLETS, RECIPES, Outlet, Recipe, Wanted, available, outlets, recipes

WORDS = (
    "plain", "O'Brien", 'say "water"', "$HOME", "`id`", "$(id)", "a\\b", "a\nb", "a\r\nb", "a\tb", "!!", "%s %d %PATH%", "#(lf)", "#{x}",
    "${x}", "{{x}}", "[a-z]{1,2}", "*?", "~", "&& id; id | id > x", "'; id; '", '"; id; "', "\\'", "\\\\", "水 🚰", "‮x", "\u2028", "</script>",
    "'''", '"""', "-o x", "a&b=c#d", "+ x", "\x7f", "é",
)  # fmt: skip
BASE = "https://map.example.org"


def wanted(words: str, **more) -> Wanted:
    return Wanted("needs", BASE, {"kind": "need", "q": words}, {"kind": "need", "q": words}, **more)


def everything(words: str) -> dict[str, str]:
    """Every recipe's text, also of what is not there in this crowdmap."""
    return {one.name: one.write(wanted(words)) for one in RECIPES}


def in_m(text: str) -> str:
    """What a text literal of Power Query's M means."""
    assert text[0] == text[-1] == '"'
    inner, out = text[1:-1], []
    for part in re.findall(r'""|#\([^)]*\)|[^"]', inner):
        names = {"#": "#", "lf": "\n", "cr": "\r", "tab": "\t"}
        out.append('"' if part == '""' else names[part[2:-1]] if part.startswith("#(") else part)
    return "".join(out)


def in_r(text: str) -> str:
    """What a string of R means (?Quotes); the escapes written here are those R knows."""
    assert text[0] == text[-1] == '"' and set(re.findall(r"\\(.)", text)) <= set('nrtbf"\\u')
    return json.loads(text)


@pytest.mark.parametrize("words", WORDS)
def test_each_language_reads_the_words_as_they_are(words):
    assert shlex.split(quoting.shell(words)) == [words]
    assert ast.literal_eval(quoting.python(words)) == words
    assert json.loads(quoting.script(words)) == words and quoting.script(words).isascii()
    assert in_r(quoting.r(words)) == words
    assert in_m(quoting.power_query(words)) == words


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
@settings(max_examples=200, deadline=None)
def test_each_language_reads_any_words_as_they_are(words):
    assert shlex.split(quoting.shell(words)) == [words]
    assert ast.literal_eval(quoting.python(words)) == words
    assert json.loads(quoting.script(words)) == words
    assert in_r(quoting.r(words)) == words
    assert in_m(quoting.power_query(words)) == words


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=50))
@settings(max_examples=100, deadline=None)
def test_an_address_has_no_sign_that_a_program_could_read_otherwise(words):
    assert re.fullmatch(r"https://[\w.:/?=&%,~-]+", wanted(words).feed("geojson"), re.ASCII)


@pytest.mark.parametrize("words", WORDS)
def test_a_shell_runs_one_command_with_these_words(words, tmp_path):
    """A real shell, in which every command only writes down what it was given."""
    for name in ("curl", "ogr2ogr", "crowdmap", "id"):
        stub = tmp_path / name
        stub.write_text('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done >> "$OUT"\nprintf "\\n--\\0" >> "$OUT"\n')
        stub.chmod(0o755)
    texts = everything(words)
    for name in ("curl", "ogr2ogr", "follow"):
        out = tmp_path / f"out-{name}"
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OUT": str(out), "HOME": "/nowhere"}
        subprocess.run(["sh", "-c", texts[name]], cwd=tmp_path, env=environment, check=True, timeout=20)
        *given, end, nothing = out.read_bytes().decode().split("\0")
        assert (end, nothing) == ("\n--", ""), "one command, once"
        (address,) = [word for word in given if word.startswith("https:")]
        path, query = wanted(words).feed("geojson").split("?")
        assert address.startswith(path + "?") and query in address
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("x")]


@pytest.mark.parametrize("words", WORDS)
def test_programs_hold_the_address_and_parse(words, tmp_path):
    texts = everything(words)
    for name in ("python", "requests"):
        literals = [node.value for node in ast.walk(ast.parse(texts[name])) if isinstance(node, ast.Constant)]
        assert [text for text in literals if str(text).startswith(wanted(words).feed("geojson"))], name
    assert wanted(words).feed("geojson") in in_r(re.search(r"st_read\((.*)\)", texts["r"])[1])
    assert wanted(words).feed("csv") in in_m(re.search(r"Web\.Contents\((.*)\)", texts["excel"])[1])
    assert re.fullmatch(r"https://[\w.:/?=&%,~-]+", texts["webhook"], re.ASCII)
    assert dict(parse_qsl(texts["webhook"].partition("?")[2]))["q"] == words
    for name in ("leaflet", "maplibre"):
        assert "innerHTML" not in texts[name]
        if node := shutil.which("node"):
            program = tmp_path / f"{name}.js"
            program.write_text(texts[name], encoding="utf-8")
            subprocess.run([node, "--check", program], check=True, timeout=20)


@pytest.mark.databases("sqlite")
def test_what_this_crowdmap_lacks_is_not_offered(app, session, monkeypatch):
    from crowdmap.feeds import recipes as module

    none = {"needs": ("route:/no/such",)}
    monkeypatch.setattr(module, "OUTLETS", (Outlet("there", "x", lambda w: w.base), Outlet("lacking", "x", lambda w: w.base, **none)))
    monkeypatch.setattr(module, "RECIPES", (Recipe("there", "x", lambda w: "y"), Recipe("lacking", "x", lambda w: "y", **none)))
    names = {one["name"] for one in outlets(app, wanted("x"))}
    assert "there" in names and "lacking" not in names
    assert [one["name"] for one in recipes(app, wanted("x"))] == ["there"]
    for need, there in [
        ("format:geojson", True), ("format:none", False), ("route:/feeds/changes", True), ("route:/none", False),
        ("module:crowdmap.feeds.stream", True), ("module:crowdmap.feeds.none", False),
    ]:  # fmt: skip
        assert available(app, (need,)) is there


@pytest.mark.databases("sqlite")
def test_names_are_unique_and_what_is_offered_answers(app, client, session):
    for some in (OUTLETS, RECIPES):
        assert len({one.name for one in some}) == len(some)
    here = Wanted("needs", "http://localhost", {"q": "water"}, {"kind": "need", "q": "water"})
    for one in outlets(app, here):
        if one["name"] != "stream":
            assert client.get(one["address"].removeprefix("http://localhost")).status_code == 200, one
    told = {one["name"] for one in recipes(app, here)}
    assert {"qgis", "python", "requests", "r", "curl", "ogr2ogr", "leaflet"} <= told
    moving = Wanted("all", "http://localhost", {"from": "-24h"}, {"from": "-24h"}, relative=True)
    assert not {"changes", "stream"} & {one["name"] for one in outlets(app, moving)}
