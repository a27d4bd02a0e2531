"""Dealing kept groups into minibatches."""

from __future__ import annotations

from itertools import pairwise


def deal(num_groups: int, num_minibatches: int) -> list[range]:
    """Cut 0..num_groups-1 into `num_minibatches` runs of neighbours whose sizes differ by one at most.

    Groups stay whole, and there is one run for each planned update however many groups were dropped; a fixed
    minibatch size would leave a small remainder that still takes a full update. With fewer groups than
    minibatches the last runs are empty.

    Raises:
        ValueError: a negative number of groups or no minibatch.

    >>> deal(7, 3)
    [range(0, 3), range(3, 5), range(5, 7)]
    """
    if num_groups < 0 or num_minibatches < 1:
        raise ValueError(f"cannot deal {num_groups} groups into {num_minibatches} minibatches")
    size, num_larger = divmod(num_groups, num_minibatches)
    starts = [i * size + min(i, num_larger) for i in range(num_minibatches + 1)]
    return [range(start, end) for start, end in pairwise(starts)]
