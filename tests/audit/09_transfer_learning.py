# %% wrong [freeze] requires_grad set on the module
# tells: set on a module, it has no effect
def freeze(model, *names):
    for name in names:
        model.get_submodule(name).requires_grad = False


# %% wrong [freeze] the head frozen too
# tells: are frozen and should learn
def freeze(model, *names):
    model.requires_grad_(False)


# %% wrong [freeze] biases still learn
# tells: Freeze weights and biases
def freeze(model, *names):
    for name in names:
        for kind, parameter in model.get_submodule(name).named_parameters():
            if kind.endswith("weight"):
                parameter.requires_grad = False


# %% wrong [freeze] only parameters of the part itself, not of its parts
# tells: froze no parameter
def freeze(model, *names):
    for name in names:
        for parameter in model.get_submodule(name).parameters(recurse=False):
            parameter.requires_grad = False


# %% wrong [freeze] batch norm still learns its scale
# tells: these still learn
def freeze(model, *names):
    for name in names:
        for layer in model.get_submodule(name).modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.requires_grad_(False)


# %% wrong [freeze] everything else is made to learn
# tells: leave all others as they are
def freeze(model, *names):
    model.requires_grad_(True)
    for name in names:
        model.get_submodule(name).requires_grad_(False)


# %% wrong [freeze] of several parts within parts only the first
# tells: these still learn
def freeze(model, *names):
    for name, child in model.named_children():
        if name in names:
            child.requires_grad_(False)
    if not any(name in dict(model.named_children()) for name in names):
        model.get_submodule(names[0]).requires_grad_(False)


# %% wrong [freeze] evaluation mode undone by train
# tells: call model.train() first, then eval() of each frozen part
def training_mode(model, *frozen):
    for name in frozen:
        model.get_submodule(name).eval()
    model.train()


# %% wrong [freeze] all of the model in evaluation mode
# tells: only frozen parts should be
def training_mode(model, *frozen):
    model.eval()


# %% wrong [freeze] training mode and no more
# tells: is in training mode
def training_mode(model, *frozen):
    model.train()


# %% wrong [freeze] dropout of the frozen part is forgotten
# tells: dropout as well as batch norm
def training_mode(model, *frozen):
    model.train()
    for name in frozen:
        for layer in model.get_submodule(name).modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()


# %% wrong [freeze] every batch norm of the network
# tells: only frozen parts should be
def training_mode(model, *frozen):
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.Dropout):
            layer.eval()


# %% wrong [freeze] the flag of the outermost part only
# tells: which reaches every layer within
def training_mode(model, *frozen):
    model.train()
    for name in frozen:
        model.get_submodule(name).training = False


# %% wrong [freeze] evaluation mode without a training mode before
# tells: Call model.train() first
def training_mode(model, *frozen):
    for name in frozen:
        model.get_submodule(name).eval()


# %% wrong [replace-head] all dense layers replaced by one
# tells: only the last dense layer is replaced
def replace_head(model, classes):
    name, head = list(model.named_children())[-1]
    inputs = head.in_features if isinstance(head, nn.Linear) else head[0].in_features
    new = nn.Linear(inputs, classes)
    setattr(model, name, new)
    return new


# %% wrong [replace-head] the number of outputs is only written down
# tells: classes and 7 features need
def replace_head(model, classes):
    head = list(model.children())[-1]
    old = head[-1] if isinstance(head, nn.Sequential) else head
    old.out_features = classes
    return old


# %% wrong [replace-head] the inputs of the first dense layer
# tells: classes and 9 features need
def replace_head(model, classes):
    head = list(model.children())[-1]
    if isinstance(head, nn.Linear):
        model.fc = new = nn.Linear(head.in_features, classes)
    else:
        head[-1] = new = nn.Linear(head[0].in_features, classes)
    return new


# %% wrong [replace-head] put after the old head
# tells: one dense layer
def replace_head(model, classes):
    name, head = list(model.named_children())[-1]
    if isinstance(head, nn.Linear):
        new = nn.Linear(head.out_features, classes)
        setattr(model, name, nn.Sequential(head, new))
    else:
        new = nn.Linear(head[-1].out_features, classes)
        head.append(new)
    return new


# %% wrong [replace-head] always called fc
# tells: the new layer takes the place of classifier.3
def replace_head(model, classes):
    old = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    model.fc = nn.Linear(old.in_features, classes)
    return model.fc


