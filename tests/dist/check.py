"""Check built wheels as a newcomer meets them: `python tests/dist/check.py dist` (`make check-dist`).

The wheels must hold every tracked file of their packages and nothing else; they are installed into an empty
environment, outside the checkout, and used there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {"or1": "src", "or1_verify": "packages/or1-verify/src"}
SHORT_RUN = [
    *("--set", "stages.0.num_steps=2", "--set", "stages.0.num_problems=4", "--set", "stages.0.group_size=4"),
    *("--set", "stages.1.num_steps=1", "--set", "stages.1.num_problems=4", "--set", "stages.1.group_size=4"),
    *("--set", "evaluation.num_problems=8", "--set", "evaluation.samples_per_problem=1"),
]


def packed_files(wheel: Path) -> set[str]:
    """Paths of a wheel without those of its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def tracked_files(package: str) -> set[str]:
    """Paths that git tracks of a package, as a wheel names them."""
    source = SOURCES[package]
    listed = subprocess.run(
        ["git", "ls-files", f"{source}/{package}"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return {line.removeprefix(f"{source}/") for line in listed.stdout.splitlines()}


def licence_of(wheel: Path) -> str:
    """Text of the licence in the metadata."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
        return archive.read(name).decode()


def wheel_of(folder: Path, package: str) -> Path:
    """The one wheel of a package; SystemExit if there is none or more than one."""
    found = sorted(folder.glob(f"{package}-*.whl"))
    if len(found) != 1:
        sys.exit(f"{folder} has {len(found)} wheels of {package}: run make dist")
    if len(list(folder.glob(f"{package}-*.tar.gz"))) != 1:
        sys.exit(f"{folder} has no source distribution of {package}: run make dist")
    return found[0]


def check_content(folder: Path) -> list[Path]:
    """Compare the wheels with the tracked files; the wheels."""
    wheels = []
    for package in SOURCES:
        wheel = wheel_of(folder, package)
        packed, tracked = packed_files(wheel), tracked_files(package)
        assert packed == tracked, f"{wheel.name}: {sorted(packed ^ tracked)}"
        assert licence_of(wheel) == (ROOT / "LICENSE").read_text(encoding="utf-8")
        print(f"{wheel.name}: {len(packed)} files, {wheel.stat().st_size / 2**20:.1f} MiB")
        wheels.append(wheel)
    return wheels


def run(command: list[str | Path], folder: Path) -> str:
    """Run a command in a folder; its output, or SystemExit with it."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    shown = " ".join(str(word) for word in command[:4])
    if done.returncode:
        sys.exit(f"{shown} ends with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    print(f"ok: {shown}")
    return done.stdout + done.stderr


def main(dist: Path) -> None:
    wheels = check_content(dist)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=True)
        programs = folder / "env/bin"
        python = programs / "python"
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        constraints = ["-c", ROOT / "constraints.txt"]
        run([*install, *constraints, wheels[1]], folder)
        run([python, ROOT / "packages/or1-verify/tests/readme_blocks.py"], folder)
        run([*install, *constraints, f"{wheels[0]}[board]", wheels[1]], folder)
        where = run([python, "-c", "import or1, or1_verify; print(or1.__file__, or1_verify.__file__)"], folder)
        assert where.count(str(folder)) == 2, f"not imported from the environment: {where}"
        version = run([programs / "or1", "--version"], folder)
        assert re.search(r"\d+\.\d+\.\d+", version), version
        first = time.monotonic()
        run([programs / "or1", "doctor"], folder)
        run([programs / "or1", "show", "or1-7b"], folder)
        run([programs / "or1", "train", "tiny", "--out", "runs/tiny", *SHORT_RUN], folder)
        print(f"first reward {time.monotonic() - first:.0f} s after the installation")
        run([programs / "or1", "plot", "runs/tiny"], folder)
        run([programs / "or1", "export", "runs/tiny", "trained"], folder)
        assert (folder / "trained/model.safetensors").is_file()
    print(f"checked in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
