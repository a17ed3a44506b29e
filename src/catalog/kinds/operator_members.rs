//! The operators and support functions of operator classes and families. pg_depend says whether a member belongs to a class or
//! only to its family.

use std::collections::BTreeMap;

use super::Query;
use super::relation::rows_by;
use crate::catalog::class::{PG_AMOP, PG_AMPROC};
use crate::catalog::{Error, ObjectId, Results, Row};

/// The query `name` for the members of all objects of the catalog `class`, `pg_opclass` or `pg_opfamily`.
pub(super) fn query(name: &'static str, class: &str) -> Query {
    let sql = format!(
        "
        SELECT d.refobjid AS owner_oid, {PG_AMOP} AS class, m.oid, m.amopstrategy AS number,
               'OPERATOR ' || m.amopstrategy || ' ' || m.amopopr::pg_catalog.regoperator::text ||
               CASE WHEN m.amopsortfamily <> 0
                    THEN ' FOR ORDER BY ' || pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.opfname)
                    ELSE '' END AS item
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_amop m ON d.classid = {PG_AMOP} AND m.oid = d.objid
        LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = m.amopsortfamily
        LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
        WHERE d.refclassid = 'pg_catalog.{class}'::pg_catalog.regclass AND d.refobjid >= 16384
          AND (m.amopsortfamily <> d.refobjid OR m.amopfamily = d.refobjid)
        UNION ALL
        SELECT d.refobjid, {PG_AMPROC}, m.oid, m.amprocnum,
               'FUNCTION ' || m.amprocnum || ' (' || pg_catalog.format_type(m.amproclefttype, NULL) || ', ' ||
               pg_catalog.format_type(m.amprocrighttype, NULL) || ') ' || m.amproc::pg_catalog.regprocedure::text
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_amproc m ON d.classid = {PG_AMPROC} AND m.oid = d.objid
        WHERE d.refclassid = 'pg_catalog.{class}'::pg_catalog.regclass AND d.refobjid >= 16384
        ORDER BY owner_oid, class, number, item"
    );
    Query { name, sql }
}

/// The members by the OID of the class or family.
pub(super) fn members<'a>(results: &'a Results, name: &str) -> Result<BTreeMap<u32, Vec<&'a Row>>, Error> {
    rows_by(results.rows(name), "owner_oid")
}

/// What the statements call the members, and the identities by which pg_depend speaks of them.
pub(super) fn items(members: Option<&Vec<&Row>>) -> Result<(Vec<String>, Vec<ObjectId>), Error> {
    let members = members.into_iter().flatten();
    let parts = members
        .map(|row| Ok((row.text("item")?.to_owned(), ObjectId::new(row.oid("class")?, row.oid("oid")?))));
    Ok(parts.collect::<Result<Vec<_>, Error>>()?.into_iter().unzip())
}
