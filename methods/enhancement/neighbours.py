"""Neighbours among rows: exact nearest ones, distances in blocks of bounded memory, and the size of what is not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import torch
from torch import Tensor

ROWS_PER_BLOCK = 512
COLUMNS_PER_BLOCK = 16384


def nearest_rows(queries: Tensor, rows: Tensor, k: int, own: Tensor | None = None) -> Tensor:
    """[Q, k] indices of the ``rows`` nearest to each query, nearest first, ties to the lowest index.

    ``own`` [Q] names for each query a row to leave out. Queries are float64; rows of any type are converted block
    by block.
    """
    best_distance = queries.new_empty(queries.shape[0], 0)
    best_index = torch.empty(queries.shape[0], 0, dtype=torch.int64, device=queries.device)
    for start in range(0, rows.shape[0], COLUMNS_PER_BLOCK):
        block = rows[start : start + COLUMNS_PER_BLOCK].double()
        # |q|^2 is the same for all rows and left out.
        distance = torch.addmm(block.square().sum(1), queries, block.T, alpha=-2)
        if own is not None:
            here = (own >= start) & (own < start + block.shape[0])
            distance[here.nonzero().squeeze(1), own[here] - start] = torch.inf
        index = torch.arange(start, start + block.shape[0], device=rows.device).expand_as(distance)
        distance, position = smallest(torch.cat([best_distance, distance], 1), k)
        best_index = torch.cat([best_index, index], 1).gather(1, position)
        best_distance = distance
    return best_index


def smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest values of each row in ascending order and their positions, ties to the lowest position."""
    k = min(k, values.shape[1])
    found, position = values.topk(min(k + 1, values.shape[1]), dim=1, largest=False, sorted=True)
    # topk orders ties as it likes: where two of the first k+1 are equal, a stable sort decides.
    tied = (found[:, 1:] == found[:, :-1]).any(1).nonzero().squeeze(1)
    found, position = found[:, :k].clone(), position[:, :k].clone()
    if tied.numel():
        in_order, order = values[tied].sort(dim=1, stable=True)
        found[tied], position[tied] = in_order[:, :k], order[:, :k]
    return found, position


def nearest_neighbours(x: Tensor, k: int) -> Tensor:
    """[N, k] indices of each row's nearest other rows, nearest first, ties to the lowest index."""
    if x.shape[0] <= k:
        raise ValueError(f"{k} neighbours of each row need more than {k} rows; there are {x.shape[0]}")
    blocks = []
    for start in range(0, x.shape[0], ROWS_PER_BLOCK):
        block = x[start : start + ROWS_PER_BLOCK].double()
        own = torch.arange(start, start + block.shape[0], device=x.device)
        blocks.append(nearest_rows(block, x, k, own))
    return torch.cat(blocks)


def squared_distances(x: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """(rows, [rows, N] float64 squared Euclidean distances to all rows), block by block."""
    x = x.double()
    norms = x.square().sum(1)
    for start in range(0, x.shape[0], ROWS_PER_BLOCK):
        rows = slice(start, start + ROWS_PER_BLOCK)
        block = torch.addmm(norms, x[rows], x.T, alpha=-2) + norms[rows, None]
        index = torch.arange(block.shape[0], device=x.device)
        block[index, index + start] = 0
        yield rows, block.clamp_(min=0)


def mean_distance(x: Tensor) -> float:
    """Mean Euclidean distance over all pairs of rows."""
    rows = x.shape[0]
    total = sum(float(block.sqrt().sum()) for _, block in squared_distances(x))
    return total / (rows * (rows - 1)) if rows > 1 else 0.0


def square_matrix_guard(name: str, x: Tensor, matrices: int) -> None:
    """Refuse a data set whose ``matrices`` float64 matrices of N x N do not fit into memory, before making them.

    Raises
    ------
    ValueError: one sentence with the size they take and the size there is.
    """
    rows = x.shape[0]
    needed, there = matrices * rows * rows * 8, free_memory(x.device)
    if needed > 0.8 * there:
        raise ValueError(
            f"{name} works on {matrices} matrices of {rows} x {rows}, {needed / 1e9:.1f} GB, and there are "
            f"{there / 1e9:.1f} GB of free memory; it is for smaller data sets"
        )


def free_memory(device: torch.device) -> int:
    """Bytes of memory that are free on the device, caches of files counted as free on a CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            fields = dict(line.split(":", 1) for line in stream)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
