"""The same attacks when the sandbox runs as a plain user, by an interpreter that this user can read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attacks.harness import ATTACKS, own_traces
from or1_verify.sandbox import Level

ROOT = Path(__file__).parents[2]  # of the distribution
USER = 64_999
INTERPRETERS = (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")
NEEDED = ("src/or1_verify", "tests/attacks")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_user(command: list[str], cwd: Path, limit_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        user=USER,
        group=USER,
        extra_groups=[],
        env={"PYTHONPATH": f"{cwd}/src:{cwd}/tests", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


@pytest.fixture(scope="module")
def interpreter() -> str:
    for candidate in INTERPRETERS:
        try:
            done = as_user(
                [candidate, "-c", "import sys; print(sys.version_info >= (3, 11))"], Path("/"), 120.0
            )
        except OSError:
            continue
        if done.stdout == "True\n":
            return candidate
    pytest.skip(f"user {USER} can read none of {INTERPRETERS} as Python 3.11 or newer")


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """A copy of the files of the attacks that any user can read; pytest's own folders are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for name in NEEDED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("level", [level for level in Level if level.fit_for_training])
def test_attacks_are_contained(interpreter: str, copy: Path, level: Level) -> None:
    with own_traces():
        done = as_user([interpreter, "-m", "attacks.as_user", str(int(level))], copy, 500.0)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    if "not allowed" in report:
        pytest.skip(f"a plain user is not allowed level {level:d} here: {report['not allowed']}")
    assert report == {"attacks": len(ATTACKS), "complaints": {}}
