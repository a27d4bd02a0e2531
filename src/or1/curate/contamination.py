"""Problems of the benchmarks that will be reported, found again in the sources.

Every pair of words of a benchmark's problem leads to it; an ordered alignment decides, also of a window
where the problem is part of a longer text. Answers play no part.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from or1.curate.config import ContaminationConfig
from or1.curate.match import SHORT, Likeness, Match, Side, compare, find_part, says_the_same
from or1.curate.normal_form import tokens_of, without_drawings
from or1.curate.records import Decision
from or1.curate.sources import Protected

STAGE = "contamination"
_SHARE_OF_PAIRS = 0.2
"""A row that has less of a problem's word pairs is not compared with it. With 35 % of the words changed, the
default, (1 - 0.35)^2 = 42 % of the pairs are left; with 45 %, the most that a recipe can allow, 30 %."""
_COMMON = 0.1
"""Word pairs of a larger share of the benchmarks' problems lead nowhere."""
_SHOWN = 600
"""Most characters of a text in evidence [characters]."""


@dataclass(frozen=True, slots=True)
class Found:
    """A benchmark's problem that a row matches."""

    problem: Protected
    match: Match
    likeness: Likeness | None
    """None where only the numbers differ."""
    is_part: bool
    """The row holds it as part of a longer text."""

    @property
    def changes(self) -> float:
        return self.likeness.changes if self.likeness is not None else 0.0

    @property
    def at(self) -> dict[str, str]:
        """Benchmark and place of the problem, as JSON."""
        return {"benchmark": self.problem.benchmark, "place": self.problem.place}

    def evidence(self) -> dict[str, Any]:
        """Evidence with which a person can check the finding, as JSON."""
        length = {"num_words": self.likeness.num_words} if self.likeness is not None else {}
        return {
            **self.at,
            "match": "part" if self.is_part else "near" if self.changes else "verbatim",
            "changed_words": self.changes,
            **length,
            "other_text": self.problem.question[:_SHOWN],
        }


class Benchmarks:
    """The protected problems, ready to be looked for."""

    def __init__(self, problems: Sequence[Protected], settings: ContaminationConfig) -> None:
        self._problems = problems
        self._allowed = settings.matching
        self._sides = [Side.of(tokens_of(problem.question)) for problem in problems]
        self._is_drawn = [without_drawings(problem.question) != problem.question for problem in problems]
        pairs = [_pairs(side) for side in self._sides]
        spread = Counter(pair for each in pairs for pair in each)
        limit = max(5, _COMMON * len(problems))
        self._index: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._needed: list[int] = []
        for number, each in enumerate(pairs):
            telling = {pair for pair in each if spread[pair] <= limit}
            telling = telling if len(telling) >= 3 else each
            for pair in telling:
                self._index[pair].append(number)
            self._needed.append(max(1, math.ceil(_SHARE_OF_PAIRS * len(telling))))
        self._titles = {_slug(p.title): p for p in problems if settings.titles and _tells(p.title)}

    def decide(self, rows: Iterable[tuple[int, str, Side]]) -> list[Decision]:
        """Contaminated rows, and notes on those that are a benchmark's problem with other numbers.

        Args:
            rows: number, title and text of each row.
        """
        return [decision for row in rows if (decision := self._decide(*row)) is not None]

    def _decide(self, row: int, title: str, side: Side) -> Decision | None:
        titled = self._titles.get(_slug(title)) if title else None
        every = self._found(side)
        found = min(every, key=_rank, default=None)
        if found is not None and found.match is Match.SAME:
            others = [each.at for each in every if each.match is Match.SAME and each is not found]
            evidence = {**found.evidence(), **({"also": others} if others else {})}
            return Decision(row=row, reason="contaminated", evidence=evidence)
        if titled is not None:
            evidence = {
                "benchmark": titled.benchmark,
                "place": titled.place,
                "match": "title",
                "title": titled.title,
                "other_text": titled.question[:_SHOWN],
            }
            return Decision(row=row, reason="contaminated", evidence=evidence)
        if found is not None:
            return Decision(
                row=row, evidence={**found.evidence(), "note": "renumbered", "match": "renumbered"}
            )
        return None

    def find(self, side: Side) -> Found | None:
        """The problem that a text is nearest to, if it is the same or differs in its numbers alone."""
        return min(self._found(side), key=_rank, default=None)

    def _found(self, side: Side) -> list[Found]:
        hits: Counter[int] = Counter()
        for pair in _pairs(side):
            hits.update(self._index.get(pair, ()))
        return [
            found
            for number, num_hits in sorted(hits.items())
            if num_hits >= self._needed[number] and (found := self._compared(side, number)) is not None
        ]

    def _compared(self, side: Side, number: int) -> Found | None:
        problem = self._sides[number]
        match, likeness = compare(problem, side, self._allowed)
        if self._is_drawn[number] and len(problem) < SHORT and likeness is not None:
            # most of the problem is in its figure, which neither text has here
            match = match if says_the_same(likeness) else Match.DIFFERENT
        if match is not Match.SAME and len(side) > len(problem):
            of_part = find_part(problem, side, self._allowed)
            if of_part is not None:
                return Found(self._problems[number], Match.SAME, of_part, is_part=True)
        return (
            None
            if match is Match.DIFFERENT
            else Found(self._problems[number], match, likeness, is_part=False)
        )


def _rank(found: Found) -> tuple[bool, float, int]:
    return found.match is not Match.SAME, found.changes, -len(found.problem.question)


def _pairs(side: Side) -> set[tuple[str, ...]]:
    general = side.general
    return set(pairwise(general)) or {general}


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _tells(title: str) -> bool:
    """A title of one or two words may be anybody's."""
    return _slug(title).count("-") >= 2
