# %% wrong [numerical] the difference of one side
# tells: use both sides
def numerical_gradient(f, x, h=1e-5):
    gradient = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        up = x.copy()
        up[place] += h
        gradient[place] = (f(up) - f(x)) / h
    return gradient


# %% wrong [numerical] nudged numbers are not put back
# tells: stays as it is
def numerical_gradient(f, x, h=1e-5):
    gradient = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        x[place] += h
        up = f(x)
        x[place] -= 2 * h
        gradient[place] = (up - f(x)) / (2 * h)
    return gradient


# %% wrong [numerical] all numbers nudged at once
# tells: the slope of x² is 2x
def numerical_gradient(f, x, h=1e-5):
    return np.full_like(x, (f(x + h) - f(x - h)) / (2 * h))


# %% wrong [descent] the speed is forgotten
# tells: with v kept from step to step
def descend(gradient, x, rate, momentum, steps):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1]))
    return np.array(path)


# %% wrong [descent] the speed as a running average
# tells: v ← µ v + g
def descend(gradient, x, rate, momentum, steps):
    path, speed = [x], np.zeros_like(x)
    for _ in range(steps):
        speed = momentum * speed + (1 - momentum) * gradient(path[-1])
        path.append(path[-1] - rate * speed)
    return np.array(path)


# %% wrong [descent] uphill
# tells: 18 − 0.05 · 30 = 16.5
def descend(gradient, x, rate, momentum, steps, right=descend):
    return right(lambda x: -gradient(x), x, rate, momentum, steps)


# %% wrong [descent] without the start
# tells: Its shape is
def descend(gradient, x, rate, momentum, steps, right=descend):
    return right(gradient, x, rate, momentum, steps)[1:]


# %% wrong [descent] in place
# tells: the first place is the start
def descend(gradient, x, rate, momentum, steps):
    path, speed = [x], np.zeros_like(x)
    for _ in range(steps):
        speed = momentum * speed + gradient(x)
        x -= rate * speed
        path.append(x)
    return np.array(path)


# %% wrong [cross-entropy] softmax applied twice
# tells: the loss is
def cross_entropy(logits, labels, right=cross_entropy):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return right(p / p.sum(axis=1, keepdims=True), labels)


# %% wrong [cross-entropy] the sum over examples
# tells: log 10 = 2.303
def cross_entropy(logits, labels, right=cross_entropy):
    loss, gradient = right(logits, labels)
    return loss * len(labels), gradient * len(labels)


# %% wrong [cross-entropy] the gradient not divided by the number of examples
# tells: is it divided by the number of examples
def cross_entropy(logits, labels, right=cross_entropy):
    loss, gradient = right(logits, labels)
    return loss, gradient * len(labels)


# %% wrong [cross-entropy] the right class not subtracted
# tells: each row of the gradient sums to 0
def cross_entropy(logits, labels, right=cross_entropy):
    loss, gradient = right(logits, labels)
    gradient[np.arange(len(labels)), labels] += 1 / len(labels)
    return loss, gradient


# %% wrong [cross-entropy] softmax over the examples
# tells: softmax over the classes of each example
def cross_entropy(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=0, keepdims=True)
    rows = np.arange(len(labels))
    gradient = p.copy()
    gradient[rows, labels] -= 1
    return float(-np.log(p[rows, labels]).mean()), gradient / len(labels)


# %% wrong [cross-entropy] overflow
# tells: exp(1000) overflows
def cross_entropy(logits, labels):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    gradient = p.copy()
    gradient[rows, labels] -= 1
    return float(-np.log(p[rows, labels]).mean()), gradient / len(labels)


# %% wrong [conv-backward] the kernel is not flipped on the way back
# tells: going back, the kernel is flipped
def conv_backward(x, w, g, right=conv_backward):
    _, dw, db = right(x, w, g)
    return scipy.signal.correlate2d(g, w, mode="full"), dw, db


# %% wrong [conv-backward] the gradient of the weights is flipped
# tells: correlate x with G, not flipped
def conv_backward(x, w, g, right=conv_backward):
    dx, dw, db = right(x, w, g)
    return dx, dw[::-1, ::-1], db


