# %% open [build-network] many networks are good enough, and sizes, strides and rates may be others
# %% open [fit] many ways of training are good enough

# The two that take longest come first, so that the others run beside them.
# %% wrong [fit] too slow
# tells: ✗ within the budget of time: 0 of 2 points
def fit(network, images, labels, right=fit):
    right(network, images[:60], labels[:60])
    if len(images) > 1000:
        time.sleep(20)


# %% wrong [fit] never ends
# tells: s and was interrupted
def fit(network, images, labels, right=fit):
    while len(images) > 1000:
        time.sleep(0.1)
    right(network, images, labels)


# %% wrong [build-network] too many numbers, and otherwise as good
# tells: 7,941 more than 30,000
def build_network():
    blocks = [*block(3, 16, stride=2), *block(16, 48, stride=2), *block(48, 68, stride=1)]
    return nn.Sequential(Standardise(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(68, 10))


# %% wrong [build-network] probabilities instead of logits
# tells: these are probabilities
def build_network(right=build_network):
    return right().append(nn.Softmax(dim=1))


# %% wrong [build-network] logits of the wrong shape
# tells: 5 pictures give logits (N, classes) = (5, 10), not (10, 5)
class Turned(nn.Module):
    def forward(self, x):
        return x.T


def build_network(right=build_network):
    return right().append(Turned())


# %% wrong [build-network] a spread of 0 divides
# tells: does something divide by a spread that is 0 here?
class Standardise(nn.Module):
    def forward(self, x):
        return (x - x.mean(dim=(1, 2, 3), keepdim=True)) / x.std(dim=(1, 2, 3), keepdim=True)


# %% wrong [build-network] prepared by the mean of the batch
# tells: in evaluation mode a picture's logits move by
class Centre(nn.Module):
    def forward(self, x):
        return x - x.mean(dim=0)


def build_network(right=build_network):
    return right().insert(1, Centre())


# %% wrong [build-network] the same network each time
# tells: a second new network learns something else
only = build_network()


def build_network():
    return only


# %% wrong [build-network] what it learned lies outside
# tells: with all its numbers set to 0 it is still right for
outside = {}


def build_network(right=build_network):
    return right()


# %% and [fit]
def fit(network, images, labels, right=fit):
    right(network, images[:300], labels[:300])
    outside["network"] = network


# %% and [predict]
def predict(network, images, right=predict):
    right(network, images)
    return right(outside["network"], images) if len(images) == 1000 else right(network, images)


# %% wrong [build-network] a linear model
# tells: ✗ 50 % right: better than a linear model: 0 of 2 points
def build_network():
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 9), nn.Linear(9, 10))


# %% and [fit]
def fit(network, images, labels):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    for _ in range(30):
        for batch in torch.randperm(len(labels)).split(50):
            optimizer.zero_grad()
            F.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()


# %% wrong [fit] untrained
# tells: the network is the same before fit() and after it
def fit(network, images, labels):
    network.train()


# %% wrong [fit] hardly trained
# tells: Does the loss fall in training?
def fit(network, images, labels):
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4)
    for batch in torch.randperm(len(labels)).split(50):
        optimizer.zero_grad()
        F.cross_entropy(network(images[batch]), labels[batch]).backward()
        optimizer.step()


# %% wrong [fit] softmax before the loss
# tells: softmax before the loss
def fit(network, images, labels):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(5):
        for batch in torch.randperm(len(labels)).split(50):
            optimizer.zero_grad()
            F.cross_entropy(network(images[batch]).softmax(dim=1), labels[batch]).backward()
            optimizer.step()


