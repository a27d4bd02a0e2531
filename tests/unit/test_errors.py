"""Commands in error messages."""

from __future__ import annotations

import shlex
from pathlib import Path

from or1.errors import install_command


def test_without_sources_there_are_no_constraints(tmp_path: Path) -> None:
    assert install_command("ray,vllm", tmp_path) == "pip install 'or1[ray,vllm]'"
    assert install_command("", tmp_path) == "pip install or1"


def test_a_part_is_installed_with_the_tested_versions_where_the_sources_are(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").touch()
    constraints = tmp_path / "constraints.txt"
    assert install_command("ray", tmp_path) == f"pip install -c {constraints} -e '{tmp_path}[ray]'"
    assert install_command("", tmp_path) == f"pip install -c {constraints} -e {tmp_path}"


def test_a_folder_with_a_space_is_one_word(tmp_path: Path) -> None:
    folder = tmp_path / "my work"
    folder.mkdir()
    (folder / "constraints.txt").touch()
    words = shlex.split(install_command("ray", folder))
    assert words == ["pip", "install", "-c", f"{folder}/constraints.txt", "-e", f"{folder}[ray]"]
