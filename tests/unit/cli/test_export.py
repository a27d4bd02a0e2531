"""A run's checkpoint becomes a folder that transformers loads, with a card that says where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from or1 import recipes
from or1.assemble.export import export, stored_dtype
from or1.errors import CheckpointError, RunFolderError
from or1.models import model_folder
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import huggingface_state, load_decoder
from or1.storage import provenance
from or1.storage.jsonl import encode
from or1.storage.run_folder import CHECKPOINTS, CONFIG, METRICS, RunFolder
from or1.testing import MemoryTracker
from or1.trainer.checkpoint import FolderCheckpoints
from or1.trainer.optimizer import WEIGHTS_FILE
from or1.types import Message, RunState


class Weights:
    """A trainer that holds weights and nothing else: each step halves them."""

    def __init__(self) -> None:
        decoder = load_decoder(model_folder("builtin:tiny"), dtype=torch.float32)
        self.config = decoder.config
        self.tensors = {name: p.detach().clone() for name, p in decoder.named_parameters()}

    def halve(self) -> None:
        self.tensors = {name: tensor / 2 for name, tensor in self.tensors.items()}

    def save(self, folder: Path) -> None:
        save_file(self.tensors, folder / WEIGHTS_FILE)


def score_row(step: int, mean: float) -> dict[str, object]:
    return {
        "step": step,
        "eval/avg_at_k": mean,
        "eval/avg_at_k_low": mean - 0.05,
        "eval/avg_at_k_high": mean + 0.05,
        "eval/samples_per_problem": 4,
        "eval/num_problems": 64,
        "eval/data_hash": "d",
    }


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    run = recipes.load("tiny", ["name=my-run"])
    path = tmp_path / "run"
    trainer = Weights()
    with RunFolder.open(path, provenance.describe(run.model_dump(mode="json"), "abc123")) as folder:
        checkpoints = FolderCheckpoints(folder.checkpoints, MemoryTracker(), keep=2)
        for step in (20, 40):
            trainer.halve()
            checkpoints.save(RunState(step=step), trainer)  # type: ignore[arg-type]
    rows = [score_row(0, 0.4), score_row(20, 0.6), score_row(40, 0.9)]
    (path / METRICS).write_bytes(b"".join(map(encode, rows)))
    return path


def test_the_newest_checkpoint_loads_in_transformers(run_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "out"
    export(run_folder, out, None)
    trainer = Weights()
    trainer.halve()
    trainer.halve()
    dtype = stored_dtype(Path(model_folder("builtin:tiny")))
    wanted = huggingface_state(trainer.config, trainer.tensors)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=dtype)
    found = model.state_dict()
    assert set(wanted) <= set(found)
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor.to(dtype)), name
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.decode(tokenizer.encode("1+1=2", add_special_tokens=False)) == "1+1=2"


def test_the_card_holds_scores_settings_and_origin(run_folder: Path, tmp_path: Path) -> None:
    export(run_folder, tmp_path / "newest", None)
    card = (tmp_path / "newest" / "README.md").read_text()
    assert "after 40 steps" in card
    assert "| step 0 | 0.400 | 0.350 to 0.450 | 4 | 64 |" in card
    assert "| step 40 | 0.900 |" in card
    assert "data hash: abc123" in card
    assert "commit: " in card
    settings = json.loads(card.split("```json")[1].split("```")[0])
    assert settings == json.loads((run_folder / CONFIG).read_text())["config"]


def test_the_template_of_the_run_is_that_of_the_exported_model(run_folder: Path, tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    stored = json.loads((run_folder / CONFIG).read_text())
    stored["config"]["model"]["chat"]["template"] = template
    (run_folder / CONFIG).write_text(json.dumps(stored))
    export(run_folder, tmp_path / "out", None)
    tokenizer = load_tokenizer(tmp_path / "out")
    prompt = tokenizer.encode_prompt((Message("user", "1+1?"),))
    assert tokenizer.decode(prompt) == "1+1?"


def test_an_older_step_tells_the_scores_it_had(run_folder: Path, tmp_path: Path) -> None:
    export(run_folder, tmp_path / "older", 20)
    card = (tmp_path / "older" / "README.md").read_text()
    assert "| step 20 | 0.600 |" in card
    assert "step 40" not in card


def test_refusals_are_one_line_and_write_nothing(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of step 30: there is step_000020, step_000040"):
        export(run_folder, tmp_path / "out", 30)
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep")
    with pytest.raises(RunFolderError, match="not an empty folder"):
        export(run_folder, full, None)
    with pytest.raises(RunFolderError, match="not a run folder"):
        export(tmp_path / "nowhere", tmp_path / "out", None)
    assert [p.name for p in full.iterdir()] == ["mine.txt"]
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_not_exported(run_folder: Path, tmp_path: Path) -> None:
    weights = next((run_folder / CHECKPOINTS / "step_000040").rglob(WEIGHTS_FILE))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="does not have the content"):
        export(run_folder, tmp_path / "out", 40)
    export(run_folder, tmp_path / "out", None)
    assert "after 20 steps" in (tmp_path / "out" / "README.md").read_text()
