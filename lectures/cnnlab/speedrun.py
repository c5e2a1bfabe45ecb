"""A fast trainer for pictures of 32 x 32, to be read from top to bottom: clock, batches, network, optimiser, training.

`python -m cnnlab.speedrun` trains on CIFAR-10 (or on PhotoPatches-10 where that is missing) and prints the accuracy
over the seconds: some minutes on one CPU core at a quarter of the width, full width on a GPU. Every trick is a field of
`Recipe`, so a recipe says all about a training, and `LADDER` adds the tricks in fourteen steps.

The ideas come from David Page, How to Train Your ResNet (2018-19: nine layers, triangular rate, pooling before batch
norm, whitening, frozen scales, CELU, label smoothing, averaged weights, test-time flips); from Keller Jordan, 94% on
CIFAR-10 in 3.29 seconds on a single GPU (2024, arXiv 2404.00498: Dirac start, alternating flips, channels of 64, 256,
256); from tysam-code, hlb-CIFAR10 (2023: GELU, whitening in a layer of 2 x 2); and from Jordan and others, Muon (2024).
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from cnnlab import data, models, training

WHITENED = 24  # channels of the whitening layer: 2 x 2 pixels of 3 colours are 12 numbers, each with both signs
CHANNELS = (64, 256, 256)  # of the three groups of the nine-layer network, at width 1


@dataclass(frozen=True)
class Recipe:
    """All that can be chosen in a training. The defaults are the plain loop of lecture 05, but for the batch of 4."""

    network: str = "lenet"  # or "four" (layers, with batch norm), or "nine" (layers, residual)
    width: float = 1.0  # factor on the channels of "four" and "nine"
    epochs: float = 10.0
    batch_size: int = 4
    on_device: bool = False  # all pictures as one tensor where the network is, instead of a DataLoader
    flip: str = "none"  # or "random", or "alternating"
    shift: int = 0  # pixels by which a picture may move, in each direction
    dropout: float = 0.0
    rate: float = 0.001  # the largest learning rate
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: str = "constant"  # or "triangle"
    bfloat16: bool = False
    channels_last: bool = False
    pool_first: bool = False  # pooling before batch norm, which then has a quarter of the numbers to go through
    label_smoothing: float = 0.0
    activation: str = "relu"  # or "gelu"
    frozen_scale: bool = False
    whiten: bool = False
    dirac: bool = False
    average: float = 0.0  # decay of the moving average of the weights; 0: no average
    mirror_test: bool = False
    muon: bool = False
    muon_rate: float = 0.0
    muon_rounds: int = 5  # of the iteration that makes a step orthogonal
    muon_bfloat16: bool = False  # that iteration in bfloat16
    compile: bool = False  # the network; on a GPU Muon's iteration too


def _ladder() -> dict[str, Recipe]:
    """Each step changes the recipe of the step before, as its line says."""
    changes = {
        "batch of 4": {},
        "batch of 128": dict(batch_size=128, rate=0.04),
        "one tensor": dict(on_device=True),
        "augmentation there": dict(flip="random", shift=4),
        "four layers, batch norm": dict(network="four", dropout=0.3, rate=0.1),
        "less dropout and shift": dict(dropout=0.0, shift=2),
        "triangle, Nesterov": dict(schedule="triangle", nesterov=True, weight_decay=5e-4),
        "nine layers, residual": dict(network="nine", rate=0.05),
        "bf16, channels last, pool first": dict(bfloat16=True, channels_last=True, pool_first=True),
        "smoothing, GELU, frozen scale": dict(label_smoothing=0.1, activation="gelu", frozen_scale=True),
        "whitening, Dirac, average, flips": dict(
            whiten=True, dirac=True, average=0.95, mirror_test=True, flip="alternating"
        ),
        "Muon": dict(muon=True, muon_rate=0.16, rate=0.1),
        "compiled": dict(compile=True),
        "batch of 1024": dict(batch_size=1024, rate=0.5, muon_rate=0.24),
        "quick Muon": dict(muon_rounds=3, muon_bfloat16=True),
    }
    ladder, recipe = {}, Recipe()
    for name, change in changes.items():
        ladder[name] = recipe = replace(recipe, **change)
    return ladder


LADDER = _ladder()


def has_bfloat16(device: torch.device) -> bool:
    """Whether the processor has instructions for bfloat16; without them it is far slower than float32, not faster."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return any(found.get(name, False) for name in ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16"))


def fitted(recipe: Recipe, device: torch.device) -> Recipe:
    """The recipe as it is, or with float32 in place of bfloat16 where the device has no instructions for that."""
    return recipe if has_bfloat16(device) else replace(recipe, bfloat16=False, muon_bfloat16=False)


def fast_recipe(device: torch.device) -> Recipe:
    """What to train with on a device: a narrow network without the compiler on a CPU, else the top of the ladder."""
    if device.type == "cpu":
        recipe = replace(LADDER["Muon"], width=0.25, epochs=5.0, batch_size=256, rate=0.2, muon_rate=0.2)
    else:
        recipe = replace(LADDER["quick Muon"], epochs=10.0)
    return fitted(recipe, device)


# The clock.


class Clock:
    """Seconds of work, with pauses: of the wall clock, and of this process on the CPU.

    A GPU works on while Python goes ahead, so each reading waits for it. `seconds` is the CPU's time where the CPU does
    the work, since other programs on the machine do not count in it; on a GPU it is the wall's.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.wall, self.cpu = 0.0, 0.0
        self._since: tuple[float, float] | None = None

    def start(self) -> None:
        """Start, or go on after a pause."""
        self._since = self._now()

    def pause(self) -> None:
        """Stop until the next start. Raises RuntimeError when it does not run."""
        if self._since is None:
            raise RuntimeError("the clock does not run")
        wall, cpu = self._now()
        self.wall += wall - self._since[0]
        self.cpu += cpu - self._since[1]
        self._since = None

    @property
    def seconds(self) -> float:
        """What was counted before the last pause."""
        return self.cpu if self.device.type == "cpu" else self.wall

    def _now(self) -> tuple[float, float]:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        return time.perf_counter(), time.process_time()


# The batches.


class TensorBatches:
    """Shuffled batches of pictures that lie on the device as one tensor: no copy and no Python for a single picture.

    `images` are floats (N, C, H, W), `labels` (N,). Going through it once is an epoch. Pictures are mirrored and
    shifted on the device, a whole batch at a time. With `flip="alternating"` a picture that is mirrored in one epoch is
    not mirrored in the next, so that two epochs show both sides of all pictures; with "random" a quarter of the
    pictures shows the same side in both and a quarter only the other. `drop_last` leaves out a smaller last batch, but
    not an only one.

    Raises ValueError for another `flip`.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        batch_size: int,
        *,
        flip: str = "none",
        shift: int = 0,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        if flip not in ("none", "random", "alternating"):
            raise ValueError(f"flip is {flip!r}: choose none, random or alternating")
        self.labels, self.batch_size, self.flip, self.shift, self.drop_last = labels, batch_size, flip, shift, drop_last
        self.images = F.pad(images, (shift,) * 4, mode="reflect") if shift else images
        self.side = images.shape[-2:]
        self.generator = torch.Generator(device=images.device).manual_seed(seed)
        self.epoch = 0
        self.mirrored = self._coins(len(labels))

    def __len__(self) -> int:
        whole, rest = divmod(len(self.labels), self.batch_size)
        return whole if rest == 0 or (self.drop_last and whole) else whole + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.flip == "random":
            self.mirrored = self._coins(len(self.labels))
        elif self.flip == "alternating" and self.epoch:
            self.mirrored = ~self.mirrored
        self.epoch += 1
        order = torch.randperm(len(self.labels), generator=self.generator, device=self.images.device)
        for k in range(len(self)):
            chosen = order[k * self.batch_size : (k + 1) * self.batch_size]
            images = shifted(self.images[chosen], self.side, self.generator) if self.shift else self.images[chosen]
            if self.flip != "none":
                images = torch.where(self.mirrored[chosen].view(-1, 1, 1, 1), images.flip(3), images)
            yield images, self.labels[chosen]

    def _coins(self, n: int) -> Tensor:
        return torch.rand(n, generator=self.generator, device=self.images.device) < 0.5


