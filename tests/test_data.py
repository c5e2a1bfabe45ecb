"""cnnlab.data: where the pictures come from, what happens when they are broken, and what PhotoPatches-10 is."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from cnnlab import data, photopatches
from cnnlab.data import CIFAR10_CLASSES, DataError, ImageSet, batches, download, image_folders
from cnnlab.data.image_set import name_of_files
from PIL import Image

pytestmark = pytest.mark.filterwarnings("error")

GIVEN = os.environ.get("CNNLAB_DATA")  # read before the fixture below hides it
PACKED = Path(__file__).parents[2] / "shared" / "data" / "cifar10-jpeg.tar.xz"
LOUD = "THIS IS NOT CIFAR-10"


@pytest.fixture(scope="module")
def patches():
    return data.photopatches10(400, 100)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, patches):
    """An empty cache of its own for every test, no settings from outside, and a small embedded set."""
    for name in ("CNNLAB_DATA", "CNNLAB_DOWNLOAD", "CNNLAB_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "cache"
    monkeypatch.setattr(data, "cache_dir", lambda: folder)
    monkeypatch.setattr(data, "photopatches10", lambda *, varied: patches)
    monkeypatch.setattr(download, "ADDRESSES", ())
    return folder


# --- files as they are found in the wild ----------------------------------------------------------------------


def python2_batch(images: np.ndarray, labels: list[int]) -> bytes:
    """The pickle that Python 2 and the numpy of 2009 wrote, opcode by opcode: text as `str`, numpy.core, align=0."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    pixels = images.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    shape = b"J" + struct.pack("<i", len(images)) + b"M\x00\x0c\x86"
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
    dtype += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array += b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(pixels)) + pixels + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def batch_files(n: int = 20, seed: int = 0) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {
        name: python2_batch(rng.integers(0, 256, (n, 3072), np.uint8), [i % 10 for i in range(n)])
        for name in batches.BATCH_FILES
    }


def write_batches(folder: Path, files: dict[str, bytes]) -> Path:
    (folder / batches.BATCHES).mkdir(parents=True)
    for name, content in files.items():
        (folder / batches.BATCHES / name).write_bytes(content)
    return folder


def archive_bytes(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in {**files, "readme.html": b"hello"}.items():
            member = tarfile.TarInfo(f"{batches.BATCHES}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def write_archive(folder: Path, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / batches.ARCHIVE).write_bytes(content)
    return folder


def write_pictures(folder: Path, classes=CIFAR10_CLASSES, suffix=".png", n_train=3, n_test=2) -> Path:
    """Image folders in which picture i of a class is all (label, i, 0 for train or 200 for test)."""
    for split, n, mark in (("train", n_train, 0), ("test", n_test, 200)):
        for label, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for i in range(n):
                picture = Image.new("RGB", (32, 32), (label, i, mark))
                picture.save(folder / split / name / f"{i:04d}{suffix}", compress_level=0)
    return folder


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures")


# --- the order of the search ----------------------------------------------------------------------------------


def test_the_embedded_set_is_the_last_resort_and_is_announced(patches, capsys):
    assert data.cifar10() is patches
    printed = capsys.readouterr().out
    assert LOUD in printed
    assert "PhotoPatches-10: 400 training and 100 test pictures" in printed
    assert "CNNLAB_DATA" in printed
    assert "download=True" in printed
    lines = printed.splitlines()
    assert lines[0] == lines[-1] == "*" * len(lines[0])
    assert {len(line) for line in lines} == {len(lines[0])}
    assert all(line.startswith("* ") and line.endswith(" *") for line in lines[1:-1])


def test_the_embedded_set_can_be_asked_for_whatever_else_is_there(tmp_path, cache, monkeypatch, patches, host):
    write_batches(cache, batch_files(2))
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "1")
    monkeypatch.setenv("CNNLAB_DATA", "embedded")
    assert data.cifar10() is patches
    assert len(data.cifar10(write_batches(tmp_path / "argument", batch_files(1))).test_labels) == 1
    monkeypatch.delenv("CNNLAB_DATA")
    assert data.cifar10("embedded") is patches
    assert host.asked == []


def test_the_head_of_a_set_says_that_it_is_one(tmp_path):
    whole = data.cifar10(write_batches(tmp_path / "given", batch_files()))
    head = whole.head(30, 5)
    assert head.name == f"{whole.name}, 30 + 5 of its pictures"
    assert head.is_cifar10 == whole.is_cifar10
    assert torch.equal(head.train_images, whole.train_images[:30])
    assert torch.equal(head.test_labels, whole.test_labels[:5])
    assert whole.head() is whole
    assert whole.head(100, 10_000) is whole, "more than there are is all"
    assert len(whole.head(n_test=5).train_labels) == 100
    with pytest.raises(DataError, match="0 training and 20 test"):
        whole.head(0)


def test_the_argument_comes_before_the_environment_before_the_cache_before_a_download(
    tmp_path, cache, monkeypatch, host
):
    host.serve(archive_bytes(batch_files(4)))
    monkeypatch.setenv("CNNLAB_DATA", str(write_batches(tmp_path / "environment", batch_files(3))))
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "1")
    write_batches(cache, batch_files(2))
    argument = write_batches(tmp_path / "argument", batch_files(1))
    assert len(data.cifar10(argument).test_labels) == 1
    assert len(data.cifar10().test_labels) == 3
    monkeypatch.setenv("CNNLAB_DATA", "")
    assert len(data.cifar10().test_labels) == 2
    assert host.asked == []
    shutil.rmtree(cache)
    assert len(data.cifar10().test_labels) == 4
    assert host.asked == ["/good"]
    assert len(data.cifar10(download=False).test_labels) == 4, "the download was kept in the cache"
    assert host.asked == ["/good"]


