"""or1's side of the step benchmark, run as a worker: collect, advantages, one optimizer update.

Options: `max_running`, `entropy_coefficient`, `learning_rate`, `case`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks._reward import pattern_reward, problem_of
from benchmarks._worker import Facts, Order, Spec, Work, peak_memory_bytes, serve
from benchmarks._workload import Workload
from benchmarks.ours.forced_engine import ForcedEngine
from benchmarks.ours.rollout import DTYPES, evidence, lengths_of
from or1 import algo
from or1.config import LossConfig, OptimizerConfig, StageConfig, SystemConfig
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.rollout.collect import LocalCollector
from or1.trainer.local_backend import LocalBackend
from or1.types import Answer, Outcome, Problem, RunState, SamplerState, Verdict
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.pool import ProcessVerifierPool


@dataclass(frozen=True, slots=True)
class FixedSampler:
    """Draws the workload's problems at every step."""

    problems: Sequence[Problem]

    def draw(
        self, state: SamplerState, solved: Set[str], num_problems: int
    ) -> tuple[Sequence[Problem], SamplerState]:
        return self.problems[:num_problems], state


class PatternPool:
    """or1's pool judges; training gets the rewards of the benchmark's pattern."""

    def __init__(self) -> None:
        self._pool = ProcessVerifierPool({"arithmetic": ArithmeticVerifier()})

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        for answer, _ in self._pool.judge(answers):
            reward = pattern_reward(answer.index)
            outcome = Outcome.RIGHT if reward else Outcome.WRONG
            yield answer, Verdict(outcome=outcome, reward=reward)

    def close(self) -> None:
        self._pool.close()


def prepare(spec: Spec) -> tuple[Facts, Work]:
    """Engine and trainer around one decoder, as a run has them."""
    torch.set_num_threads(spec.threads)
    workload = Workload.read(Path(spec.workload))
    decoder = load_decoder(workload.model_path, dtype=DTYPES[spec.dtype])
    tokenizer = load_tokenizer(workload.model_path)
    problems = [problem_of(each) for each in workload.problems]
    engine = ForcedEngine(decoder, tokenizer, max_running=spec.options["max_running"])
    engine.lengths = lengths_of(workload, spec.options["case"])
    microbatch = SystemConfig().tokens_per_microbatch
    trainer = LocalBackend(
        decoder,
        OptimizerConfig(learning_rate=spec.options["learning_rate"]),
        temperature=1.0,
        tokens_per_microbatch=microbatch,
    )
    collector = LocalCollector(
        engine, PatternPool(), FixedSampler(problems), tokenizer, seed=1, temperature=1.0
    )
    stage = StageConfig(
        max_response_tokens=workload.cap,
        num_steps=1,
        num_problems=len(problems),
        group_size=len(workload.capped_NM[0]),
    )
    loaded_bytes = peak_memory_bytes()
    states = iter(RunState(step=step, policy_version=step) for step in range(1_000_000))
    loss = LossConfig(clip_high=0.2)

    def work(order: Order) -> Facts:
        start = spec.now()
        state = next(states)
        collector.load(trainer.publish(state.policy_version))
        groups, _ = collector.collect(state, stage)
        rolled_out = spec.now()
        kept, _ = algo.split_by_signal(groups, loss)
        advantages = algo.advantages(kept, loss)
        report = trainer.update(kept, advantages, loss, spec.options["entropy_coefficient"], stage)
        end = spec.now()
        return {
            "seconds": end - start,
            "rollout_s": rolled_out - start,
            "update_s": end - rolled_out,
            "trained_tokens": report.num_tokens,
            "mismatch_max": report.mismatch_max,
            **evidence(problems, [rollout for group in groups for rollout in group.rollouts]),
            "peak_memory_bytes": peak_memory_bytes(),
        }

    facts = {
        "name": "or1",
        "torch": torch.__version__,
        "dtype": spec.dtype,
        "threads": torch.get_num_threads(),
        "tokens_per_microbatch": microbatch,
        "memory_after_load_bytes": loaded_bytes,
    }
    return facts, work


if __name__ == "__main__":
    serve(prepare)
