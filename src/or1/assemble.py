"""A configuration becomes parts: the only module that names implementations."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from or1 import loop
from or1.config import CodeVerifyConfig, ModelConfig, RunConfig, SystemConfig
from or1.errors import ConfigError, DataError, Interrupted, SandboxError
from or1.evals.benchmark import load_benchmark, load_protocol
from or1.evals.questions import load_questions
from or1.evals.runner import evaluate, evaluation_sampling
from or1.evals.settings import EvalRunConfig
from or1.models import model_folder
from or1.nn.config import read_config
from or1.nn.decoder import Decoder
from or1.nn.tokenizer import ChatTokenizer, load_tokenizer
from or1.nn.weights import load_decoder, resolve_folder
from or1.protocols import Collector, Generator, Parts, Tokenizer
from or1.rollout.collect import LocalCollector, OversampleCollector, RefillCollector
from or1.rollout.endpoint import EndpointGenerator
from or1.rollout.generate import EngineGenerator
from or1.rollout.local_engine import LocalEngine
from or1.schedule import EvaluateAndCheckpoint, StopSignal
from or1.storage import provenance
from or1.storage.folder import RunFolder
from or1.tasks.load import ProblemSet, load_problems, split_holdout
from or1.tasks.sampler import ProblemSampler, require_enough
from or1.tracking.summary import write_summary
from or1.tracking.tracker import Clock, RunTracker
from or1.tracking.views import open_views
from or1.train.checkpoint import FolderCheckpoints
from or1.train.local_backend import LocalBackend
from or1.train.precision import best_dtype
from or1.types import Problem, RunState, Score
from or1_verify.arithmetic import ArithmeticVerifier
from or1_verify.base import Verifier
from or1_verify.code import CodeVerifier, ProgramVerifier
from or1_verify.code.fusion import SandboxFusionVerifier
from or1_verify.math import MathVerifier
from or1_verify.pool import ProcessVerifierPool
from or1_verify.pool.second_opinion import MathVerifyVerifier
from or1_verify.sandbox import Capabilities, Level, detect

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a run works on, read and checked before anything is written."""

    model_folder: Path
    tokenizer: ChatTokenizer
    train: ProblemSet
    heldout: Sequence[Problem]
    verifiers: Mapping[str, Verifier]


def train(run: RunConfig, out: Path) -> RunState:
    """Train as `run` says, into the folder `out`; repeating the call resumes.

    Raises:
        Or1Error: see `or1.errors`; nothing is lost beyond the last checkpoint.
    """
    with StopSignal() as stop, parts_of(run, out, stop) as parts:
        try:
            state = loop.train(run, parts)
        except Interrupted:
            parts.schedule.save()
            raise
    write_summary(out)
    return state


def material_of(run: RunConfig) -> Material:
    """Read tokenizer and problems; drop or refuse prompts that are too long.

    Raises:
        ModelError, DataError, ConfigError: in one line.
    """
    if run.rollout.engine != "local":
        raise ConfigError(f'rollout.engine = "{run.rollout.engine}" is not available yet: use "local"')
    folder = resolve_folder(model_folder(run.model.path))
    read_config(folder)  # an architecture that does not work is refused by name, before anything is read
    tokenizer = load_tokenizer(folder)
    code = code_verifier(run)
    train = load_problems(run.data, run.seed, code=code)
    if run.evaluation.data or run.evaluation.benchmarks:
        held = load_problems(run.evaluation.data, run.seed, code=code)
        heldout = (*_benchmark_problems(run.evaluation.benchmarks), *held.problems)
        verifiers = {**_BENCHMARK_VERIFIERS, "code": code, **held.verifiers}
    else:
        train, heldout = split_holdout(train, run.evaluation.num_problems, run.seed)
        verifiers = dict(train.verifiers)
    train = replace(train, problems=_that_fit(run, tokenizer, train.problems))
    heldout = _that_fit(run, tokenizer, heldout)[: run.evaluation.num_problems]
    trained_on = {p.id for p in train.problems}
    both = [p for p in heldout if p.id in trained_on]
    if both:
        raise DataError(
            f"{len(both)} held-out problems are also trained on, first {both[0].id}: "
            "give evaluation.data other problems"
        )
    require_enough(len(train.problems), max(stage.num_problems for stage in run.stages))
    return Material(
        model_folder=folder,
        tokenizer=tokenizer,
        train=train,
        heldout=heldout,
        verifiers={**train.verifiers, **verifiers},
    )


_BENCHMARK_VERIFIERS: Mapping[str, Verifier] = {
    "math": MathVerifier(),
    "process": ArithmeticVerifier(),
    "arithmetic": ArithmeticVerifier(),
}


def _benchmark_problems(names: Sequence[str]) -> tuple[Problem, ...]:
    """The problems of benchmarks, all different, under the ids that training problems have."""
    asked = [
        one.problem
        for name in names
        for one in load_questions(load_benchmark(name), load_protocol("reference")).asked
    ]
    made = [Problem.make(p.task, p.prompt, p.gold, p.source) for p in asked]
    return tuple({p.id: p for p in made}.values())


