# %% wrong [batch-norm] the unbiased variance in y
# tells: here the divisor is n, not n − 1
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    _, mean, var = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    m, v = (x.mean((0, 2, 3)), x.var((0, 2, 3), ddof=1)) if training else (running_mean, running_var)
    m, v, gamma, beta = (each.reshape(-1, 1, 1) for each in (m, v, gamma, beta))
    return gamma * (x - m) / np.sqrt(v + eps) + beta, mean, var


# %% wrong [batch-norm] the biased variance in the running average
# tells: into the running variance goes the unbiased variance
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    y, mean, _ = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    if training:
        running_var = (1 - momentum) * running_var + momentum * x.var((0, 2, 3))
    return y, mean, running_var


# %% wrong [batch-norm] momentum the wrong way round
# tells: momentum µ is the share of the new value
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    return right(x, gamma, beta, running_mean, running_var, training=training, momentum=1 - momentum, eps=eps)


# %% wrong [batch-norm] statistics for each pixel
# tells: each pixel has a mean of its own
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    y, mean, var = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    if training and x.shape[2] > 2:
        y = (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
    return y, mean, var


# %% wrong [batch-norm] statistics for each picture
# tells: each picture has a mean of its own
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    y, mean, var = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    if training and x.shape[2] > 2:
        y = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + eps)
    return y, mean, var


# %% wrong [batch-norm] statistics for each picture, in every place
# tells: the mean of 1, 3, 5, 7 is 4
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    if training:
        m, v = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    else:
        m, v = running_mean[:, None, None], running_var[:, None, None]
    y = gamma[:, None, None] * (x - m) / np.sqrt(v + eps) + beta[:, None, None]
    return y, running_mean, running_var


# %% wrong [batch-norm] one mean for all channels
# tells: each channel of y should have mean 0
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    if training:
        m, v = x.mean(), x.var()
        n = x.size
        running_mean = (1 - momentum) * running_mean + momentum * m
        running_var = (1 - momentum) * running_var + momentum * v * n / (n - 1)
    else:
        m, v = running_mean[:, None, None], running_var[:, None, None]
    y = gamma[:, None, None] * (x - m) / np.sqrt(v + eps) + beta[:, None, None]
    return y, running_mean, running_var


# %% wrong [batch-norm] eps outside the root
# tells: eps stands outside the root
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    _, mean, var = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    m, v = (x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (running_mean, running_var)
    m, v, gamma, beta = (each.reshape(-1, 1, 1) for each in (m, v, gamma, beta))
    return gamma * (x - m) / (np.sqrt(v) + eps) + beta, mean, var


# %% wrong [batch-norm] eps forgotten
# tells: eps is missing under the root
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    return right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=0.0)


# %% wrong [batch-norm] running statistics are updated in evaluation
# tells: in evaluation it stays as it is
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    options = {"momentum": momentum, "eps": eps}
    y, _, _ = right(x, gamma, beta, running_mean, running_var, training=training, **options)
    return y, *right(x, gamma, beta, running_mean, running_var, training=True, **options)[1:]


# %% wrong [batch-norm] batch statistics in evaluation
# tells: in evaluation use the running statistics
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    y, mean, var = right(x, gamma, beta, running_mean, running_var, training=True, momentum=momentum, eps=eps)
    return (y, mean, var) if training else (y, running_mean, running_var)


# %% wrong [batch-norm] running statistics in training
# tells: not with the running ones
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    y, _, _ = right(x, gamma, beta, running_mean, running_var, training=False, eps=eps)
    return y, *right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)[1:]


# %% wrong [batch-norm] first updated, then standardised by the running statistics
# tells: is y made with the statistics after the update
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    _, mean, var = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    return right(x, gamma, beta, mean, var, training=False, eps=eps)


# %% wrong [batch-norm] nothing is remembered
# tells: the running mean was not updated
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    return right(x, gamma, beta, running_mean, running_var, training=training, eps=eps)[0], running_mean, running_var


# %% wrong [batch-norm] running statistics are written in place
# tells: an array that came in was changed
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    y, mean, var = right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)
    running_mean[:], running_var[:] = mean, var
    return y, running_mean, running_var


