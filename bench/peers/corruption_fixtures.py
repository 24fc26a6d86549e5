"""How far the published corruptions move pictures, for test/corruptions.

    python bench/peers/corruption_fixtures.py    # writes test/corruptions/fixtures/*.{json,png}

The published code is the package `imagecorruptions` (ImageNet-C's generator without ImageMagick). At 224 pixels it
runs with its own constants, at 32 with those of CIFAR-10-C, put in their place; where CIFAR-10-C's generator differs
in more than constants (zoom cut in the middle, frost photographs at a fifth, an affine elastic transform) that is
done here. Pictures are drawn below: none comes from a data set.
"""

import ast
import importlib.metadata
import importlib.util
import json
import warnings
from pathlib import Path

import cv2
import numpy as np
import scipy
import skimage
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

warnings.simplefilter("ignore")
TARGET = Path(__file__).parents[2] / "test" / "corruptions" / "fixtures"
PACKAGE = Path(importlib.util.find_spec("imagecorruptions").origin).parent

CIFAR = {
    "gaussian_noise": [0.04, 0.06, 0.08, 0.09, 0.10],
    "shot_noise": [500, 250, 100, 75, 50],
    "impulse_noise": [0.01, 0.02, 0.03, 0.05, 0.07],
    "speckle_noise": [0.06, 0.1, 0.12, 0.16, 0.2],
    "gaussian_blur": [0.4, 0.6, 0.7, 0.8, 1],
    "glass_blur": [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
    "defocus_blur": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    "zoom_blur": [[1 + i / 100 for i in range(n)] for n in (6, 11, 16, 21, 26)],
    "fog": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    "frost": [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
    "snow": [
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ],
    "spatter": [
        (0.62, 0.1, 0.7, 0.7, 0.5, 0),
        (0.65, 0.1, 0.8, 0.7, 0.5, 0),
        (0.65, 0.3, 1, 0.69, 0.5, 0),
        (0.65, 0.1, 0.7, 0.69, 0.6, 1),
        (0.65, 0.1, 0.5, 0.68, 0.6, 1),
    ],
    "contrast": [0.75, 0.5, 0.4, 0.3, 0.15],
    "brightness": [0.05, 0.1, 0.15, 0.2, 0.3],
    "saturate": [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
    "jpeg_compression": [80, 65, 58, 50, 40],
    "pixelate": [0.95, 0.9, 0.85, 0.75, 0.65],
}
# Strength, smoothing and affine shift in pixels.
ELASTIC = {
    32: [(0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)],
    224: [(488, 170.8, 24.4), (488, 19.52, 48.8), (12.2, 2.44, 4.88), (17.08, 2.44, 4.88), (29.28, 2.44, 4.88)],
}


def elastic_transform(picture, severity):
    strength, sigma, shift = ELASTIC[picture.shape[0]][severity - 1]
    height, width, _ = picture.shape
    reach, middle = min(height, width) // 3, np.float32([width // 2, height // 2])
    before = np.float32([middle + reach, middle + [reach, -reach], middle - reach])
    after = before + np.random.uniform(-shift, shift, (3, 2)).astype(np.float32)
    affine = cv2.getAffineTransform(before, after)
    moved = cv2.warpAffine(np.float32(picture), affine, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    fields = [np.random.uniform(-1, 1, (height, width)) for _ in range(2)]
    down, right = [strength * gaussian_filter(f, sigma, mode="reflect", truncate=3) for f in fields]
    y, x = np.mgrid[:height, :width]
    channels = [map_coordinates(moved[..., c], [y + down, x + right], order=1, mode="reflect") for c in range(3)]
    return np.stack(channels, axis=2)


class Constants(ast.NodeTransformer):
    """Puts CIFAR-10-C's constants where a function has a list of five."""

    def visit_FunctionDef(self, function):
        if function.name in CIFAR:
            for node in ast.walk(function):
                if isinstance(node, ast.Subscript) and isinstance(node.value, ast.List) and len(node.value.elts) == 5:
                    node.value = ast.parse(repr(CIFAR[function.name]), mode="eval").body
                    break
        return function


def published(side):
    text = (PACKAGE / "corruptions.py").read_text()
    for old, new in {
        "from pkg_resources import resource_filename": "",
        "resource_filename(__name__, './": "str(PACKAGE / '",
        "scipy.ndimage.interpolation": "scipy.ndimage",
        "np.float_": "np.float64",
        "multichannel=True": "channel_axis=-1",
        "gaussian(liquid_layer, sigma=c[2])": "gaussian(liquid_layer, sigma=c[2]).astype(np.float32)",
    }.items():
        text = text.replace(old, new)
    tree = ast.parse(text)
    if side == 32:
        tree = Constants().visit(tree)
    scope = {"PACKAGE": PACKAGE}
    exec(compile(ast.fix_missing_locations(tree), "imagecorruptions", "exec"), scope)

    def clipped_zoom(picture, factor):
        cut = int(np.ceil(side / factor))
        start = (side - cut) // 2
        large = zoom(picture[start : start + cut, start : start + cut], (factor, factor, 1), order=1)
        trim = (large.shape[0] - side) // 2
        return large[trim : trim + side, trim : trim + side]

    scope["clipped_zoom"] = clipped_zoom
    if side == 32:
        read = cv2.imread

        class Small:
            def __getattr__(self, name):
                return getattr(cv2, name)

            @staticmethod
            def imread(file):
                # The package makes photographs larger by a tenth, which CIFAR-10-C's generator does not.
                return cv2.resize(read(file), (0, 0), fx=0.2 / 1.1, fy=0.2 / 1.1)

        scope["cv2"] = Small()
    return scope


NAMES = [*CIFAR, "elastic_transform"]


def drawing(side, seed):
    """A scene: sky to ground, a few discs and bars of colour, a fine grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    picture = np.stack([0.75 - 0.45 * y, 0.7 - 0.25 * y, 0.85 - 0.65 * y], axis=2)
    for _ in range(6):
        cy, cx, r = random.uniform(0.1, 0.9, 2).tolist() + [random.uniform(0.06, 0.2)]
        inside = (y - cy) ** 2 + (x - cx) ** 2 < r * r
        picture[inside] = random.uniform(0.1, 0.95, 3)
    for _ in range(3):
        a, b = random.uniform(-1, 1, 2)
        picture[np.abs(a * (x - 0.5) + b * (y - 0.5) + random.uniform(-0.2, 0.2)) < 0.03] = random.uniform(0, 1, 3)
    grain = gaussian_filter(random.normal(size=(side, side)), side / 80)
    picture += 0.04 * (grain / grain.std())[..., None]
    return np.uint8(255 * np.clip(picture, 0.02, 0.98))


def glyph():
    """A light letter on dark."""
    picture = np.full((32, 32), 25, np.uint8)
    cv2.putText(picture, "R", (5, 26), cv2.FONT_HERSHEY_SIMPLEX, 1, 225, 3, cv2.LINE_AA)
    return np.repeat(picture[..., None], 3, axis=2)


def squared_errors(scope, picture, name, severity, times):
    errors = []
    for _ in range(times):
        if name == "elastic_transform":
            made = elastic_transform(picture, severity)
        else:
            made = scope[name](Image.fromarray(picture), severity)
        made = np.uint8(np.clip(np.array(made), 0, 255))
        errors.append(float(np.mean((made / 255.0 - picture / 255.0) ** 2)))
    return errors


def draws(name, side):
    """So many that the mean stands to about 0.15 dB: single drops of spatter are rare and move a picture far."""
    if side == 224:
        return 2 if name == "glass_blur" else 12
    return 400 if name == "spatter" else 100


def main():
    np.random.seed(5)
    pictures = {"scene-32": drawing(32, 1), "glyph-32": glyph(), "scene-224": drawing(224, 2)}
    psnr = {}
    for label, picture in pictures.items():
        side = picture.shape[0]
        scope = published(side)
        psnr[label] = {
            name: [
                round(float(-10 * np.log10(np.mean(squared_errors(scope, picture, name, severity, draws(name, side))))), 3)
                for severity in range(1, 6)
            ]
            for name in NAMES
            if not (label == "glyph-32" and name == "saturate")  # grey has no colours
        }
        grey = picture[..., 0] if label == "glyph-32" else picture
        Image.fromarray(grey).save(TARGET / f"{label}.png", optimize=True)
    write(psnr)


def write(psnr):
    versions = {
        "imagecorruptions": importlib.metadata.version("imagecorruptions"),
        "scikit-image": skimage.__version__,
        "opencv": cv2.__version__,
        "scipy": scipy.__version__,
    }
    made = {"madeBy": "bench/peers/corruption_fixtures.py", "versions": versions, "psnr": psnr}
    (TARGET / "psnr.json").write_text(json.dumps(made) + "\n")


main()
