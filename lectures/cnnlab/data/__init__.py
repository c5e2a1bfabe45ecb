"""The pictures the lectures train on: CIFAR-10 where it can be found, else the embedded set PhotoPatches-10.

`cifar10()` looks in this order and prints what it loaded:

1. the folder given as argument or by the environment variable CNNLAB_DATA;
2. the user's cache folder, `cache_dir()`;
3. the network, only when asked to by `download=True` or CNNLAB_DOWNLOAD=1 (170 MB; CNNLAB_MIRROR adds an address);
4. `photopatches10(varied=True)`, which needs no file. CNNLAB_DATA=embedded asks for it whatever else is there.

A folder holds CIFAR-10 as the download page has it (`cifar-10-python.tar.gz`, or unpacked `cifar-10-batches-py/`,
as torchvision keeps it: see `batches`) or as image folders (`train/<class>/*.jpg`, `test/<class>/*.jpg`; PNG as well:
see `image_folders`). Data that was found but is broken raises `DataError`; no other set is ever put in its place.

CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009,
https://www.cs.toronto.edu/~kriz/cifar.html
"""

import os
import tempfile
from pathlib import Path

import platformdirs
import torch

from cnnlab import photopatches
from cnnlab.data import batches, download, image_folders
from cnnlab.data.batches import ARCHIVE, BATCHES
from cnnlab.data.image_set import CIFAR10_CLASSES, DataError, ImageSet, channel_stats, subset, to_float

__all__ = [
    "CIFAR10_CLASSES",
    "DataError",
    "ImageSet",
    "cache_dir",
    "channel_stats",
    "cifar10",
    "photopatches10",
    "subset",
    "to_float",
]

EMBEDDED = "embedded"  # as CNNLAB_DATA or folder: the set that needs no file; a folder of that name is `./embedded`


def cifar10(folder: str | Path | None = None, *, download: bool | None = None) -> ImageSet:
    """Load CIFAR-10, or PhotoPatches-10 where there is none, and print what was loaded.

    `folder` stands before CNNLAB_DATA, `download` before CNNLAB_DOWNLOAD (1 or 0; the default is 0). A download is
    kept in `cache_dir()`. Raises DataError for data that is broken, and for a download that was asked for and failed.
    """
    given = folder or os.environ.get("CNNLAB_DATA")
    if given == EMBEDDED:
        data = photopatches10(varied=True)
    elif given:
        data = _load_folder(Path(given).expanduser())
    elif any(os.path.exists(cache_dir() / name) for name in (BATCHES, ARCHIVE, "train", "test")):
        data = _load_folder(cache_dir())
    elif _download_wanted() if download is None else download:
        data = _load_download()
    else:
        data = photopatches10(varied=True)
    print(data.describe())
    return data


def photopatches10(n_train: int = 5000, n_test: int = 1000, seed: int = 0, *, varied: bool = False) -> ImageSet:
    """Build the embedded set PhotoPatches-10 (see `photopatches`), the same pictures for the same seed.

    `varied` gives the version with larger windows and colours drawn for every picture: colour is no short cut there,
    and three of the ten classes are others. Raises ValueError when a number of pictures is not a positive multiple
    of 10.
    """
    if varied:
        name, classes, build = (
            "PhotoPatches-10 (colours varied)",
            photopatches.VARIED_CLASSES,
            photopatches.build_varied,
        )
    else:
        name, classes, build = "PhotoPatches-10", photopatches.CLASSES, photopatches.build
    source = f"windows of photographs that ship inside scikit-image, seed {seed}"
    return ImageSet(name, source, classes, *map(torch.from_numpy, build(n_train, n_test, seed)))


def cache_dir() -> Path:
    """The user's cache folder for this course; it need not exist."""
    return Path(platformdirs.user_cache_dir("cnnlab", appauthor=False))


def _load_folder(folder: Path) -> ImageSet:
    """Load what lies in a folder, in whichever of the three forms. Raises DataError."""
    try:
        if folder.name == ARCHIVE and folder.is_file():
            return batches.load_archive(folder)
        if not folder.is_dir():
            raise DataError("the data folder does not exist", folder, "correct the argument or CNNLAB_DATA")
        if folder.name == BATCHES:
            return batches.load_folder(folder)
        if (folder / BATCHES).exists():
            return batches.load_folder(folder / BATCHES)
        if (folder / ARCHIVE).exists():
            return batches.load_archive(folder / ARCHIVE)
        if (folder / "train").exists() or (folder / "test").exists():
            return image_folders.load(folder, cache_dir() / "decoded")
    except OSError as error:
        raise DataError(f"the data cannot be read ({error})", folder, "make it readable") from error
    raise DataError("no CIFAR-10 in this folder", folder, f"put {ARCHIVE}, {BATCHES}/, or train/ and test/ there")


def _load_download() -> ImageSet:
    """Download CIFAR-10 into the cache and load it; without a writable cache, load it and keep nothing."""
    with tempfile.TemporaryDirectory() as spare:
        folder = cache_dir()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            print(f"WARNING: the cache cannot be written ({error}), so this download will not be kept.")
            folder = Path(spare)
        download.fetch(folder / ARCHIVE)
        return batches.load_archive(folder / ARCHIVE)


def _download_wanted() -> bool:
    """Whether CNNLAB_DOWNLOAD asks for a download. Raises DataError unless it is 1, 0 or unset."""
    value = os.environ.get("CNNLAB_DOWNLOAD", "0") or "0"
    if value not in ("0", "1"):
        raise DataError(f"CNNLAB_DOWNLOAD is {value!r}", "environment variable", "set it to 1 (download) or 0")
    return value == "1"
