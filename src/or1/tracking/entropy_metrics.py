"""Diagnostics of the entropy of one step: declarations, and the function that computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from or1.algo.diagnostics import (
    NUM_DECILES,
    carrying_share,
    deciles,
    mean_by_class,
    predicted_change,
    support,
    token_entropies,
)
from or1.config import CollapseConfig
from or1.metric import Metric, key_of
from or1.tracking.collapse import steps_to_floor, warns
from or1.tracking.token_classes import CLASSES, PARTS, TokenClasses
from or1.types import RunState, StepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyMetrics:
    """Where the entropy of a step lies, where it goes, and whether the support shrinks."""

    by_position: Annotated[
        Mapping[str, float],
        Metric("entropy/by_position/{decile}", "nats/token", "mean over the tokens in a tenth of a response"),
    ]
    by_class: Annotated[
        Mapping[str, float],
        Metric("entropy/by_class/{class}", "nats/token", "mean over digits, operators, structure or words"),
    ]
    by_part: Annotated[
        Mapping[str, float],
        Metric("entropy/by_part/{part}", "nats/token", "mean over the thinking, or over the answer after it"),
    ]
    carrying_share: Annotated[
        float | None,
        Metric("entropy/tokens_with_80_percent", "fraction", "fewest tokens that hold 80 % of the entropy"),
    ]
    predicted_policy: Annotated[
        float | None,
        Metric(
            "entropy/predicted_policy", "nats/eta", "minus the covariance of log-probability and advantage"
        ),
    ]
    predicted_bonus: Annotated[
        float | None,
        Metric("entropy/predicted_bonus", "nats/eta", "alpha times the variance of the log-probability"),
    ]
    predicted_change: Annotated[
        float | None,
        Metric("entropy/predicted_change", "nats/eta", "sum of both: change by this step's update"),
    ]
    change: Annotated[
        float | None,
        Metric("entropy/change_nats", "nats/token", "e_k minus e_k-1: made by the update of the step before"),
    ]
    steps_to_floor: Annotated[
        float | None,
        Metric(
            "entropy/steps_to_floor", "steps", "until the floor at the rate of the last steps, if falling"
        ),
    ]
    collapse_warning: Annotated[
        int, Metric("entropy/collapse_warning", "0 or 1", "the floor is predicted within the horizon")
    ]
    pass_at: Annotated[
        Mapping[str, float],
        Metric("rollout/pass_at/{k}", "fraction", "pass@k of the groups: a correct one among k rollouts"),
    ]


PREDICTED_CHANGE = key_of(EntropyMetrics, "predicted_change")
CHANGE = key_of(EntropyMetrics, "change")
STEPS_TO_FLOOR = key_of(EntropyMetrics, "steps_to_floor")
COLLAPSE_WARNING = key_of(EntropyMetrics, "collapse_warning")
PASS_AT = key_of(EntropyMetrics, "pass_at").partition("{")[0]


def entropy_metrics(
    result: StepResult,
    *,
    before: RunState,
    history: Sequence[float],
    classes: TokenClasses,
    rule: CollapseConfig,
) -> EntropyMetrics:
    """The diagnostics of a step.

    Args:
        result: of the step.
        before: state at its beginning: holds e_k-1.
        history: entropies of the steps before, oldest first [nats/token].
        classes: of the run's tokens.
        rule: of the collapse warning.
    """
    rollouts = [r for g in result.groups for r in g.rollouts if not r.aborted and len(r.response_tokens)]
    entropies_T = token_entropies(rollouts)
    positions_T = deciles([len(r.response_tokens) for r in rollouts])
    parts_T = classes.parts(rollouts)
    terms = predicted_change(result.kept, result.advantages, result.alpha) if result.report else None
    entropy, last = result.state.entropy.last_entropy, before.entropy.last_entropy
    so_far = [*history, *([] if entropy is None else [entropy])]
    tenths = [str(number + 1) for number in range(NUM_DECILES)]
    return EntropyMetrics(
        by_position=_named(tenths, mean_by_class(entropies_T, positions_T, NUM_DECILES)),
        by_class=_named(CLASSES, mean_by_class(entropies_T, classes.classes(rollouts), len(CLASSES))),
        by_part={} if parts_T is None else _named(PARTS, mean_by_class(entropies_T, parts_T, len(PARTS))),
        carrying_share=carrying_share(entropies_T),
        predicted_policy=terms[0] if terms else None,
        predicted_bonus=terms[1] if terms else None,
        predicted_change=sum(terms) if terms else None,
        change=None if entropy is None or last is None else entropy - last,
        steps_to_floor=steps_to_floor(so_far, rule) if entropy is not None else None,
        collapse_warning=int(entropy is not None and warns(so_far, rule)),
        pass_at=support(result.groups),
    )


def _named(names: Sequence[str], values: Sequence[float | None]) -> dict[str, float]:
    return {str(name): v for name, v in zip(names, values, strict=True) if v is not None}
