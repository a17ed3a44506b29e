//! Privileges: what has to be revoked and granted so that a new object gets the ACL of the old one.
//!
//! An object whose ACL is NULL has the default privileges; any other ACL, the empty one too, is brought about as the
//! difference from the default. The order of an ACL's items is kept: a grant may rest on a grant option given before it.

use std::collections::{BTreeMap, BTreeSet};

use super::kinds::Query;
use super::{Error, ObjectId, Results, Row};
use crate::pg::Version;
use crate::sql;

/// The name of the query for every object's ACL.
const ACLS: &str = "acls";

/// One item of an ACL: what one role has granted another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    grantor: String,
    /// None stands for PUBLIC.
    grantee: Option<String>,
    /// Privileges with whether they may be passed on. A set: the rows of an item come in no order.
    privileges: BTreeSet<(String, bool)>,
}

/// An ACL beside the default of its object.
#[derive(Debug, Default)]
pub(super) struct Acl {
    default: Vec<Item>,
    actual: Vec<Item>,
    /// Whether the difference is taken from nothing instead of the default (default privileges of a schema).
    from_nothing: bool,
    /// Whether every privilege is named: the default need not hold all that there are.
    by_name: bool,
}

/// What privileges are granted on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// What stands before GRANT and REVOKE, with a blank behind it; empty but for default privileges.
    pub before: &'a str,
    /// What stands behind ON.
    pub on: &'a str,
    /// The column, for a column's ACL.
    pub column: Option<&'a str>,
    /// The owner's name.
    pub owner: &'a str,
}

/// All privileges of a column: acldefault() knows none for columns.
const COLUMN_PRIVILEGES: [&str; 4] = ["INSERT", "REFERENCES", "SELECT", "UPDATE"];

/// Selects the items of `o.acl` and of its default `o.base`; [`Acl::add`] reads them.
pub(super) const ITEMS: &str = "
    x.is_default, x.item, g.rolname AS grantor, e.grantee <> 0 AS to_role, r.rolname AS grantee,
    e.privilege_type, e.is_grantable";

/// Behind `FROM ... o`, the joins for [`ITEMS`].
pub(super) const ITEMS_OF: &str = "
    CROSS JOIN LATERAL (
        SELECT false AS is_default, i.acl, i.item FROM pg_catalog.unnest(o.acl) WITH ORDINALITY i (acl, item)
        UNION ALL
        SELECT true, i.acl, i.item FROM pg_catalog.unnest(o.base) WITH ORDINALITY i (acl, item)
    ) x
    CROSS JOIN LATERAL pg_catalog.aclexplode(ARRAY[x.acl]) e
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = e.grantor
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.grantee";

