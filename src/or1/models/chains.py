"""Written-out chains of thought that the built-in model learns from: right, careless and long-winded ones.

They give the model the faults that reinforcement is to correct, and the freedom that it is to keep:

* slips: a step may state a wrong total and continue from it, the more so the later it comes. Wrong totals are
  spread over several values, so that the right one stays the likeliest: greedy decoding is right where
  sampling is not.
* checks: a total may be questioned, and then a slip is corrected at the price of a few characters.
* length: a response is terse, plain or rambling, whatever the problem.
* wording: signs, spaces, separators and fillers are drawn freely and change nothing.
* ways: operations may be done one by one, through the next ten (longer, fewer slips), or two at once
  (shorter, more slips).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from or1.tasks.arithmetic import LARGEST_TOTAL, LETTERS, Chain, Operation, draw
from or1_verify.types import THINK_CLOSE, THINK_OPEN

_T = TypeVar("_T")


class Style(StrEnum):
    """How wordy a response is."""

    TERSE = "terse"
    PLAIN = "plain"
    RAMBLING = "rambling"


class Way(StrEnum):
    """How a response works a sum or a difference out."""

    SINGLE = "single"
    """`47B+8=55`"""
    TENS = "tens"
    """Through the next ten where it carries: `47B+8=50+5=55`."""
    PAIRS = "pairs"
    """Two neighbours at once: `47BC+5=52` for B+8 C-3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Parts of a response that may be written in several ways without changing its meaning."""

    equals: tuple[str, ...] = ("=", ":", " = ", " is ")
    separators: tuple[str, ...] = (",", ";", ".", "\n", ", ")
    terse_openers: tuple[str, ...] = ("", "\n", " ", "go: ")
    plain_openers: tuple[str, ...] = ("\nok, start. ", "first: ", "step by step. ", "here goes. ")
    rambling_openers: tuple[str, ...] = (
        "hmm, let me think. ", "\nwell, where to begin. ", "right, one at a time. ", "one chain, so slowly. ",
    )  # fmt: skip
    leads: tuple[str, ...] = ("", "\n", "\n\n", "answer: ", "\nit is ", "result ", "so ", "\nthus ")
    """Between `</think>` and the box."""
    spaced: float = 0.25
    """Chance of spaces before the letter of an operation [fraction]."""
    wandering: float = 0.1
    """Chance that a step is worded in another style than its response [fraction]."""

    def openers(self, style: Style) -> tuple[str, ...]:
        if style is Style.TERSE:
            return self.terse_openers
        return self.plain_openers if style is Style.PLAIN else self.rambling_openers


SIMPLE = Wording(
    equals=("=", " = "),
    separators=(",", ", "),
    terse_openers=("", "\n"),
    leads=("", "\n"),
    wandering=0.0,
)
"""Little else than arithmetic to learn from terse chains, yet no two of them alike in their positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """How often what happens in the chains that are written."""

    slips: tuple[float, ...]
    """Chance of a slip at the first, second, ... operation, the last one for all that follow [fraction]."""
    checks: tuple[float, float, float]
    """Chance that a terse, plain, rambling step questions its total [fraction]."""
    styles: tuple[float, float, float]
    """Shares of terse, plain and rambling responses [fraction]."""
    wording: Wording = Wording()
    ways: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Shares of responses that work one by one, through tens, and in pairs [fraction]."""


COMPUTING = Teaching(slips=(0.0,), checks=(0.0, 0.0, 0.0), styles=(1.0, 0.0, 0.0), wording=SIMPLE)
"""First lesson: arithmetic and nothing else."""
WORDING = Teaching(slips=(0.05,), checks=(0.15, 0.15, 0.15), styles=(0.5, 0.25, 0.25))
"""Second lesson: the same arithmetic in every style and wording, and what a check is for."""
HABITS = Teaching(
    slips=(0.0, 0.03, 0.08, 0.14, 0.20, 0.26, 0.30, 0.35),
    checks=(0.08, 0.10, 0.12),
    styles=(0.22, 0.28, 0.50),
)
"""Third lesson: how a model talks before reinforcement."""

LONGER = Teaching(
    slips=(0.0,), checks=(0.05, 0.05, 0.05), styles=(0.6, 0.2, 0.2), ways=(0.4, 0.25, 0.35), wording=SIMPLE
)
"""First lesson of the model `ways`: longer chains, in all ways, all correct."""
WAYS_HABITS = Teaching(
    slips=(0.0, 0.02, 0.03, 0.04, 0.05, 0.06),
    checks=(0.05, 0.08, 0.10),
    styles=(0.30, 0.35, 0.35),
    ways=(0.5, 0.25, 0.25),
)
"""Second lesson of the model `ways`: habits of a model before reinforcement, with fewer slips."""

MAX_WAYS_DIFFICULTY = 10
"""Longest chain that the model `ways` is taught [operations]."""

SLIP_FACTORS = {Way.SINGLE: 1.0, Way.TENS: 0.5, Way.PAIRS: 1.5}
"""Chance of a slip in relation to single steps [dimensionless]."""

_MISSED = 0.1
"""Chance that a check passes a slip [fraction]."""

_LINKS = ("so ", "now ", "then ", "next ", "ok ", "and ")
_REMARKS = ("fine", "easy", "good", "right", "yes", "clear")
_MUSINGS = ("hmm", "let me see", "one moment", "I think so", "so far so good", "keep going", "not too hard")
_DOUBTS = ("?", " hm", "..", " eh")
_CONFIRMED = (" ok", " yes", " right", " sure")
_CORRECTED = (" no ", " wait ", " oops ", " rather ")


def write_response(rng: random.Random, chain: Chain, teaching: Teaching) -> str:
    """Write one response to a chain, from `<think>` to the box."""
    style = tuple(Style)[_weighted(rng, teaching.styles)]
    # a generator that has one way only draws nothing, so that its responses stay the same
    way = Way.SINGLE if teaching.ways[0] == 1.0 else tuple(Way)[_weighted(rng, teaching.ways)]
    wording = teaching.wording
    text = [THINK_OPEN, _pick(rng, wording.openers(style))]
    total, number = chain.start, 0
    while number < len(chain.operations):
        worded = style if rng.random() >= wording.wandering else _pick(rng, tuple(Style))
        step = next_step(chain, number, total, way)
        written, total = _write_step(rng, total, step, number, worded, teaching)
        text.append(written)
        number += step.num_operations
    text += [THINK_CLOSE, _pick(rng, wording.leads), f"\\boxed{{{total}}}"]
    return "".join(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """One step of a response: an operation, or two that are done at once."""

    operation: Operation
    letters: str
    num_operations: int
    way: Way

    def written(self, total: int) -> str:
        """The step up to its stated total, which the caller adds after an equals sign.

        >>> ChainStep(operation=Operation("+", 8), letters="B", num_operations=1, way=Way.TENS).written(47)
        'B+8=50+5'
        """
        head = f"{self.letters}{self.operation}"
        if self.way is not Way.TENS:
            return head
        gap = 10 - total % 10 if self.operation.symbol == "+" else total % 10
        round_total = Operation(self.operation.symbol, gap).apply(total)
        return f"{head}={round_total}{self.operation.symbol}{self.operation.operand - gap}"


def next_step(chain: Chain, number: int, total: int, way: Way) -> ChainStep:
    """The step that begins at operation `number` (from 0), from a total that may be wrong.

    Products, and operations that do not carry, are done singly whatever the way; so is the last of an odd
    number of neighbours.

    >>> chain = Chain(47, (Operation("+", 8), Operation("-", 3)))
    >>> next_step(chain, 0, 47, Way.PAIRS).written(47)
    'AB+5'
    """
    first = chain.operations[number]
    letter = LETTERS[number]
    single = ChainStep(operation=first, letters=letter, num_operations=1, way=Way.SINGLE)
    if first.symbol == "*":
        return single
    if way is Way.TENS:
        rest = total % 10
        carries = rest + first.operand > 10 if first.symbol == "+" else 0 < rest < first.operand
        return replace(single, way=Way.TENS) if carries and first.operand < 10 else single
    if way is Way.SINGLE or number + 1 == len(chain.operations):
        return single
    second = chain.operations[number + 1]
    if second.symbol == "*":
        return single
    change = second.apply(first.apply(0))
    joined = Operation("+" if change >= 0 else "-", abs(change))
    return ChainStep(operation=joined, letters=letter + LETTERS[number + 1], num_operations=2, way=Way.PAIRS)


def slip_chance(total: int, operation: Operation, number: int, teaching: Teaching) -> float:
    """Chance that operation `number` (from 0) is done wrong; a carry or a product adds a third [fraction].

    >>> slip_chance(23, Operation("+", 14), 2, HABITS), slip_chance(23, Operation("+", 18), 2, HABITS)
    (0.06, 0.08)
    """
    chance = teaching.slips[min(number, len(teaching.slips) - 1)]
    carries = {
        "+": total % 10 + operation.operand % 10 > 9,
        "-": total % 10 < operation.operand % 10,
        "*": True,
    }
    return chance if carries[operation.symbol] else 0.75 * chance


def _write_step(
    rng: random.Random, total: int, step: ChainStep, number: int, style: Style, teaching: Teaching
) -> tuple[str, int]:
    """Word the step from operation `number` (from 0); return the text and the total of the next step."""
    wording = teaching.wording
    right = step.operation.apply(total)
    chance = SLIP_FACTORS[step.way] * slip_chance(total, step.operation, number, teaching)
    slips = rng.random() < chance
    stated = _slipped(rng, right) if slips else right
    space = " " if rng.random() < wording.spaced else ""
    text = [f"{total}{space}{step.written(total)}{_pick(rng, wording.equals)}{stated}"]
    if rng.random() < teaching.checks[tuple(Style).index(style)]:
        text.append(_pick(rng, _DOUBTS))
        corrects = stated != right and rng.random() >= _MISSED
        text.append(f"{_pick(rng, _CORRECTED)}{right}" if corrects else _pick(rng, _CONFIRMED))
        stated = right if corrects else stated
    text.append(_pick(rng, wording.separators))
    before, after = _words(rng, stated, style, wording)
    return before + "".join(text) + after, stated


def _words(rng: random.Random, total: int, style: Style, wording: Wording) -> tuple[str, str]:
    """Words before and after a step that do not change its meaning."""
    if style is Style.TERSE:
        return "", ""
    before = _pick(rng, _LINKS) if rng.random() < 0.6 else ""
    if style is Style.PLAIN:
        return before, f"{_pick(rng, _REMARKS)}{_pick(rng, wording.separators)}"
    restated = _pick(rng, (f"{total}", f"so {total}", f"{total} now", f"have {total}"))
    musing = _pick(rng, _MUSINGS)
    after = musing if rng.random() < 0.6 else restated
    return before, f"{after}{_pick(rng, wording.separators)}"


def _slipped(rng: random.Random, right: int) -> int:
    """A wrong total near the right one: mostly too large by one, two, ten or twenty.

    Mostly too large, because slips that point both ways would often cancel: an answer would come out right,
    and be paid, after wrong work.
    """
    offsets = (10, 10, 10, 1, 1, 1, 2, 2, 20, 11, -1, -10)
    while True:
        wrong = right + _pick(rng, offsets)
        if 0 <= wrong <= LARGEST_TOTAL or not 0 <= right <= LARGEST_TOTAL:
            return wrong


def _pick(rng: random.Random, options: Sequence[_T]) -> _T:
    return options[draw(rng, len(options))]


def _weighted(rng: random.Random, shares: Sequence[float]) -> int:
    point = rng.random() * sum(shares)
    for number, share in enumerate(shares):
        point -= share
        if point < 0:
            return number
    return len(shares) - 1
