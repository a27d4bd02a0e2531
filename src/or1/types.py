"""The nouns of or1: frozen, plain, free of torch. Whatever crosses a module border is one of these.

Shape legend: Lp prompt tokens, L response tokens, M rollouts of a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

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
    "Message",
    "Outcome",
    "Problem",
    "Rollout",
    "RunState",
    "SamplerState",
    "Sampling",
    "Score",
    "StageEnd",
    "StageProgress",
    "StepResult",
    "Text",
    "UpdateReport",
    "Verdict",
    "WeightHandle",
]

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How responses are drawn."""

    temperature: float = 1.0
    """Divides the logits; 0 = greedy."""
    top_p: float = 1.0
    top_k: int | None = None
    group_size: int = 1
    """Responses per problem (M)."""
    max_response_tokens: int
    """Response budget [tokens]."""
    seed: int = 0
    """Rollout (problem, index) is drawn from a generator seeded by (seed, problem id, index) alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rollout:
    """One response with the numbers under which it was sampled."""

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
    """Optimizer updates behind the weights that sampled it."""
    verdict: Verdict | None = None

    @property
    def truncated(self) -> bool:
        return self.finish is Finish.LENGTH

    @property
    def judged(self) -> bool:
        return self.verdict is not None and self.verdict.reward is not None

    @property
    def reward(self) -> float:
        """Reward of a judged rollout; ValueError otherwise, so that a missing verdict is never a zero."""
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

    @property
    def has_signal(self) -> bool:
        """Two judged rollouts at least, and not all with the same reward."""
        rewards = [r.reward for r in self.rollouts if r.judged]
        return len(rewards) >= 2 and min(rewards) != max(rewards)

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
    """The rewards differ, but only on rollouts that the truncation mask takes out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DroppedGroup:
    group: Group
    reason: DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyState:
    """State of the adaptive entropy controller; travels in the checkpoint."""

    coefficient: float = 0.0
    """c_k, the bonus when the gate is open [dimensionless]."""
    last_entropy: float | None = None
    """e_{k-1} [nats/token]; None before the first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerState:
    """Where the problem sampler stands: enough to draw the same problems again."""

    epoch: int = 0
    position: int = 0
    """Index into this epoch's shuffled order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """What the stage rules look at; starts anew with each stage."""

    index: int = 0
    first_step: int = 0
    truncated_fractions: tuple[float, ...] = ()
    """Truncated share of all rollouts of the last steps of this stage: as many as its rule looks at."""
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
    """Everything but tensors that a run needs to go on. JSON on disk; tensors lie beside it."""

    step: int = 0
    """Turns of the loop completed."""
    policy_version: int = 0
    """Optimizer updates applied."""
    stage: StageProgress = StageProgress()
    entropy: EntropyState = EntropyState()
    sampler: SamplerState = SamplerState()
    pass_rates: Mapping[str, float] = field(default_factory=dict)
    """problem id -> pass rate at its last visit in this stage."""
    solved: frozenset[str] = frozenset()
    """Problems that the online filter keeps from being drawn."""
    empty_steps: int = 0
    """Steps in a row without a group to train on."""
    nonfinite_steps: int = 0
    """Steps in a row whose update was not finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """One `update`, reduced over the whole batch and all ranks: token means weigh every response token
    once."""

    loss: float
    """Total loss of the batch: policy - alpha * entropy + kl * coefficient."""
    policy_loss: float
    entropy: float
    """Mean exact entropy over the response tokens of the kept groups [nats/token]."""
    kl_to_reference: float | None
    """Mean KL estimate to the reference model [nats/token]; None when there is none."""
    clip_fraction: float
    """Share of response tokens where the clipped term is the one used."""
    ratio_mean: float
    ratio_max: float
    mismatch_kl: float
    """Mean k3 estimate between trainer and engine on the same weights [nats/token]."""
    mismatch_max: float
    """Largest |trainer - engine| log-probability difference of a token [nats]."""
    grad_norm: float
    """L2 norm before clipping, mean over optimizer updates."""
    learning_rate: float
    num_updates: int
    """Optimizer updates applied; skipped ones are not counted."""
    num_skipped: int
    """Minibatches whose loss or gradient was not finite."""
    num_tokens: int
    """Response tokens in the kept groups."""
    num_sequence_tokens: int
    """Prompt and response tokens that went through the forward pass."""
    seconds: float
    nonfinite_rollouts: tuple[str, ...] = ()
    """`problem_id/index` of the rollouts in skipped minibatches."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """"gradient" and "weights" -> hex digest after the update; empty when fingerprints of tensors are off."""


@dataclass(frozen=True, slots=True, eq=False)
class StepResult:
    """Everything that one step of the loop produced, for its log."""

    groups: Sequence[Group]
    """All groups of the step, in the order drawn."""
    kept: Sequence[Group]
    """Those that were trained on."""
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
    """Published weights: where rollout and training meet without importing each other."""

    version: int
    """Policy version of these weights."""
    ref: object
    """In memory a mapping name -> tensor, else a path or a cluster object: opaque to all but engines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One evaluation: avg@k over problems, with its uncertainty."""

    step: int
    data_hash: str
    num_problems: int
    samples_per_problem: int
    """k"""
    mean: float
    """avg@k in [0, 1]."""
    low: float
    """95 % interval over problems (see `or1.evals.statistics`)."""
    high: float
    truncated_fraction: float
    no_answer_fraction: float
    response_tokens_mean: float
    by_source: Mapping[str, float] = field(default_factory=dict)
    """Source -> avg@k."""
    truncated_by_source: Mapping[str, float] = field(default_factory=dict)
    tokens_by_source: Mapping[str, float] = field(default_factory=dict)
    """Source -> mean length [tokens]."""
    area: str = "eval"
    """First part of its metric keys; `eval_t0.6` for a further temperature."""
    seconds: float = 0.0
