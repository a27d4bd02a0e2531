"""An evaluation from beginning to end: generate what is missing, judge what is not judged, put in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from or1.evals.benchmark import Protocol as Asking
from or1.evals.judging import finish_results, judge_missing
from or1.evals.questions import Questions
from or1.evals.results import RESULTS, EvalFolder, ResponseRow, ResultRow, write
from or1.evals.sampling import generate_missing, sort_responses
from or1.evals.settings import EvalRunConfig
from or1.protocols import Generator, Progress, VerifierPool
from or1.types import Sampling


def sampling_of(settings: EvalRunConfig, asking: Asking) -> Sampling:
    """How samples are drawn: the protocol's numbers, but for those that the settings give."""
    given = settings
    return Sampling(
        temperature=asking.temperature if given.temperature is None else given.temperature,
        top_p=asking.top_p if given.top_p is None else given.top_p,
        top_k=given.top_k,
        max_response_tokens=given.max_response_tokens or asking.max_response_tokens,
        seed=given.seed,
    )


def samples_of(settings: EvalRunConfig, asking: Asking, questions: Sequence[Questions]) -> dict[str, int]:
    """Benchmark -> k: what the user says, else the protocol, else the data that hold each problem k times,
    else the benchmark."""
    return {
        q.benchmark.name: settings.samples
        or asking.samples
        or (q.repeats if q.repeats > 1 else q.benchmark.samples)
        for q in questions
    }


def generate(
    generator: Generator,
    questions: Sequence[Questions],
    folder: EvalFolder,
    sampling: Sampling,
    progress: Progress,
) -> int:
    """Sample what is missing; how many samples the generator lost."""
    lost = 0
    for one in questions:
        progress.start(f"{one.benchmark.name} samples", _num_missing(one, folder, ResponseRow))
        lost += generate_missing(
            generator,
            one,
            folder,
            sampling,
            on_row=lambda row: progress.advance(row.problem, row.num_tokens),
        )
    sort_responses(folder)
    return lost


def judge(
    pool: VerifierPool,
    questions: Sequence[Questions],
    folder: EvalFolder,
    progress: Progress,
    *,
    afresh: bool = False,
) -> None:
    """Judge every response that has no verdict; `afresh` forgets all verdicts first."""
    if afresh:
        write(folder.path / RESULTS, list[ResultRow]())
    for one in questions:
        progress.start(f"{one.benchmark.name} verdicts", _num_missing(one, folder, ResultRow))
        judge_missing(pool, one, folder, on_row=lambda row: progress.advance(row.problem, 0))
    finish_results(pool, questions, folder)


def _num_missing(
    questions: Questions, folder: EvalFolder, kind: type[ResponseRow] | type[ResultRow]
) -> dict[str, int]:
    """Problem -> samples without a row of this kind."""
    missing = Counter(problem for problem, _ in folder.missing(questions.benchmark.name, kind))
    return {one.key: missing[one.key] for one in questions.asked}
