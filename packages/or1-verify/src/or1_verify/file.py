"""Judge a file of responses, row by row: the work of `or1-verify FILE` and of `or1 verify FILE`.

A row has a `kind`, a `response`, and the gold in the column that its kind names.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier, parse_tests
from or1_verify.errors import DataError
from or1_verify.golds import BadGold, bad_golds, with_gold_checks
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.types import Answer, Finish, Gold, Message, Outcome, Problem, Verdict

Row = tuple[str, dict[str, Any]]
"""(name of the row in error messages, such as `FILE line 7`; its columns)"""
GOLD_COLUMNS = ("gold", "answer", "final_answer", "ground_truth", "solution")
"""Columns of a problem's answer, where its kind's own is missing; the first that is there counts."""
OnProgress = Callable[[int, int], None]
"""(rows judged, rows in the file)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How rows of one kind are judged."""

    gold_column: str
    verifier: Verifier
    gold_of: Callable[[Any], Gold] = lambda value: value
    """The gold from the value of its column; raises DataError for a value that cannot be one."""
    finish_column: str | None = None
    """Column that tells how the response ended, as `Finish`; None: the model ended each."""


def default_kinds(*, math: MathVerifier | None = None, allow_weak_sandbox: bool = False) -> dict[str, Kind]:
    """math and code, with the default settings of their verifiers where none is given."""
    code = CodeVerifier(allow_weak_sandbox=allow_weak_sandbox)
    return {
        "math": Kind(gold_column="gold", verifier=math or MathVerifier()),
        "code": Kind(gold_column="tests", verifier=code, gold_of=_tests_of),
    }


class FileTally:
    """Counts of outcomes and sums of rewards, for each kind."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[tuple[Outcome, str]]] = {}
        self._rewards: dict[str, list[float]] = {}

    def add(self, kind: str, verdict: Verdict) -> None:
        """Count one verdict."""
        reason = verdict.reason or verdict.outcome.value
        self._counts.setdefault(kind, Counter())[verdict.outcome, reason] += 1
        rewards = self._rewards.setdefault(kind, [])
        if verdict.reward is not None:
            rewards.append(verdict.reward)

    def table(self) -> str:
        """Number and share of each outcome and reason, and the mean reward of each kind, as aligned text."""
        lines = [("kind", "outcome", "reason", "responses", "share", "reward")]
        order = list(Outcome)
        for kind, counts in sorted(self._counts.items()):
            total, rewards = counts.total(), self._rewards[kind]
            ranked = sorted(counts.items(), key=lambda one: (order.index(one[0][0]), -one[1]))
            for (outcome, reason), num in ranked:
                lines.append((kind, outcome.value, reason, f"{num:,}", f"{100 * num / total:.1f} %", ""))
            mean = f"{sum(rewards) / len(rewards):.4f}" if rewards else "-"
            lines.append((kind, "all", "", f"{total:,}", "100.0 %", mean))
        columns = zip("<<<>>>", zip(*lines, strict=True), strict=True)  # words left, numbers right
        form = "  ".join(f"{{:{side}{max(map(len, cells))}}}" for side, cells in columns)
        return "\n".join(form.format(*line).rstrip() for line in lines)


def read_json_lines(file: Path) -> Iterator[Row]:
    """The rows of a `.jsonl` or `.jsonl.gz` file.

    Raises:
        DataError: no such file, another format, a line that is not a JSON object, or no rows at all.
    """
    if not file.name.endswith((".jsonl", ".jsonl.gz")):
        raise DataError(f"{file} is not JSON lines: convert it to .jsonl or .jsonl.gz")
    empty = True
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    empty = False
                    place = f"{file} line {number}"
                    yield place, _object(place, line)
    except FileNotFoundError as error:
        raise DataError(f"{file} does not exist") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read ({error}): repair or replace it") from error
    if empty:
        raise DataError(f"{file} has no rows: it is empty")