def test_nothing_is_downloaded_unasked(host, patches, monkeypatch):
    host.serve(archive_bytes(batch_files()))
    assert data.cifar10() is patches
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "0")
    assert data.cifar10() is patches
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "1")
    assert data.cifar10(download=False) is patches
    assert host.asked == []
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "ja")
    with pytest.raises(DataError, match="CNNLAB_DOWNLOAD is 'ja'"):
        data.cifar10()


@pytest.mark.parametrize("where", ["environment", "cache"])
@pytest.mark.parametrize("form", ["batches", "the batches' folder itself", "archive", "archive itself", "pictures"])
def test_every_format_is_found_in_both_places(where, form, tmp_path, cache, monkeypatch):
    folder = cache if where == "cache" else tmp_path / "given"
    if form.startswith("archive"):
        write_archive(folder, archive_bytes(batch_files()))
    elif form == "pictures":
        write_pictures(folder)
    else:
        write_batches(folder, batch_files())
    if where == "environment":
        inside = {"the batches' folder itself": batches.BATCHES, "archive itself": batches.ARCHIVE}
        inner = folder / inside.get(form, "")
        monkeypatch.setenv("CNNLAB_DATA", str(inner))
    loaded = data.cifar10()
    assert loaded.classes == CIFAR10_CLASSES
    assert str(folder) in loaded.source
    assert len(loaded.train_labels) == (30 if form == "pictures" else 100)


# --- what is read ---------------------------------------------------------------------------------------------


def test_batches_of_python_2_are_read_in_order(tmp_path):
    loaded = data.cifar10(write_batches(tmp_path / "given", batch_files()))
    rng = np.random.default_rng(0)
    expected = [rng.integers(0, 256, (20, 3072), np.uint8).reshape(-1, 3, 32, 32) for _ in range(6)]
    np.testing.assert_array_equal(loaded.train_images, np.concatenate(expected[:5]))
    np.testing.assert_array_equal(loaded.test_images, expected[5])
    assert loaded.train_labels.tolist() == [i % 10 for i in range(20)] * 5
    assert loaded.test_labels.dtype == torch.int64
    loaded.train_images[0, 0, 0, 0] = 7  # the memory is ours to write to


def test_batches_written_by_python_3_are_read_too(tmp_path):
    images = np.full((2, 3072), 9, np.uint8)
    files = dict.fromkeys(batches.BATCH_FILES, pickle.dumps({"data": images, "labels": [3, 4]}, protocol=2))
    assert (data.cifar10(write_batches(tmp_path / "given", files)).train_images == 9).all()


def test_the_archive_gives_the_same_as_its_unpacked_folder(tmp_path):
    folder = data.cifar10(write_batches(tmp_path / "a", batch_files()))
    archive = data.cifar10(write_archive(tmp_path / "b", archive_bytes(batch_files())))
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(folder, part), getattr(archive, part))


def test_pictures_keep_their_label_and_the_classes_take_turns(pictures):
    loaded = data.cifar10(pictures)
    assert loaded.train_labels.tolist() == list(range(10)) * 3
    np.testing.assert_array_equal(loaded.train_images[:, 0, 0, 0], loaded.train_labels)
    assert loaded.train_images[:, 1, 5, 5].tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert set(loaded.train_images[:, 2].flatten().tolist()) == {0}
    assert set(loaded.test_images[:, 2].flatten().tolist()) == {200}
    assert loaded.train_images.shape == (30, 3, 32, 32)


def test_clutter_of_operating_systems_is_not_data(pictures):
    for clutter in ("train/.DS_Store", "train/bird/Thumbs.db", "test/cat/.DS_Store"):
        (pictures / clutter).write_bytes(b"x")
    assert len(data.cifar10(pictures).train_labels) == 30


