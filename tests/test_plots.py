"""The lectures' figures: what is published, what is drawn, and what is refused."""

import base64
import io
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from cnnlab import plots
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image


@pytest.fixture
def published(monkeypatch):
    """Call a helper; return the figure it drew, and the data and metadata of its one output."""
    plt.switch_backend("agg")
    figures, outputs = [], []

    def display(data, raw, metadata):
        assert raw
        outputs.append((data, metadata))

    def show(fig, alt, show=plots.show):
        figures.append(fig)
        show(fig, alt)

    def call(helper, *args, **kwargs) -> tuple[Figure, dict, dict]:
        assert helper(*args, **kwargs) is None
        assert plt.get_fignums() == []
        ((data, metadata),) = outputs
        return figures[0], data, metadata

    monkeypatch.setattr(plots, "display", display)
    monkeypatch.setattr(plots, "show", show)
    yield call
    plt.close("all")


def pictures(fig):
    """The arrays that a figure's panels show, without its colour bar."""
    return [axis.images[0] for axis in fig.axes if axis.images]


def test_show_publishes_png_and_words(published):
    fig, axis = plt.subplots(figsize=(4, 2), layout="constrained")
    axis.plot([0, 1])
    _, data, metadata = published(plots.show, fig, "A line\n  that rises.")
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == metadata["image/png"]["alt"] == "A line that rises."
    png = base64.b64decode(data["image/png"])
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20]) == pytest.approx(metadata["image/png"]["width"] * 144 / 96, abs=1)
    assert metadata["image/png"]["width"] == pytest.approx(4 * 96, rel=0.1)
    assert metadata["image/png"]["height"] == pytest.approx(2 * 96, rel=0.1)


@pytest.mark.parametrize(("colour", "channels"), [("0.4", 1), ("red", 3)])
def test_show_stores_grey_figures_with_one_channel(published, colour, channels):
    _, data, _ = published(plots.show, plt.figure(facecolor=colour), "A sheet.")
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert len(picture.getbands()) == channels


def test_a_kernel_shows_each_figure_once(tmp_path):
    source = """
        import matplotlib.pyplot as plt
        from cnnlab.plots import kernel_grid, show
        kernel_grid([[[1, -1]]], ["difference"])
        show(plt.figure(), "An empty figure.")
    """
    notebook = new_notebook(cells=[new_code_cell(textwrap.dedent(source))])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    texts = ["difference, 1 by 2: 1 −1.", "An empty figure."]
    outputs = notebook.cells[0].outputs
    assert [output.output_type for output in outputs] == ["display_data"] * 2
    assert [output.data["text/plain"] for output in outputs] == texts
    assert [output.metadata["image/png"]["alt"] for output in outputs] == texts
    assert all(set(output.data) == {"image/png", "text/plain"} for output in outputs)


@pytest.mark.parametrize("alt", ["", "  \n", None])
def test_show_refuses_an_empty_text(alt):
    fig = plt.figure()
    with pytest.raises(ValueError, match="pass alt="):
        plots.show(fig, alt)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "helper",
    [
        lambda: plots.image_grid(np.zeros((4, 4)), ["black"], alt=""),
        lambda: plots.image_grid(np.zeros((4, 4))),
        lambda: plots.kernel_grid(np.eye(3), alt=" "),
        lambda: plots.feature_maps(np.zeros((2, 4, 4)), ["a", "b"], alt=""),
        lambda: plots.feature_maps(np.zeros((2, 4, 4))),
        lambda: plots.training_curves({"train_loss": [1.0]}, alt=""),
    ],
)
def test_helpers_refuse_an_empty_text(helper):
    with pytest.raises(ValueError, match="pass alt="):
        helper()
    assert plt.get_fignums() == []


