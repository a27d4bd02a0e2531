"""A reward of your own through the whole loop: one file beside the recipe, no edit of the package."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from or1 import assemble, recipes
from or1.cli.app import dispatch, guarded
from or1.errors import RunFolderError

pytestmark = pytest.mark.timeout(600)

REWARD = """
def reward(response, gold, problem):
    return response.count("1") % 2
"""
RECIPE = """
[model]
path = "builtin:tiny"
[[data]]
task = "my_reward.py:reward"
path = "{rows}"
[[stages]]
max_response_tokens = 64
num_steps = 1
num_problems = 4
group_size = 4
[evaluation]
num_problems = 4
samples_per_problem = 1
[verify]
num_workers = 1
[tracking]
console = false
tensorboard = false
[system]
threads = 1
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    rows = [{"question": f"Start with {n}. Add 3. What is it?", "gold": {"is": n + 3}} for n in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "my_reward.py").write_text(REWARD)
    (folder / "own.toml").write_text(RECIPE.format(rows=folder / "rows.jsonl"))
    return folder / "own.toml"


def test_it_is_what_the_model_is_trained_on_and_a_resume_needs_the_same(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = recipe.parent / "run"
    assemble.train(recipes.load(recipe), out)
    rows = [row for path in (out / "rollouts").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    judged = [row for row in rows if row["finish"] == "stop"]
    assert judged
    assert all(row["reward"] == row["response"].count("1") % 2 for row in judged)
    described = json.loads((out / "config.json").read_text())
    assert described["provenance"]["task_hashes"] == {
        "my_reward.py:reward": described["config"]["data"][0]["task_hash"]
    }

    assemble.train(recipes.load(recipe), out)
    (recipe.parent / "my_reward.py").write_text(REWARD.replace("% 2", "% 3 == 1"))
    with pytest.raises(RunFolderError, match=r"data\.0\.task_hash is"):
        assemble.train(recipes.load(recipe), out)
    words = ["train", str(out)]
    for remedy, more in (
        ("take the changed one with --set data.0.task_hash=null", ["--set", "data.0.task_hash=null"]),
        (f"add --from {out} and another --out", ["--from", str(out), "--out", str(out.with_name("other"))]),
    ):
        assert guarded(partial(dispatch, words)) == 2
        assert remedy in capsys.readouterr().err
        words += more
    assert guarded(partial(dispatch, words)) == 0
