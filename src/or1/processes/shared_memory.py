"""A folder in memory that processes of one machine share."""

from __future__ import annotations

import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")


def shared_folder(prefix: str) -> Path:
    """A new folder in shared memory where there is some, else for temporary files."""
    place = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place))
