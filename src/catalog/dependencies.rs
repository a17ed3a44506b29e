//! Dependencies: pg_depend, read as pg_dump reads it, between the objects that are dumped.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::class::{
    PG_ATTRDEF, PG_CONSTRAINT, PG_EXTENSION, PG_NAMESPACE, PG_POLICY, PG_REWRITE, PG_TRIGGER,
};
use super::kinds::Query;
use super::{Draft, Error, Lock, ObjectId, Results, Section};

pub(super) const DEPENDENCIES: &str = "dependencies";
const MEMBERS: &str = "extension members";
const ADDED: &str = "added to extension members";

/// What user objects depend on, but for TOAST tables. Membership in extensions is a query of its own; pins are no dependency.
/// No part of an object that pg_depend tells apart, a column, is an object here.
pub(super) fn query() -> Query {
    let sql = "
        SELECT d.classid, d.objid, d.refclassid, d.refobjid, d.deptype
        FROM pg_catalog.pg_depend d
        WHERE d.deptype NOT IN ('p', 'e') AND d.objid >= 16384
          AND NOT (d.classid = 1259 AND d.objid IN (
                SELECT t.oid FROM pg_catalog.pg_class t
                JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'pg_toast'))"
        .to_owned();
    Query { name: DEPENDENCIES, sql }
}

/// Which objects are members of which extension.
pub(super) fn members_query() -> Query {
    let sql = "
        SELECT d.classid, d.objid, d.refobjid
        FROM pg_catalog.pg_depend d
        WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
        .to_owned();
    Query { name: MEMBERS, sql }
}

/// Triggers, rules and policies of members that no script of the extension made. They are no members themselves, whoever made
/// them; but what a script makes has the transaction of a member that it made, or of the extension's last change. A server
/// that pg_upgrade made knows no such transactions, and all of them are found here.
pub(super) fn added_query() -> Query {
    let part = |class: &str, table: &str| {
        format!(
            "SELECT p.tableoid AS classid, p.oid AS objid FROM pg_catalog.{class} p
               JOIN pg_catalog.pg_depend m ON m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = p.{table}
                    AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND m.deptype = 'e'
              WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend o WHERE o.refclassid = m.refclassid
                                AND o.refobjid = m.refobjid AND o.deptype = 'e' AND o.xmin = p.xmin)
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.oid = m.refobjid AND e.xmin = p.xmin)"
        )
    };
    let parts = [("pg_trigger", "tgrelid"), ("pg_rewrite", "ev_class"), ("pg_policy", "polrelid")];
    let sql = parts.map(|(class, table)| part(class, table)).join(" UNION ALL ");
    Query { name: ADDED, sql }
}

/// The extension that each member belongs to, by the member's catalog and OID.
pub(super) struct Members(HashMap<(u32, u32), u32>);

impl Members {
    /// From the results of [`members_query`].
    pub(super) fn read(results: &Results) -> Result<Self, Error> {
        let members = results
            .rows(MEMBERS)
            .iter()
            .map(|row| Ok(((row.oid("classid")?, row.oid("objid")?), row.oid("refobjid")?)));
        Ok(Members(members.collect::<Result<_, Error>>()?))
    }

    fn contains(&self, id: ObjectId) -> bool {
        self.0.contains_key(&(id.class, id.oid))
    }
}

