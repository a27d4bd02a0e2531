"""Instructions appended to questions. Those of mathematical problems are `data.instruction` of a recipe."""

from __future__ import annotations

CODE_STDIN = (
    "Write a Python program that reads the input from standard input and prints the output to standard "
    "output. Give the whole program in one block that starts with ```python and ends with ```."
)
CODE_FUNCTION = "Give the complete Python code in one block that starts with ```python and ends with ```."


def with_instruction(question: str, instruction: str) -> str:
    """The question, and the instruction on a line of its own; nothing is added twice.

    >>> with_instruction("1+1?", "Box it.")
    '1+1?\\nBox it.'
    """
    question = question.rstrip()
    if not instruction or question.endswith(instruction):
        return question
    return f"{question}\n{instruction}"
