"""What batch size and learning rate do together: a grid of both, each point trained for as many epochs.

Hyperparameters are chosen on validation pictures, so the test set has no part in this.
"""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import torch
from torch.utils.data import TensorDataset

from cnnlab import models, training
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run

SETTINGS = {
    "network": "LeNetLike",
    "optimizer": "SGD",
    "learning_rates": ["25e-4", "1e-2", "4e-2", "16e-2"],  # as they are written in the names of the variants
    "momentum": 0.9,
    "batch_sizes": [8, 32, 128],
    "epochs": 5,
    "train": 10_000,  # a part is enough to compare
    "validation": 5000,
}


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """Train once for each batch size, learning rate and seed; the results are accuracies."""
    rest, validation_part, _ = cifar10.split(pictures, settings["validation"])
    train_part = TensorDataset(*(tensor[: settings["train"]] for tensor in rest.tensors))
    runs = []
    for batch_size, rate, seed in product(settings["batch_sizes"], settings["learning_rates"], seeds):
        print(f"batch size {batch_size}, learning rate {float(rate)}, seed {seed}")
        torch.manual_seed(seed)
        model = models.LeNetLike().to(device)
        history = training.train(
            model,
            cifar10.shuffled(train_part, batch_size, seed),
            cifar10.in_order(validation_part),
            torch.optim.SGD(model.parameters(), lr=float(rate), momentum=settings["momentum"]),
            epochs=settings["epochs"],
            callbacks=[training.print_progress],
        )
        results = {
            "train_accuracy": history.train_accuracy[-1],
            "validation_accuracy": history.validation_accuracy[-1],
        }
        runs.append(Run(seed, asdict(history), results, variant=f"batch{batch_size}_rate{rate}"))
    return runs


if __name__ == "__main__":
    cifar10.main("batch_and_rate_cifar10", experiment, SETTINGS)
