"""Checks of lecture 6. They hold for both sets of pictures; where they do not, they ask which one it is."""

# %% pictures
assert means.abs().max() < 1e-3
assert len(train_part) >= N_TRAIN
assert train_part.tensors[0].shape[1:] == (3, 32, 32)
if not pictures.is_cifar10:
    assert pictures.name.startswith("PhotoPatches-10")

# %% init-code
with torch.no_grad():
    after = {
        (name, activation.__name__): sizes(init, activation)[-1]
        for name, (init, _) in inits.items()
        for activation in (torch.relu, torch.tanh)
    }
assert 0.5 < after["He", "relu"] < 2
assert np.isclose(after["Glorot", "relu"], 0.5 ** (DEPTH / 2), rtol=0.5)
assert np.isclose(after["PyTorch's own", "relu"], (1 / 6) ** (DEPTH / 2), rtol=0.5)
assert np.isclose((1 / 6) ** 0.5, 0.41, atol=0.005)
assert np.isclose((1 / 6) ** 10, 1.7e-8, rtol=0.03)
assert after["size 0.2", "relu"] > 1e6
assert after["size 0.2", "tanh"] > 0.8
assert after["PyTorch's own", "tanh"] < after["Glorot", "tanh"] < after["He", "tanh"]
with torch.no_grad():
    for init, variance in ((nn.init.kaiming_normal_, 2 / UNITS), (nn.init.xavier_normal_, 2 / (UNITS + UNITS))):
        assert np.isclose(init(torch.empty(UNITS, UNITS)).var().item(), variance, rtol=0.05)
own = nn.Linear(UNITS, UNITS).weight
assert np.isclose(own.var().item(), 1 / (3 * UNITS), rtol=0.05)
assert own.abs().max() <= 1 / UNITS**0.5

# %% bn-by-hand
assert (four.mean(), four.var(correction=0)) == (4, 5)
assert np.isclose(plain[0, 0, 0, 0].item(), (1 - 4) / 5**0.5, atol=1e-4)
assert np.isclose(learned[0, 0, 0, 0].item(), 2 * (1 - 4) / 5**0.5 + 1, atol=1e-4)
torch.testing.assert_close(layer(Z), batch_norm(Z, layer.weight, layer.bias), rtol=0, atol=1e-12)

# %% bn-running
mean_by_hand, var_by_hand = 0.0, 1.0
fresh = nn.BatchNorm2d(1, dtype=torch.float64)
for number in range(1, 51):
    fresh.train()
    fresh(Z)
    mean_by_hand = 0.9 * mean_by_hand + 0.1 * Z.mean().item()
    var_by_hand = 0.9 * var_by_hand + 0.1 * Z.var(correction=1).item()
    assert np.isclose(fresh.running_mean.item(), mean_by_hand)
    assert np.isclose(fresh.running_var.item(), var_by_hand)
    if number == 1:
        assert np.allclose([mean_by_hand, var_by_hand], [0.1 * 4, 0.9 * 1 + 0.1 * 20 / 3])
assert np.isclose(alone, (3 - mean_by_hand) / (var_by_hand + 1e-5) ** 0.5)
assert abs(alone - (3 - 4) / (20 / 3) ** 0.5) < 0.01
assert np.isclose(first, (3 - 4) / 5**0.5, atol=1e-4)
assert abs(first - second) > 0.1

# %% bn-scale-code
for name, norm in norms.items():
    (out, grad), (out_10, grad_10) = output_and_gradient(1, norm), output_and_gradient(10, norm)
    ratios = [(new.norm() / old.norm()).item() for old, new in [(out, out_10), (grad, grad_10)]]
    assert np.allclose(ratios, [10, 1] if name == "no norm" else [1, 0.1])
with_bias, _ = output_and_gradient(1, norm, bias=torch.full((4,), 5.0, dtype=torch.float64))
torch.testing.assert_close(with_bias, out, rtol=0, atol=1e-12)  # behind batch norm a bias has no effect
assert norm_before == 5
torch.testing.assert_close(w.grad, torch.tensor([0.6, 0.8]), rtol=0, atol=1e-5)

# %% bn-rates-run
nothing, clipped, normed = losses.values()
assert all(np.array(normed) < np.array(nothing))
assert np.isclose(clipped[0], nothing[0], rtol=0.1)
if device.type == "cpu":  # three epochs of few pictures
    assert normed[-1] < min(nothing)
    assert normed[-1] < clipped[-1] < nothing[-1]
    assert min(nothing) > 1.8
if not pictures.is_cifar10:
    assert clipped[-1] < 1.8 < 2 < nothing[-1]

# %% norms-code
assert np.allclose(alone, [-1, 1], atol=1e-4)
many, two = ({name: by_size[name][place] for name in kinds} for place in (0, 1))
assert min(many, key=many.get) == "batch norm"
assert two["batch norm"] > two["group norm"]
if not pictures.is_cifar10:
    assert abs(two["batch norm"] - 2.0) < 0.2
    assert abs(two["group norm"] - 1.65) < 0.2
