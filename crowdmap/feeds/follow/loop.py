"""The loop that keeps a copy in step, whatever happens to the map, the line between, or this process.

A copy keeps its features and how far it is (``State``) in one step, so it can be cut off anywhere. Applying a change
twice is harmless. That is all that exactness needs.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from crowdmap.feeds.follow.client import Away, Feature, Feed, NoStream, Page, Restart, State

POLL_S = 5
MOST_PAUSE_S = 60
TRIES_ONCE = 6  # where the copy is not to be kept, only brought up to date: half a minute


class Copy(Protocol):
    """What a copy can do. *state*: how far it is, None before the layer was taken. *rest*: seconds to gather changes for,
    where one more costs as much as many. Both writing calls are all or nothing, and raise Away to be asked again."""

    state: State | None
    rest: float

    def replace(self, batches: Iterable[list[Feature]], state: State) -> None:
        """Hold exactly these features from now on."""

    def apply(self, features: list[Feature], state: State) -> None:
        """Put these in place of what is there under their ids, or take them out where they are removals."""

    def __len__(self) -> int: ...

    def close(self) -> None: ...


class Follower:
    """Keeps *copy* in step with *feed*; *say* prints a line. Both name the same feed."""

    def __init__(self, feed: Feed, copy: Copy, say: Callable[[str], None], *, live: bool = True, poll_s: float = POLL_S):
        self.feed, self.copy, self.say, self.live, self.poll_s = feed, copy, say, live, poll_s
        self.tries = None

    def run(self, once: bool = False) -> None:
        """For ever, or with *once* until the copy is what the feed is now. Raises Refused; with *once* also Away."""
        self.tries = TRIES_ONCE if once else None
        begin = self.copy.state is None
        if not begin and self.copy.state.reader != self.feed.reader:  # other reports, other places, other numbers
            self.say("It was read with another key, or without one. The layer is taken again.")
            begin = True
        while True:
            try:
                if begin:
                    self.take_all()
                    begin = False
                self.catch_up()
                if once:
                    return
                self.listen()
            except Restart as reason:
                self.say(f"{reason} The layer is taken again.")
                begin = True
            except Away as error:  # a copy that could not take the layer
                if once:
                    raise
                self.say(f"{error}: trying again.")
                self.rest()

    def take_all(self) -> None:
        """The whole layer, page by page. What is published meanwhile is newer than the first page's seq, and stands in
        the changes after it."""
        first = self.ask(self.feed.page)
        state = self.feed.state(first)
        self.ask(self.feed.changes, state)  # a filter that has no changes is refused before anything is written
        self.copy.replace(self.pages(first), state)
        self.say(f"{len(self.copy)} reports, at {state.seq}")

    def pages(self, page: Page) -> Iterator[list[Feature]]:
        taken, matched = 0, page.members.get("numberMatched")
        while True:
            yield page.features
            taken += len(page.features)
            cursor = self.feed.after(page)
            if not cursor:
                return
            self.say(f"{taken} of {matched}")
            page = self.ask(self.feed.page, cursor)

    def catch_up(self) -> None:
        """Everything that changed since the copy's seq."""
        more = True
        while more:
            found = self.ask(self.feed.changes, self.copy.state)
            self.apply(found.features, found.members["seq"])
            more = found.members["more"]

    def listen(self) -> None:
        """The live stream for as long as it lasts; then, or without one, ask for changes every few seconds for a while."""
        wait = 0.0
        try:
            for features in self.feed.stream(self.copy.state) if self.live else ():
                self.apply(features, features[-1].seq)
                time.sleep(self.copy.rest)
        except NoStream as error:
            self.say(f"No live stream ({error}): asking every {self.poll_s:g} s.")
            wait = max(error.retry_after, 3 * self.poll_s)
        until = time.monotonic() + wait
        self.rest()
        while time.monotonic() < until:
            self.catch_up()
            self.rest()

    def rest(self) -> None:
        time.sleep(self.poll_s * random.uniform(0.8, 1.2))

    def apply(self, features: list[Feature], seq: int) -> None:
        state = replace(self.copy.state, seq=max(seq, self.copy.state.seq))
        if state == self.copy.state:
            return
        self.ask(self.copy.apply, features, state)
        gone = sum(feature.removed for feature in features)
        if features:
            self.say(f"{len(features) - gone} changed, {gone} removed; {len(self.copy)} reports, at {state.seq}")

    def ask(self, question: Callable, *given):
        """The answer, however long it takes: pauses double up to a minute, each a little random, and are never shorter
        than asked for. Raises Away when there were too many."""
        tries, pause = 0, 1.0
        while True:
            try:
                return question(*given)
            except Away as error:
                tries += 1
                if self.tries and tries >= self.tries:
                    raise
                wait = max(error.retry_after, pause * random.uniform(0.5, 1))
                self.say(f"{error}: trying again in {wait:.0f} s.")
                time.sleep(wait)
                pause = min(2 * pause, MOST_PAUSE_S)
