"""or1's side of the rollout benchmark, run as a worker. Options: `max_running`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks._reward import problem_of
from benchmarks._worker import Facts, Order, Spec, Work, peak_memory_bytes, serve
from benchmarks._workload import Case, Workload, digest
from benchmarks.ours.forced_engine import ForcedEngine, Lengths
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.types import Problem, Rollout, Sampling

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def prepare(spec: Spec) -> tuple[Facts, Work]:
    """Load the decoder; the work is every rollout with its log-probabilities and entropies."""
    torch.set_num_threads(spec.threads)
    workload = Workload.read(Path(spec.workload))
    engine = ForcedEngine(
        load_decoder(workload.model_path, dtype=DTYPES[spec.dtype]),
        load_tokenizer(workload.model_path),
        max_running=spec.options["max_running"],
    )
    problems = [problem_of(each) for each in workload.problems]
    sampling = Sampling(
        temperature=1.0, group_size=len(workload.capped_NM[0]), max_response_tokens=workload.cap, seed=1
    )

    def work(order: Order) -> Facts:
        engine.lengths = lengths_of(workload, order.case)
        start = spec.now()
        rollouts = list(engine.rollouts(problems, sampling))
        seconds = spec.now() - start
        return {"seconds": seconds, **evidence(problems, rollouts), "peak_memory_bytes": peak_memory_bytes()}

    facts = {
        "name": "or1 LocalEngine",
        "torch": torch.__version__,
        "dtype": spec.dtype,
        "threads": torch.get_num_threads(),
        "max_running": engine.max_running,
        "cache_dtype": str(engine.decoder.dtype).removeprefix("torch."),
    }
    return facts, work


def lengths_of(workload: Workload, case: Case) -> Lengths:
    """(problem id, index) -> response length [tokens]."""
    return {
        (each.id, index): length
        for each, lengths_M in zip(workload.problems, workload.lengths_NM(case), strict=True)
        for index, length in enumerate(lengths_M)
    }


def evidence(problems: Sequence[Problem], rollouts: Sequence[Rollout]) -> Facts:
    """Lengths [N][M] and prompts of the work, for the check that both sides did the same."""
    by_key = {(rollout.problem_id, rollout.index): rollout for rollout in rollouts}
    group_size = len(rollouts) // len(problems)
    return {
        "lengths_NM": [
            [len(by_key[problem.id, index].response_tokens) for index in range(group_size)]
            for problem in problems
        ],
        "prompt_digest": digest([by_key[problem.id, 0].prompt_tokens.tolist() for problem in problems]),
    }


if __name__ == "__main__":
    serve(prepare)
