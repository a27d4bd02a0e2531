"""The scores of an evaluation, for people, programs and model cards: table, JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.evals.benchmark import load_benchmark, published
from or1.evals.statistics import Estimate
from or1.evals.tables import ScoreRow
from or1.recipes.check import shown
from or1.storage.atomic import guard_writes, write_json

SCORES_JSON, SCORES_CSV, SCORES_MD = "scores.json", "scores.csv", "scores.md"
HEAD = (
    *("benchmark", "part", "problems", "metric", "score", "CI, same problems", "CI, other problems"),
    *("pass@k", "maj@k", "cut off", "no answer", "tokens"),
)


def write_report(folder: Path, description: Mapping[str, Any], rows: Sequence[ScoreRow]) -> None:
    """Write scores.json, scores.csv and scores.md into an evaluation's folder."""
    with guard_writes(folder):
        write_json(folder / SCORES_JSON, as_json(description, rows))
        (folder / SCORES_CSV).write_text(as_csv(rows), encoding="utf-8")
        (folder / SCORES_MD).write_text(as_markdown(description, rows), encoding="utf-8")


def protocol_line(description: Mapping[str, Any]) -> str:
    """One sentence about sampling and prompts, printed with every score."""
    settings, environment = description["settings"], description["environment"]
    if "imported" in settings:
        return f"Imported from {settings['imported']}: verdicts of another tool, not ours."
    sampling, protocol = settings["sampling"], settings["protocol"]
    drawn = (
        "greedy"
        if sampling["temperature"] == 0
        else f"temperature {sampling['temperature']:g}, top-p {sampling['top_p']:g}"
    )
    top_k = "" if sampling["top_k"] is None else f", top-k {sampling['top_k']}"
    engine = ", ".join(str(environment[key]) for key in ("engine", "dtype", "device") if key in environment)
    return (
        f"Protocol {protocol['name']} ({protocol['about']}): {drawn}{top_k}, "
        f"{sampling['max_response_tokens']:,} tokens, seed {sampling['seed']}; {engine}{_chat(settings)}."
    )


def _chat(settings: Mapping[str, Any]) -> str:
    """The chat settings that are not the defaults."""
    if "chat" not in settings["model"]:
        return ""
    listed = [f"{name} = {shown(value)}" for name, value in settings["model"]["chat"].items() if value]
    return f"; chat {', '.join(listed)}" if listed else ""


def notes(description: Mapping[str, Any]) -> list[str]:
    """Remarks on the problems: fewer or more than expected, left out of the score, and contamination."""
    found = []
    for name, entry in description["benchmarks"].items():
        expected = entry["expected_problems"]
        if expected is not None and expected != entry["num_problems"]:
            found.append(f"{name}: {entry['num_problems']:,} problems; the whole benchmark has {expected:,}.")
        if left_out := entry["left_out"]:
            total = entry["num_problems"]
            found.append(
                f"{name}: {total - len(left_out):,} of {total:,} problems are scored; the golds of "
                f"{len(left_out):,} cannot be judged: {_some(left_out)}."
            )
    return [*found, *description.get("notes", ())]


def _some(left_out: Mapping[str, str], most: int = 3) -> str:
    shown = [f"{key} ({why})" for key, why in list(left_out.items())[:most]]
    return ", ".join(shown) + (f" and {len(left_out) - most:,} more" if len(left_out) > most else "")


def cells(row: ScoreRow) -> tuple[str, ...]:
    """A line of the table, in the order of `HEAD`."""
    score = f"{100 * row.score:.1f}"
    if row.num_unknown:
        score = f"{100 * row.bounds.low:.1f} to {100 * row.bounds.high:.1f} ({row.num_unknown} unknown)"
    return (
        row.benchmark,
        row.row,
        f"{row.num_problems:,}" + (f" ({row.num_left_out:,} left out)" if row.num_left_out else ""),
        row.metric,
        score,
        _interval(row.run),
        _interval(row.problems),
        _last(row.pass_at_k),
        _last(row.maj_at_k),
        f"{100 * row.truncated_fraction:.1f} %",
        f"{100 * row.no_answer_fraction:.1f} %",
        f"{row.tokens_mean:,.0f}",
    )


