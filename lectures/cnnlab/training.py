"""One training loop for every lecture: lecture 05 builds it line by line, the later ones import it.

A model is trained on batches, which are any iterable of (inputs, labels) that can be gone through once an epoch, such
as a DataLoader. `train` goes through them, and after each epoch through the validation batches; `validate` measures,
`predict` returns what the model says. Nothing is printed but by a callback. Everything runs on the device where the
model's parameters lie.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Batches = Iterable[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class History:
    """One number an epoch: mean losses, accuracies as fractions, the last learning rate, and seconds of training.

    The training figures are taken while the weights still change and with dropout at work; the validation figures
    after the epoch, so they can be the better ones. `seconds` leaves validation out.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def curves(self) -> dict[str, list[float]]:
        """The four lists that `plots.training_curves` draws."""
        names = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
        return {name: getattr(self, name) for name in names}


# Called after each epoch with the history so far; a true answer ends the training early.
Callback = Callable[[History], object]


def best_device() -> torch.device:
    """The accelerator that PyTorch can use here (CUDA, MPS and the like), else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def train(
    model: nn.Module,
    train_batches: Batches,
    validation_batches: Batches,
    optimizer: Optimizer,
    *,
    epochs: int,
    loss_function: Loss | None = None,
    schedule: LRScheduler | None = None,
    precision: torch.dtype | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train `model` where its parameters lie, and return its history, one entry an epoch.

    `loss_function` takes logits (N, classes) and labels (N,) and returns a mean; the default is cross-entropy.
    `schedule` steps after every batch, as one-cycle wants it. `precision` turns on autocast for the forward passes;
    it is meant for torch.bfloat16, since float16 would also need its loss scaled. Each of `callbacks` is called after
    each epoch, and a true answer ends the training.

    Raises ValueError when there are no batches, and FloatingPointError when the loss is no longer finite.
    """
    loss_function = loss_function or nn.CrossEntropyLoss()
    device = _device_of(model)
    history = History()
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        model.train()
        tally = _Tally(device)
        for inputs, labels in train_batches:
            inputs, labels = _moved(inputs, labels, device)
            optimizer.zero_grad()
            with _autocast(device, precision):
                logits = model(inputs)
                loss = loss_function(logits, labels)
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            tally.add(loss.detach(), logits.detach(), labels)
        train_loss, train_accuracy = tally.means()  # waits for the device, so the time below is honest
        history.seconds.append(time.perf_counter() - start)
        if not math.isfinite(train_loss):
            raise FloatingPointError(f"the training loss of epoch {epoch} is {train_loss}: lower the learning rate")
        validation_loss, validation_accuracy = validate(
            model, validation_batches, loss_function=loss_function, precision=precision
        )
        history.train_loss.append(train_loss)
        history.train_accuracy.append(train_accuracy)
        history.validation_loss.append(validation_loss)
        history.validation_accuracy.append(validation_accuracy)
        history.learning_rate.append(optimizer.param_groups[0]["lr"])
        if any([callback(history) for callback in callbacks]):  # a list: every callback is called
            break
    return history


@torch.no_grad()
def validate(
    model: nn.Module,
    batches: Batches,
    *,
    loss_function: Loss | None = None,
    precision: torch.dtype | None = None,
) -> tuple[float, float]:
    """Mean loss and accuracy (a fraction) of `model` in evaluation mode; its mode is put back afterwards.

    Raises ValueError when there are no batches.
    """
    loss_function = loss_function or nn.CrossEntropyLoss()
    device = _device_of(model)
    tally = _Tally(device)
    with _evaluation_mode(model):
        for inputs, labels in batches:
            inputs, labels = _moved(inputs, labels, device)
            with _autocast(device, precision):
                logits = model(inputs)
                loss = loss_function(logits, labels)
            tally.add(loss, logits, labels)
    return tally.means()


@torch.no_grad()
def predict(model: nn.Module, batches: Batches) -> tuple[Tensor, Tensor]:
    """Logits (N, classes) and labels (N,) of all batches, on the CPU, in evaluation mode, which is put back.

    Raises ValueError when there are no batches.
    """
    device = _device_of(model)
    with _evaluation_mode(model):
        answers = [(model(inputs.to(device)).cpu(), labels.cpu()) for inputs, labels in batches]
    if not answers:
        raise ValueError(NO_BATCHES)
    logits, labels = zip(*answers, strict=True)
    return torch.cat(logits), torch.cat(labels)


def print_progress(history: History) -> None:
    """Print the last epoch on one line; a callback for `train`."""
    print(
        f"epoch {len(history.seconds):3}  loss {history.train_loss[-1]:.3f} / {history.validation_loss[-1]:.3f}"
        f"  accuracy {history.train_accuracy[-1]:.1%} / {history.validation_accuracy[-1]:.1%}"
        f"  (training / validation)  {history.seconds[-1]:.1f} s",
        flush=True,
    )


NO_BATCHES = "there are no batches: the loader is empty, or a generator that was already used up"


class _Tally:
    """Sums of loss and of right answers, kept on the device: asking for a number there at every batch would wait."""

    def __init__(self, device: torch.device) -> None:
        self.loss = torch.zeros((), device=device)
        self.right = torch.zeros((), device=device)
        self.count = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.loss += loss.float() * len(labels)
        self.right += (logits.argmax(dim=1) == labels).sum()
        self.count += len(labels)

    def means(self) -> tuple[float, float]:
        if self.count == 0:
            raise ValueError(NO_BATCHES)
        return self.loss.item() / self.count, self.right.item() / self.count


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _moved(inputs: Tensor, labels: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    ahead = device.type == "cuda"  # from pinned memory CUDA copies while it computes; MPS is not safe to ask this of
    return inputs.to(device, non_blocking=ahead), labels.to(device, non_blocking=ahead)


def _autocast(device: torch.device, precision: torch.dtype | None) -> AbstractContextManager:
    return torch.autocast(device.type, dtype=precision, enabled=precision is not None)


@contextmanager
def _evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluate within the block; then each part goes back to its own mode (some parts of a model may be frozen)."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
