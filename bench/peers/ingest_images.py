"""Python's side of bench/ingest.ts: decodes the images of a Parquet file into one array, one order a line.

    {"way": "pil", "path": "train.parquet", "side": 28, "channels": 1, "processes": 1}
    {"seconds": 1.52, "images": 10120}

`pil` and `torchvision` are plain loops over the rows, spread over a pool of processes where there are several;
`datasets` is `Dataset.map` with nothing cached. All end with the pixels of all images in memory, uint8
[images, side, side, channels].
"""

import atexit
import functools
import io
import json
import multiprocessing
import sys
import tempfile
import time

import datasets
import numpy as np
import PIL
import PIL.Image
import pyarrow.parquet as parquet
import torch
import torchvision
from torchvision.transforms import v2

CHUNK = 256
datasets.disable_progress_bars()
torch.set_num_threads(1)


def resized_by_pil(image, side, channels):
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (side, side):
        image = image.resize((side, side), PIL.Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(side, side, channels)


def decode_by_pil(rows, side, channels):
    return np.stack([resized_by_pil(PIL.Image.open(io.BytesIO(row)), side, channels) for row in rows])


def decode_by_torchvision(rows, side, channels):
    mode = torchvision.io.ImageReadMode.GRAY if channels == 1 else torchvision.io.ImageReadMode.RGB
    images = []
    for row in rows:
        image = torchvision.io.decode_image(torch.frombuffer(bytearray(row), dtype=torch.uint8), mode)
        if image.shape[1:] != (side, side):
            image = v2.functional.resize(image, [side, side], antialias=True)
        images.append(image.permute(1, 2, 0).numpy())
    return np.stack(images)


DECODERS = {"pil": decode_by_pil, "torchvision": decode_by_torchvision}


@functools.cache
def pool(processes):
    workers = multiprocessing.get_context("spawn").Pool(processes)
    atexit.register(workers.terminate)
    return workers


def loop(way, path, side, channels, processes):
    rows = parquet.read_table(path, columns=["image"])["image"].combine_chunks().field("bytes").to_pylist()
    decode = functools.partial(DECODERS[way], side=side, channels=channels)
    chunks = [rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK)]
    decoded = map(decode, chunks) if processes == 1 else pool(processes).imap(decode, chunks)
    return np.concatenate(list(decoded))


def pixels_of(batch, side, channels):
    # As bytes: columns of nested lists are several times as slow.
    return {"pixels": [resized_by_pil(image, side, channels).tobytes() for image in batch["image"]]}


def hugging_face(path, side, channels, processes):
    with tempfile.TemporaryDirectory() as cache:
        data = datasets.Dataset.from_parquet(path, columns=["image", "label"], cache_dir=cache)
        data = data.cast_column("image", datasets.Image())
        mapped = data.map(
            pixels_of,
            batched=True,
            batch_size=CHUNK,
            num_proc=processes if processes > 1 else None,
            remove_columns=["image"],
            fn_kwargs={"side": side, "channels": channels},
        )
        pixels = b"".join(mapped.with_format("arrow")["pixels"].to_pylist())
        return np.frombuffer(pixels, dtype=np.uint8).reshape(-1, side, side, channels)


def answer(order):
    settings = {key: order[key] for key in ("path", "side", "channels", "processes")}
    start = time.perf_counter()
    if order["way"] == "datasets":
        pixels = hugging_face(**settings)
    else:
        pixels = loop(order["way"], **settings)
    seconds = time.perf_counter() - start
    assert pixels.shape[1:] == (order["side"], order["side"], order["channels"]), pixels.shape
    assert pixels.dtype == np.uint8, pixels.dtype
    return {"seconds": seconds, "images": len(pixels)}


def main():
    version = f"PIL {PIL.__version__}, torchvision {torchvision.__version__}, datasets {datasets.__version__}"
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["way"] != "datasets" and order["processes"] > 1:
            # A pool starts once; starting it is not what is measured.
            pool(order["processes"]).map(abs, range(100))
        print(json.dumps(answer(order)), flush=True)


if __name__ == "__main__":
    main()