def test_other_classes_are_sorted_and_not_called_cifar10(tmp_path, capsys):
    loaded = data.cifar10(write_pictures(tmp_path / "own", classes=("zebra", "cat", "mole")))
    assert loaded.classes == ("cat", "mole", "zebra")
    assert not loaded.is_cifar10
    assert LOUD in capsys.readouterr().out


def full_size(name: str) -> ImageSet:
    labels = [torch.arange(10).repeat_interleave(n) for n in (5000, 1000)]
    called = name_of_files(CIFAR10_CLASSES, *labels, copies=name)
    parts = [(torch.zeros(len(y), 3, 32, 32, dtype=torch.uint8), y) for y in labels]
    return ImageSet(called, "a test", CIFAR10_CLASSES, *parts[0], *parts[1])


def test_only_all_60000_pictures_are_called_cifar10(pictures, capsys, tmp_path):
    assert full_size("").name == "CIFAR-10"
    copies = full_size(" (JPEG copies)")
    assert copies.name == "CIFAR-10 (JPEG copies)"
    assert copies.is_cifar10
    assert LOUD not in copies.describe()
    assert "*" not in copies.describe()

    part = data.cifar10(pictures)
    assert part.name == "part of CIFAR-10 (PNG copies)"
    assert not part.is_cifar10
    assert LOUD in capsys.readouterr().out
    assert data.cifar10(write_pictures(tmp_path / "j", suffix=".JPG")).name == "part of CIFAR-10 (JPEG copies)"
    assert data.cifar10(write_batches(tmp_path / "b", batch_files())).name == "part of CIFAR-10"


# --- what is broken is named, and nothing takes its place -------------------------------------------------------


def replace(path: str, content: bytes | None):
    """A breakage: give a file this content, or remove the file or folder when there is none."""

    def break_it(folder: Path) -> None:
        if content is not None:
            (folder / path).write_bytes(content)
        elif (folder / path).is_dir():
            shutil.rmtree(folder / path)
        else:
            (folder / path).unlink()

    return break_it


def save(size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, "png")
    return stream.getvalue()


def empty_class(folder: Path) -> None:
    shutil.rmtree(folder / "test/frog")
    (folder / "test/frog").mkdir()


def drop_class(folder: Path) -> None:
    for split in ("train", "test"):
        shutil.rmtree(folder / split / "frog")


def loose_picture(folder: Path) -> None:
    (folder / "train/0000.png").write_bytes(save((32, 32)))


@pytest.mark.parametrize(
    ("break_it", "thing", "place"),
    [
        (replace("test", None), "no folder test", ""),
        (replace("train", None), "no folder train", ""),
        (replace("train/bird", None), "in one of train and test only: bird", ""),
        (replace("test/ship", None), "in one of train and test only: ship", ""),
        (drop_class, "class folders missing: frog", ""),
        (empty_class, "class folder frog is empty", "test/frog"),
        (loose_picture, "not a class folder", "train/0000.png"),
        (replace("train/cat/0001.png", b"no picture"), "unreadable picture", "train/cat/0001.png"),
        (replace("train/cat/0001.png", save((32, 32))[:60]), "unreadable picture", "train/cat/0001.png"),
        (replace("test/dog/0000.png", save((31, 32))), "a picture of 31x32 pixels", "test/dog/0000.png"),
        (replace("test/dog/0000.gif", b"GIF89a"), "not a .jpg or .png", "test/dog/0000.gif"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "cache"])
def test_broken_image_folders(break_it, thing, place, where, pictures, cache, monkeypatch, capsys):
    break_it(pictures)
    if where == "environment":
        monkeypatch.setenv("CNNLAB_DATA", str(pictures))
    else:
        pictures = pictures.rename(cache)
    with pytest.raises(DataError) as caught:
        data.cifar10()
    message = str(caught.value)
    assert thing in message
    assert f"where: {pictures / place}" in message
    assert "remedy: " in message
    assert "PhotoPatches" not in capsys.readouterr().out


def middle_flipped(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 0xFF]) + content[half + 1 :]


PACKAGE = archive_bytes(batch_files())
FILES = batch_files()


