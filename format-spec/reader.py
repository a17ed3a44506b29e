#!/usr/bin/env python3
"""A second reader of pgsnap archives, written from the chapters beside it and sharing no code with the first.

    reader.py list ARCHIVE                 tables with their rows, blocks and bytes
    reader.py check ARCHIVE                compares every checksum, decodes every block, compares all totals
    reader.py rows ARCHIVE SCHEMA.TABLE    the table as COPY BINARY (COPY text where its rows are text), to stdout

Needs Python 3.9 and the package zstandard; with the package xxhash, `check` compares digests too.
Exit codes: 0 well, 1 not for this reader or no such table, 2 usage, 3 damaged.
"""
import mmap
import struct
import sys
import zlib
from collections import namedtuple
from itertools import accumulate

import zstandard

try:
    import xxhash
except ImportError:
    xxhash = None

MAGIC = b"\x89PGSNAP\r\n\x1a\n\0"
COPY_HEADER, COPY_TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
KINDS = ("Opaque", "Bool", "Integer", "Float", "Date", "Timestamp", "Timestamptz", "Uuid")
WIDTHS = {"Bool": (1,), "Integer": (2, 4, 8), "Float": (4, 8), "Date": (4,), "Timestamp": (8,), "Timestamptz": (8,), "Uuid": (16,)}
BlockHeader = namedtuple("BlockHeader", "table chunk sequence rows raw_len stored_len")


class Damage(Exception):
    """The bytes are not what the format says."""


class Refused(Exception):
    """Nothing is known to be damaged, but this reader does not go on."""


def need(condition, what):
    if not condition:
        raise Damage(what)


