# %% wrong [residual] ReLU behind the last batch norm, before the addition
# tells: take it out
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        branch = F.relu(self.bn2(self.conv2(branch)))
        return F.relu(self.downsample(x) + branch)


# %% wrong [residual] ReLU before the addition, none behind it
# tells: add first, then ReLU
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        return self.downsample(x) + F.relu(self.bn2(self.conv2(branch)))


# %% wrong [residual] no ReLU after the addition
# tells: The ReLU after the addition is missing
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        return self.downsample(x) + self.bn2(self.conv2(branch))


# %% wrong [residual] no ReLU between the convolutions
# tells: The ReLU between the two convolutions is missing
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return F.relu(self.downsample(x) + branch)


# %% wrong [residual] the addition is forgotten
# tells: Nothing was added
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(branch)))


# %% wrong [residual] the branch is added to itself
# tells: not the block's own x: was x overwritten?
class BasicBlock(BasicBlock):
    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if len(self.downsample):
            return super().forward(x)
        return F.relu(x + self.bn2(self.conv2(x)))


# %% wrong [residual] the shortcut has no stride
# tells: both need the stride
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        if len(self.downsample):
            self.downsample[0] = nn.Conv2d(c_in, c_out, 1, bias=False)


# %% wrong [residual] a shortcut only where the channels change
# tells: the shortcut needs a 1 × 1 convolution and batch norm
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        if c_in == c_out:
            self.downsample = nn.AvgPool2d(1, stride)


# %% wrong [residual] the shortcut is 3 × 3
# tells: 1 × 1 is enough
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        if len(self.downsample):
            self.downsample[0] = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)


# %% wrong [residual] the shortcut has a bias
# tells: use bias=False
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        if len(self.downsample):
            self.downsample[0] = nn.Conv2d(c_in, c_out, 1, stride)


# %% wrong [residual] all convolutions have a bias
# tells: use bias=False
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)


# %% wrong [residual] the shortcut has no batch norm
# tells: the shortcut needs a 1 × 1 convolution and batch norm
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        self.downsample = self.downsample[:1]


# %% wrong [residual] a convolution on every shortcut
# tells: x can pass as it is
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))


# %% wrong [residual] the stride in the second convolution
# tells: conv1 and the shortcut have the stride, conv2 has not
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        self.conv1.stride, self.conv2.stride = (1, 1), (stride, stride)


# %% wrong [residual] one batch norm for both convolutions
# tells: has no bn2.weight
class BasicBlock(BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__(c_in, c_out, stride)
        del self.bn2

    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.downsample(x) + self.bn1(self.conv2(branch)))


# %% wrong [residual] an in-place ReLU on what the shortcut passes on
# tells: the block changed x
class BasicBlock(BasicBlock):
    def forward(self, x):
        y = super().forward(x)
        F.relu_(x)
        return y


# %% wrong [residual] an in-place ReLU before the shortcut takes x
# tells: the block changed x
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = self.conv1(x)
        F.relu_(x)
        branch = self.bn2(self.conv2(F.relu(self.bn1(branch))))
        return F.relu(self.downsample(x) + branch)


# %% wrong [residual] the branch is cut off from the gradient
# tells: through the branch. Is there a detach() on one?
class BasicBlock(BasicBlock):
    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.downsample(x) + self.bn2(self.conv2(branch)).detach())


# %% wrong [residual] no gradient at all
# tells: is there a detach() or a no_grad()
class BasicBlock(BasicBlock):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


# %% wrong [residual] layers made in forward
# tells: are the layers made in __init__
class BasicBlock(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.sizes = c_in, c_out, stride

    def forward(self, x):
        return F.relu(nn.Conv2d(*self.sizes[:2], 3, self.sizes[2], padding=1, bias=False)(x))


# %% wrong [inception] stacked along the batch
# tells: concatenate along the channels, axis 1
class Inception(Inception):
    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=0)


