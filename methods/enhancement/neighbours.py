"""Neighbours among rows: exact nearest ones, distances in blocks of bounded memory, and the size of what is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS_PER_BLOCK = 512
COLUMNS_PER_BLOCK = 16384
FLOAT32_ROWS_PER_BLOCK = 256
QUERIES_AT_ONCE = 8192
"""Of the float32 search; so many rows' products with each other are kept, 134 MB."""
SPARE = 5
"""Candidates of the float32 search beyond k."""
VALUES_IN_CACHE = 2**18
ON_A_GPU = 16
"""Times as much at once, where starting a kernel costs more than a cache gives."""
GROUP, WIDE = 8, 4096
"""Of rows of so many values, groups are searched first."""

Keys = Callable[[slice], Callable[[Tensor], Tensor]]
"""Of a slice of the rows, the function from [B] query numbers to [B, C] keys; the nearer a row, the lower its key."""


def nearest_rows(
    queries: Tensor, rows: Tensor, k: int, *, leave_out_own: bool = False, in_order: bool = True
) -> Tensor:
    """[Q, k] indices of the ``rows`` nearest to each query, nearest first, ties to the lowest index.

    ``leave_out_own``: the queries are the rows themselves, and none is its own neighbour. Where there are fewer than k
    neighbours, all are returned. ``in_order`` False: the same k rows in any order, which is faster.

    Distances are those of float64 products of blocks of queries by all rows, |r|^2 - 2 q.r. They are computed only
    where needed: what neither its own rounding nor that of these products can change is taken from a float32 search,
    near ties among its candidates from their float64 differences. Small integers are exact in float32 alone.
    """
    count = queries.shape[0]
    k = min(k, rows.shape[0] - leave_out_own)
    nearest = torch.empty(count, k, dtype=torch.int64, device=queries.device)
    if nearest.numel() == 0:
        return nearest
    numbers = torch.arange(count, device=queries.device)
    if _small_integers(queries) and _small_integers(rows):
        blocks = list(numbers.split(FLOAT32_ROWS_PER_BLOCK))
        return _search(_integer_keys(queries, rows), blocks, rows.shape[0], k, leave_out_own)[1]
    certain = torch.zeros_like(numbers, dtype=torch.bool)
    for some in numbers.split(QUERIES_AT_ONCE):
        found = _candidates(queries, rows, k, some, leave_out_own)
        nearest[some], certain[some] = _certain(found, queries[some], rows, k, in_order)
        if 2 * certain[some].sum() < len(some):  # ties abound, and float32 would only cost
            break
    blocks = _blocks_of(~certain)
    if blocks:
        found_again = _search(_float64_keys(queries, rows), blocks, rows.shape[0], k, leave_out_own)[1]
        nearest[torch.cat(blocks)] = found_again
    return nearest


def _search(keys: Keys, blocks: list[Tensor], rows: int, k: int, leave_out_own: bool) -> tuple[Tensor, Tensor]:
    """The k lowest keys of each query of the blocks, ascending, and their rows, ties to the lowest index."""
    found: list[tuple[Tensor, Tensor]] = []
    for start in range(0, rows, COLUMNS_PER_BLOCK):
        of_block = keys(slice(start, start + COLUMNS_PER_BLOCK))
        for number, block in enumerate(blocks):
            key = of_block(block)
            if leave_out_own:
                own = ((block >= start) & (block < start + key.shape[1])).nonzero().squeeze(1)
                key[own, block[own] - start] = torch.inf
            value, index = smallest(key, k)
            if start == 0:
                found.append((value, index))
                continue
            before, earlier = found[number]
            value, order = smallest(torch.cat([before, value], 1), k)
            found[number] = value, torch.cat([earlier, index + start], 1).gather(1, order)
    values, indices = zip(*found, strict=True)
    return torch.cat(values), torch.cat(indices)


def _float64_keys(queries: Tensor, rows: Tensor) -> Keys:
    def keys(part: slice) -> Callable[[Tensor], Tensor]:
        columns = rows[part].double()
        norms = columns.square().sum(1)
        # |q|^2 is the same for all rows and left out.
        return lambda block: torch.addmm(norms, queries[block].double(), columns.T, alpha=-2)

    return keys


