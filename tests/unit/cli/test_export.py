"""A run's checkpoint becomes a folder that transformers loads, with a card that says where it comes from."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from or1 import recipes
from or1.assemble.card import card
from or1.assemble.export import export, stored_dtype
from or1.assemble.start_model import keep_side_files, record_of
from or1.cli.app import dispatch, guarded
from or1.errors import CheckpointError, RunFolderError
from or1.models import model_folder
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import huggingface_state, load_decoder
from or1.storage import provenance
from or1.storage.jsonl import encode
from or1.storage.run_folder import CHECKPOINTS, CONFIG, METRICS, RunFolder
from or1.testing import MemoryTracker
from or1.tracking.run_data import RunData
from or1.trainer.checkpoint import FolderCheckpoints
from or1.trainer.state_files import WEIGHTS_FILE
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
    assert "- arithmetic: problems made by or1" in card
    assert card.startswith("---\nlicense: apache-2.0\n")  # start model and problems are or1's own
    assert "`apache-2.0`. The weights are derived from `builtin:tiny`." in card
    assert "<|im_start|>user\nWhat is 12 + 34?<|im_end|>\n<|im_start|>assistant\n" in card
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


def test_the_code_of_the_card_runs(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code for transformers as it stands, and that for vLLM against what it calls."""
    export(run_folder, tmp_path / "out", None)
    transformers_code, vllm_code = [
        part.split("```")[0] for part in (tmp_path / "out" / "README.md").read_text().split("```python")[1:]
    ]
    monkeypatch.chdir(tmp_path / "out")
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    exec(transformers_code, names)
    limit = recipes.load(run_folder).stages[-1].max_response_tokens
    num_tokens = names["output"].shape[1] - names["prompt"]["input_ids"].shape[1]
    assert 0 < num_tokens <= limit
    response = names["output"][0, -num_tokens:]
    assert capsys.readouterr().out == names["tokenizer"].decode(response, skip_special_tokens=True) + "\n"

    calls: list[Any] = []
    vllm = ModuleType("vllm")
    vllm.SamplingParams = lambda **fields: fields  # type: ignore[attr-defined]
    completion = SimpleNamespace(outputs=[SimpleNamespace(text="46")])
    chat = lambda *call: calls.append(call) or [completion]  # noqa: E731
    vllm.LLM = lambda model: SimpleNamespace(chat=partial(chat, model))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    exec(vllm_code, names)
    assert capsys.readouterr().out == "46\n"
    question = [{"role": "user", "content": "What is 12 + 34?"}]
    assert calls == [(".", question, {"temperature": 1.0, "max_tokens": limit})]


def test_the_code_of_the_card_has_the_settings_of_the_prompts(tmp_path: Path) -> None:
    run = recipes.load(
        "tiny",
        [
            "model.chat.system_prompt=Be brief.",
            "model.chat.template_kwargs.enable_thinking=false",
            "data.0.instruction=Box it.",
            "rollout.temperature=0.6",
        ],
    )
    about = provenance.describe(run.model_dump(mode="json"), "abc")
    data = RunData(description=about, steps=[], scores=[], timings=[])
    text = card(run, data, 3, lambda messages: f"<{messages[0].content}>", (7, 9))
    assert '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 12' in text
    assert 'return_tensors="pt", return_dict=True, enable_thinking=False' in text
    assert "SamplingParams(temperature=0.6, max_tokens=" in text
    assert ", stop_token_ids=[7, 9])" in text
    assert "llm.chat(messages, sampling, chat_template_kwargs={'enable_thinking': False})" in text
    assert "> Box it." in text
    assert "<What is 12 + 34?\nBox it.>" in text


