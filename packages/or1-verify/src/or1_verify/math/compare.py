"""Compare one answer with the accepted golds: exactly if that decides, else by numbers.

`compare_exactly` takes at most a millisecond and loads no library; `compare` decides the rest, in a worker.
"""

from __future__ import annotations

import re
from dataclasses import replace

from or1_verify.latex.alignment import (
    as_ordered_list,
    asked_order,
    in_asked_order,
    with_asked_names,
)
from or1_verify.latex.amounts import read_amount
from or1_verify.latex.arguments import with_gold_variable
from or1_verify.latex.asked_units import with_asked_unit
from or1_verify.latex.chains import chains_hold
from or1_verify.latex.exact import NotExactError, TooLargeError, UndefinedError
from or1_verify.latex.forms import Form, Named, Region, Relation, Words
from or1_verify.latex.identity import ExactIdentity, Identity, NeedsNumbersError, NumericIdentity
from or1_verify.latex.labels import labelled_values, values_for
from or1_verify.latex.parameters import with_gold_letters
from or1_verify.latex.progressions import same_with_parameter
from or1_verify.latex.relations import squared
from or1_verify.latex.remarks import alternatives, plainer
from or1_verify.latex.rules import Rules
from or1_verify.latex.same import Comparer
from or1_verify.latex.spans import same_span
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.undone import is_undone, repeats
from or1_verify.latex.words import same_words
from or1_verify.math.approximations import (
    before_rounded,
    has_approximation,
    is_approximated_by_words,
    is_near_its_decimal,
)
from or1_verify.math.choice import choice_letter, names_other_choice, takes_back_choice
from or1_verify.math.comparison import UNLIKE, Comparison
from or1_verify.math.congruences import by_residues, computed
from or1_verify.math.gold import AcceptedGold, BadGoldError, GoldType, as_typed, is_equation, is_letter
from or1_verify.math.readings import gold_form, readings_of

_NAME = re.compile(r"\s*(?:[A-Z][a-z]{2,}|[A-Za-z]{2,}(?: [a-z]{2,})+)\s*")
"""A name or phrase without a command for text, which may be read as a product."""


def compare_exactly(golds: tuple[AcceptedGold, ...], answer: str, rules: Rules) -> Comparison:
    """The result if exact arithmetic and text decide it, else OPEN."""
    found = [_compare_one(gold, answer, ExactIdentity(), rules) for gold in golds]
    if Comparison.EQUAL in found:
        return Comparison.EQUAL
    return Comparison.DIFFERENT if set(found) == {Comparison.DIFFERENT} else Comparison.OPEN


def compare(golds: tuple[AcceptedGold, ...], answer: str, rules: Rules) -> Comparison:
    """The result for an answer; a gold that cannot be read is skipped if another can."""
    found = [_compare_one(gold, answer, NumericIdentity(), rules) for gold in golds]
    return min(found, key=list(Comparison).index, default=Comparison.BAD_GOLD)


def _compare_one(gold: AcceptedGold, answer: str, identity: Identity, rules: Rules) -> Comparison:
    """The best result for an answer as it stands, without its remarks, or by each of its two texts."""
    found = _compare_text(gold, answer, identity, rules)
    if found in {Comparison.EQUAL, Comparison.BAD_GOLD}:
        return found
    others = [_compare_text(gold, each, identity, rules) for each in plainer(answer, rules.question)]
    both = [_compare_text(gold, each, identity, rules) for each in alternatives(answer)]
    order = list(Comparison).index
    return min([found, *others, *([max(both, key=order)] if both else [])], key=order)


def _compare_text(gold: AcceptedGold, answer: str, identity: Identity, rules: Rules) -> Comparison:
    question = rules.question
    if asked_order(question):
        gold = replace(gold, text=as_ordered_list(gold.text, question))
        answer = as_ordered_list(answer, question)
    answer = computed(gold.text, answer)
    amount = read_amount(gold.text) if gold.type is None else None
    other = read_amount(answer) if amount else None
    if amount and other and max(amount[2], other[2]) > 1:
        return Comparison.EQUAL if amount[:2] == other[:2] else Comparison.DIFFERENT
    try:
        form = gold_form(gold, question)
    except (BadGoldError, UnreadableError):
        is_amount = amount is not None and amount[2] > 1
        return Comparison.DIFFERENT if is_amount else _by_text(gold, answer, identity, rules)
    decided = _by_words(gold, form, answer, question)
    if decided is None and gold.type in {None, GoldType.EQUATION}:
        decided = by_residues(gold.text, answer, question)
    return decided or _by_form(gold, form, answer, identity, rules)


def _by_text(gold: AcceptedGold, answer: str, identity: Identity, rules: Rules) -> Comparison:
    """The result for a gold that has no form."""
    if gold.type is not None:
        return Comparison.BAD_GOLD
    if gold.text[:1].isalpha() and same_words(gold.text, answer):
        return Comparison.EQUAL
    decided = by_residues(gold.text, answer, rules.question)
    return decided or _by_labels(gold, answer, identity, rules) or Comparison.BAD_GOLD


