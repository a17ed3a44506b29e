//! The properties that the fuzz targets hold, one module each: `holds` panics when its property does not, `seeds` gives
//! inputs from which most of it is reached. `tests/fuzz.rs` runs the same for a few seconds, without a fuzzer.

// plan_restore includes a part of the library that says crate::archive.
pub use pgsnap::archive;

pub mod decode_block;
pub mod forge;
pub mod open_archive;
pub mod plan_restore;
pub mod read_in_sequence;
pub mod reencode;
pub mod salvage;
pub mod split_rows;

/// A property that must hold for every input, and inputs to begin with.
pub struct Target {
    /// The name of the fuzz target.
    pub name: &'static str,
    /// Panics where the property does not hold.
    pub holds: fn(&[u8]),
    /// Inputs that are worth changing.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target { name: "decode_block", holds: decode_block::holds, seeds: decode_block::seeds },
    Target { name: "open_archive", holds: open_archive::holds, seeds: open_archive::seeds },
    Target { name: "plan_restore", holds: plan_restore::holds, seeds: plan_restore::seeds },
    Target { name: "read_in_sequence", holds: read_in_sequence::holds, seeds: open_archive::seeds },
    Target { name: "reencode", holds: reencode::holds, seeds: reencode::seeds },
    Target { name: "salvage", holds: salvage::holds, seeds: open_archive::seeds },
    Target { name: "split_rows", holds: split_rows::holds, seeds: split_rows::seeds },
];

/// Takes numbers from the front of an input; past its end everything is zero.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
