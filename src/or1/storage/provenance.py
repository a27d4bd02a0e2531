"""Provenance of a run's numbers: version, commit, packages, hashes. Stored in config.json."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import or1_verify
from or1.types import Problem

REQUIRED = ("torch", "transformers", "safetensors", "numpy", "pyarrow", "pydantic", "math-verify")
PACKAGES = (*REQUIRED, "vllm", "ray", "verifiers")
"""Packages whose version can change a number."""


def describe(config: Mapping[str, Any], data_hash: str) -> dict[str, Any]:
    """The content of config.json.

    Args:
        config: the resolved configuration as JSON (`RunConfig.model_dump(mode="json")`).
        data_hash: `hash_problems` of all training problems.
    """
    provenance = {
        "or1_version": or1_verify.__version__,
        "commit": commit(),
        "config_hash": hash_json(config),
        "data_hash": data_hash,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": package_versions(),
    }
    return {"config": dict(config), "provenance": provenance}


def hash_json(content: Mapping[str, Any]) -> str:
    """First 16 hex digits of sha256 over the canonical JSON: the order of keys does not matter."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_problems(problems: Iterable[Problem]) -> str:
    """First 16 hex digits of sha256 over the problem ids in order; an id already covers prompt and gold."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(problem.id.encode() + b"\n")
    return digest.hexdigest()[:16]


def commit(folder: Path = Path(__file__).parent) -> str:
    """Commit of the checkout this file is in, `+changes` when tracked files differ; `unknown` elsewhere."""
    try:
        # An installed copy may lie inside a checkout of something else, which does not track it.
        _git(folder, "ls-files", "--error-unmatch", Path(__file__).name)
        head = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("+changes" if changes else "")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def environment() -> dict[str, Any]:
    """Versions and machine, on which a number may depend though no setting names them."""
    return {
        "or1_version": or1_verify.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": package_versions(),
    }


def _processor() -> str:
    """Name of the processor; `unknown` where the system does not give it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def package_versions(further: Iterable[str] = ()) -> dict[str, str]:
    """Installed versions of `PACKAGES` and further ones; those not installed are left out."""
    versions = {}
    for name in (*PACKAGES, *further):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
