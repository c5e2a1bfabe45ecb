# %% wrong [output-size] dilation multiplies the kernel
# tells: cover 5 pixels
def output_size(n, k, stride=1, padding=0, dilation=1, ceil_mode=False):
    full, rest = divmod(n + 2 * padding - dilation * k, stride)
    return full + 1 + (ceil_mode and rest > 0)


# %% wrong [output-size] padding on one side only
# tells: padding adds pixels on both sides
def output_size(n, k, stride=1, padding=0, dilation=1, ceil_mode=False):
    steps, rest = divmod(n + padding - dilation * (k - 1) - 1, stride)
    return steps + 1 + (ceil_mode and rest > 0)


# %% wrong [output-size] a last window that begins beyond the picture
# tells: PyTorch gives
def output_size(n, k, stride=1, padding=0, dilation=1, ceil_mode=False):
    steps, rest = divmod(n + 2 * padding - dilation * (k - 1) - 1, stride)
    return steps + 1 + (ceil_mode and rest > 0)


# %% wrong [conv-layer] the kernel is flipped
# tells: the kernel was flipped
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    return right(x, weight.flip(2, 3), bias, stride, padding)


# %% wrong [conv-layer] the bias is added once a tap
# tells: not once a tap
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    taps = weight.shape[2] * weight.shape[3]
    return right(x, weight, None if bias is None else bias * taps, stride, padding)


# %% wrong [conv-layer] the bias goes along the columns
# tells: once to each number of its feature map
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    z = right(x, weight, None, stride, padding)
    return z if bias is None else z + bias.repeat(z.shape[3])[: z.shape[3]]


# %% wrong [conv-layer] one stride for both axes
# tells: stride is (down, across)
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    return right(x, weight, bias, (stride[0], stride[0]), padding)


# %% wrong [conv-layer] stride across taken for down
# tells: stride is (down, across)
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    return right(x, weight, bias, stride[::-1], padding)


# %% wrong [conv-layer] padding across taken for down
# tells: padding is (down, across)
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    return right(x, weight, bias, stride, padding[::-1])


# %% wrong [conv-layer] the border repeats the last pixel
# tells: padding (1, 1)
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    p_h, p_w = padding
    return right(F.pad(x, (p_w, p_w, p_h, p_h), mode="replicate"), weight, bias, stride)


# %% wrong [conv-layer] channels last taken for channels first
# tells: Axes: picture, channel, row, column
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    if x.shape[1] == 1:
        return right(x, weight, bias, stride, padding)
    n, c, h, w = x.shape
    return right(x.reshape(n, h, w, c).permute(0, 3, 1, 2), weight, bias, stride, padding)


# %% wrong [conv-layer] only the first channel is used
# tells: the channels are summed
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0), right=conv_layer):
    return right(x[:, :1], weight[:, :1], bias, stride, padding)


# %% wrong [conv-layer] PyTorch does it
# tells: write the convolution yourself
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0)):
    return F.conv2d(x, weight, bias, stride, padding)


# %% wrong [costs] one bias in all
# tells: 6 biases
def parameters(c_in, c_out, kernel, groups=1, bias=True):
    return c_out * (c_in // groups) * kernel[0] * kernel[1] + bias


# %% wrong [costs] groups divide the kernels too
# tells: depthwise
def parameters(c_in, c_out, kernel, groups=1, bias=True):
    return c_out // groups * (c_in // groups) * kernel[0] * kernel[1] + c_out * bias


# %% wrong [costs] the bias counted as a product
# tells: the bias is no product
def multiply_adds(c_in, c_out, kernel, size, groups=1):
    return size[0] * size[1] * parameters(c_in, c_out, kernel, groups)


# %% wrong [layers] Sobel written for convolution
# tells: Conv2d does not flip
def sobel_layer(right=sobel_layer):
    layer = right()
    layer.weight.data *= -1
    return layer


# %% wrong [layers] a Sobel layer with a random bias
# tells: should give 400
def sobel_layer(right=sobel_layer):
    layer = nn.Conv2d(1, 2, 3, padding=1)
    layer.weight.data = right().weight.data
    return layer


# %% wrong [layers] weights left random
# tells: should give 400
def sobel_layer():
    return nn.Conv2d(1, 2, 3, padding=1, bias=False)


# %% wrong [layers] a bell that is not divided by its sum
# tells: a Gaussian divided by its sum
def colour_layer(size=9, sigma=2.0, right=colour_layer):
    layer = right(size, sigma)
    layer.weight.data = layer.weight.data / layer.weight.data[0, 0, size // 2, size // 2]
    return layer


# %% wrong [layers] blue, green, red
# tells: 0 red, 1 green, 2 blue
def colour_layer(size=9, sigma=2.0, right=colour_layer):
    layer = right(size, sigma)
    layer.weight.data = layer.weight.data.flip(1)
    return layer


# %% wrong [layers] sigma squared forgotten
# tells: two columns from the middle
def colour_layer(size=9, sigma=2.0, right=colour_layer):
    return right(size, (sigma / 1) ** 0.5)


# %% wrong [max-pool] zeros to start from
# tells: what do you start from
def max_pool(x, size, stride=None, right=max_pool):
    return right(x, size, stride).clamp(min=0)


# %% wrong [max-pool] the average
# tells: the largest of each
def max_pool(x, size, stride=None):
    step = stride or size
    return x.unfold(2, size, step).unfold(3, size, step).mean(dim=(4, 5))


# %% wrong [max-pool] the stride is forgotten
# tells: windows overlap
def max_pool(x, size, stride=None, right=max_pool):
    return right(x, size)


# %% wrong [receptive-field] the jump comes too early
# tells: one output sees
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        jump *= stride
        field += dilation * (kernel - 1) * jump
    return field, jump


# %% wrong [receptive-field] without the jump
# tells: reaches twice as far
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1)
        jump *= stride
    return field, jump


# %% wrong [receptive-field] strides added
# tells: pixels apart
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * jump
        jump += stride - 1
    return field, jump


# %% right [conv-layer] by unfolding and one matrix product
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0)):
    (s_h, s_w), (p_h, p_w), (c_out, _, k_h, k_w) = stride, padding, weight.shape
    patches = F.pad(x, (p_w, p_w, p_h, p_h)).unfold(2, k_h, s_h).unfold(3, k_w, s_w)
    z = torch.tensordot(patches, weight, dims=([1, 4, 5], [1, 2, 3])).permute(0, 3, 1, 2)
    return z if bias is None else z + bias[:, None, None]


