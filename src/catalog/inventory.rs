//! From the rows of all catalog queries to the inventory: drafts without extension members, their order, their statements,
//! comments and ACLs. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::class::PG_POLICY;
use super::dependencies::{DEPENDENCIES, Identities, Members};
use super::kinds::{INITIAL_ACLS, KINDS, MEMBERSHIPS, PARAMETER_ACLS, Query, roles_of_initial_acls};
use super::order::{Form, Node, Order, order};
use super::transfer::TypeCatalog;
use super::{
    Draft, Error, Inventory, Lock, Object, ObjectId, Pass, Repair, Results, Roles, Section, acl, comments,
    dependencies, globals, uncovered,
};
use crate::pg::Version;

const EXTENSIONS: &str = "extension versions";
const SETTINGS: &str = "settings";
const DEFAULT_ACL_ROLES: &str = "roles of default privileges";
/// Queries that more than their own kind reads: later kinds, and who looks for the roles that are referred to.
const READ_AGAIN: [&str; 7] =
    ["table_check", "roles", "database", "large objects", INITIAL_ACLS, PARAMETER_ACLS, MEMBERSHIPS];
const POLICY_ROLES: &str = "roles of policies";

/// The queries about all objects, beside those of the kinds.
pub(super) fn queries(version: Version) -> Vec<Query> {
    // reset_val: this session has settings of its own.
    let settings = "
        SELECT s.name, s.reset_val AS setting FROM pg_catalog.pg_settings s
        WHERE s.name IN ('server_version', 'server_encoding', 'integer_datetimes', 'lc_monetary', 'lc_numeric', 'lc_time',
                         'TimeZone', 'DateStyle', 'IntervalStyle', 'default_toast_compression',
                         'default_text_search_config', 'block_size', 'data_checksums')
        UNION ALL
        SELECT s.name, pg_catalog.replace(s.reset_val, '\"$user\"', pg_catalog.quote_ident(session_user))
        FROM pg_catalog.pg_settings s WHERE s.name = 'search_path'
        UNION ALL
        SELECT v.name, v.setting
        FROM pg_catalog.pg_database d
        CROSS JOIN LATERAL (VALUES ('lc_collate', d.datcollate::text), ('lc_ctype', d.datctype::text)) v (name, setting)
        WHERE d.datname = pg_catalog.current_database() AND v.setting IS NOT NULL
        ORDER BY name";
    let extensions = "
        SELECT e.extname, n.nspname, e.extversion
        FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
        ORDER BY e.extname";
    let policy_roles = "
        SELECT p.oid AS policy, r.rolname
        FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_roles r ON r.oid = ANY (p.polroles)";
    let default_acl_roles = "
        SELECT DISTINCT r.rolname
        FROM pg_catalog.pg_default_acl d CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) e
        JOIN pg_catalog.pg_roles r ON r.oid IN (d.defaclrole, e.grantee)";
    let mut queries = vec![
        Query { name: SETTINGS, sql: settings.to_owned() },
        Query { name: EXTENSIONS, sql: extensions.to_owned() },
        Query { name: POLICY_ROLES, sql: policy_roles.to_owned() },
        Query { name: DEFAULT_ACL_ROLES, sql: default_acl_roles.to_owned() },
        dependencies::query(),
        dependencies::members_query(),
        dependencies::added_query(),
        comments::comments_query(),
        comments::labels_query(),
        acl::query(version),
    ];
    queries.push(uncovered::query());
    queries
}

/// What the answers to the kinds' queries and to [`queries`] amount to.
pub(super) fn inventory(
    mut results: Results,
    version: Version,
    locked: &BTreeSet<u32>,
    read: Roles,
) -> Result<Inventory, Error> {
    let assembled = assemble(&results)?;
    for query in KINDS.iter().flat_map(|kind| (kind.queries)(version)) {
        if !READ_AGAIN.contains(&query.name) {
            results.forget(query.name);
        }
    }
    let mut drafts: Vec<Draft> = Vec::with_capacity(assembled.iter().map(Vec::len).sum());
    for (rank, of_kind) in assembled.into_iter().enumerate() {
        drafts.extend(of_kind.into_iter().map(|draft| Draft { rank, ..draft }));
    }
    let members = Members::read(&results)?;
    let uncovered = uncovered::read(&results, version)?;
    dependencies::drop_members(&mut drafts, &members, &results)?;
    let types = TypeCatalog::read(&results, version)?;
    let tables = drafts.iter_mut().filter_map(|draft| draft.data.as_mut());
    for relation in tables.filter(|relation| relation.large_objects.is_empty()) {
        if !locked.contains(&relation.oid) {
            return Err(Error::Unlocked { relation: format!("{}.{}", relation.schema, relation.name) });
        }
        types.complete(relation);
    }
    let identities = Identities::new(&drafts, members);
    let mut needs = dependencies::needs(&drafts, &identities, &results)?;
    results.forget(DEPENDENCIES);
    dependencies::need_shells(&mut drafts, &identities, &mut needs);
    let order = order(&drafts, needs);
    let inside = drafts.iter().filter(|draft| !globals::is_global(draft.id));
    let mut roles: BTreeSet<String> = inside.filter_map(|draft| draft.owner.clone()).collect();
    for row in results.rows(DEFAULT_ACL_ROLES) {
        roles.insert(row.text("rolname")?.to_owned());
    }
    roles.extend(roles_of_initial_acls(&results)?);
    let policy_roles = policy_roles(&identities, &results)?;
    roles.extend(policy_roles.iter().cloned());
    let attached = Attached::read(&drafts, &identities, &order, &results, &mut roles)?;
    let not_referred_to = globals::not_referred_to(&drafts, &roles, read.all, &results)?;
    let mut extensions = Vec::new();
    for row in results.rows(EXTENSIONS) {
        let [name, schema, version] = [row.text("extname")?, row.text("nspname")?, row.text("extversion")?];
        extensions.push((name.to_owned(), schema.to_owned(), version.to_owned()));
    }
    let mut settings = Vec::new();
    for row in results.rows(SETTINGS) {
        settings
            .push((row.text("name")?.to_owned(), row.opt_text("setting")?.unwrap_or_default().to_owned()));
    }
    let without_system =
        |roles: BTreeSet<String>| roles.into_iter().filter(|role| !role.starts_with("pg_")).collect();
    // Of many tables both are large, and so is what comes now.
    drop((results, identities));
    Ok(Inventory {
        objects: objects(drafts, order, &not_referred_to, attached),
        roles: without_system(roles),
        policy_roles: without_system(policy_roles),
        extensions,
        settings,
        uncovered,
    })
}

