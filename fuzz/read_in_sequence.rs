//! An archive that comes through a pipe is refused when the same archive in a file is, and tells the same when it is not.

use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{Archive, BlockDecoder, Contents, Error, Index, SequentialReader};

use super::open_archive::bytes;

fn read(bytes: &[u8]) -> Result<Index, Error> {
    let mut reader = SequentialReader::open(bytes)?;
    let catalog = reader.catalog().clone();
    let mut contents = Contents::new(&catalog);
    let mut decoder = BlockDecoder::new(reader.header().id)?;
    let mut rows = Vec::new();
    while let Some((block, ())) = reader.next_block(|_| ())? {
        let table = &catalog.tables[block.info.table as usize];
        let content = block.read(&mut decoder, table, &mut rows)?;
        contents.add(&catalog, &block, content);
    }
    reader.finish(contents)
}

/// Input: an archive.
pub fn holds(input: &[u8]) {
    let bytes = bytes(input);
    let found = read(&bytes);
    let archive = Archive::from_bytes(bytes);
    let sound = |archive: &Archive| check(archive, Depth::Full, 1, &mut |_, _| ()).is_ok();
    match archive.ok().filter(sound) {
        Some(archive) => assert!(found.unwrap() == *archive.index()),
        None => assert!(found.is_err()),
    }
}
