"""Both traces of the entropy controller, its bounds, and what e_k is measured over."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from or1.algo import entropy_coefficient, step_entropy, update_coefficient
from or1.config import EntropyConfig
from or1.testing import make_group
from or1.types import EntropyState, Group

ENTROPIES = (0.30, 0.19, 0.18, 0.21, 0.19)


def _groups(entropy: float) -> list[Group]:
    """A step whose tokens all have this entropy, as float32."""
    return [make_group((1.0, 0.0), entropy=entropy)]


def _play(entropies: Sequence[float], cfg: EntropyConfig) -> list[tuple[float, float]]:
    """(alpha used, coefficient after) of each step."""
    state, trace = EntropyState(coefficient=cfg.initial), []
    for entropy in entropies:
        alpha = entropy_coefficient(state, _groups(entropy), cfg)
        state = update_coefficient(state, entropy, cfg)
        trace.append((alpha, state.coefficient))
    return trace


def _config(**settings: object) -> EntropyConfig:
    return EntropyConfig.model_validate({"target": 0.2, "delta": 1e-4, **settings})


def test_gate_current_is_the_paper() -> None:
    alphas = [alpha for alpha, _ in _play(ENTROPIES, _config(gate="current"))]
    assert alphas == [0, 0, 1e-4, 0, 1e-4]


def test_gate_previous_is_the_released_code_one_step_late() -> None:
    alphas = [alpha for alpha, _ in _play(ENTROPIES, _config(gate="previous"))]
    assert alphas == [0, 0, 1e-4, 2e-4, 0]


def test_the_coefficient_moves_alike_under_both_gates() -> None:
    expected = [0, 1e-4, 2e-4, 1e-4, 2e-4]
    for gate in ("current", "previous"):
        coefficients = [c for _, c in _play(ENTROPIES, _config(gate=gate))]
        # without the lower bound the first step goes negative: -1e-4, 0, 1e-4, 0, 1e-4
        assert coefficients == pytest.approx(expected, rel=1e-12, abs=0)


def test_at_the_target_the_paper_stays_and_the_released_code_lowers() -> None:
    state = EntropyState(coefficient=5e-4, last_entropy=0.5)
    # 0.25 is exact in float32, so that the step's entropy is the target to the last bit
    groups = _groups(0.25)
    current, previous = _config(target=0.25), _config(target=0.25, gate="previous")
    assert step_entropy(groups) == 0.25
    assert update_coefficient(state, 0.25, current).coefficient == 5e-4
    assert update_coefficient(state, 0.25, previous).coefficient == pytest.approx(4e-4)
    # at or below the target opens the current gate; the previous one asks for strictly below
    assert entropy_coefficient(state, groups, current) == 5e-4
    assert entropy_coefficient(EntropyState(coefficient=5e-4, last_entropy=0.25), groups, previous) == 0.0


def test_before_the_first_step_the_previous_gate_is_open() -> None:
    state = EntropyState(coefficient=3e-4)
    assert entropy_coefficient(state, _groups(9.0), _config(gate="previous")) == 3e-4
    assert entropy_coefficient(state, _groups(9.0), _config(gate="current")) == 0.0


def test_bounds_of_the_scripts() -> None:
    cfg = _config(maximum=0.005)
    trace = [c for _, c in _play([0.1] * 60 + [0.3] * 60, cfg)]
    # 50 steps of 1e-4 reach the cap; the paper's delta of 0.005 needs one
    assert trace[48] == pytest.approx(0.0049)
    assert trace[59] == 0.005
    assert trace[-1] == 0.0
    assert _play([0.1], _config(delta=0.005, maximum=0.005))[0][1] == 0.005


def test_without_a_maximum_the_coefficient_goes_on_rising() -> None:
    assert _play([0.1] * 400, _config(delta=0.005))[-1][1] == pytest.approx(2.0)


def test_proportional_step() -> None:
    cfg = _config(delta=0.01, step_rule="proportional")
    # (0.2 - 0.15) / 0.2 = a quarter of delta; the constant rule would move by all of it
    assert update_coefficient(EntropyState(), 0.15, cfg).coefficient == pytest.approx(0.0025)
    # (0.2 - 2.2) / 0.2 = -10, cut to -5
    assert update_coefficient(EntropyState(coefficient=1.0), 2.2, cfg).coefficient == pytest.approx(0.95)


def test_fixed_and_off() -> None:
    for entropy in (0.1, 0.9):
        fixed = _config(mode="fixed", initial=1e-3)
        state = update_coefficient(EntropyState(coefficient=1e-3), entropy, fixed)
        assert state == EntropyState(coefficient=1e-3, last_entropy=entropy)
        assert entropy_coefficient(state, _groups(entropy), fixed) == 1e-3
        assert entropy_coefficient(state, _groups(entropy), _config(mode="off")) == 0.0


def test_entropy_is_a_token_mean_over_kept_and_dropped_groups() -> None:
    mixed = make_group((1.0, 0.0), num_tokens=(1, 3), entropy=0.5)
    all_right = make_group((1.0, 1.0), num_tokens=(8, 8), entropy=0.125)
    # (4 * 0.5 + 16 * 0.125) / 20; over the kept group alone it is 0.5, as a mean of rollouts 0.3125
    assert step_entropy([mixed, all_right]) == 0.2


def test_exact_entropy_and_estimate_are_never_mixed() -> None:
    exact = make_group((1.0, 0.0), entropy=0.25, logprob=-1.0)
    estimated = make_group((1.0, 0.0), entropy=None, logprob=-2.0)
    assert step_entropy([exact]) == 0.25
    # (1 + 2) / 2 for all of them; mixing would give (0.25 + 2) / 2 = 1.125
    assert step_entropy([exact, estimated]) == 1.5


def test_sums_are_formed_in_double_precision() -> None:
    # in float32 a running sum of 0.1 over a million tokens is off in the fourth digit
    group = make_group((1.0, 0.0), num_tokens=1_000_000, entropy=0.1)
    entropy = step_entropy([group])
    assert entropy is not None
    assert math.isclose(entropy, 0.10000000149011612, rel_tol=1e-12)