/// Drops the drafts that CREATE EXTENSION makes: members of extensions, and indexes, constraints, triggers, rules, policies
/// and defaults of such members. Triggers, rules and policies that somebody else added stay, and replace what the extension
/// may make under their names.
pub(super) fn drop_members(
    drafts: &mut Vec<Draft>,
    members: &Members,
    results: &Results,
) -> Result<(), Error> {
    let added = results.rows(ADDED).iter().map(|row| Ok((row.oid("classid")?, row.oid("objid")?)));
    let added: BTreeSet<(u32, u32)> = added.collect::<Result<_, Error>>()?;
    let key = |draft: &Draft| (draft.id.class, draft.id.oid);
    let is_member = |draft: &Draft| {
        !draft.of_configuration
            && std::iter::once(&draft.id).chain(&draft.aliases).any(|id| members.contains(*id))
    };
    let candidates = || drafts.iter().filter(|draft| !added.contains(&key(draft)));
    let mut gone: HashSet<(u32, u32)> = candidates().filter(|draft| is_member(draft)).map(key).collect();
    let parts: HashSet<(u32, u32)> = candidates().filter(|draft| is_part(draft)).map(key).collect();
    loop {
        let before = gone.len();
        for row in results.rows(DEPENDENCIES) {
            let owner = (row.oid("refclassid")?, row.oid("refobjid")?);
            if (gone.contains(&owner) || members.0.contains_key(&owner))
                && matches!(row.text("deptype")?, "a" | "i")
            {
                gone.extend(
                    Some((row.oid("classid")?, row.oid("objid")?)).filter(|part| parts.contains(part)),
                );
            }
        }
        if gone.len() == before {
            break;
        }
    }
    drafts.retain(|draft| {
        let goes = is_member(draft) || (is_part(draft) && gone.contains(&key(draft)));
        !goes || added.contains(&key(draft))
    });
    for draft in drafts.iter_mut().filter(|draft| added.contains(&key(draft))) {
        let kind = draft.kind;
        let replaced = draft.drop.iter().filter_map(|drop| drop.strip_prefix(&format!("DROP {kind}")));
        let replaced: Vec<_> = replaced.map(|what| format!("DROP {kind} IF EXISTS{what}").into()).collect();
        draft.create.splice(0..0, replaced);
    }
    Ok(())
}

/// Whether an object is a part of a relation or domain rather than one that could be a member itself.
fn is_part(draft: &Draft) -> bool {
    matches!(draft.id.class, PG_ATTRDEF | PG_CONSTRAINT | PG_REWRITE | PG_TRIGGER | PG_POLICY)
        || draft.kind == "INDEX"
}

/// Which draft a catalog row belongs to.
pub(super) struct Identities {
    drafts: HashMap<ObjectId, usize>,
    members: Members,
}

impl Identities {
    /// Of the drafts' ids and aliases.
    pub(super) fn new(drafts: &[Draft], members: Members) -> Self {
        let mut by_id = HashMap::new();
        for (at, draft) in drafts.iter().enumerate() {
            by_id.insert(draft.id, at);
            for &alias in &draft.aliases {
                by_id.entry(alias).or_insert(at);
            }
        }
        Identities { drafts: by_id, members }
    }

    /// The draft of that very object; a part of an object (a column) that is no draft itself belongs to the whole.
    pub(super) fn draft(&self, class: u32, oid: u32, sub: i32) -> Option<usize> {
        let whole = ObjectId::new(class, oid);
        self.drafts.get(&whole.with_sub(sub)).or_else(|| self.drafts.get(&whole)).copied()
    }

    /// The draft to wait for when that object is needed: for a member its extension.
    fn needed(&self, class: u32, oid: u32, sub: i32) -> Option<usize> {
        self.draft(class, oid, sub).or_else(|| {
            let extension = self.members.0.get(&(class, oid))?;
            self.draft(PG_EXTENSION, *extension, 0)
        })
    }

    /// The draft with the rows of a table that an extension makes.
    fn configuration(&self, class: u32, oid: u32) -> Option<usize> {
        let table = ObjectId::new(class, oid);
        let rows = self.drafts.get(&table.with_sub(ObjectId::DATA)).copied();
        rows.filter(|_| self.members.contains(table))
    }
}

/// What a draft needs: drafts by their places, each with whether the draft's own catalog row needs it. A view's definition
/// is another row, in pg_rewrite: the view could be there, with the same columns, without what only its definition needs.
/// Few each, of very many drafts: hence no map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs(Vec<(u32, bool)>);

impl Needs {
    /// Adds a draft. When it is there, it stays the own row's need if it was one.
    pub(super) fn add(&mut self, draft: usize, own: bool) {
        match self.find(draft) {
            Ok(at) => self.0[at].1 |= own,
            Err(at) => self.0.insert(at, (draft as u32, own)),
        }
    }

    /// Takes a draft out; whether it was there.
    pub(super) fn remove(&mut self, draft: usize) -> bool {
        self.find(draft).map(|at| self.0.remove(at)).is_ok()
    }

    /// The drafts in the order of their places, each with whether the own row needs it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        self.0.iter().map(|(draft, own)| (*draft as usize, *own))
    }

    /// The drafts in the order of their places.
    pub(super) fn drafts(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|(draft, _)| *draft as usize)
    }

    fn find(&self, draft: usize) -> Result<usize, usize> {
        self.0.binary_search_by_key(&draft, |(other, _)| *other as usize)
    }
}