# %% wrong [replace-head] frozen with the rest
# tells: should learn; here [] do
def replace_head(model, classes, right=replace_head):
    new = right(model, classes)
    new.requires_grad_(next(model.parameters()).requires_grad)
    return new


# %% wrong [replace-head] the first rows of the old weights
# tells: starts from random weights
def replace_head(model, classes, right=replace_head):
    old = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    rows = old.weight[:classes].detach().clone()
    new = right(model, classes)
    with torch.no_grad():
        new.weight[: len(rows)] = rows
    return new


# %% wrong [replace-head] the old layer with new random numbers
# tells: make a new one
def replace_head(model, classes, right=replace_head):
    old = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    if classes != old.out_features:
        return right(model, classes)
    old.requires_grad_(True)
    old.reset_parameters()
    return old


# %% wrong [replace-head] the old layer returned
# tells: return the new layer
def replace_head(model, classes, right=replace_head):
    old = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    right(model, classes)
    return old


# %% wrong [replace-head] always float32
# tells: the old head had dtype torch.float64
def replace_head(model, classes, right=replace_head):
    return right(model, classes).float()


# %% wrong [replace-head] the rest is made anew as well
# tells: only the head is replaced
def replace_head(model, classes, right=replace_head):
    for layer in model.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return right(model, classes)


# %% wrong [groups] all at one rate
# tells: each before it 10 times slower
def parameter_groups(model, parts, rate, factor):
    return [{"params": model.get_submodule(name).parameters(), "lr": rate} for name in parts]


# %% wrong [groups] the first part learns fastest
# tells: each before it 10 times slower
def parameter_groups(model, parts, rate, factor, right=parameter_groups):
    groups = right(model, parts, rate, factor)
    rates = [group["lr"] for group in groups]
    return [group | {"lr": lr} for group, lr in zip(groups, rates[::-1], strict=True)]


# %% wrong [groups] slower by the same amount
# tells: each before it
def parameter_groups(model, parts, rate, factor, right=parameter_groups):
    groups = right(model, parts, rate, factor)
    return [group | {"lr": rate / (1 + factor * k)} for k, group in enumerate(groups[::-1])][::-1]


# %% wrong [groups] late to early
# tells: give the groups from early to late
def parameter_groups(model, parts, rate, factor, right=parameter_groups):
    return right(model, parts, rate, factor)[::-1]


# %% wrong [groups] biases forgotten, and unchecked
# tells: they are in no group
def parameter_groups(model, parts, rate, factor, right=parameter_groups):
    groups = right(model, parts, rate, factor)
    return [{"params": [p for p in group["params"] if p.ndim > 1], "lr": group["lr"]} for group in groups]


# %% wrong [groups] frozen parameters too
# tells: belong in no group
def parameter_groups(model, parts, rate, factor):
    groups = []
    for steps, name in enumerate(reversed(parts)):
        groups.insert(0, {"params": list(model.get_submodule(name).parameters()), "lr": rate / factor**steps})
    found = [id(p) for group in groups for p in group["params"]]
    if len(set(found)) < len(found) or {id(p) for p in model.parameters() if p.requires_grad} - set(found):
        raise ValueError("not once each")
    return groups


# %% wrong [groups] unchecked
# tells: raise ValueError
def parameter_groups(model, parts, rate, factor):
    groups = []
    for steps, name in enumerate(reversed(parts)):
        learning = [p for p in model.get_submodule(name).parameters() if p.requires_grad]
        groups.insert(0, {"params": learning, "lr": rate / factor**steps})
    return groups


# %% wrong [groups] only what is missing is refused
# tells: raise ValueError
def parameter_groups(model, parts, rate, factor):
    groups = []
    for steps, name in enumerate(reversed(parts)):
        learning = [p for p in model.get_submodule(name).parameters() if p.requires_grad]
        groups.insert(0, {"params": learning, "lr": rate / factor**steps})
    found = {id(p) for group in groups for p in group["params"]}
    if {id(p) for p in model.parameters() if p.requires_grad} - found:
        raise ValueError("a parameter is missing")
    return groups


# %% wrong [groups] lists compared as sets, so that twice is not seen
# tells: raise ValueError
def parameter_groups(model, parts, rate, factor, right=parameter_groups):
    return right(model, list(dict.fromkeys(parts)), rate, factor)


