"""Pseudonyms for the people and things in a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

PERSON = "Person"
NOUNS: Mapping[str, str] = {
    "face": PERSON,
    "head": PERSON,
    "person": PERSON,
    "plate": "Vehicle",
    "vehicle": "Vehicle",
    "text": "Text",
    "frame": "Whole picture",
    "sound": "Sound",
}
OTHER_NOUN = "Object"
"""For classes from a user's own model, whose names may themselves reveal too much."""


def noun(label: str) -> str:
    """The noun in the pseudonyms of a class."""
    return NOUNS.get(label, OTHER_NOUN)


class SubjectGroups:
    """Disjoint sets of things marked as the same person or thing (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def join(self, one: Hashable, other: Hashable) -> None:
        """Merge the groups of these two."""
        self._parent[self.of(one)] = self.of(other)

    def of(self, thing: Hashable) -> Hashable:
        """A representative that is the same for every member of the group of ``thing``."""
        while (parent := self._parent.get(thing, thing)) != thing:
            thing = parent
        return thing


def pseudonyms(appearances: Iterable[tuple[Hashable, str]], groups: SubjectGroups) -> dict[tuple[Hashable, str], str]:
    """``Person 1``, ``Person 2``, ``Vehicle 1``: numbered by first appearance, for each subject and noun.

    ``appearances`` are things with their class, in order of appearance. The face and the number plate of one subject
    get separate pseudonyms; two faces of one subject share one.
    """
    given: dict[tuple[Hashable, str], str] = {}
    counts: Counter[str] = Counter()
    for thing, label in appearances:
        key = (groups.of(thing), noun(label))
        if key not in given:
            counts[key[1]] += 1
            given[key] = f"{key[1]} {counts[key[1]]}"
    return given
