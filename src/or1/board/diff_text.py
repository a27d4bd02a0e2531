"""The outcome of a comparison in sentences, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator

from or1.board.diff import RunDifference


def verdict(found: RunDifference) -> Iterator[str]:
    """Sentences: equal or the first difference, the last step of each run, phases that were not compared."""
    first, last = found.compared
    if not found.steps:
        equal = f"equal in steps {first} to {last}"
        yield equal if found.is_equal else f"{equal}, as far as both runs have steps"
    else:
        here = found.steps[0]
        yield f"first difference in step {here.step}: {here.phases[0].words}"
        if here.detail:
            yield f"  {here.detail}"
        num_equal = last - first + 1 - len(found.steps)
        yield f"{len(found.steps):,} of {len(found.steps) + num_equal:,} common steps differ"
    if found.last_steps[0] != found.last_steps[1]:
        extents = zip(found.names, found.last_steps, strict=True)
        yield "; ".join(f"{name} ends at step {step}" for name, step in extents)
    if found.not_compared:
        names = ", ".join(phase.words for phase in found.not_compared)
        yield f"not compared: {names} (one of the runs has no hashes of them: tracking.fingerprint_tensors)"
