"""`or1 train | eval | curate | verify | show | doctor | export | plot`: signatures here, work in the
module of each command.

`main` is the one boundary where an `Or1Error` becomes a line on stderr and an exit code. Nothing heavy is
imported before a command runs.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from or1 import __version__
from or1.errors import ConfigError, Or1Error

app = typer.Typer(
    name="or1",
    help="Reinforcement learning with verifiable rewards for models that reason at length.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_USAGE_ERROR: Any = typer.BadParameter.__base__
"""Whatever is wrong with the words of a command; typer gives a name to this one kind of it alone."""
_INTERRUPTED = 130
"""What typer makes of Ctrl-C [exit code]."""

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; may be given more than once."),
]
WeakSandbox = Annotated[
    bool, typer.Option("--allow-weak-sandbox", help="Run programs even where the sandbox confines little.")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/tiny.")]


def main() -> None:
    """Run the command line; never returns.

    Exit codes: 0 done; 2 the request cannot be carried out; 3 training cannot go on; 130 interrupted.
    """
    sys.exit(guarded(_run))


def _run() -> None:
    """The command line, its usage errors made one line; without any words, the help."""
    try:
        code = app(prog_name="or1", standalone_mode=False)
    except _USAGE_ERROR as error:
        told = error.format_message()
        if error.ctx is None or not told or "\n" in told:
            error.show()
            sys.exit(error.exit_code)
        told += "" if told.endswith((".", "?")) else "."
        raise ConfigError(f"{told} See {error.ctx.command_path} --help") from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    sys.exit(code)


def guarded(command: Callable[[], object]) -> int:
    """Run a command and return its exit code; what a user can mend is one line on stderr, not a traceback."""
    try:
        command()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0 if leave.code is None else 1
    except Or1Error as error:
        return _refuse(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _refuse("interrupted", 130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _refuse(f"disk full ({error.filename}): free some space and repeat the command", 2)
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
    recipe: Annotated[str, typer.Argument(help="Recipe name, .toml file, or a run's config.json.")],
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<name> if not given.")] = None,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Train, or go on where the same command was interrupted."""
    from or1.cli.train import train as run

    run(
        recipe, [*(sets or []), *(["verify.code.allow_weak_sandbox=true"] if allow_weak_sandbox else [])], out
    )


@app.command()
def curate(
    recipe: Annotated[str, typer.Argument(help="Recipe name or .toml file; or `show`, and then a data set.")],
    dataset: Annotated[Path | None, typer.Argument(help="With `show`: folder of a data set.")] = None,
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; datasets/<name> if not given.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="With `show`: problems to print.")] = 3,
    seed: Annotated[int, typer.Option(help="With `show`: which problems.")] = 1,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Make a training set from raw problems, or show one: `or1 curate show DATASET`."""
    try:
        from or1.cli.curate import curate as run
        from or1.cli.curate import show as run_show
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"or1 curate needs {error.name}: pip install -c constraints.txt 'or1[curate]'"
        ) from error

    if recipe == "show":
        run_show(dataset, samples, seed)
        return
    if dataset is not None:
        raise ConfigError(f"{dataset} is one argument too many: a folder to write is --out {dataset}")
    weak = ["programs.allow_weak_sandbox=true"] if allow_weak_sandbox else []
    run(recipe, [*(sets or []), *weak], out)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="JSONL or parquet: kind, response, and gold or tests.")],
    out: Annotated[Path | None, typer.Option(help="Verdicts; FILE.verdicts.jsonl if not given.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; all cores if not given.")
    ] = None,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Judge the responses of a file and write a verdict for each."""
    from or1.cli.verify import verify as run

    run(file, out, workers, allow_weak_sandbox)


@app.command(name="eval")
def evaluate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL | FOLDER...]",
            help="Model folder, hub name or builtin:tiny; with --rescore or --compare, folders made before.",
        ),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="NAME[:RELEASE][:FROM..TO]; may be given more than once. None lists them."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="k of avg@k; else what the protocol or benchmark says.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="How the model is asked; reference if not given.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="The benchmark's problems: a file, or a data set on the hub.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; evals/MODEL if not given.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Server that has the model: http://127.0.0.1:8000/v1.")
    ] = None,
    sets: Sets = None,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Where samples are missing or not judged, bound the score.")
    ] = False,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Judge the responses of FOLDER afresh; generate nothing.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare two FOLDERs, or one with `published` scores.")
    ] = False,
    verdicts: Annotated[
        Path | None, typer.Option(help="Import the verdicts of LiveCodeBench's own tool and tabulate them.")
    ] = None,
    allow_weak_sandbox: WeakSandbox = False,
) -> None:
    """Score a model on benchmarks, or go on where the same command was interrupted."""
    from or1.cli.evaluate import EvalCommand

    EvalCommand(
        targets=tuple(targets or ()),
        benchmarks=tuple(benchmark or ()),
        data=tuple(data or ()),
        out=out,
        url=url,
        sets=(
            *(sets or ()),
            *([f"samples={samples}"] if samples else []),
            *([f"protocol={protocol}"] if protocol else []),
            *(["verify.code.allow_weak_sandbox=true"] if allow_weak_sandbox else []),
        ),
        bounds=bounds,
        rescore=rescore,
        compare=compare,
        verdicts=verdicts,
    ).run()


@app.command()
def show(
    recipe: Annotated[str | None, typer.Argument(help="Recipe to print; none lists them.")] = None,
    sets: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="The resolved settings as JSON.")] = False,
) -> None:
    """List the recipes, or print every setting of one with its unit and source."""
    from or1.cli.show import show as run

    run(recipe, sets or [], as_json)


@app.command()
def doctor() -> None:
    """Say what this machine can run, what is missing, and the command that mends it."""
    from or1.cli.doctor import doctor as run

    run()


@app.command()
def export(
    run_folder: RunPath,
    out: Annotated[Path, typer.Argument(help="Folder to write; must not exist or be empty.")],
    step: Annotated[int | None, typer.Option(help="Checkpoint of this step, else the newest.")] = None,
) -> None:
    """Write the trained model as a Hugging Face folder with a model card."""
    from or1.cli.export import export as run

    run(run_folder, out, step)


@app.command()
def plot(
    run_folder: RunPath,
    out: Annotated[Path | None, typer.Option(help="Picture to write; in RUN if not given.")] = None,
    compare: Annotated[Path | None, typer.Option(help="A second run, drawn behind the first.")] = None,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Draw an evaluation where samples are missing or not judged.")
    ] = False,
) -> None:
    """Draw the curves of a run, or the scores of an evaluation, and print the path of the picture."""
    from or1.cli.plot import plot as run

    run(run_folder, out, compare, bounds)
