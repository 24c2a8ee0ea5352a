"""Classify pictures with the network in this folder: python classify.py PICTURE …

Needs torch, numpy, pillow and safetensors. The functions can be imported: load(), prepare(path), read(name).
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent


def read(name: str):
    """The contents of a JSON file in this folder."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def load() -> torch.nn.Module:
    """The network with its weights, in evaluation mode."""
    from model import make_network  # beside this file

    network = make_network()
    network.load_state_dict(load_file(HERE / "weights.safetensors"))
    return network.eval()


def prepare(path) -> torch.Tensor:
    """float32 [C, H, W]: the picture in the file as the network was trained to see it. See preprocessing.json."""
    how = read("preprocessing.json")
    channels, height, width = how["input"]
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file)
        if "A" in picture.getbands() or "transparency" in picture.info:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        picture = picture.convert("L" if channels == 1 else "RGB")
    if how["fit"] == "stretch":
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    else:
        _, _, scaled = how["fit"].partition("-")  # "crop-256": the shorter side has so many pixels before the crop
        picture = cropped(picture, height, width, int(scaled) / min(height, width) if scaled else 1.0)
    pixels = np.array(picture, dtype=np.float32).reshape(height, width, channels).transpose(2, 0, 1)
    mean, std = (np.array(how[name], dtype=np.float64).reshape(-1, 1, 1) for name in ("mean", "std"))
    return torch.from_numpy(((pixels / 255 - mean) / std).astype(np.float32))


def cropped(picture: Image.Image, height: int, width: int, margin: float) -> Image.Image:
    """The picture scaled until one side fits, with a margin, then the middle of it."""
    scale = margin * max(width / picture.width, height / picture.height)
    wide = max(width, int(picture.width * scale + 1e-6))
    high = max(height, int(picture.height * scale + 1e-6))
    picture = picture.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = round((wide - width) / 2), round((high - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def main(paths: list[str]) -> None:
    network, classes = load(), read("classes.json")
    for path in paths:
        with torch.inference_mode():
            shares = network(prepare(path)[None])[0].float().softmax(0)
        best = shares.topk(min(5, len(classes)))
        told = (f"{classes[label]} {share:.1%}" for share, label in zip(best.values, best.indices, strict=True))
        print(f"{path}: {', '.join(told)}")


if __name__ == "__main__":
    main(sys.argv[1:])
