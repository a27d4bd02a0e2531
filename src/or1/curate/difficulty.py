"""How hard each problem is for a model: its responses, judged as in training, as few as decide.

Every judged response is a line of a journal, written as it comes. A measurement that was killed goes on with
what its journal holds, and a finished journal is put in order, so that for a generator whose texts depend on
(seed, problem, index) alone it is the same file, however often it was killed. Which responses are drawn
depends only on outcomes: see `sequential` for when a problem is decided, and what its numbers promise.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from or1.algo.seed import derive_seed
from or1.curate.journal import Journal, Place
from or1.curate.sequential import Fit, Plan
from or1.curate.settings import DifficultyConfig
from or1.errors import DataError
from or1.protocols import Generator, VerifierPool
from or1.types import Outcome, Problem, Response, Rollout, Sampling, Text

NOT_MEASURED = "not_measured"
ALWAYS_TRUNCATED = "always_truncated"

Told = Callable[[int, int, int], None]
"""(samples at this look, samples drawn so far, samples to draw)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of one problem."""

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


def _nobody(look: int, done: int, total: int) -> None:
    """Nobody is told."""


def measure(
    generator: Generator,
    pool: VerifierPool,
    problems: Sequence[Problem],
    config: DifficultyConfig,
    *,
    seed: int,
    path: Path,
    told: Told = _nobody,
) -> list[Measured]:
    """Measure every problem; in the order given.

    Args:
        generator: samples from the model that is to be trained.
        pool: judges as training will.
        problems: with different ids. The journal may hold others, which stay.
        seed: with a problem's id, all that its responses depend on.
        path: the journal, made or gone on with.
        told: called after each response.

    Raises:
        DataError: the journal is of another measurement.
        ValueError: a problem comes twice.
        Or1Error: of the generator or the pool; what was judged before is in the journal.
    """
    if len({p.id for p in problems}) != len(problems):
        raise ValueError(f"{len(problems)} problems of which {len({p.id for p in problems})} are different")
    about = {**config.model_dump(mode="json"), "seed": seed}
    with Journal(path, about) as journal:
        measured: dict[str, Measured] = {}
        by_looks: defaultdict[tuple[int, ...], list[Problem]] = defaultdict(list)
        for problem in problems:
            by_looks[config.plan(problem.task).looks].append(problem)
        for members in by_looks.values():
            plan = config.plan(members[0].task)
            drawing = _Drawing(generator, pool, config, plan, seed, journal, told)
            drawing.draw_all(members)
            measured |= {p.id: drawing.measured(p) for p in members}
        journal.finish()
    return [measured[p.id] for p in problems]


class _Drawing:
    """Draws and judges for problems of one plan."""

    def __init__(
        self,
        generator: Generator,
        pool: VerifierPool,
        config: DifficultyConfig,
        plan: Plan,
        seed: int,
        journal: Journal,
        told: Told,
    ) -> None:
        self._generator = generator
        self._pool = pool
        self._config = config
        self._plan = plan
        self._seed = seed
        self._journal = journal
        self._told = told

    def draw_all(self, problems: Sequence[Problem]) -> None:
        """Look by look over all problems, so that many responses are under way at once."""
        undecided = list(problems)
        for look in self._plan.looks:
            for redraw in range(self._config.max_redraws + 1):
                lacking = {p.id: look - self._num_counted(p, before=(look, redraw)) for p in undecided}
                self._draw(undecided, lacking, look, redraw)
            undecided = [p for p in undecided if self._is_open(p, look)]

    def _draw(self, problems: Sequence[Problem], lacking: Mapping[str, int], look: int, redraw: int) -> None:
        """Have `lacking` further responses of each problem in the journal."""
        wanted = [p for p in problems if len(self._journal.drawn(p.id, look, redraw)) < lacking[p.id]]
        done, total = 0, sum(lacking[p.id] for p in wanted)
        by_size = sorted(wanted, key=lambda p: lacking[p.id])
        for size, group in itertools.groupby(by_size, key=lambda p: lacking[p.id]):
            for _ in self._judged(list(group), size, look, redraw):
                done += 1
                self._told(look, done, total)
        if wanted:
            self._journal.sync()

    def _judged(self, problems: Sequence[Problem], size: int, look: int, redraw: int) -> Iterator[None]:
        """Write down `size` responses of each problem, save those that are there; one turn for each."""
        by_id = {p.id: p for p in problems}
        sampling = Sampling(
            temperature=self._config.temperature,
            top_p=self._config.top_p,
            group_size=size,
            max_response_tokens=self._config.max_response_tokens,
            seed=derive_seed(self._seed, "difficulty", look, redraw),
        )
        texts: dict[tuple[str, int], Text] = {}

        def responses() -> Iterator[Response]:
            for text in self._generator.generate(problems, sampling):
                key = (text.problem_id, text.index)
                if key in texts or text.problem_id not in by_id or not 0 <= text.index < size:
                    raise RuntimeError(f"response {key[0]}/{key[1]} came twice or without being asked")
                texts[key] = text
                if text.index not in self._journal.drawn(text.problem_id, look, redraw):
                    rollout = Rollout.bare(text.problem_id, text.index, text.finish)
                    yield Response(problem=by_id[text.problem_id], rollout=rollout, text=text.text)

        for rollout in self._pool.judge(responses()):
            if rollout.verdict is None:
                raise RuntimeError(
                    f"response {rollout.problem_id}/{rollout.index} came back without a verdict"
                )
            num_tokens = texts[rollout.problem_id, rollout.index].num_tokens
            place = Place(rollout.problem_id, look, redraw, rollout.index)
            self._journal.add(place, rollout.verdict.outcome, rollout.verdict.reason, num_tokens)
            yield
        for problem, index in itertools.product(problems, range(size)):
            if index not in self._journal.drawn(problem.id, look, redraw):
                place = Place(problem.id, look, redraw, index)
                self._journal.add(place, Outcome.NOT_JUDGED, "response_lost", 0)
                yield

    def _counts(self, outcome: Outcome) -> bool:
        if outcome is Outcome.TRUNCATED:
            return self._config.truncated == "wrong"
        return outcome is not Outcome.NOT_JUDGED

    def _num_counted(self, problem: Problem, before: tuple[int, int]) -> int:
        """Responses that counted, of those drawn before (look, redraw)."""
        return sum(
            self._counts(entry.outcome)
            for place, entry in self._journal.of(problem.id)
            if (place.look, place.redraw) < before
        )

    def _tally(self, problem: Problem, look: int) -> Counter[Outcome]:
        entries = self._journal.of(problem.id)
        return Counter(entry.outcome for place, entry in entries if place.look <= look)

    def _is_open(self, problem: Problem, look: int) -> bool:
        tally = self._tally(problem, look)
        num_counted = sum(n for outcome, n in tally.items() if self._counts(outcome))
        return num_counted == look and self._plan.fit(look, tally[Outcome.RIGHT]) is None

    def measured(self, problem: Problem) -> Measured:
        tally = self._tally(problem, self._plan.num_samples)
        num_right = tally[Outcome.RIGHT]
        num_counted = sum(n for outcome, n in tally.items() if self._counts(outcome))
        outcome = (num_counted, num_right)
        # responses lost for good can leave other numbers than the plan has; the fit may be certain yet
        is_planned = outcome in self._plan.num_orders
        low, high = self._plan.interval(*outcome) if is_planned else (0.0, 1.0)
        tokens = [
            e.num_tokens for _, e in self._journal.of(problem.id) if e.outcome is not Outcome.NOT_JUDGED
        ]
        return Measured(
            problem_id=problem.id,
            num_right=num_right,
            num_wrong=tally[Outcome.WRONG] + tally[Outcome.NO_ANSWER],
            num_truncated=tally[Outcome.TRUNCATED],
            num_not_judged=tally[Outcome.NOT_JUDGED],
            num_counted=num_counted,
            fit=self._plan.fit(*outcome),
            low=low,
            high=high,
            unbiased_rate=self._plan.unbiased_rate(*outcome) if is_planned else None,
            response_tokens_mean=sum(tokens) / len(tokens) if tokens else math.nan,
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


def wrong_of(num_right: int, num_counted: int, num: int = 16) -> int:
    """Wrong responses as a share of `num`, as the reference writes difficulty; 0 and `num` only for problems
    that were always and never right.

    >>> wrong_of(1, 4), wrong_of(0, 16), wrong_of(63, 64), wrong_of(2, 8)
    (12, 16, 1, 12)

    Raises:
        ValueError: counts that cannot be.
    """
    if not 0 <= num_right <= num_counted or num_counted < 1:
        raise ValueError(f"{num_right} right of {num_counted} cannot be")
    if num_right in (0, num_counted):
        return 0 if num_right else num
    return min(num - 1, max(1, round(num * (num_counted - num_right) / num_counted)))
