"""How hard each problem is for a model: its responses, judged as in training, as few as decide.

Every judged response is a line of a journal, written as it comes. A measurement that was killed resumes from
its journal, and a finished journal is put in order, so that for a generator whose texts depend on
(seed, problem, index) alone it is the same file, however often it was killed. Which responses are drawn
depends only on outcomes: see `sequential` for when a problem is decided, and what its numbers promise.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from or1.algo.seed import derive_seed
from or1.curate.journal import Entry, Journal
from or1.curate.sampling_rounds import OnProgress, Reader, SamplingRounds
from or1.curate.sequential import Fit, Plan
from or1.curate.settings import DifficultyConfig
from or1.errors import DataError
from or1.protocols import Generator, VerifierPool
from or1.rollout.judged import judged
from or1.types import Outcome, Problem, Sampling, Text

NOT_MEASURED = "not_measured"
ALWAYS_TRUNCATED = "always_truncated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Pass rate and difficulty of one problem."""

    problem_id: str
    num_right: int
    num_wrong: int
    """Ended by themselves, with a wrong answer or none."""
    num_truncated: int
    num_not_judged: int
    """Our own failures; they count for nothing."""
    num_counted: int
    """Responses that the decision rests on."""
    fit: Fit | None
    """None when too few responses counted to tell."""
    low: float
    high: float
    """Interval that holds the pass rate with the stated confidence; [0, 1] if responses are missing."""
    unbiased_rate: float | None
    """For averages over problems (`Plan.unbiased_rate`); None when responses are missing."""
    response_tokens_mean: float
    """Of all judged responses; nan when there is none."""

    @property
    def reason(self) -> str:
        """`fits`, `too_hard`, `too_easy`, `not_measured`; `always_truncated` where it is the budget that is
        too small: no response ended."""
        has_ended = self.num_right + self.num_wrong > 0
        if self.fit in (Fit.TOO_HARD, None) and self.num_truncated and not has_ended:
            return ALWAYS_TRUNCATED
        return NOT_MEASURED if self.fit is None else self.fit.value


_USELESS = {
    "wrong": {Outcome.NOT_JUDGED.value},
    "left_out": {Outcome.NOT_JUDGED.value, Outcome.TRUNCATED.value},
}
"""Outcomes that say nothing of difficulty, by `DifficultyConfig.truncated`."""


def measure(
    generator: Generator,
    pool: VerifierPool,
    problems: Sequence[Problem],
    config: DifficultyConfig,
    *,
    seed: int,
    path: Path,
    about: Mapping[str, Any] = MappingProxyType({}),
    on_progress: OnProgress | None = None,
) -> list[Measured]:
    """Measure every problem; in the order given.

    Args:
        generator: samples from the model that is to be trained.
        pool: judges as training will.
        problems: with different ids. The journal may hold others, which stay.
        seed: with a problem's id, all that its responses depend on.
        path: the journal; an existing one is resumed.
        about: the model and the judging policy, as JSON; a journal with others is refused.
        on_progress: called after each response, with the index of its look.

    Raises:
        DataError: the journal is of another measurement.
        ValueError: a problem comes twice.
        Or1Error: of the generator or the pool; what was judged before is in the journal.
    """
    if (num_different := len({p.id for p in problems})) != len(problems):
        raise ValueError(f"{len(problems)} problems of which {num_different} are different")
    about = {**config.model_dump(mode="json"), "seed": seed, **about}
    useless = _USELESS[config.truncated]

    def sampling(look: int, redraw: int, group_size: int) -> Sampling:
        return Sampling(
            temperature=config.temperature,
            top_p=config.top_p,
            group_size=group_size,
            max_response_tokens=config.max_response_tokens,
            seed=derive_seed(seed, "difficulty", look, redraw),
        )

    with Journal(path, about, {outcome.value for outcome in Outcome}) as journal:
        rounds = SamplingRounds(
            generator=generator,
            journal=journal,
            sampling=sampling,
            read=_by_verifiers(pool),
            useless=useless,
            lost=Entry(Outcome.NOT_JUDGED.value, "response_lost", 0),
            max_redraws=config.max_redraws,
            on_progress=on_progress,
        )
        plans = {task: config.plan(task) for task in {p.task for p in problems}}
        by_plan: defaultdict[Plan, list[Problem]] = defaultdict(list)
        for problem in problems:
            by_plan[plans[problem.task]].append(problem)
        for plan, members in by_plan.items():
            _draw_until_decided(rounds, members, plan)
        journal.finish()
        return [_measured(rounds, p, plans[p.task]) for p in problems]


