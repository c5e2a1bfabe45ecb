"""What guards the prose of lecture 05. Bands hold on either set, on other machines and for other rounding."""

import math

import torch
from torch.utils.data import DataLoader

# %% pictures
assert len(names) == 10
assert rows == 3
assert pictures.train_images.dtype == torch.uint8
assert len(pictures.train_labels) == (50_000 if pictures.is_cifar10 else 5000)
assert len(pictures.test_labels) == (10_000 if pictures.is_cifar10 else 1000)

# %% files
assert torch.equal(v2.functional.to_image(Image.open(folder / "cat.png")), original)
assert not torch.equal(again, original)
assert again.shape == original.shape == (3, 256, 256)
size_png, size_jpg = ((folder / name).stat().st_size for name in ("cat.png", "cat.jpg"))
assert size_png > 10 * size_jpg

# %% image-folder
assert pair == (("airplane", "bird") if pictures.is_cifar10 else ("coin", "retina"))
assert files.classes == list(pair)
assert files.class_to_idx[pair[1]] == 1 != names.index(pair[1])
assert len(files) == len(two.train_labels)
assert len(datasets.ImageFolder(folder / "test")) == len(two.test_labels)

# %% normalise
assert len(validation_ids) == len(order) // 10
assert not set(validation_ids.tolist()) & set(train_ids.tolist())
some = pictures.train_images[train_ids].double() / 255 if len(train_ids) < 10_000 else None
if some is not None:
    torch.testing.assert_close(mean.double(), some.mean(dim=(0, 2, 3)), rtol=0, atol=1e-6)
    torch.testing.assert_close(std.double(), some.std(dim=(0, 2, 3)), rtol=0, atol=1e-5)
