//! Rows of catalog queries as plain values, read by column name, so that kinds can be tested without a server.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Error;

/// One value of a catalog row. Catalog queries use only these types: bool, int2/int4/int8 and oid, text and name, text[].
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// bool.
    Bool(bool),
    /// int2, int4, int8, oid.
    Int(i64),
    /// text, name, "char".
    Text(&'a str),
    /// text[], name[]: no NULL elements.
    List(Vec<&'a str>),
}

/// Values one behind the other, each behind a tag: of many tables there are millions, and most of them are short.
#[derive(Debug, Default)]
pub struct Packed(Vec<u8>);

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const OID: u8 = 3;
const INT: u8 = 4;
const TEXT: u8 = 5;
const LIST: u8 = 6;
/// In place of the length of a text: it stands behind, in four bytes.
const LONG: u8 = u8::MAX;

impl Packed {
    /// Adds a value.
    pub fn push(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.0.push(NULL),
            Value::Bool(false) => self.0.push(FALSE),
            Value::Bool(true) => self.0.push(TRUE),
            Value::Int(int) => match u32::try_from(*int) {
                Ok(oid) => self.push_tagged(OID, &oid.to_le_bytes()),
                Err(_) => self.push_tagged(INT, &int.to_le_bytes()),
            },
            Value::Text(text) => {
                self.0.push(TEXT);
                self.push_text(text);
            }
            Value::List(texts) => {
                self.push_tagged(LIST, &(texts.len() as u32).to_le_bytes());
                texts.iter().for_each(|text| self.push_text(text));
            }
        }
    }

    fn push_tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.0.extend_from_slice(bytes);
    }

    /// No text that the server sends has more than 1 GiB.
    fn push_text(&mut self, text: &str) {
        match u8::try_from(text.len()) {
            Ok(length) if length != LONG => self.0.push(length),
            _ => self.push_tagged(LONG, &(text.len() as u32).to_le_bytes()),
        }
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Makes room for another row.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Takes packed values off the front.
struct Unpacking<'a>(&'a [u8]);

impl<'a> Unpacking<'a> {
    fn array<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn length(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = match self.array()? {
            [LONG] => self.length()?,
            [length] => length.into(),
        };
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn skip(&mut self) -> Option<()> {
        match self.array()? {
            [NULL | FALSE | TRUE] => {}
            [OID] => drop(self.array::<4>()?),
            [INT] => drop(self.array::<8>()?),
            [TEXT] => drop(self.bytes()?),
            _ => {
                for _ in 0..self.length()? {
                    self.bytes()?;
                }
            }
        }
        Some(())
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let [tag] = self.array()?;
        Some(match tag {
            NULL => Value::Null,
            FALSE | TRUE => Value::Bool(tag == TRUE),
            OID => Value::Int(u32::from_le_bytes(self.array()?).into()),
            INT => Value::Int(i64::from_le_bytes(self.array()?)),
            TEXT => Value::Text(self.text()?),
            _ => {
                let count = self.length()?;
                Value::List((0..count).map(|_| self.text()).collect::<Option<_>>()?)
            }
        })
    }
}

/// What the rows of a query have in common.
#[derive(Debug)]
pub struct Columns {
    query: &'static str,
    names: Vec<String>,
}

impl Columns {
    /// The columns of the query of that name.
    pub fn new(query: &'static str, names: impl IntoIterator<Item = impl Into<String>>) -> Arc<Self> {
        Arc::new(Columns { query, names: names.into_iter().map(Into::into).collect() })
    }
}

/// A row of a catalog query.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<Columns>,
    values: Box<[u8]>,
}

impl Row {
    /// A row with as many values as there are columns.
    pub fn new(columns: &Arc<Columns>, values: &Packed) -> Self {
        Row { columns: Arc::clone(columns), values: values.0.as_slice().into() }
    }

    /// A row of these values.
    #[cfg(test)]
    pub fn of(columns: &Arc<Columns>, values: &[Value<'_>]) -> Self {
        let mut packed = Packed::default();
        values.iter().for_each(|value| packed.push(value));
        Row::new(columns, &packed)
    }

    fn value(&self, column: &str) -> Result<Value<'_>, Error> {
        let find = || {
            let at = self.columns.names.iter().position(|name| name == column)?;
            let mut values = Unpacking(&self.values);
            for _ in 0..at {
                values.skip()?;
            }
            values.value()
        };
        find().ok_or_else(|| self.problem(column, "is missing"))
    }

    /// The error that the value of that column is not what its reader knows.
    pub(super) fn problem(&self, column: &str, problem: &str) -> Error {
        Error::Row {
            query: self.columns.query.to_owned(),
            column: column.to_owned(),
            problem: problem.to_owned(),
        }
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
            Value::Int(int) => Ok(Some(int)),
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
            Value::Bool(bool) => Ok(bool),
            _ => Err(self.problem(column, "is no boolean")),
        }
    }

    /// A list of texts; NULL reads as empty.
    pub fn list(&self, column: &str) -> Result<Vec<&str>, Error> {
        match self.value(column)? {
            Value::Null => Ok(Vec::new()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() -> Result<(), Error> {
        let long = "x".repeat(300);
        let texts = ["", &long[..254], &long[..255], &long];
        let mut packed = Packed::default();
        for value in [Value::Null, Value::Bool(true), Value::Bool(false), Value::Int(-1), Value::Int(1 << 32)]
        {
            packed.push(&value);
        }
        packed.push(&Value::Int(u32::MAX.into()));
        texts.iter().for_each(|text| packed.push(&Value::Text(text)));
        packed.push(&Value::List(texts.to_vec()));
        packed.push(&Value::List(Vec::new()));
        let columns = Columns::new("q", ["n", "t", "f", "i", "j", "k", "a", "b", "c", "d", "list", "empty"]);
        let row = Row::new(&columns, &packed);
        assert_eq!((row.opt_text("n")?, row.opt_int("n")?, row.list("n")?), (None, None, Vec::new()));
        assert_eq!((row.bool("t")?, row.bool("f")?), (true, false));
        assert_eq!((row.int("i")?, row.int("j")?, row.oid("k")?), (-1, 1 << 32, u32::MAX));
        assert_eq!(["a", "b", "c", "d"].map(|name| row.text(name).unwrap_or("?")), texts);
        assert_eq!((row.list("list")?, row.list("empty")?), (texts.to_vec(), Vec::new()));
        let problem = |result: Result<i64, Error>| result.map_err(|error| error.to_string());
        assert!(problem(row.int("none")).is_err_and(|error| error.contains("is missing")));
        assert!(problem(row.int("a")).is_err_and(|error| error.contains("is no whole number")));
        Ok(())
    }
}
