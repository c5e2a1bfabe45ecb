"""Plain against residual networks of growing depth on PhotoPatches-10: does more depth lower even the training error?

The networks are those of lecture 08: a stem that brings pictures of 32 pixels to 4, then blocks of two 3x3 convolutions
with batch norm, each with or without a way around it, then a mean over positions and one linear layer. What they reach
on the pictures they were trained on is measured after training, in evaluation mode, because degradation (He and others,
Deep Residual Learning for Image Recognition, 2016) is a matter of the training error. They have few channels, so that a
shallow network leaves something for depth to gain.
"""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from cnnlab import data, training
from cnnlab.experiments import cifar10
from cnnlab.records import Run

SETTINGS = {
    "blocks": [2, 4, 8, 16],
    "channels": 8,
    "optimizer": "SGD",
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "learning_rate": 0.02,
    "schedule": "one cycle",
    "batch_size": 100,
    "epochs": 10,
    "train": 5000,
    "test": 1000,
}


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm, (N, channels, H, W) to the same shape; `residual` adds the input."""

    def __init__(self, channels: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x, no value below 0."""
        change = self.branch(x)
        return torch.relu(x + change if self.residual else change)


def network(blocks: int, channels: int, residual: bool) -> nn.Sequential:
    """2 blocks + 2 layers with weights; pictures (N, 3, 32, 32) to logits (N, 10)."""
    stem = [nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    body = [Block(channels, residual) for _ in range(blocks)]
    return nn.Sequential(*stem, nn.MaxPool2d(4), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def experiment(
    pictures: data.ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]
) -> list[Run]:
    """Train once for each depth, kind of block and seed; the results are losses and accuracies after training."""
    train_part, _, test_part = cifar10.split(pictures, 0)
    total_steps = settings["epochs"] * -(-settings["train"] // settings["batch_size"])
    runs = []
    for blocks, residual, seed in product(settings["blocks"], (False, True), seeds):
        variant = f"{'residual' if residual else 'plain'}{blocks}"
        torch.manual_seed(seed)
        model = network(blocks, settings["channels"], residual).to(device)
        rate = settings["learning_rate"]
        optimizer = torch.optim.SGD(
            model.parameters(), lr=rate, momentum=settings["momentum"], weight_decay=settings["weight_decay"]
        )
        history = training.train(
            model,
            cifar10.shuffled(train_part, settings["batch_size"], seed),
            cifar10.in_order(test_part),
            optimizer,
            epochs=settings["epochs"],
            schedule=OneCycleLR(optimizer, rate, total_steps=total_steps),
        )
        train_loss, train_accuracy = training.validate(model, cifar10.in_order(train_part))
        results = {
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "test_accuracy": history.validation_accuracy[-1],
        }
        print(f"{variant}, seed {seed}: {results}", flush=True)
        runs.append(Run(seed, asdict(history), results, variant=variant))
    return runs


def load() -> data.ImageSet:
    """The pictures with varied colours."""
    return data.photopatches10(SETTINGS["train"], SETTINGS["test"], varied=True)


def main() -> None:
    """Run the experiment on the best device, as the command line says, and write its record."""
    cifar10.main("degradation_photopatches10", experiment, SETTINGS, load=load)


if __name__ == "__main__":
    main()
