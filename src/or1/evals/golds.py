"""Problems whose gold cannot be judged: found, and left out of an evaluation, before a token is sampled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from or1.config import VerifyConfig
from or1.errors import DataError
from or1.evals.questions import Questions
from or1.tasks.user import ForeignVerifier
from or1.types import Problem
from or1_verify.base import Verifier
from or1_verify.golds import BadGold, bad_golds, summary, with_gold_checks
from or1_verify.pool import ProcessVerifierPool

logger = logging.getLogger(__name__)


def find_bad_golds(
    limits: VerifyConfig, verifiers: Mapping[str, Verifier], problems: Iterable[tuple[str, Problem]]
) -> list[BadGold]:
    """The golds that cannot be judged, in the order of the problems.

    Programs and tasks of your own are not run here: tests are read with their rows, and the start of a
    training run asks the others.

    Args:
        limits: of the workers.
        verifiers: task name -> verifier.
        problems: each with its place, for messages.
    """
    checked = {
        name: verifier
        for name, verifier in verifiers.items()
        if not (verifier.limits_itself or isinstance(verifier, ForeignVerifier))
    }
    pool = ProcessVerifierPool(
        with_gold_checks(checked), limits.num_workers, limits.time_limit_s, limits.worker_memory_bytes
    )
    with pool:
        return bad_golds(((place, p) for place, p in problems if p.task in checked), pool.judge)


def leave_out_bad_golds(
    limits: VerifyConfig, verifiers: Mapping[str, Verifier], questions: Sequence[Questions]
) -> list[Questions]:
    """The benchmarks, each with its problems that no model is scored on.

    Raises:
        DataError: no gold of a benchmark can be judged.
    """
    return [_leave_out(limits, verifiers, each) for each in questions]


def _leave_out(limits: VerifyConfig, verifiers: Mapping[str, Verifier], questions: Questions) -> Questions:
    asked = [(one.key, one.problem) for one in questions.asked]
    bad = find_bad_golds(limits, verifiers, asked)
    if not bad:
        return questions
    line = f"benchmark {questions.benchmark.name}: {summary(bad, len(asked))}"
    if len(bad) == len(asked):
        raise DataError(f"{line}: check the column of the answers in {', '.join(questions.data)}")
    logger.warning("%s: left out of the score", line)
    left_out = {each.place: f"{each.reason}: {each.detail}".removesuffix(": ") for each in bad}
    return replace(questions, left_out=left_out)
