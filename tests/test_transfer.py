"""cnnlab.transfer: what each way trains and leaves alone, what is kept in a file, and the file that is committed."""

import copy

import pytest
import torch
from cnnlab import transfer
from cnnlab.transfer import WAYS, BlockNet, Pretrained
from torch import nn
from torch.utils.data import TensorDataset

RATES = {"steps": 3, "batch_size": 4, "head_rate": 0.1, "body_rate": 0.01, "seed": 0}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def pretrained() -> BlockNet:
    """A network with running statistics of its own, so that a change of them shows."""
    model = BlockNet(8)
    model.train()
    model(torch.randn(16, 3, 8, 8))
    return model.eval()


@pytest.fixture
def part() -> TensorDataset:
    return TensorDataset(torch.randn(12, 3, 8, 8), torch.arange(12) % 2)


def copied(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(module: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def statistics(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}


def test_the_network_takes_pictures_of_other_sizes():
    for side in (4, 32, 50):
        assert BlockNet(5).eval()(torch.randn(2, 3, side, side + 3)).shape == (2, 5)


@pytest.mark.parametrize("fixed", [False, True])
def test_batch_norm_learns_its_statistics_unless_they_are_fixed(fixed):
    model = BlockNet(2)
    model.statistics_fixed = fixed
    before = copied(model)
    model.train()
    model(torch.randn(4, 3, 8, 8))
    assert bool(statistics(changed(model, before))) is not fixed
    assert model.training
    assert all(part.training is not fixed for part in model.modules() if isinstance(part, nn.BatchNorm2d))
    assert not any(part.training for part in model.eval().modules())


@pytest.mark.parametrize("way", WAYS)
def test_a_way_leaves_the_pretrained_network_as_it_is(way, pretrained, part):
    before = copied(pretrained)
    model = transfer.adapt(pretrained, part, way, **RATES)
    assert not changed(pretrained, before)
    assert model(part.tensors[0]).shape == (12, 2)
    assert not model.training


def test_frozen_changes_no_number_of_the_body(pretrained, part):
    body = copied(pretrained.body)
    assert not changed(transfer.adapt(pretrained, part, "frozen", **RATES).body, body)


def test_fine_tuning_changes_all_weights_of_the_body_but_no_statistics(pretrained, part):
    body = copied(pretrained.body)
    moved = changed(transfer.adapt(pretrained, part, "fine-tuned", **RATES).body, body)
    assert moved == body.keys() - statistics(set(body))


def test_from_scratch_takes_nothing_of_the_pretrained_network(pretrained, part):
    other = BlockNet(8)
    models = [transfer.adapt(network, part, "from scratch", **RATES) for network in (pretrained, other)]
    assert not changed(models[0], models[1].state_dict())
    body = copied(BlockNet(8).body)
    assert statistics(changed(models[0].body, body)) == statistics(set(body))


def test_a_frozen_head_is_trained_as_it_would_be_in_the_whole_network(pretrained, part):
    """Asking the body once is a shortcut, not another method: three steps on all pictures, by hand and whole."""
    settings = {**RATES, "batch_size": len(part)}
    short = transfer.adapt(pretrained, part, "frozen", **settings)
    torch.manual_seed(settings["seed"])
    model = BlockNet(2)
    model.body = copy.deepcopy(pretrained.body)
    model.eval()
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=settings["head_rate"], momentum=0.9)
    for _ in range(settings["steps"]):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(part.tensors[0]), part.tensors[1]).backward()
        optimizer.step()
    torch.testing.assert_close(short.fc.weight, model.fc.weight)
    torch.testing.assert_close(short.fc.bias, model.fc.bias)


@pytest.mark.parametrize("way", WAYS)
def test_the_seed_fixes_a_way(way, pretrained, part):
    same, again = (transfer.adapt(pretrained, part, way, **RATES) for _ in range(2))
    other = transfer.adapt(pretrained, part, way, **RATES | {"seed": 1})
    assert not changed(same, again.state_dict())
    assert changed(same.fc, other.fc.state_dict())


def test_body_and_head_have_rates_of_their_own(pretrained, part):
    still = transfer.adapt(pretrained, part, "fine-tuned", **RATES | {"body_rate": 0.0})
    assert not changed(still.body, copied(pretrained.body))
    assert still.fc.weight.grad is not None


def test_an_unknown_way_is_told(pretrained, part):
    with pytest.raises(ValueError, match=r"'thawed'.*from scratch, frozen, fine-tuned"):
        transfer.adapt(pretrained, part, "thawed", **RATES)


def test_few_draws_as_many_of_each_class_and_the_seed_fixes_which():
    labels = torch.tensor([0] * 5 + [1] * 9)
    part = TensorDataset(torch.arange(14.0).view(14, 1, 1, 1), labels)
    images, drawn = transfer.few(part, 4, seed=0).tensors
    assert drawn.bincount().tolist() == [4, 4]
    assert len(images.unique()) == 8
    assert torch.equal(labels[images.flatten().long()], drawn)
    assert torch.equal(images, transfer.few(part, 4, seed=0).tensors[0])
    assert not torch.equal(images, transfer.few(part, 4, seed=1).tensors[0])
    with pytest.raises(ValueError, match="6 pictures a class"):
        transfer.few(part, 6, seed=0)


def test_what_is_saved_is_what_is_loaded(pretrained, tmp_path):
    kept = Pretrained(pretrained, tuple("abcdefgh"), (0.1, 0.2, 0.3), (0.5, 0.25, 0.125))
    transfer.save(kept, tmp_path / "net.safetensors")
    found = transfer.load(tmp_path / "net.safetensors")
    assert not changed(found.model, pretrained.state_dict())
    assert (found.classes, found.mean, found.std) == (kept.classes, kept.mean, kept.std)
    assert not found.model.training


def test_transforms_normalise_each_channel(pretrained):
    kept = Pretrained(pretrained, tuple("abcdefgh"), (0.2, 0.4, 0.6), (0.5, 0.25, 0.125))
    images = torch.full((2, 3, 4, 4), 51, dtype=torch.uint8)  # 51 / 255 = 0.2
    expected = torch.tensor([0.0, -0.8, -3.2]).view(3, 1, 1).expand(2, 3, 4, 4)
    torch.testing.assert_close(kept.transforms(images), expected)
    torch.testing.assert_close(kept.transforms(images[0]), expected[0])
