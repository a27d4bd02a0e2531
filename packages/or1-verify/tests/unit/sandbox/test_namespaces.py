"""Namespaces: the file system that a fork server enters, seen from inside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

INSIDE = """
import json, os, socket, sys
from or1_verify.sandbox import namespaces
mountpoint, readable = sys.argv[1:]
try:
    namespaces.enter(mountpoint, [readable])
except OSError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
def refused(act):
    try:
        act()
    except OSError as error:
        return error.strerror
found = {
    "root": sorted(os.listdir("/")),
    "content": open(readable + "/file").read(),
    "write to a library": refused(lambda: open(readable + "/file", "a")),
    "write to the root": refused(lambda: os.mkdir("/new")),
    "interfaces": [name for _, name in socket.if_nameindex()],
}
print(json.dumps(found))
"""


def test_the_file_system_holds_libraries_devices_and_scratch_directories(tmp_path: Path) -> None:
    mountpoint, library = tmp_path / "mountpoint", tmp_path / "library"
    mountpoint.mkdir()
    library.mkdir()
    (library / "file").write_text("text")
    command = [sys.executable, "-c", INSIDE, str(mountpoint), str(library)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if "refused" in found:
        pytest.skip(f"this machine allows no namespaces: {found['refused']}")
    assert found == {
        "root": sorted(["dev", "scratch", tmp_path.parts[1]]),
        "content": "text",
        "write to a library": "Read-only file system",
        "write to the root": "Read-only file system",
        "interfaces": ["lo"],
    }
