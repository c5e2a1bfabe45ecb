# %% wrong [chain] softmax at the end
# tells: nothing after that
def lenet_chain(right=lenet_chain):
    return right().append(nn.Softmax(dim=1))


# %% wrong [chain] no ReLU between the dense layers
# tells: a ReLU after each convolution and each dense layer
def lenet_chain(right=lenet_chain):
    layers = list(right())
    return nn.Sequential(*layers[:8], *layers[9:10], *layers[11:])


# %% wrong [chain] average pooling
# tells: Max pooling?
def lenet_chain(right=lenet_chain):
    return nn.Sequential(*(nn.AvgPool2d(2) if isinstance(one, nn.MaxPool2d) else one for one in right()))


# %% wrong [chain] padded convolutions
# tells: parameters, not 62,006
def lenet_chain():
    return nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


# %% wrong [module] layers made in forward
# tells: are the layers made in __init__
class LeNet(nn.Module):
    def forward(self, x):
        return lenet_chain()(x)


# %% wrong [module] layers in a plain list
# tells: are the layers made in __init__, and kept as attributes
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = list(lenet_chain())

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


# %% wrong [module] pictures mixed when flattened
# tells: stopped with
class LeNet(LeNet):
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.dense3(F.relu(self.dense2(F.relu(self.dense1(x.flatten())))))


# %% wrong [module] picture and channel axes mixed by a reshape
# tells: pictures must not be mixed
class LeNet(LeNet):
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.permute(1, 2, 3, 0).reshape(-1, 400)
        return self.dense3(F.relu(self.dense2(F.relu(self.dense1(x)))))


# %% wrong [tools] the shape that goes in counted as well
# tells: 5 layers give 5 shapes
def shapes_after(net, x, right=shapes_after):
    return [tuple(x.shape), *right(net, x)]


# %% wrong [tools] only what the last layer gives
# tells: 5 layers give 5 shapes
def shapes_after(net, x):
    return [tuple(net(x).shape)]


# %% wrong [tools] frozen parameters counted
# tells: do not count
def count_trainable(net):
    return sum(parameter.numel() for parameter in net.parameters())


# %% wrong [tools] tensors counted, not numbers
# tells: weights and biases of all layers
def count_trainable(net):
    return len([parameter for parameter in net.parameters() if parameter.requires_grad])


# %% wrong [tower] blocks in a plain list
# tells: keep the blocks in an nn.ModuleList
class Tower(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.blocks = [nn.Conv2d(a, b, 3, padding=1) for a, b in zip(channels, channels[1:], strict=False)]
        self.dense = nn.Linear(channels[-1], 10)

    def forward(self, x):
        for block in self.blocks:
            x = F.max_pool2d(F.relu(block(x)), 2)
        return self.dense(x.mean(dim=(2, 3)))


# %% wrong [tower] the largest number of each map
# tells: the mean of each map
class Tower(Tower):
    def forward(self, x):
        for block in self.blocks:
            x = F.max_pool2d(F.relu(block(x)), 2)
        return self.dense(x.amax(dim=(2, 3)))


# %% wrong [tower] no padding
# tells: convolution with padding 1
class Tower(Tower):
    def forward(self, x):
        for block in self.blocks:
            x = F.max_pool2d(F.relu(F.conv2d(x, block.weight, block.bias)), 2)
        return self.dense(x.mean(dim=(2, 3)))


# %% wrong [tower] two blocks, whatever is asked
# tells: four blocks
class Tower(nn.Module):
    def __init__(self, channels):
        super().__init__()
        first, last = channels[1], channels[min(2, len(channels) - 1)]
        sizes = [channels[0], first, last][: len(channels)]
        self.blocks = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, sizes[1:], strict=False))
        self.dense = nn.Linear(sizes[-1], 10)

    def forward(self, x):
        for block in self.blocks:
            x = F.max_pool2d(F.relu(block(x)), 2)
        return self.dense(x.mean(dim=(2, 3)))


# %% wrong [rival] biases forgotten in the budget
# tells: exceed the budget
def rival(budget, inputs=3072, classes=10):
    hidden = budget // (inputs + classes)
    if hidden < 1:
        raise ValueError("too few")
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


# %% wrong [rival] two linear layers without a ReLU
# tells: flatten, dense, ReLU, dense
def rival(budget, inputs=3072, classes=10, right=rival):
    layers = list(right(budget, inputs, classes))
    return nn.Sequential(layers[0], layers[1], layers[3])


# %% wrong [rival] one hidden unit in any case
# tells: raise ValueError
def rival(budget, inputs=3072, classes=10):
    hidden = max(1, (budget - classes) // (inputs + 1 + classes))
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


# %% right [chain] with lazy layers that have seen a picture
def lenet_chain():
    net = nn.Sequential(
        nn.LazyConv2d(6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.LazyConv2d(16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(120),
        nn.ReLU(),
        nn.LazyLinear(84),
        nn.ReLU(),
        nn.LazyLinear(10),
    )
    net(torch.zeros(1, 3, 32, 32))
    return net


# %% right [module] with layers for every step, and view
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, (5, 5)), nn.Conv2d(6, 16, (5, 5))
        self.pool, self.relu = nn.MaxPool2d(2, 2), nn.ReLU(inplace=True)
        self.rest = nn.Sequential(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))

    def forward(self, x):
        x = self.pool(self.relu(self.a(x)))
        x = self.pool(self.relu(self.b(x)))
        return self.rest(x.view(-1, 400))


# %% right [module] the chain as one attribute
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.chain = lenet_chain()

    def forward(self, x):
        return self.chain(x)


# %% right [tools] by hooks
def shapes_after(net, x):
    shapes = []
    handles = [layer.register_forward_hook(lambda m, i, o: shapes.append(tuple(o.shape))) for layer in net]
    net(x)
    for handle in handles:
        handle.remove()
    return shapes


# %% right [tower] a Sequential of Sequentials
class Tower(nn.Module):
    def __init__(self, channels):
        super().__init__()
        blocks = []
        for before, after in zip(channels[:-1], channels[1:], strict=True):
            blocks.append(nn.Sequential(nn.Conv2d(before, after, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)))
        self.net = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], 10))

    def forward(self, x):
        return self.net(x)


# %% right [rival] by trying
def rival(budget, inputs=3072, classes=10):
    hidden = 0
    while (hidden + 1) * (inputs + 1 + classes) + classes <= budget:
        hidden += 1
    if not hidden:
        raise ValueError("the budget is too small")
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


# %% equivalent [tower] a zip is not strict anyway
# zip(channels, channels[1:], strict=False) → zip(channels, channels[1:])

# %% equivalent [tower] the mean over rows and columns is that over columns and rows
# (2, 3) → (3, 2)
