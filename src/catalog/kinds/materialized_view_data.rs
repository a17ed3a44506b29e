//! MATERIALIZED VIEW DATA: the refresh of those that have rows.

use super::relation::{OF_USERS, RELATION, SCHEMA, part_draft, relation_id, relation_name, rows_by};
use super::{Kind, Query};
use crate::catalog::class::{PG_CLASS, PG_REWRITE};
use crate::catalog::{Draft, Error, ObjectId, Pass, Results, Section};
use crate::pg::Version;

/// Refreshes.
pub(super) const MATERIALIZED_VIEW_DATA: Kind =
    Kind { tag: "MATERIALIZED VIEW DATA", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    let refresh = format!(
        "SELECT {RELATION}, c.relispopulated AS populated
           FROM pg_catalog.pg_class c {SCHEMA}
          WHERE c.relkind = 'm' AND {OF_USERS}
          ORDER BY n.nspname, c.relname"
    );
    let reads = format!(
        "WITH RECURSIVE edge AS (
            SELECT DISTINCT w.ev_class AS reader, d.refobjid AS read, r.relkind
              FROM pg_catalog.pg_rewrite w
              JOIN pg_catalog.pg_depend d ON d.classid = {PG_REWRITE} AND d.objid = w.oid AND d.refclassid = {PG_CLASS}
              JOIN pg_catalog.pg_class r ON r.oid = d.refobjid AND r.relkind IN ('v', 'm')
             WHERE w.rulename = '_RETURN' AND d.refobjid <> w.ev_class),
         path AS (
            SELECT e.reader, e.read, e.relkind FROM edge e
              JOIN pg_catalog.pg_class c ON c.oid = e.reader AND c.relkind = 'm'
            UNION
            SELECT p.reader, e.read, e.relkind FROM path p JOIN edge e ON e.reader = p.read)
         SELECT p.reader AS oid, p.read AS read_oid, c.relispopulated AS populated
           FROM path p JOIN pg_catalog.pg_class c ON c.oid = p.read
          WHERE p.relkind = 'm'
          ORDER BY p.reader, p.read"
    );
    vec![
        Query { name: "materialized_view_data", sql: refresh },
        Query { name: "materialized_view_reads", sql: reads },
    ]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let reads = rows_by(results.rows("materialized_view_reads"), "oid")?;
    let mut drafts = Vec::new();
    for row in results.rows("materialized_view_data") {
        let mut draft = part_draft(row, "MATERIALIZED VIEW DATA", ObjectId::DATA, Section::PostData)?;
        let mut populated = row.bool("populated")?;
        for read in reads.get(&row.oid("oid")?).into_iter().flatten() {
            populated &= read.bool("populated")?;
            draft.requires.push(relation_id(read.oid("read_oid")?).with_sub(ObjectId::DATA));
        }
        // It was filled when what it reads was filled too; now the refresh would fail.
        if populated {
            draft.pass = Pass::PostAcl;
            draft.create = vec![format!("REFRESH MATERIALIZED VIEW {}", relation_name(row)?).into()];
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::super::relation::{rows, text};
    use super::*;
    use crate::catalog::Value::{Bool, Int};

    #[test]
    fn only_what_can_be_filled_is_refreshed_and_after_what_it_reads() -> Result<(), Error> {
        let mut results = Results::default();
        let view = |oid, name, populated| [Int(oid), text("s"), text(name), text("o"), Bool(populated)];
        rows(
            &mut results,
            "materialized_view_data",
            &["oid", "schema", "name", "owner", "populated"],
            &[
                &view(1, "low", true),
                &view(2, "high", true),
                &view(3, "empty", false),
                &view(4, "on_empty", true),
            ],
        );
        rows(
            &mut results,
            "materialized_view_reads",
            &["oid", "read_oid", "populated"],
            &[&[Int(2), Int(1), Bool(true)], &[Int(4), Int(1), Bool(true)], &[Int(4), Int(3), Bool(false)]],
        );
        let drafts = assemble(&results)?;
        let names: Vec<_> = drafts.iter().map(|draft| draft.name.as_str()).collect();
        assert_eq!(names, ["low", "high"]);
        assert_eq!(drafts[1].requires, [relation_id(2), relation_id(1).with_sub(ObjectId::DATA)]);
        assert!(drafts.iter().all(|draft| draft.pass == Pass::PostAcl));
        Ok(())
    }
}
