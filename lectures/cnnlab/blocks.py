"""What famous networks are made of: compare a block with another, count what it costs, follow its gradient, draw it.

`draw` follows a block by `torch.fx`, which records every step that its `forward` takes, so a drawing cannot say
anything else than the code.
"""

import copy
import math
from collections.abc import Callable, Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.patches import FancyBboxPatch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from cnnlab.models import count_parameters
from cnnlab.plots import show

LANE, STEP = 1.85, 0.68  # inches from one branch to the next, and from one step to the next
BOX = (1.65, 0.42)  # inches: width and height of a box
WORD = (0.6, 0.22)  # the same for "input" and "output", which have no box
SIDE = 0.22  # inches between a box and the arrow that goes round it
APART = 0.1  # inches between such an arrow that comes in at the side of a box and one that goes out there
FOLLOWERS = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Dropout, nn.Identity)  # share the box of the layer before them
WORDS = {"placeholder": "input", "output": "output", "cat": "concatenate", "relu": "ReLU"}
Point = tuple[float, float]


@torch.no_grad()
def same_answers(ours: nn.Module, theirs: nn.Module, *shape: int, seed: int = 0) -> bool:
    """Copy all numbers of `theirs` into `ours`, in order, and tell whether both answer random inputs alike.

    The inputs have the given shape, and each network gets the same draws of dropout. Training mode comes first, as it
    changes batch norm's statistics, which evaluation mode then uses. `theirs` stays as it was.

    Raises ValueError where one has more parameters and statistics than the other, RuntimeError where two differ in
    shape.
    """
    theirs = copy.deepcopy(theirs)
    names, numbers = ours.state_dict(), theirs.state_dict().values()
    ours.load_state_dict(dict(zip(names, numbers, strict=True)))
    inputs = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    for training in (True, False):
        answers = []
        for net in (ours, theirs):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                answers.append(net.train(training)(inputs))
        if not torch.allclose(*answers, rtol=1e-4, atol=1e-5):
            return False
    return True


def costs(make: Callable[[], nn.Module], *shape: int) -> np.ndarray:
    """One row for each convolution and dense layer of the network that `make` builds, in the order in which they run.

    Its columns, int64: parameters, multiply-adds and outputs for one input of the given shape (without the batch). The
    network is built on the device "meta", which keeps shapes and no numbers.
    """
    rows = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        places = output[0].numel() // layer.weight.shape[0]  # each weight is used once in each place
        rows.append((count_parameters(layer), layer.weight.numel() * places, output[0].numel()))

    with torch.device("meta"):
        net = make().eval()
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(note)
        net(torch.empty(1, *shape))
    return np.array(rows)


