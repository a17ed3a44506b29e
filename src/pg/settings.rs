//! The settings of a session: everything that can change a byte of what is read, or the meaning of what is sent. Pure.
//!
//! A database, a role or a pooler may have other values; so all are set explicitly, also where they are defaults.

use std::fmt::Write as _;

use super::version::Version;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading the catalog and COPY TO STDOUT.
    Dump,
    /// DDL and COPY FROM STDIN.
    Restore,
}

struct Setting {
    name: &'static str,
    value: &'static str,
    /// The first major version that knows it.
    since: u32,
    /// The only purpose it is for, if any.
    only: Option<Purpose>,
}

const fn both(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value, since: 13, only: None }
}

const fn dump(name: &'static str, value: &'static str) -> Setting {
    Setting { only: Some(Purpose::Dump), ..both(name, value) }
}

const fn restore(name: &'static str, value: &'static str) -> Setting {
    Setting { only: Some(Purpose::Restore), ..both(name, value) }
}

const fn since(since: u32, setting: Setting) -> Setting {
    Setting { since, ..setting }
}

const SETTINGS: &[Setting] = &[
    // First: nothing that follows may be caught by an object in a schema of the search path (CVE-2018-1058).
    both("search_path", "''"),
    // An error instead of missing rows.
    both("row_security", "off"),
    both("statement_timeout", "0"),
    both("lock_timeout", "0"),
    both("idle_in_transaction_session_timeout", "0"),
    since(14, both("idle_session_timeout", "0")),
    // A statement whose client has gone away (a signal, kill -9) ends, even while it waits for a lock.
    since(14, both("client_connection_check_interval", "'2s'")),
    since(17, both("transaction_timeout", "0")),
    // The form of values in COPY text and in DDL.
    both("datestyle", "'ISO'"),
    both("intervalstyle", "'postgres'"),
    both("timezone", "'UTC'"),
    both("extra_float_digits", "3"),
    both("bytea_output", "'hex'"),
    both("xmlbinary", "'base64'"),
    both("xmloption", "'content'"),
    both("array_nulls", "on"),
    both("lc_monetary", "'C'"),
    // How SQL text is read and written.
    both("standard_conforming_strings", "on"),
    both("escape_string_warning", "off"),
    both("backslash_quote", "'safe_encoding'"),
    both("transform_null_equals", "off"),
    both("quote_all_identifiers", "off"),
    both("client_min_messages", "'warning'"),
    both("default_transaction_isolation", "'read committed'"),
    both("default_transaction_deferrable", "off"),
    both("jit", "off"),
    dump("default_transaction_read_only", "on"),
    dump("synchronize_seqscans", "off"),
    // Catalogs of many tables are sorted and joined in memory.
    dump("work_mem", "'64MB'"),
    // The sessions of a dump are its parallel workers.
    dump("max_parallel_workers_per_gather", "0"),
    restore("default_transaction_read_only", "off"),
    restore("check_function_bodies", "off"),
    restore("plpgsql.extra_errors", "'none'"),
    restore("plpgsql.extra_warnings", "'none'"),
    restore("default_tablespace", "''"),
    restore("default_table_access_method", "'heap'"),
    since(14, restore("default_toast_compression", "'pglz'")),
    restore("synchronous_commit", "off"),
    restore("vacuum_cost_delay", "0"),
];

/// The statements that prepare a session, for one round trip.
///
/// `encoding` is the database's. SQL_ASCII means bytes of no known encoding, which the server would refuse to hand out
/// as UTF8.
pub(super) fn statements(purpose: Purpose, version: Version, encoding: &str) -> String {
    let mut sql = String::new();
    let wanted = SETTINGS.iter().filter(|setting| {
        setting.since <= version.major() && setting.only.is_none_or(|only| only == purpose)
    });
    for setting in wanted {
        // Writing to a String cannot fail.
        let _ = writeln!(sql, "SET {} = {};", setting.name, setting.value);
    }
    let client_encoding = if encoding == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" };
    let _ = writeln!(sql, "SET client_encoding = '{client_encoding}';");
    if purpose == Purpose::Dump {
        // A view in the place of a table would run its functions as the dumping user (CVE-2024-7348). Came with minor
        // releases, so the server is asked whether it knows it.
        sql.push_str(
            "SELECT pg_catalog.set_config(name, 'view, foreign-table', false) FROM pg_catalog.pg_settings \
             WHERE name = 'restrict_nonsystem_relation_kind';",
        );
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_path_comes_first() {
        for purpose in [Purpose::Dump, Purpose::Restore] {
            let sql = statements(purpose, Version::new(150_000), "UTF8");
            assert!(sql.starts_with("SET search_path = '';\nSET row_security = off;\n"));
        }
    }

    #[test]
    fn a_server_gets_only_what_it_knows() {
        let names = |number| statements(Purpose::Restore, Version::new(number), "UTF8");
        assert!(!names(130_000).contains("idle_session_timeout"));
        assert!(!names(130_000).contains("default_toast_compression"));
        assert!(names(140_000).contains("SET idle_session_timeout = 0;"));
        assert!(!names(160_004).contains("SET transaction_timeout"));
        assert!(names(170_000).contains("SET transaction_timeout = 0;"));
    }

    #[test]
    fn a_dump_cannot_write_and_a_restore_can() {
        let dump = statements(Purpose::Dump, Version::new(180_000), "UTF8");
        let restore = statements(Purpose::Restore, Version::new(180_000), "UTF8");
        assert!(dump.contains("SET default_transaction_read_only = on;"));
        assert!(dump.contains("restrict_nonsystem_relation_kind"));
        assert!(!dump.contains("check_function_bodies"));
        assert!(restore.contains("SET default_transaction_read_only = off;"));
        assert!(restore.contains("SET check_function_bodies = off;"));
        assert!(!restore.contains("restrict_nonsystem_relation_kind"));
    }

    #[test]
    fn sql_ascii_stays_bytes() {
        let encoding = |of| statements(Purpose::Dump, Version::new(150_000), of);
        assert!(encoding("SQL_ASCII").contains("client_encoding = 'SQL_ASCII'"));
        assert!(encoding("LATIN1").contains("client_encoding = 'UTF8'"));
    }
}