def shifted(padded: Tensor, side: tuple[int, int], generator: torch.Generator) -> Tensor:
    """From each picture of `padded` (N, C, H + 2r, W + 2r) a window of `side` (H, W), at a place of its own."""
    n, channels, height, width = padded.shape
    places = []
    for space, length in ((height, side[0]), (width, side[1])):
        first = torch.randint(space - length + 1, (n, 1), generator=generator, device=padded.device)
        places.append(first + torch.arange(length, device=padded.device))
    rows, columns = places
    pixels = (rows[:, :, None] * width + columns[:, None, :]).view(n, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, pixels).view(n, channels, *side)


# The network.


def whitening_filters(images: Tensor, size: int = 2, eps: float = 5e-4) -> Tensor:
    """Filters (C * size², C, size, size) whose answers to patches of `images` have covariance 1 (but for `eps`).

    Each is an eigenvector of the patches' covariance, divided by the root of its eigenvalue. `eps`, added to the
    eigenvalue, keeps directions that hardly vary from being blown up.
    """
    channels = images.shape[1]
    patches = F.unfold(images, size).transpose(1, 2).reshape(-1, channels * size * size)
    patches = patches - patches.mean(dim=0)
    covariance = (patches.T @ patches / len(patches)).cpu().double()
    values, vectors = torch.linalg.eigh(covariance)  # on the CPU: it is small, and some accelerators lack it
    filters = (vectors / (values + eps).sqrt()).T.flip(0)
    return filters.view(-1, channels, size, size).to(images)


def dirac_start(conv: nn.Conv2d) -> None:
    """Let the first channels that come out be those that come in; what is left keeps its random start."""
    nn.init.dirac_(conv.weight.data[: conv.in_channels])


def _norm(channels: int, recipe: Recipe) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    norm.weight.requires_grad_(not recipe.frozen_scale)
    return norm


def _activation(recipe: Recipe) -> nn.Module:
    return {"relu": nn.ReLU, "gelu": nn.GELU}[recipe.activation]()


def _block(c_in: int, c_out: int, recipe: Recipe, *, pool: bool = False) -> nn.Sequential:
    """Convolution, batch norm, activation, and pooling at the end or before batch norm.

    The largest of four numbers stays the largest through batch norm with a positive scale and through ReLU, so both
    orders give nearly the same; only the statistics are those of other numbers.
    """
    conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
    if recipe.dirac and c_out >= c_in:
        dirac_start(conv)
    layers = [conv, _norm(c_out, recipe), _activation(recipe)]
    if pool:
        layers.insert(1 if recipe.pool_first else 3, nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Residual(nn.Module):
    """What goes in, plus two blocks' change of it (lecture 08 says why); (N, C, H, W) -> the same."""

    def __init__(self, channels: int, recipe: Recipe) -> None:
        super().__init__()
        self.change = nn.Sequential(_block(channels, channels, recipe), _block(channels, channels, recipe))

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus the change."""
        return x + self.change(x)


def network(recipe: Recipe, classes: int = 10, pictures: Tensor | None = None) -> nn.Module:
    """The recipe's network, (N, 3, 32, 32) -> logits (N, classes).

    `pictures` (N, 3, H, W) are what a whitening layer is made from. Raises ValueError when they are missing then, and
    for an unknown name.
    """
    if recipe.network == "lenet":
        return models.LeNetLike(classes)
    widths = [max(8, int(recipe.width * channels)) for channels in CHANNELS]
    if recipe.network == "four":
        blocks = [_block(a, b, recipe, pool=True) for a, b in zip([3, *widths], widths, strict=False)]
    elif recipe.network == "nine":
        first, second, third = widths
        blocks = [
            _whitening_layer(recipe, pictures) if recipe.whiten else _block(3, first, recipe),
            _block(WHITENED if recipe.whiten else first, first, recipe, pool=True),
            Residual(first, recipe),
            _block(first, second, recipe, pool=True),
            _block(second, third, recipe, pool=True),
            Residual(third, recipe),
        ]
    else:
        raise ValueError(f"network is {recipe.network!r}: choose lenet, four or nine")
    head = [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(recipe.dropout), nn.Linear(widths[-1], classes)]
    return nn.Sequential(*blocks, *head)


def _whitening_layer(recipe: Recipe, pictures: Tensor | None) -> nn.Sequential:
    if pictures is None:
        raise ValueError("a whitening layer is made from pictures: pass some")
    conv = nn.Conv2d(3, WHITENED, 2, padding=0, bias=True)
    filters = whitening_filters(pictures).cpu()
    conv.weight.data = torch.cat([filters, -filters])  # both signs, since the activation keeps only one
    conv.weight.requires_grad_(False)
    nn.init.zeros_(conv.bias)
    return nn.Sequential(conv, _activation(recipe))


class MovingAverage:
    """A copy of the network whose weights follow those of the original, averaged exponentially: `update` each step.

    Early on the average reaches back less far than `decay` says: (1 + t) / (10 + t) in step t, if that is smaller, so
    that the untrained weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.steps = deepcopy(model), decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move a little towards `model`; whole numbers, such as batch norm's counter, are copied."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        ours, theirs = self.model.state_dict().values(), model.state_dict().values()
        floats = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - decay)
        for a, b in zip(ours, theirs, strict=True):
            if not a.is_floating_point():
                a.copy_(b)


