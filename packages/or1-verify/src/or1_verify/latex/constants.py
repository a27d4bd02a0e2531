"""Names of arbitrary constants of integration."""

from __future__ import annotations

import re

from or1_verify.latex.tree import Node, Sum, Symbol, variables

OF_INTEGRATION = re.compile(r"[CK]|[CcK]_\d")
"""Names that are arbitrary as a factor too."""
LETTERS = frozenset("ck")
"""Names that are arbitrary as a term, beside variables alone: `x^2 + c`, but not `a + b + c`."""
VARIABLES = frozenset("rtuvwxyz") | {"theta"}


def is_letter_of_integration(name: str, names: frozenset[str]) -> bool:
    """Whether a term by itself, beside `names`, is a constant of integration by a small letter."""
    return name in LETTERS and names - {name} <= VARIABLES


def is_antiderivative(node: Node) -> bool:
    """Whether an expression has a constant of integration: `C` anywhere, other names as a term by itself."""
    names = variables(node)
    terms = [term.name for term in node.terms if isinstance(term, Symbol)] if isinstance(node, Sum) else []
    return "C" in names or any(
        OF_INTEGRATION.fullmatch(term) or is_letter_of_integration(term, names) for term in terms
    )
