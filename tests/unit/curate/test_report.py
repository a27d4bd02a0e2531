"""The contamination report names for each problem of a benchmark the rows that hold it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from or1.curate.ledger import SCHEMA
from or1.curate.report import FILE, write
from or1.curate.sources import Protected


def test_each_problem_has_its_rows(tmp_path: Path) -> None:
    def row(place: str, stage: str, of: str) -> dict[str, object]:
        evidence = json.dumps({"benchmark": "exam", "place": of, "match": "part"})
        empty = {field.name: None for field in SCHEMA}
        return {**empty, "source": "s", "place": place, "stage": stage, "evidence": evidence}

    evidence = {
        "benchmark": "exam",
        "place": "1",
        "match": "near",
        "also": [{"benchmark": "exam", "place": "2"}],
    }
    both = {**row("d", "contamination", "1"), "evidence": json.dumps(evidence)}
    rows = [row("a", "contamination", "2"), row("b", "contamination", "2"), row("c", "verifiable", "1"), both]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "ledger.parquet")
    protected = [Protected(benchmark="exam", place=str(n), question=f"Add {n}.") for n in (1, 2)]
    write(tmp_path / "ledger.parquet", protected, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert [line["found"] for line in lines] == [
        [{"source": "s", "place": "d", "match": "near"}],
        [
            *[{"source": "s", "place": place, "match": "part"} for place in ("a", "b")],
            {"source": "s", "place": "d", "match": "near"},
        ],
    ]