def _blocks_of(doubtful: Tensor) -> list[Tensor]:
    """Query numbers in blocks for the float64 products, with every doubtful one in some block.

    A product's rounding depends on its shape and on a row's place. So a full block takes doubtful queries of several,
    each at the place that it has among all queries in their order, and certain ones fill it: no bit changes by that.
    """
    full = len(doubtful) // ROWS_PER_BLOCK * ROWS_PER_BLOCK
    last = torch.arange(full, len(doubtful), device=doubtful.device)
    blocks = [last] if doubtful[full:].any() else []
    if full:
        places = doubtful[:full].view(-1, ROWS_PER_BLOCK).byte()
        layers = places.argsort(dim=0, descending=True, stable=True) * ROWS_PER_BLOCK
        layers += torch.arange(ROWS_PER_BLOCK, device=doubtful.device)
        blocks += layers[: int(places.sum(0).max())]
    return blocks


def _small_integers(x: Tensor) -> bool:
    """True where float32 products of such rows, and all sums in them, are exact: whole numbers with 4 D max^2 <= 2^24.
    Up to 256 they are so even in the lower precisions (TF32, bfloat16) that a library may have been set to."""
    largest = min(256.0, (2**22 / x.shape[1]) ** 0.5)
    return all(bool(((part == part.round()) & (part.abs() <= largest)).all()) for part in x.split(ROWS_PER_BLOCK))


def _integer_keys(queries: Tensor, rows: Tensor) -> Keys:
    """(|r|^2 - 2 q.r) N + index, exact in float64; no two are equal, which spares sorting ties."""

    def keys(part: slice) -> Callable[[Tensor], Tensor]:
        columns = rows[part].float()
        half = columns.square().sum(1) / 2
        index = torch.arange(part.start, part.start + len(columns), dtype=torch.float64, device=rows.device)
        return lambda block: _linear(-queries[block].float(), columns, half).double().mul_(2 * len(rows)).add_(index)

    return keys


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x weight^T + bias in float32, on CPUs by oneDNN where it is: it has AVX-512 on processors where MKL does not."""
    if x.is_cpu and torch.backends.mkldnn.is_available():
        return F.linear(x.to_mkldnn(), weight, bias).to_dense()
    return F.linear(x, weight, bias)


class Candidates(NamedTuple):
    """The rows of highest score for each of S queries, highest bound first. With a = q - c and b = r - c for a centre
    c, the score a.b - |b|^2/2 falls as the distance |q - r|^2 = |a|^2 - 2 score grows."""

    row: Tensor
    """[S, m]"""
    upper: Tensor
    """[S, m] float64 bounds of the scores. No other row's is above the last; [S, m + 1] with -inf if there is none."""
    lower: Tensor
    """[S, m] float64"""
    noise: Tensor
    """[S, 1] differences of scores up to which the rounding of float64 products can change an order."""
    centre: Tensor
    """[D] float64"""


def _candidates(queries: Tensor, rows: Tensor, k: int, some: Tensor, leave_out_own: bool) -> Candidates:
    """The k + ``SPARE`` rows nearest to some queries in float32.

    A float32 sum of n products, in any order, misses by at most u times the sum of their sizes, where
    u = n 2^-24 / (1 - n 2^-24); for a.b that sum is at most (|a|^2 + |b|^2) / 2. Of D + 8 for n, the 8 leave room for
    rounding a, b and |b|^2 / 2. So (1/2 - u) |b|^2 - a.b - u |a|^2 / 2 is never above the negative score: a bound of a
    row's own, whatever the length of others.
    """
    n = queries.shape[1] + 8
    u, underflow = n * 2**-24 / (1 - n * 2**-24), n * 2**-124
    centre = rows.mean(0)
    minus_a = (centre - queries[some]).float()
    squares: list[Tensor] = []

    def keys(part: slice) -> Callable[[Tensor], Tensor]:
        b = (rows[part] - centre).float()
        squares.append(_squares(b))
        bias = ((0.5 - u) * squares[-1]).float()
        if leave_out_own and len(b) == len(some) == rows.shape[0]:
            return _symmetric_keys(minus_a, b, bias)
        return lambda block: _linear(minus_a[block - some[0]], b, bias)

    available = rows.shape[0] - leave_out_own
    m = min(k + SPARE, available)
    blocks = list(some.split(FLOAT32_ROWS_PER_BLOCK * (1 if rows.is_cpu else ON_A_GPU)))
    key, row = _search(keys, blocks, rows.shape[0], m, leave_out_own)
    a_squared, b_squared = _squares(minus_a)[:, None], torch.cat(squares)
    upper = u / 2 * a_squared + underflow - key.double()
    lower = upper - u * a_squared - 2 * u * b_squared[row] - 2 * underflow
    if m == available:
        upper = F.pad(upper, (0, 1), value=-torch.inf)
    size = 2 * centre.double().square().sum() + b_squared.max() + a_squared  # at least (|q|^2 + |r|^2) / 2
    noise = torch.where(size < 2.0**100, 16 * n * 2**-53 * size + 2.0**-900, torch.inf)  # nothing overflows, no nan
    return Candidates(row, upper, lower, noise, centre.double())


