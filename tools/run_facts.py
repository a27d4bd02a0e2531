"""Facts of a finished run that every kept result has, and how a score is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def facts_of(run: Path, command: str) -> dict[str, Any]:
    """Command, seed, versions, hashes and means of a run folder, from its config.json and summary.json."""
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    described = json.loads((run / "config.json").read_text(encoding="utf-8"))
    return {
        "command": command,
        "seed": described["config"]["seed"],
        "packages": described["provenance"]["packages"],
        **{key: summary[key] for key in ("commit", "config_hash", "data_hash", "or1_version")},
        **{key: summary[key] for key in ("num_steps", "reward", "entropy_nats", "seconds")},
    }


def heldout_of(run: Path) -> Any:
    """The held-out scores before and after a run, from its summary.json."""
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))["heldout"]


def interval(mean: float, low: float, high: float, sign: str = "") -> str:
    """A figure with its interval; `sign` "+" writes the sign of positive ones too."""
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
