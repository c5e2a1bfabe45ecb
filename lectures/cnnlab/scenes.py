"""Grey pictures for networks that answer in every place: photographs, crops, and scenes with a label for each pixel.

All are made from pictures that ship inside scikit-image, so no file and no network is needed. A picture is a float32
tensor (1, H, W), brightness from 0 to 1; a scene has no brightness, for its textures are brought to one scale.
"""

from collections.abc import Sequence

import numpy as np
import skimage.color
import skimage.data
import torch
from torch import Tensor

CLASSES = ("gravel", "grass", "brick")  # the names of scikit-image's pictures, too
SIDE = 64  # pixels along a side of a scene
PARTS = {"train": slice(0, 170), "test": slice(170, 256)}  # columns of a texture's 256: no pixel serves both
LARGE, SMALL = (12, 22), (5, 9)  # pixels: half axes of the ellipse of grass, and of the two of brick


def grey_photograph(name: str) -> Tensor:
    """A photograph of `skimage.data` by its name, float32 (1, H, W), 0 to 1; of a stereo pair, the left one."""
    pixels = getattr(skimage.data, name)()
    pixels = pixels[0] if isinstance(pixels, tuple) else pixels
    grey = skimage.color.rgb2gray(pixels) if pixels.ndim == 3 else pixels / 255
    return torch.from_numpy(grey.astype(np.float32))[None]


def random_crops(pictures: Sequence[Tensor], n: int, side: int) -> Tensor:
    """Draw n squares, (n, C, side, side), each from a random place of a random picture (C, H, W).

    The random numbers are torch's, so `torch.manual_seed` repeats them. Raises ValueError when a picture is too small.
    """
    if too_small := [tuple(picture.shape) for picture in pictures if min(picture.shape[1:]) < side]:
        raise ValueError(f"no square of {side} pixels fits into pictures of shape {too_small}")
    crops = []
    for index in torch.randint(len(pictures), (n,)).tolist():
        picture = pictures[index]
        top, left = (int(torch.randint(length - side + 1, ())) for length in picture.shape[1:])
        crops.append(picture[:, top : top + side, left : left + side])
    return torch.stack(crops)


def texture_scenes(n: int, part: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw n scenes: on gravel lies an ellipse of grass, on both lie two small ellipses of brick.

    Returns the pictures, float32 (n, 1, 64, 64), and for each pixel its class, int64 (n, 64, 64), an index into
    `CLASSES`. Each texture is drawn from its photograph at half size, turned by a multiple of 90 degrees, and brought
    to mean 0 and standard deviation 1: no class is brighter than another. `part` is "train" or "test", which see
    different parts of the photographs. Raises KeyError for another part.
    """
    columns = PARTS[part]
    rng = np.random.default_rng([seed, list(PARTS).index(part)])
    textures = [_half_size(getattr(skimage.data, name)())[:, columns] for name in CLASSES]
    pictures = np.zeros((n, 1, SIDE, SIDE), np.float32)
    labels = np.zeros((n, SIDE, SIDE), np.int64)
    for picture, label in zip(pictures[:, 0], labels, strict=True):
        label[_ellipse(LARGE, rng)] = CLASSES.index("grass")
        for _ in range(2):
            label[_ellipse(SMALL, rng)] = CLASSES.index("brick")
        for index, texture in enumerate(textures):
            top, left = (rng.integers(length - SIDE + 1) for length in texture.shape)
            window = np.rot90(texture[top : top + SIDE, left : left + SIDE], rng.integers(4))
            window = (window - window.mean()) / window.std()
            picture[label == index] = window[label == index]
    return torch.from_numpy(pictures), torch.from_numpy(labels)


def _half_size(pixels: np.ndarray) -> np.ndarray:
    """The means of 2 x 2 pixels: (H, W) becomes (H / 2, W / 2)."""
    height, width = pixels.shape
    return pixels.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def _ellipse(half_axes: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Where an ellipse of random place, size and angle lies: bool (SIDE, SIDE)."""
    row, column = rng.uniform(8, SIDE - 8, 2)  # 8: at least about half of it lies in the picture
    first, second = rng.uniform(*half_axes, 2)
    angle = rng.uniform(0, np.pi)
    down, right = np.mgrid[:SIDE, :SIDE] - np.array([row, column])[:, None, None]
    along, across = np.cos(angle) * right + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * right
    return (along / first) ** 2 + (across / second) ** 2 < 1
