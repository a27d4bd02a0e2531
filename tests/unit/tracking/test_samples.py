"""Samples and hyperparameters in TensorBoard and Weights & Biases."""

from __future__ import annotations

import importlib.machinery
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.util.tensor_util import make_ndarray

from or1.storage.jsonl import read_rows
from or1.tracking.rollouts import read_rollouts
from or1.tracking.samples import COLUMNS, LONGEST_TEXT, sample_rows
from or1.tracking.sinks import Sink
from or1.tracking.tensorboard import TensorBoard
from or1.tracking.views import open_views
from tests.runs import play, run_config
from tests.unit.tracking.test_views import EVENT, EXAMPLE


@dataclass
class RecordedWandb:
    """Calls of the package, as a module and as the page that `init` returns."""

    started: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    step_metrics: dict[str, str | None] = field(default_factory=dict)
    is_finished: bool = False

    def init(self, **settings: Any) -> RecordedWandb:
        self.started = settings
        return self

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.step_metrics[name] = step_metric

    def log(self, data: dict[str, Any]) -> None:
        self.rows.append(data)

    def finish(self) -> None:
        self.is_finished = True


@dataclass
class RecordedTable:
    """`wandb.Table`: refuses rows of another width, as the package does."""

    columns: list[str]
    data: list[list[object]]

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.data)


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> RecordedWandb:
    module, recorded = ModuleType("wandb"), RecordedWandb()
    module.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
    module.__dict__.update(init=recorded.init, Table=RecordedTable)
    monkeypatch.setitem(sys.modules, "wandb", module)
    return recorded


def wandb_views(folder: Path) -> list[Sink]:
    settings = {"console": False, "tensorboard": False, "wandb_project": "or1"}
    return open_views(run_config(tracking=settings), folder)


def test_weights_and_biases_gets_rows_samples_and_settings(tmp_path: Path, wandb: RecordedWandb) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    play(tmp_path / "files", sinks=wandb_views(folder))
    assert [r["step"] for r in wandb.rows] == [r["step"] for r in read_rows(tmp_path / "files/metrics.jsonl")]
    assert wandb.step_metrics == {"step": None, "*": "step"}
    assert (wandb.rows[1]["rollout/reward_mean"], wandb.rows[1]["time/rollout_s"]) == (0.25, 0.25)
    assert wandb.started["config"]["loss"]["clip_low"] == 0.2
    assert wandb.started["config"]["stages"][0]["num_steps"] == run_config().stages[0].num_steps
    tables = [row["samples"] for row in wandb.rows if "samples" in row]
    assert len(tables) == 10, "one a step, none an evaluation"
    rows = [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.data]
    assert {row["step"] for row in rows} == set(range(1, 11))
    assert len({row["outcome"] for row in rows}) >= 2
    assert any(row["advantage"] is not None for row in rows)
    assert wandb.is_finished


def test_the_samples_are_those_of_the_rollout_files(tmp_path: Path, wandb: RecordedWandb) -> None:
    (tmp_path / "page").mkdir()
    play(tmp_path / "run", sinks=wandb_views(tmp_path / "page"))
    shown = ("prompt", "response", "gold", "outcome", "reward", "advantage")
    for table in (row["samples"] for row in wandb.rows if "samples" in row):
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.data]
        saved = [[r[key] for key in shown] for r in read_rollouts(tmp_path / "run", rows[0]["step"])]
        assert len(rows) >= 2
        assert all([row[key] for key in shown] in saved for row in rows)


def tensors(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # html5lib inside TensorBoard
def test_tensorboard_has_the_samples_as_text(tmp_path: Path) -> None:
    from tensorboard.plugins.text.text_plugin import text_array_to_html

    view = TensorBoard(tmp_path, {})
    first = replace(EXAMPLE, response="# no title\n\n*so* \\boxed{7} <b>")
    view.on_step_end(replace(EVENT, examples=(first, replace(EXAMPLE, problem_id="q", advantage=None))))
    view.close()
    (event,) = tensors(tmp_path).Tensors("samples")
    assert event.step == 12
    table = make_ndarray(event.tensor_proto)
    assert [cell.decode() for cell in table[0]] == list(COLUMNS)
    assert table.shape == (3, len(COLUMNS))
    cells = [dict(zip(COLUMNS, (cell.decode().strip() for cell in row), strict=True)) for row in table[1:]]
    assert [cell["problem"] for cell in cells] == ["p", "q"]
    assert (cells[0]["reward"], cells[0]["advantage"], cells[1]["advantage"]) == ("1", "0.5", "")
    html = text_array_to_html(table, enable_markdown=True)
    assert "<h1>" not in html, "a response is shown as it is, not as Markdown"
    assert "*so* \\boxed{7} &lt;b&gt;" in html


def test_tensorboard_has_the_settings_as_hyperparameters(tmp_path: Path) -> None:
    run = run_config(tracking={"console": False, "tensorboard": True})
    for view in open_views(run, tmp_path):
        view.close()
    summary = tensors(tmp_path / "tensorboard").summary_metadata["_hparams_/session_start_info"]
    found = hparams_metadata.parse_session_start_info_plugin_data(summary.plugin_data.content).hparams
    assert found["loss.clip_low"].number_value == 0.2
    assert found["stages.1.num_steps"].number_value == run.stages[1].num_steps
    assert found["loss.average"].string_value == "token"
    assert found["loss.reject_zero_advantage"].bool_value is True


def test_the_end_of_a_long_text_is_kept() -> None:
    ((*_, response, _, _, _, _, _, _, _),) = sample_rows(
        3, [replace(EXAMPLE, response="x" * 100_000 + r"\boxed{7}")]
    )
    assert len(str(response)) == LONGEST_TEXT + 4
    assert str(response).endswith(r"x\boxed{7}")
