"""Published weights in a file: what transformers reads from it, and the decoder's own tensors back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from or1.errors import ModelError, RunFolderError
from or1.nn.decoder import Decoder
from or1.nn.published import read_published, write_published
from or1.nn.weights import load_decoder
from or1.types import Sampling, WeightHandle
from tests.small import make_decoder, make_engine, make_problems, small_config
from tests.unit.nn.families import FAMILIES, save_random


def _state(decoder: Decoder) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in decoder.named_parameters()}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_file_holds_the_model_of_transformers_and_its_head(
    name: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    oracle = save_random(name, tmp_path / "model")
    decoder = load_decoder(tmp_path / "model", dtype=dtype)
    file = tmp_path / "v1.safetensors"
    num_bytes = write_published(decoder.config, _state(decoder), file)
    assert num_bytes == file.stat().st_size
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "v1.safetensors"]
    stored, expected = load_file(file), oracle.state_dict()
    # transformers lists the head of a tied model too
    assert stored.keys() == expected.keys()
    for key, tensor in stored.items():
        assert torch.equal(tensor, expected[key].to(dtype)), key


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_written_is_read_bit_for_bit(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    save_random(name, tmp_path / "model")
    decoder = load_decoder(tmp_path / "model", dtype=dtype)
    write_published(decoder.config, _state(decoder), tmp_path / "file")
    again = read_published(tmp_path / "file", decoder.config)
    assert list(again) == list(_state(decoder))
    for key, tensor in _state(decoder).items():
        assert again[key].dtype is dtype
        assert torch.equal(again[key], tensor), key


def test_a_file_is_a_copy_and_a_second_one_takes_its_place_whole(tmp_path: Path) -> None:
    file, decoder = tmp_path / "weights", make_decoder(seed=1)
    write_published(decoder.config, _state(decoder), file)
    before = read_published(file, decoder.config)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(1.0)
    held = load_file(file)  # an engine that still reads the old file
    write_published(decoder.config, _state(decoder), file)
    after = read_published(file, decoder.config)
    for key in before:
        assert torch.equal(after[key], before[key] + 1.0), key
    assert torch.equal(held["lm_head.weight"], before["model.embed_tokens.weight"])
    assert torch.equal(load_file(file)["lm_head.weight"], after["model.embed_tokens.weight"])


def test_an_engine_samples_from_the_file_as_from_the_tensors(tmp_path: Path) -> None:
    decoder = make_decoder(make_engine().decoder.config, scale=0.15, seed=5)
    write_published(decoder.config, _state(decoder), tmp_path / "file")
    drawn = []
    for ref in (_state(decoder), tmp_path / "file"):
        engine = make_engine()
        engine.load(WeightHandle(version=3, ref=ref))
        rollouts = engine.rollouts(make_problems(3), Sampling(group_size=2, max_response_tokens=12))
        drawn.append({(r.problem_id, r.index): r for r in rollouts})
    for key, rollout in drawn[0].items():
        other = drawn[1][key]
        assert rollout.response_tokens.tolist() == other.response_tokens.tolist()
        assert rollout.behavior_logprobs.tolist() == other.behavior_logprobs.tolist()
        assert other.policy_version == 3


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    config, file = small_config(), tmp_path / "file"
    with pytest.raises(ModelError, match="no published weights at"):
        read_published(file, config)
    write_published(config, _state(make_decoder()), file)
    with pytest.raises(ModelError, match=r"has shape \[17, 16\], expected \[18, 16\]"):
        read_published(file, small_config(vocab_size=18))
    stored = load_file(file)
    for name in ("model.layers.0.self_attn.k_proj.bias", "model.embed_tokens.weight"):
        save_file({key: t for key, t in stored.items() if key != name}, file)
        with pytest.raises(ModelError, match=f"holds no tensor {name}"):
            read_published(file, config)
    file.write_bytes(b"no tensors at all, but long enough")
    with pytest.raises(ModelError, match="is damaged"):
        read_published(file, config)
    with pytest.raises(RunFolderError, match="has vanished"):
        write_published(config, _state(make_decoder()), tmp_path / "gone" / "file")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
