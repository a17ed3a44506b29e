//! What is one for all databases of a server: which of it a database refers to. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::class::{PG_AUTH_MEMBERS, PG_AUTHID, PG_DATABASE, PG_PARAMETER_ACL, PG_TABLESPACE};
use super::kinds::{MEMBERSHIPS, PARAMETER_ACLS};
use super::{Draft, Error, ObjectId, Results};

/// What is read of the server's roles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles {
    /// All roles, not only those that the database refers to.
    pub all: bool,
    /// Their passwords too, as the server keeps them.
    pub passwords: bool,
}

/// Whether an object is outside the database: the database itself is, too.
pub(super) fn is_global(id: ObjectId) -> bool {
    matches!(id.class, PG_AUTHID | PG_AUTH_MEMBERS | PG_DATABASE | PG_TABLESPACE | PG_PARAMETER_ACL)
}

/// The drafts of globals that nothing in the database refers to. `named` are the roles that its objects name.
///
/// Beside those and the ones that the database itself names, roles are referred to that are members of them and so can do
/// what they can, and then all that the roles are members of or have such a membership or a right from. With `all_roles` every role
/// is referred to.
pub(super) fn not_referred_to(
    drafts: &[Draft],
    named: &BTreeSet<String>,
    all_roles: bool,
    results: &Results,
) -> Result<BTreeSet<usize>, Error> {
    let of_database = drafts.iter().filter(|draft| draft.id.class == PG_DATABASE);
    let by_database: BTreeSet<ObjectId> =
        of_database.flat_map(|draft| draft.requires.iter().copied()).collect();
    let is_named = |draft: &&Draft| {
        draft.kind == "ROLE" && (all_roles || named.contains(&draft.name) || by_database.contains(&draft.id))
    };
    let mut roles: BTreeSet<u32> = drafts.iter().filter(is_named).map(|draft| draft.id.oid).collect();
    let tablespaces: BTreeSet<&str> = drafts.iter().filter_map(|draft| draft.tablespace.as_deref()).collect();
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut needs: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in results.rows(MEMBERSHIPS) {
        let (role, member) = (row.oid("roleid")?, row.oid("memberid")?);
        members.entry(role).or_default().push(member);
        needs.entry(member).or_default().push(role);
        if row.opt_int("grantorid")?.is_some() {
            needs.entry(member).or_default().push(row.oid("grantorid")?);
        }
    }
    for row in results.rows(PARAMETER_ACLS) {
        if row.text("grantor")? != row.text("owner")? {
            needs.entry(row.oid("granteeid")?).or_default().push(row.oid("grantorid")?);
        }
    }
    add_reachable(&mut roles, &members);
    add_reachable(&mut roles, &needs);
    let names: BTreeSet<&str> = drafts
        .iter()
        .filter(|draft| draft.kind == "ROLE" && roles.contains(&draft.id.oid))
        .map(|draft| draft.name.as_str())
        .collect();
    let is_referred_to = |draft: &Draft| match draft.kind {
        "ROLE" => names.contains(draft.name.as_str()),
        "ROLE PROPERTIES" | "ROLE MEMBERSHIP" | "PARAMETER ACL" => {
            draft.owner.as_deref().is_some_and(|role| names.contains(role))
        }
        "TABLESPACE" => tablespaces.contains(draft.name.as_str()),
        _ => true,
    };
    Ok((0..drafts.len()).filter(|at| !is_referred_to(&drafts[*at])).collect())
}

/// Adds what can be reached over the edges from what is there.
fn add_reachable(reached: &mut BTreeSet<u32>, edges: &BTreeMap<u32, Vec<u32>>) {
    let mut new: Vec<u32> = reached.iter().copied().collect();
    while let Some(from) = new.pop() {
        for to in edges.get(&from).into_iter().flatten() {
            if reached.insert(*to) {
                new.push(*to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Columns, Row, Section, Value};

    fn role(oid: u32, name: &str) -> Draft {
        Draft::new(ObjectId::new(PG_AUTHID, oid), "ROLE", None, name, Section::PreData)
    }

    /// Roles 1 to 7, and the database, which names 6. Role, member and grantor of each membership.
    fn referred_to(named: &str, memberships: &[(u32, u32, Option<u32>)]) -> Result<Vec<String>, Error> {
        let mut drafts: Vec<Draft> = (1..8).map(|oid| role(oid, &format!("r{oid}"))).collect();
        let mut database = Draft::new(ObjectId::new(PG_DATABASE, 9), "DATABASE", None, "d", Section::PreData);
        database.requires = vec![ObjectId::new(PG_AUTHID, 6)];
        database.tablespace = Some("fast".to_owned());
        drafts.push(database);
        for (oid, name) in [(20, "fast"), (21, "slow")] {
            drafts.push(Draft::new(
                ObjectId::new(PG_TABLESPACE, oid),
                "TABLESPACE",
                None,
                name,
                Section::PreData,
            ));
        }
        let columns = Columns::new(MEMBERSHIPS, ["roleid", "memberid", "grantorid"]);
        let row = |(role, member, grantor): &(u32, u32, Option<u32>)| {
            let number = |oid: u32| Value::Int(oid.into());
            Row::of(&columns, &[number(*role), number(*member), grantor.map_or(Value::Null, number)])
        };
        let mut results = Results::default();
        results.insert(MEMBERSHIPS, memberships.iter().map(row).collect());
        let all = named == "all";
        let left_out = not_referred_to(&drafts, &[named.to_owned()].into(), all, &results)?;
        let kept = drafts.iter().enumerate().filter(|(at, _)| !left_out.contains(at));
        Ok(kept.map(|(_, draft)| draft.name.clone()).collect())
    }

    #[test]
    fn members_of_a_role_are_referred_to_and_what_these_are_members_of() -> Result<(), Error> {
        // 2 is a member of 1, and of 3 by grace of 4; 5 is another member of 3 and has nothing to do with it.
        let memberships = [(1, 2, None), (3, 2, Some(4)), (3, 5, None)];
        assert_eq!(referred_to("r1", &memberships)?, ["r1", "r2", "r3", "r4", "r6", "d", "fast"]);
        Ok(())
    }

    #[test]
    fn all_roles_are_referred_to_when_all_are_wanted() -> Result<(), Error> {
        let roles = ["r1", "r2", "r3", "r4", "r5", "r6", "r7"];
        assert_eq!(referred_to("all", &[])?, [&roles[..], &["d", "fast"]].concat());
        Ok(())
    }

    #[test]
    fn a_role_that_nothing_names_is_left_out() -> Result<(), Error> {
        assert_eq!(referred_to("r7", &[(1, 2, None)])?, ["r6", "r7", "d", "fast"]);
        Ok(())
    }
}
