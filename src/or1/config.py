"""A run, described: frozen pydantic models, one home for every default, a unit and a source for every number.

Unknown keys and bad combinations are refused here, before anything starts. `or1.recipes` builds these from
TOML files. Sources: "paper" is arXiv 2505.22312v2; "scripts" are the released training scripts of
Skywork-OR1.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from or1.model_config import NAME_OR_PLUGIN as NAME_OR_PLUGIN
from or1.model_config import PLUGIN as PLUGIN
from or1.model_config import ChatConfig as ChatConfig
from or1.model_config import Config as Config
from or1.model_config import EndpointConfig as EndpointConfig
from or1.model_config import LoraConfig as LoraConfig
from or1.model_config import ModelConfig as ModelConfig
from or1.model_config import VllmConfig as VllmConfig
from or1.record_config import CheckpointConfig as CheckpointConfig
from or1.record_config import CollapseConfig as CollapseConfig
from or1.record_config import TrackingConfig as TrackingConfig
from or1.setting import OnResume
from or1.system_config import ClusterConfig as ClusterConfig
from or1.system_config import SystemConfig as SystemConfig


class DataColumnsConfig(Config):
    """Which column of the rows holds what; a dotted name reads inside a table. None = the usual names."""

    question: str | None = None
    """Column of the problem: text, or chat messages."""
    answer: str | None = None
    """Column of the correct answer, or of the tests of a programming problem."""
    source: str | None = None
    """Column that names the problem's source, for the metrics by source."""


class DataConfig(Config):
    task: str = Field(pattern=NAME_OR_PLUGIN, examples=["math", "my_task.py:reward"])
    """Task, and so the verifier: a name in `or1.tasks.registry` (arithmetic, math, code) or of an entry point
    in the group `or1.tasks`, `verifiers:NAME` (a single-turn environment of the library verifiers), or your
    own reward or task as `FILE.py:NAME` (the file beside the recipe, else in the working directory) or
    `module:NAME`."""
    reward: str | None = Field(default=None, pattern=PLUGIN, examples=["my_task.py:reward"])
    """Your own reward or verifier in place of the task's, as `FILE.py:NAME` or `module:NAME`; the task still
    reads the problems. None = the task's verifier."""
    task_hash: str | None = None
    """Hash of the source of a task or reward of your own; written at the start, so that a run cannot resume
    with another reward. None = not checked."""
    path: Annotated[str | None, OnResume.FREE] = None
    """Problem file (JSONL or parquet) or hub name; the arithmetic task makes its problems and needs none."""
    columns: DataColumnsConfig = DataColumnsConfig()
    split: Literal["train", "heldout"] = "train"
    """Part of a built-in task; files are one part each."""
    num_problems: int | None = Field(default=None, ge=1)
    """Take this many from the start [problems]; None = all (arithmetic: 4,096)."""
    weight: float = Field(default=1.0, gt=0)
    """Copies in each epoch's order [dimensionless]: 2 lists a source twice, as the scripts do with code."""
    instruction: str = ""
    """Appended to each question, after a newline: tells the model to box its answer."""
    max_difficulty: int | None = Field(default=None, ge=1)
    """Arithmetic only: longest chain asked for [steps]."""
    min_difficulty: int | None = Field(default=None, ge=1)
    """Arithmetic only: shortest chain asked for [steps]."""
    difficulty_model: str | None = None
    """Train on problems by how often this model solved them, as their rows record it. None = on all."""
    min_right: int = Field(default=1, ge=0)
    """Fewest correct samples of `difficulty_model` of 16; of another number, their share of 16 [samples].
    Source: paper 6.2, 1 to 15 of 16."""
    max_right: int = Field(default=15, ge=0)
    """Most correct samples of it [samples]."""
    label_noise: float = Field(default=0.0, ge=0, lt=1)
    """Share of problems whose gold is exchanged with another's, chosen by seed [fraction].
    Source: paper 3.2.1, the experiment with doubtful answers."""

    @model_validator(mode="after")
    def _some_counts_are_wanted(self) -> Self:
        if self.min_right > self.max_right:
            raise ValueError(f"min_right {self.min_right} exceeds max_right {self.max_right}")
        return self

    @property
    def judge(self) -> str:
        """Name of the task whose verifier judges the problems."""
        return self.reward or self.task


