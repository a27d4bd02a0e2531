"""Panels of curves in the report: which metrics share a plot, in which order and unit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from or1.metric import key_of
from or1.tracking import metrics as keys
from or1.tracking import timings as times
from or1.types import UpdateReport

SOURCES_SHOWN = 8
"""Most sources with a curve each [sources]."""
GIB = 1.0 / 2**30


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of a panel."""

    key: str
    label: str
    dash: bool = False
    """A limit or a target: drawn as a thin dashed line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One plot. With several runs, it shows its first curve of each."""

    id: str
    title: str
    unit: str
    curves: tuple[Curve, ...]
    help: str
    """One sentence for a reader who sees the panel for the first time."""
    scale: float = 1.0
    """Factor from the unit of the metrics to that of the panel."""
    floor: float | None = 0.0
    """Lower end of the axis; None = that of the data."""
    log: bool = False
    stacked: bool = False
    scores: bool = False
    """With the held-out score and its interval."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


PANELS: tuple[Panel, ...] = (
    Panel(
        id="reward",
        title="Reward and held-out score",
        unit="fraction",
        curves=(Curve(keys.REWARD_MEAN, "training reward"),),
        help="Points are the held-out avg@k with its 95 % CI over problems; only they are on problems that "
        "are never trained on.",
        scores=True,
    ),
    Panel(
        id="entropy",
        title="Entropy",
        unit="nats/token",
        curves=(Curve(keys.ENTROPY, "entropy"), Curve(keys.ENTROPY_TARGET, "target", dash=True)),
        help="Mean over the tokens of all rollouts. Far below the target, the policy stops exploring.",
    ),
    Panel(
        id="alpha",
        title="Entropy bonus",
        unit="alpha",
        curves=(
            Curve(keys.ALPHA, "alpha in the loss"),
            Curve(key_of(keys.ControlMetrics, "coefficient"), "coefficient", dash=True),
        ),
        help="Weight of the entropy in the loss. It is 0 while the entropy is above its target.",
    ),
    Panel(
        id="length",
        title="Response length by verdict",
        unit="tokens",
        curves=(
            Curve(keys.RESPONSE_TOKENS_MEAN, "all"),
            Curve(keys.RESPONSE_TOKENS_MEAN_RIGHT, "correct"),
            Curve(key_of(keys.LengthMetrics, "mean_wrong"), "incorrect"),
            Curve(keys.MAX_RESPONSE_TOKENS, "budget", dash=True),
        ),
        help="Mean length; truncated responses count as incorrect.",
    ),
    Panel(
        id="truncated",
        title="Truncated, without answer, not judged",
        unit="% of rollouts",
        curves=(
            Curve(keys.TRUNCATED_FRACTION, "truncated"),
            Curve(key_of(keys.RolloutMetrics, "no_answer_fraction"), "no answer"),
            Curve(key_of(keys.RolloutMetrics, "not_judged_fraction"), "not judged"),
        ),
        help="Cut off by the budget; ended without an answer; not judged, by a failure of the verifier.",
        scale=100.0,
    ),
    Panel(
        id="kept",
        title="Groups with a learning signal",
        unit="% of groups",
        curves=(
            Curve(key_of(keys.ControlMetrics, "kept_fraction"), "kept"),
            Curve("filter/all_right_fraction", "all correct"),
            Curve("filter/all_wrong_fraction", "all incorrect"),
        ),
        help="A group whose rollouts have equal rewards has no advantage and is left out of the update.",
        scale=100.0,
    ),
    Panel(
        id="clip",
        title="Clipped tokens",
        unit="% of tokens",
        curves=(Curve(keys.CLIP_FRACTION, "clipped"),),
        help="Response tokens where the clipped term is the one used; 0 with one update per step.",
        scale=100.0,
    ),
    Panel(
        id="grad",
        title="Gradient norm",
        unit="L2",
        curves=(Curve(keys.GRAD_NORM, "before clipping"),),
        help="Mean over the optimizer updates of the step.",
    ),
    Panel(
        id="mismatch",
        title="Mismatch of engine and trainer",
        unit="nats/token",
        curves=(Curve(key_of(UpdateReport, "mismatch_kl"), "KL"),),
        help="k3 estimate under the same weights, log scale. It rises by numerical faults, not by learning.",
        floor=None,
        log=True,
    ),
    Panel(
        id="reference",
        title="KL to the start model",
        unit="nats/token",
        curves=(Curve(key_of(UpdateReport, "kl_to_reference"), "KL"),),
        help="Distance of the policy from the model that the run started with.",
        floor=None,
    ),
    Panel(
        id="seconds",
        title="Seconds by phase",
        unit="s",
        curves=(),
        help="Wall time of the step, stacked. Evaluation and checkpoints are in between.",
        stacked=True,
    ),
    Panel(
        id="throughput",
        title="Throughput",
        unit="tokens/s",
        curves=(
            Curve(times.RESPONSE_TOKENS_PER_S, "whole step"),
            Curve(key_of(times.Timings, "rollout_tokens_per_s"), "rollout"),
            Curve(key_of(times.Timings, "update_tokens_per_s"), "update"),
        ),
        help="Response tokens per second of step and rollout; sequence tokens per second of the update.",
    ),
    Panel(
        id="memory",
        title="Peak memory",
        unit="GiB",
        curves=(Curve(times.PEAK_BYTES, "process"), Curve(times.PEAK_DEVICE_BYTES, "GPU")),
        help="Largest value so far.",
        scale=GIB,
    ),
)


def panels_of(seen: set[str]) -> list[dict[str, Any]]:
    """The panels that have a curve with data, as JSON, and one for the reward of each source.

    Args:
        seen: keys of the metrics that some run has.
    """
    shown = []
    for panel in (*PANELS, _sources(seen)):
        row = panel.as_json()
        if panel.stacked:
            row["curves"] = _phases(seen)
        row["curves"] = [curve for curve in row["curves"] if curve["key"] in seen]
        if row["curves"]:
            shown.append(row)
    return shown


def _phases(seen: set[str]) -> list[dict[str, Any]]:
    """Phases that follow each other; verification overlaps with the rollout, an evaluation is in between."""
    phases = times.phases_of(sorted(seen))
    order: list[str] = [name for name in ("rollout", "update", "publish") if name in phases]
    order += [name for name in phases if name not in (*order, "verify", "evaluation")]
    return [asdict(Curve(phases[name], name)) for name in order]


def _sources(seen: set[str]) -> Panel:
    head = f"{keys.REWARD_MEAN}/"
    sources = sorted(key.removeprefix(head) for key in seen if key.startswith(head))
    curves = tuple(Curve(head + source, source) for source in sources[:SOURCES_SHOWN])
    return Panel(
        id="sources",
        title="Reward by source",
        unit="fraction",
        curves=curves if len(sources) > 1 else (),
        help=f"Mean reward of the rollouts of each source, at most {SOURCES_SHOWN} of them.",
    )
