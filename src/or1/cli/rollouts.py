"""`or1 rollouts`: rollouts of a step with their verdicts, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import typer

from or1.errors import ConfigError
from or1.recipes.check import nearest
from or1.storage.run_folder import RunFolder
from or1.tracking.rollouts import ADVANTAGE, PROMPT, read_rollouts, steps_with_rollouts
from or1.types import Outcome

RIGHT = frozenset({Outcome.RIGHT})
WRONG = frozenset({Outcome.WRONG, Outcome.NO_ANSWER})
TRUNCATED = frozenset({Outcome.TRUNCATED})
"""Outcomes that an option of the command chooses."""


def rollouts(folder: Path, step: int | None, outcomes: Set[Outcome], problem: str | None, limit: int) -> None:
    """Print rollouts, each with its verdict, reward and advantage; a prompt once for all that follow it.

    Args:
        folder: run folder.
        step: None = the last one with a file.
        outcomes: those to print; empty = all.
        problem: its id; None = all.
        limit: most rollouts to print.

    Raises:
        RunFolderError: no run folder, or no rollouts of this step.
        ConfigError: the step has no rollout of this problem.
    """
    RunFolder.read(folder)
    chosen_step = step if step is not None else max(steps_with_rollouts(folder), default=0)
    rows = read_rollouts(folder, chosen_step)
    found = [row for row in _of_problem(rows, problem, chosen_step) if _is_chosen(row, outcomes)]
    shown = found[:limit]
    for line in _lines(shown):
        typer.echo(line)
    more = f"; --limit {len(found)} prints all" if len(shown) < len(found) else ""
    typer.echo(
        f"step {chosen_step}: {len(shown):,} of {len(found):,} such rollouts, {len(rows):,} in all{more}"
    )


def _of_problem(rows: Sequence[dict[str, Any]], problem: str | None, step: int) -> list[dict[str, Any]]:
    found = [row for row in rows if problem in (None, row["problem_id"])]
    if rows and not found:
        known = sorted({row["problem_id"] for row in rows})
        near = nearest(str(problem), known) or known[0]
        raise ConfigError(
            f"--problem {problem} has no rollouts in step {step}: name one of its {len(known):,} problems, "
            f"such as {near}"
        )
    return found


def _is_chosen(row: Mapping[str, Any], outcomes: Set[Outcome]) -> bool:
    return not outcomes or row["outcome"] in outcomes


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    prompt: str | None = None
    for row in rows:
        own = row[PROMPT] if PROMPT in row else row["question"]
        if own != prompt:
            prompt = own
            yield from (
                "=" * 79,
                f"problem {row['problem_id']}{_source(row)}, gold {_printable(row['gold'])}",
            )
            yield _printable(own)
        yield from ("-" * 79, _verdict(row), _printable(row["response"]), "")


def _source(row: Mapping[str, Any]) -> str:
    return f" of {row['source']}" if row["source"] else ""


def _verdict(row: Mapping[str, Any]) -> str:
    why = "".join(f" ({_printable(row[key])})" for key in ("reason", "detail") if row[key])
    parts = [
        f"rollout {row['index']}: {row['outcome'] or Outcome.NOT_JUDGED.value}{why}",
        "no reward" if row["reward"] is None else f"reward {row['reward']:g}",
        f"{len(row['response_tokens']):,} tokens",
    ]
    if ADVANTAGE in row:
        advantage = row[ADVANTAGE]
        parts.append("not trained on" if advantage is None else f"advantage {advantage:+.3f}")
    return ", ".join(parts)


def _printable(text: str) -> str:
    """The text without terminal commands: unprintable characters but line ends and tabs are escaped."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )
