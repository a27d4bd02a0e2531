r"""Units of measurement: products, quotients and powers of named units after a value.

`\mathrm{m}/\mathrm{s}^2`, `\frac{\text{m}}{\text{s}^2}` and `meters per second squared` are one unit. Units
are compared by name and power; `conversions` has their factors.
"""

from __future__ import annotations

import re
from collections import Counter

PREFIXES = {
    "p": "pico", "n": "nano", "u": "micro", "m": "milli", "c": "centi", "d": "deci", "k": "kilo",
    "M": "mega", "G": "giga", "T": "tera",
}  # fmt: skip
METRIC = {
    "meter": "m metre", "gram": "g gm", "second": "s sec", "liter": "L l litre", "newton": "N", "joule": "J",
    "watt": "W", "volt": "V", "ampere": "A amp", "ohm": "Omega", "pascal": "Pa", "hertz": "Hz",
    "electronvolt": "eV", "mole": "mol", "coulomb": "C", "farad": "F", "tesla": "T", "henry": "H",
    "parsec": "pc", "calorie": "cal", "bar": "bar", "kelvin": "K", "molar": "M", "weber": "Wb", "byte": "",
    "bit": "", "radian": "rad", "lumen": "lm", "lux": "lx", "becquerel": "Bq", "sievert": "Sv",
}  # fmt: skip
_OTHER = {
    "inch": "in inches", "foot": "ft feet footage", "yard": "yd", "mile": "mi", "pound": "lb lbm",
    "ounce": "oz",
    "gallon": "gal", "quart": "qt", "pint": "pt", "acre": "", "ton": "tonne", "minute": "min",
    "hour": "h hr", "day": "d", "week": "wk", "month": "mo", "year": "yr", "dollar": "$ usd", "cent": "",
    "euro": "eur €", "am": "", "pm": "", "degree": "deg", "celsius": "centigrade", "fahrenheit": "",
    "angstrom": "Å", "erg": "", "dyne": "dyn", "atmosphere": "atm", "knot": "kt", "au": "AU",
    "unit": "u", "mmhg": "mmHg", "psi": "", "ppm": "", "decibel": "dB", "amu": "", "millibar": "mb",
    "cup": "", "tablespoon": "tbsp tbs", "kwh": "kWh", "teaspoon": "tsp", "hectare": "ha", "decade": "",
    "wpm": "",
    "century": "centuries", "revolution": "rev", "dime": "", "nickel": "", "penny": "pennies pence",
    "rupee": "rs Rs", "yen": "", "peso": "", "furlong": "", "fathom": "", "bushel": "", "carat": "",
}  # fmt: skip
_QUOTIENTS = {
    "mph": ("mile", "hour"),
    "kph": ("kilometer", "hour"),
    "kmh": ("kilometer", "hour"),
    "fps": ("foot", "second"),
    "mps": ("meter", "second"),
    "rpm": ("revolution", "minute"),
    "mpg": ("mile", "gallon"),
}
KINDS = frozenset(
    {"half", "quarter", "nautical", "sea", "light", "fluid", "troy", "leap", "board", "sidereal", "lunar"}
)
"""Words that make another unit of the one after them."""
_FOREIGN = re.compile(
    r"(?!american|median)[a-z]{4,}(?:[icelb]an|[eu]se|ish)|kong|zealand|singapore|taiwan|brunei|zimbabwe|fiji"
)
"""Names of countries before their money, which is another than the dollars, cents or pounds alone."""
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_ITALIC = frozenset({
    "mm", "cm", "cms", "dm", "km", "kms", "in", "ft", "yd", "yds", "mi", "kg", "kgs", "lb", "lbs", "oz",
    "ml", "gal", "sec", "secs", "min", "mins", "hr", "hrs", "yr", "yrs", "mph", "kph", "deg", "rad", "usd",
    "day",
})  # fmt: skip
"""Short units that need no upright letters after a number."""
_LETTERS = re.compile(rf"(?<![A-Za-z\\])(?:{'|'.join(sorted(_ITALIC, reverse=True))})(?![A-Za-z])")
_ITALIC_RATE = re.compile(r"m\s*/\s*(?:s|h|min|hr|sec)(?![A-Za-z])|(?<=/)[sh](?![A-Za-z])")
_SIGNS = str.maketrans({"\N{ANGSTROM SIGN}": "Å", "°": r"^\circ ", "·": r"\cdot ", "⋅": r"\cdot ",
                        "²": "^2", "³": "^3", "µ": r"\mu ", "μ": r"\mu ", "Ω": r"\Omega "})  # fmt: skip
