# %% wrong [mask-iou] what both share is counted twice in the union
# tells: counted twice in the union
def mask_iou(answer, truth, classes, ignored=255):
    counts = truth != ignored
    answer, truth = answer[counts], truth[counts]
    ious = []
    for k in range(classes):
        both = ((answer == k) & (truth == k)).sum()
        ious.append(both / ((answer == k).sum() + (truth == k).sum()))
    return torch.stack(ious)


# %% wrong [mask-iou] the Dice score
# tells: This is the Dice score
def mask_iou(answer, truth, classes, ignored=255, right=mask_iou):
    iou = right(answer, truth, classes, ignored)
    return 2 * iou / (1 + iou)


# %% wrong [mask-iou] the recall of each class
# tells: pixels that were answered so but are not
def mask_iou(answer, truth, classes, ignored=255):
    return torch.stack([((answer == k) & (truth == k)).sum() / (truth == k).sum() for k in range(classes)])


# %% wrong [mask-iou] the precision of each class
# tells: true pixels that were answered otherwise
def mask_iou(answer, truth, classes, ignored=255):
    counts = truth != ignored
    answer, truth = answer[counts], truth[counts]
    return torch.stack([((answer == k) & (truth == k)).sum() / (answer == k).sum() for k in range(classes)])


# %% wrong [mask-iou] the mean over pictures instead of pooled pixels
# tells: mean of the IoUs of single pictures
def mask_iou(answer, truth, classes, ignored=255, right=mask_iou):
    if answer.ndim < 3:
        return right(answer, truth, classes, ignored)
    return torch.stack([right(a, t, classes, ignored) for a, t in zip(answer, truth, strict=True)]).nanmean(dim=0)


# %% wrong [mask-iou] a class that does not occur gets 0
# tells: its IoU is 0 / 0, nan; you give 0
def mask_iou(answer, truth, classes, ignored=255, right=mask_iou):
    return right(answer, truth, classes, ignored).nan_to_num(0.0)


# %% wrong [mask-iou] a small number against division by zero
# tells: its IoU is 0 / 0, nan; you give 1
def mask_iou(answer, truth, classes, ignored=255):
    counts = truth != ignored
    answer, truth = answer[counts], truth[counts]
    ious = []
    for k in range(classes):
        both = ((answer == k) & (truth == k)).sum()
        either = ((answer == k) | (truth == k)).sum()
        ious.append((both + 1e-7) / (either + 1e-7))
    return torch.stack(ious)


# %% wrong [mask-iou] nan unless the class is true somewhere
# tells: a class in only one of the two is left out
def mask_iou(answer, truth, classes, ignored=255, right=mask_iou):
    ious = right(answer, truth, classes, ignored)
    return ious.where(ious > 0, torch.nan)


# %% wrong [mask-iou] answers at ignored pixels count in the union
# tells: Ignored pixels count in the union
def mask_iou(answer, truth, classes, ignored=255):
    ious = []
    for k in range(classes):
        both = ((answer == k) & (truth == k)).sum()
        ious.append(both / ((answer == k) | (truth == k)).sum())
    return torch.stack(ious)


# %% wrong [mask-iou] the ignored label is always 255
# tells: Here `ignored` is 9
def mask_iou(answer, truth, classes, ignored=255, right=mask_iou):
    return right(answer, truth, classes)


# %% wrong [mask-iou] only the classes that occur
# tells: Every class has a place
def mask_iou(answer, truth, classes, ignored=255, right=mask_iou):
    ious = right(answer, truth, classes, ignored)
    return ious[~ious.isnan()]


# %% wrong [mask-iou] a mean with nan in it
# tells: leave out the classes that have no IoU
def mean_iou(answer, truth, classes, ignored=255):
    return mask_iou(answer, truth, classes, ignored).mean()


# %% wrong [mask-iou] the mean over all classes, with 0 for those that do not occur
# tells: here it counts as 0
def mean_iou(answer, truth, classes, ignored=255):
    return mask_iou(answer, truth, classes, ignored).nan_to_num(0).mean()


# %% wrong [mask-iou] the background left out of the mean
# tells: class 0 counts like any other
def mean_iou(answer, truth, classes, ignored=255):
    return mask_iou(answer, truth, classes, ignored)[1:].nanmean()


