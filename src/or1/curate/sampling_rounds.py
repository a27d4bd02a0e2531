"""Sampling from a generator until enough texts can be used, with a journal that outlives the process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

from or1.curate.journal import Entry, Journal, Place
from or1.protocols import Generator
from or1.rollout.judged import requested
from or1.types import Problem, Sampling, Text

OnProgress = Callable[[int, int, int], None]
"""(part, texts of this round that have come, texts of this round)"""
Reader = Callable[[Iterator[Text], Sequence[Problem]], Iterator[tuple[Text, Entry]]]
"""Reads texts, in any order, while others are still being generated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRounds:
    """Samples until `num` usable texts of each problem are in the journal.

    The requested texts depend only on outcomes of earlier rounds, so that a killed process requests the same
    ones when it resumes: an incomplete round of a problem is sampled once more, and its texts in the journal
    stay.
    """

    generator: Generator
    journal: Journal
    sampling: Callable[[int, int, int], Sampling]
    """(part, redraw, group size) -> sampling; each part and redraw has a seed of its own."""
    read: Reader
    useless: Set[str]
    """Outcomes that do not count, for which another text is drawn."""
    lost: Entry
    """Entry for a text that never came."""
    max_redraws: int
    on_progress: OnProgress | None = None

    def top_up(self, problems: Sequence[Problem], part: int, num: int) -> None:
        """Sample until each problem has `num` texts that count in this part, or all rounds are used up.

        Raises:
            RuntimeError: the generator returned a text twice, or one that was not requested.
        """
        for redraw in range(self.max_redraws + 1):
            lacking = {p.id: num - self.num_counted(p.id, part, before=redraw) for p in problems}
            wanted = [p for p in problems if len(self.journal.drawn(p.id, part, redraw)) < lacking[p.id]]
            done, total = 0, sum(lacking[p.id] for p in wanted)
            by_size = sorted(wanted, key=lambda p: lacking[p.id])
            for size, group in itertools.groupby(by_size, key=lambda p: lacking[p.id]):
                for _ in self._draw(list(group), size, part, redraw):
                    done += 1
                    if self.on_progress is not None:
                        self.on_progress(part, done, total)
            if wanted:
                self.journal.sync()

    def num_counted(self, problem: str, part: int, before: int | None = None) -> int:
        """Texts of a part that count; of the rounds before `before` if given."""
        return sum(
            entry.outcome not in self.useless
            for place, entry in self.journal.of(problem)
            if place.part == part and (before is None or place.redraw < before)
        )

    def _draw(self, problems: Sequence[Problem], size: int, part: int, redraw: int) -> Iterator[None]:
        """Write down `size` texts of each problem, save those that are there; one turn for each."""
        for text, entry in self.read(self._texts(problems, size, part, redraw), problems):
            self.journal.add(Place(text.problem_id, part, redraw, text.index), entry)
            yield
        for problem, index in itertools.product(problems, range(size)):
            if index not in self.journal.drawn(problem.id, part, redraw):
                self.journal.add(Place(problem.id, part, redraw, index), self.lost)
                yield

    def _texts(self, problems: Sequence[Problem], size: int, part: int, redraw: int) -> Iterator[Text]:
        """Texts that are not in the journal yet."""
        texts = self.generator.generate(problems, self.sampling(part, redraw, size))
        for text in requested(texts, itertools.product((p.id for p in problems), range(size))):
            if text.index not in self.journal.drawn(text.problem_id, part, redraw):
                yield text
