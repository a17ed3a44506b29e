//! BLOB METADATA: large objects, without their contents.

use super::{Kind, Query};
use crate::catalog::class::PG_LARGEOBJECT;
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;

pub(super) const LARGE_OBJECT: Kind = Kind { tag: "BLOB METADATA", queries, follow_up: None, assemble };

/// The name of the query for every large object.
pub(super) const LARGE_OBJECTS: &str = "large objects";

fn queries(version: Version) -> Vec<Query> {
    let granted = if version.major() >= 18 {
        "pg_catalog.has_largeobject_privilege(m.oid, 'SELECT')"
    } else {
        "EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) e
                 WHERE e.privilege_type = 'SELECT' AND (e.grantee = 0 OR pg_catalog.pg_has_role(e.grantee, 'USAGE')))"
    };
    let sql = format!(
        "
        SELECT m.oid, (SELECT o.rolname FROM pg_catalog.pg_roles o WHERE o.oid = m.lomowner) AS owner,
               CASE WHEN 'on' IN (pg_catalog.current_setting('is_superuser'),
                                  pg_catalog.current_setting('lo_compat_privileges')) THEN true
                    ELSE {granted} END AS readable
        FROM pg_catalog.pg_largeobject_metadata m
        ORDER BY m.oid"
    );
    vec![Query { name: LARGE_OBJECTS, sql }]
}

/// The identity of a row's large object.
pub(super) fn id(row: &Row) -> Result<ObjectId, Error> {
    Ok(ObjectId::new(PG_LARGEOBJECT, row.oid("oid")?))
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    results.rows(LARGE_OBJECTS).iter().map(draft).collect()
}

fn draft(row: &Row) -> Result<Draft, Error> {
    let id = id(row)?;
    let oid = id.oid;
    let named = format!("LARGE OBJECT {oid}");
    let mut draft = Draft::new(id, "BLOB METADATA", None, &oid.to_string(), Section::Data);
    draft.owner = Some(row.text("owner")?.to_owned());
    draft.create = vec![format!("SELECT pg_catalog.lo_create('{oid}')").into()];
    draft.drop = vec![format!("SELECT pg_catalog.lo_unlink('{oid}')")];
    draft.owned = Some(named.clone());
    draft.comment_on = Some(named.clone());
    draft.acl_on = Some(named);
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::super::relation::{rows, text};
    use super::*;
    use crate::catalog::Value::{Bool, Int};

    #[test]
    fn statements_name_the_oid() -> Result<(), Error> {
        let mut results = Results::default();
        let values = [Int(4_294_967_295), text("owner"), Bool(true)];
        rows(&mut results, LARGE_OBJECTS, &["oid", "owner", "readable"], &[&values]);
        let drafts = assemble(&results)?;
        let create = drafts[0].create[0].render(&std::collections::BTreeSet::new());
        assert_eq!(create, "SELECT pg_catalog.lo_create('4294967295')");
        assert_eq!(drafts[0].drop, ["SELECT pg_catalog.lo_unlink('4294967295')"]);
        assert_eq!(drafts[0].owned.as_deref(), Some("LARGE OBJECT 4294967295"));
        Ok(())
    }
}
