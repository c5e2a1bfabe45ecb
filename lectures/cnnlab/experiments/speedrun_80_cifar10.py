"""How long until 80 % of CIFAR-10 is right? Trained by `speedrun.fast_recipe`, until the end and not only until then.

On a CPU that is a quarter of the width and a few epochs, some minutes of one core for each seed; on a GPU the full
width, and the targets go up to 94 %. The clock is the CPU time of the process on a CPU and the wall's on a GPU; it
stands while validation pictures are measured.

Results of a run for each target, such as 80 percent: `reached_80` (1 or 0) and `seconds_80`, the seconds until then.
Where the target was not reached these are the seconds of the whole training: the true number, if any, is larger.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch.utils.data import TensorDataset

from cnnlab import speedrun, training
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run

SETTINGS = {
    "targets": [60, 70, 80],  # percent of the validation pictures
    "epochs": 5,
    "measure_every": 22_500,
    "validation": 5000,
    "validation_measured": 2500,
    "clock": "CPU time of the process on a CPU, wall time on a GPU",
}


def settings_for(device: torch.device) -> dict[str, Any]:
    """Those above; on a GPU more epochs, higher targets, and all validation pictures."""
    if device.type == "cpu":
        return SETTINGS
    return {**SETTINGS, "targets": [60, 70, 80, 90, 94], "epochs": 10, "validation_measured": SETTINGS["validation"]}


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """Train once for each seed; the results are times to the targets, and accuracies at the end."""
    train_part, validation_part, test_part = cifar10.split(pictures, settings["validation"])
    measured = TensorDataset(*(tensor[: settings["validation_measured"]] for tensor in validation_part.tensors))
    recipe = replace(speedrun.fast_recipe(device), epochs=float(settings["epochs"]))
    few = TensorDataset(*(tensor[: 2 * recipe.batch_size] for tensor in train_part.tensors))
    speedrun.run(replace(recipe, epochs=1.0), few, few, device=device)  # what happens once in a process
    runs = []
    for seed in seeds:
        model, result = speedrun.run(
            recipe, train_part, measured, seed=seed, device=device, measure_every=settings["measure_every"]
        )
        results = {
            "accuracy": result.accuracy[-1],
            "test_accuracy": speedrun.accuracy(model, test_part, recipe),
            "seconds": result.seconds[-1],
            "wall_seconds": result.wall_seconds[-1],
            "compile_seconds": result.compile_seconds,
            "seconds_per_1000_pictures": 1000 * result.seconds[-1] / result.pictures[-1],
            **result.to_targets(settings["targets"]),
        }
        history = {name: getattr(result, name) for name in ("seconds", "wall_seconds", "pictures", "accuracy")}
        runs.append(Run(seed, history, results, details={"recipe": asdict(recipe)}))
        print(f"seed {seed}  " + "  ".join(f"{k} {v:.3g}" for k, v in results.items()), flush=True)
    return runs


if __name__ == "__main__":
    cifar10.main("speedrun_80_cifar10", experiment, settings_for(training.best_device()))
