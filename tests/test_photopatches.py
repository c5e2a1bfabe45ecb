"""PhotoPatches-10 with its colours varied: colour tells little, and training and test pictures share no pixel.

What holds for the older version stands in test_data.py, but for its bytes, which a hash here keeps.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cnnlab import data, photopatches
from cnnlab.photopatches import SOURCES, TEST, TRAIN


@pytest.fixture(scope="module")
def varied():
    return data.photopatches10(2000, 500, varied=True)


def test_the_older_version_keeps_its_bytes():
    """Assignments and their audit are built on them. A change of Pillow's resizing or JPEG decoder shows here too."""
    arrays = photopatches.build(100, 50, 0)
    digest = hashlib.sha256(b"".join(part.tobytes() for part in arrays)).hexdigest()
    assert digest == "55f5457b61e7eabb6903536b581cfc828a81f02c91def844da3d36c7c5d27b17"
    by_name = data.photopatches10(100, 50)
    assert by_name.name == "PhotoPatches-10"
    assert by_name.classes == photopatches.CLASSES
    np.testing.assert_array_equal(by_name.train_images.numpy(), arrays[0])


def test_the_varied_set_is_balanced_mixed_and_named(varied):
    assert varied.name == "PhotoPatches-10 (colours varied)"
    assert varied.classes == photopatches.VARIED_CLASSES == tuple(SOURCES)
    for images, labels, n in (
        (varied.train_images, varied.train_labels, 200),
        (varied.test_images, varied.test_labels, 50),
    ):
        assert images.shape == (10 * n, 3, 32, 32)
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert labels.bincount().tolist() == [n] * 10
        assert len(labels[:50].unique()) == 10
        assert images.float().mean(dim=1).std(dim=(1, 2)).min() > 10, "no picture is nearly empty"
    every = torch.cat([varied.train_images, varied.test_images]).flatten(1)
    assert len(every.unique(dim=0)) == 2500


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others():
    first, again, other = (photopatches.build_varied(100, 50, seed) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    known = {picture.tobytes() for picture in (*first[0], *first[2])}
    assert not known & {picture.tobytes() for picture in (*other[0], *other[2])}


def test_the_varied_set_needs_no_network(tmp_path):
    """A new process that cannot open a socket and has no downloaded picture builds the same bytes."""
    program = """
import hashlib, socket
def refuse(*_, **__): raise SystemExit("a socket was opened")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from cnnlab import photopatches
print(hashlib.sha256(b"".join(part.tobytes() for part in photopatches.build_varied(100, 50, 3))).hexdigest())
"""
    environment = {**os.environ, "SKIMAGE_DATADIR": str(tmp_path / "empty"), "PYTHONHASHSEED": "7"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(photopatches.__file__).parents[1]), *sys.path])
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = b"".join(part.tobytes() for part in photopatches.build_varied(100, 50, 3))
    assert done.stdout.strip() == hashlib.sha256(here).hexdigest()
    assert not (tmp_path / "empty").exists()


# --- colour is no short cut -------------------------------------------------------------------------------------------


def neighbours_accuracy(pictures, statistics):
    """The share of test pictures that their five nearest training pictures name, by standardised statistics."""
    train, test = (statistics(images.double()) for images in (pictures.train_images, pictures.test_images))
    mean, std = train.mean(dim=0), train.std(dim=0)
    nearest = torch.cdist((test - mean) / std, (train - mean) / std).topk(5, largest=False).indices
    return (pictures.train_labels[nearest].mode(dim=1).values == pictures.test_labels).double().mean().item()


def channel_statistics(images):
    """(N, 3, 32, 32) -> (N, 6): mean and standard deviation of each channel."""
    return torch.cat([images.mean(dim=(2, 3)), images.std(dim=(2, 3))], dim=1)


def grey_statistics(images):
    """(N, 3, 32, 32) -> (N, 2): mean and standard deviation of grey."""
    grey = images.mean(dim=1)
    return torch.stack([grey.mean(dim=(1, 2)), grey.std(dim=(1, 2))], dim=1)


def test_colour_statistics_name_few_varied_pictures(varied):
    """Chance is 10 %. The older version, which gives its classes away, shows that the measure can tell."""
    assert neighbours_accuracy(data.photopatches10(2000, 500), channel_statistics) > 0.5
    assert neighbours_accuracy(varied, channel_statistics) <= 0.25
    assert neighbours_accuracy(varied, grey_statistics) <= 0.25


def test_every_class_comes_in_every_hue_and_in_grey(varied):
    mean = varied.train_images.double().mean(dim=(2, 3))
    red, green, blue = (mean - mean.mean(dim=1, keepdim=True)).T
    hue = torch.atan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    sixth = ((hue + torch.pi) / (torch.pi / 3)).long().clamp(max=5)
    chroma = torch.stack([red, green, blue]).square().sum(dim=0).sqrt()
    for label, name in enumerate(varied.classes):
        members = varied.train_labels == label
        assert sixth[members].bincount(minlength=6).min() >= 200 / 6 / 3, name
        assert (chroma[members] < 7).sum() >= 15, name
        assert (chroma[members] > 20).sum() >= 50, name