class SwitchRule(Config):
    """Ends a stage by what is seen in it, over the last `window` steps."""

    window: int = Field(default=5, ge=1)
    """Steps averaged over [steps]."""
    min_steps: int = Field(default=10, ge=1)
    """Never before this many steps of the stage [steps]."""
    truncated_below: float | None = Field(default=None, gt=0, le=1)
    """Switch once the mean truncated share is below this [fraction]."""
    reward_plateau: float | None = Field(default=None, ge=0)
    """Switch once the mean reward of the last window exceeds that of the window before by less [reward]."""

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.truncated_below is None and self.reward_plateau is None:
            raise ValueError("a switch rule needs truncated_below or reward_plateau")
        return self


class StageConfig(Config):
    max_response_tokens: int = Field(ge=1, le=10_000_000)
    """Response budget T [tokens]. Source: paper tables 10-12."""
    num_steps: int = Field(ge=1, le=100_000_000)
    """Largest number of steps of the stage [steps]."""
    switch: SwitchRule | None = None
    """Ends the stage before num_steps when it holds; None = by step only, as the paper's schedules."""
    num_problems: int = Field(default=256, ge=1, le=1_000_000)
    """Problems drawn per step, D_R [problems]. Source: paper table 11."""
    group_size: int = Field(default=16, ge=2, le=65_536)
    """Rollouts per problem, M. A group of one has no baseline. Source: paper table 11."""
    num_minibatches: int = Field(default=1, ge=1)
    """Minibatches per rollout batch, D_R / D_T; 1 is on-policy. Source: paper 4.4."""
    num_reuses: int = Field(default=1, ge=1)
    """Passes over the rollout batch, N_reuse; N_SGD = num_minibatches * num_reuses. Source: paper 4.4."""
    online_filter: bool = True
    """On entry drop problems solved in all rollouts of their last visit in the finished stage. Source:
    paper 3.1."""

    @model_validator(mode="after")
    def _minibatches_have_problems(self) -> Self:
        if self.num_minibatches > self.num_problems:
            raise ValueError(
                f"num_minibatches {self.num_minibatches} exceeds num_problems {self.num_problems}: "
                "a group is never split, so lower num_minibatches"
            )
        return self


class LossConfig(Config):
    clip_low: float = Field(default=0.2, gt=0, lt=1)
    """Lower clip range epsilon of the ratio [dimensionless]. Source: paper 3.1."""
    clip_high: float = Field(default=0.2, gt=0)
    """Upper clip range [dimensionless]; above clip_low is clip-higher. Source: paper 4.5."""
    average: Literal["token", "sequence"] = "token"
    """token: one mean over all response tokens of the minibatch (paper eq 3.1); sequence: mean of sequence
    means."""
    advantage_eps: float = Field(default=1e-6, ge=0)
    """Added to the sample standard deviation [reward]. Source: scripts, compute_grpo_outcome_advantage."""
    truncation_mask: Literal["none", "before", "after"] = "none"
    """Truncated rollouts: none = wrong like others; before = out of the statistics, advantage 0; after =
    advantage 0 only. Source: paper 3.2.3."""
    reject_zero_advantage: bool = True
    """Groups without a signal leave the loss. Off keeps them in the entropy and KL terms and the denominator.
    Source: paper 3.1."""
    kl_coefficient: float = Field(default=0.0, ge=0)
    """beta of the KL term to the start model [dimensionless]; 0 loads no reference model.
    Source: paper 3.2.6 (1e-3, ablation)."""
    kl_estimator: Literal["k2", "k3"] = "k3"
    """Per-token estimate of KL(policy || reference), r = reference / policy: k3 = r - 1 - log r, with the
    gradient of KL(reference || policy); k2 = (log r)^2 / 2, with its own. Source: paper 3.2.6 (k3)."""
    importance_cap: float | None = Field(default=None, ge=1)
    """Truncated importance correction: tokens weigh min(pi_old / pi_behavior, cap) [dimensionless]; None =
    off."""
    ratio_to: Literal["old", "behavior"] = "old"
    """Denominator of the clipped ratio: old = the trainer's policy before the step's first update;
    behavior = the policy that sampled the token, so that the clip bounds the drift since then too."""

    @model_validator(mode="after")
    def _one_correction(self) -> Self:
        if self.ratio_to == "behavior" and self.importance_cap is not None:
            raise ValueError(
                'ratio_to = "behavior" has pi_old / pi_behavior in its ratio: leave importance_cap out'
            )
        return self


