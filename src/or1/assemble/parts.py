"""The parts of a run, opened and closed, and the run itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from or1 import loop
from or1.assemble.engines import with_room_for
from or1.assemble.fork import copy_origin, origin_record, way_back
from or1.assemble.inputs import Inputs, inputs_of, with_task_hashes
from or1.assemble.machines import Machines, MachinesFor, this_machine_alone
from or1.assemble.memory import explained_run
from or1.assemble.model import read_model, set_threads
from or1.assemble.obstacles import refuse_obstacles
from or1.assemble.start_model import keep_side_files, record_of
from or1.assemble.verifiers import training_pool
from or1.config import RolloutConfig, RunConfig
from or1.errors import (
    ClusterError,
    ConfigError,
    DivergedError,
    Interrupted,
    NonFiniteError,
    RankError,
    StarvedError,
)
from or1.evals.runner import evaluate, evaluation_sampling
from or1.processes.heartbeat import RestartBudget
from or1.protocols import (
    Closable,
    Collector,
    CountsTokens,
    Generator,
    Parts,
    Progress,
    ReportsProcesses,
    RolloutEngine,
    SavesCollector,
    SharesDevice,
    Stoppable,
    SwitchesWeights,
    TrainerBackend,
    UpdatesBesideEngine,
    VerifierPool,
)
from or1.rollout.ahead import AbandonCheck, OneStepAhead
from or1.rollout.collect import LocalCollector, OversampleCollector, RefillCollector
from or1.rollout.generate import EngineGenerator
from or1.schedule import EvaluateAndCheckpoint, StopSignal
from or1.storage import provenance
from or1.storage.origin import Origin
from or1.storage.run_folder import CONFIG, MODEL, ORIGIN, RunFolder
from or1.tasks.sampler import ProblemSampler
from or1.tracking.summary import write_summary
from or1.tracking.tracker import RunTracker, TimingSources
from or1.tracking.views import open_views
from or1.trainer.checkpoint import FolderCheckpoints
from or1.types import ProcessStatus, RunState, Sampling, Score
from or1_verify.pool import ProcessVerifierPool

logger = logging.getLogger(__name__)
LOST = (RankError, ClusterError)
"""Errors of a rank or a machine that was lost."""


def train(
    run: RunConfig,
    out: Path,
    *,
    accept_changes: bool = False,
    origin: Origin | None = None,
    machines_for: MachinesFor = this_machine_alone,
) -> RunState:
    """Train as `run` says, into the folder `out`; repeating the call resumes.

    Args:
        run: all settings.
        out: run folder.
        accept_changes: resume with other settings of the class SCIENCE too (see `or1.setting.OnResume`).
        origin: start a new run from this checkpoint of another.
        machines_for: where its parts are made; called again after a loss.

    Raises:
        Or1Error: see `or1.errors`; only the steps after the last checkpoint are lost.
    """
    budget = RestartBudget(run.system.max_rank_restarts)
    with StopSignal() as stop:
        while isinstance(end := _train_once(run, out, stop, accept_changes, origin, machines_for), LOST):
            if not budget.spend():
                raise type(end)(
                    f"{end}. The budget is spent: system.max_rank_restarts = {budget.max_restarts} within an "
                    "hour. Find the cause, then repeat the command: it resumes from the last checkpoint"
                ) from end
            logger.warning("all ranks start again from the last checkpoint")
    write_summary(out)
    return end


def _train_once(
    run: RunConfig,
    out: Path,
    stop: StopSignal,
    accept_changes: bool,
    origin: Origin | None,
    machines_for: MachinesFor,
) -> RunState | RankError | ClusterError:
    """One start of `train`: its end, or the error of a rank or machine that was lost after the start."""
    has_begun = False
    try:
        with (
            machines_for(run) as machines,
            parts_of(machines, out, stop, accept_changes=accept_changes, origin=origin) as parts,
        ):
            has_begun = True
            try:
                return loop.train(machines.run, parts)
            except LOST as error:
                logger.warning("%s", error)  # before all other processes are ended, which takes seconds
                raise
            except (Interrupted, StarvedError):  # no weight has changed since the last whole step
                parts.schedule.save()
                raise
            except DivergedError as error:
                raise NonFiniteError(f"{error}: {way_back(out, error.step)}") from error
    except LOST as error:
        if not has_begun:
            raise
        return error


@contextlib.contextmanager
def parts_of(
    machines: Machines,
    out: Path,
    stop: StopSignal,
    *,
    accept_changes: bool = False,
    origin: Origin | None = None,
) -> Iterator[Parts]:
    """Open everything that a run needs, and close it again.

    Raises:
        Or1Error: before anything is written, as far as it can be known.
    """
    run = with_task_hashes(machines.run)
    model = read_model(run.model, run.system)
    refuse_obstacles(run, out, model.config, machines.num_gpus)
    inputs = inputs_of(run, model)
    set_threads(inputs.model, run.system)
    description = _description(run, inputs, out, origin)
    with contextlib.ExitStack() as stack:
        stack.enter_context(explained_run(run, inputs.model))
        folder = stack.enter_context(RunFolder.open(out, description, accept_changes=accept_changes))
        keep_side_files(inputs.model.folder, folder.path)
        copy_origin(folder)
        judges = training_pool(run, inputs.verifiers, inputs.second_opinions, machines.make_workers)
        pool = stack.enter_context(contextlib.closing(judges))
        trainer = _closed_by(stack, machines.make_backend(inputs.model, run))
        engine = stack.enter_context(contextlib.closing(machines.make_engine(inputs.model, _sized(run))))
        tracker = _tracker(run, inputs, folder.path, pool, (engine, trainer))
        stack.enter_context(contextlib.closing(tracker))
        check = AbandonCheck(stop.check)
        collector = _collector(run, inputs, engine, pool, check, tracker.progress)
        if isinstance(collector, OneStepAhead):
            stack.callback(collector.close)
        checkpoints = FolderCheckpoints(
            folder.checkpoints,
            tracker,
            keep=run.checkpoint.keep,
            collector=collector if isinstance(collector, SavesCollector) else None,
            problems={problem.id for problem in inputs.train.problems},
            on_restore=folder.on_restore,
        )
        stack.callback(checkpoints.close)
        generator = EngineGenerator(engine, inputs.model.tokenizer, stop.check)
        _connect(engine, trainer, check, tracker.progress)
        yield Parts(
            collector=collector,
            trainer=trainer,
            checkpoints=checkpoints,
            schedule=EvaluateAndCheckpoint(
                run,
                evaluate=_evaluations(run, inputs, collector, generator, pool, tracker.progress),
                tracker=tracker,
                checkpoints=checkpoints,
                trainer=trainer,
                stop=stop,
            ),
            tracker=tracker,
        )


def _evaluations(
    run: RunConfig,
    inputs: Inputs,
    collector: Collector,
    generator: Generator,
    pool: VerifierPool,
    progress: Progress,
) -> dict[str, Callable[[RunState], Score]]:
    """Area of the metrics -> its evaluation."""

    def score(area: str, sampling: Sampling, state: RunState) -> Score:
        if isinstance(collector, OneStepAhead):
            collector.settle()
        return evaluate(
            generator, pool, inputs.heldout, sampling, step=state.step, area=area, progress=progress
        )

    return {a: partial(score, a, sampling) for a, sampling in evaluation_sampling(run).items()}


def _connect(
    engine: RolloutEngine, trainer: TrainerBackend, check: Callable[[], None], progress: Progress
) -> None:
    """Both end at a stop signal; where both use one device, the engine's memory is free during an update."""
    for part in (engine, trainer):
        if isinstance(part, Stoppable):
            part.check_with(check)
    if isinstance(engine, CountsTokens):
        engine.count_with(progress.decoded)
    if isinstance(engine, SharesDevice) and isinstance(trainer, UpdatesBesideEngine):
        engine.share_with(trainer.bytes_to_come)
        trainer.before_update(engine.free_memory)


