"""cnnlab.training: what the loop computes, against sums done by hand; what it calls when; what it refuses."""

import copy
import math

import pytest
import torch
from cnnlab import training
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def points():
    """Batches of 8, 8 and 4: the last one is smaller, so a mean of batch means would be wrong."""
    inputs = torch.randn(20, 6)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
    return DataLoader(TensorDataset(inputs, labels), batch_size=8)


def network(dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


def sgd(model: nn.Module, lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=lr)


def whole(batches: DataLoader) -> tuple[torch.Tensor, torch.Tensor]:
    return batches.dataset.tensors


def test_an_epoch_is_the_steps_done_by_hand(points):
    model = network()
    by_hand = copy.deepcopy(model)
    history = training.train(model, points, points, sgd(model), epochs=2)

    losses = []
    for _ in range(2):
        for inputs, labels in points:
            loss = F.cross_entropy(by_hand(inputs), labels)
            gradients = torch.autograd.grad(loss, list(by_hand.parameters()))
            with torch.no_grad():
                for weights, gradient in zip(by_hand.parameters(), gradients, strict=True):
                    weights -= 0.1 * gradient
            losses.append(loss.item() * len(labels))
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert history.train_loss == pytest.approx([sum(losses[:3]) / 20, sum(losses[3:]) / 20])


def test_validation_measures_every_picture_once_and_after_the_epoch(points):
    model = network()
    history = training.train(model, points, points, sgd(model), epochs=3)
    inputs, labels = whole(points)
    with torch.no_grad():
        logits = model(inputs)
    assert history.validation_loss[-1] == pytest.approx(F.cross_entropy(logits, labels).item())
    assert history.validation_accuracy[-1] == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert training.validate(model, points) == (history.validation_loss[-1], history.validation_accuracy[-1])


def test_the_history_has_one_number_an_epoch_and_gives_the_curves(points):
    model = network()
    history = training.train(model, points, points, sgd(model), epochs=4)
    assert {len(values) for values in vars(history).values()} == {4}
    assert history.learning_rate == [0.1] * 4
    assert all(seconds > 0 for seconds in history.seconds)
    assert list(history.curves) == ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
    assert history.train_loss[-1] < history.train_loss[0]


def test_a_network_learns_what_can_be_learned(points):
    model = network()
    history = training.train(model, points, points, sgd(model, 0.5), epochs=100)
    assert history.validation_accuracy[-1] == 1


def test_measuring_leaves_dropout_out_changes_nothing_and_puts_modes_back(points):
    model = network(dropout=0.9)
    model[0].eval()  # a frozen part keeps its mode
    before = copy.deepcopy(model.state_dict())
    inputs, labels = whole(points)
    first = training.validate(model, points)
    assert first == training.validate(model, points)
    logits, given = training.predict(model, points)
    assert [part.training for part in model.modules()] == [True, False, True, True, True]
    assert torch.equal(given, labels)
    assert logits.shape == (20, 3)
    assert not logits.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(logits, model[3](model[0](inputs).relu()))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_training_has_dropout_at_work(points):
    model = network(dropout=0.9)
    history = training.train(model, points, points, sgd(model, 0.0), epochs=1)
    assert history.train_loss[0] != pytest.approx(history.validation_loss[0], rel=1e-3)
    assert model.training


def test_the_mode_is_put_back_when_measuring_fails():
    model = network()
    with pytest.raises(RuntimeError):
        training.validate(model, [(torch.randn(2, 5), torch.zeros(2, dtype=torch.int64))])
    assert model.training


def test_another_loss_is_used_for_training_and_for_validation(points):
    model = network()
    smoothed = nn.CrossEntropyLoss(label_smoothing=0.5)
    history = training.train(model, points, points, sgd(model, 0.0), epochs=1, loss_function=smoothed)
    with torch.no_grad():
        expected = smoothed(model(whole(points)[0]), whole(points)[1]).item()
    assert history.train_loss == pytest.approx([expected])
    assert history.validation_loss == pytest.approx([expected])


def test_a_schedule_steps_after_every_batch(points):
    model = network()
    optimizer = sgd(model)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=6)
    history = training.train(model, points, points, optimizer, epochs=2, schedule=schedule)
    assert history.learning_rate == pytest.approx([0.05, 0.0])


def test_every_callback_is_called_and_any_of_them_ends_the_training(points):
    model = network()
    seen, told = [], []

    def stop_after_two(history):
        seen.append(len(history.train_loss))
        return len(history.train_loss) == 2

    history = training.train(
        model, points, points, sgd(model), epochs=9, callbacks=[stop_after_two, lambda history: told.append(1)]
    )
    assert seen == [1, 2]
    assert told == [1, 1]
    assert len(history.train_loss) == len(history.validation_loss) == 2


def test_print_progress_says_epoch_losses_and_accuracies(capsys):
    history = training.History([0.5], [0.25], [0.75], [0.125], [0.1], [2.0])
    assert training.print_progress(history) is None, "it must not end the training"
    line = " ".join(capsys.readouterr().out.split())
    assert line == "epoch 1 loss 0.500 / 0.750 accuracy 25.0% / 12.5% (training / validation) 2.0 s"


def test_precision_runs_the_forward_pass_in_bfloat16_and_keeps_the_weights(points):
    model = network()
    kinds = set()
    model[0].register_forward_hook(lambda module, inputs, output: kinds.add(output.dtype))
    history = training.train(model, points, points, sgd(model), epochs=1, precision=torch.bfloat16)
    assert kinds == {torch.bfloat16}
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}
    assert math.isfinite(history.train_loss[0])


def test_a_loss_that_explodes_is_an_error_that_says_what_to_do(points):
    model = network()
    nn.init.constant_(model[3].bias, math.nan)
    with pytest.raises(FloatingPointError, match=r"epoch 1 is nan: lower the learning rate"):
        training.train(model, points, points, sgd(model), epochs=1)


@pytest.mark.parametrize("batches", [[], iter(())])
def test_no_batches_are_an_error(batches, points):
    model = network()
    for attempt in (
        lambda: training.train(model, batches, points, sgd(model), epochs=1),
        lambda: training.validate(model, batches),
        lambda: training.predict(model, batches),
    ):
        with pytest.raises(ValueError, match="no batches"):
            attempt()


def test_a_generator_that_was_used_up_is_an_error_in_the_second_epoch(points):
    model = network()
    with pytest.raises(ValueError, match="already used up"):
        training.train(model, (batch for batch in points), points, sgd(model), epochs=2)


def test_the_best_device_works():
    device = training.best_device()
    assert device.type in ("cpu", "cuda", "mps", "xpu")
    model = network().to(device)
    batches = [(torch.randn(4, 6), torch.tensor([0, 1, 2, 0]))]
    training.train(model, batches, batches, sgd(model), epochs=1)
    logits, labels = training.predict(model, batches)
    assert logits.device.type == labels.device.type == "cpu"
    assert next(model.parameters()).device.type == device.type