def _by_words(gold: AcceptedGold, form: Form, answer: str, question: str) -> Comparison | None:
    """The result for a gold that is a choice or a text, or an answer with its words; None for others."""
    letter = form.text if isinstance(form, Words) and is_letter(form) else None
    label = gold.letter or letter
    if label and names_other_choice(answer, label):
        return Comparison.DIFFERENT
    is_choice = gold.type is GoldType.CHOICE or (gold.type is None and letter is not None)
    if is_choice and isinstance(form, Words) and choice_letter(answer) == form.text:
        is_other = takes_back_choice(answer, form.text, question)
        return Comparison.DIFFERENT if is_other else Comparison.EQUAL
    is_text = gold.type is GoldType.TEXT or (isinstance(form, Words) and letter is None)
    is_text |= gold.type is None and _NAME.fullmatch(gold.text) is not None
    if is_text and gold.type is not GoldType.CHOICE and same_words(gold.text, answer):
        return Comparison.EQUAL
    return Comparison.DIFFERENT if gold.type in {GoldType.CHOICE, GoldType.TEXT} else None


def _by_form(gold: AcceptedGold, form: Form, answer: str, identity: Identity, rules: Rules) -> Comparison:
    """The best result over the readings of the answer."""
    readings = readings_of(gold, form, answer, rules.question)
    if not readings:
        unread = Comparison.DIFFERENT if isinstance(form, Words) else Comparison.BAD_ANSWER
        return _by_labels(gold, answer, identity, rules) or unread
    comparer = Comparer(identity, gold.tolerance, rules)
    found = [_compare_forms(comparer, form, reading, gold.type) for reading in readings]
    best = min(found, key=list(Comparison).index)
    if best is not Comparison.EQUAL and (exact := before_rounded(gold, form, answer)) is not None:
        rounding = Comparer(identity, gold.tolerance, replace(rules, min_gold_digits=2, question=""))
        best = _compare_forms(rounding, form, exact, gold.type)
    if labelled_values(gold.text) and (best is not Comparison.EQUAL or labelled_values(answer)):
        best = _by_labels(gold, answer, identity, rules) or best
    if best is not Comparison.EQUAL:
        return best
    is_repeated = repeats(rules.question, gold.text, answer)
    return Comparison.DIFFERENT if is_repeated else _as_chained(gold.text, answer, identity)


def _as_chained(gold: str, answer: str, identity: Identity) -> Comparison:
    """The result for an answer that ends in the value of the gold: equal if its steps hold, and the decimal
    after it where the gold has one too."""
    try:
        holds = chains_hold(answer, identity) and not is_approximated_by_words(answer)
        if holds and has_approximation(gold):
            holds = is_near_its_decimal(answer, identity)
    except NeedsNumbersError:
        return Comparison.OPEN
    return Comparison.EQUAL if holds else Comparison.DIFFERENT


def _by_labels(gold: AcceptedGold, answer: str, identity: Identity, rules: Rules) -> Comparison | None:
    """The result for a gold of several values with labels; None for another gold."""
    wanted = labelled_values(gold.text) if gold.type is None else None
    if wanted is None:
        return None
    found = values_for(wanted, answer)
    if found is None:
        return Comparison.DIFFERENT
    results = [_compare_one(AcceptedGold(wanted[label]), found[label], identity, rules) for label in wanted]
    if Comparison.BAD_GOLD in results:
        return None
    return max(results, key=[Comparison.EQUAL, *UNLIKE].index)


def _compare_forms(comparer: Comparer, gold: Form, answer: Form, kind: GoldType | None) -> Comparison:
    question = comparer.rules.question
    if kind is GoldType.EQUATION and not is_equation(answer):
        return Comparison.DIFFERENT
    if not comparer.rules.inequality_for_membership and _is_evasive(gold, answer):
        return Comparison.DIFFERENT
    answer = as_typed(answer, kind)
    if kind is GoldType.TUPLE and isinstance(answer, Named) and isinstance(answer.form, Region):
        return Comparison.DIFFERENT
    answer = squared(answer) if isinstance(gold, Relation) else answer
    answer = with_gold_variable(gold, answer, question)
    gold = with_asked_unit(gold, answer, question)
    gold = with_asked_names(gold, answer, question)
    gold, answer = in_asked_order(gold, answer, question)
    try:
        alike = with_gold_letters(gold, answer, question)
        is_same = comparer.same(gold, answer) or any(comparer.same(gold, each) for each in alike)
        is_same = is_same or same_with_parameter(gold, answer, question)
        is_same = is_same or same_span(gold, answer, question, comparer.identity)
        is_done = is_same and not is_undone(question, gold, answer, comparer.same)
        return Comparison.EQUAL if is_done else Comparison.DIFFERENT
    except NeedsNumbersError:
        return Comparison.OPEN
    except (TooLargeError, RecursionError):
        return Comparison.TOO_LARGE
    except UndefinedError:
        return Comparison.DIFFERENT
    except NotExactError:
        return Comparison.BAD_ANSWER


def _is_evasive(gold: Form, answer: Form) -> bool:
    """Whether the gold is a set (`x \\in ...`) and the answer an inequality."""
    match gold, answer:
        case Named(form=Region(), is_membership=True), Named(form=Region(), is_membership=False):
            return True
    return False
