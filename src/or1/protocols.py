"""The protocols between the parts of or1. Contract tests of a protocol run over all its implementations.

No torch here: tensors are passed only inside a `WeightHandle` or as numpy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from or1.config import LossConfig, StageConfig
from or1.types import (
    Answer,
    Float32,
    Group,
    Int32,
    Message,
    Problem,
    ProcessStatus,
    Rollout,
    RunState,
    Sampling,
    Score,
    StepResult,
    Text,
    UpdateReport,
    Verdict,
    WeightHandle,
)


class VerifierPool(Protocol):
    """Judges answers beside the generation of responses."""

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        """Yield every answer once, with its verdict, as verdicts come in: the order is not that of the
        input.

        Answers are pulled from the iterable while earlier ones are still being judged. LENGTH becomes
        TRUNCATED and ABORTED becomes NOT_JUDGED before any verifier sees the text.
        """
        ...

    def close(self) -> None: ...


class Tokenizer(Protocol):
    """Text to tokens and back, through the model's chat template."""

    def encode_prompt(self, messages: tuple[Message, ...]) -> Int32:
        """Prompt tokens [Lp], ending where the response begins."""
        ...

    def decode(self, tokens: Int32) -> str:
        """Text of a response, without special tokens, with `<think>` marks."""
        ...

    def decode_prompt(self, prompt_tokens: Int32) -> str:
        """Text of a prompt [Lp] as the model reads it: the filled chat template, special tokens included."""
        ...

    def response_prefix(self, prompt_tokens: Int32) -> str:
        """`<think>` when the template has already opened the reasoning, else nothing."""
        ...


def response_text(tokenizer: Tokenizer, rollout: Rollout) -> str:
    """The text that verifiers read: the response, with the `<think>` that its prompt may have opened."""
    return tokenizer.response_prefix(rollout.prompt_tokens) + tokenizer.decode(rollout.response_tokens)


class RolloutEngine(Protocol):
    """Samples responses from the loaded weights."""

    def load(self, weights: WeightHandle) -> None: ...

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        """Yield group_size rollouts of each problem, each as it finishes, without verdicts."""
        ...

    def close(self) -> None: ...


class Generator(Protocol):
    """Samples texts, for evaluation and curation."""

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        """Yield group_size texts of each problem, each as it finishes."""
        ...


class Collector(Protocol):
    """Turns a step's problems into judged groups."""

    def load(self, weights: WeightHandle) -> None: ...

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        """Whole groups in the order drawn, rollouts by index, and the state with the sampler advanced."""
        ...


@runtime_checkable
class SavesCollector(Protocol):
    """Optional for collectors: a checkpoint holds what the next step needs beside state and weights."""

    def save(self, folder: Path) -> None:
        """Write it as files into an existing folder; none if nothing is needed."""
        ...

    def restore(self, folder: Path) -> None:
        """Read the files of `save`."""
        ...


class TrainerBackend(Protocol):
    """The update of a step, on one device or many."""

    def update(
        self,
        kept: Sequence[Group],
        advantages: Sequence[Float32],
        loss: LossConfig,
        alpha: float,
        stage: StageConfig,
    ) -> UpdateReport:
        """Take num_minibatches * num_reuses optimizer updates on the kept groups.

        Args:
            kept: groups whose rollouts are all judged.
            advantages: per group [M], one value for all tokens of a rollout.
            loss: clip range, average, KL.
            alpha: entropy bonus of this step [dimensionless].
            stage: num_minibatches and num_reuses.
        """
        ...

    def publish(self, version: int) -> WeightHandle: ...

    def save(self, folder: Path) -> None:
        """Write weights and optimizer state as files into an existing folder."""
        ...

    def load(self, folder: Path) -> None:
        """Read the files of `save`; afterwards the backend continues bit for bit."""
        ...


class Progress(Protocol):
    """Display of a call that samples or judges for a while: the rollouts of a step, an evaluation."""

    def start(self, name: str, num_samples: Mapping[str, int]) -> None:
        """Called when the call starts.

        Args:
            name: noun of its samples, such as `rollouts`.
            num_samples: problem -> samples to come; 0 for a problem that has them all.
        """
        ...

    def advance(self, problem: str, num_tokens: int) -> None:
        """Called for each sample, with the response tokens that were generated for it."""
        ...

    def decoded(self, num_tokens: int) -> None:
        """Called with tokens of samples that may not have finished, where the engine `CountsTokens`."""
        ...


