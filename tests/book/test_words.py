"""A reader who searches for the field's word for a thing finds the page that has it.

The list grows with the chapters: each brings the words under which its subject is known
elsewhere, whatever pictures it uses to explain them.
"""

import json
import os
import re
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.search.en import SearchEnglish

pytestmark = pytest.mark.book
ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()
WORDS = {
    "supervised learning": """accuracy, baseline, classification, convex, cross-entropy,
        decision boundary, generalisation, gradient descent, hyperparameter,
        learning rate, likelihood, linear regression, local minimum,
        logistic regression, logit, mean squared error, overfitting, PyTorch, softmax,
        standard deviation, tensor, test set, training set, underfitting,
        validation set""",
    "unsupervised learning": """centroid, clustering, covariance, eigenvector, inertia,
        k-means, PCA, power iteration, principal component, purity,
        singular value decomposition, variance""",
    "autograd": """automatic differentiation, backpropagation, backward pass,
        broadcasting, chain rule, computation graph, finite differences, forward pass,
        Jacobian, topological sort, vector-Jacobian product, XOR""",
    "feedforward networks": """activation function, bias, dead ReLU, hidden layer,
        initialisation, multilayer perceptron, neuron, nonlinearity, ReLU, sigmoid,
        tanh, universal approximation, vanishing gradient, weight""",
    "recurrent networks": """bidirectional, BPTT, cell state, critical path,
        exploding gradient, forget gate, gate, gradient clipping, GRU, hidden state,
        LSTM, recurrent network, reset gate, RNN, spectral radius, unrolling,
        update gate""",
    "a model of characters": """bigram, bits per character, language model, n-gram,
        padding, sampling, teacher forcing, temperature, unigram""",
    "training and overfitting": """batch size, condition number, dropout,
        early stopping, epoch, generalisation gap, inductive bias,
        learning rate schedule, minibatch, momentum, optimiser, regularisation,
        stochastic gradient descent, weight decay""",
    "training deep networks": """batch normalisation, effective rank,
        exploding gradient, fan-in, He initialisation, layer normalisation,
        residual connection, running statistics, skip connection, symmetry breaking,
        Xavier initialisation""",
    "optimisers": """Adam, AdamW, bias correction, condition number, cosine schedule,
        gradient clipping, heavy ball, learning rate range test, momentum,
        Nesterov momentum, one-cycle, RMSProp""",
    "regularisation": """confidence interval, data augmentation, dropout,
        early stopping, evaluation mode, weight decay""",
    "transformer": """ablation, attention, cross-attention, decoder, embedding, encoder,
        feedforward network, layer normalisation, multi-head,
        post-norm, pre-norm, residual connection, self-attention, weight tying""",
    "training a transformer": """inverse square root, label smoothing, learning rate,
        post-norm, pre-norm, warm-up""",
    "double descent": """double descent, interpolation threshold, label noise,
        minimum-norm solution, random features, ridge regression""",
    "positions": """permutation equivariance, permutation invariance,
        permutation matrix, positional encoding, relative position, sinusoids""",
    "bug museum": """information leak, overfit, parity test, polarity, property test""",
    "heads and masks": """causal mask, FlashAttention, multi-head attention,
        padding mask, polarity""",
    "self-attention": """associative recall, entropy, key, query, self-attention,
        scaled dot-product attention, value""",
    "convolution": """channel, CNN, convolutional network, cross-correlation, dilation,
        effective receptive field, equivariance, feature map, filter,
        grouped convolution, invariance, kernel, LeNet, max pooling, padding, pooling,
        receptive field, stride, weight sharing""",
    "the race": """compositional generalisation, critical path, minibatch,
        wall-clock time""",
    "MNIST-1D with a transformer": """convolutional token, patch, token""",
    "translation": """decoder, embedding, encoder, exact match, greedy decoding,
        sequence to sequence, token, vocabulary""",
    "attention": """additive attention, alignment, attention, attention weight,
        context, multiplicative attention""",
    "decoding": """beam search, beam width, edit distance, greedy decoding, hypothesis,
        log-probability, model error, search error, teacher forcing""",
    "tokens": """bits per byte, byte, byte-pair encoding, merge, special token,
        tokenizer, UTF""",
    "gpt": """bigram, context window, decoder-only, GELU, GPT, language model,
        perplexity""",
    "encoders": """BERT, encoder, masked language model, mask token""",
    "images as tokens": """class token, data augmentation, inductive bias,
        patch embedding, vision transformer""",
    "since 2017": """grouped-query attention, RMSNorm, rotary, SiLU, SwiGLU""",
    "mixture of experts": """active parameters, expert, load balancing,
        mixture of experts, MoE, router, Switch transformer""",
    "sampling": """cache, greedy decoding, key-value cache, KV cache, min-p, nucleus,
        sampling, temperature, top-k, top-p""",
    "rotary positions": """positional encoding, receptive field, relative position,
        RoPE, rotary, sliding window""",
    "lora": """fine-tuning, forgetting, LoRA, low rank, low-rank adaptation, merge,
        rank, singular value""",
    "three minutes": """bfloat16, ensemble, hashing, Muon, overfitting,
        singular value""",
}
TERMS = [
    " ".join(term.split()) for words in WORDS.values() for term in words.split(",")
]


@cache
def index() -> dict:
    """Read the index that the reader's browser searches."""
    file = BOOK / "searchindex.js"
    if not file.exists():
        reason = f"there is no built book in {BOOK.name}/; run: make html"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    text = file.read_text("utf-8")
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def pages_with(word: str) -> set[int]:
    """Number the pages that the index gives for one word, stemmed as it stems."""
    found: set[int] = set()
    for stem in {SearchEnglish({}).stem(word.lower()), word.lower()}:
        for part in ("terms", "titleterms"):
            pages = index()[part].get(stem, [])
            found |= {pages} if isinstance(pages, int) else set(pages)
    return found


@cache
def text_of(page: str) -> str:
    """Read what a page says, without what stands around it."""
    html = (BOOK / f"{page}.html").read_text("utf-8")
    return BeautifulSoup(html, "html.parser").select_one("article").get_text()


def missing(term: str) -> str:
    """Say what keeps a search from this term; nothing, if one page has it."""
    words = re.findall(r"\w+", term)
    sought = [word for word in words if word.lower() not in SearchEnglish.stopwords]
    pages = [index()["docnames"][n] for n in set.intersection(*map(pages_with, sought))]
    if not pages:
        return f"the search finds no page for {term!r}"
    # All the words on one page are not yet the term: they must stand together.
    together = re.compile(r"\b" + r"[\s\-–]+".join(words), re.IGNORECASE)
    if not any(together.search(text_of(page)) for page in pages):
        return f"{', '.join(sorted(pages))} have the words of {term!r}, apart"
    return ""


@pytest.mark.parametrize("term", TERMS)
def test_the_search_knows_the_fields_word(term):
    assert not missing(term)


def test_a_word_that_no_page_has_is_missed():
    assert missing("antidisestablishmentarianism")
    assert missing("gradient supervised").endswith("apart")
