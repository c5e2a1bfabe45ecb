"""cnnlab.transfer: what each way trains and leaves alone, what is kept in a file, and the file that is committed.

And lecture 9's cell on ImageNet weights, which is skipped without them, with weights in PyTorch's cache.
"""

import copy

import nbformat
import pytest
import torch
from cnnlab import data, records, training, transfer
from cnnlab.data import ImageSet
from cnnlab.experiments import few_shot, transfer_cifar10
from cnnlab.transfer import WAYS, BlockNet, Pretrained
from conftest import CHECKOUT
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import models

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


def test_the_committed_network_is_the_record_s():
    """The first pair's pretraining of the record, in a file that is small enough to be committed."""
    pictures = data.photopatches10()
    network = transfer.load()
    assert network.classes == pictures.classes[2:]
    assert transfer.EIGHT_CLASSES.stat().st_size < 2_000_000
    others = data.subset(pictures, network.classes)
    test_part = TensorDataset(network.transforms(others.test_images), others.test_labels)
    _, accuracy = training.validate(network.model, DataLoader(test_part, 500))
    recorded = records.read("transfer_photopatches10").summary["astronaut and brick, pretraining"]
    assert accuracy == pytest.approx(recorded["test_accuracy"]["mean"], abs=0.003)  # another machine may round


def test_an_experiment_pretrains_for_each_seed_and_gives_all_ways_the_same_draws(monkeypatch):
    images, labels = torch.randint(256, (40, 3, 32, 32), dtype=torch.uint8), torch.arange(40) % 4
    pictures = ImageSet("noise", "here", ("airplane", "bird", "cat", "deer"), images, labels, images, labels)
    seen = []
    monkeypatch.setattr(few_shot.transfer, "few", lambda part, n, draw: seen.append((n, draw)) or part)
    settings = {
        **transfer_cifar10.SETTINGS,
        "epochs": 1,
        "validation": 4,
        "draws": 2,
        "per_class": [3, 5],
        "transfer": {"steps": 1, "batch_size": 4, "head_rate": 0.05, "body_rate": 0.01},
    }
    runs = transfer_cifar10.experiment(pictures, torch.device("cpu"), [0, 1], settings)
    once = ["pretraining", *(f"{way} {n}" for way in WAYS for n in (3, 5))]
    assert [run.variant for run in runs] == once * 2
    assert [run.seed for run in runs] == [0] * 7 + [1] * 7
    assert seen == [(n, draw) for draws in ((0, 1), (2, 3)) for _ in WAYS for n in (3, 5) for draw in draws]
    for run in runs[1:7]:
        assert run.results["test_accuracy"] == pytest.approx(sum(run.details["test_accuracies"]) / 2)


@pytest.fixture
def lecture_names(tmp_path, monkeypatch):
    """A function that executes cells of lecture 9 by id and returns the names they leave; PyTorch's cache is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("CNNLAB_DOWNLOAD", raising=False)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    notebook = nbformat.read(CHECKOUT / "lectures" / "09_transfer_learning.ipynb", as_version=4)
    sources = {cell.id: cell.source for cell in notebook.cells}

    def executed(*ids: str) -> dict:
        names = {}
        for cell in ids:
            exec(compile(sources[cell], cell, "exec"), names)
        return names

    return executed


NAMING = ("setup", "network", "pictures", "three-best", "weights", "name-pictures")


def test_the_lecture_names_pictures_with_weights_from_the_cache(lecture_names, tmp_path, capsys):
    weights = models.ResNet18_Weights.DEFAULT
    trained = models.resnet18()
    torch.save(trained.state_dict(), tmp_path / "hub" / "checkpoints" / weights.url.rpartition("/")[2])
    names = lecture_names(*NAMING)
    said = capsys.readouterr().out
    assert "Skipped: VGG16_Weights.IMAGENET1K_V1" in said
    assert "1 of 2 networks had their weights" in said
    batch = torch.stack([weights.transforms()(photo) for photo in names["photos"].values()])
    with torch.no_grad():
        best = trained.eval()(batch).argmax(dim=1)
    assert list(names["table"]["class 1"]) == [weights.meta["categories"][place] for place in best]
    assert list(names["table"].index) == ["astronaut", "cat", "coffee", "rocket"]


def test_the_lecture_says_what_it_skips(lecture_names, capsys):
    assert "table" not in lecture_names("setup", "weights", "name-pictures")
    said = capsys.readouterr().out
    for network in ("ResNet18", "VGG16"):
        assert f"Skipped: {network}_Weights.IMAGENET1K_V1 is not on this computer" in said
    assert "0 of 2 networks had their weights" in said
