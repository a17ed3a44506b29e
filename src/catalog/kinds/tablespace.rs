//! TABLESPACE: where it is belongs to the machine of the source, so that nobody but a person can make it again.

use super::{Kind, Query};
use crate::catalog::class::PG_TABLESPACE;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const TABLESPACE: Kind = Kind { tag: "TABLESPACE", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // A relative location is that of a tablespace inside the data directory, which is made with an empty one.
    let sql = "
        SELECT t.oid, t.spcname, t.spcoptions AS options, l.location,
               (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = t.spcowner) AS owner
        FROM pg_catalog.pg_tablespace t
        CROSS JOIN LATERAL (
            SELECT CASE WHEN p.path ~ '^pg_tblspc/' THEN '' ELSE p.path END AS location
            FROM pg_catalog.pg_tablespace_location(t.oid) p (path)
        ) l
        WHERE t.spcname !~ '^pg_'"
        .to_owned();
    vec![Query { name: "tablespaces", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows("tablespaces").iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let name = row.text("spcname")?;
    let tablespace = format!("TABLESPACE {}", sql::ident(name));
    let id = ObjectId::new(PG_TABLESPACE, row.oid("oid")?);
    let mut draft = Draft::new(id, "TABLESPACE", None, name, Section::PreData);
    let location = sql::literal(row.text("location")?);
    draft.create = vec![format!("CREATE {tablespace} LOCATION {location}").into()];
    let options = row.list("options")?;
    if !options.is_empty() {
        draft.create.push(format!("ALTER {tablespace} SET ({})", options.join(", ")).into());
    }
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.owned = Some(tablespace.clone());
    draft.comment_on = Some(tablespace.clone());
    draft.acl_on = Some(tablespace);
    Ok(draft)
}