assert train_set.tensors[0].mean(dim=(0, 2, 3)).abs().max() < 1e-3
assert (train_set.tensors[0].std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
assert 1e-3 < test_set.tensors[0].mean(dim=(0, 2, 3)).abs().max() < 0.2
assert torch.equal(prepare(photo), prepare_tensor(original))
half = v2.Normalize([0.5] * 3, [0.5] * 3)(floats(torch.tensor([0, 255], dtype=torch.uint8).expand(3, 1, 2)))
assert half[0].tolist() == [[-1.0, 1.0]]

# %% augmentation-code
torch.manual_seed(0)
for dataset, versions in [(Subset(augmented, kept), 2), (Subset(plain, held_out), 1)]:
    assert len(torch.stack([dataset[7][0] for _ in range(20)]).flatten(1).unique(dim=0)) == versions
assert sorted(held_out + kept) == list(range(len(plain)))

# %% loader-code
assert len(batch_sizes) == len(train_batches) == -(-len(train_set) // 128)
assert (len(batch_sizes), batch_sizes[-1]) == ((352, 72) if pictures.is_cifar10 else (36, 20))
assert torch.equal(first.sort().values, train_set.tensors[1].sort().values)  # every picture once
assert not torch.equal(first, second)
assert torch.equal(first, order_of(shuffled(train_set)))
assert not torch.equal(first, order_of(shuffled(train_set, seed=SEED + 1)))
assert (-(-45_000 // 128), 45_000 - 351 * 128) == (352, 72)
assert (-(-50_000 // 64), 50_000 - 781 * 64) == (782, 16)  # for the questions at the end

# %% built-in-code
assert isinstance(from_files, datasets.CIFAR10)
assert list(from_files.classes) == list(names)
assert from_files.targets == pictures.train_labels.tolist()
originals = pictures.name == "CIFAR-10"  # nothing is said of copies in its name
assert (type(from_files) is datasets.CIFAR10) == originals
assert torch.equal(labels, pictures.train_labels[:BATCH])

# %% workers-code
for with_workers, without in zip(sources["files, 2 workers"], sources["files, no worker"], strict=True):
    assert torch.equal(with_workers[0], without[0])
    assert torch.equal(with_workers[1], without[1])

# %% loop-code
accelerator = torch.accelerator.current_accelerator(check_available=True)
assert device == (accelerator or torch.device("cpu"))

# %% library-code
assert losses.mean() > mean_over_pictures
assert ours[1][0] < ours[0][0]

# %% first-loss
first_losses = {}
for name, model, inputs in [
    ("sound", network(), few_images),
    ("softmax", network(nn.Softmax(dim=1)), few_images),
    ("raw", network(), raw),
]:
    first_losses[name] = F.cross_entropy(model(inputs), few_labels).item()
assert round(math.log(10), 3) == 2.303
assert abs(first_losses["sound"] - math.log(10)) < 0.05
assert abs(first_losses["softmax"] - math.log(10)) < 0.05
assert first_losses["raw"] > math.log(10) + 0.4
assert round(math.log(200), 1) == 5.3  # for the questions at the end

# %% by-heart
assert list(by_heart.values()) == [True, False, True]
assert (mixed == labels).double().mean() < 0.3
assert models.count_parameters(models.LeNetLike()) == 62_006

# %% two-classes
assert curves["train_loss"][-1] < 0.5 < math.log(2)
assert last["train"] > 0.8
assert last["validation"] > 0.8
if pictures.is_cifar10:
    assert abs(test_accuracy - 0.86) < 0.03
else:
    assert test_accuracy > 0.7
    assert (len(two_validation), len(two_test)) == (100, 200)

# %% birds-record
birds = records.read("birds_airplanes_cifar10")
losses = {
    split: torch.tensor([run.history[f"{split}_loss"] for run in birds.runs]).mean(dim=0)
    for split in ("train", "validation")
}
assert len(birds.runs) == 3
assert len(losses["train"]) == 100
later = {split: (loss[49] - loss[99]).item() for split, loss in losses.items()}  # what the second half gains
assert later["train"] > 0.05 > 0.02 > later["validation"]

# %% ten-classes
assert history.train_loss[-1] < history.train_loss[0] / 1.5
if pictures.is_cifar10:
    assert 0.55 < test_accuracy < 0.65
    assert abs(history.validation_accuracy[-1] - test_accuracy) < 0.03
else:
    assert 0.65 < test_accuracy < 0.92
    assert history.validation_accuracy[-1] > test_accuracy + 0.03
    mistakes = [(names[label], names[answer]) for label, answer in zip(labels.tolist(), answers.tolist(), strict=True)]
    assert mistakes.count(("gravel", "grass")) > 20

# %% confusion-code
assert counts.shape == (5, 10, 10)
assert (counts.sum(dim=2) == 1000).all()
off, dog, cat = percent - percent.diag().diag(), classes.index("dog"), classes.index("cat")
assert off.argmax() == 10 * dog + cat
assert off.max().round() == 22
assert percent.diag().argmin() == cat
for what, points in [(per_class.mean(dim=1), 2), (per_class[:, cat], 17)]:
    assert round(100 * (what.max() - what.min()).item()) == points
spread = 100 * (per_class.amax(dim=0) - per_class.amin(dim=0))
assert spread.max().round() == 21
told = {"ship": 76, "automobile": 70, "dog": 45, "bird": 44, "cat": 40}
assert all(round(percent[classes.index(name), classes.index(name)].item()) == value for name, value in told.items())
assert {classes[i] for i in percent.diag().argsort()[:3]} == {"cat", "bird", "dog"}
assert lenet.settings["batch_size"] == 32
assert lenet.settings["learning_rate"] == 0.01

# %% grid-code
assert [accuracy[row].argmax().item() for row in range(3)] == [0, 1, 2]
assert [-(-grid.settings["train"] // size) for size in batches] == [1250, 313, 79]
assert [round(100 * accuracy[row].max().item()) for row in range(3)] == [50, 49, 45]
assert [round(100 * accuracy[row, 3].item()) for row in range(3)] == [10, 11, 21]

# %% save
assert sorted(ten_file) == ["classes", "mean", "std", "weights"]
assert not ten.training
assert tuple(ten_file["classes"]) == tuple(names)
assert duo_file["classes"] == list(pair)

# %% ask-code
wall = folder / "check.png"
Image.fromarray(skimage.data.moon()).save(wall)
said = ask(wall, ten, ten_file)
assert said.count("%") == 2
assert said.split()[0] in names
wall.unlink()

# %% own-picture
assert len(titles) == 5
answers_of = [title.split()[0] for title in titles]
assert set(answers_of[:3]) <= set(names)
assert set(answers_of[3:]) <= set(pair)
assert pictures.is_cifar10 or answers_of[1] == "brick"


# %% channels
def accuracy_of(inputs):
    """On the test pictures, prepared so."""
    return training.validate(model, DataLoader(TensorDataset(inputs, pictures.test_labels), 500))[1]


right = accuracy_of(prepare_tensor(pictures.test_images))
swapped = accuracy_of(prepare_tensor(pictures.test_images.flip(dims=[1])))
assert accuracy_of(pictures.test_images.float()) < right - 0.05
assert accuracy_of(floats(pictures.test_images)) < 0.6 * right
if pictures.is_cifar10:
    assert 0.55 < swapped / right < 0.8
else:
    assert abs(swapped - right) < 0.05


# %% seeds-code
assert torch.equal(weights_after_training(0, 0), reference)
assert not torch.equal(weights_after_training(0, 1), reference)
assert not torch.equal(weights_after_training(1, 0), reference)
assert abs(deviation - lenet.summary["test_accuracy"]["std"]) < 1e-6
assert len(accuracies) == 5
assert 0.004 < by_test_pictures < 0.006
assert round(accuracies.max().item(), 3) == 0.595
