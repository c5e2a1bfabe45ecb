"""What the experiments share: how CIFAR-10 is split and fed, and the command that runs one and writes its record."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from cnnlab import data, records, training
from cnnlab.data import ImageSet
from cnnlab.records import Run

SPLIT_SEED = 0  # draws the validation pictures: the same for all runs, so that runs can be compared
Experiment = Callable[[ImageSet, torch.device, Sequence[int], dict[str, Any]], list[Run]]


def split(pictures: ImageSet, n_validation: int) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    """Training, validation and test part, images float32 (N, 3, 32, 32), normalised by the training part's pixels."""
    order = torch.randperm(len(pictures.train_labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held_out, kept = order[:n_validation], order[n_validation:]
    mean, std = data.channel_stats(pictures.train_images[kept])

    def part(images: torch.Tensor, labels: torch.Tensor) -> TensorDataset:
        return TensorDataset((data.to_float(images) - mean.view(3, 1, 1)) / std.view(3, 1, 1), labels)

    return (
        part(pictures.train_images[kept], pictures.train_labels[kept]),
        part(pictures.train_images[held_out], pictures.train_labels[held_out]),
        part(pictures.test_images, pictures.test_labels),
    )


def shuffled(part: TensorDataset, batch_size: int, seed: int) -> DataLoader:
    """Batches of the training part, in a new order each epoch that the seed fixes."""
    return DataLoader(part, batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed))


def in_order(part: TensorDataset) -> DataLoader:
    """Large batches of a part that is only measured."""
    return DataLoader(part, batch_size=500)


def load_cifar10() -> ImageSet:
    """CIFAR-10 as `data.cifar10` finds it. Raises SystemExit where it finds none: no other set stands in for it."""
    pictures = data.cifar10()
    if not pictures.is_cifar10:
        raise SystemExit("This experiment is recorded on CIFAR-10 only: see the message above.")
    return pictures


def main(
    name: str,
    experiment: Experiment,
    settings: dict[str, Any],
    seeds: Sequence[int] = range(3),
    *,
    load: Callable[[], ImageSet] = load_cifar10,
) -> None:
    """Run an experiment on the best device, as the command line says, and write its record.

    It goes to the reader's own results; only with `--record` does it replace the record that the lectures' text quotes.
    """
    parser = argparse.ArgumentParser(prog=f"python -m cnnlab.experiments.{name}")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds), help="default: %(default)s")
    if "epochs" in settings:  # some experiments count steps
        parser.add_argument("--epochs", type=int, default=settings["epochs"], help="default: %(default)s")
    records.add_record_option(parser)
    options = parser.parse_args()
    if "epochs" in settings:
        settings = {**settings, "epochs": options.epochs}
    pictures = load()
    device = training.best_device()
    record = records.Record(
        command=" ".join([parser.prog, *sys.argv[1:]]),
        data=pictures.name,
        hardware=records.hardware(device),
        versions=records.versions(),
        settings=settings,
        runs=experiment(pictures, device, options.seeds, settings),
    )
    records.save(record, name, shipped=options.record)
