"""Was the model trained on the problems of a benchmark? By its folder and its training data.

`or1 export` leaves training.json in a model's folder: the run's settings. Beside a data set that `or1 curate`
made lies manifest.json, which names the benchmarks that it was cleaned of.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.errors import DataError
from or1.evals.questions import Questions
from or1.storage.manifest import MANIFEST
from or1.tasks.code import QUESTIONS as CODE_QUESTIONS
from or1.tasks.columns import with_columns
from or1.tasks.hub import HuggingFaceHub
from or1.tasks.math import QUESTIONS as MATH_QUESTIONS
from or1.tasks.rows import find_files, read_rows

TRAINING = "training.json"
_WORD = re.compile(r"[^\W_]+|[-+*/=<>^]")
_SHORT = 8
"""A question of as many words and signs is known by its first ones [words]."""
_INSTRUCTS = frozenset(
    {"please", "let", "put", "give", "write", "return", "solve", "answer", "think", "reason"}
)
"""Begins of an instruction behind a question."""


def training_config(model: str) -> Mapping[str, Any] | None:
    """The settings of the run that trained a model; None where its folder has none."""
    file = Path(model) / TRAINING
    return dict(_json(file)["config"]) if file.is_file() else None


def contamination_notes(model: str, questions: Sequence[Questions]) -> list[str]:
    """One line for each benchmark and source of training data; none where nothing is known of the
    training."""
    config = training_config(model)
    sources = [source for source in config["data"] if source["path"]] if config else []
    return [_note(one, str(source["path"]), _question(source)) for source in sources for one in questions]


def _question(source: Mapping[str, Any]) -> str | None:
    """The column of the questions, where the recipe names one."""
    column = source["columns"]["question"] if "columns" in source else None
    return None if column is None else str(column)


def _note(questions: Questions, source: str, column: str | None) -> str:
    name, path = questions.benchmark.name, Path(source)
    if not path.exists():
        return f"contamination: {source} is not at hand, so {name} was not looked for in it."
    num_found = _num_found([one.question for one in questions.asked], _texts(path, column))
    cleaned = _cleaned_of(path)
    history = "" if cleaned is None else f" It was cleaned of {', '.join(cleaned) or 'nothing'}."
    counted = f"{num_found} of {len(questions.asked)} questions of {name}"
    return f"contamination: {counted} stand in {source}.{history}"


def _num_found(questions: Sequence[str], texts: Iterable[str]) -> int:
    """Questions that are a text, or a part of one: instructions and the begin of a program may be around.

    >>> _num_found(["Find $2-3$."], ["find 2 - 3. Put your answer in \\\\boxed{}.", "Find $2+3$."])
    1
    """
    asked = [_words(question) for question in questions]
    at: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, words in enumerate(asked):
        at[words[:_SHORT]].append(number)
    sizes = {len(start) for start in at}
    found: set[int] = set()
    for words in map(_words, texts):
        starts = [
            (begin, size) for size in sizes for begin in (range(len(words)) if size == _SHORT else (0,))
        ]
        for begin, size in starts:
            near = at.get(words[begin : begin + size], ())
            found.update(number for number in near if _holds(words, begin, asked[number]))
    return len(found)


def _holds(words: tuple[str, ...], begin: int, question: tuple[str, ...]) -> bool:
    """A short question may be the begin of another one: nothing but an instruction stands behind it."""
    end = begin + len(question)
    behind = words[end:]
    is_alone = len(question) >= _SHORT or not behind or behind[0] in _INSTRUCTS
    return is_alone and words[begin:end] == question


def _cleaned_of(path: Path) -> list[str] | None:
    """Benchmarks that the data set was cleaned of; None without a manifest."""
    near = (path / MANIFEST, path.parent / MANIFEST, path.parent.parent / MANIFEST)
    found = next((file for file in near if file.is_file()), None)
    if found is None:
        return None
    return [str(benchmark["name"]) for benchmark in _json(found)["config"]["benchmarks"]]


def _texts(path: Path, column: str | None) -> Iterator[str]:
    """Every text of the rows that may be a question, of a file or of a data set."""
    columns = dict.fromkeys((*MATH_QUESTIONS, *CODE_QUESTIONS)) if column is None else (column,)
    rows = (row for file in find_files(str(path), "train", HuggingFaceHub()) for row in read_rows(file))
    for row in rows:
        content = row.content if column is None else with_columns(row.content, {column: column})
        for name in columns:
            value = content.get(name)
            if isinstance(value, str):
                yield value
            elif isinstance(value, list) and value and isinstance(value[-1], dict):
                yield str(value[-1].get("content", ""))


def _words(text: str) -> tuple[str, ...]:
    """Words, numbers and operators alone, in lower case.

    >>> _words("What is $1+1$?") == _words("what is 1 + 1")
    True
    """
    return tuple(_WORD.findall(text.lower()))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is not JSON ({error}): fix or remove it") from error
