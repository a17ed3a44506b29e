//! Which roles an entry names, and other roles in their places.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use crate::archive::{Catalog, Entry, Pass};
use crate::sql;

/// Whether a restore of the entry needs the role: as its owner, in its privileges, in its policy.
pub fn names_role(entry: &Entry, role: &str) -> bool {
    if entry.owner.as_deref() == Some(role) && (entry.owned.is_some() || entry.pass == Pass::Acl) {
        return true;
    }
    let name = sql::ident(role);
    match entry.kind.as_str() {
        "POLICY" => entry.create.iter().any(|statement| policy_names(statement, &name)),
        _ if entry.pass == Pass::Acl => entry.create.iter().any(|statement| acl_names(statement, &name)),
        _ => false,
    }
}

/// `... TO a, b USING (...)`: a list of names.
fn policy_names(statement: &str, name: &str) -> bool {
    statement.match_indices(name).any(|(at, _)| {
        let (before, after) = (&statement[..at], &statement[at + name.len()..]);
        (before.ends_with(" TO ") || before.ends_with(", "))
            && (after.is_empty()
                || after.starts_with(", ")
                || after.starts_with(" USING ")
                || after.starts_with(" WITH "))
    })
}

/// `GRANT ... TO name`, `REVOKE ... FROM name`, `SET SESSION AUTHORIZATION name`, `ALTER DEFAULT PRIVILEGES FOR ROLE name ...`.
fn acl_names(statement: &str, name: &str) -> bool {
    let bare = statement.strip_suffix(" WITH GRANT OPTION").unwrap_or(statement);
    let ends = ["TO", "FROM", "SET SESSION AUTHORIZATION"].map(|word| format!("{word} {name}"));
    ends.iter().any(|end| bare.ends_with(end.as_str()))
        || statement.starts_with(&format!("ALTER DEFAULT PRIVILEGES FOR ROLE {name} "))
}

/// The catalog with other roles, by the names of those in whose places they come: as owners, in privileges, policies and user
/// mappings. Entries that make roles are not for use afterwards.
///
/// # Errors
///
/// [`Error::NoSuchRole`] if no entry names one of the old roles.
pub fn map_roles(mut catalog: Arc<Catalog>, roles: &BTreeMap<String, String>) -> Result<Arc<Catalog>, Error> {
    if roles.is_empty() {
        return Ok(catalog);
    }
    let is_role = |entry: &Entry, name: &str| entry.kind == "ROLE" && entry.name == name;
    let is_there = |name: &String| {
        catalog.source.roles.contains(name) || catalog.entries.iter().any(|entry| is_role(entry, name))
    };
    if let Some(role) = roles.keys().find(|role| !is_there(role)) {
        return Err(Error::NoSuchRole { role: role.clone() });
    }
    let Catalog { source, entries, .. } = Arc::make_mut(&mut catalog);
    let new = |role: &String| roles.get(role).unwrap_or(role).clone();
    for names in [&mut source.roles, &mut source.policy_roles] {
        *names = names.iter().map(new).collect();
    }
    for entry in entries {
        entry.owner = entry.owner.as_ref().map(new);
        if entry.kind == "ROLE" {
            entry.name = new(&entry.name);
        }
        let names_roles = entry.pass == Pass::Acl
            || matches!(entry.kind.as_str(), "POLICY" | "USER MAPPING" | "DATABASE PROPERTIES");
        if names_roles {
            for statement in entry.create.iter_mut().chain(&mut entry.drop) {
                *statement = renamed(statement, roles);
            }
        }
    }
    Ok(catalog)
}

