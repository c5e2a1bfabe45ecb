"""cnnlab.imagenet: trained weights from PyTorch's cache, a download only when asked for, or else a sentence."""

from urllib.error import URLError

import pytest
import torch
from cnnlab import imagenet
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

WEIGHTS = SqueezeNet1_1_Weights.IMAGENET1K_V1
FILE = "squeezenet1_1-b8a52dc0.pth"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """PyTorch's cache, empty, and a network that must not be asked."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("CNNLAB_DOWNLOAD", raising=False)
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("asked the network"))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def state():
    torch.manual_seed(0)
    return squeezenet1_1().state_dict()


def same(model, state) -> bool:
    return all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_weights_in_the_cache_are_used(cache, state):
    torch.save(state, cache / FILE)
    model = imagenet.load(squeezenet1_1, WEIGHTS)
    assert same(model, state)
    assert not model.training


def test_the_cache_alone_never_downloads(cache, state, monkeypatch):
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "1")
    assert imagenet.cached_weights(WEIGHTS) is None
    torch.save(state, cache / FILE)
    found = imagenet.cached_weights(WEIGHTS)
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_without_them_it_says_what_is_missing_and_how_to_get_it(capsys):
    assert imagenet.load(squeezenet1_1, WEIGHTS) is None
    said = capsys.readouterr().out
    for word in (FILE, "SqueezeNet1_1_Weights.IMAGENET1K_V1", "5 MB", "%env CNNLAB_DOWNLOAD=1", "torch.hub.get_dir()"):
        assert word in said
    assert "failed" not in said


def test_a_download_that_was_asked_for_is_kept_and_used(cache, state, monkeypatch):
    def download(url, file, hash_prefix, **_):
        assert (url, hash_prefix) == (WEIGHTS.url, "b8a52dc0")
        torch.save(state, file)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "1")
    assert same(imagenet.load(squeezenet1_1, WEIGHTS), state)
    assert (cache / FILE).is_file()


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("invalid hash value")])
def test_a_download_that_fails_is_told(error, capsys, monkeypatch):
    def download(*_, **__):
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "1")
    assert imagenet.load(squeezenet1_1, WEIGHTS) is None
    said = capsys.readouterr().out
    assert str(error) in said
    assert FILE in said


def test_a_download_that_was_not_asked_for_is_not_made(monkeypatch):
    monkeypatch.setenv("CNNLAB_DOWNLOAD", "0")
    assert imagenet.load(squeezenet1_1, WEIGHTS) is None
