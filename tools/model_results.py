"""Figures of a trained model in docs/results/models: a run, and evaluations before, within and after it.

`python -m tools.model_results RUN NAME "COMMAND" MODEL STEP=EVALUATION ...` keeps them in
docs/results/models/NAME.json; `make results` writes the table. MODEL is the public name of the start model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from or1.evals.compare import compare
from or1.evals.results import EvalFolder
from or1.evals.tables import tabulate
from tools.run_facts import facts_of, interval

FOLDER = Path(__file__).parents[1] / "docs/results/models"
HEAD = """
## Trained models

The same problems before, within and after a run: avg@k as fractions of 1 with the 95 % interval over problems
like these. A gain is paired by problem, against the row before, the last also against the first.

| run | seed | step | score | gain | cut off | tokens | commit |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def add(run: Path, name: str, command: str, model: str, evaluations: Sequence[tuple[int, Path]]) -> None:
    """Keep the figures of a finished run and of evaluations of its checkpoints."""
    folders = [folder for _, folder in evaluations]
    pairs = list(pairwise(range(len(folders))))
    if len(folders) > 2:
        pairs.append((0, len(folders) - 1))
    steps = [step for step, _ in evaluations]
    kept = {
        "model": model,
        **facts_of(run, command),
        "evaluations": [_evaluation(step, folder) for step, folder in evaluations],
        "gains": [_gain(steps[i], steps[j], folders[i], folders[j]) for i, j in pairs],
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _evaluation(step: int, folder: Path) -> dict[str, Any]:
    (row,) = tabulate(folder)
    (benchmark,) = EvalFolder.read(folder)["benchmarks"].values()
    return {
        "step": step,
        "data_hash": benchmark["data_hash"],
        "k": row.k,
        "num_problems": row.num_problems,
        "score": asdict(row.problems),
        "truncated_fraction": row.truncated_fraction,
        "no_answer_fraction": row.no_answer_fraction,
        "score_untruncated": row.score_untruncated,
        "pass_at_k": row.pass_at_k,
        "tokens_mean": row.tokens_mean,
    }


def _gain(start: int, end: int, first: Path, second: Path) -> dict[str, Any]:
    (found,) = compare(first, second)
    gain = {"from": start, "to": end, "difference": asdict(found.problems)}
    return gain | {"num_better": found.num_better, "num_worse": found.num_worse}


def section() -> str:
    """The table of all kept models; empty when there is none."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    rows = [row for each in kept for row in _rows(each)]
    return HEAD + "\n".join(rows) + "\n" if rows else ""


def _rows(kept: dict[str, Any]) -> Iterator[str]:
    for found in kept["evaluations"]:
        gains = [g for g in kept["gains"] if g["to"] == found["step"]]
        shown = "; ".join(f"{interval(**g['difference'], sign='+')} since step {g['from']}" for g in gains)
        yield (
            f"| `{kept['command']}` with {kept['model']} | {kept['seed']} | {found['step']} "
            f"| {interval(**found['score'])} | {shown} | {found['truncated_fraction']:.3f} "
            f"| {found['tokens_mean']:.0f} | `{kept['commit'][:8]}` |"
        )


if __name__ == "__main__":
    run, name, command, model, *rest = sys.argv[1:]
    given = [each.split("=", 1) for each in rest]
    add(Path(run), name, command, model, [(int(step), Path(folder)) for step, folder in given])
