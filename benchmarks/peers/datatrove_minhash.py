"""datatrove's MinHash deduplication of a JSONL file, with its defaults: `ROWS OUT`.

Run with the interpreter of `.venv-datatrove` (`benchmarks/peers/datatrove.txt`). As its last line one JSON
object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter

TASKS = 2


def main() -> None:
    rows, out = Path(sys.argv[1]), Path(sys.argv[2])
    settings = MinhashConfig()
    reader = JsonlReader(str(rows), text_key="problem", id_key="id", glob_pattern="*.jsonl")
    started = time.perf_counter()
    signatures, buckets, removed = str(out / "signatures"), str(out / "buckets"), str(out / "removed")
    stages = [
        ([reader, MinhashDedupSignature(output_folder=signatures, config=settings)], TASKS),
        (
            [MinhashDedupBuckets(input_folder=signatures, output_folder=buckets, config=settings)],
            settings.num_buckets,
        ),
        ([MinhashDedupCluster(input_folder=buckets, output_folder=removed, config=settings)], 1),
        ([reader, MinhashDedupFilter(input_folder=removed), JsonlWriter(str(out / "kept"))], TASKS),
    ]
    for number, (pipeline, tasks) in enumerate(stages):
        LocalPipelineExecutor(
            pipeline=pipeline,
            tasks=tasks,
            workers=2,
            logging_dir=str(out / f"log{number}"),
            skip_completed=False,
        ).run()
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
