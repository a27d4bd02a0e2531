"""Things counted, and differences in words: which words exclude each other."""

from __future__ import annotations

import re

_GROUPS = (
    "boy/man/male/son/brother/father/uncle girl/woman/lady/female/daughter/sister/mother/aunt/wife/wive;"
    "adult/grownup/man/woman/lady child/kid/boy/girl baby/infant;parent/mother/father child/kid/son/daughter"
    " brother/sister/sibling uncle/aunt cousin;king queen;head tail;win/victory loss/defeat draw/tie;"
    "row column;vertex edge/side face;penny nickel dime quarter;red blue green yellow black white;"
    "dog cat horse cow pig sheep goat rabbit mouse/mice bird/chicken/duck;student/pupil class school desk;"
    "apple orange banana pear peach;marble ball coin card stamp book pencil;car truck bus bicycle;hit miss;"
    "pass/success failure/fail;teacher student/pupil;buyer seller;winner loser;even odd;"
    "guest host;employee employer;day night;husband wife/wive"
)
_OPPOSITES = (
    "profit/gain loss;taller shorter/smaller;older younger;more/greater/larger less/fewer/smaller"
    ";faster slower;increase/rise decrease/fall/drop;longer shorter;above below;ahead behind;cheaper dearer"
)
"""Words for the two senses of a difference."""


def _senses(groups: str) -> list[dict[str, int]]:
    return [
        {word: number for number, sense in enumerate(group.split()) for word in sense.split("/")}
        for group in groups.split(";")
    ]


_DIFFERENCES = _senses(_OPPOSITES)
_THINGS = _senses(_GROUPS) + _DIFFERENCES
"""Groups of things counted, in the singular: no word stands for another one; `/` joins synonyms."""
_NEGATIONS = ("non", "un", "in", "im", "ir", "il", "dis")
_PLURALS = (
    (re.compile(r"(?<=child)ren$"), ""), (re.compile(r"men$"), "man"), (re.compile(r"(?<=vert)ices$"), "ex"),
    (re.compile(r"ies$"), "y"),
    (re.compile(r"(?:(?<=ss|sh|ch)|(?<=x))es$"), ""), (re.compile(r"(?<!s)s$"), ""),
)  # fmt: skip
_SHORTEST_NEGATED = 4
"""Fewest letters of a word that a prefix negates: `unit` is not the opposite of `it` [letters]."""


def singular(word: str) -> str:
    """The singular of a regular plural, and of words in -men and -ices; other words as they are.

    >>> [singular(word) for word in ("boxes", "babies", "women", "vertices", "loss", "boys")]
    ['box', 'baby', 'woman', 'vertex', 'loss', 'boy']
    """
    return next((form.sub(end, word) for form, end in _PLURALS if form.search(word)), word)


def are_of_other_things(gold: str, answer: str) -> bool:
    """Whether words after two numbers name things that exclude each other; other plurals may be synonyms.

    >>> are_of_other_things("boys", "girls"), are_of_other_things("children", "kids")
    (True, False)
    """
    gold_things, answer_things = _things(gold), _things(answer)
    sides = ((gold_things, answer_things), (answer_things, gold_things))
    words = ((one, other) for own, other in sides for one in own - other if len(one) >= _SHORTEST_NEGATED)
    if any(pre + one in other for one, other in words for pre in _NEGATIONS):
        return True
    senses = [[{group[one] for one in things & group.keys()} for things in (gold_things, answer_things)]
              for group in _THINGS]  # fmt: skip
    return any(wanted and found and wanted.isdisjoint(found) for wanted, found in senses)


def opposite_asked(words: str, asked: str) -> str:
    """The word of a request that has the opposite sense of words after an answer; empty if there is none, or
    the request has both senses. A comparison in full may be turned round.

    >>> opposite_asked("feet taller", "How much shorter?"), opposite_asked("loss", "Is it a gain or loss?")
    ('shorter', '')
    """
    given, wanted = _things(words), _things(asked)
    if "than" in given:
        return ""
    for group in _DIFFERENCES:
        senses = {group[word] for word in given & group.keys()}
        others = {group[word]: word for word in wanted & group.keys()}
        if senses and others and senses.isdisjoint(others):
            return next(iter(others.values()))
    return ""


def _things(text: str) -> set[str]:
    return {singular(word) for word in re.findall("[a-z]{3,}", text.lower().replace("non-", "non"))}