# %% wrong [mask-iou] pixel accuracy
# tells: this is the pixel accuracy
def mean_iou(answer, truth, classes, ignored=255):
    counts = truth != ignored
    return (answer == truth)[counts].float().mean()


# %% wrong [mask-iou] the mean over pictures
# tells: pool the pictures, this is the mean of theirs
def mean_iou(answer, truth, classes, ignored=255, right=mean_iou):
    if answer.ndim < 3:
        return right(answer, truth, classes, ignored)
    return float(np.mean([right(a, t, classes, ignored) for a, t in zip(answer, truth, strict=True)]))


# %% wrong [pixel-loss] ignored pixels count in the mean
# tells: divide by the number of those that count
def pixel_loss(logits, truth, ignored=255):
    return F.cross_entropy(logits, truth, ignore_index=ignored, reduction="none").mean()


# %% wrong [pixel-loss] softmax over the columns
# tells: The softmax goes over the columns
def pixel_loss(logits, truth, ignored=255):
    counts = truth != ignored
    of_truth = logits.log_softmax(dim=-1).gather(1, truth.where(counts, 0)[:, None])[:, 0]
    return -(of_truth * counts).sum() / counts.sum().clamp(min=1)


# %% wrong [pixel-loss] softmax over the pictures
# tells: The softmax goes over the pictures
def pixel_loss(logits, truth, ignored=255):
    counts = truth != ignored
    of_truth = logits.log_softmax(dim=0).gather(1, truth.where(counts, 0)[:, None])[:, 0]
    return -(of_truth * counts).sum() / counts.sum().clamp(min=1)


# %% wrong [pixel-loss] the sum over pixels
# tells: the sum over the pixels of a picture
def pixel_loss(logits, truth, ignored=255):
    return F.cross_entropy(logits, truth, ignore_index=ignored, reduction="sum") / len(logits)


# %% wrong [pixel-loss] nan where nothing counts
# tells: the loss is nan, 0 / 0
def pixel_loss(logits, truth, ignored=255):
    return F.cross_entropy(logits, truth, ignore_index=ignored)


# %% wrong [pixel-loss] a 0 without a gradient
# tells: This 0 has no gradient
def pixel_loss(logits, truth, ignored=255):
    if (truth == ignored).all():
        return torch.tensor(0.0)
    return F.cross_entropy(logits, truth, ignore_index=ignored)


# %% wrong [pixel-loss] exponentials that overflow
# tells: exp(300) overflows
def pixel_loss(logits, truth, ignored=255):
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    counts = truth != ignored
    of_truth = p.gather(1, truth.where(counts, 0)[:, None])[:, 0]
    return -of_truth[counts].log().sum() / counts.sum().clamp(min=1)


# %% wrong [pixel-loss] each picture averaged by itself
# tells: Each picture was averaged by itself
def pixel_loss(logits, truth, ignored=255, right=pixel_loss):
    return torch.stack([right(z[None], t[None], ignored) for z, t in zip(logits, truth, strict=True)]).mean()


# %% wrong [pixel-loss] ignored pixels taught as background
# tells: Ignored pixels count as pixels of class 0
def pixel_loss(logits, truth, ignored=255):
    return F.cross_entropy(logits, truth.where(truth != ignored, 0))


# %% wrong [pixel-loss] a number, without a gradient
# tells: The loss has no gradient
def pixel_loss(logits, truth, ignored=255, right=pixel_loss):
    return right(logits, truth, ignored).detach()


# %% wrong [unet] no skips
# tells: the skip's channels and those from below, side by side
class UNet(UNet):
    def __init__(self, channels, classes, width=8):
        super().__init__(channels, classes, width)
        self.up2, self.up1 = double(2 * width, 2 * width), double(width, width)

    def forward(self, x):
        quarter = self.bottom(F.max_pool2d(self.down2(F.max_pool2d(self.down1(x), 2)), 2))
        return self.classify(self.up1(self.rise1(self.up2(self.rise2(quarter)))))


