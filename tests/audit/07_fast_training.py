# %% wrong [normalised] statistics of each picture
# tells: each picture was given its own statistics
def normalised(images, mean, std):
    floats = images / 255
    return (floats - floats.mean((2, 3), keepdim=True)) / floats.std((2, 3), keepdim=True)


# %% wrong [normalised] the mean subtracted from bytes
# tells: which know no negative numbers
def normalised(images, mean, std):
    return (images - (255 * mean[:, None, None]).round().byte()) / (255 * std[:, None, None])


# %% wrong [normalised] bytes not divided by 255
# tells: divide the bytes by 255 first
def normalised(images, mean, std):
    return (images - mean[:, None, None]) / std[:, None, None]


# %% wrong [normalised] divided before the mean is subtracted
# tells: after the mean is subtracted
def normalised(images, mean, std):
    return images / 255 / std[:, None, None] - mean[:, None, None]


# %% wrong [normalised] mean and std along the columns
# tells: give them the shape (C, 1, 1)
def normalised(images, mean, std):
    return (images / 255 - mean) / std


# %% wrong [normalised] in half precision
# tells: 16 bits are too coarse
def normalised(images, mean, std):
    return ((images / 255).bfloat16() - mean[:, None, None].bfloat16()) / std[:, None, None].bfloat16()


# %% wrong [normalised] picture by picture
# tells: something is done for each of the pictures by itself
def normalised(images, mean, std):
    return torch.tensor([slow_normalised(image, mean, std) for image in images])


# %% wrong [flipped-and-shifted] one flip for the whole batch
# tells: no picture is mirrored: each has a flip of its own
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    return right(images, flips[:1].expand_as(flips), shifts)


# %% wrong [flipped-and-shifted] all are mirrored
# tells: all pictures are mirrored: each has a flip of its own
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    return right(images, torch.ones_like(flips), shifts)


# %% wrong [flipped-and-shifted] rows are reversed instead of columns
# tells: pictures stand on their heads
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    upside = torch.where(flips[:, None, None, None], images.flip(2), images)
    return right(upside, torch.zeros_like(flips), shifts)


# %% wrong [flipped-and-shifted] rolled around
# tells: pixels that go out on one side come in on the other
def flipped_and_shifted(images, flips, shifts):
    height, width = images.shape[2:]
    images = torch.where(flips[:, None, None, None], images.flip(3), images)
    rows = (torch.arange(height) - shifts[:, :1]) % height
    columns = (torch.arange(width) - shifts[:, 1:]) % width
    pictures = torch.arange(len(images))[:, None, None, None]
    channels = torch.arange(images.shape[1])[:, None, None]
    return images[pictures, channels, rows[:, None, :, None], columns[:, None, None, :]]


# %% wrong [flipped-and-shifted] the edge is repeated instead of 0
# tells: and 0 where there is none
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    padded = F.pad(images, (30, 30, 30, 30), mode="replicate")
    return right(padded, flips, shifts)[:, :, 30:-30, 30:-30]


# %% wrong [flipped-and-shifted] up and to the left
# tells: are moved up and to the left
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    return right(images, flips, -shifts)


# %% wrong [flipped-and-shifted] down and right mixed up
# tells: down and right are mixed up
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    return right(images, flips, shifts.flip(1))


# %% wrong [flipped-and-shifted] moved first and mirrored afterwards
# tells: mirrored pictures go the wrong way
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    moved = right(images, torch.zeros_like(flips), shifts)
    return torch.where(flips[:, None, None, None], moved.flip(3), moved)


# %% wrong [flipped-and-shifted] the shift of the first for all
# tells: all pictures have the shift of the first
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    return right(images, flips, shifts[:1].expand_as(shifts))


# %% wrong [flipped-and-shifted] written into the pictures that came in
# tells: write into a new tensor
def flipped_and_shifted(images, flips, shifts, right=flipped_and_shifted):
    return images.copy_(right(images, flips, shifts))


# %% wrong [flipped-and-shifted] a loop over pictures
# tells: something is done for each of the pictures by itself
def flipped_and_shifted(images, flips, shifts):
    lists = zip(images.tolist(), flips.tolist(), shifts.tolist(), strict=True)
    return torch.tensor([slow_flipped_and_shifted(image, flip, *shift) for image, flip, shift in lists])


# %% wrong [batches] the last, smaller batch is lost
# tells: smaller batch of 1 is missing
def batches(images, labels, order, size):
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        yield images[chosen], labels[chosen]