def test_figure_is_closed_when_it_cannot_be_saved(monkeypatch):
    fig = plt.figure()
    monkeypatch.setattr(fig, "savefig", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plots.show(fig, "Nothing.")
    assert plt.get_fignums() == []


def test_image_grid_shows_one_image(published):
    image = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    fig, data, _ = published(plots.image_grid, image, ["ramp"])
    (shown,) = pictures(fig)
    np.testing.assert_allclose(shown.get_array(), image / 255)
    assert shown.get_clim() == (0, 1)
    assert data["text/plain"] == "Images: ramp."


def test_image_grid_leaves_the_rest_of_an_odd_row_empty(published):
    fig, _, _ = published(plots.image_grid, [np.zeros((4, 4))] * 5, list("abcde"), columns=3)
    assert len(fig.axes) == 6
    assert len(pictures(fig)) == 5
    assert not any(axis.axison for axis in fig.axes)


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (np.full((5, 7, 3), 0.5), (5, 7, 3)),
        (np.full((3, 5, 7), 0.5), (5, 7, 3)),
        (torch.full((3, 5, 3), 0.5), (5, 3, 3)),
        (torch.full((1, 5, 7), 0.5, requires_grad=True), (5, 7)),
        (np.full((5, 7, 1), 0.5), (5, 7)),
        (np.full((5, 7), 0.5, dtype=np.float32), (5, 7)),
    ],
)
def test_image_grid_reads_both_channel_orders(published, image, shape):
    fig, _, _ = published(plots.image_grid, image, alt="Grey.")
    assert pictures(fig)[0].get_array().shape == shape


def test_image_grid_keeps_channels_apart(published):
    red = torch.zeros(3, 4, 4)
    red[0] = 1
    fig, _, _ = published(plots.image_grid, red, alt="Red.")
    np.testing.assert_array_equal(pictures(fig)[0].get_array()[2, 2], [1, 0, 0])


def test_image_grid_reads_a_batch_with_labels(published):
    fig, data, _ = published(
        plots.image_grid, torch.zeros(3, 3, 4, 4), labels=torch.tensor([1, 0, 1]), classes=["cat", "dog"]
    )
    assert [axis.get_title() for axis in fig.axes] == ["dog", "cat", "dog"]
    assert data["text/plain"] == "Images: dog, cat, dog."


def test_image_grid_clips_only_when_told(published):
    image = np.array([[-50.0, 0.0], [200.0, 300.0]])
    with pytest.raises(ValueError, match=r"-50 to 300 exceed 0 to 1.*limits"):
        plots.image_grid(image, ["too wide"])
    fig, _, _ = published(plots.image_grid, image, ["clipped"], limits=(0, 200))
    np.testing.assert_array_equal(pictures(fig)[0].get_array(), [[0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("images", "titles", "message"),
    [
        ([], None, "empty"),
        (np.zeros((2, 4, 4)), None, "not an image"),
        ([np.zeros((4, 4))], ["one", "two"], "2 titles for 1 panels"),
        (np.full((4, 4), np.nan), ["nan"], "nan"),
    ],
)
def test_image_grid_refuses(images, titles, message):
    with pytest.raises(ValueError, match=message):
        plots.image_grid(images, titles, alt="Something.")


def test_kernel_grid_writes_the_numbers(published):
    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    fig, data, _ = published(plots.kernel_grid, [sobel, np.full((2, 2), 0.125)], ["Sobel x", "mean"])
    written = [[text.get_text() for text in axis.texts] for axis in fig.axes]
    assert written == [["1", "0", "−1", "2", "0", "−2", "1", "0", "−1"], ["0.125"] * 4]
    sobel_words = "Sobel x, 3 by 3: 1 0 −1; 2 0 −2; 1 0 −1."
    assert data["text/plain"] == f"{sobel_words} mean, 2 by 2: 0.125 0.125; 0.125 0.125."
    low, high = pictures(fig)[0].get_clim()
    assert low == -high == -2


def test_kernel_grid_outlines_windows(published):
    fig, _, _ = published(plots.kernel_grid, [np.eye(3), np.eye(2)], windows=[(1, 0, 2, 2), None])
    (outline,) = fig.axes[0].patches
    assert (outline.get_xy(), outline.get_width(), outline.get_height()) == ((-0.5, 0.5), 2, 2)
    assert len(fig.axes[1].patches) == 0


def test_kernel_grid_ink_stands_out(published):
    fig, _, _ = published(plots.kernel_grid, np.array([[0, 255]]), limits=(0, 255))
    assert [text.get_color() for text in fig.axes[0].texts] == ["white", "black"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0, "0"), (1234.0, "1234"), (1 / 9, "0.111"), (-99.5, "−99.5"), (np.uint8(7), "7"), (np.nan, "nan")],
)
def test_kernel_grid_number_format(published, value, text):
    fig, _, _ = published(plots.kernel_grid, np.array([[value]]), alt="One number.")
    assert fig.axes[0].texts[0].get_text() == text


