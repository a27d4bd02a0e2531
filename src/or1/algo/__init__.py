"""The mathematics of MAGIC as pure functions. `or1.algo.loss` needs torch and is imported by its own name."""

from or1.algo.advantage import advantages, group_advantages
from or1.algo.entropy import adjust, entropy_coefficient, step_entropy
from or1.algo.passk import avg_at_k, maj_at_k, pass_at_k
from or1.algo.progress import (
    after_step,
    fresh_state,
    mean_reward,
    stop_if_hopeless,
    truncated_fraction,
    with_pass_rates,
)
from or1.algo.seed import derive_seed
from or1.algo.signal import split_by_signal
from or1.algo.split_evenly import deal
from or1.algo.stage import enter_stage, finished, switch_holds

__all__ = [
    "adjust",
    "advantages",
    "after_step",
    "avg_at_k",
    "deal",
    "derive_seed",
    "enter_stage",
    "entropy_coefficient",
    "finished",
    "fresh_state",
    "group_advantages",
    "maj_at_k",
    "mean_reward",
    "pass_at_k",
    "split_by_signal",
    "step_entropy",
    "stop_if_hopeless",
    "switch_holds",
    "truncated_fraction",
    "with_pass_rates",
]
