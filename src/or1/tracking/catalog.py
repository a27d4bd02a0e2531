"""Every metric key, once: unit, formula, file. docs/metrics.md is made from this table.

A key ending in `/{source}` or the like stands for one key per source, reason or phase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- table begin -->", "<!-- table end -->"


@dataclass(frozen=True, slots=True)
class Metric:
    key: str
    unit: str
    formula: str
    computed_in: str
    file: str = "metrics"
    """metrics or timings: the JSONL file it is in."""

    def matches(self, key: str) -> bool:
        """Is `key` this one, or one of its family?"""
        return re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(self.key)), key) is not None


def _rows(where: str, file: str, table: str) -> list[Metric]:
    rows = []
    for line in table.strip().splitlines():
        key, unit, formula = (cell.strip() for cell in line.split("|"))
        rows.append(Metric(key, unit, formula, where, file))
    return rows


_ROLLOUT = """
rollout/num_groups                   | groups     | problems rolled out in this step
rollout/num_rollouts                 | rollouts   | rollouts of all groups
rollout/num_response_tokens          | tokens     | response tokens of all rollouts
rollout/reward_mean                  | reward     | mean over judged rollouts
rollout/reward_mean/{source}         | reward     | the same over the problems of one source
rollout/pass_rate_mean               | fraction   | mean over groups of each group's mean reward
rollout/pass_rate_histogram          | groups     | groups in ten bins [0, 0.1) ... [0.9, 1]
rollout/right_fraction               | fraction   | outcome right / judged
rollout/any_right_fraction           | fraction   | groups with a right rollout / groups with a judged one
rollout/truncated_fraction           | fraction   | finish = length / rollouts that were not aborted
rollout/truncated_fraction/{source}  | fraction   | the same over the problems of one source
rollout/no_answer_fraction           | fraction   | outcome no_answer / judged
rollout/not_judged_fraction          | fraction   | not judged / all rollouts
rollout/not_judged_by_reason/{reason} | rollouts   | not judged, by the verdict's reason
rollout/wrong_by_reason/{reason}     | rollouts   | outcome wrong, by the verdict's reason
rollout/response_tokens_mean         | tokens     | mean length of the rollouts that were not aborted
rollout/response_tokens_mean/{source} | tokens     | the same over the problems of one source
rollout/response_tokens_p50          | tokens     | median length, interpolated
rollout/response_tokens_p95          | tokens     | 95th percentile, interpolated
rollout/response_tokens_max          | tokens     | longest
rollout/response_tokens_mean_right   | tokens     | mean length of the right ones
rollout/response_tokens_mean_wrong   | tokens     | of the judged others, truncated ones too
rollout/staleness_max_updates        | updates    | the step's policy version minus the oldest used
"""

_ENTROPY = """
rollout/entropy_nats                 | nats/token | e_k: token mean over all rollouts of the step
"""

_CONTROL = """
entropy/alpha                        | 1          | bonus in this step's loss: c_k if the gate is open, else 0
entropy/coefficient                  | 1          | c_k, before it moves at the end of the step
entropy/target                       | nats/token | entropy to hold
filter/kept_groups                   | groups     | groups that give a gradient
filter/kept_fraction                 | fraction   | of all groups
filter/all_right_fraction            | fraction   | groups dropped: every reward is 1
filter/all_wrong_fraction            | fraction   | groups dropped: every reward is 0
filter/all_equal_fraction            | fraction   | groups dropped: the rewards agree on another value
filter/too_few_judged_fraction       | fraction   | groups dropped with fewer than two judged rollouts
filter/masked_fraction               | fraction   | groups dropped: the mask leaves no signal
filter/solved_problems               | problems   | kept from being drawn by the online filter
stage/index                          | 1          | stage, from 0
stage/step                           | steps      | step inside the stage, from 1
stage/max_response_tokens            | tokens     | response budget T
stage/ended_by                       | text       | why the stage ended, in its last row (`StageEnd`)
"""

_TRAIN = """
train/loss                           | reward     | policy_loss - alpha * entropy + beta * kl
train/policy_loss                    | reward     | clipped surrogate, token mean
train/entropy_nats                   | nats/token | exact, over the response tokens of the kept groups
train/kl_to_reference_nats           | nats/token | estimate to the start model; absent without one
train/clip_fraction                  | fraction   | response tokens where the clipped term is the one used
train/ratio_mean                     | 1          | mean of pi / pi_old over response tokens
train/ratio_max                      | 1          | largest
train/mismatch_kl_nats               | nats/token | k3 estimate, trainer against engine, same weights
train/mismatch_max_nats              | nats       | largest difference of one token's log-probability
train/grad_norm                      | 1          | L2 norm before clipping, mean over updates
train/learning_rate                  | 1/update   | of the last update
train/num_updates                    | updates    | optimizer updates applied
train/num_skipped                    | updates    | minibatches left out: loss or gradient not finite
train/num_response_tokens            | tokens     | response tokens in the kept groups
train/num_sequence_tokens            | tokens     | prompt and response tokens through the forward pass
train/nonfinite_rollouts             | list       | `problem_id/index` in skipped minibatches, if any
train/policy_version                 | updates    | updates behind the weights after the step
train/empty_steps                    | steps      | in a row without a group to train on
train/nonfinite_steps                | steps      | in a row whose update was not finite
"""

_SCORE = """
eval/avg_at_k                        | fraction   | held-out: mean over problems of the share right
eval/avg_at_k/{source}               | fraction   | the same over one source
eval/avg_at_k_low                    | fraction   | lower end of the 95 % interval
eval/avg_at_k_high                   | fraction   | upper end of the 95 % interval
eval/samples_per_problem             | samples    | k
eval/num_problems                    | problems   | held-out problems
eval/truncated_fraction              | fraction   | samples cut off by the budget
eval/truncated_fraction/{source}     | fraction   | the same over one source
eval/no_answer_fraction              | fraction   | samples that end by themselves without an answer
eval/response_tokens_mean            | tokens     | mean length
eval/response_tokens_mean/{source}   | tokens     | the same over one source
eval/data_hash                       | text       | of the held-out problems; scores compare where it agrees
eval_t{temperature}/{name}           | as above   | the same at a further temperature
"""

_CLOCK = """
time/{phase}_s                       | s          | wall time of a phase: rollout, update, publish
time/verify_s                        | s          | worker time, sum over verdicts; beside the rollout
time/step_s                          | s          | wall time of the step
time/between_s                       | s          | since the step before: evaluation, checkpoint
time/evaluation_s                    | s          | one evaluation
time/unix_s                          | s          | time of day when the row was written
throughput/response_tokens_per_s     | tokens/s   | response tokens of all rollouts / time/step_s
throughput/rollout_tokens_per_s      | tokens/s   | response tokens of all rollouts / time/rollout_s
throughput/update_tokens_per_s       | tokens/s   | sequence tokens / seconds inside the update
verify/{event}                       | events     | since the row before: `cache_hits`, `alarms`, `retries`...
memory/peak_bytes                    | bytes      | largest resident size of the training process so far
memory/peak_device_bytes             | bytes      | largest memory on the GPU so far; absent without one
"""

METRICS: tuple[Metric, ...] = (
    *_rows("tracking/metrics.rollout_metrics", "metrics", _ROLLOUT),
    *_rows("algo/entropy.step_entropy", "metrics", _ENTROPY),
    *_rows("tracking/metrics.control_metrics", "metrics", _CONTROL),
    *_rows("tracking/metrics.train_metrics", "metrics", _TRAIN),
    *_rows("tracking/metrics.score_metrics", "metrics", _SCORE),
    *_rows("tracking/metrics.timing_metrics", "timings", _CLOCK),
)


def undocumented(keys: Iterable[str], file: str) -> list[str]:
    """Keys that no entry of the table covers (`step` is every row's own)."""
    known = [m for m in METRICS if m.file == file]
    return sorted(k for k in keys if k != "step" and not any(m.matches(k) for m in known))


def never_seen(keys: Iterable[str], file: str) -> list[str]:
    """Entries of the table that none of the keys belongs to."""
    seen = list(keys)
    return sorted(m.key for m in METRICS if m.file == file and not any(m.matches(k) for k in seen))


def markdown_table() -> str:
    """The table of docs/metrics.md."""
    lines = ["| key | unit | formula | computed in | file |", "| --- | --- | --- | --- | --- |"]
    for m in METRICS:
        lines.append(f"| `{m.key}` | {m.unit} | {m.formula} | `{m.computed_in}` | `{m.file}.jsonl` |")
    return "\n".join(lines)


def rewrite_docs(page: Path) -> None:
    """Put the present table between the marks of docs/metrics.md."""
    text = page.read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    page.write_text(f"{head}{BEGIN}\n{markdown_table()}\n{END}{tail}")
