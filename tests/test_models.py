"""The shared networks: parameters as documented, shapes, and what happens to pictures of another size."""

import pytest
import torch
from cnnlab import models
from torch import nn

NETWORKS = {
    models.LeNetLike: (3, 10, 62_006),
    models.SixSixNet: (3, 10, 57_712),
    models.TanhNet: (3, 2, 18_090),
    models.average_pool_net: (1, 1, 1_597),
}


@pytest.mark.parametrize(("build", "expected"), NETWORKS.items())
def test_parameters_and_shapes_are_as_documented(build, expected):
    channels, outputs, parameters = expected
    network = build()
    assert models.count_parameters(network) == parameters
    assert f"{parameters:,} parameters" in build.__doc__
    for n in (1, 3):
        assert network(torch.rand(n, channels, 32, 32)).shape == (n, outputs)


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("side", [28, 36, 64])
def test_a_picture_of_another_size_is_refused_and_not_read_as_several(build, side):
    channels = NETWORKS[build][0]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        build()(torch.rand(2, channels, side, side))


def test_pooling_drops_the_rest_so_lenet_takes_32_to_35_pixels():
    network = models.LeNetLike()
    assert [tuple(network(torch.rand(1, 3, side, side)).shape) for side in range(32, 36)] == [(1, 10)] * 4


@pytest.mark.parametrize("build", [models.LeNetLike, models.SixSixNet, models.TanhNet])
def test_every_picture_is_judged_alone_and_the_number_of_classes_is_free(build):
    torch.manual_seed(0)
    network, images = build(classes=7), torch.rand(4, 3, 32, 32)
    logits = network(images)
    assert logits.shape == (4, 7)
    torch.testing.assert_close(logits[2:3], network(images[2:3]), rtol=0, atol=1e-5)
    assert logits.std(dim=0).min() > 0


def test_average_pool_net_gives_a_probability_and_without_its_end_the_logit():
    network, images = models.average_pool_net(channels=3), torch.randn(5, 3, 32, 32)
    assert models.count_parameters(network) == 1_705
    probability = network(images)
    assert ((probability > 0) & (probability < 1)).all()
    torch.testing.assert_close(network[:-1](images).sigmoid(), probability)


@pytest.mark.parametrize("budget", [62_006, 61_670, 789_258, 3_093])
def test_mlp_spends_its_budget_on_as_many_hidden_units_as_it_can(budget):
    network = models.mlp(budget)
    unit = 3 * 32 * 32 + 1 + 10
    assert budget - unit < models.count_parameters(network) <= budget
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_mlp_of_lenets_budget_has_20_hidden_units():
    network = models.mlp(62_006)
    assert network[1].out_features == 20
    assert models.count_parameters(network) == 61_670


def test_mlp_fits_other_pictures_and_says_what_it_needs_at_least():
    assert models.mlp(1_000, inputs=28 * 28, classes=2)(torch.rand(1, 1, 28, 28)).shape == (1, 2)
    with pytest.raises(ValueError, match="at least 3093"):
        models.mlp(3_092)


def test_lazy_layers_are_counted_only_when_they_know_their_size():
    network = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
    with pytest.raises(ValueError, match="uninitialized"):
        models.count_parameters(network)
    network(torch.rand(1, 3, 4, 4))
    assert models.count_parameters(network) == 48 * 2 + 2
