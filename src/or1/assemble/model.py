"""The model of a run, read once, and the engine and the backend that work with it, by name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from or1.config import ModelConfig, RolloutConfig, RunConfig, SystemConfig
from or1.errors import ConfigError
from or1.evals.settings import EvalRunConfig
from or1.models import model_folder
from or1.nn.config import DecoderConfig, read_config
from or1.nn.decoder import Decoder
from or1.nn.kernels import EXACT, FAST, Kernels
from or1.nn.tokenizer import ChatTokenizer, load_tokenizer
from or1.nn.weights import load_decoder, resolve_folder, unloaded_decoder
from or1.plugins import load_plugin, parse_plugin
from or1.protocols import Generator, RolloutEngine, TrainerBackend
from or1.rollout.completion import stop_ids_without_tokenizer
from or1.rollout.endpoint import EndpointGenerator
from or1.rollout.generate import EngineGenerator
from or1.rollout.local_engine import LocalEngine
from or1.storage import provenance
from or1.trainer.local_backend import LocalBackend
from or1.trainer.precision import best_dtype
from or1.types import WeightHandle

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model folder, read and checked; weights are read by who needs them."""

    folder: Path
    config: DecoderConfig
    tokenizer: ChatTokenizer
    device: torch.device
    dtype: torch.dtype
    """Compute type of rollout and update."""
    kernels: Kernels
    """EXACT if `system.deterministic`."""

    def load(self) -> Decoder:
        """A decoder with the weights of the folder.

        Raises:
            ModelError: a file or a tensor is missing or damaged.
        """
        return load_decoder(
            self.folder,
            dtype=self.dtype,
            device=self.device,
            kernels=self.kernels,
            config=self.config,
        )


EngineFactory = Callable[[Model, RolloutConfig], RolloutEngine]
"""Builds an engine without weights: it samples after its first `load`."""
BackendFactory = Callable[[Model, RunConfig], TrainerBackend]
"""Builds a backend with the weights of the model folder."""


def read_model(model: ModelConfig, system: SystemConfig) -> Model:
    """Find the folder, read its configuration and tokenizer, choose device and compute type.

    Raises:
        ModelError: no such model, or an architecture that is not supported.
        ConfigError: the device does not exist.
    """
    folder = resolve_folder(model_folder(model.path))
    config = read_config(folder)
    device = _device(system)
    return Model(
        folder=folder,
        config=config,
        tokenizer=load_tokenizer(folder, config, chat=model.chat),
        device=device,
        dtype=_dtype(model, system, device, config.hidden_size),
        kernels=EXACT if system.deterministic else FAST,
    )


def set_threads(model: Model, system: SystemConfig) -> None:
    """On a CPU: the threads of a matrix product, for this process."""
    if model.device.type == "cpu":
        torch.set_num_threads(system.threads or os.cpu_count() or 1)


def _device(system: SystemConfig) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if system.device == "cuda" and not has_gpu:
        raise ConfigError('system.device = "cuda", but torch sees no GPU: set it to "auto" or "cpu"')
    return torch.device("cpu" if system.device == "cpu" or not has_gpu else "cuda")


def _dtype(model: ModelConfig, system: SystemConfig, device: torch.device, hidden_size: int) -> torch.dtype:
    if system.deterministic or model.dtype == "float32":
        return torch.float32
    return torch.bfloat16 if model.dtype == "bfloat16" else best_dtype(device, hidden_size)


def local_engine(model: Model, rollout: RolloutConfig) -> RolloutEngine:
    """or1's own engine, in this process. Weights published in this process are shared, not copied."""
    decoder = unloaded_decoder(model.config, dtype=model.dtype, device=model.device, kernels=model.kernels)
    return LocalEngine(
        decoder,
        model.tokenizer,
        max_running=rollout.max_running,
        max_prompt_tokens=rollout.max_prompt_tokens,
    )