/// The needs of every draft: what pg_depend says, what the drafts require, and the schema that each is in.
pub(super) fn needs(
    drafts: &[Draft],
    identities: &Identities,
    results: &Results,
) -> Result<Vec<Needs>, Error> {
    let mut needs: Vec<Needs> = vec![Needs::default(); drafts.len()];
    let mut add = |from: usize, to: usize, own: bool| {
        if from != to {
            needs[from].add(to, own);
        }
    };
    // What comes behind rows waits for those of its tables. A table that an extension makes is no draft that could be waited for.
    let rows = |from: usize, class: u32, oid: u32| {
        identities.configuration(class, oid).filter(|_| drafts[from].section == Section::PostData)
    };
    for row in results.rows(DEPENDENCIES) {
        let class = row.oid("classid")?;
        let Some(from) = identities.draft(class, row.oid("objid")?, 0) else { continue };
        let (to_class, to) = (row.oid("refclassid")?, row.oid("refobjid")?);
        for to in identities.needed(to_class, to, 0).into_iter().chain(rows(from, to_class, to)) {
            add(from, to, drafts[from].id.class == class);
        }
    }
    let schemas: HashMap<&str, usize> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| draft.id.class == PG_NAMESPACE)
        .map(|(at, draft)| (draft.name.as_str(), at))
        .collect();
    for (from, draft) in drafts.iter().enumerate() {
        for id in &draft.requires {
            for to in
                identities.needed(id.class, id.oid, id.sub).into_iter().chain(rows(from, id.class, id.oid))
            {
                add(from, to, true);
            }
        }
        if let Some(&to) = draft.schema.as_deref().and_then(|schema| schemas.get(schema)) {
            add(from, to, true);
        }
    }
    wait_for_partitions(drafts, identities, &mut needs);
    Ok(needs)
}

/// Functions that make a type need no more of it than its shell, and go when it is dropped.
pub(super) fn need_shells(drafts: &mut [Draft], identities: &Identities, needs: &mut [Needs]) {
    for at in 0..drafts.len() {
        let shell = identities.drafts.get(&drafts[at].id.with_sub(ObjectId::SHELL)).copied();
        for function in std::mem::take(&mut drafts[at].made_by) {
            let function = identities.drafts.get(&function).copied();
            if let (Some(shell), Some(function)) = (shell, function)
                && needs[function].remove(at)
            {
                needs[function].add(shell, true);
                drafts[function].drop.clear();
            }
        }
    }
}

