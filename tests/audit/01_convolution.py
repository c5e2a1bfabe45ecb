# %% wrong [output-size] padding on one side only
# tells: padding adds pixels on both sides
def output_size(n, k, padding=0, stride=1):
    if k > n + padding:
        raise ValueError("too large")
    return (n + padding - k) // stride + 1


# %% wrong [output-size] the stride divides the number of places
# tells: stride=2
def output_size(n, k, padding=0, stride=1):
    if k > n + 2 * padding:
        raise ValueError("too large")
    return (n + 2 * padding - k + 1) // stride


# %% wrong [output-size] a kernel that does not fit gives zero places
# tells: raise ValueError
def output_size(n, k, padding=0, stride=1):
    return max(0, (n + 2 * padding - k) // stride + 1)


# %% wrong [correlate-loops] heights taken for widths
# tells: Keep heights with heights
def correlate_loops(image, kernel):
    height, width = kernel.shape
    result = np.zeros((image.shape[1] - width + 1, image.shape[0] - height + 1))
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            patch = image.T[row : row + width, column : column + height]
            result[row, column] = np.sum(patch * kernel.T)
    return result


# %% wrong [correlate-loops] the kernel is flipped
# tells: that is convolution, and comes in task 3
def correlate_loops(image, kernel):
    return scipy.signal.convolve2d(image, kernel, mode="valid")


# %% wrong [correlate-loops] computed in bytes
# tells: a picture of bytes
def correlate_loops(image, kernel):
    height, width = kernel.shape
    shape = image.shape[0] - height + 1, image.shape[1] - width + 1
    result = np.zeros(shape, dtype=np.result_type(image, kernel))
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            result[row, column] = (image[row : row + height, column : column + width] * kernel).sum(dtype=result.dtype)
    return result


# %% wrong [convolve] the kernel is not flipped
# tells: the kernel was not flipped
def convolve(image, kernel):
    return correlate_loops(image, kernel)


# %% wrong [convolve] the kernel is flipped upside down only
# tells: the kernel was flipped along one axis; flip both
def convolve(image, kernel):
    return correlate_loops(image, kernel[::-1])


# %% wrong [correlate] fast only because it loops over the pixels
# tells: no loop over the image
def correlate(image, kernel):
    return correlate_loops(image, kernel)


# %% wrong [correlate-mode] same padding of the whole kernel
# tells: Pad (h - 1)/2 rows
def correlate_mode(image, kernel, mode):
    height, width = kernel.shape
    rows, columns = {"valid": (0, 0), "same": (height, width), "full": (height - 1, width - 1)}[mode]
    return correlate(np.pad(image, ((rows, rows), (columns, columns))), kernel)


# %% wrong [correlate-mode] the border repeats the last pixel
# tells: Pad h - 1 rows
def correlate_mode(image, kernel, mode):
    height, width = kernel.shape
    padding = {"valid": (0, 0), "same": (height // 2, width // 2), "full": (height - 1, width - 1)}
    if mode not in padding:
        raise ValueError(mode)
    rows, columns = padding[mode]
    return correlate(np.pad(image, ((rows, rows), (columns, columns)), mode="edge"), kernel)


# %% wrong [kernels] a blur that divides by its side
# tells: An average divides by the number of pixels
def blur_kernel(size):
    return np.full((size, size), 1 / size)


# %% wrong [kernels] a sharpening without the picture itself
# tells: would change its colour
def sharpen_kernel(amount):
    return amount * np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])


# %% wrong [kernels] Sobel written for convolution
# tells: the sign is the other way round
def sobel_kernels():
    to_the_right = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    return to_the_right, to_the_right.T


# %% wrong [sobel-magnitude] slopes added
# tells: Square, add, take the root
def sobel_magnitude(image):
    to_the_right, to_the_bottom = sobel_kernels()
    return np.abs(correlate(image, to_the_right)) + np.abs(correlate(image, to_the_bottom))


# %% wrong [sobel-magnitude] one slope only
# tells: downwards
def sobel_magnitude(image):
    return np.abs(correlate(image, sobel_kernels()[0]))


# %% right [correlate-loops] slices instead of the two inner loops
def correlate_loops(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    return np.array(
        [[np.vdot(image[r : r + h, c : c + w].astype(float), kernel) for c in range(columns)] for r in range(rows)]
    )


# %% right [correlate] a loop over the kernel
def correlate(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    total = np.zeros((rows, columns))
    for i in range(h):
        for j in range(w):
            total += kernel[i, j] * image[i : i + rows, j : j + columns].astype(float)
    return total


# %% right [correlate] in single precision
def correlate(image, kernel):
    patches = np.lib.stride_tricks.sliding_window_view(image.astype(np.float32), kernel.shape)
    return (patches * kernel.astype(np.float32)).sum(axis=(2, 3))


# %% right [correlate] by SciPy
def correlate(image, kernel):
    return scipy.signal.correlate2d(image.astype(float), kernel.astype(float), mode="valid")


# %% right [kernels] Sobel as a product of a column and a row
def sobel_kernels():
    to_the_right = np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0])
    return to_the_right, to_the_right.transpose()


# %% right [sobel-magnitude] with a root
def sobel_magnitude(image):
    x, y = (correlate(image.astype(float), kernel) for kernel in sobel_kernels())
    return (x**2 + y**2) ** 0.5


# %% equivalent [sobel-magnitude] the two slopes change places under a root of squares
# np.hypot(correlate(image, to_the_right), correlate(image, to_the_bottom)) → np.hypot(correlate(image, to_the_bottom), correlate(image, to_the_right))

# %% equivalent [kernels] 1 + 4 * amount makes the array one of floats whenever amount is a float, as its type says
# np.array([[0, -amount, 0], [-amount, 1 + 4 * amount, -amount], [0, -amount, 0]], dtype=float) → np.array([[0, -amount, 0], [-amount, 1 + 4 * amount, -amount], [0, -amount, 0]])
