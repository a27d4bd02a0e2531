"""The command: recipes, mistakes in one line, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from or1.assemble.engines import ENGINES
from or1.cli.app import dispatch, guarded
from or1.cli.curate import Bars, curate, show
from or1.curate import recipe
from or1.curate.config import CurateConfig
from or1.curate.model_stages import Models
from or1.errors import ConfigError, DataError
from or1.testing import ScriptedEngine, by_problem
from or1.types import WeightHandle
from tests.unit.curate.corpus import problems, write_lines


def test_every_shipped_recipe_is_sound() -> None:
    assert set(recipe.list_recipes()) == {"open-problems", "or1-code", "or1-math", "real-code", "real-math"}
    for name in recipe.list_recipes():
        assert recipe.load(name).benchmarks


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("duplicate.block_size=3", "unknown key duplicate: did you mean duplicates?"),
        (
            "duplicates.block_size=1",
            "duplicates.block_size = 1 is not allowed: it takes a whole number, at least 2",
        ),
        ("verifiable.choices=guess", 'choices = "guess" is not allowed: it takes one of "drop", "keep"'),
        ("difficulty.model=small", "difficulty needs a model: set solver.endpoint or solver.model_path"),
    ],
)
def test_a_wrong_setting_is_one_line(setting: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe.load("real-math", [setting])
    assert message in str(caught.value)


def test_two_sources_of_one_name_are_refused() -> None:
    source = {"name": "a", "path": "x.jsonl"}
    with pytest.raises(ValueError, match='two sources are called "a"'):
        CurateConfig.model_validate({"name": "n", "sources": [source, source]})


def test_a_missing_file_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"aime_1983_2023\.json does not exist: set data\.root to the folder"):
        curate("real-math", [f"data.root={tmp_path}"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_data_set_is_made_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = problems(20, seed=8)
    write_lines(tmp_path / "rows.jsonl", [*rows, rows[3]])
    (tmp_path / "own.toml").write_text(
        'num_workers = 1\n[[sources]]\nname = "mine"\ntask = "math"\npath = "rows.jsonl"\n', encoding="utf-8"
    )
    curate(str(tmp_path / "own.toml"), [f"data.root={tmp_path}"], tmp_path / "out")
    printed = capsys.readouterr().out
    assert "exact_duplicate: the text of an earlier row" in printed
    assert printed.splitlines()[-1] == str(tmp_path / "out/manifest.json")
    show(tmp_path / "out", num_samples=2, seed=1)
    shown = capsys.readouterr().out
    assert shown.count("gold: ") == 2
    assert "kept" in shown
    with pytest.raises(DataError, match="is not a data set"):
        show(tmp_path, num_samples=2, seed=1)


@pytest.mark.parametrize("load_fails", [False, True])
def test_the_engine_that_measures_difficulty_is_closed(
    load_fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of the command, not before; and where its weights cannot be loaded."""
    engine = ScriptedEngine(by_problem({}))
    at_work: list[bool] = []

    def work(config: CurateConfig, folder: Path, bars: Bars, models: Models, **others: object) -> None:
        at_work.append(engine.closed)
        raise DataError("no such rows")

    def load(weights: WeightHandle) -> None:
        if load_fails:
            raise DataError("no such weights")

    monkeypatch.setattr(engine, "load", load)
    monkeypatch.setitem(ENGINES, "local", lambda model, rollout: engine)
    monkeypatch.setattr("or1.cli.curate.run", work)
    sets = ["difficulty.model=tiny", "solver.model_path=builtin:tiny", "num_workers=1"]
    with pytest.raises(DataError, match="no such weights" if load_fails else "no such rows"):
        curate("real-math", sets, tmp_path / "out")
    assert engine.closed
    assert at_work == ([] if load_fails else [False])


def test_a_folder_without_out_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: dispatch(["curate", "run", "real-math", "datasets/x"])) == 2
    refused = capsys.readouterr().err
    assert "unexpected extra argument" in refused
    assert "(datasets/x)" in refused
    assert guarded(lambda: dispatch(["curate", "show", __file__])) == 2
    assert "is not a data set: it holds no manifest.json" in capsys.readouterr().err