def _symmetric_keys(minus_a: Tensor, b: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """Keys of all rows to each other, by half of the products; blocks are to come in order, and each once."""
    earlier: list[tuple[int, Tensor]] = []  # first row of a block, and its products by all rows from there on

    def keys(block: Tensor) -> Tensor:
        start, end = int(block[0]), int(block[-1]) + 1
        products = _linear(minus_a[start:end], b[start:], torch.zeros_like(bias[start:]))
        before = [known[:, start - first : end - first].T for first, known in earlier]
        earlier.append((start, products))
        return torch.cat([*before, products], 1) + bias

    return keys


def _squares(x: Tensor) -> Tensor:
    """[N] float64 sums of squares."""
    return torch.cat([part.double().square().sum(1) for part in x.split(ROWS_PER_BLOCK)])


def _certain(found: Candidates, queries: Tensor, rows: Tensor, k: int, in_order: bool) -> tuple[Tensor, Tensor]:
    """[S, k] nearest rows, and [S] where they are those that float64 products would give.

    Where bounds leave it open, the candidates' float64 differences from the query decide, unless two of them are nearer
    to each other than the rounding of the products.
    """
    row, upper, lower, noise, centre = found
    if in_order:
        above, below = lower[:, :k], upper[:, 1 : k + 1]
    else:
        above, below = lower[:, :k].amin(1, keepdim=True), upper[:, k : k + 1]
    certain = (above > below + noise).all(1)
    look = ~certain
    look[::ROWS_PER_BLOCK] = True  # a few more, whose scores show that products are as exact as float32's
    values = VALUES_IN_CACHE * (1 if rows.is_cpu else ON_A_GPU)
    for some in look.nonzero().squeeze(1).split(max(1, values // (row.shape[1] * rows.shape[1]))):
        query, room = queries[some].double(), noise[some]
        distance = (rows[row[some]].double() - query[:, None]).square_().sum(2)
        score = ((query - centre).square_().sum(1, keepdim=True) - distance) / 2
        within = (score <= upper[some, : row.shape[1]] + room) & (score >= lower[some] - room)
        if not (within | (room == torch.inf)).all():
            return row[:, :k], torch.zeros_like(certain)
        score, order = score.sort(dim=1, descending=True)
        row[some] = row[some].gather(1, order)
        gaps = score[:, :k] - F.pad(score[:, 1:], (0, 1), value=-torch.inf)[:, :k]
        apart = (gaps if in_order else gaps[:, -1:]) > room
        certain[some] = apart.all(1) & (score[:, k - 1] > upper[some, -1] + room.squeeze(1))
    return row[:, :k], certain


def smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest values of each row in ascending order and their positions, ties to the lowest position."""
    k = min(k, values.shape[1])
    found, position = _lowest(values, min(k + 1, values.shape[1]))
    # topk orders ties as it likes: where two of the first k+1 are equal, a stable sort decides.
    tied = (found[:, 1:] == found[:, :-1]).any(1).nonzero().squeeze(1)
    found, position = found[:, :k].clone(), position[:, :k].clone()
    if tied.numel():
        in_order, order = values[tied].sort(dim=1, stable=True)
        found[tied], position[tied] = in_order[:, :k], order[:, :k]
    return found, position


def _lowest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """``topk`` of the lowest; of wide rows on a CPU, among the k groups of lowest minimum, which hold them all."""
    width = values.shape[1]
    groups = width // GROUP
    if not values.is_cpu or width < max(WIDE, 2 * GROUP * k):
        return values.topk(k, dim=1, largest=False)
    whole = values[:, : groups * GROUP].unflatten(1, (GROUP, groups))
    group = whole.amin(1).topk(k, dim=1, largest=False, sorted=False).indices
    position = (group[:, None] + torch.arange(0, GROUP * groups, groups)[:, None]).flatten(1)
    rest = torch.arange(GROUP * groups, width).expand(len(values), -1)
    position = torch.cat([position, rest], 1)
    found, order = values.gather(1, position).topk(k, dim=1, largest=False)
    return found, position.gather(1, order)


def neighbour_counts(nearest: Tensor, y: Tensor) -> Tensor:
    """[Q, c] float32, whole numbers: of each query's nearest rows, those that carry each label of ``y`` [N, c]."""
    return F.embedding_bag(nearest, y.float(), mode="sum")


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
