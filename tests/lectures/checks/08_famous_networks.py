"""What guards the prose of lecture 08."""

import math

import numpy as np
import torch
from cnnlab import blocks, efficientnet
from cnnlab.models import count_parameters
from torch import nn
from torchvision import models

# %% top-five
for k, expected in [(1, 0.5), (5, 0.25)]:
    best = scores.topk(k, dim=1).indices
    assert (best != labels[:, None]).all(dim=1).float().mean() == expected
assert results["2012 AlexNet"] < 0.6 * results["2012 second"]

# %% alexnet-code
assert same
assert count_parameters(later) == 61_100_840
assert count_parameters(original) == 60_965_224

# %% alexnet-bars
assert share[:, 0].argmax() == 5
assert round(share[5, 0], 2) == 0.62
assert round(share[6, 0], 2) == 0.28
assert round(share[:5, 0].sum(), 2) == 0.04
assert share[:, 1].argmax() == 1
assert round(share[1, 1], 2) == 0.31
assert round(share[:5, 1].sum(), 2) == 0.92
assert rows[:, 0].sum() == count_parameters(original)
assert rows[:, 2].sum() == 659_272
assert sum(layer.out_channels for layer in original if isinstance(layer, nn.Conv2d)) == 1376

# %% small-kernels
assert one.shape[2:] == (7, 7)
assert count_parameters(small) == 27 * 64**2
assert count_parameters(large) == 49 * 64**2

# %% vgg-code
sizes = []
for counts in plans.values():
    with torch.device("meta"):
        sizes.append(count_parameters(vgg(counts)))
metas = [models.get_model_weights(f"vgg{depth}").IMAGENET1K_V1.meta for depth in (11, 13, 16, 19)]
assert sizes == [meta["num_params"] for meta in metas]
assert round(sizes[2] / count_parameters(original), 2) == 2.27
assert round((sizes[3] - sizes[0]) / 1e6) == 11
assert round((sizes[2] - count_parameters(vgg_features(plans["D"]))) / 1e6) == 124

# %% inception
assert 28 * 28 * 32 * 192 * 5 * 5 == 120_422_400
assert 28 * 28 * (16 * 192 + 32 * 16 * 5 * 5) == 12_443_648
module = Inception(192, 64, (96, 128), (16, 32), 32)
assert module(torch.zeros(1, 192, 28, 28)).shape == (1, 256, 28, 28)

# %% googlenet-count
convolutions, dense = count_parameters(paper[:-1]) - channels, count_parameters(paper[-1])
assert round(convolutions / 1e6) == 6
assert round(dense / 1e6) == 1
assert convolutions + dense == 6_998_552
assert 8.5 < count_parameters(original) / 6_998_552 < 9
assert count_parameters(theirs) == 6_624_904
kinds = [type(part) for part in paper]  # two layers of an inception module are on the longest way
assert kinds.count(nn.Sequential) + 2 * kinds.count(Inception) + kinds.count(nn.Linear) == 22
assert kinds.count(Inception) == 9

# %% residual-block
assert count_parameters(drawn["plain"]) == count_parameters(drawn["residual"]) == 2 * (9 * 64**2 + 2 * 64)

# %% towers-data
assert len(train_set) == N_TRAIN
assert len(test_set) == N_TEST
assert maps.shape == (1, CHANNELS, 4, 4)

# %% train-towers
assert [len(net) - 5 for net, *_ in towers.values()] == [SHALLOW, DEEP, DEEP]
shallow, deep, residual = (accuracy for _, _, accuracy in towers.values())
assert shallow > deep + 0.05, f"degradation: {shallow:.3f} against {deep:.3f}"
assert residual > deep + 0.1, f"the remedy: {residual:.3f} against {deep:.3f}"
assert residual > shallow, f"depth pays: {residual:.3f} against {shallow:.3f}"

# %% record-curves
assert len(record.seeds) == 3
for part in ("train", "test"):
    plain, residual = (
        [record.summary[f"{kind}{depth}"][f"{part}_accuracy"]["mean"] for depth in depths]
        for kind in ("plain", "residual")
    )
    assert plain[-1] == min(plain) < plain[0] - 0.2, "plain depth fails"
    assert residual[-1] == max(residual) > residual[0] + 0.03, "residual depth pays"
    assert all(left < right for left, right in zip(plain, residual, strict=True))

# %% resnet-code
assert depth == 152
assert count_parameters(ours) == 60_192_808
assert same
sizes = [models.get_model_weights(f"resnet{depth}").IMAGENET1K_V1.meta["num_params"] for depth in (34, 50)]
assert 1.16 < sizes[1] / sizes[0] < 1.18
assert count_parameters(ours) < models.VGG16_Weights.IMAGENET1K_V1.meta["num_params"] / 2

# %% paths-exact
assert len(paths) == 8
assert math.isclose(sum(share), 1)
assert round(sum(share[19:36]), 2) == 0.98
assert sum(share[5:18]) < 0.005

