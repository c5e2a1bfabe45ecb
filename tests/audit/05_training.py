# %% wrong [training-loop] zero_grad forgotten
# tells: the sum of all gradients so far
def training_loop(model, batches, optimizer, loss_function, epochs, right=training_loop):
    optimizer.zero_grad = lambda: None
    return right(model, batches, optimizer, loss_function, epochs)


# %% wrong [training-loop] zero_grad once an epoch
# tells: along its own gradient alone
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            count += len(labels)
        losses.append(total_loss / count)
    return losses


# %% wrong [training-loop] zero_grad between backward and step
# tells: no weight has changed
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            count += len(labels)
        losses.append(total_loss / count)
    return losses


# %% wrong [training-loop] step before backward
# tells: the gradients come first, then the step
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            optimizer.zero_grad()
            optimizer.step()
            loss.backward()
            total_loss += loss.item() * len(labels)
            count += len(labels)
        losses.append(total_loss / count)
    return losses


# %% wrong [training-loop] softmax before the cross-entropy
# tells: hand the logits to the loss as they are
def training_loop(model, batches, optimizer, loss_function, epochs, right=training_loop):
    return right(model, batches, optimizer, lambda z, y: loss_function(z.softmax(dim=1), y), epochs)


# %% wrong [training-loop] always the cross-entropy
# tells: use the one that is handed in
def training_loop(model, batches, optimizer, loss_function, epochs, right=training_loop):
    return right(model, batches, optimizer, F.cross_entropy, epochs)


# %% wrong [training-loop] the mean of batch means
# tells: counts as much as one of 6
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss = 0.0
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
        losses.append(total_loss / len(batches))
    return losses


# %% wrong [training-loop] the sum of batch means
# tells: this is the sum over the batches
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss = 0.0
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
        losses.append(total_loss)
    return losses


# %% wrong [training-loop] the loss of the last batch
# tells: the loss of the last batch only
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [training-loop] the account goes on over the epochs
# tells: begin at 0 in each epoch
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses, total_loss, count = [], 0.0, 0
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            count += len(labels)
        losses.append(total_loss / count)
    return losses


