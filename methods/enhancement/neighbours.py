"""Neighbours among rows: exact nearest ones, distances in blocks of bounded memory, and the size of what is not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import torch
from torch import Tensor

ROWS_PER_BLOCK = 512
COLUMNS_PER_BLOCK = 16384


def nearest_rows(queries: Tensor, rows: Tensor, k: int, *, leave_out_own: bool = False) -> Tensor:
    """[Q, k] indices of the ``rows`` nearest to each query, nearest first, ties to the lowest index.

    ``leave_out_own``: the queries are the rows themselves, and none is its own neighbour. Distances are float64; what
    is of another type is converted block by block. Where there are fewer than k neighbours, all are returned.
    """
    k = min(k, rows.shape[0] - leave_out_own)
    if queries.shape[0] == 0:
        return torch.empty(0, k, dtype=torch.int64, device=queries.device)
    distance = queries.new_empty(queries.shape[0], 0, dtype=torch.float64)
    index = torch.empty(queries.shape[0], 0, dtype=torch.int64, device=queries.device)
    for start in range(0, rows.shape[0], COLUMNS_PER_BLOCK):
        columns = rows[start : start + COLUMNS_PER_BLOCK].double()
        norms = columns.square().sum(1)
        found = []
        for first in range(0, queries.shape[0], ROWS_PER_BLOCK):
            # |q|^2 is the same for all rows and left out.
            block = torch.addmm(norms, queries[first : first + ROWS_PER_BLOCK].double(), columns.T, alpha=-2)
            if leave_out_own:
                block.diagonal(first - start).fill_(torch.inf)
            found.append(smallest(block, k))
        nearest, position = (torch.cat(parts) for parts in zip(*found, strict=True))
        distance, order = smallest(torch.cat([distance, nearest], 1), k)
        index = torch.cat([index, position + start], 1).gather(1, order)
    return index


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
    return nearest_rows(x, x, k, leave_out_own=True)


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
