"""What is in the repository would mean the same on any machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.arch.source import PACKAGE, ROOT, tracked_files

# written so that this file does not hold what it looks for
MACHINE_PATH = re.compile(r"""(?<![\w.~$}>])/(?:roo[t]|hom[e]|wor[k]|User[s]|op[t])/\w""")
INDEX_SETTING = re.compile(r"(?:extra-)?inde[x]-url|find-link[s]|trusted-hos[t]")
LARGEST_BYTES = 3 * 2**20
TEXT_ENDINGS = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".jsonl", ".cfg", ".sh", ""}


def texts() -> list[tuple[Path, str]]:
    paths = [path for path in tracked_files() if path.suffix in TEXT_ENDINGS and path.name != "LICENSE"]
    return [(path, path.read_text(encoding="utf-8")) for path in paths]


@pytest.mark.parametrize(
    ("pattern", "offence"),
    [(MACHINE_PATH, "open('/ho" + "me/me/model')"), (INDEX_SETTING, "--inde" + "x-url https://x")],
    ids=["machine path", "index setting"],
)
def test_no_trace_of_one_machine(pattern: re.Pattern[str], offence: str) -> None:
    assert pattern.search(offence), "the pattern does not see what it forbids"
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_files_are_small() -> None:
    large = [path for path in tracked_files() if path.stat().st_size > LARGEST_BYTES]
    assert large == []


def test_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
