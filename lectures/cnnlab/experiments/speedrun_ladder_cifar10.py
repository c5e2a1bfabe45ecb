"""How long each recipe of `cnnlab.speedrun` needs to a given accuracy, and the loop of lecture 05 beside them.

One process runs everything in turn, seed by seed, so a machine that slows down slows all of it. The clock is the
CPU time of the process on a CPU and the wall's on a GPU; it stands while validation pictures are measured.

A CPU climbs twelve steps, at a quarter of the width and for one epoch. On a GPU the networks have their full width, the
two last steps are climbed too, trainings are longer, and targets go up to 94 percent. bfloat16 is left out of the
recipes where the processor has no instructions for it; each run's recipe stands in the record.

Results of a run for each target, such as 60 percent: `reached_60` (1 or 0) and `seconds_60`, the seconds until then.
Where the target was not reached these are the seconds of the whole training: the true number, if any, is larger.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch.utils.data import TensorDataset

from cnnlab import speedrun, training
from cnnlab.data import ImageSet
from cnnlab.experiments import cifar10
from cnnlab.records import Run
from cnnlab.speedrun import LADDER, Recipe

WIDTH = {"cpu": 0.25}  # of the "four" and "nine" networks; 1 on any GPU
PLAIN = {  # the loop of lecture 05 with two settings; the second is a step of the ladder
    "plain loop, batch of 32": Recipe(batch_size=32, rate=0.01),
    "batch of 128": LADDER["batch of 128"],
}
SETTINGS = {
    "targets": [55, 60, 70],  # percent of the validation pictures
    "epochs": 1,  # of recipes with a triangular rate; those with a constant rate go on until their limit
    "limit_seconds": 20,
    "limit_seconds_plain_loop": 45,
    "measure_every": 4500,
    "validation": 5000,
    "validation_measured": 2000,
    "clock": "CPU time of the process on a CPU, wall time on a GPU",
}
ON_A_GPU = {"targets": [60, 70, 80, 90, 94], "epochs": 10, "measure_every": 22_500, "validation_measured": 5000}
FOR_GPUS = ("batch of 1024", "quick Muon")  # steps that only a GPU climbs


def settings_for(device: torch.device) -> dict[str, Any]:
    """The settings of a CPU or of a GPU."""
    return SETTINGS if device.type == "cpu" else SETTINGS | ON_A_GPU


def recipes_for(device: torch.device) -> dict[str, Recipe]:
    """The plain loops and the steps of the ladder that are worth their time on a device, by name."""
    chosen = {**PLAIN, **LADDER}
    return {
        name: speedrun.fitted(recipe, device)
        for name, recipe in chosen.items()
        if device.type != "cpu" or name not in FOR_GPUS
    }


def experiment(pictures: ImageSet, device: torch.device, seeds: Sequence[int], settings: dict[str, Any]) -> list[Run]:
    """Run the plain loop and the ladder once for each seed."""
    train_part, validation_part, test_part = cifar10.split(pictures, settings["validation"])
    measured = TensorDataset(*(tensor[: settings["validation_measured"]] for tensor in validation_part.tensors))
    width = WIDTH.get(device.type, 1.0)
    few = TensorDataset(*(tensor[:1280] for tensor in train_part.tensors))
    for recipe in (LADDER["batch of 128"], LADDER["Muon"]):  # what happens once in a process counts for no run
        recipe = replace(speedrun.fitted(recipe, device), width=width, epochs=1.0)
        speedrun.run(recipe, few, measured, device=device)
    runs = []
    for seed in seeds:
        for name, recipe in recipes_for(device).items():
            triangle = recipe.schedule == "triangle"
            recipe = replace(recipe, width=width, epochs=settings["epochs"] if triangle else 1000.0)
            limit = settings["limit_seconds_plain_loop" if name in PLAIN else "limit_seconds"]
            model, result = speedrun.run(
                recipe,
                train_part,
                measured,
                seed=seed,
                device=device,
                measure_every=settings["measure_every"],
                stop_at=max(settings["targets"]) / 100,
                limit=math.inf if triangle else limit,
            )
            results = {"accuracy": result.accuracy[-1], "test_accuracy": speedrun.accuracy(model, test_part, recipe)}
            results |= result.to_targets(settings["targets"])
            results["seconds_per_1000_pictures"] = 1000 * result.seconds[-1] / result.pictures[-1]
            results["wall_seconds"] = result.wall_seconds[-1]
            results["compile_seconds"] = result.compile_seconds
            history = {name: getattr(result, name) for name in ("seconds", "wall_seconds", "pictures", "accuracy")}
            runs.append(Run(seed, history, results, variant=name, details={"recipe": asdict(recipe)}))
            print(f"seed {seed}  {name:34} " + "  ".join(f"{k} {v:.3g}" for k, v in results.items()), flush=True)
    return runs


if __name__ == "__main__":
    cifar10.main("speedrun_ladder_cifar10", experiment, settings_for(training.best_device()))
