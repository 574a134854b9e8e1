"""Agreement as pure functions."""

import pytest

from crowdmap.tasks.agreement import alpha, closest, rate, spread, together


def test_alpha_is_krippendorffs():
    """The nominal example of K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), part B: two observers,
    twelve units of which ten hold both, alpha 0.692; and C: four observers with gaps, alpha 0.743."""
    two = zip("a a b b d c c c e d d a".split(), "b a b b b c c c e d d d".split(), strict=True)
    assert alpha(two) == pytest.approx(0.692, abs=0.001)
    four = (
        "1 2 3 3 2 1 4 1 2 . . .".split(), "1 2 3 3 2 2 4 1 2 5 . 3".split(),
        ". 3 3 3 2 3 4 2 2 5 1 .".split(), "1 2 3 3 2 4 4 1 2 5 1 .".split(),
    )  # fmt: skip
    assert alpha([[v for v in unit if v != "."] for unit in zip(*four, strict=True)]) == pytest.approx(0.743, abs=0.001)


@pytest.mark.parametrize("units", [[], [["a"]], [["a", "a"], ["a", "a"]]])
def test_alpha_of_what_tells_nothing_is_none(units):
    assert alpha(units) is None


def test_rate_counts_pairs():
    assert rate([["a", "a"], ["a", "b"], ["c"]]) == 0.5 and rate([["a"]]) is None


def point(metres_north: float, accuracy: float = 100, how: str = "pin") -> dict:
    return {"lon": -72.3, "lat": 18.5 + metres_north / 111_195, "accuracy_m": accuracy, "how": how}


def test_the_two_nearest_of_three_agree_within_the_distance():
    a, b, c = point(0), point(500), point(650)
    assert closest([a, b, c], 200) == (b, c) and closest([a, b], 200) is None and closest([a], 200) is None


@pytest.mark.parametrize(
    ("a", "b", "north", "accuracy", "how"),
    [
        (point(0), point(100), 50, 150, "pin"),
        (point(0), point(150), 75, 175, "pin"),
        (point(0, 20), point(100, 30), 50, 80, "pin"),  # farther apart than both circles
        (point(0, 10), point(100, 300), 0, 400, "pin"),  # one of them knows it much better
        (point(0, 300, "gazetteer"), point(0, 300, "gazetteer"), 0, 300, "gazetteer"),
        (point(0, 300, "gazetteer"), point(50, 200, "pin"), 25, 325, "pin"),
    ],
)
def test_one_place_of_two(a, b, north, accuracy, how):
    found = together(a, b)
    assert (found["lat"] - 18.5) * 111_195 == pytest.approx(north, abs=1)
    assert found["accuracy_m"] == pytest.approx(accuracy, abs=1) and found["how"] == how
    assert together(b, a) == found


def test_one_place_of_two_on_both_sides_of_the_antimeridian():
    found = together({**point(0), "lon": 179.9995}, {**point(0), "lon": -179.9995})
    assert abs(found["lon"]) == pytest.approx(180)


def test_spread():
    assert spread([]) == (None, None) and spread([4]) == (4, 4)
    assert spread([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) == (6, 10)