def local_backend(model: Model, run: RunConfig) -> TrainerBackend:
    """The update in this process, on one device."""
    decoder = model.load()
    decoder.recompute = run.system.recompute_activations
    return LocalBackend(
        decoder,
        run.optimizer,
        temperature=run.rollout.temperature,
        tokens_per_microbatch=run.system.tokens_per_microbatch,
        fingerprint=run.tracking.fingerprint_tensors,
        load_reference=model.load,
    )


ENGINES: dict[str, EngineFactory] = {"local": local_engine}
"""`rollout.engine` -> engine. A further engine is one entry here."""
BACKENDS: dict[str, BackendFactory] = {"local": local_backend}
"""`system.backend` -> backend. A further backend is one entry here."""


def engine_factory(name: str) -> EngineFactory:
    """The engine of this name, or the user's own at `FILE.py:NAME` or `module:NAME`.

    Raises:
        ConfigError: there is none.
    """
    return _named(name, ENGINES, "rollout.engine")


def backend_factory(name: str) -> BackendFactory:
    """The backend of this name, or the user's own at `FILE.py:NAME` or `module:NAME`.

    Raises:
        ConfigError: there is none.
    """
    return _named(name, BACKENDS, "system.backend")


def _named(name: str, known: Mapping[str, T], setting: str) -> T:
    if name in known:
        return known[name]
    plugin = parse_plugin(name)
    if plugin is None:
        names = ", ".join(f'"{each}"' for each in known)
        raise ConfigError(
            f'{setting} = "{name}" does not exist: use {names}, or a factory as FILE.py:NAME or module:NAME'
        )
    factory: T = load_plugin(plugin, setting)
    if not callable(factory):
        raise ConfigError(f'{setting} = "{name}" is of type {type(factory).__name__}: it must be a function')
    return factory


def local_generator(model: ModelConfig, system: SystemConfig, rollout: RolloutConfig) -> Generator:
    """Texts of a model that runs in this process.

    Raises:
        ModelError, ConfigError: no such model or device, or an architecture that is not supported.
    """
    return _start_model(read_model(model, system), system, rollout)[0]


def _start_model(
    model: Model, system: SystemConfig, rollout: RolloutConfig
) -> tuple[Generator, RolloutEngine]:
    """A generator with the weights of the model folder, and its engine."""
    set_threads(model, system)
    engine = engine_factory(rollout.engine)(model, rollout)
    start = {name: p.detach() for name, p in model.load().named_parameters()}
    engine.load(WeightHandle(version=0, ref=start))
    return EngineGenerator(engine, model.tokenizer), engine


@contextlib.contextmanager
def benchmark_generator(settings: EvalRunConfig) -> Iterator[tuple[Generator, Mapping[str, Any]]]:
    """The generator of an evaluation, and the environment that its numbers depend on.

    Raises:
        ModelError, ConfigError, EndpointError: in one line.
    """
    environment = provenance.environment()
    if settings.endpoint is not None:
        folder = Path(model_folder(settings.model.path))
        chat = settings.model.chat
        tokenizer = load_tokenizer(folder, chat=chat) if folder.is_dir() else None
        stop_ids = tokenizer.stop_ids if tokenizer else stop_ids_without_tokenizer(chat)
        remote = EndpointGenerator(settings.endpoint, tokenizer=tokenizer, chat=chat, stop_ids=stop_ids)
        remote.check()
        with contextlib.closing(remote):
            yield remote, {**environment, "engine": f"endpoint {settings.endpoint.url}"}
        return
    model = read_model(settings.model, settings.system)
    rollout = RolloutConfig(max_running=settings.max_running, max_prompt_tokens=settings.max_prompt_tokens)
    generator, engine = _start_model(model, settings.system, rollout)
    gpu = {"gpu": torch.cuda.get_device_name(model.device)} if model.device.type == "cuda" else {}
    about = {"engine": rollout.engine, "dtype": str(model.dtype), "device": model.device.type}
    with contextlib.closing(engine):
        yield generator, {**environment, **gpu, **about}
