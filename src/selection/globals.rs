//! What is outside a database: it goes with no pattern and no section, and a restore makes it only when it is asked to.

use crate::archive::Entry;

/// Where an entry belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into the database.
    Inside,
    /// To the database as a whole.
    Database,
    /// To a role: itself, its settings, memberships and rights on parameters.
    Role,
    /// To a machine: never restored.
    Tablespace,
}

/// Where one of these entries belongs; a comment, ACL or label belongs where its object does.
pub fn place(entries: &[Entry], entry: &Entry) -> Place {
    match object(entries, entry).kind.as_str() {
        "ROLE" | "ROLE PROPERTIES" | "ROLE MEMBERSHIP" | "PARAMETER ACL" => Place::Role,
        "TABLESPACE" => Place::Tablespace,
        "DATABASE" | "DATABASE PROPERTIES" => Place::Database,
        _ => Place::Inside,
    }
}

/// The role that an entry of [`Place::Role`] belongs to.
pub fn role<'a>(entries: &'a [Entry], entry: &'a Entry) -> &'a str {
    let object = object(entries, entry);
    object.owner.as_deref().unwrap_or(&object.name)
}

/// What a comment, ACL or label is about; any other entry is its own object.
fn object<'a>(entries: &'a [Entry], entry: &'a Entry) -> &'a Entry {
    match (entry.kind.as_str(), entry.dependencies.as_slice()) {
        ("COMMENT" | "ACL" | "SECURITY LABEL", [object]) => &entries[*object as usize - 1],
        _ => entry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::tests::entry;

    #[test]
    fn what_is_attached_belongs_where_its_object_does() {
        let entries = [
            entry(1, "ROLE", "", "app", &[]),
            entry(2, "COMMENT", "", "ROLE app", &[1]),
            Entry { owner: Some("app".to_owned()), ..entry(3, "ROLE MEMBERSHIP", "", "all TO app", &[1]) },
            entry(4, "TABLESPACE", "", "fast", &[]),
            entry(5, "ACL", "", "TABLESPACE fast", &[4]),
            entry(6, "DATABASE", "", "d", &[1]),
            entry(7, "SECURITY LABEL", "", "DATABASE d", &[6]),
            entry(8, "TABLE", "public", "t", &[]),
            entry(9, "COMMENT", "public", "TABLE t", &[8]),
            entry(10, "ACL", "", "SCHEMA pg_catalog", &[]),
        ];
        let places: Vec<Place> = entries.iter().map(|entry| place(&entries, entry)).collect();
        use Place::{Database, Inside, Role, Tablespace};
        assert_eq!(
            places,
            [Role, Role, Role, Tablespace, Tablespace, Database, Database, Inside, Inside, Inside]
        );
        assert!(entries[..3].iter().all(|entry| role(&entries, entry) == "app"));
    }
}
