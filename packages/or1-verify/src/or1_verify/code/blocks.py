"""Fenced blocks of a response in Markdown, and the block that is its program.

The syntax is CommonMark's, with the deviations that models need: a fence may follow text or a list marker on
its line, and a closing fence may have text after it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from or1_verify.code.syntax import syntax_tree

_FENCE = re.compile(r"`{3,}|~{3,}")
_MARKER = re.compile(r"[ \t>]*+(?:[-*+]|\d{1,9}[.)])?[ \t]*+")
"""Text before a fence that counts as its indentation: blanks, quote marks, a list marker."""
_QUOTE = re.compile(r" {0,3}>[ ]?")
_PYTHON = re.compile(r"(?:\{\s*\.?)?(?:python|py)(?:[ ]?[23](?:\.\d+)?)?(?![\w+-])", re.IGNORECASE)
_CLOSING_INDENT = 3
"""A closing fence may be indented this much more than the opening one [characters]. Source: CommonMark."""
_MAX_PARSED = 1 << 20
"""Longest untagged block that is parsed; longer ones count as programs [characters]."""
_DATA = (
    *(ast.Expr, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Name, ast.UnaryOp),
    *(ast.unaryop, ast.BinOp, ast.operator),
)
"""Nodes of a text that computes nothing: an example of input or output that is valid Python too."""


@dataclass(frozen=True, slots=True)
class Block:
    """A closed fenced block that is not blank."""

    tag: str
    """Text after the opening fence: a language, or empty."""
    text: str

    @property
    def is_python(self) -> bool:
        """Whether the tag says Python, and the text is no interactive session."""
        return _PYTHON.match(self.tag) is not None and not self.text.lstrip().startswith(">>>")

    @property
    def computes(self) -> bool:
        """Whether the text is valid Python that does more than write values down."""
        if len(self.text) > _MAX_PARSED:
            return True
        try:
            tree = syntax_tree(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        return any(not isinstance(node, _DATA) for stmt in tree.body for node in ast.walk(stmt))


@dataclass(slots=True)
class _Open:
    """A block whose closing fence has not been read."""

    fence: str
    tag: str
    indent: int
    quoted: bool
    lines: list[str]


def last_program(text: str) -> str:
    r"""The program of a response; empty if there is none.

    It is the last block tagged as Python; without such blocks the last untagged block that computes
    something; else the last untagged block. A last block of Python that is not closed was cut off: then
    there is no program, and an earlier draft does not count. Blocks with other tags are never the program.

    >>> last_program("```python\nprint(3)\n```\nThe output:\n```\n3\n```\n")
    'print(3)'
    """
    blocks, unclosed = blocks_of(text)
    python = [block.text for block in blocks if block.is_python]
    untagged = [block for block in blocks if not block.tag]
    if unclosed is not None and (unclosed.is_python or (not unclosed.tag and not python)):
        return ""
    computing = [block.text for block in untagged if not python and block.computes]
    return (python or computing or [block.text for block in untagged] or [""])[-1]


def blocks_of(text: str) -> tuple[list[Block], Block | None]:
    """The closed blocks in order, without blank ones, and the block that is open at the end, if any."""
    blocks: list[Block] = []
    block: _Open | None = None
    for line in text.split("\n"):
        if block is None:
            block = _opened(line)
        elif (end := _closed_by(line, block)) is None:
            block.lines.append(line)
        else:
            blocks += _finished(block)
            block = end[0]
    rest = [] if block is None else _finished(block)
    return blocks, rest[0] if rest else None


def _opened(line: str) -> _Open | None:
    """The block that a line opens; None if it opens none."""
    found = _FENCE.search(line)
    if found is None:
        return None
    before, info = line[: found.start()], line[found.end() :].strip()
    is_indent = _MARKER.fullmatch(before) is not None
    in_prose = not is_indent and (found[0][0] == "~" or (info and not _PYTHON.fullmatch(info)))
    if in_prose or "`" in before or "`" in info:
        return None
    indent = len(before.expandtabs(4)) if is_indent else 0
    return _Open(found[0], info, indent, is_indent and ">" in before, [])


def _closed_by(line: str, block: _Open) -> tuple[_Open | None] | None:
    """None if the line belongs to the block; else the block is closed, and the next one may be open."""
    if block.quoted:
        line = _QUOTE.sub("", line, count=1)
    bare = line.lstrip(" \t")
    indent = len(line.expandtabs(4)) - len(bare.expandtabs(4))
    run = len(bare) - len(bare.lstrip(block.fence[0]))
    if run < len(block.fence) or indent > block.indent + _CLOSING_INDENT:
        return None
    info = bare[run:].strip()
    if "`" in info:
        return None
    return (_opened(line),) if _PYTHON.fullmatch(info) else (None,)


def _finished(block: _Open) -> list[Block]:
    lines = [_QUOTE.sub("", line, count=1) for line in block.lines] if block.quoted else block.lines
    text = "\n".join(_dedented(line, 0 if block.quoted else block.indent) for line in lines)
    return [Block(block.tag, text)] if text.strip() else []


def _dedented(line: str, indent: int) -> str:
    """The line without up to `indent` leading blanks."""
    blanks = len(line) - len(line.lstrip(" \t"))
    if not indent or not blanks:
        return line
    kept = line[:blanks].expandtabs(4)[indent:]
    return kept + line[blanks:]
