"""What guards the prose of lecture 07. Nothing here depends on how fast a machine is."""

# %% pictures
assert len(train_part) + len(validation_part) == len(pictures.train_labels)
assert len(test_part) == len(pictures.test_labels)
assert abs(train_part.tensors[0].mean()) < 1e-3

# %% time-to-target
assert [each.time_to(0.55) for each in runs] == [30, 40, 30]
assert [each.time_to(0.6) for each in runs] == [50, None, 50]

# %% amdahl
speed_ups = [1 / (part + (1 - part) / 100) for part in (0.0, 0.02, 0.2, 0.5)]
assert np.allclose(speed_ups, [100, 33.6, 4.8, 2.0], rtol=0.01)
assert whole[-1] == speed_ups[-1]

# %% profiler-code
assert set(profiles) == {4, 128}
for rows in profiles.values():
    counts = {row.key: row.count for row in rows}
    assert counts["Optimizer.step#SGD.step"] == PROFILED
    assert counts["aten::convolution"] == 2 * PROFILED  # LeNetLike has two
assert models.count_parameters(models.LeNetLike()) == 62_006

# %% profiler-figure
for found in bars.values():
    assert list(found) == list(words)
    assert min(found.values()) >= 0
assert all(found["optimiser"] > 0 and found["convolution"] > 0 for name, found in bars.items() if "cpu" in name)

# %% intensity-code
assert round(flop_per_byte(4), 1) == 1.9
assert round(flop_per_byte(128), 1) == 26.8
assert round(flop_per_byte(128) / flop_per_byte(4)) == 14
assert np.isclose(flop_per_byte(1e9), limit, rtol=1e-3)
assert round(limit, 1) == 46.2
assert bandwidth * flop_per_byte(32) < peak < bandwidth * flop_per_byte(128)
assert round(2 * 128 * 400 * 120 / peak / 1e6, 1) == 0.6  # microseconds

# %% tensor-code
sums = [torch.cat([images.cpu().double().sum(dim=(1, 2, 3)) for images, _ in batches]) for batches in (ours, theirs)]
torch.testing.assert_close(*(each.sort().values for each in sums))

# %% shift-code
assert windows.shape == (3000, 3, 32, 32)
assert len(windows.flatten(1).unique(dim=0)) == 9 * 9
assert torch.equal(mirrored[0], 1 - mirrored[1])  # alternating was the last


def both_sides(flip):
    """How many of 10,000 pictures are mirrored in exactly one of two epochs."""
    again = speedrun.TensorBatches(pairs, torch.arange(10_000), 1000, flip=flip, seed=SEED)
    seen = torch.zeros(2, 10_000)
    for epoch in range(2):
        for images, labels in again:
            seen[epoch, labels] = images[:, 0, 0, 0]
    return int((seen[0] != seen[1]).sum())


assert both_sides("none") == 0
assert 4800 < both_sides("random") < 5200

# %% networks-code
assert [round(each / flop[0]) for each in flop] == [1, 8, 15, 4]
assert speedrun.CHANNELS == (64, 256, 256)

# %% rate-code
assert np.argmax(shares) == 19
assert shares[-1] < 0.02
assert path == [-1.9, -4.61]  # Nesterov's
assert speedrun.LADDER["triangle, Nesterov"].weight_decay == 0.0005
assert speedrun.LADDER["triangle, Nesterov"].nesterov

# %% formats-code
assert torch.finfo(torch.float16).max == 65_504
assert rounded(third, 7) == torch.tensor(third).bfloat16().item()
assert rounded(third, 10) == torch.tensor(third).half().item()
assert counted == 256
assert (logits.dtype, loss.dtype) == (torch.bfloat16, torch.float32)
assert model.fc3.weight.grad.dtype == torch.float32
fits = speedrun.fitted(speedrun.LADDER["quick Muon"], device)
assert (fits.bfloat16, fits.muon_bfloat16) == 2 * (speedrun.has_bfloat16(device),)

