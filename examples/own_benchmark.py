"""A benchmark of your own is a TOML file; its problems lie beside it as JSON lines.

The command line takes it as well: `or1 eval run MODEL --benchmark sums.toml`.

Prints:
    avg@2 over 2 problems: 4 samples judged
"""

import json
import tempfile
from pathlib import Path

import or1

folder = Path(tempfile.mkdtemp())
problems = [{"question": "What is 2 + 3?", "answer": "5"}, {"question": "What is 7 - 4?", "answer": "3"}]
(folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in problems))
(folder / "sums.toml").write_text('task = "math"\ndata = ["sums.jsonl"]\nsamples = 2\n')

benchmark = str(folder / "sums.toml")
scores = or1.evaluate("builtin:tiny", benchmark, out=folder / "out", max_response_tokens=40)
row = scores[benchmark]
num_judged = row.k * row.num_problems - row.num_unknown
print(f"{row.metric} over {row.num_problems} problems: {num_judged} samples judged")
