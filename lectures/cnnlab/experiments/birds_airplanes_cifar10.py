"""Birds against airplanes: two classes of CIFAR-10, a small network, plain SGD, 100 epochs.

The network and the settings are those of Stevens, Antiga and Viehmann, Deep Learning with PyTorch, 2020, chapter 8,
who validate on the test pictures. Here 1,000 of the 10,000 training pictures are held out for that.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from cnnlab import data, models, training
from cnnlab.experiments import cifar10
from cnnlab.records import Run

SETTINGS = {
    "classes": ["airplane", "bird"],
    "network": "TanhNet",
    "optimizer": "SGD",
    "learning_rate": 0.01,
    "batch_size": 64,
    "epochs": 100,
    "validation": 1000,
}


def experiment(
    pictures: data.ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]
) -> list[Run]:
    """Train once for each seed; the results are accuracies and the test loss."""
    two_classes = data.subset(pictures, settings["classes"])
    train_part, validation_part, test_part = cifar10.split(two_classes, settings["validation"])
    runs = []
    for seed in seeds:
        print(f"seed {seed}")
        torch.manual_seed(seed)
        model = models.TanhNet().to(device)
        history = training.train(
            model,
            cifar10.shuffled(train_part, settings["batch_size"], seed),
            cifar10.in_order(validation_part),
            torch.optim.SGD(model.parameters(), lr=settings["learning_rate"]),
            epochs=settings["epochs"],
            callbacks=[training.print_progress],
        )
        test_loss, test_accuracy = training.validate(model, cifar10.in_order(test_part))
        results = {
            "train_accuracy": history.train_accuracy[-1],
            "validation_accuracy": history.validation_accuracy[-1],
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
        }
        runs.append(Run(seed, asdict(history), results))
    return runs


if __name__ == "__main__":
    cifar10.main("birds_airplanes_cifar10", experiment, SETTINGS)
