"""PhotoPatches-10: ten classes of 32x32 colour pictures that need no file and no network.

A class is one photograph that ships inside scikit-image ("face": a hundred small ones); a picture is a window of it,
at a random place, size and angle. No pixel of a photograph serves both training and testing. Every number is drawn from
`numpy.random.Generator`s seeded with (seed, class, split), so the same seed gives the same bytes.

There are two versions.

- `build` cuts small windows and leaves each photograph its colours, with random contrast and brightness: counting
  colours names most pictures, and few look like what they are called.
- `build_varied` cuts windows large enough to recognise and draws the colours of every picture anew, so that only
  shapes and textures tell the classes apart. Three of its photographs are others: faces, coins and a printed page.

Neither is a set of ten kinds of things. Only "face" shows many individuals, other people in the test than in the
training pictures. "cat" is one cat: trained on one half of its face, tested on the other.
"""

from dataclasses import dataclass

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

Box = tuple[int, int, int, int]  # top, left, height, width, in pixels of the photograph


def _grid(rows: int, columns: int, height: int, width: int, top: int = 0, left: int = 0) -> tuple[Box, ...]:
    """Boxes of one size that meet edge to edge, row by row."""
    return tuple((top + r * height, left + c * width, height, width) for r in range(rows) for c in range(columns))


@dataclass(frozen=True)
class Source:
    """Where the varied version takes the windows of one class from.

    `photo` is a function of skimage.data. `regions` are disjoint boxes of one size; each serves training or testing,
    never both. `window` is the range of a window's side in pixels of the photograph, `tilt` its largest angle in
    degrees. Where there is no up and down, a window `turns` by a multiple of 90 degrees as well; it is mirrored half
    the time unless it `reads`, as text does.
    """

    photo: str
    regions: tuple[Box, ...]
    window: tuple[float, float]
    tilt: float = 10
    turns: bool = False
    reads: bool = False


# A window shows something with a name: a few bricks, a cat's eye, half a cup, a coin, lines of print. The cat,
# the cup and the retina are nearly symmetrical, so that one half can train what the other half tests. Of the older
# version's photographs three are left out: windows of the astronaut and the rocket show no astronaut and no rocket,
# and few people know tissue by sight.
SOURCES = {
    "brick": Source("brick", _grid(3, 3, 170, 170), (96, 150), turns=True),
    "cat": Source("cat", _grid(1, 2, 220, 172, top=20, left=71), (115, 170), tilt=20),
    "coffee": Source("coffee", _grid(1, 2, 300, 210, left=86), (155, 200)),
    "coin": Source("coins", _grid(4, 1, 72, 376, top=15, left=4), (48, 64), turns=True),
    "face": Source("lfw_subset", _grid(100, 1, 25, 25), (19, 24)),  # 100 people, one below the other
    "galaxies": Source("hubble_deep_field", _grid(4, 5, 200, 200), (90, 160), turns=True),
    "grass": Source("grass", _grid(4, 4, 128, 128), (56, 110), turns=True),
    "gravel": Source("gravel", _grid(3, 3, 170, 170), (80, 150), turns=True),
    "retina": Source("retina", _grid(2, 1, 680, 1350, top=25, left=30), (480, 640), turns=True),
    "text": Source("page", _grid(2, 3, 50, 125, top=40, left=4), (34, 50), reads=True),
}
VARIED_CLASSES = tuple(SOURCES)

# Every picture gets a mean and a spread of grey of its own, so that neither tells the class.
MEAN = (85, 170)  # grey levels of 0..255
SPREAD = (22, 55)  # grey levels: the standard deviation
# Stars on a black sky lie so far above the mean that white would cut them off, and the mean with them. What lies
# further from the mean than this many standard deviations is brought back before the contrast is drawn.
FURTHEST = 2.2
SATURATION = (0, 1.0)  # factor on the photograph's own colour, after its hue was turned by a random angle
TONE = (0, 0.6)  # colour that grows with the light, so that grey photographs have shades of colour as well
TINT = (0, 60)  # grey levels: colour added to the whole picture
NEARLY_GREY = 0.2  # share of the pictures that keep only a tenth of all their colour
BLUR = (0, 0.7)  # share of a smoothed copy in a picture, so that sharpness does not tell who took the photograph
LEAST_GREY_STD = 12  # grey levels before any change: paper between the lines is drawn anew


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


