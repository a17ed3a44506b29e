//! What enum, composite, domain, range and base types have in common.

use crate::catalog::class::PG_TYPE;
use crate::catalog::{Draft, Error, ObjectId, Row, Section};
use crate::sql;

/// The columns that [`draft`] reads, of `pg_type t` and `pg_namespace n`. A dangling owner reads as NULL and is refused.
pub(super) const COLUMNS: &str = "t.oid, t.typname, n.nspname, t.typarray, \
    (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = t.typowner) AS owner";

/// True of the types `t` that users made: neither the system's nor temporary.
pub(super) const OF_USERS: &str =
    "t.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// A type's draft with everything but its CREATE statement. `word` is `TYPE` or `DOMAIN`.
pub(super) fn draft(row: &Row, word: &'static str) -> Result<Draft, Error> {
    let (schema, name) = (row.text("nspname")?, row.text("typname")?);
    let qualified = sql::qualified(schema, name);
    let id = ObjectId::new(PG_TYPE, row.oid("oid")?);
    let mut draft = Draft::new(id, word, Some(schema), name, Section::PreData);
    let array = row.oid("typarray")?;
    if array != 0 {
        draft.aliases.push(ObjectId::new(PG_TYPE, array));
    }
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.drop = vec![format!("DROP {word} {qualified}")];
    draft.owned = Some(format!("{word} {qualified}"));
    draft.comment_on = Some(format!("{word} {qualified}"));
    draft.acl_on = Some(format!("TYPE {qualified}"));
    Ok(draft)
}

/// The shell of the type in `draft`, which is made by functions that take or give it. The type is dropped with them.
pub(super) fn shell(draft: &mut Draft, made_by: Vec<ObjectId>) -> Draft {
    let id = draft.id.with_sub(ObjectId::SHELL);
    let mut shell = Draft::new(id, "SHELL TYPE", draft.schema.as_deref(), &draft.name, Section::PreData);
    let name = sql::qualified(draft.schema.as_deref().unwrap_or_default(), &draft.name);
    shell.create = vec![format!("CREATE TYPE {name}").into()];
    draft.drop = vec![format!("DROP TYPE {name} CASCADE")];
    draft.requires.push(id);
    draft.made_by = made_by;
    shell
}

/// `schema.name` of a collation, operator class or type whose schema and name are in two columns; none when they are NULL.
pub(super) fn qualified(row: &Row, schema: &str, name: &str) -> Result<Option<String>, Error> {
    Ok(match (row.opt_text(schema)?, row.opt_text(name)?) {
        (Some(schema), Some(name)) => Some(sql::qualified(schema, name)),
        _ => None,
    })
}
