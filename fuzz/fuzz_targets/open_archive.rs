//! An archive is refused, or what its index says is what its blocks hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{Archive, BlockDecoder, Digest};
use pgsnap_fuzz::{archive, seal};

/// Bytes that are written over a sound archive, the checksums made right again; or an archive of arbitrary bytes.
type Input<'a> = (Vec<(u16, u8)>, Option<&'a [u8]>);

fuzz_target!(|input: Input| {
    let (patches, whole) = input;
    let mut bytes = whole.map_or_else(archive, <[u8]>::to_vec);
    for (position, byte) in patches {
        if let Some(place) = bytes.get_mut(usize::from(position)) {
            *place = byte;
        }
    }
    seal(&mut bytes);
    let Ok(archive) = Archive::from_bytes(bytes) else { return };
    if check(&archive, Depth::Full, 1, &mut |_, _| ()).is_err() {
        return;
    }
    let mut decoder = BlockDecoder::new(archive.header().id).unwrap();
    let mut rows = Vec::new();
    for (table, index) in archive.catalog().tables.iter().zip(&archive.index().tables) {
        let (mut digest, mut count) = (Digest::default(), 0);
        for block in &index.blocks {
            decoder.decode(table, archive.block(block).unwrap(), &mut rows).unwrap();
            count += digest.add_rows(table, &rows).unwrap();
        }
        assert_eq!((digest, count), (index.digest, index.rows));
    }
});
