"""Difficulty of problems as data sets record it: correct samples of a model, and the selection by it.

Source: paper 6.2, and the column `extra_info.model_difficulty` of its data set: wrong samples of 16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from or1.config import DataConfig
from or1.errors import ConfigError, DataError
from or1.types import Problem

NUM_SAMPLES = 16
PAPER_KEPT: Mapping[tuple[str, str], float] = {
    ("math", "DeepSeek-R1-Distill-Qwen-7B"): 0.462,
    ("code", "DeepSeek-R1-Distill-Qwen-7B"): 0.48,
    ("math", "DeepSeek-R1-Distill-Qwen-32B"): 0.373,
    ("code", "DeepSeek-R1-Distill-Qwen-32B"): 0.376,
}
"""(task, model) -> share of problems that are neither always nor never solved. Source: paper 6.2."""


def recorded_difficulty(extra_info: Any) -> dict[str, tuple[int, int]]:
    """Model -> (correct, sampled) out of a row's `extra_info`; empty where it says nothing.

    >>> recorded_difficulty({"model_difficulty": {"some-7B": 12}})
    {'some-7B': (4, 16)}
    """
    wrong = extra_info.get("model_difficulty") if isinstance(extra_info, Mapping) else None
    return {
        model: (NUM_SAMPLES - int(number), NUM_SAMPLES)
        for model, number in (wrong.items() if isinstance(wrong, Mapping) else ())
        if _is_count(number)
    }


def wrong_of(num_right: int, num_counted: int, num: int = NUM_SAMPLES) -> int:
    """Wrong responses as a share of `num`, as the reference writes difficulty; 0 and `num` only for problems
    that were always and never right.

    >>> wrong_of(1, 4), wrong_of(0, 16), wrong_of(63, 64), wrong_of(2, 8)
    (12, 16, 1, 12)

    Raises:
        ValueError: counts that cannot be.
    """
    if not 0 <= num_right <= num_counted or num_counted < 1:
        raise ValueError(f"{num_right} right of {num_counted} cannot be")
    if num_right in (0, num_counted):
        return 0 if num_right else num
    return min(num - 1, max(1, round(num * (num_counted - num_right) / num_counted)))


def select(source: DataConfig, problems: Sequence[Problem]) -> tuple[Sequence[Problem], str]:
    """The problems of the difficulty that a source asks for, and a line that says the share kept.

    Raises:
        DataError: a problem has no count for the model.
        ConfigError: none is left.
    """
    model = source.difficulty_model
    if model is None or not problems:
        return problems, ""
    kept = [p for p in problems if source.min_right <= _right(source, p, model) <= source.max_right]
    among = f"with {source.min_right} to {source.max_right} correct samples of {model}"
    if not kept:
        raise ConfigError(
            f"{source.path}: none of {len(problems):,} problems {among}: change data.min_right or max_right"
        )
    paper = PAPER_KEPT.get((source.task, model))
    said = "" if paper is None else f" (paper: {paper:.1%})"
    line = (
        f"{source.path}: {len(kept):,} of {len(problems):,} problems {among}: {len(kept) / len(problems):.1%}"
    )
    return kept, line + said


def _right(source: DataConfig, problem: Problem, model: str) -> int:
    """Correct samples of 16; of another number, their share of 16."""
    counts = problem.difficulty or {}
    if not counts.get(model, (0, 0))[1]:
        known = ", ".join(sorted(counts)) or "of no model"
        raise DataError(
            f"{source.path}: problem {problem.id} has no count of correct samples for {model}: set "
            f"data.difficulty_model to a model that was measured ({known}), or remove it"
        )
    return NUM_SAMPLES - wrong_of(*counts[model])


def _is_count(number: Any) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and number in range(NUM_SAMPLES + 1)
