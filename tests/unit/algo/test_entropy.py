"""What holds for the entropy controller whatever it is fed, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.algo import entropy_coefficient, step_entropy, update_coefficient
from or1.config import EntropyConfig
from or1.errors import NonFiniteError
from or1.testing import make_group, make_problem, make_rollout
from or1.types import EntropyState, Finish, Group

ENTROPY = st.floats(min_value=0.0, max_value=5.0)
RULES = st.sampled_from(["constant", "proportional"])


@given(st.lists(ENTROPY, max_size=30), RULES, st.sampled_from(["current", "previous"]))
def test_the_coefficient_stays_within_its_bounds(entropies: list[float], rule: str, gate: str) -> None:
    cfg = EntropyConfig.model_validate(
        {"minimum": 0.001, "initial": 0.002, "maximum": 0.01, "step_rule": rule, "gate": gate}
    )
    state = EntropyState(coefficient=cfg.initial)
    for entropy in entropies:
        before, state = state.coefficient, update_coefficient(state, entropy, cfg)
        assert 0.001 <= state.coefficient <= 0.01
        assert state.last_entropy == entropy
        if entropy < cfg.target:
            assert state.coefficient >= before
        if entropy > cfg.target:
            assert state.coefficient <= before


@given(st.lists(ENTROPY, max_size=12), st.integers(min_value=0, max_value=12))
def test_a_resumed_controller_goes_on_as_if_never_stopped(entropies: list[float], cut: int) -> None:
    cfg = EntropyConfig()
    whole = EntropyState()
    for entropy in entropies:
        whole = update_coefficient(whole, entropy, cfg)
    first = EntropyState()
    for entropy in entropies[:cut]:
        first = update_coefficient(first, entropy, cfg)
    resumed = EntropyState(coefficient=first.coefficient, last_entropy=first.last_entropy)
    for entropy in entropies[cut:]:
        resumed = update_coefficient(resumed, entropy, cfg)
    assert resumed == whole


def test_a_step_without_a_token_changes_nothing_and_gives_no_bonus() -> None:
    state = EntropyState(coefficient=0.01, last_entropy=0.3)
    assert step_entropy([]) is None
    assert step_entropy([make_group((None, None), num_tokens=0)]) is None
    assert update_coefficient(state, None, EntropyConfig()) is state
    assert entropy_coefficient(state, [], EntropyConfig()) == 0.0


def test_aborted_rollouts_do_not_count_and_do_not_force_the_estimate() -> None:
    judged = make_group((1.0, 0.0), entropy=0.25)
    lost = make_rollout(index=2, reward=None, entropy=None, finish=Finish.ABORTED)
    assert step_entropy([replace(judged, rollouts=(*judged.rollouts, lost))]) == 0.25
    # one that ended but could not be judged was sampled from the policy like any other
    unjudged = make_rollout(index=2, reward=None, entropy=1.0)
    assert step_entropy([replace(judged, rollouts=(*judged.rollouts, unjudged))]) == 0.5


@given(st.lists(st.floats(min_value=0, max_value=3, width=32), min_size=2, max_size=8), st.randoms())
def test_order_of_groups_and_rollouts_does_not_matter(entropies: list[float], rng: Random) -> None:
    groups = [make_group((1.0, 0.0), entropy=e, problem=make_problem(n)) for n, e in enumerate(entropies)]
    shuffled = [Group(problem=g.problem, rollouts=g.rollouts[::-1]) for g in groups]
    rng.shuffle(shuffled)
    assert step_entropy(shuffled) == step_entropy(groups)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_stop_the_run_and_name_the_rollout(bad: float) -> None:
    group = make_group((1.0, 0.0))
    broken = replace(group.rollouts[1], behavior_entropy=np.asarray([0.1, bad, 0.1], dtype=np.float32))
    with pytest.raises(NonFiniteError, match=f"{group.problem.id}/1"):
        step_entropy([replace(group, rollouts=(group.rollouts[0], broken))])