# %% wrong [batches] labels are not permuted
# tells: the labels are not: they have to go along
def batches(images, labels, order, size):
    for start in range(0, len(order), size):
        yield images[order[start : start + size]], labels[start : start + size]


# %% wrong [batches] the order is forgotten
# tells: pictures come in the order in which they lie
def batches(images, labels, order, size):
    yield from zip(images.split(size), labels.split(size), strict=True)


# %% wrong [batches] stacked picture by picture
# tells: something is done for each of the pictures by itself
def batches(images, labels, order, size):
    for chosen in order.split(size):
        yield torch.stack([images[n] for n in chosen]), labels[chosen]


# %% wrong [fast-epoch] the slow one again
# tells: What is still done pixel by pixel
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    return slow_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size)


# %% wrong [fast-epoch] bfloat16
# tells: the network computes in torch.bfloat16
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size, right=fast_epoch):
    with torch.autocast("cpu", torch.bfloat16):
        return right(model, optimizer, images, labels, order, flips, shifts, mean, std, size)


# %% wrong [fast-epoch] pictures in half precision
# tells: the pictures are rounded
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size, right=fast_epoch):
    global normalised
    full = normalised

    def normalised(*arguments):
        return full(*arguments).half().float()

    try:
        return right(model, optimizer, images, labels, order, flips, shifts, mean, std, size)
    finally:
        normalised = full


# %% wrong [fast-epoch] fewer steps, with larger batches
# tells: there were 2 steps, and there should be 4
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size, right=fast_epoch):
    return right(model, optimizer, images, labels, order, flips, shifts, mean, std, 2 * size)


# %% wrong [fast-epoch] half of the pictures
# tells: the network saw 7 pictures, and there are 14
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size, right=fast_epoch):
    return right(model, optimizer, images, labels, order[::2], flips, shifts, mean, std, size)


# %% wrong [fast-epoch] nothing is learned
# tells: is there a step?
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    return 2.3, 0.1


# %% wrong [fast-epoch] gradients are not cleared
# tells: are the gradients of this step only
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    pictures = flipped_and_shifted(normalised(images, mean, std), flips, shifts)
    for batch, answers in batches(pictures, labels, order, size):
        F.cross_entropy(model(batch), answers).backward()
        optimizer.step()
    return 2.3, 0.1


