"""From the category words of a source to the codes and the kind of this crisis."""

import csv
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crowdmap.errors import DomainError
from crowdmap.publishing.masks import unescaped
from crowdmap.reports.crisis import FALLBACK

NUMBERED = re.compile(r"\s*(\d+)([a-z]*)\.\s*", re.IGNORECASE)
KINDS = {"need": "need", "offer": "offer", "damage": "damage", "hazard": "damage", "information": "information"}


class InvalidMapping(DomainError):
    code, title = "invalid-mapping", "The category mapping could not be used"


@dataclass(frozen=True)
class Known:
    """A category of this crisis: all its names and what it says of a report."""

    code: str
    kind: str
    names: tuple[str, ...]
    parent: str | None = None


@dataclass(frozen=True)
class Choice:
    kind: str
    category: str
    categories: tuple[str, ...]  # all codes, the primary first
    unknown: tuple[str, ...] = ()  # labels nobody knows; they went to OTH


def key(label: str) -> str:
    """The form in which names are compared: no case, accents, entities or punctuation."""
    text = unicodedata.normalize("NFKD", unescaped(label).casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in text if not unicodedata.combining(c))))


class CategoryBook:
    """Finds the categories of a row. *mapping*: source label → (code, kind), from a mapping file."""

    def __init__(self, known: Iterable[Known], mapping: dict[str, tuple[str, str]] | None = None):
        self.known = {category.code: category for category in known}
        self.mapping = {key(label): value for label, value in (mapping or {}).items()}
        self.parents = {category.parent for category in self.known.values() if category.parent}
        self._names: dict[str, str] = {}
        for category in self.known.values():
            for name in (category.code, *category.names):
                self._names.setdefault(key(name), category.code)
        self._labels: dict[str, tuple[str, ...]] = {}
        self._choices: dict[tuple[str, ...], Choice] = {}

    def labels(self, text: str) -> tuple[str, ...]:
        """Split at commas, but not inside a known name that has commas itself."""
        if text not in self._labels:
            self._labels[text] = tuple(self._split(text))
        return self._labels[text]

    def _split(self, text: str) -> list[str]:
        parts, found = [part.strip() for part in text.split(",")], []
        while parts:
            for size in range(len(parts), 0, -1):
                label = ", ".join(parts[:size])
                if size == 1 or key(label) in self.mapping or key(NUMBERED.sub("", label, count=1)) in self._names:
                    break
            if label.strip():
                found.append(label)
            parts = parts[size:]
        return found

    def choose(self, labels: Iterable[str]) -> Choice:
        """Primary = the first that is no parent in the source's order (if all are parents: the first); kind = need if
        any category is a need, else the primary's."""
        labels = tuple(labels)
        if labels not in self._choices:
            self._choices[labels] = self._choose(labels)
        return self._choices[labels]

    def _choose(self, labels: tuple[str, ...]) -> Choice:
        found, unknown = [], []
        for label in labels:
            code, kind = self._look_up(label)
            if code is None:
                unknown.append(label)
                code, kind = FALLBACK, self._kind(FALLBACK)
            found.append((code, kind, self._is_parent(label, code)))
        if not found:
            return Choice(self._kind(FALLBACK), FALLBACK, (FALLBACK,), ("",))
        primary = next((item for item in found if not item[2]), found[0])
        kind = "need" if any(item[1] == "need" for item in found) else primary[1]
        codes = dict.fromkeys([primary[0], *(item[0] for item in found)])
        return Choice(kind, primary[0], tuple(codes), tuple(unknown))

    def _look_up(self, label: str) -> tuple[str | None, str]:
        """Mapping first, then the whole label, then its words without the number, then each language's half."""
        code, kind = self.mapping.get(key(label), (None, ""))
        if code in self.known:
            return code, kind
        bare = NUMBERED.sub("", label, count=1)
        for words in (label, bare, *bare.split("|")[::-1]):
            found = self._names.get(key(words))
            if found:
                return found, kind or self._kind(found)
        return None, ""

    def _is_parent(self, label: str, code: str) -> bool:
        numbered = NUMBERED.match(label)
        return not numbered[2] if numbered else code in self.parents

    def _kind(self, code: str) -> str:
        return str(self.known[code].kind) if code in self.known else "information"


def read_mapping(path: Path) -> dict[str, tuple[str, str]]:
    """A CSV with the columns category, kind, code → {category: (code, kind)}. Raises InvalidMapping."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"category", "kind", "code"} - set(reader.fieldnames or ())
            if missing:
                raise InvalidMapping(f"{path.name}: the column {sorted(missing)[0]} is missing")
            mapping = {}
            for row in reader:
                kind = KINDS.get((row["kind"] or "").strip().casefold())
                if kind is None:
                    raise InvalidMapping(
                        f"{path.name} line {reader.line_num}: kind {row['kind']!r} is none of {', '.join(KINDS)}"
                    )
                mapping[row["category"].strip()] = ((row["code"] or "").strip(), kind)
            return mapping
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidMapping(f"{path.name} could not be read: {error}") from error
