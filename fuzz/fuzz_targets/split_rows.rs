//! Where a COPY stream is cut does not matter; what comes out are whole rows, and nothing is lost or added.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgsnap::copy_rows::{BINARY_HEADER, BINARY_TRAILER, Error, Format, RowSplitter, Rows, fields};

fn split(format: Format, stream: &[u8], piece: usize) -> Result<Rows, Error> {
    let mut splitter = RowSplitter::new(format);
    let mut all = Rows::default();
    for piece in stream.chunks(piece) {
        splitter.push(piece)?;
        let rows = splitter.take();
        all.bytes.extend(rows.bytes);
        all.count += rows.count;
    }
    splitter.finish()?;
    Ok(all)
}

/// Text or binary, size of the pieces, columns to expect, rows.
type Input<'a> = (bool, u8, u8, &'a [u8]);

fuzz_target!(|input: Input| {
    let (text, piece, columns, rows) = input;
    let (format, stream) = match text {
        true => (Format::Text, rows.to_vec()),
        false => (Format::Binary, [&BINARY_HEADER[..], rows, &BINARY_TRAILER].concat()),
    };
    let whole = split(format, &stream, stream.len().max(1));
    let pieces = split(format, &stream, usize::from(piece).max(1));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    let mut walker = fields(format, columns.into(), rows);
    let (mut count, mut bytes) = (0, Vec::new());
    let walked = loop {
        match walker.next_row() {
            Ok(Some(row)) => {
                assert_eq!(row.fields.len(), usize::from(columns));
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
});
