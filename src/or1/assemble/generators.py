"""Generators of texts for evaluation and curation: an engine in this process, or a model server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from or1.assemble.engines import engine_factory
from or1.assemble.memory import explained, free_bytes, sampling_line, sampling_needs, sampling_settings
from or1.assemble.model import Model, read_model, set_threads
from or1.config import ModelConfig, RolloutConfig, SystemConfig
from or1.errors import OutOfMemoryError
from or1.evals.questions import Questions
from or1.evals.settings import EvalRunConfig
from or1.models import model_folder
from or1.nn.tokenizer import load_tokenizer
from or1.protocols import NO_PROGRESS, CountsTokens, Generator, Progress, RolloutEngine
from or1.rollout.completion import stop_ids_without_tokenizer
from or1.rollout.endpoint import EndpointGenerator
from or1.rollout.generate import EngineGenerator
from or1.storage import provenance
from or1.types import Message, WeightHandle

_TEMPLATE_TOKENS = 256
"""Room for a chat template and a system prompt [tokens]."""


@contextlib.contextmanager
def local_generator(model: ModelConfig, system: SystemConfig, rollout: RolloutConfig) -> Iterator[Generator]:
    """Texts of a model from an engine, which is closed at the end.

    Raises:
        ModelError, ConfigError: no such model or device, or an architecture that is not supported.
    """
    started = read_model(model, system)
    with contextlib.closing(_engine_of(started, system, rollout)) as engine:
        yield _generator_of(started, engine)


def _engine_of(model: Model, system: SystemConfig, rollout: RolloutConfig) -> RolloutEngine:
    set_threads(model, system)
    return engine_factory(rollout.engine)(model, rollout)


def _generator_of(model: Model, engine: RolloutEngine) -> Generator:
    """A generator with the weights of the model folder."""
    start = {name: p.detach() for name, p in model.load().named_parameters()}
    engine.load(WeightHandle(version=0, ref=start))
    return EngineGenerator(engine, model.tokenizer)


@contextlib.contextmanager
def open_generator(
    settings: EvalRunConfig,
    max_response_tokens: int,
    questions: Sequence[Questions] = (),
    progress: Progress = NO_PROGRESS,
    num_requests: int | None = None,
) -> Iterator[tuple[Generator, Mapping[str, Any]]]:
    """Open the generator of an evaluation; also yields the environment that its numbers depend on.

    Args:
        settings: of the evaluation.
        max_response_tokens: longest response that will be sampled [tokens].
        questions: bound the longest prompt.
        progress: gets the tokens as they are decoded, where the engine counts them.
        num_requests: largest number of responses in one call; None = not known.

    Raises:
        ModelError, ConfigError, EndpointError: in one line.
        OutOfMemoryError: sampling needs more memory than is free, or it runs out.
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
    rollout = RolloutConfig(
        engine=settings.engine,
        max_running=settings.max_running,
        max_prompt_tokens=settings.max_prompt_tokens,
        max_response_tokens=max_response_tokens,
        num_engines=settings.num_engines,
        vllm=settings.vllm,
    )
    gpu = {"gpu": torch.cuda.get_device_name(model.device)} if model.device.type == "cuda" else {}
    about = {"engine": rollout.engine, "dtype": str(model.dtype), "device": model.device.type}
    prompts = (asked.problem.prompt for each in questions for asked in each.asked)
    longest = longest_prompt(rollout.max_prompt_tokens, prompts)
    memory = sampling_settings(rollout, model.dtype.itemsize, longest, num_requests, on_gpu=bool(gpu))
    if (line := sampling_line(model.config, memory, free_bytes(model.device))) is not None:
        raise OutOfMemoryError(line)
    with (
        explained(model.device, partial(sampling_needs, model.config, memory)),
        contextlib.closing(_engine_of(model, settings.system, rollout)) as engine,
    ):
        if isinstance(engine, CountsTokens):
            engine.count_with(progress.decoded)
        yield _generator_of(model, engine), {**environment, **gpu, **about}


def longest_prompt(max_prompt_tokens: int, prompts: Iterable[Sequence[Message]]) -> int:
    """Bound of the longest prompt [tokens]: a token holds at least one byte, beside those of the chat
    template; `max_prompt_tokens` at most, and where there is no prompt."""
    sizes = (sum(len(message.content.encode()) for message in prompt) for prompt in prompts)
    return min(max_prompt_tokens, max(sizes, default=max_prompt_tokens) + _TEMPLATE_TOKENS)
