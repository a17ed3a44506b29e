//! Statement text: identifiers and literals. Nothing else in the crate quotes user-controlled text.
//!
//! A text that holds NUL cannot come from a server, and the protocol has no way to send one: it is kept as it is, and the
//! client library refuses the statement before anything is sent.

mod keywords;
pub mod large_object;
mod tokens;

use keywords::KEYWORDS;
pub use tokens::{for_psql, name, tokens};

/// The schema in which a restore notes what it has done, until it has done everything.
pub const RESTORE_NOTE: &str = "pgsnap_restore";

/// `name` as an identifier: as it is when that is safe on every server version, else in double quotes.
pub fn ident(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// `schema.name`, each part as [`ident`] gives it.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// `text` as a string literal that reads the same with and without standard_conforming_strings.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// Names of columns as a list.
pub fn idents<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(ident).collect::<Vec<_>>().join(", ")
}

/// The identifiers of a list such as a search_path: `"$user", public`. What is wrong at the end of the list is left out.
pub fn identifiers(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut chars = list.chars().peekable();
    while let Some(char) = chars.next() {
        let mut name = String::new();
        match char {
            '"' => {
                while let Some(char) = chars.next() {
                    if char == '"' && chars.next_if_eq(&'"').is_none() {
                        break;
                    }
                    name.push(char);
                }
            }
            ',' => continue,
            char if char.is_whitespace() => continue,
            char => {
                name.push(char.to_ascii_lowercase());
                while let Some(char) = chars.next_if(|char| *char != ',' && !char.is_whitespace()) {
                    name.push(char.to_ascii_lowercase());
                }
            }
        }
        names.push(name);
    }
    names
}

fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_');
    starts
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && KEYWORDS.binary_search(&name).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn keywords_are_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted());
        assert!(KEYWORDS.binary_search(&"select").is_ok());
    }

    #[test]
    fn plain_names_stay_and_others_are_quoted() {
        assert_eq!(ident("events_2"), "events_2");
        assert_eq!(ident("_x"), "_x");
        for name in ["", "2x", "User", "user", "a b", "é", "a$b", "a\nb", "json_table"] {
            assert_eq!(ident(name), format!("\"{name}\""));
        }
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(qualified("Odd \"s\"", "t"), "\"Odd \"\"s\"\"\".t");
    }

    #[test]
    fn a_search_path_is_taken_apart() {
        assert_eq!(identifiers("\"$user\", public"), ["$user", "public"]);
        assert_eq!(identifiers(" Aa,\"B\"\"b, c\"\t,d"), ["aa", "B\"b, c", "d"]);
        assert_eq!(identifiers(""), [] as [&str; 0]);
        assert_eq!(identifiers("\"\""), [""]);
    }

    #[test]
    fn literals_with_backslashes_do_not_depend_on_settings() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
        assert_eq!(literal(""), "''");
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn nul_is_refused_by_the_protocol() {
        let mut buffer = bytes::BytesMut::new();
        for text in [ident("a\0b"), literal("a\0b")] {
            assert!(postgres_protocol::message::frontend::query(&text, &mut buffer).is_err());
        }
    }

    /// What the server's scanner makes of a quoted identifier; none when something is left over.
    fn scan(quoted: &str, quote: char) -> Option<String> {
        let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
        let mut chars = inner.chars();
        let mut text = String::new();
        while let Some(char) = chars.next() {
            if char == quote && chars.next() != Some(quote) {
                return None;
            }
            text.push(char);
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn identifiers_read_back(name in "(\\PC|[\"'\\\\\n a-z]){0,12}") {
            let quoted = ident(&name);
            if quoted.starts_with('"') {
                prop_assert_eq!(scan(&quoted, '"'), Some(name));
            } else {
                prop_assert_eq!(&quoted, &name);
                prop_assert!(!quoted.is_empty() && quoted.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()));
            }
        }

        #[test]
        fn literals_read_back(text in "(\\PC|[\"'\\\\\n a-z]){0,12}") {
            let quoted = literal(&text);
            let read = match quoted.strip_prefix('E') {
                Some(escaped) => scan(escaped, '\'').map(|inner| inner.replace("\\\\", "\\")),
                None => { prop_assert!(!quoted.contains('\\')); scan(&quoted, '\'') }
            };
            prop_assert_eq!(read, Some(text));
        }
    }
}