_SCALES = (Counter({"kelvin": 1}), Counter({"molar": 1}))
"""`5\\text{K}` may be five thousand, and `5\\text{M}` five million."""
_INFORMATION = {"bit": "b", "byte": "B"}
"""Symbols after a large prefix alone: `Gb`, `GB`."""
_TEMPERATURES = {"C": "celsius", "F": "fahrenheit", "K": "kelvin"}


def _vocabulary() -> dict[str, str]:
    names: dict[str, str] = {}
    for unit, symbols in (METRIC | _OTHER).items():
        for name in (unit, *symbols.split()):
            names.setdefault(name, unit)
            if len(name) > 1 and unit not in {"am", "pm"}:
                names.setdefault(f"{name}s", unit)
    for unit, symbols in METRIC.items():
        for symbol, prefix in PREFIXES.items():
            for name in (unit, *symbols.split()):
                if len(name) > 3 or name == unit:
                    names |= {f"{prefix}{name}": prefix + unit, f"{prefix}{name}s": prefix + unit}
            for name in symbols.split():
                if len(name) < 4 or name == "Omega":
                    names.setdefault(symbol + name, prefix + unit)
                if symbol + name in _ITALIC:
                    names.setdefault(f"{symbol}{name}s", prefix + unit)
    for unit, symbol in _INFORMATION.items():
        names |= {letter + symbol: PREFIXES[letter] + unit for letter in "kMGT"}
    return names | {
        "kilo": "kilogram",
        "kilos": "kilogram",
        "KB": "kilobyte",
        "gb": "gigabyte",
        "tb": "terabyte",
    }


UNIT_OF = _vocabulary()
"""The full name of a unit by each of its names and symbols."""
_WORD = re.compile(r"[A-Za-z$€Å]+|/")
_SPACE = r"(?:\s|~|\\[,;:! ]|\\q?quad(?![A-Za-z]))*"
_WRAPPER = re.compile(r"\\(?:text\w*|math(?:rm|bf|it|sf)|[mh]box|operatorname\*?|rm)\s*\{|\{|\\left\s*\(|\(")
_SHUT = {"{": re.compile(rf"{_SPACE}\}}"), "(": re.compile(rf"{_SPACE}(?:\\right\s*)?\)")}
_BLANK = re.compile(_SPACE)
_FRACTION = re.compile(r"\\[dt]?frac\s*(?=\{)")
_NAME = re.compile(r"((?:\\(?:mu|Omega)(?![A-Za-z])\s*|[A-Za-zÅ]|\\AA(?![A-Za-z]))+)(?:\.(?=[\s~}]))?")
_NOUN = re.compile(r"(?!(?:per|and|or|not|of|in)$)[a-z]{3,}")
"""`people` in `\\text{people}/\\text{km}^2`: things counted, on one side of a quotient."""
_MICRO = re.compile(r"\\mu\s*(?=\\(?:text|mathrm)\s*\{)(\\\w+\s*\{)")
_ONE_LETTER = re.compile(r"(\\(?:text|mathrm|mbox))\s+([A-Za-z])(?![A-Za-z])")
_NEWTON_METER = re.compile(r"(?<=\{)\s*Nm(?=\s*\})")
_EXPONENT = re.compile(rf"{_SPACE}\^\s*(?:\{{\s*(-?\d)\s*\}}|(-?\d)(?!\d))")
_TIMES = re.compile(rf"{_SPACE}(?:\\cdot(?![A-Za-z])|\\times(?![A-Za-z])|\*|-(?=[A-Za-z]))?{_SPACE}")
_OVER = re.compile(rf"{_SPACE}(?:/|per(?![A-Za-z])){_SPACE}")
_DEGREES = re.compile(
    r"(?:\{\}\s*)?(?:\^\s*\{?\s*)?\\(?:circ|degree)(?![A-Za-z])\s*\}?\s*"
    rf"(?:\\(?:text\w*|mathrm|mbox)\s*\{{{_SPACE}([CFK]){_SPACE}\}}|([CFK])(?![A-Za-z]))"
)
_START = re.compile(
    rf"(?:(?<=[0-9}})!|%])|(?<=\\pi)|(?<![A-Za-z\\])(?<=[A-Za-z])(?=\s*\\(?:text|mathrm|mbox|,|;|\s)))"
    rf"{_SPACE}(?=[\\A-Za-z/(^Å]|\{{\}}\s*\^)"
)
_FOLLOWS = re.compile(
    rf"{_SPACE}\.?{_SPACE}(?:$|[,;)\]}}&:=<>$]|\\\\|\\(?:le|ge|leq|geq|ne|neq|approx|text\w*|mbox|right|\)|\])(?![A-Za-z])"
    r"|(?:and|or|to|of|from|each|north|south|east|west|up|down)\b)"
)


