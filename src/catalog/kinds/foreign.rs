//! What the kinds of foreign data have in common.

use crate::catalog::{Error, Row};
use crate::sql;

/// Selects the options in `array` as two lists of the same length, `option_names` and `option_values`: an option's name
/// ends at the first `=`, its value may hold more of them.
pub(super) fn options_of(array: &str) -> String {
    format!(
        "CASE WHEN {array} IS NOT NULL THEN
             ARRAY(SELECT o.option_name::text FROM pg_catalog.pg_options_to_table({array}) o) END AS option_names,
         CASE WHEN {array} IS NOT NULL THEN
             ARRAY(SELECT o.option_value::text FROM pg_catalog.pg_options_to_table({array}) o) END AS option_values"
    )
}

/// `OPTIONS (...)` with a blank in front, or nothing, from a row with [`options_of`].
pub(super) fn options(row: &Row) -> Result<String, Error> {
    let (names, values) = (row.list("option_names")?, row.list("option_values")?);
    if names.is_empty() {
        return Ok(String::new());
    }
    let options = names.iter().zip(values);
    let options = options.map(|(name, value)| format!("{} {}", sql::ident(name), sql::literal(value)));
    Ok(format!(" OPTIONS ({})", options.collect::<Vec<_>>().join(", ")))
}