# %% right [conv-layer] seven loops, in double precision
def conv_layer(x, weight, bias=None, stride=(1, 1), padding=(0, 0)):
    (n, c_in, h, w), (c_out, _, k_h, k_w) = x.shape, weight.shape
    (s_h, s_w), (p_h, p_w) = stride, padding
    canvas = np.zeros((n, c_in, h + 2 * p_h, w + 2 * p_w))
    canvas[:, :, p_h : p_h + h, p_w : p_w + w] = x.numpy()
    kernels = weight.double().numpy()
    z = np.zeros((n, c_out, (h + 2 * p_h - k_h) // s_h + 1, (w + 2 * p_w - k_w) // s_w + 1))
    for b, m, i, j in np.ndindex(*z.shape):
        z[b, m, i, j] = np.sum(kernels[m] * canvas[b, :, s_h * i : s_h * i + k_h, s_w * j : s_w * j + k_w])
        if bias is not None:
            z[b, m, i, j] += float(bias[m])
    return torch.from_numpy(z)


# %% right [layers] copied under no_grad
def sobel_layer():
    layer = nn.Conv2d(1, 2, (3, 3), padding="same", bias=False)
    with torch.no_grad():
        layer.weight[0, 0] = torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        layer.weight[1, 0] = layer.weight[0, 0].T
    return layer


# %% right [layers] with a bias of zero
def colour_layer(size=9, sigma=2.0):
    row = torch.from_numpy(scipy.signal.windows.gaussian(size, sigma)).float()
    bell = torch.outer(row, row)
    layer = nn.Conv2d(3, 4, size)
    nn.init.zeros_(layer.bias)
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        for m in range(3):
            layer.weight[m, m] = bell / bell.sum()
        layer.weight[3] = layer.weight[0] - layer.weight[2]
    return layer


# %% right [max-pool] two loops over the window
def max_pool(x, size, stride=None):
    step = size if stride is None else stride
    rows, columns = (x.shape[2] - size) // step + 1, (x.shape[3] - size) // step + 1
    best = torch.full((*x.shape[:2], rows, columns), -torch.inf)
    for p in range(size):
        for q in range(size):
            shifted = x[:, :, p : p + step * (rows - 1) + 1 : step, q : q + step * (columns - 1) + 1 : step]
            best = torch.maximum(best, shifted)
    return best


# %% right [receptive-field] from the last layer back
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in reversed(layers):
        field = (field - 1) * stride + dilation * (kernel - 1) + 1
        jump = jump * stride
    return [field, jump]


# %% equivalent [conv-layer] what a slice holds too much is cut off in the next line
# p : p + s_h * rows : s_h → p:p + s_h * rows + 1:s_h
# q : q + s_w * columns : s_w → q:q + s_w * columns + 1:s_w

# %% equivalent [conv-layer] the slice holds no more rows or columns than these at stride 1, and z decides
# :rows → :rows + 1
# :columns → :columns + 1

# %% equivalent [costs] without bias, channels in and out change places in a product
# parameters(c_in, c_out, kernel, groups, bias=False) → parameters(c_out, c_in, kernel, groups, bias=False)

# %% equivalent [max-pool] the largest over rows and columns is that over columns and rows
# (4, 5) → (5, 4)
