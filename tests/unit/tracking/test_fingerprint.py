"""A fingerprint changes with its own quantity and with no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from or1.testing import make_group, make_problem, make_report, make_verdict
from or1.tracking.fingerprint import fingerprint
from or1.types import Group, Rollout

NAMES = ["problem_ids", "prompt_tokens", "sampled_tokens", "behavior_logprobs", "rewards"]


def changed(change: Callable[[Rollout], Rollout]) -> set[str]:
    """Names of the hashes that differ once the second rollout is changed."""
    group = make_group([1.0, 0.0], num_tokens=[3, 4])
    other = replace(group, rollouts=(group.rollouts[0], change(group.rollouts[1])))
    before, after = fingerprint(1, [group], None), fingerprint(1, [other], None)
    return {name for name in before if before[name] != after[name]}


def bumped(values: np.ndarray) -> np.ndarray:
    """The smallest possible change of the last number."""
    out = values.copy()
    out[-1] = np.nextafter(out[-1], np.float32(1)) if out.dtype.kind == "f" else out[-1] + 1
    return out


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda r: replace(r, problem_id=make_problem(5).id), "problem_ids"),
        (lambda r: replace(r, index=2), "problem_ids"),
        (lambda r: replace(r, prompt_tokens=bumped(r.prompt_tokens)), "prompt_tokens"),
        (lambda r: replace(r, response_tokens=bumped(r.response_tokens)), "sampled_tokens"),
        (lambda r: replace(r, behavior_logprobs=bumped(r.behavior_logprobs)), "behavior_logprobs"),
        (lambda r: replace(r, verdict=make_verdict(0.5)), "rewards"),
        (lambda r: replace(r, verdict=make_verdict(None)), "rewards"),
    ],
)
def test_one_quantity_one_hash(change: Callable[[Rollout], Rollout], name: str) -> None:
    assert changed(change) == {name}


def test_a_token_that_moves_to_the_next_rollout_shows() -> None:
    def lengths(a: int, b: int) -> Group:
        group = make_group([1.0, 0.0])
        tokens = np.arange(6, dtype=np.int32)
        first = replace(group.rollouts[0], response_tokens=tokens[:a])
        return replace(group, rollouts=(first, replace(group.rollouts[1], response_tokens=tokens[a : a + b])))

    one, two = (fingerprint(1, [lengths(*n)], None) for n in ((2, 4), (3, 3)))
    assert one["sampled_tokens"] != two["sampled_tokens"]


def test_the_same_numbers_in_another_type_are_the_same() -> None:
    """The engine may hand out int64: the tokens are what counts."""
    assert changed(lambda r: replace(r, response_tokens=r.response_tokens.astype(np.int64))) == set()


def test_tensors_are_the_trainers_own_and_absent_without_an_update() -> None:
    report = make_report(hashes={"weights": "w", "gradient": "g"})
    row = fingerprint(3, [make_group()], report)
    assert list(row) == ["step", *NAMES, "gradient", "weights"]
    assert (row["step"], row["gradient"], row["weights"]) == (3, "g", "w")
    assert list(fingerprint(3, [make_group()], None)) == ["step", *NAMES]
