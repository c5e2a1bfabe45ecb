"""Transfer learning on small pictures: a network that can be pretrained, and three ways to give it two new classes.

The three ways, `WAYS`, of training on a few pictures of new classes:

- "from scratch": a new network, all of it trained;
- "frozen": the pretrained body as it is, a new head trained on its features (feature extraction);
- "fine-tuned": the pretrained body and a new head, all of it trained, the body at a lower learning rate.
"""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from cnnlab import training
from cnnlab.data import to_float
from cnnlab.files import written_whole
from cnnlab.records import RESULTS

WAYS = ("from scratch", "frozen", "fine-tuned")
EIGHT_CLASSES = RESULTS / "eight_classes.safetensors"


class BlockNet(nn.Module):
    """Four blocks of convolution, batch norm and ReLU, then a mean over all positions, then one linear layer.

    Takes float32 (N, 3, H, W), H and W at least 4; returns logits (N, n_classes). Blocks 1 and 2 halve the resolution.
    `body` makes features (N, 128), and `fc`, named as in ResNet, is the head. With `statistics_fixed`, batch norm
    stays in evaluation mode even while the rest trains: it goes on using the means and variances it has.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.statistics_fixed = False
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
        self.fc = nn.Linear(widths[-1], n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, n_classes)."""
        return self.fc(self.body(images))

    def train(self, mode: bool = True) -> "BlockNet":
        """As in every module, but for batch norm where its statistics are fixed."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.train(mode and not self.statistics_fixed)
        return self


@dataclass(frozen=True)
class Pretrained:
    """A trained network and what one must know to use it: its classes, and how its pictures were normalised."""

    model: BlockNet
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def transforms(self, images: Tensor) -> Tensor:
        """Prepare uint8 pictures (..., 3, H, W) as in training: float32, each channel normalised."""
        mean, std = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in (self.mean, self.std))
        return (to_float(images) - mean) / std


def save(pretrained: Pretrained, path: Path) -> None:
    """Write weights and metadata into one safetensors file, whole or not at all."""
    meta = {name: json.dumps(getattr(pretrained, name)) for name in ("classes", "mean", "std")}
    weights = {name: value.cpu().contiguous() for name, value in pretrained.model.state_dict().items()}
    with written_whole(path) as part:
        safetensors.torch.save_file(weights, part, metadata=meta)


def load(path: Path = EIGHT_CLASSES) -> Pretrained:
    """Read what `save` wrote, on the CPU and in evaluation mode."""
    with safetensors.safe_open(path, framework="pt") as file:
        meta = {name: tuple(json.loads(text)) for name, text in file.metadata().items()}
    model = BlockNet(len(meta["classes"]))
    model.load_state_dict(safetensors.torch.load_file(path))
    return Pretrained(model.eval(), **meta)


def few(part: TensorDataset, per_class: int, seed: int) -> TensorDataset:
    """Draw `per_class` pictures of each class. Raises ValueError when a class has fewer."""
    images, labels = part.tensors
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    drawn = [order[labels[order] == label][:per_class] for label in labels.unique()]
    if any(len(each) < per_class for each in drawn):
        raise ValueError(f"{per_class} pictures a class are not there: {labels.bincount().tolist()}")
    chosen = torch.cat(drawn)
    return TensorDataset(images[chosen], labels[chosen])


def adapt(
    pretrained: BlockNet,
    part: TensorDataset,
    way: str,
    *,
    steps: int,
    batch_size: int,
    head_rate: float,
    body_rate: float,
    seed: int,
) -> BlockNet:
    """Train a network for the classes of `part` in one of the three `WAYS`; `pretrained` itself is left as it is.

    Every way takes the same number of steps, by SGD with momentum 0.9, on batches of at most `batch_size`. A network
    from scratch trains at `head_rate` throughout. Raises ValueError for an unknown way.
    """
    if way not in WAYS:
        raise ValueError(f"the way is {way!r}: give one of {', '.join(WAYS)}")
    torch.manual_seed(seed)
    model = BlockNet(len(part.tensors[1].unique()))  # its head has the random weights of a new layer
    if way != "from scratch":
        model.body = copy.deepcopy(pretrained.body)
        model.statistics_fixed = True
    model.to(next(pretrained.parameters()).device)
    trained, groups = model, [{"params": model.fc.parameters(), "lr": head_rate}]
    if way == "frozen":  # the body would answer the same every time, so it is asked once
        trained = model.fc
        part = TensorDataset(features(model, part.tensors[0]), part.tensors[1])
    else:
        rate = head_rate if way == "from scratch" else body_rate
        groups.append({"params": model.body.parameters(), "lr": rate})
    batch_size = min(batch_size, len(part))
    generator = torch.Generator().manual_seed(seed)
    sampler = RandomSampler(part, num_samples=steps * batch_size, generator=generator)  # passes over `part` in a row
    batches, measured = DataLoader(part, batch_size, sampler=sampler), DataLoader(part, 500)
    training.train(trained, batches, measured, torch.optim.SGD(groups, momentum=0.9), epochs=1)
    return model.eval()


@torch.no_grad()
def features(model: BlockNet, images: Tensor) -> Tensor:
    """What the body makes of normalised pictures (N, 3, H, W): (N, 128), on the CPU, in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model.body(batch.to(device)).cpu() for batch in images.split(500)])
