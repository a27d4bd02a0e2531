"""temporary until merge"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FILE = "manifest.json"


def hash_file(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write(out: Path, files: list[Path], about: dict[str, Any]) -> None:
    (out / FILE).write_text(
        json.dumps(
            {**about, "files": {str(f.relative_to(out)): hash_file(f) for f in files}},
            sort_keys=True,
            indent=1,
            ensure_ascii=False,
        )
    )


def read(out: Path) -> dict[str, Any]:
    return json.loads((out / FILE).read_text())
