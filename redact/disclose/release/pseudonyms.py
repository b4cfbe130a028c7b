"""Pseudonyms: what a log calls those it does not name."""

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
"""For classes that only a user's own model knows: what these are called may itself say too much."""


def noun(label: str) -> str:
    """What the pseudonyms of a class are made of."""
    return NOUNS.get(label, OTHER_NOUN)


class SubjectGroups:
    """Things said to be one: any number of pairs joined, so that what is one with one of them is one with all."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def join(self, one: Hashable, other: Hashable) -> None:
        """Say that these two are one."""
        self._above[self.of(one)] = self.of(other)

    def of(self, thing: Hashable) -> Hashable:
        """The same for all that are one with ``thing``."""
        while (above := self._above.get(thing, thing)) != thing:
            thing = above
        return thing


def pseudonyms(appearances: Iterable[tuple[Hashable, str]], groups: SubjectGroups) -> dict[tuple[Hashable, str], str]:
    """``Person 1``, ``Person 2``, ``Vehicle 1``: by first appearance, for each thing of each class.

    ``appearances`` are things with their class, in the order in which they appear. The face and the plate of one
    subject are told apart, two faces of one subject are not.
    """
    given: dict[tuple[Hashable, str], str] = {}
    counts: Counter[str] = Counter()
    for thing, label in appearances:
        key = (groups.of(thing), noun(label))
        if key not in given:
            counts[key[1]] += 1
            given[key] = f"{key[1]} {counts[key[1]]}"
    return given