def _description(run: RunConfig, inputs: Inputs, out: Path, origin: Origin | None) -> dict[str, Any]:
    """The content of config.json."""
    data_hash = provenance.hash_problems([*inputs.train.problems, *inputs.heldout])
    description = provenance.describe(run.model_dump(mode="json"), data_hash)
    about = description["provenance"]
    found = RunFolder.read(out)["provenance"] if (out / CONFIG).is_file() else {}
    known = found.get(MODEL)
    if known is None and origin is not None:
        known = RunFolder.read(origin.run)["provenance"].get(MODEL)
    about[MODEL] = record_of(inputs.model.folder, known)
    about |= {ORIGIN: origin_record(origin, run, about[MODEL], out)} if origin is not None else {}
    hashes = {Path(d.judge).name: d.task_hash for d in (*run.data, *run.evaluation.data) if d.task_hash}
    about |= {"task_hashes": hashes} if hashes else {}
    commits = inputs.train.hub_commits
    about |= {"data_commits": dict(commits)} if commits else {}
    about |= {"bad_golds": dict(inputs.bad_golds)} if inputs.bad_golds else {}
    return description


def _sized(run: RunConfig) -> RolloutConfig:
    """The rollout settings with the longest response of the run.

    Raises:
        ConfigError: they allow less than a stage or an evaluation needs.
    """
    budgets = [stage.max_response_tokens for stage in run.stages]
    longest = max(*budgets, run.evaluation.max_response_tokens or 0)
    return with_room_for(run.rollout, longest)


