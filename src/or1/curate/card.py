"""The data set card: what is in the data set, and where every row went, for a person to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from or1.curate import report
from or1.curate.config import CurateConfig
from or1.curate.ledger import FILE, Counts
from or1.storage.atomic import replacing

CARD = "README.md"
_WIDTH = 40
"""Characters of the longest bar."""
_SHOWN = 160

REASONS: Mapping[str, str] = {
    "unreadable": "no question or answer where the layout has them",
    "no_gold": "the source gives no answer",
    "marked_invalid": "the source marks it as incomplete or wrong",
    "proof": "asks for a proof",
    "no_question": "no question",
    "question_too_long": "question over the length limit",
    "gold_too_long": "answer over the length limit",
    "url": "points to a page",
    "figure": "needs a figure",
    "multi_part": "several questions",
    "choice": "multiple choice",
    "bad_gold": "the verifier cannot judge the answer",
    "solution_disagrees": "its solution ends in another answer",
    "contaminated": "a benchmark's problem",
    "exact_duplicate": "the text of an earlier row",
    "near_duplicate": "nearly the text of an earlier row",
    "conflicting_gold": "the same problem with different answers",
    "bad_tests": "tests that cannot be read",
    "no_tests": "no tests",
    "empty_tests": "no test expects anything",
    "too_few_tests": "too few tests",
    "tests_too_large": "tests over the size limit",
    "special_judge": "many outputs are right",
    "no_solution": "no reference solution",
    "solution_fails": "the reference solution fails a test",
    "not_judged": "the verifier or the sandbox failed",
    "too_hard": "the model is hardly ever right",
    "too_easy": "the model is hardly ever wrong",
    "always_truncated": "no response ends within the budget",
    "not_measured": "too few responses could be judged",
    "unclear_wording": "voted unclear",
    "incomplete": "voted incomplete",
    "bad_format": "voted out of order",
    "too_few_votes": "too few votes could be read",
}
"""Reason -> what it means, for people."""


def write(config: CurateConfig, counts: Counts, out: Path) -> None:
    """Write the card beside the data, after the ledger and the contamination report."""
    lines = [*_front_matter(config), *_overview(config, counts), *_funnel(counts), *_sources(config, counts)]
    lines += [*_protected(config, out), *_samples(config, counts, out)]
    with replacing(out / CARD) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def funnel_lines(counts: Counts) -> list[str]:
    """The funnel in characters: rows left after each stage, and what each reason took."""
    left = counts.num_read
    lines = [f"{'read':<28}{left:>9,}  {_bar(left, counts.num_read)}"]
    for stage, reasons in counts.dropped.items():
        taken = sum(reasons.values())
        if not taken:
            continue
        left -= taken
        lines.append(f"{stage.replace('_', ' '):<28}{left:>9,}  {_bar(left, counts.num_read)}")
        lines += [f"{'':<28}{-number:>9,}  {_said(reason)}" for reason, number in _largest(reasons)]
    return [*lines, f"{'kept':<28}{counts.num_kept:>9,}"]


def _largest(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda each: (-each[1], each[0]))


def _said(reason: str) -> str:
    return f"{reason}: {REASONS[reason]}" if reason in REASONS else reason


def _bar(number: int, total: int) -> str:
    return "\N{FULL BLOCK}" * max(round(_WIDTH * number / total), 1 if number else 0) if total else ""


def _front_matter(config: CurateConfig) -> list[str]:
    columns = "- split: train\n    path: data/train-*.parquet"
    return [
        "---",
        *_licences(config),
        "task_categories:\n- text-generation",
        "tags: [math, code, reinforcement-learning, or1]",
        "configs:",
        "- config_name: default",
        f"  data_files:\n  {columns}",
        "---",
        "",
        f"# {config.name}",
        "",
    ]


def _licences(config: CurateConfig) -> list[str]:
    """The licences of all sources, by their names on the hub; none where that of a source is unknown."""
    names = sorted({source.license.lower() for source in config.sources})
    return [] if "unknown" in names else ["license:", *(f"- {name}" for name in names)]


def _overview(config: CurateConfig, counts: Counts) -> list[str]:
    layout = "`id, task, source, prompt, gold_json, difficulty_json, weight`"
    if config.write.layout == "reference":
        layout = "`data_source, prompt, ability, reward_model, extra_info`, as Skywork-OR1-RL-Data has them"
    return [
        f"{counts.num_kept:,} problems of {counts.num_read:,} rows read, by `or1 curate`. Columns: {layout}.",
        "",
        f"`{FILE}` has a line for each row that was read: kept, or why not, with the evidence.",
        "`manifest.json` has the hash of every file and the whole configuration; `or1 train` checks them.",
        "",
        "## Use",
        "",
        "```",
        "or1 train RECIPE --set data.path=FOLDER    # this folder; a hub name such as owner/name also works",
        "python -c \"import datasets; print(datasets.load_dataset('FOLDER', split='train')[0])\"",
        "```",
        "",
    ]


def _funnel(counts: Counts) -> list[str]:
    notes = [f"- {number:,} kept with the note `{note}`" for note, number in sorted(counts.notes.items())]
    return ["## The funnel", "", "```", *funnel_lines(counts), "```", "", *notes, ""]


def _sources(config: CurateConfig, counts: Counts) -> list[str]:
    lines = [
        "## Sources",
        "",
        "| source | licence | read | kept | repeats |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for source in config.sources:
        read = counts.read.get(source.name, 0)
        kept = counts.kept.get(source.name, 0)
        lines.append(f"| {source.name} | {source.license} | {read:,} | {kept:,} | {source.repeats:g} |")
    return [*lines, ""]


def _protected(config: CurateConfig, out: Path) -> list[str]:
    """The contamination report in short: problems of each benchmark that were found, and rows that left."""
    found = {benchmark.name: (0, 0, 0) for benchmark in config.benchmarks} | report.by_benchmark(out)
    lines = [
        "## Contamination",
        "",
        f"By problem: `{report.FILE}`. Rows that hold a benchmark's problem left.",
    ]
    lines += ["", "| benchmark | problems | found | rows that left |", "| --- | ---: | ---: | ---: |"]
    return [*lines, *(f"| {name} | {a:,} | {b:,} | {c:,} |" for name, (a, b, c) in found.items()), ""]


def _samples(config: CurateConfig, counts: Counts, out: Path) -> Iterator[str]:
    if not config.write.num_samples or not counts.num_dropped:
        return
    yield "## Some of what was removed"
    yield ""
    table = pq.read_table(out / FILE, columns=["row", "kept", "reason", "source", "text", "evidence"])
    for reason in sorted(set(table.filter(pc.invert(table["kept"]))["reason"].to_pylist())):
        rows = table.filter(pc.equal(table["reason"], reason))
        yield f"- **{reason}** ({rows.num_rows:,})"
        for row in _spread(rows.to_pylist(), config.write.num_samples):
            yield f"  - {row['source']} row {row['row']}: {_one_line(row['text'])}"
            yield f"    {_one_line(_why(json.loads(row['evidence'])))}"


def _spread(rows: Sequence[dict[str, Any]], num: int) -> list[dict[str, Any]]:
    """`num` rows at even distances: the same ones every time."""
    return (
        [rows[at * len(rows) // num] for at in range(min(num, len(rows)))] if len(rows) > num else list(rows)
    )


def _why(evidence: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in evidence.items() if key != "other_text"}
    said = ", ".join(f"{key} {value}" for key, value in shown.items())
    return f"{said}: {evidence['other_text']}" if "other_text" in evidence else said


def _one_line(text: str) -> str:
    text = " ".join(text.split()).replace("`", "'")
    return f"`{text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}`" if text else ""
