r"""Compare an answer with a gold. The form of the gold decides how order, repetition, names and units count.

The comparison is not symmetric. The policy, by the form of the gold:

- A value: a name before it (`x = 5`) and a unit after it are ignored, but two different units or variables
  are not equal. `28\%` is 28 for a gold above 1 or with a percent sign, and always 0.28. An answer with a
  decimal point may be rounded if the gold is no whole number: correctly, to at least five significant digits,
  to at least seven if the gold is exact and irrational.
- A list matches in any order, each element once; a set in any order, with repetition; a tuple in its order.
  An answer in parentheses must have the order of the gold. An answer in braces has no order, so it matches no
  tuple.
- An interval or inequality matches as a set of numbers, an equation up to a constant factor or without
  fractions, arbitrary constants by any name, words by their normal form.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from or1_verify.latex.alignment import aligned
from or1_verify.latex.arguments import is_function, with_argument, with_counter
from or1_verify.latex.bases import value_of
from or1_verify.latex.beside import beside_agrees, is_in_radians, or_counts, unit_factor
from or1_verify.latex.builders import as_builder, same_builder
from or1_verify.latex.constants import VARIABLES
from or1_verify.latex.curves import same_curve
from or1_verify.latex.domains import same_domains
from or1_verify.latex.elements import Elements, elements_of, same_elements
from or1_verify.latex.families import same_family
from or1_verify.latex.forms import (
    Based,
    Builder,
    Cases,
    Dots,
    Form,
    Many,
    Named,
    Order,
    Ratio,
    Region,
    Relation,
    Scoped,
    TimeOfDay,
    Value,
    Words,
)
from or1_verify.latex.identity import Identity, is_irrational
from or1_verify.latex.levels import same_levels, solved
from or1_verify.latex.matrices import ZERO_VECTOR, Grid, grid_like, grid_of, row_of_vector
from or1_verify.latex.names import JOINT, same_name
from or1_verify.latex.parameters import letters_of
from or1_verify.latex.regions import as_region, as_union, is_set, region_in_degrees, same_end, same_region
from or1_verify.latex.relations import (
    are_products,
    difference,
    equations_of,
    is_product,
    is_solved_for,
    same_names_alone,
)
from or1_verify.latex.rules import DEFAULT_RULES, MIN_DIGITS, Rules
from or1_verify.latex.same_pieces import as_cases, same_cases
from or1_verify.latex.tree import (
    DEGREE,
    ZERO,
    Call,
    Node,
    Number,
    Product,
    Quotient,
    Sum,
    Symbol,
    negated,
    replaced,
    variables,
    walk,
)
from or1_verify.latex.words import normal_words

_RATIOS = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_MIN_DIGITS_CUT = 7
"""Fewest significant digits of a decimal that is truncated instead of rounded [digits]."""
_MACHINE_PRECISION = Fraction(1, 10**12)
_PERCENT = Number(Fraction(100))


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares forms; expressions by `identity`."""

    identity: Identity
    tolerance: Fraction | None = None
    """Largest difference of two equal numbers [unit of the answer]; None = by the policy.
    """
    rules: Rules = DEFAULT_RULES

    def same(self, gold: Form, answer: Form) -> bool:
        """Whether the answer matches the gold.

        Raises:
            UndefinedError, TooLargeError, NotExactError: a value that cannot be compared.
            NeedsNumbersError: from an exact identity.
        """
        if isinstance(gold, Builder | Scoped) or isinstance(answer, Builder | Scoped):
            return self._same_scoped(gold, answer)
        if isinstance(gold, Cases) or isinstance(answer, Cases):
            wanted, found = as_cases(gold), as_cases(answer)
            return bool(wanted and found and same_cases(wanted, found, self.identity))
        if isinstance(gold, Named) or isinstance(answer, Named):
            return self._same_named(gold, answer)
        if is_set(gold) or is_set(answer):
            if gold == answer:
                return True
            return self._same_set(as_region(gold), as_region(as_union(answer)))
        if isinstance(gold, Many) or isinstance(answer, Many):
            return self._same_many(gold, answer)
        match gold, answer:
            case Value(), Value():
                return self._same_value(gold, answer)
            case Ratio((Value(over), Value(under))), Value() if self.rules.ratio_as_fraction:
                return self._same_value(Value(Quotient(over, under)), answer)
            case Value(), Ratio((Value(over), Value(under))) if self.rules.ratio_as_fraction:
                return self._same_value(gold, Value(Quotient(over, under)))
            case Words(gold_text), Words(answer_text):
                if len(gold_text) == 1:
                    return gold_text == answer_text
                return normal_words(gold_text) == normal_words(answer_text)
            case (Words(letter), Value()) if len(letter) == 1:
                return self._same_value(Value(Symbol(letter)), answer)
            case (Value(), Words(letter)) if len(letter) == 1:
                return self._same_value(gold, Value(Symbol(letter)))
            case Based(), Based():
                return gold == answer
            case Based(digits), Value(node):
                return isinstance(node, Number) and str(node.value) == digits.lstrip("0")
            case TimeOfDay(), TimeOfDay():
                return gold.is_same(answer)
            case TimeOfDay() as clock, Ratio(parts):
                return not clock.half and [_shown(part) for part in parts] == clock.time.split(":")
            case Value(node, unit=""), Based():
                return isinstance(node, Number) and node.value == value_of(answer)
            case Ratio(gold_parts), Ratio(answer_parts):
                return self._same_ratio(gold_parts, answer_parts)
            case Ratio(gold_parts), TimeOfDay(time, ""):
                parts = tuple(Value(Number(Fraction(part))) for part in time.split(":"))
                return self._same_ratio(gold_parts, parts)
            case Relation(), Relation():
                return self._same_relation(gold, answer)
            case Relation(("=",)), Value(node, unit=""):
                equation = solved(difference(gold), node)
                return equation is not None and self._same_levels(difference(gold), equation)
            case Value(), Relation(("=",), sides):
                return self._is_value_of(gold, *sides)
            case Dots(), Dots():
                return True
        return False

    def _same_set(self, gold: Region | None, answer: Region | None) -> bool:
        """Whether both are one set of numbers; the ends may be angles with degree signs on one side alone."""
        if gold is None or answer is None:
            return False
        in_numbers = region_in_degrees(gold), region_in_degrees(answer)
        if same_region(gold, answer, self.identity):
            return True
        return in_numbers != (gold, answer) and same_region(*in_numbers, self.identity)

    def _same_scoped(self, gold: Form, answer: Form) -> bool:
        sets = as_builder(gold), as_builder(answer)
        if sets[0] and sets[1] and same_builder(sets[0], sets[1], self.identity, self.same):
            return True
        if isinstance(gold, Builder) or isinstance(answer, Builder):
            return False
        gold_scope, gold_form = (gold, gold.form) if isinstance(gold, Scoped) else (None, gold)
        answer_scope, answer_form = (answer, answer.form) if isinstance(answer, Scoped) else (None, answer)
        same = same_domains(gold_scope, answer_scope, self.identity)
        return same and self.same(gold_form, answer_form)

    def _same_named(self, gold: Form, answer: Form) -> bool:
        answer = aligned(gold, answer)
        match gold, answer:
            case Named(gold_name, gold_form), Named():
                answer = with_argument(answer, gold)
                answer_name, answer_form = answer.name, answer.form
                is_formula = is_solved_for(gold, answer)
                if are_products(gold, answer) or same_names_alone(gold, answer):
                    return True
                if same_name(gold_name, answer_name) and not is_formula:
                    return self.same(gold_form, answer_form) or self._same_solution(
                        gold_name, gold_form, answer_form
                    )
                if not _has_variables(gold_form) or (is_product(gold_name) and not is_formula):
                    return False
                return self._same_equations(gold, answer)
            case (Relation(), Named()) | (Named(), Relation()):
                return self._same_equations(gold, answer)
            case (Many(), Named(name)) | (Named(name), Many()) if JOINT in name:
                return self._same_many(gold, answer)
            case Named(_, Value() | Region() | Words() | Based() | Ratio() | Cases() as gold_form), _:
                return self.same(gold_form, answer)
            case _, Named(_, Value() | Region() | Words() | Based() | Ratio() | Cases() as answer_form):
                return self.same(gold, answer_form)
        return self._same_many(gold, answer)

    def _same_solution(self, name: str, gold: Form, answer: Form) -> bool:
        """Whether both are functions `y(x)` of one family."""
        match gold, answer:
            case Value(gold_node), Value(answer_node) if name in VARIABLES or is_function(name):
                y, is_family = Symbol(name[0]), same_family(gold_node, answer_node, self.identity, True)
                wanted, found = Sum((y, negated(gold_node))), Sum((y, negated(answer_node)))
                return is_family or self._same_levels(wanted, found)
        return False

    def _same_levels(self, gold: Node, answer: Node) -> bool:
        given = letters_of(self.rules.question)
        return same_levels(gold, answer, given, self.identity, self._proportional)

    def _same_equations(self, gold: Form, answer: Form) -> bool:
        equations = equations_of(gold, answer)
        return equations is not None and self._same_relation(*equations)

    def _same_many(self, gold: Form, answer: Form) -> bool:
        answer = aligned(gold, answer)
        match gold, answer:
            case (Many(Order.TUPLE), Many(Order.SET, (Many(Order.TUPLE) as only,))):
                return self.same(gold, only)  # a set with one solution
            case (Many(Order.SET, (Many(Order.TUPLE) as only,)), Many(Order.TUPLE)):
                return self.same(only, answer)
            case (Many(Order.LIST), Many(Order.LIST)) if gold.is_any != answer.is_any:
                if or_counts(gold) or or_counts(answer):
                    return False
        vector, other = (gold, answer) if isinstance(gold, Value) else (answer, gold)
        grid = (grid_of(vector.node) or row_of_vector(vector.node)) if isinstance(vector, Value) else None
        if grid is not None:  # a point may be written as a column, a row or a tuple
            nodes, elements = [node for row in grid for node in row], elements_of(other)
            if isinstance(vector, Value) and grid_of(vector.node) is None and len(elements.items) == 3:
                nodes += [ZERO] * (3 - len(nodes))  # `-j` in space
            flat = Elements(Order.TUPLE, tuple(map(Value, nodes)))
            return 1 in (len(grid), len(grid[0])) and same_elements(flat, elements, self.same)
        return same_elements(elements_of(gold), elements_of(answer), self.same)

    def _same_value(self, gold: Value, answer: Value) -> bool:
        if not beside_agrees(gold, answer):
            return False
        if any(self._same_number(gold, answer, *pair) for pair in self._readings(gold, answer)):
            return True
        return same_family(gold.node, answer.node, self.identity)

    def _readings(self, gold: Value, answer: Value) -> list[tuple[Node, Node]]:
        """The readings of a percent or degree sign that only one side has."""
        gold_node, answer_node = gold.node, answer.node
        factor = unit_factor(gold, answer) if gold.unit and answer.unit else None
        if factor is not None and factor != 1:
            return [(gold_node, Product((answer_node, Number(factor))))]
        if gold.is_percent != answer.is_percent:
            if gold.is_percent:
                return [(gold_node, answer_node), (Quotient(gold_node, _PERCENT), answer_node)]
            exceeds_one = not variables(gold_node) and abs(self.identity.value(gold_node)) > 1
            whole = [(gold_node, answer_node)] if exceeds_one else []
            if whole and "percent" in self.rules.question:
                return whole
            return [*whole, (gold_node, Quotient(answer_node, _PERCENT))]
        if gold.radians is not None and answer.radians is None and is_in_radians(answer):
            return [(Product((gold_node, DEGREE)), answer_node), (gold.radians, answer_node)]
        if answer.radians is not None and gold.radians is None and is_in_radians(gold):
            return [(gold_node, Product((answer_node, DEGREE))), (gold_node, answer.radians)]
        return [(gold_node, answer_node)]

    def _same_number(self, gold: Value, answer: Value, gold_node: Node, answer_node: Node) -> bool:
        answer_node = with_counter(answer_node, gold_node)
        grids = grid_of(gold_node), grid_of(answer_node)
        if answer_node == ZERO and gold_node == ZERO_VECTOR:
            return True  # in bold letters, or as it is often written
        if answer_node == ZERO and grids[0] is not None:
            return all(self._is_zero(node) for row in grids[0] for node in row)
        if grids[0] is not None or grids[1] is not None:
            return self._same_grid(
                grids[0] or grid_like(gold_node, grids[1]),
                grids[1] or grid_like(answer_node, grids[0]),
            )
        if Symbol("infinity") in (*walk(gold_node), *walk(answer_node)):
            return same_end(gold_node, answer_node, self.identity)
        has_variables = bool(variables(gold_node) | variables(answer_node))
        if self.tolerance is not None and not has_variables:
            return abs(self.identity.value(gold_node) - self.identity.value(answer_node)) <= self.tolerance
        is_angle = gold.radians is not None or answer.radians is not None
        if is_angle and self.identity.equal(gold_node, answer_node):
            return True
        if (gold.literal is None and answer.literal is None) or has_variables:
            return self.identity.equal(gold_node, answer_node)
        return self._same_decimal(gold, answer, gold_node, answer_node)

    def _same_decimal(self, gold: Value, answer: Value, gold_node: Node, answer_node: Node) -> bool:
        """At least one side is a decimal: equal, or a correct rounding where the gold is no whole number."""
        exact, rounded = self.identity.value(gold_node), self.identity.value(answer_node)
        is_rounded = gold.literal is not None and self.rules.min_gold_digits <= gold.num_digits < MIN_DIGITS
        if exact == rounded or (exact.denominator == 1 and not is_rounded):
            return exact == rounded
        both = gold.literal is not None and answer.literal is not None
        if both and answer.num_places < gold.num_places:
            return False  # fewer decimal places than the gold
        short = answer if gold.literal is None else gold
        if short is answer and short.num_digits < self.rules.min_answer_digits and is_irrational(gold_node):
            return False
        if not exact or not (is_rounded or (short.num_digits >= MIN_DIGITS and rounded.denominator != 1)):
            return False
        difference = abs(exact - rounded)
        if difference <= abs(exact) * _MACHINE_PRECISION:
            return True
        written = exact if short is gold else rounded
        last_place = Fraction(10) ** -short.num_places
        ulp = last_place * abs(written / short.literal) if short.literal else Fraction(0)
        is_cut = short.num_digits >= _MIN_DIGITS_CUT and difference < ulp
        return difference <= ulp / 2 or is_cut

    def _same_grid(self, gold_grid: Grid | None, answer_grid: Grid | None) -> bool:
        if gold_grid is None or answer_grid is None:
            return False
        if len(gold_grid) != len(answer_grid) or len(gold_grid[0]) != len(answer_grid[0]):
            return False
        gold_nodes, answer_nodes = ((n for row in grid for n in row) for grid in (gold_grid, answer_grid))
        pairs = zip(gold_nodes, answer_nodes, strict=True)
        return all(self.identity.equal(left, right) for left, right in pairs)

    def _same_ratio(self, gold: tuple[Form, ...], answer: tuple[Form, ...]) -> bool:
        """Proportional, part by part."""
        if len(gold) != len(answer):
            return False
        gold_nodes = [part.node for part in gold if isinstance(part, Value)]
        answer_nodes = [part.node for part in answer if isinstance(part, Value)]
        return all(
            self.identity.equal(Product((gold_nodes[0], answer_node)), Product((gold_node, answer_nodes[0])))
            for gold_node, answer_node in zip(gold_nodes[1:], answer_nodes[1:], strict=True)
        )

    def _same_relation(self, gold: Relation, answer: Relation) -> bool:
        if gold.signs != answer.signs:
            return False
        if len(gold.sides) > 2:
            return all(self.identity.equal(a, b) for a, b in zip(gold.sides, answer.sides, strict=True))
        gold_difference, answer_difference = difference(gold), difference(answer)
        empty = self._is_zero(gold_difference), self._is_zero(answer_difference)
        if any(empty):
            return all(empty)
        if not self._proportional(gold_difference, answer_difference):
            return gold.signs[0] == "=" and self._same_equation(gold_difference, answer_difference)
        if gold.signs[0] in {"=", "!="}:
            return True
        left = Product((gold_difference, Call("abs", (answer_difference,))))
        return self.identity.equal(left, Product((answer_difference, Call("abs", (gold_difference,)))))

    def _same_equation(self, gold: Node, answer: Node) -> bool:
        """Whether two differences of sides, not proportional, vanish at the same points."""
        same_names = variables(gold) == variables(answer)  # `x/y = 0` excludes points of `x = 0`
        if same_names and same_curve(gold, answer, self.identity, self._proportional):
            return True
        is_solution = len(variables(gold) & VARIABLES) > 1
        return same_family(gold, answer, self.identity, is_solution) or self._same_levels(gold, answer)

    def _is_value_of(self, gold: Value, left: Node, right: Node) -> bool:
        r"""`m + n = 10` and `\cos x = \frac12` are values of an expression; `2x = 10` is not solved for x."""
        named, value = (left, right) if variables(left) else (right, left)
        if grid_of(value) is not None and grid_of(named) is None:  # `A^2` is a matrix, by its value
            return self._same_value(gold, Value(value))
        is_open = len(variables(named)) < 2 and not (isinstance(named, Call) and named.name in _RATIOS)
        if variables(gold.node):  # `\frac{2^n}{2} = 2^{n-1}`
            return not isinstance(left, Symbol) and all(
                self.identity.equal(gold.node, side) for side in (right, left)
            )
        if is_open or variables(value) or self._is_zero(value):
            return False
        return self.identity.equal(gold.node, value)

    def _proportional(self, gold_node: Node, answer_node: Node) -> bool:
        """a(x) b(y) = a(y) b(x) for all points x and y: the quotient is one constant."""
        moved_gold, moved_answer = gold_node, answer_node
        for name in variables(gold_node) | variables(answer_node):
            moved_gold = replaced(moved_gold, Symbol(name), Symbol(f"{name}'"))
            moved_answer = replaced(moved_answer, Symbol(name), Symbol(f"{name}'"))
        return self.identity.equal(Product((gold_node, moved_answer)), Product((moved_gold, answer_node)))

    def _is_zero(self, node: Node) -> bool:
        return self.identity.equal(node, ZERO)


def _shown(part: Form) -> str:
    return str(part.node.value) if isinstance(part, Value) and isinstance(part.node, Number) else ""


def _has_variables(form: Form) -> bool:
    return isinstance(form, Value) and bool(variables(form.node))
