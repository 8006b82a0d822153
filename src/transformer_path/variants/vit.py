"""Can a transformer read images? It cuts them into patches, and a patch is a token.

From there on, nothing knows that the tokens lie in a plane. Which patch lies beside
which, the network has to learn, from positions that are learned too
(:cite:t:`dosovitskiy2021image`).
"""

import torch
from torch import Tensor, nn

from transformer_path.transformer.blocks import EncoderLayer
from transformer_path.workshop._inputs import whole


def patches(images: Tensor, size: int) -> Tensor:
    """Cut images into squares, each as one long row of numbers.

    Shapes
    ------
    images
        (B, C, H, W)
    result
        (B, N, C · size · size), with N = H / size · W / size: row by row, and in a
        patch channel by channel

    Raises
    ------
    ValueError
        If the images do not have four axes, or size does not divide their sides.

    Examples
    --------
    >>> patches(torch.arange(16).view(1, 1, 4, 4), 2)[0]
    tensor([[ 0,  1,  4,  5],
            [ 2,  3,  6,  7],
            [ 8,  9, 12, 13],
            [10, 11, 14, 15]])
    """
    size = whole("size", size, 1)
    if images.dim() != 4 or images.shape[2] % size or images.shape[3] % size:
        raise ValueError(
            f"images of shape {tuple(images.shape)} do not split into patches of "
            f"{size} by {size}; expected (B, C, H, W), with H and W multiples of "
            f"{size}."
        )
    x = torch.unflatten(images, 3, (-1, size))  # (B, C, H, w, P)
    x = torch.unflatten(x, 2, (-1, size))  # (B, C, h, P, w, P)
    return x.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)  # (B, N, C·P·P)


class ViT(nn.Module):
    """The vision transformer: scores for the classes of an image.

    The layers are those of the encoder of 2017, pre-norm. (The published ViT has GELU
    in place of ReLU.)

    Parameters
    ----------
    side : int
        Pixels along each side of an image.
    patch : int
        Pixels along each side of a patch.
    classes, channels : int
        How many there are.
    d_model, n_heads, n_layers : int
        As for :class:`~transformer_path.transformer.blocks.EncoderLayer`; its MLP has
        four times as many units as d_model.
    dropout : float
        As there.
    class_token : bool
        Whether the scores come from an additional token, as published, or from the
        mean over all patches.

    Raises
    ------
    ValueError
        If the patches do not fill the image, or a size does not fit.

    References
    ----------
    :cite:t:`dosovitskiy2021image`, Section 3.1.

    Examples
    --------
    >>> model = ViT(8, patch=2, d_model=12, n_heads=3, n_layers=2)
    >>> model(torch.randn(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        side: int,
        *,
        patch: int,
        classes: int = 10,
        channels: int = 1,
        d_model: int = 32,
        n_heads: int = 4,
        n_layers: int = 2,
        dropout: float = 0.0,
        class_token: bool = True,
    ) -> None:
        super().__init__()
        self.side, self.patch = whole("side", side, 1), whole("patch", patch, 1)
        if side % patch:
            raise ValueError(
                f"patch={patch} does not divide side={side}; the patches have to fill "
                "the image."
            )
        n = (side // patch) ** 2 + class_token
        self.embed = nn.Linear(whole("channels", channels, 1) * patch**2, d_model)
        self.first = nn.Parameter(torch.zeros(d_model)) if class_token else None
        self.positions = nn.Parameter(0.02 * torch.randn(n, d_model))
        self.layers = nn.ModuleList(
            EncoderLayer(d_model, n_heads, 4 * d_model, dropout=dropout, pre_norm=True)
            for _ in range(whole("n_layers", n_layers, 1))
        )
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, whole("classes", classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        """From (B, C, H, W) to (B, K).

        Raises
        ------
        ValueError
            If the images have other sides or channels.
        """
        wanted = (self.embed.in_features // self.patch**2, self.side, self.side)
        if images.shape[1:] != wanted:
            raise ValueError(
                f"images of shape {tuple(images.shape)}; expected (B, "
                f"{', '.join(map(str, wanted))})."
            )
        x = self.embed(patches(images, self.patch))  # (B, N, C)
        if self.first is not None:
            x = torch.cat([self.first.expand(len(x), 1, -1), x], 1)  # (B, 1 + N, C)
        x = x + self.positions
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        scores: Tensor = self.head(x.mean(1) if self.first is None else x[:, 0])
        return scores
