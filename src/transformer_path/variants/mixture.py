"""How does a network grow without more work for each token? Only a few experts answer.

In place of one feedforward network there are several, the *experts*. A router, one
linear layer, chooses for each token the few that are asked, and how much each of them
counts. So that not all tokens go to the same, the loss gets a term that grows if the
work is distributed unevenly.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from transformer_path.variants.llama import SwiGLU
from transformer_path.workshop._inputs import whole


class Mixture(nn.Module):
    """Several feedforward networks, of which each token asks the best few.

    Fits where :class:`~transformer_path.variants.llama.Llama` takes a feedforward
    network. Among the experts asked, the weights add up to 1. With one only, the weight
    would be 1 whatever the router says, and the router would learn nothing: there an
    expert counts with its share among all of them, as in the Switch transformer.

    After each call ``layer.imbalance`` holds the :func:`imbalance` of the tokens seen
    last: to be added to the loss, times a small number.

    How many tokens an expert gets is decided by the tokens, so that several mixtures do
    not train side by side in one :class:`~transformer_path.workshop.ensembles.Several`.

    Parameters
    ----------
    d_model : int
        Numbers at each position.
    n_experts : int
        How many feedforward networks there are.
    top_k : int
        How many of them a token asks.
    expert : callable
        From d_model to a feedforward network.

    Raises
    ------
    ValueError
        If a number is smaller than 1, or top_k larger than n_experts.

    References
    ----------
    :cite:t:`shazeer2017outrageously`, without its noise; for one expert
    :cite:t:`fedus2022switch`, Equation 2.

    Examples
    --------
    Whoever stands beside a token does not matter:

    >>> layer, x = Mixture(6, n_experts=4), torch.randn(2, 5, 6)
    >>> torch.allclose(layer(x)[:, :2], layer(x[:, :2]), atol=1e-6)
    True
    """

    def __init__(
        self,
        d_model: int,
        n_experts: int,
        top_k: int = 2,
        *,
        expert: Callable[[int], nn.Module] = SwiGLU,
    ) -> None:
        super().__init__()
        if whole("top_k", top_k, 1) > whole("n_experts", n_experts, 1):
            raise ValueError(
                f"top_k={top_k} experts for each token, but there are only "
                f"n_experts={n_experts}; top_k may be 1 to {n_experts}."
            )
        self.top_k = top_k
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.experts = nn.ModuleList(expert(d_model) for _ in range(n_experts))
        self.imbalance = torch.ones(())

    def forward(self, x: Tensor) -> Tensor:
        """From (..., C) to (..., C)."""
        tokens = x.flatten(0, -2)  # (N, C)
        shares = self.router(tokens).softmax(-1)  # (N, E)
        weights, chosen = shares.topk(self.top_k)  # (N, k)
        if self.top_k > 1:
            weights = weights / weights.sum(-1, keepdim=True)
        self.imbalance = imbalance(shares, chosen)
        result = torch.zeros_like(tokens)
        for n, expert in enumerate(self.experts):
            rows, places = (chosen == n).nonzero(as_tuple=True)
            weight = weights[rows, places, None]
            answers = (weight * expert(tokens[rows])).to(x.dtype)
            result = result.index_add(0, rows, answers)
        return result.view_as(x)

    def __getstate__(self) -> dict[str, Any]:
        """Copy and save it without the graph that its imbalance hangs on."""
        return self.__dict__ | {"imbalance": self.imbalance.detach()}


def imbalance(shares: Tensor, chosen: Tensor) -> Tensor:
    """Say how unevenly experts are asked, as far as the router is sure of its choice.

    It is n_experts · Σ fᵢ Pᵢ, where fᵢ is the share of the choices that fell on expert
    i, and Pᵢ what the router gave it on average: 1 if the choices or the averages are
    even, and n_experts / k at most, where all tokens ask the same k and the router
    gives nothing to the others. As long as it is undecided, it stays close to 1, even
    if all ask the same. Where f and P agree it is 1 or more; else it may fall below.

    Shapes
    ------
    shares
        (N, E), what the router gives each expert; rows add up to 1
    chosen
        (N, k), int64, the experts asked
    result
        ()

    References
    ----------
    :cite:t:`fedus2022switch`, Equation 4, without its factor α; there k is 1.

    Examples
    --------
    >>> even = torch.eye(4)
    >>> imbalance(even, even.topk(1).indices).item()
    1.0
    >>> same = torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 5)
    >>> imbalance(same, same.topk(1).indices).item()
    4.0
    >>> undecided = torch.tensor([[0.28, 0.24, 0.24, 0.24]] * 5)
    >>> round(imbalance(undecided, undecided.topk(1).indices).item(), 2)
    1.12
    """
    n_experts = shares.shape[-1]
    ones = shares.new_ones(chosen.shape)
    counts = torch.zeros_like(shares)
    counts = counts.scatter_add(-1, chosen, ones)  # (N, E)
    asked = counts.sum(0) / chosen.numel()  # (E,)
    return n_experts * (asked * shares.mean(0)).sum()