def build_varied(n_train: int, n_test: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Build the version in which colour is no short cut: arrays as those of `build`, labels into `VARIED_CLASSES`.

    Raises ValueError when a number of pictures is not a positive multiple of 10.
    """
    _require_balance(n_train=n_train, n_test=n_test)
    windows: tuple[list, list] = ([], [])
    for index, (name, source) in enumerate(SOURCES.items()):
        regions = cut_regions(source)
        for split, (ids, n) in enumerate(zip(split_regions(len(regions), seed, index), (n_train, n_test), strict=True)):
            rng = np.random.default_rng([seed, index, split])
            windows[split].append(_varied_windows(regions[ids], source, n // len(SOURCES), rng, name))
    return *_shuffled(windows[TRAIN], seed, TRAIN), *_shuffled(windows[TEST], seed, TEST)


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


def original(source: Source) -> np.ndarray:
    """The photograph of a source as scikit-image ships it, uint8 (height, width) or (height, width, 3)."""
    pixels = getattr(skimage.data, source.photo)()
    if source.photo == "lfw_subset":  # floats of 0..1: 100 faces, then 100 pictures of no face
        return np.rint(255 * pixels[:100]).astype(np.uint8).reshape(-1, pixels.shape[2])
    return pixels


def cut_regions(source: Source) -> np.ndarray:
    """The source's regions, uint8 (regions, height, width, 3), at the scale where its smallest window has 32 pixels.

    Each is scaled by itself, after it was cut out, so that none takes up a neighbour's pixels.
    """
    photo, factor = original(source), _scale(source)
    regions = []
    for top, left, height, width in source.regions:
        picture = Image.fromarray(photo[top : top + height, left : left + width]).convert("RGB")
        size = (round(width * factor), round(height * factor))
        regions.append(np.asarray(picture.resize(size, Image.Resampling.LANCZOS)))
    return np.stack(regions)


def split_regions(n_regions: int, seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Which regions of class `index` serve training and which testing: two disjoint index arrays.

    About a fifth of them tests. Of two halves the first trains under every seed: the sharper side of the cat.
    """
    if n_regions == 2:
        return np.array([0]), np.array([1])
    order = np.random.default_rng([seed, index]).permutation(n_regions)
    n_test = max(1, n_regions // 5)
    return order[n_test:], order[:n_test]


def _scale(source: Source) -> float:
    """The factor on a source's photograph; a face is smaller than a picture and stays as it is."""
    return min(1, SIZE / source.window[0])


def _varied_windows(regions: np.ndarray, source: Source, n: int, rng: np.random.Generator, name: str) -> np.ndarray:
    """Draw n pictures, uint8 (n, 32, 32, 3), with colours of their own, from regions (regions, height, width, 3)."""
    kept: list[np.ndarray] = []
    while len(kept) < n:
        raw = _sample_region(regions, source, ROUND, rng)
        eventful = raw.mean(axis=3).std(axis=(1, 2)) >= LEAST_GREY_STD
        if not eventful.any():
            raise ValueError(f"PhotoPatches-10: the regions drawn from {name} are nearly constant; choose another seed")
        kept.extend(_recolour(_blur(raw[eventful], rng), rng))
    return np.stack(kept[:n])


def _sample_region(regions: np.ndarray, source: Source, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n tilted, perhaps turned or mirrored windows, each inside one region: float32 (n, 32, 32, 3)."""
    height, width = (length - 1 for length in regions.shape[1:3])
    tilt = np.deg2rad(rng.uniform(-source.tilt, source.tilt, n))
    spread = np.abs(np.cos(tilt)) + np.abs(np.sin(tilt))  # width of the bounding box of a tilted square of side 1
    side = np.minimum(rng.uniform(*source.window, n) * _scale(source), min(height, width) / spread)
    reach = side / 2 * spread
    y, x = (reach + rng.random(n) * (length - 2 * reach) for length in (height, width))
    angle = tilt + np.pi / 2 * rng.integers(4, size=n) if source.turns else tilt
    picked = _interpolate(regions, rng.integers(len(regions), size=n), y, x, side, angle)
    if not source.reads:
        mirrored = rng.random(n) < 0.5
        picked[mirrored] = picked[mirrored, :, ::-1]
    return picked


def _blur(raw: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mix pictures (n, 32, 32, 3) with themselves smoothed by 1/4, 1/2, 1/4 along both sides, each to a share drawn."""
    wide = np.pad(raw, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    wide = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    smooth = (wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]) / 4
    return raw + rng.uniform(*BLUR, (len(raw), 1, 1, 1)).astype(np.float32) * (smooth - raw)


def _recolour(raw: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw light and colours of pictures (n, 32, 32, 3) anew: uint8, the same shape.

    A pixel's colour is a linear map of the one it had: its light (the mean of R, G and B) keeps its pattern, its
    colour is turned around the axis of grey, and both get a new strength.
    """
    n = len(raw)

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (n, 1, 1))

    grey = raw.mean(axis=3, keepdims=True)
    mean, std = (f(grey, axis=(1, 2), keepdims=True) for f in (np.mean, np.std))
    bounded = np.clip(grey, mean - FURTHEST * std, mean + FURTHEST * std)
    pixels = (raw + (bounded - grey)).reshape(n, SIZE * SIZE, 3)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= pixels.mean(axis=2).std(axis=1)[:, None, None]

    colour = np.where(rng.random((n, 1, 1)) < NEARLY_GREY, 0.1, 1)
    turn, light = draw(0, 2 * np.pi), np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)  # a quarter turn around the axis of grey
    own = draw(*SATURATION) * (np.cos(turn) * (np.eye(3) - light) + np.sin(turn) * across)
    tone = draw(*TONE) * _hue(draw(0, 2 * np.pi)).swapaxes(1, 2) * light
    tint = draw(*TINT) * _hue(draw(0, 2 * np.pi))
    linear = draw(*SPREAD) * (light + colour * (own + tone))
    varied = pixels @ linear.swapaxes(1, 2).astype(np.float32) + (draw(*MEAN) + colour * tint).astype(np.float32)
    return np.clip(np.rint(varied), 0, 255).astype(np.uint8).reshape(raw.shape)


def _hue(angle: np.ndarray) -> np.ndarray:
    """Colours (n, 1, 3) of length 1 and no light, their hue at `angle` (n, 1, 1)."""
    return np.sqrt(2 / 3) * np.cos(angle - 2 * np.pi / 3 * np.arange(3))


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
    return _interpolate(tiles, rng.integers(len(tiles), size=n), *centre, side, angle)


def _interpolate(
    tiles: np.ndarray, tile: np.ndarray, y: np.ndarray, x: np.ndarray, side: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """The squares of `side` pixels around (y, x), turned by `angle`, one of each tile named: float32 (n, 32, 32, 3)."""
    tile, y, x, side, angle = (value[:, None, None] for value in (tile, y, x, side, angle))
    cos, sin = np.cos(angle), np.sin(angle)
    offset = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    down, right = offset[:, None], offset[None, :]
    y = y + side * (cos * down - sin * right)
    x = x + side * (sin * down + cos * right)
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