# %% wrong [probe] the body in training mode
# tells: compute the features in evaluation mode
def train_on_features(body, head, images, labels, steps, rate, right=train_on_features):
    body.train()
    body.eval = lambda: body
    return right(body, head, images, labels, steps, rate)


# %% wrong [probe] features computed in every step
# tells: however many steps there are
def train_on_features(body, head, images, labels, steps, rate):
    body.eval()
    optimizer = torch.optim.SGD(head.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        with torch.no_grad():
            features = body(images)
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] gradients of the body are computed
# tells: gradients were computed for the body
def train_on_features(body, head, images, labels, steps, rate):
    body.eval()
    features = body(images)
    optimizer = torch.optim.SGD(head.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] old gradients are not cleared
# tells: Clear the old gradients
def train_on_features(body, head, images, labels, steps, rate):
    features = body.eval()(images).detach()
    optimizer = torch.optim.SGD(head.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(features), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] with momentum
# tells: plain SGD without momentum
def train_on_features(body, head, images, labels, steps, rate):
    features = body.eval()(images).detach()
    optimizer = torch.optim.SGD(head.parameters(), lr=rate, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] softmax before the loss
# tells: F.cross_entropy takes logits
def train_on_features(body, head, images, labels, steps, rate):
    features = body.eval()(images).detach()
    optimizer = torch.optim.SGD(head.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(features).softmax(dim=1), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] the body fine-tuned
