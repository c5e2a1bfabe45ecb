"""SECURITY.md names the test that proves each promise; here every name is looked up."""

import importlib
import re

from hostile import tiny

SECURITY = (tiny.CHECKOUT / "autograde" / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(test_\w+)::(test_\w+)`", SECURITY)


def test_every_test_that_is_named_exists():
    assert len(NAMED) > 30
    for module, test in NAMED:
        assert callable(getattr(importlib.import_module(f"hostile.{module}"), test, None)), f"{module}::{test}"


def test_every_promise_names_a_test():
    promised = SECURITY[SECURITY.index("## Promised") : SECURITY.index("## Not promised")]
    rows = re.findall(r"^\| (?!promise|---).*", promised, flags=re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        assert re.search(r"`test_\w+::test_\w+`", row), row


def test_every_case_belongs_to_a_test_that_is_named():
    modules = {path.stem for path in (tiny.CHECKOUT / "tests" / "hostile").glob("test_*.py")}
    with_cases = {name for name in modules if hasattr(importlib.import_module(f"hostile.{name}"), "CASES")}
    assert with_cases <= {module for module, _ in NAMED}