@pytest.mark.parametrize(
    ("content", "thing"),
    [
        (PACKAGE[: len(PACKAGE) // 2], "truncated or corrupt"),
        (PACKAGE[:-6], "truncated or corrupt"),
        (middle_flipped(PACKAGE), "truncated or corrupt"),
        (b"", "truncated or corrupt"),
        (b"<html>503</html>", "truncated or corrupt"),
        (gzip.compress(b"no tar"), "truncated or corrupt"),
        (archive_bytes({}), "data_batch_1 is missing"),
        (archive_bytes({**FILES, "data_batch_3": FILES["data_batch_3"][:500]}), "data_batch_3 is not a batch"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "cache"])
def test_a_broken_archive(content, thing, where, tmp_path, cache, monkeypatch):
    folder = write_archive(cache if where == "cache" else tmp_path / "given", content)
    if where == "environment":
        monkeypatch.setenv("CNNLAB_DATA", str(folder))
    with pytest.raises(DataError) as caught:
        data.cifar10(download=True)
    assert thing in str(caught.value)
    assert f"where: {folder / batches.ARCHIVE}" in str(caught.value)
    assert (folder / batches.ARCHIVE).exists(), "what we did not leave half-finished is the user's to delete"


ZEROS = np.zeros((1, 3072), np.uint8)


@pytest.mark.parametrize(
    ("content", "thing"),
    [
        (None, "data_batch_2 is missing"),
        (b"", "data_batch_2 is not a batch"),
        (pickle.dumps({"data": ZEROS}), "'labels'"),
        (pickle.dumps({"data": ZEROS[:, :3000], "labels": [1]}), "cannot reshape"),
        (pickle.dumps({"data": ZEROS, "labels": [1, 2]}), "cannot reshape"),
        (pickle.dumps({"data": ZEROS, "labels": [10]}), "below 10"),
        (pickle.dumps({"data": ZEROS.astype(float), "labels": [1]}), "torch.float64"),
    ],
)
def test_a_broken_batch(content, thing, tmp_path):
    folder = write_batches(tmp_path / "given", batch_files())
    replace(f"{batches.BATCHES}/data_batch_2", content)(folder)
    with pytest.raises(DataError) as caught:
        data.cifar10(folder)
    assert thing in str(caught.value)
    assert str(folder / batches.BATCHES) in str(caught.value)


class Hostile:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_batch_cannot_run_code(tmp_path):
    mark = tmp_path / "mark"
    folder = write_batches(tmp_path / "given", {**batch_files(), "test_batch": pickle.dumps(Hostile(str(mark)))})
    with pytest.raises(DataError, match="mkdir"):
        data.cifar10(folder)
    assert not mark.exists()


def test_a_folder_that_is_missing_or_a_file_or_holds_something_else(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "missing"))
    with pytest.raises(DataError, match="does not exist") as caught:
        data.cifar10()
    assert str(tmp_path / "missing") in str(caught.value)
    (tmp_path / "else").mkdir()
    with pytest.raises(DataError, match="no CIFAR-10 in this folder"):
        data.cifar10(tmp_path / "else")
    (tmp_path / "file").write_bytes(PACKAGE)
    with pytest.raises(DataError, match="does not exist"):
        data.cifar10(tmp_path / "file")


# --- the cache of decoded pictures ------------------------------------------------------------------------------


@pytest.fixture
def decoded(monkeypatch):
    """The paths that were decoded, as they come."""
    paths, real = [], image_folders._decode
    monkeypatch.setattr(image_folders, "_decode", lambda path: paths.append(path) or real(path))
    return paths


def test_pictures_are_decoded_once(pictures, decoded, cache):
    first = data.cifar10(pictures)
    assert len(decoded) == 50
    second = data.cifar10(pictures)
    assert len(decoded) == 50
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_images, second.test_images)
    assert torch.equal(first.test_labels, second.test_labels)
    assert len(list((cache / "decoded").iterdir())) == 1, "one file, and no half-written one"


@pytest.mark.parametrize("change", ["content", "more", "less"])
def test_changed_pictures_are_decoded_again(change, pictures, decoded, cache):
    data.cifar10(pictures)
    decoded.clear()
    picture = pictures / "train/cat/0000.png"
    if change == "content":
        before = picture.stat()
        Image.new("RGB", (32, 32), (77, 0, 0)).save(picture, compress_level=0)
        assert picture.stat().st_size == before.st_size, "only the time tells"
        os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "more":
        shutil.copy(picture, picture.with_name("0009.png"))
    else:
        picture.unlink()
    loaded = data.cifar10(pictures)
    assert len(decoded) == {"content": 50, "more": 51, "less": 49}[change]
    assert bool((loaded.train_images[3, 0] == 77).all()) is (change == "content")
    assert len(list((cache / "decoded").iterdir())) == 1, "the new file takes the place of the old one"


def test_two_folders_do_not_share_their_cache(pictures, tmp_path, decoded):
    other = write_pictures(tmp_path / "other", n_train=1)
    assert len(data.cifar10(pictures).train_labels) == 30
    assert len(data.cifar10(other).train_labels) == 10
    decoded.clear()
    assert len(data.cifar10(pictures).train_labels) == 30
    assert decoded == []


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], middle_flipped, lambda b: b"", lambda b: b"rubbish"])
def test_a_damaged_cache_is_rebuilt(damage, pictures, decoded, cache, capsys):
    first = data.cifar10(pictures)
    [file] = (cache / "decoded").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    decoded.clear()
    capsys.readouterr()
    again = data.cifar10(pictures)
    assert len(decoded) == 50
    assert torch.equal(first.train_images, again.train_images)
    printed = capsys.readouterr().out
    assert "is damaged" in printed
    assert str(file) in printed
    decoded.clear()
    data.cifar10(pictures)
    assert decoded == []


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """A cache that nobody can write, root neither: its parent is a file."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(data, "cache_dir", lambda: tmp_path / "file" / "cnnlab")


@pytest.mark.usefixtures("unwritable")
def test_an_unwritable_cache_costs_time_only(pictures, decoded, capsys, patches):
    for _ in range(2):
        assert len(data.cifar10(pictures).train_labels) == 30
        assert "WARNING: the cache cannot be written" in capsys.readouterr().out
    assert len(decoded) == 100
    assert data.cifar10() is patches


def test_a_full_disk_leaves_no_half_written_cache(pictures, cache, monkeypatch, capsys):
    def full(file, **arrays):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(data.cifar10(pictures).train_labels) == 30
    assert "No space left on device" in capsys.readouterr().out
    assert list((cache / "decoded").iterdir()) == []


# --- the download -----------------------------------------------------------------------------------------------


class Host:
    """A web server on this machine that serves one archive well, cut short, or not at all."""

    def __init__(self, monkeypatch, target: Path) -> None:
        self.monkeypatch, self.target = monkeypatch, target
        self.asked: list[str] = []
        self.there_while_loading: list[bool] = []
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                host.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = handler.path
        handler.send_response(404 if path == "/missing" else 200)
        body = b"another file" if path in ("/wrong", "/missing") else self.content
        cut = path == "/cut" or (path == "/cut-once" and self.asked.count(path) == 1) or path == "/cut-unsaid"
        if path != "/cut-unsaid":
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        self.there_while_loading.append(self.target.exists())
        if not cut:
            handler.wfile.write(body[len(body) // 2 :])
        handler.close_connection = True

    def serve(self, content: bytes, *paths: str) -> list[str]:
        """Serve `content` and make cifar10 ask at these paths, one after the other; returns the addresses."""
        self.content = content
        addresses = [self.url(path) for path in paths or ("/good",)]
        self.monkeypatch.setattr(download, "ARCHIVE_SHA256", hashlib.sha256(content).hexdigest())
        self.monkeypatch.setattr(download, "ADDRESSES", tuple(addresses))
        return addresses

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"


@pytest.fixture
def host(monkeypatch, cache):
    it = Host(monkeypatch, cache / batches.ARCHIVE)
    yield it
    it.server.shutdown()
    it.server.server_close()


@pytest.fixture
def dead():
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/{batches.ARCHIVE}"


def test_a_download_is_kept_complete_and_announced(host, cache, capsys):
    host.serve(PACKAGE)
    loaded = data.cifar10(download=True)
    assert len(loaded.train_labels) == 100
    assert [file.name for file in cache.iterdir()] == [batches.ARCHIVE]
    assert (cache / batches.ARCHIVE).read_bytes() == PACKAGE
    assert host.there_while_loading == [False], "the file has its name only once it is complete"
    assert f"from {host.url('/good')}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("paths", "asked"),
    [
        (("/cut-once",), ["/cut-once"] * 2),
        (("/cut", "/good"), ["/cut"] * 2 + ["/good"]),
        (("/cut-unsaid", "/good"), ["/cut-unsaid"] * 2 + ["/good"]),
        (("/wrong", "/good"), ["/wrong"] * 2 + ["/good"]),
        (("/missing", "/good"), ["/missing"] * 2 + ["/good"]),
    ],
)
def test_a_failed_download_is_tried_again_and_then_elsewhere(paths, asked, host, cache, capsys):
    host.serve(PACKAGE, *paths)
    assert len(data.cifar10(download=True).train_labels) == 100
    assert host.asked == asked
    assert [file.name for file in cache.iterdir()] == [batches.ARCHIVE]
    assert (cache / batches.ARCHIVE).read_bytes() == PACKAGE
    assert "failed: " in capsys.readouterr().out


def test_a_dead_address_leads_to_the_mirror(host, dead, monkeypatch):
    [alive] = host.serve(PACKAGE)
    monkeypatch.setattr(download, "ADDRESSES", (dead, alive))
    assert len(data.cifar10(download=True).train_labels) == 100


def test_the_users_mirror_is_asked_first(host, monkeypatch):
    host.serve(PACKAGE)
    monkeypatch.setenv("CNNLAB_MIRROR", host.url("/mirror"))
    data.cifar10(download=True)
    assert host.asked == ["/mirror"]


def test_when_every_address_fails_the_error_names_them_all_and_nothing_stays(host, dead, cache, monkeypatch, capsys):
    addresses = (dead, *host.serve(PACKAGE, "/cut", "/wrong", "/missing"))
    monkeypatch.setattr(download, "ADDRESSES", addresses)
    with pytest.raises(DataError) as caught:
        data.cifar10(download=True)
    assert all(address in str(caught.value) for address in addresses)
    assert "the checksum is wrong" in str(caught.value)
    assert "404" in str(caught.value)
    assert list(cache.iterdir()) == []
    assert "PhotoPatches" not in capsys.readouterr().out


def test_what_a_killed_download_left_is_removed_but_not_a_living_one(host, cache):
    host.serve(PACKAGE)
    for name in ("unfinished-killed", "unfinished-living"):
        (cache / name).mkdir(parents=True)
        (cache / name / batches.ARCHIVE).write_bytes(b"half")
    long_ago = time.time() - download.ABANDONED - 60
    os.utime(cache / "unfinished-killed", (long_ago, long_ago))
    data.cifar10(download=True)
    assert {entry.name for entry in cache.iterdir()} == {batches.ARCHIVE, "unfinished-living"}


@pytest.mark.usefixtures("unwritable")
def test_a_download_works_without_a_cache(host, capsys):
    host.serve(PACKAGE)
    assert len(data.cifar10(download=True).train_labels) == 100
    assert "WARNING: the cache cannot be written" in capsys.readouterr().out


def test_real_addresses_and_checksum_are_the_archives(monkeypatch):
    monkeypatch.undo()
    assert download.ADDRESSES[-1] == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    assert all(
        address.startswith("https://") and address.endswith(f"/{batches.ARCHIVE}") for address in download.ADDRESSES
    )
    assert data.cache_dir().name == "cnnlab"


# --- the set itself ---------------------------------------------------------------------------------------------


def test_an_image_set_refuses_parts_that_do_not_fit(patches):
    good = {name: getattr(patches, name) for name in ImageSet.__dataclass_fields__}
    for wrong in (
        {"train_images": patches.train_images.float()},
        {"train_images": patches.train_images[:-1]},
        {"test_images": patches.test_images[:, :1]},
        {"test_labels": patches.test_labels.int()},
        {"test_labels": patches.test_labels + 1},
        {"test_labels": patches.test_labels - 1},
        {"train_images": patches.train_images[:0], "train_labels": patches.train_labels[:0]},
    ):
        with pytest.raises(DataError, match=next(iter(wrong)).split("_")[0]):
            ImageSet(**{**good, **wrong})


def test_its_short_form_is_one_line(patches):
    assert repr(patches) == "<ImageSet PhotoPatches-10: 400 train + 100 test pictures, 10 classes>"


def test_subset_keeps_the_named_classes_in_the_given_order(pictures):
    loaded = data.cifar10(pictures)
    pair = data.subset(loaded, ("bird", "airplane"))
    assert pair.classes == ("bird", "airplane")
    assert len(pair.train_labels) == 6
    assert len(pair.test_labels) == 4
    red = {0: CIFAR10_CLASSES.index("bird"), 1: CIFAR10_CLASSES.index("airplane")}
    for images, labels in ((pair.train_images, pair.train_labels), (pair.test_images, pair.test_labels)):
        assert images[:, 0, 0, 0].tolist() == [red[label] for label in labels.tolist()]
    assert pair.name == "part of CIFAR-10 (PNG copies): bird, airplane"


def test_subset_of_the_embedded_set_and_of_cifar10(patches):
    pair = data.subset(patches, ("grass", "gravel"))
    assert pair.train_labels.bincount().tolist() == [40, 40]
    assert torch.equal(pair.test_images[pair.test_labels == 1], patches.test_images[patches.test_labels == 5])
    assert not pair.is_cifar10
    assert data.subset(full_size(" (JPEG copies)"), ("airplane", "bird")).is_cifar10


@pytest.mark.parametrize("names", [("grass", "zebra"), (), ("grass", "grass"), "grass"])
def test_subset_refuses_other_names_and_lists_the_right_ones(names, patches):
    with pytest.raises(DataError, match=r"astronaut, brick, .*, rocket"):
        data.subset(patches, names)


def test_channel_stats_and_to_float(patches):
    mean, std = data.channel_stats(patches.train_images)
    pixels = patches.train_images.numpy() / 255
    np.testing.assert_allclose(mean, pixels.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(std, pixels.std((0, 2, 3)), rtol=1e-6)
    assert mean.dtype == std.dtype == torch.float32
    floats = data.to_float(torch.tensor([0, 51, 255], dtype=torch.uint8))
    torch.testing.assert_close(floats, torch.tensor([0.0, 0.2, 1.0]))
    with pytest.raises(TypeError, match="once only"):
        data.to_float(floats)


# --- PhotoPatches-10 --------------------------------------------------------------------------------------------


def test_photopatches_are_balanced_mixed_and_eventful(patches):
    assert patches.classes == tuple(photopatches.PHOTOGRAPHS)
    for images, labels, n in (
        (patches.train_images, patches.train_labels, 40),
        (patches.test_images, patches.test_labels, 10),
    ):
        assert images.shape == (10 * n, 3, 32, 32)
        assert images.dtype == torch.uint8
        assert labels.bincount().tolist() == [n] * 10
        assert len(labels[:50].unique()) == 10
        assert images.float().std(dim=(2, 3)).amax(dim=1).min() > photopatches.LEAST_STD - 0.1
    every = torch.cat([patches.train_images, patches.test_images]).flatten(1)
    assert len(every.unique(dim=0)) == 500


def test_photopatches_vary_in_brightness_and_contrast(patches):
    gravel = patches.train_images[patches.train_labels == patches.classes.index("gravel")].float()
    assert gravel.mean(dim=(1, 2, 3)).std() > 15
    contrast = gravel.std(dim=(1, 2, 3))
    assert contrast.max() > 2 * contrast.min()


def test_photopatches_are_the_same_for_the_same_seed_only():
    first, again, other = (photopatches.build(100, 50, seed) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_photopatches_need_no_network_and_no_torch(tmp_path):
    """A new process that cannot open a socket and has no downloaded picture builds the same bytes."""
    program = """
