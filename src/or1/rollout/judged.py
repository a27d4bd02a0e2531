"""The join of samples and verdicts: the same for training, evaluation and curation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from or1.protocols import NO_PROGRESS, Progress, VerifierPool
from or1.types import Answer, Verdict

SampleKey = tuple[str, int]
"""(problem id, index)"""


class Sample(Protocol):
    """A rollout or a text: one response to a problem."""

    @property
    def problem_id(self) -> str: ...

    @property
    def index(self) -> int: ...


SampleT = TypeVar("SampleT", bound=Sample)
T = TypeVar("T")
_VERDICT_LOST = Verdict.not_judged("verdict_lost")


def requested(samples: Iterable[SampleT], keys: Iterable[SampleKey]) -> Iterator[SampleT]:
    """Yield the samples in the order they come; check that each was requested and comes once.

    Raises:
        RuntimeError: a sample came twice or was not requested.
    """
    missing = set(keys)
    for sample in samples:
        key = (sample.problem_id, sample.index)
        if key not in missing:
            raise RuntimeError(f"sample {key[0]}/{key[1]} came twice or was not requested")
        missing.remove(key)
        yield sample


def judged(
    samples: Iterable[tuple[T, Answer]], pool: VerifierPool, progress: Progress = NO_PROGRESS
) -> Iterator[tuple[T, Verdict]]:
    """Yield each sample once, with its verdict, as verdicts come in.

    Samples are pulled while earlier ones are being judged. A sample that the pool did not return comes last,
    NOT_JUDGED with reason `verdict_lost`.

    Args:
        samples: each with its answer; no two answers have the same problem id and index.
        pool: judges the answers, in any order.
        progress: called for the verdicts that are missing when the last sample is there.

    Raises:
        RuntimeError: the pool returned an answer twice, or one that it was not given.
    """
    waiting: dict[SampleKey, T] = {}
    are_all_sampled = False

    def answers() -> Iterator[Answer]:
        for sample, answer in samples:
            waiting[answer.problem.id, answer.index] = sample
            yield answer
        nonlocal are_all_sampled
        are_all_sampled = True
        if waiting:
            progress.start("verdicts", Counter(problem for problem, _ in waiting))

    for answer, verdict in pool.judge(answers()):
        key = (answer.problem.id, answer.index)
        if key not in waiting:
            raise RuntimeError(f"the verifier pool returned answer {key[0]}/{key[1]} twice or unrequested")
        if are_all_sampled:
            progress.advance(answer.problem.id, 0)
        yield waiting.pop(key), verdict
    for sample in waiting.values():
        yield sample, _VERDICT_LOST
