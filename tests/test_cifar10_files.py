"""cnnlab.cifar10_files: whichever pictures were found, torchvision's CIFAR10 reads them."""

import tarfile
from dataclasses import replace

import pytest
import torch
from cnnlab import cifar10_files, data
from cnnlab.cifar10_files import UncheckedCIFAR10
from torchvision import datasets

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def pictures():
    return data.photopatches10(130, 20, varied=True)


def assert_read(pictures, root):
    """torchvision finds under `root` what the set holds: pictures, labels and names, each split in its order."""
    for train, images, labels in [
        (True, pictures.train_images, pictures.train_labels),
        (False, pictures.test_images, pictures.test_labels),
    ]:
        found = UncheckedCIFAR10(root, train=train)
        assert torch.equal(torch.from_numpy(found.data), images.permute(0, 2, 3, 1))
        assert found.targets == labels.tolist()
        assert found.classes == list(pictures.classes)


def test_torchvision_reads_what_was_written(pictures, tmp_path):
    root = cifar10_files.lay_out(pictures, tmp_path / "new")
    assert root == tmp_path / "new"
    assert_read(pictures, root)


def test_fewer_pictures_than_files_are_written_too(pictures, tmp_path):
    few = pictures.head(3, 1)
    assert_read(few, cifar10_files.lay_out(few, tmp_path))


def test_torchvisions_own_class_refuses_files_that_are_not_the_originals(pictures, tmp_path):
    root = cifar10_files.lay_out(pictures, tmp_path)
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        datasets.CIFAR10(root)


def test_missing_files_are_refused_without_checksums_too(pictures, tmp_path):
    root = cifar10_files.lay_out(pictures, tmp_path)
    (root / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        UncheckedCIFAR10(root)


def test_our_own_loader_reads_what_was_written(pictures, tmp_path, monkeypatch):
    monkeypatch.delenv("CNNLAB_DATA", raising=False)
    again = data.cifar10(cifar10_files.lay_out(pictures, tmp_path))
    assert torch.equal(again.train_images, pictures.train_images)
    assert torch.equal(again.test_labels, pictures.test_labels)


def test_files_that_are_there_stay_where_they_are(pictures, tmp_path):
    cifar10_files.write(pictures, tmp_path / "given")
    found = replace(pictures, source=str(tmp_path / "given" / "cifar-10-batches-py"))
    assert cifar10_files.lay_out(found, tmp_path / "new") == tmp_path / "given"
    assert not (tmp_path / "new").exists()


def test_files_without_the_names_of_classes_are_written_anew(pictures, tmp_path):
    cifar10_files.write(pictures, tmp_path / "given")
    (tmp_path / "given" / "cifar-10-batches-py" / "batches.meta").unlink()
    found = replace(pictures, source=str(tmp_path / "given" / "cifar-10-batches-py"))
    assert_read(pictures, cifar10_files.lay_out(found, tmp_path / "new"))


def test_an_archive_is_unpacked_as_it_is(pictures, tmp_path):
    cifar10_files.write(pictures, tmp_path / "given")
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "given" / "cifar-10-batches-py", "cifar-10-batches-py")
    root = cifar10_files.lay_out(replace(pictures, source=str(archive)), tmp_path / "new")
    for path in (tmp_path / "given").rglob("*batch*"):
        if path.is_file():
            assert (root / "cifar-10-batches-py" / path.name).read_bytes() == path.read_bytes()
    assert_read(pictures, root)