def gradient_by_length(body: Sequence[nn.Module], head: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Sort the gradient of the loss at x by the number of branches that it has passed on its way back.

    `body` are residual blocks, relu(x + block.branch(x)), whose input is x (N, C, H, W); `head` makes logits
    (N, classes) of what leaves them. Entry k of the result (blocks + 1, N, C, H, W) is what passed k branches; all
    together are the gradient of the cross-entropy, summed over the pictures.

    Source: Veit, Wilber and Belongie, Residual Networks Behave Like Ensembles of Relatively Shallow Networks, 2016.
    """
    inputs = []
    for block in body:
        inputs.append(x.detach().requires_grad_())
        x = block(inputs[-1])
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(head(x), labels, reduction="sum")
    parts = list(torch.autograd.grad(loss, x))
    for block, x in zip(reversed(body), reversed(inputs), strict=True):
        change = block.branch(x)
        passes = (x + change > 0).float()  # the ReLU after the sum lets the same through on both ways
        parts = [part * passes for part in parts]
        longer = [torch.autograd.grad(change, x, part, retain_graph=True)[0] for part in parts]
        nothing = [torch.zeros_like(x)]
        parts = [short + long for short, long in zip(parts + nothing, nothing + longer, strict=True)]
    return torch.stack(parts).detach()


def draw_costs(table: pd.DataFrame, *, left: Collection[str], alt: str) -> None:
    """Draw networks by accuracy and arithmetic, a disc for each, its area the parameters; white ones are from 2019 on.

    The rows of `table` are networks, with the columns "year", "million parameters", "billion multiply-adds" and
    "top-1 %". Names stand right of their discs, those of `left` on the left. `alt` says in words what is seen; raises
    ValueError when it is empty.
    """
    fig, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, row in table.iterrows():
        millions, place = row["million parameters"], (row["billion multiply-adds"], row["top-1 %"])
        shade = "0.85" if row["year"] < 2019 else "white"
        axis.scatter(*place, s=6 * millions, facecolor=shade, edgecolor="black")
        away = 4 + math.sqrt(6 * millions / math.pi)  # points: past the edge of the disc
        side, align = (-1, "right") if name in left else (1, "left")
        axis.annotate(name, place, (side * away, 0), textcoords="offset points", ha=align, va="center", fontsize=9)
    axis.set(xscale="log", xlabel="billion multiply-adds for a picture", ylabel="top-1 accuracy, %")
    axis.set(xlim=(0.15, 60), xticks=(0.2, 0.5, 1, 2, 5, 10, 20, 50), ylim=(54, 87))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    show(fig, alt)


def draw(blocks: Mapping[str, nn.Module], *, alt: str) -> None:
    """Draw blocks side by side, from the input at the top to the output at the bottom; the keys are the titles.

    A box is a layer with the batch norm and the activation that follow it, or a place where branches join. A dashed
    arrow goes round the boxes that it passes by. `alt` says in words what is seen.

    Raises ValueError for an empty `alt`, and what `torch.fx.symbolic_trace` raises when `forward` branches on values.
    """
    charts = [_Chart(block) for block in blocks.values()]
    width, height = sum(chart.width for chart in charts), STEP * max(chart.rows - 1 for chart in charts) + BOX[1]
    fig = plt.figure(figsize=(width, height))
    left = 0.0
    for title, chart in zip(blocks, charts, strict=True):
        axis = fig.add_axes((left / width, 0, chart.width / width, 1))
        axis.set(xlim=(0, chart.width), ylim=(BOX[1] / 2 - height, BOX[1] / 2))
        axis.set_axis_off()
        axis.set_title(title, fontsize=10, pad=0)
        chart.paint(axis)
        left += chart.width
    show(fig, alt)


class _Chart:
    """The boxes of one block: their words, the boxes that each comes from, and its row and lane."""

    def __init__(self, block: nn.Module) -> None:
        self.layers = dict(block.named_modules())
        self.words: dict[fx.Node, list[str]] = {}
        self.sources: dict[fx.Node, list[fx.Node]] = {}
        self.row: dict[fx.Node, int] = {}
        self.lane: dict[fx.Node, float] = {}
        box_of: dict[fx.Node, fx.Node] = {}
        for node in fx.symbolic_trace(block).graph.nodes:
            sources = list(dict.fromkeys(box_of[source] for source in node.all_input_nodes))
            shares = self._follows(node)
            box_of[node] = sources[0] if shares else node
            self.words.setdefault(box_of[node], []).extend(self._word(node))
            if not shares:
                self.sources[node] = sources
                self.row[node] = 1 + max((self.row[source] for source in sources), default=-1)
        for node in self.words:
            self.lane[node] = self._choose_lane(node)
        self.rows = 1 + max(self.row.values())
        detours = any(self._passes_boxes(source, node) for node in self.words for source in self.sources[node])
        self.first_lane = min(self.lane.values())
        self.margin = 0.1 + 2 * SIDE * detours  # on both sides, so that the boxes stay in the middle
        self.width = LANE * (max(self.lane.values()) - self.first_lane) + BOX[0] + 2 * self.margin

    def _follows(self, node: fx.Node) -> bool:
        """Whether a step is drawn in the box of the step before it."""
        activation = node.op == "call_function" and node.name.startswith("relu")
        if not (activation or isinstance(self.layers.get(node.target), FOLLOWERS)):
            return False
        (source,) = node.all_input_nodes
        return source.op != "placeholder" and len(source.users) == 1

    def _word(self, node: fx.Node) -> list[str]:
        """One word or phrase for a step, none for one that does nothing."""
        if node.op == "call_module":
            layer = self.layers[node.target]
            return [] if isinstance(layer, nn.Identity) else [_describe(layer)]
        name = node.op if node.op in WORDS else node.name.rstrip("_0123456789")
        return [WORDS.get(name, name)]

    def _choose_lane(self, node: fx.Node) -> float:
        """Branches that leave one box lie side by side, and what they join in lies in their middle."""
        sources = self.sources[node]
        if len(sources) != 1:
            return sum(self.lane[source] for source in sources) / max(1, len(sources))
        branches = [other for other in self.words if self.sources[other] == sources]
        return self.lane[sources[0]] + branches.index(node) - (len(branches) - 1) / 2

    def _passes_boxes(self, source: fx.Node, node: fx.Node) -> bool:
        """Whether a straight arrow between the two would run over a third."""
        between = range(self.row[source] + 1, self.row[node])
        return any(self.row[other] in between and self.lane[other] == self.lane[source] for other in self.words)

    def paint(self, axis: plt.Axes) -> None:
        """Draw the boxes and the arrows between them, in inches from the upper left corner."""
        for node, words in self.words.items():
            for source in self.sources[node]:
                self._arrow(axis, source, node)
            x, y = self._place(node)
            if not _is_word(node):
                corner = (x - BOX[0] / 2, y - BOX[1] / 2)
                style = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": "0.93", "edgecolor": "black"}
                axis.add_patch(FancyBboxPatch(corner, *BOX, **style))
            lines = [words[0], ", ".join(words[1:])] if len(words) > 1 else words
            axis.text(x, y, "\n".join(lines), ha="center", va="center", fontsize=8.5)

    def _arrow(self, axis: plt.Axes, source: fx.Node, node: fx.Node) -> None:
        (x0, y0), (x1, y1) = self._place(source), self._place(node)
        (wide, high), (_, end_high) = (WORD if _is_word(each) else BOX for each in (source, node))
        if self._passes_boxes(source, node):
            beside, style = x0 - BOX[0] / 2 - SIDE, "--"
            y0, y1 = y0 if _is_word(source) else y0 - APART, y1 + APART
            way = [(x0 - wide / 2, y0), (beside, y0), (beside, y1), (x1 - BOX[0] / 2, y1)]
        else:
            way, style = [(x0, y0 - high / 2), (x0, y1 + STEP - BOX[1] / 2), (x1, y1 + end_high / 2)], "-"
        axis.plot(*zip(*way[:-1], strict=True), style, color="black", lw=1, zorder=0)
        tip = {"arrowstyle": "-|>", "color": "black", "lw": 1, "ls": style, "shrinkA": 0, "shrinkB": 0}
        axis.annotate("", way[-1], way[-2], arrowprops=tip, zorder=0)

    def _place(self, node: fx.Node) -> Point:
        return self.margin + BOX[0] / 2 + (self.lane[node] - self.first_lane) * LANE, -self.row[node] * STEP


def _is_word(node: fx.Node) -> bool:
    return node.op in ("placeholder", "output")


def _describe(layer: nn.Module) -> str:
    """A layer in a few words; a convolution with its kernel, its channels and its stride if that is above 1."""
    match layer:
        case nn.Conv2d(kernel_size=(rows, columns), in_channels=c_in, out_channels=c_out, stride=(down, _)):
            kind = f"depthwise, {c_out}" if layer.groups == c_in > 1 else f"conv, {c_in} → {c_out}"
            return f"{rows} × {columns} {kind}" + (f", / {down}" if down > 1 else "")
        case nn.MaxPool2d(kernel_size=side) | nn.AvgPool2d(kernel_size=side):
            return f"{side} × {side} {'max' if isinstance(layer, nn.MaxPool2d) else 'mean'} pool"
        case nn.BatchNorm2d():
            return "batch norm"
        case _:
            return type(layer).__name__
