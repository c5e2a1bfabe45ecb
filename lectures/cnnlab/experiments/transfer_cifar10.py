"""Transfer on CIFAR-10: pretrained on eight classes, then airplane against bird from 5, 20 and 100 pictures a class.

Each seed pretrains a network of its own and draws its own pictures. The settings of the transfer were chosen on
PhotoPatches-10, so CIFAR-10's test pictures had no part in that.
"""

from collections.abc import Sequence
from typing import Any

import torch

from cnnlab import data
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10, few_shot
from cnnlab.records import Run

SETTINGS = {"new_classes": ["airplane", "bird"], "epochs": 5, "validation": 4000, "draws": 3, **few_shot.SETTINGS}


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """Pretrain and transfer once for each seed; accuracies of transfer are means over the draws of pictures."""
    new = data.subset(pictures, settings["new_classes"])
    others = data.subset(pictures, [name for name in pictures.classes if name not in new.classes])
    runs = []
    for seed in seeds:
        print(f"seed {seed}")
        pretrained, run = few_shot.pretrain(others, device, seed, settings)
        draws = [settings["draws"] * seed + draw for draw in range(settings["draws"])]
        runs += [run, *few_shot.compare_ways(pretrained, new, seed, draws, settings)]
    return runs


if __name__ == "__main__":
    cifar10.main("transfer_cifar10", experiment, SETTINGS)
