"""Commands in error messages."""

from __future__ import annotations

from pathlib import Path

from or1.errors import install_command


def test_a_part_is_installed_with_the_tested_versions_where_the_sources_are(tmp_path: Path) -> None:
    assert install_command("ray", "vllm", sources=tmp_path) == "pip install 'or1[ray,vllm]'"
    (tmp_path / "constraints.txt").touch()
    constraints = tmp_path / "constraints.txt"
    assert install_command("ray", sources=tmp_path) == f"pip install -c {constraints} -e '{tmp_path}[ray]'"
    assert install_command(sources=tmp_path) == f"pip install -c {constraints} -e '{tmp_path}'"
