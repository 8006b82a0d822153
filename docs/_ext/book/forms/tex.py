r"""A formula as a person would type it into a comment: ``Σ_n (x_n - μ)²``."""

import re

from book.maths.repairs import LETTERS

GREEK_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma
tau phi chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega varepsilon
"""
GREEK = dict(zip(GREEK_NAMES.split(), "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΣΦΨΩε", strict=True))
SIGNS = GREEK | {
    "sum": "Σ", "prod": "Π", "int": "∫", "partial": "∂", "nabla": "∇", "cdot": "·",
    "times": "×", "odot": "⊙", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "approx": "≈", "sim": "~", "propto": "∝", "in": "∈",
    "to": "→", "rightarrow": "→", "mapsto": "→", "leftarrow": "←", "infty": "∞",
    "Rightarrow": "⇒", "Longrightarrow": "⇒", "implies": "⇒", "iff": "⇔",
    "dots": "...", "ldots": "...", "cdots": "...", "lVert": "‖", "rVert": "‖", "|": "‖",
    "lvert": "|", "rvert": "|", "mid": "|", "top": "ᵀ", "ell": "ℓ", "circ": "∘",
    "lfloor": "⌊", "rfloor": "⌋", "langle": "⟨", "rangle": "⟩", "forall": "∀",
}  # fmt: skip
NOTHING = r"left|right|bigl|bigr|Bigl|Bigr|biggl|biggr|big|Big|displaystyle|limits|!"
FONTS = r"text|mathrm|operatorname\*?|mathbf|boldsymbol|mathit|mathsf|mathtt|textbf|bm"
ACCENTS = {"hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304",
           "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}  # fmt: skip
ALPHABETS = {"mathbb": "double-struck", "mathcal": "script"}
UPPER = dict(zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))
WIDE = "\u2003"
GROUP = r"\{([^{}]*)\}"


def plain(tex: str) -> str:
    r"""Write a formula without TeX's commands, as far as one line allows.

    Examples
    --------
    >>> plain(r"\frac{1}{N} \sum_{n=1}^{N} \lVert x_n - \mu \rVert^2")
    '1/N Σ_(n=1)^N ‖x_n - μ‖²'
    """
    tex = re.sub(r"\s+", " ", tex)
    text = re.sub(r"\\begin\{(?:array|alignat)\*?\}\{[^{}]*\}", "", tex)
    text = re.sub(r"\\(begin|end)\{[^{}]*\}", "", text).replace(r"\\", "\n")
    text = text.replace(r"\{", "⦃").replace(r"\}", "⦄").replace("&", "")
    text = re.sub(rf"\\(?:{NOTHING})(?![A-Za-z])\.?", "", text)
    text = re.sub(r"\\q?quad(?![A-Za-z])", WIDE, text)
    text = re.sub(r"\\[,;:> ]|~", " ", text)
    text = re.sub(r"\^\s*(?:\\top|\{\\top\})(?![A-Za-z])", "ᵀ", text)
    text = re.sub(r"\\([tdc]?frac)\s*(\d)", r"\\\1{\2}", text)  # \frac12, \frac1{N}
    text = re.sub(r"\\([tdc]?frac\{\d\})\s*(\w)", r"\\\1{\2}", text)
    before = ""
    while before != text:
        before, text = text, _innermost(text)
    text = re.sub(r"\\([A-Za-z]+|\|)", lambda m: SIGNS.get(m[1], m[1]), text)
    text = re.sub(r"(?<=[∂∇√]) (?=[^\W\d])", "", text)
    text = re.sub(r"\^(-?\d)(?!\d)", lambda m: "".join(UPPER[c] for c in m[1]), text)
    text = re.sub(r"[{}]", "", text).replace("⦃", "{").replace("⦄", "}")
    text = re.sub(r"‖ *([^‖]*?) *‖", r"‖\1‖", text)
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(rf" ?{WIDE} ?", "    ", text)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _innermost(text: str) -> str:
    """Rewrite the commands whose arguments hold no further group."""
    text = re.sub(rf"\\textcolor\{{[^{{}}]*\}}{GROUP}", r"\1", text)
    text = re.sub(rf"\\(?:{FONTS})\s*{GROUP}", r"\1", text)
    text = re.sub(rf"\\[tdc]?frac\s*{GROUP}\s*{GROUP}", _fraction, text)
    text = re.sub(rf"\\sqrt\s*{GROUP}", lambda m: "√" + _tight(m[1]), text)
    text = re.sub(rf"\\(?:underset|stackrel)\s*{GROUP}\s*{GROUP}", r"\2_(\1)", text)
    text = re.sub(rf"\\(?:under|over)brace\s*{GROUP}\s*(?:[_^]{GROUP})?", r"\1", text)
    for command, style in ALPHABETS.items():
        text = re.sub(
            rf"\\{command}\s*\{{(\w)\}}|\\{command}\s+(\w)",
            lambda m, style=style: LETTERS[style, m[1] or m[2]],
            text,
        )
    accents = "|".join(ACCENTS)
    text = re.sub(
        rf"\\({accents})\s*(?:\{{(\\?\w+)\}}|(\\[a-z]+|(?<= )\w|(?<=t)\w))",
        lambda m: (m[2] or m[3]) + ACCENTS[m[1]],
        text,
    )
    return re.sub(
        rf"([_^]){GROUP}",
        lambda m: (
            m[1]
            + (m[2] if re.fullmatch(r"-?[^\W_]+|\\[a-zA-Z]+", m[2]) else f"({m[2]})")
        ),
        text,
    )


def _fraction(match: re.Match[str]) -> str:
    return f"{_tight(match[1])}/{_tight(match[2])}"


def _tight(text: str) -> str:
    """Put brackets around what would otherwise fall apart."""
    text = text.strip()
    whole = re.fullmatch(r"[\w\\|‖^ᵀ√]+|\\[a-z]+\s\w+", text)
    return text if whole else f"({text})"
