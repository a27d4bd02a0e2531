"""Names of arbitrary constants of integration."""

from __future__ import annotations

import re

from or1_verify.latex.tree import Node, Sum, Symbol, variables

OF_INTEGRATION = re.compile(r"[CK]|[CcK]_\d")
"""Names that are arbitrary as a factor too."""
CONSTANTS = re.compile(r"[ABCDK]|[A-Za-z]_\d")
"""Names of constants, which may stand beside each other."""
LETTERS = frozenset("ck")
"""Names that are arbitrary as a term, beside variables alone: `x^2 + c`, but not `a + b + c`."""
VARIABLES = frozenset("rtuvwxyz") | {"theta"}


def is_letter_of_integration(name: str, names: frozenset[str]) -> bool:
    """Whether a term by itself, beside `names`, is a constant of integration by a small letter."""
    return name in LETTERS and names - {name} <= VARIABLES


def is_beside_variables(names: frozenset[str]) -> bool:
    """Whether expressions of these names may have arbitrary constants: beside a variable, and beside no other
    capital letter, which would make `C` a quantity too (`x/(RC)`)."""
    others = {name for name in names if not CONSTANTS.fullmatch(name)}
    return bool(others & (VARIABLES | {"n"})) and not any(name[:1].isupper() for name in others)


def is_antiderivative(node: Node) -> bool:
    """Whether an expression has a constant of integration: `C` anywhere, other names as a term by itself."""
    names = variables(node)
    terms = [term.name for term in node.terms if isinstance(term, Symbol)] if isinstance(node, Sum) else []
    return "C" in names or any(
        OF_INTEGRATION.fullmatch(term) or is_letter_of_integration(term, names) for term in terms
    )
