"""Which problems come next: a pure function of the seed and of where the sampler stands.

An epoch is every problem as often as its weight says. Its order keeps a place for each problem (a seeded
phase in the epoch) and shuffles anew, in every epoch, within blocks of a quarter of it. So the visits of a
problem stay apart: a draw of up to three quarters of the unsolved problems does not meet one twice, even
where an epoch ends; every problem comes exactly once per epoch, and nothing is put off. A larger draw passes
over a problem that it already holds; that visit is lost.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Set
from functools import lru_cache

from or1.errors import DataError, StarvedError
from or1.tasks.load import ProblemSet
from or1.tasks.noise import rank
from or1.types import Problem, SamplerState

_BLOCKS_PER_WEIGHT = 4
"""Blocks of an epoch within which the order is shuffled, for each copy of the heaviest problem."""


class ProblemSampler:
    """Draws the problems of each step, epoch after epoch."""

    def __init__(self, problem_set: ProblemSet, seed: int) -> None:
        """Take the problems and their weights.

        Args:
            problem_set: the problems; `weights` are copies per epoch, a fraction is a chance.
            seed: of every order.
        """
        ranked = sorted(problem_set.problems, key=lambda problem: rank(seed, "phase", problem.id))
        self._phases = [
            (problem, (place + 0.5) / len(ranked), problem_set.weights[problem.id])
            for place, problem in enumerate(ranked)
        ]
        heaviest = max((weight for _, _, weight in self._phases), default=1.0)
        self._num_blocks = _BLOCKS_PER_WEIGHT * math.ceil(heaviest)
        self._seed = seed
        self._order = lru_cache(maxsize=2)(self._new_order)

    def draw(
        self, state: SamplerState, solved: Set[str], num_problems: int
    ) -> tuple[list[Problem], SamplerState]:
        """The next `num_problems` different problems that are not solved, and where the sampler then stands.

        Raises:
            DataError: fewer problems than asked for.
            StarvedError: enough problems, but fewer of them unsolved.
        """
        require_enough(len(self._phases), num_problems)
        num_unsolved = sum(problem.id not in solved for problem, _, _ in self._phases)
        if num_unsolved < num_problems:
            raise StarvedError(
                f"a step draws {num_problems} problems and only {num_unsolved} of {len(self._phases)} are "
                "unsolved"
            )
        drawn: dict[str, Problem] = {}
        while len(drawn) < num_problems:
            order = self._order(state.epoch)
            for position in range(state.position, len(order)):
                problem = order[position]
                if problem.id not in solved:
                    drawn.setdefault(problem.id, problem)
                if len(drawn) == num_problems:
                    return list(drawn.values()), SamplerState(epoch=state.epoch, position=position + 1)
            state = SamplerState(epoch=state.epoch + 1, position=0)
        return list(drawn.values()), state

    def _new_order(self, epoch: int) -> list[Problem]:
        rng = random.Random(f"{self._seed}/order/{epoch}")
        blocks: list[list[Problem]] = [[] for _ in range(self._num_blocks)]
        for problem, phase in self._visits(epoch, rng):
            blocks[int(phase * self._num_blocks)].append(problem)
        for block in blocks:
            rng.shuffle(block)
        return [problem for block in blocks for problem in block]

    def _visits(self, epoch: int, rng: random.Random) -> Iterator[tuple[Problem, float]]:
        """Visits of the epoch with their phases in [0, 1); those of one problem are spread evenly."""
        for problem, phase, weight in self._phases:
            copies = math.floor(weight)
            if weight != copies:
                copies += rng.random() < weight - copies
            for copy in range(copies):
                yield problem, (phase + copy) / copies


def require_enough(num_there: int, num_problems: int) -> None:
    """Refuse data of fewer problems than a step draws.

    Raises:
        DataError: there are fewer.
    """
    if num_there < num_problems:
        raise DataError(
            f"a step draws {num_problems} problems and there are {num_there}: "
            "lower num_problems of the stage or add data"
        )
