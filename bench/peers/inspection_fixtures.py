"""Image statistics by scikit-image, NumPy and Pillow: python inspection_fixtures.py > test/inspection/fixtures/image-statistics.json"""
import json

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.measure import blur_effect, shannon_entropy

random = np.random.default_rng(5)


def pictures():
    for height, width in [(28, 28), (32, 32), (20, 33), (7, 64)]:
        noise = random.integers(0, 256, (height, width, 3)).astype(np.float64)
        for sigma in [0, 0.7, 2]:
            yield np.clip(gaussian_filter(noise, (sigma, sigma, 0)), 0, 255).astype(np.uint8)
    yield np.repeat((np.add.outer(np.arange(24), np.arange(16)) * 6)[:, :, None], 3, 2).astype(np.uint8)
    yield (random.integers(0, 256, (16, 16, 3)) // 10).astype(np.uint8)


rows = []
for picture in pictures():
    height, width, _ = picture.shape
    r, g, b = np.moveaxis(picture.astype(np.int64), 2, 0)
    grey = np.floor((299 * r + 587 * g + 114 * b) / 1000 + 0.5).astype(np.uint8)
    low, high = np.percentile(grey, [5, 99])
    rows.append(
        {
            "height": height,
            "width": width,
            "pixels": picture.ravel().tolist(),
            "brightness": grey.mean() / 255,
            "darkest": low / 255,
            "brightest": high / 255,
            "contrast": grey.std() / 255,
            "blur": blur_effect(grey.astype(np.float64)),
            "entropy": shannon_entropy(grey),
            "pillowEntropy": Image.fromarray(grey).entropy(),
        }
    )
print(json.dumps(rows, separators=(",", ":")))