/// What comes after the rows of a partitioned table comes after those of its partitions: a foreign key checks them, a trigger
/// would fire on them. The table has no rows of its own that could be waited for.
fn wait_for_partitions(drafts: &[Draft], identities: &Identities, needs: &mut [Needs]) {
    let mut below: HashMap<usize, Vec<(usize, Option<usize>)>> = HashMap::new();
    for draft in drafts.iter().filter(|draft| draft.kind == "TABLE ATTACH") {
        let relation = draft.id.with_sub(0);
        let parents = draft.requires.iter().filter(|id| **id != relation);
        for parent in parents.filter_map(|id| identities.drafts.get(id)) {
            let data = identities.drafts.get(&relation.with_sub(ObjectId::DATA)).copied();
            let partition = identities.drafts.get(&relation).map(|partition| (*partition, data));
            below.entry(*parent).or_default().extend(partition);
        }
    }
    let waiting = |draft: &Draft| draft.section == Section::PostData && draft.lock == Lock::Exclusive;
    for (draft, needs) in drafts.iter().zip(needs).filter(|(draft, _)| waiting(draft)) {
        if draft.kind == "INDEX ATTACH" {
            continue;
        }
        let mut tables: Vec<usize> = needs.drafts().collect();
        while let Some(table) = tables.pop() {
            for (partition, data) in below.get(&table).into_iter().flatten() {
                tables.push(*partition);
                if let Some(data) = data {
                    needs.add(*data, true);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::class::{PG_CLASS, PG_TYPE};
    use super::super::{Columns, Row, Statement, Value};
    use super::*;

    /// A row of pg_depend: `from` and `to` are (class, OID).
    fn row(query: &'static str, from: (u32, u32), to: (u32, u32), deptype: &str) -> Row {
        let columns = Columns::new(query, ["classid", "objid", "refclassid", "refobjid", "deptype"]);
        let [class, oid, of_class, of] = [from.0, from.1, to.0, to.1].map(|number| Value::Int(number.into()));
        Row::of(&columns, &[class, oid, of_class, of, Value::Text(deptype)])
    }

    fn draft(class: u32, oid: u32, kind: &'static str) -> Draft {
        Draft::new(ObjectId::new(class, oid), kind, None, &format!("{kind} {oid}"), Section::PreData)
    }

    const MEMBER: (u32, u32) = (PG_CLASS, 20001);
    const TABLE: (u32, u32) = (PG_CLASS, 20002);
    const TRIGGER: (u32, u32) = (PG_TRIGGER, 20003);
    const ADDED_TRIGGER: (u32, u32) = (PG_TRIGGER, 20005);
    const EXTENSION: (u32, u32) = (PG_EXTENSION, 20004);

    fn results() -> Results {
        let mut results = Results::default();
        results.insert(MEMBERS, vec![row(MEMBERS, MEMBER, EXTENSION, "e")]);
        results.insert(
            DEPENDENCIES,
            vec![
                row(DEPENDENCIES, TRIGGER, MEMBER, "a"),
                row(DEPENDENCIES, ADDED_TRIGGER, MEMBER, "a"),
                row(DEPENDENCIES, TABLE, MEMBER, "n"),
            ],
        );
        results
    }

    #[test]
    fn members_go_with_their_parts_but_not_with_what_users_added() -> Result<(), Error> {
        let mut results = results();
        results.insert(ADDED, vec![row(ADDED, ADDED_TRIGGER, MEMBER, "")]);
        let mut drafts = vec![
            Draft {
                drop: vec!["DROP TRIGGER t ON m".to_owned()],
                ..draft(ADDED_TRIGGER.0, ADDED_TRIGGER.1, "TRIGGER")
            },
            draft(EXTENSION.0, EXTENSION.1, "EXTENSION"),
            draft(MEMBER.0, MEMBER.1, "TABLE"),
            draft(TABLE.0, TABLE.1, "TABLE"),
            draft(TRIGGER.0, TRIGGER.1, "TRIGGER"),
        ];
        let members = Members::read(&results)?;
        drop_members(&mut drafts, &members, &results)?;
        let kinds = drafts.iter().map(|draft| (draft.kind, draft.create.len())).collect::<Vec<_>>();
        assert_eq!(kinds, [("TRIGGER", 1), ("EXTENSION", 0), ("TABLE", 0)]);
        let replaced = Statement::from("DROP TRIGGER IF EXISTS t ON m".to_owned());
        assert_eq!(drafts[0].create, [replaced]);
        // What needs the member waits for the extension.
        let identities = Identities::new(&drafts, members);
        let needs = needs(&drafts, &identities, &results)?;
        assert_eq!((&needs[0], &needs[2]), (&Needs(vec![(1, true)]), &Needs(vec![(1, true)])));
        Ok(())
    }

    #[test]
    fn needs_of_an_alias_are_known_as_the_definitions() -> Result<(), Error> {
        let mut view = draft(PG_CLASS, 20001, "VIEW");
        view.aliases = vec![ObjectId::new(PG_REWRITE, 20009), ObjectId::new(PG_TYPE, 20010)];
        let drafts = [view, draft(PG_CLASS, 20002, "TABLE"), draft(PG_TYPE, 20003, "TYPE")];
        let mut results = Results::default();
        results.insert(
            DEPENDENCIES,
            vec![
                row(DEPENDENCIES, (PG_REWRITE, 20009), (PG_CLASS, 20001), "i"),
                row(DEPENDENCIES, (PG_REWRITE, 20009), (PG_CLASS, 20002), "n"),
                row(DEPENDENCIES, (PG_CLASS, 20001), (PG_TYPE, 20003), "n"),
                row(DEPENDENCIES, (PG_CLASS, 20002), (PG_TYPE, 20010), "n"),
            ],
        );
        let identities = Identities::new(&drafts, Members::read(&results)?);
        let needs = needs(&drafts, &identities, &results)?;
        assert_eq!(needs[0], Needs(vec![(1, false), (2, true)]));
        assert_eq!(needs[1], Needs(vec![(0, true)]));
        Ok(())
    }
}