# %% wrong [unet] the skip is the same maps twice
# tells: is not what down2 made
class UNet(UNet):
    def forward(self, x):
        quarter = self.bottom(F.max_pool2d(self.down2(F.max_pool2d(self.down1(x), 2)), 2))
        half = self.rise2(quarter)
        full = self.rise1(self.up2(torch.cat([half, half], dim=1)))
        return self.classify(self.up1(torch.cat([full, full], dim=1)))


# %% wrong [unet] the skip added instead of concatenated
# tells: The maps were added
class UNet(UNet):
    def forward(self, x):
        full = self.down1(x)
        half = self.down2(F.max_pool2d(full, 2))
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(half + self.rise2(quarter))
        return self.classify(self.up1(full + self.rise1(half)))


# %% wrong [unet] from below without the skip
# tells: the skip is missing
class UNet(UNet):
    def forward(self, x):
        quarter = self.bottom(F.max_pool2d(self.down2(F.max_pool2d(self.down1(x), 2)), 2))
        return self.classify(self.up1(self.rise1(self.up2(self.rise2(quarter)))))


# %% wrong [unet] concatenated the wrong way round
# tells: They are the wrong way round
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        full = self.down1(F.pad(x, (0, -width % 4, 0, -height % 4)))
        half = self.down2(F.max_pool2d(full, 2))
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(torch.cat([self.rise2(quarter), half], dim=1))
        full = self.up1(torch.cat([self.rise1(half), full], dim=1))
        return self.classify(full)[:, :, :height, :width]


# %% wrong [unet] concatenated along the rows
# tells: concatenated along the channels, axis 1
class UNet(UNet):
    def forward(self, x):
        full = self.down1(x)
        half = self.down2(F.max_pool2d(full, 2))
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(torch.cat([half, self.rise2(quarter)], dim=2))
        return self.classify(self.up1(torch.cat([full, self.rise1(half)], dim=2)))


# %% wrong [unet] pooled twice
# tells: down2 gets down1's maps after one 2 × 2 max pooling
class UNet(UNet):
    def forward(self, x):
        full = self.down1(x)
        half = self.down2(F.max_pool2d(F.max_pool2d(full, 2), 2))
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(torch.cat([half, self.rise2(quarter)], dim=1))
        full = self.up1(torch.cat([full, self.rise1(half)], dim=1))
        return self.classify(full)


# %% wrong [unet] not pooled
# tells: pool in between
class UNet(UNet):
    def forward(self, x):
        full = self.down1(x)
        half = self.down2(full)
        half = self.up2(torch.cat([half, half], dim=1))
        return self.classify(self.up1(torch.cat([full, full], dim=1)))


# %% wrong [unet] means instead of maxima
# tells: use max pooling
class UNet(UNet):
    def forward(self, x):
        full = self.down1(x)
        half = self.down2(F.avg_pool2d(full, 2))
        quarter = self.bottom(F.avg_pool2d(half, 2))
        half = self.up2(torch.cat([half, self.rise2(quarter)], dim=1))
        full = self.up1(torch.cat([full, self.rise1(half)], dim=1))
        return self.classify(full)


# %% wrong [unet] the skip taken after pooling and enlarged again
# tells: is not what down1 made
class UNet(UNet):
    def forward(self, x):
        full = F.max_pool2d(self.down1(x), 2)
        half = self.down2(full)
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(torch.cat([half, self.rise2(quarter)], dim=1))
        full = self.up1(torch.cat([F.interpolate(full, scale_factor=2), self.rise1(half)], dim=1))
        return self.classify(full)


# %% wrong [unet] a softmax at the end
# tells: without ReLU or softmax
class UNet(UNet):
    def forward(self, x):
        return super().forward(x).softmax(dim=1)


# %% wrong [unet] only sides that divide by 4
# tells: enters down1 as it is
class UNet(UNet):
    def forward(self, x):
        full = self.down1(x)
        half = self.down2(F.max_pool2d(full, 2))
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(torch.cat([half, self.rise2(quarter)], dim=1))
        full = self.up1(torch.cat([full, self.rise1(half)], dim=1))
        return self.classify(full)


# %% wrong [unet] the logits are not cut
# tells: cut off what was added
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        return super().forward(F.pad(x, (0, -width % 4, 0, -height % 4)))


