"""The notebook runs from the first cell to the last, as a reader runs it."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "first_steps.ipynb"


@pytest.mark.timeout(600)
def test_the_notebook_runs_and_prints_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}/src{os.pathsep}{ROOT}/packages/or1-verify/src")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    assert printed[1].count("avg@2") == 2, "the score before and after"
    assert printed[2].startswith("1 reward ")
    assert set(eval_set(printed[3])) <= {0.0, 0.5, 1.0}
    assert "over 16 problems" in printed[4]
    assert printed[5] == "right 1.0\n"
    assert sorted(path.name for path in tmp_path.iterdir()) in (["ipython"], []), "nothing is left here"


def eval_set(text: str) -> list[float]:
    """The numbers of a printed set."""
    return [float(number) for number in text.strip().strip("{}").split(", ")]