def _closed_by(stack: contextlib.ExitStack, trainer: TrainerBackend) -> TrainerBackend:
    if isinstance(trainer, Closable):
        stack.callback(trainer.close)
    return trainer


def _tracker(
    run: RunConfig, inputs: Inputs, folder: Path, pool: ProcessVerifierPool, parts: Sequence[object]
) -> RunTracker:
    is_gpu = inputs.model.device.type == "cuda"
    return RunTracker(
        folder,
        inputs.model.tokenizer,
        run.tracking,
        entropy_target=run.entropy.target if run.entropy.mode == "adaptive" else None,
        sinks=open_views(run, folder, partial(_processes, parts)),
        clock=TimingSources(
            peak_device_bytes=torch.cuda.max_memory_allocated if is_gpu else None,
            verifier_events=lambda: pool.events,
        ),
    )


def _processes(parts: Sequence[object]) -> list[ProcessStatus]:
    return [each for part in parts if isinstance(part, ReportsProcesses) for each in part.processes()]


def _collector(
    run: RunConfig,
    inputs: Inputs,
    engine: RolloutEngine,
    pool: VerifierPool,
    check: AbandonCheck,
    progress: Progress,
) -> Collector:
    collector: Collector = LocalCollector(
        engine,
        pool,
        ProblemSampler(inputs.train, run.seed),
        inputs.model.tokenizer,
        seed=run.seed,
        temperature=run.rollout.temperature,
        check=check,
        progress=progress,
    )
    num_available = len(inputs.train.problems)
    if run.rollout.oversample > 1:
        collector = OversampleCollector(
            collector, factor=run.rollout.oversample, loss=run.loss, num_available=num_available
        )
    if run.rollout.max_refills > 0:
        collector = RefillCollector(
            collector, max_refills=run.rollout.max_refills, loss=run.loss, num_available=num_available
        )
    if not run.rollout.max_staleness:
        return collector
    if not run.rollout.partial:
        return OneStepAhead(collector, run, check)
    if not isinstance(engine, SwitchesWeights):
        raise ConfigError(
            "rollout.partial needs an engine that resumes responses, which rollout.engine = "
            f'"{run.rollout.engine}" does not: set rollout.partial = false, or rollout.engine = "local"'
        )
    return OneStepAhead(collector, run, check, engine)