def measure_of(words: str) -> dict[str, int]:
    """The units that a text names, with their powers; words that are no units are skipped.

    >>> measure_of("square inches"), measure_of("inches square"), measure_of("miles per hour"), measure_of("")
    ({'inch': 2}, {'inch': 2}, {'mile': 1, 'hour': -1}, {})
    """
    found: Counter[str] = Counter()
    sign, power, last, kind = 1, 1, "", ""
    found_words = _WORD.findall(words.replace(".", ""))
    for place, word in enumerate(found_words, 1):
        lower = word.lower()
        if lower in {"per", "/"} or (lower in {"a", "an"} and last):
            sign = -1
        elif last and (lower in {"squared", "cubed"} or (lower == "square" and place == len(found_words))):
            found[last] += (_POWERS[lower] - 1) * sign
        elif lower in _POWERS:
            power = _POWERS[lower]
        elif units := _units_of(word):
            units = (kind + units[0], *units[1:])
            for number, unit in enumerate(units):
                found[unit] += power * sign * (-1 if number else 1)
            power, last = 1, units[0]
        kind = f"{lower} " if lower in KINDS or _FOREIGN.fullmatch(lower) else ""
    if found.keys() & set(_TEMPERATURES.values()):
        del found["degree"]
    return {unit: count for unit, count in found.items() if count}


def same_measure(gold: dict[str, int], answer: dict[str, int]) -> bool:
    """Whether two measures are one, or one of them is not written.

    A degree may be of any scale, and the word `unit` stands for any unit; degrees and radians are converted.
    """
    if not gold or not answer or gold == answer:
        return True
    if "unit" in gold or "unit" in answer:
        return sorted(gold.values()) == sorted(answer.values())
    kinds = {*gold, *answer}
    return kinds == {"degree", "radian"} or (
        "degree" in kinds and kinds < {"degree", *_TEMPERATURES.values()}
    )


def with_letters(text: str, letters: frozenset[str]) -> str:
    r"""The text with units in italics as products of letters, where all of them are among the letters.

    >>> with_letters(r"2\pi hr", frozenset("hr")), with_letters("5 hr", frozenset("x"))
    ('2\\pi h r', '5 hr')
    """
    return _LETTERS.sub(
        lambda found: " ".join(found.group()) if letters.issuperset(found.group()) else found.group(), text
    )


def is_unit_word(word: str) -> bool:
    return bool(_units_of(word)) or word.lower() in _POWERS


def _units_of(word: str) -> tuple[str, ...]:
    if word.lower() in _QUOTIENTS:
        return _QUOTIENTS[word.lower()]
    unit = UNIT_OF.get(word) or (UNIT_OF.get(word.lower()) if len(word) > 1 else None)
    if unit is None and len(word) == 2:  # `kw`, but not `mw`, which may be two units
        folded = [UNIT_OF.get(left + right) for left in _cases(word[0]) for right in _cases(word[1])]
        unit = next(filter(None, folded)) if len(set(folded) - {None}) == 1 else None
    return (unit,) if unit else ()


def _cases(letter: str) -> tuple[str, str]:
    return letter.lower(), letter.upper()


def with_named_units(text: str) -> str:
    r"""The text with each unit after a value in words.

    >>> with_named_units(r"5\,\mathrm{m}\cdot\mathrm{s}^{-2}"), with_named_units("2m")
    ('5\\text{meter per second second}', '2m')
    """
    text = _MICRO.sub(r"\1\\mu ", _ONE_LETTER.sub(r"\1{\2}", text.translate(_SIGNS)))
    text = _NEWTON_METER.sub("N m", text)
    parts, done = [], 0
    for start in _START.finditer(text):
        if start.start() < done:
            continue
        reader = _UnitReader(text, start.end())
        if reader.reads():
            parts += [text[done : start.start()], rf"\text{{{in_words(reader.found)}}}"]
            done = reader.at
    return "".join(parts) + text[done:]


