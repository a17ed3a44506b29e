//! Where a COPY stream is cut does not matter; what comes out are whole rows, and nothing is lost or added.

use pgsnap::copy_rows::{BINARY_HEADER, BINARY_TRAILER, Error, Format, RowSplitter, Rows, fields};

use super::Input;

fn split(format: Format, stream: &[u8], piece: usize) -> Result<Rows, Error> {
    let mut splitter = RowSplitter::new(format);
    let mut all = Rows::default();
    for piece in stream.chunks(piece) {
        splitter.push(piece)?;
        let rows = splitter.take(Vec::new());
        all.bytes.extend(rows.bytes);
        all.count += rows.count;
    }
    splitter.finish()?;
    Ok(all)
}

/// Input: text or binary, size of the pieces, columns to expect, rows.
pub fn holds(input: &[u8]) {
    let mut input = Input(input);
    let (text, piece, columns) = (input.u8() & 1 == 1, usize::from(input.u8()), usize::from(input.u8()));
    let rows = input.0;
    let (format, stream) = match text {
        true => (Format::Text, rows.to_vec()),
        false => (Format::Binary, [&BINARY_HEADER[..], rows, &BINARY_TRAILER].concat()),
    };
    let whole = split(format, &stream, stream.len().max(1));
    let pieces = split(format, &stream, piece.max(1));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    let mut walker = fields(format, columns, rows);
    let (mut count, mut bytes) = (0, Vec::new());
    let walked = loop {
        match walker.next_row() {
            Ok(Some(row)) => {
                assert_eq!(row.fields.len(), columns);
                count += 1;
                bytes.extend_from_slice(row.bytes);
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    if let (Ok(whole), Ok(pieces)) = (&whole, &pieces) {
        assert_eq!(whole, pieces);
        assert_eq!(whole.bytes, rows);
        if walked {
            assert_eq!((count, &bytes[..]), (whole.count, rows));
        }
    }
    // Whoever walks to the end has walked over rows that a splitter lets through.
    assert!(!walked || whole.is_ok());
}

/// Rows with and without NULL, in both forms.
pub fn seeds() -> Vec<Vec<u8>> {
    let binary = b"\0\x02\0\0\0\x03abc\xff\xff\xff\xff\0\x02\0\0\0\0\0\0\0\x01x";
    let text = b"abc\t\\N\n\tx\\ty\n\\\\\tz\n";
    let seed = |text, piece, columns, rows: &[u8]| [&[text, piece, columns], rows].concat();
    vec![
        seed(0, 1, 2, binary),
        seed(0, 7, 2, binary),
        seed(0, 3, 0, &[0; 6]),
        seed(0, 3, 1, &[0xff, 0xff]),
        seed(1, 1, 2, text),
        seed(1, 5, 2, text),
        seed(1, 2, 1, b"\n\\.\n"),
    ]
}