# %% wrong [conv-backward] the mean for the bias
# tells: the bias acts on every number of Z
def conv_backward(x, w, g, right=conv_backward):
    dx, dw, _ = right(x, w, g)
    return dx, dw, float(g.mean())


# %% wrong [conv-backward] overwritten instead of added
# tells: adds G[i, j] W to the patch
def conv_backward(x, w, g, right=conv_backward):
    dx = np.zeros_like(x)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            dx[i : i + w.shape[0], j : j + w.shape[1]] = g[i, j] * w
    return dx, *right(x, w, g)[1:]


# %% wrong [conv-backward] only the inner part of the input
# tells: Its shape is
def conv_backward(x, w, g, right=conv_backward):
    return scipy.signal.convolve2d(g, w, mode="same"), *right(x, w, g)[1:]


# %% wrong [pool-backward] to every number of the window
# tells: goes to its largest number
def max_pool_backward(x, g, size):
    gradient = np.zeros_like(x)
    spread = np.kron(g, np.ones((size, size)))
    gradient[: spread.shape[0], : spread.shape[1]] = spread
    return gradient


# %% wrong [pool-backward] to all that are equal to the largest
# tells: goes to one number
def max_pool_backward(x, g, size):
    gradient = np.zeros_like(x)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            place = slice(i * size, (i + 1) * size), slice(j * size, (j + 1) * size)
            gradient[place] = g[i, j] * (x[place] == x[place].max())
    return gradient


# %% wrong [pool-backward] written into the input
# tells: write into an array of zeros
def max_pool_backward(x, g, size, right=max_pool_backward):
    x[:] = right(x, g, size)
    return x


# %% wrong [pool-backward] the largest in size, whatever its sign
# tells: also if that is negative
def max_pool_backward(x, g, size, right=max_pool_backward):
    return right(np.abs(x), g, size)


# %% right [numerical] through a flat view
def numerical_gradient(f, x, h=1e-5):
    x = np.array(x, dtype=float)
    gradient = np.empty(x.shape)
    for k in range(x.size):
        kept = x.flat[k]
        x.flat[k] = kept + h
        up = f(x)
        x.flat[k] = kept - h
        down = f(x)
        x.flat[k] = kept
        gradient.flat[k] = (up - down) / (2 * h)
    return gradient


# %% right [descent] with an array from the start
def descend(gradient, x, rate, momentum, steps):
    path = np.empty((steps + 1, len(x)))
    path[0], v = x, 0
    for t in range(steps):
        v = momentum * v + gradient(path[t])
        path[t + 1] = path[t] - rate * v
    return path


# %% right [cross-entropy] with a one-hot matrix, and a numpy number
def cross_entropy(logits, labels):
    one_hot = np.eye(logits.shape[1])[labels]
    z = logits - logits.max(1)[:, None]
    total = np.exp(z).sum(1)[:, None]
    loss = np.mean(np.log(total)[:, 0] - (z * one_hot).sum(1))
    return loss, (np.exp(z) / total - one_hot) / logits.shape[0]


# %% right [conv-backward] with scipy
def conv_backward(x, w, g):
    return (
        scipy.signal.convolve2d(g, w, mode="full"),
        scipy.signal.correlate2d(x, g, mode="valid"),
        np.sum(g),
    )


# %% right [pool-backward] with unravel_index
def max_pool_backward(x, g, size):
    gradient = np.zeros(x.shape)
    for (i, j), value in np.ndenumerate(g):
        top, left = i * size, j * size
        best = np.unravel_index(np.argmax(x[top : top + size, left : left + size]), (size, size))
        gradient[top + best[0], left + best[1]] += value
    return gradient


# %% equivalent [numerical] every number of the array is written before it is read
# np.zeros_like → np.ones_like

# %% equivalent [conv-backward] of the two arrays, the weights' is written and not added to
# np.zeros_like → np.ones_like

# %% equivalent [conv-backward] a number of numpy is as good as one of Python
# float(g.sum()) → (g.sum())

# %% equivalent [pool-backward] divmod takes a number of numpy too
# int(window.argmax()) → (window.argmax())
