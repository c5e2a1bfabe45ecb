"""Batch norm, dropout, augmentation and a rate that sinks: what does each bring, added one after the other and alone?

A lecture of one course (its Unit 9) reports such a ladder for two conv layers and two dense layers after 100 epochs:
67 %, with batch norm 72.5 %, with dropout 79.5 %, with augmentation 79 %. It does not give the widths. The network here
is narrow, and learns from 10,000 pictures for 60 epochs: long enough to overfit, and for the cures to pay. All runs
together take about 80 minutes of one CPU core.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

from cnnlab import training
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run
from cnnlab.speedrun import shifted

SETTINGS = {
    "variants": {
        "plain": [],
        "batch_norm": ["batch norm"],
        "dropout": ["batch norm", "dropout"],
        "augmentation": ["batch norm", "dropout", "augmentation"],
        "one_cycle": ["batch norm", "dropout", "augmentation", "one cycle"],
        "without_dropout": ["batch norm", "augmentation", "one cycle"],
        "dropout_alone": ["dropout"],
        "augmentation_alone": ["augmentation"],
        "one_cycle_alone": ["one cycle"],
    },
    "channels": [16, 32],
    "hidden_units": 128,
    "dropout": 0.5,
    "shift": 4,
    "optimizer": "Adam",
    "learning_rate": 0.001,
    "largest_rate_of_one_cycle": 0.005,
    "batch_size": 128,
    "epochs": 60,
    "train": 10_000,  # a fifth: the fewer pictures, the more a network overfits
    "validation": 2000,
}


def network(
    channels: Sequence[int] = (16, 32), hidden_units: int = 128, *, batch_norm: bool = False, dropout: float = 0.0
) -> nn.Sequential:
    """Two conv layers with ReLU and max pooling, then two dense layers: images (N, 3, 32, 32) to logits (N, 10).

    Batch norm follows each conv layer, whose bias it makes needless; dropout stands before each dense layer. Pooling
    before ReLU gives the same numbers as after it, and leaves a quarter of the work.
    """
    layers: list[nn.Module] = []
    for c_in, c_out in zip([3, *channels], channels, strict=False):
        layers.append(nn.Conv2d(c_in, c_out, 3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(c_out))
        layers += [nn.MaxPool2d(2), nn.ReLU()]
    side = 32 // 2 ** len(channels)
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1] * side * side, hidden_units), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(hidden_units, 10))


def flipped_and_shifted(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Mirror each image of (N, C, H, W) or not, and move it by up to `shift` pixels each way, with draws of its own.

    What enters at a border is the image reflected there. Images and generator are on the CPU.
    """
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    padded = nn.functional.pad(images, [shift] * 4, mode="reflect")
    return shifted(padded, images.shape[2:], generator)


class Augmented:
    """Batches whose images are mirrored and moved anew each time they are gone through; `len` as the loader's."""

    def __init__(self, batches: DataLoader, shift: int, seed: int) -> None:
        self.batches, self.shift = batches, shift
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in self.batches:
            yield flipped_and_shifted(images, self.shift, self.generator), labels

    def __len__(self) -> int:
        return len(self.batches)


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """Train once for each variant and seed; the results are accuracies and the test loss after the last epoch.

    All are measured in evaluation mode and on pictures that are not augmented, the training accuracy too.
    """
    rest, validation_part, test_part = cifar10.split(pictures, settings["validation"])
    train_part = TensorDataset(*(tensor[: settings["train"]] for tensor in rest.tensors))
    runs = []
    for seed in seeds:
        for variant, tricks in settings["variants"].items():
            print(f"{variant}, seed {seed}")
            torch.manual_seed(seed)
            model = network(
                settings["channels"],
                settings["hidden_units"],
                batch_norm="batch norm" in tricks,
                dropout=settings["dropout"] if "dropout" in tricks else 0.0,
            ).to(device, memory_format=torch.channels_last)  # the faster order in memory, on CPU as on GPU
            batches = cifar10.shuffled(train_part, settings["batch_size"], seed)
            optimizer = torch.optim.Adam(model.parameters(), lr=settings["learning_rate"])
            steps, largest = settings["epochs"] * len(batches), settings["largest_rate_of_one_cycle"]
            history = training.train(
                model,
                Augmented(batches, settings["shift"], seed) if "augmentation" in tricks else batches,
                cifar10.in_order(validation_part),
                optimizer,
                epochs=settings["epochs"],
                schedule=OneCycleLR(optimizer, largest, total_steps=steps) if "one cycle" in tricks else None,
                callbacks=[training.print_progress],
            )
            parts = (train_part, validation_part, test_part)
            measured = [training.validate(model, cifar10.in_order(part)) for part in parts]
            results = {
                "train_accuracy": measured[0][1],
                "validation_accuracy": measured[1][1],
                "test_accuracy": measured[2][1],
                "test_loss": measured[2][0],
            }
            runs.append(Run(seed, asdict(history), results, variant=variant))
    return runs


if __name__ == "__main__":
    cifar10.main("ladder_cifar10", experiment, SETTINGS)
