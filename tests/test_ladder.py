"""cnnlab.experiments.ladder_cifar10: the network has the tricks it is asked for; augmentation moves whole pictures."""

import pytest
import torch
from cnnlab.experiments.ladder_cifar10 import Augmented, flipped_and_shifted, network
from torch import nn

pytestmark = pytest.mark.filterwarnings("error")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kinds(model: nn.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in model]


def test_the_plain_network_is_two_conv_and_two_dense_layers():
    model = network((4, 6), 20)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert model[-1].in_features == 20
    assert kinds(model).count("Conv2d") == kinds(model).count("Linear") == 2
    assert "BatchNorm2d" not in kinds(model)
    assert all(layer.p == 0 for layer in model if isinstance(layer, nn.Dropout))
    assert all(layer.bias is not None for layer in model if isinstance(layer, nn.Conv2d))


def test_batch_norm_follows_each_conv_layer_and_replaces_its_bias():
    model = network((4, 6), 20, batch_norm=True)
    for place, layer in enumerate(model):
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is None
            assert model[place + 1].num_features == layer.out_channels
    assert kinds(model).count("BatchNorm2d") == 2


def test_dropout_stands_before_each_dense_layer():
    model = network((4, 6), 20, dropout=0.3)
    before = [model[place - 1] for place, layer in enumerate(model) if isinstance(layer, nn.Linear)]
    assert [layer.p for layer in before] == [0.3, 0.3]


def test_a_picture_is_mirrored_or_not_and_moved_as_a_whole():
    """Every result is one of the 2 x 25 that can be cut out of the reflected picture by hand; nearly all occur."""
    picture = torch.arange(3 * 6 * 8.0).view(3, 6, 8)
    possible = {}
    for mirrored in (False, True):
        padded = nn.functional.pad(picture.flip(2) if mirrored else picture, [2] * 4, mode="reflect")
        for row in range(5):
            for column in range(5):
                possible[padded[:, row : row + 6, column : column + 8].numpy().tobytes()] = mirrored, row, column
    results = flipped_and_shifted(picture.expand(1000, 3, 6, 8), 2, generator())
    drawn = [possible[result.numpy().tobytes()] for result in results]
    assert len(possible) == len(set(drawn)) == 50
    assert 400 < sum(mirrored for mirrored, _, _ in drawn) < 600


def test_the_same_seed_draws_the_same_and_each_pass_anew():
    batches = [(torch.randn(4, 3, 32, 32, generator=generator()), torch.arange(4))]
    first, second = Augmented(batches, 4, seed=1), Augmented(batches, 4, seed=1)
    passes = [[images for images, _ in part] for part in (first, second, first)]
    torch.testing.assert_close(passes[0], passes[1])
    assert not torch.equal(passes[0][0], passes[2][0])
    ((_, labels),) = list(first)
    assert labels.tolist() == [0, 1, 2, 3]
    assert len(first) == 1
