"""Transfer learning from few pictures: two new classes for a network that was trained on ImageNet.

The three ways, `WAYS`, of learning from a few pictures of new classes:

- "from scratch": a small network, `SmallNet`, on the pictures as they are; all of it is trained;
- "frozen": the body of the pretrained network as it is, a new head trained on its features (a linear probe);
- "fine-tuned": the same, but the last stages of the body learn too, at a lower rate than the head.

The early stages of the body never learn here. So what they make of a picture, its `early_maps`, is computed once, and
both ways that start from the pretrained network train its `Top` on that: the same result, at a fifth of the cost.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from cnnlab import efficientnet, training
from cnnlab.data import to_float
from cnnlab.efficientnet import EfficientNetLite0

WAYS = ("from scratch", "frozen", "fine-tuned")
EARLY = 6  # parts of the body that never learn: stem and stages 1 to 5


class SmallNet(nn.Module):
    """Four blocks of convolution, batch norm and ReLU, then a mean over all positions, then one linear layer.

    Takes float32 (N, 3, H, W), H and W at least 4; returns logits (N, classes). 97,938 parameters for two classes, as
    many as a network of 32 × 32 pictures needs, and fifty times fewer than EfficientNet-Lite0.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential()
        widths = (3, 16, 32, 64, 128)
        for number in (1, 2, 3, 4):
            layers = [
                nn.Conv2d(widths[number - 1], widths[number], kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(widths[number]),
                nn.ReLU(),
            ]
            self.body.add_module(f"block{number}", nn.Sequential(*layers, *[nn.MaxPool2d(2)] * (number < 3)))
        self.body.add_module("pool", nn.AdaptiveAvgPool2d(1))
        self.body.add_module("flatten", nn.Flatten())
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        return self.fc(self.body(images))


class Top(nn.Module):
    """The last stages of a pretrained body, copied, and a new head with random weights.

    Takes early maps (N, 112, h, w); returns logits (N, classes). Batch norm stays in evaluation mode even while the
    rest trains: it goes on using the means and variances it has.
    """

    def __init__(self, network: EfficientNetLite0, classes: int) -> None:
        super().__init__()
        self.body = copy.deepcopy(network.body[EARLY:])
        self.fc = nn.Linear(network.fc.in_features, classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits (N, classes)."""
        return self.fc(self.body(maps))

    def train(self, mode: bool = True) -> "Top":
        """As in every module, but for the body, whose only parts that have modes are its batch norms."""
        super().train(mode)
        self.body.eval()
        return self


@torch.no_grad()
def early_maps(network: EfficientNetLite0, images: Tensor, side: int) -> Tensor:
    """What the early stages make of uint8 pictures (N, C, H, W), enlarged to `side` pixels, a multiple of 32.

    Returns float32 (N, 112, side / 16, side / 16) on the CPU. No part of a square picture is cut off.
    """
    device = next(network.parameters()).device
    early = copy.deepcopy(network.body[:EARLY]).eval()  # the network keeps its mode
    prepared = (efficientnet.preprocess(batch, side, share=1.0).to(device) for batch in images.split(50))
    return torch.cat([early(batch).cpu() for batch in prepared])


def parts(network: EfficientNetLite0, images: Tensor, labels: Tensor, side: int) -> dict[str, TensorDataset]:
    """What each of the `WAYS` learns from, or is measured on, of uint8 pictures (N, 3, H, W).

    From scratch that is the pictures themselves, float32 from -1 to 1; for the two others it is their `early_maps`.
    """
    small = TensorDataset((to_float(images) - efficientnet.MEAN) / efficientnet.STD, labels)
    maps = TensorDataset(early_maps(network, images, side), labels)
    return {"from scratch": small, "frozen": maps, "fine-tuned": maps}


def few(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Draw `per_class` pictures of each class: their indices. Raises ValueError when a class has fewer."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    drawn = [order[labels[order] == label][:per_class] for label in labels.unique()]
    if any(len(each) < per_class for each in drawn):
        raise ValueError(f"{per_class} pictures a class are not there: {labels.bincount().tolist()}")
    return torch.cat(drawn)


def adapt(
    network: EfficientNetLite0,
    part: TensorDataset,
    way: str,
    *,
    steps: int,
    batch_size: int,
    rate: float,
    body_rate: float = 0.0,
    seed: int,
) -> nn.Module:
    """Train in one of the three `WAYS` on `part`; return a model that takes the same inputs and gives logits.

    From scratch the inputs are normalised pictures (N, 3, H, W); the two other ways take `early_maps`. `rate` is the
    learning rate of the head, or of all that is trained from scratch; fine-tuning alone uses `body_rate`. `network`
    itself is left as it is. Raises ValueError for an unknown way.
    """
    if way not in WAYS:
        raise ValueError(f"the way is {way!r}: give one of {', '.join(WAYS)}")
    torch.manual_seed(seed)
    device, classes = next(network.parameters()).device, len(part.tensors[1].unique())
    settings = {"steps": steps, "batch_size": batch_size, "seed": seed}
    if way == "from scratch":
        small = SmallNet(classes).to(device)
        learn(small, [{"params": small.parameters(), "lr": rate}], part, **settings)
        return small
    top = Top(network, classes).to(device)
    groups = [{"params": top.fc.parameters(), "lr": rate}]
    if way == "frozen":  # the body would answer the same every time, so it is asked once
        features = training.predict(top.body, DataLoader(part, batch_size=100))[0]
        learn(top.fc, groups, TensorDataset(features, part.tensors[1]), **settings)
    else:
        learn(top, [*groups, {"params": top.body.parameters(), "lr": body_rate}], part, **settings)
    return top.eval()


def learn(
    model: nn.Module, groups: list[dict[str, Any]], part: TensorDataset, *, steps: int, batch_size: int, seed: int
) -> None:
    """Train `model` by SGD with momentum 0.9, then put it into evaluation mode; `groups` are the optimiser's.

    A step takes `batch_size` pictures of `part`, or all where there are fewer, in passes over it.
    """
    batch_size = min(batch_size, len(part))
    generator = torch.Generator().manual_seed(seed)
    sampler = RandomSampler(part, num_samples=steps * batch_size, generator=generator)  # passes over `part` in a row
    batches, measured = DataLoader(part, batch_size, sampler=sampler), DataLoader(part, batch_size=100)
    training.train(model, batches, measured, torch.optim.SGD(groups, momentum=0.9), epochs=1)
    model.eval()
