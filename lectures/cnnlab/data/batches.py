"""CIFAR-10 as its download page has it: six pickles, called batches, in an archive or in a folder.

Format: https://www.cs.toronto.edu/~kriz/cifar.html. torchvision keeps the same files under the same names.
"""

import codecs
import gzip
import io
import pickle
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.image_set import CIFAR10_CLASSES, DataError, ImageSet, name_of_files

ARCHIVE, BATCHES = "cifar-10-python.tar.gz", "cifar-10-batches-py"
BATCH_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


def load_folder(folder: Path) -> ImageSet:
    """Load the unpacked archive. Raises DataError when a batch is missing or broken."""
    return _from_batches({n: (folder / n).read_bytes() for n in BATCH_FILES if (folder / n).exists()}, folder)


def load_archive(path: Path) -> ImageSet:
    """Load the archive without unpacking it. Raises DataError when it is truncated or corrupt, or lacks a batch."""
    files = {}
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    folder, _, name = member.name.rpartition("/")
                    if folder.endswith(BATCHES) and name in BATCH_FILES and member.isfile():
                        files[name] = tar.extractfile(member).read()
            while stream.read(1 << 20):  # to the end, where gzip compares its checksum
                pass
    except (EOFError, OSError, tarfile.TarError, zlib.error) as error:
        remedy = "delete it and get it anew, for example with cifar10(download=True)"
        raise DataError(f"the archive is truncated or corrupt ({error})", path, remedy) from error
    return _from_batches(files, path)


def _from_batches(files: dict[str, bytes], place: Path) -> ImageSet:
    """Make the set from the contents of the batch files. Raises DataError when one is missing or is no batch."""
    remedy = f"delete it and put a complete {ARCHIVE} there, or call cifar10(download=True)"
    images, labels = [], []
    for name in BATCH_FILES:
        try:
            batch = _ArrayUnpickler(io.BytesIO(files[name]), encoding="latin1").load()
            labels.append(torch.tensor(batch["labels"], dtype=torch.int64))
            images.append(torch.from_numpy(batch["data"].reshape(len(labels[-1]), 3, 32, 32)))
        except Exception as error:  # a damaged pickle can raise anything
            thing = "is missing" if name not in files else f"is not a batch of CIFAR-10 ({error})"
            raise DataError(f"the file {name} {thing}", place, remedy) from error
    x, y = torch.cat(images[:-1]), torch.cat(labels[:-1])
    name = name_of_files(CIFAR10_CLASSES, y, labels[-1])
    return ImageSet(name, str(place), CIFAR10_CLASSES, x, y, images[-1], labels[-1])


class _ArrayUnpickler(pickle.Unpickler):
    """Reads the batches, which are pickles of Python 2, and lets them name nothing but numpy's arrays.

    A pickle may otherwise call any function of the interpreter, which a file from elsewhere must not.
    """

    def find_class(self, module: str, name: str) -> object:
        """Return what stands for a name in the pickle; raise UnpicklingError for any name not in the list."""
        allowed = {
            "numpy.ndarray": np.ndarray,
            "numpy.dtype": lambda kind, align, copy: np.dtype(kind),  # numpy 2.4.0 to 2.4.4 warn of align=0
            "multiarray._reconstruct": lambda *_: np.empty(0, np.uint8),  # content follows by __setstate__
            "_codecs.encode": codecs.encode,
        }
        if (full_name := f"{module.split('.')[-1]}.{name}") not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return allowed[full_name]
