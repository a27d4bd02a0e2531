"""The data types that modules exchange: frozen dataclasses, without torch.

Shape legend: Lp prompt tokens, L response tokens, M rollouts of a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from or1.metric import Metric
from or1_verify.types import Answer, Finish, Gold, Message, Outcome, Problem, Verdict

__all__ = [
    "Answer",
    "DropReason",
    "DroppedGroup",
    "EntropyState",
    "Finish",
    "Float32",
    "Gold",
    "Group",
    "Int32",
    "Int64",
    "Message",
    "Outcome",
    "Problem",
    "ProcessStatus",
    "Rollout",
    "RunState",
    "SamplerState",
    "Sampling",
    "Score",
    "StageEnd",
    "StageProgress",
    "StepResult",
    "Text",
    "TokenStatistics",
    "UpdateReport",
    "Verdict",
    "WeightHandle",
]

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Number = TypeVar("Number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sampling parameters."""

    temperature: float = 1.0
    """Divides the logits; 0 = greedy."""
    top_p: float = 1.0
    top_k: int | None = None
    group_size: int = 1
    """Responses per problem (M)."""
    max_response_tokens: int
    """Response budget [tokens]."""
    seed: int = 0
    """The tokens of a rollout depend on (seed, problem id, index) and the weights alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rollout:
    """One sampled response, with the log-probabilities of its tokens."""

    problem_id: str
    index: int
    """0..M-1 inside its group."""
    prompt_tokens: Int32
    """[Lp]"""
    response_tokens: Int32
    """[L], the end token included when the model ended the response itself."""
    behavior_logprobs: Float32
    """[L] log-probability of each sampled token at the sampling temperature [nats]."""
    behavior_entropy: Float32 | None
    """[L] exact entropy of the distribution each token was drawn from [nats]; None if the engine has none."""
    finish: Finish
    policy_version: int
    """Optimizer updates behind the weights that sampled it; the oldest, if there were several."""
    verdict: Verdict | None = None
    version_spans: tuple[tuple[int, int], ...] = ()
    """(policy version, index of the first token that it sampled), in order, where the response was resumed
    under other weights; empty = `policy_version` sampled all."""

    @property
    def versions_L(self) -> Int64:
        """Policy version that sampled each response token [L]."""
        spans = self.version_spans or ((self.policy_version, 0),)
        ends = [*(first for _, first in spans[1:]), len(self.response_tokens)]
        lengths = [end - first for (_, first), end in zip(spans, ends, strict=True)]
        return np.repeat(np.asarray([version for version, _ in spans], dtype=np.int64), lengths)

    @property
    def truncated(self) -> bool:
        return self.finish is Finish.LENGTH

    @property
    def aborted(self) -> bool:
        """The engine gave it up: its length says nothing about the policy."""
        return self.finish is Finish.ABORTED

    @property
    def judged(self) -> bool:
        return self.verdict is not None and self.verdict.reward is not None

    @property
    def reward(self) -> float:
        """Reward of a judged rollout; ValueError otherwise: a missing verdict is not a zero."""
        if self.verdict is None or self.verdict.reward is None:
            raise ValueError(f"rollout {self.problem_id}/{self.index} has no reward")
        return self.verdict.reward


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One generated text, for evaluation and curation: no token-level numbers."""

    problem_id: str
    index: int
    text: str
    finish: Finish
    num_tokens: int

    def answer_to(self, problem: Problem) -> Answer:
        """The text for a verifier pool."""
        return Answer(problem=problem, index=self.index, text=self.text, finish=self.finish)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The rollouts of one problem in one step, by index."""

    problem: Problem
    rollouts: tuple[Rollout, ...]

    @property
    def rewards_M(self) -> tuple[float, ...]:
        """Rewards of the rollouts [M]; ValueError if one was not judged (see `judged_only`)."""
        return tuple(r.reward for r in self.rollouts)

    @property
    def pass_rate(self) -> float:
        """Mean reward of the judged rollouts; nan when none was judged."""
        rewards = [r.reward for r in self.rollouts if r.judged]
        return sum(rewards) / len(rewards) if rewards else float("nan")

    def judged_only(self) -> Group:
        """The group without the rollouts that were not judged."""
        return replace(self, rollouts=tuple(r for r in self.rollouts if r.judged))


class DropReason(StrEnum):
    """Why a group gives no gradient."""

    ALL_RIGHT = "all_right"
    ALL_WRONG = "all_wrong"
    ALL_EQUAL = "all_equal"
    """Equal rewards that are neither 0 nor 1."""
    TOO_FEW_JUDGED = "too_few_judged"
    MASKED = "masked"
    """The rewards differ, but only on rollouts that the truncation mask removes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DroppedGroup:
    group: Group
    reason: DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyState:
    """State of the adaptive entropy controller; part of the checkpoint."""

    coefficient: float = 0.0
    """c_k, the bonus when the gate is open [dimensionless]."""
    last_entropy: float | None = None
    """e_{k-1} [nats/token]; None before the first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerState:
    """Position of the problem sampler: enough to draw the same problems again."""

    epoch: int = 0
    position: int = 0
    """Index into this epoch's shuffled order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """History that the switch rule of a stage uses; empty at the start of each stage."""

    index: int = 0
    first_step: int = 0
    truncated_fractions: tuple[float, ...] = ()
    """Truncated share of all rollouts, for the last steps of this stage that its rule uses."""
    mean_rewards: tuple[float, ...] = ()
    """Mean reward of all judged rollouts of the same steps."""