def unzstd(data, length):
    """One frame of exactly `length` bytes; nothing is allocated for a frame that announces more."""
    try:
        frame = zstandard.get_frame_parameters(data)
        need(frame.content_size in (length, zstandard.CONTENTSIZE_UNKNOWN), "a zstd frame announces another length")
        need(frame.dict_id == 0, "a zstd frame wants a dictionary")
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        out = decompressor.decompress(data, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damage(f"zstd: {error}") from None
    need(len(out) == length, "a zstd frame has another length")
    return out


class Cursor:
    """Bytes read from front to back: the types of wire.md, and stream.md."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(count <= len(self.data) - self.at, "more bytes are announced than there are")
        self.at += count
        return self.data[self.at - count : self.at]

    def end(self):
        need(self.at == len(self.data), "bytes are left over")

    def u8(self):
        return self.take(1)[0]

    def varint(self, bits=64):
        first = self.u8()
        need(first <= 0xFD, "a varint begins with fe or ff")
        value = first if first <= 0xFA else int.from_bytes(self.take(2 << (first - 0xFB)), "little")
        need(value < 1 << bits, "a number is too large")
        return value

    def u32(self):
        return self.varint(32)

    def i64(self):
        value = self.varint()
        return value // 2 if value % 2 == 0 else -(value + 1) // 2

    def bytes(self):
        return self.take(self.varint())

    def text(self):
        try:
            return self.bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise Damage("a text is not UTF-8") from None

    def list(self, read):
        count = self.varint()
        need(count <= len(self.data) - self.at, "a list announces more elements than there are bytes")
        return [read() for _ in range(count)]

    def option(self, read):
        case = self.u8()
        need(case <= 1, "an option is neither 00 nor 01")
        return read() if case else None

    def one_of(self, *cases):
        case = self.varint()
        need(case < len(cases), "a case is not known")
        return cases[case]

    def stream(self, length):
        if length == 0:
            return b""
        method = self.u8()
        if method == 0:
            return self.take(length)
        if method == 1:
            return unzstd(self.take(int.from_bytes(self.take(4), "little")), length)
        need(method == 2, "a method of a stream is not known")
        return self.take(1) * length

    def planes(self, width, count):
        out = bytearray(width * count)
        for k in range(width):
            out[k::width] = self.stream(count)
        return out


def catalog(c):
    def node():
        case = c.one_of("Plain", "Array", "Composite", "Range", "Multirange")
        return (case, c.u32() if case == "Composite" else int(case != "Plain"))

    def tree(nodes, depth=1):
        need(nodes and depth <= 64, "a shape is incomplete or too deep")
        case, inner = nodes.pop()
        return (case, [tree(nodes, depth + 1) for _ in range(inner)])

    def column():
        found = {"name": c.text(), "type": c.text(), "value": c.one_of(*KINDS)}
        nodes = c.list(node)[::-1]
        found["shape"] = tree(nodes)
        need(not nodes, "nodes of a shape are left over")
        return found

    def entry():
        return {"id": c.u32(), "kind": c.text(), "schema": c.option(c.text), "name": c.text(), "owner": c.option(c.text),
                "section": c.one_of("PreData", "Data", "PostData"), "pass": c.one_of("Main", "Acl", "PostAcl"),
                "lock": c.one_of("None", "Share", "Exclusive"), "create": c.list(c.text), "drop": c.list(c.text),
                "owned": c.option(c.text), "tablespace": c.option(c.text), "access_method": c.option(c.text),
                "dependencies": c.list(c.u32), "table": c.option(c.u32)}  # fmt: skip

    def table():
        return {"entry": c.u32(), "schema": c.text(), "name": c.text(), "transfer": c.one_of("Binary", "Text"),
                "text_reason": c.option(c.text), "columns": c.list(column)}  # fmt: skip

    c.text(), c.u32(), [c.text() for _ in range(5)], c.i64()
    c.list(lambda: (c.text(), c.text(), c.text())), c.list(c.text), c.list(c.text)
    c.list(lambda: (c.text(), c.text())), c.list(c.text)
    entries, tables = c.list(entry), c.list(table)
    for place, found in enumerate(entries, 1):
        need(found["id"] == place, f"entry {place} has another id")
        need(all(1 <= needed < place for needed in found["dependencies"]), f"entry {place} depends on a later one")
        need(found["table"] is None or (found["section"], found["pass"]) == ("Data", "Main"), f"rows in entry {place}")
        need(not any("\0" in text for text in [found["name"], *found["create"], *found["drop"]]), f"a NUL in entry {place}")
    for place, found in enumerate(tables):
        need(1 <= found["entry"] <= len(entries) and entries[found["entry"] - 1]["table"] == place, f"table {place} has no entry")
        need(len(found["columns"]) <= 1664, f"table {place} has too many columns")
    return tables


def index(c):
    def block():
        return c.u32(), c.varint(), BlockHeader(None, c.u32(), c.u32(), c.u32(), c.varint(), c.varint())

    def facts():
        return c.varint(), c.varint(), c.option(c.bytes), c.option(c.bytes)

    def table():
        return {"blocks": [(offset, ref._replace(table=number)) for number, offset, ref in c.list(block)],
                "totals": [c.varint(), c.varint(), c.varint()], "digest": int.from_bytes(c.take(16), "little"),
                "facts": c.list(facts)}  # fmt: skip

    return c.list(table), [c.varint(), c.varint(), c.varint(), c.varint()]


class Archive:
    """Header, catalog, index and footer, compared with each other."""

    def __init__(self, data):
        self.data = data
        need(len(data) >= 60 + 84 and data[:12] == MAGIC, "this is no archive")
        self.id = data[32:48]
        need(self.crc(data[:56]) == struct.unpack_from("<I", data, 56)[0], "the header's checksum")
        major, _, required = struct.unpack_from("<HHQ", data, 12)
        if major != 1 or required:
            raise Refused(f"the archive needs a newer reader: version {major}, features {required:x}")

        footer = data[-84:]
        need(footer[:8] == b"\xffPGFOOTR" and footer[76:] == b"PGSNAP\r\n" and footer[8:24] == self.id, "there is no footer")
        index_at, index_len, index_crc, tables, file_len, blocks, rows, crc = struct.unpack_from("<QQIIQQQI", footer, 24)
        need(self.crc(footer[:72]) == crc, "the footer's checksum")
        need(file_len == len(data) and index_at + index_len + 84 <= file_len, "the footer's lengths")
        need(self.crc(data[index_at : index_at + index_len]) == index_crc, "the index's checksum")

        raw, blocks_at = self.frame(60, b"\xffPGCATLG", index_at)
        cursor = Cursor(raw)
        self.tables = catalog(cursor)
        cursor.end()
        raw, end = self.frame(index_at, b"\xffPGINDEX", index_at + index_len)
        need(end == index_at + index_len, "the length of the index")
        copy = data[60:blocks_at]
        need(data[end : end + len(copy)] == copy, "the copy of the catalog")
        end += len(copy)
        while end < len(data) - 84:
            _, end = self.frame(end, None, len(data) - 84)
        cursor = Cursor(raw)
        self.index, totals = index(cursor)
        cursor.end()
        need(len(self.index) == len(self.tables) == tables and totals[:2] == [blocks, rows], "the footer's totals")
        self.compare_index(totals, blocks_at, index_at)

    def compare_index(self, totals, blocks_at, index_at):
        sums, everything = [0, 0, 0], []
        for number, found in enumerate(self.index):
            sequences = {}
            for offset, ref in found["blocks"]:
                need(ref.table == number, f"table {number} has a block of another")
                need(ref.sequence == sequences.get(ref.chunk, 0), f"table {number}, chunk {ref.chunk} misses a block")
                sequences[ref.chunk] = ref.sequence + 1
            refs = [ref for _, ref in found["blocks"]]
            parts = [sum(r.rows for r in refs), sum(r.raw_len for r in refs), sum(r.stored_len + 48 for r in refs)]
            need(parts == found["totals"], f"the totals of table {number}")
            need(found["blocks"] == sorted(found["blocks"]), f"the order of the blocks of table {number}")
            need(len(found["facts"]) == len(self.tables[number]["columns"]), f"the facts of table {number}")
            sums = [a + b for a, b in zip(sums, parts)]
            everything += found["blocks"]
        need(totals == [len(everything), *sums], "the totals of the index")
        for offset, ref in sorted(everything):
            need(offset == blocks_at, f"no block ends where the one at {offset} begins")
            blocks_at += 48 + ref.stored_len
        need(blocks_at == index_at, "the blocks do not end where the index begins")

    def crc(self, data):
        return zlib.crc32(data, zlib.crc32(self.id))

    def frame(self, at, marker, limit):
        header = self.data[at : at + 32]
        need(len(header) == 32 and marker in (None, header[:8]), f"not the frame that belongs at {at}")
        raw_len, stored_len, payload_crc, header_crc = struct.unpack_from("<QQII", header, 8)
        need(self.crc(header[:28]) == header_crc, f"the checksum of the frame's header at {at}")
        need(raw_len <= min(1 << 30, (1 << 24) + 256 * stored_len), f"the length of the frame at {at}")
        need(stored_len <= limit - at - 32, f"the frame at {at} is cut short")
        payload = self.data[at + 32 : at + 32 + stored_len]
        need(self.crc(payload) == payload_crc, f"the checksum of the frame at {at}")
        if marker is None:
            return None, at + 32 + stored_len
        cursor = Cursor(payload)
        raw = cursor.stream(raw_len)
        cursor.end()
        return raw, at + 32 + stored_len

    def block(self, offset, ref):
        """The columns of a block, each a list of fields: bytes, or None for NULL."""
        header, table = self.data[offset : offset + 48], self.tables[ref.table]
        need(header[:8] == b"\xffPGBLOCK", "this is no block")
        *found, payload_crc, header_crc = struct.unpack_from("<4I2Q2I", header, 8)
        need(self.crc(header[:44]) == header_crc, "the checksum of the block's header")
        need(BlockHeader(*found) == ref, "this is another block than the index says")
        text, width = table["transfer"] == "Text", len(table["columns"])
        most = ref.raw_len + width * (64 + (ref.rows + 7) // 8 + 4 * ref.rows)
        need(ref.rows >= 1 and ref.raw_len <= 1 << 31 and ref.stored_len <= most, "the lengths of the block")
        payload = self.data[offset + 48 : offset + 48 + ref.stored_len]
        need(self.crc(payload) == payload_crc, "the checksum of the block's payload")
        left = ref.raw_len - ref.rows * (max(1, width) if text else 2 + 4 * width)
        cursor, columns = Cursor(payload), []
        for _ in table["columns"]:
            need(left >= 0, "the rows are longer than the block says")
            columns.append(column_fields(cursor, ref.rows, left))
            left -= sum(2 * text if field is None else len(field) for field in columns[-1])
            if text:
                need(not any(b"\t" in f or b"\n" in f or f == b"\\N" for f in columns[-1] if f is not None), "a text field")
                need(width != 1 or b"\\." not in columns[-1], "a line that ends a COPY")
        cursor.end()
        need(left == 0, "the rows have another length than the block says")
        return columns


def column_fields(c, rows, left):
    presence = c.u8()
    need(presence <= 2, "the presence of a column is not known")
    if presence == 0:
        return [None] * rows
    present = [True] * rows
    if presence == 2:
        bits = int.from_bytes(c.stream((rows + 7) // 8), "little")
        need(bits < 1 << rows, "a bitmap has bits beyond the last row")
        present = [bit == "1" for bit in reversed(f"{bits:0{rows}b}")]
        need(bits not in (0, (1 << rows) - 1), "a bitmap has the same bit for all rows")
    n, form = sum(present), c.u8()
    if form == 2:
        fields = iter(dictionary_fields(c, n, left))
        return [next(fields) if here else None for here in present]
    lengths = column_lengths(c, form, n, left)
    total, encoding = sum(lengths), c.u8()
    if encoding == 0:
        values = c.stream(total)
    elif encoding == 1:
        need(form == 0, "a constant has several lengths")
        values = c.stream(lengths[0]) * n
    else:
        need(encoding <= 3, "the encoding of a column is not known")
        w = c.u8()
        need(w in (2, 4, 8) and total % w == 0, "the planes of a column do not fit")
        values = c.planes(w, total // w)
        if encoding == 3:
            zigzag = struct.unpack(f">{total // w}{ {2: 'H', 4: 'I', 8: 'Q'}[w]}", values)
            sums = accumulate(d >> 1 if d % 2 == 0 else -(d + 1) >> 1 for d in zigzag)
            values = b"".join((value % (1 << 8 * w)).to_bytes(w, "big") for value in sums)
    fields = iter(cut(values, lengths))
    return [next(fields) if here else None for here in present]


def column_lengths(c, form, count, left):
    need(form <= 1, "the lengths of a column are not known")
    if form == 0:
        width = int.from_bytes(c.take(4), "little")
        need(count * width <= left, "a column is longer than the block says")
        return [width] * count
    lengths = list(struct.unpack(f">{count}I", c.planes(4, count)))
    need(len(set(lengths)) > 1, "several lengths are all the same")
    need(sum(lengths) <= left, "a column is longer than the block says")
    return lengths


def dictionary_fields(c, n, left):
    count = int.from_bytes(c.take(4), "little")
    need(count <= min(n // 2, 1 << 16), "a dictionary has more values than it can have")
    lengths = column_lengths(c, c.u8(), count, left)
    values = cut(c.stream(sum(lengths)), lengths)
    codes = c.stream(n) if count <= 256 else struct.unpack(f">{n}H", c.planes(2, n))
    need(list(dict.fromkeys(codes)) == list(range(count)), "the values of a dictionary do not occur in their order")
    need(sum(lengths[code] for code in codes) <= left, "a column is longer than the block says")
    return [values[code] for code in codes]


def cut(values, lengths):
    values = bytes(values)
    return [values[end - length : end] for end, length in zip(accumulate(lengths), lengths)]


def binary_rows(columns, rows):
    """Each row in the form of COPY BINARY."""
    count, null = struct.pack(">h", len(columns)), b"\xff\xff\xff\xff"
    for row in zip(*columns) if columns else [()] * rows:
        yield count + b"".join(null if f is None else len(f).to_bytes(4, "big") + f for f in row)


def text_rows(columns, rows):
    for row in zip(*columns) if columns else [()] * rows:
        yield b"\t".join(b"\\N" if field is None else field for field in row) + b"\n"


class OtherShape(Exception):
    pass


def without_oids(shape, value):
    """The value as it is hashed: digest.md, Embedded OIDs."""
    if value is None or shape[0] == "Plain":
        return value
    out = bytearray(value)
    try:
        if zero_oids(shape, out, 0, len(out)) != len(out):
            raise OtherShape
    except (OtherShape, struct.error):
        return value
    return bytes(out)


def zero_oids(shape, out, at, end):
    """Zeroes the OIDs of the value out[at:end]; where that value ended."""
    case, inner = shape

    def int32():
        nonlocal at
        if at + 4 > end:
            raise OtherShape
        at += 4
        return struct.unpack_from(">i", out, at - 4)[0]

    def oid():
        int32()
        out[at - 4 : at] = bytes(4)

    def count():
        number = int32()
        if number < 0:
            raise OtherShape
        return number

    def sized(inside):
        nonlocal at
        length = int32()
        if length == -1:
            return
        if length < 0 or length > end - at or zero_oids(inside, out, at, at + length) != at + length:
            raise OtherShape
        at += length

    if case == "Plain":
        return end
    if case == "Array":
        dimensions, _ = count(), int32()
        oid()
        elements = 1 if dimensions else 0
        for _ in range(dimensions):
            size, _ = count(), int32()
            elements *= size
        for _ in range(elements):
            sized(inner[0])
    elif case == "Composite":
        if count() != len(inner):
            raise OtherShape
        for field in inner:
            oid()
            sized(field)
    elif case == "Range":
        if at == end:
            raise OtherShape
        flags, at = out[at], at + 1
        for without in (0x29, 0x51):
            if not flags & without:
                sized(inner[0])
    else:
        for _ in range(count()):
            sized(("Range", inner))
    return at


def sort_key(kind, value):
    if kind == "Float":
        bits = int.from_bytes(value, "big")
        number = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
        return (1, 0.0, 0) if number != number else (0, number, -(bits >> 8 * len(value) - 1))
    return int.from_bytes(value, "big", signed=kind not in ("Bool", "Uuid"))


def add_facts(kind, known, fields):
    """Facts with those of one more block. min and max are None so far, False for good."""
    values = [field for field in fields if field is not None]
    nulls, size, least, greatest = known
    nulls, size = nulls + len(fields) - len(values), size + sum(map(len, values))
    widths = set(map(len, values))
    if any(values) and (len(widths) > 1 or not widths <= set(WIDTHS.get(kind, ()))):
        least = greatest = False
    elif any(values) and least is not False:
        seen = lambda bound: values if bound is None else [bound, *values]  # noqa: E731
        least = min(seen(least), key=lambda value: sort_key(kind, value))
        greatest = max(seen(greatest), key=lambda value: sort_key(kind, value))
    return nulls, size, least, greatest


def check_table(archive, number):
    table, found = archive.tables[number], archive.index[number]
    kinds = ["Opaque" if table["transfer"] == "Text" else column["value"] for column in table["columns"]]
    shapes = [column["shape"] if table["transfer"] == "Binary" else ("Plain", []) for column in table["columns"]]
    facts, digest, rows = [(0, 0, None, None)] * len(kinds), 0, 0
    for offset, ref in found["blocks"]:
        try:
            columns = archive.block(offset, ref)
        except Damage as damage:
            raise Damage(f"block at {offset}: {damage}") from None
        rows += ref.rows
        facts = [add_facts(*parts) for parts in zip(kinds, facts, columns)]
        if xxhash:
            hashed = [[without_oids(shape, field) for field in fields] for shape, fields in zip(shapes, columns)]
            digest += sum(map(xxhash.xxh3_128_intdigest, binary_rows(hashed, ref.rows)))
    need(rows == found["totals"][0], "the number of rows")
    facts = [(nulls, size, least or None, greatest or None) for nulls, size, least, greatest in facts]
    need(facts == found["facts"], f"the facts: {facts}, but the index has {found['facts']}")
    need(not xxhash or digest % (1 << 128) == found["digest"], "the digest")


def check(archive):
    damaged = False
    for number, table in enumerate(archive.tables):
        name, digest = f"{table['schema']}.{table['name']}", archive.index[number]["digest"]
        try:
            check_table(archive, number)
            print(f"{name}: {archive.index[number]['totals'][0]} rows, digest {digest:032x}{'' if xxhash else ' not compared'}")
        except Damage as damage:
            damaged = True
            print(f"{name}: damaged: {damage}")
    if not xxhash:
        print("digests were not compared: the Python package xxhash is not installed", file=sys.stderr)
    return 3 if damaged else 0


def list_tables(archive):
    print("table", "transfer", "rows", "blocks", "raw_bytes", "stored_bytes", sep="\t")
    for table, found in zip(archive.tables, archive.index):
        rows, raw, stored = found["totals"]
        print(f"{table['schema']}.{table['name']}", table["transfer"], rows, len(found["blocks"]), raw, stored, sep="\t")
    return 0


def write_rows(archive, name):
    numbers = [n for n, table in enumerate(archive.tables) if f"{table['schema']}.{table['name']}" == name]
    if len(numbers) != 1:
        raise Refused(f"the archive has {len(numbers)} tables {name}")
    binary = archive.tables[numbers[0]]["transfer"] == "Binary"
    out, form = sys.stdout.buffer, binary_rows if binary else text_rows
    out.write(COPY_HEADER if binary else b"")
    for offset, ref in archive.index[numbers[0]]["blocks"]:
        out.writelines(form(archive.block(offset, ref), ref.rows))
    out.write(COPY_TRAILER if binary else b"")
    return 0


def main(arguments):
    commands = {("list", 2): list_tables, ("check", 2): check, ("rows", 3): write_rows}
    command = commands.get((arguments[0], len(arguments))) if arguments else None
    if command is None:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[1], "rb") as file:
            need(file.seek(0, 2) > 0, "the file is empty")
            return command(Archive(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), *arguments[2:])
    except Damage as damage:
        print(f"{arguments[1]}: damaged: {damage}", file=sys.stderr)
        return 3
    except (Refused, OSError) as error:
        print(f"{arguments[1]}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