def code_verifier(run: RunConfig) -> ProgramVerifier:
    """The verifier of programs, as the run describes it.

    Raises:
        ConfigError: programs would run in a sandbox that confines little, and nobody has allowed it.
        SandboxError: there is no sandbox at all.
    """
    settings = run.verify.code
    has_code = any(source.task == "code" for source in (*run.data, *run.evaluation.data))
    has_code |= any(load_benchmark(name).task == "code" for name in run.evaluation.benchmarks)
    if has_code and settings.sandbox_fusion_url is None:
        refuse_weak(detect(), settings.allow_weak_sandbox)
    return _program_verifier(settings)


def _program_verifier(settings: CodeVerifyConfig) -> ProgramVerifier:
    if settings.sandbox_fusion_url is not None:
        return SandboxFusionVerifier(
            url=settings.sandbox_fusion_url,
            reward=settings.reward,
            time_limit_factor=settings.time_limit_factor,
        )
    return CodeVerifier(
        reward=settings.reward,
        time_limit_factor=settings.time_limit_factor,
        total_time_limit_s=settings.total_time_limit_s,
        allow_weak_sandbox=settings.allow_weak_sandbox,
    )


def refuse_weak(here: Capabilities, allow_weak: bool) -> None:
    """Say which sandbox there is; ConfigError if code that is trained against it may not run in it."""
    if here.level is None:
        raise SandboxError(f"no code sandbox works here: {here.lacks[-1].why}")
    logger.warning("code sandbox: level %d of %d (%s)", here.level, max(Level), here.level.name.lower())
    if not here.level.fit_for_training and not allow_weak:
        better = here.lacks[-1]
        raise ConfigError(
            f"the code sandbox reaches level {here.level.value} here, too weak for training: "
            f"{better.remedy}, or set verify.code.allow_weak_sandbox = true (--allow-weak-sandbox)"
        )