def _interval(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"


def _last(curve: Mapping[int, float]) -> str:
    """The value at the largest k above 1."""
    k = max(curve, default=1)
    return f"{100 * curve[k]:.1f} @{k}" if k > 1 else ""


def as_json(description: Mapping[str, Any], rows: Iterable[ScoreRow]) -> dict[str, Any]:
    """Everything: settings, environment, benchmarks with their hashes, and each line in full."""
    return {
        **description,
        "protocol_line": protocol_line(description),
        "notes": notes(description),
        "scores": [{"score": row.score, **dataclasses.asdict(row)} for row in rows],
    }


def as_csv(rows: Iterable[ScoreRow]) -> str:
    """One line a score, fractions of 1; curves as `k:value` pairs."""
    text = io.StringIO()
    flat = [_flat(row) for row in rows]
    writer = csv.DictWriter(text, fieldnames=list(flat[0]) if flat else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: ScoreRow) -> dict[str, Any]:
    flat: dict[str, Any] = {
        "benchmark": row.benchmark,
        "row": row.row,
        "metric": row.metric,
        "score": row.score,
    }
    for key, value in dataclasses.asdict(row).items():
        if isinstance(value, dict) and "mean" in value:
            flat |= {f"{key}_low": value["low"], f"{key}_high": value["high"]}
        elif isinstance(value, dict):
            flat[key] = " ".join(f"{k}:{v:.6f}" for k, v in value.items())
        else:
            flat[key] = value
    return flat


def as_markdown(description: Mapping[str, Any], rows: Sequence[ScoreRow]) -> str:
    """A section for a model card."""
    environment = description["environment"]
    lines = ["## Evaluation", "", protocol_line(description), "", *markdown_table(HEAD, map(cells, rows)), ""]
    lines += [
        "Scores in points of 100. *CI, same problems*: 95 % CI over new samples of the same problems; "
        "*CI, other problems*: over other problems like these. Responses that were cut off are wrong.",
        "",
        *[f"- {note}" for note in notes(description)],
        *[
            f"- {name}: data hash {entry['data_hash']}"
            + (f", {entry['release']}" if entry["release"] else "")
            for name, entry in description["benchmarks"].items()
        ],
        f"- or1 {environment['or1_version']}, commit {environment['commit']}, Python "
        f"{environment['python']}, {environment['processor']}",
        *_other_judge(description),
        f"- {', '.join(f'{name} {version}' for name, version in environment['packages'].items())}",
        "",
    ]
    return "\n".join(lines)


def _other_judge(description: Mapping[str, Any]) -> list[str]:
    """The version that judged, where another one sampled."""
    judge, sampler = description["judged_by"], description["environment"]
    if all(judge[key] == sampler[key] for key in judge):
        return []
    return [f"- judged by or1 {judge['or1_version']}, commit {judge['commit']}"]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    table = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]


def published_rows(beside: Iterable[tuple[str, str]] | None = None) -> list[tuple[str, ...]]:
    """Published scores as cells: benchmark, part, model, score, k, source.

    Args:
        beside: (benchmark, part) of our own lines: gives what is published of the same problems, under our
            names, and of other parts of these benchmarks. None = everything that is published.
    """
    ours = (
        None if beside is None else {load_benchmark(name).identity(row): (name, row) for name, row in beside}
    )
    benchmarks = {identity[:4]: name for identity, (name, _) in (ours or {}).items()}
    found: list[tuple[str, ...]] = []
    for p in sorted(published(), key=lambda p: (p.benchmark, p.row, -p.score)):
        place = (p.benchmark, p.row)
        if ours is not None:
            identity = load_benchmark(p.benchmark).identity(p.row)
            if identity[:4] not in benchmarks:
                continue
            place = ours.get(identity, (benchmarks[identity[:4]], p.row))
        source = p.source + (f"; {p.note}" if p.note else "")
        found.append((*place, p.model, f"{100 * p.score:.1f}", str(p.k), source))
    return found


def load_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))
