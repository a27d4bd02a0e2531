"""A curation that kills itself, as `kill -9` would, after so many files: `FOLDER OUT NUM_FILES`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from or1.curate import store
from or1.curate.curate import curate
from tests.unit.curate.corpus import Silent, config, plain


class Killed(store.Store):
    """Counts the files that it writes, and leaves an unfinished one behind when it ends the process."""

    left = 10**9

    def write(self, stage: str, part: int, table: object) -> None:
        if Killed.left == 0:
            (self.folder / stage).mkdir(parents=True, exist_ok=True)
            (self.folder / stage / f".{part:06d}.parquet.1.part").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        Killed.left -= 1
        super().write(stage, part, table)


def main() -> None:
    folder, out, num_files = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    Killed.left = num_files
    benchmarks = [{"name": "exam", "path": "exam.jsonl"}]
    sources = [plain("first", "first.jsonl"), plain("second", "second.jsonl")]
    curate(config(folder, *sources, benchmarks=benchmarks), out, Silent(), store=Killed)


if __name__ == "__main__":
    main()
