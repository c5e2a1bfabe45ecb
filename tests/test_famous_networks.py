"""Lecture 08: its blocks are torchvision's, the check of that can fail, what is counted and drawn is what is there."""

import ast
import base64
import io
import sys
from types import SimpleNamespace

import lecture_rules as rules
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from cnnlab import blocks, plots, records
from cnnlab.experiments import degradation_photopatches10 as degradation
from conftest import CHECKOUT
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision import models, ops
from torchvision.models import densenet, mobilenetv2, resnet, squeezenet
from torchvision.models.googlenet import Inception


@pytest.fixture(scope="module")
def lecture() -> SimpleNamespace:
    """The lecture's set-up, and all functions and classes that it defines; none of its other code is run."""
    plt.switch_backend("agg")
    names: dict = {"pictures": SimpleNamespace(classes=tuple(range(10)))}
    threads = torch.get_num_threads()
    for number, cell in enumerate(rules.Lecture(CHECKOUT / "lectures" / "08_famous_networks.ipynb").code):
        tree = rules.parsed(cell)
        kept = [node for node in tree.body if number == 0 or isinstance(node, ast.FunctionDef | ast.ClassDef)]
        exec(compile(ast.Module(kept, []), cell.id, "exec"), names)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def randomised(block: nn.Module) -> nn.Module:
    """The block with weights and statistics drawn anew, so that no two batch norms of it are alike."""
    generator = torch.Generator().manual_seed(1)
    for layer in block.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                values.data.uniform_(0.5, 1.5, generator=generator)
    return block


def down(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))


norm, inverted = ops.Conv2dNormActivation, mobilenetv2.InvertedResidual
BLOCKS = {
    "basic": (8, lambda of: of.BasicBlock(8, 8), lambda: resnet.BasicBlock(8, 8)),
    "basic, wider": (8, lambda of: of.BasicBlock(8, 12), lambda: resnet.BasicBlock(8, 12, 1, down(8, 12, 1))),
    "basic, smaller": (8, lambda of: of.BasicBlock(8, 8, 2), lambda: resnet.BasicBlock(8, 8, 2, down(8, 8, 2))),
    "bottleneck": (32, lambda of: of.Bottleneck(32, 32), lambda: resnet.Bottleneck(32, 8)),
    "bottleneck, wider": (8, lambda of: of.Bottleneck(8, 32), lambda: resnet.Bottleneck(8, 8, 1, down(8, 32, 1))),
    "bottleneck, smaller": (8, lambda of: of.Bottleneck(8, 16, 2), lambda: resnet.Bottleneck(8, 4, 2, down(8, 16, 2))),
    "inception": (
        20,
        lambda of: of.Inception(20, 4, (5, 6), (7, 8), 9, largest=3),
        lambda: Inception(20, 4, 5, 6, 7, 8, 9),
    ),
    "fire": (10, lambda of: of.Fire(10, 4, 6), lambda: squeezenet.Fire(10, 4, 6, 6)),
    "separable": (
        6,
        lambda of: of.separable(6, 10, 2),
        lambda: nn.Sequential(norm(6, 6, 3, 2, groups=6), norm(6, 10, 1)),
    ),
    "inverted": (6, lambda of: of.InvertedResidual(6, 6, 1, 4), lambda: inverted(6, 6, 1, 4)),
    "inverted, wider": (6, lambda of: of.InvertedResidual(6, 8, 1, 4), lambda: inverted(6, 8, 1, 4)),
    "inverted, smaller": (6, lambda of: of.InvertedResidual(6, 6, 2, 4), lambda: inverted(6, 6, 2, 4)),
    "inverted, not expanded": (6, lambda of: of.InvertedResidual(6, 8, 1, 1), lambda: inverted(6, 8, 1, 1)),
    "resnet18": (3, lambda of: of.resnet(of.BasicBlock, (2, 2, 2, 2)), lambda: models.resnet18(weights=None)),
    "squeezenet": (3, lambda of: of.squeezenet(), lambda: models.squeezenet1_0(weights=None)),
    "densenet121": (3, lambda of: of.densenet((6, 12, 24, 16)), lambda: models.densenet121(weights=None)),
    "vgg13": (3, lambda of: of.vgg_features((2,) * 5), lambda: models.vgg.make_layers(models.vgg.cfgs["B"])),
}