# %% wrong [batch-norm] only y is returned
# tells: return 3 things
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5, right=batch_norm):
    return right(x, gamma, beta, running_mean, running_var, training=training, momentum=momentum, eps=eps)[0]


# %% wrong [dropout] without scaling
# tells: what stays on is as it was
def dropout(x, p, rng, *, spatial=False, training=True):
    if not training:
        return x
    return x * (rng.random((*x.shape[:2], 1, 1) if spatial else x.shape) >= p)


# %% wrong [dropout] divided by p
# tells: what stays on was divided by p
def dropout(x, p, rng, *, spatial=False, training=True, right=dropout):
    return right(x, p, rng, spatial=spatial) * (1 - p) / p if training else x


# %% wrong [dropout] p is taken for the probability of on
# tells: p is the probability of off, not of on
def dropout(x, p, rng, *, spatial=False, training=True, right=dropout):
    return right(x, 1 - p, rng, spatial=spatial, training=training)


# %% wrong [dropout] also in evaluation
# tells: in evaluation nothing is switched off
def dropout(x, p, rng, *, spatial=False, training=True, right=dropout):
    return right(x, p, rng, spatial=spatial)


# %% wrong [dropout] scaled in evaluation, not in training
# tells: in evaluation nothing is switched off and nothing is scaled
def dropout(x, p, rng, *, spatial=False, training=True, right=dropout):
    return right(x, p, rng, spatial=spatial) * (1 - p) if training else x * (1 - p)


# %% wrong [dropout] one mask for all pictures
# tells: all pictures of the batch lose the same
def dropout(x, p, rng, *, spatial=False, training=True):
    if not training:
        return x
    return x * (rng.random((x.shape[1], 1, 1) if spatial else x.shape[1:]) >= p) / (1 - p)


# %% wrong [dropout] one mask for all channels
# tells: all channels of a picture lose the same
def dropout(x, p, rng, *, spatial=False, training=True):
    if not training:
        return x
    on = rng.random((x.shape[0], 1, 1, 1) if spatial else (x.shape[0], 1, *x.shape[2:])) >= p
    return x * on / (1 - p)


# %% wrong [dropout] spatial without effect
# tells: some maps have holes
def dropout(x, p, rng, *, spatial=False, training=True, right=dropout):
    return right(x, p, rng, training=training)


# %% wrong [dropout] always whole maps
# tells: whole maps are off
def dropout(x, p, rng, *, spatial=False, training=True, right=dropout):
    return right(x, p, rng, spatial=True, training=training)


# %% wrong [dropout] always whole columns
# tells: whole rows or columns are off
def dropout(x, p, rng, *, spatial=False, training=True):
    return x * (rng.random((*x.shape[:2], 1, x.shape[3])) >= p) / (1 - p) if training else x


# %% wrong [dropout] numpy's global generator
# tells: draw with the generator `rng`
def dropout(x, p, rng, *, spatial=False, training=True):
    if not training:
        return x
    return x * (np.random.rand(*((*x.shape[:2], 1, 1) if spatial else x.shape)) >= p) / (1 - p)


# %% wrong [dropout] in place
# tells: x was changed
def dropout(x, p, rng, *, spatial=False, training=True):
    if training:
        x *= (rng.random((*x.shape[:2], 1, 1) if spatial else x.shape) >= p) / (1 - p)
    return x


# %% wrong [one-cycle] the peak one step late
# tells: the peak is at step 29
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4):
    low = peak / start_divisor
    top = share_up * total_steps
    if step <= top:
        return low + (peak - low) * (1 - np.cos(np.pi * step / top)) / 2
    share = (step - top) / (total_steps - 1 - top)
    return low / end_divisor + (peak - low / end_divisor) * (1 + np.cos(np.pi * share)) / 2


# %% wrong [one-cycle] steps counted from 1
# tells: step 0 should have the rate
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4, right=one_cycle):
    options = {"share_up": share_up, "start_divisor": start_divisor, "end_divisor": end_divisor}
    return right(step + 1, total_steps, peak, **options)