# %% wrong [unet] rows and columns of the padding swapped
# tells: F.pad takes columns before rows
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        full = self.down1(F.pad(x, (0, -height % 4, 0, -width % 4)))
        half = self.down2(F.max_pool2d(full, 2))
        quarter = self.bottom(F.max_pool2d(half, 2))
        half = self.up2(torch.cat([half, self.rise2(quarter)], dim=1))
        full = self.up1(torch.cat([full, self.rise1(half)], dim=1))
        return self.classify(full)[:, :, :height, :width]


# %% wrong [unet] always 4 more, also where the sides divide
# tells: when its sides are divisible by 4
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        return super().forward(F.pad(x, (0, 4 - width % 4, 0, 4 - height % 4)))[:, :, :height, :width]


# %% wrong [unet] zeros above and to the left
# tells: got its zeros above and on the left
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        return super().forward(F.pad(x, (-width % 4, 0, -height % 4, 0)))[:, :, -height:, -width:]


# %% wrong [unet] zeros on all sides
# tells: got zeros on all sides
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        rows, columns = -height % 4, -width % 4
        top, left = rows // 2, columns // 2
        padded = F.pad(x, (left, columns - left, top, rows - top))
        return super().forward(padded)[:, :, top : top + height, left : left + width]


# %% wrong [unet] the border repeated instead of zeros
# tells: with zeros below and on the right
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        padded = F.pad(x, (0, -width % 4, 0, -height % 4), mode="replicate")
        return super().forward(padded)[:, :, :height, :width]


# %% wrong [unet] the logits resized instead of cut
# tells: cut off the added rows and columns
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        logits = super().forward(F.pad(x, (0, -width % 4, 0, -height % 4)))
        return F.interpolate(logits, size=(height, width))


# %% wrong [unet] a transposed convolution without stride
# tells: their stride is 2
class UNet(UNet):
    def __init__(self, channels, classes, width=8):
        super().__init__(channels, classes, width)
        self.rise1 = nn.ConvTranspose2d(2 * width, width, 2)


# %% wrong [unet] parts that no one calls
# tells: has more than it should
class UNet(UNet):
    def __init__(self, channels, classes, width=8):
        super().__init__(channels, classes, width)
        self.up3 = double(width, width)


# %% wrong [box-iou] what both boxes share is counted twice
# tells: it is counted twice
def box_iou(a, b):
    shared = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    areas = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)
    return shared.clamp(min=0).prod(2) / areas


# %% wrong [box-iou] two negative sides make a positive area
# tells: the product of two such is positive
def box_iou(a, b):
    both = (torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])).prod(2)
    areas = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)
    return both / (areas - both)


# %% wrong [box-iou] the area clamped instead of the sides
# tells: the product of two such is positive
def box_iou(a, b):
    both = (torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])).prod(2).clamp(min=0)
    areas = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)
    return both / (areas - both)


# %% wrong [box-iou] width and height + 1
# tells: without + 1
def box_iou(a, b):
    shared = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    both = (shared + 1).clamp(min=0).prod(2)
    areas = (a[:, 2:] - a[:, :2] + 1).prod(1)[:, None] + (b[:, 2:] - b[:, :2] + 1).prod(1)
    return both / (areas - both)


# %% wrong [box-iou] in parts of the smaller box
# tells: divide by the union
def box_iou(a, b):
    shared = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    return shared.clamp(min=0).prod(2) / torch.minimum(area_a[:, None], area_b)


# %% wrong [box-iou] rows and columns swapped
# tells: the row belongs to the box of a
def box_iou(a, b, right=box_iou):
    return right(a, b).T


# %% wrong [box-iou] only pairs at the same place of both lists
# tells: Its shape is
def box_iou(a, b, right=box_iou):
    return right(a, b).diag()


# %% wrong [box-iou] the numbers read as x, y, width, height
# tells: read as x, y, width, height
def box_iou(a, b, right=box_iou):
    return right(torch.cat([a[:, :2], a[:, :2] + a[:, 2:]], 1), torch.cat([b[:, :2], b[:, :2] + b[:, 2:]], 1))


# %% wrong [box-iou] torchvision's box_iou
# tells: write it yourself
def box_iou(a, b):
    return ops.box_iou(a, b)


# %% wrong [nms] the lowest score first
# tells: The lowest score comes first
def nms(boxes, scores, threshold, right=nms):
    return right(boxes, -scores, threshold)


