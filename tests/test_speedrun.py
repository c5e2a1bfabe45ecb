"""cnnlab.speedrun and cnnlab.distributed: what each trick promises, what the clock counts, and that shares add up."""

import copy
import itertools
import math
import os
import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest
import torch
from cnnlab import distributed, models, records, speedrun, training
from cnnlab.data import photopatches10, to_float
from cnnlab.experiments import speedrun_80_cifar10, speedrun_ladder_cifar10
from cnnlab.speedrun import LADDER, Clock, MovingAverage, Muon, Recipe, Result, TensorBatches
from conftest import CHECKOUT
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

CPU = torch.device("cpu")
GPU = torch.device("cuda")
FAST = speedrun.fitted(replace(LADDER["Muon"], width=0.125, batch_size=32, epochs=1.0), CPU)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def parts():
    pictures = photopatches10(n_train=640, n_test=200)
    images = [(to_float(each) - 0.5) / 0.25 for each in (pictures.train_images, pictures.test_images)]
    return TensorDataset(images[0], pictures.train_labels), TensorDataset(images[1], pictures.test_labels)


def numbered(n: int = 50) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures that tell their number in their upper left pixel, and labels that repeat it."""
    images = torch.rand(n, 3, 8, 8)
    images[:, 0, 0, 0] = torch.arange(n)
    return images, torch.arange(n)


# Batches.


def test_tensor_batches_give_what_a_data_loader_gives():
    images, labels = numbered()
    ours, theirs = TensorBatches(images, labels, 8), DataLoader(TensorDataset(images, labels), 8, shuffle=True)
    assert len(ours) == len(theirs) == 7
    for _ in range(2):
        sorted_parts = []
        for batches in (ours, theirs):
            got_images, got_labels = (torch.cat(part) for part in zip(*batches, strict=True))
            order = got_labels.argsort()
            sorted_parts.append((got_images[order], got_labels[order]))
        for got_images, got_labels in sorted_parts:
            assert torch.equal(got_images, images)
            assert torch.equal(got_labels, labels)


def test_the_order_is_new_each_epoch_and_fixed_by_the_seed():
    first, again, other = (TensorBatches(*numbered(), 50, seed=seed) for seed in (0, 0, 1))
    orders = [[labels.tolist() for _ in range(2) for _, labels in batches] for batches in (first, again, other)]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0][0] != orders[0][1]


def test_the_last_batch_can_be_left_out():
    sizes = {drop: [len(labels) for _, labels in TensorBatches(*numbered(20), 8, drop_last=drop)] for drop in (0, 1)}
    assert sizes == {0: [8, 8, 4], 1: [8, 8]}
    assert len(TensorBatches(*numbered(20), 8, drop_last=True)) == 2


def test_an_only_batch_is_never_left_out():
    batches = TensorBatches(*numbered(20), 32, drop_last=True)
    assert [len(labels) for _, labels in batches] == [20]
    assert len(batches) == 1


def sides_seen(flip: str, epochs: int = 4, n: int = 2000) -> torch.Tensor:
    """Whether each of n pictures came mirrored, (epochs, n)."""
    images = torch.zeros(n, 1, 2, 2)
    images[..., 1] = 1  # light on the right
    batches, seen = TensorBatches(images, torch.arange(n), 500, flip=flip), torch.zeros(epochs, n, dtype=torch.bool)
    for epoch in range(epochs):
        for got, labels in batches:
            seen[epoch, labels] = got[:, 0, 0, 0] == 1
    return seen


def test_alternating_flips_show_the_other_side_in_every_next_epoch():
    seen = sides_seen("alternating")
    assert torch.equal(seen[0], ~seen[1])
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert 0.45 < seen[0].float().mean() < 0.55


def test_random_flips_are_independent_and_none_is_none():
    seen = sides_seen("random")
    assert 0.45 < (seen[0] == seen[1]).float().mean() < 0.55
    assert not sides_seen("none").any()
    with pytest.raises(ValueError, match="'often': choose none, random or alternating"):
        TensorBatches(*numbered(), 8, flip="often")


def test_shifted_pictures_are_windows_of_the_padded_one_each_at_its_own_place():
    images = torch.arange(64.0).view(1, 1, 8, 8).expand(400, 2, 8, 8)
    ((got, _),) = TensorBatches(images, torch.zeros(400), 400, shift=2)
    padded = F.pad(images[:1], (2,) * 4, mode="reflect")[0]
    windows = [padded[:, i : i + 8, j : j + 8] for i in range(5) for j in range(5)]
    counts = [sum(torch.equal(picture, window) for picture in got) for window in windows]
    assert sum(counts) == 400
    assert min(counts) > 3


# The network.


def test_whitened_patches_have_covariance_one(parts):
    images = parts[0].tensors[0]
    filters = speedrun.whitening_filters(images, eps=0.0)
    assert filters.shape == (12, 3, 2, 2)
    answers = F.conv2d(images.double(), filters.double()).transpose(0, 1).flatten(1)
    torch.testing.assert_close(answers.cov(correction=0), torch.eye(12).double(), rtol=0, atol=2e-2)
    weak = F.conv2d(images, speedrun.whitening_filters(images, eps=0.1)).transpose(0, 1).flatten(1).var(dim=1)
    assert weak.max() < 1.001
    assert weak.min() < 0.5


def test_the_whitening_layer_has_both_signs_and_is_not_trained(parts):
    layer = speedrun.network(FAST, pictures=parts[0].tensors[0])[0][0]
    assert layer.weight.shape == (24, 3, 2, 2)
    assert torch.equal(layer.weight[:12], -layer.weight[12:])
    assert not layer.weight.requires_grad
    assert layer.bias.requires_grad
    with pytest.raises(ValueError, match="made from pictures"):
        speedrun.network(FAST)


@pytest.mark.parametrize("c_out", [5, 9])
def test_a_dirac_start_passes_the_input_on(c_out):
    conv = nn.Conv2d(5, c_out, 3, padding=1, bias=False)
    before = conv.weight[5:].clone()
    speedrun.dirac_start(conv)
    x = torch.randn(2, 5, 6, 6)
    torch.testing.assert_close(conv(x)[:, :5], x)
    assert torch.equal(conv.weight[5:], before)


@pytest.mark.parametrize("pool_first", [True, False])
def test_the_order_of_pooling_changes_nothing_but_the_statistics(pool_first):
    recipe = Recipe(pool_first=pool_first)
    block = speedrun._block(3, 4, recipe, pool=True).eval()
    kinds = [type(layer).__name__ for layer in block]
    assert kinds.index("MaxPool2d") == (1 if pool_first else 3)
    x = torch.randn(2, 3, 8, 8)
    expected = F.max_pool2d(F.relu(block[2 if pool_first else 1](block[0](x))), 2)
    torch.testing.assert_close(block(x), expected)


def test_frozen_scales_stay_and_offsets_learn(parts):
    model, _ = speedrun.run(FAST, *parts, device=CPU)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 7
    assert all(torch.equal(norm.weight, torch.ones_like(norm.weight)) for norm in norms)
    assert all(norm.bias.abs().sum() > 0 for norm in norms)


@pytest.mark.parametrize("recipe", LADDER.values(), ids=LADDER)
def test_every_recipe_has_a_network_that_answers_and_learns(recipe, parts):
    images, labels = (tensor[:16] for tensor in parts[0].tensors)
    model = speedrun.network(replace(recipe, width=0.125), pictures=parts[0].tensors[0])
    assert model(images).shape == (16, 10)
    F.cross_entropy(model(images), labels).backward()
    assert all(weights.grad is not None for weights in model.parameters() if weights.requires_grad)


def test_nine_layers_are_nine():
    layers = [m for m in speedrun.network(LADDER["nine layers, residual"]).modules() if hasattr(m, "weight")]
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in layers) == 9
    with pytest.raises(ValueError, match="'ten': choose"):
        speedrun.network(Recipe(network="ten"))


def test_the_moving_average_is_the_sum_done_by_hand():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average, by_hand = MovingAverage(model, decay=0.5), model[0].weight.detach().clone()
    for step in range(1, 31):
        with torch.no_grad():
            model[0].weight.add_(torch.randn(2, 2))
        model(torch.randn(4, 2))
        average.update(model)
        decay = min(0.5, (1 + step) / (10 + step))
        by_hand = decay * by_hand + (1 - decay) * model[0].weight.detach()
        torch.testing.assert_close(average.model[0].weight, by_hand)
    assert average.model[1].num_batches_tracked == 30
    assert not torch.equal(average.model[1].running_mean, model[1].running_mean)


# The optimiser.


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (20, 20)])
def test_orthogonalised_keeps_the_singular_vectors_and_evens_out_the_values(shape):
    matrix = torch.randn(shape, dtype=torch.float64)
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    got = u.T @ speedrun.orthogonalised(matrix) @ v.T
    diagonal = got.diagonal()
    assert values.max() / values.min() > 1.5
    torch.testing.assert_close(got, torch.diag(diagonal), rtol=0, atol=1e-9)
    large = values / values.norm() > 0.02  # five steps are too few for a direction that hardly occurs
    assert diagonal[large].min() > 0.6
    assert diagonal.max() < 1.3


def test_muon_steps_by_the_rate_along_the_orthogonalised_momentum():
    weights = nn.Parameter(torch.randn(6, 2, 3, 3))
    optimizer, velocity = Muon([weights], lr=0.1, momentum=0.5), torch.zeros(6, 2, 3, 3)
    for _ in range(3):
        before, weights.grad = weights.detach().clone(), torch.randn(6, 2, 3, 3)
        velocity = 0.5 * velocity + weights.grad
        direction = speedrun.orthogonalised((weights.grad + 0.5 * velocity).view(6, 18)).view(6, 2, 3, 3)
        optimizer.step()
        torch.testing.assert_close(weights.detach(), before * 6**0.5 / before.norm() - 0.1 * direction)
    assert optimizer.step(lambda: 7.0) == 7.0


@pytest.mark.parametrize(("rounds", "bfloat16", "tolerance"), [(3, False, 1e-6), (3, True, 0.05), (1, False, 1e-6)])
def test_muon_makes_as_many_rounds_as_asked_for_also_in_short_numbers(rounds, bfloat16, tolerance):
    weights = nn.Parameter(torch.randn(6, 2, 3, 3))
    weights.grad, before = torch.randn(6, 2, 3, 3), weights.detach().clone()
    optimizer = Muon([weights], lr=0.1, rounds=rounds, bfloat16=bfloat16)
    optimizer.step()
    direction = speedrun.orthogonalised((1.6 * weights.grad).view(6, 18), rounds).view(6, 2, 3, 3)
    expected = before * 6**0.5 / before.norm() - 0.1 * direction
    torch.testing.assert_close(weights.detach(), expected, rtol=0, atol=0.1 * tolerance)
    assert weights.dtype == torch.float32


def test_the_recipe_says_how_muon_works_and_only_a_gpu_compiles_it(parts, monkeypatch):
    recipe = replace(FAST, muon_rounds=3, muon_bfloat16=True, compile=True)
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function, **_: compiled.append(function) or function)
    _, muon = speedrun.optimizers(speedrun.network(recipe, pictures=parts[0].tensors[0]), recipe)
    assert (muon.rounds, muon.kind) == (3, torch.bfloat16)
    assert compiled == []
    _, muon = speedrun.optimizers(speedrun.network(recipe, pictures=parts[0].tensors[0]).to("meta"), recipe)
    assert compiled == [speedrun.orthogonalised]


def test_muon_takes_the_filters_and_sgd_all_else_that_is_trained(parts):
    model = speedrun.network(FAST, pictures=parts[0].tensors[0])
    sgd, muon = speedrun.optimizers(model, FAST)
    shapes = [[len(w.shape) for group in each.param_groups for w in group["params"]] for each in (sgd, muon)]
    assert set(shapes[0]) == {1, 2}
    assert shapes[1] == [4] * 7
    assert len(shapes[0] + shapes[1]) == sum(weights.requires_grad for weights in model.parameters())


def test_the_triangle_rises_for_a_fifth_and_falls_to_nothing():
    shares = [speedrun.triangle(step, 99) for step in range(99)]
    assert shares.index(max(shares)) == 19
    assert max(shares) == pytest.approx(1)
    rises = [b - a for a, b in itertools.pairwise(shares)]
    assert rises[:19] == pytest.approx([0.05] * 19)
    assert rises[19:] == pytest.approx([-0.0125] * 79)
    assert 0 < shares[-1] < 0.02


# The training and its clock.


def test_time_to_a_target_is_that_of_the_first_measurement_at_it():
    result = Result(seconds=[1.0, 2.0, 3.0, 4.0], accuracy=[0.3, 0.5, 0.45, 0.6])
    assert [result.time_to(target) for target in (0.2, 0.5, 0.55, 0.7)] == [1.0, 2.0, 4.0, None]
    reached = {"reached_50": 1.0, "seconds_50": 2.0}
    assert result.to_targets([50, 70]) == reached | {"reached_70": 0.0, "seconds_70": 4.0}


def test_the_clock_counts_between_start_and_pause_only(monkeypatch):
    now = iter([(10.0, 1.0), (12.0, 1.5), (100.0, 7.0), (103.0, 7.25)])
    monkeypatch.setattr(Clock, "_now", lambda self: next(now))
    clock = Clock(CPU)
    for _ in range(2):
        clock.start()
        clock.pause()
    assert (clock.wall, clock.cpu, clock.seconds) == (5.0, 0.75, 0.75)
    assert replace_device(clock, "cuda").seconds == 5.0
    with pytest.raises(RuntimeError, match="does not run"):
        clock.pause()


def replace_device(clock: Clock, kind: str) -> Clock:
    clock.device = torch.device(kind)
    return clock


def test_measuring_does_not_count_and_ends_the_training_at_the_target(parts, monkeypatch):
    recipe = replace(LADDER["one tensor"], epochs=10, batch_size=64)
    ticks, accuracies = iter(range(1000)), iter([0.1, 0.5, 0.3, 0.8, 0.9])

    def measured(*_):
        [next(ticks) for _ in range(100)]  # as if it took very long
        return next(accuracies)

    monkeypatch.setattr(Clock, "_now", lambda self: (next(ticks),) * 2)
    monkeypatch.setattr(speedrun, "accuracy", measured)
    _, result = speedrun.run(recipe, *parts, device=CPU, measure_every=128, stop_at=0.8)
    assert result.pictures == [128, 256, 384, 512]
    assert result.accuracy == [0.1, 0.5, 0.3, 0.8]
    assert result.seconds == [1, 2, 3, 4]  # a tick before and after each piece of training


def test_a_training_ends_at_its_limit_and_at_its_last_step(parts):
    recipe = replace(LADDER["one tensor"], epochs=1.5, batch_size=64)
    _, whole = speedrun.run(recipe, *parts, device=CPU, measure_every=400)
    assert whole.pictures == [448, 832, 960]
    _, short = speedrun.run(recipe, *parts, device=CPU, measure_every=64, limit=0.0)
    assert short.pictures == [64]


def test_the_plain_recipe_is_the_loop_of_the_other_lectures(parts):
    recipe = Recipe(batch_size=64, rate=0.01, epochs=2)
    model, _ = speedrun.run(recipe, *parts, device=CPU, seed=3)
    torch.manual_seed(3)
    other = models.LeNetLike()
    batches = DataLoader(parts[0], 64, shuffle=True, generator=torch.Generator().manual_seed(3))
    optimizer = torch.optim.SGD(other.parameters(), lr=0.01, momentum=0.9)
    training.train(other, batches, DataLoader(parts[1], 200), optimizer, epochs=2)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_fast_recipe_learns_on_a_cpu(parts):
    model, result = speedrun.run(replace(FAST, epochs=4.0), *parts, device=CPU)
    assert result.accuracy[-1] > 0.4
    assert result.compile_seconds == 0
    assert result.seconds[-1] > 0
    assert result.pictures == [2560]
    assert speedrun.accuracy(model, parts[1], FAST) == result.accuracy[-1]


def test_compiling_is_timed_apart_and_leaves_no_trace(parts, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    recipe = replace(FAST, epochs=0.2)
    plain, compiled = (speedrun.run(each, *parts, device=CPU) for each in (recipe, replace(recipe, compile=True)))
    assert plain[1].compile_seconds == 0 < compiled[1].compile_seconds
    for name, weights in plain[0].state_dict().items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(compiled[0].state_dict()[name], weights, msg=name)


def test_a_mirrored_test_gives_a_picture_and_its_mirror_image_one_answer(parts):
    images, labels = parts[1].tensors
    model = copy.deepcopy(speedrun.network(FAST, pictures=images)).eval()
    both = [speedrun.accuracy(model, TensorDataset(each, labels), FAST) for each in (images, images.flip(3))]
    assert both[0] == both[1]
    one_side = replace(FAST, mirror_test=False, bfloat16=False)
    with torch.no_grad():
        expected = (model(images).argmax(1) == labels).float().mean().item()
    assert speedrun.accuracy(model, parts[1], one_side) == pytest.approx(expected)


def test_a_loss_that_explodes_is_told(parts):
    recipe = replace(LADDER["one tensor"], rate=1e6, epochs=2, batch_size=64)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        speedrun.run(recipe, *parts, device=CPU)


def test_the_ladder_changes_something_at_each_step():
    recipes = list(LADDER.values())
    assert len(recipes) == 15
    assert recipes[0] == Recipe()
    changed = [
        {each.name for each in fields(Recipe) if getattr(a, each.name) != getattr(b, each.name)}
        for a, b in itertools.pairwise(recipes)
    ]
    assert all(changed)
    assert set.union(*changed) >= {"batch_size", "on_device", "muon", "compile", "whiten", "muon_rounds"}


@pytest.mark.parametrize(
    ("found", "has"), [({}, False), ({"avx2": True, "amx_bf16": False}, False), ({"amx_bf16": True}, True)]
)
def test_short_numbers_are_left_out_where_the_processor_has_no_instructions_for_them(found, has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert speedrun.has_bfloat16(CPU) == has
    recipe = replace(LADDER["quick Muon"], width=0.5)
    assert speedrun.fitted(recipe, CPU) == replace(recipe, bfloat16=has, muon_bfloat16=has)
    assert speedrun.fast_recipe(CPU).bfloat16 == has
    assert not speedrun.has_bfloat16(torch.device("mps"))


def test_a_gpu_is_given_the_top_of_the_ladder(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert speedrun.fast_recipe(GPU) == replace(LADDER["quick Muon"], epochs=10.0)


# Several processes.


def trained(*launcher: str, weights: str, tmp_path) -> dict[str, torch.Tensor]:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": "lectures"}
    command = [sys.executable, *launcher, "-m", "cnnlab.distributed", "--weights", str(tmp_path / weights)]
    shell = subprocess.run(
        [*command, "--steps", "6"], env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=120
    )
    assert shell.returncode == 0, shell.stderr
    return torch.load(tmp_path / weights, weights_only=True)


def test_two_processes_with_half_a_batch_each_are_one_with_the_whole(tmp_path):
    one = trained(weights="one.pt", tmp_path=tmp_path)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    two = trained(*torchrun, weights="two.pt", tmp_path=tmp_path)
    torch.manual_seed(0)
    start = models.LeNetLike().state_dict()
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, rtol=1e-4, atol=1e-6)
        assert not torch.equal(weights, start[name])


def test_shares_of_unequal_size_are_refused():
    images, labels = torch.rand(8, 3, 32, 32), torch.zeros(8, dtype=torch.long)
    settings = dict(steps=1, rate=0.1, rank=0, world=2)
    for batch_size in (3, 10):
        with pytest.raises(ValueError, match="equal shares"):
            distributed.train(models.LeNetLike(), images, labels, batch_size=batch_size, **settings)


def test_shares_together_are_the_batch():
    """Gradients of the two shares, averaged by hand, against one process's step."""
    torch.manual_seed(0)
    images, labels = torch.rand(16, 3, 32, 32), torch.randint(10, (16,))
    start = models.LeNetLike()
    after = []
    for rank, world in ((0, 1), (0, 2), (1, 2)):
        model = copy.deepcopy(start)
        distributed.train(model, images, labels, batch_size=16, steps=1, rate=0.1, rank=rank, world=world)
        after.append(model.fc3.weight.detach())
    torch.testing.assert_close(after[0], (after[1] + after[2]) / 2)
    assert not torch.allclose(after[1], after[2])
    assert math.isfinite(after[0].sum())


