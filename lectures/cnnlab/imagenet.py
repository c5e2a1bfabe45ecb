"""torchvision's networks with their ImageNet weights, where these can be had; else a sentence that says how.

The weights are large (45 MB for ResNet-18, 528 MB for VGG-16), so nothing is downloaded unless CNNLAB_DOWNLOAD=1 asks.
In a notebook that is the line `%env CNNLAB_DOWNLOAD=1`.
"""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum


def cached_weights(weights: WeightsEnum) -> dict[str, Tensor] | None:
    """torchvision's trained weights by parameter name, if an earlier download left them in PyTorch's cache, else None.

    `weights` is one of torchvision's, such as `AlexNet_Weights.IMAGENET1K_V1`.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(weights.url).path).name)
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


def load(builder: Callable[[], nn.Module], weights: WeightsEnum) -> nn.Module | None:
    """Build a network, such as `resnet18`, with trained weights, in evaluation mode and on the CPU.

    The weights come from PyTorch's cache; with CNNLAB_DOWNLOAD=1 they are downloaded into it, and their checksum
    compared. Where neither works, say what is missing and how to get it, and return None.
    """
    state = cached_weights(weights)
    failure = None
    if state is None and os.environ.get("CNNLAB_DOWNLOAD") == "1":
        try:
            state = weights.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError) as error:  # no connection; a wrong checksum
            failure = error
    if state is None:
        print(_missing(weights, failure))
        return None
    model = builder()
    model.load_state_dict(state)
    return model.eval()


def _missing(weights: WeightsEnum, failure: Exception | None) -> str:
    file = Path(urlsplit(weights.url).path).name
    lines = [
        f"Missing: {weights}, the file {file} ({weights.meta['_file_size']:.0f} MB).",
        *([f"The download failed: {failure}."] if failure else []),
        "To get it, type this in a cell of its own, and then run this one again, with a connection:",
        "    %env CNNLAB_DOWNLOAD=1",
        "Without one, copy the file into the folder checkpoints of torch.hub.get_dir().",
    ]
    return "\n".join(lines)
