//! An archive as a script for psql: what a restore would run, with the rows as COPY text. Needs no server.

mod types;
mod values;

use std::io::{self, Write};

use crate::archive::{Archive, BlockDecoder, Catalog, Column, Entry, Pass, Table, Transfer};
use crate::copy_rows::{Format, fields};
use crate::sql;
use types::Types;
use values::Type;

/// Entries that call functions which came with PostgreSQL 18.
const STATISTICS_DATA: &str = "STATISTICS DATA";

/// What a script needs before its first statement: that nothing of the session changes what the statements mean.
const SETTINGS: &str = "\\set ON_ERROR_STOP on
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = off;
SET xmloption = content;
SET lc_monetary = 'C';
SET client_min_messages = warning;
SET row_security = off;
";

/// What a script says of owners and places.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether objects are given to their owners.
    pub owners: bool,
    /// Whether tablespaces are named.
    pub tablespaces: bool,
}

/// Why there is no script, or only the beginning of one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] crate::archive::Error),
    /// The script cannot be written.
    #[error("could not write the script: {0}")]
    Write(#[from] io::Error),
    /// Statements that psql would take for something else.
    #[error(
        "{object}: psql could take a part of its statement for a command of its own. Leave the object out, or restore without --sql"
    )]
    Unsafe {
        /// Kind, schema and name.
        object: String,
    },
    /// Columns whose values cannot be written as text.
    #[error(
        "the rows of {} tables cannot be written as text, for the archive does not define their types: leave them out, or restore without --sql{}",
        columns.len(),
        columns.iter().map(|column| format!("\n  {column}")).collect::<String>()
    )]
    UnknownTypes {
        /// The first such column of each table, with its type.
        columns: Vec<String>,
    },
    /// A value that is none of its type.
    #[error(
        "table {table}, column {column}: a value that is no {type_name}. The script is incomplete: do not use it"
    )]
    Value {
        /// Schema and name.
        table: String,
        /// Its name.
        column: String,
        /// The name of its type.
        type_name: String,
    },
}

/// Writes the script of the entries that `wanted` lets through by their places; returns how many there are. The
/// archive is sound.
///
/// # Errors
///
/// Before the first byte, [`Error::UnknownTypes`] and [`Error::Unsafe`]; after any other error the script is incomplete.
pub fn write(
    archive: &Archive,
    wanted: impl Fn(usize) -> bool,
    options: Options,
    out: &mut dyn Write,
) -> Result<usize, Error> {
    let catalog = archive.catalog();
    let mut types = Types::new(catalog);
    let passes = [Pass::Main, Pass::Acl, Pass::PostAcl].map(|pass| {
        let entries = catalog.entries.iter().enumerate();
        let entries = entries.filter(|(place, entry)| entry.pass == pass && wanted(*place));
        entries.map(|(_, entry)| entry).collect::<Vec<_>>()
    });
    let entries = passes.concat();
    let (statistics, entries): (Vec<&Entry>, Vec<&Entry>) =
        entries.into_iter().partition(|entry| entry.kind == STATISTICS_DATA);
    check(catalog, &mut types, entries.iter().chain(&statistics))?;
    let objects = entries.len() + statistics.len();
    let mut script = Script { archive, types, options, tablespace: "", access_method: "heap", out };
    script.begin()?;
    for entry in entries {
        script.entry(entry)?;
    }
    if !statistics.is_empty() {
        let takes = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 180000 AS takes_statistics \\gset";
        writeln!(script.out, "\n{takes}\n\\if :takes_statistics")?;
        for entry in statistics {
            script.entry(entry)?;
        }
        writeln!(script.out, "\\endif")?;
    }
    script.out.flush()?;
    Ok(objects)
}

/// For each table of a catalog whether a script can hold its rows in their binary form; if not, the first column whose values only a
/// server can write as text.
pub fn unknown_columns(catalog: &Catalog) -> impl Iterator<Item = Option<&Column>> {
    let mut types = Types::new(catalog);
    catalog.tables.iter().map(move |table| types.unknown(table))
}

