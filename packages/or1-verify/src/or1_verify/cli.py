"""The command `or1-verify FILE`: a verdict for each response of a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from or1_verify import __version__
from or1_verify.errors import Or1Error
from or1_verify.file import check_rows, default_kinds, judge_rows, read_json_lines
from or1_verify.math import MathVerifier
from or1_verify.sandbox import detect

_EPILOG = """\
Each row of FILE is a JSON object with
  kind      math or code
  response  the text to judge
  gold      math: the answer, a list of accepted answers, or {"type": ..., "value": ...}
  tests     code: {"inputs": [...], "outputs": [...]} or another layout of docs/code-verifier.md
OUT has the same rows in the same order, with outcome, reward, reason, detail and seconds.
"""


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
    made.add_argument("--workers", type=_positive, help="worker processes (default: all processors)")
    made.add_argument(
        "--allow-weak-sandbox", action="store_true", help="run programs where the sandbox confines little"
    )
    made.add_argument(
        "--min-gold-digits",
        type=int,
        choices=range(2, 6),
        default=5,
        help="golds of this many digits or more are rounded values: 2 accepts 1/3 for 0.33 (default: 5)",
    )
    made.add_argument(
        "--ratio-as-fraction", action="store_true", help="accept 5/8 for the ratio 5:8, and the reverse"
    )
    made.add_argument("--version", action="version", version=f"or1-verify {__version__}")
    return made


def run(words: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. An error that the user can fix is one line on stderr."""
    options = parser().parse_args(words)
    try:
        _judge(options)
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
    kinds = default_kinds(
        math=MathVerifier(
            min_gold_digits=options.min_gold_digits, ratio_as_fraction=options.ratio_as_fraction
        ),
        allow_weak_sandbox=options.allow_weak_sandbox,
    )
    num_rows = check_rows(read_json_lines(file), kinds)
    if num_rows["code"]:
        print(sandbox_line(), file=sys.stderr)
    out: Path = options.out or default_out(file)
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


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"judged {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number
