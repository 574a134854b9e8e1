"""The picture in the README, taken of the demonstration's invented reports in a real browser.

`.venv/bin/python -m tests.journeys.test_picture` takes it anew into docs/map.png.
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from crowdmap import demo
from crowdmap.reports import crisis

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURE = ROOT / "docs" / "map.png"
HERE = "CROWDMAP_TEST_PICTURE"  # where the test leaves it; else in its own temporary folder
VIEW = "/#map=11/18.5300/-72.3900"
MOST_BYTES = 300_000
COLOURS = 128
AREA = ",".join(map(str, crisis.read(crisis.DEFAULT).area.as_list()))


@pytest.mark.databases("sqlite")
@pytest.mark.settings(AREA=AREA, TITLE="Haiti earthquake (demonstration)", TIMEZONE="America/Port-au-Prince")
def test_the_map_of_the_demonstration(session, live_server, new_page, tmp_path):
    demo.make_accounts()
    demo.make_reports(900, seed=1)
    page = new_page(width=1280, height=760)
    with page.expect_response("**/countries-50m.json"), page.expect_response("**/map/coast.geojson", timeout=30_000):
        page.goto(live_server.url + VIEW)
    expect(page.locator("#live[data-state=live]")).to_be_visible()
    expect(page.locator("#list-body .report-row").first).to_be_visible()
    expect(page.locator(".leaflet-marker-pane > *").first).to_be_visible()
    page.wait_for_timeout(1000)  # the coast is drawn, what was fading in is there
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    assert len(picture.getcolors(1 << 24)) > 500  # not an empty page
    out = Path(os.environ.get(HERE) or tmp_path / "map.png")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)
    assert out.stat().st_size <= MOST_BYTES


def test_the_picture_in_the_readme_is_small_enough():
    assert PICTURE.stat().st_size <= MOST_BYTES
    assert Image.open(PICTURE).width >= 1000


if __name__ == "__main__":
    chosen = f"{__file__}::test_the_map_of_the_demonstration"
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", "-q", chosen], env={**os.environ, HERE: str(PICTURE)}, cwd=ROOT).returncode)