# The experiments and their records.


def test_the_record_is_of_the_recipes_as_they_are_now():
    made = records.read("speedrun_ladder_cifar10")
    assert made.settings == speedrun_ladder_cifar10.SETTINGS
    assert len(made.seeds) >= 3
    recipes = {**speedrun_ladder_cifar10.PLAIN, **LADDER}
    assert set(made.summary) == set(recipes) - set(speedrun_ladder_cifar10.FOR_GPUS)
    for run in made.runs:
        recorded = asdict(Recipe()) | run.details["recipe"]  # what a recipe did not have then was as it is by default
        chosen = {"width": recorded["width"], "epochs": recorded["epochs"]}
        assert recorded == asdict(replace(recipes[run.variant], **chosen))


def test_the_record_of_80_percent_is_of_the_recipe_as_it_is_now():
    made = records.read("speedrun_80_cifar10")
    assert made.settings == speedrun_80_cifar10.SETTINGS
    assert len(made.seeds) >= 3
    fast = speedrun.fast_recipe(CPU)
    for run in made.runs:
        assert run.details["recipe"] == asdict(replace(fast, bfloat16=run.details["recipe"]["bfloat16"]))


@pytest.mark.parametrize("name", ["speedrun_ladder_cifar10", "speedrun_80_cifar10"])
def test_what_a_record_says_of_a_target_follows_from_its_history(name):
    made = records.read(name)
    for run in made.runs:
        result = Result(seconds=run.history["seconds"], accuracy=run.history["accuracy"])
        assert result.to_targets(made.settings["targets"]).items() <= run.results.items()