/// Everything that could end a script in its middle.
fn check<'a: 'b, 'b>(
    catalog: &'a Catalog,
    types: &mut Types<'a>,
    entries: impl Iterator<Item = &'b &'a Entry>,
) -> Result<(), Error> {
    let mut columns = Vec::new();
    for entry in entries {
        // Behind a COPY psql would take the statements that follow for rows.
        let is_copy = |text: &str| {
            sql::tokens(text)
                .is_some_and(|words| matches!(words.first(), Some(word) if word.eq_ignore_ascii_case("COPY")))
        };
        let is_unsafe = |text: &String| sql::for_psql(text).is_none() || is_copy(text);
        if entry.create.iter().chain(&entry.owned).any(is_unsafe) {
            return Err(Error::Unsafe { object: entry.label() });
        }
        let table = entry.table.and_then(|number| catalog.tables.get(number as usize));
        if let Some((table, column)) = table.and_then(|table| Some((table, types.unknown(table)?))) {
            columns.push(format!("{}, column {} of type {}", table.label(), column.name, column.type_name));
        }
    }
    if columns.is_empty() { Ok(()) } else { Err(Error::UnknownTypes { columns }) }
}

struct Script<'a> {
    archive: &'a Archive,
    types: Types<'a>,
    options: Options,
    /// What tables are created with now.
    tablespace: &'a str,
    access_method: &'a str,
    out: &'a mut dyn Write,
}

impl<'a> Script<'a> {
    fn begin(&mut self) -> Result<(), Error> {
        let source = &self.archive.catalog().source;
        let (version, database) = (&source.server_version, &source.database);
        writeln!(self.out, "-- Database {} of PostgreSQL {}", in_comment(database), in_comment(version))?;
        writeln!(self.out, "-- For an empty database: psql -X -f FILE DBNAME\n")?;
        Ok(self.out.write_all(SETTINGS.as_bytes())?)
    }

    fn statement(&mut self, statement: &str, object: impl Fn() -> String) -> Result<(), Error> {
        let Some(statement) = sql::for_psql(statement) else {
            return Err(Error::Unsafe { object: object() });
        };
        Ok(writeln!(self.out, "{statement};")?)
    }

    fn entry(&mut self, entry: &'a Entry) -> Result<(), Error> {
        let label = || entry.label();
        writeln!(self.out, "\n-- {}", in_comment(&label()))?;
        if let Some(tablespace) =
            entry.tablespace.as_deref().filter(|name| self.options.tablespaces && *name != self.tablespace)
        {
            self.tablespace = tablespace;
            self.statement(&format!("SET default_tablespace = {}", sql::literal(tablespace)), label)?;
        }
        if let Some(method) = entry.access_method.as_deref().filter(|name| *name != self.access_method) {
            self.access_method = method;
            self.statement(&format!("SET default_table_access_method = {}", sql::literal(method)), label)?;
        }
        for statement in &entry.create {
            self.statement(statement, label)?;
        }
        if let (true, Some(owned), Some(owner)) = (self.options.owners, &entry.owned, &entry.owner) {
            self.statement(&format!("ALTER {owned} OWNER TO {}", sql::ident(owner)), label)?;
        }
        let table = entry.table.map(|number| (number, self.archive.table(number)));
        match table {
            Some((number, Some(table))) if entry.holds_large_objects() => self.large_objects(number, table),
            Some((number, Some(table))) => self.rows(number, table),
            _ => Ok(()),
        }
    }

