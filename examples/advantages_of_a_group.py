"""Which groups teach, and what each of their rollouts is worth.

Prints:
    rewards (1.0, 0.0, 0.0, 0.0) -> advantages 1.50 -0.50 -0.50 -0.50
    rewards (1.0, 1.0, 1.0, 1.0) -> dropped: all_right
    rewards (0.0, 0.0, 0.0, 0.0) -> dropped: all_wrong
"""

from or1 import algo
from or1.config import LossConfig
from or1.testing import make_group, make_problem

loss = LossConfig()
rewards = ((1.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0))
groups = [make_group(rewards_M, problem=make_problem(number)) for number, rewards_M in enumerate(rewards)]

kept, dropped = algo.split_by_signal(groups, loss)
for group, advantages_M in zip(kept, algo.advantages(kept, loss), strict=True):
    print(f"rewards {group.rewards_M} -> advantages", *(f"{a:.2f}" for a in advantages_M))
for gone in dropped:
    print(f"rewards {gone.group.rewards_M} -> dropped: {gone.reason}")