/// The drafts of each kind. A second thread helps; not more, and this one takes part, because what others give back to the
/// allocator is not found again by the steps that follow here.
fn assemble(results: &Results) -> Result<Vec<Vec<Draft>>, Error> {
    let next = AtomicUsize::new(0);
    let some = || {
        let left = std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            KINDS.get(at).map(|kind| (kind.assemble)(results).map(|drafts| (at, drafts)))
        });
        left.collect::<Result<Vec<_>, Error>>()
    };
    let (own, helped) = std::thread::scope(|scope| {
        let helper = scope.spawn(some);
        (some(), helper.join())
    });
    let helped = helped.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let mut assembled = vec![Vec::new(); KINDS.len()];
    own?.into_iter().chain(helped?).for_each(|(at, drafts)| assembled[at] = drafts);
    Ok(assembled)
}

/// The roles that the policies among the drafts name.
fn policy_roles(identities: &Identities, results: &Results) -> Result<BTreeSet<String>, Error> {
    let mut roles = BTreeSet::new();
    for row in results.rows(POLICY_ROLES) {
        if identities.draft(PG_POLICY, row.oid("policy")?, 0).is_some() {
            roles.insert(row.text("rolname")?.to_owned());
        }
    }
    Ok(roles)
}

/// Statements about objects, by the places of these in the order.
struct Attached {
    comments: BTreeMap<usize, Vec<(usize, String)>>,
    labels: BTreeMap<usize, Vec<(usize, String)>>,
    acls: BTreeMap<usize, Vec<(usize, String)>>,
}

impl Attached {
    fn read(
        drafts: &[Draft],
        identities: &Identities,
        order: &Order,
        results: &Results,
        roles: &mut BTreeSet<String>,
    ) -> Result<Self, Error> {
        let by_place = |statements: Vec<(usize, String)>| {
            let mut places: BTreeMap<usize, Vec<(usize, String)>> = BTreeMap::new();
            for (draft, statement) in statements {
                places.entry(order.place[draft]).or_default().push((draft, statement));
            }
            places
        };
        let mut grants = Vec::new();
        for (id, acls) in acl::read(results)? {
            let Some(at) = identities.draft(id.class, id.oid, 0) else { continue };
            let draft = &drafts[at];
            // Not that of a multirange type, which comes with its range: since 17 nobody may set it.
            let Some(on) = draft.acl_on.as_deref().filter(|_| draft.id == id) else { continue };
            for acl::ObjectAcl { column, owner, acl } in acls {
                if !globals::is_global(id) {
                    roles.extend(acl.roles().cloned());
                }
                let target = acl::Target { before: "", on, column: column.as_deref(), owner: &owner };
                grants.extend(acl.statements(target).into_iter().map(|statement| (at, statement)));
            }
        }
        Ok(Attached {
            comments: by_place(comments::comments(drafts, identities, results)?),
            labels: by_place(comments::labels(drafts, identities, results)?),
            acls: by_place(grants),
        })
    }
}

