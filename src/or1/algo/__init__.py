"""The mathematics of MAGIC as pure functions. `or1.algo.loss` needs torch and is imported by its own name."""

from or1.algo.advantage import advantages, group_advantages
from or1.algo.entropy import entropy_coefficient, step_entropy, update_coefficient
from or1.algo.passk import avg_at_k, maj_at_k, pass_at_k
from or1.algo.progress import after_rollouts, after_step, fresh_state, raise_if_stuck, with_pass_rates
from or1.algo.rollouts import mean_reward, truncated_fraction
from or1.algo.seed import derive_seed
from or1.algo.signal import split_by_signal
from or1.algo.stage import end_of_stage, enter_stage, finished, switch_holds

__all__ = [
    "advantages",
    "after_rollouts",
    "after_step",
    "avg_at_k",
    "derive_seed",
    "end_of_stage",
    "enter_stage",
    "entropy_coefficient",
    "finished",
    "fresh_state",
    "group_advantages",
    "maj_at_k",
    "mean_reward",
    "pass_at_k",
    "raise_if_stuck",
    "split_by_signal",
    "step_entropy",
    "switch_holds",
    "truncated_fraction",
    "update_coefficient",
    "with_pass_rates",
]
