#!/usr/bin/env python3
"""A second reader of pgsnap archives, written from the chapters beside it; it shares no code with the first.

    reader.py list ARCHIVE                 tables with their rows, blocks and bytes
    reader.py check ARCHIVE                compares every checksum and every total, decodes every block
    reader.py rows ARCHIVE SCHEMA.TABLE    the table as COPY BINARY (COPY text where its rows are text), to stdout

Needs Python 3.9 and the package zstandard. Digests and facts, which need one package more, are compared by digest.py.
Exit codes: 0 well, 1 not for this reader or no such table, 2 usage, 3 damaged.
"""
import mmap
import struct
import sys
import zlib
from itertools import accumulate

import zstandard

CASES = {
    "Section": ["PreData", "Data", "PostData"], "Pass": ["Main", "Acl", "PostAcl"], "Lock": ["None", "Share", "Exclusive"],
    "Transfer": ["Binary", "Text"], "Node": ["Plain", "Array", "Composite", "Range", "Multirange"],
    "ValueKind": ["Opaque", "Bool", "Integer", "Float", "Date", "Timestamp", "Timestamptz", "Uuid"],
}  # fmt: skip
STRUCTURES = {  # name and type of each field; [T] is a list, T? an option
    "Catalog": "source Source entries [Entry] tables [Table]",
    "Source": "pgsnap_version text server_version_num u32 server_version text database text encoding text collate text "
    "ctype text snapshot_time i64 extensions [Extension] roles [text] policy_roles [text] settings [pair] uncovered [text]",
    "Extension": "name text schema text version text",
    "Entry": "id u32 kind text schema text? name text owner text? section Section pass Pass lock Lock create [text] "
    "drop [text] owned text? tablespace text? access_method text? dependencies [u32] table u32?",
    "Table": "entry u32 schema text name text transfer Transfer text_reason text? root pair? condition text? "
    "columns [Column]",
    "Column": "name text type_name text value ValueKind shape [Node]",
    "Index": "tables [TableIndex] blocks u64 rows u64 raw_bytes u64 stored_bytes u64",
    "TableIndex": "blocks [BlockRef] rows u64 raw_bytes u64 stored_bytes u64 digest digest columns [ColumnFacts]",
    "BlockRef": "table u32 offset u64 chunk u32 sequence u32 rows u32 raw_len u64 stored_len u64",
    "ColumnFacts": "nulls u64 bytes u64 min bytes? max bytes?",
}


class Damage(Exception):
    """The bytes are not what the format says."""


class Refused(Exception):
    """Nothing is known to be damaged, but this reader does not go on."""


def need(condition, what):
    if not condition:
        raise Damage(what)


