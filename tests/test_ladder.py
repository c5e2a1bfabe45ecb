"""cnnlab.experiments.ladder_cifar10: the network has the tricks it is asked for; augmentation moves whole pictures."""

import pytest
import torch
from cnnlab.data import CIFAR10_CLASSES, ImageSet
from cnnlab.experiments import ladder_cifar10
from cnnlab.experiments.ladder_cifar10 import SETTINGS, Augmented, experiment, flipped_and_shifted, network
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


def test_pooling_before_relu_gives_what_pooling_after_it_would():
    model = network((4, 6), 20)
    conv_1, conv_2, dense_1, dense_2 = (layer for layer in model if isinstance(layer, nn.Conv2d | nn.Linear))
    images = torch.randn(5, 3, 32, 32, generator=generator())
    maps = nn.functional.max_pool2d(conv_1(images).relu(), 2)
    maps = nn.functional.max_pool2d(conv_2(maps).relu(), 2)
    torch.testing.assert_close(model(images), dense_2(dense_1(maps.flatten(1)).relu()))
    assert kinds(model)[:6] == ["Conv2d", "MaxPool2d", "ReLU"] * 2


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


def test_every_variant_is_run_with_every_seed_and_has_its_own_tricks(monkeypatch, capsys):
    images = torch.randint(0, 256, (60, 3, 32, 32), dtype=torch.uint8, generator=generator())
    labels = torch.arange(60) % 10
    pictures = ImageSet("noise", "drawn", CIFAR10_CLASSES, images, labels, images[:20], labels[:20])
    models, augmented = [], []

    def remembered(*sizes, **tricks):
        models.append(network(*sizes, **tricks))
        return models[-1]

    class Counted(Augmented):
        def __iter__(self):
            augmented.append(len(models))  # the number of the run that asks
            return super().__iter__()

    monkeypatch.setattr(ladder_cifar10, "network", remembered)
    monkeypatch.setattr(ladder_cifar10, "Augmented", Counted)
    small = {"channels": [2, 2], "hidden_units": 4, "batch_size": 2, "epochs": 1, "train": 24, "validation": 10}
    runs = experiment(pictures, torch.device("cpu"), [0, 7], SETTINGS | small)

    assert [(run.seed, run.variant) for run in runs] == [
        (seed, name) for seed in (0, 7) for name in SETTINGS["variants"]
    ]
    for number, (run, model) in enumerate(zip(runs, models, strict=True), 1):
        tricks = SETTINGS["variants"][run.variant]
        assert ("BatchNorm2d" in kinds(model)) == ("batch norm" in tricks)
        assert {layer.p for layer in model if isinstance(layer, nn.Dropout)} == {0.5 if "dropout" in tricks else 0.0}
        assert (number in augmented) == ("augmentation" in tricks)
        (rate,) = run.history["learning_rate"]
        assert rate < 0.0005 if "one cycle" in tricks else rate == 0.001  # so few batches do not take it to 0
