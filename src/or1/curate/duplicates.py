"""One problem, one row: exact and near duplicates within and across sources, and contradicting golds.

Rows are taken in order. A row that is the same problem as an earlier one that stays is removed; so every
removal names a row of the data set, and likeness does not travel along a chain. Where two rows ask the same
and answer differently, all rows of that problem are set aside: it is not known which is correct.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from or1.curate.config import DuplicatesConfig
from or1.curate.match import Likeness, Match, Side, compare, find_part, is_within, says_the_same
from or1.curate.records import Decision, decisions_table
from or1.curate.store import READ, Store
from or1.curate.text_index import STAGE as TEXTS
from or1.curate.text_index import TESTS_MARK, Texts
from or1.tasks.registry import built_in_verifier
from or1.types import Gold, Message, Outcome, Problem
from or1_verify.math.gold import BadGoldError, accepted_golds

EXACT = "exact_duplicates"
NEAR = "near_duplicates"
_MATCHES = "near_matches"
_SHARE_OF_TESTS = 0.8
"""Of the tests of the problem with fewer: variants of a problem share some of the simplest."""
_SHOWN = 300
"""Most characters of another row's text in evidence [characters]."""
_MATCH_SCHEMA = pa.schema(
    [("row", pa.int64()), ("leader", pa.int64()), ("conflict", pa.bool_()), ("evidence", pa.string())]
)


@dataclass(frozen=True, slots=True)
class Matched:
    """A row that is the same problem as an earlier one."""

    row: int
    leader: int
    conflict: bool
    """The golds contradict each other."""
    evidence: Mapping[str, Any]


class _Row(NamedTuple):
    """A row as it is placed among the others."""

    number: int
    gold: str
    drawing: str
    keys: list[int]
    """Those that it shares with another row."""


def find_exact(store: Store, earlier: tuple[str, ...]) -> None:
    """Decide about rows whose normal form is that of an earlier row."""
    rows, keys, golds, drawings = [], [], [], []
    for part in range(store.num_parts):
        table = _alive_texts(store, part, earlier)
        rows.append(table["row"].to_numpy())
        keys.append(np.frombuffer(b"".join(table["exact"].to_pylist()), dtype="V16"))
        golds.append(table["gold"])
        drawings.append(table["drawing"])
    row, key = np.concatenate(rows), np.concatenate(keys)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    leader = row[first][group]
    repeated = np.flatnonzero(leader != row)
    gold, drawing = (
        pa.chunked_array([chunk for each in texts for chunk in each.chunks], pa.string())
        for texts in (golds, drawings)
    )
    at = {int(number): place for place, number in enumerate(row)} if len(repeated) else {}
    matched = []
    for place in repeated.tolist():
        places = at[int(leader[place])], place
        first, second = (gold[each].as_py() for each in places)
        is_conflict = not first.startswith(TESTS_MARK) and agreement(first, second) is False
        if is_conflict and _are_drawn_apart(*(drawing[each].as_py() for each in places)):
            continue
        matched.append(Matched(int(row[place]), int(leader[place]), is_conflict, {"changed_words": 0.0}))
    _decide(store, EXACT, "exact_duplicate", matched)


def find_near(
    store: Store,
    settings: DuplicatesConfig,
    earlier: tuple[str, ...],
    batch_rows: int,
    advance: Callable[[int], None],
) -> None:
    """Decide about rows whose text is near that of an earlier row. Resumes where it was interrupted."""
    leaders = _Leaders(store, settings, earlier, batch_rows)
    for part in range(store.num_parts):
        if store.has(_MATCHES, part):
            leaders.replay(part, _matches(store, part))
        else:
            found = [match for row in leaders.rows_of(part) if (match := leaders.place(row)) is not None]
            store.write(_MATCHES, part, _match_table(found))
        advance(part)
    found = [match for part in range(store.num_parts) for match in _matches(store, part)]
    _decide(store, NEAR, "near_duplicate", found)