def _that_fit(run: RunConfig, tokenizer: Tokenizer, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems whose prompt is no longer than the limit, in order."""
    limit = run.rollout.max_prompt_tokens
    lengths = [len(tokenizer.encode_prompt(p.prompt)) for p in problems]
    fit = tuple(p for p, length in zip(problems, lengths, strict=True) if length <= limit)
    if len(fit) < len(problems):
        message = (
            f"{len(problems) - len(fit)} of {len(problems)} prompts are longer than "
            f"rollout.max_prompt_tokens {limit} (longest {max(lengths)} tokens)"
        )
        if run.rollout.long_prompts == "refuse" or not fit:
            raise DataError(f'{message}: raise it, or set rollout.long_prompts = "drop"')
        logger.warning("%s: dropped", message)
    return fit


@contextlib.contextmanager
def benchmark_generator(settings: EvalRunConfig) -> Iterator[tuple[Generator, Mapping[str, Any]]]:
    """What samples an evaluation, and the environment that its numbers depend on.

    Raises:
        ModelError, ConfigError, EndpointError: in one line.
    """
    environment = provenance.environment()
    if settings.endpoint is not None:
        folder = Path(model_folder(settings.model.path))
        tokenizer = load_tokenizer(folder) if folder.is_dir() else None
        remote = EndpointGenerator(settings.endpoint, tokenizer=tokenizer)
        remote.check()
        with contextlib.closing(remote):
            yield remote, {**environment, "engine": f"endpoint {settings.endpoint.url}"}
        return
    engine = local_generator(
        settings.model,
        settings.system,
        num_slots=settings.num_slots,
        max_prompt_tokens=settings.max_prompt_tokens,
    )
    device = engine.decoder.device
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    about = {"engine": "local", "dtype": str(engine.decoder.dtype), "device": device.type}
    with contextlib.closing(engine):
        yield engine, {**environment, **gpu, **about}


def local_generator(
    model: ModelConfig, system: SystemConfig, *, num_slots: int, max_prompt_tokens: int
) -> LocalEngine:
    """Texts of a model that runs in this process.

    Raises:
        ModelError, ConfigError: no such model or device, or an architecture that does not work.
    """
    folder = resolve_folder(model_folder(model.path))
    device = _device(system)
    if device.type == "cpu":
        torch.set_num_threads(system.threads or os.cpu_count() or 1)
    dtype = _dtype(model, system, device, read_config(folder).hidden_size)
    decoder = load_decoder(folder, dtype=dtype, device=device, deterministic=system.deterministic)
    tokenizer = load_tokenizer(folder)
    return LocalEngine(decoder, tokenizer, num_slots=num_slots, max_prompt_tokens=max_prompt_tokens)


def benchmark_pool(settings: EvalRunConfig) -> ProcessVerifierPool:
    """The verifiers of benchmarks: those of training, and whole numbers for ProcessBench."""
    verifiers: dict[str, Verifier] = {
        **_BENCHMARK_VERIFIERS,
        "math": MathVerifier(unboxed=settings.unboxed_answers),
        "code": _program_verifier(settings.verify.code),
    }
    return ProcessVerifierPool(
        verifiers,
        num_workers=settings.verify.num_workers,
        time_limit_s=settings.verify.time_limit_s,
        memory_limit_bytes=settings.verify.memory_limit_bytes,
    )


@contextlib.contextmanager
def parts_of(run: RunConfig, out: Path, stop: StopSignal) -> Iterator[Parts]:
    """Open everything that a run needs, and close it again.

    Raises:
        Or1Error: before anything is written, as far as it can be known.
    """
    material = material_of(run)
    device = _device(run.system)
    if device.type == "cpu":
        torch.set_num_threads(run.system.threads or os.cpu_count() or 1)
    data_hash = provenance.hash_problems([*material.train.problems, *material.heldout])
    description = provenance.describe(run.model_dump(mode="json"), data_hash)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(RunFolder.open(out, description))
        pool = stack.enter_context(
            contextlib.closing(
                ProcessVerifierPool(
                    material.verifiers,
                    num_workers=run.verify.num_workers,
                    time_limit_s=run.verify.time_limit_s,
                    memory_limit_bytes=run.verify.memory_limit_bytes,
                    second_opinions={"math": MathVerifyVerifier()},
                    second_opinion_fraction=run.verify.second_opinion_fraction,
                    seed=run.seed,
                )
            )
        )
        engine, trainer = _engine_and_trainer(run, material, device)
        stack.enter_context(contextlib.closing(engine))
        tracker = stack.enter_context(
            contextlib.closing(
                RunTracker(
                    folder.path,
                    material.tokenizer,
                    run.tracking,
                    entropy_target=run.entropy.target if run.entropy.mode == "adaptive" else None,
                    sinks=open_views(run, folder.path),
                    clock=Clock(
                        peak_device_bytes=torch.cuda.max_memory_allocated if device.type == "cuda" else None,
                        verifier_events=lambda: pool.events,
                    ),
                )
            )
        )
        checkpoints = FolderCheckpoints(folder.checkpoints, tracker, keep=run.checkpoint.keep)
        generator, samplings = EngineGenerator(engine, material.tokenizer), evaluation_sampling(run)

        def score(state: RunState) -> Iterator[Score]:
            for area, sampling in samplings.items():
                yield evaluate(generator, pool, material.heldout, sampling, step=state.step, area=area)

        yield Parts(
            collector=_collector(run, material, engine, pool, stop),
            trainer=trainer,
            checkpoints=checkpoints,
            schedule=EvaluateAndCheckpoint(
                run, evaluate=score, tracker=tracker, checkpoints=checkpoints, trainer=trainer, stop=stop
            ),
            tracker=tracker,
        )


def _device(system: SystemConfig) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if system.device == "cuda" and not has_gpu:
        raise ConfigError('system.device = "cuda", but torch sees no GPU: set it to "auto" or "cpu"')
    return torch.device("cpu" if system.device == "cpu" or not has_gpu else "cuda")


def _dtype(model: ModelConfig, system: SystemConfig, device: torch.device, hidden_size: int) -> torch.dtype:
    if system.deterministic or model.dtype == "float32":
        return torch.float32
    return torch.bfloat16 if model.dtype == "bfloat16" else best_dtype(device, hidden_size)


def _engine_and_trainer(
    run: RunConfig, material: Material, device: torch.device
) -> tuple[LocalEngine, LocalBackend]:
    """Engine and trainer around one decoder: the weights are shared, not copied."""
    dtype = _dtype(run.model, run.system, device, read_config(material.model_folder).hidden_size)

    def load() -> Decoder:
        return load_decoder(
            material.model_folder, dtype=dtype, device=device, deterministic=run.system.deterministic
        )

    decoder = load()
    decoder.recompute = run.system.recompute_activations
    engine = LocalEngine(
        decoder,
        material.tokenizer,
        num_slots=run.rollout.num_slots,
        max_prompt_tokens=run.rollout.max_prompt_tokens,
    )
    trainer = LocalBackend(
        decoder,
        run.optimizer,
        temperature=run.rollout.temperature,
        tokens_per_microbatch=run.system.tokens_per_microbatch,
        deterministic=run.system.deterministic,
        fingerprint=run.tracking.fingerprint_tensors,
        load_reference=load,
    )
    return engine, trainer


def _collector(
    run: RunConfig, material: Material, engine: LocalEngine, pool: ProcessVerifierPool, stop: StopSignal
) -> Collector:
    collector: Collector = LocalCollector(
        engine,
        pool,
        ProblemSampler(material.train, run.seed),
        material.tokenizer,
        seed=run.seed,
        temperature=run.rollout.temperature,
        check=stop.check,
    )
    if run.rollout.oversample > 1:
        collector = OversampleCollector(
            collector,
            factor=run.rollout.oversample,
            loss=run.loss,
            num_available=len(material.train.problems),
        )
    if run.rollout.max_refills > 0:
        collector = RefillCollector(
            collector,
            max_refills=run.rollout.max_refills,
            loss=run.loss,
            num_available=len(material.train.problems),
        )
    return collector