class EntropyConfig(Config):
    mode: Literal["off", "fixed", "adaptive"] = "adaptive"
    """off: no bonus; fixed: constant `initial`; adaptive: the controller. Source: paper 3.2.5, 4.5."""
    target: float = Field(default=0.2, ge=0)
    """Entropy to hold [nats/token]. Source: paper 3.2.5."""
    delta: float = Field(default=0.005, gt=0)
    """Change of the coefficient per step [1/step]. Source: paper 3.2.5; scripts 1e-4."""
    initial: float = Field(default=0.0, ge=0)
    """c_0, or the constant of mode fixed [dimensionless]. Source: paper 3.2.5."""
    minimum: float = Field(default=0.0, ge=0)
    """Lower bound of c [dimensionless]. Source: scripts."""
    maximum: float | None = Field(default=None, gt=0)
    """Upper bound of c; None as in the paper; scripts 0.005 [dimensionless]."""
    gate: Literal["current", "previous"] = "current"
    """current: the bonus acts when this step's entropy <= target (paper); previous: when the last step's was
    below it (released code, one step late)."""
    step_rule: Literal["constant", "proportional"] = "constant"
    """constant: c moves by delta; proportional: by delta * (target - e) / target, clipped to +-delta * 5."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        highest = math.inf if self.maximum is None else self.maximum
        if not self.minimum <= self.initial <= highest:
            raise ValueError(
                f"initial {self.initial} is not within [minimum {self.minimum}, maximum {self.maximum}]"
            )
        if self.mode == "fixed" and self.initial == 0:
            raise ValueError('mode "fixed" holds the coefficient at initial = 0: set initial, or mode "off"')
        if self.step_rule == "proportional" and self.target == 0:
            raise ValueError("step_rule proportional divides by target: set target above 0")
        return self


class OptimizerConfig(Config):
    learning_rate: float = Field(default=1e-6, gt=0)
    """Constant learning rate of AdamW [1/update]. Source: paper 8.1."""
    warmup_updates: int = Field(default=0, ge=0)
    """Linear rise to the learning rate [updates]. Source: paper 8.1 (none)."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """First-moment decay [dimensionless]. Source: scripts."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Second-moment decay [dimensionless]. Source: scripts."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to the root of the second moment [gradient]. Source: scripts (library default)."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled decay of all weights [1/update, times the learning rate]. Source: scripts."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients with a larger L2 norm are scaled down to it [gradient]. Source: scripts."""


class RolloutConfig(Config):
    engine: Annotated[str, OnResume.MACHINE] = Field(
        default="local", pattern=NAME_OR_PLUGIN, examples=["local", "my_engine.py:make_engine"]
    )
    """Engine that samples: a name in `or1.assemble.engines` (local = or1's own, in the training process; vllm
    = vLLM, in processes of its own), or your own factory as `FILE.py:NAME` or `module:NAME`."""
    num_engines: Annotated[int, OnResume.MACHINE] = Field(default=1, ge=1)
    """Processes with an engine each [engines]; 1 = or1's own engine is in the training process."""
    vllm: Annotated[VllmConfig, OnResume.MACHINE] = VllmConfig()
    max_engine_restarts: Annotated[int, OnResume.FREE] = Field(default=5, ge=0)
    """Lost vLLM engines that are replaced within an hour; one more ends the run [engines]."""
    heartbeat_limit_s: Annotated[float, OnResume.FREE] = Field(default=15.0, gt=2)
    """Longest time without a heartbeat, which the process of a vLLM engine sends each second: such as of one
    that was stopped. It counts as lost then [s]."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the logits [dimensionless], in rollout and in every log-probability and entropy of the update.
    Source: paper 3.1."""
    max_running: Annotated[int, OnResume.MACHINE] = Field(default=512, ge=1)
    """Responses decoded at once by one engine [rollouts]."""
    max_response_tokens: Annotated[int | None, OnResume.MACHINE] = Field(default=None, ge=1)
    """Longest response that a vLLM engine holds [tokens]; None = the largest budget of the stages and the
    evaluation."""
    max_prompt_tokens: int = Field(default=2048, ge=1)
    """Longer prompts are dropped and counted, or refused [tokens]. Source: scripts."""
    long_prompts: Annotated[Literal["drop", "refuse"], OnResume.FREE] = "drop"
    """Handling of problems whose prompt is longer than max_prompt_tokens."""
    bad_golds: Annotated[Literal["drop", "refuse"], OnResume.FREE] = "refuse"
    """Handling of problems to train on whose gold the verifier cannot judge."""
    oversample: float = Field(default=1.0, ge=1)
    """Draw this multiple of num_problems, keep the first num_problems groups with signal [dimensionless]."""
    max_refills: int = Field(default=0, ge=0)
    """Rounds of further problems when fewer than num_problems groups have a signal [rounds]; 0 = train on
    what is kept."""
    max_staleness: int = Field(default=0, ge=0, le=1)
    """Updates of this many steps may lie between the weights that sample a rollout and those that are trained
    on it [steps]; 1 = sample the next step while the trainer updates. Source: paper 3.1 (0)."""
    partial: bool = False
    """Resume responses that are unfinished after an update under its weights; needs max_staleness = 1. They
    depend on time, so a run cannot be repeated."""


