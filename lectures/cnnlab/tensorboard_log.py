"""Learning curves for TensorBoard, which draws them in a browser while a training goes on.

TensorBoard is a package of its own and no part of this course: `write_curves` does without where it is missing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_curves(curves: Mapping[str, Sequence[float]], folder: Path) -> str:
    """Write one number an epoch for each curve into `folder`; return a sentence that says how to see them.

    Where the package tensorboard is missing, nothing is written, and the sentence says how to get it.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return "TensorBoard is not installed; to get it, type %pip install tensorboard into a cell"
    with SummaryWriter(folder) as writer:
        for name, values in curves.items():
            for epoch, value in enumerate(values, 1):
                writer.add_scalar(name, value, epoch)
    return "for TensorBoard, type into a cell: %load_ext tensorboard, and into the next: %tensorboard --logdir $logs"
