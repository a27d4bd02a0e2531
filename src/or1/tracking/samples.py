"""Rollouts of a step as a table of texts, for TensorBoard and Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence

from or1.tracking.sinks import ExampleRollout

TAG = "samples"
COLUMNS = (
    *("step", "problem", "rollout", "prompt", "response", "gold", "outcome", "reason", "detail"),
    *("reward", "advantage", "tokens"),
)
NUM_EXAMPLES = 4
"""Rollouts of a step in the table [rollouts]."""
LONGEST_TEXT = 4000
"""A text shows its end, at most this long [characters]: a view keeps the samples of all steps."""


def sample_rows(step: int, examples: Sequence[ExampleRollout]) -> list[list[str | float | None]]:
    """One row of `COLUMNS` a rollout."""
    return [
        [
            step,
            example.problem_id,
            example.index,
            *map(_end, (example.prompt, example.response, example.gold)),
            example.outcome.value,
            *map(_end, (example.reason, example.detail)),
            example.reward,
            example.advantage,
            example.num_tokens,
        ]
        for example in examples
    ]


def _end(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else "... " + text[-LONGEST_TEXT:]
