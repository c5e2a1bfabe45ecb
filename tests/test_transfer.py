"""cnnlab.transfer: what each way trains and leaves alone, and the experiment that is recorded with it.

And lecture 9's cell on torchvision's networks, which is skipped without their weights, with weights in PyTorch's cache.
"""

import nbformat
import pytest
import torch
from cnnlab import data, efficientnet, transfer
from cnnlab.data import ImageSet
from cnnlab.efficientnet import EfficientNetLite0
from cnnlab.experiments import transfer_cifar10
from cnnlab.transfer import EARLY, WAYS, SmallNet, Top
from conftest import CHECKOUT
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import models

SIDE = 32
RATES = {"steps": 3, "batch_size": 4, "rate": 0.1, "body_rate": 0.01, "seed": 0}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return efficientnet.load_imagenet()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(256, (12, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def parts(network, images) -> dict[str, TensorDataset]:
    return transfer.parts(network, images, torch.arange(12) % 2, SIDE)


def copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(module: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def statistics(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}


def test_the_small_network_takes_pictures_of_other_sizes_and_has_as_many_parameters_as_it_says():
    for side in (4, 32, 50):
        assert SmallNet(5).eval()(torch.randn(2, 3, side, side + 3)).shape == (2, 5)
    said = f"{sum(p.numel() for p in SmallNet(2).parameters()):,} parameters for two classes"
    assert said in SmallNet.__doc__


def test_early_maps_and_top_make_what_the_whole_network_makes(network, images):
    top = Top(network, 1000)
    top.fc.load_state_dict(network.fc.state_dict())
    maps = transfer.early_maps(network, images, 64)
    assert maps.shape == (12, 112, 4, 4)
    with torch.no_grad():
        whole = network(efficientnet.preprocess(images, 64, share=1.0))
        torch.testing.assert_close(top.eval()(maps), whole, atol=1e-4, rtol=1e-4)


def test_early_maps_do_not_depend_on_the_mode_and_leave_it(network, images):
    before, maps = copied(network), transfer.early_maps(network, images, SIDE)
    network.train()
    try:
        assert torch.equal(transfer.early_maps(network, images, SIDE), maps)
        assert network.body[0].training
    finally:
        network.eval()
    assert not changed(network, before)


def test_a_top_keeps_its_statistics_while_it_trains(network, parts):
    top = Top(network, 2)
    before = copied(top)
    top.train()
    top(parts["frozen"].tensors[0])
    assert top.training
    assert not changed(top, before)


@pytest.mark.parametrize("way", WAYS)
def test_a_way_leaves_the_pretrained_network_as_it_is(way, network, parts):
    before = copied(network)
    model = transfer.adapt(network, parts[way], way, **RATES)
    assert not changed(network, before)
    assert model(parts[way].tensors[0]).shape == (12, 2)
    assert not any(part.training for part in model.modules())


def test_frozen_changes_no_number_of_the_body(network, parts):
    late = copied(network.body[EARLY:])
    assert not changed(transfer.adapt(network, parts["frozen"], "frozen", **RATES).body, late)


def test_fine_tuning_changes_all_weights_of_the_late_body_but_no_statistics(network, parts):
    late = copied(network.body[EARLY:])
    moved = changed(transfer.adapt(network, parts["fine-tuned"], "fine-tuned", **RATES).body, late)
    assert moved == late.keys() - statistics(set(late))


def test_from_scratch_takes_nothing_of_the_pretrained_network(network, parts):
    other = EfficientNetLite0()
    models = [transfer.adapt(each, parts["from scratch"], "from scratch", **RATES) for each in (network, other)]
    assert isinstance(models[0], SmallNet)
    assert not changed(models[0], models[1].state_dict())


def test_a_frozen_head_is_trained_as_it_would_be_in_the_whole_network(network, images, parts):
    """Asking the body once is a shortcut, not another method: three steps on all pictures, by hand and whole."""
    settings = {**RATES, "batch_size": 12}
    short = transfer.adapt(network, parts["frozen"], "frozen", **settings)
    torch.manual_seed(settings["seed"])
    head = Top(network, 2).fc
    optimizer = torch.optim.SGD(head.parameters(), lr=settings["rate"], momentum=0.9)
    for _ in range(settings["steps"]):
        optimizer.zero_grad()
        logits = head(network.body(efficientnet.preprocess(images, SIDE, share=1.0)))
        nn.functional.cross_entropy(logits, parts["frozen"].tensors[1]).backward()
        optimizer.step()
    torch.testing.assert_close(short.fc.weight, head.weight, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(short.fc.bias, head.bias, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_the_seed_fixes_a_way(way, network, parts):
    same, again = (transfer.adapt(network, parts[way], way, **RATES) for _ in range(2))
    other = transfer.adapt(network, parts[way], way, **RATES | {"seed": 1})
    assert not changed(same, again.state_dict())
    assert changed(same.fc, other.fc.state_dict())


def test_body_and_head_have_rates_of_their_own(network, parts):
    before = copied(network.body[EARLY:])
    still = transfer.adapt(network, parts["fine-tuned"], "fine-tuned", **RATES | {"body_rate": 0.0})
    assert not changed(still.body, before)
    assert still.fc.weight.grad is not None


def test_an_unknown_way_is_told(network, parts):
    with pytest.raises(ValueError, match=r"'thawed'.*from scratch, frozen, fine-tuned"):
        transfer.adapt(network, parts["frozen"], "thawed", **RATES)


def test_few_draws_as_many_of_each_class_and_the_seed_fixes_which():
    labels = torch.tensor([0] * 5 + [1] * 9)
    drawn = transfer.few(labels, 4, seed=0)
    assert labels[drawn].bincount().tolist() == [4, 4]
    assert len(drawn.unique()) == 8
    assert torch.equal(drawn, transfer.few(labels, 4, seed=0))
    assert not torch.equal(drawn, transfer.few(labels, 4, seed=1))
    with pytest.raises(ValueError, match="6 pictures a class"):
        transfer.few(labels, 6, seed=0)


def test_a_network_from_scratch_learns_what_is_there_to_learn(network):
    labels = torch.arange(40) % 2
    images = (labels.view(-1, 1, 1, 1) * 80 + torch.randint(100, (40, 3, 32, 32))).to(torch.uint8)
    part = transfer.parts(network, images, labels, SIDE)["from scratch"]
    settings = {"steps": 60, "batch_size": 10, "rate": 0.02, "seed": 0}
    assert accuracy(transfer.adapt(network, part, "from scratch", **settings), part) == 1


def accuracy(model: nn.Module, part: TensorDataset) -> float:
    with torch.no_grad():
        right = [(model(x).argmax(dim=1) == y).float().mean() for x, y in DataLoader(part, len(part))]
    return right[0].item()


def test_an_experiment_gives_all_ways_the_same_draws_and_measures_on_other_pictures(network, monkeypatch):
    images, labels = torch.randint(256, (24, 3, 32, 32), dtype=torch.uint8), torch.arange(24) % 4
    pictures = ImageSet("noise", "here", ("bird", "airplane", "cat", "dog"), images, labels, images, labels)
    seen = []
    monkeypatch.setattr(transfer_cifar10.efficientnet, "load_imagenet", lambda: network)
    few = transfer.few
    monkeypatch.setattr(transfer, "few", lambda labels, n, seed: seen.append((n, seed)) or few(labels, n, seed))
    quick = {"steps": 1, "batch_size": 4, "rate": 0.05}
    settings = {
        **transfer_cifar10.SETTINGS,
        "side": SIDE,
        "per_class": [1, 2],
        "test_pictures_of_a_class": [2, 5],
        "ways": {way: quick for way in WAYS},
    }
    runs = transfer_cifar10.experiment(pictures, torch.device("cpu"), [0, 1], settings)
    assert [run.variant for run in runs[:6]] == [f"cat and dog, {way} {n}" for n in (1, 2) for way in WAYS]
    assert [run.variant for run in runs[12:18]] == [f"bird and airplane, {way} {n}" for n in (1, 2) for way in WAYS]
    assert seen == [(n, seed) for _ in range(2) for seed in (0, 1) for n in (1, 2)]
    right = [run.results["test_accuracy"] * 6 for run in runs]  # of the third to fifth test picture of two classes
    assert right == pytest.approx([round(number) for number in right])


def test_the_recorded_settings_name_every_way_and_classes_of_cifar10():
    settings = transfer_cifar10.SETTINGS
    assert tuple(settings["ways"]) == WAYS
    for pair in settings["pairs"]:
        assert set(pair) <= set(data.CIFAR10_CLASSES)


@pytest.fixture
def lecture_names(tmp_path, monkeypatch):
    """A function that executes cells of lecture 9 by id and returns the names they leave; PyTorch's cache is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("CNNLAB_DOWNLOAD", raising=False)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    notebook = nbformat.read(CHECKOUT / "lectures" / "09_transfer_learning.ipynb", as_version=4)
    sources = {cell.id: cell.source for cell in notebook.cells}

    def executed(*ids: str, **changed: object) -> dict:
        names = {}
        for cell in ids:
            exec(compile(sources[cell], cell, "exec"), names)
            names.update(changed)
        return names

    return executed


NAMING = ("setup", "network", "three-best", "name-pictures")


def test_the_lecture_names_pictures_with_weights_from_the_cache(lecture_names, tmp_path, capsys):
    weights = models.ResNet18_Weights.DEFAULT
    trained = models.resnet18()
    torch.save(trained.state_dict(), tmp_path / "hub" / "checkpoints" / weights.url.rpartition("/")[2])
    names = lecture_names(*NAMING)
    said = capsys.readouterr().out
    assert "Missing: VGG16_Weights.IMAGENET1K_V1" in said
    assert "Missing: ResNet18" not in said
    batch = torch.stack([weights.transforms()(photo.convert("RGB")) for photo in names["photos"].values()])
    with torch.no_grad():
        best = trained.eval()(batch).argmax(dim=1)
    assert list(names["table"]["class 1"]) == [weights.meta["categories"][place] for place in best]
    assert list(names["table"].index) == ["cat", "coffee", "camera", "rocket", "astronaut", "motorcycle"]


def test_the_lecture_says_what_is_missing_and_what_to_type(lecture_names, capsys):
    assert "table" not in lecture_names(*NAMING)
    said = capsys.readouterr().out
    for network in ("ResNet18", "VGG16"):
        assert f"Missing: {network}_Weights.IMAGENET1K_V1" in said
    assert "%env CNNLAB_DOWNLOAD=1" in said


@pytest.mark.parametrize("given", ["one.png", "."])
def test_the_lecture_names_the_reader_s_own_pictures(lecture_names, tmp_path, given):
    Image.new("RGBA", (50, 40), "red").save(tmp_path / "one.png")
    (tmp_path / "notes.txt").write_text("no picture")
    names = lecture_names("setup", "network", "three-best", OWN_PICTURES=str(tmp_path / given))
    assert list(names["photos"])[6:] == ["one.png"]