# %% paths-measured
assert 1 <= size.argmax() <= 5
assert size[: DEEP // 2].sum() / size.sum() > 0.85
start = net[:2](images).detach().requires_grad_()
loss = torch.nn.functional.cross_entropy(net[2:](start), labels, reduction="sum")
whole = torch.autograd.grad(loss, start)[0]
torch.testing.assert_close(parts.sum(dim=0), whole, rtol=0, atol=0.02 * whole.abs().max().item())

# %% stochastic-depth
assert round(sum(keep(number, 54) for number in range(54)), 2) == 40.25
left_out = 0
for seed in range(50):
    torch.manual_seed(seed)
    left_out += torch.equal(block(x), x)
assert 5 < left_out < 25

# %% remove-blocks
plain, residual = "plain, shallow", "residual, deep"
guess = 1 / len(pictures.classes)
assert max(alone[plain]) < (many[plain][0] + guess) / 2
assert np.median(alone[residual]) > many[residual][0] - 0.06
assert min(alone[residual][:3]) < np.median(alone[residual])
assert many[residual][12] < many[residual][0] - 0.05

# %% removal-figure
assert len(axes[0].lines) == len(alone) + 1  # the last is the line of guessing
assert list(alone) == list(many) == ["plain, shallow", "residual, deep", "stochastic depth"]

# %% densenet-count
assert same
assert count_parameters(ours) == 7_978_856
assert sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in ours.modules()) == 121
assert (ours[2 + 6].num_features, ours[2 + 6 + 4 + 12].num_features) == (256, 512)

# %% squeezenet-code
assert same
assert count_parameters(ours) == 1_248_424
assert round(fewer) == 49

# %% mobilenet-code
assert same
assert math.isclose(pair / standard, 1 / 128 + 1 / 9)
sizes = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2)]
sizes += [(512, 512, 1)] * 5 + [(512, 1024, 2), (1024, 1024, 1)]
pairs = [separable(*each) for each in sizes]
whole = nn.Sequential(conv(3, 32, 3, stride=2), *pairs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))
assert len(pairs) == 13
assert round(count_parameters(whole) / 1e6, 1) == 4.2
assert round(blocks.costs(lambda: whole.to("meta"), 3, 224, 224)[:, 1].sum() / 1e6) == 569

# %% lite0-blocks
assert len(same) == sum(stage.blocks - 1 for stage in efficientnet.STAGES) == 9
assert all(same)
first = [each.split("\n")[0] for each in words]
assert "cat" in first[0]
assert first[1].startswith("espresso")
assert first[2].startswith("missile")

# %% first-kernels
likeness = {}
for name, each in rows.items():
    left, right = each.detach()[..., :-1].flatten(), each.detach()[..., 1:].flatten()
    likeness[name] = torch.corrcoef(torch.stack([left, right]))[0, 1].item()
assert abs(likeness["ours, at the start"]) < 0.15
assert likeness["EfficientNet-Lite0"] > 0.4
assert likeness["ours, trained"] > likeness["ours, at the start"]

# %% table
for name in years:
    weights = models.get_model_weights(name).IMAGENET1K_V1
    few = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"init_weights": False}}
    with torch.device("meta"):
        net = models.get_model(name, weights=None, **few.get(name, {}))
    assert count_parameters(net) == weights.meta["num_params"]
    if not name.startswith(("vit", "swin")):  # attention multiplies maps with each other: no layer's weights
        side = weights.transforms.keywords["crop_size"]
        counted = blocks.costs(lambda net=net: net, 3, side, side)[:, 1].sum() / 1e9
        assert abs(counted - weights.meta["_ops"]) < 0.002 + 0.001 * counted, (name, counted)
millions, billions, top1 = (table[column] for column in ("million parameters", "billion multiply-adds", "top-1 %"))
assert millions.idxmax() == "vgg19"
assert round(millions["vgg19"]) == 144
assert (top1 / billions).idxmax() == "mobilenet_v3_large"
assert millions["mobilenet_v2"] < millions["vgg16"] / 39
assert billions["mobilenet_v2"] < billions["vgg16"] / 50
assert top1["mobilenet_v2"] > top1["vgg16"]
assert billions["efficientnet_b0"] < billions["resnet152"] / 29
assert 0 < top1["resnet152"] - top1["efficientnet_b0"] < 1
assert 1 < billions["squeezenet1_0"] / billions["alexnet"] < 1.2
assert millions["densenet121"] < 0.7 * millions["resnet18"]
assert top1["densenet121"] > top1["resnet18"]
assert round(models.ResNet50_Weights.IMAGENET1K_V2.meta["_metrics"]["ImageNet-1K"]["acc@1"], 1) == 80.9
assert round(top1["convnext_tiny"], 1) == 82.5
assert 0.9 < millions["convnext_tiny"] / millions["resnet50"] < 1.15
assert 0.9 < billions["convnext_tiny"] / billions["resnet50"] < 1.15
assert table.index[-7] == "efficientnet_b0"
assert (table["year"].iloc[-7:] >= 2019).all()

# %% attention
assert (n, n**2) == (196, 38_416)
assert first.weight.shape == (64, 3, 3, 7, 7)
assert first(clip).shape == (1, 64, 16, 56, 56)