class Cursor:
    """Bytes read from front to back: wire.md, stream.md and columns.md."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(count <= len(self.data) - self.at, "more bytes are announced than there are")
        self.at += count
        return self.data[self.at - count : self.at]

    def fixed(self, width):
        return int.from_bytes(self.take(width), "little")

    def end(self):
        need(self.at == len(self.data), "bytes are left over")

    def varint(self, bits=64):
        first = self.fixed(1)
        need(first <= 0xFD, "a number begins with fe or ff")
        value = first if first <= 0xFA else self.fixed(2 << (first - 0xFB))
        need(value < 1 << bits, "a number is too large")
        return value

    def value(self, kind):
        """A value of wire.md of this type: structures are dicts, and cases their names."""
        if kind in STRUCTURES:
            words = STRUCTURES[kind].split()
            return {name: self.value(inner) for name, inner in zip(words[::2], words[1::2])}
        if kind in CASES:
            case = self.varint(32)
            need(case < len(CASES[kind]), f"a {kind} is not known")
            name = CASES[kind][case]
            return {name: self.varint(32)} if name == "Composite" else name
        if kind.endswith("?"):
            case = self.fixed(1)
            need(case <= 1, "an option begins neither with 00 nor with 01")
            return self.value(kind[:-1]) if case else None
        if kind.startswith("["):
            count = self.varint()
            need(count <= len(self.data) - self.at, "a list announces more elements than there are bytes")
            return [self.value(kind[1:-1]) for _ in range(count)]
        if kind == "text":
            try:
                text = self.value("bytes").decode("utf-8")
            except UnicodeDecodeError:
                raise Damage("a text is not UTF-8") from None
            need("\0" not in text, "a text has a NUL byte")
            return text
        if kind in ("bytes", "digest"):
            return self.take(16 if kind == "digest" else self.varint())
        if kind == "i64":
            return unzigzag(self.varint())
        return [self.value("text"), self.value("text")] if kind == "pair" else self.varint(int(kind[1:]))

    def stream(self, length):
        if length == 0:
            return b""
        method = self.fixed(1)
        need(method <= 2, "a method of a stream is not known")
        if method != 1:
            return self.take(1) * length if method else self.take(length)
        frame = self.take(self.fixed(4))
        try:
            parameters = zstandard.get_frame_parameters(frame)
            need(parameters.content_size in (length, zstandard.CONTENTSIZE_UNKNOWN), "a zstd frame of another length")
            need(parameters.dict_id == 0, "a zstd frame wants a dictionary")
            decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
            out = decompressor.decompress(frame, max_output_size=length, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Damage(f"zstd: {error}") from None
        need(len(out) == length, "a zstd frame of another length")
        return out

    def planes(self, width, count):
        out = bytearray(width * count)
        for k in range(width):
            out[k::width] = self.stream(count)
        return bytes(out)

    def column(self, rows, left):
        """The fields of a column whose values have at most `left` bytes; None for NULL."""
        presence = self.fixed(1)
        need(presence <= 2, "the presence of a column is not known")
        if presence < 2:
            return self.fields(rows, left) if presence else [None] * rows
        bits = int.from_bytes(self.stream((rows + 7) // 8), "little")
        need(0 < bits < (1 << rows) - 1, "a bitmap has one bit for all rows, or bits beyond them")
        present = [bit == "1" for bit in reversed(f"{bits:0{rows}b}")]
        fields = iter(self.fields(sum(present), left))
        return [next(fields) if here else None for here in present]

    def fields(self, n, left):
        form = self.fixed(1)
        if form == 2:
            return self.dictionary(n, left)
        lengths = self.lengths(form, n, left)
        total, encoding = sum(lengths), self.fixed(1)
        need(encoding <= 3, "the encoding of a column is not known")
        if encoding == 0:
            return cut(self.stream(total), lengths)
        if encoding == 1:
            need(form == 0, "a constant has several lengths")
            return [self.stream(lengths[0])] * n
        w = self.fixed(1)
        need(w in (2, 4, 8) and total % w == 0, "the planes of a column do not fit")
        values = self.planes(w, total // w)
        if encoding == 3:
            differences = struct.unpack(f">{total // w}{'..H.I...Q'[w]}", values)
            numbers = accumulate(map(unzigzag, differences))
            values = b"".join((number % (1 << 8 * w)).to_bytes(w, "big") for number in numbers)
        return cut(values, lengths)

    def dictionary(self, n, left):
        count = self.fixed(4)
        need(count <= min(n // 2, 1 << 16), "a dictionary has more values than it can have")
        lengths = self.lengths(self.fixed(1), count, left)
        values = cut(self.stream(sum(lengths)), lengths)
        codes = self.stream(n) if count <= 256 else struct.unpack(f">{n}H", self.planes(2, n))
        need(list(dict.fromkeys(codes)) == list(range(count)), "the values of a dictionary are not in their order")
        need(sum(lengths[code] for code in codes) <= left, "a column is longer than the rows")
        return [values[code] for code in codes]

    def lengths(self, form, count, left):
        need(form <= 1, "the lengths of a column are not known")
        if form == 0:
            width = self.fixed(4)
            need(count * width <= left, "a column is longer than the rows")
            return [width] * count
        lengths = struct.unpack(f">{count}I", self.planes(4, count))
        need(len(set(lengths)) > 1 and sum(lengths) <= left, "the lengths of a column")
        return lengths


def unzigzag(number):
    return -(number + 1) // 2 if number % 2 else number // 2


def cut(values, lengths):
    return [values[end - length : end] for end, length in zip(accumulate(lengths), lengths)]


def shape(nodes):
    """The tree that a list of nodes stands for: a case, and the trees inside it."""
    left = nodes[::-1]

    def tree(depth):
        need(left and depth <= 64, "a shape is incomplete or too deep")
        node = left.pop()
        case, parts = ("Composite", node["Composite"]) if isinstance(node, dict) else (node, node != "Plain")
        return case, [tree(depth + 1) for _ in range(parts)]

    whole = tree(1)
    need(not left, "nodes of a shape are left over")
    return whole


class Archive:
    """An archive whose header, catalog, index and footer are right and agree; blocks are read later."""

    def __init__(self, data):
        self.data, self.id = data, data[32:48]
        need(len(data) >= 60 and data[:12] == b"\x89PGSNAP\r\n\x1a\n\0", "this is no archive")
        *fields, crc = struct.unpack_from("<HHQQ16sqI", data, 12)
        need(self.crc(data[:56]) == crc, "the checksum of the header")
        names = ("major", "minor", "required_features", "optional_features", "id", "snapshot_time")
        self.header = dict(zip(names, fields))
        if self.header["major"] != 1 or self.header["required_features"]:
            raise Refused(f"the archive needs another reader: {self.header}")
        at, footer = len(data) - 84, data[-84:]
        need(at >= 60 and footer[:8] == b"\xffPGFOOTR" and footer[76:] == b"PGSNAP\r\n", "there is no footer")
        owner, index_at, index_len, index_crc, tables, file_len, blocks, rows, crc = struct.unpack_from("<16sQQIIQQQI", footer, 8)
        need(self.crc(footer[:72]) == crc and owner == self.id, "the footer")
        need(file_len == len(data) and index_at + index_len <= at, "the lengths in the footer")
        need(self.crc(data[index_at : index_at + index_len]) == index_crc, "the checksum of the index")
        self.index, end = self.frame(index_at, index_at + index_len, b"\xffPGINDEX", "Index")
        self.catalog, blocks_at = self.frame(60, index_at, b"\xffPGCATLG", "Catalog")
        need(end == index_at + index_len, "the length of the index")
        counts = len(self.index["tables"]), self.index["blocks"], self.index["rows"]
        need(counts == (tables, blocks, rows), "index and footer count differently")
        copy, end = end, end + blocks_at - 60
        need(end <= at and data[copy:end] == data[60:blocks_at], "the copy of the catalog")
        while end < at:
            need(data[end : end + 8] != footer[:8], "a footer in front of the footer")
            _, end = self.frame(end, at)
        self.compare_catalog(self.catalog["entries"], self.catalog["tables"])
        self.compare_index(self.index, blocks_at, index_at)

    def crc(self, data):
        return zlib.crc32(data, zlib.crc32(self.id))

    def frame(self, at, limit, marker=None, kind=None):
        """What the frame at `at` holds, if its kind is known, and where it ends."""
        header, start = self.data[at : at + 32], at + 32
        need(start <= limit and marker in (None, header[:8]), f"no {kind or 'frame'} at {at}")
        raw_len, stored_len, payload_crc, header_crc = struct.unpack_from("<QQII", header, 8)
        need(self.crc(header[:28]) == header_crc, f"the checksum of the header of the frame at {at}")
        need(stored_len <= limit - start, f"the frame at {at} is cut short")
        payload = Cursor(self.data[start : start + stored_len])
        need(self.crc(payload.data) == payload_crc, f"the checksum of the frame at {at}")
        if kind is None:
            return None, start + stored_len
        fits = raw_len <= min(1 << 30, (1 << 24) + 256 * stored_len) and stored_len <= (1 << 30) + 64
        need(fits, f"the frame at {at} is too long")
        raw = Cursor(payload.stream(raw_len))
        value = raw.value(kind)
        payload.end(), raw.end()
        return value, start + stored_len

    def compare_catalog(self, entries, tables):
        for place, entry in enumerate(entries, 1):
            table, group = entry["table"], (entry["section"], entry["pass"])
            need(entry["id"] == place, f"entry {place} has another id")
            need(all(1 <= needed < place for needed in entry["dependencies"]), f"entry {place} needs a later one")
            need(table is None or table < len(tables) and tables[table]["entry"] == place, f"the table of entry {place}")
            need(table is None or group == ("Data", "Main"), f"entry {place} has rows and does not belong to the data")
        for place, table in enumerate(tables):
            entry = table["entry"]
            need(1 <= entry <= len(entries) and entries[entry - 1]["table"] == place, f"the entry of table {place}")
            need(len(table["columns"]) <= 1664, f"table {place} has too many columns")
            for column in table["columns"]:
                shape(column["shape"])

    def compare_index(self, index, blocks_at, index_at):
        tables, names = self.catalog["tables"], ("rows", "raw_bytes", "stored_bytes")
        need(len(index["tables"]) == len(tables), "index and catalog have different tables")
        for number, (found, table) in enumerate(zip(index["tables"], tables)):
            next_of_chunk, sums, before = {}, [0, 0, 0], 0
            for ref in found["blocks"]:
                need(ref["table"] == number and ref["offset"] >= before, f"the order of the blocks of table {number}")
                need(ref["sequence"] == next_of_chunk.get(ref["chunk"], 0), f"the sequence of a chunk of table {number}")
                before, next_of_chunk[ref["chunk"]] = ref["offset"], ref["sequence"] + 1
                sums = [sums[0] + ref["rows"], sums[1] + ref["raw_len"], sums[2] + ref["stored_len"] + 48]
            need([found[name] for name in names] == sums, f"the totals of table {number}")
            need(len(found["columns"]) == len(table["columns"]), f"the facts of table {number}")
        refs = sorted((ref["offset"], ref["stored_len"] + 48) for found in index["tables"] for ref in found["blocks"])
        sums = [sum(found[name] for found in index["tables"]) for name in names]
        need([index["blocks"], *(index[name] for name in names)] == [len(refs), *sums], "the totals of the index")
        for offset, length in refs:
            need(offset == blocks_at, f"no block ends where the one at {offset} begins")
            blocks_at += length
        need(blocks_at == index_at, "the blocks do not end where the index begins")

    def block(self, ref):
        """The columns of a block, each a list of fields."""
        _, at, *_, rows, raw_len, stored_len = ref.values()
        header, table = self.data[at : at + 48], self.catalog["tables"][ref["table"]]
        *found, payload_crc, header_crc = struct.unpack_from("<4I2Q2I", header, 8)
        need(header[:8] == b"\xffPGBLOCK" and self.crc(header[:44]) == header_crc, "the header of the block")
        need(found == [ref[name] for name in ref if name != "offset"], "this is another block than the index says")
        text, width = table["transfer"] == "Text", len(table["columns"])
        most = raw_len + width * (64 + (rows + 7) // 8 + 4 * rows)
        need(rows >= 1 and raw_len <= 1 << 31 and stored_len <= most, "the lengths of the block")
        payload = Cursor(self.data[at + 48 : at + 48 + stored_len])
        need(self.crc(payload.data) == payload_crc, "the checksum of the payload")
        left, columns = raw_len - rows * (max(1, width) if text else 2 + 4 * width), []
        reserved = (b"\\N", b"\\.") if width == 1 else (b"\\N",)
        for _ in range(width):
            need(left >= 0, "the rows are longer than the block says")
            columns.append(payload.column(rows, left))
            values = [field for field in columns[-1] if field is not None]
            left -= sum(map(len, values)) + 2 * text * (rows - len(values))
            need(not text or not any(v in reserved or b"\t" in v or b"\n" in v for v in values), "a field of text")
        payload.end()
        need(left == 0, "the rows have another length than the block says")
        return columns

    def rows(self, number):
        """The rows of a table, piece by piece, as COPY TO would give them."""
        binary = self.catalog["tables"][number]["transfer"] == "Binary"
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8) if binary else b""
        for ref in self.index["tables"][number]["blocks"]:
            columns = self.block(ref)
            rows = zip(*columns) if columns else [()] * ref["rows"]
            yield from map(binary_row if binary else text_row, rows)
        yield b"\xff\xff" if binary else b""


def binary_row(fields):
    values = (b"\xff\xff\xff\xff" if field is None else len(field).to_bytes(4, "big") + field for field in fields)
    return len(fields).to_bytes(2, "big") + b"".join(values)


def text_row(fields):
    return b"\t".join(b"\\N" if field is None else field for field in fields) + b"\n"


def list_tables(archive):
    print("table", "transfer", "rows", "blocks", "raw_bytes", "stored_bytes", sep="\t")
    for table, found in zip(archive.catalog["tables"], archive.index["tables"]):
        blocks, *totals = len(found["blocks"]), found["raw_bytes"], found["stored_bytes"]
        print(f"{table['schema']}.{table['name']}", table["transfer"], found["rows"], blocks, *totals, sep="\t")


def check(archive):
    damaged = 0
    for table, found in zip(archive.catalog["tables"], archive.index["tables"]):
        for ref in found["blocks"]:
            try:
                archive.block(ref)
            except Damage as damage:
                print(f"{table['schema']}.{table['name']}, block at {ref['offset']}: {damage}")
                damaged = 3
    return damaged


def write_rows(archive, name):
    numbers = [n for n, table in enumerate(archive.catalog["tables"]) if f"{table['schema']}.{table['name']}" == name]
    if len(numbers) != 1:
        raise Refused(f"the archive has {len(numbers)} tables {name}")
    sys.stdout.buffer.writelines(archive.rows(numbers[0]))


def main(arguments, commands, usage):
    """Runs the command in `arguments`, of so many arguments, on the archive behind it; the exit code."""
    command = commands.get((arguments[0], len(arguments))) if arguments else None
    if command is None:
        print(usage, file=sys.stderr)
        return 2
    try:
        with open(arguments[1], "rb") as file:
            need(file.seek(0, 2) > 0, "the file is empty")
            return command(Archive(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), *arguments[2:]) or 0
    except Damage as damage:
        print(f"{arguments[1]}: damaged: {damage}", file=sys.stderr)
        return 3
    except (Refused, OSError) as error:
        print(f"{arguments[1]}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], {("list", 2): list_tables, ("check", 2): check, ("rows", 3): write_rows}, __doc__))