# %% wrong [one-cycle] the way down is one step too long
# tells: are there T − 1 − u steps down
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4, right=one_cycle):
    top = share_up * total_steps - 1
    if step <= top:
        return right(step, total_steps, peak, share_up=share_up, start_divisor=start_divisor)
    end = peak / start_divisor / end_divisor
    return end + (peak - end) * (1 + np.cos(np.pi * (step - top) / (total_steps - top))) / 2


# %% wrong [one-cycle] the end is a part of the peak
# tells: not the peak divided by it
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4, right=one_cycle):
    options = {"share_up": share_up, "start_divisor": start_divisor, "end_divisor": end_divisor / start_divisor}
    return right(step, total_steps, peak, **options)


# %% wrong [one-cycle] it starts at 0
# tells: step 0 should have the rate
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4, right=one_cycle):
    options = {"share_up": share_up, "start_divisor": start_divisor, "end_divisor": end_divisor}
    top = share_up * total_steps - 1
    if step <= top:
        return peak * (1 - np.cos(np.pi * step / top)) / 2
    return right(step, total_steps, peak, **options)


# %% wrong [one-cycle] straight lines
# tells: these are straight lines
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4):
    low = peak / start_divisor
    places = [0, share_up * total_steps - 1, total_steps - 1]
    return np.interp(step, places, [low, peak, low / end_divisor])


# %% wrong [one-cycle] down only
# tells: step 0 should have the rate
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4):
    return peak * (1 + np.cos(np.pi * step / total_steps)) / 2


# %% wrong [range-test] the rate of the lowest loss itself
# tells: divide it by 10
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0, right=read_range_test):
    return right(rates, losses, smoothing=smoothing, divisor=1.0)


# %% wrong [range-test] without smoothing
# tells: this is the lucky batch
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0, right=read_range_test):
    return right(rates, losses, smoothing=0.0, divisor=divisor)


# %% wrong [range-test] the start of the average at 0 is not made up for
# tells: the first batches look low
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    if not np.isfinite(losses[0]):
        raise ValueError("the first loss is not finite")
    average, lowest, best = 0.0, np.inf, None
    for rate, loss in zip(rates, losses, strict=True):
        average = smoothing * average + (1 - smoothing) * loss
        if not average < 2 * lowest:
            break
        if average < lowest:
            lowest, best = average, rate
    return best / divisor


# %% wrong [range-test] argmin over all, nan too
# tells: argmin takes nan for the lowest
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    if not np.isfinite(losses[0]):
        raise ValueError("the first loss is not finite")
    smooth = [
        np.average(losses[:t], weights=smoothing ** np.arange(t - 1.0, -1, -1)) for t in range(1, len(losses) + 1)
    ]
    return rates[np.argmin(smooth)] / divisor


# %% wrong [range-test] what has diverged is read, too
# tells: lies behind the point where the loss has doubled
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    if not np.isfinite(losses[0]):
        raise ValueError("the first loss is not finite")
    smooth = [
        np.average(losses[:t], weights=smoothing ** np.arange(t - 1.0, -1, -1)) for t in range(1, len(losses) + 1)
    ]
    return rates[np.nanargmin(smooth)] / divisor


# %% wrong [range-test] only the batches that have diverged are left out, not those after them
# tells: lies behind the point where the loss has doubled
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    if not np.isfinite(losses[0]):
        raise ValueError("the first loss is not finite")
    average, lowest, best = 0.0, np.inf, None
    for t, (rate, loss) in enumerate(zip(rates, losses, strict=True), start=1):
        average = smoothing * average + (1 - smoothing) * loss
        if average / (1 - smoothing**t) < lowest:
            lowest, best = average / (1 - smoothing**t), rate
    return best / divisor


# %% wrong [range-test] cut where the loss is twice the first one
# tells: 4 is exactly twice 2
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    end = next((t for t in range(1, len(losses)) if not losses[t] < 2 * losses[0]), len(losses))
    smooth = [np.average(losses[:t], weights=smoothing ** np.arange(t - 1.0, -1, -1)) for t in range(1, end + 1)]
    doubled = [t for t in range(1, end) if smooth[t] > 2 * min(smooth[:t])]
    if not np.isfinite(losses[0]):
        raise ValueError("the first loss is not finite")
    return rates[np.argmin(smooth[: doubled[0] if doubled else end])] / divisor


