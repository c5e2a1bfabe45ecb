"""A warm parent: everything a submission imports is imported once here, with one thread, and never used."""

import gc
import importlib
import os

import pytest

from autograde.engine.jail import probe

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"
os.environ["MPLBACKEND"] = "Agg"
NAMES = ("numpy", "scipy.signal", "skimage.data", "matplotlib.pyplot", "torch", "torchvision")
WARM = [importlib.import_module(name) for name in NAMES]
gc.freeze()  # so that a collection in a child does not copy every page


def pytest_report_header() -> str:
    return f"jail tests as uid {os.getuid()}, {len(WARM)} packages warm"


@pytest.fixture(scope="session", autouse=True)
def host_keeps_its_promise() -> None:
    """Without this the rest would fail for a reason that is the host's; say which and skip."""
    promise = probe()
    if not promise.whole.kept:
        pytest.skip("this host cannot build a jail: " + "; ".join(promise.missing()))
