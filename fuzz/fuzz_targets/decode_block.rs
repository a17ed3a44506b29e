//! A payload is refused, or is as many rows as the header says; those rows make a block that gives them back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgsnap::archive::{BlockDecoder, BlockEncoder, BlockPosition, Digest, Transfer};
use pgsnap_fuzz::{ID, block, table};

/// Text or binary, columns, rows, length of the rows, payload.
type Input<'a> = (bool, u8, u16, u32, &'a [u8]);

fuzz_target!(|input: Input| {
    let (text, columns, rows, raw_len, payload) = input;
    let transfer = if text { Transfer::Text } else { Transfer::Binary };
    // 16 MiB are enough to be wrong, and leave the fuzzer its memory.
    let raw_len = u64::from(raw_len >> 8);
    let table = table(transfer, columns.into());
    let mut decoder = BlockDecoder::new(ID).unwrap();
    let mut decoded = Vec::new();
    if decoder.decode(&table, &block(rows.into(), raw_len, payload), &mut decoded).is_err() {
        return;
    }
    assert_eq!(decoded.len() as u64, raw_len);
    let mut digest = Digest::default();
    assert_eq!(digest.add_rows(&table, &decoded).unwrap(), u64::from(rows));

    let position = BlockPosition { chunk: 0, sequence: 0 };
    let encoded = BlockEncoder::new(ID, 1).unwrap().encode(0, &table, position, &decoded).unwrap();
    assert_eq!((encoded.info.rows, encoded.digest), (rows.into(), digest));
    let mut again = Vec::new();
    decoder.decode(&table, &encoded.bytes, &mut again).unwrap();
    assert!(again == decoded);
});