@pytest.mark.parametrize(("channels", "ours", "theirs"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_answers_as_torchvision_s_on_the_same_weights(lecture, channels, ours, theirs):
    ours, theirs = ours(lecture), randomised(theirs())
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    assert len(list(ours.buffers())) == len(list(theirs.buffers()))
    side = 64 if channels == 3 else 13
    assert blocks.same_answers(ours, theirs, 2, channels, side, side)


def test_a_dense_layer_stacks_what_torchvision_s_computes_on_its_input(lecture):
    ours, theirs = lecture.DenseLayer(10, growth=4), randomised(densenet._DenseLayer(10, 4, bn_size=4, drop_rate=0))
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    x = torch.randn(2, 10, 9, 9)
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(x), torch.cat([x, theirs.train(mode)(x)], dim=1))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda block: block.branch[0].__setitem__(2, nn.Identity()),
        lambda block: block.branch[0].__setitem__(1, nn.BatchNorm2d(8, eps=0.1)),
        lambda block: block.branch[0].__setitem__(1, nn.BatchNorm2d(8, momentum=0.2)),
        lambda block: setattr(block, "forward", lambda x: x + block.branch(x)),
        lambda block: setattr(block, "forward", lambda x: F.relu(block.branch(x))),
    ],
    ids=["no ReLU", "other eps", "other momentum", "no last ReLU", "no shortcut"],
)
def test_a_block_that_differs_gives_other_answers(lecture, spoil):
    block, theirs = lecture.BasicBlock(8, 8), randomised(resnet.BasicBlock(8, 8))
    assert blocks.same_answers(block, theirs, 2, 8, 9, 9)
    spoil(block)
    assert not blocks.same_answers(block, theirs, 2, 8, 9, 9)


def test_a_block_with_more_numbers_or_others_cannot_be_compared(lecture):
    theirs = resnet.BasicBlock(8, 8)
    more = lecture.BasicBlock(8, 8)
    more.register_buffer("more", torch.zeros(1))
    with pytest.raises(ValueError, match=r"shorter|longer"):
        blocks.same_answers(more, theirs, 2, 8, 9, 9)
    with pytest.raises(RuntimeError, match="size mismatch"):
        blocks.same_answers(lecture.BasicBlock(4, 4), theirs, 2, 4, 9, 9)


def test_comparing_gives_both_the_same_dropout_and_leaves_the_rest_alone():
    theirs = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout()).eval()
    before, state = {name: value.clone() for name, value in theirs.state_dict().items()}, torch.get_rng_state()
    ours = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout())
    assert blocks.same_answers(ours, theirs, 4, 5)
    assert not blocks.same_answers(nn.Sequential(*ours[:2], nn.Dropout(0.4)), theirs, 4, 5)
    assert not theirs.training
    torch.testing.assert_close(theirs.state_dict(), before)
    torch.set_rng_state(state)
    assert blocks.same_answers(ours, theirs, 4, 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_costs_are_those_worked_out_by_hand():
    rows = blocks.costs(lambda: nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(54, 5)), 4, 5, 5)
    assert rows.tolist() == [[6 * 2 * 9 + 6, 6 * 2 * 9 * 3 * 3, 6 * 3 * 3], [54 * 5 + 5, 54 * 5, 5]]
    assert blocks.costs(lambda: nn.Linear(3, 7), 4, 5, 3).tolist() == [[28, 4 * 5 * 21, 4 * 5 * 7]]


@pytest.mark.parametrize("residual", [False, True])
def test_the_lecture_s_towers_are_those_of_the_record(lecture, residual):
    channels = degradation.SETTINGS["channels"]
    make = lecture.BasicBlock if residual else lambda c, _: lecture.plain_block(c)
    ours = lecture.tower([make(channels, channels) for _ in range(2)])
    assert blocks.same_answers(ours, randomised(degradation.network(2, channels, residual)), 4, 3, 32, 32)
    assert channels == lecture.CHANNELS
    assert degradation.SETTINGS["learning_rate"] == lecture.RATE


def test_the_record_is_what_its_experiment_makes(monkeypatch, tmp_path):
    record = records.read("degradation_photopatches10")
    assert record.settings == degradation.SETTINGS
    assert len(record.seeds) >= 3

    small = degradation.SETTINGS | {"blocks": [1], "train": 200, "test": 100}
    monkeypatch.setattr(degradation, "SETTINGS", small)
    monkeypatch.setenv("CNNLAB_RESULTS", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["degradation", "--epochs", "1", "--seeds", "0"])
    degradation.main()
    own = records.read_own("degradation_photopatches10")
    assert own.data == record.data == degradation.load().name
    assert own.summary.keys() == {"plain1", "residual1"}
    assert own.runs[0].results.keys() == record.runs[0].results.keys()
    assert records.read("degradation_photopatches10") == record


def test_a_block_that_is_sometimes_left_out_is_whole_in_evaluation(lecture):
    block = lecture.SometimesBlock(8, keep=0.5)
    x = torch.rand(2, 8, 5, 5)
    block.eval()
    torch.testing.assert_close(block(x), F.relu(x + block.branch(x)))
    assert [lecture.keep(number, 4) for number in range(4)] == [0.875, 0.75, 0.625, 0.5]