class NoProgress:
    """The protocol `Progress` without a display."""

    def start(self, name: str, num_samples: Mapping[str, int]) -> None:
        pass

    def advance(self, problem: str, num_tokens: int) -> None:
        pass

    def decoded(self, num_tokens: int) -> None:
        pass


NO_PROGRESS = NoProgress()


class StepLog(Protocol):
    """The log of one step; written when the step's context closes."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Time a phase of the step; its seconds are logged as `time/<name>_s`."""
        ...

    def step(self, result: StepResult) -> None: ...


@runtime_checkable
class Stoppable(Protocol):
    """Optional for engines and backends: a call that can end early, after a stop signal."""

    def check_with(self, check: Callable[[], None]) -> None:
        """Call `check` often inside `rollouts`, or inside `update` while no optimizer step was taken. It may
        raise: the call then ends with the weights that it began with."""
        ...


@runtime_checkable
class SavesBeside(Protocol):
    """Optional for backends: training continues while a checkpoint is written."""

    def begin_save(self, folder: Path) -> Callable[[], None]:
        """Copy weights and optimizer state to memory, and write them into an existing folder.

        Returns:
            A function that waits until the files are there; for another thread.
        """
        ...


@runtime_checkable
class SwitchesWeights(Protocol):
    """Optional for engines: other weights in the middle of a call of `rollouts`."""

    def switch(self, weights: WeightHandle) -> None:
        """From another thread than the one that samples: abort the running responses at their next token, and
        resume each from its prompt and tokens under these weights.

        Returns at once. The next `load` undoes a switch that no response has seen.
        """
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """Optional for engines: tokens are reported before their rollouts finish."""

    def count_with(self, on_tokens: Callable[[int], None]) -> None:
        """Call `on_tokens` inside `rollouts` with the number of tokens that are decoded next."""
        ...


@runtime_checkable
class ReportsProcesses(Protocol):
    """Optional for engines and backends with processes of their own."""

    def processes(self) -> Sequence[ProcessStatus]:
        """The present work of each. Called each second from another thread: it does not wait."""
        ...


@runtime_checkable
class Closable(Protocol):
    """Optional for backends: processes or files to give back at the end of a run."""

    def close(self) -> None:
        """End them; may be called again."""
        ...


@runtime_checkable
class SharesDevice(Protocol):
    """Optional for engines on the device that trains."""

    def share_with(self, bytes_to_come: Callable[[], int]) -> None:
        """Leave as much of the free memory as `bytes_to_come` says whenever memory is taken."""
        ...

    def free_memory(self) -> None:
        """Give the device memory back until the next call of `rollouts`."""
        ...


@runtime_checkable
class UpdatesBesideEngine(Protocol):
    """Optional for backends on the device that samples."""

    def bytes_to_come(self) -> int:
        """Device memory that the backend takes with its first update and keeps [bytes]."""
        ...

    def before_update(self, call: Callable[[], None]) -> None:
        """Call this at the start of each update."""
        ...


class Tracker(Protocol):
    """The log of a run. The JSON lines files are complete; all else shows the same rows."""

    def step(self, state: RunState, stage: StageConfig) -> AbstractContextManager[StepLog]: ...

    def score(self, score: Score) -> None: ...

    def scored(self, step: int) -> Set[str]:
        """Areas that have a score at this step."""
        ...

    def offsets(self) -> Mapping[str, int]:
        """Length of each log file [bytes], for the checkpoint."""
        ...

    def cut(self, offsets: Mapping[str, int], step: int) -> None:
        """Remove everything that was written after the checkpoint of `step`, except the scores of that step
        that directly follow it: a checkpoint is saved before it is evaluated."""
        ...

    def close(self) -> None: ...


class Checkpoints(Protocol):
    """Complete states on disk."""

    def restore(self, trainer: TrainerBackend) -> RunState | None:
        """Load the newest whole checkpoint into the trainer and cut the logs to it; None if there is none."""
        ...

    def save(self, state: RunState, trainer: TrainerBackend) -> None: ...


class Schedule(Protocol):
    """Work between steps: save a checkpoint, evaluate, stop after a stop signal."""

    def start(self, state: RunState) -> None:
        """Before the first step: evaluate the start model, or finish the evaluation of the checkpoint."""
        ...

    def run(self, state: RunState) -> None:
        """After each step. After a stop signal: saves the state and raises Interrupted."""
        ...

    def save(self) -> None:
        """Save a checkpoint of the state after the last step; may be called in a rollout or an evaluation."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that `assemble` makes and `loop.train` uses."""

    collector: Collector
    trainer: TrainerBackend
    checkpoints: Checkpoints
    schedule: Schedule
    tracker: Tracker
