"""The samples that an evaluation still lacks, from any Generator.

Each sample is requested as a problem of its own with one response, so that the missing ones can be requested
alone. A sample depends on (seed, benchmark, problem, sample index) only, not on the other requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace

from or1.algo import derive_seed
from or1.evals.questions import Questions
from or1.evals.results import RESPONSES, EvalFolder, ResponseRow, read, write
from or1.protocols import Generator
from or1.rollout.judged import requested
from or1.storage.jsonl import JsonLines
from or1.types import Finish, Sampling, Text


def generate_missing(
    generator: Generator,
    questions: Questions,
    folder: EvalFolder,
    sampling: Sampling,
    *,
    on_row: Callable[[ResponseRow], None] = lambda row: None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Ask for what is not in responses.jsonl and append each sample as it comes.

    Args:
        generator: samples texts.
        questions: one benchmark.
        folder: opened with that benchmark.
        sampling: of the evaluation; its seed is the evaluation's.
        on_row: called with each row once it is in the file.
        clock: seconds.

    Returns:
        Samples that the generator lost (aborted, or never returned): the same command asks for them again.

    Raises:
        RuntimeError: a sample came twice or was not requested.
    """
    name = questions.benchmark.name
    asked = {one.key: one for one in questions.asked}
    wanted = {f"{key}/{sample}": (key, sample) for key, sample in folder.missing(name, ResponseRow)}
    problems = [replace(asked[key].problem, id=id_) for id_, (key, _) in wanted.items()]
    one_each = replace(sampling, group_size=1, seed=derive_seed(sampling.seed, "benchmark", name))
    started = clock()
    with JsonLines(folder.path / RESPONSES) as log:
        texts = generator.generate(problems, one_each) if problems else ()
        for text in requested(texts, [(id_, 0) for id_ in wanted]):
            if text.finish is Finish.ABORTED:
                continue
            key, sample = wanted.pop(text.problem_id)
            row = _row(name, key, sample, asked[key].prompt_hash, text, clock() - started)
            log.append(asdict(row))
            on_row(row)
    return len(wanted)


def sort_responses(folder: EvalFolder) -> None:
    """Put responses.jsonl into its final order."""
    path = folder.path / RESPONSES
    rows = list(read(path, ResponseRow))
    ordered = folder.sort(rows)
    if rows != ordered:
        write(path, ordered)


def _row(
    benchmark: str, problem: str, sample: int, prompt_hash: str, text: Text, seconds: float
) -> ResponseRow:
    return ResponseRow(
        benchmark=benchmark,
        problem=problem,
        sample=sample,
        prompt_hash=prompt_hash,
        finish=text.finish,
        num_tokens=text.num_tokens,
        text=text.text.encode("utf-8", "replace").decode(),  # an endpoint may send half a character
        generation_s=round(seconds, 3),
    )
