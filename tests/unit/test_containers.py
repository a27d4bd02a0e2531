"""The images and the development container: the files and commands that they name exist."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.arch.source import ROOT

IMAGES = [ROOT / "deploy/Dockerfile", ROOT / "deploy/Dockerfile.cuda"]
CONTAINER = ROOT / ".devcontainer/devcontainer.json"


def copied(image: Path) -> list[str]:
    """Sources of all COPY lines."""
    lines = re.findall(r"^COPY (.+) \S+$", image.read_text(encoding="utf-8"), re.MULTILINE)
    return [source for line in lines for source in line.split()]


def sent(path: str) -> bool:
    """Whether .dockerignore lets a path reach the builder; the last line that fits decides."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and (fnmatch(path, pattern) or fnmatch(f"./{path}", pattern)):
            allowed = line.startswith("!")
    return allowed


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("image", IMAGES, ids=[image.name for image in IMAGES])
def test_an_image_gets_all_that_it_copies(image: Path) -> None:
    assert {"constraints.txt", "pyproject.toml", "src", "packages"} <= set(copied(image))
    assert [source for source in copied(image) if not ((ROOT / source).exists() and sent(source))] == []


def test_an_image_gets_no_environment_and_no_runs() -> None:
    assert not any(map(sent, (".venv", "runs", "build", "dist", ".git", "src/or1/__pycache__")))


@pytest.mark.parametrize("image", IMAGES, ids=[image.name for image in IMAGES])
def test_an_image_installs_extras_that_exist_under_the_constraints(image: Path) -> None:
    text = image.read_text(encoding="utf-8")
    (extras,) = re.findall(r"pip install .*-c constraints\.txt .*'\.\[([^\]]+)\]'", text)
    known = re.search(
        r"optional-dependencies\]\n(.+?)\n\[",
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert known is not None
    assert set(extras.split(",")) <= set(re.findall(r"^([a-z-]+) = ", known[1], re.MULTILINE))


def test_the_development_container_runs_a_target_of_make_and_finds_its_environment() -> None:
    described = json.loads(CONTAINER.read_text(encoding="utf-8"))
    program, target = described["postCreateCommand"].split()
    assert program == "make"
    assert target in make_targets()
    settings = described["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"] == "${containerWorkspaceFolder}/.venv/bin/python"
    assert "VENV ?= .venv\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all((ROOT / folder).is_dir() for folder in settings["python.testing.pytestArgs"])
    (version,) = re.findall(r"python:(\d+\.\d+)", described["image"])
    assert version == "3.11"