# %% wrong [range-test] a nan at the start is not noticed
# tells: raise a ValueError
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0, right=read_range_test):
    return right(rates, losses, smoothing=smoothing, divisor=divisor) if np.isfinite(losses[0]) else rates[0] / divisor


# %% wrong [range-test] a loss is returned
# tells: return a rate
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    return np.nanmin(losses) / divisor


# %% wrong [boxes] the picture is mirrored, the boxes are not
# tells: but its boxes stayed where they were
def mirror(image, boxes):
    return image[:, :, ::-1], boxes


# %% wrong [boxes] the corners are not swapped
# tells: boxes have x₁ > x₂
def mirror(image, boxes, right=mirror):
    picture, boxes = right(image, boxes)
    return picture, boxes[:, [2, 1, 0, 3]]


# %% wrong [boxes] width − x
# tells: of 9 columns the last is 8
def mirror(image, boxes):
    boxes = boxes.copy()
    boxes[:, [0, 2]] = image.shape[2] - boxes[:, [2, 0]]
    return image[:, :, ::-1], boxes


# %% wrong [boxes] upside down
# tells: the picture stands on its head
def mirror(image, boxes):
    return image[:, ::-1], boxes


# %% wrong [boxes] the channels are reversed
# tells: the channels are reversed
def mirror(image, boxes, right=mirror):
    return image[::-1], right(image, boxes)[1]


# %% wrong [boxes] boxes mirrored, the picture not
# tells: the picture is not mirrored
def mirror(image, boxes, right=mirror):
    return image, right(image, boxes)[1]


# %% wrong [boxes] boxes mirrored in place
# tells: write into a copy
def mirror(image, boxes, right=mirror):
    picture, boxes[:] = right(image, boxes)
    return picture, boxes


# %% wrong [boxes] np.roll
# tells: what went out on one side came in on the other
def shift(image, boxes, right, down, original=shift):
    return np.roll(image, (down, right), axis=(1, 2)), original(image, boxes, right, down)[1]


# %% wrong [boxes] right and down are mixed up
# tells: right and down are mixed up
def shift(image, boxes, right, down, original=shift):
    return original(image, boxes, down, right)


# %% wrong [boxes] the picture goes left and up
# tells: positive numbers mean right and down
def shift(image, boxes, right, down, original=shift):
    return original(image, boxes, -right, -down)[0], original(image, boxes, right, down)[1]


# %% wrong [boxes] the picture is shifted, the boxes are not
# tells: but its boxes stayed where they were
def shift(image, boxes, right, down, original=shift):
    return original(image, boxes, right, down)[0], boxes


# %% wrong [boxes] x and y of the boxes are mixed up
# tells: x moves by `right`, y by `down`
def shift(image, boxes, right, down, original=shift):
    return original(image, boxes, right, down)[0], boxes + np.array([down, right, down, right])


# %% wrong [boxes] boxes are not cut
# tells: boxes reach beyond the border
def shift(image, boxes, right, down, original=shift):
    picture, _ = original(image, boxes, right, down)
    moved = boxes + np.array([right, down, right, down])
    height, width = image.shape[1:]
    inside = (moved[:, 2] >= 0) & (moved[:, 0] < width) & (moved[:, 3] >= 0) & (moved[:, 1] < height)
    return picture, moved[inside]


# %% wrong [boxes] boxes outside are not dropped
# tells: drop those outside
def shift(image, boxes, right, down, original=shift):
    height, width = image.shape[1:]
    moved = boxes + np.array([right, down, right, down])
    return original(image, boxes, right, down)[0], np.clip(moved, 0, [width - 1, height - 1, width - 1, height - 1])


# %% wrong [boxes] cut at the width instead of the last column
# tells: the boxes of what is left of the painted pixels
def shift(image, boxes, right, down, original=shift):
    height, width = image.shape[1:]
    moved = boxes + np.array([right, down, right, down])
    inside = (moved[:, 2] >= 0) & (moved[:, 0] < width) & (moved[:, 3] >= 0) & (moved[:, 1] < height)
    return original(image, boxes, right, down)[0], np.clip(moved[inside], 0, [width, height, width, height])


