"""What looking through a text costs grows with its length and not faster: a text eight times as long takes eight times as
long, whatever it is made of. No time is asserted; both are measured on the same machine, one after the other."""

import time

import pytest

from crowdmap.publishing import marks
from crowdmap.publishing.finders.rules import Rules
from crowdmap.publishing.masks import mask

RULES = Rules(regions=("HT", "NC"))
SHORT, TIMES = 300, 8
ALLOWED = TIMES**1.5  # what is quadratic takes 64 times as long, what is cubic 512 times; 11 was the most that was measured
LONGEST = 10_000  # characters that a report may have
AGAIN = 5  # times that are measured once more before a ratio is believed, and the least of them counts

# what a mark begins with, so that a pattern goes on to what follows …
BEGINNINGS = (
    "", "1", "12", "1.111", "-1.111", "1.1111", "1.111 N", "1.111 nord", "1°", "1°1'", "1deg", "18d", "lat", "lat:", "lon is", "1.111, lat",
    "x=", "!3d", "18 32 35", "///a", "w3w", "google.com/maps/", "cin", "cin no", "id :", "passport number", "carte 1", "id A1", "a@", "a@b.",
    "a at", "a at b", "a at b dot", "a (at)", "a - at", "a_at_b", "my name", "my name is", "je m'", "mon nom c'est", "name:", "signed",
    "signed by", "Mr", "Mr.", "M.", "rue Mr A", "Dr A de", "mwen rele", "123456", "1234567", "1234567 ext", "+", "(+", "1:2", "12|34",
    "2010-01-01", "1,000", "sms id 1", "1 sms", "1 id no", "[1234", "9710964", "call", "tel 37,", "rele 1", "37, 12",
    "37l2", "&#", "&#0", "%2", "CCCC2222", "22CC+", "77C3 GMX8 +", "A1 12 ",
)  # fmt: skip
# … and what it goes through again and again where two parts of it can share that out in more than one way
FILLERS = (
    " ", "\n", " \n", "\t ", "-", "(", ".", "a", "1", "/", ":", "'", "_", "+", "a ", "1 ", "a-", "1-", "A ", "A.", "a.", "a@", "at ", "dot ",
    " is", "no ", "de ", "1.", "°", "1°", "N ", ",", ", ", "=", "#", "·", "́", "'a", "*a", "?a", "O", "l", "O1 ", "lO ", "1, ", "12, ",
    "C", "C ", "&", "&#",
)  # fmt: skip

# what whole marks, or the beginnings of many, look like one after the other
PIECES = (
    "my name is ", "mwen rele ", "mr ", "Mr. A. ", "signed, ", "M. A", "name:", "Mme Jean ", "my name is de la ", "m rele *",
    "id ", "id no ", "carte card number ", "CIN 1", "CIN 12-", "passport A", "id 12345-a", "cin:cin:", "A1B2C3-", "ABC-",
    "2+", "22+", "773PG4VQ", "FFFF+", "1 2 3 4 5 6 ", "123456 ", "12-34-56, ", "123456a", "26 05 00 ", "35 000 000 ", "+", "+1",
    "a", "1 ", "1.", "a@", "a at ", "12°", "1,", "(", "lat ", "a.b.", "-at-", "    ", "\n", "ﷺ", "1 ext ", "1/1/1",
    "+ ", "9", "18.5432, ", "///a.b", "a-at-b", "1 - ", "-1.234a",
)  # fmt: skip


def _took(text: str, times: int = 1) -> float:
    """Processor time of this thread, in seconds, the least of *times*."""
    least = float("inf")
    for _ in range(times):
        begun = time.thread_time()
        mask(text, RULES)
        marks.in_text(text)
        least = min(least, time.thread_time() - begun)
    return least


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_text_eight_times_as_long_takes_about_eight_times_as_long(beginning):
    mask("26 05 00", RULES)  # what is loaded once
    for filler in FILLERS:
        _grows_with_its_length(*((beginning + filler * size)[:size] + "x" for size in (SHORT, SHORT * TIMES)))


@pytest.mark.parametrize("piece", PIECES)
def test_so_does_a_text_of_marks_as_long_as_any_may_be(piece):
    mask("26 05 00", RULES)
    _grows_with_its_length(*((piece * size)[:size] for size in (LONGEST // TIMES, LONGEST)))


def _grows_with_its_length(short: str, long: str) -> None:
    if _took(long) > ALLOWED * _took(short):
        assert _took(long, AGAIN) < ALLOWED * _took(short, AGAIN), long[:60]
