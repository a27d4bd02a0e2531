"""Times of day, on a clock of 12 or 24 hours."""

from __future__ import annotations

from or1_verify.latex.forms import TimeOfDay


def same_time(gold: TimeOfDay, answer: TimeOfDay) -> bool:
    """Whether two times are one; a time without am or pm may be of either clock.

    >>> [same_time(TimeOfDay("4:30", half), TimeOfDay("16:30", "")) for half in ("p", "a", "")]
    [True, False, False]
    """
    if bool(gold.half) == bool(answer.half):
        return gold == answer
    marked, other = (gold, answer) if gold.half else (answer, gold)
    hour, _, rest = marked.time.partition(":")
    return other.time in {marked.time, f"{int(hour) % 12 + 12 * (marked.half == 'p')}:{rest}"}
