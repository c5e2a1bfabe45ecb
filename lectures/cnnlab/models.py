"""Networks that several lectures share; lecture 03 builds each of them line by line.

Pictures are float tensors (N, C, H, W) with a side of 32 pixels. Every network but `average_pool_net` returns logits
(N, classes): one score for each class, the largest for the class it believes in. A picture of the wrong size raises
PyTorch's RuntimeError about shapes that cannot be multiplied, from the first dense layer.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class LeNetLike(nn.Module):
    """62,006 parameters for 10 classes; (N, 3, 32, 32) -> (N, classes). Sides of 33 to 35 pixels fit too.

    Source: the network of PyTorch's tutorial "Training a Classifier", in the manner of LeNet-5 (LeCun et al.,
    Gradient-based learning applied to document recognition, 1998).
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(start_dim=1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class SixSixNet(nn.Module):
    """57,712 parameters for 10 classes; (N, 3, 32, 32) -> (N, classes). Padding keeps the sides at 32 and 16.

    Source: the network that a hands-on course at Imperial College London builds (A. C. S. Jørgensen, Deep Learning in
    Python, lecture 2).
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(6, 6, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(6 * 8 * 8, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(start_dim=1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class TanhNet(nn.Module):
    """18,090 parameters for 2 classes; (N, 3, 32, 32) -> (N, classes). Channels 3 -> 16 -> 8, tanh after each layer.

    Source: E. Stevens, L. Antiga and T. Viehmann, Deep Learning with PyTorch, 2020, chapter 8, for birds against
    airplanes. There `view(-1, 512)` flattens, which makes four answers of one picture of 64 x 64; `flatten` raises.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(8 * 8 * 8, 32)
        self.fc2 = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        x = F.max_pool2d(self.conv1(x).tanh(), 2)
        x = F.max_pool2d(self.conv2(x).tanh(), 2)
        x = x.flatten(start_dim=1)
        x = self.fc1(x).tanh()
        return self.fc2(x)


def average_pool_net(channels: int = 1) -> nn.Sequential:
    """1,597 parameters for grey pictures, 1,705 for colour; (N, channels, 32, 32) -> (N, 1), a probability.

    It tells two classes apart: the answer is the probability of class 1, for `nn.BCELoss`. `[:-1]` leaves the sigmoid
    out and gives the logit, for `nn.BCEWithLogitsLoss`.

    Source: the first network of R. Fusek's slides (VSB - Technical University of Ostrava).
    """
    return nn.Sequential(
        nn.Conv2d(channels, 6, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 16 * 16, 1),
        nn.Sigmoid(),
    )


def mlp(budget: int, inputs: int = 3 * 32 * 32, classes: int = 10) -> nn.Sequential:
    """The widest perceptron with one hidden layer that has at most `budget` parameters.

    (N, C, H, W) of `inputs` numbers each -> (N, classes). A hidden unit costs inputs + 1 + classes parameters, and
    the output layer `classes` biases more: `mlp(62_006)` has 20 hidden units and 61,670 parameters.

    Raises ValueError when the budget does not pay for one hidden unit.
    """
    hidden = (budget - classes) // (inputs + 1 + classes)
    if hidden < 1:
        raise ValueError(f"a budget of {budget} pays for no hidden unit: give at least {inputs + 1 + 2 * classes}")
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def count_parameters(model: nn.Module) -> int:
    """How many numbers the model's parameters hold. Raises ValueError while a lazy layer does not know its size."""
    return sum(parameter.numel() for parameter in model.parameters())
