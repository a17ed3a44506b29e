//! Settings of roles and databases: from `name=value`, as pg_db_role_setting holds them, to statements.

use super::{Error, Row};
use crate::sql;

/// Variables whose value is a list of names, each quoted where it needs that (GUC_LIST_QUOTE, as of PostgreSQL 18). None of an
/// extension can be one.
const LISTS: [&str; 8] = [
    "local_preload_libraries",
    "oauth_validator_libraries",
    "output_plugin_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// The statements for the settings in a column of a row. `target` is what stands behind ALTER: `ROLE a IN DATABASE b`.
pub(super) fn statements(target: &str, row: &Row, column: &str) -> Result<Vec<String>, Error> {
    let statement = |setting: &&str| match setting.split_once('=') {
        Some((name, value)) => Ok(statement(target, name, value)),
        None => Err(row.problem(column, "has a setting without a value")),
    };
    row.list(column)?.iter().map(statement).collect()
}

fn statement(target: &str, name: &str, value: &str) -> String {
    let is_list = LISTS.iter().any(|list| list.eq_ignore_ascii_case(name));
    let elements = if is_list { elements(value) } else { None };
    let value = match elements {
        Some(elements) => elements.iter().map(|element| sql::literal(element)).collect::<Vec<_>>().join(", "),
        None => sql::literal(value),
    };
    format!("ALTER {target} SET {} TO {value}", sql::ident(name))
}

/// The elements of a list of names. None for what is no such list, the empty one included.
fn elements(list: &str) -> Option<Vec<String>> {
    let mut elements = Vec::new();
    let mut rest = list.trim();
    loop {
        let element;
        (element, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_element(quoted)?,
            None => {
                let end = rest.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(rest.len());
                (Some(rest[..end].to_owned()).filter(|element| !element.is_empty())?, &rest[end..])
            }
        };
        elements.push(element);
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(elements);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// An element behind its first quote, and what follows its last one.
fn quoted_element(mut rest: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    loop {
        let (before, behind) = rest.split_once('"')?;
        element.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                element.push('"');
                rest = more;
            }
            None => return Some((element, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_literal() {
        assert_eq!(statement("ROLE a", "work_mem", "64MB"), "ALTER ROLE a SET work_mem TO '64MB'");
        assert_eq!(
            statement("ROLE a", "my.Odd", "it's = , \"x\""),
            r#"ALTER ROLE a SET "my.Odd" TO 'it''s = , "x"'"#
        );
    }

    #[test]
    fn a_list_is_a_literal_for_each_element() {
        let set = |value| statement("DATABASE d", "search_path", value);
        assert_eq!(set(r#""$user", public"#), "ALTER DATABASE d SET search_path TO '$user', 'public'");
        assert_eq!(set(r#""a ""b"", c",d"#), r#"ALTER DATABASE d SET search_path TO 'a "b", c', 'd'"#);
        assert_eq!(set(r#""""#), "ALTER DATABASE d SET search_path TO ''");
        assert_eq!(set(""), "ALTER DATABASE d SET search_path TO ''");
        assert!(statement("ROLE a", "Search_Path", "a, b").ends_with("'a', 'b'"));
    }

    #[test]
    fn what_is_no_list_stays_one_value() {
        for value in ["a,,b", "\"a", "a b", ","] {
            assert_eq!(elements(value), None, "{value}");
        }
    }
}