/// Everything about ACLs of user objects, of tablespaces, of the database and of the schema public, whose default is taken to be the one it has had since
/// PostgreSQL 15, also where its ACL is NULL because it was made anew.
pub(super) fn query(version: Version) -> Query {
    // What a server before 15 dumps may find either default in the new database. PUBLIC never has a grant option: its item
    // is always another, and everything is revoked first.
    let public_may_grant = version.major() < 15;
    let sql = format!(
        "
        SELECT o.class, o.oid, o.attname, w.rolname AS owner, {ITEMS}
        FROM (
            SELECT 1259 AS class, c.oid, 0 AS sub, NULL::pg_catalog.name AS attname, c.relowner AS owner, c.relacl AS acl,
                   pg_catalog.acldefault(CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner) AS base
            FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relacl IS NOT NULL
            UNION ALL
            SELECT 1259, a.attrelid, a.attnum, a.attname, c.relowner, a.attacl, pg_catalog.acldefault('c', c.relowner)
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            WHERE c.oid >= 16384 AND a.attacl IS NOT NULL AND NOT a.attisdropped
            UNION ALL
            SELECT 1255, p.oid, 0, NULL, p.proowner, p.proacl, pg_catalog.acldefault('f', p.proowner)
            FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 AND p.proacl IS NOT NULL
            UNION ALL
            SELECT 1247, t.oid, 0, NULL, t.typowner, t.typacl, pg_catalog.acldefault('T', t.typowner)
            FROM pg_catalog.pg_type t WHERE t.oid >= 16384 AND t.typacl IS NOT NULL
            UNION ALL
            SELECT 2612, l.oid, 0, NULL, l.lanowner, l.lanacl, pg_catalog.acldefault('l', l.lanowner)
            FROM pg_catalog.pg_language l WHERE l.oid >= 16384 AND l.lanacl IS NOT NULL
            UNION ALL
            SELECT 2328, w.oid, 0, NULL, w.fdwowner, w.fdwacl, pg_catalog.acldefault('F', w.fdwowner)
            FROM pg_catalog.pg_foreign_data_wrapper w WHERE w.oid >= 16384 AND w.fdwacl IS NOT NULL
            UNION ALL
            SELECT 1417, s.oid, 0, NULL, s.srvowner, s.srvacl, pg_catalog.acldefault('S', s.srvowner)
            FROM pg_catalog.pg_foreign_server s WHERE s.oid >= 16384 AND s.srvacl IS NOT NULL
            UNION ALL
            SELECT 2613, m.oid, 0, NULL, m.lomowner, m.lomacl, pg_catalog.acldefault('L', m.lomowner)
            FROM pg_catalog.pg_largeobject_metadata m WHERE m.lomacl IS NOT NULL
            UNION ALL
            SELECT 1213, t.oid, 0, NULL, t.spcowner, t.spcacl, pg_catalog.acldefault('t', t.spcowner)
            FROM pg_catalog.pg_tablespace t WHERE t.oid >= 16384 AND t.spcacl IS NOT NULL
            UNION ALL
            SELECT 1262, d.oid, 0, NULL, d.datdba, d.datacl, pg_catalog.acldefault('d', d.datdba)
            FROM pg_catalog.pg_database d
            WHERE d.datname = pg_catalog.current_database() AND d.datacl IS NOT NULL
            UNION ALL
            SELECT 2615, n.oid, 0, NULL, n.nspowner, n.nspacl, pg_catalog.acldefault('n', n.nspowner)
            FROM pg_catalog.pg_namespace n
            WHERE n.oid >= 16384 AND n.nspname <> 'public' AND n.nspacl IS NOT NULL
            UNION ALL
            SELECT 2615, n.oid, 0, NULL, n.nspowner,
                   COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner)),
                   pg_catalog.acldefault('n', n.nspowner) ||
                   pg_catalog.makeaclitem(0, n.nspowner, 'USAGE', {public_may_grant})
            FROM pg_catalog.pg_namespace n
            WHERE n.nspname = 'public'
        ) o
        LEFT JOIN pg_catalog.pg_roles w ON w.oid = o.owner {ITEMS_OF}
        ORDER BY o.class, o.oid, o.sub <> 0, o.sub, x.is_default, x.item"
    );
    Query { name: ACLS, sql }
}

/// The ACL of an object or of one of its columns.
pub(super) struct ObjectAcl {
    /// The column.
    pub column: Option<String>,
    /// The object's owner.
    pub owner: String,
    /// The ACL.
    pub acl: Acl,
}

/// Every ACL, by the object it belongs to: the object's own first, then those of its columns, since what is revoked from
/// the whole is revoked from the columns too.
pub(super) fn read(results: &Results) -> Result<BTreeMap<ObjectId, Vec<ObjectAcl>>, Error> {
    let mut acls: BTreeMap<ObjectId, Vec<ObjectAcl>> = BTreeMap::new();
    for row in results.rows(ACLS) {
        let column = row.opt_text("attname")?;
        let of_object = acls.entry(ObjectId::new(row.oid("class")?, row.oid("oid")?)).or_default();
        if of_object.last().is_none_or(|last| last.column.as_deref() != column) {
            let (column, owner) = (column.map(str::to_owned), row.text("owner")?.to_owned());
            of_object.push(ObjectAcl { column, owner, acl: Acl::default() });
        }
        if let Some(last) = of_object.last_mut() {
            last.acl.add(row)?;
        }
    }
    Ok(acls)
}

