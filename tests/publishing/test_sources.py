"""How many sources speak: a truth table."""

import pytest

from crowdmap.publishing.hook import distinct_sources

PHONE, OTHER, DEVICE, ELSEWHERE = b"phone", b"other phone", b"device", b"another device"


@pytest.mark.parametrize("sent, sources", [
    ([], 0),
    ([(1, DEVICE, DEVICE)], 1),
    ([(1, DEVICE, DEVICE), (2, DEVICE, DEVICE)], 1),
    ([(1, DEVICE, DEVICE), (2, ELSEWHERE, ELSEWHERE)], 2),
    ([(1, PHONE, DEVICE), (2, DEVICE, DEVICE)], 1),  # the reporter says "me too" without a number
    ([(1, DEVICE, DEVICE), (2, PHONE, DEVICE)], 1),  # the other way round
    ([(1, PHONE, DEVICE), (2, OTHER, DEVICE)], 2),  # two people behind one network
    ([(1, PHONE, DEVICE), (2, OTHER, DEVICE), (3, DEVICE, DEVICE)], 2),
    ([(1, PHONE, DEVICE), (2, PHONE, ELSEWHERE)], 1),  # one telephone number, two networks
    ([(1, PHONE, DEVICE), (2, ELSEWHERE, ELSEWHERE)], 2),
    ([(1, None, None), (2, None, None)], 2),  # nobody knows
    ([(1, PHONE, None), (2, DEVICE, None)], 2),  # from before the device was kept
    ([(1, DEVICE, None), (2, DEVICE, DEVICE)], 1),
])  # fmt: skip
def test_sources_are_counted_once(sent, sources):
    assert distinct_sources(sent) == sources
    assert distinct_sources(reversed(sent)) == sources


@pytest.mark.parametrize("told", [[(1, PHONE, DEVICE)], [(1, PHONE, None)], [(1, OTHER, DEVICE), (2, PHONE, ELSEWHERE)]])
def test_outside_the_team_a_number_counts_as_any_other_that_is_typed_elsewhere(told):
    counts = {distinct_sources([*told, (9, guess, b"a third device")], by_device=True) for guess in (PHONE, OTHER, b"nobody's")}
    assert counts == {distinct_sources(told, by_device=True) + 1}


@pytest.mark.parametrize("sent, sources", [
    ([(1, DEVICE, DEVICE), (2, DEVICE, DEVICE), (3, DEVICE, None)], 1),
    ([(1, PHONE, DEVICE), (2, DEVICE, DEVICE), (3, PHONE, DEVICE)], 1),
    ([(1, PHONE, DEVICE), (2, OTHER, DEVICE)], 2),
    ([(1, None, None), (2, None, None)], 2),
])  # fmt: skip
def test_outside_the_team_a_device_counts_once_all_the_same(sent, sources):
    assert distinct_sources(sent, by_device=True) == distinct_sources(reversed(sent), by_device=True) == sources
