r"""Are two answers the same? The gold's form decides what order, repetition, names and units count for.

Not symmetric: a gold is what was asked for. The policy, by the form of the gold:

- A value: a name before it (`x = 5`) and a unit after it do not count, but two units or two variables that
  differ do. `28\%` is 28 where percents are asked for and 0.28 everywhere. An answer with a decimal point may
  be rounded where the gold is no whole number: to five significant digits at least, and correctly.
- A list in any order, each element once; a set in any order, repetition left aside; a tuple in its order. An
  answer that claims an order (parentheses) is held to it; braces claim none, so they do not answer a tuple.
- An interval or inequality as a set of numbers; an equation up to a constant factor; words by their wording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from or1_verify.latex.elements import Elements, elements_of, same_elements
from or1_verify.latex.forms import (
    Based,
    Dots,
    Form,
    Many,
    Named,
    Order,
    Ratio,
    Region,
    Relation,
    TimeOfDay,
    Value,
    Words,
)
from or1_verify.latex.identity import Identity
from or1_verify.latex.matrices import Grid, grid_of
from or1_verify.latex.regions import as_region, same_end, same_region, union
from or1_verify.latex.relations import equation_of, is_variable
from or1_verify.latex.tree import (
    PI,
    Call,
    Node,
    Number,
    Product,
    Quotient,
    Sum,
    Symbol,
    replaced,
    variables,
    walk,
)
from or1_verify.latex.words import normal_words, unit_of

_ARGUMENT = re.compile(r"[A-Za-z]\(([a-z])\)")
_RATIOS = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_COUNTERS = frozenset("kmn")
"""Letters that count the angles of a family, whichever is taken."""
_ALL_REALS = Words("all real numbers")
_NO_DIFFERENCE = Number(Fraction(0))
_MIN_DIGITS = 5
"""Significant digits that a rounded decimal has to show [digits]."""
_MIN_DIGITS_CUT = 7
"""Significant digits from which a decimal may also be cut off instead of rounded [digits]."""
_MACHINE_PRECISION = Fraction(1, 10**12)
_PERCENT = Number(Fraction(100))
_DEGREE = Quotient(PI, Number(Fraction(180)))


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares forms; expressions by `identity`."""

    identity: Identity
    tolerance: Fraction | None = None
    """Largest difference of two numbers that count as equal [unit of the answer]; None = as the policy says.
    """

    def same(self, gold: Form, answer: Form) -> bool:
        """Whether the answer is the gold.

        Raises:
            UndefinedError, TooLargeError, NotExactError: a value that cannot be compared.
            NeedsNumbersError: from an exact identity.
        """
        if isinstance(gold, Named) or isinstance(answer, Named):
            return self._same_named(gold, answer)
        if isinstance(gold, Region) or isinstance(answer, Region) or _ALL_REALS in (gold, answer):
            if gold == answer:
                return True
            regions = as_region(gold), as_region(_as_union(answer))
            return None not in regions and same_region(*regions, self.identity)  # type: ignore[arg-type]
        if isinstance(gold, Many) or isinstance(answer, Many):
            return self._same_many(gold, answer)
        match gold, answer:
            case Value(), Value():
                return self._same_value(gold, answer)
            case Words(mine), Words(theirs):
                return normal_words(mine) == normal_words(theirs)
            case Based(), Based():
                return gold == answer
            case Based(digits), Value(node):
                return isinstance(node, Number) and str(node.value) == digits.lstrip("0")
            case TimeOfDay(), TimeOfDay():
                return gold.time == answer.time and len({gold.half, answer.half} - {""}) < 2
            case TimeOfDay() as clock, Ratio(parts):
                return not clock.half and [_shown(part) for part in parts] == clock.time.split(":")
            case Value(node, unit=""), Based(digits, "10"):
                return isinstance(node, Number) and str(node.value) == digits.lstrip("0")
            case Ratio(mine), Ratio(theirs):
                return self._same_ratio(mine, theirs)
            case Ratio(mine), TimeOfDay(time, ""):
                parts = tuple(Value(Number(Fraction(part))) for part in time.split(":"))
                return self._same_ratio(mine, parts)
            case Relation(), Relation():
                return self._same_relation(gold, answer)
            case Value(), Relation(("=",), sides):
                return self._is_value_of(gold, *sides)
            case Dots(), Dots():
                return True
        return False

    def _same_named(self, gold: Form, answer: Form) -> bool:
        match gold, answer:
            case Named(mine, left), Named(theirs, right):
                right = _with_argument(right, theirs, mine)
                if _same_name(mine, theirs):
                    return self.same(left, right)
                equations = equation_of(gold), equation_of(answer)
                if None in equations or not _has_variables(left):
                    return False
                return self._same_relation(*equations)  # type: ignore[arg-type]
            case (Relation(), Named()) | (Named(), Relation()):
                equations = equation_of(gold), equation_of(answer)
                return None not in equations and self._same_relation(*equations)  # type: ignore[arg-type]
            case Named(_, Value() | Region() | Words() | Based() | Ratio() as left), _:
                return self.same(left, answer)
            case _, Named(_, Value() | Region() | Words() | Based() | Ratio() as right):
                return self.same(gold, right)
        return self._same_many(gold, answer)

    def _same_many(self, gold: Form, answer: Form) -> bool:
        match gold, answer:
            case (Many(Order.TUPLE), Many(Order.SET, (Many(Order.TUPLE) as only,))):
                return self.same(gold, only)  # the set of solutions, which is one
            case (Many(Order.SET, (Many(Order.TUPLE) as only,)), Many(Order.TUPLE)):
                return self.same(only, answer)
        mine, theirs = elements_of(gold), elements_of(answer)
        if (isinstance(gold, Value) or isinstance(answer, Value)) and _is_vector(gold, answer):
            return self._same_vector(gold, answer)
        return same_elements(mine, theirs, self.same)

    def _same_vector(self, gold: Form, answer: Form) -> bool:
        """A point or vector may be written as a column, a row or a tuple."""
        vector, other = (gold, answer) if isinstance(gold, Value) else (answer, gold)
        grid = grid_of(vector.node) if isinstance(vector, Value) else None
        if grid is None or 1 not in (len(grid), len(grid[0])):
            return False
        flat = tuple(Value(node) for row in grid for node in row)
        listed = elements_of(other)
        return same_elements(Elements(Order.TUPLE, flat), listed, self.same)

    def _same_value(self, gold: Value, answer: Value) -> bool:
        units = unit_of(gold.unit, gold.unit_power), unit_of(answer.unit, answer.unit_power)
        if None not in units and units[0] != units[1]:
            return False
        if (gold.is_percent and units[1]) or (answer.is_percent and units[0]):
            return False
        return any(self._same_number(gold, answer, *pair) for pair in self._readings(gold, answer))

    def _readings(self, gold: Value, answer: Value) -> list[tuple[Node, Node]]:
        """The ways to read percents and degrees beside what the other side wrote."""
        mine, theirs = gold.node, answer.node
        if gold.is_percent != answer.is_percent:
            if gold.is_percent:
                return [(mine, theirs), (Quotient(mine, _PERCENT), theirs)]
            whole = [(mine, theirs)] if self._exceeds_one(mine) else []
            return [*whole, (mine, Quotient(theirs, _PERCENT))]
        if gold.is_angle != answer.is_angle and _is_in_radians(answer if gold.is_angle else gold):
            if gold.is_angle:
                return [(Product((mine, _DEGREE)), theirs)]
            return [(mine, Product((theirs, _DEGREE)))]
        return [(mine, theirs)]

    def _exceeds_one(self, node: Node) -> bool:
        return not variables(node) and abs(self.identity.value(node)) > 1

    def _same_number(self, gold: Value, answer: Value, mine: Node, theirs: Node) -> bool:
        theirs = _with_counter(theirs, mine)
        grids = grid_of(mine), grid_of(theirs)
        if grids[0] is not None or grids[1] is not None:
            return self._same_grid(*grids)
        if Symbol("infinity") in (*walk(mine), *walk(theirs)):
            return same_end(mine, theirs, self.identity)
        if self.tolerance is not None and not variables(mine) | variables(theirs):
            return abs(self.identity.value(mine) - self.identity.value(theirs)) <= self.tolerance
        if (gold.literal is None) is (answer.literal is None) is True or variables(mine) | variables(theirs):
            return self.identity.equal(mine, theirs)
        return self._same_decimal(gold, answer, mine, theirs)

    def _same_decimal(self, gold: Value, answer: Value, mine: Node, theirs: Node) -> bool:
        """At least one side is a decimal: equal, or a correct rounding where the gold is no whole number."""
        exact, rounded = self.identity.value(mine), self.identity.value(theirs)
        if exact == rounded or exact.denominator == 1:
            return exact == rounded
        both = gold.literal is not None and answer.literal is not None
        if both and answer.num_places < gold.num_places:
            return False  # what the gold says to more places was not found
        short = answer if gold.literal is None else gold
        if short.num_digits < _MIN_DIGITS or not exact or rounded.denominator == 1:
            return False
        difference = abs(exact - rounded)
        if difference <= abs(exact) * _MACHINE_PRECISION:
            return True
        is_percent = short.is_percent and not (gold.is_percent and answer.is_percent)
        ulp = _ulp(short) / (100 if is_percent else 1)
        is_cut = short.num_digits >= _MIN_DIGITS_CUT and difference < ulp
        return difference <= ulp / 2 or is_cut

    def _same_grid(self, mine: Grid | None, theirs: Grid | None) -> bool:
        if mine is None or theirs is None or len(mine) != len(theirs) or len(mine[0]) != len(theirs[0]):
            return False
        pairs = zip((n for row in mine for n in row), (n for row in theirs for n in row), strict=True)
        return all(self.identity.equal(left, right) for left, right in pairs)

    def _same_ratio(self, gold: tuple[Form, ...], answer: tuple[Form, ...]) -> bool:
        """Proportional, part by part."""
        if len(gold) != len(answer):
            return False
        mine = [part.node for part in gold if isinstance(part, Value)]
        theirs = [part.node for part in answer if isinstance(part, Value)]
        return all(
            self.identity.equal(Product((mine[0], right)), Product((left, theirs[0])))
            for left, right in zip(mine[1:], theirs[1:], strict=True)
        )

    def _same_relation(self, gold: Relation, answer: Relation) -> bool:
        if gold.signs != answer.signs:
            return False
        if len(gold.sides) > 2:
            return all(self.identity.equal(a, b) for a, b in zip(gold.sides, answer.sides, strict=True))
        mine, theirs = _difference(gold), _difference(answer)
        empty = self._is_zero(mine), self._is_zero(theirs)
        if any(empty):
            return all(empty)
        if not self._proportional(mine, theirs):
            return False
        if gold.signs[0] in {"=", "!="}:
            return True
        left = Product((mine, Call("abs", (theirs,))))
        return self.identity.equal(left, Product((theirs, Call("abs", (mine,)))))

    def _is_value_of(self, gold: Value, left: Node, right: Node) -> bool:
        r"""`m + n = 10` and `\cos x = \frac12` say what an expression is; `2x = 10` leaves x to be found."""
        named, value = (left, right) if variables(left) else (right, left)
        is_open = len(variables(named)) < 2 and not (isinstance(named, Call) and named.name in _RATIOS)
        if is_open or variables(value) or variables(gold.node) or self._is_zero(value):
            return False
        return self.identity.equal(gold.node, value)

    def _proportional(self, mine: Node, theirs: Node) -> bool:
        """a(x) b(y) = a(y) b(x) for all points x and y: the quotient is one constant."""
        mine_there, theirs_there = mine, theirs
        for name in variables(mine) | variables(theirs):
            mine_there = replaced(mine_there, Symbol(name), Symbol(f"{name}'"))
            theirs_there = replaced(theirs_there, Symbol(name), Symbol(f"{name}'"))
        return self.identity.equal(Product((mine, theirs_there)), Product((mine_there, theirs)))

    def _is_zero(self, node: Node) -> bool:
        return self.identity.equal(node, _NO_DIFFERENCE)


