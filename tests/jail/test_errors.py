"""Is every failure told, with the place and the remedy?"""

import errno
import mmap
import os
from pathlib import Path

import pytest
from harness import ROOT, TREES, needs_root, refusal, spec_for, start

from autograde.engine.jail import JailError, JailSpec, probe, readable_trees
from autograde.engine.jail import promise as promise_module
from autograde.engine.jail.layout import lay_out, way_to


def test_a_missing_tree(tmp_path):
    told = refusal(tmp_path, readable=(*TREES, Path("/no/such/tree")))
    assert told["step"] == "show /no/such/tree inside"
    assert told["errno"] == errno.ENOENT
    assert "/no/such/tree" in told["text"]
    assert "readable" in told["remedy"]


@needs_root
def test_a_tree_that_the_slot_may_not_read(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    told = refusal(tmp_path, readable=(*TREES, private))
    assert told["step"] == f"read {private} inside"
    assert "chmod" in told["remedy"]


@pytest.mark.parametrize("tree", ["/", "/etc", "/var", "/dev", "/proc", "/tmp"])
def test_a_tree_that_would_cover_the_jails_own(tmp_path, tree):
    told = refusal(tmp_path, readable=(*TREES, Path(tree)))
    assert "covers" in told["remedy"]


def test_a_submission_that_does_not_fit(tmp_path):
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    told = refusal(tmp_path, scratch_bytes=2 << 20)
    assert (told["step"], told["errno"]) == ("copy the submission's files", errno.ENOSPC)
    assert "scratch_bytes" in told["remedy"]


def test_a_pipe_in_the_submission(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    told = refusal(tmp_path)
    assert (told["step"], told["errno"]) == ("copy the submission's files", errno.EINVAL)
    assert "pipe" in told["text"]


def test_a_submission_nested_without_end(tmp_path):
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(2500):
            os.mkdir("d")
            os.chdir("d")
        told = refusal(tmp_path)
    finally:
        os.chdir(here)
        os.system(f"rm -rf {tmp_path}/d")
    assert (told["step"], told["errno"]) == ("copy the submission's files", errno.ENAMETOOLONG)


def test_a_closed_descriptor(tmp_path):
    told = refusal(tmp_path, spec=lambda work, fd, parent, **limits: spec_for(work, 999, parent=parent, **limits))
    assert (told["step"], told["errno"]) == ("keep descriptor 999", errno.EBADF)


def test_a_missing_work_folder(tmp_path):
    told = refusal(tmp_path / "none")
    assert (told["step"], told["errno"]) == (f"open {tmp_path / 'none'}", errno.ENOENT)


def test_shared_writable_memory_in_the_parent(tmp_path):
    with mmap.mmap(-1, 4096):
        told = refusal(tmp_path)
    assert told["step"] == "fork without shared memory"


def test_a_wrong_uid(tmp_path):
    def other(work, fd, parent, **limits):
        spec = spec_for(work, fd, parent=parent, **limits)
        values = {**spec.__dict__, "uid": None if ROOT else 60_000}
        return JailSpec(**values)

    told = refusal(tmp_path, spec=other)
    assert "JailSpec.uid" in told["remedy"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_fd": 2},
        {"uid": 0},
        {"uid": -1},
        {"processes": 0},
        {"memory_bytes": -1},
        {"work": Path("relative")},
        {"readable": (Path("lib"),)},
    ],
)
def test_values_that_no_jail_can_have(tmp_path, wrong):
    right = {"parent": 1, "work": tmp_path, "keep_fd": 5, "uid": None, "readable": ()}
    JailSpec(**right)
    with pytest.raises(ValueError, match=str(next(iter(wrong.values()))) if "readable" not in wrong else "lib"):
        JailSpec(**{**right, **wrong})


def test_the_error_crosses_processes():
    error = JailError("mount /x", errno.EPERM, "Ask.", "no")
    again = JailError.from_bytes(error.to_bytes())
    assert str(again) == str(error) == "jail: could not mount /x (EPERM): no. Ask."


def test_the_failed_child_can_speak_and_leaves_nothing(tmp_path):
    jail_ = start(tmp_path, lambda say: 0, readable=(*TREES, Path("/no/such/tree")))
    with pytest.raises(AssertionError):
        jail_.hear()
    assert jail_.wait() == 99


def test_a_missing_extra_tree():
    with pytest.raises(FileNotFoundError, match="/no/such"):
        readable_trees([Path("/no/such")])


def test_links_on_the_way_are_found(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "far").symlink_to(tmp_path / "link" / "deep")
    links, place = way_to(str(tmp_path / "far"))
    assert place == str(tmp_path / "real" / "deep")
    assert links == {str(tmp_path / "far"): str(tmp_path / "link" / "deep"), str(tmp_path / "link"): "real"}
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OSError, match="round"):
        way_to(str(tmp_path / "round"))
    layout = lay_out([tmp_path / "far", tmp_path / "real"], ())
    assert layout.mounts == (str(tmp_path / "real"),)


def test_probe_keeps_its_word():
    promise = probe()
    assert promise.whole.kept
    assert [line.split(":")[0] for line in promise.missing()] == ([] if ROOT else ["own uid"])


def test_probe_says_no_elsewhere(monkeypatch):
    monkeypatch.setattr(promise_module.sys, "platform", "darwin")
    promise = probe()
    assert not promise.whole.kept
    assert "Linux" in promise.whole.reason


def test_probe_tells_why_a_jail_cannot_be_built(monkeypatch):
    monkeypatch.setattr(promise_module, "readable_trees", lambda: (Path("/no/such/tree"),))
    promise = probe()
    assert not promise.whole.kept
    assert "/no/such/tree" in promise.whole.reason
    assert promise.user_namespace.kept