def require_writable(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that would replace an input or cannot be written.

    Raises:
        DataError: in one line.
    """
    folder = out.absolute().parent
    if out.resolve() in {each.resolve() for each in inputs}:
        raise DataError(f"--out {out} is the input: nothing is overwritten; name another file")
    if out.is_dir():
        raise DataError(f"--out {out} is a folder: name a file in it, such as {out / 'verdicts.jsonl'}")
    if not folder.is_dir():
        raise DataError(f"--out {out}: there is no folder {folder}: make it, or name another")
    try:
        with tempfile.TemporaryFile(dir=folder):
            is_writable = not out.exists() or os.access(out, os.W_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        raise DataError(f"--out {out} cannot be written: name a file in a folder of your own")


def check_rows(rows: Iterable[Row], kinds: Mapping[str, Kind]) -> Counter[str]:
    """The number of rows of each kind. A row whose gold cannot be used is one of them: it is not judged.

    Raises:
        DataError: the first row that lacks something.
    """
    return Counter(_kind_and_response(row, kinds)[0] for row in rows)


def check_golds(
    rows: Iterable[Row],
    kinds: Mapping[str, Kind],
    *,
    kind: str | None = None,
    column: str | None = None,
    num_workers: int | None = None,
) -> tuple[int, list[BadGold]]:
    """Number of rows, and the golds among them that cannot be judged, in the order of the rows.

    Args:
        rows: with or without responses.
        kinds: name -> kind.
        kind: of rows without `kind`; None = `code` where the row has tests, else `math`.
        column: of the gold; None = the kind's, or another usual name (`GOLD_COLUMNS`).
        num_workers: worker processes; None = one for each processor.

    Raises:
        DataError: a row of another kind.
    """
    places: dict[str, int] = {}
    unusable: list[BadGold] = []

    def problems() -> Iterator[tuple[str, Problem]]:
        for number, row in enumerate(rows):
            places[row[0]] = number
            found = _gold_in(row, kinds, kind, column)
            if isinstance(found, BadGold):
                unusable.append(found)
            else:
                yield row[0], found

    verifiers = with_gold_checks({name: each.verifier for name, each in kinds.items()})
    with ProcessVerifierPool(verifiers, num_workers or os.cpu_count() or 1) as pool:
        refused = bad_golds(problems(), pool.judge)
    return len(places), sorted([*unusable, *refused], key=lambda bad: places[bad.place])


def judge_rows(
    rows: Iterable[Row],
    kinds: Mapping[str, Kind],
    out: Path,
    *,
    num_rows: Mapping[str, int],
    num_workers: int | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> FileTally:
    """Judge every row and write its columns with those of the verdict, in the order of the rows.

    Args:
        rows: checked by `check_rows`.
        kinds: name -> kind.
        out: JSON lines; it appears when all rows are judged.
        num_rows: what `check_rows` returned.
        num_workers: worker processes; None = one for each processor.
        on_progress: called after each verdict.
    """
    verifiers = {name: kinds[name].verifier for name in num_rows}
    total, tally = sum(num_rows.values()), FileTally()
    unfinished = out.with_name(f"{out.name}.part")
    with (
        ProcessVerifierPool(verifiers, num_workers or os.cpu_count() or 1) as pool,
        unfinished.open("w", encoding="utf-8") as lines,
    ):
        for done, (columns, verdict) in enumerate(_in_order(rows, kinds, pool), start=1):
            tally.add(columns["kind"], verdict)
            found = asdict(verdict) | {"seconds": round(verdict.seconds, 6)}
            lines.write(json.dumps(columns | found, ensure_ascii=False, default=str) + "\n")
            on_progress(done, total)
        lines.flush()
        os.fsync(lines.fileno())
    unfinished.replace(out)
    return tally


def _gold_in(
    row: Row, kinds: Mapping[str, Kind], default_kind: str | None, column: str | None
) -> Problem | BadGold:
    """The gold of a row, as a problem without a question."""
    place, columns = row
    name = columns.get("kind", default_kind or ("code" if columns.get("tests") else "math"))
    if name not in kinds:
        raise DataError(f"{place}: kind is {name!r}: it must be one of {', '.join(kinds)}")
    listed = [column] if column else [kinds[name].gold_column, *GOLD_COLUMNS]
    value = next((columns[each] for each in listed if columns.get(each) is not None), None)
    if value is None:
        return BadGold(place=place, gold="", reason="no_gold", detail=f"the row has {', '.join(columns)}")
    try:
        return Problem.make(name, (Message("user", ""),), kinds[name].gold_of(value))
    except DataError as error:
        return BadGold(place=place, gold=value, reason="bad_tests", detail=str(error))


def _tests_of(value: Any) -> Gold:
    tests: Gold = parse_tests(value).model_dump(mode="json", exclude_none=True)
    return tests


def _kind_and_response(row: Row, kinds: Mapping[str, Kind]) -> tuple[str, str]:
    """The kind and the response of a row.

    Raises:
        DataError: the row lacks something.
    """
    place, columns = row
    name = columns.get("kind")
    if name is None:
        raise DataError(
            f'{place}: no kind: add one to each row, such as "kind": "math"; there are {", ".join(kinds)}'
        )
    if not isinstance(name, str) or name not in kinds:
        raise DataError(f"{place}: kind is {name!r}: it must be one of {', '.join(kinds)}")
    text, value = columns.get("response"), columns.get(kinds[name].gold_column)
    if not isinstance(text, str):
        raise DataError(f"{place}: no response, or one that is not text")
    if value is None or isinstance(value, bool):
        raise DataError(f"{place}: no {kinds[name].gold_column}, which kind {name} needs")
    return name, text


def _answer(number: int, row: Row, kinds: Mapping[str, Kind]) -> Answer:
    """The response of a row, with its problem.

    Raises:
        DataError: the row lacks something, or its gold cannot be used.
    """
    columns = row[1]
    name, text = _kind_and_response(row, kinds)
    kind = kinds[name]
    gold = kind.gold_of(columns[kind.gold_column])
    question = columns.get("question")
    turn = Message("user", question if isinstance(question, str) else "")
    finish = columns.get(kind.finish_column) if kind.finish_column else None
    return Answer(
        problem=Problem.make(name, (turn,), gold),
        index=number,
        text=text,
        finish=Finish(finish) if finish in set(Finish) else Finish.STOP,
    )


def _in_order(
    rows: Iterable[Row], kinds: Mapping[str, Kind], pool: ProcessVerifierPool
) -> Iterator[tuple[dict[str, Any], Verdict]]:
    """The columns of each row with its verdict, in the order of the rows."""
    columns: dict[int, dict[str, Any]] = {}
    verdicts: dict[int, Verdict] = {}

    def answers() -> Iterator[Answer]:
        for number, row in enumerate(rows):
            columns[number] = row[1]
            try:
                answer = _answer(number, row, kinds)
            except DataError as error:
                verdicts[number] = Verdict.not_judged(f"bad_{kinds[row[1]['kind']].gold_column}", str(error))
                continue
            yield answer

    following = 0

    def finished() -> Iterator[tuple[dict[str, Any], Verdict]]:
        nonlocal following
        while following in verdicts:
            yield columns.pop(following), verdicts.pop(following)
            following += 1

    for answer, verdict in pool.judge(answers()):
        verdicts[answer.index] = verdict
        yield from finished()
    yield from finished()


def _object(place: str, line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line.decode("utf-8"))
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 (byte {error.start}): convert the file") from error
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise DataError(f"{place}: half a surrogate pair ({half!a}): replace it") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON ({error}): repair or remove the line") from error
    if not isinstance(content, dict):
        raise DataError(f"{place}: not an object with named fields")
    return content
