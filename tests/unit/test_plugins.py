"""Objects outside the package: where they are looked for, what is refused, what their hash covers."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1.errors import ConfigError
from or1.plugins import Plugin, absolute_plugin, load_plugin, parse_plugin, source_hash


def plugin_in(path: Path, text: str, name: str = "reward") -> Plugin:
    path.write_text(text, encoding="utf-8")
    return Plugin(str(path), name)


def test_a_file_is_imported_again_only_when_it_has_changed(tmp_path: Path) -> None:
    plugin = plugin_in(tmp_path / "task.py", "reward = object()\n")
    first = load_plugin(plugin, "task")
    assert load_plugin(plugin, "task") is first
    plugin_in(tmp_path / "task.py", "reward = 'other'\n")
    assert load_plugin(plugin, "task") == "other"


def test_the_hash_is_of_the_content_and_not_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one = source_hash(plugin_in(tmp_path / "task.py", "reward = 1\n"), "task")
    same = source_hash(plugin_in(tmp_path / "elsewhere" / "task.py", "reward = 1\n"), "task")
    other = source_hash(plugin_in(tmp_path / "task.py", "reward = 2\n"), "task")
    assert one == same
    assert one != other


def test_the_hash_of_a_module_covers_its_whole_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reward that calls a helper of its package has changed when the helper has."""
    (tmp_path / "own_rewards").mkdir()
    (tmp_path / "own_rewards" / "__init__.py").write_text("")
    (tmp_path / "own_rewards" / "helper.py").write_text("LIMIT = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = Plugin("own_rewards.helper", "LIMIT")
    before = source_hash(plugin, "task")
    assert load_plugin(plugin, "task") == 1
    (tmp_path / "own_rewards" / "helper.py").write_text("LIMIT = 2\n")
    assert source_hash(plugin, "task") != before


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("raise ValueError('boom')\n", "reward", "importing it raised ValueError: boom"),
        ("def other(): ...\n", "reward", "defines no reward; it has other"),
        ("def (:\n", "reward", "importing it raised SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(text: str, name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_plugin(plugin_in(tmp_path / "task.py", text, name), "data.task")
    assert str(tmp_path / "task.py") in str(caught.value)


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file .*none\.py"):
        load_plugin(Plugin(str(tmp_path / "none.py"), "reward"), "task")
    with pytest.raises(ConfigError, match="no module not_there_at_all on the import path"):
        load_plugin(Plugin("not_there_at_all.rewards", "reward"), "task")


def test_a_relative_file_starts_at_the_folder_where_it_exists(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text("")
    assert absolute_plugin("task.py:reward", tmp_path) == f"{tmp_path / 'task.py'}:reward"
    assert absolute_plugin("other.py:reward", tmp_path) == "other.py:reward"
    assert absolute_plugin("math", tmp_path) == "math"
    assert parse_plugin("math") is None