def test_recolouring_keeps_the_pattern_of_light():
    raw = np.random.default_rng(0).uniform(0, 255, (50, 32, 32, 3)).astype(np.float32)
    drawn = photopatches._recolour(raw, np.random.default_rng(1))
    assert drawn.dtype == np.uint8
    for before, after in zip(raw.mean(axis=3), drawn.mean(axis=3), strict=True):
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
    mean, spread = drawn.mean(axis=(1, 2, 3)), drawn.mean(axis=3).std(axis=(1, 2))
    assert mean.min() < 100 < 150 < mean.max()
    assert spread.min() < 30 < 45 < spread.max()


def test_a_hue_has_no_light_and_the_length_1():
    hues = photopatches._hue(np.linspace(0, 6, 7)[:, None, None])
    np.testing.assert_allclose(hues.sum(axis=2), 0, atol=1e-12)
    np.testing.assert_allclose((hues**2).sum(axis=2), 1)


# --- training and test pictures share no pixel ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_regions_lie_apart_inside_the_photograph(name):
    source = SOURCES[name]
    taken = np.zeros(photopatches.original(source).shape[:2], dtype=int)
    for top, left, height, width in source.regions:
        assert (height, width) == source.regions[0][2:]
        assert top + height <= taken.shape[0]
        assert left + width <= taken.shape[1]
        taken[top : top + height, left : left + width] += 1
    assert taken.max() == 1


@pytest.mark.parametrize("seed", [0, 5])
def test_regions_serve_training_or_testing(seed):
    for index, source in enumerate(SOURCES.values()):
        n = len(source.regions)
        halves = photopatches.split_regions(n, seed, index)
        assert sorted(np.concatenate(halves)) == list(range(n))
        assert len(halves[TEST]) == max(1, n // 5)


@pytest.mark.parametrize("seed", [0, 5])
def test_varied_training_and_test_pictures_share_no_pixel(seed, monkeypatch):
    """Change every test region of every photograph: no training picture changes, every test picture does. And back."""
    real, before = photopatches.original, photopatches.build_varied(100, 50, seed)

    def with_changed(split):
        def original(source):
            photo = real(source).copy()
            index = list(SOURCES.values()).index(source)
            for region in photopatches.split_regions(len(source.regions), seed, index)[split]:
                top, left, height, width = source.regions[region]
                window = photo[top : top + height, left : left + width]
                window[:] = 255 - window
            return photo

        return original

    for changed, same in ((TEST, slice(0, 2)), (TRAIN, slice(2, 4))):
        monkeypatch.setattr(photopatches, "original", with_changed(changed))
        after = photopatches.build_varied(100, 50, seed)
        for a, b in zip(before[same], after[same], strict=True):
            np.testing.assert_array_equal(a, b)
        images, labels = 2 * changed, 2 * changed + 1
        np.testing.assert_array_equal(before[labels], after[labels])
        assert (before[images] != after[images]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(
    ("name", "mirrors", "turns"), [("text", False, False), ("cat", True, False), ("grass", True, True)]
)
def test_a_varied_window_lies_inside_its_region(name, mirrors, turns):
    """On regions whose two channels count rows and columns, a window shows where it was cut and how it was turned."""
    source = SOURCES[name]
    height, width = photopatches.cut_regions(source).shape[1:3]
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    region = np.stack([rows, columns, rows], axis=-1)[None]
    windows = photopatches._sample_region(region, source, 300, np.random.default_rng(0))
    assert windows.min() >= 0
    assert windows[..., 0].max() <= height - 1
    assert windows[..., 1].max() <= width - 1
    down, right = (np.diff(windows, axis=axis)[:, 0, 0, :2].astype(np.float64) for axis in (1, 2))
    side = 32 * np.hypot(*right.T)
    low, high = source.window
    scale = photopatches._scale(source)
    assert 0.6 * low * scale < side.min()
    assert side.max() <= high * scale + 1e-3
    handed = down[:, 0] * right[:, 1] - down[:, 1] * right[:, 0]
    assert ((handed < 0).any(), (handed > 0).any()) == (mirrors, True)
    angle = np.rad2deg(np.arctan2(np.abs(down[:, 1]), down[:, 0]))
    assert (angle.max() > source.tilt + 1) == turns


@pytest.mark.parametrize("numbers", [(5001, 1000), (5000, 5), (0, 10), (-10, 10)])
def test_the_varied_set_refuses_numbers_that_cannot_be_balanced(numbers):
    with pytest.raises(ValueError, match="multiple of 10"):
        photopatches.build_varied(*numbers, 0)


def test_the_varied_set_refuses_photographs_without_content(monkeypatch):
    monkeypatch.setattr(photopatches, "original", lambda source: np.zeros((2600, 1500, 3), np.uint8))
    with pytest.raises(ValueError, match="nearly constant"):
        photopatches.build_varied(10, 10, 0)
