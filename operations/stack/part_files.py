"""The files of a part of the warehouse, as they stand on the disk. In: its folder. Out: whether it lacks anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: Files that a part's checksums leave out; none of them is ever empty.
_LEFT_OUT = ("columns.txt", "columns_substreams.txt", "default_compression_codec.txt", "metadata_version.txt")
_VERSION = b"checksums format version: 4\n"
#: What stands before a compressed block: its hash, its method, its length with method and lengths, its length unpacked.
_HASH, _HEAD = 16, 9
_LZ4, _ZSTD = 0x82, 0x90


def is_whole(folder: Path) -> bool:
    """Tell whether each file has the length that was meant; yes where it cannot be told, or the part is gone."""
    try:
        for name in _LEFT_OUT:
            file = folder / name
            if file.exists() and file.stat().st_size == 0:
                return False
        checksums = (folder / "checksums.txt").read_bytes()
        if not checksums.startswith(_VERSION):
            return bool(checksums)  # of another version
        for name, size in _sizes(checksums[len(_VERSION) :]):
            file = folder / name
            if not file.is_dir() and file.stat().st_size != size:
                return False
    except FileNotFoundError:
        return not folder.exists()
    except Exception:  # cut off, or something else: each library that unpacks has an error type of its own
        return False
    return True


def blocks(name: str) -> tuple[str, int, int, int, int] | None:
    """Read a part's name: partition, first and last block, level, mutation; nothing if it is none."""
    partition, *numbers = name.split("_")
    if partition in ("tmp", "delete") or len(numbers) not in (3, 4) or not all(number.isdigit() for number in numbers):
        return None
    first, last, level, *mutation = map(int, numbers)
    return partition, first, last, level, mutation[0] if mutation else 0


def made_from(folder: Path) -> list[Path]:
    """Return the parts beside this one that were merged or changed from it."""
    part = blocks(folder.name)
    if part is None:
        return []
    others = ((other, blocks(other.name)) for other in folder.parent.iterdir())
    return [
        other
        for other, of in others
        if of and of[0] == part[0] and of[1] <= part[1] and part[2] <= of[2] and part[3:] < of[3:]
    ]


def _sizes(packed: bytes) -> Iterator[tuple[str, int]]:
    text = b""
    while packed:
        method = packed[_HASH]
        length = int.from_bytes(packed[_HASH + 1 : _HASH + 5], "little")
        unpacked = int.from_bytes(packed[_HASH + 5 : _HASH + _HEAD], "little")
        block = _unpacked(method, packed[_HASH + _HEAD : _HASH + length], unpacked)
        if block is None:
            return
        text += block
        packed = packed[_HASH + length :]
    n_files, at = _number(text, 0)
    for _ in range(n_files):
        length, at = _number(text, at)
        name, at = text[at : at + length].decode(), at + length
        size, at = _number(text, at)
        at += _HASH
        is_packed, at = text[at], at + 1
        if is_packed:
            _, at = _number(text, at)
            at += _HASH
        yield name, size


def _unpacked(method: int, block: bytes, size: int) -> bytes | None:
    import lz4.block
    from backports import zstd

    if method == _LZ4:
        return bytes(lz4.block.decompress(block, uncompressed_size=size))
    return zstd.decompress(block) if method == _ZSTD else None


def _number(text: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = text[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