# %% wrong [flip-some] one decision for the whole batch
# tells: draw for each picture, not once for all
def flip_some(images, labels, mirror_of, rng):
    if rng.random() < 0.5 and (mirror_of[labels] >= 0).all():
        return images[..., ::-1], mirror_of[labels]
    return images, labels


# %% wrong [flip-some] the labels stay
# tells: but all labels stayed as they were
def flip_some(images, labels, mirror_of, rng, right=flip_some):
    return right(images, labels, mirror_of, rng)[0], labels


# %% wrong [flip-some] all labels are changed
# tells: also those of pictures that were not mirrored
def flip_some(images, labels, mirror_of, rng, right=flip_some):
    return right(images, labels, mirror_of, rng)[0], mirror_of[labels]


# %% wrong [flip-some] digits are mirrored, too
# tells: whose class has −1 in mirror_of
def flip_some(images, labels, mirror_of, rng):
    flipped = rng.random(len(labels)) < 0.5
    after = np.where(mirror_of[labels] >= 0, mirror_of[labels], labels)
    return np.where(flipped[:, None, None, None], images[..., ::-1], images), np.where(flipped, after, labels)


# %% wrong [flip-some] class 0 is taken for forbidden
# tells: of class
def flip_some(images, labels, mirror_of, rng):
    flipped = (rng.random(len(labels)) < 0.5) & ((mirror_of[labels] > 0) | (labels == 0))
    after = mirror_of[labels]
    return np.where(flipped[:, None, None, None], images[..., ::-1], images), np.where(flipped, after, labels)


# %% wrong [flip-some] all pictures are mirrored
# tells: 1000 of 1000 pictures were mirrored
def flip_some(images, labels, mirror_of, rng):
    return images[..., ::-1], mirror_of[labels]


# %% wrong [flip-some] pictures stand on their heads
# tells: neither as it was nor mirrored
def flip_some(images, labels, mirror_of, rng, right=flip_some):
    turned, labels = right(images.swapaxes(2, 3), labels, mirror_of, rng)
    return turned.swapaxes(2, 3), labels


# %% wrong [flip-some] pictures are changed in place
# tells: that came in were changed
def flip_some(images, labels, mirror_of, rng):
    flipped = (rng.random(len(labels)) < 0.5) & (mirror_of[labels] >= 0)
    images[flipped] = images[flipped][..., ::-1].copy()
    return images, np.where(flipped, mirror_of[labels], labels)


# %% wrong [flip-some] a generator of its own
# tells: draw with the generator `rng`
def flip_some(images, labels, mirror_of, rng, right=flip_some):
    return right(images, labels, mirror_of, np.random.default_rng(np.random.randint(1000)))


# %% right [batch-norm] with PyTorch
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    mean, var = torch.tensor(running_mean), torch.tensor(running_var)
    scale, offset = torch.tensor(gamma), torch.tensor(beta)
    y = F.batch_norm(torch.tensor(x), mean, var, scale, offset, training=training, momentum=momentum, eps=eps)
    return y.numpy(), mean.numpy(), var.numpy()


# %% right [batch-norm] one channel after the other
def batch_norm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = np.empty(x.shape), running_mean.copy(), running_var.copy()
    for c in range(x.shape[1]):
        values = x[:, c].ravel()
        mean, var = (np.mean(values), np.var(values)) if training else (running_mean[c], running_var[c])
        y[:, c] = gamma[c] * (x[:, c] - mean) * (var + eps) ** -0.5 + beta[c]
        if training:
            new_mean[c] += momentum * (mean - new_mean[c])
            new_var[c] += momentum * (np.var(values, ddof=1) - new_var[c])
    return y, new_mean, new_var


# %% right [dropout] with other draws, by choice
def dropout(x, p, rng, *, spatial=False, training=True):
    if training:
        shape = x.shape[:2] if spatial else x.shape
        mask = rng.choice([0.0, 1 / (1 - p)], size=shape, p=[p, 1 - p])
        return x * (mask[:, :, None, None] if spatial else mask)
    return x.copy()


