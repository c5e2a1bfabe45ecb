"""A deprecated call in a lecture, or in the library that lectures import, is an error when pytest executes it.

nbval executes the lectures anyway, so this costs nothing: its kernel inherits PYTHONWARNINGS. The filters name the
module that a warning is attributed to, so what a third party does inside itself stays its own business.
"""

from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent / "lectures" / "cnnlab"
CATEGORIES = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")


def filters() -> str:
    """PYTHONWARNINGS for a lecture's kernel: `__main__` is the notebook; a filter takes one module, not a package."""
    files = [path.relative_to(LIBRARY.parent).with_suffix("") for path in LIBRARY.rglob("*.py")]
    modules = ["__main__", *sorted(".".join(file.parts).removesuffix(".__init__") for file in files)]
    return ",".join(f"error::{category}:{module}" for module in modules for category in CATEGORIES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item):
    """Set PYTHONWARNINGS while nbval starts the kernel for a notebook, and for nothing else."""
    if item.path.suffix != ".ipynb":
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", filters())
        return (yield)