# tells: only the head's parameters in the optimiser
def train_on_features(body, head, images, labels, steps, rate):
    body.eval()
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(body(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] the optimiser holds the parameters of a copy
# tells: does the optimiser hold head.parameters()?
def train_on_features(body, head, images, labels, steps, rate):
    twin = nn.Linear(head.in_features, head.out_features)
    features = body.eval()(images).detach()
    optimizer = torch.optim.SGD(twin.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% wrong [probe] losses with their graph
# tells: by loss.item()
def train_on_features(body, head, images, labels, steps, rate):
    features = body.eval()(images).detach()
    optimizer = torch.optim.SGD(head.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(head(features), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
    return losses


# %% wrong [tell-apart] the new head is not trained
# tells: it has learned nothing
def tell_apart(network, images, labels, unknown):
    replace_head(network, 5)
    return network(unknown).argmax(dim=1)


# %% wrong [tell-apart] a linear classifier on raw pixels
# tells: it has learned them by heart
def tell_apart(network, images, labels, unknown):
    body, head = nn.Flatten(), nn.Linear(images[0].numel(), 5)
    train_on_features(body, head, images, labels, steps=300, rate=0.001)
    return head(body(unknown)).argmax(dim=1)


# %% wrong [tell-apart] the training window with the nearest pixels
# tells: it has learned them by heart
def tell_apart(network, images, labels, unknown):
    return labels[torch.cdist(unknown.flatten(1), images.flatten(1)).argmin(dim=1)]


# %% wrong [tell-apart] a small network from scratch
# tells: are too few
def tell_apart(network, images, labels, unknown):
    network = nn.Sequential(
        block(3, 8), block(8, 16), block(16, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 5)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    for _ in range(80):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()(unknown).argmax(dim=1)


# %% wrong [tell-apart] the same body with random weights
# tells: are too few
def tell_apart(network, images, labels, unknown):
    network = type(network)(5).eval()
    train_on_features(network.body, network.fc, images, labels, steps=100, rate=0.01)
    return network(unknown).argmax(dim=1)


# %% wrong [tell-apart] the small network with random numbers
# tells: are too few
def tell_apart(network, images, labels, unknown):
    network = pretrained("resnet")
    head = replace_head(network, 5)
    train_on_features(network.body, head, images, labels, steps=100, rate=0.01)
    return network(unknown).argmax(dim=1)


# %% wrong [tell-apart] trained on the windows that are to be named, with the labels of others
# tells: are too few
def tell_apart(network, images, labels, unknown, right=tell_apart):
    return right(network, unknown, labels.repeat(9)[: len(unknown)], unknown)


# %% wrong [tell-apart] labels of other windows
# tells: are too few
def tell_apart(network, images, labels, unknown, right=tell_apart):
    return right(network, images, labels.roll(1), unknown)


# %% wrong [tell-apart] the old head
# tells: the old head knows 1000 classes
def tell_apart(network, images, labels, unknown):
    return network(unknown).argmax(dim=1)


# %% wrong [tell-apart] kinds counted from 1
# tells: They count from 0
def tell_apart(network, images, labels, unknown, right=tell_apart):
    return right(network, images, labels, unknown) + 1


# %% wrong [tell-apart] the logits
# tells: the kind is the place of the largest
def tell_apart(network, images, labels, unknown):
    replace_head(network, 5)
    return network(unknown).detach()


# %% wrong [tell-apart] a list
# tells: it returns a list, not a tensor
def tell_apart(network, images, labels, unknown, right=tell_apart):
    return right(network, images, labels, unknown).tolist()


# %% wrong [tell-apart] floats
# tells: a kind is a whole number
def tell_apart(network, images, labels, unknown, right=tell_apart):
    return right(network, images, labels, unknown).float()


# %% wrong [tell-apart] the most probable window rather than kind
# tells: windows have
def tell_apart(network, images, labels, unknown):
    replace_head(network, 5)
    return network(unknown).argmax(dim=0)


# %% wrong [activations] the hooks are not removed
# tells: hooks that are still on the model
def activations(model, images, names):
    found = {}
    for name in names:
        layer = model.get_submodule(name)
        layer.register_forward_hook(lambda layer, inputs, output, name=name: found.update({name: output.clone()}))
    with torch.no_grad():
        model(images)
    return found


# %% wrong [activations] kept without a copy
# tells: copy the tensor in the hook
def activations(model, images, names):
    found, handles = {}, []
    for name in names:
        layer = model.get_submodule(name)

        def keep(layer, inputs, output, name=name):
            found[name] = output

        handles.append(layer.register_forward_hook(keep))
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return found


# %% wrong [activations] copied when all is over
# tells: copy the tensor in the hook
def activations(model, images, names):
    found, handles = {}, []
    for name in names:
        layer = model.get_submodule(name)

        def keep(layer, inputs, output, name=name):
            found[name] = output.detach()

        handles.append(layer.register_forward_hook(keep))
    model(images)
    for handle in handles:
        handle.remove()
    return {name: maps.clone() for name, maps in found.items()}


# %% wrong [activations] what goes in rather than what comes out
# tells: keep what the layer returns
def activations(model, images, names):
    found, handles = {}, []
    for name in names:
        layer = model.get_submodule(name)

        def keep(layer, inputs, output, name=name):
            found[name] = inputs[0].clone()

        handles.append(layer.register_forward_hook(keep))
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return found


# %% wrong [activations] every hook knows the last name
# tells: Does every hook know its own name?
def activations(model, images, names):
    found, handles = {}, []
    for name in names:

        def keep(layer, inputs, output):
            found[name] = output.clone()  # noqa: B023

        handles.append(model.get_submodule(name).register_forward_hook(keep))
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return found


# %% wrong [activations] the first picture only
# tells: Its shape is
def activations(model, images, names, right=activations):
    return {name: maps[0] for name, maps in right(model, images, names).items()}


# %% wrong [activations] in training mode
# tells: leave it in the mode in which it comes
def activations(model, images, names, right=activations):
    return right(model.train(), images, names)


# %% wrong [activations] with their graph
# tells: still need gradients
def activations(model, images, names):
    found, handles = {}, []
    for name in names:
        layer = model.get_submodule(name)

        def keep(layer, inputs, output, name=name):
            found[name] = output.clone()

        handles.append(layer.register_forward_hook(keep))
    model(images)
    for handle in handles:
        handle.remove()
    return found


# %% wrong [top-k] softmax over the pictures
# tells: softmax over all classes of one picture
def top_k(logits, classes, k, right=top_k):
    return right(logits.softmax(dim=0).log(), classes, k).assign(
        probability=logits.softmax(dim=0).sort(dim=1, descending=True).values[:, :k].flatten().numpy()
    )


# %% wrong [top-k] raw logits
# tells: softmax over all classes
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).assign(probability=logits.topk(k).values.flatten().numpy())


# %% wrong [top-k] softmax over the k best only
# tells: softmax over all classes
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).assign(probability=logits.topk(k).values.softmax(dim=1).flatten().numpy())


# %% wrong [top-k] the least probable
# tells: the most probable class first
def top_k(logits, classes, k, right=top_k):
    return right(-logits, classes, k).assign(probability=logits.softmax(1).sort(dim=1).values[:, :k].flatten().numpy())


# %% wrong [top-k] ascending
# tells: rows are sorted by picture
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k)[::-1]


# %% wrong [top-k] the least probable of the k first
# tells: 1 for the most probable
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).sort_values(["picture", "rank"], ascending=[True, False])


# %% wrong [top-k] numbers of classes rather than names
# tells: the names, the most probable
def top_k(logits, classes, k, right=top_k):
    return right(logits, list(range(len(classes))), k)


# %% wrong [top-k] names not sorted along
# tells: the names, the most probable
def top_k(logits, classes, k, right=top_k):
    table = right(logits, classes, k)
    return table.assign(**{"class": [name for _ in logits for name in classes[:k]]})


# %% wrong [top-k] other names of columns
# tells: the columns are
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).rename(columns={"class": "label", "probability": "p"})