maps = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(1))
grouped = maps.view(2, 4, -1)
spread = (grouped.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
by_hand = ((grouped - grouped.mean(2, keepdim=True)) / spread).view_as(maps)
torch.testing.assert_close(nn.GroupNorm(4, 8)(maps), by_hand, rtol=1e-4, atol=1e-5)
torch.testing.assert_close(nn.GroupNorm(1, 8)(maps), nn.LayerNorm([8, 3, 3])(maps), rtol=1e-4, atol=1e-5)

# %% dropout-by-hand
assert answers.mean() == x.sum() == 6
for off in (0.2, 0.5):
    ones = nn.Dropout(off)(torch.ones(100_000))
    torch.testing.assert_close(ones.unique(), torch.tensor([0, 1 / (1 - off)]))
    assert abs((ones == 0).float().mean() - off) < 0.01
    assert abs(ones.mean() - 1) < 0.01

# %% spatial-code
for planes, least in ((filled(numbers_off), 0.8), (filled(maps_off), 0.0)):
    for plane, truth in zip(planes[0], maps[0], strict=True):
        back = torch.corrcoef(torch.stack([plane.flatten(), truth.flatten()]))[0, 1].nan_to_num()
        assert back > least or (least == 0 and not plane.any())
for plane, truth in zip(maps_off[0], maps[0], strict=True):
    assert torch.equal(plane, 2 * truth) or not plane.any()
assert 1 <= sum(not plane.any() for plane in maps_off[0]) <= 3

# %% gallery
assert torch.equal(seen["flip"], face.flip(2))
grey = seen["to grey"]
assert torch.equal(grey[0], grey[1])
assert torch.equal(grey[0], v2.functional.rgb_to_grayscale(face)[0])
assert (seen["mixup"].float() - (0.6 * face + 0.4 * cat)).abs().max() < 1.01
brighter = v2.functional.adjust_brightness(face, 1.5)  # one of the things that the jitter draws
assert torch.equal(brighter, (face * 1.5).clamp(0, 255).to(torch.uint8))
kernel = torch.tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
smooth = F.conv2d(face.float()[:, None], kernel[None, None])[:, 0].round()
sharper = v2.functional.adjust_sharpness(face, 2)[:, 1:-1, 1:-1].float()
expected = (2 * face[:, 1:-1, 1:-1].float() - smooth).clamp(0, 255)
assert (sharper - expected).abs().max() <= 1  # to rounding: lecture 1's "image plus its details"

# %% chain-code
flips = [sum(not torch.equal(picture, batch[0]) for picture in result) for result in (one_draw, own_draws)]
assert flips[0] in (0, 64)
assert 15 < flips[1] < 50
bell = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 5**2))
assert bell[0] ** 2 / bell[2] ** 2 > 0.8  # with a sigma of 5, the corner of 5 x 5 weighs nearly as much as the centre

# %% dataset-code
assert len(visits.unique(dim=0)) == 2 * 9 * 9
assert np.isclose(all_ten_differ, 0.75, atol=0.005)
original = train_part[0][0]
assert any(torch.allclose(visit, original, atol=1e-5) for visit in visits)

# %% walkers
deep = {name: np.mean(x > -2 / 3) for name, x in ends.items()}
close = {name: np.mean(np.abs(x - 1) < 0.1) for name, x in ends.items()}
assert deep["fixed 0.02"] < 0.1 < 0.8 < deep["fixed 0.12"]
assert close["fixed 0.12"] < 0.3
assert close["0.12, then 0.004"] > 0.8
assert close["one valley, 0.002"] > 0.95

