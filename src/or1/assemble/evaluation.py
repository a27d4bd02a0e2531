"""An evaluation of a model on benchmarks: the work behind `or1 eval` and `or1.evaluate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from or1.assemble.generators import open_generator
from or1.assemble.verifiers import benchmark_verifiers, evaluation_pool
from or1.errors import ConfigError
from or1.evals import pipeline
from or1.evals.benchmark import load_benchmark, load_protocol
from or1.evals.chat_notes import chat_notes
from or1.evals.contamination import contamination_notes
from or1.evals.golds import leave_out_bad_golds
from or1.evals.questions import Questions, load_questions, notes_on_repeats
from or1.evals.request import with_task_hash
from or1.evals.results import EvalFolder
from or1.evals.settings import EvalRunConfig
from or1.protocols import Progress
from or1.recipes.check import validate_as
from or1.recipes.files import read_template
from or1.recipes.override import apply_set


def evaluate(
    settings: EvalRunConfig, questions: Sequence[Questions], folder: Path, progress: Progress
) -> int:
    """Generate the missing samples and judge them.

    Args:
        settings: the evaluation.
        questions: the problems of each benchmark.
        folder: results; an evaluation with the same settings is resumed.
        progress: display.

    Returns:
        number of samples that the generator lost; the same call generates them.

    Raises:
        Or1Error: before any work, as far as it can be known.
    """
    model = settings.model
    questions = leave_out_bad_golds(settings.verify, benchmark_verifiers(settings), questions)
    notes = [
        *notes_on_repeats(questions),
        *contamination_notes(model.path, questions),
        *chat_notes(model.path, model.chat),
    ]
    protocol = load_protocol(settings.protocol)
    sampling = pipeline.sampling_of(settings, protocol)
    samples = pipeline.samples_of(settings, protocol, questions)
    num_requests = max(samples[each.benchmark.name] * len(each.asked) for each in questions)
    described = {
        **settings.model_dump(mode="json"),
        "protocol": {"name": protocol.name, "about": protocol.about, "source": protocol.source},
        "sampling": dataclasses.asdict(sampling),
    }
    with (
        open_generator(settings, sampling.max_response_tokens, questions, progress, num_requests) as (
            generator,
            environment,
        ),
        evaluation_pool(settings) as pool,
        EvalFolder.open(folder, described, questions, samples, environment, notes) as opened,
    ):
        lost = pipeline.generate(generator, questions, opened, sampling, progress)
        pipeline.judge(pool, questions, opened, progress)
    return lost


def rescore(folder: Path, sets: Sequence[str], data: Sequence[str], progress: Progress) -> None:
    """Judge all responses of an evaluation again, from the data it was made with; generate nothing.

    Raises:
        RunFolderError: the folder is no evaluation, or its data have changed.
        ConfigError: an invalid setting, or an evaluation whose verdicts were imported.
    """
    description = EvalFolder.read(folder)
    if "imported" in description["settings"]:
        raise ConfigError(f"{folder} was imported with its verdicts: there are no tests to judge it by")
    stored = {k: v for k, v in description["settings"].items() if k not in ("protocol", "sampling")}
    table = {**stored, "protocol": description["settings"]["protocol"]["name"]}
    for setting in sets:
        apply_set(table, setting, EvalRunConfig)
    read_template(table, Path.cwd(), "--set")
    table = with_task_hash({**table, "task_hash": None})
    settings = validate_as(EvalRunConfig, table, str(folder))
    protocol = load_protocol(settings.protocol)
    entries = description["benchmarks"]
    questions = [
        load_questions(
            load_benchmark(name),
            protocol,
            data=data or entry["data"],
            num_problems=settings.num_problems,
            task=settings.task,
        )
        for name, entry in entries.items()
    ]
    questions = leave_out_bad_golds(settings.verify, benchmark_verifiers(settings), questions)
    samples = {name: entry["samples"] for name, entry in entries.items()}
    kept = {**settings.model_dump(mode="json")}
    kept |= {k: description["settings"][k] for k in ("protocol", "sampling")}
    with (
        EvalFolder.open(folder, kept, questions, samples, description["environment"], afresh=True) as opened,
        evaluation_pool(settings) as pool,
    ):
        pipeline.judge(pool, questions, opened, progress, afresh=True)