# %% wrong [nms] dropped by boxes that are dropped themselves
# tells: A box that was dropped has dropped others
def nms(boxes, scores, threshold):
    order = scores.argsort(descending=True, stable=True)
    overlaps = torch.triu(box_iou(boxes[order], boxes[order]), diagonal=1)
    return order[~(overlaps > threshold).any(dim=0)]


# %% wrong [nms] dropped at the threshold
# tells: only a greater one drops it
def nms(boxes, scores, threshold):
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][box_iou(boxes[left[:1]], boxes[left[1:]])[0] < threshold]
    return torch.tensor(kept, dtype=torch.int64)


# %% wrong [nms] places in the sorted list
# tells: These are places in the list sorted by score
def nms(boxes, scores, threshold, right=nms):
    order = scores.argsort(descending=True, stable=True)
    return right(boxes[order], scores[order], threshold)


# %% wrong [nms] sorted by place
# tells: listed by place
def nms(boxes, scores, threshold, right=nms):
    return right(boxes, scores, threshold).sort().values


# %% wrong [nms] only the best box
# tells: go on with those that are left
def nms(boxes, scores, threshold):
    return scores.argsort(descending=True, stable=True)[:1]


# %% wrong [nms] boxes that overlap stay, others are dropped
# tells: it is the other way round
def nms(boxes, scores, threshold):
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][box_iou(boxes[left[:1]], boxes[left[1:]])[0] > threshold]
    return torch.tensor(kept, dtype=torch.int64)


# %% wrong [nms] a mask
# tells: it should be torch.int64
def nms(boxes, scores, threshold, right=nms):
    kept = torch.zeros(len(boxes), dtype=torch.bool)
    kept[right(boxes, scores, threshold)] = True
    return kept


# %% wrong [nms] of equal scores the later one first
# tells: of equal ones the earlier comes first
def nms(boxes, scores, threshold):
    left, kept = scores.argsort(stable=True).flip(0), []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][box_iou(boxes[left[:1]], boxes[left[1:]])[0] <= threshold]
    return torch.tensor(kept, dtype=torch.int64)


# %% wrong [nms] without boxes an empty tensor of another type
# tells: no box: an empty tensor of dtype int64
def nms(boxes, scores, threshold, right=nms):
    return torch.tensor(right(boxes, scores, threshold).tolist())


# %% wrong [nms] torchvision's nms
# tells: write it yourself
def nms(boxes, scores, threshold):
    return ops.nms(boxes, scores, threshold)


# %% wrong [nms] torchvision's nms, class by class
# tells: write it yourself
def nms_per_class(boxes, scores, labels, threshold):
    return ops.batched_nms(boxes, scores, labels, threshold)


# %% wrong [nms] across classes
# tells: dropped by one of another class
def nms_per_class(boxes, scores, labels, threshold):
    return nms(boxes, scores, threshold)


# %% wrong [nms] class by class
# tells: listed class by class
def nms_per_class(boxes, scores, labels, threshold):
    kept = [labels.new_zeros(0)]
    for label in labels.unique():
        places = (labels == label).nonzero()[:, 0]
        kept.append(places[nms(boxes[places], scores[places], threshold)])
    return torch.cat(kept)


# %% wrong [nms] places among the boxes of one class
# tells: return places in all `boxes`
def nms_per_class(boxes, scores, labels, threshold):
    kept = [labels.new_zeros(0)]
    for label in labels.unique():
        kept.append(nms(boxes[labels == label], scores[labels == label], threshold))
    return torch.cat(kept)


# %% wrong [nms] the classes in order of place
# tells: listed by place
def nms_per_class(boxes, scores, labels, threshold, right=nms_per_class):
    return right(boxes, scores, labels, threshold).sort().values


# %% wrong [hits] an object taken twice
# tells: An object was taken twice
def matched(boxes, objects, threshold=0.5):
    return (box_iou(boxes, objects) >= threshold).any(dim=1)


# %% wrong [hits] more than the threshold
# tells: An IoU that equals the threshold is a hit
def matched(boxes, objects, threshold=0.5):
    free, hits = box_iou(boxes, objects), torch.zeros(len(boxes), dtype=torch.bool)
    for k in range(len(boxes)):
        if len(objects) and free[k].max() > threshold:
            hits[k] = True
            free[:, free[k].argmax()] = 0
    return hits


