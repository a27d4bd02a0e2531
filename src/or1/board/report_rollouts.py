"""The rollouts in the report: whole groups of a run, as many as the page has room for, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from or1.board.token_pieces import TOP_NATS, TokenPieces, shading
from or1.board.values import LONGEST_TEXT, ROOM_CHARACTERS, clipped, number, order_of
from or1.tracking.rollouts import (
    ADVANTAGE,
    PROMPT,
    count_rollouts,
    read_rollouts,
    steps_with_rollouts,
)

ROOM_ROLLOUTS = 10_000
"""Most rollouts in a page, for all runs together."""
_COLUMNS = (
    "step",
    "problem",
    "index",
    "outcome",
    "reward",
    "advantage",
    "reason",
    "detail",
    "finish",
    "tokens",
)
_TEXTS = ("response", "lengths", "entropy", "logprob")


@dataclass
class RolloutColumns:
    """Rollouts column by column; equal problems and reasons are stored once."""

    problems: list[dict[str, str]] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in (*_COLUMNS, *_TEXTS)})
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any], pieces: TokenPieces | None) -> None:
        response = row["response"]
        is_whole = len(response) <= LONGEST_TEXT
        split = pieces.split(row["response_tokens"], response) if pieces and is_whole else None
        lengths, entropy, logprob = shading(row, split)
        values = {
            "step": row["step"],
            "problem": self._problem(row),
            "index": row["index"],
            "outcome": row["outcome"] or "not_judged",
            "reward": None if row["reward"] is None else number(row["reward"]),
            "advantage": number(row[ADVANTAGE]) if row.get(ADVANTAGE) is not None else None,
            "reason": row["reason"] or "",
            "detail": clipped(row["detail"] or ""),
            "finish": row["finish"],
            "tokens": len(row["response_tokens"]),
            "response": clipped(response),
            "lengths": lengths,
            "entropy": entropy,
            "logprob": logprob,
        }
        for name, value in values.items():
            self.columns[name].append(value)

    def _problem(self, row: Mapping[str, Any]) -> int:
        prompt = row[PROMPT] if PROMPT in row else row["question"]
        key = (row["problem_id"], prompt)
        if key not in self._known:
            self._known[key] = len(self.problems)
            self.problems.append(
                {
                    "id": row["problem_id"],
                    "source": row["source"] or "",
                    "question": clipped(row["question"]),
                    "prompt": clipped(prompt),
                    "gold": clipped(_gold(row["gold"])),
                }
            )
        return self._known[key]


def run_rollouts(
    folder: Path, *, characters: int = ROOM_CHARACTERS, rollouts: int = ROOM_ROLLOUTS
) -> dict[str, Any]:
    """The rollouts of a run that its page holds.

    Whole groups. Which problems: those with the smallest hash of their id, in every step, so that the choice
    does not depend on a verdict and the same problem is found again in later steps.

    Args:
        characters: room for responses.
        rollouts: most rollouts.
    """
    files = steps_with_rollouts(folder)
    total = sum(count_rollouts(folder, step) for step in files)
    steps = _spread(files, _num_steps(folder, files, characters, rollouts))
    pieces, found = TokenPieces.of_run(folder), RolloutColumns()
    for number_, step in enumerate(steps):
        left = len(steps) - number_
        room = (characters // left, rollouts // left)
        rows = chosen_groups(read_rollouts(folder, step), *room, at_least_one=left == len(steps))
        for row in rows:
            found.add(row, pieces)
        characters -= sum(_size(row) for row in rows)
        rollouts -= len(rows)
    return {
        "total": total,
        "steps": len(files),
        "problems": found.problems,
        "columns": found.columns,
        "top_nats": TOP_NATS,
    }


def rollouts_of(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The rollouts of several runs, which share the room of a page."""
    room = {"characters": ROOM_CHARACTERS // len(folders), "rollouts": ROOM_ROLLOUTS // len(folders)}
    return [run_rollouts(folder, **room) for folder in folders]


def _num_steps(folder: Path, files: Sequence[int], characters: int, rollouts: int) -> int:
    """Number of files that can give a group each, by the groups of the first, the middle and the last one."""
    if not files:
        return 0
    looked_at = {files[0], files[len(files) // 2], files[-1]}
    largest = [
        max((sum(map(_size, group)), len(group)) for group in groups_of(read_rollouts(folder, step)).values())
        for step in looked_at
    ]
    return max(
        1,
        min(
            len(files), characters // max(size for size, _ in largest), rollouts // max(n for _, n in largest)
        ),
    )


def _spread(steps: Sequence[int], num: int) -> list[int]:
    """`num` of the steps at equal distances, the first and the last among them.

    >>> _spread([1, 2, 3, 4, 5], 3)
    [1, 3, 5]
    """
    if num >= len(steps):
        return list(steps)
    if num <= 1:
        return list(steps[-num:]) if num else []
    return [steps[round(i * (len(steps) - 1) / (num - 1))] for i in range(num)]


def groups_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rollouts of a step by problem, in drawn order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["problem_id"], []).append(row)
    return groups


def chosen_groups(
    rows: Iterable[Mapping[str, Any]], characters: int, rollouts: int, *, at_least_one: bool
) -> list[Mapping[str, Any]]:
    """Rollouts of whole groups that fit, those of problems with the smallest hash first."""
    found: list[Mapping[str, Any]] = []
    groups = groups_of(rows)
    for problem in sorted(groups, key=order_of):
        group = groups[problem]
        characters -= sum(map(_size, group))
        rollouts -= len(group)
        if min(characters, rollouts) < 0 and (found or not at_least_one):
            break
        found += group
    return found


def _size(row: Mapping[str, Any]) -> int:
    return min(LONGEST_TEXT, len(row["response"])) + 1


def _gold(text: str) -> str:
    """A gold as a text: without the quotes of JSON where it is one."""
    gold = json.loads(text)
    return gold if isinstance(gold, str) else text