class CodeVerifyConfig(Config):
    reward: Literal["all", "fraction"] = "all"
    """all: 1 when a program passes every test, else 0; fraction: passed tests over all tests."""
    time_limit_factor: float = Field(default=1.0, gt=0)
    """Multiplies the processor time that a problem allows for a test [dimensionless]: above 1 for a slow
    machine. Problems that say nothing allow 6 s. Source: LiveCodeBench (6 s)."""
    total_time_limit_s: float = Field(default=300.0, gt=0)
    """Processor time of all tests of one program together [s]. Source: scripts (cap of 300 s)."""
    extraction: Literal["markdown", "livecodebench"] = "markdown"
    """Rule for the program in a response: markdown, the last fenced block of Python; livecodebench, the text
    between the last two lines with three backticks, for comparison with published scores.
    Source: LiveCodeBench."""
    allow_weak_sandbox: Annotated[bool, OnResume.MACHINE] = False
    """Run programs even where the sandbox confines little (levels 1 and 2)."""
    sandbox_fusion_url: Annotated[str | None, OnResume.MACHINE] = None
    """Judge by this SandboxFusion service (tests that are data only); None = in or1's own sandbox."""


class MathVerifyConfig(Config):
    min_gold_digits: int = Field(default=5, ge=2, le=5)
    """Fewest significant digits of a decimal gold that is taken as a rounded value [digits]: a value that
    rounds to it is correct (2: `1/3` for `0.33`)."""
    min_answer_digits: int = Field(default=7, ge=5, le=15)
    """Fewest significant digits of a decimal that is accepted for an exact irrational gold [digits]: 5
    accepts 3.1416 for pi."""
    ratio_as_fraction: bool = False
    """Accept the fraction `5/8` for the ratio `5:8`, and the ratio for the fraction."""


class VerifyConfig(Config):
    num_workers: Annotated[int, OnResume.FREE] = Field(default=2, ge=1)
    """Worker processes of the verifier pool [processes]."""
    time_limit_s: float = Field(default=5.0, gt=0)
    """Wall time for one answer, held by the parent [s]."""
    worker_memory_bytes: int = Field(default=1 << 30, ge=1 << 26)
    """Address space of one worker [bytes]."""
    math: MathVerifyConfig = MathVerifyConfig()
    code: CodeVerifyConfig = CodeVerifyConfig()
    second_opinion_fraction: Annotated[float, OnResume.FREE] = Field(default=0.0, ge=0, le=1)
    """Share of the different answers that another verifier judges too, to count how often both agree
    [dimensionless]; for tasks with a second verifier: mathematics, by Math-Verify."""