# %% wrong [fast-epoch] it waits in every step
# tells: ask for numbers after the loop
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    pictures = flipped_and_shifted(normalised(images, mean, std), flips, shifts)
    losses, right = 0.0, 0
    for batch, answers in batches(pictures, labels, order, size):
        logits = model(batch)
        loss = F.cross_entropy(logits, answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.item() * len(answers)
        right += (logits.argmax(1) == answers).sum().item()
    return losses / len(order), right / len(order)


# %% wrong [fast-epoch] right answers are counted one by one
# tells: something is done for each of the pictures by itself
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    pictures = flipped_and_shifted(normalised(images, mean, std), flips, shifts)
    losses, right = 0.0, 0
    for batch, answers in batches(pictures, labels, order, size):
        logits = model(batch)
        loss = F.cross_entropy(logits, answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.item() * len(answers)
        right += sum(logits[k].argmax().item() == answers[k].item() for k in range(len(answers)))
    return losses / len(order), right / len(order)


# %% wrong [fast-epoch] the graphs of all losses are kept
# tells: add up loss.detach(), not loss
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    pictures = flipped_and_shifted(normalised(images, mean, std), flips, shifts)
    losses, right = 0, 0
    for batch, answers in batches(pictures, labels, order, size):
        logits = model(batch)
        loss = F.cross_entropy(logits, answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss * len(answers)
        right += (logits.argmax(1) == answers).sum()
    return losses.item() / len(order), right.item() / len(order)


# %% wrong [fast-epoch] the mean of the batches' means
# tells: in which a smaller last batch counts less
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    pictures = flipped_and_shifted(normalised(images, mean, std), flips, shifts)
    losses, shares = [], []
    for batch, answers in batches(pictures, labels, order, size):
        logits = model(batch)
        loss = F.cross_entropy(logits, answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        shares.append((logits.argmax(1) == answers).float().mean())
    return torch.stack(losses).mean().item(), torch.stack(shares).mean().item()


# %% wrong [mirrored] the same pictures in every epoch
# tells: the sides change from epoch to epoch
def mirrored(numbers, epoch):
    return coin(numbers)


# %% wrong [mirrored] all pictures in odd epochs
# tells: the coin falls for each picture by itself
def mirrored(numbers, epoch):
    return torch.full_like(numbers, epoch % 2 == 1, dtype=torch.bool)


# %% wrong [mirrored] by the place in the batch
# tells: not to its place in the batch
def mirrored(numbers, epoch, right=mirrored):
    return right(torch.arange(len(numbers)), epoch)


# %% wrong [mirrored] a new coin in every epoch
# tells: coin(numbers) in even epochs, the opposite in odd ones
def mirrored(numbers, epoch):
    return coin(numbers + epoch)


# %% wrong [triangle] the peak one step late
# tells: the peak comes one step late
def triangle(step, steps, peak, share_up=0.2, right=triangle):
    t = step / (steps + 1)
    return peak * min(t / share_up, (1 - t) / (1 - share_up))


# %% wrong [triangle] steps counted to T
# tells: t is divided by T: divide by T + 1
def triangle(step, steps, peak, share_up=0.2):
    t = (step + 1) / steps
    return peak * min(t / share_up, (1 - t) / (1 - share_up))


# %% wrong [nesterov] plain momentum, from the old velocity
# tells: this is plain momentum
def nesterov_step(weights, gradient, velocity, *, rate, momentum, decay=0.0):
    gradient = gradient + decay * weights
    return weights - rate * (gradient + momentum * velocity), momentum * velocity + gradient


# %% wrong [nesterov] twice the velocity
# tells: both terms of the step are velocities
def nesterov_step(weights, gradient, velocity, *, rate, momentum, decay=0.0):
    gradient = gradient + decay * weights
    velocity = momentum * velocity + gradient
    return weights - rate * (velocity + momentum * velocity), velocity


# %% wrong [nesterov] the step ahead is kept as velocity
# tells: g + µ v was returned as the new velocity
def nesterov_step(weights, gradient, velocity, *, rate, momentum, decay=0.0):
    gradient = gradient + decay * weights
    velocity = gradient + momentum * (momentum * velocity + gradient)
    return weights - rate * velocity, velocity


# %% wrong [nesterov] without weight decay
# tells: the weight decay is missing
def nesterov_step(weights, gradient, velocity, *, rate, momentum, decay=0.0, right=nesterov_step):
    return right(weights, gradient, velocity, rate=rate, momentum=momentum)


# %% wrong [nesterov] in place
# tells: a tensor that came in was changed
def nesterov_step(weights, gradient, velocity, *, rate, momentum, decay=0.0):
    gradient = gradient + decay * weights
    velocity.mul_(momentum).add_(gradient)
    return weights - rate * (gradient + momentum * velocity), velocity


# %% wrong [average] the decay the wrong way round
# tells: d is the share of the old average
def update_average(average, model, decay, right=update_average):
    right(average, model, 1 - decay)


# %% wrong [average] one network under two names
# tells: they share memory
def start_average(model):
    return model


# %% wrong [average] a shallow copy
# tells: they share memory. Make a deep copy
def start_average(model):
    return copy.copy(model)


# %% wrong [average] without buffers
# tells: buffers too
def update_average(average, model, decay):
    with torch.no_grad():
        for old, new in zip(average.parameters(), model.parameters(), strict=True):
            old.mul_(decay).add_(new, alpha=1 - decay)


# %% wrong [average] everything is copied
# tells: it should follow
def update_average(average, model, decay):
    average.load_state_dict(model.state_dict())


# %% wrong [average] written into the network
# tells: the network itself was changed
def update_average(average, model, decay, right=update_average):
    right(model, average, 1 - decay)


# %% wrong [average] the counter is averaged, too
# tells: copy it from the network, do not average it
def update_average(average, model, decay):
    for old, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        old.copy_(decay * old + (1 - decay) * new)


# %% wrong [whitening] divided by the eigenvalue
# tells: divide by the root of the eigenvalue, not by the eigenvalue
def whitening_filters(images, size, eps=0.0):
    patches = F.unfold(images, size).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(patches.cov(correction=0))
    return (vectors / (values + eps)).T.flip(0).reshape(-1, images.shape[1], size, size)


# %% wrong [whitening] not divided
# tells: the answers have the eigenvalues as variances
def whitening_filters(images, size, eps=0.0):
    patches = F.unfold(images, size).transpose(0, 1).flatten(1)
    vectors = torch.linalg.eigh(patches.cov(correction=0)).eigenvectors
    return vectors.T.flip(0).reshape(-1, images.shape[1], size, size)


# %% wrong [whitening] rows of the eigenvectors
# tells: rows were taken as eigenvectors
def whitening_filters(images, size, eps=0.0):
    patches = F.unfold(images, size).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(patches.cov(correction=0))
    return (vectors / (values + eps).sqrt()).flip(0).reshape(-1, images.shape[1], size, size)


# %% wrong [whitening] the mean patch is not subtracted
# tells: the mean patch was not subtracted
def whitening_filters(images, size, eps=0.0):
    patches = F.unfold(images, size).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(patches @ patches.T / patches.shape[1])
    return (vectors / (values + eps).sqrt()).T.flip(0).reshape(-1, images.shape[1], size, size)


# %% wrong [whitening] the weakest first
# tells: the weakest filter comes first
def whitening_filters(images, size, eps=0.0, right=whitening_filters):
    return right(images, size, eps).flip(0)


# %% wrong [whitening] without eps
# tells: ε is missing
def whitening_filters(images, size, eps=0.0, right=whitening_filters):
    return right(images, size)


# %% wrong [whitening] eps outside the root
# tells: ε stands outside the root
def whitening_filters(images, size, eps=0.0):
    patches = F.unfold(images, size).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(patches.cov(correction=0))
    return (vectors / (values.sqrt() + eps)).T.flip(0).reshape(-1, images.shape[1], size, size)


# %% wrong [whitening] patches that do not overlap
# tells: these are patches side by side
def whitening_filters(images, size, eps=0.0):
    patches = F.unfold(images, size, stride=size).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(patches.cov(correction=0))
    return (vectors / (values + eps).sqrt()).T.flip(0).reshape(-1, images.shape[1], size, size)


# %% wrong [ask-twice] the logits of the mirror image are mirrored back
# tells: the logits were mirrored back
def ask_twice(model, images):
    return (model(images) + model(images.flip(3)).flip(1)) / 2


# %% wrong [ask-twice] averaged after argmax
# tells: answers were averaged after argmax
def ask_twice(model, images):
    votes = [F.one_hot(model(each).argmax(1), 10).float() for each in (images, images.flip(3))]
    return (votes[0] + votes[1]) / 2


# %% wrong [ask-twice] the sum
# tells: this is the sum of the logits
def ask_twice(model, images):
    return model(images) + model(images.flip(3))


# %% wrong [ask-twice] upside down
# tells: pictures stand on their heads
def ask_twice(model, images):
    return (model(images) + model(images.flip(2))) / 2


# %% wrong [ask-twice] only the mirror image
# tells: only the mirror images were asked
def ask_twice(model, images):
    return model(images.flip(3))


# %% right [normalised] reshaped statistics, in double precision on the way
def normalised(images, mean, std):
    shape = (1, -1, 1, 1)
    floats = images.to(torch.float64).div(255)
    return floats.sub(mean.view(shape)).div(std.view(shape)).to(torch.float32)


# %% right [normalised] one factor and one offset for each channel
def normalised(images, mean, std):
    factor, offset = 1 / (255 * std), -mean / std
    result = torch.empty(images.shape)
    for channel in range(images.shape[1]):
        result[:, channel] = images[:, channel] * factor[channel] + offset[channel]
    return result


# %% right [flipped-and-shifted] a border of zeros, and gather
def flipped_and_shifted(images, flips, shifts):
    n, c, h, w = images.shape
    images = torch.where(flips.view(n, 1, 1, 1), images.flip(-1), images)
    reach = int(shifts.abs().max())
    padded = F.pad(images, (reach, reach, reach, reach))
    rows = torch.arange(h) + reach - shifts[:, 0, None]
    columns = torch.arange(w) + reach - shifts[:, 1, None]
    places = rows[:, :, None] * (w + 2 * reach) + columns[:, None, :]
    return padded.flatten(2).gather(2, places.view(n, 1, -1).expand(-1, c, -1)).view(n, c, h, w)


# %% right [flipped-and-shifted] a window for each shift, first of rows, then of columns
def flipped_and_shifted(images, flips, shifts):
    h, w = images.shape[2:]
    images = torch.where(flips[:, None, None, None], images.flip(3), images)
    reach = int(shifts.abs().max())
    padded = F.pad(images, (reach,) * 4)
    for axis, length in ((2, h), (3, w)):
        windows = padded.unfold(axis, length, 1).movedim(axis, 0)  # the first belongs to the farthest shift
        windows = windows.movedim(-1, axis + 1)
        padded = windows[reach - shifts[:, axis - 2], torch.arange(len(images))]
    return padded


# %% right [batches] gathered once, then views
def batches(images, labels, order, size):
    return zip(images[order].split(size), labels[order].split(size), strict=True)


# %% right [fast-epoch] lists of what is left of each step
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    pictures = flipped_and_shifted(normalised(images, mean, std), flips, shifts)
    losses, hits = [], []
    for batch, answers in batches(pictures, labels, order, size):
        model.zero_grad()
        logits = model(batch)
        losses.append(F.cross_entropy(logits, answers, reduction="none"))
        losses[-1].mean().backward()
        losses[-1] = losses[-1].detach()
        optimizer.step()
        hits.append(logits.detach().argmax(1) == answers)
    return float(torch.cat(losses).mean()), float(torch.cat(hits).float().mean())


# %% right [fast-epoch] each batch prepared when its turn comes
def fast_epoch(model, optimizer, images, labels, order, flips, shifts, mean, std, size):
    told = torch.zeros(2)
    for chosen in order.split(size):
        batch = flipped_and_shifted(normalised(images[chosen], mean, std), flips[chosen], shifts[chosen])
        logits = model(batch)
        loss = F.cross_entropy(logits, labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            told += torch.stack([loss * len(chosen), (logits.argmax(1) == labels[chosen]).sum()])
    loss, share = (told / len(order)).tolist()
    return loss, share


# %% right [mirrored] an if
def mirrored(numbers, epoch):
    heads = coin(numbers)
    return ~heads if epoch & 1 else heads


# %% right [triangle] with an if
def triangle(step, steps, peak, share_up=0.2):
    t = (step + 1) / (steps + 1)
    if t <= share_up:
        return peak * t / share_up
    return peak * (1 - t) / (1 - share_up)


# %% right [nesterov] on copies, in place
def nesterov_step(weights, gradient, velocity, *, rate, momentum, decay=0.0):
    g = gradient.add(weights, alpha=decay)
    v = velocity.mul(momentum).add_(g)
    return weights.sub(g.add(v, alpha=momentum), alpha=rate), v


# %% right [average] lerp, buffers apart
def update_average(average, model, decay):
    with torch.no_grad():
        for old, new in zip(average.parameters(), model.parameters(), strict=True):
            old.lerp_(new, 1 - decay)
        for old, new in zip(average.buffers(), model.buffers(), strict=True):
            old.copy_(old.lerp(new, 1 - decay) if old.is_floating_point() else new)


# %% right [average] a new state is loaded
def update_average(average, model, decay):
    ours, theirs = average.state_dict(), model.state_dict()
    mixed = {k: decay * ours[k] + (1 - decay) * v if v.dtype.is_floating_point else v for k, v in theirs.items()}
    average.load_state_dict(mixed)


# %% right [whitening] with slices instead of unfold, by svd
def whitening_filters(images, size, eps=0.0):
    channels, height, width = images.shape[1:]
    rows, columns = height - size + 1, width - size + 1
    numbers = [
        images[:, c, i : i + rows, j : j + columns].flatten()
        for c in range(channels)
        for i in range(size)
        for j in range(size)
    ]
    table = torch.stack(numbers, dim=1).double()
    _, strength, directions = torch.linalg.svd(table - table.mean(0), full_matrices=False)
    variances = strength**2 / len(table)
    return (directions / (variances + eps).sqrt()[:, None]).view(-1, channels, size, size)


# %% right [ask-twice] both halves in one batch
def ask_twice(model, images):
    return model(torch.cat([images, torch.flip(images, [-1])])).view(2, len(images), -1).mean(dim=0)


# %% equivalent [normalised] a byte divided by a number is a float already
# images.float() → images

# %% equivalent [flipped-and-shifted] where there is no GPU, a new tensor lies where the pictures lie
# torch.arange(height, device=images.device) → torch.arange(height)
# torch.arange(width, device=images.device) → torch.arange(width)
# torch.arange(n, device=images.device) → torch.arange(n)
# torch.arange(channels, device=images.device) → torch.arange(channels)

# %% equivalent [fast-epoch] where there is no GPU, a new tensor lies where the pictures lie
# torch.zeros((), device=images.device) → torch.zeros(())

# %% equivalent [triangle] the smaller of two, in either order
# min(t / share_up, (1 - t) / (1 - share_up)) → min((1 - t) / (1 - share_up), t / share_up)

# %% equivalent [whitening] two axes are exchanged, in either order
# F.unfold(images, size).transpose(0, 1) → F.unfold(images, size).transpose(1, 0)
