"""The entropy controller on a made-up run: the bonus acts only while entropy is at or below its target.

Prints:
    entropy 0.30  alpha 0.000  coefficient next 0.000
    entropy 0.19  alpha 0.000  coefficient next 0.005
    entropy 0.18  alpha 0.005  coefficient next 0.010
    entropy 0.21  alpha 0.000  coefficient next 0.005
    entropy 0.19  alpha 0.005  coefficient next 0.010
"""

from or1 import algo
from or1.config import EntropyConfig
from or1.testing import make_group
from or1.types import EntropyState

config = EntropyConfig(target=0.2, delta=0.005)
state = EntropyState()

for entropy in (0.30, 0.19, 0.18, 0.21, 0.19):
    groups = [make_group((1.0, 0.0), entropy=entropy)]
    alpha = algo.entropy_coefficient(state, groups, config)
    state = algo.update_coefficient(state, algo.step_entropy(groups), config)
    print(f"entropy {entropy:.2f}  alpha {alpha:.3f}  coefficient next {state.coefficient:.3f}")
