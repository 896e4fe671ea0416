"""Named random streams: initialisation, shuffling and noise of one seed do not disturb each other.

All rows of one seed share the classifier's initial weights and the batch order, so comparisons are paired.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on nothing but the job's seed and the stream's name."""
    digest = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator at the start of the stream; drawing on the CPU gives every device the same numbers."""
    return torch.Generator().manual_seed(stream_seed(seed, *names))


@dataclass(frozen=True)
class Streams:
    """The random streams of one stage (the classifier, a recovery network) of a job's seed."""

    seed: int
    stage: str

    def shuffled_batches(self, rows: int, batch_size: int, epoch: int) -> list[Tensor]:
        """The batches of one epoch as index tensors; a last batch of one row is dropped (batch statistics need two)."""
        order = torch.randperm(rows, generator=generator(self.seed, self.stage, "shuffle", epoch))
        batches = list(order.split(batch_size))
        return batches[:-1] if batches[-1].numel() == 1 and len(batches) > 1 else batches

    def seed_noise(self, epoch: int, number: int, device: torch.device) -> None:
        """Seed what the epoch's batch of that number draws from on the device; ``torch.manual_seed`` would visit every
        backend."""
        noise = stream_seed(self.seed, self.stage, "noise", epoch, number)
        if device.type == "cuda":
            position = torch.cuda.current_device() if device.index is None else device.index
            torch.cuda.default_generators[position].manual_seed(noise)
        else:
            torch.default_generator.manual_seed(noise)