def _by_verifiers(pool: VerifierPool) -> Reader:
    """Judged as training judges."""

    def read(texts: Iterator[Text], problems: Sequence[Problem]) -> Iterator[tuple[Text, Entry]]:
        by_id = {p.id: p for p in problems}
        answers = ((text, text.answer_to(by_id[text.problem_id])) for text in texts)
        for text, verdict in judged(answers, pool):
            yield text, Entry(verdict.outcome.value, verdict.reason, text.num_tokens)

    return read


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts of one problem, by outcome."""

    tally: Counter[str]
    useless: Set[str]

    @property
    def num(self) -> int:
        return sum(number for outcome, number in self.tally.items() if outcome not in self.useless)

    @property
    def num_right(self) -> int:
        return self.tally[Outcome.RIGHT]


def _draw_until_decided(rounds: SamplingRounds, problems: Sequence[Problem], plan: Plan) -> None:
    """Look by look over all problems, so that many responses are under way at once."""
    undecided = list(problems)
    for before, look in itertools.pairwise((0, *plan.looks)):
        rounds.top_up(undecided, look, look - before)
        undecided = [p for p in undecided if _is_open(_counted(rounds, p, look), look, plan)]


def _is_open(counted: _Counted, look: int, plan: Plan) -> bool:
    return counted.num == look and plan.fit(look, counted.num_right) is None


def _counted(rounds: SamplingRounds, problem: Problem, last_look: int) -> _Counted:
    """Counts up to a look: a resumed journal may hold later ones."""
    entries = rounds.journal.of(problem.id)
    tally = Counter(entry.outcome for place, entry in entries if place.part <= last_look)
    return _Counted(tally, rounds.useless)


def _measured(rounds: SamplingRounds, problem: Problem, plan: Plan) -> Measured:
    counted = _counted(rounds, problem, plan.num_samples)
    outcome = (counted.num, counted.num_right)
    # responses lost for good can leave other numbers than the plan has; the fit may be certain yet
    is_planned = outcome in plan.num_orders
    low, high = plan.interval(*outcome) if is_planned else (0.0, 1.0)
    lengths = [e.num_tokens for _, e in rounds.journal.of(problem.id) if e.outcome != Outcome.NOT_JUDGED]
    return Measured(
        problem_id=problem.id,
        num_right=counted.num_right,
        num_wrong=counted.tally[Outcome.WRONG] + counted.tally[Outcome.NO_ANSWER],
        num_truncated=counted.tally[Outcome.TRUNCATED],
        num_not_judged=counted.tally[Outcome.NOT_JUDGED],
        num_counted=counted.num,
        fit=plan.fit(*outcome),
        low=low,
        high=high,
        unbiased_rate=plan.unbiased_rate(*outcome) if is_planned else None,
        response_tokens_mean=sum(lengths) / len(lengths) if lengths else math.nan,
    )


def with_difficulty(problem: Problem, model: str, measured: Measured) -> Problem:
    """The problem with what was measured written down; as it was, when nothing was.

    Raises:
        ValueError: the measurement is of another problem.
    """
    if measured.problem_id != problem.id:
        raise ValueError(f"a measurement of problem {measured.problem_id} is not one of {problem.id}")
    if measured.fit is None:
        return problem
    counts = (measured.num_right, measured.num_counted)
    return replace(problem, difficulty={**problem.difficulty, model: counts})


def fit_of(problem: Problem, model: str, *, min_right: int = 1, min_wrong: int = 1) -> Fit:
    """The window over counts that are written down: 1..15 wrong of 16 by default.

    Raises:
        DataError: the problem was not measured with this model.
    """
    if model not in problem.difficulty:
        known = ", ".join(sorted(problem.difficulty)) or "no model"
        raise DataError(f"problem {problem.id} has no pass rate of {model}; it has those of {known}")
    num_right, num_counted = problem.difficulty[model]
    if num_right < min_right:
        return Fit.TOO_HARD
    return Fit.TOO_EASY if num_counted - num_right < min_wrong else Fit.FITS
