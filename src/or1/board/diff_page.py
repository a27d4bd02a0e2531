"""The comparison of two runs as a page."""

from __future__ import annotations

from or1.board.diff import Phase, RunDifference
from or1.board.diff_text import verdict
from or1.board.plain_page import document, paragraph, table

MAX_STEPS = 20
"""Most differing steps in the table [steps]."""


def diff_page(found: RunDifference) -> str:
    """One page without script or network."""
    first, *others = verdict(found)
    parts = [paragraph(first, is_marked=True), *map(paragraph, (*others, *found.notes))]
    if found.steps:
        title = f"Steps that differ: the first {min(MAX_STEPS, len(found.steps))} of {len(found.steps):,}"
        rows = [
            [step.step, *("differs" if phase in step.phases else "equal" for phase in _compared(found))]
            for step in found.steps[:MAX_STEPS]
        ]
        parts.append(table(title, ["step", *(phase.words for phase in _compared(found))], rows))
    for title, changes in (("Settings", found.settings), ("Environment", found.environment)):
        if changes:
            rows = [[change.key, change.old, change.new] for change in changes]
            parts.append(table(f"{title} that differ", ["key", *found.names], rows))
    return document(f"{found.names[0]} and {found.names[1]}", parts)


def _compared(found: RunDifference) -> list[Phase]:
    return [phase for phase in Phase if phase not in found.not_compared]