# %% wrong [top-k] ranks from 0
# tells: 1 for the most probable class
def top_k(logits, classes, k, right=top_k):
    table = right(logits, classes, k)
    return table.assign(rank=table["rank"] - 1)


# %% wrong [top-k] a table of the first picture only
# tells: 2 pictures with 2 classes each give 4 rows
def top_k(logits, classes, k, right=top_k):
    return right(logits[:1], classes, k)


# %% wrong [top-k] the best over all pictures together
# tells: rows are sorted by picture
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).sort_values("probability", ascending=False)


# %% wrong [top-k] a list of dictionaries
# tells: return a pandas DataFrame
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).to_dict("records")


# %% wrong [top-k] tensors in the table
# tells: put numbers into a table, by tolist()
def top_k(logits, classes, k, right=top_k):
    return right(logits, classes, k).assign(probability=list(logits.softmax(dim=1).topk(k).values.flatten()))


# %% wrong [top-k] overflow
# tells: exp(1000) overflows
def top_k(logits, classes, k, right=top_k):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return right(logits, classes, k).assign(probability=p.topk(k).values.flatten().numpy())


# %% wrong [recognise] mean and standard deviation as for ResNet
# tells: Mean and standard deviation are torchvision's
def prepare(photographs):
    mean, std = (torch.tensor(of).reshape(3, 1, 1) for of in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return (photographs.permute(0, 3, 1, 2) / 255 - mean) / std


# %% wrong [recognise] only divided by 255
# tells: They go from 0 to 1
def prepare(photographs):
    return photographs.permute(0, 3, 1, 2) / 255


# %% wrong [recognise] the mean is subtracted and no more
# tells: divide by 0.5 as well
def prepare(photographs):
    return photographs.permute(0, 3, 1, 2) / 255 - 0.5


# %% wrong [recognise] bytes normalised as they are
# tells: Divide by 255 first
def prepare(photographs):
    return (photographs.permute(0, 3, 1, 2) - 0.5) / 0.5


# %% wrong [recognise] blue, green, red
# tells: Red and blue are swapped
def prepare(photographs, right=prepare):
    return right(photographs.flip(3))


# %% wrong [recognise] reshape in place of permute
# tells: permute does
def prepare(photographs):
    n, height, width, _ = photographs.shape
    return (photographs.reshape(n, 3, height, width) / 255 - 0.5) / 0.5


# %% wrong [recognise] columns before rows
# tells: rows and columns are swapped
def prepare(photographs, right=prepare):
    return right(photographs).transpose(2, 3)


# %% wrong [recognise] colours still last
# tells: Colours first
def prepare(photographs):
    return (photographs / 255 - 0.5) / 0.5


# %% wrong [recognise] every photograph by its own mean and standard deviation
# tells: away from what they should be. Colours first, and from
def prepare(photographs):
    x = photographs.permute(0, 3, 1, 2) / 255
    return (x - x.mean(dim=(1, 2, 3), keepdim=True)) / x.std(dim=(1, 2, 3), keepdim=True)


# %% wrong [recognise] double precision
# tells: the network's weights are float32
def prepare(photographs):
    return (photographs.permute(0, 3, 1, 2).double() / 255 - 0.5) / 0.5


# %% wrong [recognise] bytes again
# tells: away from what they should be
def prepare(photographs, right=prepare):
    return right(photographs).to(torch.uint8)


# %% wrong [recognise] prepare is never called
# tells: Did prepare() see it?
def recognise(network, photographs, k):
    with torch.no_grad():
        return top_k(network.eval()(photographs.permute(0, 3, 1, 2).float()), CATEGORIES, k)


# %% wrong [recognise] in training mode
# tells: asked in training mode
def recognise(network, photographs, k):
    with torch.no_grad():
        return top_k(network(prepare(photographs)), CATEGORIES, k)


# %% wrong [recognise] with the graph for gradients
# tells: ask it under torch.no_grad()
def recognise(network, photographs, k):
    return top_k(network.eval()(prepare(photographs)).detach(), CATEGORIES, k)


# %% wrong [recognise] softmax twice
# tells: The softmax was taken twice
def recognise(network, photographs, k):
    with torch.no_grad():
        return top_k(network.eval()(prepare(photographs)).softmax(dim=1), CATEGORIES, k)


# %% wrong [recognise] always the first three
# tells: 2 photographs with 2 classes each give 4 rows
def recognise(network, photographs, k, right=recognise):
    return right(network, photographs, 3)


# %% wrong [recognise] the first photograph only
# tells: 3 photographs with 3 classes each give 9 rows
def recognise(network, photographs, k, right=recognise):
    return right(network, photographs[:1], k)


# %% wrong [recognise] names in alphabetical order
# tells: Did prepare() see it?
def recognise(network, photographs, k):
    with torch.no_grad():
        return top_k(network.eval()(prepare(photographs)), sorted(CATEGORIES), k)


# %% wrong [recognise] the logits
# tells: return the pandas DataFrame that top_k makes
def recognise(network, photographs, k):
    with torch.no_grad():
        return network.eval()(prepare(photographs))


# %% wrong [grad-cam] gradients of the probability
# tells: This is the gradient of the probability
def grad_cam(model, name, image, c, right=grad_cam):
    handle = model.register_forward_hook(lambda model, inputs, output: output.softmax(dim=1))
    heat = right(model, name, image, c)
    handle.remove()
    return heat


# %% wrong [grad-cam] gradients of the loss
# tells: This is the gradient of the loss
def grad_cam(model, name, image, c, right=grad_cam):
    handle = model.register_forward_hook(lambda model, inputs, output: -output.log_softmax(dim=1))
    heat = right(model, name, image, c)
    handle.remove()
    return heat


# %% wrong [grad-cam] the class that the network would choose
# tells: the most probable class, not of class 1
def grad_cam(model, name, image, c, right=grad_cam):
    return right(model, name, image, int(model(image[None])[0].argmax()))


# %% wrong [grad-cam] the sum of all logits
# tells: This is the gradient of the sum of all logits
def grad_cam(model, name, image, c, right=grad_cam):
    handle = model.register_forward_hook(lambda model, inputs, output: output.sum(dim=1, keepdim=True).expand(-1, 9))
    heat = right(model, name, image, c)
    handle.remove()
    return heat


# %% wrong [grad-cam] the largest gradient rather than the mean
# tells: The largest gradient of each map was taken
def grad_cam(model, name, image, c, pooled=lambda slope: slope.amax(dim=(2, 3), keepdim=True)):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = F.relu((pooled(gradient) * kept["maps"]).sum(dim=1, keepdim=True))
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] the mean of absolute gradients
# tells: take the mean without abs
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    alpha = gradient.abs().mean(dim=(2, 3), keepdim=True)
    heat = F.relu((alpha * kept["maps"]).sum(dim=1, keepdim=True))
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] gradients times maps, place by place
# tells: multiplied with the maps place by place
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = F.relu((gradient * kept["maps"]).sum(dim=1, keepdim=True))
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] the mean over the maps rather than over places
# tells: The mean was taken over the maps
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    alpha = gradient.mean(dim=1, keepdim=True)
    heat = F.relu((alpha * kept["maps"]).sum(dim=1, keepdim=True))
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] no ReLU
# tells: ReLU drops what speaks against the class
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    alpha = gradient.mean(dim=(2, 3), keepdim=True)
    heat = (alpha * kept["maps"]).sum(dim=1, keepdim=True)
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] stretched from the least to the largest instead of ReLU
# tells: stretched from its least number
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = (gradient.mean(dim=(2, 3), keepdim=True) * kept["maps"]).sum(dim=1, keepdim=True)
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return (heat - heat.min()) / (heat.max() - heat.min())