# %% wrong [hits] the next best object is not looked at
# tells: not at the next best, which was free
def matched(boxes, objects, threshold=0.5):
    table, hits, taken = box_iou(boxes, objects), [], set()
    for row in table:
        best = int(row.argmax()) if len(objects) else None
        hits.append(best is not None and bool(row[best] >= threshold) and best not in taken)
        if hits[-1]:
            taken.add(best)
    return torch.tensor(hits, dtype=torch.bool)


# %% wrong [hits] the first object that overlaps enough
# tells: it takes the one it overlaps most
def matched(boxes, objects, threshold=0.5):
    table, hits, taken = box_iou(boxes, objects), [], set()
    for row in table:
        free = [m for m in range(len(objects)) if row[m] >= threshold and m not in taken]
        hits.append(bool(free))
        taken |= set(free[:1])
    return torch.tensor(hits, dtype=torch.bool)


# %% wrong [hits] which objects were found instead of which boxes are hits
# tells: give one answer for each box, not for each object
def matched(boxes, objects, threshold=0.5):
    return (box_iou(boxes, objects) >= threshold).any(dim=0)


# %% wrong [hits] the index of the object
# tells: it should be torch.bool
def matched(boxes, objects, threshold=0.5):
    return box_iou(boxes, objects).argmax(dim=1)


# %% wrong [hits] the threshold is always a half
# tells: threshold 0.25
def matched(boxes, objects, threshold=0.5, right=matched):
    return right(boxes, objects)


# %% wrong [hits] no object, and an error
# tells: without an object it stops with an error
def matched(boxes, objects, threshold=0.5, right=matched):
    box_iou(boxes, objects).max(dim=1)
    return right(boxes, objects, threshold)


# %% wrong [hits] the precision of the whole list
# tells: divided by the length of the whole list
def precision_and_recall(hits, objects):
    return hits.cumsum(0) / len(hits), hits.cumsum(0) / objects


# %% wrong [hits] the recall in parts of the objects that were found
# tells: divided by the number of hits
def precision_and_recall(hits, objects):
    return hits.cumsum(0) / torch.arange(1, len(hits) + 1), hits.cumsum(0) / hits.sum().clamp(min=1)


# %% wrong [hits] precision and recall swapped
# tells: Precision and recall are swapped
def precision_and_recall(hits, objects):
    return hits.cumsum(0) / objects, hits.cumsum(0) / torch.arange(1, len(hits) + 1)


# %% wrong [hits] two numbers at the end of the list
# tells: one number for each place of the list
def precision_and_recall(hits, objects):
    return hits.float().mean(), hits.sum() / objects


# %% right [mask-iou] by a confusion table, in float64
def mask_iou(answer, truth, classes, ignored=255):
    counts = truth != ignored
    pairs = truth[counts] * classes + answer[counts]
    table = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).double()
    both = table.diag()
    return both / (table.sum(0) + table.sum(1) - both)


def mean_iou(answer, truth, classes, ignored=255):
    ious = mask_iou(answer, truth, classes, ignored)
    return ious[~ious.isnan()].mean()


# %% right [mask-iou] with Python numbers
def mask_iou(answer, truth, classes, ignored=255):
    pairs = [(a, t) for a, t in zip(answer.flatten().tolist(), truth.flatten().tolist(), strict=True) if t != ignored]
    ious = []
    for k in range(classes):
        either = sum(a == k or t == k for a, t in pairs)
        ious.append(sum(a == k == t for a, t in pairs) / either if either else float("nan"))
    return torch.tensor(ious)


# %% right [pixel-loss] with PyTorch's cross-entropy
def pixel_loss(logits, truth, ignored=255):
    loss = F.cross_entropy(logits, truth, ignore_index=ignored, reduction="sum")
    return loss / max(1, int((truth != ignored).sum()))


# %% right [pixel-loss] the pixels that count as a list
def pixel_loss(logits, truth, ignored=255):
    rows = logits.permute(0, 2, 3, 1)[truth != ignored]
    labels = truth[truth != ignored]
    if not len(labels):
        return logits.sum() * 0
    return (rows.logsumexp(1) - rows[torch.arange(len(rows)), labels]).mean()


