r"""Notations of numbers, sets and points, rewritten before a text is split into tokens."""

from __future__ import annotations

import re

_APOSTROPHES = re.compile(r"(?<![\d.,'])[1-9]\d{0,2}(?:'\d{3})+(?![\d'])", re.ASCII)
_POINTS = re.compile(r"(?<![\d.,])([1-9]\d{0,2}(?:\.\d{3}){2,})(?:,(\d+))?(?![.,]?\d)", re.ASCII)
"""Two points cannot be decimal points; `1.234` is a decimal."""
_ORDINAL = re.compile(
    r"(?<=\d)\s*(?:\^\s*)?(?:\{\s*)?(?:\\(?:text\w*|math\w+|mbox)\s*\{\s*)?(?:st|[nr]d|th)[\s}]*$", re.ASCII
)
_ORDINAL_IN_TEXT = re.compile(
    r"^\s*\\(?:text\w*|mathrm|mbox)\s*\{\s*(\d+)\s*(?:st|[nr]d|th)\s*\}\s*$", re.ASCII
)
_MINUTE_SIGN = re.compile(
    r"(?<=\d)\s*(?:\^\s*\{?\s*\\prime(?:\s*\\prime)?(?:\s*\}|(?![A-Za-z]))|[\N{PRIME}\N{DOUBLE PRIME}])"
)
_BOLD = re.compile(r"\\(mathbf|vec|boldsymbol|overrightarrow)\s+([A-Za-z])(?![A-Za-z])")
_JOINT_IN_TEXT = re.compile(r"\\text\s*\{([^{}]*[a-z])\s+(and|or)\s*\}")
_LOGARITHM = re.compile(r"\\log_(\d)(\d+)(?=\s*\$?\s*$)")
r"""`\log_28` is the logarithm of 8, as TeX shows it."""
_ARC_IN_WORDS = re.compile(
    r"(\d+)\s*(?:\\text\s*\{)?\s*degrees?,?\s*(?:and\s*)?\}?\s*(\d+)\s*(?:\\text\s*\{)?\s*minutes?\s*\}?"
)
_CONSTANT = re.compile(r"(?<=\+)\s*(?:\\(?:text\w*|mathrm)\s*\{\s*)?const(?:ant|\.)?\s*\}?$")
_US = re.compile(r"(?<![A-Za-z])(?:U\.?S\.?\s*|\\text\s*\{\s*US\s*\}\s*)(?=\\?\$|[Dd]ollars?\b)")
_WHOLE_HOUR = re.compile(r"(?<=\d):00(?=(?:\s|\\[a-z ,;:]+|[{~])*[ap]\.?\s?m\b)", re.IGNORECASE)
_NARROW_COLON = re.compile(r"(?<=\d)(?:\\!)*:(?:\\!)*(?=\d)")
_PER_CENT = re.compile(r"\bper cent\b|(?<![A-Za-z\\])pct\b")
_STATES_NAME = re.compile(r"^([A-Za-z])\s*(?:\\text\s*\{)?\s*(?:is|equals)(?:\s*\}|\s)\s*(?=[-\d\\])")
_GROUPS = re.compile(r"(?<![\d.])(?<!\d,)[1-9]\d{0,2}(?:,\d{3})+(?![\d,]\d|\d)", re.ASCII)
_NAME = re.compile(r"^\s*[A-Za-z]\s*(?:=|\\in(?![A-Za-z]))\s*(?!.*=)", re.DOTALL)
_EXCEPT = re.compile(
    r"(?:[a-z]\s*\\text\w*\s*\{\s*(?:can be |may be |is ))?(?:\\text\w*\s*\{)?"
    r"\s*(?:[Aa]ll |[Aa]ny )?[Rr]eal(?: numbers?| values?|s)(?: of)?(?: \w)?,?\s+"
    r"(?:except|excluding|other than|but not)(?: for)?\s*\}?\s*(?:\$?\s*[a-z]\s*=)?"
    r"((?:[^A-Za-z=]|(?<=\\)(?:pm|frac|pi|sqrt|text)\b|\band\b|\b[a-z]\s*=)*)"
)
_TRANSPOSED = re.compile(
    r"(\([^()]*,[^()]*\))\s*\^\s*(?:\{\s*)?(?:T|\\top|\\intercal|\\(?:mathsf|mathrm|text)\s*\{\s*T\s*\})(?:\s*\})?(?![A-Za-z])"
)
_TUPLE = r"(?:\\left\s*)?[(](?P<%s>[^()]*,[^()]*)(?:\\right\s*)?[)]"
_POINT_AND_DIRECTION = re.compile(
    rf"{_TUPLE % 'first'}\s*\+\s*(?P<name>[a-z])\s*(?:\\cdot\s*)?{_TUPLE % 'step'}"
)
_REALS_SUCH_THAT = re.compile(
    r"(?:\\text\w*\s*\{)?\s*(?:[Aa]ll\s+)?[Rr]eal (?:numbers?|values?)(?: of)?\s*\}?\s*\$?\s*[a-z]\s*\$?\s*"
    r"(?:\\text\w*\s*\{)?\s*(?:such that|with|where|for which|satisfying)\s*\}?"
)
VERBS = (
    "is|are|equals|has|have|gets?|makes?|needs?|costs?|earns?|pays?|measures?|weighs?|takes?|lasts?|totals?"
    "|becomes?"
)
"""Verbs of a sentence before its number."""
_SENTENCE = re.compile(
    rf"^\s*\\text\w*\s*\{{\s*([A-Za-z][A-Za-z ]*(?:\b(?:{VERBS})\b|:))\s*((?:\\?\$)?-?\d+(?:[.,/]\d+)*)"
    r"\s*([A-Za-z][A-Za-z ]*)?\.?\s*\}\s*\.?\s*$",
    re.ASCII,
)
r"""A sentence with its number in one group: `\text{The answer is 18 feet}`."""
_CHOSEN = re.compile(
    r"(?<![A-Za-z\\])(?:C|\\(?:mathrm|text)\s*\{\s*C\s*\})_\{?(\d+)\}?\s*\^\s*(?:\{(\d+)\}|(\d))", re.ASCII
)
"""`C_{10}^4`, the number of subsets."""
_CHOSEN_BEHIND = re.compile(r"(?:\{\})?[_^]\s*\{?(\d+)\}?\s*C\s*_\s*(?:\{(\d+)\}|(\d))")
"""The same as `{}^{10}C_4`."""
_ALL_REAL = re.compile(
    r"^\s*\\text\w*\s*\{\s*[Aa]ll\s+real(?:s|\s+numbers?|\s+values?)?(?:\s+of)?\s*\}\s*(?=[a-z]\s*(?:[<>≤≥]|\\[lg]))"
)
_WRAPPER = re.compile(r"\\(?:text\w*|mathrm|mbox|operatorname)\s*\{([^{}]*)\}")
_SPACING = re.compile(r"\\(?:left|right|q?quad)(?![A-Za-z])|\\[,;:! ]|[~$]")


