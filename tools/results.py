"""The results page from result files: `python -m tools.results` (`make results`) writes docs/results.md.

`python -m tools.results add RUN NAME "COMMAND"` keeps the figures of a finished run in
docs/results/NAME.json; `tools.model_results` keeps those of a trained model.
Published scores come from the recipes' published.toml, each with its source.
"""

from __future__ import annotations

import json
import statistics
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from tools import model_results
from tools.run_facts import facts_of, heldout_of, interval

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
PAGE = ROOT / "docs/results.md"
BENCHMARKS = {
    "aime24": "AIME24",
    "aime25": "AIME25",
    "livecodebench-v5": "LiveCodeBench v5",
    "livecodebench-v6": "LiveCodeBench v6",
    "livecodebench-2025": "LiveCodeBench from 2025-02-01",
    "processbench": "ProcessBench",
}
HEAD = """# Results

Every figure stands in a file: ours in [docs/results](results) with seed, commit, data hash and command, those
of others in `src/or1/recipes/published.toml` with their sources. `make results` writes this page from them.

## Runs

Held-out avg@4 of 128 problems before and after, with the 95 % interval over problems, as fractions of 1.
"""
RUNS = "| run | seed | before | after | steps | commit |\n| --- | --- | --- | --- | --- | --- |\n"
README = ROOT / "README.md"
START, END = "<!-- results, written by make results -->\n", "<!-- end of results -->"
SUMMARY = "| run | seeds | before | after | standard deviation |\n| --- | --- | --- | --- | --- |\n"
PUBLISHED = """
## Benchmarks

No model of 7B or 32B was evaluated or trained here: no GPU was at hand. The scores below are published ones,
avg@k as fractions of 1. The command under a benchmark evaluates a model on it, with the protocol in
[evaluation](evaluation.md).
"""


def add(run: Path, name: str, command: str) -> None:
    """Keep the figures of a finished run."""
    kept = facts_of(run, command) | {"heldout": heldout_of(run)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def runs() -> list[dict[str, Any]]:
    """The kept runs, by command and seed."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    return sorted(found, key=lambda run: (run["command"], run["seed"]))


def score(row: dict[str, Any]) -> str:
    """A score with its interval."""
    return interval(row["avg_at_k"], row["avg_at_k_low"], row["avg_at_k_high"])


def by_command() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for command, same in groupby(runs(), key=lambda run: str(run["command"])):
        yield command, list(same)


def finals_of(same: list[dict[str, Any]], when: str) -> list[float]:
    """Scores of several seeds, `before` or `after`."""
    return [run["heldout"][when]["avg_at_k"] for run in same]


def spread(values: list[float]) -> str:
    """Standard deviation over seeds."""
    return f"{statistics.stdev(values):.3f}" if len(values) > 1 else "one seed"


def readme() -> str:
    """README.md with the table of means over seeds."""
    rows = (
        f"| `{command}` | {len(same)} | {statistics.fmean(finals_of(same, 'before')):.3f} "
        f"| {statistics.fmean(finals_of(same, 'after')):.3f} | {spread(finals_of(same, 'after'))} |"
        for command, same in by_command()
    )
    head, rest = README.read_text(encoding="utf-8").split(START)
    return head + START + SUMMARY + "\n".join(rows) + "\n" + END + rest.split(END, 1)[1]


def run_rows() -> Iterator[str]:
    for command, same in by_command():
        for run in same:
            before, after = run["heldout"]["before"], run["heldout"]["after"]
            yield (
                f"| `{command}` | {run['seed']} | {score(before)} | {score(after)} | {run['num_steps']} "
                f"| `{run['commit'][:8]}` |"
            )
        after_all = finals_of(same, "after")
        mean = statistics.fmean(after_all)
        yield f"| mean over seeds | {len(same)} | | {mean:.3f}, standard deviation {spread(after_all)} | | |"


def published_sections() -> Iterator[str]:
    table = tomllib.loads((ROOT / "src/or1/recipes/published.toml").read_text(encoding="utf-8"))
    for benchmark, title in BENCHMARKS.items():
        rows = [row for row in table["scores"] if row["benchmark"] == benchmark]
        yield f"\n### {title}\n\n`or1 eval run MODEL --benchmark {benchmark}`\n"
        if not rows:
            yield "No published score with this window.\n"
            continue
        yield "| model | row | score | k | source |\n| --- | --- | --- | --- | --- |"
        for row in sorted(rows, key=lambda row: (row.get("row", ""), -row["score"])):
            note = f"; {row['note']}" if "note" in row else ""
            cells = (
                row["model"],
                row.get("row", "all"),
                f"{row['score']:.3f}",
                row["k"],
                f"{row['source']}{note}",
            )
            yield f"| {' | '.join(map(str, cells))} |"
    yield "\n## Sources\n"
    for name, source in table["sources"].items():
        yield f"- **{name}**: {source}"


def page() -> str:
    """The whole page."""
    own = HEAD + "\n" + RUNS + "\n".join(run_rows()) + "\n" + model_results.section()
    return own + PUBLISHED + "\n".join(published_sections()) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["add"]:
        add(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
