"""`or1 train | eval | curate | lab | verify | show | doctor | export | ...`: the signatures.

`main` is the one boundary where an `Or1Error` becomes a line on stderr and an exit code. Nothing heavy is
imported before a command runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from or1.cli.board_app import board_app
from or1.cli.lab_app import lab_app
from or1.cli.usage import Bounds, RunPath, given
from or1.errors import ConfigError, Or1Error
from or1.storage.atomic import DISK_FULL, disk_full
from or1_verify import __version__


def _group(name: str, about: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        help=about,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


app = _group("or1", "Reinforcement learning with verifiable rewards for reasoning models.")
eval_app = _group("eval", "Score a model on benchmarks; judge again, compare.")
curate_app = _group("curate", "Make a training set from raw problems; show one.")
app.add_typer(eval_app)
app.add_typer(curate_app)
app.add_typer(lab_app)
app.add_typer(board_app)

_USAGE_ERROR: Any = typer.BadParameter.__base__
"""Base class of click's usage errors; typer exports this one subclass only."""
_INTERRUPTED = 130
"""typer's exit code for Ctrl-C."""

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting. Repeatable."),
]
OwnTask = Annotated[str | None, typer.Option("--task", help="Your reward: FILE.py:NAME or module:NAME.")]
WeakSandbox = Annotated[
    bool, typer.Option("--allow-weak-sandbox", help="Run programs in a sandbox below training level.")
]
Data = Annotated[
    list[str] | None, typer.Option(help="Problems of the benchmark: a file, or a data set on the hub.")
]


def main() -> None:
    """Run the command line; never returns.

    Exit codes: 0 done; 1 two runs differ (`or1 diff`); 2 the request cannot be carried out; 3 training cannot
    continue; 130 interrupted.
    """
    sys.exit(guarded(dispatch))


def dispatch(words: list[str] | None = None) -> None:
    """Run the command line on `words`, or on those of the process.

    A usage error becomes a ConfigError of one line; a call without arguments prints the help.
    """
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    try:
        code = app(words, prog_name="or1", standalone_mode=False)
    except _USAGE_ERROR as error:
        message = error.format_message()
        if error.ctx is None or not message or "\n" in message:
            error.show()
            sys.exit(error.exit_code)
        message += "" if message.endswith((".", "?")) else "."
        message += given(error, words)
        raise ConfigError(f"{message} See {error.ctx.command_path} --help") from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    sys.exit(code)


def guarded(command: Callable[[], object]) -> int:
    """Run a command and return its exit code. An error that the user can fix is one line on stderr."""
    try:
        command()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0 if leave.code is None else 1
    except Or1Error as error:
        return _refuse(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _refuse("interrupted", 130)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        return _refuse(disk_full(error.filename), 2)
    return 0


def _refuse(message: str, code: int) -> int:
    print("or1: " + " ".join(message.split()), file=sys.stderr)
    return code


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"or1 {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def train(
    recipe: Annotated[
        str | None, typer.Argument(help="Recipe name, .toml file, or a run folder to resume.")
    ] = None,
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<name> if not given.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="RUN@STEP", help="Start from a checkpoint of another run; RUN: its newest."
        ),
    ] = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Resume with other settings that change the training.")
    ] = False,
    ranks: Annotated[
        int | None, typer.Option(min=1, help="Processes to train in, each with a shard of the model.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Train on a Ray cluster: HOST:PORT, or ray to start one here."),
    ] = None,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Train a model, or resume an interrupted run."""
    from or1.cli.train import train as run

    weak = ["verify.code.allow_weak_sandbox=true"] if allow_weak_sandbox else []
    sharded = ["system.backend=fsdp"] if ranks is not None or cluster is not None else []
    parallel = [*sharded, *([] if ranks is None else [f"system.num_ranks={ranks}"])]
    settings = [*(sets or []), *weak, *parallel]
    run(recipe, settings, out, start=start, accept_changes=accept_changes, cluster=cluster)


@curate_app.command("run")
def curate_run(
    recipe: Annotated[str, typer.Argument(help="Recipe name or .toml file.")],
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; datasets/<name> if not given.")] = None,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Make a training set, or resume making it."""
    from or1.cli.extras import needs

    with needs("or1 curate", "curate"):
        from or1.cli.curate import curate as run

    weak = ["programs.allow_weak_sandbox=true"] if allow_weak_sandbox else []
    run(recipe, [*(sets or []), *weak], out)


