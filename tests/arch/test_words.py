"""Plain technical English: words and turns of phrase that readers of other projects' documents do not expect.

CONTRIBUTING.md has the rule and the words to use instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.arch.source import ROOT, tracked_files

# (what is forbidden, an offence, the words to use)
WORDS: list[tuple[str, str, str]] = [
    ("so (?:many|much)", "after so many steps", "`num` steps, this many steps"),
    ("whom", "whom it asks", "a sentence of its own"),
    ("(?:is|are|be|been|was|were) had", "how texts are had", "made, read, sampled"),
    ("nobody", "nobody waits", "no process waits, None"),
    ("mend(?:s|ed|ing)?", "the command that mends it", "fix"),
    ("mine|theirs", "mine, theirs = pair", "answer_, gold_"),
    ("told", "the store is told", "a callback `on_...`, informed, given"),
    ("hears?|heard", "it hears of it", "receives, is notified"),
    ("zygotes?", "the zygote", "fork server"),
    ("crews?", "a crew of workers", "worker pool"),
    ("look(?:s|ed|ing)? on", "the console looks on", "a callback, a listener"),
    ("(?:is|are|be|been|was|were) asked", "the model is asked", "gets a prompt, is called, requested"),
    ("(?:go|goes|going|went|gone) on", "the run goes on", "resume, continue"),
    ("(?:let|lets|letting) go", "lets go of the oldest", "delete, prune, release"),
    ("sampled again", "in 95 of 100 when sampled again", "95 % CI"),
    ("(?:right|wrong)(?:ly)? paid", "wrongly paid answers", "counted correct, counted incorrect"),
    ("formerly|no longer|nowadays", "no longer needed", "nothing: the history is in git"),
    ("whoever", "whoever reads it", "any process, any user"),
    ('"""what', 'def f(): """What it gave."""', "a noun: the result, the values"),
]
PATTERNS = {
    words: re.compile(rf"(?<![a-z])(?:{words})(?![a-z])".replace(" ", r"\s+"), re.IGNORECASE)
    for words, _, _ in WORDS
}
HISTORY_ALLOWED = {"docs/log.md"}


def readable() -> Iterator[tuple[str, str]]:
    """Files whose text a reader meets, with runs of blanks and comment signs as one blank."""
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        is_source = name.startswith("src/") or re.match(r"packages/[^/]+/(src|docs)/", name)
        is_document = name.startswith(("docs/", "examples/")) or path.name in ("README.md", "CONTRIBUTING.md")
        if (is_source or is_document) and path.suffix in (".py", ".md", ".toml"):
            yield name, path.read_text(encoding="utf-8")


def offences(name: str, text: str) -> list[str]:
    found = []
    for words, pattern in PATTERNS.items():
        if "formerly" in words and name in HISTORY_ALLOWED:
            continue
        for match in pattern.finditer(one_line(text)):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{name}:{line}: {' '.join(match[0].split())!r}")
    return found


def one_line(text: str) -> str:
    """The text with line breaks and the comment signs after them as blanks, at the same positions."""
    return re.sub(r"\n[ ]*(?:#:?|\*|>)?", lambda match: " " * len(match[0]), text)


@pytest.mark.parametrize(("words", "offence", "instead"), WORDS, ids=[words for words, _, _ in WORDS])
def test_the_words_are_seen(words: str, offence: str, instead: str) -> None:
    assert offences("x.py", offence), f"not seen; use instead: {instead}"


def test_words_are_seen_across_lines_and_in_names_but_not_inside_other_words() -> None:
    assert offences("x.py", "# after so\n    # many steps") == ["x.py:1: 'so many'"]
    assert offences("x.py", "a = 1\nmine_T = 2") == ["x.py:2: 'mine'"]
    assert offences("x.py", "determine, amend, recommend, mineral, crewel") == []


def test_words_are_plain() -> None:
    found = [line for name, text in readable() for line in offences(name, text)]
    assert found == [], "CONTRIBUTING.md has the words to use instead"
