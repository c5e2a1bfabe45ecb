"""How pytest executes a lecture: on the embedded pictures, with the checks that stand beside it, and strictly.

nbval executes the lectures and compares what they print. Added here, at no second execution:

- after each cell its check runs in the same kernel (see tests/lecture_checks.py);
- a deprecated call in a lecture, or in the library that lectures import, is an error: nbval's kernel inherits
  PYTHONWARNINGS. The filters name the module that a warning is attributed to, so what a third party does inside itself
  stays its own business;
- the embedded set serves, whatever lies in this machine's cache, since stored outputs are of that set.
"""

from pathlib import Path

import lecture_checks
import pytest

LIBRARY = Path(__file__).parent / "lectures" / "cnnlab"
CATEGORIES = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
CHECK_SECONDS = 300  # a check only looks, so one that takes longer hangs


def filters() -> str:
    """PYTHONWARNINGS for a lecture's kernel: `__main__` is the notebook; a filter takes one module, not a package."""
    files = [path.relative_to(LIBRARY.parent).with_suffix("") for path in LIBRARY.rglob("*.py")]
    modules = ["__main__", *sorted(".".join(file.parts).removesuffix(".__init__") for file in files)]
    return ",".join(f"error::{category}:{module}" for module in modules for category in CATEGORIES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item):
    """Set the environment while nbval starts the kernel for a notebook, and for nothing else."""
    if item.path.suffix != ".ipynb":
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", filters())
        patch.setenv("CNNLAB_DATA", "embedded")
        patch.setenv("CNNLAB_RESULTS", str(Path(__file__).parent / "no-results"))  # a reader's own are shown, too
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """After nbval has executed a cell and compared its outputs, run the cell's check in the same kernel."""
    outcome = yield
    if item.path.suffix == ".ipynb":
        checks = lecture_checks.read(lecture_checks.path_for(item.path, item.config.rootpath / "tests/lectures/checks"))
        if section := checks.get(item.cell.get("id")):
            client = item.parent.kernel.kc
            reply = client.execute_interactive(
                section.kernel_code, store_history=False, allow_stdin=False, timeout=CHECK_SECONDS
            )["content"]
            if reply["status"] != "ok":
                raise AssertionError(f"the check of cell {section.cell}\n" + "\n".join(reply["traceback"]))
    return outcome
