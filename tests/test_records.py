"""cnnlab.records: what a record holds, what is refused; the committed records; the experiments that make them."""

import json
import os
import statistics
from dataclasses import asdict, replace

import pytest
import torch
from cnnlab import data, records
from cnnlab.experiments import batch_and_rate_cifar10, birds_airplanes_cifar10, cifar10, lenet_cifar10
from cnnlab.records import Record, RecordError, Run

pytestmark = pytest.mark.filterwarnings("error")


def run(seed: int, accuracy: float, variant: str = "") -> Run:
    history = {"train_loss": [2.0, 1.5], "seconds": [0.25, 0.5]}
    return Run(seed, history, {"test_accuracy": accuracy}, variant, {"confusion": [[1, 0], [2, 3]]})


def record(*runs: Run, **changes) -> Record:
    parts = {
        "command": "python -m cnnlab.experiments.nothing --seeds 4 7",
        "data": "CIFAR-10 (JPEG copies)",
        "hardware": {"device": "cpu", "name": "a processor", "cpu_threads": 2},
        "versions": {"torch": "2.15.0"},
        "settings": {"learning_rate": 0.01, "classes": ["airplane", "bird"]},
        "runs": list(runs) or [run(4, 0.5), run(7, 0.7)],
    }
    return Record(**{**parts, **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "nothing.json"


def test_a_record_comes_back_as_it_was_written(path):
    records.write(record(), path)
    assert records.read(path) == record()
    assert [file.name for file in path.parent.iterdir()] == ["nothing.json"], "nothing unfinished stays"
    assert '"train_loss": [ 2.0, 1.5 ]' in path.read_text(), "a history is one line"


def test_a_record_is_read_by_its_name(path, monkeypatch):
    monkeypatch.setattr(records, "RESULTS", path.parent)
    records.write(record(), path)
    assert records.read("nothing") == record()
    with pytest.raises(FileNotFoundError, match=r"something\.json"):
        records.read("something")


def test_the_summary_is_mean_sample_standard_deviation_and_number():
    summary = record(run(0, 0.5), run(1, 0.6), run(2, 0.7)).summary
    assert summary == {"test_accuracy": {"mean": pytest.approx(0.6), "std": pytest.approx(0.1), "n": 3}}
    assert record(run(0, 0.5)).summary["test_accuracy"] == {"mean": 0.5, "std": None, "n": 1}


def test_variants_are_summarised_apart(path):
    runs = [run(seed, accuracy + seed / 10, name) for name, accuracy in (("a", 0.2), ("b", 0.6)) for seed in (1, 2)]
    records.write(record(*runs), path)
    made = records.read(path)
    assert made.seeds == [1, 2]
    assert {name: part["test_accuracy"]["mean"] for name, part in made.summary.items()} == pytest.approx(
        {"a": 0.35, "b": 0.75}
    )


def test_a_killed_write_leaves_the_old_record(path, monkeypatch):
    records.write(record(), path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        records.write(record(run(4, 0.1)), path)
    assert records.read(path) == record()
    assert [file.name for file in path.parent.iterdir()] == ["nothing.json"]


@pytest.mark.parametrize(
    ("runs", "changes", "message"),
    [
        ([], {"runs": []}, "at least one run"),
        ([], {"command": ""}, "needs a command"),
        ([run(1, 0.5), run(1, 0.6)], {}, "each once"),
        ([run(1, 0.5, "a"), run(2, 0.6, "b")], {}, "the same ones"),
        ([run(1, 0.5, "a"), run(1, 0.6)], {}, "each needs a name"),
        ([run(1, 0.5, "rate 0.1"), run(1, 0.6, "b")], {}, "without a full stop"),
        ([run(1, float("nan"))], {}, "finite"),
        ([run(1, "0.5")], {}, "finite"),
        ([replace(run(1, 0.5), history={})], {}, "at least one epoch"),
        ([replace(run(1, 0.5), history={"a": [1.0], "b": [1.0, 2.0]})], {}, "lists of one length"),
        ([replace(run(1, 0.5), history={"a": [float("inf")]})], {}, "finite"),
        ([run(1, 0.5), replace(run(2, 0.5), results={"other": 1.0})], {}, r"its results are \['other'\]"),
        ([], {"settings": {"folder": "/data/cifar"}}, "a place on this machine"),
        ([], {"settings": {"folder": ["~/cifar"]}}, "a place on this machine"),
        ([], {"command": "CNNLAB_DATA=/data python -m x"}, "a place on this machine"),
        ([], {"hardware": {r"C:\data": 1}}, "a place on this machine"),
    ],
)
def test_what_no_record_may_be(runs, changes, message):
    with pytest.raises(RecordError, match=message):
        record(*runs, **changes)


def spoil(key: str, value: object):
    return lambda content: content.update({key: value})


@pytest.mark.parametrize(
    ("spoil_it", "message"),
    [
        (spoil("extra", 1), "expected"),
        (lambda content: content.pop("hardware"), "expected"),
        (spoil("data", 7), "data is of type int, expected str"),
        (spoil("seeds", [4, 8]), r"seeds is \[4, 8\], but the runs give \[4, 7\]"),
        (lambda content: content["summary"]["test_accuracy"].update(mean=0.61), "but the runs give"),
        (lambda content: content["summary"]["test_accuracy"].update(n=3), "but the runs give"),
        (lambda content: content["runs"][0]["results"].update(test_accuracy=0.9), "but the runs give"),
        (lambda content: content["runs"][0].pop("seed"), "run 0 has"),
        (lambda content: content["runs"][1].update(seed="7"), "run 1: seed is of type str, expected int"),
        (lambda content: content["runs"][1]["history"].update(seconds=3), "history of run 1: seconds is of type int"),
        (lambda content: content["runs"].append(3), "run 2 has int"),
    ],
)
def test_a_record_changed_by_hand_is_refused(spoil_it, message, path):
    records.write(record(), path)
    content = json.loads(path.read_text())
    spoil_it(content)
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=rf"nothing\.json: .*{message}"):
        records.read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "Expecting value"), ("[]", "the record has list"), ('{"data": 1, "data": 2}', "a key comes twice")],
)
def test_a_file_that_is_no_record_is_refused(text, message, path):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(RecordError, match=rf"nothing\.json: .*{message}"):
        records.read(path)