/// The objects in restore order: comments and labels right behind what they are about, ACLs behind the last object of the
/// section's main pass. Without the drafts in `left_out`, which no other one needs.
fn objects(
    mut drafts: Vec<Draft>,
    order: Order,
    left_out: &BTreeSet<usize>,
    mut attached: Attached,
) -> Vec<Object> {
    for (draft, place) in order.place.iter().enumerate() {
        if order.nodes[*place].draft != draft {
            // Inside its host's statement.
            (drafts[draft].create, drafts[draft].drop) = (Vec::new(), Vec::new());
        }
    }
    let mut objects: Vec<Object> = Vec::new();
    let mut index = Vec::with_capacity(order.nodes.len());
    let mut acls: Vec<Object> = Vec::new();
    for (place, node) in order.nodes.into_iter().enumerate() {
        let of_section = acls.last().is_some_and(|acl| acl.section == node.section);
        if !(of_section && drafts[node.draft].pass == Pass::Main) {
            objects.append(&mut acls);
        }
        let at = objects.len();
        index.push(at);
        if left_out.contains(&node.draft) {
            continue;
        }
        let attach = |kind, sub, statements: Option<Vec<(usize, String)>>, target: &mut Vec<Object>| {
            for (draft, statements) in grouped(statements.unwrap_or_default()) {
                target.push(attachment(&drafts[draft], node.section, at, kind, sub, statements));
            }
        };
        let mut behind = Vec::new();
        attach("COMMENT", ObjectId::COMMENT, attached.comments.remove(&place), &mut behind);
        attach("SECURITY LABEL", ObjectId::LABEL, attached.labels.remove(&place), &mut behind);
        attach("ACL", ObjectId::ACL, attached.acls.remove(&place), &mut acls);
        let draft = &mut drafts[node.draft];
        let draft = match node.form {
            Form::Whole => {
                std::mem::replace(draft, Draft::new(draft.id, draft.kind, None, "", draft.section))
            }
            Form::Dummy | Form::Replacement => draft.clone(),
        };
        objects.push(object(draft, node, &index, &order.separate));
        objects.append(&mut behind);
    }
    objects.append(&mut acls);
    objects
}

/// The statements by the drafts they are about.
fn grouped(statements: Vec<(usize, String)>) -> BTreeMap<usize, Vec<String>> {
    let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (draft, statement) in statements {
        groups.entry(draft).or_default().push(statement);
    }
    groups
}

fn object(draft: Draft, node: Node, index: &[usize], separate: &BTreeSet<ObjectId>) -> Object {
    let rendered = draft.create.iter().map(|statement| statement.render(separate));
    let mut object = Object {
        id: draft.id,
        kind: draft.kind,
        schema: draft.schema,
        name: draft.name,
        owner: draft.owner,
        section: node.section,
        pass: draft.pass,
        // What moved behind the data reads the tables that it names when it is created.
        lock: if node.section == draft.section { draft.lock } else { Lock::Share },
        create: Vec::new(),
        drop: draft.drop,
        owned: draft.owned,
        tablespace: draft.tablespace,
        access_method: draft.access_method,
        dependencies: node.needs.into_iter().map(|need| index[need]).collect(),
        data: draft.data,
    };
    match (node.form, draft.repair) {
        (Form::Dummy, Repair::DummyView { create }) => object.create = vec![create],
        (Form::Replacement, repair) => {
            object.id = draft.id.with_sub(ObjectId::REPLACED_VIEW);
            object.kind = "RULE";
            object.name.push_str(" _RETURN");
            object.create = rendered.map(replacing).collect();
            // What reads the view is dropped before, or needs no more than the dummy.
            object.drop.clear();
            if let Repair::DummyView { create } = repair {
                object.drop.push(replacing(create));
            }
            object.owned = None;
        }
        _ => object.create = rendered.collect(),
    }
    object
}

/// CREATE VIEW as the statement that replaces the dummy.
fn replacing(statement: String) -> String {
    match statement.strip_prefix("CREATE VIEW ") {
        Some(rest) => format!("CREATE OR REPLACE VIEW {rest}"),
        None => statement,
    }
}

/// A comment, label or ACL of the object at `at`, or of a part of it.
fn attachment(
    draft: &Draft,
    section: Section,
    at: usize,
    kind: &'static str,
    sub: i32,
    create: Vec<String>,
) -> Object {
    Object {
        id: draft.id.with_sub(sub),
        kind,
        schema: draft.schema.clone(),
        name: format!("{} {}", draft.kind, draft.name),
        owner: draft.owner.clone(),
        section,
        pass: if kind == "ACL" { Pass::Acl } else { draft.pass },
        lock: Lock::None,
        create,
        drop: Vec::new(),
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: vec![at],
        data: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Columns, Row, Value};

    #[test]
    fn policies_that_are_not_dumped_need_no_role() -> Result<(), Error> {
        let columns = Columns::new(POLICY_ROLES, ["policy", "rolname"]);
        let named = [(20_000, "reader"), (20_000, "auditor"), (20_001, "of_extension")];
        let row = |(policy, role): (i64, &str)| Row::of(&columns, &[Value::Int(policy), Value::Text(role)]);
        let mut results = Results::default();
        results.insert(POLICY_ROLES, named.map(row).to_vec());
        let id = ObjectId::new(PG_POLICY, 20_000);
        let policy = Draft::new(id, "POLICY", Some("public"), "t p", Section::PostData);
        let identities = Identities::new(&[policy], Members::read(&results)?);
        let roles = policy_roles(&identities, &results)?;
        assert_eq!(roles, BTreeSet::from(["auditor".to_owned(), "reader".to_owned()]));
        Ok(())
    }
}
