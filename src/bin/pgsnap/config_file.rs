//! A file that says what several dumps are asked to do, in the words of the command line.
//!
//! The command line of each is put together and read as if it had been typed: so the file knows every option, and no other word.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::Parser;
use pgsnap::Error;
use toml::{Table, Value};

use crate::args::{Cli, Command, Dump};
use crate::{holds_password, usage};

/// The table of a dump: `[[database]]`. What stands above the first is said of all.
const DUMP: &str = "database";

/// The dumps that a file asks for. What is typed beside the file holds for all of them, and what the file says holds over that.
pub fn read(path: &Path) -> Result<Vec<Dump>, Error> {
    let wrong = |what: String| usage(&format!("{}: {what}", path.display()));
    let text = read_safely(path).map_err(wrong)?;
    // Not the line itself: there may be a password in it.
    let at = |error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("line {}: {}", before.lines().count().max(1), error.message())
    };
    let mut table: Table = text.parse().map_err(|error| wrong(at(error)))?;
    let dumps = match table.remove(DUMP) {
        Some(Value::Array(dumps)) if !dumps.is_empty() => dumps,
        _ => return Err(wrong("it says nothing: a [[database]] for each dump is missing".to_owned())),
    };
    let read = |(number, dump): (usize, Value)| {
        let Value::Table(own) = dump else { return Err(wrong("a [[database]] is no table".to_owned())) };
        let mut options = table.clone();
        options.extend(own);
        let wrong = |what: String| wrong(format!("database {}: {what}", number + 1));
        let mut words = typed();
        words.extend(arguments(&options).map_err(wrong)?);
        match Cli::try_parse_from(words).map_err(|error| wrong(error.to_string()))?.command {
            Command::Dump(dump) if dump.config.is_none() => Ok(*dump),
            _ => Err(wrong("a file does not name another one".to_owned())),
        }
    };
    dumps.into_iter().enumerate().map(read).collect()
}

/// Whoever may write to it says what is run, as what user.
fn read_safely(path: &Path) -> Result<String, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    let us = rustix::process::geteuid().as_raw();
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("others may write to it (mode {:o}): chmod go-w", metadata.mode() & 0o7777));
    }
    if metadata.uid() != us && metadata.uid() != 0 {
        return Err(format!(
            "it belongs to the user with the id {}, and this is run by {us}",
            metadata.uid()
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The command line without the file.
fn typed() -> Vec<OsString> {
    let mut words = Vec::new();
    let mut all = std::env::args_os();
    while let Some(word) = all.next() {
        if word == "--config" {
            all.next();
        } else if !word.to_string_lossy().starts_with("--config=") {
            words.push(word);
        }
    }
    words
}

/// The options of a table as they would be typed: `jobs = 2`, `quiet = true`, `table = ["a", "b"]`.
/// What is not wanted is left out: `false` would have to be known of every option.
fn arguments(options: &Table) -> Result<Vec<OsString>, String> {
    let mut words = Vec::new();
    for (name, value) in options {
        if name == "password" && value.is_str() {
            return Err("a password has no place in a file: use ~/.pgpass or password-command".to_owned());
        }
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::Boolean(true) => words.push(format!("--{name}").into()),
                Value::Integer(number) => words.push(format!("--{name}={number}").into()),
                Value::String(text) if holds_password(text) => {
                    return Err(format!("a password in {name}: use ~/.pgpass or password-command"));
                }
                Value::String(text) => words.push(format!("--{name}={text}").into()),
                _ => return Err(format!("{name} is neither a text, a whole number nor true")),
            }
        }
    }
    Ok(words)
}