def test_hardware_and_versions_name_what_computed():
    here = records.hardware(torch.device("cpu"))
    assert here["device"] == "cpu"
    assert here["name"]
    assert here["cpu_threads"] == torch.get_num_threads()
    assert records.versions()["torch"] == torch.__version__.split("+")[0]


def test_a_gpu_is_recorded_by_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    assert records.hardware(torch.device("cuda", 1))["name"] == "GPU 1"


# --- the committed records --------------------------------------------------------------------------------------

EXPERIMENTS = {
    "lenet_cifar10": lenet_cifar10,
    "birds_airplanes_cifar10": birds_airplanes_cifar10,
    "batch_and_rate_cifar10": batch_and_rate_cifar10,
}


@pytest.mark.parametrize("file", sorted(records.RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_a_committed_record_is_whole_and_names_its_experiment(file):
    made = records.read(file)
    assert made.command.startswith(f"python -m cnnlab.experiments.{file.stem}")
    assert made.data.startswith(("CIFAR-10", "PhotoPatches-10"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_committed_record_has_the_settings_of_its_experiment_and_three_seeds(name):
    made = records.read(name)
    assert made.settings == EXPERIMENTS[name].SETTINGS
    assert len(made.seeds) >= 3
    assert all(len(values) == made.settings["epochs"] for run in made.runs for values in run.history.values())


def test_the_confusion_recorded_agrees_with_the_accuracies():
    for each in records.read("lenet_cifar10").runs:
        confusion = torch.tensor(each.details["confusion"])
        assert confusion.sum(dim=1).tolist() == [1000] * 10
        assert confusion.diag().sum() / 10_000 == pytest.approx(each.results["test_accuracy"])
        for name, right in zip(each.details["classes"], confusion.diag().tolist(), strict=True):
            assert each.results[f"test_accuracy_{name}"] == pytest.approx(right / 1000)


# --- the experiments --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures():
    """A small embedded set under CIFAR-10's class names, as the experiments want it."""
    patches = data.photopatches10(200, 100)
    return replace(patches, name="CIFAR-10 (a stand-in)", classes=data.CIFAR10_CLASSES)


def test_the_split_loses_nothing_shares_nothing_and_is_normalised_by_the_training_part(pictures):
    train, validation, test = cifar10.split(pictures, 50)
    assert [len(part) for part in (train, validation, test)] == [150, 50, 100]
    mean, std = (train.tensors[0].mean(dim=(0, 2, 3)), train.tensors[0].std(dim=(0, 2, 3)))
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(std, torch.ones(3), atol=1e-3, rtol=0)
    everything = torch.cat([train.tensors[0], validation.tensors[0]]).flatten(1)
    assert len(everything.unique(dim=0)) == len(pictures.train_images.flatten(1).unique(dim=0)) == 200
    again, _, _ = cifar10.split(pictures, 50)
    assert torch.equal(train.tensors[0], again.tensors[0])
    assert torch.equal(test.tensors[1], pictures.test_labels)


@pytest.mark.parametrize(
    ("experiment", "changes", "n_runs"),
    [
        (lenet_cifar10, {"validation": 50}, 2),
        (birds_airplanes_cifar10, {"validation": 10}, 2),
        (
            batch_and_rate_cifar10,
            {"validation": 50, "train": 100, "batch_sizes": [32, 64], "learning_rates": ["1e-2"]},
            4,
        ),
    ],
)
def test_an_experiment_runs_each_seed_and_makes_a_record(experiment, changes, n_runs, pictures, path, capsys):
    settings = {**experiment.SETTINGS, **changes, "epochs": 2}
    runs = experiment.experiment(pictures, torch.device("cpu"), [3, 5], settings)
    assert len(runs) == n_runs
    assert {each.seed for each in runs} == {3, 5}
    made = record(*runs)
    records.write(made, path)
    assert json.loads(json.dumps(asdict(records.read(path)))) == json.loads(json.dumps(asdict(made)))
    assert capsys.readouterr().out.count("epoch   2") == n_runs, "progress is shown"
    again = experiment.experiment(pictures, torch.device("cpu"), [3, 5], settings)
    for first, second in zip(runs, again, strict=True):
        assert first.history["train_loss"] == pytest.approx(second.history["train_loss"], rel=1e-4)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folder of shipped records and that of the reader's own, as `records` finds them."""
    monkeypatch.setattr(records, "RESULTS", tmp_path / "shipped")
    monkeypatch.setenv("CNNLAB_RESULTS", str(tmp_path / "own"))
    return tmp_path / "shipped", tmp_path / "own"


def test_the_command_refuses_another_set_and_writes_what_was_run(pictures, folders, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["nothing", "--seeds", "3", "--epochs", "1"])
    called = []

    def experiment(pictures, device, seeds, settings):
        called.append((list(seeds), settings))
        return [run(3, 0.5)]

    monkeypatch.setattr(data, "cifar10", lambda: data.photopatches10(200, 100))
    with pytest.raises(SystemExit, match="CIFAR-10 only"):
        cifar10.main("nothing", experiment, {"epochs": 9, "rate": 0.1})
    assert not called

    monkeypatch.setattr(data, "cifar10", lambda: pictures)
    cifar10.main("nothing", experiment, {"epochs": 9, "rate": 0.1})
    assert called == [([3], {"epochs": 1, "rate": 0.1})]
    made = records.read_own("nothing")
    assert made.command == "python -m cnnlab.experiments.nothing --seeds 3 --epochs 1"
    assert made.data == "CIFAR-10 (a stand-in)"
    assert made.settings == {"epochs": 1, "rate": 0.1}
    assert statistics.fmean(each.results["test_accuracy"] for each in made.runs) == 0.5
    assert "Written: " in capsys.readouterr().out

    cifar10.main("nothing", experiment, {"epochs": 9}, load=lambda: data.photopatches10(200, 100))
    assert records.read_own("nothing").data == "PhotoPatches-10", "unless it asks for another set itself"


def test_an_experiment_leaves_the_shipped_record_alone_unless_told(pictures, folders, monkeypatch, capsys):
    shipped, own = folders
    monkeypatch.setattr(data, "cifar10", lambda: pictures)

    def experiment(accuracy):
        return lambda pictures, device, seeds, settings: [run(seed, accuracy) for seed in seeds]

    assert records.read_own("nothing") is None
    monkeypatch.setattr("sys.argv", ["nothing", "--record"])
    cifar10.main("nothing", experiment(0.5), {"epochs": 9})
    assert not own.exists(), "who records for the lectures gets no second copy"
    before = (shipped / "nothing.json").read_bytes()

    monkeypatch.setattr("sys.argv", ["nothing", "--seeds", "0"])
    cifar10.main("nothing", experiment(0.75), {"epochs": 9})
    assert (shipped / "nothing.json").read_bytes() == before
    assert records.read("nothing").runs[0].results["test_accuracy"] == 0.5
    assert records.read_own("nothing").runs[0].results["test_accuracy"] == 0.75
    assert str(own / "nothing.json") in capsys.readouterr().out

    (own / "nothing.json").write_text("{")
    with pytest.raises(RecordError, match=r"nothing\.json"):
        records.read_own("nothing")


def test_a_reader_without_a_folder_of_their_own_gets_one_among_their_data(monkeypatch):
    monkeypatch.delenv("CNNLAB_RESULTS", raising=False)
    assert records.own_results().name == "results"
    assert records.own_results() != records.RESULTS