impl Acl {
    /// An ACL whose difference is taken from no privileges at all.
    pub(super) fn from_nothing() -> Self {
        Acl { from_nothing: true, ..Acl::default() }
    }

    /// An ACL whose default is what initdb or an extension left.
    pub(super) fn from_initial() -> Self {
        Acl { by_name: true, ..Acl::default() }
    }

    /// Adds a privilege from a row with [`ITEMS`]; the rows of an item follow each other.
    pub(super) fn add(&mut self, row: &Row) -> Result<(), Error> {
        let grantor = row.text("grantor")?.to_owned();
        let grantee = if row.bool("to_role")? { Some(row.text("grantee")?.to_owned()) } else { None };
        let items = if row.bool("is_default")? { &mut self.default } else { &mut self.actual };
        if items.last().is_none_or(|last| last.grantor != grantor || last.grantee != grantee) {
            items.push(Item { grantor, grantee, privileges: BTreeSet::new() });
        }
        if let Some(item) = items.last_mut() {
            item.privileges.insert((row.text("privilege_type")?.to_owned(), row.bool("is_grantable")?));
        }
        Ok(())
    }

    /// Every role that it names.
    pub(super) fn roles(&self) -> impl Iterator<Item = &String> {
        self.actual.iter().flat_map(|item| std::iter::once(&item.grantor).chain(&item.grantee))
    }

    /// The statements that make it of the default.
    pub(super) fn statements(&self, target: Target<'_>) -> Vec<String> {
        // The columns of a sequence are granted on as a table's.
        let on = match (target.column, target.on.strip_prefix("SEQUENCE ")) {
            (Some(_), Some(sequence)) => &format!("TABLE {sequence}"),
            _ => target.on,
        };
        let target = Target { on, ..target };
        let complete: BTreeSet<&str> = match target.column {
            Some(_) => COLUMN_PRIVILEGES.into(),
            None if self.by_name => BTreeSet::new(),
            None => {
                self.default.iter().flat_map(|item| &item.privileges).map(|(name, _)| name.as_str()).collect()
            }
        };
        let base: &[Item] = if self.from_nothing { &[] } else { &self.default };
        let mut statements = Vec::new();
        for item in base.iter().filter(|item| !self.actual.contains(item)) {
            let from = role(item.grantee.as_deref());
            let column = target.column.map(|column| format!(" ({})", sql::ident(column))).unwrap_or_default();
            statements.push(format!("{}REVOKE ALL{column} ON {} FROM {from}", target.before, target.on));
        }
        let grants: Vec<&Item> = self.actual.iter().filter(|item| !base.contains(item)).collect();
        let own =
            |item: &&&Item| item.grantor == target.owner && item.grantee.as_deref() == Some(target.owner);
        for item in grants.iter().filter(own).chain(grants.iter().filter(|item| !own(item))) {
            let as_grantor = item.grantor != target.owner;
            if as_grantor {
                statements.push(format!("SET SESSION AUTHORIZATION {}", sql::ident(&item.grantor)));
            }
            for (grantable, option) in [(false, ""), (true, " WITH GRANT OPTION")] {
                let names = item.privileges.iter().filter(|(_, is)| *is == grantable);
                let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
                if !names.is_empty() {
                    let list = privilege_list(names, &complete, target.column);
                    let to = role(item.grantee.as_deref());
                    statements
                        .push(format!("{}GRANT {list} ON {} TO {to}{option}", target.before, target.on));
                }
            }
            if as_grantor {
                statements.push("RESET SESSION AUTHORIZATION".to_owned());
            }
        }
        statements
    }
}

