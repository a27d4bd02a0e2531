"""The built-in task: carry a running total through a chain of small operations.

A problem reads "Start at 23, then A+8 B-7 C*2. Result?": the operations apply in the order written, their
letters let a chain of thought name the one it is at, and every total on the way is an integer from 0 to 99.
Its difficulty is the number of operations. Problems come from an endless seeded stream; which of the two
splits a problem belongs to is a hash of its content, so no seed can make the splits meet.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from or1.errors import DataError
from or1.types import Message, Problem
from or1_verify.answer import final_answer
from or1_verify.arithmetic import canonical_integer

Split = Literal["train", "heldout"]

LARGEST_TOTAL = 99
"""Totals lie in 0..99, so that every number has at most two digits."""
LARGEST_TERM = 9
"""Largest number added or subtracted; the smallest is 2."""
LARGEST_FACTOR = 3
"""Largest factor; the smallest is 2."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of the operations in order; no chain is longer."""
MAX_DIFFICULTY = 8
"""Longest chain that the built-in model was taught [operations]."""
_HELDOUT_ONE_IN = 8
"""One problem in this many is held out."""
_MAX_REPEATS = 5_000
"""Problems drawn in a row without a new one before the space counts as exhausted."""
_WORDING = re.compile(r"Start at (\d+), then ((?:[A-Z][-+*]\d+ ?)+)\. Result\?")


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a chain."""

    symbol: Literal["+", "-", "*"]
    operand: int

    def apply(self, total: int) -> int:
        """The total after this step.

        >>> Operation("-", 7).apply(68), Operation("*", 2).apply(30)
        (61, 60)
        """
        if self.symbol == "+":
            return total + self.operand
        return total - self.operand if self.symbol == "-" else total * self.operand

    def __str__(self) -> str:
        return f"{self.symbol}{self.operand}"


@dataclass(frozen=True, slots=True)
class Chain:
    """A start value and the operations that follow."""

    start: int
    operations: tuple[Operation, ...]

    @property
    def totals(self) -> tuple[int, ...]:
        """Right totals after each operation [difficulty].

        >>> Chain(23, (Operation("+", 8), Operation("*", 3))).totals
        (31, 93)
        """
        totals: list[int] = []
        for operation in self.operations:
            totals.append(operation.apply(totals[-1] if totals else self.start))
        return tuple(totals)

    @property
    def split(self) -> Split:
        """Where the chain belongs, by a hash of its content alone."""
        digest = hashlib.sha256(f"arithmetic {self}".encode()).digest()
        return "heldout" if int.from_bytes(digest[:4], "big") % _HELDOUT_ONE_IN == 0 else "train"

    def __str__(self) -> str:
        return " ".join([str(self.start), *map(str, self.operations)])

    @property
    def lettered(self) -> tuple[str, ...]:
        """The operations with their letters, as the question names them [difficulty].

        >>> Chain(23, (Operation("+", 8), Operation("-", 7))).lettered
        ('A+8', 'B-7')
        """
        return tuple(
            f"{letter}{operation}" for letter, operation in zip(LETTERS, self.operations, strict=False)
        )

    def problem(self, instruction: str = "") -> Problem:
        """Word the chain as a problem; its source is the difficulty, so that scores are split by it."""
        question = f"Start at {self.start}, then {' '.join(self.lettered)}. Result?"
        content = f"{question}\n{instruction}" if instruction else question
        source = f"arithmetic-{len(self.operations)}"
        return Problem.make("arithmetic", (Message("user", content),), self.totals[-1], source)


def parse_chain(question: str) -> Chain:
    """Read a chain back from its wording.

    Raises:
        DataError: the text does not begin with a question of this task.

    >>> str(parse_chain("Start at 23, then A+8 B-7. Result?"))
    '23 +8 -7'
    """
    found = _WORDING.match(question)
    if found is None:
        raise DataError(f"not a question of the arithmetic task: {question[:80]!r}")
    operations = tuple(_operation(word[1], int(word[2:])) for word in found[2].split())
    return Chain(int(found[1]), operations)


def chains(
    split: Split, seed: int, min_difficulty: int = 1, max_difficulty: int = MAX_DIFFICULTY
) -> Iterator[Chain]:
    """Yield chains of a split for ever, difficulties in equal shares; short chains come again in time.

    The same arguments give the same stream on every Python version: only `Random.random` is used, whose
    output is guaranteed.
    """
    rng = random.Random(f"arithmetic {split} {seed}")
    while True:
        difficulty = min_difficulty + draw(rng, max_difficulty - min_difficulty + 1)
        chain = _draw_chain(rng, difficulty)
        while chain.split != split:
            chain = _draw_chain(rng, difficulty)
        yield chain


def draw(rng: random.Random, number: int) -> int:
    """Draw an integer in 0..number-1, the same on every Python version."""
    return int(rng.random() * number)


@dataclass(frozen=True, slots=True)
class ArithmeticTask:
    """A bounded set of distinct problems, in the order of the seeded stream."""

    split: Split = "train"
    num_problems: int = 4_096
    seed: int = 1
    min_difficulty: int = 1
    """Shortest chain [operations]."""
    max_difficulty: int = MAX_DIFFICULTY
    """Longest chain [operations]."""
    instruction: str = ""
    """Appended to each question after a newline."""
    name: str = "arithmetic"

    def __post_init__(self) -> None:
        if not 1 <= self.min_difficulty <= self.max_difficulty:
            raise DataError(
                f"difficulty {self.min_difficulty}..{self.max_difficulty} is not a range of chain lengths: "
                "min_difficulty must be at least 1 and at most max_difficulty"
            )
        if self.max_difficulty > len(LETTERS):
            raise DataError(
                f"max_difficulty is {self.max_difficulty}: there are letters for {len(LETTERS)} operations"
            )
        if self.num_problems < 1:
            raise DataError(f"num_problems is {self.num_problems}: ask for at least one")

    def problems(self) -> Sequence[Problem]:
        """The problems, all different.

        Raises:
            DataError: there are fewer different problems of these difficulties than asked for.
        """
        found: dict[str, Problem] = {}
        repeats = 0
        for chain in chains(self.split, self.seed, self.min_difficulty, self.max_difficulty):
            problem = chain.problem(self.instruction)
            repeats = repeats + 1 if problem.id in found else 0
            found.setdefault(problem.id, problem)
            if len(found) == self.num_problems:
                break
            if repeats > _MAX_REPEATS:
                raise DataError(
                    f"only {len(found)} different {self.split} problems of difficulty {self.min_difficulty}.."
                    f"{self.max_difficulty} were found, {self.num_problems} asked for: lower num_problems or "
                    "raise max_difficulty"
                )
        return tuple(found.values())


def integer_answer(text: str) -> str | None:
    r"""The answer of a response in canonical form where it is an integer; None where there is none.

    >>> integer_answer(r"\boxed{+07}"), integer_answer("7")
    ('7', None)
    """
    answer = final_answer(text)
    return None if answer is None else canonical_integer(answer) or answer


def _operation(symbol: str, operand: int) -> Operation:
    if symbol == "+":
        return Operation("+", operand)
    return Operation("-", operand) if symbol == "-" else Operation("*", operand)


def _draw_chain(rng: random.Random, difficulty: int) -> Chain:
    start = 2 + draw(rng, LARGEST_TOTAL - 1)
    total = start
    operations: list[Operation] = []
    while len(operations) < difficulty:
        operation = _draw_operation(rng, total)
        operations.append(operation)
        total = operation.apply(total)
    return Chain(start, tuple(operations))


def _draw_operation(rng: random.Random, total: int) -> Operation:
    """Draw an operation that keeps the total in 0..99: one in five a product where one is possible."""
    while True:
        kind = rng.random()
        if kind < 0.2:
            operation = Operation("*", 2 + draw(rng, LARGEST_FACTOR - 1))
        else:
            operation = _operation("+" if kind < 0.6 else "-", 2 + draw(rng, LARGEST_TERM - 1))
        if 0 <= operation.apply(total) <= LARGEST_TOTAL:
            return operation