# %% wrong [training-loop] losses that hold their graphs
# tells: take it out with .item()
def training_loop(model, batches, optimizer, loss_function, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = loss_function(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss * len(labels)
            count += len(labels)
        losses.append(total_loss / count)
    return losses


# %% wrong [training-loop] no train()
# tells: it learns in evaluation mode
def training_loop(model, batches, optimizer, loss_function, epochs, right=training_loop):
    model.train = lambda mode=True: model
    return right(model, batches, optimizer, loss_function, epochs)


# %% wrong [training-loop] returns after the first epoch
# tells: 3 epochs give 3 losses
def training_loop(model, batches, optimizer, loss_function, epochs, right=training_loop):
    return right(model, batches, optimizer, loss_function, min(epochs, 1))


# %% wrong [validate] argmax over the wrong axis
# tells: argmax over the wrong axis
def validate(model, batches, right=validate):
    was_training = model.training
    model.eval()
    good, count = 0, 0
    with torch.no_grad():
        for inputs, labels in batches:
            good += (model(inputs).argmax(dim=0) == labels).sum().item()
            count += len(labels)
    model.train(was_training)
    return good / count


# %% wrong [validate] the mean of the batches' accuracies
# tells: a small batch counts too much
def validate(model, batches):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        each = [(model(inputs).argmax(dim=1) == labels).float().mean().item() for inputs, labels in batches]
    model.train(was_training)
    return sum(each) / len(each)


# %% wrong [validate] the last batch only
# tells: 17 examples in three batches
def validate(model, batches, right=validate):
    return right(model, [list(batches)[-1]])


# %% wrong [validate] no eval()
# tells: it measures in training mode
def validate(model, batches):
    right, count = 0, 0
    with torch.no_grad():
        for inputs, labels in batches:
            right += (model(inputs).argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return right / count


# %% wrong [validate] left in evaluation mode
# tells: was left in evaluation mode
def validate(model, batches):
    model.eval()
    right, count = 0, 0
    with torch.no_grad():
        for inputs, labels in batches:
            right += (model(inputs).argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return right / count


# %% wrong [validate] always back to training
# tells: was left in training mode
def validate(model, batches, right=validate):
    accuracy = right(model, batches)
    model.train()
    return accuracy


# %% wrong [validate] a graph is recorded
# tells: the forward passes record a graph
def validate(model, batches):
    was_training = model.training
    model.eval()
    right, count = 0, 0
    for inputs, labels in batches:
        right += (model(inputs).argmax(dim=1) == labels).sum().item()
        count += len(labels)
    model.train(was_training)
    return right / count


# %% wrong [validate] recording switched off for good
# tells: recording stays switched off
def validate(model, batches, right=validate):
    torch.set_grad_enabled(False)
    return right(model, batches)


# %% wrong [validate] a tensor instead of a number
# tells: return a plain number
def validate(model, batches, right=validate):
    return torch.tensor(right(model, batches))


# %% wrong [validate] the batches are gone through twice
# tells: Your code stopped with ZeroDivisionError
def validate(model, batches, right=validate):
    n = sum(len(labels) for _, labels in batches)
    return right(model, batches)


# %% wrong [validate] percent
# tells: the accuracy is
def validate(model, batches, right=validate):
    return 100 * right(model, batches)


# %% wrong [two-classes] labels not renumbered
# tells: two logits need labels 0 and 1
def two_classes(images, labels, first, second):
    chosen = (labels == first) | (labels == second)
    return images[chosen], labels[chosen]


# %% wrong [two-classes] relabelled one after the other
# tells: 2 becomes 0, 0 becomes 1
def two_classes(images, labels, first, second, right=two_classes):
    chosen, _ = right(images, labels, first, second)
    renumbered = labels[(labels == first) | (labels == second)].clone()
    renumbered[renumbered == first] = 0
    renumbered[renumbered == second] = 1
    return chosen, renumbered


# %% wrong [two-classes] the smaller class becomes 0
# tells: 2 becomes 0, 0 becomes 1
def two_classes(images, labels, first, second, right=two_classes):
    return right(images, labels, min(first, second), max(first, second))


# %% wrong [two-classes] first one class, then the other
# tells: keep the pictures in the order
def two_classes(images, labels, first, second):
    parts = [images[labels == which] for which in (first, second)]
    renumbered = [torch.full((len(part),), number) for number, part in enumerate(parts)]
    return torch.cat(parts), torch.cat(renumbered)


# %% wrong [two-classes] truth values as labels
# tells: a loss wants int64
def two_classes(images, labels, first, second, right=two_classes):
    chosen, renumbered = right(images, labels, first, second)
    return chosen, renumbered.bool()


# %% wrong [two-classes] labels changed in place
# tells: have changed
def two_classes(images, labels, first, second, right=two_classes):
    result = right(images, labels, first, second)
    labels[labels == first] = -1
    return result


# %% wrong [two-classes] every other class becomes 1
# tells: pictures are of these classes
def two_classes(images, labels, first, second):
    return images, (labels != first).long()


# %% wrong [two-classes] statistics of all pictures
# tells: that is a leak
def standardise(train, other, right=standardise):
    _, _, mean, std = right(torch.cat([train, other]), other)

    def scale(pictures):
        return (pictures / 255 - mean[:, None, None]) / std[:, None, None]

    return scale(train), scale(other), mean, std


# %% wrong [two-classes] statistics of the test for the test
# tells: by their own mean
def standardise(train, other, right=standardise):
    done, _, mean, std = right(train, train)
    return done, right(other, other)[0], mean, std


# %% wrong [two-classes] one mean for all channels
# tells: subtract the mean of each channel
def standardise(train, other, right=standardise):
    pixels = train / 255
    mean, std = pixels.mean().expand(3), pixels.std().expand(3)

    def scale(pictures):
        return (pictures / 255 - mean[:, None, None]) / std[:, None, None]

    return scale(train), scale(other), mean, std


# %% wrong [two-classes] one mean for each pixel
# tells: not 1
def standardise(train, other):
    pixels = train / 255
    mean, std = pixels.mean(dim=0), pixels.mean(dim=0) * 0 + pixels.std()
    return (pixels - mean) / std, (other / 255 - mean) / std, mean.mean(dim=(1, 2)), std.mean(dim=(1, 2))


# %% wrong [two-classes] mean and deviation of pixels up to 255
# tells: you return mean and deviation
def standardise(train, other, right=standardise):
    done, other_done, mean, std = right(train, other)
    return done, other_done, 255 * mean, 255 * std


# %% wrong [two-classes] only the mean is subtracted
# tells: standard deviations are
def standardise(train, other, right=standardise):
    done, other_done, mean, std = right(train, other)
    return done * std[:, None, None], other_done * std[:, None, None], mean, std


# %% wrong [two-classes] the other pictures left as they are
# tells: the other pictures must go the same way
def standardise(train, other, right=standardise):
    done, _, mean, std = right(train, other)
    return done, other / 255, mean, std


# %% wrong [checkpoint] optimizer state not saved
# tells: optimizer is missing
def save_checkpoint(path, model, optimizer, epoch, classes, mean, std):
    torch.save({"weights": model.state_dict(), "epoch": epoch, "classes": classes, "mean": mean, "std": std}, path)


# %% wrong [checkpoint] optimizer state not loaded
# tells: the optimizer began anew
def load_checkpoint(path, model, optimizer=None, right=load_checkpoint):
    return right(path, model)


# %% wrong [checkpoint] the whole model in the file
# tells: save state_dict(), not the model itself
def save_checkpoint(path, model, optimizer, epoch, classes, mean, std):
    torch.save(
        {
            "weights": model,
            "optimizer": optimizer.state_dict(),
            "epoch": epoch,
            "classes": classes,
            "mean": mean,
            "std": std,
        },
        path,
    )


# %% wrong [checkpoint] parameters without the running statistics
# tells: weights should be a state_dict()
def save_checkpoint(path, model, optimizer, epoch, classes, mean, std):
    checkpoint = {"weights": dict(model.named_parameters()), "optimizer": optimizer.state_dict()}
    torch.save({**checkpoint, "epoch": epoch, "classes": classes, "mean": mean, "std": std}, path)


# %% wrong [checkpoint] programs allowed
# tells: has run a program
def load_checkpoint(path, model, optimizer=None):
    checkpoint = torch.load(path, weights_only=False)
    model.load_state_dict(checkpoint["weights"])
    if optimizer is not None:
        optimizer.load_state_dict(checkpoint["optimizer"])
    return {key: checkpoint[key] for key in ("epoch", "classes", "mean", "std")}


# %% wrong [checkpoint] class names forgotten
# tells: classes is missing
def save_checkpoint(path, model, optimizer, epoch, classes, mean, std):
    checkpoint = {"weights": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**checkpoint, "epoch": epoch, "mean": mean, "std": std}, path)


# %% wrong [checkpoint] weights read and not put into the model
# tells: is not what it was when the file was written
def load_checkpoint(path, model, optimizer=None):
    checkpoint = torch.load(path)
    if optimizer is not None:
        optimizer.load_state_dict(checkpoint["optimizer"])
    return {key: checkpoint[key] for key in ("epoch", "classes", "mean", "std")}


# %% wrong [checkpoint] an optimizer is always needed
# tells: Your code stopped with AttributeError
def load_checkpoint(path, model, optimizer=None):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["weights"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return {key: checkpoint[key] for key in ("epoch", "classes", "mean", "std")}


# %% wrong [checkpoint] nothing is returned
# tells: it should be a dictionary and is a NoneType
def load_checkpoint(path, model, optimizer=None, right=load_checkpoint):
    right(path, model, optimizer)


# %% wrong [checkpoint] the same file whatever the path
# tells: there is no file at the path
def save_checkpoint(path, *arguments, right=save_checkpoint):
    right(path.with_name("checkpoint.pt"), *arguments)


# %% wrong [loop-a] loop A as it was found
# tells: What lies in .grad when the second batch comes?
def train_a(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()


# %% wrong [loop-a] zero_grad at the wrong place in the inner loop
# tells: with one batch in each epoch the weights are wrong
def train_a(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()


# %% wrong [loop-a] one step an epoch
# tells: with three batches in an epoch
def train_a(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
        optimizer.step()


# %% wrong [loop-b] loop B as it was found
# tells: What does F.cross_entropy expect
def train_b(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            probabilities = model(inputs).softmax(dim=1)
            loss = F.cross_entropy(probabilities, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


# %% wrong [loop-b] log-softmax over the examples
# tells: times as long as the formulas say
def train_b(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = F.nll_loss(model(inputs).log_softmax(dim=0), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


# %% wrong [loop-b] a longer step instead
# tells: times as long as the formulas say
def train_b(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = 10 * F.cross_entropy(model(inputs).softmax(dim=1), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


# %% wrong [loop-c] loop C as it was found
# tells: in epoch 2 the network learns in evaluation mode
def train_c(model, batches, validation_batches, optimizer, epochs):
    accuracies = []
    model.train()
    for _ in range(epochs):
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        right, count = 0, 0
        with torch.no_grad():
            for inputs, labels in validation_batches:
                right += (model(inputs).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        accuracies.append(right / count)
    return accuracies


# %% wrong [loop-c] eval() taken out
# tells: it is measured in training mode
def train_c(model, batches, validation_batches, optimizer, epochs):
    accuracies = []
    model.train()
    for _ in range(epochs):
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right, count = 0, 0
        with torch.no_grad():
            for inputs, labels in validation_batches:
                right += (model(inputs).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        accuracies.append(right / count)
    return accuracies


# %% wrong [loop-c] accuracies that are tensors
# tells: return the accuracies as plain numbers
def train_c(model, batches, validation_batches, optimizer, epochs, right=train_c):
    return list(torch.tensor(right(model, batches, validation_batches, optimizer, epochs)))


# %% wrong [loop-d] loop D as it was found
# tells: take it out with .item()
def train_d(model, batches, optimizer, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss * len(labels)
            count += len(labels)
        losses.append(total_loss / count)
    return losses


# %% wrong [loop-d] the number taken out at the end of the epoch
# tells: What does the sum of the losses hold
def train_d(model, batches, optimizer, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss * len(labels)
            count += len(labels)
        losses.append(total_loss.item() / count)
    return losses


# %% wrong [loop-d] the last batch's loss for the epoch
# tells: Only the account was broken
def train_d(model, batches, optimizer, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [loop-e] loop E as it was found
# tells: Which pictures may choose?
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure, right=train_e):
    return right(model, batches, test_batches, test_batches, optimizer, epochs, measure)


# %% wrong [loop-e] chosen by validation, the best test accuracy reported
# tells: you report 0.9, not 0.6
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure, right=train_e):
    seen = []

    def watched(model, part):
        seen.append(measure(model, test_batches))
        return measure(model, part)

    return right(model, batches, validation_batches, test_batches, optimizer, epochs, watched)[0], max(seen)


# %% wrong [loop-e] the test pictures looked at in every epoch
# tells: the test pictures were measured 5 times
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure, right=train_e):
    def watched(model, part):
        if part is validation_batches:
            measure(model, test_batches)
        return measure(model, part)

    return right(model, batches, validation_batches, test_batches, optimizer, epochs, watched)


# %% wrong [loop-e] a state_dict that is no copy
# tells: the model ends with the weights of epoch 4
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure, right=train_e):
    kept = Same(model.state_dict())
    model.state_dict = lambda: kept
    return right(model, batches, validation_batches, test_batches, optimizer, epochs, measure)


class Same(dict):
    def __deepcopy__(self, memo):
        return self


# %% wrong [loop-e] chosen by the training pictures
# tells: you keep epoch 4; the best is 2
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure, right=train_e):
    return right(model, batches, batches, test_batches, optimizer, epochs, measure)


# %% wrong [loop-e] the validation accuracy reported
# tells: you report 0.8, not 0.6
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure, right=train_e):
    return right(model, batches, validation_batches, validation_batches, optimizer, epochs, measure)


# %% right [training-loop] zero_grad after the step, sums in lists
def training_loop(model, batches, optimizer, loss_function, epochs):
    means = []
    model.train()
    for _ in range(epochs):
        losses, sizes = [], []
        for x, y in batches:
            output = model(x)
            loss = loss_function(output, y)
            loss.backward()
            optimizer.step()
            model.zero_grad(set_to_none=True)
            losses.append(loss.detach().item() * y.shape[0])
            sizes.append(y.shape[0])
        means.append(sum(losses) / sum(sizes))
    return means


# %% right [training-loop] numpy averages, and gradients set to 0
def training_loop(model, batches, optimizer, loss_function, epochs):
    history = []
    for _ in range(epochs):
        model.train(True)
        table = []
        for inputs, labels in batches:
            optimizer.zero_grad(set_to_none=False)
            loss = loss_function(model(inputs), labels)
            loss.backward()
            optimizer.step()
            table.append((loss.detach().numpy(), len(inputs)))
        values, sizes = zip(*table, strict=True)
        history.append(float(np.average(values, weights=sizes)))
    return history


# %% right [validate] with a decorator and all answers in one tensor
@torch.inference_mode()
def validate(model, batches):
    mode = model.training
    model.eval()
    answers = torch.cat([model(x).max(dim=-1).indices == y for x, y in batches])
    if mode:
        model.train()
    return answers.double().mean().item()


# %% right [two-classes] with loops and numpy
def two_classes(images, labels, first, second):
    new = {first: 0, second: 1}
    kept = [place for place in range(len(labels)) if int(labels[place]) in new]
    return images[kept].clone(), torch.tensor([new[int(labels[place])] for place in kept])


def standardise(train, other):
    pixels = train.numpy().astype(np.float64) / 255
    mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    ready = [
        torch.from_numpy((each.numpy() / 255 - mean.reshape(1, 3, 1, 1)) / std.reshape(1, 3, 1, 1)).float()
        for each in (train, other)
    ]
    return [*ready, torch.from_numpy(mean), torch.from_numpy(std)]


# %% right [two-classes] with isin and where
def two_classes(images, labels, first, second):
    kept = torch.isin(labels, torch.tensor([first, second])).nonzero().flatten()
    return images.index_select(0, kept), torch.where(labels[kept] == first, 0, 1)


# %% right [checkpoint] lists of numbers, and the default of torch.load
def save_checkpoint(path, model, optimizer, epoch, classes, mean, std):
    with open(path, "wb") as file:
        torch.save(
            dict(
                epoch=epoch,
                classes=tuple(classes),
                mean=mean.tolist(),
                std=std.tolist(),
                optimizer=optimizer.state_dict(),
                weights=model.state_dict(),
            ),
            file,
        )


def load_checkpoint(path, model, optimizer=None):
    rest = torch.load(path, map_location="cpu")
    model.load_state_dict(rest.pop("weights"))
    state = rest.pop("optimizer")
    if optimizer:
        optimizer.load_state_dict(state)
    return rest


# %% right [loop-a] zero_grad after the step
def train_a(model, batches, optimizer, epochs):
    optimizer.zero_grad()
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()


# %% right [loop-b] the logarithm of the probabilities
def train_b(model, batches, optimizer, epochs):
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = F.nll_loss(model(inputs).softmax(dim=1).log(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


# %% right [loop-c] train() after the measurement
def train_c(model, batches, validation_batches, optimizer, epochs):
    accuracies = []
    model.train()
    for _ in range(epochs):
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        right, count = 0, 0
        with torch.no_grad():
            for inputs, labels in validation_batches:
                right += (model(inputs).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        model.train()
        accuracies.append(right / count)
    return accuracies


# %% right [loop-d] detached
def train_d(model, batches, optimizer, epochs):
    losses = []
    for _ in range(epochs):
        model.train()
        total_loss, count = 0.0, 0
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.detach() * len(labels)
            count += len(labels)
        losses.append((total_loss / count).item())
    return losses


# %% right [loop-e] the best weights as clones
def train_e(model, batches, validation_batches, test_batches, optimizer, epochs, measure):
    accuracies, kept = [], []
    for _ in range(epochs):
        model.train()
        for inputs, labels in batches:
            loss = F.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        accuracies.append(measure(model, validation_batches))
        kept.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
    best = accuracies.index(max(accuracies))
    model.load_state_dict(kept[best])
    return best + 1, measure(model, test_batches)


# %% equivalent [loop-e] any number below 0 will do
# 1.0 → 2.0

# %% equivalent [training-loop] 0 and 0.0 begin the same sums
# 0.0, 0 → (0, 0.0)

# %% equivalent [loop-d] 0 and 0.0 begin the same sums
# 0.0, 0 → (0, 0.0)

# %% equivalent [two-classes] uint8 divided by 255 is float32
# train.float() → train
# other.float() → other

# %% equivalent [checkpoint] True is the default
# torch.load(path, weights_only=True) → torch.load(path)
