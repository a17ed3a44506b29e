//! The password file, `~/.pgpass`: lines of `host:port:database:user:password`.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Error, Result};

/// A password. Debug does not show it, and there is no Display.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The lines of a password file.
#[derive(Clone, Default)]
pub(super) struct PassFile {
    lines: Vec<[Option<String>; 4]>,
    passwords: Vec<Secret>,
}

impl fmt::Debug for PassFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassFile({} lines)", self.lines.len())
    }
}

impl PassFile {
    /// The file at `path`, or no lines if there is none. As libpq does, a file that others may read is ignored
    /// with a warning.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let Ok(metadata) = path.metadata() else {
            return Ok(Self::default());
        };
        if !metadata.is_file() {
            tracing::warn!("password file {} is not a plain file: ignored", path.display());
            return Ok(Self::default());
        }
        if metadata.mode() & 0o077 != 0 {
            tracing::warn!(
                "password file {} can be read by others: ignored; chmod 0600 makes it usable",
                path.display()
            );
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::Usage(format!("cannot read the password file {}: {error}", path.display()))
        })?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut file = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = split(line).into_iter();
            let (Some(host), Some(port), Some(database), Some(user), Some(password)) =
                (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            file.lines.push([host, port, database, user].map(|field| (field != "*").then_some(field)));
            file.passwords.push(Secret(unescape(&password)));
        }
        file
    }

    /// The password of the first line that matches.
    pub(super) fn find(&self, host: &str, port: u16, database: &str, user: &str) -> Option<&Secret> {
        let port = port.to_string();
        let wanted = [host, &port, database, user];
        self.lines
            .iter()
            .position(|line| {
                line.iter()
                    .zip(wanted)
                    .all(|(pattern, value)| pattern.as_ref().is_none_or(|pattern| unescape(pattern) == value))
            })
            .and_then(|at| self.passwords.get(at))
    }
}

/// The fields of a line, still escaped, so that an escaped `\*` stays different from `*`.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        // The password is the rest of the line: a colon in it needs no escape, though it may have one.
        if character == ':' && fields.len() < 5 {
            fields.push(String::new());
        } else if let Some(field) = fields.last_mut() {
            field.push(character);
            if character == '\\' {
                field.extend(characters.next());
            }
        }
    }
    fields
}

fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn find(file: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        PassFile::parse(file).find(host, port, database, user).map(|secret| secret.0.clone())
    }

    #[test]
    fn the_first_matching_line_wins() {
        let file = "# comment\nh:5432:d:u:one\n\nshort:line\n*:*:d:u:two\n*:*:*:*:three\n";
        assert_eq!(find(file, "h", 5432, "d", "u").as_deref(), Some("one"));
        assert_eq!(find(file, "h", 5433, "d", "u").as_deref(), Some("two"));
        assert_eq!(find(file, "x", 1, "y", "z").as_deref(), Some("three"));
        assert_eq!(find("h:1:d:u:p", "h", 1, "d", "v"), None);
    }

    #[test]
    fn escapes_are_undone() {
        let file = r"\:\:1:5432:a\\b:\*:p\:q\\r";
        assert_eq!(find(file, "::1", 5432, r"a\b", "*").as_deref(), Some(r"p:q\r"));
        assert_eq!(find(file, "::1", 5432, r"a\b", "anyone"), None);
    }

    #[test]
    fn a_colon_in_the_password_needs_no_escape() {
        assert_eq!(find("h:1:d:u:p:q", "h", 1, "d", "u").as_deref(), Some("p:q"));
    }

    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        for (mode, lines) in [(0o600, 1), (0o640, 0), (0o604, 0)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(PassFile::read(&path).unwrap().lines.len(), lines, "{mode:o}");
        }
        assert!(PassFile::read(&directory.path().join("none")).unwrap().lines.is_empty());
    }

    #[test]
    fn debug_hides_passwords() {
        let file = PassFile::parse("h:1:d:u:canary");
        assert!(!format!("{file:?} {:?}", file.find("h", 1, "d", "u")).contains("canary"));
    }
}
