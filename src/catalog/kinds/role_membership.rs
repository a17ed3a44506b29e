//! ROLE MEMBERSHIP: one grant of a role to a role. Who may grant must be a member with ADMIN OPTION before, unless it is the
//! superuser that initdb made. Before PostgreSQL 16 the catalog's grantors are not reliable, and any superuser may stand for them.

use std::collections::BTreeMap;

use super::{Kind, Query};
use crate::catalog::class::{PG_AUTH_MEMBERS, PG_AUTHID};
use crate::catalog::{Draft, Error, ObjectId, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const ROLE_MEMBERSHIP: Kind = Kind { tag: "ROLE MEMBERSHIP", queries, follow_up: None, assemble };

pub(in crate::catalog) const MEMBERSHIPS: &str = "role memberships";

fn queries(version: Version) -> Vec<Query> {
    let (grantor, options) = if version.major() >= 16 {
        (
            "NULLIF(a.grantor, 10)",
            "pg_catalog.concat_ws(', ', CASE WHEN a.admin_option THEN 'ADMIN OPTION' END,
                CASE WHEN a.inherit_option THEN 'INHERIT TRUE' ELSE 'INHERIT FALSE' END,
                CASE WHEN NOT a.set_option THEN 'SET FALSE' END)",
        )
    } else {
        ("NULL::pg_catalog.oid", "CASE WHEN a.admin_option THEN 'ADMIN OPTION' ELSE '' END")
    };
    let sql = format!(
        "
        SELECT m.*, r.rolname AS role, w.rolname AS member, g.rolname AS grantor
        FROM (SELECT a.roleid, a.member AS memberid, {grantor} AS grantorid, a.admin_option, {options} AS options
              FROM pg_catalog.pg_auth_members a) m
        JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
        JOIN pg_catalog.pg_roles w ON w.oid = m.memberid
        LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantorid
        WHERE w.rolname !~ '^pg_'
        ORDER BY r.rolname, w.rolname, g.rolname"
    );
    vec![Query { name: MEMBERSHIPS, sql }]
}

/// Every grant, behind one that lets its grantor grant. The server sees to it that there is such an order; should there be none,
/// whoever restores is the grantor.
fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts: Vec<Draft> = Vec::new();
    // By role and member, the first grant that lets the member grant the role.
    let mut admins: BTreeMap<(u32, u32), ObjectId> = BTreeMap::new();
    let mut waiting: Vec<&Row> = results.rows(MEMBERSHIPS).iter().collect();
    while !waiting.is_empty() {
        let count = drafts.len();
        let mut left = Vec::new();
        for row in waiting {
            let role = row.oid("roleid")?;
            let right = match row.opt_int("grantorid")? {
                Some(_) => match admins.get(&(role, row.oid("grantorid")?)) {
                    Some(right) => Some(*right),
                    None => {
                        left.push(row);
                        continue;
                    }
                },
                None => None,
            };
            let draft = draft(row, drafts.len(), right)?;
            if row.bool("admin_option")? {
                admins.entry((role, row.oid("memberid")?)).or_insert(draft.id);
            }
            drafts.push(draft);
        }
        if drafts.len() == count {
            for row in std::mem::take(&mut left) {
                drafts.push(draft(row, drafts.len(), None)?);
            }
        }
        waiting = left;
    }
    Ok(drafts)
}

/// `right` is the grant on which this one rests.
fn draft(row: &Row, number: usize, right: Option<ObjectId>) -> Result<Draft, Error> {
    let (role, member) = (row.text("role")?, row.text("member")?);
    // The catalog's own OID is there since PostgreSQL 16 only.
    let id = ObjectId::new(PG_AUTH_MEMBERS, number as u32);
    let mut draft = Draft::new(id, "ROLE MEMBERSHIP", None, &format!("{role} TO {member}"), Section::PreData);
    let mut statement = format!("GRANT {} TO {}", sql::ident(role), sql::ident(member));
    let options = row.text("options")?;
    if !options.is_empty() {
        statement += &format!(" WITH {options}");
    }
    draft.requires = ["roleid", "memberid"]
        .into_iter()
        .map(|column| Ok(ObjectId::new(PG_AUTHID, row.oid(column)?)))
        .collect::<Result<_, Error>>()?;
    if let Some(right) = right {
        statement += &format!(" GRANTED BY {}", sql::ident(row.text("grantor")?));
        draft.requires.extend([ObjectId::new(PG_AUTHID, row.oid("grantorid")?), right]);
    }
    draft.create = vec![statement.into()];
    draft.owner = Some(member.to_owned());
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Columns, Value};

    /// A membership in role 1: member, grantor, whether with ADMIN OPTION.
    fn row((member, grantor, admin): (u32, Option<u32>, bool)) -> Row {
        let columns =
            ["roleid", "memberid", "grantorid", "admin_option", "options", "role", "member", "grantor"];
        let name = |oid: u32| {
            Value::Text(["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"][oid as usize])
        };
        let values = [
            Value::Int(1),
            Value::Int(member.into()),
            grantor.map_or(Value::Null, |oid| Value::Int(oid.into())),
            Value::Bool(admin),
            Value::Text(if admin { "ADMIN OPTION" } else { "" }),
            name(1),
            name(member),
            grantor.map_or(Value::Null, name),
        ];
        Row::of(&Columns::new(MEMBERSHIPS, columns), &values)
    }

    fn statements(rows: &[(u32, Option<u32>, bool)]) -> Result<Vec<String>, Error> {
        let mut results = Results::default();
        results.insert(MEMBERSHIPS, rows.iter().copied().map(row).collect());
        let drafts = assemble(&results)?;
        Ok(drafts.iter().map(|draft| draft.create[0].render(&Default::default())).collect())
    }

    #[test]
    fn who_grants_is_a_member_before() -> Result<(), Error> {
        assert_eq!(
            statements(&[(2, Some(3), false), (3, Some(4), true), (4, None, true), (4, Some(3), true)])?,
            [
                "GRANT r1 TO r4 WITH ADMIN OPTION",
                "GRANT r1 TO r3 WITH ADMIN OPTION GRANTED BY r4",
                "GRANT r1 TO r4 WITH ADMIN OPTION GRANTED BY r3",
                "GRANT r1 TO r2 GRANTED BY r3",
            ]
        );
        Ok(())
    }

    #[test]
    fn a_grant_that_rests_on_none_is_given_by_whoever_restores() -> Result<(), Error> {
        assert_eq!(statements(&[(2, Some(9), false)])?, ["GRANT r1 TO r2"]);
        Ok(())
    }
}
