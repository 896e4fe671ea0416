"""Named random streams: initialisation, shuffling and noise of one seed do not disturb each other.

All rows of one seed share the classifier's initial weights and the batch order, so comparisons are paired.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on nothing but the job's seed and the stream's name."""
    digest = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator at the start of the stream; drawing on the CPU gives every device the same numbers."""
    return torch.Generator().manual_seed(stream_seed(seed, *names))


def seed_noise(seed: int, device: torch.device) -> None:
    """Seed the generator that operations on the device draw from; ``torch.manual_seed`` would visit every backend."""
    if device.type == "cuda":
        torch.cuda.default_generators[
            torch.cuda.current_device() if device.index is None else device.index
        ].manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def shuffled_batches(rows: int, batch_size: int, seed: int, stage: str, epoch: int) -> list[Tensor]:
    """The batches of one epoch as index tensors; a last batch of one row is dropped (batch statistics need two)."""
    order = torch.randperm(rows, generator=generator(seed, stage, "shuffle", epoch))
    batches = list(order.split(batch_size))
    return batches[:-1] if batches[-1].numel() == 1 and len(batches) > 1 else batches
