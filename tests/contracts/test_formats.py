"""What holds for every format, each read back by a tool of its own world: the same reports for the same question, page by
page; hostile words stay words; an empty layer is a layer; what comes in passes through little memory."""

import re
import shutil
import subprocess
from dataclasses import replace

import orjson
import pytest

from crowdmap.feeds.formats import FORMATS, SWITCHES, Collection, switches_of
from crowdmap.geo import Extent
from crowdmap.publishing.project import PROPERTIES
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, make_report
from tests.conftest import missing
from tests.contracts.formats_read import READERS

HOSTILE = (
    "=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", "]]>", "<![CDATA[x]]>", "a\u0001b\u000bc\u001fd\u007f",
    "\ufffe\uffff", '"', "'", '"";""', "first\nsecond\n\nthird", "\u202eesrever\u202c", "🚰💧", "</script><script>alert(1)</script>",
    "&amp; &#0; &lt;", "<!-- --> <?php ?>", "\\u0000 \\", "x" * 10_000, "水 ماء ውሃ", "{{7*7}} ${7*7} %s", "NaN", "\u2028\u2029",
    "a,b;c\td", "--", "#meta+id",
)  # fmt: skip
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
QUESTIONS = ("", "kind=need", "bbox=-72.4,18.5,-72.3,18.6", "q=pump", "placed=no", "status=all", "kind=offer&q=nothing")


def test_every_format_has_a_reader_here():
    assert list(READERS) == list(FORMATS)


@pytest.fixture
def reports(session):
    found = [
        make_report(at=PORT_AU_PRINCE, description="The pump is broken", people=60, quantity=2.5, unit="tanks"),
        make_report(at=LEOGANE, title="Road blocked", category="ROAD", kind="damage", verification="verified"),
        make_report(at=JACMEL, category="FDP", kind="offer", occurred_at="2010-01-12T22:00:00Z"),
        make_report(at=None, place="somewhere"),
        make_report(at=(179.5, -17.2), category="ROAD", kind="damage"),
    ]
    found[2].status = "closed"
    session.commit()
    return found


