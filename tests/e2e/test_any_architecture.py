"""A model of an architecture that or1 has no decoder for: trained, exported, read back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers as tf
from peft import PeftModel
from safetensors.torch import load_file

import or1
from or1 import assemble
from or1.assemble.export import export
from or1.config import ModelConfig, SystemConfig
from or1.errors import ConfigError, ModelError
from or1.models import model_folder
from or1.nn.config import DecoderConfig


@pytest.fixture(scope="module")
def granite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with the tokenizer of the built-in model."""
    folder = tmp_path_factory.mktemp("granite")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = tf.GraniteConfig(
        vocab_size=101, max_position_embeddings=256, logits_scaling=4.0, bos_token_id=None, **shape
    )
    tf.GraniteForCausalLM(config).save_pretrained(folder)
    for file in Path(model_folder("builtin:tiny")).iterdir():
        if file.name != "config.json" and file.suffix != ".safetensors":
            shutil.copyfile(file, folder / file.name)
    return folder


def test_it_is_trained_sampled_and_exported(granite: Path, tmp_path: Path) -> None:
    run = or1.train(
        "tiny",
        out=tmp_path / "run",
        **{
            "model.path": str(granite),
            "stages": [{"max_response_tokens": 20, "num_steps": 1, "num_problems": 2, "group_size": 4}],
            "loss.reject_zero_advantage": False,
            "evaluation": {"num_problems": 2, "samples_per_problem": 1, "every": None},
        },
    )
    (row,) = run.metrics
    assert row["train/num_updates"] == 1
    assert row["train/mismatch_max_nats"] < 1e-4
    start, end = (
        dict(tf.AutoModelForCausalLM.from_pretrained(f).named_parameters())
        for f in (granite, run.model_folder)
    )
    assert start.keys() == end.keys()
    assert any(not torch.equal(start[name], end[name]) for name in start)


def test_auto_takes_our_decoder_where_it_computes_the_architecture(granite: Path) -> None:
    def shape(path: str, **settings: object) -> object:
        return assemble.read_model(ModelConfig(path=path, **settings), SystemConfig(device="cpu")).config

    assert isinstance(shape("builtin:tiny"), DecoderConfig)
    assert not isinstance(shape("builtin:tiny", implementation="transformers"), DecoderConfig)
    assert not isinstance(shape(str(granite)), DecoderConfig)
    with pytest.raises(ModelError, match="GraniteForCausalLM is not supported"):
        shape(str(granite), implementation="or1")


def test_bits_are_promised_by_our_decoder_alone(granite: Path) -> None:
    with pytest.raises(ConfigError, match=r"set system\.deterministic = false"):
        assemble.read_model(ModelConfig(path=str(granite)), SystemConfig(device="cpu", deterministic=True))


def test_an_architecture_that_transformers_does_not_know_is_one_line(granite: Path, tmp_path: Path) -> None:
    shutil.copytree(granite, tmp_path / "model")
    config = json.loads((granite / "config.json").read_text())
    config |= {"model_type": "nowhere", "architectures": ["NowhereForCausalLM"]}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="NowhereForCausalLM is not supported") as caught:
        assemble.read_model(ModelConfig(path=str(tmp_path / "model")), SystemConfig(device="cpu"))
    assert "\n" not in str(caught.value)


def test_adapters_are_trained_resumed_and_exported_both_ways(granite: Path, tmp_path: Path) -> None:
    settings = {
        "model.path": str(granite),
        "model.lora": {"rank": 4, "targets": ["q_proj", "up_proj"]},
        "optimizer.learning_rate": 1e-2,
        "loss.reject_zero_advantage": False,
        "entropy.mode": "fixed",
        "entropy.initial": 0.1,
        "checkpoint.every": 1,
        "evaluation": {"num_problems": 2, "samples_per_problem": 1, "every": None},
    }
    stage = {"max_response_tokens": 20, "num_problems": 2, "group_size": 4}
    run = or1.train("tiny", out=tmp_path / "run", **settings, stages=[{**stage, "num_steps": 2}])
    assert [row["train/mismatch_max_nats"] < 1e-4 for row in run.metrics] == [True, True]
    checkpoint = load_file(tmp_path / "run/checkpoints/step_000002/trainer/weights.safetensors")
    assert checkpoint
    assert all(".lora_" in name for name in checkpoint)
    export(tmp_path / "run", tmp_path / "adapter", adapter=True)
    base = tf.AutoModelForCausalLM.from_pretrained(granite).eval()
    merged = tf.AutoModelForCausalLM.from_pretrained(run.model_folder).eval()
    adapted = PeftModel.from_pretrained(
        tf.AutoModelForCausalLM.from_pretrained(granite), tmp_path / "adapter"
    ).eval()
    tokens = torch.arange(20)[None] % 101
    with torch.no_grad():
        difference = (adapted(tokens).logits - merged(tokens).logits).abs().max()
        assert difference < 1e-4 < (base(tokens).logits - merged(tokens).logits).abs().max()


def test_a_run_without_adapters_has_none_to_export(granite: Path, tmp_path: Path) -> None:
    settings = {"evaluation": {"num_problems": 1, "samples_per_problem": 1, "every": None}}
    stage = {"max_response_tokens": 8, "num_problems": 1, "group_size": 2, "num_steps": 1}
    or1.train("tiny", out=tmp_path / "run", stages=[stage], **settings)
    with pytest.raises(ConfigError, match="leave --adapter out"):
        export(tmp_path / "run", tmp_path / "out", adapter=True)
