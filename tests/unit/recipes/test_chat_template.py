"""A chat template in a recipe: a path at first, text in the resolved run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from or1 import recipes
from or1.errors import ConfigError, RunFolderError
from or1.evals.request import evaluation_settings
from or1.recipes.check import shown
from or1.storage import provenance
from or1.storage.run_folder import RunFolder

TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "my.jinja").write_text(TEMPLATE)
    (folder / "own.toml").write_text('extends = "tiny"\n[model.chat]\ntemplate = "my.jinja"\n')
    return folder / "own.toml"


def test_a_path_starts_at_the_recipe_that_names_it_and_the_run_holds_the_text(
    recipe: Path, tmp_path: Path
) -> None:
    assert recipes.load(recipe).model.chat.template == TEMPLATE
    child = tmp_path / "child.toml"
    child.write_text('extends = "recipes/own.toml"\n')
    assert recipes.load(child).model.chat.template == TEMPLATE
    resolved = tmp_path / "config.json"
    resolved.write_text(recipes.load(recipe).model_dump_json())
    (recipe.parent / "my.jinja").unlink()
    assert recipes.load(resolved).model.chat.template == TEMPLATE


def test_a_path_of_the_command_line_starts_at_the_working_directory(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    assert recipes.load("tiny", ["model.chat.template=my.jinja"]).model.chat.template == TEMPLATE
    sets = ["model.chat.template=my.jinja", "model.chat.system_prompt=Be brief."]
    chat = evaluation_settings("builtin:tiny", None, sets).model.chat
    assert (chat.template, chat.system_prompt) == (TEMPLATE, "Be brief.")


def test_a_file_that_is_missing_or_holds_no_template_is_one_line(recipe: Path) -> None:
    (recipe.parent / "my.jinja").write_text("no template")
    with pytest.raises(ConfigError, match=r"own\.toml: model\.chat\.template: .*my\.jinja holds no Jinja"):
        recipes.load(recipe)
    (recipe.parent / "my.jinja").unlink()
    with pytest.raises(ConfigError, match=r'own\.toml: model\.chat\.template = "my\.jinja": .* No such file'):
        recipes.load(recipe)


def test_a_run_with_another_template_or_system_prompt_is_another_run(recipe: Path, tmp_path: Path) -> None:
    def described(*sets: str) -> dict[str, object]:
        return provenance.describe(recipes.load(recipe, sets).model_dump(mode="json"), "data")

    RunFolder.open(tmp_path / "run", described()).close()
    with pytest.raises(RunFolderError, match=r"model\.chat\.system_prompt"):
        RunFolder.open(tmp_path / "run", described("model.chat.system_prompt=Be brief."))
    (recipe.parent / "my.jinja").write_text(TEMPLATE + " ")
    with pytest.raises(RunFolderError, match=r"model\.chat\.template"):
        RunFolder.open(tmp_path / "run", described())


@pytest.mark.parametrize(
    "setting",
    [
        "model.chat.template_kwargs.enable_thinking=false",
        "model.chat.template_kwargs={enable_thinking = false}",
    ],
)
def test_template_variables_on_the_command_line(setting: str) -> None:
    assert recipes.load("tiny", [setting]).model.chat.template_kwargs == {"enable_thinking": False}


def test_stop_tokens_keep_their_kind_through_json(tmp_path: Path) -> None:
    run = recipes.load("tiny", ['model.chat.stop_tokens=["7", 7]'])
    assert run.model.chat.stop_tokens == ("7", 7)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(run.model_dump(mode="json")))
    assert recipes.load(path).model.chat.stop_tokens == ("7", 7)


def test_text_of_several_lines_is_shown_on_one() -> None:
    assert shown("a\nb") == '"a\\nb"'
