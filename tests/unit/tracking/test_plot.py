"""Pictures of runs: every run is named, short ones are drawn as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from or1.cli.app import dispatch, guarded
from or1.tracking.plot import run_figure
from or1.tracking.plot_comparison import comparison_figure, labels
from or1.tracking.run_data import read_run
from tests.runs import play, run_config
from tests.unit.tracking.test_summary import PNG, in_stage, made, stage

pytest.importorskip("matplotlib", reason="pictures are an extra")


def drawn(axis: Any) -> list[Any]:
    """Lines with at least one point that can be seen: a line of one point without a marker cannot."""
    return [line for line in axis.lines if len(line.get_xdata()) > (line.get_marker() in ("", "None"))]


def short(folder: Path, num_steps: int) -> Path:
    rewards = [float(n % 2) for n in range(num_steps)]
    return made(folder, [stage(200, 8)], [in_stage(0, 0.0, reward) for reward in rewards])


def test_the_legend_names_each_run(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c", "d")]
    play(folders[0], run_config(name="first"))
    play(folders[1], run_config(name="second"))
    short(folders[2], 3)
    short(folders[3], 1)
    runs = [read_run(folder) for folder in folders]
    figure = comparison_figure(folders, runs)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "first: 10 steps",
        "second: 10 steps",
        f"fake in {folders[2]}: 3 steps, unfinished",
        f"fake in {folders[3]}: 1 step, unfinished",
    ]
    handles = [(h.get_color(), h.get_linestyle()) for h in legend.get_lines()]
    assert len(set(handles)) == 4
    for axis in figure.axes:
        colors = {line.get_color() for line in drawn(axis)}
        with_values = 4 if axis is not figure.axes[1] else 2  # the made rows have no entropy
        assert len(colors) == with_values, axis.get_title()
        assert colors <= {color for color, _ in handles}


def test_more_runs_than_colors_keep_their_own_look(tmp_path: Path) -> None:
    folders = [short(tmp_path / str(n), 2) for n in range(14)]
    figure = comparison_figure(folders, [read_run(folder) for folder in folders])
    (legend,) = figure.legends
    assert len({(h.get_color(), h.get_linestyle()) for h in legend.get_lines()}) == 14
    assert len({text.get_text() for text in legend.get_texts()}) == 14


def test_a_run_of_a_few_steps_is_drawn_as_points_at_its_values(tmp_path: Path) -> None:
    figure = run_figure(read_run(short(tmp_path, 12)))
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == "training reward"]
    assert line.get_marker() == "o"
    assert list(line.get_ydata()) == [float(n % 2) for n in range(12)], "a mean would say 0.3 to 0.6"


def test_a_long_run_is_smoothed(tmp_path: Path) -> None:
    figure = run_figure(read_run(short(tmp_path, 60)))
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == "training reward"]
    assert max(line.get_ydata()[5:-5]) < 0.6


def test_steps_are_whole_numbers_on_the_axis(tmp_path: Path) -> None:
    figure = run_figure(read_run(short(tmp_path, 3)))
    figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in figure.axes[2].get_xticks())


def test_scores_on_other_problems_are_said_not_to_compare(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        play(folder, run_config())
    runs = [read_run(folder) for folder in folders]
    assert "differ" not in comparison_figure(folders, runs).axes[0].get_title()
    for row in runs[1].scores:
        row["eval/data_hash"] = "others"
    assert "held-out problems or samples differ" in comparison_figure(folders, runs).axes[0].get_title()


def test_a_name_of_its_own_needs_no_folder(tmp_path: Path) -> None:
    play(tmp_path, run_config(name="only"))
    assert labels([tmp_path], [read_run(tmp_path)]) == ["only: 10 steps"]


def test_the_command_draws_any_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(short(tmp_path / str(n), n)) for n in range(4)]
    for count, name in ((1, "curves.png"), (4, "comparison.png")):
        assert guarded(lambda count=count: dispatch(["plot", *folders[:count]])) == 0
        picture = Path(capsys.readouterr().out.strip().replace("\n", ""))
        assert picture == tmp_path / "0" / name
        assert picture.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("second", "said"), [("0", "is named twice: name each run once"), ("none", "not a run folder")]
)
def test_a_wrong_second_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], second: str, said: str
) -> None:
    first = short(tmp_path / "0", 2)
    assert guarded(lambda: dispatch(["plot", str(first), str(tmp_path / second)])) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (first / "comparison.png").exists()