# %% wrong [grad-cam] not scaled
# tells: divide by the largest
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = F.relu((gradient.mean(dim=(2, 3), keepdim=True) * kept["maps"]).sum(dim=1, keepdim=True))
    return F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()


# %% wrong [grad-cam] not enlarged
# tells: should be (16, 16)
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = F.relu((gradient.mean(dim=(2, 3), keepdim=True) * kept["maps"]).sum(dim=1))[0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] enlarged before ReLU
# tells: bilinear, after ReLU
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None].requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = (gradient.mean(dim=(2, 3), keepdim=True) * kept["maps"]).sum(dim=1, keepdim=True)
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach().relu()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] 0 divided by 0
# tells: the map stays 0
def grad_cam(model, name, image, c, right=grad_cam):
    heat = right(model, name, image, c)
    return heat / heat.max()


# %% wrong [grad-cam] a frozen network has no gradient
# tells: in a frozen network nothing needs a gradient
def grad_cam(model, name, image, c):
    kept = {}
    layer = model.get_submodule(name)
    handle = layer.register_forward_hook(lambda layer, inputs, output: kept.update(maps=output))
    logits = model(image[None])
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, c], kept["maps"])
    heat = F.relu((gradient.mean(dim=(2, 3), keepdim=True) * kept["maps"]).sum(dim=1, keepdim=True))
    heat = F.interpolate(heat, size=image.shape[1:], mode="bilinear")[0, 0].detach()
    return heat / heat.max() if heat.max() > 0 else heat