def read(client, tmp_path, suffix: str, query: str = "", layer: str = "all") -> list:
    answer = client.get(f"/feeds/{layer}.{suffix}?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == FORMATS[suffix].MEDIA_TYPE
    return READERS[suffix](answer.data, tmp_path)


def test_the_same_question_finds_the_same_reports_in_every_format(client, reports, tmp_path):
    for query in QUESTIONS:
        expected = read(client, tmp_path, "geojson", query)
        for suffix in FORMATS:
            told = read(client, tmp_path, suffix, query)
            found = [(one.id, one.lon, one.lat) for one in told]
            assert found == [(one.id, one.lon, one.lat) for one in expected], (suffix, query)
    assert {suffix: len(read(client, tmp_path, suffix, "status=all")) for suffix in FORMATS} == dict.fromkeys(FORMATS, 5)


@pytest.mark.parametrize("suffix", FORMATS)
def test_pages_follow_each_other_in_every_format(client, reports, tmp_path, suffix):
    seen, query = [], "limit=2&status=all"
    while True:
        answer = client.get(f"/feeds/all.{suffix}?{query}")
        told = READERS[suffix](answer.data, tmp_path)
        seen += [one.id for one in told]
        following = re.search(r'<[^>]*\?([^>]*)>; rel="next"', ", ".join(answer.headers.getlist("Link")))
        if not following:
            break
        assert len(told) == 2
        query = following[1]
    assert seen == [report.public_id for report in reversed(reports)]


@pytest.mark.parametrize("limit", ["", "limit=all", "limit=10"])
def test_an_empty_layer_is_a_layer(client, session, tmp_path, limit):
    assert {suffix: read(client, tmp_path, suffix, limit, "offers") for suffix in FORMATS} == {suffix: [] for suffix in FORMATS}


def test_hostile_words_stay_words(client, session, tmp_path):
    reports = [make_report(title="t", description="d", place="p") for _ in HOSTILE]
    for report, words in zip(reports, HOSTILE, strict=True):  # as from a row older than today's checks
        report.description, report.title, report.place = words, words[:200], words[:200]
    session.commit()
    for suffix in FORMATS:
        told = {one.id: one.text for one in read(client, tmp_path, suffix, "limit=all")}
        for report, words in zip(reports, HOSTILE, strict=True):
            assert expected(suffix, words) in told[report.public_id], (suffix, words[:50])
            if suffix == "csv":
                assert not told[report.public_id].startswith(("=", "+", "-", "@", "\t", "\r", "＝"))


def expected(suffix: str, words: str) -> str:
    return NOT_XML.sub("", words) if suffix in ("kml", "atom") else words


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_stands_around_is_hostile_too(client, app, session, tmp_path, suffix):
    settings = app.config["CROWDMAP"]
    settings.TITLE = settings.ATTRIBUTION = "]]> <b>\"&' \u0001 =1"
    make_report()
    assert len(read(client, tmp_path, suffix)) == 1


def made(number: int) -> bytes:
    """A feature as it is stored."""
    told = dict.fromkeys(PROPERTIES) | {
        "kind": "need", "category": "WAT", "categories": ["WAT"], "description": f"Report {number}", "status": "published",
        "verification": "unverified", "voices": 1, "claimed": False, "source": "web", "seq": number,
        "created_at": "2010-01-12T22:00:00Z", "updated_at": "2010-01-12T22:00:00Z", "photos": [],
        "url": f"https://map.example.org/reports/r{number}",
    }  # fmt: skip
    return orjson.dumps({"type": "Feature", "id": f"r{number}", "geometry": None, "properties": told})


def around(suffix: str, **more) -> Collection:
    switches = {switch.name: switch.default for switch in FORMATS[suffix].PARAMETERS}
    told = Collection(
        title="Crisis", links=[], license="https://example.org/licence", attribution="people", time_stamp="2010-01-12T22:00:00Z",
        matched=0, returned=0, seq=7, layer="needs", address="https://map.example.org/feeds/needs", extent=Extent(),
        identity="https://map.example.org/feeds/needs", switches=switches,
    )  # fmt: skip
    return replace(told, **more)


@pytest.mark.parametrize("suffix", FORMATS)
def test_features_are_taken_as_the_answer_goes_on(tmp_path, monkeypatch, suffix):
    form, taken = FORMATS[suffix], []
    if form.WHOLE:
        monkeypatch.setattr(form, "BATCH", 300)

    def features():
        for number in range(3000):
            taken.append(number)
            yield made(number)

    pieces, data = form.encode(features(), around(suffix)), b""
    for piece in pieces:
        data += piece
        assert form.WHOLE or len(taken) <= 1000 or len(data) > 100_000  # never far ahead of what was sent
    assert len(taken) == 3000 and len(READERS[suffix](data, tmp_path)) == 3000


@pytest.mark.parametrize("suffix", FORMATS)
def test_nothing_is_left_when_a_reader_goes_away_or_a_row_is_broken(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pieces = FORMATS[suffix].encode(map(made, range(2000)), around(suffix))
    assert next(pieces)
    assert not list(tmp_path.iterdir())
    pieces.close()

    def broken():
        yield made(1)
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError):
        list(FORMATS[suffix].encode(broken(), around(suffix)))
    assert not list(tmp_path.iterdir())


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_format_knows_its_own_switches_and_no_other(client, session, suffix):
    for name in SWITCHES:
        answer = client.get(f"/feeds/all.{suffix}?{name}=1")
        if name in switches_of(FORMATS[suffix]):
            assert answer.status_code == 200
            for wrong in (f"{name}=yes", f"{name}=2", f"{name}=1&{name}=0", f"{name}=%D9%A1"):
                refused = client.get(f"/feeds/all.{suffix}?{wrong}")
                assert refused.status_code == 400 and refused.get_json()["errors"][0]["field"] == name
        else:
            assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == name


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("limit", ["", "limit=all"])
def test_every_format_names_its_licence_its_kin_and_a_validator(client, session, monkeypatch, suffix, limit):
    make_report(kind="need")
    answer = client.get(f"/feeds/needs.{suffix}?category=WAT&{limit}")
    links = ", ".join(answer.headers.getlist("Link"))
    assert 'rel="license"' in links
    for other, form in FORMATS.items():
        told = f'/feeds/needs.{other}?category=WAT{"&" + limit if limit else ""}>; rel="alternate"; type="{form.MEDIA_TYPE}"'
        assert (told in links) == (other != suffix)
    assert answer.headers["Access-Control-Allow-Origin"] == "*" and "Set-Cookie" not in answer.headers
    validator = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(answer.request.full_path, headers=validator).status_code == 304
    monkeypatch.setattr("crowdmap.feeds.cache.Body.spent", lambda *_: 0)  # on a busy machine an answer a second old is right
    make_report(kind="need")
    again = client.get(answer.request.full_path, headers=validator)
    assert again.status_code == 200 and len(again.data) >= len(answer.data)
    disposition = again.headers.get("Content-Disposition", "")
    assert disposition == (f'attachment; filename="needs.{suffix}"' if FORMATS[suffix].ATTACHED else "")


@pytest.mark.databases("sqlite")
def test_a_long_question_does_not_make_headers_that_a_proxy_refuses(client, session):
    answer = client.get("/feeds/all.geojson", query_string={"area": ["a" * 200] * 20})
    assert sum(len(link) for link in answer.headers.getlist("Link")) < 2000
    assert len([link for link in answer.get_json()["links"] if link["rel"] == "alternate"]) == len(FORMATS)


def ogr(*words: str, cwd) -> str:
    if not shutil.which(words[0]):
        missing("ogrinfo was not found (Debian: apt-get install gdal-bin)")
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert words[0] != "ogrinfo" or "Warning" not in done.stderr, done.stderr
    return done.stdout


def layer_in(folder, path) -> str:
    """The name of the first layer."""
    return re.search(r"^1: (.+?)(?: \([^()]*\))*$", ogr("ogrinfo", "-ro", str(path), cwd=folder), re.MULTILINE)[1]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("suffix", FORMATS)
def test_gdal_reads_every_format(client, reports, tmp_path, suffix):
    path = tmp_path / f"layer.{suffix}"
    path.write_bytes(client.get(f"/feeds/all.{suffix}?limit=all&status=all" + ("&hxl=0" if suffix == "csv" else "")).data)
    names = ["-oo", "X_POSSIBLE_NAMES=Longitude", "-oo", "Y_POSSIBLE_NAMES=Latitude"] if suffix == "csv" else []
    told = ogr("ogrinfo", "-ro", "-so", *names, str(path), layer_in(tmp_path, path), cwd=tmp_path)
    assert "Feature Count: 5" in told
    west, south, east, _north = map(float, re.search(r"Extent: \((\S+), (\S+)\) - \((\S+), (\S+)\)", told).groups())
    assert (round(south, 4), round(east, 4)) == (-17.2, 179.5) and west < -72
    if suffix in ("kml", "gpkg", "geojson"):
        assert re.search(r"^voices: Integer", told, re.MULTILINE) and re.search(r"^quantity: Real", told, re.MULTILINE)
    made = tmp_path / "copy.gpkg"
    ogr("ogr2ogr", "-f", "GPKG", str(made), *names, str(path), cwd=tmp_path)
    assert made.stat().st_size > 10_000
