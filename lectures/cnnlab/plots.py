"""The figures that lectures share, each published together with a text alternative.

`show` publishes one output: the picture (image/png) and the same in words (text/plain). The words are also
the `alt` of the picture's metadata. nbconvert 7.17 writes that on the page with its `classic` template, but
not with its default one, and JupyterLab 4.6 drops it: so a lecture also reads each figure in its prose.

Colours are safe for colour-blind readers: grey and viridis for amounts, and a diverging map with 0 in its
middle for signed results. No helper relies on colour alone.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

WIDTH = 8.0  # inches: fills the text column of JupyterLab on a laptop
DRAWN_DPI, STORED_DPI = 96, 144  # sharp on dense screens, in a file that stays small
SIGNED_MAP, AMOUNT_MAP = "RdBu_r", "viridis"

Titles = Sequence[str] | None
Limits = tuple[float, float] | None


def show(fig: plt.Figure, alt: str) -> None:
    """Publish `fig` and `alt` as one output, and close `fig` in any case. Raises ValueError when `alt` is empty."""
    drawn, stored = io.BytesIO(), io.BytesIO()
    try:
        alt = _described(alt)
        fig.savefig(drawn, dpi=STORED_DPI, bbox_inches="tight", pad_inches=0.05)
    finally:
        plt.close(fig)
    picture = Image.open(drawn).convert("RGB")
    if np.ptp(np.asarray(picture), axis=2).max() == 0:
        picture = picture.convert("L")  # a grey figure takes half the space with one channel
    picture.save(stored, format="png", optimize=True)
    width, height = (round(side * DRAWN_DPI / STORED_DPI) for side in picture.size)
    bundle = {"image/png": base64.b64encode(stored.getvalue()).decode("ascii"), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": width, "height": height}})


def image_grid(
    images: Any,
    titles: Titles = None,
    *,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    columns: int = 4,
    limits: Limits = None,
    alt: str | None = None,
) -> None:
    """Show one image, or a list or 4-D batch of them, in rows of at most `columns`.

    An image is HxW, HxWx3, HxWx1, 3xHxW or 1xHxW; a torch tensor is read with its channels first. `limits`
    are the values drawn black and white, and values beyond them are clipped; without it they are (0, 255) for
    integers and (0, 1) for floats and booleans. Titles are given, or made of `labels`, and of the names in
    `classes`. `alt` is made of the titles when not given.

    Raises ValueError for no image, values outside default limits, unmatched titles, or no titles nor `alt`.
    """
    images = images if isinstance(images, list | tuple) or np.ndim(images) == 4 else [images]
    pictures = [_picture(image, limits) for image in images]
    if labels is not None:
        titles = [classes[int(label)] if classes is not None else f"class {int(label)}" for label in labels]
    titles = _one_each(titles, pictures, "titles", "")
    alt = _described(alt, "Images", titles)
    fig, axes = _panels(pictures, columns, WIDTH)
    for axis, picture, title in zip(axes, pictures, titles, strict=True):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=10)
    show(fig, alt)


def kernel_grid(
    kernels: Any,
    titles: Titles = None,
    *,
    windows: Sequence[tuple[int, int, int, int] | None] | None = None,
    limits: Limits = None,
    alt: str | None = None,
) -> None:
    """Show one 2-D array, or a list of them side by side, with their numbers in the cells.

    Each has its own diverging colours, symmetric around 0, or the greys between `limits`. `windows` outlines
    one part of each: (row, column, height, width) or None. `alt` lists the numbers when not given.

    Raises ValueError for an array that is not 2-D, or titles or windows that do not match the arrays.
    """
    arrays = [_numbers(kernel) for kernel in (kernels if isinstance(kernels, list | tuple) else [kernels])]
    if any(array.ndim != 2 for array in arrays):
        raise ValueError(f"kernels of shapes {[array.shape for array in arrays]}: pass 2-D arrays, in a list")
    titles = _one_each(titles, arrays, "titles", "")
    windows = _one_each(windows, arrays, "windows", None)
    words = " ".join(_in_words(array, title) for array, title in zip(arrays, titles, strict=True))
    alt = _described(words if alt is None else alt)
    sides = [array.shape for array in arrays]
    cell = min(0.5, (WIDTH - 0.2 * len(arrays)) / sum(columns for _, columns in sides))  # inches, as below
    slots = [0.2 + max(cell * array.shape[1], 0.09 * len(t)) for array, t in zip(arrays, titles, strict=True)]
    width, height = sum(slots), cell * max(rows for rows, _ in sides) + 0.5
    fig = plt.figure(figsize=(width, height))
    for k, (rows, columns) in enumerate(sides):
        left, bottom = sum(slots[:k]) + (slots[k] - cell * columns) / 2, (height - 0.3 - cell * rows) / 2
        axis = fig.add_axes((left / width, bottom / height, cell * columns / width, cell * rows / height))
        _draw_numbers(axis, arrays[k], cell, limits)
        axis.set_title(titles[k], fontsize=10)
        if windows[k] is not None:
            top, first, high, wide = windows[k]
            axis.add_patch(Rectangle((first - 0.5, top - 0.5), wide, high, fill=False, lw=3, clip_on=False))
    show(fig, alt)


def feature_maps(
    maps: Any, titles: Titles = None, *, columns: int = 4, limit: float | None = None, alt: str | None = None
) -> None:
    """Show feature maps, CxHxW or a list of HxW, with one colour scale, in rows of at most `columns`.

    Signed maps get diverging colours from -limit to limit, others viridis from 0 to limit; values beyond take
    the end colour, and an arrow on the colour bar says so. When not given, `limit` is the largest absolute
    value, and `alt` is made of the titles.

    Raises ValueError for maps that are not 2-D, titles that do not match, or neither `alt` nor titles.
    """
    planes = [_numbers(plane) for plane in maps]
    if any(plane.ndim != 2 for plane in planes):
        raise ValueError("the maps are not 2-D: pass CxHxW of one image, or a list of arrays HxW")
    titles = _one_each(titles, planes, "titles", "")
    alt = _described(alt, "Feature maps", titles)
    signed = min(plane.min() for plane in planes) < 0
    largest = max(np.abs(plane).max() for plane in planes)
    limit = limit or largest or 1.0  # 1.0: all maps are zero, and any scale will do
    fig, axes = _panels(planes, columns, 0.9 * WIDTH)
    for axis, plane, title in zip(axes, planes, titles, strict=True):
        colours = axis.imshow(plane, SIGNED_MAP if signed else AMOUNT_MAP, vmin=-limit * signed, vmax=limit)
        axis.set_title(title, fontsize=10)
    beyond = "neither" if largest <= limit else "both" if signed else "max"
    fig.colorbar(colours, ax=fig.axes, shrink=0.8, aspect=25, extend=beyond)
    show(fig, alt)


def training_curves(history: Mapping[str, Sequence[float]], *, alt: str | None = None) -> None:
    """Show loss and accuracy over the epochs, training against validation.

    `history` maps `train_loss`, `validation_loss`, `train_accuracy`, `validation_accuracy`, or some of them,
    to one number per epoch; accuracies are fractions. `alt` states first and last values when not given.

    Raises ValueError for other names, no epochs, lists of unequal length, or an accuracy above 1.
    """
    known = [f"{split}_{what}" for what in ("loss", "accuracy") for split in ("train", "validation")]
    lengths = {len(values) for values in history.values()}
    if not set(history) <= set(known) or len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"the history is {dict(history)}: pass lists of one length named {', '.join(known)}")
    if any(max(values) > 1 for name, values in history.items() if name.endswith("accuracy")):
        raise ValueError("an accuracy is above 1: give fractions, not percent")
    epochs = range(1, lengths.pop() + 1)
    drawn = [name.split("_") for name in known if name in history]
    ends = [f"{name} {history[name][0]:.2f} to {history[name][-1]:.2f}" for name in known if name in history]
    words = f"Training curves, epoch 1 to {epochs[-1]}: {', '.join(ends)}.".replace("_", " ")
    alt = _described(words if alt is None else alt)
    panels = list(dict.fromkeys(what for _, what in drawn))
    fig, axes = plt.subplots(1, len(panels), figsize=(WIDTH * len(panels) / 2, 3), squeeze=False)
    fig.set_layout_engine("constrained")
    for split, what in drawn:
        axis = axes[0, panels.index(what)]
        line, colour = {"train": ("o-", "#0072B2"), "validation": ("s--", "#D55E00")}[split]
        axis.plot(epochs, history[f"{split}_{what}"], line, color=colour, markersize=4, label=split)
        axis.set(xlabel="epoch", ylabel=what)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend()
    show(fig, alt)


def _described(alt: str | None, what: str = "", titles: Titles = ()) -> str:
    """`alt` on one line; when it is None, made of the titles if there are any."""
    if alt is None and any(titles):
        alt = f"{what}: {', '.join(titles)}."
    if not (alt and alt.strip()):
        raise ValueError("the figure has no text alternative: pass alt='a sentence that says what it shows'")
    return " ".join(alt.split())


def _in_words(array: np.ndarray, title: str) -> str:
    rows = "; ".join(" ".join(_written(value) for value in row) for row in array)
    return f"{title or 'Array'}, {array.shape[0]} by {array.shape[1]}: {rows}."


def _written(value: float) -> str:
    whole = float(value).is_integer() or abs(value) >= 100
    return (f"{value + 0:.0f}" if whole else f"{value:.3g}").replace("-", "−")  # + 0: no "−0"


def _numbers(array: Any) -> np.ndarray:
    return array.detach().cpu().numpy() if hasattr(array, "detach") else np.asarray(array)


def _picture(image: Any, limits: Limits) -> np.ndarray:
    """HxW or HxWx3, scaled so that `limits` become 0 and 1."""
    pixels = _numbers(image)
    channels_first = hasattr(image, "detach") or pixels.shape[-1] not in (1, 3)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and channels_first:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[2] not in (1, 3)):
        raise ValueError(f"shape {pixels.shape} is not an image: pass HxW, HxWx3 or 3xHxW, several in a list")
    low, high = limits or ((0, 255) if pixels.dtype.kind in "iu" else (0, 1))
    least, most = pixels.min(), pixels.max()
    if limits is None and not low <= least <= most <= high:
        raise ValueError(f"values {least:.4g} to {most:.4g} exceed {low} to {high}: pass limits=(low, high)")
    scaled = np.clip((pixels.astype(float) - low) / (high - low), 0, 1)
    return scaled[..., 0] if scaled.shape[2:] == (1,) else scaled


def _one_each(given: Sequence | None, panels: Sequence, what: str, default: Any) -> list:
    if not panels:
        raise ValueError("there is nothing to show: the list is empty")
    if given is not None and len(given) != len(panels):
        raise ValueError(f"{len(given)} {what} for {len(panels)} panels: give one each")
    return [default] * len(panels) if given is None else list(given)


def _panels(planes: Sequence[np.ndarray], columns: int, total: float) -> tuple[plt.Figure, list[plt.Axes]]:
    """One panel without axes for each plane, in rows of at most `columns` and `total` inches."""
    columns = min(columns, len(planes))
    rows, width = -(-len(planes) // columns), min(total / columns, 3.2)
    height = width * max(plane.shape[0] / plane.shape[1] for plane in planes) + 0.3  # 0.3: the title
    size = (columns * width, rows * height)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    return fig, list(axes.flat[: len(planes)])


def _draw_numbers(axis: plt.Axes, array: np.ndarray, cell: float, limits: Limits) -> None:
    most = float(np.abs(array).max()) or 1.0
    low, high = limits or (-most, most)
    drawn = axis.imshow(array, cmap="gray" if limits else SIGNED_MAP, vmin=low, vmax=high)
    longest = max(2, *(len(_written(value)) for value in array.flat))
    points = min(12.0, 100 * cell / longest)  # a digit is about 0.6 of its size wide
    for (row, column), value in np.ndenumerate(array):
        ink = "white" if np.dot((0.3, 0.6, 0.1), drawn.cmap(drawn.norm(value))[:3]) < 0.5 else "black"
        axis.text(column, row, _written(value), ha="center", va="center", color=ink, fontsize=points)
    axis.set_yticks(np.arange(array.shape[0] + 1) - 0.5, labels=[])
    axis.set_xticks(np.arange(array.shape[1] + 1) - 0.5, labels=[])
    axis.grid(color="0.6", lw=0.5)
    axis.tick_params(length=0)