def test_the_card_of_an_adapter_pins_the_start_model_and_has_the_template(tmp_path: Path) -> None:
    """`owner/name@COMMIT` is or1's notation: the libraries take name and revision apart."""
    lora = ["model.path=owner/name@abc1", "model.lora.rank=8"]
    texts = []
    for sets in (lora, [*lora, "model.chat.template={{ x }}"]):
        run = recipes.load("tiny", sets)
        about = provenance.describe(run.model_dump(mode="json"), "abc")
        data = RunData(description=about, steps=[], scores=[], timings=[])
        texts.append(card(run, data, 3, lambda messages: "", adapter=True).split("## Prompt format")[0])
    for text in texts:
        assert "base_model: owner/name\n" in text
        assert "AutoTokenizer.from_pretrained('owner/name', revision='abc1')" in text
        assert "from_pretrained(folder, dtype=\"auto\", revision='abc1')" in text
        assert "LLM('owner/name', revision='abc1', enable_lora=True, max_lora_rank=8)" in text
    own = 'chat_template=open("chat_template.jinja").read()'
    assert [text.count(own) for text in texts] == [0, 2]


def test_settings_that_a_resume_changed_are_in_the_card(run_folder: Path, tmp_path: Path) -> None:
    stored = json.loads((run_folder / CONFIG).read_text())
    row = {"setting": "optimizer.learning_rate", "from": 1e-6, "to": 1e-5, "class": "science"}
    stored["provenance"]["changes"] = [row | {"step": 20}, row | {"step": 40, "setting": "seed"}]
    (run_folder / CONFIG).write_text(json.dumps(stored))
    export(run_folder, tmp_path / "out", 40)
    text = (tmp_path / "out" / "README.md").read_text()
    assert "- from step 21 on: `optimizer.learning_rate` 1e-06 -> 1e-05" in text
    assert "from step 41 on" not in text


def test_both_names_of_the_type_are_written(run_folder: Path, tmp_path: Path) -> None:
    """transformers 5 and vLLM read `dtype`; transformers 4 reads `torch_dtype`."""
    export(run_folder, tmp_path / "out", None)
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    stored = str(stored_dtype(Path(model_folder("builtin:tiny")))).removeprefix("torch.")
    assert (written["dtype"], written["torch_dtype"]) == (stored, stored)


def test_a_full_disk_leaves_nothing_and_the_repeat_works(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error of safetensors 0.8 on a file system that is full."""

    def half_written(tensors: object, folder: Path, **rest: object) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    words = ["export", str(run_folder), str(tmp_path / "exports" / "out")]
    with monkeypatch.context() as patch:
        patch.setattr("or1.nn.weights.save_torch_state_dict", half_written)
        assert guarded(lambda: dispatch(words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"or1: disk full while writing {tmp_path / 'exports' / 'out'}: free some space")
    assert list((tmp_path / "exports").iterdir()) == []
    assert guarded(lambda: dispatch(words)) == 0
    assert (tmp_path / "exports/out/model.safetensors").stat().st_size > 1000


def test_the_start_model_may_be_gone(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Path(model_folder("builtin:tiny"))
    stored = json.loads((run_folder / CONFIG).read_text())
    stored["config"]["model"]["path"] = str(tmp_path / "moved away")
    stored["provenance"]["model"] = record_of(source)
    (run_folder / CONFIG).write_text(json.dumps(stored))
    words = ["export", str(run_folder), str(tmp_path / "out")]
    assert guarded(lambda: dispatch(words)) == 2
    assert "name the folder of the start model with --model" in capsys.readouterr().err
    other = tmp_path / "other"
    shutil.copytree(source, other)
    (other / "tokenizer_config.json").write_text("{}")
    assert guarded(lambda: dispatch([*words, "--model", str(other)])) == 2
    assert f"{other} is not the start model of {run_folder} (sha256 of tokenizer_c" in capsys.readouterr().err
    assert guarded(lambda: dispatch([*words, "--model", str(source)])) == 0
    keep_side_files(source, run_folder)
    assert guarded(lambda: dispatch(["export", str(run_folder), str(tmp_path / "again")])) == 0
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert sorted(file.name for file in (tmp_path / "again").iterdir()) == names
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_an_older_step_tells_the_scores_it_had(run_folder: Path, tmp_path: Path) -> None:
    export(run_folder, tmp_path / "older", 20)
    card = (tmp_path / "older" / "README.md").read_text()
    assert "| step 20 | 0.600 |" in card
    assert "step 40" not in card


def test_refusals_are_one_line_and_write_nothing(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of step 30: there are those of steps 20, 40"):
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
