//! How archives are called in a directory of backups: `DBNAME_2026-11-22T030000Z.pgsnap`. Pure.

use chrono::{DateTime, NaiveDateTime, Utc};

const EXTENSION: &str = ".pgsnap";
/// Behind the name of an archive that is much smaller than those before it.
const SUSPECT: &str = ".suspect";
const TIME: &str = "%Y-%m-%dT%H%M%SZ";

/// The name of an archive, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveName {
    /// The database.
    pub database: String,
    /// When its dump began, in whole seconds.
    pub at: DateTime<Utc>,
    /// Whether it is kept aside.
    pub is_suspect: bool,
}

impl ArchiveName {
    /// The name of a file, taken apart; none when it is not the name of an archive.
    pub fn parse(name: &str) -> Option<Self> {
        let (stem, is_suspect) = match name.strip_suffix(SUSPECT) {
            Some(stem) => (stem, true),
            None => (name, false),
        };
        let (database, at) = stem.strip_suffix(EXTENSION)?.rsplit_once('_')?;
        let at = NaiveDateTime::parse_from_str(at, TIME).ok()?.and_utc();
        let parsed = ArchiveName { database: decode(database)?, at, is_suspect };
        // There is one way to write it; whatever else reads the same is not ours.
        (parsed.file_name() == name).then_some(parsed)
    }

    /// The name of the file.
    pub fn file_name(&self) -> String {
        let suspect = if self.is_suspect { SUSPECT } else { "" };
        format!("{}_{}{EXTENSION}{suspect}", encode(&self.database), self.at.format(TIME))
    }
}

/// A name of a database as part of a file's name: what is not a letter, a digit, `-`, `_` or `.` becomes `%` and two hex digits,
/// and so does a dot that would hide the file. At most 189 bytes, since a name has at most 63.
pub fn encode(database: &str) -> String {
    let mut encoded = String::new();
    for (at, byte) in database.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match is_plain && !(at == 0 && byte == b'.') {
            true => encoded.push(char::from(byte)),
            false => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_plain_where_they_can_be() {
        let name = ArchiveName {
            database: "my_app-2.x".to_owned(),
            at: at("2026-11-22T03:00:00Z"),
            is_suspect: false,
        };
        assert_eq!(name.file_name(), "my_app-2.x_2026-11-22T030000Z.pgsnap");
        let suspect = ArchiveName { is_suspect: true, ..name };
        assert_eq!(suspect.file_name(), "my_app-2.x_2026-11-22T030000Z.pgsnap.suspect");
        assert_eq!(encode("../a b\n"), "%2E.%2Fa%20b%0A");
    }

    #[test]
    fn look_alikes_are_no_archives() {
        for name in [
            "app_2026-11-22T030000Z.pgsnap.gz",
            "app_2026-11-22T030000Z.pgsnap ",
            "app_2026-11-22T030000Z.PGSNAP",
            "app_2026-11-22.pgsnap",
            "app_2026-02-30T030000Z.pgsnap",
            "app_2026-11-22T030000.pgsnap",
            "app_ 2026-11-22T030000Z.pgsnap",
            "app_2026-11-22T30000Z.pgsnap",
            "_2026-11-22T030000Z.pgsnap",
            "a%70p_2026-11-22T030000Z.pgsnap",
            "a%2_2026-11-22T030000Z.pgsnap",
            "a b_2026-11-22T030000Z.pgsnap",
            ".app_2026-11-22T030000Z.pgsnap",
            "app_2026-11-22T030000Z.pgsnap.suspect.suspect",
            "copy of app_2026-11-22T030000Z.pgsnap",
        ] {
            assert_eq!(ArchiveName::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_database_has_a_name_of_its_own(database in "\\PC{1,20}|[\\x01-\\x7f]{1,63}", seconds in 0i64..4_000_000_000, is_suspect: bool) {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let name = ArchiveName { database, at, is_suspect };
            let file_name = name.file_name();
            prop_assert!(!file_name.contains('/') && !file_name.starts_with('.'));
            prop_assert_eq!(ArchiveName::parse(&file_name), Some(name));
        }
    }
}
