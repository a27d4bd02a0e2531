"""The commands `or1-verify FILE` (a verdict for each response) and `or1-verify check-golds FILE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from or1_verify import __version__
from or1_verify.errors import Or1Error
from or1_verify.file import (
    Kind,
    check_golds,
    check_rows,
    default_kinds,
    judge_rows,
    read_json_lines,
    require_writable,
)
from or1_verify.golds import summary
from or1_verify.math import MathVerifier
from or1_verify.sandbox import detect

_EPILOG = """\
Each row of FILE is a JSON object with
  kind      math or code
  response  the text to judge
  gold      math: the answer, a list of accepted answers, or {"type": ..., "value": ...}
  question  math, may be missing: its text, which says units and that an expression is to be computed
  tests     code: {"inputs": [...], "outputs": [...]} or another layout of docs/code-verifier.md
OUT has the same rows in the same order, with outcome, reward, reason, detail and seconds.

or1-verify check-golds FILE finds the golds that cannot be judged; see or1-verify check-golds --help.
"""
_EPILOG_OF_CHECK = """\
Rows need no response. The gold is in the column gold, answer, final_answer, ground_truth or solution, or in
tests. A row without the column kind is of kind code if it has tests, else of kind math. The solution that
comes with tests is run.
Exit code: 0 if every gold can be judged, 1 if some cannot, 2 if the file cannot be read.
"""
CHECK_GOLDS = "check-golds"
"""First word of the command that checks golds."""


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="or1-verify",
        description="Judge each response of a file of answers to math and code problems.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("file", type=Path, metavar="FILE", help="rows as .jsonl or .jsonl.gz")
    made.add_argument("--out", type=Path, help="verdicts (default: FILE.verdicts.jsonl)")
    _add_verifier_options(made)
    made.add_argument("--version", action="version", version=f"or1-verify {__version__}")
    return made


def check_parser() -> argparse.ArgumentParser:
    """The options of `check-golds`."""
    made = argparse.ArgumentParser(
        prog=f"or1-verify {CHECK_GOLDS}",
        description="List the golds of a file that cannot be judged, with the reasons.",
        epilog=_EPILOG_OF_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("file", type=Path, metavar="FILE", help="rows as .jsonl or .jsonl.gz")
    made.add_argument("--kind", choices=("math", "code"), help="kind of rows without the column kind")
    made.add_argument("--column", help="column of the gold")
    _add_verifier_options(made)
    return made


def _add_verifier_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--workers", type=_positive, help="worker processes (default: all processors)")
    made.add_argument(
        "--allow-weak-sandbox", action="store_true", help="run programs where the sandbox confines little"
    )
    for option, allowed, default, effect in (
        ("--min-gold-digits", range(2, 6), 5,
         "golds of this many digits or more are rounded values: 2 accepts 1/3 for 0.33"),
        ("--min-answer-digits", range(5, 16), 7,
         "digits of a decimal for an exact irrational gold: 5 accepts 3.1416 for pi"),
    ):  # fmt: skip
        made.add_argument(
            option, type=int, choices=allowed, default=default, help=f"{effect} (default: %(default)s)"
        )
    made.add_argument(
        "--ratio-as-fraction", action="store_true", help="accept 5/8 for the ratio 5:8, and the reverse"
    )


def run(words: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. An error that the user can fix is one line on stderr."""
    words = sys.argv[1:] if words is None else words
    try:
        if words[:1] == [CHECK_GOLDS]:
            return _check_golds(check_parser().parse_args(words[1:]))
        _judge(parser().parse_args(words))
    except Or1Error as error:
        print("or1-verify: " + " ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("or1-verify: interrupted", file=sys.stderr)
        return 130
    return 0


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())


def sandbox_line() -> str:
    """The level of the code sandbox on this machine."""
    level = detect().level
    return f"code sandbox: level {level.value if level else 'none'} of 5"


def default_out(file: Path) -> Path:
    """Where the verdicts on a file go if no place is given."""
    return file.with_name(f"{file.name}.verdicts.jsonl")


def _judge(options: argparse.Namespace) -> None:
    file: Path = options.file
    kinds = _kinds(options)
    out: Path = options.out or default_out(file)
    require_writable(out, [file])
    num_rows = check_rows(read_json_lines(file), kinds)
    if num_rows["code"]:
        print(sandbox_line(), file=sys.stderr)
    tally = judge_rows(
        read_json_lines(file),
        kinds,
        out,
        num_rows=num_rows,
        num_workers=options.workers,
        on_progress=_show_progress,
    )
    print(tally.table())
    print(out, file=sys.stderr)


def _check_golds(options: argparse.Namespace) -> int:
    """List the golds that cannot be judged; returns the exit code."""
    num_rows, bad = check_golds(
        read_json_lines(options.file),
        _kinds(options),
        kind=options.kind,
        column=options.column,
        num_workers=options.workers,
    )
    for each in bad:
        print(each)
    print(summary(bad, num_rows, most=0))
    return 1 if bad else 0


def _kinds(options: argparse.Namespace) -> dict[str, Kind]:
    return default_kinds(
        math=MathVerifier(
            min_gold_digits=options.min_gold_digits,
            min_answer_digits=options.min_answer_digits,
            ratio_as_fraction=options.ratio_as_fraction,
        ),
        allow_weak_sandbox=options.allow_weak_sandbox,
    )


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"judged {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number
