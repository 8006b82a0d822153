"""A formula in a script's comment reads as a person would type it."""

import pytest


@pytest.fixture
def plain():
    from book.forms.tex import plain

    return plain


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("wx_n+b", "w x_n + b"),
        (r"2b + 10\log 2", "2b + 10 log 2"),
        ("a=-b-c", "a = -b - c"),
        (r"s(-1,1) = f(x + h)", "s(-1, 1) = f(x + h)"),
        (r"W_{L+1}^\top x_{nk}", "W_(L+1)ᵀ x_nk"),
        (r"e^{-z} + x^{-1} + x'_2 + 10^{12}", "e^-z + x⁻¹ + x_2' + 10^12"),
        (r"\frac12 x + \tfrac{N - 1}{f(x)}", "1/2 x + (N - 1)/f(x)"),
        (r"\frac{e^{z_k}}{\sum_j e^{z_j}}", "e^(z_k)/(Σ_j e^(z_j))"),
        (r"\frac{\partial L}{\partial w_{ki}}", "∂L/∂w_ki"),
        (r"\sqrt{d_k} + \sqrt{N - 1} + \sqrt[3]{x}", "√d_k + √(N - 1) + x^(1/3)"),
        (r"\hat y \bar{x} \tilde\theta", "y\u0302 x\u0304 θ\u0303"),
        (r"\bigl|x\bigr| + \|y\|_2^2", "|x| + ‖y‖_2²"),
        (r"p(x \mid y), \mathrm{KL}(p \,\|\, q)", "p(x | y), KL(p ‖ q)"),
        (r"\min_k \lVert x \rVert", "min_k ‖x‖"),
        (r"\operatorname*{arg\,max}_{\lVert u \rVert = 1} u", "arg max_(‖u‖=1) u"),
        (r"\{n : k(n) = k,\; y_n = c\}", "{n : k(n) = k, y_n = c}"),
        (r"\mu_1, \dots, \mu_K", "μ_1, ..., μ_K"),
        (r"\textcolor{#8d31ee}{\mathbf{Q}} \in \mathbb{R}^{d}", "Q ∈ ℝ^d"),
        (r"a \qquad \text{for all } b", "a    for all b"),
        (r"\underbrace{W_1 W_2}_{\text{one}} + b", "[W_1 W_2: one] + b"),
        (r"\begin{aligned} a &= b \\ &\vdots \\ c &= -d \end{aligned}",
         "a = b\n⋮\nc = -d"),
        (r"\begin{aligned} a &= \Bigl( \log b \Bigr) \end{aligned}", "a = (log b)"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} x", "[1 2; 3 4] x"),
        (r"\begin{bmatrix} a + b & c \end{bmatrix}", "[a + b, c]"),
        (r"\begin{vmatrix} a & b \\ c & d \end{vmatrix}", "|a b; c d|"),
        (r"\begin{cases} x, & x > 0 \\ 0 & \text{else} \end{cases}",
         "{x, x > 0; 0, else}"),
        (r"\binom{n}{k} = n!", "(n choose k) = n!"),
        (r"1{,}000 + x_{1,2}", "1,000 + x_(1,2)"),
    ],
)  # fmt: skip
def test_a_formula_is_typed_by_hand(plain, tex, text):
    assert plain(tex) == text


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"\nonsense", r"""Unknown command "\nonsense" in the formula '\\nonsense'"""),
        (r"\boxed{x}", r"browsers do not show <menclose>, which the formula"),
        (r"\prescript{1}{2}{X}", "text cannot hold <mmultiscripts> in the formula"),
        (r"\overline{x + y}", "text cannot hold '\u0332' over or under 'x + y' in the"),
    ],
)
def test_what_has_no_words_is_an_error(plain, tex, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        plain(tex)
    assert str(caught.value).startswith(message)
