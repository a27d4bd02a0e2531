"""What the documents tell a reader to type exists, and the files they point to are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from or1 import recipes
from or1.cli import app
from tests.arch.source import ROOT, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]
MAKE = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
OR1 = re.compile(r"(?:^|`|/)or1 ([a-z]+)(.*?)(?:`|$)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def cli_commands() -> dict[str, set[str]]:
    """Command -> its subcommands; empty for a command without any."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {name: set(getattr(command, "commands", ())) for name, command in commands.items()}


def test_the_document_patterns_see_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert {"demo", "test"} <= set(MAKE.findall(readme))
    assert {"train", "show", "doctor"} <= {command for command, _ in OR1.findall(readme)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert set(MAKE.findall(text)) <= make_targets()
    uses = OR1.findall(text)
    commands = cli_commands()
    assert {command for command, _ in uses} <= commands.keys()
    for command, rest in uses:
        words = shlex.split(rest, comments=True)
        if commands[command] and words:
            assert words[0] in commands[command], f"{document.name}: or1 {command} {words[0]}"
        if (
            command in ("train", "show")
            and words
            and words[0].islower()
            and not re.search(r"/|[.]toml$", words[0])
        ):
            assert words[0] in recipes.list_recipes(), f"{document.name}: or1 {command} {words[0]}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = [document.parent / target for target in LINK.findall(document.read_text(encoding="utf-8"))]
    assert [str(target) for target in targets if not target.exists()] == []


def test_settings_named_in_readme_exist() -> None:
    changes = re.findall(r"--set ([a-z_.0-9]+=[^`\s]+)", (ROOT / "README.md").read_text())
    assert changes
    for change in changes:
        recipes.load("qwen-0.5b-gsm8k", [change])
