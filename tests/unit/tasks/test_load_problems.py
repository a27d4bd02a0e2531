"""A run's problems: sources in order, no problem twice, weights, noise and hold-out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from or1.config import DataConfig
from or1.errors import ConfigError, DataError
from or1.tasks.load import ProblemSet, load_problems, split_holdout


def source(path: Path, questions: range, **more: float) -> DataConfig:
    path.write_text("".join(json.dumps({"question": f"q{i}", "answer": str(i)}) + "\n" for i in questions))
    return DataConfig(task="math", path=str(path), **more)  # type: ignore[arg-type]


def test_sources_in_order_without_duplicates(tmp_path: Path) -> None:
    first = source(tmp_path / "a.jsonl", range(0, 6))
    second = source(tmp_path / "b.jsonl", range(4, 10), weight=2.0)
    loaded = load_problems((first, second, DataConfig(task="arithmetic", num_problems=5)), seed=1)
    questions = [problem.prompt[-1].content for problem in loaded.problems]
    assert questions[:10] == [f"q{i}" for i in range(10)]
    assert [problem.task for problem in loaded.problems[10:]] == ["arithmetic"] * 5
    assert loaded.num_duplicates == 2
    weights = [loaded.weights[problem.id] for problem in loaded.problems[:10]]
    assert weights == [1.0] * 6 + [2.0] * 4, "a duplicate keeps the weight of its first source"
    assert [kind.name for kind in loaded.kinds] == ["math", "arithmetic"]


def test_repeated_rows_of_one_file_count_as_duplicates(tmp_path: Path) -> None:
    config = source(tmp_path / "a.jsonl", range(3))
    path = tmp_path / "a.jsonl"
    path.write_text(path.read_text() * 2)
    loaded = load_problems((config,), seed=1)
    assert (len(loaded.problems), loaded.num_duplicates) == (3, 3)


def test_the_hash_names_the_problems_and_their_order(tmp_path: Path) -> None:
    one = load_problems((source(tmp_path / "a.jsonl", range(5)),), seed=1)
    same = load_problems((source(tmp_path / "b.jsonl", range(5)),), seed=2)
    other = load_problems((source(tmp_path / "c.jsonl", range(1, 6)),), seed=1)
    turned = replace(one, problems=one.problems[::-1])
    assert one.data_hash == same.data_hash
    assert len({one.data_hash, other.data_hash, turned.data_hash}) == 3


def test_arithmetic_by_seed_split_and_difficulty() -> None:
    def ids(seed: int, **more: object) -> set[str]:
        config = DataConfig.model_validate({"task": "arithmetic", "num_problems": 40, **more})
        return {problem.id for problem in load_problems((config,), seed).problems}

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)
    assert not ids(1) & ids(1, split="heldout")
    easy = DataConfig(task="arithmetic", num_problems=20, min_difficulty=2, max_difficulty=2)
    lengths = {
        len(problem.prompt[-1].content.split("then ")[1].split())
        for problem in load_problems((easy,), 1).problems
    }
    assert len(lengths) == 1, "all chains have the one difficulty asked for"


def test_noise_exchanges_golds_under_clean_ids(tmp_path: Path) -> None:
    clean = load_problems((source(tmp_path / "a.jsonl", range(40)),), seed=1)
    noisy = load_problems((source(tmp_path / "a.jsonl", range(40), label_noise=0.25),), seed=1)
    assert [p.id for p in noisy.problems] == [p.id for p in clean.problems]
    differs = {n.id for c, n in zip(clean.problems, noisy.problems, strict=True) if c.gold != n.gold}
    assert len(differs) == 10
    assert set(noisy.clean_golds) == differs
    assert clean.clean_golds == {}


def held_ids(problem_set: ProblemSet, num: int, seed: int) -> set[str]:
    return {problem.id for problem in split_holdout(problem_set, num, seed)[1]}


def test_holdout_is_chosen_by_id_and_seed(tmp_path: Path) -> None:
    loaded = load_problems((source(tmp_path / "a.jsonl", range(50)),), seed=1)
    rest, held = split_holdout(loaded, 10, seed=1)
    assert len(held) == 10
    assert sorted([*rest.problems, *held], key=lambda p: p.id) == sorted(loaded.problems, key=lambda p: p.id)
    assert [p for p in loaded.problems if p in rest.problems] == list(rest.problems), (
        "the rest keeps its order"
    )
    turned = replace(loaded, problems=loaded.problems[::-1])
    assert held_ids(turned, 10, 1) == held_ids(loaded, 10, 1)
    assert held_ids(loaded, 10, 2) != held_ids(loaded, 10, 1)
    assert held_ids(loaded, 5, 1) < held_ids(loaded, 10, 1), "asking for fewer keeps those"


def test_held_out_problems_have_clean_golds(tmp_path: Path) -> None:
    loaded = load_problems((source(tmp_path / "a.jsonl", range(50), label_noise=0.5),), seed=1)
    rest, held = split_holdout(loaded, 20, seed=1)
    wrong = [p for p in held if p.gold != p.prompt[-1].content.removeprefix("q")]
    assert wrong == [], "evaluation on noisy golds would measure the noise"
    assert any(p.gold != p.prompt[-1].content.removeprefix("q") for p in rest.problems)


def test_a_holdout_of_everything_is_refused(tmp_path: Path) -> None:
    loaded = load_problems((source(tmp_path / "a.jsonl", range(5)),), seed=1)
    with pytest.raises(DataError, match="5 problems, and 5 of them to hold out, leave none"):
        split_holdout(loaded, 5, seed=1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"task": "code"}, "data.path is missing"),
        ({"task": "math"}, "data.path is missing"),
        ({"task": "arithmetic", "path": "x.jsonl"}, "has no use with"),
        ({"task": "math", "path": "x.jsonl", "max_difficulty": 3}, "have no use with"),
        ({"task": "code", "path": "x.jsonl", "min_difficulty": 3}, "have no use with"),
    ],
)
def test_a_source_described_wrongly_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_problems((DataConfig.model_validate(config),), seed=1)