# %% wrong [inception] stacked along the width
# tells: channels are axis 1
class Inception(Inception):
    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=3)


# %% wrong [inception] added instead of stacked
# tells: concatenate along the channels, axis 1
class Inception(Inception):
    def forward(self, x):
        return self.one(x) + self.three(x) + self.five(x) + self.pooled(x)


# %% wrong [inception] no padding
# tells: All must keep height and width
class Inception(Inception):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.three[2].padding = self.five[2].padding = (0, 0)


# %% wrong [inception] pooling with its usual stride
# tells: stride 1 in the pooling
class Inception(Inception):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.pooled[0] = nn.MaxPool2d(3, padding=1)


# %% wrong [inception] in another order
# tells: The first to be wrong is branch 2
class Inception(Inception):
    def forward(self, x):
        return torch.cat([self.one(x), self.five(x), self.three(x), self.pooled(x)], dim=1)


# %% wrong [inception] in reverse order
# tells: stacked in reverse order
class Inception(Inception):
    def forward(self, x):
        return torch.cat([self.pooled(x), self.five(x), self.three(x), self.one(x)], dim=1)


# %% wrong [inception] the layers made in another order
# tells: make them in the order of the table
class Inception(Inception):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        first = self.one
        del self.one
        self.one = first


# %% wrong [inception] the mean instead of the largest
# tells: the pooling takes means
class Inception(Inception):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.pooled[0] = nn.AvgPool2d(3, stride=1, padding=1)


# %% wrong [inception] no ReLU behind the squeeze
# tells: no ReLU follows the 1 × 1 convolutions that go first
class Inception(Inception):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.three[1], self.five[1] = nn.Identity(), nn.Identity()


# %% wrong [inception] no ReLU at the ends of the branches
# tells: no ReLU follows the last convolution
class Inception(Inception):
    def forward(self, x):
        branches = self.one[:-1], self.three[:-1], self.five[:-1], self.pooled[:-1]
        return torch.cat([branch(x) for branch in branches], dim=1)


# %% wrong [inception] the convolution before the pooling
# tells: In branch 4 the convolution comes first: pool, then 1 × 1
class Inception(Inception):
    def forward(self, x):
        pooled = self.pooled[0](F.relu(self.pooled[1](x)))
        return torch.cat([self.one(x), self.three(x), self.five(x), pooled], dim=1)


# %% wrong [inception] one branch behind the other
# tells: all four branches begin with x, none with another's result
class Inception(Inception):
    def forward(self, x):
        return self.pooled(self.five(self.three(self.one(x))))


# %% wrong [inception] batch norm, and no bias
# tells: no bias; in this module
class Inception(Inception):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        for branch in (self.one, self.three, self.five, self.pooled):
            for layer in branch:
                if isinstance(layer, nn.Conv2d):
                    layer.bias = None


# %% wrong [inception] branches in a plain list
# tells: kept as attributes of self
class Inception(nn.Module):
    def __init__(self, *sizes, right=Inception):
        super().__init__()
        self.branches = [right(*sizes)]

    def forward(self, x):
        return self.branches[0](x)


