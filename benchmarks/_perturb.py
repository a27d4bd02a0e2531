"""Changed copies of problems, made from a seed: what a deduplication has to find, and what it must leave
alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_MATH = re.compile(r"(\$\$.*?\$\$|\$.*?\$|\\\[.*?\\\]|\\\(.*?\\\))", re.DOTALL)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z][a-z]{2,}(?![A-Za-z])")
_COMMAND = re.compile(r"\\[A-Za-z]+(?:\{[a-z]+\*?\})?|[A-Za-z]")
_LETTERS = "abcdfghjklmnopqrstuvwxyz"
_NUMBER = re.compile(r"(?<![\d.,])\d+(?![\d.,])")
_STYLES: tuple[tuple[str, str], ...] = (
    (r"\\dfrac", r"\\frac"), (r"\\frac", r"\\dfrac"), (r"\\left(?=[(\[|])", ""), (r"\\right(?=[)\]|])", ""),
    (r"\\le(?![a-z])", r"\\leq"), (r"\\leq(?![a-z])", r"\\le"), (r"\\ge(?![a-z])", r"\\geq"),
    (r"\\cdot", r"\\times"), (r"\^\{(\w)\}", r"^\1"), (r"_\{(\w)\}", r"_\1"), (r"\^\\circ", r"^{\\circ}"),
    (r"\\neq", r"\\ne"), (r",\\!", ","),
)  # fmt: skip
FILLING = tuple(
    re.findall(
        r"\w+",
        "garden window market silver quiet river lantern copper follow simple matter figure orange winter "
        "bridge careful engine yellow pocket handle summer corner planet button travel listen basket castle "
        "number three larger total people",
    )
)
"""Words that are put in where the vocabulary of the corpus is not wanted."""


def respace(text: str, rng: random.Random) -> str:
    """Other blanks, line ends and capitals at the start of sentences."""
    text = re.sub(r" +", lambda _: rng.choice((" ", "  ", "\n", " ")), text)
    text = re.sub(r"(?<=[a-z])([.,?]) ", lambda found: found[1] + rng.choice((" ", "  ", "\n\n")), text)
    return rng.choice(("", " ", "\n")) + text + rng.choice(("", " ", "\n"))


def restyle(text: str, rng: random.Random) -> str:
    """The same mathematics in another LaTeX style."""
    for pattern, other in rng.sample(_STYLES, k=len(_STYLES) // 2):
        text = re.sub(pattern, other, text)
    if rng.random() < 0.5 and r"\$" not in text and "$$" not in text:
        text = re.sub(r"(?<!\$)\$(?!\$)([^$]+)\$(?!\$)", r"\\(\1\\)", text)
    return _MATH.sub(lambda found: re.sub(r"([+=<>])", r" \1 ", found[1]), text) + " "


def rename(text: str, rng: random.Random) -> str:
    """Other letters for the variables, one for one, throughout the mathematics of a text."""
    used = {each for part in _MATH.findall(text) for each in _COMMAND.findall(part)}
    letters = sorted(each for each in used if len(each) == 1 and each in _LETTERS)
    free = [each for each in _LETTERS if each not in used]
    rng.shuffle(free)
    chosen = dict(zip(letters, free, strict=False))
    return _MATH.sub(
        lambda found: _COMMAND.sub(lambda each: chosen[each[0]] if each[0] in chosen else each[0], found[1]),
        text,
    )


def reword(text: str, fraction: float, rng: random.Random, vocabulary: Sequence[str]) -> str:
    """Change a share of the words outside mathematics: exchange most, leave out or double some."""
    spans = [
        (part.start() + found.start(), part.start() + found.end())
        for part in re.finditer(r"(?:(?!\$).)+", _MATH.sub(lambda m: "$" * len(m[0]), text), re.DOTALL)
        for found in _WORD.finditer(part.group())
    ]
    chosen = sorted(rng.sample(spans, round(fraction * len(spans))), reverse=True)
    for start, end in chosen:
        kind = rng.random()
        new = (
            rng.choice(vocabulary)
            if kind < 0.8
            else ""
            if kind < 0.9
            else f"{text[start:end]} {rng.choice(vocabulary)}"
        )
        text = text[:start] + new + text[end:]
    return text


def renumber(text: str, rng: random.Random) -> str | None:
    """One number changed: another problem; None if there is none."""
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    one = rng.choice(found)
    return f"{text[: one.start()]}{int(one[0]) + rng.randint(1, 9)}{text[one.end() :]}"


def kinds(vocabulary: Sequence[str]) -> dict[str, Callable[[str, random.Random], str]]:
    """name -> perturbation; the last two change words."""
    return {
        "respaced": respace,
        "restyled": restyle,
        "renamed": rename,
        "10 % of words": lambda text, rng: reword(text, 0.1, rng, vocabulary),
        "20 % of words": lambda text, rng: reword(text, 0.2, rng, vocabulary),
    }


def leave_out(text: str, rng: random.Random) -> str:
    """A tenth of the words gone."""
    return " ".join(word for word in text.split(" ") if not (word.isalpha() and rng.random() < 0.1))


def swap(text: str, rng: random.Random) -> str:
    """Some neighbouring words exchanged."""
    words = text.split(" ")
    for at in range(len(words) - 1):
        if rng.random() < 0.05 and words[at].isalpha() and words[at + 1].isalpha():
            words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def misspell(text: str, rng: random.Random) -> str:
    """Two letters exchanged in a tenth of the longer words."""
    return " ".join(
        word[:1] + word[2:3] + word[1:2] + word[3:]
        if word.isalpha() and len(word) > 3 and rng.random() < 0.1
        else word
        for word in text.split(" ")
    )


def rename_people(text: str, rng: random.Random) -> str:
    """Other names for whoever is named inside a sentence."""
    named = sorted(set(re.findall(r"(?<=[a-z] )[A-Z][a-z]+", text)))
    others = dict(
        zip(named, rng.sample(("Olivia", "Tariq", "Bao", "Ingrid", "Mateo", "Zofia"), k=6), strict=False)
    )
    return re.sub(
        r"\b[A-Z][a-z]+\b", lambda found: others[found[0]] if found[0] in others else found[0], text
    )


def unmark(text: str, _: random.Random) -> str:
    """Mathematics without the dollars around it."""
    return text.replace(r"\$", "\0").replace("$", "").replace("\0", r"\$")


def instruct(text: str, rng: random.Random) -> str:
    """An instruction around the problem."""
    before = rng.choice(("", "Solve this problem carefully. ", "Here is a question for you:\n"))
    return f"{before}{text} Explain each step and show your work."


def held_out_kinds() -> dict[str, Callable[[str, random.Random], str]]:
    """name -> perturbation that no threshold was chosen on."""
    return {
        "words left out": leave_out,
        "words swapped": swap,
        "misspelled": misspell,
        "people renamed": rename_people,
        "unmarked": unmark,
        "with an instruction": instruct,
        "30 % of words, of another vocabulary": lambda text, rng: reword(text, 0.3, rng, FILLING),
    }