fn privilege_list(names: Vec<&str>, complete: &BTreeSet<&str>, column: Option<&str>) -> String {
    let all = names.iter().copied().collect::<BTreeSet<_>>() == *complete;
    let names = if all { vec!["ALL"] } else { names };
    match column {
        None => names.join(", "),
        Some(column) => {
            let column = sql::ident(column);
            names.iter().map(|name| format!("{name} ({column})")).collect::<Vec<_>>().join(", ")
        }
    }
}

fn role(name: Option<&str>) -> String {
    name.map_or_else(|| "PUBLIC".to_owned(), sql::ident)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(grantee: &str, privileges: &[&str], grantor: &str) -> Item {
        Item {
            grantor: grantor.to_owned(),
            grantee: (!grantee.is_empty()).then(|| grantee.to_owned()),
            privileges: privileges
                .iter()
                .map(|name| (name.trim_end_matches('*').to_owned(), name.ends_with('*')))
                .collect(),
        }
    }

    const ON_TABLE: Target<'_> = Target { before: "", on: "TABLE public.t", column: None, owner: "o" };
    const TABLE: [&str; 3] = ["SELECT", "INSERT", "UPDATE"];

    fn table(actual: Vec<Item>) -> Vec<String> {
        Acl { default: vec![item("o", &TABLE, "o")], actual, ..Acl::default() }.statements(ON_TABLE)
    }

    #[test]
    fn an_acl_equal_to_the_default_needs_nothing() {
        assert!(table(vec![item("o", &["UPDATE", "SELECT", "INSERT"], "o")]).is_empty());
    }

    #[test]
    fn an_empty_acl_revokes_the_default() {
        assert_eq!(table(vec![]), ["REVOKE ALL ON TABLE public.t FROM o"]);
    }

    #[test]
    fn an_owner_with_less_comes_before_other_grants() {
        let acl = vec![item("Reader", &["SELECT"], "o"), item("o", &["SELECT", "INSERT"], "o")];
        assert_eq!(
            table(acl),
            [
                "REVOKE ALL ON TABLE public.t FROM o",
                "GRANT INSERT, SELECT ON TABLE public.t TO o",
                "GRANT SELECT ON TABLE public.t TO \"Reader\"",
            ]
        );
    }

    #[test]
    fn grant_options_and_other_grantors_keep_their_order() {
        let acl = vec![
            item("o", &TABLE, "o"),
            item("a", &["SELECT*", "INSERT"], "o"),
            item("", &["SELECT"], "a"),
            item("b", &["SELECT*", "INSERT*", "UPDATE*"], "o"),
        ];
        assert_eq!(
            table(acl),
            [
                "GRANT INSERT ON TABLE public.t TO a",
                "GRANT SELECT ON TABLE public.t TO a WITH GRANT OPTION",
                "SET SESSION AUTHORIZATION a",
                "GRANT SELECT ON TABLE public.t TO PUBLIC",
                "RESET SESSION AUTHORIZATION",
                "GRANT ALL ON TABLE public.t TO b WITH GRANT OPTION",
            ]
        );
    }

    #[test]
    fn a_function_loses_what_public_has() {
        let acl = Acl {
            default: vec![item("", &["EXECUTE"], "o"), item("o", &["EXECUTE"], "o")],
            actual: vec![item("o", &["EXECUTE"], "o")],
            ..Acl::default()
        };
        let target = Target { on: "FUNCTION public.f()", ..ON_TABLE };
        assert_eq!(acl.statements(target), ["REVOKE ALL ON FUNCTION public.f() FROM PUBLIC"]);
    }

    #[test]
    fn columns_are_named_in_every_privilege() {
        let acl = Acl { actual: vec![item("a", &["SELECT", "UPDATE"], "o")], ..Acl::default() };
        let target = Target { column: Some("A b"), ..ON_TABLE };
        assert_eq!(
            acl.statements(target),
            ["GRANT SELECT (\"A b\"), UPDATE (\"A b\") ON TABLE public.t TO a"]
        );
    }
}
