"""Held-out problems, k samples each, judged by the same verifiers as training, as one score.

Seeds do not depend on the training step: two evaluations of one run differ by the weights alone, which makes
them a paired comparison.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean

from or1.algo import avg_at_k, derive_seed
from or1.config import RunConfig
from or1.errors import Or1Error
from or1.evals.statistics import mean_interval
from or1.protocols import NO_PROGRESS, Generator, Progress, VerifierPool
from or1.rollout.judged import SampleKey, judged, requested
from or1.storage.provenance import hash_problems
from or1.types import Answer, Outcome, Problem, Sampling, Score, Text, Verdict

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSample:
    """One response to a held-out problem: its text as sampled, and what the verifier found."""

    text: str
    num_tokens: int
    outcome: Outcome
    reward: float | None
    """None if and only if not judged."""
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemResult:
    """The k samples of one problem, by index."""

    problem: Problem
    samples: tuple[JudgedSample, ...]

    @property
    def rewards(self) -> tuple[float, ...]:
        """Rewards of the judged samples."""
        return tuple(s.reward for s in self.samples if s.reward is not None)


def evaluation_sampling(run: RunConfig) -> dict[str, Sampling]:
    """Area of the metrics -> how a run's held-out problems are sampled: same seeds whatever the step.

    The first is the run's score, `eval`; further temperatures follow.
    """
    evaluation = run.evaluation
    main = Sampling(
        temperature=evaluation.temperature,
        group_size=evaluation.samples_per_problem,
        max_response_tokens=evaluation.max_response_tokens or run.stages[-1].max_response_tokens,
        seed=derive_seed(run.seed, "evaluation"),
    )
    more = {f"eval_t{t:g}": replace(main, temperature=t) for t in evaluation.more_temperatures}
    return {"eval": main, **more}


def evaluate(
    generator: Generator,
    pool: VerifierPool,
    problems: Sequence[Problem],
    sampling: Sampling,
    *,
    step: int,
    area: str = "eval",
    clock: Callable[[], float] = time.monotonic,
    progress: Progress = NO_PROGRESS,
) -> Score:
    """avg@k of the model behind `generator`, with a 95 % interval over problems.

    Raises:
        Or1Error: not one sample could be judged.
        ValueError: a problem comes twice.
    """
    started = clock()
    results = judge_samples(generator, pool, problems, sampling, progress)
    return score(results, step=step, seconds=clock() - started, area=area)


def judge_samples(
    generator: Generator,
    pool: VerifierPool,
    problems: Sequence[Problem],
    sampling: Sampling,
    progress: Progress = NO_PROGRESS,
) -> list[ProblemResult]:
    """Sample and judge, overlapped. Problems in the order given, samples by index.

    A sample that was never returned is there as not judged, with reason `sample_lost`.

    Raises:
        ValueError: a problem comes twice.
        RuntimeError: a sample came twice or was not requested.
    """
    by_id = {p.id: p for p in problems}
    if len(by_id) != len(problems):
        raise ValueError(f"{len(problems)} held-out problems of which {len(by_id)} are different")
    texts = requested(generator.generate(problems, sampling), product(by_id, range(sampling.group_size)))
    progress.start("held-out samples", dict.fromkeys(by_id, sampling.group_size))

    def answers() -> Iterator[tuple[Text, Answer]]:
        for text in texts:
            progress.advance(text.problem_id, text.num_tokens)
            yield text, text.answer_to(by_id[text.problem_id])

    samples: dict[SampleKey, JudgedSample] = {}
    for text, verdict in judged(answers(), pool, progress):
        samples[text.problem_id, text.index] = _judged_sample(text, verdict)
    return [
        ProblemResult(
            problem=p,
            samples=tuple(samples.get((p.id, i), _LOST) for i in range(sampling.group_size)),
        )
        for p in problems
    ]


_LOST = JudgedSample(
    text="", num_tokens=0, outcome=Outcome.NOT_JUDGED, reward=None, reason="sample_lost", detail=""
)


def _judged_sample(text: Text, verdict: Verdict) -> JudgedSample:
    return JudgedSample(
        text=text.text,
        num_tokens=text.num_tokens,
        outcome=verdict.outcome,
        reward=verdict.reward,
        reason=verdict.reason,
        detail=verdict.detail,
    )


def score(results: Sequence[ProblemResult], *, step: int, seconds: float, area: str = "eval") -> Score:
    """avg@k over problems and what goes with it.

    Samples that were not judged leave the score, and a problem without a judged sample leaves it whole; both
    are logged, for a score over fewer problems is not paired with the one before. Shares are of judged
    samples.

    Raises:
        Or1Error: not one sample could be judged.
    """
    scored = [r for r in results if r.rewards]
    if not scored:
        raise Or1Error(
            f"evaluation at step {step}: none of the samples of {len(results)} problems could be judged; "
            "`or1 doctor` says whether engine and verifiers work here"
        )
    samples = [s for r in results for s in r.samples]
    judged = [s for s in samples if s.reward is not None]
    if len(judged) < len(samples):
        logger.warning(
            "evaluation at step %d: %d of %d samples were not judged and leave the score",
            step,
            len(samples) - len(judged),
            len(samples),
        )
    scores_P = [avg_at_k(r.rewards) for r in scored]
    estimate = mean_interval(scores_P, len(judged))
    return Score(
        step=step,
        data_hash=hash_problems(r.problem for r in results),
        num_problems=len(scored),
        samples_per_problem=max(len(r.samples) for r in results),
        mean=estimate.mean,
        low=estimate.low,
        high=estimate.high,
        truncated_fraction=_fraction(judged, Outcome.TRUNCATED),
        no_answer_fraction=_fraction(judged, Outcome.NO_ANSWER),
        response_tokens_mean=fmean(s.num_tokens for s in judged),
        by_source=_by_source(scored, scores_P),
        truncated_by_source=_samples_by_source(results, lambda s: s.outcome is Outcome.TRUNCATED),
        tokens_by_source=_samples_by_source(results, lambda s: s.num_tokens),
        area=area,
        seconds=seconds,
    )


def _fraction(samples: Sequence[JudgedSample], outcome: Outcome) -> float:
    return sum(s.outcome is outcome for s in samples) / len(samples)


def _samples_by_source(
    results: Sequence[ProblemResult], value: Callable[[JudgedSample], float]
) -> Mapping[str, float]:
    """Mean over the judged samples of each source that has any."""
    by_source: dict[str, list[float]] = defaultdict(list)
    for result in results:
        by_source[result.problem.source] += [value(s) for s in result.samples if s.reward is not None]
    return {source: fmean(by_source[source]) for source in sorted(by_source) if by_source[source]}


def _by_source(results: Sequence[ProblemResult], scores_P: Sequence[float]) -> Mapping[str, float]:
    by_source: dict[str, list[float]] = defaultdict(list)
    for result, problem_score in zip(results, scores_P, strict=True):
        by_source[result.problem.source].append(problem_score)
    return {source: avg_at_k(by_source[source]) for source in sorted(by_source)}
