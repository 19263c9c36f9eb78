"""The network of the demonstration models: a small residual CNN, global average pooling and a linear head.

Global average pooling with one linear layer makes class-activation maps exact (Zhou et al., CVPR 2016): the same
weights applied as a 1x1 convolution to the last feature maps say where a logit comes from. The service therefore
needs no backward pass, and ONNX can carry the maps as a second output. Known limit: one map cell is 16 input pixels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def _convolution(channels_in: int, channels_out: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
    )


class Residual(nn.Module):
    """Basic residual block (He et al., CVPR 2016): two 3x3 convolutions, the first of which halves the map."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = _convolution(channels_in, channels_out, 3, 2)
        self.second = _convolution(channels_out, channels_out, 3, 1)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), _convolution(channels_in, channels_out, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, H / 2, W / 2); H and W even."""
        inner = self.second(torch.relu(self.first(x)))
        return torch.relu(inner + self.shortcut(x))


class PhantomNet(nn.Module):
    """Grey picture (N, 1, H, W) in -1..1 to logits (N, labels); H and W multiples of 16."""

    def __init__(self, labels: int, widths: tuple[int, int, int, int] = (16, 32, 64, 112)) -> None:
        super().__init__()
        self.stem = _convolution(1, widths[0], 5, 2)
        self.stages = nn.Sequential(*(Residual(*pair) for pair in pairwise(widths)))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(widths[-1], labels)

    def maps(self, x: Tensor) -> Tensor:
        """Last feature maps (N, channels, H / 16, W / 16), after the ReLU."""
        features: Tensor = self.stages(torch.relu(self.stem(x)))
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, labels)."""
        logits: Tensor = self.head(self.dropout(self.maps(x).mean((2, 3))))
        return logits


class Deployed(nn.Module):
    """The exported graph: calibrated logits and class-activation maps.

    ``scale`` and ``bias`` (labels,) are the Platt scaling (Platt 1999) fitted on the validation seeds. They are folded
    into the weights of the head, so the maps average exactly to the calibrated logit minus its bias.
    """

    def __init__(self, network: PhantomNet, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.network = network
        head = network.head
        self.weight = nn.Parameter((head.weight * scale[:, None]).detach(), requires_grad=False)
        self.bias = nn.Parameter((head.bias * scale + bias).detach(), requires_grad=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, labels) and maps (N, labels, H / 16, W / 16)."""
        features = self.network.maps(x)
        cam = torch.conv2d(features, self.weight[:, :, None, None])
        return cam.mean((2, 3)) + self.bias, cam
