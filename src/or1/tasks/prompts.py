r"""Texts appended to questions, by name: copy one into `data.instruction` of a recipe.

The wording is part of an experiment: a run's configuration holds the text itself, not the name.
"""

from __future__ import annotations

from types import MappingProxyType

BOXED = r"Please reason step by step, and put your final answer within \boxed{}."
BOXED_BRIEFLY = r"Solve it in a few short lines. End with the final number alone in \boxed{}."
BOXED_INTEGER = r"Work through it carefully, then give the final answer, an integer, as \boxed{}."
CODE_STDIN = (
    "Write a Python program that reads the input from standard input and prints the output to standard "
    "output. Give the whole program in one block that starts with ```python and ends with ```."
)
CODE_FUNCTION = "Give the complete Python code in one block that starts with ```python and ends with ```."

INSTRUCTIONS = MappingProxyType(
    {"boxed": BOXED, "boxed-briefly": BOXED_BRIEFLY, "boxed-integer": BOXED_INTEGER},
)


def with_instruction(question: str, instruction: str) -> str:
    """The question, and the instruction on a line of its own; nothing is added twice.

    >>> with_instruction("1+1?", "Box it.")
    '1+1?\\nBox it.'
    """
    question = question.rstrip()
    if not instruction or question.endswith(instruction):
        return question
    return f"{question}\n{instruction}"
