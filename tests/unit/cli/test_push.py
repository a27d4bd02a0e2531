"""`or1 export --push` with the library of the hub, against a stand-in of the hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants as hub_settings
import pytest
import torch
import yaml
from safetensors.torch import save_file

from or1 import recipes
from or1.cli.app import dispatch, guarded
from or1.models import model_folder
from or1.nn.weights import load_decoder
from or1.storage import provenance
from or1.storage.jsonl import encode
from or1.storage.run_folder import METRICS, RunFolder
from or1.testing import MemoryTracker
from or1.trainer.checkpoint import FolderCheckpoints
from or1.trainer.state_files import WEIGHTS_FILE
from or1.types import RunState
from tests.hub_server import COMMIT, TOKEN, HubState, serving

NAME = "my-team/my-model"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")  # the library's own


class StartWeights:
    """A trainer that holds the start model."""

    def save(self, folder: Path) -> None:
        decoder = load_decoder(model_folder("builtin:tiny"), dtype=torch.float32)
        save_file({name: p.detach().clone() for name, p in decoder.named_parameters()}, folder / WEIGHTS_FILE)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubState]:
    """The hub that the library talks to; files go over HTTP, as without hf_xet."""
    with serving() as state:
        monkeypatch.setattr(hub_settings, "ENDPOINT", state.address)
        monkeypatch.setattr(hub_settings, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(hub_settings, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield state


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a finished run of the built-in recipe in `run`."""
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", "tiny")
    return tmp_path


def make_run(folder: Path, recipe: str, *sets: str) -> None:
    run = recipes.load(recipe, ["name=my-run", *sets])
    with RunFolder.open(folder, provenance.describe(run.model_dump(mode="json"), "abc123")) as opened:
        checkpoints = FolderCheckpoints(opened.checkpoints, MemoryTracker(), keep=1)
        checkpoints.save(RunState(step=20), StartWeights())  # type: ignore[arg-type]
    row: dict[str, object] = {"step": 20, "eval/samples_per_problem": 4, "eval/num_problems": 64}
    row |= {
        "eval/avg_at_k": 0.6,
        "eval/avg_at_k_low": 0.55,
        "eval/avg_at_k_high": 0.65,
        "eval/data_hash": "d",
    }
    (folder / METRICS).write_bytes(encode(row))


def run_export(words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, list[str]]:
    """(exit code, output, lines of errors) of `or1 export`."""
    code = guarded(lambda: dispatch(["export", *words.split()]))
    caught = capsys.readouterr()
    return code, caught.out, [line for line in caught.err.splitlines() if line.startswith("or1: ")]


def test_the_hub_holds_the_exported_folder_after_one_commit(
    hub: HubState, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run_export(f"run out --push {NAME} --private", capsys)
    assert code == 0
    assert out.splitlines()[-1] == f"{hub.address}/models/{NAME}/commit/{COMMIT}"
    folder = {path.name: path.read_bytes() for path in (world / "out").iterdir()}
    assert hub.files == folder
    assert {"config.json", "model.safetensors", "README.md", "tokenizer.json"} <= folder.keys()
    assert list(hub.objects.values()) == [folder["model.safetensors"]]  # as LFS, the others in the commit
    assert hub.messages == ["or1 export: the model after step 20 of run"]
    assert hub.calls == ["create", "validate", "declare", "batch", "put", "verify", "commit"]
    (asked,) = hub.repositories.values()
    assert asked["visibility"] == "private"


def test_a_second_push_uses_the_repository_that_is_there(
    hub: HubState, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_export(f"run one --push {NAME}", capsys)[0] == 0
    assert run_export(f"run two --push {NAME}", capsys)[0] == 0
    assert list(hub.repositories) == [f"models/{NAME}"]
    assert len(hub.messages) == 2


def test_the_card_has_licence_use_scores_data_hash_and_settings(
    hub: HubState, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_export(f"run out --push {NAME}", capsys)[0] == 0
    _, head, text = hub.files["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "apache-2.0",  # start model and problems are or1's own
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["reinforcement-learning", "reasoning", "or1"],
    }
    assert "| step 20 | 0.600 | 0.550 to 0.650 | 4 | 64 |" in text
    assert "- data hash: abc123" in text
    assert "AutoModelForCausalLM.from_pretrained" in text
    assert '"learning_rate": 0.0007' in text


def test_a_licence_must_be_known_and_nothing_is_written_without_it(
    hub: HubState, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(world / "other", "tiny", "data=[{task='math',path='train.jsonl'}]")
    code, _, lines = run_export(f"other out --push {NAME}", capsys)
    assert (code, len(lines), (world / "out").exists(), hub.calls) == (2, 1, False, [])
    assert "add --license" in lines[0]
    assert run_export("other unpublished", capsys)[0] == 0
    card = (world / "unpublished/README.md").read_text()
    assert "license:" not in card.split("---")[1]
    assert "derived from `builtin:tiny`: its licence applies to them, and the terms of `train.jsonl`" in card
    assert run_export(f"other out --push {NAME} --license mit", capsys)[0] == 0
    assert hub.files["README.md"].startswith(b"---\nlicense: mit\n")


@pytest.mark.parametrize(
    ("name", "token", "part"),
    [
        ("my-model", TOKEN, "--push my-model: write it as OWNER/NAME"),
        (NAME, "hf_another", "was not pushed to my-team/my-model"),
    ],
)
def test_a_refusal_is_one_line(
    name: str,
    token: str,
    part: str,
    hub: HubState,
    world: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    code, _, lines = run_export(f"run out --push {name}", capsys)
    assert code == 2
    assert hub.files == {}
    assert len(lines) == 1
    assert part in lines[0]


def test_a_file_that_does_not_arrive_is_one_line_and_no_commit(
    hub: HubState, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.refuses_files = True
    code, _, lines = run_export(f"run out --push {NAME}", capsys)
    assert (code, len(lines), hub.files) == (2, 1, {})
    assert "403 Forbidden" in lines[0]


def test_a_hub_that_is_away_is_one_line_and_the_folder_stays(
    hub: HubState, world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_settings, "ENDPOINT", "http://127.0.0.1:9")
    code, _, lines = run_export(f"run out --push {NAME}", capsys)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].endswith(f"then run: hf upload {NAME} out")
    assert (world / "out/model.safetensors").is_file()
