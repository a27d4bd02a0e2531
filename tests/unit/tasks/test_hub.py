"""Paths on the hub: splits, patterns, revisions; every adapter and recipe against recorded file lists."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from or1.config import DataConfig
from or1.curate.layouts import LAYOUTS
from or1.curate.sources import files_of
from or1.errors import DataError
from or1.evals.benchmark import list_benchmarks, load_benchmark
from or1.recipes import load as load_config
from or1.recipes.load import list_recipes
from or1.tasks.hub import RecordingHub, choose_files
from or1.tasks.load import load_problems
from or1.tasks.rows import find_files
from or1.testing.hub import FolderHub, ListedHub

LISTED: dict[str, list[str]] = json.loads((Path(__file__).parents[2] / "golden/hub_files.json").read_text())
HUB = ListedHub(LISTED)
RECIPES = Path(__file__).parents[3] / "src/or1/recipes"


def names(path: str, split: Any = "train") -> list[str]:
    return [file.as_posix() for file in find_files(path, split, HUB)]


@pytest.mark.parametrize(
    ("adapter", "count", "first"),
    [
        ("numinamath-1.5", 3, "AI-MO/NuminaMath-1.5/data/train-00000-of-00003.parquet"),
        ("deepscaler", 1, "agentica-org/DeepScaleR-Preview-Dataset/deepscaler.json"),
        ("still-3", 1, "RUC-AIBOX/STILL-3-Preview-RL-Data/data/train-00000-of-00001.parquet"),
        ("omni-math", 1, "KbsdJames/Omni-MATH/test.jsonl"),
        ("aime", 1, "di-zhang-fdu/AIME_1983_2024/AIME_Dataset_1983_2024.csv"),
        ("gsm8k", 1, "openai/gsm8k/main/train-00000-of-00001.parquet"),
        ("math", 1, "DigitalLearningGmbH/MATH-lighteval/data/train-00000-of-00001.parquet"),
        ("leetcode", 1, "newfacade/LeetCodeDataset/LeetCodeDataset-train.jsonl"),
        ("taco", 9, "BAAI/TACO/ALL/train-00000-of-00009.parquet"),
        ("mbpp", 1, "google-research-datasets/mbpp/sanitized/train-00000-of-00001.parquet"),
        ("skywork-or1", 4, "Skywork/Skywork-OR1-RL-Data/data/code-00000-of-00003.parquet"),
    ],
)
def test_every_adapter_finds_the_rows_to_train_on(adapter: str, count: int, first: str) -> None:
    path = LAYOUTS[adapter].path
    assert path is not None
    found = [file.as_posix() for file in files_of(path, "nowhere", HUB)]
    assert (len(found), found[0]) == (count, first)


def test_the_table_above_holds_every_adapter() -> None:
    assert len([layout for layout in LAYOUTS.values() if layout.path is not None]) == 11


@pytest.mark.parametrize("recipe", list_recipes())
def test_every_training_recipe_finds_its_files(recipe: str) -> None:
    config = load_config(recipe)
    for source in (*config.data, *config.evaluation.data):
        if source.path is not None:
            assert find_files(source.path, source.split, HUB)


@pytest.mark.parametrize("benchmark", list_benchmarks())
def test_every_benchmark_finds_its_files(benchmark: str) -> None:
    for path in load_benchmark(benchmark).data:
        assert find_files(path, "heldout", HUB)


@pytest.mark.parametrize("recipe", ["or1-math", "or1-code"])
def test_every_curation_recipe_finds_its_benchmarks(recipe: str) -> None:
    for benchmark in tomllib.loads((RECIPES / f"curate/{recipe}.toml").read_text())["benchmarks"]:
        assert files_of(benchmark["path"], "nowhere", HUB, "heldout")


def test_the_recipe_of_the_paper_trains_on_both_halves_of_its_data() -> None:
    math, code = load_config("or1-7b").data
    assert math.path is not None
    assert code.path is not None
    assert names(math.path) == ["Skywork/Skywork-OR1-RL-Data/data/math-00000-of-00001.parquet"]
    assert [name[-25:] for name in names(code.path)] == [
        f"code-0000{n}-of-00003.parquet"[-25:] for n in range(3)
    ]


def test_splits_of_a_data_set() -> None:
    assert names("openai/gsm8k", "heldout") == ["openai/gsm8k/main/test-00000-of-00001.parquet"]
    assert names("HuggingFaceH4/aime_2024", "heldout") == names("HuggingFaceH4/aime_2024")
    assert len(names("livecodebench/code_generation_lite", "heldout")) == 6
    with pytest.raises(
        DataError, match=r"several validation parts: set data\.path to one of hf://\S+/full/val"
    ):
        names("google-research-datasets/mbpp:validation")
    with pytest.raises(
        DataError, match=r"several train parts: .*hf://Skywork/Skywork-OR1-RL-Data/data/code-\*"
    ):
        names("Skywork/Skywork-OR1-RL-Data")
    with pytest.raises(
        DataError, match=r"Omni-MATH has no train file: set .* hf://KbsdJames/Omni-MATH/test\.jsonl"
    ):
        names("KbsdJames/Omni-MATH")


def test_held_out_rows_are_never_taken_for_training() -> None:
    files = ["data/test-0.parquet", "data/rows-0.parquet", "data/validation-0.parquet"]
    assert choose_files(files, "train", "owner/name", "data.path") == ["data/rows-0.parquet"]
    assert choose_files(files, "heldout", "owner/name", "data.path") == ["data/test-0.parquet"]


def test_a_pattern_takes_what_it_matches_and_says_what_there_is() -> None:
    assert len(names("hf://BAAI/TACO/ALL/train-*.parquet")) == 9
    with pytest.raises(
        DataError, match=r"has no ALL/dev\*: set data\.path to one of hf://BAAI/TACO/ALL/test"
    ):
        names("hf://BAAI/TACO/ALL/dev*")


def test_local_patterns(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.txt"):
        (tmp_path / name).write_text('{"question": "?", "answer": "1"}\n')
    assert names(f"{tmp_path}/*.jsonl") == [f"{tmp_path}/a.jsonl", f"{tmp_path}/b.jsonl"]


def test_a_revision_is_pinned_and_recorded(tmp_path: Path) -> None:
    commit = "1cdedc52" + "0" * 32
    for folder in (f"owner/name@v2/snapshots/{commit}", "owner/name"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "train.jsonl").write_text("{}\n")
    hub = RecordingHub(FolderHub(tmp_path))
    (found,) = find_files("owner/name@v2", "train", hub)
    assert "name@v2" in found.as_posix()
    assert hub.commits == {"owner/name": commit}
    assert find_files("hf://owner/name/train.jsonl", "train", hub) == [tmp_path / "owner/name/train.jsonl"]


def test_a_run_records_the_commits_of_its_data(tmp_path: Path) -> None:
    folder = tmp_path / ("owner/name/snapshots/" + "ab" * 20)
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    source = DataConfig(task="math", path="owner/name")
    assert load_problems((source,), 0, FolderHub(tmp_path)).hub_commits == {"owner/name": "ab" * 20}
