//! Dependencies: pg_depend, read as pg_dump reads it, between the objects that are dumped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::class::{
    PG_ATTRDEF, PG_CONSTRAINT, PG_EXTENSION, PG_NAMESPACE, PG_POLICY, PG_REWRITE, PG_TRIGGER,
};
use super::kinds::Query;
use super::{Draft, Error, ObjectId, Results};

const DEPENDENCIES: &str = "dependencies";
const MEMBERS: &str = "extension members";

/// What user objects depend on. Membership in extensions is a query of its own; pins are no dependency.
pub(super) fn query() -> Query {
    let sql = "
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
        FROM pg_catalog.pg_depend d
        WHERE d.deptype NOT IN ('p', 'e') AND d.objid >= 16384"
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
/// and defaults of such members, whoever made those. `ranks` goes along with `drafts`. Returns what was dropped of the
/// second sort: the extension may not bring it.
pub(super) fn drop_members(
    drafts: &mut Vec<(usize, Draft)>,
    members: &Members,
    results: &Results,
) -> Result<Vec<String>, Error> {
    let mut dropped = Vec::new();
    let mut gone: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut owners: BTreeMap<(u32, u32), Vec<(u32, u32)>> = BTreeMap::new();
    for row in results.rows(DEPENDENCIES) {
        if matches!(row.text("deptype")?, "a" | "i") {
            owners
                .entry((row.oid("classid")?, row.oid("objid")?))
                .or_default()
                .push((row.oid("refclassid")?, row.oid("refobjid")?));
        }
    }
    loop {
        let before = drafts.len();
        drafts.retain(|(_, draft)| {
            let key = (draft.id.class, draft.id.oid);
            let member = std::iter::once(&draft.id).chain(&draft.aliases).any(|id| members.contains(*id));
            let of_member = is_part(draft)
                && owners.get(&key).is_some_and(|owners| {
                    owners.iter().any(|owner| {
                        gone.contains(owner) || members.contains(ObjectId::new(owner.0, owner.1))
                    })
                });
            if member || of_member {
                gone.insert(key);
            }
            if of_member && !member {
                dropped.push(format!("{} {} (on a member of an extension)", draft.kind, draft.name));
            }
            !(member || of_member)
        });
        if drafts.len() == before {
            return Ok(dropped);
        }
    }
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
}

/// What a draft needs: drafts by their places, each with whether the draft's own catalog row needs it. A view's definition
/// is another row, in pg_rewrite: the view could be there, with the same columns, without what only its definition needs.
pub(super) type Needs = BTreeMap<usize, bool>;

/// The needs of every draft: what pg_depend says, what the drafts require, and the schema that each is in.
pub(super) fn needs(
    drafts: &[Draft],
    identities: &Identities,
    results: &Results,
) -> Result<Vec<Needs>, Error> {
    let mut needs: Vec<Needs> = vec![Needs::new(); drafts.len()];
    let mut add = |from: usize, to: usize, own: bool| {
        if from != to {
            *needs[from].entry(to).or_default() |= own;
        }
    };
    for row in results.rows(DEPENDENCIES) {
        let (class, sub) = (row.oid("classid")?, sub(row.int("objsubid")?));
        let Some(from) = identities.draft(class, row.oid("objid")?, sub) else { continue };
        let to = identities.needed(
            row.oid("refclassid")?,
            row.oid("refobjid")?,
            self::sub(row.int("refobjsubid")?),
        );
        if let Some(to) = to {
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
            if let Some(to) = identities.needed(id.class, id.oid, id.sub) {
                add(from, to, true);
            }
        }
        if let Some(&to) = draft.schema.as_deref().and_then(|schema| schemas.get(schema)) {
            add(from, to, true);
        }
    }
    Ok(needs)
}

/// Column numbers fit; anything else is no column.
fn sub(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(0)
}