class EvaluationConfig(Config):
    every: Annotated[int | None, OnResume.FREE] = Field(default=20, ge=1)
    """Steps between evaluations; None = only before the first and after the last step. Source: scripts."""
    num_problems: Annotated[int, OnResume.NEVER] = Field(default=64, ge=1)
    """Held-out problems [problems]."""
    samples_per_problem: int = Field(default=4, ge=1)
    """k of avg@k. Source: scripts use 8."""
    temperature: float = Field(default=1.0, ge=0)
    """Divides the logits in evaluation [dimensionless]; 0 = greedy. Source: paper 8.1."""
    more_temperatures: tuple[float, ...] = ()
    """Further temperatures at which the same problems are scored [dimensionless]; the metrics of 0.6 are
    `eval_t0.6/...`. Source: scripts score at 0.6 and 1.0."""
    max_response_tokens: int | None = Field(default=None, ge=1)
    """Budget [tokens]; None = the last stage's."""
    benchmarks: Annotated[tuple[str, ...], OnResume.NEVER] = ()
    """Held-out problems by the names that `or1 eval` has for them, asked as its protocol `reference` asks."""
    data: Annotated[tuple[DataConfig, ...], OnResume.NEVER] = ()
    """Further held-out problems; with neither, num_problems are set aside from the training data, by hash of
    their ids."""

    @model_validator(mode="after")
    def _temperatures_differ(self) -> Self:
        temperatures = (self.temperature, *self.more_temperatures)
        if min(temperatures) < 0 or len(set(temperatures)) < len(temperatures):
            raise ValueError(f"temperatures {list(temperatures)} must be different, and not below 0")
        return self


class RunConfig(Config):
    name: Annotated[str, OnResume.FREE]
    """Name of the run; `runs/<name>` is its folder unless --out says otherwise."""
    seed: Annotated[int, OnResume.NEVER] = Field(default=1, ge=0, le=2**63 - 1)
    """Root of every random number. Source: scripts (1)."""
    model: Annotated[ModelConfig, OnResume.NEVER]
    data: Annotated[tuple[DataConfig, ...], Field(min_length=1), OnResume.NEVER]
    stages: Annotated[tuple[StageConfig, ...], Field(min_length=1)]
    loss: LossConfig = LossConfig()
    entropy: EntropyConfig = EntropyConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    rollout: RolloutConfig = RolloutConfig()
    verify: VerifyConfig = VerifyConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: Annotated[CheckpointConfig, OnResume.FREE] = CheckpointConfig()
    tracking: Annotated[TrackingConfig, OnResume.FREE] = TrackingConfig()
    system: Annotated[SystemConfig, OnResume.MACHINE] = SystemConfig()
    max_empty_steps: int = Field(default=10, ge=1)
    """Stop after this many consecutive steps without a group to train on [steps]."""
    max_nonfinite_steps: int = Field(default=3, ge=1)
    """Stop after this many consecutive steps whose update was not finite [steps]."""

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        budgets = [s.max_response_tokens for s in self.stages]
        if budgets != sorted(budgets):
            raise ValueError(f"stages have response budgets {budgets}: they must not shrink between stages")
        if self.loss.truncation_mask != "none" and not self.loss.reject_zero_advantage:
            raise ValueError("loss.truncation_mask needs loss.reject_zero_advantage = true")
        if self.rollout.partial and not self.rollout.max_staleness:
            raise ValueError(
                "rollout.partial resumes responses after an update: set rollout.max_staleness = 1"
            )
        if self.rollout.partial and (self.rollout.engine == "vllm" or self.rollout.num_engines > 1):
            raise ValueError('rollout.partial needs rollout.engine = "local" and rollout.num_engines = 1')
        if self.model.lora is not None and self.system.backend == "fsdp":
            raise ValueError(
                'system.backend = "fsdp" trains all weights: set "local", or leave model.lora out'
            )
        if self.rollout.partial and self.system.deterministic:
            raise ValueError("rollout.partial depends on time: set system.deterministic = false")
        is_corrected = self.loss.importance_cap is not None or self.loss.ratio_to == "behavior"
        if self.rollout.max_staleness and not is_corrected:
            raise ValueError(
                f"rollout.max_staleness = {self.rollout.max_staleness} trains on tokens of older weights: "
                'set loss.importance_cap, such as 2.0, or loss.ratio_to = "behavior" to correct for them'
            )
        if self.system.deterministic and self.model.dtype == "bfloat16":
            raise ValueError("system.deterministic works in float32: set model.dtype to auto or float32")
        return self

    @property
    def num_steps(self) -> int:
        """Most steps the run can take: the sum over its stages."""
        return sum(s.num_steps for s in self.stages)
