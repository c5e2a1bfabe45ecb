"""Transfer on PhotoPatches-10, for five pairs of classes: pretrained on eight, then the pair from a few pictures.

The pairs are neighbours in the list of classes, so that no one chose them by their results. The network of the first
pair is kept as `lectures/results/eight_classes.safetensors`, which lecture 09 starts from.
"""

import argparse
from dataclasses import replace
from typing import Any

import torch

from cnnlab import data, records, training, transfer
from cnnlab.data import ImageSet
from cnnlab.experiments import few_shot
from cnnlab.records import Run

NAME = "transfer_photopatches10"
SETTINGS = {"pretraining_seed": 0, "epochs": 10, "validation": 400, "draws": 5, **few_shot.SETTINGS}


def experiment(
    pictures: ImageSet, device: torch.device, settings: dict[str, Any]
) -> tuple[transfer.Pretrained, list[Run]]:
    """Pretrain and transfer once for each pair; return the first pair's network, and the runs of all pairs.

    The variants are named as in "cat and coffee, fine-tuned 20".
    """
    networks, runs = [], []
    for pair in zip(pictures.classes[::2], pictures.classes[1::2], strict=True):
        print(" and ".join(pair))
        others = data.subset(pictures, [name for name in pictures.classes if name not in pair])
        pretrained, run = few_shot.pretrain(others, device, settings["pretraining_seed"], settings)
        networks.append(pretrained)
        draws = range(settings["draws"])
        compared = few_shot.compare_ways(pretrained, data.subset(pictures, pair), run.seed, draws, settings)
        runs += [replace(run, variant=f"{' and '.join(pair)}, {run.variant}") for run in (run, *compared)]
    return networks[0], runs


def main() -> None:
    """Run the experiment on the best device; write its record and the first network's weights."""
    parser = argparse.ArgumentParser(prog=f"python -m cnnlab.experiments.{NAME}")
    parser.parse_args()
    pictures = data.photopatches10()
    device = training.best_device()
    pretrained, runs = experiment(pictures, device, SETTINGS)
    record = records.Record(
        command=parser.prog,
        data=pictures.name,
        hardware=records.hardware(device),
        versions=records.versions(),
        settings=SETTINGS,
        runs=runs,
    )
    path = records.RESULTS / f"{NAME}.json"
    records.write(record, path)
    transfer.save(pretrained, transfer.EIGHT_CLASSES)
    print(f"Written: {path}, {transfer.EIGHT_CLASSES}")


if __name__ == "__main__":
    main()