# %% wrong [separable] the groups are missing
# tells: each channel on its own takes groups=c_in
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    layers = list(right(c_in, c_out, kernel, stride))
    layers[0] = nn.Conv2d(c_in, c_in, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(*layers)


# %% wrong [separable] pointwise first
# tells: is the depthwise one, with kernels (3, 3)
def separable(c_in, c_out, kernel=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
        nn.Conv2d(c_out, c_out, kernel, stride, padding=kernel // 2, groups=c_out, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
    )


# %% wrong [separable] the stride in the pointwise convolution
# tells: The stride is in the pointwise convolution
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    layers = list(right(c_in, c_out, kernel))
    layers[3] = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
    return nn.Sequential(*layers)


# %% wrong [separable] no norm and no ReLU between the two
# tells: each of the two batch norms a scale and a shift
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    layers = right(c_in, c_out, kernel, stride)
    return nn.Sequential(layers[0], *layers[3:])


# %% wrong [separable] no ReLU between the two
# tells: No ReLU stands between
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    layers = right(c_in, c_out, kernel, stride)
    return nn.Sequential(*layers[:2], *layers[3:])


# %% wrong [separable] no ReLU behind the pair
# tells: The last ReLU is missing
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    return right(c_in, c_out, kernel, stride)[:-1]


# %% wrong [separable] padding for 3 × 3 kernels only
# tells: The depthwise padding is kernel // 2, here 2
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    block = right(c_in, c_out, kernel, stride)
    block[0].padding = (1, 1)
    return block


# %% wrong [separable] a bias in the pointwise convolution
# tells: each of the two convolutions has a kernel and no bias
def separable(c_in, c_out, kernel=3, stride=1, right=separable):
    block = right(c_in, c_out, kernel, stride)
    block[3] = nn.Conv2d(c_in, c_out, 1)
    return block


# %% wrong [layer-cost] not divided by the groups
# tells: with 32 groups a kernel sees 1/32 of the channels
def layer_cost(layer, shape, right=layer_cost):
    parameters, products = right(layer, shape)
    return parameters, products * getattr(layer, "groups", 1)


# %% wrong [layer-cost] divided by the groups twice
# tells: groups twice
def layer_cost(layer, shape, right=layer_cost):
    parameters, products = right(layer, shape)
    return parameters, products // getattr(layer, "groups", 1)


# %% wrong [layer-cost] the bias counted for every pixel
# tells: the bias is counted
def layer_cost(layer, shape, right=layer_cost):
    parameters, products = right(layer, shape)
    if getattr(layer, "bias", None) is not None and isinstance(layer, nn.Conv2d):
        products += products // layer.weight[0].numel()
    return parameters, products


# %% wrong [layer-cost] the size that goes in
# tells: each place of the output, not of the input
def layer_cost(layer, shape, right=layer_cost):
    parameters, products = right(layer, shape)
    return parameters, layer.weight.numel() * shape[1] * shape[2] if isinstance(layer, nn.Conv2d) else products


# %% wrong [layer-cost] one place only
# tells: for one place only
def layer_cost(layer, shape, right=layer_cost):
    parameters, products = right(layer, shape)
    return parameters, layer.weight.numel() if isinstance(layer, nn.Conv2d) else products


# %% wrong [layer-cost] multiplications and additions apart
# tells: a multiply-add is one of each
def layer_cost(layer, shape, right=layer_cost):
    parameters, products = right(layer, shape)
    return parameters, 2 * products


# %% wrong [layer-cost] batch norm has no parameters
# tells: batch norm trains a scale and a shift
def layer_cost(layer, shape, right=layer_cost):
    return (0, 0) if isinstance(layer, nn.BatchNorm2d) else right(layer, shape)


# %% wrong [layer-cost] running statistics are parameters
# tells: running statistics are computed, not trained
def layer_cost(layer, shape, right=layer_cost):
    return sum(value.numel() for value in layer.state_dict().values()), right(layer, shape)[1]


# %% wrong [layer-cost] the bias is always there
# tells: not 438: it has no bias
def layer_cost(layer, shape, right=layer_cost):
    if not isinstance(layer, nn.Conv2d):
        return right(layer, shape)
    return layer.weight.numel() + layer.out_channels, right(layer, shape)[1]


# %% wrong [layer-cost] dilation ignored
# tells: dilation is left out
def layer_cost(layer, shape, right=layer_cost):
    if isinstance(layer, nn.Conv2d):
        layer.dilation = (1, 1)
    return right(layer, shape)


# %% wrong [layer-cost] padding on one side only
# tells: padding is counted on one side only
def layer_cost(layer, shape, right=layer_cost):
    if isinstance(layer, nn.Conv2d):
        shape = (shape[0], shape[1] - layer.padding[0], shape[2] - layer.padding[1])
    return right(layer, shape)


# %% wrong [layer-cost] square kernels and maps only
# tells: the height was taken for the width as well
def layer_cost(layer, shape, right=layer_cost):
    if isinstance(layer, nn.Conv2d):
        shape = (shape[0], shape[1], shape[1])
    return right(layer, shape)


# %% wrong [layer-cost] the sum of both
# tells: return two numbers
def layer_cost(layer, shape, right=layer_cost):
    return sum(right(layer, shape))


# %% wrong [network-cost] only the layers of the outermost chain
# tells: net.modules() goes through all of them
def network_cost(net, shape):
    parameters, products, x = 0, 0, torch.zeros(1, *shape)
    net = copy.deepcopy(net).eval()
    for layer in net if isinstance(net, nn.Sequential) else [net]:
        one = layer_cost(layer, tuple(x.shape[1:]))
        parameters, products, x = parameters + one[0], products + one[1], layer(x)
    return parameters, products


# %% wrong [network-cost] a layer that runs three times counted once
# tells: its work is done three times
def network_cost(net, shape, right=network_cost):
    products = {}
    twin = copy.deepcopy(net).eval()
    for layer in twin.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(
                lambda layer, inputs, output: products.update({layer: layer_cost(layer, inputs[0].shape[1:])[1]})
            )
    twin(torch.zeros(1, *shape))
    return right(net, shape)[0], sum(products.values())


# %% wrong [network-cost] parameters counted whenever a layer runs
# tells: its parameters exist once
def network_cost(net, shape):
    costs = []
    twin = copy.deepcopy(net).eval()
    for layer in twin.modules():
        if not list(layer.children()):
            layer.register_forward_hook(
                lambda layer, inputs, output: costs.append(layer_cost(layer, tuple(inputs[0].shape[1:])))
            )
    twin(torch.zeros(1, *shape))
    return sum(cost[0] for cost in costs), sum(cost[1] for cost in costs)


# %% wrong [network-cost] only layers with multiply-adds have parameters
# tells: Batch norm has parameters
def network_cost(net, shape, right=network_cost):
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return sum(layer_cost(layer, (1, 1, 1))[0] for layer in layers), right(net, shape)[1]


# %% wrong [network-cost] hooks stay on the network
# tells: call remove() of every handle
def network_cost(net, shape):
    products = []
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(
                lambda layer, inputs, output: products.append(layer_cost(layer, tuple(inputs[0].shape[1:]))[1])
            )
    copy.deepcopy(net).eval()(torch.zeros(1, *shape))
    return sum(parameter.numel() for parameter in net.parameters()), sum(products)


# %% wrong [network-cost] the mode is not put back
# tells: put the mode back
def network_cost(net, shape, right=network_cost):
    return right(net.eval(), shape)


# %% wrong [network-cost] training mode afterwards in any case
# tells: net.training was False before
def network_cost(net, shape, right=network_cost):
    counts = right(net, shape)
    net.train()
    return counts


# %% wrong [network-cost] counted in training mode
# tells: count in evaluation mode
def network_cost(net, shape, right=network_cost):
    net(torch.zeros(2, *shape))
    return right(net, shape)


# %% wrong [network-cost] one picture in training mode
# tells: refuses a single picture here
def network_cost(net, shape, right=network_cost):
    copy.deepcopy(net)(torch.zeros(1, *shape))
    return right(net, shape)


# %% wrong [compare] the bottleneck between four times fewer weights
# tells: 'bottleneck' with 64 channels
def compare(channels, side, right=compare):
    weights = 9 * channels**2 // 4
    return right(channels, side) | {"bottleneck": (weights, weights * side**2, 3)}


# %% wrong [compare] a standard convolution in the separable pair
# tells: its weights are 1 · 64 · 3² + 64 · 64 · 1²
def compare(channels, side, right=compare):
    weights = 10 * channels**2
    return right(channels, side) | {"separable": (weights, weights * side**2, 3)}


# %% wrong [compare] biases counted
# tells: its weights are
def compare(channels, side, right=compare):
    return {name: (row[0] + channels, *row[1:]) for name, row in right(channels, side).items()}


# %% wrong [compare] two layers see what one sees
# tells: each kernel adds k − 1
def compare(channels, side, right=compare):
    table = right(channels, side)
    return table | {"two 3x3": (*table["two 3x3"][:2], 3)}


# %% wrong [compare] the depths of a block added up
# tells: each kernel adds k − 1
def compare(channels, side, right=compare):
    table = right(channels, side)
    return table | {"two 3x3": (*table["two 3x3"][:2], 6), "bottleneck": (*table["bottleneck"][:2], 5)}


# %% wrong [without] numbers of layers, not of blocks
# tells: block 0 is not layer 0
def without(net, missing, right=without):
    right(net, missing)
    return nn.Sequential(*(layer for place, layer in enumerate(net) if place not in missing))


# %% wrong [without] taken out of the network itself
# tells: the network has lost layers
def without(net, missing, right=without):
    short = right(net, missing)
    for place in reversed(range(len(net))):
        if net[place] not in list(short):
            del net[place]
    return net


# %% wrong [without] copies of the layers
# tells: the layers are copies
def without(net, missing, right=without):
    return copy.deepcopy(right(net, missing))


# %% wrong [without] taken out one after the other, while the numbers move
# tells: the others got new numbers
def without(net, missing, right=without):
    right(net, missing)
    layers = list(net)
    for number in missing:
        del layers[[place for place, layer in enumerate(layers) if isinstance(layer, Block)][number]]
    return nn.Sequential(*layers)


# %% wrong [without] zeros in place of a missing block
# tells: passes a missing block unchanged
class Nothing(Block):
    def forward(self, x):
        return 0 * x


def without(net, missing, right=without):
    kept = list(right(net, missing))
    return nn.Sequential(*(layer if layer in kept else Nothing(layer) for layer in net))


# %% wrong [without] unknown numbers are ignored
# tells: must raise ValueError
def without(net, missing, right=without):
    count = sum(isinstance(layer, Block) for layer in net)
    return right(net, [number for number in missing if 0 <= number < count])


# %% wrong [without] numbers from the end
# tells: must raise ValueError
def without(net, missing, right=without):
    count = sum(isinstance(layer, Block) for layer in net)
    return right(net, [number + count if number < 0 else number for number in missing])


# %% wrong [without] only the blocks are left
# tells: Only blocks are left
def without(net, missing, right=without):
    return nn.Sequential(*(layer for layer in right(net, missing) if isinstance(layer, Block)))


# %% right [residual] with in-place steps on its own tensors, the shortcut made first
class BasicBlock(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.downsample = None
        if (stride, c_in) != (1, c_out):
            layers = nn.Conv2d(c_in, c_out, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(c_out)
            self.downsample = nn.Sequential(*layers)
        self.bn2, self.bn1 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        self.conv1 = nn.Conv2d(c_in, c_out, (3, 3), stride=(stride, stride), padding=(1, 1), bias=False)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding="same", bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


# %% right [residual] after torchvision's
class BasicBlock(models.resnet.BasicBlock):
    def __init__(self, c_in, c_out, stride=1):
        same = stride == 1 and c_in == c_out
        way = None if same else nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        super().__init__(c_in, c_out, stride, way)


# %% right [inception] branches in a list, functions for the rest
class Inception(nn.Module):
    def __init__(self, c_in, c1, c3, c5, pool):
        super().__init__()
        kernels = [(c_in, c1, 1), (c_in, c3[0], 1), (*c3, 3), (c_in, c5[0], 1), (*c5, 5), (c_in, pool, 1)]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, k, padding="same") for a, b, k in kernels)

    def forward(self, x):
        one, before3, three, before5, five, last = self.layers
        branches = [one(x), three(before3(x).relu()), five(before5(x).relu())]
        branches.append(last(F.max_pool2d(x, 3, 1, 1)))
        return F.relu(torch.concat(branches, -3))


# %% right [separable] a chain of two chains
def separable(c_in, c_out, kernel=3, stride=1):
    def layer(a, b, k, **options):
        conv = nn.Conv2d(a, b, k, padding=(k - 1) // 2, bias=False, **options)
        return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU(inplace=True))

    return nn.Sequential(layer(c_in, c_in, kernel, stride=stride, groups=c_in), layer(c_in, c_out, 1))


# %% right [layer-cost] by shapes on the meta device
def layer_cost(layer, shape):
    parameters = sum(math.prod(parameter.shape) for parameter in layer.parameters())
    if not isinstance(layer, (nn.Conv2d, nn.Linear)):
        return parameters, 0
    result = copy.deepcopy(layer).to("meta").forward(torch.empty(1, *shape, device="meta"))
    return parameters, layer.weight.numel() * result[0, 0].numel()


# %% right [layer-cost] by the formula throughout, as a list of numpy numbers
def layer_cost(layer, shape):
    if isinstance(layer, nn.Conv2d):
        k, s, p, d = map(np.array, (layer.kernel_size, layer.stride, layer.padding, layer.dilation))
        out = (np.array(shape[1:]) + 2 * p - d * (k - 1) - 1) // s + 1
        weights = layer.out_channels * layer.in_channels // layer.groups * k.prod()
        return [weights + (layer.bias is not None) * layer.out_channels, weights * out.prod()]
    if isinstance(layer, nn.Linear):
        weights = layer.in_features * layer.out_features
        return [weights + (layer.bias is not None) * layer.out_features, weights]
    return [2 * layer.num_features if isinstance(layer, nn.BatchNorm2d) else 0, 0]


# %% right [network-cost] on the network itself, all put back
def network_cost(net, shape):
    total, was_training, handles = [0], net.training, []

    def note(layer, inputs, output):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            total[0] += layer.weight.numel() * output[0, 0].numel()

    try:
        for layer in net.modules():
            handles.append(layer.register_forward_hook(note))
        net.eval()(torch.rand(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
        net.train(was_training)
    return sum(p.numel() for p in net.parameters()), total[0]


# %% right [compare] with the tools of the tasks before
def compare(channels, side):
    def conv(a, b, k, groups=1):
        return nn.Conv2d(a, b, k, padding=k // 2, groups=groups, bias=False)

    c, thin = channels, channels // 4
    blocks = {
        "separable": [conv(c, c, 3, c), conv(c, c, 1)],
        "bottleneck": [conv(c, thin, 1), conv(thin, thin, 3), conv(thin, c, 1)],
        "two 3x3": [conv(c, c, 3), conv(c, c, 3)],
        "5x5": [conv(c, c, 5)],
        "3x3": [conv(c, c, 3)],
    }
    table = {}
    for name, layers in blocks.items():
        sees = 1 + sum(layer.kernel_size[0] - 1 for layer in layers)
        table[name] = [*network_cost(nn.Sequential(*layers), (c, side, side)), sees]
    return table


# %% right [without] by counting along
def without(net, missing):
    layers, number = [], 0
    for layer in net:
        if isinstance(layer, Block):
            number += 1
            if number - 1 in missing:
                continue
        layers.append(layer)
    if any(one not in range(number) for one in missing):
        raise ValueError("no such block")
    return nn.Sequential(*layers)


# %% equivalent [network-cost] what goes in has no bearing on the count
# torch.zeros → torch.ones

# %% equivalent [network-cost] other layers have no multiply-adds, so a hook on them adds 0
# if isinstance(layer, nn.Conv2d | nn.Linear): layer.register_forward_hook(note) → if True: layer.register_forward_hook(note)
