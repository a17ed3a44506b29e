//! A payload is refused, or is as many rows as the header says; those rows make a block that gives them back.

use pgsnap::archive::{BlockPosition, Digest, Transfer};

use super::forge::{CODER, Coder, block, table};
use super::{Input, reencode};

/// Length of the header of a block.
const HEADER_LEN: usize = 48;

/// Input: text or binary, columns, rows, length of the rows, payload.
pub fn holds(input: &[u8]) {
    let mut input = Input(input);
    let transfer = if input.u8() & 1 == 1 { Transfer::Text } else { Transfer::Binary };
    let table = table(transfer, usize::from(input.u8() % 32));
    let rows = u32::from(input.u16());
    // 256 KiB are enough to be wrong.
    let raw_len = u64::from(input.u32() >> 14);
    let block = block(rows, raw_len, input.0);
    CODER.with_borrow_mut(|Coder { encoder, decoder, rows: decoded }| {
        if decoder.decode(&table, &block, decoded).is_err() {
            return;
        }
        assert_eq!(decoded.len() as u64, raw_len);
        let mut digest = Digest::default();
        assert_eq!(digest.add_rows(&table, decoded).unwrap(), u64::from(rows));

        // The encoder decodes what it made and compares.
        let position = BlockPosition { chunk: 0, sequence: 0 };
        let encoded = encoder.encode(0, &table, position, decoded).unwrap();
        assert_eq!((encoded.info.rows, encoded.digest), (rows, digest));
    });
}

/// The blocks of the rows that the target `reencode` begins with.
pub fn seeds() -> Vec<Vec<u8>> {
    let block_of = |seed: Vec<u8>| {
        let (table, rows) = reencode::rows(&mut Input(&seed));
        let position = BlockPosition { chunk: 0, sequence: 0 };
        let block = CODER.with_borrow_mut(|coder| coder.encoder.encode(0, &table, position, &rows).unwrap());
        let text = u8::from(table.transfer == Transfer::Text);
        let mut seed = vec![text, table.columns.len().try_into().unwrap()];
        seed.extend(u16::try_from(block.info.rows).unwrap().to_le_bytes());
        seed.extend(u32::try_from(block.info.raw_len << 14).unwrap().to_le_bytes());
        seed.extend(&block.bytes[HEADER_LEN..]);
        seed
    };
    reencode::seeds().into_iter().map(block_of).collect()
}