# %% layout-code
assert last.stride() == (60, 1, 15, 3)
assert not torch.equal(before, after)  # with a negative scale, which was the last
nn.init.ones_(norm.weight)
assert torch.equal(F.relu(norm(F.max_pool2d(x, 2))), F.max_pool2d(F.relu(norm(x)), 2))
nn.init.constant_(norm.weight, -1.0)
assert round(z[F.gelu(z).argmin()].item(), 2) == -0.75
assert round(F.gelu(z).min().item(), 2) == -0.17
frozen = replace(speedrun.LADDER["smoothing, GELU, frozen scale"], width=0.25)
norms = [part for part in speedrun.network(frozen).modules() if isinstance(part, nn.BatchNorm2d)]
assert all(part.bias.requires_grad and not part.weight.requires_grad for part in norms)

# %% whiten-code
assert strength[0] / strength[-1] > 1000
assert C.min() > 0.3  # "none near 0"
strongest = first[0]
assert strongest.min() > 0.8  # brightness: all of one sign, in all pixels and colours
assert len(filters) == 12

# %% dirac-code
assert torch.equal(answers["Dirac start"], picture[0])
assert not torch.allclose(answers["random start"], picture[0], atol=0.1)

# %% average-code
assert round(((1 - decay) / (1 + decay)) ** 0.5, 2) == 0.16
assert abs(np.std(path[60:]) - 0.16) < 0.03

# %% muon-code
assert np.isclose(values[0] / values.square().sum() ** 0.5, 0.507, atol=5e-4)
assert round(after.diag().min().item(), 2) == 0.68
assert round(after.diag().max().item(), 2) == 1.15
assert (after - after.diag().diag()).abs().max() < 1e-10  # the directions are the same

# %% compile-code
assert all(same)
assert len(graphs) == 2

# %% sizes-code
steps = speedrun.LADDER["batch of 1024"], speedrun.LADDER["quick Muon"]
assert [(each.batch_size, each.rate, each.muon_rate) for each in steps] == 2 * [(1024, 0.5, 0.24)]
assert (speedrun.LADDER["compiled"].rate, speedrun.LADDER["compiled"].muon_rate) == (0.1, 0.16)
assert [(each.muon_rounds, each.muon_bfloat16) for each in steps] == [(5, False), (3, True)]
assert set(speeds) == {"cpu", device.type}
assert all(len(each) == len(SIZES) and min(each) > 0 for each in speeds.values())

# %% live-code
assert recipe.width == (1 if device.type != "cpu" else 1 / 4 if pictures.is_cifar10 else 1 / 8)
assert raced["fast"].time_to(TARGET) is not None
assert raced["fast"].accuracy[-1] > raced["start"].accuracy[-1]

# %% ladder-code
assert record.settings["targets"] == [55, 60, 70]
assert (record.settings["limit_seconds"], record.settings["limit_seconds_plain_loop"]) == (20, 45)
assert (record.settings["validation_measured"], record.settings["measure_every"]) == (2000, 4500)
rates = [each.rate for each in speedrun.LADDER.values()]
assert rates == [0.001] + 3 * [0.04] + 3 * [0.1] + 4 * [0.05] + 2 * [0.1] + 2 * [0.5]
plain = min(record.summary[name]["seconds_60"]["mean"] for name in ("batch of 128", "plain loop, batch of 32"))
assert record.summary["Muon"]["reached_60"]["mean"] == 1
assert record.summary["Muon"]["seconds_60"]["mean"] < plain / 2
assert all(found["accuracy"]["n"] == len(record.seeds) >= 3 for found in record.summary.values())
assert not set(record.summary) & {"batch of 1024", "quick Muon"}  # "no GPU numbers yet"

# %% to-80-code
assert found.hardware["device"] == "cpu"
assert found.settings["epochs"] == 5
made_with = found.runs[0].details["recipe"]
assert (made_with["width"], made_with["batch_size"], made_with["bfloat16"]) == (0.25, 256, False)
assert len(found.seeds) >= 3
for run in found.runs:
    assert run.results["reached_80"] == 1
    assert run.results["seconds_60"] < 0.4 * run.results["seconds"]
    assert run.results["seconds_80"] > 0.6 * run.results["seconds"]
    half_way = run.history["accuracy"][len(run.history["accuracy"]) // 2 - 1]
    assert half_way < 0.77

# %% several-code
assert moved > 0.01
assert apart < 1e-4
