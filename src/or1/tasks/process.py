"""ProcessBench: which paragraph of a solution is the first with an error?"""

from __future__ import annotations

from or1.errors import DataError
from or1.tasks.chat import question_of
from or1.tasks.kind import BenchmarkRow
from or1.tasks.rows import Row


def benchmark_row(row: Row, suffix: str) -> BenchmarkRow:
    """The problem, its solution in tagged paragraphs, and the index of the first wrong one, -1 for none.

    Raises:
        DataError: a column is missing or unusable.
    """
    question, _ = question_of(row, ("problem",), "")
    solution, label = _paragraphs(row), _label(row)
    return BenchmarkRow(
        form="process",
        question=question,
        gold=label,
        values={"solution": solution},
        source=row.file_stem,
        difficulty="correct" if label == -1 else "error",
    )


def _label(row: Row) -> int:
    label = row.content.get("label")
    last = len(row.content["steps"]) - 1
    if isinstance(label, bool) or not isinstance(label, int) or not -1 <= label <= last:
        raise DataError(
            f"{row.place}: label is {label!r}: it must be the index of a paragraph, up to {last}, or -1"
        )
    return label


def _paragraphs(row: Row) -> str:
    steps = row.content.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise DataError(f"{row.place}: steps must be a list of texts")
    tagged = (f"<paragraph_{i}>\n{step}\n</paragraph_{i}>" for i, step in enumerate(steps))
    return "\n\n".join(tagged)