@curate_app.command("show")
def curate_show(
    dataset: Annotated[Path, typer.Argument(help="Folder of a data set, such as datasets/real-math.")],
    samples: Annotated[int, typer.Option(min=0, help="Problems to print.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the choice of problems.")] = 1,
) -> None:
    """Print a data set's funnel, difficulty and examples."""
    from or1.cli.extras import needs

    with needs("or1 curate", "curate"):
        from or1.cli.curate import show as run

    run(dataset, samples, seed)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="Rows: kind, response, gold or tests. Or a run folder.")],
    out: Annotated[Path | None, typer.Option(help="Verdicts; FILE.verdicts.jsonl if not given.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; all cores if not given.")
    ] = None,
    task: OwnTask = None,
    min_gold_digits: Annotated[
        int,
        typer.Option(min=2, max=5, help="Golds of as many digits or more are rounded: 2 takes 1/3 for 0.33."),
    ] = 5,
    min_answer_digits: Annotated[
        int,
        typer.Option(
            min=5, max=15, help="Digits of a decimal for an irrational gold: 5 takes 3.1416 for pi."
        ),
    ] = 7,
    ratio_as_fraction: Annotated[bool, typer.Option(help="Accept 5/8 for the ratio 5:8.")] = False,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Judge each response of a file."""
    from or1.cli.verify import verify as run
    from or1.config import CodeVerifyConfig, MathVerifyConfig
    from or1.tasks.kind import VerifierSettings

    settings = VerifierSettings(
        math=MathVerifyConfig(
            min_gold_digits=min_gold_digits,
            min_answer_digits=min_answer_digits,
            ratio_as_fraction=ratio_as_fraction,
        ),
        code=CodeVerifyConfig(allow_weak_sandbox=allow_weak_sandbox),
    )
    run(file, out, workers, settings, task)


@eval_app.command("run")
def eval_run(
    model: Annotated[str, typer.Argument(help="Model folder, hub name or builtin:tiny.")],
    benchmark: Annotated[
        list[str], typer.Option(help="NAME[:RELEASE][:FROM..TO]; `or1 eval list` has the names. Repeatable.")
    ],
    samples: Annotated[
        int | None, typer.Option(min=1, help="k of avg@k; default from the protocol or benchmark.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Prompt and sampling; reference if not given.")] = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; evals/MODEL if not given.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Server that has the model: http://127.0.0.1:8000/v1.")
    ] = None,
    task: OwnTask = None,
    sets: Sets = None,
    bounds: Bounds = False,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Score a model, or resume scoring it."""
    from or1.cli.evaluate import evaluate as run

    chosen = (
        *(sets or ()),
        *([f"samples={samples}"] if samples else []),
        *([f"protocol={protocol}"] if protocol else []),
        *([f"task={task}"] if task else []),
        *(["verify.code.allow_weak_sandbox=true"] if allow_weak_sandbox else []),
    )
    run(model, benchmark, chosen, data=data or (), out=out, url=url, bounds=bounds)


@eval_app.command("list")
def eval_list() -> None:
    """List benchmarks and protocols."""
    from or1.cli.evaluate import show_list as run

    run()


@eval_app.command("rescore")
def eval_rescore(
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    data: Data = None,
    task: OwnTask = None,
    sets: Sets = None,
    bounds: Bounds = False,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Judge the saved responses again; generate nothing."""
    from or1.cli.evaluate import rescore as run

    chosen = (
        *(sets or ()),
        *([f"task={task}"] if task else []),
        *(["verify.code.allow_weak_sandbox=true"] if allow_weak_sandbox else []),
    )
    run(folder, chosen, data=data or (), bounds=bounds)


@eval_app.command("compare")
def eval_compare(
    folders: Annotated[
        list[str], typer.Argument(metavar="FOLDER...", help="Two evaluations, or one and `published`.")
    ],
    bounds: Bounds = False,
) -> None:
    """Compare two evaluations, or one with published scores."""
    from or1.cli.evaluate import show_comparison as run

    run(folders, bounds)


@eval_app.command("import")
def eval_import(
    verdicts: Annotated[Path, typer.Argument(help="Verdict file of LiveCodeBench's own tool.")],
    benchmark: Annotated[str, typer.Option(help="Its release: livecodebench:release_v5.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the results; evals/FILE if not given.")] = None,
) -> None:
    """Import verdicts of LiveCodeBench's own tool."""
    from or1.cli.evaluate import import_verdicts as run

    run(verdicts, benchmark, out)


@app.command()
def show(
    recipe: Annotated[str | None, typer.Argument(help="Recipe to print; none lists them.")] = None,
    sets: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="The resolved settings as JSON.")] = False,
) -> None:
    """List recipes, or print the settings of one."""
    from or1.cli.show import show as run

    run(recipe, sets or [], as_json)


@app.command()
def doctor() -> None:
    """Check this machine: what runs, what is missing."""
    from or1.cli.doctor import doctor as run

    run()


@app.command()
def plan(
    recipe: Annotated[str, typer.Argument(help="Recipe name or .toml file.")],
    gpu: Annotated[str, typer.Option(help="a100, h20, h100, h800, h200 or b200.")] = "h100",
    num_gpus: Annotated[int, typer.Option(min=1, help="GPUs of the run.")] = 8,
    engine: Annotated[str, typer.Option(help="Profile of the engine: graphs or vllm-0.6.")] = "graphs",
    lengths: Annotated[Path | None, typer.Option(help="Run folder whose response lengths to use.")] = None,
    dollars_per_hour: Annotated[float | None, typer.Option(min=0, help="Price of one GPU.")] = None,
    sets: Sets = None,
) -> None:
    """Seconds, memory and cost of a run before it is launched."""
    from or1.cli.plan import plan as run

    run(
        recipe,
        sets or [],
        gpu=gpu,
        num_gpus=num_gpus,
        engine=engine,
        lengths=lengths,
        dollars_per_hour=dollars_per_hour,
    )


@app.command()
def export(
    run_folder: RunPath,
    out: Annotated[Path, typer.Argument(help="Folder to write; must not exist or be empty.")],
    step: Annotated[int | None, typer.Option(help="Checkpoint of this step, else the newest.")] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="Only the trained LoRA adapter.")] = False,
    model: Annotated[Path | None, typer.Option(help="Folder of the start model, if it has moved.")] = None,
    license: Annotated[str | None, typer.Option(help="For the card, such as apache-2.0.")] = None,
    push: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="Upload it to the hub.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
) -> None:
    """Write the model as a Hugging Face folder, and upload it."""
    from or1.cli.export import export as run

    run(
        run_folder,
        out,
        step,
        adapter=adapter,
        model=model,
        licence=license,
        push_to=push,
        private=private,
    )