# %% right [unet] with pooling layers, ReLU by function and a loop over sides
class UNet(nn.Module):
    def __init__(self, channels, classes, width=8):
        super().__init__()
        self.classify = nn.Conv2d(width, classes, kernel_size=1)
        self.pool = nn.MaxPool2d(2)
        self.down1, self.down2, self.bottom = (
            double(*c) for c in [(channels, width), (width, 2 * width), (2 * width, 4 * width)]
        )
        self.up1, self.up2 = double(2 * width, width), double(4 * width, 2 * width)
        self.rise1 = nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2)
        self.rise2 = nn.ConvTranspose2d(4 * width, 2 * width, kernel_size=(2, 2), stride=(2, 2))

    def forward(self, x):
        n, c, h, w = x.shape
        padded = x.new_zeros(n, c, (h + 3) // 4 * 4, (w + 3) // 4 * 4)
        padded[..., :h, :w] = x
        a = self.down1(padded)
        b = self.down2(self.pool(a))
        up = self.up2(torch.cat((b, self.rise2(self.bottom(self.pool(b)))), 1))
        up = self.up1(torch.cat((a, self.rise1(up)), 1))
        return self.classify(up)[..., :h, :w]


# %% right [box-iou] with loops
def box_iou(a, b):
    table = torch.zeros(len(a), len(b), dtype=torch.float64)
    for i, (x1, y1, x2, y2) in enumerate(a.tolist()):
        for j, (u1, v1, u2, v2) in enumerate(b.tolist()):
            both = max(0, min(x2, u2) - max(x1, u1)) * max(0, min(y2, v2) - max(y1, v1))
            table[i, j] = both / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - both)
    return table


# %% right [box-iou] with a number against division by zero
def box_iou(a, b):
    shared = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    both = shared.relu().prod(-1)
    areas = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)
    return both / (areas - both + 1e-9)


# %% right [nms] with a list of flags, and torchvision's box_iou
def nms(boxes, scores, threshold):
    order, table = sorted(range(len(boxes)), key=lambda k: -scores[k].item()), ops.box_iou(boxes, boxes)
    kept = []
    for k in order:
        if all(table[k, better] <= threshold for better in kept):
            kept.append(k)
    return torch.tensor(kept, dtype=torch.long)


# %% right [nms] each class moved to a place of its own
def nms_per_class(boxes, scores, labels, threshold):
    if not len(boxes):
        return labels.new_zeros(0)
    return nms(boxes + labels[:, None] * (boxes.max() + 1), scores, threshold)


# %% right [hits] with a set of those that are taken
def matched(boxes, objects, threshold=0.5):
    taken, hits = set(), []
    for row in box_iou(boxes, objects).tolist():
        free = [(value, m) for m, value in enumerate(row) if m not in taken and value >= threshold]
        hits.append(bool(free))
        if free:
            taken.add(max(free)[1])
    return torch.tensor(hits, dtype=torch.bool)


def precision_and_recall(hits, objects):
    precision, recall, found = [], [], 0
    for place, hit in enumerate(hits.tolist(), start=1):
        found += hit
        precision.append(found / place)
        recall.append(found / objects)
    return torch.tensor(precision), torch.tensor(recall)


# %% equivalent [mask-iou] answer and truth may change places, once ignored pixels are gone
# answer[counts], truth[counts] → (truth[counts], answer[counts])

# %% equivalent [mask-iou] a tensor of one number is as good as a number
# mask_iou(answer, truth, classes, ignored).nanmean().item() → mask_iou(answer, truth, classes, ignored).nanmean()

# %% equivalent [box-iou] the larger of two numbers, in either order
# torch.maximum(a[:, None, :2], b[None, :, :2]) → torch.maximum(b[None, :, :2], a[:, None, :2])

# %% equivalent [box-iou] the smaller of two numbers, in either order
# torch.minimum(a[:, None, 2:], b[None, :, 2:]) → torch.minimum(b[None, :, 2:], a[:, None, 2:])

# %% equivalent [nms] a class that is looked at again keeps the same boxes
# labels.unique() → labels