import hashlib, socket, sys
def refuse(*_, **__): raise SystemExit("a socket was opened")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from cnnlab import photopatches
print(hashlib.sha256(b"".join(part.tobytes() for part in photopatches.build(100, 50, 3))).hexdigest())
assert "torch" not in sys.modules
"""
    environment = {**os.environ, "SKIMAGE_DATADIR": str(tmp_path / "empty"), "PYTHONHASHSEED": "7"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(photopatches.__file__).parents[1]), *sys.path])
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = b"".join(part.tobytes() for part in photopatches.build(100, 50, 3))
    assert done.stdout.strip() == hashlib.sha256(here).hexdigest()
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("seed", [0, 5])
def test_train_and_test_pictures_share_no_pixel(seed, monkeypatch):
    """Change every test tile of every photograph: no training picture changes, every test picture does. And back."""
    real, before = photopatches.photograph, photopatches.build(100, 50, seed)

    def with_changed(split):
        def photograph(name):
            photo = real(name).copy()
            columns, size = photo.shape[1] // photopatches.TILE, photopatches.TILE
            n_tiles = len(photopatches.cut_tiles(photo))
            halves = photopatches.split_tiles(n_tiles, seed, photopatches.CLASSES.index(name))
            assert sorted(np.concatenate(halves)) == list(range(n_tiles))
            assert len(halves[photopatches.TEST]) == n_tiles // 5
            for tile in halves[split]:
                top, left = size * (tile // columns), size * (tile % columns)
                window = photo[top : top + size, left : left + size]
                window[:] = 255 - window
            return photo

        return photograph

    for changed, same in ((photopatches.TEST, slice(0, 2)), (photopatches.TRAIN, slice(2, 4))):
        monkeypatch.setattr(photopatches, "photograph", with_changed(changed))
        after = photopatches.build(100, 50, seed)
        for a, b in zip(before[same], after[same], strict=True):
            np.testing.assert_array_equal(a, b)
        images, labels = 2 * changed, 2 * changed + 1
        np.testing.assert_array_equal(before[labels], after[labels])
        assert (before[images] != after[images]).any(axis=(1, 2, 3)).all()


def test_more_test_pictures_are_other_windows_of_the_test_tiles(monkeypatch):
    """Every picture changes with the test tiles, none with the training tiles."""
    seed, real = 3, photopatches.photograph
    images, labels = photopatches.more_test_pictures(200, draw=1, seed=seed)
    assert (images.shape, images.dtype, labels.dtype) == ((200, 3, 32, 32), np.uint8, np.int64)
    assert np.bincount(labels).tolist() == [20] * 10
    np.testing.assert_array_equal(images, photopatches.more_test_pictures(200, draw=1, seed=seed)[0])
    known = {picture.tobytes() for picture in photopatches.build(10, 200, seed)[2]}
    known |= {picture.tobytes() for picture in photopatches.more_test_pictures(200, draw=2, seed=seed)[0]}
    assert not known & {picture.tobytes() for picture in images}

    def with_changed(split):
        def photograph(name):
            photo = real(name).copy()
            columns, size = photo.shape[1] // photopatches.TILE, photopatches.TILE
            n_tiles = len(photopatches.cut_tiles(photo))
            for tile in photopatches.split_tiles(n_tiles, seed, photopatches.CLASSES.index(name))[split]:
                top, left = size * (tile // columns), size * (tile % columns)
                window = photo[top : top + size, left : left + size]
                window[:] = 255 - window
            return photo

        return photograph

    for split, share in ((photopatches.TRAIN, 0), (photopatches.TEST, 1)):
        monkeypatch.setattr(photopatches, "photograph", with_changed(split))
        after, same = photopatches.more_test_pictures(200, draw=1, seed=seed)
        np.testing.assert_array_equal(same, labels)
        assert (after != images).any(axis=(1, 2, 3)).mean() == share


@pytest.mark.parametrize(("n", "draw", "message"), [(5, 1, "multiple of 10"), (0, 1, "multiple"), (10, 0, "from 1")])
def test_more_test_pictures_refuse_what_they_cannot_draw(n, draw, message):
    with pytest.raises(ValueError, match=message):
        photopatches.more_test_pictures(n, draw)


def test_a_window_is_a_rotated_square_of_the_right_size_inside_its_tile():
    """On a tile whose two channels count rows and columns, a window is two planes with the slope side / 32."""
    size = photopatches.TILE
    rows, columns = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    tile = np.stack([rows, columns, rows], axis=-1)[None]
    windows = photopatches._sample(tile, 300, np.random.default_rng(0)).astype(np.float64)
    assert windows.min() >= 0
    assert windows.max() <= size - 1
    down, right = np.diff(windows, axis=1), np.diff(windows, axis=2)
    np.testing.assert_allclose(down, np.broadcast_to(down[:, :1, :1], down.shape), atol=1e-4)
    np.testing.assert_allclose(right, np.broadcast_to(right[:, :1, :1], right.shape), atol=1e-4)
    down, right = down[:, 0, 0, :2], right[:, 0, 0, :2]
    np.testing.assert_allclose((down * right).sum(axis=1), 0, atol=1e-4)
    side = 32 * np.hypot(*down.T)
    np.testing.assert_allclose(side, 32 * np.hypot(*right.T), atol=1e-3)
    assert 24 <= side.min() < 26
    assert 42 < side.max() <= 44.001
    angle = np.arctan2(right[:, 0], right[:, 1])
    assert np.histogram(angle, bins=4, range=(-np.pi, np.pi))[0].min() > 40


@pytest.mark.parametrize("numbers", [(5001, 1000), (5000, 5), (0, 10), (-10, 10)])
def test_photopatches_refuse_numbers_that_cannot_be_balanced(numbers):
    with pytest.raises(ValueError, match="multiple of 10"):
        photopatches.build(*numbers, 0)


def test_photopatches_refuse_photographs_without_content(monkeypatch):
    monkeypatch.setattr(photopatches, "photograph", lambda name: np.zeros((384, 384, 3), np.uint8))
    with pytest.raises(ValueError, match="nearly constant"):
        photopatches.build(10, 10, 0)


# --- the real pictures, where there are some -----------------------------------------------------------------------


def test_the_real_pictures(tmp_path, capsys, decoded):
    if GIVEN:
        folder = Path(GIVEN)
    elif PACKED.exists():
        folder = tmp_path / "real"
        with tarfile.open(PACKED) as tar:
            tar.extractall(folder, filter="data")
    else:
        pytest.skip(f"no CIFAR-10: CNNLAB_DATA is not set, and there is no {PACKED}")
    loaded = data.cifar10(folder)
    assert loaded.is_cifar10
    assert LOUD not in capsys.readouterr().out
    assert loaded.train_labels.bincount().tolist() == [5000] * 10
    assert loaded.test_labels.bincount().tolist() == [1000] * 10
    mean, std = data.channel_stats(loaded.train_images)
    # Known of the originals (rounded); JPEG changes them little.
    torch.testing.assert_close(mean, torch.tensor([0.4914, 0.4822, 0.4465]), atol=2e-3, rtol=0)
    torch.testing.assert_close(std, torch.tensor([0.2470, 0.2435, 0.2616]), atol=4e-3, rtol=0)
    if "copies" in loaded.name:
        assert len(decoded) == 60_000
        assert torch.equal(data.cifar10(folder).train_images, loaded.train_images)
        assert len(decoded) == 60_000, "the second time comes from the cache"