    /// The contents of large objects: rows of an OID, an offset and bytes.
    fn large_objects(&mut self, number: u32, table: &Table) -> Result<(), Error> {
        let mut decoder = BlockDecoder::new(self.archive.header().id)?;
        let (mut rows, types) = (Vec::new(), [Type::Unsigned, Type::Integer, Type::Bytea]);
        for block in self.archive.index().tables.get(number as usize).iter().flat_map(|index| &index.blocks) {
            decoder.decode(table, self.archive.block(block)?, &mut rows)?;
            self.archive.give_back(block);
            let mut walker = fields(Format::Binary, types.len(), &rows);
            let in_table = |source| crate::archive::Error::Rows { table: table.label(), source };
            while let Some(row) = walker.next_row().map_err(in_table)? {
                let mut values = Vec::new();
                for ((field, of), column) in row.fields.iter().zip(&types).zip(&table.columns) {
                    let mut value = Vec::new();
                    let rendered = field.and_then(|field| values::render(of, field, &mut value));
                    rendered.ok_or_else(|| no_value(table, column))?;
                    values.push(String::from_utf8_lossy(&value).into_owned());
                }
                writeln!(self.out, "SELECT pg_catalog.lo_put('{}');", values.join("', '"))?;
            }
        }
        Ok(())
    }

    fn rows(&mut self, number: u32, table: &Table) -> Result<(), Error> {
        // The rows are in the encoding of the source, the statement is in UTF8.
        let encoding = match self.archive.catalog().source.encoding.as_str() {
            "UTF8" => String::new(),
            other => format!(" WITH (ENCODING {})", sql::literal(other)),
        };
        let (schema, name) =
            table.root.as_ref().map_or((&table.schema, &table.name), |(schema, name)| (schema, name));
        let columns = sql::idents(table.column_names());
        let columns = if columns.is_empty() { columns } else { format!(" ({columns})") };
        let relation = sql::qualified(schema, name);
        self.statement(&format!("COPY {relation}{columns} FROM stdin{encoding}"), || table.label())?;
        let types = table.columns.iter().map(|column| self.types.find(&column.type_name));
        let types = match table.transfer {
            Transfer::Binary => types.collect(),
            Transfer::Text => Vec::new(),
        };
        let mut decoder = BlockDecoder::new(self.archive.header().id)?;
        let (mut rows, mut text) = (Vec::new(), Vec::new());
        for block in self.archive.index().tables.get(number as usize).iter().flat_map(|index| &index.blocks) {
            decoder.decode(table, self.archive.block(block)?, &mut rows)?;
            self.archive.give_back(block);
            match table.transfer {
                Transfer::Text => self.out.write_all(&rows)?,
                Transfer::Binary => {
                    text.clear();
                    lines(table, &types, &rows, &mut text)?;
                    self.out.write_all(&text)?;
                }
            }
        }
        Ok(self.out.write_all(b"\\.\n")?)
    }
}

/// Appends rows of COPY BINARY as lines of COPY text.
fn lines(table: &Table, types: &[Option<Type>], rows: &[u8], text: &mut Vec<u8>) -> Result<(), Error> {
    let in_table = |source| crate::archive::Error::Rows { table: table.label(), source };
    let mut walker = fields(Format::Binary, table.columns.len(), rows);
    let mut value = Vec::new();
    while let Some(row) = walker.next_row().map_err(in_table)? {
        for (at, ((field, of), column)) in row.fields.iter().zip(types).zip(&table.columns).enumerate() {
            if at > 0 {
                text.push(b'\t');
            }
            let Some(field) = field else {
                text.extend_from_slice(b"\\N");
                continue;
            };
            value.clear();
            let rendered = of.as_ref().and_then(|of| values::render(of, field, &mut value));
            rendered.ok_or_else(|| no_value(table, column))?;
            escape(&value, text);
        }
        text.push(b'\n');
    }
    Ok(())
}

fn no_value(table: &Table, column: &Column) -> Error {
    Error::Value { table: table.label(), column: column.name.clone(), type_name: column.type_name.clone() }
}

/// A field of COPY text.
fn escape(value: &[u8], text: &mut Vec<u8>) {
    for byte in value {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0b => b'v',
            0x0c => b'f',
            0x0d => b'r',
            _ => {
                text.push(*byte);
                continue;
            }
        };
        text.extend_from_slice(&[b'\\', letter]);
    }
}

/// A text that cannot end the comment it stands in.
fn in_comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