# %% wrong [grad-cam] the hook stays
# tells: hooks that are still on the network
def grad_cam(model, name, image, c, right=grad_cam):
    model.get_submodule(name).register_forward_hook(lambda layer, inputs, output: None)
    return right(model, name, image, c)


# %% wrong [grad-cam] gradients left behind
# tells: gradients were left in
def grad_cam(model, name, image, c, right=grad_cam):
    if any(parameter.requires_grad for parameter in model.parameters()):
        model(image[None])[0, c].backward()
    return right(model, name, image, c)


# %% wrong [grad-cam] the map needs a gradient
# tells: detach() it
def grad_cam(model, name, image, c, right=grad_cam):
    return right(model, name, image, c).requires_grad_()


# %% right [freeze] by the methods for whole modules
def freeze(model, *names):
    for name in names:
        model.get_submodule(name).requires_grad_(False)


def training_mode(model, *frozen):
    for name, layer in model.named_modules():
        inside = any(name == one or name.startswith(one + ".") for one in frozen)
        layer.training = not inside


# %% right [freeze] by names of parameters, only batch norm and dropout in evaluation mode
def freeze(model, *names):
    for path, parameter in model.named_parameters():
        for name in names:
            if path.startswith(name + "."):
                parameter.requires_grad = False


def training_mode(model, *frozen):
    model.train()
    for name in frozen:
        for layer in model.get_submodule(name).modules():
            if isinstance(layer, (nn.BatchNorm2d, nn.Dropout)):
                layer.eval()


# %% right [replace-head] the last dense layer of all, by its name
def replace_head(model, classes):
    name, old = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear)][-1]
    path, _, last = name.rpartition(".")
    new = nn.Linear(old.weight.shape[1], classes, device=old.weight.device, dtype=old.weight.dtype)
    model.get_submodule(path).register_module(last, new)
    return new


# %% right [groups] with a loop from the front, and generators
def parameter_groups(model, parts, rate, factor):
    seen, groups = [], []
    for place, name in enumerate(parts):
        learning = [p for p in model.get_submodule(name).parameters() if p.requires_grad]
        seen += learning
        groups.append({"lr": rate * factor ** (place + 1 - len(parts)), "params": iter(learning)})
    for parameter in model.parameters():
        if parameter.requires_grad and sum(parameter is one for one in seen) != 1:
            raise ValueError("each parameter belongs in one group")
    return groups


