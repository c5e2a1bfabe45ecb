"""One list of dependencies: what pyproject.toml asks for, the lock holds, conda gets and this environment has."""

import ast
import importlib.metadata as metadata
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LOCK = CHECKOUT / "requirements.lock"


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def direct(project) -> dict[str, Requirement]:
    """What pyproject.toml asks for, by name."""
    wanted = map(Requirement, project["project"]["dependencies"])
    return {canonicalize_name(one.name): one for one in wanted}


@pytest.fixture(scope="module")
def locked() -> list[Requirement]:
    """The lock's entries, hashes dropped; a package has several where Python versions need different ones."""
    entries = LOCK.read_text().replace("\\\n", " ").splitlines()
    return [Requirement(entry.split("--hash=")[0].strip()) for entry in entries if entry.strip()]


@pytest.fixture(scope="module")
def locked_here(locked) -> dict[str, str]:
    """The version of every package that the lock installs on this platform with this Python."""
    here = [one for one in locked if one.marker is None or one.marker.evaluate()]
    versions = {canonicalize_name(one.name): next(iter(one.specifier)).version for one in here}
    assert len(versions) == len(here), "the lock names a package twice for one platform"
    return versions


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((CHECKOUT / "environment.yml").read_text())


def test_conda_gets_the_packages_of_pyproject(conda, direct):
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    packages = [line for line in pip if not line.startswith("-")]
    assert sorted(packages) == sorted(direct)


def test_conda_takes_versions_from_the_lock(conda):
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert [line for line in pip if line.startswith("-")] == [f"--constraint {LOCK.name}"]


def test_every_direct_dependency_is_locked_at_a_version_it_allows(direct, locked):
    for name, wanted in direct.items():
        versions = [next(iter(one.specifier)).version for one in locked if canonicalize_name(one.name) == name]
        assert versions, f"{name} is not in the lock"
        for version in versions:
            assert version in wanted.specifier, f"{name} {version} is locked, {wanted} is asked for"


def test_every_entry_of_the_lock_is_pinned_to_a_version_and_hashes(locked):
    for one in locked:
        assert [pin.operator for pin in one.specifier] == ["=="], one
        assert one.url is None, one
    entries = LOCK.read_text().replace("\\\n", " ").splitlines()
    for entry in entries:
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?=\s|$)", entry)
        assert hashes, f"no hash: {entry[:60]}"
        rest = re.sub(r"--hash=\S+", "", entry)
        assert "--" not in rest, f"an option in the lock: {rest}"


def test_the_lock_names_no_registry():
    assert not re.findall(r"\S*(?:://|index-url|find-links|\.org\b|\.com\b)\S*", LOCK.read_text())


def closure(names: dict[str, Requirement]) -> set[str]:
    """The packages that those named need on this platform, themselves included, as installed here."""
    found, extras = set(), {}
    waiting = [(name, set(one.extras)) for name, one in names.items()]
    while waiting:
        name, asked = waiting.pop()
        new = asked | {""} if name not in found else asked - extras[name]
        found.add(name)
        extras.setdefault(name, set()).update(new)
        if not new:
            continue
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in new):
                waiting.append((canonicalize_name(need.name), set(need.extras)))
    return found


def test_the_lock_holds_what_the_direct_dependencies_need_and_nothing_else(direct, locked_here):
    assert closure(direct) == set(locked_here)


def test_this_environment_has_the_locked_versions(locked_here):
    installed = {name: metadata.version(name) for name in locked_here}
    assert installed == locked_here


def test_python_versions_agree(project, conda):
    floor = project["project"]["requires-python"].removeprefix(">=")
    assert re.fullmatch(r"\d+\.\d+", floor)
    (python,) = [entry for entry in conda["dependencies"] if str(entry).startswith("python")]
    chosen = python.removeprefix("python=")
    assert chosen in SpecifierSet(f">={floor}")
    makefile = (CHECKOUT / "Makefile").read_text()
    assert f"sys.version_info >= ({floor.replace('.', ', ')})" in makefile
    assert f"--python-version {floor} " in makefile


def packages_under(folder: Path, name: str) -> set[str]:
    """The dotted names of all folders with Python files, the topmost called `name`."""
    folders = {path.parent.relative_to(folder) for path in folder.rglob("*.py")}
    return {".".join((name, *relative.parts)) for relative in folders}


def test_every_package_is_installed(project):
    setuptools = project["tool"]["setuptools"]
    wanted = set()
    for name, folder in setuptools["package-dir"].items():
        wanted |= packages_under(CHECKOUT / folder, name)
    assert set(setuptools["packages"]) == wanted


def test_every_package_that_ours_import_is_a_direct_dependency(project, direct):
    distributions = metadata.packages_distributions()
    folders = project["tool"]["setuptools"]["package-dir"]
    known = {*sys.stdlib_module_names, *folders}
    missing = {}
    for folder in folders.values():
        for path in (CHECKOUT / folder).rglob("*.py"):
            for module in imported(ast.parse(path.read_text(encoding="utf-8"))) - known:
                owners = map(canonicalize_name, distributions.get(module, [module]))
                if direct.keys().isdisjoint(owners):
                    missing.setdefault(module, []).append(path.name)
    assert not missing


def imported(tree: ast.Module) -> set[str]:
    """The topmost names of all modules that the code imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_ci_runs_what_a_new_user_runs():
    script = CHECKOUT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    assert lines == ["make test"]