class StageEnd(StrEnum):
    """Why a stage ended."""

    NUM_STEPS = "num_steps"
    """All its steps are done."""
    TRUNCATED_BELOW = "truncated_below"
    """Its switch rule: few responses are truncated."""
    REWARD_PLATEAU = "reward_plateau"
    """Its switch rule: the mean reward stopped rising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The state of a run, except tensors. A checkpoint holds it as JSON beside the tensors."""

    step: int = 0
    """Steps of the loop completed."""
    policy_version: Annotated[
        int, Metric("train/policy_version", "updates", "optimizer updates behind the weights after the step")
    ] = 0
    stage: StageProgress = StageProgress()
    entropy: EntropyState = EntropyState()
    sampler: SamplerState = SamplerState()
    pass_rates: Mapping[str, float] = field(default_factory=dict)
    """problem id -> pass rate at its last visit in this stage."""
    solved: frozenset[str] = frozenset()
    """Problems that the online filter keeps from being drawn."""
    empty_steps: Annotated[
        int, Metric("train/empty_steps", "steps", "consecutive steps without a group to train on")
    ] = 0
    nonfinite_steps: Annotated[
        int, Metric("train/nonfinite_steps", "steps", "consecutive steps whose update was not finite")
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStatistics(Generic[Number]):
    """Statistics over the response tokens of one `update`: a mean, or the maximum if the name ends in `_max`.

    In a report they are numbers; in `algo.loss.LossSums` tensors, with the sums that the means are made of.
    """

    loss: Annotated[Number, Metric("train/loss", "reward", "policy_loss - alpha * entropy + beta * kl")]
    policy_loss: Annotated[Number, Metric("train/policy_loss", "reward", "clipped surrogate")]
    entropy: Annotated[
        Number,
        Metric("train/entropy_nats", "nats/token", "exact, over the response tokens of the kept groups"),
    ]
    clip_fraction: Annotated[
        Number,
        Metric("train/clip_fraction", "fraction", "response tokens where the clipped term is the one used"),
    ]
    ratio_mean: Annotated[Number, Metric("train/ratio_mean", "1", "pi over loss.ratio_to, token mean")]
    ratio_max: Annotated[Number, Metric("train/ratio_max", "1", "pi over loss.ratio_to, token maximum")]
    mismatch_kl: Annotated[
        Number,
        Metric("train/mismatch_kl_nats", "nats/token", "k3 from trainer to engine; stale weights count too"),
    ]
    mismatch_max: Annotated[
        Number,
        Metric("train/mismatch_max_nats", "nats", "largest |trainer - engine| log-probability of a token"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport(TokenStatistics[float]):
    """One `update`, reduced over the whole batch and all ranks; each response token has the same weight."""

    grad_norm: Annotated[
        float, Metric("train/grad_norm", "1", "L2 norm before clipping, mean over optimizer updates")
    ]
    learning_rate: Annotated[float, Metric("train/learning_rate", "1/update", "of the last update")]
    num_updates: Annotated[
        int, Metric("train/num_updates", "updates", "optimizer updates applied, without the skipped ones")
    ]
    num_skipped: Annotated[
        int, Metric("train/num_skipped", "updates", "minibatches whose loss or gradient was not finite")
    ]
    num_tokens: Annotated[
        int, Metric("train/num_response_tokens", "tokens", "response tokens in the kept groups")
    ]
    num_sequence_tokens: Annotated[
        int,
        Metric("train/num_sequence_tokens", "tokens", "prompt and response tokens through the forward pass"),
    ]
    nonfinite_rollouts: Annotated[
        tuple[str, ...],
        Metric(
            "train/nonfinite_rollouts", "list", "`problem_id/index` in skipped minibatches; absent if none"
        ),
    ] = ()
    kl_to_reference: Annotated[
        float | None,
        Metric(
            "train/kl_to_reference_nats", "nats/token", "KL estimate to the start model; absent without one"
        ),
    ] = None
    seconds: float
    hashes: Mapping[str, str] = field(default_factory=dict)
    """"gradient" and "weights" -> hex digest after the update; empty when fingerprints of tensors are off."""


@dataclass(frozen=True, slots=True, eq=False)
class StepResult:
    """Everything that one step of the loop produced, for its log."""

    groups: Sequence[Group]
    """All groups of the step, in the order drawn."""
    kept: Sequence[Group]
    """Those that were trained on."""
    advantages: Sequence[Float32]
    """Of the rollouts of each kept group [M]."""
    dropped: Sequence[DroppedGroup]
    alpha: float
    """Entropy bonus of the step [dimensionless]."""
    report: UpdateReport | None
    """None if no group was kept."""
    state: RunState
    """After the step."""
    stage_end: StageEnd | None
    """Why the stage ended with this step; None if it continues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightHandle:
    """Published weights: the only link between rollout and training."""

    version: int
    """Policy version of these weights."""
    ref: object
    """A mapping name -> tensor in memory, a path, or an object of the cluster; only engines read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """The work of one process of a run, for `or1 top`."""

    name: str
    phase: str
    """Such as start, load, sampling, update, idle."""
    work: str = ""
    """Requests, layer or collective of the phase; may be empty."""
    since_s: float = 0.0
    """Age of this work [s]."""
    num_running: int | None = None
    """Requests that an engine has; None for other processes."""
    num_restarts: int = 0
    tokens_per_s: float | None = None
    """Of an engine, if it counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One evaluation: avg@k over problems, with its uncertainty."""

    step: int
    mean: Annotated[
        float,
        Metric(
            "eval/avg_at_k", "fraction", "mean over held-out problems of the mean reward of their samples"
        ),
    ]
    low: Annotated[float, Metric("eval/avg_at_k_low", "fraction", "lower end of the 95 % CI over problems")]
    high: Annotated[float, Metric("eval/avg_at_k_high", "fraction", "upper end of the 95 % CI over problems")]
    samples_per_problem: Annotated[int, Metric("eval/samples_per_problem", "samples", "k")]
    num_problems: Annotated[int, Metric("eval/num_problems", "problems", "held-out problems")]
    truncated_fraction: Annotated[
        float, Metric("eval/truncated_fraction", "fraction", "samples cut off at the response budget")
    ]
    no_answer_fraction: Annotated[
        float,
        Metric("eval/no_answer_fraction", "fraction", "samples that end by themselves without an answer"),
    ]
    response_tokens_mean: Annotated[float, Metric("eval/response_tokens_mean", "tokens", "mean length")]
    data_hash: Annotated[
        str, Metric("eval/data_hash", "text", "of the held-out problems; only scores of equal hash compare")
    ]
    by_source: Annotated[
        Mapping[str, float], Metric("eval/avg_at_k/{source}", "fraction", "avg@k over one source")
    ] = field(default_factory=dict)
    truncated_by_source: Annotated[
        Mapping[str, float],
        Metric("eval/truncated_fraction/{source}", "fraction", "truncated share of one source"),
    ] = field(default_factory=dict)
    tokens_by_source: Annotated[
        Mapping[str, float],
        Metric("eval/response_tokens_mean/{source}", "tokens", "mean response length of one source"),
    ] = field(default_factory=dict)
    area: str = "eval"
    """First part of its keys in the log; `eval_t0.6` for a further temperature."""
    seconds: float = 0.0
