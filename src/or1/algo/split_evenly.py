"""Splitting the kept groups of a step into minibatches."""

from __future__ import annotations

from itertools import pairwise


def split_evenly(num_groups: int, num_minibatches: int) -> list[range]:
    """Split 0..num_groups-1 into `num_minibatches` consecutive ranges whose sizes differ by at most one.

    Groups stay whole, and there is one range per planned update, however many groups were dropped. A fixed
    minibatch size would give a small last minibatch that still gets a full update. With fewer groups than
    minibatches the last ranges are empty.

    Raises:
        ValueError: a negative number of groups or no minibatch.

    >>> split_evenly(7, 3)
    [range(0, 3), range(3, 5), range(5, 7)]
    """
    if num_groups < 0 or num_minibatches < 1:
        raise ValueError(f"cannot split {num_groups} groups into {num_minibatches} minibatches")
    size, num_larger = divmod(num_groups, num_minibatches)
    starts = [i * size + min(i, num_larger) for i in range(num_minibatches + 1)]
    return [range(start, end) for start, end in pairwise(starts)]
