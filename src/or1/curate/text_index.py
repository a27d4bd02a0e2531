"""The index of texts: each row's tokens, its exact key, and the keys under which near matches meet.

Two rows are compared when they share a key. A key is a MinHash of the words together with the row's numbers
(duplicates have the same numbers, so blocks stay small), or a band of MinHashes of word pairs (for numbers
written in another way).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import pyarrow as pa
import xxhash
from rensa import RMinHash

from or1.curate.match import Side
from or1.curate.normal_form import TokenKind, Tokens, drawings_of, tokens_of
from or1.curate.records import Record, to_json
from or1.curate.store import Store
from or1.types import Gold
from or1_verify.code import parse_tests
from or1_verify.code.spec import AssertTests, CheckTests, FunctionTests, StdinTests

STAGE = "texts"
_NUM_WORD_KEYS = 8
"""Of texts with half of their words in common, 1 - 2**-8 share one of these keys."""
_NUM_BANDS = 16
_BAND_SIZE = 3
"""16 bands of 3: of texts with half of their word pairs in common, 88 % share one."""
_NUM_TESTS = 64
TESTS_MARK = "tests "
"""Begins a gold that is a sample of tests."""
_SEED = 20_250_529

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("task", pa.string()),
        ("gold", pa.string()),
        ("exact", pa.binary(16)),
        ("drawing", pa.string()),
        ("words", pa.list_(pa.string())),
        ("kinds", pa.binary()),
        ("keys", pa.list_(pa.uint64())),
    ]
)


def index(records: Iterable[Record]) -> pa.Table:
    """The index of a batch, in the order of its rows."""
    return pa.Table.from_pylist([_entry(record) for record in records], schema=SCHEMA)


def _entry(record: Record) -> dict[str, object]:
    tokens = tokens_of(record.question)
    return {
        "row": record.row,
        "task": record.task,
        "gold": to_json(record.gold) if record.task == "math" else tests_key(record.gold),
        "exact": exact_key(tokens, record.task),
        "drawing": drawings_of(record.question),
        "words": tokens.words,
        "kinds": tokens.kinds,
        "keys": near_keys(tokens, record.task),
    }


def exact_key(tokens: Tokens, task: str) -> bytes:
    """128-bit hash of task and normal form, letters as they are: equal for texts that differ in style."""
    return xxhash.xxh3_128_digest("\x1f".join((task, *tokens.words)).encode())


def tests_key(gold: Gold) -> str:
    """A sample of hashes of the tests: enough to see whether two problems share tests."""
    match parse_tests(gold):
        case StdinTests(inputs=inputs, outputs=outputs) | FunctionTests(inputs=inputs, outputs=outputs):
            asked = [to_json(each) for each in zip(inputs, outputs, strict=True)]
        case CheckTests(test=test):
            asked = [line.strip() for line in test.splitlines() if line.strip().startswith("assert")]
        case AssertTests(tests=tests):
            asked = [" ".join(test.split()) for test in tests]
    hashes = sorted({xxhash.xxh3_64_hexdigest(each.encode()) for each in asked})
    return TESTS_MARK + " ".join(hashes[:_NUM_TESTS])


def near_keys(tokens: Tokens, task: str) -> list[int]:
    """Keys of which near duplicates of one task share at least one, almost always."""
    words = sorted(set(tokens.of_kind(TokenKind.WORD)))
    if len(words) < 3:
        words = sorted(set(tokens.general))
    numbers = "\x1f".join(sorted(tokens.of_kind(TokenKind.NUMBER)))
    keys = [
        xxhash.xxh3_64_intdigest(f"{k}\x1f{value}\x1f{numbers}\x1f{task}".encode())
        for k, value in enumerate(_minhash(words, _NUM_WORD_KEYS))
    ]
    general = tokens.general
    pairs = [f"{a}\x1f{b}" for a, b in pairwise(general)] or list(general)
    values = _minhash(pairs, _NUM_BANDS * _BAND_SIZE)
    return keys + [
        xxhash.xxh3_64_intdigest(f"band {at}\x1f{values[at : at + _BAND_SIZE]}\x1f{task}".encode())
        for at in range(0, len(values), _BAND_SIZE)
    ]


def _minhash(items: Sequence[str], num: int) -> list[int]:
    sketch = RMinHash(num_perm=num, seed=_SEED)
    sketch.update(items)
    return list(sketch.digest())


class Texts:
    """Random access to the index: the batches stay on disk, the sides last asked for in memory."""

    def __init__(self, store: Store, batch_rows: int) -> None:
        self._store = store
        self._batch_rows = batch_rows
        self._table = lru_cache(maxsize=16)(self._load)
        self.side = lru_cache(maxsize=100_000)(self._side)
        """Row -> its text, ready for comparison."""

    def _load(self, part: int) -> tuple[pa.Table, dict[int, int]]:
        table = self._store.read_mapped(STAGE, part)
        return table, {row: at for at, row in enumerate(table["row"].to_pylist())}

    def _side(self, row: int) -> Side:
        table, places = self._table(row // self._batch_rows)
        at = places[row]
        return Side.of(Tokens(tuple(table["words"][at].as_py()), table["kinds"][at].as_py()))
