//! COPY streams cut into whole rows, and rows cut into fields.
//!
//! "Rows" are the exact bytes of COPY without what surrounds them: in [`Format::Binary`] `int16 field count,
//! (int32 length, bytes)*` per row, lengths big-endian, -1 for NULL; in [`Format::Text`] lines that end in `\n`, fields
//! parted by tabs, `\N` for NULL. Both are described in PostgreSQL's documentation of COPY, "File Formats".

use std::mem;

/// What COPY BINARY sends before the first row: signature, flags (0), length of the header extension (0).
pub const BINARY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What COPY BINARY sends after the last row: a field count of -1.
pub const BINARY_TRAILER: [u8; 2] = [0xff, 0xff];

/// The two forms of COPY that carry table data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `COPY ... WITH (FORMAT binary)`.
    Binary,
    /// `COPY ... WITH (FORMAT text)` with default delimiter and NULL.
    Text,
}

impl Format {
    /// As COPY calls it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Binary => "binary",
            Format::Text => "text",
        }
    }
}

/// Why bytes are not rows. Offsets count from the start of the stream (splitting) or of the rows (walking).
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs)] // the messages say it
pub enum Error {
    #[error("the COPY stream does not begin with the header of COPY BINARY")]
    Header,
    #[error("the COPY stream has data after its end marker, at offset {offset}")]
    AfterTrailer { offset: u64 },
    #[error("the COPY stream ended inside a row that began at or after offset {offset}")]
    Incomplete { offset: u64 },
    #[error("the COPY stream ended without its end marker, at offset {offset}")]
    NoTrailer { offset: u64 },
    #[error("the COPY stream was finished while {bytes} bytes of complete rows had not been taken")]
    NotTaken { bytes: usize },
    #[error("a row at offset {offset} announces {count} fields")]
    FieldCount { offset: u64, count: i16 },
    #[error("a field at offset {offset} announces a length of {length}")]
    FieldLength { offset: u64, length: i32 },
    #[error("the row at offset {offset} has {found} fields, the table has {expected} columns")]
    Columns { offset: u64, expected: usize, found: usize },
    #[error("the row at offset {offset} is cut short")]
    CutShort { offset: u64 },
    #[error("the line at offset {offset} is `\\.`, which would end a COPY early")]
    EndMarker { offset: u64 },
}

/// Complete rows taken from a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The rows, without header and trailer.
    pub bytes: Vec<u8>,
    /// How many rows `bytes` holds.
    pub count: u64,
}

/// Cuts a COPY OUT stream, whose pieces may end anywhere, into whole rows.
#[derive(Debug)]
pub struct RowSplitter {
    format: Format,
    buffer: Vec<u8>,
    /// Bytes of the stream that are no longer in `buffer`.
    passed: u64,
    /// End of the complete rows in `buffer`.
    complete: usize,
    count: u64,
    /// How far `buffer` has been looked at; never inside a field's length or, in Binary, inside a field.
    cursor: usize,
    /// Fields of the row at `cursor` that are still to come; Binary only.
    fields_left: i16,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Rows,
    AfterTrailer,
}

impl RowSplitter {
    /// A splitter at the beginning of a stream.
    pub fn new(format: Format) -> Self {
        let place = match format {
            Format::Binary => Place::Header,
            Format::Text => Place::Rows,
        };
        RowSplitter {
            format,
            buffer: Vec::new(),
            passed: 0,
            complete: 0,
            count: 0,
            cursor: 0,
            fields_left: 0,
            place,
        }
    }