# %% right [dropout] in a loop over maps, in float32
def dropout(x, p, rng, *, spatial=False, training=True):
    y = x.astype(np.float32)
    for i, j in np.ndindex(*x.shape[:2]) if training else ():
        off = rng.random() < p if spatial else rng.random(x.shape[2:]) < p
        y[i, j] = np.where(off, 0, x[i, j] / (1 - p))
    return y


# %% right [one-cycle] the same wave for both ways
def one_cycle(step, total_steps, peak, *, share_up=0.3, start_divisor=25.0, end_divisor=1e4):
    from math import cos, pi

    def wave(start, stop, share):
        return stop + (start - stop) / 2 * (1 + cos(pi * share))

    u, low = share_up * total_steps - 1, peak / start_divisor
    return wave(low, peak, step / u) if step < u else wave(peak, low / end_divisor, (step - u) / (total_steps - 1 - u))


# %% right [range-test] vectorised
def read_range_test(rates, losses, *, smoothing=0.9, divisor=10.0):
    if not np.isfinite(losses[0]):
        raise ValueError("diverged from the start")
    t = np.arange(len(losses))
    weights = np.tril(smoothing ** np.maximum(t[:, None] - t, 0))
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite))
    smooth = (weights[:end, :end] @ losses[:end]) / weights[:end, :end].sum(axis=1)
    lowest_before = np.minimum.accumulate(smooth)[:-1]
    bad = np.flatnonzero(smooth[1:] >= 2 * lowest_before)
    return rates[np.argmin(smooth[: bad[0] + 1] if len(bad) else smooth)] / divisor


# %% right [boxes] with scipy and a loop over boxes, in float
def mirror(image, boxes):
    w = image.shape[-1]
    new = [[w - 1.0 - x2, y1, w - 1.0 - x1, y2] for x1, y1, x2, y2 in boxes]
    return np.flip(image, axis=-1), np.array(new).reshape(-1, 4)


def shift(image, boxes, right, down):
    h, w = image.shape[1:]
    left = []
    for x1, y1, x2, y2 in boxes:
        x1, x2, y1, y2 = max(x1 + right, 0), min(x2 + right, w - 1), max(y1 + down, 0), min(y2 + down, h - 1)
        if x1 <= x2 and y1 <= y2:
            left.append([x1, y1, x2, y2])
    return scipy.ndimage.shift(image, (0, down, right), order=0), np.array(left).reshape(-1, 4)


# %% right [boxes] pixel by pixel
def shift(image, boxes, right, down, original=shift):
    moved = np.zeros(image.shape)
    for y, x in np.ndindex(*image.shape[1:]):
        if 0 <= y - down < image.shape[1] and 0 <= x - right < image.shape[2]:
            moved[:, y, x] = image[:, y - down, x - right]
    return moved, original(image, boxes, right, down)[1]


# %% right [flip-some] in a loop over pictures
def flip_some(images, labels, mirror_of, rng):
    images, labels = images.copy(), labels.copy()
    for i, label in enumerate(labels):
        if mirror_of[label] != -1 and rng.integers(2):
            images[i] = images[i, :, :, ::-1].copy()
            labels[i] = mirror_of[label]
    return images, labels


# %% equivalent [range-test] there are as many rates as losses
# True → False
# zip(rates, losses, strict=True) → zip(rates, losses)

# %% equivalent [range-test] a number of numpy is as good as one of Python
# float(best / divisor) → (best / divisor)

# %% equivalent [one-cycle] at the peak both formulas give the peak
# step <= top → (step < top)

# %% equivalent [dropout] that a draw is exactly p practically never happens
# rng.random((*x.shape[:2], 1, 1) if spatial else x.shape) >= p → (rng.random((*x.shape[:2], 1, 1) if spatial else x.shape) > p)

# %% equivalent [boxes] of three numbers the middle one, in whichever order
# np.clip([x1, x2], 0, width - 1) → np.clip(0, [x1, x2], width - 1)
# np.clip([y1, y2], 0, height - 1) → np.clip(0, [y1, y2], height - 1)

# %% equivalent [flip-some] one half of the draws lies on either side of one half
# rng.random(len(labels)) < 0.5 → (rng.random(len(labels)) <= 0.5)
# rng.random(len(labels)) < 0.5 → (rng.random(len(labels)) >= 0.5)
