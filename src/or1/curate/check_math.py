"""Mathematical problems whose answer can be checked: a sound gold, one question, in words alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from or1.curate.config import VerifiableConfig
from or1.curate.records import Decision, Record
from or1.protocols import VerifierPool
from or1.rollout.judged import judged
from or1.types import Answer, Gold, Outcome, Verdict
from or1_verify.answer import final_answer
from or1_verify.golds import bad_golds
from or1_verify.math.gold import BadGoldError, accepted_golds

STAGE = "verifiable"
_NOT_JUDGED = Outcome.NOT_JUDGED.value
"""Reason where the check failed for a fault of ours: it says nothing of the row."""
_URL = re.compile(r"https?://|\bwww\.\w", re.IGNORECASE)
_IN_TEXT = re.compile(r"\[asy\]|\\begin\{(?:tikzpicture|asy|picture)\}")
"""A figure that stands in the text as the commands that draw it."""
_IMAGE = re.compile(
    r"\\includegraphics|!\[[^\]]*\]\(|<img\b|\[img\b|\.(?:png|jpe?g|gif|svg)\b", re.IGNORECASE
)
"""A figure that is not in the text."""
_FIGURE = re.compile(
    r"\b(?:shown|pictured|illustrated|drawn|depicted|labell?ed|indicated) "
    r"(?:in the (?:figure|diagram|picture|graph)|below|above|at (?:the )?(?:right|left)|here)\b"
    r"|\b(?:in|on|from|using|by|to) the (?:following |above |adjoining |accompanying )?"
    r"(?:figure|diagram|picture)(?=\s*[,.:;)]|\s+(?:below|above|shown|at|on|to|is|are)\b|\s*\Z)"
    r"|\b(?:figure|diagram|picture) (?:below|above|shows?|at (?:the )?(?:right|left))\b"
    r"|\bas shown\b(?! that)",
    re.IGNORECASE,
)
"""Words that need a figure."""
_PROOF = re.compile(
    r"(?:^|[.:;!?$]\s*|\n\s*|\band\s+|\bthen\s+|\(\w\)\s*)(?:please\s+)?(?:prove|disprove|show)\s+"
    r"(?:that|the following|the (?:in)?equality|it|or disprove|your)\b",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?:^|[\n.:;?!,]\s*|\s)(?:\((?:[a-h]|i{1,3}|iv|vi{0,3}|[1-9])\)|[a-h][).])\s*(?=\S)", re.IGNORECASE
)
_PART_TITLE = re.compile(r"\b(?:part|question)\s+(?:\(?[a-h1-9]\)?|i{1,3}|iv)\s*[:.)]", re.IGNORECASE)
_ASKS = re.compile(
    r"\?|(?:^|[.:;,!?$)]\s*|\n\s*|\b(?:and|then|hence|also|now|next)\s+)"
    r"(?:find|determine|compute|calculate|evaluate|solve|prove|show|express|give|state|write|what|which|how|simplify|sketch|factor|list)\b",
    re.IGNORECASE,
)
"""A question mark, or a request at the begin of a clause."""
_OPTION = r"(?:\(%s\)|\b%s[.):]|\\(?:textbf|text|mathrm|bf)\s*\{\s*\(?%s\)?)"
_CHOICES = re.compile(".{0,400}?".join(_OPTION.replace("%s", letter) for letter in "ABC"), re.DOTALL)
_LETTER_GOLD = re.compile(r"(?:\\(?:text\w*|math\w+)\s*\{)?\s*\(?([A-F])\)?\s*\}?")
_GSM8K = re.compile(r"####\s*(.+?)\s*\Z", re.DOTALL)
_SHOWN = 200
"""Most characters of a finding in evidence [characters]."""


def decide(records: Iterable[Record], settings: VerifiableConfig, pool: VerifierPool) -> list[Decision]:
    """Decisions on the mathematical problems of a batch; a note where a solution says no answer.

    The pool has the verifiers of `or1_verify.golds.with_gold_checks`.
    """
    found: dict[int, Decision] = {}
    sound: dict[int, Record] = {}
    for record in (record for record in records if record.task == "math"):
        reason, why = by_text(record, settings)
        if reason:
            found[record.row] = Decision(row=record.row, reason=reason, evidence={"found": why[:_SHOWN]})
        else:
            sound[record.row] = record
    for bad in bad_golds(((str(row), record.problem) for row, record in sound.items()), pool.judge):
        evidence = {"gold": bad.gold, "verdict": bad.reason, "found": bad.detail[:_SHOWN]}
        row = int(bad.place)
        why = _NOT_JUDGED if bad.reason == _NOT_JUDGED else "bad_gold"
        found[row] = Decision(row=row, reason=why, evidence=evidence)
        del sound[row]
    checks: list[tuple[Record, str]] = []
    for record in (record for record in sound.values() if record.solutions):
        answer = answer_of_solution(record.solutions[0])
        if answer is None:
            found[record.row] = Decision(row=record.row, evidence={"note": "solution_without_answer"})
        else:
            checks.append((record, answer))
    for record, answer, verdict in _in_order(checks, pool):
        if verdict.outcome is not Outcome.RIGHT:
            evidence = {"gold": record.gold, "answer": answer[:_SHOWN], "verdict": verdict.reason}
            why = _NOT_JUDGED if verdict.outcome is Outcome.NOT_JUDGED else "solution_disagrees"
            found[record.row] = Decision(row=record.row, reason=why, evidence=evidence)
    return [found[row] for row in sorted(found)]


def by_text(record: Record, settings: VerifiableConfig) -> tuple[str, str]:
    """Why the texts alone rule a problem out, and the words that do; both empty if they do not."""
    text = record.question
    if not text or len(text) > settings.max_question_characters:
        return ("no_question", "") if not text else ("question_too_long", f"{len(text)} characters")
    golds = _gold_texts(record.gold)
    if not golds:
        return "bad_gold", str(record.gold)
    if max(map(len, golds)) > settings.max_gold_characters:
        return "gold_too_long", golds[0]
    for reason, pattern in (("url", _URL), ("figure", _IMAGE), ("figure", _FIGURE), ("proof", _PROOF)):
        found = pattern.search(text)
        if found and not (pattern is _FIGURE and _IN_TEXT.search(text)):
            return reason, _around(text, found)
    if several := _several_questions(text):
        return "multi_part", several
    if settings.choices == "drop" and _is_choice(text, golds):
        return "choice", _around(text, _CHOICES.search(text))
    return "", ""


def answer_of_solution(solution: str) -> str | None:
    """The answer at the end of a worked solution: its last box, or the text after GSM8K's mark; None without
    either."""
    mark = _GSM8K.search(solution)
    return mark[1] if mark else final_answer(solution)


def _several_questions(text: str) -> str:
    """The second of several labelled parts that ask something; empty where at most one does.

    Conditions may be labelled too: "(i) f(1) = 2, (ii) f is odd. Find f(3)." asks once.
    """
    for pattern in (_PART, _PART_TITLE):
        starts = [found.start() for found in pattern.finditer(text)]
        parts = [text[start:end] for start, end in pairwise([*starts, len(text)])]
        asking = [part for part in parts if _ASKS.search(part)]
        if len(asking) > 1:
            return asking[1][:120].strip()
    return ""


def _is_choice(text: str, golds: Sequence[str]) -> bool:
    return _CHOICES.search(text) is not None and all(_LETTER_GOLD.fullmatch(gold.strip()) for gold in golds)


def _around(text: str, found: re.Match[str] | None) -> str:
    if found is None:
        return ""
    return text[max(0, found.start() - 60) : found.end() + 60].strip()


def _gold_texts(gold: Gold) -> list[str]:
    try:
        return [each.text for each in accepted_golds(gold)]
    except BadGoldError:
        return []


def _in_order(checks: Sequence[tuple[Record, str]], pool: VerifierPool) -> list[tuple[Record, str, Verdict]]:
    """Records and the answers of their solutions, with the verdicts, in the order given."""
    answers = (
        (number, Answer(problem=record.problem, index=number, text=f"\\boxed{{{answer}}}"))
        for number, (record, answer) in enumerate(checks)
    )
    verdicts = dict(judged(answers, pool))
    return [(record, answer, verdicts[number]) for number, (record, answer) in enumerate(checks)]
