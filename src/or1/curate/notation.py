r"""What is only notation: signs and commands that mean the same, and commands that mean nothing."""

from __future__ import annotations

from collections.abc import Mapping


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
        "∩": r"\cap ", "⁄": "/",
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
    "rm bf it ldots dots cdots dotsc dotsb hfill phantom nonumber allowbreak"
)
"""Commands that change how something looks."""
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
