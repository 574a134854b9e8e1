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
