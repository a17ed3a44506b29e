//! Which roles an entry names.

use crate::archive::{Entry, Pass};
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
}
