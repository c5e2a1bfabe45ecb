"""Draw what famous networks are made of, from the code of the blocks themselves.

`draw` follows a block by `torch.fx`, which records every step that its `forward` takes, so a drawing cannot say
anything else than the code.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from torch import fx, nn

from cnnlab.plots import show

LANE, STEP = 1.85, 0.68  # inches from one branch to the next, and from one step to the next
BOX = (1.65, 0.42)  # inches: width and height of a box
WORD = (0.6, 0.22)  # the same for "input" and "output", which have no box
SIDE = 0.22  # inches between a box and the arrow that goes round it
APART = 0.1  # inches between such an arrow that comes in at the side of a box and one that goes out there
FOLLOWERS = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Dropout, nn.Identity)  # share the box of the layer before them
WORDS = {"placeholder": "input", "output": "output", "cat": "concatenate", "relu": "ReLU"}
Point = tuple[float, float]


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
