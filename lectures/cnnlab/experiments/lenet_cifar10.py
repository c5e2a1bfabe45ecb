"""The LeNet-like network on CIFAR-10: 45,000 pictures to train on, 5,000 to validate, the test set once at the end."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from cnnlab import models, training
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run

SETTINGS = {
    "network": "LeNetLike",
    "optimizer": "SGD",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "batch_size": 32,
    "epochs": 10,
    "validation": 5000,
}


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """Train once for each seed; the results are accuracies, over all and for each class, and the test loss."""
    train_part, validation_part, test_part = cifar10.split(pictures, settings["validation"])
    runs = []
    for seed in seeds:
        print(f"seed {seed}")
        torch.manual_seed(seed)
        model = models.LeNetLike().to(device)
        history = training.train(
            model,
            cifar10.shuffled(train_part, settings["batch_size"], seed),
            cifar10.in_order(validation_part),
            torch.optim.SGD(model.parameters(), lr=settings["learning_rate"], momentum=settings["momentum"]),
            epochs=settings["epochs"],
            callbacks=[training.print_progress],
        )
        logits, labels = training.predict(model, cifar10.in_order(test_part))
        confusion = torch.bincount(10 * labels + logits.argmax(dim=1), minlength=100).view(10, 10)
        share = confusion.diag().double() / confusion.sum(dim=1)
        results = {
            "train_accuracy": history.train_accuracy[-1],
            "validation_accuracy": history.validation_accuracy[-1],
            "test_accuracy": confusion.diag().sum().item() / len(labels),
            "test_loss": torch.nn.functional.cross_entropy(logits, labels).item(),
            **{f"test_accuracy_{name}": value for name, value in zip(pictures.classes, share.tolist(), strict=True)},
        }
        details = {"classes": list(pictures.classes), "confusion": confusion.tolist()}
        runs.append(Run(seed, asdict(history), results, details=details))
    return runs


if __name__ == "__main__":
    cifar10.main("lenet_cifar10", experiment, SETTINGS, seeds=range(5))
