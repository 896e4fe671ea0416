"""Structure of MATLAB 5 files, checked before SciPy reads one, whose compiled reader crashes on what is damaged.

A file is a header of 128 bytes and then elements: a tag (type, bytes) and its data. A variable is an element of type
``MATRIX``, which may be compressed, of elements itself: flags, dimensions, name, and the data of its class.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

HEADER = 128
MATRIX, COMPRESSED = 14, 15
INT32, NAME = {5, 6}, {1, 16}
NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}
TEXTS = {1, 2, 3, 4, 5, 6, 7, 16, 17, 18}
CELL, STRUCT, CHAR, SPARSE = 1, 2, 4, 5
NUMERIC = range(6, 16)
"""Classes of arrays: double, single, and whole numbers of 8 to 64 bits."""
IMAGINARY = 0x0800
DEEPEST = 20

Element = tuple[int, memoryview]


def checked_variables(raw: bytes, most: int) -> list[str]:
    """The names of the variables that can be read: arrays, texts, cells and structures, of at most ``most`` bytes.

    Raises
    ------
    ValueError: for elements that do not fit together.
    """
    order = {b"IM": "<", b"MI": ">"}.get(raw[HEADER - 2 : HEADER])
    if order is None:
        raise ValueError("its header does not say the order of bytes")
    names = []
    for kind, data in _elements(memoryview(raw)[HEADER:], order):
        if kind == COMPRESSED:
            unpack = zlib.decompressobj()
            data = memoryview(unpack.decompress(data, most))
            if unpack.unconsumed_tail or not unpack.eof:
                raise ValueError("a compressed variable is too large or torn")
            ((kind, data),) = list(_elements(data, order))
        if kind != MATRIX:
            raise ValueError(f"it has an element of type {kind} in place of a variable")
        name = _checked(data, order, DEEPEST)
        if name is not None:
            names.append(name)
    return names


def _elements(data: memoryview, order: str) -> Iterator[Element]:
    """(type, data) of the elements, one after another; those of at most 4 bytes may stand inside their tag."""
    place = 0
    while place < len(data):
        if place + 8 > len(data):
            raise ValueError("it ends within an element's tag")
        kind, size = struct.unpack_from(f"{order}II", data, place)
        start = place + 8
        end = start + size
        place = end if kind == COMPRESSED else end + -end % 8
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            start, place = start - 4, start
            end = start + size if size <= 4 else len(data) + 1
        if end > len(data):
            raise ValueError("an element is longer than what it is in")
        yield kind, data[start:end]


def _checked(data: memoryview, order: str, depth: int) -> str | None:
    """The name of a variable whose elements fit its class; None for a class that is not read."""
    if not data:
        return ""  # an empty cell
    if not depth:
        raise ValueError("it is nested too deeply")
    parts = list(_elements(data, order))
    if len(parts) < 3 or len(parts[0][1]) != 8 or parts[1][0] not in INT32 or parts[2][0] not in NAME:
        raise ValueError("a variable lacks its flags, dimensions or name")
    flags = struct.unpack(f"{order}II", parts[0][1])[0]
    kind, values, numbers = flags & 0xFF, parts[3:], 2 if flags & IMAGINARY else 1
    if kind in NUMERIC:
        fits = len(values) == numbers and all(of in NUMBERS for of, _ in values)
    elif kind == CHAR:
        fits = len(values) == 1 and values[0][0] in TEXTS
    elif kind == SPARSE:
        fits = len(values) == 2 + numbers and all(of in INT32 for of, _ in values[:2])
        fits = fits and all(of in NUMBERS for of, _ in values[2:])
    elif kind in (CELL, STRUCT):
        cells = values if kind == CELL else values[2:]
        fits = all(of == MATRIX and _checked(cell, order, depth - 1) is not None for of, cell in cells)
        fits = fits and (kind == CELL or (len(values) > 1 and values[0][0] in INT32 and values[1][0] in NAME))
    else:
        return None
    if not fits:
        raise ValueError("a variable's elements do not fit its class")
    return bytes(parts[2][1]).decode()