@pytest.mark.parametrize("experiment", [speedrun_ladder_cifar10, speedrun_80_cifar10])
def test_on_a_gpu_targets_go_up_to_94_percent_and_trainings_are_longer(experiment):
    assert experiment.settings_for(CPU) == experiment.SETTINGS
    on_a_gpu = experiment.settings_for(GPU)
    assert on_a_gpu.keys() == experiment.SETTINGS.keys()
    assert max(on_a_gpu["targets"]) == 94
    assert on_a_gpu["epochs"] > experiment.SETTINGS["epochs"]


def test_only_a_gpu_climbs_the_last_steps(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    whole = speedrun_ladder_cifar10.recipes_for(GPU)
    assert whole == {**speedrun_ladder_cifar10.PLAIN, **LADDER}
    assert list(speedrun_ladder_cifar10.recipes_for(CPU)) == list(whole)[:-2]


def test_the_ladder_is_climbed_with_every_seed(monkeypatch):
    pictures = photopatches10(n_train=1500, n_test=50)
    monkeypatch.setattr(speedrun_ladder_cifar10, "LADDER", {name: LADDER[name] for name in ("batch of 128", "Muon")})
    monkeypatch.setattr(speedrun_ladder_cifar10, "WIDTH", {"cpu": 0.125})
    limits = {"limit_seconds": 0.1, "limit_seconds_plain_loop": 0.2, "validation": 200, "validation_measured": 100}
    settings = {**speedrun_ladder_cifar10.SETTINGS, **limits, "measure_every": 500}
    runs = speedrun_ladder_cifar10.experiment(pictures, CPU, [0, 1], settings)
    assert [(run.seed, run.variant) for run in runs] == [
        (seed, name) for seed in (0, 1) for name in ("plain loop, batch of 32", "batch of 128", "Muon")
    ]
    assert all(run.results["seconds_70"] >= run.results["seconds_55"] > 0 for run in runs)
    assert all(run.details["recipe"]["width"] == 0.125 for run in runs)


def test_the_way_to_80_percent_is_measured_with_every_seed(monkeypatch):
    monkeypatch.setattr(speedrun, "fast_recipe", lambda device: FAST)
    small = {"validation": 200, "validation_measured": 100, "measure_every": 200, "epochs": 1}
    pictures = photopatches10(n_train=600, n_test=50)
    runs = speedrun_80_cifar10.experiment(pictures, CPU, [0, 1], speedrun_80_cifar10.SETTINGS | small)
    assert [run.seed for run in runs] == [0, 1]
    for run in runs:
        assert len(run.history["accuracy"]) == 2  # 12 batches of 32 are 384 pictures
        assert run.results["seconds"] == run.history["seconds"][-1] >= run.results["seconds_60"] > 0
        assert run.details["recipe"]["width"] == 0.125