    /// Takes the next bytes of the stream, however they are cut.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(bytes);
        match self.format {
            Format::Binary => self.scan_binary(),
            Format::Text => self.scan_text(),
        }
    }

    /// Bytes of complete rows that [`take`](Self::take) would return.
    pub fn ready(&self) -> usize {
        self.complete
    }

    /// Bytes of the stream that are held, complete rows or not.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The complete rows so far; what follows them stays, in `rest`, whatever that holds.
    pub fn take(&mut self, mut rest: Vec<u8>) -> Rows {
        rest.clear();
        rest.extend_from_slice(self.buffer.get(self.complete..).unwrap_or_default());
        let mut bytes = mem::replace(&mut self.buffer, rest);
        bytes.truncate(self.complete);
        self.passed += self.complete as u64;
        self.cursor -= self.complete;
        self.complete = 0;
        Rows { bytes, count: mem::take(&mut self.count) }
    }

    /// The stream is over. An error unless it ended as it must and every row was taken.
    pub fn finish(self) -> Result<(), Error> {
        if self.complete > 0 {
            return Err(Error::NotTaken { bytes: self.complete });
        }
        let offset = self.passed + self.buffer.len() as u64;
        match (self.format, self.place) {
            (Format::Binary, Place::Header) => Err(Error::Header),
            (Format::Binary, Place::Rows) if self.buffer.is_empty() => Err(Error::NoTrailer { offset }),
            (Format::Text, _) if self.buffer.is_empty() => Ok(()),
            (_, Place::AfterTrailer) => Ok(()),
            _ => Err(Error::Incomplete { offset: self.passed }),
        }
    }

    fn scan_binary(&mut self) -> Result<(), Error> {
        if self.place == Place::Header {
            let seen = self.buffer.len().min(BINARY_HEADER.len());
            if self.buffer.get(..seen) != BINARY_HEADER.get(..seen) {
                return Err(Error::Header);
            }
            if seen < BINARY_HEADER.len() {
                return Ok(());
            }
            self.buffer.drain(..seen);
            self.passed += seen as u64;
            self.place = Place::Rows;
        }
        while self.place == Place::Rows {
            let rest = self.buffer.get(self.cursor..).unwrap_or_default();
            if self.fields_left == 0 {
                let Some(count) = rest.first_chunk() else { return Ok(()) };
                match i16::from_be_bytes(*count) {
                    -1 => {
                        self.place = Place::AfterTrailer;
                        self.buffer.drain(self.cursor..self.cursor + BINARY_TRAILER.len());
                        self.passed += BINARY_TRAILER.len() as u64;
                        break;
                    }
                    count if count < 0 => {
                        return Err(Error::FieldCount { offset: self.passed + self.cursor as u64, count });
                    }
                    count => self.fields_left = count,
                }
                self.cursor += 2;
            } else {
                let Some(length) = rest.first_chunk() else { return Ok(()) };
                let length = i32::from_be_bytes(*length);
                let field = match usize::try_from(length) {
                    Ok(length) => length,
                    Err(_) if length == -1 => 0,
                    Err(_) => {
                        let offset = self.passed + self.cursor as u64;
                        return Err(Error::FieldLength { offset, length });
                    }
                };
                if rest.len() - 4 < field {
                    return Ok(());
                }
                self.cursor += 4 + field;
                self.fields_left -= 1;
            }
            if self.fields_left == 0 {
                self.complete = self.cursor;
                self.count += 1;
            }
        }
        if self.buffer.len() > self.cursor {
            return Err(Error::AfterTrailer { offset: self.passed + self.cursor as u64 });
        }
        Ok(())
    }

    fn scan_text(&mut self) -> Result<(), Error> {
        let fresh = self.buffer.get(self.cursor..).unwrap_or_default();
        self.count += fresh.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
        if let Some(last) = fresh.iter().rposition(|&byte| byte == b'\n') {
            self.complete = self.cursor + last + 1;
        }
        self.cursor = self.buffer.len();
        Ok(())
    }
}

/// One row: its bytes and its fields.
#[derive(Debug)]
pub struct Row<'r, 'a> {
    /// All bytes of the row; in Text with its `\n`.
    pub bytes: &'a [u8],
    /// The fields, `None` for NULL. In Text the bytes are as they stand in the line, escapes included.
    pub fields: &'r [Option<&'a [u8]>],
}

/// Walks over rows and their fields; made by [`fields`].
#[derive(Debug)]
pub struct Fields<'a> {
    format: Format,
    columns: usize,
    rest: &'a [u8],
    offset: u64,
    row: Vec<Option<&'a [u8]>>,
}

/// Walks over `rows`, each of which must have `columns` fields.
pub fn fields(format: Format, columns: usize, rows: &[u8]) -> Fields<'_> {
    Fields { format, columns, rest: rows, offset: 0, row: Vec::with_capacity(columns) }
}

