"""What a set of pictures is, in memory, and what the lectures do with one: choose classes, make floats, measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HOW_TO_GET = (
    "To work on CIFAR-10, call cifar10(download=True) once (170 MB, kept for every lecture),",
    "or name a folder that holds it: cifar10(folder), or the environment variable CNNLAB_DATA.",
)


class DataError(ValueError):
    """Data that cannot be used. The message names what is wrong, where, and what to do about it."""

    def __init__(self, thing: str, place: object, remedy: str) -> None:
        super().__init__(f"{thing}\n  where: {place}\n  remedy: {remedy}")


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Pictures in memory: images uint8 (N, 3, 32, 32), labels int64 (N,), which are indices into `classes`.

    `name` labels figures ("CIFAR-10", "CIFAR-10 (JPEG copies)", "PhotoPatches-10"), `source` says where the
    pictures came from. Raises DataError when shapes, types or labels do not fit together.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            fits = images.dtype == torch.uint8 and images.shape == (len(labels), 3, 32, 32) and len(labels) > 0
            known = labels.dtype == torch.int64 and bool(((labels >= 0) & (labels < len(self.classes))).all())
            if not (fits and known):
                found = f"images {images.dtype} {tuple(images.shape)}, labels {labels.dtype} {tuple(labels.shape)}"
                remedy = f"give uint8 (N, 3, 32, 32) and int64 (N,) below {len(self.classes)}, N > 0"
                raise DataError(f"{self.name}: the {split} pictures are {found}", self.source, remedy)

    @property
    def is_cifar10(self) -> bool:
        """Whether the pictures are CIFAR-10's in its standard split (originals, copies, or some of its classes)."""
        return self.name.startswith("CIFAR-10")

    def head(self, n_train: int | None = None, n_test: int | None = None) -> "ImageSet":
        """The first pictures of each split, all of them where n is None or larger than the split; the name tells it.

        Raises DataError when a number is less than 1.
        """
        there = len(self.train_labels), len(self.test_labels)
        taken = [each if n is None else min(n, each) for n, each in zip((n_train, n_test), there, strict=True)]
        if min(taken) < 1:
            raise DataError(f"{taken[0]} training and {taken[1]} test pictures", self.name, "ask for 1 or more of each")
        if taken == list(there):
            return self
        (train, test), name = taken, f"{self.name}, {taken[0]:,} + {taken[1]:,} of its pictures"
        parts = (self.train_images[:train], self.train_labels[:train], self.test_images[:test], self.test_labels[:test])
        return ImageSet(name, self.source, self.classes, *parts)

    def describe(self) -> str:
        """Say what this set is, over several lines; framed, with the way to the real one, if it is not CIFAR-10."""
        lines = [
            f"{self.name}: {len(self.train_labels):,} training and {len(self.test_labels):,} test pictures, 32x32 RGB",
            f"{len(self.classes)} classes: {', '.join(self.classes)}",
            f"source: {self.source}",
        ]
        if self.is_cifar10:
            return "\n".join(lines)
        lines = ["THIS IS NOT CIFAR-10", "", *lines, "", *HOW_TO_GET]
        width = max(map(len, lines))
        edge = "*" * (width + 4)
        return "\n".join([edge, *(f"* {line:<{width}} *" for line in lines), edge])

    def __repr__(self) -> str:
        sizes = f"{len(self.train_labels)} train + {len(self.test_labels)} test pictures"
        return f"<ImageSet {self.name}: {sizes}, {len(self.classes)} classes>"


def subset(dataset: ImageSet, class_names: Sequence[str]) -> ImageSet:
    """Keep only the named classes; the labels become 0, 1, ... in the order given.

    Raises DataError when a name is unknown or given twice, or when none is given.
    """
    names = tuple(class_names)
    unknown = [name for name in names if name not in dataset.classes]
    if unknown or not names or len(set(names)) < len(names):
        thing = f"no class called {', '.join(map(repr, unknown))}" if unknown else f"no set of classes: {names!r}"
        raise DataError(thing, dataset.name, f"give different names among {', '.join(dataset.classes)}")
    new_label = torch.full((len(dataset.classes),), -1)
    new_label[[dataset.classes.index(name) for name in names]] = torch.arange(len(names))
    parts = []
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        kept = new_label[labels] >= 0
        parts += [images[kept], new_label[labels[kept]]]
    return ImageSet(f"{dataset.name}: {', '.join(names)}", dataset.source, names, *parts)


def to_float(images: Tensor) -> Tensor:
    """Turn uint8 pictures (0..255, any shape) into float32 in [0, 1]. Raises TypeError for any other type."""
    if images.dtype != torch.uint8:
        raise TypeError(f"to_float: images are {images.dtype}, not torch.uint8; convert them once only")
    return images.float() / 255


def channel_stats(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of uint8 images (N, 3, H, W), in units of [0, 1]: float32 (3,) each.

    Exact, from each channel's histogram of 256 levels, so that 50,000 pictures need no float copy.
    """
    levels = torch.arange(256, dtype=torch.float64, device=images.device) / 255
    counts = torch.stack([torch.bincount(images[:, c].flatten(), minlength=256) for c in range(3)]).double()
    share = counts / counts.sum(dim=1, keepdim=True)
    mean = share @ levels
    variance = (share * (levels - mean[:, None]) ** 2).sum(dim=1)
    return mean.float(), variance.sqrt().float()


def name_of_files(classes: tuple[str, ...], train_labels: Tensor, test_labels: Tensor, copies: str = "") -> str:
    """Name pictures that came from files; only CIFAR-10's ten classes in full number may be called CIFAR-10.

    `copies` says what they are copies in, such as " (JPEG copies)", when they are not the originals.
    """
    if classes != CIFAR10_CLASSES:
        return f"pictures of {len(classes)} classes"
    counts = [torch.bincount(labels, minlength=10).tolist() for labels in (train_labels, test_labels)]
    return f"{'' if counts == [[5000] * 10, [1000] * 10] else 'part of '}CIFAR-10{copies}"