def agreement(first: str, second: str) -> bool | None:
    """Do two golds of the index mean the same answer, or share their tests? None: unknown."""
    if not first or not second:
        return None
    if first.startswith(TESTS_MARK):
        return _share_tests(first.removeprefix(TESTS_MARK).split(), second.removeprefix(TESTS_MARK).split())
    return first == second or _same_answer(json.loads(first), json.loads(second))


def _share_tests(first: Sequence[str], second: Sequence[str]) -> bool | None:
    if not first or not second:
        return None
    return len(set(first) & set(second)) >= _SHARE_OF_TESTS * min(len(first), len(second))


def _same_answer(first: Gold, second: Gold) -> bool:
    verifier = built_in_verifier("math")
    problem = Problem.make("math", (Message("user", ""),), first)
    try:
        answers = [gold.text for gold in accepted_golds(second)]
    except BadGoldError:
        return False
    return any(verifier.verify(problem, f"\\boxed{{{each}}}").outcome is Outcome.RIGHT for each in answers)


class _Leaders:
    """The rows that stay, by the keys that at least two rows share."""

    def __init__(
        self, store: Store, settings: DuplicatesConfig, earlier: tuple[str, ...], batch_rows: int
    ) -> None:
        self._store = store
        self._earlier = earlier
        self._block_size = settings.block_size
        self._same = settings.same_gold
        self._unknown = settings.unknown_gold
        self._texts = Texts(store, batch_rows)
        self._agree = lru_cache(maxsize=100_000)(agreement)
        self._blocks: dict[int, list[int]] = defaultdict(list)
        self._golds: dict[int, str] = {}
        self._drawings: dict[int, str] = {}
        self._shared = self._shared_keys()

    def _shared_keys(self) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Keys of more than one row, sorted: the others lead nowhere."""
        keys = [
            np.asarray(
                pc.list_flatten(_alive_texts(self._store, part, self._earlier)["keys"]).to_numpy(),
                dtype=np.uint64,
            )
            for part in range(self._store.num_parts)
        ]
        every = np.sort(np.concatenate(keys)) if keys else np.zeros(0, np.uint64)
        return np.unique(every[1:][every[1:] == every[:-1]])

    def rows_of(self, part: int) -> Iterator[_Row]:
        """The rows of a batch."""
        table = _alive_texts(self._store, part, self._earlier)
        keys = table["keys"].combine_chunks()
        flat = keys.flatten().to_numpy(zero_copy_only=False).astype(np.uint64)
        at = np.searchsorted(self._shared, flat)
        known = at < len(self._shared)
        known[known] = self._shared[at[known]] == flat[known]
        ends = np.cumsum([len(each) for each in keys]).tolist() if len(keys) else []
        start = 0
        columns = (table[name].to_pylist() for name in ("row", "gold", "drawing"))
        for row, gold, drawing, end in zip(*columns, ends, strict=True):
            yield _Row(row, gold, drawing, at[start:end][known[start:end]].tolist())
            start = end

    def replay(self, part: int, matched: list[Matched]) -> None:
        gone = {match.row for match in matched}
        for row in self.rows_of(part):
            if row.number not in gone:
                self._lead(row)

    def place(self, row: _Row) -> Matched | None:
        """The earlier row that this one repeats; without one it leads from now on."""
        tried: set[int] = set()
        for key in row.keys:
            for leader in self._blocks[key]:
                if leader in tried:
                    continue
                tried.add(leader)
                match = self._compared(row, leader)
                if match is not None:
                    return match
        self._lead(row)
        return None

    def _lead(self, row: _Row) -> None:
        if row.keys:
            self._golds[row.number], self._drawings[row.number] = row.gold, row.drawing
        for key in row.keys:
            if len(self._blocks[key]) < self._block_size:
                self._blocks[key].append(row.number)

    def _compared(self, row: _Row, leader: int) -> Matched | None:
        first, second = self._texts.side(leader), self._texts.side(row.number)
        match, found = compare(first, second, self._same)
        if match is not Match.SAME or found is None:
            return self._as_part(row.number, row.gold, leader, first, second)
        agree = self._agree(self._golds[leader], row.gold)
        if agree is False and (
            _are_drawn_apart(self._drawings[leader], row.drawing)
            or not _asks_the_very_same(first, second, found)
        ):
            return None
        if agree is None and not is_within(found, self._unknown):
            return None
        is_conflict = agree is False and not row.gold.startswith(TESTS_MARK)
        return Matched(row.number, leader, is_conflict, _shown(found))

    def _as_part(self, row: int, gold: str, leader: int, first: Side, second: Side) -> Matched | None:
        """The shorter text inside the longer one, with the same answer: an instruction, a source or choices
        around it."""
        shorter, longer = (first, second) if len(first) <= len(second) else (second, first)
        if len(longer) == len(shorter) or not shorter.digits <= longer.numbers:
            return None
        found = find_part(shorter, longer, self._same)
        if found is None or self._agree(self._golds[leader], gold) is not True:
            return None
        return Matched(row, leader, False, {**_shown(found), "match": "part"})


def _asks_the_very_same(first: Side, second: Side, found: Likeness) -> bool:
    """With different answers, or other tests, nothing less makes two texts the same problem."""
    return says_the_same(found) and first.brackets == second.brackets


def _are_drawn_apart(first: str, second: str) -> bool:
    """Two texts under different drawings may ask for different things, where the answers differ too."""
    return bool(first and second) and first != second


def _shown(found: Likeness) -> dict[str, Any]:
    counts = asdict(found)
    return {
        "changed_words": found.changes,
        **{key: counts[key] for key in ("num_words", "num_symbols", "not_renamed")},
    }


def _alive_texts(store: Store, part: int, earlier: tuple[str, ...]) -> pa.Table:
    table = store.read_mapped(TEXTS, part)
    dropped = store.dropped(part, earlier)
    return (
        table.filter(pc.invert(pc.is_in(table["row"], pa.array(sorted(dropped), pa.int64()))))
        if dropped
        else table
    )


def _match_table(found: list[Matched]) -> pa.Table:
    rows = [
        {**asdict(match), "evidence": json.dumps(dict(match.evidence), sort_keys=True)} for match in found
    ]
    return pa.Table.from_pylist(rows, schema=_MATCH_SCHEMA)


def _matches(store: Store, part: int) -> list[Matched]:
    rows = store.read(_MATCHES, part).to_pylist()
    return [Matched(r["row"], r["leader"], r["conflict"], json.loads(r["evidence"])) for r in rows]


def _decide(store: Store, stage: str, reason: str, matched: list[Matched]) -> None:
    """From matches to decisions: repeated rows leave for `reason`, and all rows of a problem with two
    answers."""
    doubtful = {match.leader for match in matched if match.conflict}
    shown = _rows_shown(
        store, {match.leader for match in matched} | {match.row for match in matched if match.conflict}
    )
    decisions: dict[int, Decision] = {}
    for match in matched:
        other = shown[match.leader]
        why = "conflicting_gold" if match.leader in doubtful else reason
        evidence = {"same_as_row": match.leader, **other, **match.evidence}
        decisions[match.row] = Decision(row=match.row, reason=why, evidence=evidence)
        if match.conflict and match.leader not in decisions:
            evidence = {"same_as_row": match.row, **shown[match.row], **match.evidence}
            decisions[match.leader] = Decision(row=match.leader, reason="conflicting_gold", evidence=evidence)
    for part in range(store.num_parts):
        rows = store.rows(part)
        store.write(stage, part, decisions_table(decisions[row] for row in rows if row in decisions))


def _rows_shown(store: Store, wanted: set[int]) -> dict[int, dict[str, Any]]:
    """Other rows as evidence shows them: their place, text and gold."""
    shown: dict[int, dict[str, Any]] = {}
    for part in range(store.num_parts) if wanted else ():
        table = store.read(READ, part).select(["row", "place", "source", "task", "question", "gold"])
        table = table.filter(pc.is_in(table["row"], pa.array(sorted(wanted), pa.int64())))
        for row in table.to_pylist():
            gold = {"other_gold": json.loads(row["gold"])} if row["task"] == "math" else {}
            shown[row["row"]] = {
                "other_place": row["place"],
                "other_source": row["source"],
                "other_text": row["question"][:_SHOWN],
                **gold,
            }
    return shown
