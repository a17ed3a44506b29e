//! What is salvaged of an archive is sound, and all of it when nothing is wrong with it; otherwise the losses are named.

use pgsnap::archive::check::{Depth, check};
use pgsnap::archive::{Archive, salvage};

use super::forge::ID;
use super::open_archive::{bytes, is_whole};

/// Input: an archive.
pub fn holds(input: &[u8]) {
    let bytes = bytes(input);
    let sound = |archive: &Archive| check(archive, Depth::Full, 1, &mut |_, _| ()).is_ok();
    let whole = Archive::from_bytes(bytes.clone()).ok().filter(sound);
    let salvaged = salvage::from_bytes(bytes, 1, &mut |_, _| ());
    if let Some(whole) = &whole {
        let salvaged = salvaged.as_ref().unwrap();
        assert!(!salvaged.scanned && salvaged.damages.is_empty());
        assert!(whole.catalog() == salvaged.archive.catalog() && whole.index() == salvaged.archive.index());
    } else if let Ok(salvaged) = salvaged {
        assert!(!salvaged.damages.is_empty());
        assert_eq!(check(&salvaged.archive, Depth::Full, 1, &mut |_, _| ()), Ok(()));
        if salvaged.archive.header().id == ID {
            is_whole(&salvaged.archive);
        }
    }
}