def in_words(measure: Counter[str]) -> str:
    """A measure in words, which `measure_of` reads.

    >>> in_words(Counter({"foot": 2, "second": -1}))
    'foot foot per second'
    """
    above = [unit for unit, count in measure.items() for _ in range(count)]
    below = [unit for unit, count in measure.items() for _ in range(-count)]
    return " ".join([*above, *(["per", *below] if below else [])])


class _UnitReader:
    """Reads one unit from a place in a text. A single letter in italics is a variable, except in a rate."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
        self.found: Counter[str] = Counter()
        self._depth = 0
        self._has_upright = False
        self._last = ("", 0)
        self._num_nouns = 0
        self._num_quotients = 0

    def reads(self) -> bool:
        """Whether a whole unit is there; it is in `found` then, and `at` is behind it."""
        self._skip(_BLANK)
        if not self._quotient(1) or self.found in ({}, *_SCALES) or self._num_nouns > self._num_quotients:
            return False
        return _FOLLOWS.match(self._text, self.at) is not None

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self.at)
        self.at = found.end() if found else self.at
        return found

    def _quotient(self, sign: int) -> bool:
        is_read = self._product(sign)
        start = self.at
        while self._skip(_OVER):
            if not self._product(-sign):
                self.at = start
                return False
            is_read, start = True, self.at
            self._num_quotients += 1
        return is_read

    def _product(self, sign: int) -> bool:
        if not self._factor(sign):
            return False
        while True:
            before = self.at
            self._skip(_TIMES)
            if not self._factor(sign):
                self.at = before
                return True

    def _factor(self, sign: int) -> bool:
        before = self.at, self.found.copy()
        inner, self.found = self.found, Counter()
        opened = _WRAPPER.match(self._text, self.at)
        is_text = opened is not None and opened.group()[0] == "\\" and opened.group()[-1] == "{"
        is_read = self._atom()
        if is_read:
            exponent = self._skip(_EXPONENT)
            power = int(exponent[1] or exponent[2]) if exponent else 1
            if is_text:  # `\text{m/s}^2`: the power is of the last unit
                unit, count = self._last
                self.found[unit] += (power - 1) * count
                power = 1
            elif len(self.found) == 1:
                self._last = (next(iter(self.found)), sum(self.found.values()) * power * sign)
            for unit, count in self.found.items():
                inner[unit] += count * power * sign
        self.found = inner
        if not is_read:
            self.at, self.found = before
        return is_read

    def _atom(self) -> bool:
        if degrees := self._skip(_DEGREES):
            self.found[_TEMPERATURES[degrees[1] or degrees[2]]] += 1
            return True
        if self._skip(_FRACTION):
            return self._group(1) and self._group(-1)
        if _WRAPPER.match(self._text, self.at):
            return self._group(1)
        return self._named()

    def _group(self, sign: int) -> bool:
        """A unit in braces or parentheses, with or without a command for upright text before them."""
        opened = self._skip(_WRAPPER)
        if opened is None:
            return False
        is_upright = opened.group()[0] == "\\" and not opened.group().endswith("(")
        self._depth += is_upright
        self._has_upright |= is_upright
        self._skip(_BLANK)
        is_read = self._quotient(sign) and self._skip(_SHUT[opened.group()[-1]]) is not None
        self._depth -= is_upright
        return is_read

    def _named(self) -> bool:
        found = self._skip(_NAME)
        if found is None:
            return False
        name = re.sub(r"\s", "", found[1].replace("\\mu", "u").replace("\\AA", "Å").replace("\\", ""))
        if name.lower() in _POWERS:
            self._skip(_BLANK)
            is_read = self._named()
            self.found = Counter({unit: count * _POWERS[name.lower()] for unit, count in self.found.items()})
            return is_read
        units = _units_of(name) if self._depth or self._is_italic_unit(name, found.start()) else ()
        if not units and self._depth and _NOUN.fullmatch(name):
            self._num_nouns += 1
            units = (name,)
        if not units:
            return False
        self.found.update({unit: -1 if place else 1 for place, unit in enumerate(units)})
        before = self.at
        raised = self._skip(_BLANK) and self._skip(_NAME)
        if raised and raised[1].lower() in {"squared", "cubed"}:
            self.found[units[0]] += _POWERS[raised[1].lower()] - 1
        else:
            self.at = before
        return True

    def _is_italic_unit(self, name: str, at: int) -> bool:
        if len(name) > 3 or name == "Å" or name.lower() in _ITALIC or name.lower() in _POWERS:
            return True
        return self._has_upright or _ITALIC_RATE.match(self._text, at) is not None
