"""Answers made from golds: rewritings that stay right, and changes that make them wrong.

What a change does is known from how it is made, not from any grader. A wrong answer that happens to equal its
gold (a digit changed where it does not count) is possible and rare; the study lists what is paid.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[1] / "../shared/data"
_INTEGER = re.compile(r"-?\d+")
_FRACTION = re.compile(r"(-?)\\d?frac\{(\d+)\}\{(\d+)\}")
_TUPLE = re.compile(r"(?:\\left)?\(([^()\[\]]*?,[^()\[\]]*?)(?:\\right)?\)")
_ROOT = re.compile(r"(\d+) ?\\sqrt\{?(\d+)\}?")
_INTERVAL = re.compile(r"(?:\\left)?([(\[])([^()\[\],]+),([^()\[\],]+?)(?:\\right)?([)\]])")
_POLYNOMIAL = re.compile(r"[-+\da-z^ ]*[a-z][-+\da-z^ ]*")


@dataclass(frozen=True, slots=True)
class Pair:
    gold: str
    answer: str
    is_right: bool
    how: str
    """The rule that made the answer."""


def math_golds(name: str = "MATH_12500_answers.jsonl") -> list[str]:
    """The different golds of a file under data/math, in the order of the file."""
    text = (DATA / "math" / name).read_text(encoding="utf-8")
    rows = json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    return list(dict.fromkeys(row["answer"].strip() for row in rows if row["answer"].strip()))


def pairs(golds: list[str], seed: int) -> Iterator[Pair]:
    """Every rule on every gold that it fits."""
    for gold in golds:
        generator = random.Random(f"{seed} {gold}")
        for is_right, rules in ((True, RIGHT), (False, WRONG)):
            for rule in rules:
                answer = rule(gold, generator)
                if answer is not None and (is_right or answer != gold):
                    yield Pair(gold, answer, is_right, rule.__name__.strip("_"))


def _same(gold: str, _: random.Random) -> str | None:
    return gold


def _spaced(gold: str, _: random.Random) -> str | None:
    return (
        gold.replace("=", " = ").replace("+", " + ").replace(",", ", ")
        if not re.search(r"\d,(?:\d|\\!)", gold)
        else None
    )


def _display_fraction(gold: str, _: random.Random) -> str | None:
    return gold.replace("\\frac{", "\\dfrac{") if "\\frac{" in gold else None


def _point_zero(gold: str, _: random.Random) -> str | None:
    return f"{gold}.0" if _INTEGER.fullmatch(gold) else None


def _leading_zero(gold: str, _: random.Random) -> str | None:
    return f"0{gold}" if gold.isdigit() else None


def _grouped(gold: str, _: random.Random) -> str | None:
    return f"{int(gold):,}" if gold.isdigit() and len(gold) > 3 else None


def _named(gold: str, _: random.Random) -> str | None:
    return f"t = {gold}" if _INTEGER.fullmatch(gold) or _FRACTION.fullmatch(gold) else None


def _with_unit(gold: str, _: random.Random) -> str | None:
    return rf"{gold}\text{{ units}}" if _INTEGER.fullmatch(gold) else None


def _expanded_fraction(gold: str, generator: random.Random) -> str | None:
    found, factor = _FRACTION.fullmatch(gold), generator.randint(2, 9)
    if found is None:
        return None
    return f"{found[1]}\\frac{{{int(found[2]) * factor}}}{{{int(found[3]) * factor}}}"


def _slashed_fraction(gold: str, _: random.Random) -> str | None:
    found = _FRACTION.fullmatch(gold)
    return f"{found[1]}{found[2]}/{found[3]}" if found else None


def _root_inside(gold: str, _: random.Random) -> str | None:
    found = _ROOT.fullmatch(gold)
    return rf"\sqrt{{{int(found[1]) ** 2 * int(found[2])}}}" if found else None


def _added_and_taken(gold: str, generator: random.Random) -> str | None:
    number = generator.randint(2, 40)
    is_plain = _POLYNOMIAL.fullmatch(gold) or _ROOT.fullmatch(gold) or _FRACTION.fullmatch(gold)
    return f"{gold} + {number} - {number}" if is_plain and len(gold) > 1 else None


def _doubled_and_halved(gold: str, _: random.Random) -> str | None:
    return rf"\frac{{2({gold})}}{{2}}" if _POLYNOMIAL.fullmatch(gold) and len(gold) > 1 else None


def _inequality(gold: str, _: random.Random) -> str | None:
    found = _INTERVAL.fullmatch(gold)
    if found is None or "infty" in gold or found[1] + found[4] == "()":
        return None
    low, high = ("\\le" if bracket in "[]" else "<" for bracket in (found[1], found[4]))
    return f"{found[2]} {low} x {high} {found[3]}"


def _reversed_list(gold: str, _: random.Random) -> str | None:
    parts = [part.strip() for part in gold.split(",")]
    if len(parts) < 2 or re.search(r"[()\[\]{}=]|\\text|\d,(?:\d{3}|\\!)", gold):
        return None
    return ", ".join(reversed(parts))


def _digit_changed(gold: str, generator: random.Random) -> str | None:
    places = [found.start() for found in re.finditer(r"\d", gold)]
    if not places:
        return None
    place = generator.choice(places)
    digit = generator.choice([each for each in "123456789" if each != gold[place]])
    return gold[:place] + digit + gold[place + 1 :]


def _negative(gold: str, _: random.Random) -> str | None:
    is_number = _INTEGER.fullmatch(gold) or _FRACTION.fullmatch(gold) or _ROOT.fullmatch(gold)
    if not is_number or gold == "0":
        return None
    return gold[1:] if gold.startswith("-") else f"-{gold}"


def _sign_changed(gold: str, _: random.Random) -> str | None:
    if not re.search(r"[\w}] ?[+-] ?[\w\\]", gold) or "=" in gold or "pm" in gold:
        return None
    place = max(gold.rfind("+"), gold.rfind("-"))
    return gold[:place] + ("-" if gold[place] == "+" else "+") + gold[place + 1 :]


def _swapped(gold: str, _: random.Random) -> str | None:
    found = _TUPLE.fullmatch(gold)
    parts = [part.strip() for part in found[1].split(",")] if found else []
    if len(parts) < 2 or len(set(parts)) < len(parts) or "infty" in gold:
        return None
    return f"({', '.join([parts[1], parts[0], *parts[2:]])})"


def _bracket_changed(gold: str, _: random.Random) -> str | None:
    found = _INTERVAL.fullmatch(gold)
    if found is None or "infty" in found[3]:
        return None
    return f"{found[1]}{found[2]},{found[3]}{')' if found[4] == ']' else ']'}"


def _element_dropped(gold: str, _: random.Random) -> str | None:
    parts = gold.split(",")
    if len(parts) < 2 or re.search(r"[()\[\]{}=]|\\text|\d,(?:\d{3}|\\!)", gold):
        return None
    return ",".join(parts[:-1])


def _root_lost(gold: str, _: random.Random) -> str | None:
    found = _ROOT.fullmatch(gold)
    return found[1] if found and found[2] != "1" else None


def _turned_over(gold: str, _: random.Random) -> str | None:
    found = _FRACTION.fullmatch(gold)
    return (
        f"{found[1]}\\frac{{{found[3]}}}{{{found[2]}}}" if found and found[2] not in {found[3], "0"} else None
    )


def _plus_one(gold: str, _: random.Random) -> str | None:
    return f"{gold} + 1" if _POLYNOMIAL.fullmatch(gold) and len(gold) > 1 else None


def _tiny_neighbour(gold: str, _: random.Random) -> str | None:
    return f"{gold} + 10^{{-9}}" if _ROOT.fullmatch(gold) or _FRACTION.fullmatch(gold) else None


Rule = Callable[[str, random.Random], str | None]
RIGHT: tuple[Rule, ...] = (
    _same, _spaced, _display_fraction, _point_zero, _leading_zero, _grouped, _named, _with_unit,
    _expanded_fraction, _slashed_fraction, _root_inside, _added_and_taken, _doubled_and_halved,
    _inequality, _reversed_list,
)  # fmt: skip
WRONG: tuple[Rule, ...] = (
    _digit_changed, _negative, _sign_changed, _swapped, _bracket_changed, _element_dropped, _root_lost,
    _turned_over, _plus_one, _tiny_neighbour,
)  # fmt: skip
