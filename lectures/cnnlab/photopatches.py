"""PhotoPatches-10: ten classes of 32x32 colour pictures that need no file and no network.

A class is one photograph that ships inside scikit-image; a picture is a small window of it, at a random place,
size and angle, with random contrast and brightness. Each photograph is first cut into square tiles, and a tile
belongs either to the training or to the test pictures: no pixel is seen in both. Every number is drawn from
`numpy.random.Generator`s seeded with (seed, class, split), so the same seed gives the same bytes.
"""

import numpy as np
import skimage.data
from PIL import Image

# Class name -> function of skimage.data. These ten files are part of scikit-image's wheel (its other pictures
# would be downloaded). Brick, grass and gravel are grey: their three colour channels are equal.
PHOTOGRAPHS = {
    "astronaut": "astronaut",
    "brick": "brick",
    "cat": "cat",
    "coffee": "coffee",
    "grass": "grass",
    "gravel": "gravel",
    "galaxies": "hubble_deep_field",
    "tissue": "immunohistochemistry",
    "retina": "retina",
    "rocket": "rocket",
}
CLASSES = tuple(PHOTOGRAPHS)

SIZE = 32  # pixels along a side of a picture
SHORT_SIDE = 384  # pixels: every photograph is first brought to this, so that a window shows a similar share
TILE = 64  # pixels along a side of a tile
WINDOW = (24, 44)  # pixels: the side of a window; 44 is the largest that fits a tile at every angle
CONTRAST = (0.6, 1.4)  # factor on the distance from the picture's mean
BRIGHTNESS = (-40, 40)  # grey levels of 0..255
# Black sky (rocket) and the black rim (retina) make about half of those two classes' windows alike in being
# empty. A picture is drawn anew when no channel's standard deviation reaches this many grey levels.
LEAST_STD = 6
ROUND = 100  # windows drawn together: few enough to stay in the processor's cache
TRAIN, TEST = 0, 1