def _shown(part: Form) -> str:
    return str(part.node.value) if isinstance(part, Value) and isinstance(part.node, Number) else ""


def _difference(relation: Relation) -> Node:
    left, right = relation.sides
    return Sum((left, Product((Number(Fraction(-1)), right))))


def _same_name(mine: str, theirs: str) -> bool:
    """Two plain variables have to be the same one; any other name is only a label."""
    if mine.lower() == theirs.lower():
        return True
    return not (is_variable(mine) and is_variable(theirs))


def _as_union(answer: Form) -> Form:
    """`(0, 1) or (2, 3)` beside a set of numbers, where a list of points would be no answer."""
    if not isinstance(answer, Many) or answer.order is not Order.LIST:
        return answer
    regions = [as_region(item) for item in answer.items]
    return answer if None in regions else union([region for region in regions if region is not None])


def _with_counter(node: Node, gold: Node) -> Node:
    r"""`\pi + 2 k \pi` where the gold counts its angles by n."""
    mine, theirs = variables(gold), variables(node)
    if mine == theirs or len(mine) != 1 or len(theirs) != 1 or not mine | theirs <= _COUNTERS:
        return node
    if PI not in walk(gold):
        return node
    return replaced(node, Symbol(*theirs), Symbol(*mine))


def _with_argument(form: Form, name: str, wanted: str) -> Form:
    """`f(t) = t + 1` as a function of x; a free x in it keeps both apart."""
    mine, theirs = _ARGUMENT.fullmatch(wanted), _ARGUMENT.fullmatch(name)
    if mine is None or theirs is None or mine[1] == theirs[1] or not isinstance(form, Value):
        return form
    free = Symbol(f"{mine[1]}'")
    return replace(
        form, node=replaced(replaced(form.node, Symbol(mine[1]), free), Symbol(theirs[1]), Symbol(mine[1]))
    )


def _has_variables(form: Form) -> bool:
    return isinstance(form, Value) and bool(variables(form.node))


def _is_vector(gold: Form, answer: Form) -> bool:
    value = gold if isinstance(gold, Value) else answer
    return isinstance(value, Value) and grid_of(value.node) is not None


def _is_in_radians(value: Value) -> bool:
    return unit_of(value.unit) == ("radian", 1) or any(part == PI for part in walk(value.node))


def _ulp(value: Value) -> Fraction:
    """One unit of the last digit shown."""
    return Fraction(10) ** -value.num_places
