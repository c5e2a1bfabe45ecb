"""Scenes and crops: shapes, types, reproducible, train and test apart, and no class told by its brightness."""

import pytest
import torch
from cnnlab import scenes


def test_a_scene_has_a_label_for_every_pixel_and_all_three_classes():
    pictures, labels = scenes.texture_scenes(20, "train")
    assert pictures.shape == (20, 1, 64, 64)
    assert labels.shape == (20, 64, 64)
    assert (pictures.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert labels.unique().tolist() == [0, 1, 2]
    shares = [(labels == index).float().mean().item() for index in range(3)]
    assert shares[0] > 0.6 > 0.3 > shares[1] > 0.1 > shares[2] > 0.03  # gravel, grass, brick


def test_the_textures_have_one_brightness_and_one_contrast():
    pictures, labels = scenes.texture_scenes(200, "train")
    for index in range(3):
        pixels = pictures[:, 0][labels == index]
        assert abs(pixels.mean()) < 0.15
        assert abs(pixels.std() - 1) < 0.15


def test_the_same_seed_draws_the_same_scenes_and_the_parts_differ():
    (first, again), other = (scenes.texture_scenes(3, "train")[0] for _ in range(2)), scenes.texture_scenes(3, "test")
    assert torch.equal(first, again)
    assert not torch.equal(first, other[0])
    assert not torch.equal(first, scenes.texture_scenes(3, "train", seed=1)[0])
    train, test = (set(range(256)[columns]) for columns in scenes.PARTS.values())
    assert not train & test
    with pytest.raises(KeyError, match="validation"):
        scenes.texture_scenes(3, "validation")


@pytest.mark.parametrize("name", ["camera", "astronaut", "stereo_motorcycle"])
def test_a_photograph_is_grey_whatever_its_channels(name):
    photo = scenes.grey_photograph(name)
    assert photo.ndim == 3
    assert photo.shape[0] == 1
    assert photo.dtype == torch.float32
    assert 0 <= photo.min() < photo.max() <= 1


def test_crops_are_squares_of_the_pictures_and_repeat_with_the_seed():
    picture = torch.arange(30.0).reshape(1, 5, 6)
    torch.manual_seed(0)
    crops = scenes.random_crops([picture, picture + 100], 200, 4)
    torch.manual_seed(0)
    assert torch.equal(crops, scenes.random_crops([picture, picture + 100], 200, 4))
    assert crops.shape == (200, 1, 4, 4)
    corners = {int(crop[0, 0, 0]) for crop in crops}
    assert corners == {row * 6 + column + more for row in (0, 1) for column in (0, 1, 2) for more in (0, 100)}
    with pytest.raises(ValueError, match=r"no square of 6 pixels fits into .*\(1, 5, 6\)"):
        scenes.random_crops([picture], 1, 6)
