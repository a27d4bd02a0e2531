"""Landlock: rights by version, and a process that is restricted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from or1_verify.sandbox import landlock

RESTRICTED = """
import sys
from or1_verify.sandbox import landlock, syscalls
readable, writable, outside = sys.argv[1:]
rules = [landlock.opened(readable, landlock.READ), landlock.opened(writable, landlock.WRITE)]
ruleset = landlock.ruleset(landlock.abi(), rules)
syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
syscalls.call("landlock_restrict_self", ruleset, 0)
for path, mode in ((readable, "r"), (readable, "a"), (writable + "/new", "w"), (outside, "r")):
    try:
        open(path, mode).close()
        print("opened")
    except PermissionError:
        print("refused")
"""


@pytest.mark.parametrize(
    ("right", "first_version"),
    [(landlock.READ_FILE, 1), (landlock.REFER, 2), (landlock.TRUNCATE, 3), (landlock.IOCTL_DEV, 5)],
)
def test_a_right_is_restricted_from_its_version_on(right: int, first_version: int) -> None:
    restricting = [version for version in range(1, 8) if landlock.handled_rights(version) & right]
    assert restricting == list(range(first_version, 8))


def test_a_rule_for_a_file_has_no_rights_of_folders(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    of_file, of_folder = (landlock.opened(str(path), landlock.WRITE) for path in (file, tmp_path))
    assert of_file is not None
    assert of_folder is not None
    assert of_file.rights == landlock.READ_FILE | landlock.WRITE_FILE | landlock.TRUNCATE
    assert of_folder.rights == landlock.WRITE
    for one in (of_file, of_folder):
        os.close(one.descriptor)


def test_a_path_that_does_not_exist_has_no_rule(tmp_path: Path) -> None:
    assert landlock.opened(str(tmp_path / "missing"), landlock.READ) is None


def test_a_restricted_process_opens_allowed_paths_alone(tmp_path: Path) -> None:
    try:
        landlock.abi()
    except OSError as error:
        pytest.skip(f"this kernel has no Landlock: {error}")
    readable, outside, writable = tmp_path / "readable", tmp_path / "outside", tmp_path / "writable"
    readable.touch()
    outside.touch()
    writable.mkdir()
    paths = [str(path) for path in (readable, writable, outside)]
    done = subprocess.run(
        [sys.executable, "-c", RESTRICTED, *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["opened", "refused", "opened", "refused"]