def test_the_gradient_of_all_lengths_together_is_the_gradient(lecture):
    torch.manual_seed(0)
    blocks_of_three = [lecture.BasicBlock(4, 4) for _ in range(3)]
    body, head = (
        nn.Sequential(*blocks_of_three).double().eval(),
        nn.Sequential(nn.Flatten(), nn.Linear(100, 10)).double(),
    )
    x, labels = torch.rand(6, 4, 5, 5, dtype=torch.float64), torch.arange(6)
    parts = blocks.gradient_by_length(body, head, x, labels)
    assert parts.shape == (4, 6, 4, 5, 5)
    start = x.clone().requires_grad_()
    (whole,) = torch.autograd.grad(F.cross_entropy(head(body(start)), labels, reduction="sum"), start)
    torch.testing.assert_close(parts.sum(dim=0), whole)

    for block in body:
        block.branch[-1][1].weight.data.zero_()  # branches that give nothing pass no gradient on
    nothing_longer = blocks.gradient_by_length(body, head, x, labels)
    assert nothing_longer[0].any()
    assert not nothing_longer[1:].any()


# The drawings.


@pytest.fixture
def shown(monkeypatch) -> list[tuple[plt.Figure, dict]]:
    """What `draw` publishes: figures, and the data of their outputs."""
    plt.switch_backend("agg")
    outputs = []

    def show(fig, alt):
        monkeypatch.setattr(plots, "display", lambda data, raw, metadata: outputs.append((fig, data)))
        plots.show(fig, alt)

    monkeypatch.setattr(blocks, "show", show)
    return outputs


def texts(figure: plt.Figure) -> list[list[str]]:
    """The words in each panel, from top to bottom; a title last."""
    return [[text.get_text() for text in axis.texts if text.get_text()] + [axis.get_title()] for axis in figure.axes]


def test_a_drawing_says_what_the_code_does_and_carries_its_words(lecture, shown):
    drawn = {"residual": lecture.BasicBlock(4, 4), "smaller": lecture.BasicBlock(4, 8, 2)}
    blocks.draw(drawn, alt="Two blocks.")
    ((figure, data),) = shown
    assert data["text/plain"] == "Two blocks."
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        assert picture.width > picture.height
    first, second = texts(figure)
    top, end = "3 × 3 conv, 4 → 4\nbatch norm, ReLU", ["add\nReLU", "output"]
    assert first == ["input", top, "3 × 3 conv, 4 → 4\nbatch norm", *end, "residual"]
    assert "1 × 1 conv, 4 → 8, / 2\nbatch norm" in second
    dashed = [[line for line in axis.lines if line.get_linestyle() == "--"] for axis in figure.axes]
    assert [len(lines) for lines in dashed] == [1, 0]  # the identity goes round; a layer of its own does not


def test_branches_stand_side_by_side_and_depthwise_layers_are_named(lecture, shown):
    blocks.draw({"": lecture.Inception(8, 4, (4, 4), (4, 4), 4)}, alt="Inception.")
    blocks.draw({"": lecture.InvertedResidual(4, 4, 1, 6)}, alt="Inverted residual.")
    (inception, _), (inverted, _) = shown
    place = {text.get_text(): text.get_position() for text in inception.axes[0].texts if text.get_text()}
    (x1, y1), (x2, y2) = place["3 × 3 conv, 4 → 4\nbatch norm, ReLU"], place["5 × 5 conv, 4 → 4\nbatch norm, ReLU"]
    assert x1 < x2
    assert y1 == y2
    assert place["concatenate"][0] == pytest.approx(place["input"][0])
    assert "3 × 3 depthwise, 24\nbatch norm, ReLU6" in texts(inverted)[0]
    assert not any("Identity" in words for words in texts(inverted)[0])


def test_a_drawing_without_words_is_refused(lecture, shown):
    with pytest.raises(ValueError, match="no text alternative"):
        blocks.draw({"fire": lecture.Fire(4, 2, 2)}, alt=" ")
    assert plt.get_fignums() == []


def test_networks_are_drawn_by_cost_with_their_names_beside_them(shown):
    table = pd.DataFrame(
        {"year": [2012, 2019], "million parameters": [61.1, 5.3], "billion multiply-adds": [0.7, 0.4],
         "top-1 %": [56.5, 77.7]},
        index=["alexnet", "efficientnet_b0"],
    )  # fmt: skip
    blocks.draw_costs(table, left=["alexnet"], alt="Two discs.")
    ((figure, data),) = shown
    assert data["text/plain"] == "Two discs."
    (axis,) = figure.axes
    alexnet, newer = axis.texts
    assert (alexnet.get_text(), alexnet.xy, alexnet.get_ha()) == ("alexnet", (0.7, 56.5), "right")
    assert (newer.get_text(), newer.xy, newer.get_ha()) == ("efficientnet_b0", (0.4, 77.7), "left")
    areas = [disc.get_sizes()[0] for disc in axis.collections]
    assert areas[0] / areas[1] == pytest.approx(61.1 / 5.3)
    assert [disc.get_facecolor()[0][0] < 1 for disc in axis.collections] == [True, False]