def build(n_train: int, n_test: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Build PhotoPatches-10: training images and labels, then test images and labels, each in random order.

    Images are uint8 (N, 3, 32, 32), labels int64 (N,), indices into `CLASSES`; every class has N / 10 pictures.
    Raises ValueError when a number of pictures is not a positive multiple of 10.
    """
    _require_balance(n_train=n_train, n_test=n_test)
    windows: tuple[list, list] = ([], [])
    for index, name in enumerate(CLASSES):
        tiles = cut_tiles(photograph(name))
        for split, (ids, n) in enumerate(zip(split_tiles(len(tiles), seed, index), (n_train, n_test), strict=True)):
            rng = np.random.default_rng([seed, index, split])
            windows[split].append(_windows(tiles[ids], n // len(CLASSES), rng, name))
    return *_shuffled(windows[TRAIN], seed, TRAIN), *_shuffled(windows[TEST], seed, TEST)


def more_test_pictures(n: int, draw: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw n other windows from the test tiles of `build(..., seed)`: images and labels, as `build` gives them.

    Another `draw`, 1 or more, gives other pictures of the same tiles, none of which serves training under that seed.
    Raises ValueError when n is not a positive multiple of 10, or draw is less than 1.
    """
    _require_balance(n=n)
    if draw < 1:
        raise ValueError(f"draw = {draw}: draws are counted from 1")
    windows = []
    for index, name in enumerate(CLASSES):
        tiles = cut_tiles(photograph(name))
        ids = split_tiles(len(tiles), seed, index)[TEST]
        rng = np.random.default_rng([seed, index, TEST, draw])
        windows.append(_windows(tiles[ids], n // len(CLASSES), rng, name))
    return _shuffled(windows, seed, TEST, draw)


def _require_balance(**numbers: int) -> None:
    for what, n in numbers.items():
        if n < len(CLASSES) or n % len(CLASSES):
            raise ValueError(f"{what} = {n}: give a positive multiple of {len(CLASSES)}, so that classes are balanced")


def photograph(name: str) -> np.ndarray:
    """One class's photograph, uint8 (height, width, 3), its shorter side brought to `SHORT_SIDE` pixels."""
    pixels = getattr(skimage.data, PHOTOGRAPHS[name])()
    picture = Image.fromarray(pixels).convert("RGB")
    factor = SHORT_SIDE / min(picture.size)
    width, height = (round(side * factor) for side in picture.size)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def cut_tiles(photo: np.ndarray) -> np.ndarray:
    """Cut (height, width, 3) into its whole tiles, (tiles, TILE, TILE, 3), row by row; a rest at the edge is left."""
    rows, columns = photo.shape[0] // TILE, photo.shape[1] // TILE
    grid = photo[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE, 3)
    return grid.swapaxes(1, 2).reshape(rows * columns, TILE, TILE, 3)


def split_tiles(n_tiles: int, seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Which tiles of class `index` serve training and which testing: two disjoint index arrays, 4 to 1."""
    order = np.random.default_rng([seed, index]).permutation(n_tiles)
    n_test = n_tiles // 5
    return order[n_test:], order[:n_test]


def _windows(tiles: np.ndarray, n: int, rng: np.random.Generator, name: str) -> np.ndarray:
    """Draw n pictures, uint8 (n, 32, 32, 3), none of them nearly constant, from tiles (tiles, TILE, TILE, 3)."""
    kept: list[np.ndarray] = []
    while len(kept) < n:
        raw = _sample(tiles, ROUND, rng)
        mean = raw.mean(axis=(1, 2, 3), keepdims=True)
        contrast = rng.uniform(*CONTRAST, (ROUND, 1, 1, 1)).astype(np.float32)
        brightness = rng.uniform(*BRIGHTNESS, (ROUND, 1, 1, 1)).astype(np.float32)
        varied = np.clip(np.rint((raw - mean) * contrast + mean + brightness), 0, 255)
        eventful = varied.std(axis=(1, 2)).max(axis=1) >= LEAST_STD
        if not eventful.any():
            raise ValueError(f"PhotoPatches-10: the tiles drawn from {name} are nearly constant; choose another seed")
        kept.extend(varied[eventful].astype(np.uint8))
    return np.stack(kept[:n])


def _sample(tiles: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n rotated square windows, each inside one tile, by bilinear interpolation: float32 (n, 32, 32, 3)."""
    side, angle = rng.uniform(*WINDOW, n), rng.uniform(0, 2 * np.pi, n)
    cos, sin = np.cos(angle), np.sin(angle)
    reach = side / 2 * (np.abs(cos) + np.abs(sin))  # half the width of the rotated square's bounding box
    centre = reach + rng.random((2, n)) * (TILE - 1 - 2 * reach)
    tile = rng.integers(len(tiles), size=n)[:, None, None]

    offset = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    down, right = offset[:, None], offset[None, :]
    cos, sin, side = (value[:, None, None] for value in (cos, sin, side))
    y = centre[0][:, None, None] + side * (cos * down - sin * right)
    x = centre[1][:, None, None] + side * (sin * down + cos * right)
    top, left = y.astype(np.int64), x.astype(np.int64)
    dy, dx = ((value % 1).astype(np.float32)[..., None] for value in (y, x))
    upper = (1 - dx) * tiles[tile, top, left] + dx * tiles[tile, top, left + 1]
    lower = (1 - dx) * tiles[tile, top + 1, left] + dx * tiles[tile, top + 1, left + 1]
    return (1 - dy) * upper + dy * lower


def _shuffled(windows: list[np.ndarray], seed: int, *draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Mix the classes: a list of (n, 32, 32, 3), one a class, becomes images (N, 3, 32, 32) and labels (N,)."""
    labels = np.repeat(np.arange(len(windows), dtype=np.int64), len(windows[0]))
    order = np.random.default_rng([seed, len(CLASSES), *draw]).permutation(len(labels))
    images = np.concatenate(windows).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images[order]), labels[order]
