"""Any set of pictures as files that `torchvision.datasets.CIFAR10` reads.

torchvision reads the six pickles of CIFAR-10's download page, and only if they are the originals: it compares the MD5
checksum of each. `lay_out` gives it a folder in that format for whichever pictures were found, `UncheckedCIFAR10` reads
the files that are not the originals.

Format: https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import pickle
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from torchvision import datasets

from cnnlab.data import ImageSet
from cnnlab.data.batches import ARCHIVE, BATCHES

TRAIN, TEST, META = (*(f"data_batch_{i}" for i in range(1, 6)),), "test_batch", "batches.meta"


def lay_out(pictures: ImageSet, folder: Path) -> Path:
    """Return the `root` under which torchvision finds these pictures.

    That is where they were loaded from if they lie there as `cifar-10-batches-py/`. Else it is `folder`, and they are
    written there: the archive unpacked if they came from one, or the pictures in its format. Raises OSError when the
    folder cannot be written.
    """
    source = Path(pictures.source)
    if source.name == BATCHES and (source / META).is_file():
        return source.parent
    if source.name == ARCHIVE and source.is_file():
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
    else:
        write(pictures, folder)
    return folder


def write(pictures: ImageSet, folder: Path) -> None:
    """Write the pictures to `folder/cifar-10-batches-py/`; the training pictures are cut into five files, in order."""
    place = folder / BATCHES
    place.mkdir(parents=True, exist_ok=True)
    images, labels = (each.tensor_split(len(TRAIN)) for each in (pictures.train_images, pictures.train_labels))
    parts = [*zip(TRAIN, images, labels, strict=True), (TEST, pictures.test_images, pictures.test_labels)]
    for name, x, y in parts:
        _dump({"batch_label": name, "labels": y.tolist(), "data": _rows(x)}, place / name)
    _dump({"label_names": list(pictures.classes), "num_vis": 3 * 32 * 32}, place / META)


class UncheckedCIFAR10(datasets.CIFAR10):
    """torchvision's CIFAR10, but it takes the files as they are and compares no checksum."""

    train_list: ClassVar[list[list[Any]]] = [[name, None] for name, _ in datasets.CIFAR10.train_list]
    test_list: ClassVar[list[list[Any]]] = [[name, None] for name, _ in datasets.CIFAR10.test_list]
    meta: ClassVar[dict[str, Any]] = datasets.CIFAR10.meta | {"md5": None}


def _rows(images: Tensor) -> np.ndarray:
    """A picture a row: 1,024 numbers of red, then green, then blue; uint8 (N, 3072)."""
    return images.flatten(start_dim=1).numpy()


def _dump(content: dict[str, object], path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))
