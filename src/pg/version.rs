//! The version of a server.

use std::fmt;

/// A server's `server_version_num`: 150018 is 15.18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u32);

impl Version {
    /// The oldest server that is served.
    pub const OLDEST: Version = Version(130_000);
    /// The newest major version this program was tested with.
    pub const NEWEST_MAJOR: u32 = 18;

    /// From `server_version_num`.
    #[must_use]
    pub const fn new(server_version_num: u32) -> Self {
        Self(server_version_num)
    }

    /// `server_version_num`.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// 15 of 15.18.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.0 / 10_000
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_its_number() {
        let version = Version::new(150_018);
        assert_eq!(version.major(), 15);
        assert_eq!(version.to_string(), "15.18");
        assert!(version > Version::OLDEST);
        assert!(Version::new(120_022) < Version::OLDEST);
    }
}