def test_kernel_grid_refuses():
    with pytest.raises(ValueError, match="2-D"):
        plots.kernel_grid(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="1 windows for 2 panels"):
        plots.kernel_grid([np.eye(2), np.eye(2)], windows=[(0, 0, 1, 1)])


def test_feature_maps_share_a_symmetric_scale(published):
    maps = np.zeros((3, 4, 5))
    maps[0, 0, 0], maps[2, 1, 1] = -3, 2
    fig, data, _ = published(plots.feature_maps, maps, ["a", "b", "c"])
    assert [shown.get_clim() for shown in pictures(fig)] == [(-3, 3)] * 3
    assert {shown.get_cmap().name for shown in pictures(fig)} == {plots.SIGNED_MAP}
    assert data["text/plain"] == "Feature maps: a, b, c."


def test_feature_maps_without_negative_values_start_at_zero(published):
    fig, _, _ = published(plots.feature_maps, torch.ones(2, 4, 4) * 5, ["a", "b"], columns=1)
    assert [shown.get_clim() for shown in pictures(fig)] == [(0, 5)] * 2
    assert pictures(fig)[0].get_cmap().name == plots.AMOUNT_MAP


@pytest.mark.parametrize(("lowest", "extend"), [(-9, "both"), (0, "max")])
def test_feature_maps_say_that_values_lie_beyond_the_limit(published, lowest, extend):
    fig, _, _ = published(plots.feature_maps, [np.array([[lowest, 9.0]])], ["a"], limit=4)
    assert pictures(fig)[0].get_clim()[1] == 4
    assert pictures(fig)[0].colorbar.extend == extend


def test_feature_maps_refuse_a_single_plane():
    with pytest.raises(ValueError, match="not 2-D"):
        plots.feature_maps(np.zeros((4, 4)), alt="Nothing.")


def test_training_curves_differ_by_line_and_marker(published):
    history = {
        "train_loss": [2.0, 1.0],
        "validation_loss": [2.1, 1.5],
        "train_accuracy": [0.2, 0.6],
        "validation_accuracy": [0.1, 0.5],
    }
    fig, data, _ = published(plots.training_curves, history)
    assert [axis.get_ylabel() for axis in fig.axes] == ["loss", "accuracy"]
    for axis in fig.axes:
        train, validation = axis.lines
        assert train.get_linestyle() != validation.get_linestyle()
        assert train.get_marker() != validation.get_marker()
        assert [text.get_text() for text in axis.get_legend().get_texts()] == ["train", "validation"]
    np.testing.assert_array_equal(fig.axes[0].lines[1].get_xydata(), [[1, 2.1], [2, 1.5]])
    assert "epoch 1 to 2: train loss 2.00 to 1.00, validation loss 2.10 to 1.50, train" in data["text/plain"]


def test_training_curves_need_not_have_a_validation_set(published):
    fig, _, _ = published(plots.training_curves, {"train_loss": [2.0]})
    assert len(fig.axes) == len(fig.axes[0].lines) == 1


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "train_loss"),
        ({"train_loss": []}, "train_loss"),
        ({"val_loss": [1.0]}, "validation_loss"),
        ({"train_loss": [1.0], "validation_loss": [1.0, 2.0]}, "one length"),
        ({"train_accuracy": [61.0]}, "fractions"),
    ],
)
def test_training_curves_refuse(history, message):
    with pytest.raises(ValueError, match=message):
        plots.training_curves(history)