/// A statement with other roles: in the list behind TO or FROM, and behind FOR ROLE, ALTER ROLE, MAPPING FOR and SET SESSION AUTHORIZATION. As the
/// catalog writes such statements, in which every name that could be taken for one of these words is quoted.
fn renamed(statement: &str, roles: &BTreeMap<String, String>) -> String {
    let Some(tokens) = sql::tokens(statement) else { return statement.to_owned() };
    let mut text = String::with_capacity(statement.len());
    let mut rest = statement;
    let mut depth = 0usize;
    let mut expects_role = false;
    for (at, token) in tokens.iter().enumerate() {
        let before = rest.find(token).unwrap_or(0);
        text.push_str(&rest[..before]);
        rest = &rest[before + token.len()..];
        let role = roles.iter().find(|(old, _)| expects_role && sql::ident(old) == *token);
        text.push_str(&role.map_or_else(|| (*token).to_owned(), |(_, new)| sql::ident(new)));
        match *token {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let follows = |word: &str| at > 0 && tokens[at - 1] == word;
        expects_role = depth == 0
            && match *token {
                "TO" | "FROM" | "AUTHORIZATION" => true,
                "ROLE" => follows("FOR") || follows("ALTER"),
                "FOR" => follows("MAPPING"),
                "," => lists_roles(&tokens[..at]),
                _ => false,
            };
    }
    text + rest
}

/// Whether what these tokens end with is the list behind TO or FROM.
fn lists_roles(tokens: &[&str]) -> bool {
    let mut tokens = tokens.iter().rev();
    while tokens.next().is_some() {
        match tokens.next() {
            Some(&"TO" | &"FROM") => return true,
            Some(&",") => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::entry;

    #[test]
    fn roles_are_found_where_they_are_named_and_nowhere_else() {
        let named = |kind, pass, statement: &str| {
            let entry =
                Entry { pass, create: vec![statement.to_owned()], ..entry(1, kind, "public", "x", &[]) };
            names_role(&entry, "Bob")
        };
        for statement in [
            "GRANT SELECT ON TABLE public.\"Bob\" TO \"Bob\"",
            "GRANT ALL ON TABLE public.t TO \"Bob\" WITH GRANT OPTION",
            "REVOKE ALL ON TABLE public.t FROM \"Bob\"",
            "SET SESSION AUTHORIZATION \"Bob\"",
            "ALTER DEFAULT PRIVILEGES FOR ROLE \"Bob\" GRANT SELECT ON TABLES TO a",
        ] {
            assert!(named("ACL", Pass::Acl, statement), "{statement}");
        }
        for statement in
            ["GRANT SELECT ON TABLE public.\"Bob\" TO a", "GRANT SELECT ON TABLE public.t TO \"ABob\""]
        {
            assert!(!named("ACL", Pass::Acl, statement), "{statement}");
        }
        for statement in ["TO \"Bob\"", "TO a, \"Bob\" USING (x)", "TO \"Bob\", a WITH CHECK (x)"] {
            assert!(
                named("POLICY", Pass::Main, &format!("CREATE POLICY p ON public.t {statement}")),
                "{statement}"
            );
        }
        assert!(!named("POLICY", Pass::Main, "CREATE POLICY \"Bob\" ON public.\"Bob\" TO a USING (\"Bob\")"));
        assert!(!named("VIEW", Pass::Main, "GRANT x TO \"Bob\""));
    }

    #[test]
    fn other_roles_come_where_roles_are_named_and_nowhere_else() {
        let roles =
            BTreeMap::from([("Bob".to_owned(), "New one".to_owned()), ("a".to_owned(), "z".to_owned())]);
        for (old, new) in [
            (
                "GRANT SELECT ON TABLE public.\"Bob\" TO \"Bob\"",
                "GRANT SELECT ON TABLE public.\"Bob\" TO \"New one\"",
            ),
            ("GRANT ALL ON TABLE a TO a WITH GRANT OPTION", "GRANT ALL ON TABLE a TO z WITH GRANT OPTION"),
            ("REVOKE SELECT(a,b) ON TABLE a.a FROM PUBLIC", "REVOKE SELECT(a,b) ON TABLE a.a FROM PUBLIC"),
            ("SET SESSION AUTHORIZATION a", "SET SESSION AUTHORIZATION z"),
            ("ALTER ROLE a IN DATABASE a SET a TO 'a'", "ALTER ROLE z IN DATABASE a SET a TO 'a'"),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA a GRANT SELECT ON TABLES TO \"Bob\"",
                "ALTER DEFAULT PRIVILEGES FOR ROLE z IN SCHEMA a GRANT SELECT ON TABLES TO \"New one\"",
            ),
            (
                "CREATE POLICY a ON public.a FOR SELECT TO b, a, \"Bob\" USING ((a = 'TO a'::text))",
                "CREATE POLICY a ON public.a FOR SELECT TO b, z, \"New one\" USING ((a = 'TO a'::text))",
            ),
            (
                "CREATE USER MAPPING FOR a SERVER a OPTIONS (a 'a')",
                "CREATE USER MAPPING FOR z SERVER a OPTIONS (a 'a')",
            ),
            ("GRANT SELECT(a) ON TABLE public.\"TO\" TO a", "GRANT SELECT(a) ON TABLE public.\"TO\" TO z"),
        ] {
            assert_eq!(renamed(old, &roles), new);
        }
    }
}