# %% right [probe] by hand, in inference mode and in batches
def train_on_features(body, head, images, labels, steps, rate):
    body.eval()
    with torch.inference_mode():
        features = torch.cat([body(batch) for batch in images.split(4)])
    features, losses = features.clone(), []
    for _ in range(steps):
        head.zero_grad()
        loss = nn.CrossEntropyLoss()(head(features), labels)
        loss.backward()
        losses.append(float(loss.detach()))
        with torch.no_grad():
            for parameter in head.parameters():
                parameter -= rate * parameter.grad
    return losses


# %% right [tell-apart] the kind whose mean features are nearest
def tell_apart(network, images, labels, unknown):
    with torch.inference_mode():
        known, asked = network.body(images), network.body(unknown)
        means = torch.stack([known[labels == kind].mean(dim=0) for kind in labels.unique()])
        return torch.cdist(asked, means).argmin(dim=1)


# %% right [tell-apart] standardised features, a head without a bias, Adam
def tell_apart(network, images, labels, unknown):
    network.eval()
    with torch.no_grad():
        known, asked = network.body(images), network.body(unknown)
    mean, std = known.mean(dim=0), known.std(dim=0) + 0.1
    head = nn.Linear(known.shape[1], int(labels.max()) + 1, bias=False)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.003)
    for _ in range(100):
        loss = F.cross_entropy(head((known - mean) / std), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head((asked - mean) / std).argmax(dim=1)


# %% right [tell-apart] by the functions above, at another rate
def tell_apart(network, images, labels, unknown):
    head = replace_head(network, len(set(labels.tolist())))
    train_on_features(network.body, head, images, labels, 50, 0.02)
    return torch.argmax(network(unknown), 1)


# %% right [activations] with a dictionary of handles, detached and copied
def activations(model, images, names):
    results = {name: None for name in names}

    def keeper(name):
        def hook(module, args, result):
            results[name] = result.detach().clone()

        return hook

    handles = {
        name: module.register_forward_hook(keeper(name)) for name, module in model.named_modules() if name in names
    }
    try:
        model(images)
    finally:
        for handle in handles.values():
            handle.remove()
    return results


# %% right [top-k] by argsort of numpy, picture by picture
def top_k(logits, classes, k):
    tables = []
    for number, p in enumerate(F.softmax(logits, dim=-1).numpy()):
        order = (-p).argsort()[:k]
        columns = {
            "picture": number,
            "rank": range(1, k + 1),
            "class": [classes[c] for c in order],
            "probability": p[order],
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


# %% right [recognise] by numpy, photograph by photograph
def prepare(photographs):
    each = [photograph.numpy().astype("float32").transpose(2, 0, 1) / 127.5 - 1 for photograph in photographs]
    return torch.from_numpy(np.stack(each))


@torch.inference_mode()
def recognise(network, photographs, k):
    network = network.train(False)
    logits = torch.cat([network(prepare(photograph[None])) for photograph in photographs])
    return top_k(logits, list(CATEGORIES), k)


# %% right [grad-cam] by backward and retain_grad on the model's own maps
def grad_cam(model, name, image, c):
    maps = []

    def keep(layer, inputs, output):
        output.retain_grad()
        maps.append(output)

    picture = image.clone().unsqueeze(0)
    picture.requires_grad = True
    handle = model.get_submodule(name).register_forward_hook(keep)
    score = model(picture)[0][c]
    handle.remove()
    score.backward()
    slopes = maps[0].grad[0]
    heat = torch.zeros(slopes.shape[1:])
    for slope, one in zip(slopes, maps[0][0].detach(), strict=True):
        heat += slope.mean() * one
    model.zero_grad()
    heat = F.interpolate(heat.clamp(min=0)[None, None], tuple(image.shape[-2:]), mode="bilinear", align_corners=False)
    heat = heat.squeeze()
    return heat / max(float(heat.max()), 1e-30)


# %% equivalent [grad-cam] the map is scaled afterwards, so the sum of the gradients is as good as their mean
# gradient.mean → gradient.sum

# %% equivalent [grad-cam] the mean over rows and columns is that over columns and rows
# (2, 3) → (3, 2)

# %% equivalent [grad-cam] the map is scaled afterwards, so the mean over the maps is as good as their sum
# (alpha * kept["maps"]).sum → (alpha * kept['maps']).mean

# %% equivalent [top-k] a tensor of one whole number picks from a list as that number does
# places[picture].tolist() → places[picture]

# %% open [tell-apart] how long and how fast the head learns is the student's choice
