//! Rows of catalog queries as plain values, read by column name, so that kinds can be tested without a server.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;

use super::Error;

/// One value of a catalog row. Catalog queries use only these types: bool, int2/int4/int8 and oid, text and name, text[].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// bool.
    Bool(bool),
    /// int2, int4, int8, oid.
    Int(i64),
    /// text, name, "char": mostly short.
    Text(CompactString),
    /// text[], name[]: no NULL elements.
    List(Box<[String]>),
}

/// A row of a catalog query.
#[derive(Debug, Clone)]
pub struct Row {
    query: &'static str,
    columns: Arc<[String]>,
    values: Box<[Value]>,
}

impl Row {
    /// A row of the query of that name; `columns` and `values` have the same length.
    pub fn new(query: &'static str, columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Row { query, columns, values: values.into() }
    }

    fn value(&self, column: &str) -> Result<&Value, Error> {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| self.values.get(at)).ok_or_else(|| self.problem(column, "is missing"))
    }

    /// The error that the value of that column is not what its reader knows.
    pub(super) fn problem(&self, column: &str, problem: &str) -> Error {
        Error::Row { query: self.query.to_owned(), column: column.to_owned(), problem: problem.to_owned() }
    }

    /// A text that is never NULL.
    pub fn text(&self, column: &str) -> Result<&str, Error> {
        self.opt_text(column)?.ok_or_else(|| self.problem(column, "is NULL"))
    }

    /// A text or NULL.
    pub fn opt_text(&self, column: &str) -> Result<Option<&str>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(self.problem(column, "is no text")),
        }
    }

    /// A whole number that is never NULL.
    pub fn int(&self, column: &str) -> Result<i64, Error> {
        self.opt_int(column)?.ok_or_else(|| self.problem(column, "is NULL"))
    }

    /// A whole number or NULL.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(int) => Ok(Some(*int)),
            _ => Err(self.problem(column, "is no whole number")),
        }
    }

    /// An OID that is never NULL; 0 stands for none, as in the catalog.
    pub fn oid(&self, column: &str) -> Result<u32, Error> {
        u32::try_from(self.int(column)?).map_err(|_| self.problem(column, "is no OID"))
    }

    /// A boolean that is never NULL.
    pub fn bool(&self, column: &str) -> Result<bool, Error> {
        match self.value(column)? {
            Value::Bool(bool) => Ok(*bool),
            _ => Err(self.problem(column, "is no boolean")),
        }
    }

    /// A list of texts; NULL reads as empty.
    pub fn list(&self, column: &str) -> Result<&[String], Error> {
        match self.value(column)? {
            Value::Null => Ok(&[]),
            Value::List(list) => Ok(list),
            _ => Err(self.problem(column, "is no list")),
        }
    }
}

/// The results of a kind's queries, by the name of the query.
#[derive(Debug, Default)]
pub struct Results {
    rows: BTreeMap<&'static str, Vec<Row>>,
    forgotten: BTreeSet<&'static str>,
}

impl Results {
    /// Adds a query's rows, after those that are there under that name.
    pub fn insert(&mut self, query: &'static str, rows: Vec<Row>) {
        match self.rows.entry(query) {
            Entry::Vacant(place) => drop(place.insert(rows)),
            Entry::Occupied(mut place) => place.get_mut().extend(rows),
        }
    }

    /// Keeps the rows, given with the name of their query, of which `keeps` says so.
    pub(super) fn retain(&mut self, keeps: impl Fn(&str, &Row) -> Result<bool, Error>) -> Result<(), Error> {
        let mut failure = Ok(());
        for (query, rows) in &mut self.rows {
            rows.retain(|row| match keeps(query, row) {
                Ok(keeps) => keeps,
                Err(error) => {
                    failure = Err(error);
                    false
                }
            });
        }
        failure
    }

    /// Gives the memory of a query's rows back: of many tables they take more than anything else.
    pub(super) fn forget(&mut self, query: &'static str) {
        self.rows.remove(query);
        self.forgotten.insert(query);
    }

    /// The rows of a query; none when the query was not asked.
    pub fn rows(&self, query: &str) -> &[Row] {
        debug_assert!(!self.forgotten.contains(query), "{query} is forgotten");
        self.rows.get(query).map_or(&[], Vec::as_slice)
    }
}
