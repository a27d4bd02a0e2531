"""Peer: one step of TRL's GRPOTrainer on a CPU: generate, reward, one optimizer update.

Run by the benchmarks as a worker. The trainer owns its loop, so the worker waits for its orders inside a
callback at the start of each step. Options: `rows_per_microbatch` (responses in one forward pass),
`entropy_coefficient`, `learning_rate`, `case` (the lengths that generation is forced to).

TRL's settings here are MAGIC's: no KL, token mean over the batch ("dapo"), group standard deviation, an
entropy bonus with gradient. Its head computes log-probability and entropy in tiles; no second pass for
old log-probs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
from datasets import Dataset
from transformers import AutoTokenizer, LogitsProcessorList, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from benchmarks._reward import RewardFunction
from benchmarks._worker import Channel, Facts, Spec, peak_memory_bytes
from benchmarks._workload import Case, Workload, digest
from benchmarks.peers.forced_lengths import ForcedLengths
from benchmarks.peers.groups import in_groups

MAX_STEPS = 200
"""The data set has enough rows for this many steps [steps]."""


class NoMoreOrdersError(Exception):
    """Leaves the trainer's loop."""


class TimedTrainer(GRPOTrainer):
    """Times its own phases and remembers what it sampled."""

    now: Callable[[], float] = time.perf_counter
    generate_s = 0.0
    reward_s = 0.0
    prompts: list[list[int]] = []  # noqa: RUF012
    response_lengths: list[int] = []  # noqa: RUF012

    def _generate(self, prompts: list[Any]) -> Any:
        start = self.now()
        result = super()._generate(prompts)
        self.generate_s = self.now() - start
        self.prompts, self.response_lengths = result[0], [len(tokens) for tokens in result[1]]
        return result

    def _calculate_rewards(self, *args: Any) -> Any:
        start = self.now()
        result = super()._calculate_rewards(*args)
        self.reward_s = self.now() - start
        return result


class Orders(TrainerCallback):
    """Waits for an order before each step and answers after it."""

    def __init__(
        self,
        channel: Channel,
        now: Callable[[], float],
        facts: Callable[[], Facts],
        answer: Callable[[float], Facts],
    ) -> None:
        self._channel, self.now, self._facts, self._answer = channel, now, facts, answer
        self._start = 0.0

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self._channel.send(self._facts())

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        if self._channel.next_order() is None:
            raise NoMoreOrdersError
        self._start = self.now()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self._channel.send(self._answer(self.now() - self._start))


def config(spec: Spec, workload: Workload, case: Case, folder: str) -> GRPOConfig:
    """The trainer's settings for one batch of N problems x M rollouts per optimizer update."""
    lengths_NM = workload.lengths_NM(case)
    num_rows = sum(map(len, lengths_NM))
    rows = min(spec.options["rows_per_microbatch"] or num_rows, num_rows)
    if num_rows % rows:
        raise ValueError(f"rows_per_microbatch {rows} does not divide the batch of {num_rows} responses")
    return GRPOConfig(
        output_dir=folder,
        use_cpu=True,
        bf16=spec.dtype == "bfloat16",
        gradient_checkpointing=False,
        report_to="none",
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
        seed=1,
        max_steps=MAX_STEPS,
        dataloader_pin_memory=False,
        shuffle_dataset=False,
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=num_rows // rows,
        num_generations=len(lengths_NM[0]),
        max_completion_length=workload.cap,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        learning_rate=spec.options["learning_rate"],
        lr_scheduler_type="constant",
        max_grad_norm=1.0,
        beta=0.0,
        loss_type="dapo",
        scale_rewards="group",
        mask_truncated_completions=False,
        entropy_coef=spec.options["entropy_coefficient"],
    )


def main() -> None:
    """Build the trainer and take steps until the parent has no more orders."""
    import sys

    channel = Channel()
    spec = Spec.from_json(sys.argv[1])
    torch.set_num_threads(spec.threads)
    workload = Workload.read(Path(spec.workload))
    case: Case = spec.options["case"]
    with tempfile.TemporaryDirectory() as folder:
        trainer = build(spec, workload, case, folder)
        loaded_bytes = peak_memory_bytes()

        def facts() -> Facts:
            return {
                "name": f"TRL {trl.__version__} GRPOTrainer (transformers {transformers.__version__})",
                "torch": torch.__version__,
                "dtype": "bfloat16 autocast"
                if trainer.args.bf16
                else str(trainer.model.dtype).removeprefix("torch."),
                "threads": torch.get_num_threads(),
                "rows_per_microbatch": trainer.args.per_device_train_batch_size,
                "memory_after_load_bytes": loaded_bytes,
            }

        def answer(seconds: float) -> Facts:
            return {
                "seconds": seconds,
                "rollout_s": trainer.generate_s + trainer.reward_s,
                "update_s": seconds - trainer.generate_s - trainer.reward_s,
                "lengths_NM": in_groups(trainer.response_lengths, len(workload.capped_NM[0])),
                "prompt_digest": digest(trainer.prompts[:: len(workload.capped_NM[0])]),
                "peak_memory_bytes": peak_memory_bytes(),
            }

        trainer.add_callback(Orders(channel, spec.now, facts, answer))
        try:
            trainer.train()
        except NoMoreOrdersError:
            return


def build(spec: Spec, workload: Workload, case: Case, folder: str) -> TimedTrainer:
    """The trainer, its generation forced to the workload's lengths."""
    rows = [{"prompt": each.messages, "problem_id": each.id} for each in workload.problems] * MAX_STEPS
    tokenizer = AutoTokenizer.from_pretrained(workload.model_path)
    reward = RewardFunction(workload)

    def reward_function(completions: list[Any], problem_id: list[str], **_: Any) -> list[float]:
        return reward([turns[0]["content"] for turns in completions], problem_id)

    trainer = TimedTrainer(
        model=workload.model_path,
        reward_funcs=reward_function,
        args=config(spec, workload, case, folder),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    trainer.now = spec.now
    lengths = [length for row in workload.lengths_NM(case) for length in row]
    generate = trainer.model.generate

    def forced_generate(**kwargs: Any) -> torch.Tensor:
        forced = ForcedLengths(lengths, workload.cap, tokenizer.eos_token_id)
        return generate(**kwargs, logits_processor=LogitsProcessorList([forced]))

    trainer.model.generate = forced_generate
    return trainer


if __name__ == "__main__":
    main()
