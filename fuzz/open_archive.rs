//! An archive is refused, or what its index says is what its blocks hold, and a restore of it can be planned.

use bincode::config::standard;
use bincode::serde::encode_to_vec;
use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{Archive, Digest};

use super::Input;
use super::forge::{CODER, Coder, ID, archive, assemble, seal};
use super::plan_restore::is_planned;

/// No block announces more than 16 MiB of rows: that is enough to be wrong, and leaves the fuzzer its memory.
fn with_small_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(b"\xffPGBLOCK")
            && let Some(high) = bytes.get_mut(at + 27..at + 32)
        {
            high.fill(0);
        }
    }
    bytes
}

/// An archive of any input: a whole one, as it is or with its checksums made right; or the parts of one.
pub fn bytes(input: &[u8]) -> Vec<u8> {
    let (kind, rest) = input.split_first().unwrap_or((&0, &[]));
    let rest = with_small_blocks(rest);
    let mut input = Input(&rest);
    match kind % 3 {
        0 => {
            let mut bytes = input.0.to_vec();
            seal(&mut bytes);
            bytes
        }
        1 => {
            let counts = [input.u8(), input.u8(), input.u8()];
            let lengths = [usize::from(input.u16()), usize::from(input.u16())];
            let (catalog, rest) = input.0.split_at(lengths[0].min(input.0.len()));
            let (index, blocks) = rest.split_at(lengths[1].min(rest.len()));
            assemble(catalog, index, blocks, counts)
        }
        _ => input.0.to_vec(),
    }
}

/// Input: an archive.
pub fn holds(input: &[u8]) {
    let Ok(archive) = Archive::from_bytes(bytes(input)) else { return };
    if archive.header().id == ID && check(&archive, Depth::Full, 1, &mut |_, _| ()).is_ok() {
        is_whole(&archive);
    }
}

/// Panics unless the blocks of an archive with the id [`ID`] hold what its index says and its restore can be planned.
pub fn is_whole(archive: &Archive) {
    CODER.with_borrow_mut(|Coder { decoder, rows, .. }| {
        for (table, index) in archive.catalog().tables.iter().zip(&archive.index().tables) {
            let (mut digest, mut count) = (Digest::default(), 0);
            for block in &index.blocks {
                decoder.decode(table, archive.block(block).unwrap(), rows).unwrap();
                count += digest.add_rows(table, rows).unwrap();
            }
            assert_eq!((digest, count), (index.digest, index.rows));
        }
    });
    is_planned(archive.catalog(), archive.index(), 2, true);
}

/// An archive, and the same one in parts.
pub fn seeds() -> Vec<Vec<u8>> {
    let bytes = archive();
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    let (catalog, index) = (archive.catalog(), archive.index());
    let blocks = index.tables.iter().flat_map(|table| &table.blocks);
    let start = blocks.map(|block| usize::try_from(block.offset).unwrap()).min().unwrap();
    let blocks = &bytes[start..start + usize::try_from(index.stored_bytes).unwrap()];
    // Blocks begin where the catalog ends, whose frame is longer when it is stored.
    let packed = encode_to_vec(catalog, standard()).unwrap();
    let moved = (60 + 32 + 1 + packed.len()) as u64 - start as u64;
    let mut index = index.clone();
    index.tables.iter_mut().flat_map(|table| &mut table.blocks).for_each(|block| block.offset += moved);
    let counts = [index.tables.len(), index.blocks as usize, index.rows as usize];
    let index = encode_to_vec(&index, standard()).unwrap();
    Archive::from_bytes(assemble(&packed, &index, blocks, counts.map(|count| count as u8))).unwrap();
    let mut parts = vec![1];
    parts.extend(counts.map(|count| u8::try_from(count).unwrap()));
    parts.extend([&packed, &index].map(|part| u16::try_from(part.len()).unwrap().to_le_bytes()).concat());
    parts.extend([&packed[..], &index, blocks].concat());
    vec![[&[0], &bytes[..]].concat(), parts, [&[2], &bytes[..]].concat()]
}
