"""Pictures in folders, `train/<class>/*` and `test/<class>/*`, JPEG or PNG: decoded once, then kept."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from cnnlab.data.image_set import CIFAR10_CLASSES, DataError, ImageSet, name_of_files
from cnnlab.files import written_whole

PICTURE_SUFFIXES, CLUTTER = (".jpg", ".jpeg", ".png"), ("Thumbs.db", "desktop.ini")


def load(folder: Path, kept: Path) -> ImageSet:
    """Make the set from image folders; the decoded pictures are kept in the folder `kept`. Raises DataError.

    The classes take turns, so that the first n pictures are as balanced as they can be.
    """
    train, test = _list_pictures(folder, "train"), _list_pictures(folder, "test")
    classes = _classes(set(train), set(test), folder)
    turns = [
        sorted((turn, label, path) for label, name in enumerate(classes) for turn, path in enumerate(split[name]))
        for split in (train, test)
    ]
    y, test_y = (torch.tensor([label for _, label, _ in split]) for split in turns)
    paths = [path for split in turns for _, _, path in split]
    images = torch.from_numpy(_decoded(folder, paths, kept))
    kind = "PNG" if all(path.lower().endswith(".png") for path in paths) else "JPEG"
    name = name_of_files(classes, y, test_y, copies=f" ({kind} copies)")
    return ImageSet(name, f"image folders in {folder}", classes, images[: len(y)], y, images[len(y) :], test_y)


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


def _decoded(folder: Path, paths: list[str], kept: Path) -> np.ndarray:
    """Decode pictures, uint8 (N, 3, 32, 32), or take them from `kept` if no file was changed since."""
    file = kept / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.npz"
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
        kept.mkdir(parents=True, exist_ok=True)
        with written_whole(file) as part:
            np.savez(part, images=images, fingerprint=np.array(fingerprint))
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
