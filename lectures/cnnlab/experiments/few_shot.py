"""What the experiments on transfer share: pretraining on some classes, and new ones learned from a few pictures.

Each number of pictures a class is drawn several times, and each draw serves all three ways of `transfer.WAYS`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import TensorDataset

from cnnlab import data, training, transfer
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run
from cnnlab.transfer import BlockNet, Pretrained

SETTINGS = {
    "optimizer": "SGD",
    "momentum": 0.9,
    "pretraining_schedule": "one cycle",
    "pretraining_largest_rate": 0.1,
    "pretraining_weight_decay": 5e-4,
    "pretraining_batch_size": 64,
    "per_class": [5, 20, 100],
    "transfer": {"steps": 200, "batch_size": 20, "head_rate": 0.05, "body_rate": 0.01},
}


def pretrain(pictures: ImageSet, device: torch.device, seed: int, settings: dict[str, Any]) -> tuple[Pretrained, Run]:
    """Train a `BlockNet` on all classes of a set; return it, and its run with the accuracy on the test pictures."""
    held_out, kept = _halves(len(pictures.train_labels), settings["validation"])
    mean, std = data.channel_stats(pictures.train_images[kept])
    torch.manual_seed(seed)
    model = BlockNet(len(pictures.classes)).to(device)
    pretrained = Pretrained(model, pictures.classes, tuple(mean.tolist()), tuple(std.tolist()))
    train_part = _part(pretrained, pictures.train_images[kept], pictures.train_labels[kept])
    validation_part = _part(pretrained, pictures.train_images[held_out], pictures.train_labels[held_out])
    test_part = _part(pretrained, pictures.test_images, pictures.test_labels)
    batches = cifar10.shuffled(train_part, settings["pretraining_batch_size"], seed)
    rate = settings["pretraining_largest_rate"]
    decay = settings["pretraining_weight_decay"]
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=settings["momentum"], weight_decay=decay)
    history = training.train(
        model,
        batches,
        cifar10.in_order(validation_part),
        optimizer,
        epochs=settings["epochs"],
        schedule=OneCycleLR(optimizer, rate, total_steps=settings["epochs"] * len(batches)),
        callbacks=[training.print_progress],
    )
    model.eval()
    _, accuracy = training.validate(model, cifar10.in_order(test_part))
    results = {"train_accuracy": history.train_accuracy[-1], "test_accuracy": accuracy}
    return pretrained, Run(seed, asdict(history), results, variant="pretraining")


def compare_ways(
    pretrained: Pretrained, new: ImageSet, seed: int, draws: Sequence[int], settings: dict[str, Any]
) -> list[Run]:
    """Learn the classes of `new` in each way from each number of pictures; one run each, its accuracies draws' means.

    The variants are named as in "fine-tuned 20". The accuracy of each draw stands in the details.
    """
    train_part = _part(pretrained, new.train_images, new.train_labels)
    test_batches = cifar10.in_order(_part(pretrained, new.test_images, new.test_labels))
    runs = []
    for way in transfer.WAYS:
        for per_class in settings["per_class"]:
            train_accuracies, test_accuracies = [], []
            for draw in draws:
                few = transfer.few(train_part, per_class, draw)
                model = transfer.adapt(pretrained.model, few, way, seed=draw, **settings["transfer"])
                train_accuracies.append(training.validate(model, cifar10.in_order(few))[1])
                test_accuracies.append(training.validate(model, test_batches)[1])
            results = {
                "train_accuracy": sum(train_accuracies) / len(draws),
                "test_accuracy": sum(test_accuracies) / len(draws),
            }
            print(f"{way}, {per_class} pictures a class: {results['test_accuracy']:.1%} on test", flush=True)
            history = {"train_accuracy": [results["train_accuracy"]]}
            details = {"draws": list(draws), "test_accuracies": test_accuracies}
            runs.append(Run(seed, history, results, f"{way} {per_class}", details))
    return runs


def _halves(n: int, n_validation: int) -> tuple[Tensor, Tensor]:
    """Indices of the validation pictures and of the others, the same for all runs."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(cifar10.SPLIT_SEED))
    return order[:n_validation], order[n_validation:]


def _part(pretrained: Pretrained, images: Tensor, labels: Tensor) -> TensorDataset:
    return TensorDataset(pretrained.transforms(images), labels)
