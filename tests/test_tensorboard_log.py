"""cnnlab.tensorboard_log: curves for TensorBoard where it is there, a sentence where it is not."""

import sys
from types import ModuleType

from cnnlab.tensorboard_log import write_curves

CURVES = {"train_loss": [1.5, 1.0], "validation_loss": [1.25]}


def test_where_tensorboard_is_missing_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # importing it raises ImportError
    assert "%pip install tensorboard" in write_curves(CURVES, tmp_path)
    assert not list(tmp_path.iterdir())


def test_each_number_is_written_with_the_epoch_it_belongs_to(tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            written.append(folder)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            written.append("closed")

        def add_scalar(self, name, value, epoch):
            written.append((name, value, epoch))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert "%tensorboard --logdir" in write_curves(CURVES, tmp_path)
    assert written == [
        tmp_path,
        ("train_loss", 1.5, 1),
        ("train_loss", 1.0, 2),
        ("validation_loss", 1.25, 1),
        "closed",
    ]
