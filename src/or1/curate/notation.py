r"""What is only notation: signs and commands that mean the same, and commands that mean nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIGNS = str.maketrans(
    {
        "−": "-", "–": "-", "—": " ", "‐": "-", "‑": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/",
        "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "√": r"\sqrt ",
        "°": r"^\circ ", "∞": r"\infty ", "∈": r"\in ", "∠": r"\angle ", "△": r"\triangle ",
        "⊥": r"\perp ", "∥": r"\parallel ", "→": r"\to ", "’": "'", "‘": "'", "“": '"', "”": '"',
        "…": "...", "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ",
        "λ": r"\lambda ", "ω": r"\omega ", "Σ": r"\sum ", "∑": r"\sum ", "∏": r"\prod ", "∪": r"\cup ",
        "∩": r"\cap ", "⁄": "/", "δ": r"\delta ", "ε": r"\epsilon ", "ϵ": r"\epsilon ", "ζ": r"\zeta ",
        "η": r"\eta ", "ι": r"\iota ", "κ": r"\kappa ", "μ": r"\mu ", "ν": r"\nu ", "ξ": r"\xi ",
        "ρ": r"\rho ", "σ": r"\sigma ", "ς": r"\sigma ", "τ": r"\tau ", "υ": r"\upsilon ", "φ": r"\phi ",
        "ϕ": r"\phi ", "χ": r"\chi ", "ψ": r"\psi ", "Γ": r"\Gamma ", "Δ": r"\Delta ", "Θ": r"\Theta ",
        "Λ": r"\Lambda ", "Ξ": r"\Xi ", "Φ": r"\Phi ", "Ψ": r"\Psi ", "Ω": r"\Omega ",
    }
)  # fmt: skip
"""Sign -> how LaTeX or a keyboard writes it."""
SAME_COMMAND: Mapping[str, str] = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom",
    "choose": "binom", "leq": "le", "leqslant": "le", "geq": "ge", "geqslant": "ge", "neq": "ne",
    "times": "*", "cdot": "*", "ast": "*", "div": "/", "lt": "<", "gt": ">", "rightarrow": "to",
    "longrightarrow": "to", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "varepsilon": "epsilon",
    "varphi": "phi", "lnot": "neg", "land": "wedge", "lor": "vee", "degree": "circ", "colon": "",
    "pmod": "mod", "bmod": "mod", "widehat": "hat", "iff": "Leftrightarrow",
}  # fmt: skip
"""Command -> the one that stands for all that mean the same."""
STYLE = _words(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle scriptstyle "
    "limits nolimits quad qquad text textrm textbf textit textsf texttt mathrm mathbf mathit mathsf "
    "mathtt mathbb mathcal mathscr mathfrak boldsymbol bm operatorname mbox hbox emph item hspace "
    "vspace hline begin end label tag noindent smallskip medskip bigskip newline par underline bold "
    "rm bf it ldots dots cdots dotsc dotsb hfill phantom nonumber allowbreak overline overrightarrow vec "
    "overleftrightarrow"
)
"""Commands that change how something looks."""
GREEK = _words(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi "
    "psi omega"
)
"""Letters by their names, with a backslash or without."""
NAMED_SIGNS = _words("angle triangle parallel")
"""Commands that are read as the word that they stand for."""
TEXT_COMMANDS = _words("text textrm textbf textit textsf texttt mbox hbox emph mathrm operatorname")
"""Commands whose argument is words."""
FUNCTIONS = _words(
    "sin cos tan cot sec csc log ln exp max min gcd lcm mod det dim lim sinh cosh tanh arcsin arccos "
    "arctan deg cis"
)
"""Names of functions, also where no backslash marks them."""
NUMBER_WORDS: Mapping[str, str] = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
    "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70",
    "eighty": "80", "ninety": "90",
}  # fmt: skip
FILLERS = _words(
    "a an the of in on at to for by with and or is are was were be been that this these there which "
    "what find compute calculate determine evaluate give solve let suppose if then it its as from "
    "value following given below please how you your we answer express write such has have had do "
    "does can will would exactly so each all"
)
"""Words that can come, go or change without making another problem."""
OPPOSITES = (
    "largest greatest biggest maximum maximal highest most longest maximize maximized | "
    "smallest least minimum minimal lowest fewest shortest minimize minimized",
    "larger greater bigger more longer taller older heavier faster | "
    "smaller less fewer shorter younger lighter slower",
    "above over exceeds | below under",
    "even | odd", "positive | negative", "nonnegative | nonpositive", "prime | composite",
    "finite | infinite", "real | rational | irrational | imaginary | complex",
    "increasing increases increase increased ascending gains | "
    "decreasing decreases decrease decreased descending loses",
    "sum | product | difference | quotient | ratio", "add adds added | subtract subtracts subtracted",
    "multiply multiplied | divide divided", "numerator | denominator", "mean average | median | mode",
    "first | second | third | fourth | fifth | sixth | seventh | eighth | ninth | tenth | last",
    "once | twice double doubled | thrice triple tripled", "half | quarter quarters",
    "left | right", "top upper higher | bottom lower", "north | south | east | west",
    "row rows | column columns", "inside interior inscribed | outside exterior circumscribed",
    "clockwise | counterclockwise anticlockwise", "horizontal | vertical",
    "parallel | perpendicular", "acute | obtuse", "convex | concave",
    "area areas | perimeter circumference | volume", "radius radii | diameter", "before | after",
    "with | without", "always | never | sometimes", "same equal identical | different distinct unequal",
    "inclusive | exclusive", "true | false", "boys | girls", "buys bought | sells sold", "won wins | lost",
    "penny pennies | nickel nickels | dime dimes", "inch inches | foot feet | yard yards | mile miles | "
    "meter meters | centimeter centimeters | kilometer kilometers",
    "minute minutes | hour hours | day days | week weeks | month months | year years",
    "monday mondays | tuesday tuesdays | wednesday wednesdays | thursday thursdays | friday fridays | "
    "saturday saturdays | sunday sundays",
)  # fmt: skip
"""Words of which another side makes another problem; on one side they may stand for each other."""


def _sides() -> Iterator[tuple[str, tuple[int, int]]]:
    for what, line in enumerate(OPPOSITES):
        for side, words in enumerate(line.split("|")):
            for word in words.split():
                yield word, (what, side)


SIDES: Mapping[str, tuple[int, int]] = dict(_sides())
"""Word -> (entry of `OPPOSITES`, side of it)."""
NEGATIONS = _words("not never cannot neither nor")
"""Words that turn what is said into its opposite where they come or go."""
