"""The same training in several processes: each takes its share of every batch, and they average their gradients.

    torchrun --nproc-per-node 2 -m cnnlab.distributed --weights two.pt

starts two processes on one machine. Each has a GPU of its own where there are enough (they then talk by NCCL), else a
share of the CPU (they talk by Gloo). Without torchrun there is one process, which takes all of every batch. As the
mean of the shares' gradients is the gradient of the whole batch, the weights come out the same, but for rounding.
That holds for LeNetLike; batch norm would see only its own share (`nn.SyncBatchNorm` looks at all).
"""

import argparse
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from cnnlab import data, models


def train(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int, steps: int, rate: float, rank: int, world: int
) -> None:
    """Change `model` by `steps` steps of SGD with momentum on batches of `batch_size`, all processes together.

    Every process draws the same order of the pictures, from seed 0, and takes each `world`-th picture of a batch,
    beginning with number `rank`. Raises ValueError unless all shares are of one size: else their mean is not the mean
    of the batch.
    """
    if batch_size % world or batch_size > len(labels):
        raise ValueError(f"a batch of {batch_size} of {len(labels)} pictures in {world} equal shares: not possible")
    device = next(model.parameters()).device
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    batches: list[Tensor] = []
    for _ in range(steps):
        if not batches:
            order = torch.randperm(len(labels), generator=generator)
            batches = [batch for batch in order.split(batch_size) if len(batch) == batch_size]
        mine = batches.pop()[rank::world]
        loss = F.cross_entropy(model(images[mine].to(device)), labels[mine].to(device))
        optimizer.zero_grad()
        loss.backward()  # DistributedDataParallel averages the gradients in here
        optimizer.step()


def main() -> None:
    """Read the command line, train on PhotoPatches-10, and save the weights from the first process."""
    parser = argparse.ArgumentParser(prog="torchrun --nproc-per-node 2 -m cnnlab.distributed")
    parser.add_argument("--weights", type=Path, required=True, help="file to write the weights to")
    parser.add_argument("--batch-size", type=int, default=64, help="of all processes together, default: %(default)s")
    parser.add_argument("--steps", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=0.02, help="default: %(default)s")
    options = parser.parse_args()
    rank, local_rank, world = (int(os.environ.get(name, default)) for name, default in TORCHRUN.items())
    device = _device(local_rank)
    pictures = data.photopatches10()
    torch.manual_seed(0)  # the same weights in every process
    model: nn.Module = models.LeNetLike().to(device)
    network = model
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        network = DistributedDataParallel(model)
    images = data.to_float(pictures.train_images) - 0.5
    train(
        network,
        images,
        pictures.train_labels,
        batch_size=options.batch_size,
        steps=options.steps,
        rate=options.rate,
        rank=rank,
        world=world,
    )
    if rank == 0:
        torch.save(model.state_dict(), options.weights)
        print(f"{world} processes took {options.batch_size // world} pictures of each batch, on {device.type}")
    if world > 1:
        dist.destroy_process_group()


TORCHRUN = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}  # what it tells each process, and what holds without it


def _device(local_rank: int) -> torch.device:
    processes_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if torch.cuda.device_count() < processes_here:  # two processes on one GPU are more than NCCL allows
        return torch.device("cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


if __name__ == "__main__":
    main()