def in_plain_words(text: str) -> str:
    r"""The text without the commands around words and for spaces.

    >>> in_plain_words(r"x\text{ for all }\,t")
    'x  for all   t'
    """
    return _SPACING.sub(" ", _WRAPPER.sub(r" \1 ", text))


def with_plain_numbers(text: str) -> str:
    r"""Thousands with apostrophes or several points, and ordinals, as plain numbers; `US` dollars as dollars,
    `per cent` as percent, `9:00 am` as `9 am`, and `x is 5` as an equality.

    >>> with_plain_numbers("1'000"), with_plain_numbers("1.234.567,5"), with_plain_numbers("1.234")
    ('1000', '1234567.5', '1.234')
    >>> with_plain_numbers("3rd"), with_plain_numbers(r"12^{\text{th}}")
    ('3', '12')
    """
    text = _NARROW_COLON.sub(":", text) if ":" in text else text
    text = _SENTENCE.sub(_in_parts, _WHOLE_HOUR.sub("", text.replace("{:}", ":").replace(r"{\,}", r"\,")))
    text = _STATES_NAME.sub(r"\1 = ", _US.sub("", _PER_CENT.sub("percent", text)))
    text = _ARC_IN_WORDS.sub(r"\1^\\circ \2'", text)
    text = _JOINT_IN_TEXT.sub(r"\\text{\1}\\text{ \2 }", _BOLD.sub(r"\\\1{\2}", text))
    text = _LOGARITHM.sub(r"\\log_{\1}\2", _ALL_REAL.sub("", text))
    text = _MINUTE_SIGN.sub(_as_quotes, text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    text = _APOSTROPHES.sub(lambda found: found.group().replace("'", ""), text)
    text = _POINTS.sub(lambda found: found[1].replace(".", "") + (f".{found[2]}" if found[2] else ""), text)
    text = _ORDINAL_IN_TEXT.sub(r"\1", _CONSTANT.sub("C", text))
    return _ORDINAL.sub(_balanced, text)


def _with_binomials(text: str) -> str:
    r"""Numbers of subsets with a `C` as binomial coefficients.

    >>> _with_binomials("C_{10}^4"), _with_binomials("{}^{10}C_4")
    ('\\binom{10}{4}', '\\binom{10}{4}')
    """
    for pattern in (_CHOSEN, _CHOSEN_BEHIND):
        text = pattern.sub(r"\\binom{\1}{\2\3}", text)
    return text


def with_plain_shapes(text: str) -> str:
    """Counts of subsets, sets without some numbers, and points with a direction, each in one notation."""
    return _with_points_in_one(_with_set_difference(_with_binomials(text)))


def _in_parts(found: re.Match[str]) -> str:
    unit = rf"\text{{ {found[3]}}}" if found[3] else ""
    return rf"\text{{{found[1]} }}{found[2]}{unit}"


def without_name(text: str) -> str:
    r"""The text without the letter that it names; a chain of equalities stays.

    >>> without_name(r"x = \frac12"), without_name("N = 6 + 1 = 7")
    ('\\frac12', 'N = 6 + 1 = 7')
    """
    return _NAME.sub("", text)


def _with_set_difference(text: str) -> str:
    r"""The reals without some numbers, said in words, as a difference of sets.

    >>> _with_set_difference(r"a\text{ can be any real number except }3")
    '\\mathbb{R}\\setminus\\{3\\}'
    """
    return _EXCEPT.sub(_set_difference, _REALS_SUCH_THAT.sub("", text)) if "eal" in text else text


def _set_difference(found: re.Match[str]) -> str:
    excluded = re.sub(r"(?:,\s*)?(?:\\text\s*\{\s*)?\band\b(?:\s*\})?", ",", found[1])
    excluded = re.sub(r"\b[a-z]\s*=", "", excluded)
    return rf"\mathbb{{R}}\setminus\{{{excluded}\}}"


def _with_points_in_one(text: str) -> str:
    r"""A point plus a parameter times a direction as one point, and a transposed row as a point.

    >>> _with_points_in_one("(0,1)+t(2,-3)"), _with_points_in_one(r"(1,-2,1)^{\top}")
    ('(0+t(2),1+t(-3))', '(1,-2,1)')
    """
    if "(" not in text or "," not in text:
        return text
    text = _TRANSPOSED.sub(r"\1", text)
    return _POINT_AND_DIRECTION.sub(_point, text)


def _point(found: re.Match[str]) -> str:
    first, step = found["first"].split(","), found["step"].split(",")
    if len(first) != len(step) or len(first) < 2:
        return found.group()
    parts = (f"{one}+{found['name']}({other})" for one, other in zip(first, step, strict=True))
    return f"({','.join(parts)})"


def _as_quotes(found: re.Match[str]) -> str:
    is_second = found.group().count("prime") == 2 or "\N{DOUBLE PRIME}" in found.group()
    return "''" if is_second else "'"


def _balanced(found: re.Match[str]) -> str:
    """Nothing in place of an ordinal's ending, unless a brace around the number would be lost."""
    return "" if found.group().count("{") == found.group().count("}") else found.group()


def as_list(text: str) -> str | None:
    r"""The text with groups of three digits as elements of a list; None if it has no group that may be one.

    >>> as_list("412,538,907"), as_list("6,050"), as_list("27,54,108")
    ('412, 538, 907', None, None)
    """
    groups = [group for found in _GROUPS.findall(text) for group in found.split(",")]
    if not groups or any(group.startswith("0") for group in groups):
        return None
    return _GROUPS.sub(lambda found: found.group().replace(",", ", "), text)


def gold_as_list(text: str) -> str | None:
    """As `as_list`, for a gold whose numbers all have three digits: `6,250` is a number."""
    is_number = any(len(found.partition(",")[0]) < 3 for found in _GROUPS.findall(text))
    return None if is_number else as_list(text)