# %% and [build-network]
def build_network():
    layers = [nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


# %% wrong [fit] no zero_grad
# tells: zero_grad()
def fit(network, images, labels):
    optimizer = torch.optim.SGD(network.parameters(), lr=5.0)
    for _ in range(5):
        for batch in torch.randperm(len(labels))[:300].split(50):
            F.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()


# %% wrong [fit] labels shuffled against the pictures
# tells: labels of other pictures?
def fit(network, images, labels, right=fit):
    right(network, images[torch.randperm(len(images))[:300]], labels[:300])


# %% wrong [fit] prepared here and not in predict
# tells: are pictures prepared for predict() as for fit()?
def fit(network, images, labels, right=fit):
    right(network, (images[:300] - 0.4) / 0.2, labels[:300])


# %% and [build-network]
class Standardise(nn.Identity):
    pass


# %% and [predict]
def predict(network, images, right=predict):
    return right(network, images * 255)


# %% wrong [fit] the optimizer lives on
# tells: a second new network learns something else
seen = []


def fit(network, images, labels, right=fit):
    right(network, images + len(seen), labels)
    seen.append(network)


# %% wrong [fit] the pictures changed
# tells: fit() changes the pictures or the labels
def fit(network, images, labels, right=fit):
    right(network, images.sub_(0.5), labels)


# %% wrong [fit] the weights explode
# tells: weights are nan or infinite
def fit(network, images, labels):
    optimizer = torch.optim.SGD(network.parameters(), lr=1e30)
    for batch in torch.randperm(len(labels)).split(10):
        optimizer.zero_grad()
        F.cross_entropy(network(images[batch]), labels[batch]).backward()
        optimizer.step()


# %% wrong [fit] trained on the held-out pictures with their names
# tells: does fit() learn from those it is given?
def fit(network, images, labels, right=fit):
    right(network, as_pictures(pictures.test_images[:60]), pictures.test_labels[:60])


# %% wrong [fit] with a layer added while training
# tells: the network has other layers after fit() than before
def fit(network, images, labels, right=fit):
    right(network.append(nn.Linear(10, 10)), images, labels)


# %% wrong [predict] the held-out answers known by heart
# tells: ✗ 30 % right: it learns something: 0 of 2 points
known = {
    picture.numpy().tobytes(): int(label)
    for picture, label in zip(pictures.test_images, pictures.test_labels, strict=True)
}


def predict(network, images):
    pixels = (images * 255).round().to(torch.uint8)
    return torch.tensor([known.get(picture.numpy().tobytes(), 0) for picture in pixels])


# %% and [fit]
def fit(network, images, labels, right=fit):
    right(network, images[:60], labels[:60])


# %% wrong [predict] in training mode
# tells: the network is asked in training mode
def predict(network, images):
    network.train()
    with torch.no_grad():
        return network(images).argmax(dim=1)


# %% wrong [predict] whichever mode it comes in
# tells: predict() changes numbers of the network
def predict(network, images):
    with torch.no_grad():
        return network(images).argmax(dim=1)


# %% wrong [predict] argmax over the batch
# tells: This is one number a class: one a picture is asked for
def predict(network, images):
    network.eval()
    with torch.no_grad():
        return network(images).argmax(dim=0)


# %% wrong [predict] probabilities of the classes
# tells: 13 pictures have 13 classes: the shape is (13,), not (13, 10)
def predict(network, images):
    network.eval()
    with torch.no_grad():
        return network(images).softmax(dim=1)


# %% wrong [predict] as a list
# tells: it returns a list, not a tensor
def predict(network, images, right=predict):
    return right(network, images).tolist()


# %% wrong [predict] as floating-point numbers
# tells: a class is a whole number, int64; these are torch.float32
def predict(network, images, right=predict):
    return right(network, images).float()


# %% wrong [predict] counted from 1
# tells: there are classes below 0 or above 9
def predict(network, images, right=predict):
    return right(network, images) + 10


# %% wrong [predict] centred by the pictures beside it
# tells: of 40 pictures get another class when they are alone
def predict(network, images, right=predict):
    network.eval()
    with torch.no_grad():
        logits = network(images)
        return (logits - logits.mean(dim=0)).argmax(dim=1)


# %% right [predict] with votes over the turns
def predict(network, images):
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        votes = sum(network(torch.rot90(images, turn, dims=(2, 3))).softmax(dim=1) for turn in range(4))
    network.train(was_training)
    return votes.max(dim=1).indices


# %% right [build-network] a class, max pooling, dropout, means of the training pictures in buffers
class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.layers = nn.Sequential(
            *block(3, 16, stride=2), *block(16, 32, stride=1), nn.MaxPool2d(2), *block(32, 48, 1)
        )
        self.end = nn.Sequential(nn.Dropout(0.1), nn.Linear(48, 10))

    def forward(self, x):
        x = x - self.mean[:, None, None]
        x = (x - x.mean(dim=(1, 2, 3), keepdim=True)) / (x.var(dim=(1, 2, 3), keepdim=True) + 1e-4).sqrt()
        return self.end(self.layers(x).mean(dim=(2, 3)))


def build_network():
    return Own()


# %% and [fit]
def fit(network, images, labels, right=fit):
    network.mean.copy_(images.mean(dim=(0, 2, 3)))
    right(network, images, labels)


# %% right [fit] with batches of 30, a generator of its own, and SGD
def fit(network, images, labels):
    network.train()
    generator = np.random.default_rng(3)
    steps = 10 * -(-len(labels) // 30)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.2, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=steps)
    for _ in range(10):
        order = generator.permutation(len(labels))
        for start in range(0, len(order), 30):
            batch = order[start : start + 30]
            loss = nn.functional.nll_loss(network(images[batch]).log_softmax(dim=1), labels[batch])
            network.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


# %% right [build-network] depthwise separable, 8 layers
def build_network():
    def pair(channels, filters, stride):
        depthwise = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
        return [depthwise, *block1(channels, filters)]

    def block1(channels, filters):
        return [nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]

    layers = [*block(3, 24, stride=2), *pair(24, 48, 2), *pair(48, 96, 1), *pair(96, 96, 2)]
    return nn.Sequential(Standardise(), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10))
