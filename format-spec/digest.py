#!/usr/bin/env python3
"""Compares the digests and facts in the index of a pgsnap archive with the rows: digest.md and facts.md.

    digest.py check ARCHIVE

A part of the second reader, reader.py, that gets no rows out; it needs the package xxhash besides. Exit codes as there.
"""
import math
import struct
import sys

import xxhash
from reader import Damage, binary_row, main, need, shape

WIDTHS = {"Bool": {1}, "Integer": {2, 4, 8}, "Float": {4, 8}, "Date": {4}, "Timestamp": {8}, "Timestamptz": {8}, "Uuid": {16}}


def zero_oids(tree, out, at, end):
    """Zeroes the OIDs in out[at:end]; ValueError unless that is exactly one value of this shape."""
    case, parts = tree

    def take(count):
        nonlocal at
        at += count
        if at > end:
            raise ValueError
        return out[at - count : at]

    def int32(least=-(1 << 31)):
        number = int.from_bytes(take(4), "big", signed=True)
        if number < least:
            raise ValueError
        return number

    def oid():
        take(4)
        out[at - 4 : at] = bytes(4)

    def sized(part):
        length = int32(least=-1)
        if length >= 0:
            take(length)
            zero_oids(part, out, at - length, at)

    if case == "Plain":
        return
    if case == "Array":
        dimensions, _ = int32(least=0), int32()
        oid()
        sizes = [(int32(least=0), int32())[0] for _ in range(dimensions)]
        for _ in range(math.prod(sizes) if sizes else 0):
            sized(parts[0])
    elif case == "Composite":
        if int32() != len(parts):
            raise ValueError
        for part in parts:
            oid()
            sized(part)
    elif case == "Range":
        flags = take(1)[0]
        for without in (0x29, 0x51):
            if not flags & without:
                sized(parts[0])
    else:
        for _ in range(int32(least=0)):
            sized(("Range", parts))
    if at != end:
        raise ValueError


def as_hashed(tree, value):
    if value is None or tree[0] == "Plain":
        return value
    out = bytearray(value)
    try:
        zero_oids(tree, out, 0, len(out))
        return bytes(out)
    except ValueError:
        return value


def order(kind, value):
    """What values of a kind are sorted by."""
    if kind != "Float":
        return int.from_bytes(value, "big", signed=kind not in ("Bool", "Uuid"))
    number = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
    return (1, 0, 0) if math.isnan(number) else (0, number, -(value[0] >> 7))


def add_facts(kind, known, fields):
    """Facts with those of one more block. min and max are None so far, False for good."""
    nulls, size, least, greatest = known
    values = [field for field in fields if field is not None]
    if any(values):
        widths = set(map(len, values))
        if least is False or len(widths) > 1 or not widths <= WIDTHS.get(kind, set()):
            least = greatest = False
        else:
            least = min([least, *values] if least else values, key=lambda value: order(kind, value))
            greatest = max([greatest, *values] if greatest else values, key=lambda value: order(kind, value))
    return nulls + len(fields) - len(values), size + sum(map(len, values)), least, greatest


def check_table(archive, table, index):
    binary, columns = table["transfer"] == "Binary", table["columns"]
    trees = [shape(column["shape"]) for column in columns]
    facts, digest = [(0, 0, None, None)] * len(columns), 0
    for ref in index["blocks"]:
        fields = archive.block(ref)
        kinds = [column["value"] if binary else "Opaque" for column in columns]
        facts = [add_facts(*parts) for parts in zip(kinds, facts, fields)]
        if binary:
            fields = [[as_hashed(tree, value) for value in values] for tree, values in zip(trees, fields)]
        rows = zip(*fields) if fields else [()] * ref["rows"]
        digest += sum(xxhash.xxh3_128_intdigest(binary_row(row)) for row in rows)
    need(digest % (1 << 128) == int.from_bytes(index["digest"], "little"), "the digest")
    found = [(nulls, size, least or None, greatest or None) for nulls, size, least, greatest in facts]
    need(found == [tuple(column.values()) for column in index["columns"]], "the facts")


def check(archive):
    damaged = 0
    for table, index in zip(archive.catalog["tables"], archive.index["tables"]):
        try:
            check_table(archive, table, index)
        except Damage as damage:
            print(f"{table['schema']}.{table['name']}: {damage}")
            damaged = 3
    return damaged


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], {("check", 2): check}, __doc__))
