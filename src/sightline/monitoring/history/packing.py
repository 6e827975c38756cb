"""Summaries as bytes: a few hundred for a minute of a camera. Names are numbers, which a database keeps.

All numbers are varints (LEB128), so that small ones take one byte; what grows shorter by it is compressed.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, islice

import numpy as np

from sightline.monitoring.history.summary import PeriodSummary, ValueSummary

_PLAIN, _COMPRESSED = 1, 2
"""The first byte: how the rest is kept."""
_LARGEST = 1 << 24
"""Bytes of an unpacked summary that is read."""


def names_in(summary: PeriodSummary) -> Iterator[str]:
    """All names that packing needs numbers of."""
    yield from summary.counts
    yield from summary.histograms
    yield from summary.values


def packed(summary: PeriodSummary, numbers: Mapping[str, int]) -> bytes:
    """A summary as bytes, with the number of each name.

    What is alike stands together, sorted, as steps from one to the next: so it is small, and compresses well.
    """
    counts = sorted((numbers[name], count) for name, count in summary.counts.items())
    histograms = sorted(
        (numbers[name], sorted(bins.items())) for name, bins in summary.histograms.items()
    )
    values = [(numbers[name], value) for name, value in summary.values.items()]
    found = [len(counts), *_steps(number for number, _ in counts)]
    found += [len(histograms), *_steps(number for number, _ in histograms)]
    found += [len(bins) for _, bins in histograms]
    for _, bins in histograms:
        found += _steps(place for place, _ in bins)
    found += [count for _, count in counts]
    found += [count for _, bins in histograms for _, count in bins]
    found.append(len(values))
    for number, value in values:
        found += (number, value.count, *map(_folded, (value.total, value.least, value.most)))
    plain = _varints(found)
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    small = packing.compress(plain) + packing.flush()
    if len(small) < len(plain):
        return bytes([_COMPRESSED]) + small
    return bytes([_PLAIN]) + plain


def unpacked(data: bytes, names: Mapping[int, str]) -> PeriodSummary:
    """What ``packed`` gave. Raises ValueError: it is damaged, or a name is missing."""
    try:
        return _read(iter(_numbers(_content(data))), names)
    except (StopIteration, RuntimeError, KeyError, IndexError, zlib.error) as exc:
        raise ValueError("a summary is damaged") from exc


def _read(found: Iterator[int], names: Mapping[int, str]) -> PeriodSummary:
    counts = [names[number] for number in _from_steps(found, next(found))]
    histograms = [names[number] for number in _from_steps(found, next(found))]
    lengths = [next(found) for _ in histograms]
    places = [list(_from_steps(found, length)) for length in lengths]
    summary = PeriodSummary()
    for name in counts:
        summary.counts[name] = next(found)
    for name, own in zip(histograms, places, strict=True):
        summary.histograms[name] = Counter({place: next(found) for place in own})
    for _ in range(next(found)):
        name, count = names[next(found)], next(found)
        total, least, most = (_unfolded(next(found)) for _ in range(3))
        summary.values[name] = ValueSummary(count, total, least, most)
    return summary


def _steps(numbers: Iterable[int]) -> Iterator[int]:
    """How much larger each number is than the one before."""
    before = 0
    for number in numbers:
        yield number - before
        before = number


def _from_steps(found: Iterator[int], length: int) -> list[int]:
    """So many numbers from their steps. Raises IndexError: there are fewer."""
    steps = list(islice(found, length))
    if len(steps) < length:
        raise IndexError
    return list(accumulate(steps))


def _content(data: bytes) -> bytes:
    if not isinstance(data, bytes):  # SQLite takes anything into any column
        raise ValueError("a summary is damaged")  # noqa: TRY004 - as all that is damaged
    kind = data[0]
    if kind == _PLAIN:
        return data[1:]
    if kind != _COMPRESSED:
        raise ValueError("a summary was written by another version of Sightline")
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    content = unpacking.decompress(data[1:], _LARGEST)
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise ValueError("a summary is damaged")
    return content


def _folded(number: int) -> int:
    """A number with a sign as one without: small ones stay small."""
    return number * 2 if number >= 0 else -number * 2 - 1


def _unfolded(number: int) -> int:
    return -(number + 1) // 2 if number & 1 else number // 2


def _varints(numbers: list[int]) -> bytes:
    found = bytearray()
    for number in numbers:
        left = number
        while left > 0x7F:
            found.append(left & 0x7F | 0x80)
            left >>= 7
        found.append(left)
    return bytes(found)


def _numbers(data: bytes) -> list[int]:
    """All varints of some bytes. Raises ValueError: the last is cut off, or one is too large."""
    found = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(found < 0x80)
    if not len(ends) or ends[-1] != len(found) - 1:
        raise ValueError("a summary is damaged")
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(len(found)) - np.repeat(starts, ends - starts + 1)
    if place.max() > 9:
        raise ValueError("a summary is damaged")
    parts = (found & np.uint8(0x7F)).astype(np.uint64) << (7 * place).astype(np.uint64)
    numbers: list[int] = np.add.reduceat(parts, starts).tolist()
    return numbers