# %% six-schedules-code
t = np.arange(100)
np.testing.assert_allclose(drawn["step"], 0.1 * 0.3 ** (t // 30))
np.testing.assert_allclose(drawn["multiplicative"], 0.1 * 0.9 ** np.maximum(t - 50, 0))
np.testing.assert_allclose(drawn["exponential"], 0.1 * 0.96**t)
np.testing.assert_allclose(drawn["cosine"], 0.05 * (1 + np.cos(np.pi * t / 100)), atol=1e-12)
zigzag = 0.01 + 0.09 * (1 - np.abs(1 - t / 20 % 2))
np.testing.assert_allclose(drawn["cyclic"], zigzag, atol=1e-12)
assert drawn["one-cycle"].argmax() == 29
assert np.isclose(drawn["one-cycle"][0], 0.1 / 25)
assert drawn["one-cycle"][-1] < 1e-6
for name, rates_drawn in drawn.items():
    assert (rates_drawn.max() <= rates_drawn[0]) == (name not in ("cyclic", "one-cycle"))

# %% range-test-code
assert 0.01 < peak < 1
assert smoothed[0] > 1.9
assert smoothed[-1] > 1.2 * np.nanmin(smoothed)

# %% one-cycle-code
one_cycle, at_peak = runs["one-cycle"], runs["fixed at the peak"]
assert one_cycle.train_loss[-1] < at_peak.train_loss[-1]
assert one_cycle.validation_accuracy[-1] > at_peak.validation_accuracy[-1] - 0.05
assert one_cycle.validation_accuracy[-1] > max(one_cycle.validation_accuracy[0], 0.25 if pictures.is_cifar10 else 0.5)
assert one_cycle.learning_rate[-1] < peak / 100

# %% relu-shapes
assert np.isclose(mean_answers["ReLU"], 1 / (2 * np.pi) ** 0.5, atol=0.01)  # 0.40
assert np.isclose(mean_answers["ELU"], 0.16, atol=0.01)
for name, (one, both) in changed.items():
    if name == "ReLU":
        assert 0.4 < one < 0.6
        assert 0.15 < both < 0.35
    else:
        assert min(one, both) > 0.99
sides = {"ReLU": 0 * z, "leaky ReLU": 0.01 * z, "PReLU": 0.25 * z, "ELU": z.exp() - 1}
for name, (activation, _) in activations.items():
    torch.testing.assert_close(activation(z).detach(), torch.where(z >= 0, z, sides[name]))

# %% relu-learn-code
last_step = {name: np.flatnonzero(np.array(each) >= 0.1).max() + 1 for name, each in learned.items()}
assert len(set(learned["ReLU"])) == 1
assert learned["ReLU"][0] > 1.3
assert last_step["ELU"] < 50 < last_step["PReLU"] < last_step["leaky ReLU"] < 700
assert activations["PReLU"][0].weight < -0.5

# %% decay-code
assert np.allclose(one_step(SGD), [(1 - 0.1 * 0.01) * 2, (1 - 0.1 * 0.01) * 0.02])
assert np.allclose(one_step(AdamW), one_step(SGD))
assert np.allclose(one_step(Adam), [1.9, -0.08], atol=1e-4)
soft = torch.full((121, 10), 0.01, dtype=torch.float64)
soft[:, 0] = 0.91
torch.testing.assert_close(-(soft * logits.log_softmax(dim=1)).sum(dim=1), smoothed_loss)
assert abs(best - np.log(0.91 / 0.01)) < 0.1
assert np.isclose(smoothed_loss.min(), -0.91 * np.log(0.91) - 9 * 0.01 * np.log(0.01), atol=1e-3)
assert hard[-1] < 1e-4

# %% stopping-code
assert (epoch, stopping.best_epoch, stopping.best_weights["weight"].item()) == (6, 3, 3.0)
assert kept["weight"].item() == 6.0  # it is the weight itself, wherever that goes

# %% cures-run
accuracy = {name: accuracies.mean() for name, (_, accuracies, *_) in results.items()}
loss = {name: mean_loss for name, (_, _, mean_loss, _) in results.items()}
assert results["no cure"][0] > 0.95 > accuracy["no cure"] + 0.1  # it knows its own pictures by heart
assert accuracy["augmentation"] > accuracy["no cure"] + (0.01 if pictures.is_cifar10 else 0.1)
assert max(accuracy, key=accuracy.get) == "augmentation"
if not pictures.is_cifar10:
    assert accuracy["dropout"] > accuracy["no cure"] + 0.02

surer = ("weight decay", "label smoothing", "early stopping")
assert accuracy["dropout"] > max(accuracy[name] for name in surer) - 0.05
assert all(abs(accuracy[name] - accuracy["no cure"]) < 0.06 for name in surer)
assert all(loss[name] < loss["no cure"] for name in (*surer, "dropout", "augmentation"))
assert min(loss, key=loss.get) == "augmentation"
assert results["early stopping"][3] < FEW_EPOCHS / 2 + 3


# %% ladder-code
def mean_of(variant, result="test_accuracy"):
    return record.summary[variant][result]["mean"]


def curve_of(variant):
    return np.mean([run.history["validation_accuracy"] for run in record.runs if run.variant == variant], axis=0)


assert record.settings["epochs"] >= 60
assert len(record.seeds) >= 3
assert max(record.summary, key=mean_of) == "without_dropout"
assert mean_of("without_dropout") > mean_of("plain") + 0.1
assert max(record.summary[variant]["test_accuracy"]["std"] for variant in record.summary) < 0.025
assert curve_of("batch_norm")[0] > curve_of("plain")[0]
assert mean_of("batch_norm") < mean_of("plain") + 0.04
assert mean_of("dropout") > mean_of("batch_norm") + 0.03
assert mean_of("dropout_alone") > mean_of("plain") + 0.03
assert abs(mean_of("augmentation") - mean_of("dropout")) < 0.015
alone_or_first = ("batch_norm", "dropout_alone", "one_cycle_alone")
assert mean_of("augmentation_alone") > max(map(mean_of, alone_or_first)) + 0.03
assert 0.075 < mean_of("augmentation_alone") - mean_of("plain") < 0.125  # "about ten points"
assert abs(mean_of("one_cycle_alone") - mean_of("plain")) < 0.02
assert mean_of("one_cycle") > mean_of("augmentation") + 0.01
assert abs(curve_of("plain")[10] - curve_of("plain")[-1]) < 0.03
assert curve_of("without_dropout")[-1] > curve_of("without_dropout")[30]
assert mean_of("augmentation", "train_accuracy") < 0.7 < mean_of("without_dropout", "train_accuracy")
