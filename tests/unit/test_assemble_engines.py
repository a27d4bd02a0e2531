"""Engines and backends by name: one entry, or your own file, and no edit elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from or1 import assemble
from or1.assemble.backends import backend_factory
from or1.assemble.engines import engine_factory, local_engine
from or1.assemble.model import Model
from or1.config import ModelConfig, RolloutConfig, RunConfig, SystemConfig
from or1.errors import ConfigError
from or1.protocols import RolloutEngine
from or1.recipes import load
from or1.rollout.local_engine import LocalEngine


@pytest.fixture(scope="module")
def model() -> Model:
    return assemble.read_model(ModelConfig(path="builtin:tiny"), SystemConfig(device="cpu"))


def test_an_entry_is_all_that_a_further_engine_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(model: Model, rollout: RolloutConfig) -> RolloutEngine:
        return local_engine(model, rollout)

    monkeypatch.setitem(assemble.ENGINES, "other", made)
    run = load("tiny", ["rollout.engine=other"])
    assert engine_factory(run.rollout.engine) is made


def test_an_engine_may_be_a_file_of_your_own(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "my_engine.py"
    path.write_text(
        "from or1.assemble.engines import local_engine\n\n"
        "def make_engine(model, rollout):\n    return local_engine(model, rollout)\n"
    )
    run = load("tiny", [f"rollout.engine={path}:make_engine"])
    assert isinstance(engine_factory(run.rollout.engine)(model, run.rollout), LocalEngine)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vlm", 'rollout.engine = "vlm" does not exist: use "local"'),
        ("none.py:make", r"there is no file none\.py"),
        ("or1.plugins:__doc__", "is of type str: it must be a function"),
    ],
)
def test_what_is_no_engine_is_refused_in_one_line(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        engine_factory(load("tiny", [f"rollout.engine={name}"]).rollout.engine)
    assert "\n" not in str(caught.value)


def test_what_is_no_backend_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'system.backend = "megatron" does not exist: use "local"'):
        backend_factory("megatron")


def test_a_name_that_cannot_be_one_is_refused_by_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"rollout\.engine"):
        load("tiny", ["rollout.engine=my engine"])


def test_the_engine_works_on_the_weights_of_the_backend_and_not_on_a_copy(model: Model) -> None:
    run: RunConfig = load("tiny", ["system.device=cpu"])
    backend = assemble.BACKENDS["local"](model, run)
    engine = assemble.ENGINES["local"](model, run.rollout)
    assert isinstance(engine, LocalEngine)
    before = sum(p.untyped_storage().nbytes() for p in engine.decoder.parameters())
    assert before == len(list(engine.decoder.parameters())) * model.dtype.itemsize, "one number each"
    handle = backend.publish(3)
    engine.load(handle)
    assert isinstance(handle.ref, dict)
    for name, parameter in engine.decoder.named_parameters():
        published = handle.ref[name]
        assert isinstance(published, torch.Tensor)
        assert parameter.data_ptr() == published.data_ptr(), name