impl<'a> Fields<'a> {
    /// The next row; `None` at the end of the rows.
    pub fn next_row(&mut self) -> Result<Option<Row<'_, 'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.row.clear();
        let after = match self.format {
            Format::Binary => self.binary_row()?,
            Format::Text => self.text_row()?,
        };
        let length = self.rest.len() - after.len();
        let bytes = self.rest.get(..length).unwrap_or_default();
        self.rest = after;
        self.offset += length as u64;
        Ok(Some(Row { bytes, fields: &self.row }))
    }

    /// Fills `row`, returns what follows the row.
    fn binary_row(&mut self) -> Result<&'a [u8], Error> {
        let offset = self.offset;
        let cut_short = Error::CutShort { offset };
        let Some((count, mut rest)) = self.rest.split_first_chunk() else { return Err(cut_short) };
        let count = i16::from_be_bytes(*count);
        let found = usize::try_from(count).map_err(|_| Error::FieldCount { offset, count })?;
        if found != self.columns {
            return Err(Error::Columns { offset, expected: self.columns, found });
        }
        for _ in 0..found {
            let Some((length, after)) = rest.split_first_chunk() else { return Err(cut_short) };
            let length = i32::from_be_bytes(*length);
            rest = after;
            if length == -1 {
                self.row.push(None);
                continue;
            }
            let Ok(size) = usize::try_from(length) else { return Err(Error::FieldLength { offset, length }) };
            let Some((field, after)) = rest.split_at_checked(size) else { return Err(cut_short) };
            self.row.push(Some(field));
            rest = after;
        }
        Ok(rest)
    }

    /// Fills `row`, returns what follows the line.
    fn text_row(&mut self) -> Result<&'a [u8], Error> {
        let offset = self.offset;
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or(Error::CutShort { offset })?;
        let (line, after) = self.rest.split_at(end);
        if line == b"\\." {
            return Err(Error::EndMarker { offset });
        }
        if self.columns > 0 || !line.is_empty() {
            let fields = line.split(|&byte| byte == b'\t');
            self.row.extend(fields.map(|field| (field != b"\\N").then_some(field)));
        }
        if self.row.len() != self.columns {
            return Err(Error::Columns { offset, expected: self.columns, found: self.row.len() });
        }
        Ok(after.get(1..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of COPY BINARY.
    fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = (fields.len() as i16).to_be_bytes().to_vec();
        for field in fields {
            match field {
                None => bytes.extend((-1i32).to_be_bytes()),
                Some(field) => {
                    bytes.extend((field.len() as i32).to_be_bytes());
                    bytes.extend(*field);
                }
            }
        }
        bytes
    }

    fn stream(rows: &[u8]) -> Vec<u8> {
        [&BINARY_HEADER[..], rows, &BINARY_TRAILER].concat()
    }

    /// Pushes `stream` in pieces of `piece` bytes, taking after every one.
    fn split(format: Format, stream: &[u8], piece: usize) -> Result<Rows, Error> {
        let mut splitter = RowSplitter::new(format);
        let mut all = Rows::default();
        for piece in stream.chunks(piece) {
            splitter.push(piece)?;
            let ready = splitter.ready();
            let rows = splitter.take(Vec::new());
            assert_eq!(rows.bytes.len(), ready);
            all.bytes.extend(rows.bytes);
            all.count += rows.count;
        }
        splitter.finish()?;
        Ok(all)
    }

    #[test]
    fn header_is_the_documented_one() {
        assert_eq!(BINARY_HEADER[..11], *b"PGCOPY\n\xff\r\n\0");
        assert_eq!(BINARY_HEADER[11..], [0; 8]);
    }

    #[test]
    fn binary_pieces_of_every_size() {
        let rows =
            [row(&[Some(b"a"), None]), row(&[Some(b""), Some(&[0xff; 300])]), row(&[None, None])].concat();
        let stream = stream(&rows);
        for piece in 1..=stream.len() {
            assert_eq!(
                split(Format::Binary, &stream, piece).unwrap(),
                Rows { bytes: rows.clone(), count: 3 }
            );
        }
    }

    #[test]
    fn empty_table_and_zero_columns() {
        assert_eq!(split(Format::Binary, &stream(&[]), 4).unwrap(), Rows::default());
        assert_eq!(split(Format::Text, b"", 4).unwrap(), Rows::default());
        let rows = Rows { bytes: vec![0; 6], count: 3 };
        assert_eq!(split(Format::Binary, &stream(&[0; 6]), 4).unwrap(), rows);
        let rows = Rows { bytes: b"\n\n".to_vec(), count: 2 };
        assert_eq!(split(Format::Text, b"\n\n", 1).unwrap(), rows);
    }

    #[test]
    fn binary_stream_cut_anywhere_is_an_error() {
        let stream = stream(&[row(&[Some(b"abc")]), row(&[None])].concat());
        for end in 0..stream.len() {
            assert!(split(Format::Binary, &stream[..end], 5).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn binary_stream_must_be_well_formed() {
        let bad = |rows: &[u8]| split(Format::Binary, &stream(rows), 7).unwrap_err();
        assert_eq!(bad(&[0xff, 0xfe]), Error::FieldCount { offset: 19, count: -2 });
        assert_eq!(bad(&[0, 1, 0xff, 0xff, 0xff, 0xfe]), Error::FieldLength { offset: 21, length: -2 });
        assert_eq!(bad(&[0, 0, 0xff, 0xff, 1]), Error::AfterTrailer { offset: 23 });
        assert_eq!(split(Format::Binary, b"PGCOPX", 7).unwrap_err(), Error::Header);
        assert_eq!(split(Format::Binary, &[], 7).unwrap_err(), Error::Header);
    }

    #[test]
    fn rows_left_behind_are_an_error() {
        let mut splitter = RowSplitter::new(Format::Text);
        splitter.push(b"a\n").unwrap();
        assert_eq!(splitter.finish().unwrap_err(), Error::NotTaken { bytes: 2 });
    }

    #[test]
    fn text_pieces_of_every_size() {
        let stream = b"a\tb\n\n\\N\tx\\ty\\n\n";
        for piece in 1..=stream.len() {
            let rows = split(Format::Text, stream, piece).unwrap();
            assert_eq!(rows, Rows { bytes: stream.to_vec(), count: 3 });
        }
        assert_eq!(split(Format::Text, b"a\nb", 1).unwrap_err(), Error::Incomplete { offset: 2 });
    }

    fn walk(format: Format, columns: usize, rows: &[u8]) -> Result<Vec<Vec<Option<Vec<u8>>>>, Error> {
        let mut walker = fields(format, columns, rows);
        let (mut all, mut length) = (Vec::new(), 0);
        while let Some(row) = walker.next_row()? {
            length += row.bytes.len();
            all.push(row.fields.iter().map(|field| field.map(<[u8]>::to_vec)).collect());
        }
        assert_eq!(length, rows.len());
        Ok(all)
    }

    #[test]
    fn fields_of_binary_rows() {
        let rows = [row(&[Some(b"a"), None]), row(&[None, Some(b"")])].concat();
        let expected = vec![vec![Some(b"a".to_vec()), None], vec![None, Some(vec![])]];
        assert_eq!(walk(Format::Binary, 2, &rows).unwrap(), expected);
        assert_eq!(
            walk(Format::Binary, 3, &rows).unwrap_err(),
            Error::Columns { offset: 0, expected: 3, found: 2 }
        );
        for end in 1..rows.len() {
            if end != 11 {
                assert!(walk(Format::Binary, 2, &rows[..end]).is_err());
            }
        }
        assert_eq!(walk(Format::Binary, 0, &[0; 4]).unwrap(), vec![vec![], vec![]]);
        assert_eq!(
            walk(Format::Binary, 0, &BINARY_TRAILER).unwrap_err(),
            Error::FieldCount { offset: 0, count: -1 }
        );
    }

    #[test]
    fn fields_of_text_rows() {
        let rows = b"a\t\\N\n\tb\\tc\n";
        let expected =
            vec![vec![Some(b"a".to_vec()), None], vec![Some(b"".to_vec()), Some(b"b\\tc".to_vec())]];
        assert_eq!(walk(Format::Text, 2, rows).unwrap(), expected);
        assert_eq!(walk(Format::Text, 1, b"\n").unwrap(), vec![vec![Some(vec![])]]);
        assert_eq!(walk(Format::Text, 0, b"\n\n").unwrap(), vec![vec![], vec![]]);
        assert!(walk(Format::Text, 0, b"x\n").is_err());
        assert!(walk(Format::Text, 1, b"x").is_err());
        assert_eq!(walk(Format::Text, 1, b"a\n\\.\nb\n").unwrap_err(), Error::EndMarker { offset: 2 });
    }
}