# The optimiser.


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """A matrix with the singular vectors of `matrix` (rows, columns), and singular values near 1 (about 0.7 to 1.2).

    Newton-Schulz iteration with the polynomial 3.4445 x - 4.7750 x³ + 2.0315 x⁵ of K. Jordan and others, Muon (2024):
    each step applies it to every singular value, without computing one. It is built to be quick at small values, and
    for that does not settle at 1 exactly.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide / (wide.norm() + 1e-7)  # now no singular value is above 1
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if matrix.shape[0] > matrix.shape[1] else x


class Muon(Optimizer):
    """SGD with Nesterov momentum whose step is orthogonalised: all directions of a layer learn equally fast.

    For the weights of convolutions (out, in, h, w), read as matrices of `out` rows; `torch.optim.Muon` refuses all but
    matrices. After K. Jordan's recipe for CIFAR-10, the weights are first scaled to a norm of √out, which batch norm
    behind them undoes. `rounds` of the iteration are made, in bfloat16 or in the gradient's own type, by compiled code
    if so wished: many small operations become few.
    """

    def __init__(
        self,
        params: object,
        lr: float,
        momentum: float = 0.6,
        *,
        rounds: int = 5,
        bfloat16: bool = False,
        compiled: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self.rounds, self.kind = rounds, torch.bfloat16 if bfloat16 else None
        self.orthogonalised = torch.compile(orthogonalised, dynamic=False) if compiled else orthogonalised

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Change the weights once. A closure that computes the loss again may be given, as to any optimiser."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                state = self.state[weights]
                if not state:
                    state["momentum"] = torch.zeros_like(weights)
                velocity = state["momentum"].mul_(group["momentum"]).add_(weights.grad)
                ahead = weights.grad.add(velocity, alpha=group["momentum"])
                direction = self.orthogonalised(ahead.flatten(1).to(self.kind or ahead.dtype), self.rounds)
                weights.mul_(len(weights) ** 0.5 / weights.norm())
                weights.sub_(direction.view(weights.shape).to(weights.dtype), alpha=group["lr"])
        return loss


def triangle(step: int, steps: int, peak: float = 0.2) -> float:
    """The share of the largest learning rate in step 0 ... steps - 1: up from 0 to 1 in a share `peak`, down to 0."""
    done = (step + 1) / (steps + 1)
    return done / peak if done < peak else (1 - done) / (1 - peak)


def optimizers(model: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """SGD for all trained parameters; or Muon for the weights of convolutions and SGD for the others."""
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    filters = [weights for weights in trained if recipe.muon and weights.ndim == 4]
    others = [weights for weights in trained if not any(weights is each for each in filters)]
    sgd = torch.optim.SGD(
        others,
        lr=recipe.rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )
    if not filters:
        return [sgd]
    compiled = recipe.compile and filters[0].device.type != "cpu"  # a CPU computes so long that a call hardly counts
    settings = dict(rounds=recipe.muon_rounds, bfloat16=recipe.muon_bfloat16, compiled=compiled)
    return [sgd, Muon(filters, lr=recipe.muon_rate, **settings)]


# The training.


@dataclass
class Result:
    """What a training gave: at each measurement its seconds of training, the pictures seen and the accuracy."""

    seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    compile_seconds: float = 0.0

    def time_to(self, target: float) -> float | None:
        """Seconds of training until the first measurement of at least `target`; None if there was none."""
        reached = [seconds for seconds, accuracy in zip(self.seconds, self.accuracy, strict=True) if accuracy >= target]
        return reached[0] if reached else None

    def to_targets(self, percents: Sequence[int]) -> dict[str, float]:
        """For each target, such as 60 percent, whether it was reached (`reached_60`, 1 or 0) and `seconds_60`.

        These are the seconds until then, or of the whole training where the target was not reached.
        """
        found = {}
        for percent in percents:
            seconds = self.time_to(percent / 100)
            found[f"reached_{percent}"] = float(seconds is not None)
            found[f"seconds_{percent}"] = self.seconds[-1] if seconds is None else seconds
        return found


def run(
    recipe: Recipe,
    train_part: TensorDataset,
    validation_part: TensorDataset,
    *,
    seed: int = 0,
    device: torch.device | None = None,
    measure_every: int = 9000,
    stop_at: float = math.inf,
    limit: float = math.inf,
) -> tuple[nn.Module, Result]:
    """Train as the recipe says; return the network (the averaged one if there is an average) and the result.

    The accuracy on the validation part is measured every `measure_every` pictures and at the end, while the clock
    stands. The clock starts with the pictures normalised in memory and runs while they are moved, the whitening layer
    is made and the network is trained. `torch.compile` does its work in a pause and is timed apart; where the same
    network was compiled before, its cache on disk shortens that. The training ends early at an accuracy of `stop_at`,
    or at the first measurement after `limit` seconds. On an NVIDIA GPU, cuDNN tries its ways of convolving first: all
    batches have one shape, so the quickest way stays the quickest.

    Raises FloatingPointError when the loss is no longer finite.
    """
    device = device or training.best_device()
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = device.type == "cuda"
    try:
        return _run(recipe, train_part, validation_part, seed, device, measure_every, stop_at, limit)
    finally:
        torch.backends.cudnn.benchmark = before


def _run(
    recipe: Recipe,
    train_part: TensorDataset,
    validation_part: TensorDataset,
    seed: int,
    device: torch.device,
    measure_every: int,
    stop_at: float,
    limit: float,
) -> tuple[nn.Module, Result]:
    torch.manual_seed(seed)
    result, clock = Result(), Clock(device)
    clock.start()
    batches = _batches(recipe, train_part, device, seed)
    model = network(recipe, pictures=train_part.tensors[0][:5000].to(device)).to(device)
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    model = model.to(memory_format=layout)
    average = MovingAverage(model, recipe.average) if recipe.average else None
    steppers = optimizers(model, recipe)
    forward = model
    if recipe.compile:
        clock.pause()
        forward, result.compile_seconds = _compiled(model, steppers, recipe, device, layout)
        clock.start()
    rates = [stepper.param_groups[0]["lr"] for stepper in steppers]  # each has one group
    loss_function = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    steps = max(1, round(recipe.epochs * len(batches)))
    seen, next_measurement = 0, measure_every
    for step, (images, labels) in enumerate(_endless(batches)):
        if recipe.schedule == "triangle":
            for stepper, largest in zip(steppers, rates, strict=True):
                stepper.param_groups[0]["lr"] = largest * triangle(step, steps)
        images, labels = images.to(device).contiguous(memory_format=layout), labels.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
            loss = loss_function(forward(images), labels)
        model.zero_grad()
        loss.backward()
        for stepper in steppers:
            stepper.step()
        if average:
            average.update(model)
        seen += len(labels)
        last = step + 1 == steps
        if seen >= next_measurement or last:
            clock.pause()
            next_measurement += measure_every
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} after {seen} pictures: lower the learning rate")
            result.seconds.append(clock.seconds)
            result.wall_seconds.append(clock.wall)
            result.pictures.append(seen)
            result.accuracy.append(accuracy(average.model if average else model, validation_part, recipe))
            if last or result.accuracy[-1] >= stop_at or clock.seconds >= limit:
                break
            clock.start()
    return average.model if average else model, result


@torch.no_grad()
def accuracy(model: nn.Module, part: TensorDataset, recipe: Recipe, batch_size: int = 500) -> float:
    """The share of right answers; with `mirror_test`, each picture's logits are averaged with its mirror image's.

    The network is put into evaluation mode for it, and back.
    """
    device = next(model.parameters()).device
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    was_training = model.training
    model.eval()
    right = torch.zeros((), device=device)
    for images, labels in zip(*(tensor.split(batch_size) for tensor in part.tensors), strict=True):
        images, labels = images.to(device).contiguous(memory_format=layout), labels.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
            logits = model(images) + model(images.flip(3)) if recipe.mirror_test else model(images)
        right += (logits.argmax(dim=1) == labels).sum()
    model.train(was_training)
    return right.item() / len(part)


def _batches(recipe: Recipe, part: TensorDataset, device: torch.device, seed: int) -> DataLoader | TensorBatches:
    if not recipe.on_device:
        generator = torch.Generator().manual_seed(seed)
        return DataLoader(part, recipe.batch_size, shuffle=True, generator=generator)
    images, labels = (tensor.to(device) for tensor in part.tensors)
    settings = dict(flip=recipe.flip, shift=recipe.shift, drop_last=True, seed=seed)
    return TensorBatches(images, labels, recipe.batch_size, **settings)


def _endless(batches: DataLoader | TensorBatches) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from batches


def _compiled(
    model: nn.Module, steppers: list[Optimizer], recipe: Recipe, device: torch.device, layout: torch.memory_format
) -> tuple[Callable[[Tensor], Tensor], float]:
    """The compiled network, warmed up by a step whose effects are taken back; and the seconds that took."""
    start = time.perf_counter()
    torch.compiler.reset()  # else code for the networks of earlier trainings adds up to the compiler's limit
    before = deepcopy(model.state_dict())
    forward = torch.compile(model)
    images = torch.randn(recipe.batch_size, 3, 32, 32, device=device).contiguous(memory_format=layout)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
        forward(images).float().sum().backward()
    for stepper in steppers:
        stepper.step()
        stepper.state.clear()
    model.load_state_dict(before)
    model.zero_grad()
    return forward, time.perf_counter() - start


def main() -> None:
    """Train by the recipe for this device, with what the command line changes, and print each measurement."""
    device = training.best_device()
    recipe = fast_recipe(device)
    parser = argparse.ArgumentParser(prog="python -m cnnlab.speedrun")
    parser.add_argument("--epochs", type=float, default=recipe.epochs, help="default: %(default)s")
    parser.add_argument("--width", type=float, default=recipe.width, help="default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=recipe.batch_size, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=recipe.compile,
        help="use torch.compile, whose own time is told apart; default: %(default)s",
    )
    options = parser.parse_args()
    pictures = data.cifar10()
    mean, std = (each.view(3, 1, 1) for each in data.channel_stats(pictures.train_images))
    train_part, test_part = (
        TensorDataset((data.to_float(images) - mean) / std, labels)
        for images, labels in [
            (pictures.train_images, pictures.train_labels),
            (pictures.test_images, pictures.test_labels),
        ]
    )
    recipe = replace(
        recipe,
        epochs=options.epochs,
        width=options.width,
        batch_size=options.batch_size,
        compile=options.compile,
    )
    _, result = run(recipe, train_part, test_part, seed=options.seed, device=device, measure_every=len(train_part))
    kind = "CPU" if device.type == "cpu" else "wall"
    for seen, seconds, share in zip(result.pictures, result.seconds, result.accuracy, strict=True):
        print(f"{seen:9,} pictures  {seconds:7.1f} {kind} seconds  test accuracy {share:.1%}")
    if recipe.compile:
        print(f"The compiler took {result.compile_seconds:.1f} seconds before.")


if __name__ == "__main__":
    main()
