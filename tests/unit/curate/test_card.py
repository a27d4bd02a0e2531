"""The data set card: its head, the licences of the sources, and the contamination report in short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from or1.curate import recipe
from or1.curate.curate import curate
from tests.unit.curate.corpus import Silent, config, plain, problems, write_lines

ROWS = problems(60, seed=2)


def card_of(folder: Path, licences: tuple[str, str], **more: Any) -> tuple[dict[str, Any], str]:
    """(head, text) of the card of two small sources."""
    write_lines(folder / "a.jsonl", ROWS[:20])
    write_lines(folder / "b.jsonl", ROWS[20:30])
    sources = [plain(name, f"{name}.jsonl", license=each) for name, each in zip("ab", licences, strict=True)]
    curate(config(folder, *sources, **more), folder / "out", Silent())
    _, head, text = (folder / "out/README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), text


def test_the_head_has_the_licences_of_all_sources(tmp_path: Path) -> None:
    head, _ = card_of(tmp_path, ("MIT", "CC-BY-4.0"))
    assert head["license"] == ["cc-by-4.0", "mit"]
    assert head["task_categories"] == ["text-generation"]
    (part,) = head["configs"]
    assert part["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]


def test_an_unknown_licence_of_one_source_leaves_the_head_without(tmp_path: Path) -> None:
    head, text = card_of(tmp_path, ("MIT", "unknown"))
    assert "license" not in head
    assert "| b | unknown | 10 | 10 | 1 |" in text


def test_found_problems_and_rows_that_left_are_counted_by_benchmark(tmp_path: Path) -> None:
    write_lines(tmp_path / "exam.jsonl", [ROWS[3], ROWS[25], ROWS[40]])
    write_lines(tmp_path / "quiz.jsonl", [ROWS[41]])
    benchmarks = [{"name": name, "path": str(tmp_path / f"{name}.jsonl")} for name in ("exam", "quiz")]
    _, text = card_of(tmp_path, ("MIT", "MIT"), benchmarks=benchmarks)
    assert "| exam | 3 | 2 | 2 |" in text
    assert "| quiz | 1 | 0 | 0 |" in text
    assert "| a | MIT | 20 | 19 | 1 |" in text


def test_the_released_data_set_has_open_licences_and_protects_each_benchmark() -> None:
    released = recipe.load("open-problems", [])
    assert {source.license for source in released.sources} == {"MIT", "CC-BY-4.0"}
    protected = {benchmark.name for benchmark in released.benchmarks}
    assert protected >= {"gsm8k-test", "math-500", "aime24", "aime25", "humaneval", "livecodebench"}
