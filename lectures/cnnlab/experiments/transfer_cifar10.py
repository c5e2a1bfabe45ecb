"""Two pairs of CIFAR-10's classes from 5, 20 and 100 pictures of each, in the three ways of `cnnlab.transfer`.

A seed draws the pictures and the random weights; all ways get the same draws. The rates were chosen by the first 100
test pictures of each class, and by PhotoPatches-10, so the record measures on later ones.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cnnlab import data, efficientnet, training, transfer
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run

SETTINGS = {
    "pairs": [["cat", "dog"], ["bird", "airplane"]],
    "per_class": [5, 20, 100],
    "side": 96,
    "test_pictures_of_a_class": [100, 350],  # from the first to before the last
    "ways": {
        "from scratch": {"steps": 150, "batch_size": 10, "rate": 0.02},
        "frozen": {"steps": 100, "batch_size": 10, "rate": 0.003},
        "fine-tuned": {"steps": 30, "batch_size": 10, "rate": 0.003, "body_rate": 0.001},
    },
}


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """One run for each seed, pair, number of pictures and way; the variants are as in "cat and dog, frozen 20"."""
    network = efficientnet.load_imagenet().to(device)
    runs = []
    for names in settings["pairs"]:
        pair = data.subset(pictures, names)
        first, last = settings["test_pictures_of_a_class"]
        chosen = torch.cat([(pair.test_labels == label).nonzero().flatten()[first:last] for label in (0, 1)])
        measured = transfer.parts(network, pair.test_images[chosen], pair.test_labels[chosen], settings["side"])
        for seed in seeds:
            for per_class in settings["per_class"]:
                drawn = transfer.few(pair.train_labels, per_class, seed)
                parts = transfer.parts(network, pair.train_images[drawn], pair.train_labels[drawn], settings["side"])
                for way, way_settings in settings["ways"].items():
                    model = transfer.adapt(network, parts[way], way, **way_settings, seed=seed)
                    learned, accuracy = (_accuracy(model, each[way]) for each in (parts, measured))
                    variant = f"{' and '.join(names)}, {way} {per_class}"
                    print(f"seed {seed}, {variant}: {accuracy:.1%} on test", flush=True)
                    runs.append(Run(seed, {"train_accuracy": [learned]}, {"test_accuracy": accuracy}, variant))
    return runs


def _accuracy(model: nn.Module, part: TensorDataset) -> float:
    return training.validate(model, DataLoader(part, batch_size=100))[1]


if __name__ == "__main__":
    cifar10.main("transfer_cifar10", experiment, SETTINGS)
