//! TABLE and FOREIGN TABLE: plain, partitioned and foreign tables. Partitions are created stand-alone; `table_attach` attaches
//! them.

use std::collections::BTreeMap;

use super::columns::{alter_column, collate, columns_query};
use super::foreign::{options, options_of};
use super::relation::{
    OF_USERS, RELATION, ROW_TYPES, SCHEMA, STORAGE, relation_draft, relation_name, replica_identity,
    row_types, rows_by, with_clause,
};
use super::{Kind, Query};
use crate::catalog::class::{PG_ATTRDEF, PG_CONSTRAINT};
use crate::catalog::{Draft, Error, Item, ObjectId, Piece, Results, Row, Statement};
use crate::pg::Version;
use crate::sql;

/// Tables.
pub(super) const TABLE: Kind = Kind { tag: "TABLE", queries, follow_up: None, assemble };

fn queries(version: Version) -> Vec<Query> {
    let table = format!(
        "SELECT {RELATION}, {ROW_TYPES}, {STORAGE}, c.relkind::text AS relkind, c.relpersistence::text AS persistence,
                c.relispartition AS is_partition, c.relreplident::text AS replica_identity,
                c.relforcerowsecurity AS force_row_security,
                CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END AS of_type,
                CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
                s.srvname AS server, {}
           FROM pg_catalog.pg_class c {SCHEMA}
           LEFT JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = c.oid
           LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
          WHERE c.relkind IN ('r', 'p', 'f') AND {OF_USERS}
          ORDER BY n.nspname, c.relname",
        options_of("f.ftoptions")
    );
    let parent = format!(
        "SELECT i.inhrelid AS table_oid, i.inhparent AS parent_oid, pn.nspname AS schema, p.relname AS name
           FROM pg_catalog.pg_inherits i
           JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'f') AND NOT c.relispartition {SCHEMA}
           JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
           JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
          WHERE {OF_USERS}
          ORDER BY i.inhrelid, i.inhseqno"
    );
    let check = format!(
        "SELECT k.conrelid AS table_oid, k.oid, k.conname AS name, k.conislocal AS local,
                pg_catalog.pg_get_constraintdef(k.oid) AS definition
           FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid {SCHEMA}
          WHERE k.contype = 'c' AND k.convalidated AND c.relkind IN ('r', 'p', 'f') AND {OF_USERS}
          ORDER BY k.conrelid, k.conname"
    );
    vec![
        Query { name: "table", sql: table },
        columns_query("table_column", "'r', 'p', 'f'", version),
        Query { name: "table_parent", sql: parent },
        Query { name: "table_check", sql: check },
    ]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let columns = rows_by(results.rows("table_column"), "table_oid")?;
    let parents = rows_by(results.rows("table_parent"), "table_oid")?;
    let checks = rows_by(results.rows("table_check"), "table_oid")?;
    let of = |groups: &BTreeMap<u32, Vec<_>>, oid| groups.get(&oid).cloned().unwrap_or_default();
    let mut drafts = Vec::new();
    for row in results.rows("table") {
        let oid = row.oid("oid")?;
        let (own, parents) = (of(&columns, oid), of(&parents, oid));
        let reordered = !parents.is_empty() && inherits_in_another_order(&own, &parents, &columns)?;
        let attach = if reordered { Attach::AfterInherits } else { Attach::of(row)? };
        drafts.push(draft(row, &Parts { columns: own, parents, checks: of(&checks, oid), attach })?);
    }
    Ok(drafts)
}

/// How a table comes to its parents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attach {
    /// By INHERITS in its CREATE, which gives it the parents' columns and constraints.
    Create,
    /// By ALTER TABLE INHERIT: it must have everything of its own first.
    AfterInherits,
    /// By ALTER TABLE ATTACH PARTITION, which is another object.
    AfterPartition,
}

impl Attach {
    fn of(table: &Row) -> Result<Attach, Error> {
        Ok(if table.bool("is_partition")? { Attach::AfterPartition } else { Attach::Create })
    }
}

struct Parts<'a> {
    columns: Vec<&'a Row>,
    parents: Vec<&'a Row>,
    checks: Vec<&'a Row>,
    attach: Attach,
}

/// Whether CREATE TABLE ... INHERITS would change the order of the columns, and ALTER TABLE ... INHERIT would not: it makes
/// every column a local one, so it can only stand for tables where they all are.
fn inherits_in_another_order(
    own: &[&Row],
    parents: &[&Row],
    columns: &BTreeMap<u32, Vec<&Row>>,
) -> Result<bool, Error> {
    let names = own.iter().map(|column| column.text("name")).collect::<Result<Vec<_>, _>>()?;
    let mut order = Vec::new();
    for parent in parents {
        for column in columns.get(&parent.oid("parent_oid")?).into_iter().flatten() {
            let name = column.text("name")?;
            if !order.contains(&name) {
                order.push(name);
            }
        }
    }
    order.extend(names.iter().filter(|name| !order.contains(name)).copied().collect::<Vec<_>>());
    for column in own {
        if !column.bool("local")? {
            return Ok(false);
        }
    }
    Ok(order != names)
}

fn draft(row: &Row, parts: &Parts) -> Result<Draft, Error> {
    let name = relation_name(row)?;
    let foreign = row.text("relkind")? == "f";
    let mut draft = relation_draft(row, if foreign { "FOREIGN TABLE" } else { "TABLE" }, "TABLE")?;
    draft.columns_of = Some(name.clone());
    draft.aliases = row_types(row)?;
    for column in &parts.columns {
        // A generated column's expression is never an object of its own, but pg_depend speaks of it.
        if !column.text("generated")?.is_empty() {
            draft.aliases.push(ObjectId::new(PG_ATTRDEF, column.oid("default_oid")?));
        }
    }
    let partitioned = row.text("relkind")? == "p";
    if !foreign {
        draft.tablespace = Some(row.text("tablespace")?.to_owned());
    }
    if !partitioned {
        draft.access_method = row.opt_text("access_method")?.map(str::to_owned);
    }
    let typed = row.opt_text("of_type")?;
    let mut items = Vec::new();
    let mut alters: Vec<Statement> = Vec::new();
    for column in &parts.columns {
        if parts.attach != Attach::Create || column.bool("local")? {
            items.push(column_item(column, typed.is_some(), parts.attach)?);
        } else {
            inherited_column(&name, column, &mut items, &mut alters)?;
        }
        alters.extend(alter_column(&name, column)?);
        let options = options(column)?;
        if !options.is_empty() {
            let column = sql::ident(column.text("name")?);
            alters.push(format!("ALTER FOREIGN TABLE ONLY {name} ALTER COLUMN {column}{options}").into());
        }
    }
    for check in &parts.checks {
        let id = ObjectId::new(PG_CONSTRAINT, check.oid("oid")?);
        let text = format!("CONSTRAINT {} {}", sql::ident(check.text("name")?), check.text("definition")?);
        if check.bool("local")? {
            items.push(Item { part: Some(id), pieces: vec![Piece::Text(text)] });
        } else if parts.attach != Attach::Create {
            draft.aliases.push(id);
            items.push(Item { part: None, pieces: vec![Piece::Text(text)] });
        }
    }
    draft.create = vec![create(row, &name, typed, items, parts)?];
    if parts.attach == Attach::AfterInherits {
        let inherit =
            |parent: &&Row| Ok(format!("ALTER TABLE ONLY {name} INHERIT {}", relation_name(parent)?).into());
        draft.create.extend(parts.parents.iter().map(inherit).collect::<Result<Vec<Statement>, Error>>()?);
    }
    draft.create.extend(alters);
    if !foreign {
        draft.create.extend(replica_identity(&name, row.text("replica_identity")?));
    }
    if row.bool("force_row_security")? {
        draft.create.push(format!("ALTER TABLE ONLY {name} FORCE ROW LEVEL SECURITY").into());
    }
    if let (true, Some(method)) = (partitioned, row.opt_text("access_method")?) {
        // A partitioned table has no storage, so default_table_access_method is not taken for it.
        draft.create.push(format!("ALTER TABLE ONLY {name} SET ACCESS METHOD {}", sql::ident(method)).into());
    }
    Ok(draft)
}

fn create(
    row: &Row,
    name: &str,
    typed: Option<&str>,
    items: Vec<Item>,
    parts: &Parts,
) -> Result<Statement, Error> {
    let partition_key = row.opt_text("partition_key")?;
    // UNLOGGED on a partitioned table has never meant anything, and 18 refuses it.
    let unlogged = partition_key.is_none() && row.text("persistence")? == "u";
    let server = row.opt_text("server")?;
    let sort = if server.is_some() {
        "FOREIGN "
    } else if unlogged {
        "UNLOGGED "
    } else {
        ""
    };
    let mut pieces = vec![Piece::Text(format!("CREATE {sort}TABLE {name}"))];
    if let Some(of_type) = typed {
        pieces.push(Piece::Text(format!(" OF {of_type}")));
    }
    if typed.is_none() || !items.is_empty() {
        pieces.extend([Piece::Text(" (".to_owned()), Piece::List(items), Piece::Text("\n)".to_owned())]);
    }
    let mut tail = String::new();
    if parts.attach == Attach::Create && !parts.parents.is_empty() {
        let parents =
            parts.parents.iter().map(|parent| relation_name(parent)).collect::<Result<Vec<_>, _>>()?;
        tail.push_str(&format!("\nINHERITS ({})", parents.join(", ")));
    }
    if let Some(key) = partition_key {
        tail.push_str(&format!("\nPARTITION BY {key}"));
    }
    if let Some(server) = server {
        tail.push_str(&format!("\nSERVER {}{}", sql::ident(server), options(row)?));
    }
    tail.push_str(&with_clause(&row.list("options")?, &row.list("toast_options")?));
    pieces.push(Piece::Text(tail));
    Ok(Statement(pieces))
}

/// A column that stands in the CREATE. Those of a typed table are all named: their list must not become empty when a
/// loop takes the CHECKs out.
fn column_item(column: &Row, typed: bool, attach: Attach) -> Result<Item, Error> {
    let mut text = sql::ident(column.text("name")?);
    if typed {
        text.push_str(" WITH OPTIONS");
    } else {
        text.push_str(&format!(" {}{}", column.text("type")?, collate(column)?));
    }
    let mut pieces = vec![Piece::Text(text)];
    let expression = column.opt_text("expression")?;
    let inherits = attach == Attach::Create;
    match (column.text("generated")?, expression) {
        ("", Some(expression)) => pieces.push(Piece::Part {
            part: ObjectId::new(PG_ATTRDEF, column.oid("default_oid")?),
            text: format!(" DEFAULT {expression}"),
        }),
        ("", None) if inherits && column.bool("lacks_default")? => {
            pieces.push(Piece::Text(" DEFAULT NULL".to_owned()));
        }
        ("", None) => {}
        // Until 15 a child may not repeat the expression that it inherits.
        _ if inherits && column.bool("same_generated")? => {}
        (generated, Some(expression)) => {
            let word = if generated == "v" { "VIRTUAL" } else { "STORED" };
            pieces.push(Piece::Text(format!(" GENERATED ALWAYS AS ({expression}) {word}")));
        }
        (_, None) => {}
    }
    if column.bool("not_null")? && (!inherits || column.bool("not_null_local")?) {
        let constraint = column.opt_text("not_null_name")?;
        let named = constraint.map(|name| format!(" CONSTRAINT {}", sql::ident(name))).unwrap_or_default();
        let no_inherit = if column.bool("not_null_no_inherit")? { " NO INHERIT" } else { "" };
        pieces.push(Piece::Text(format!("{named} NOT NULL{no_inherit}")));
    }
    Ok(Item { part: None, pieces })
}

/// What a column has of its own that comes from the parents otherwise.
fn inherited_column(
    table: &str,
    column: &Row,
    items: &mut Vec<Item>,
    alters: &mut Vec<Statement>,
) -> Result<(), Error> {
    let name = sql::ident(column.text("name")?);
    if column.bool("lacks_default")? {
        alters.push(format!("ALTER TABLE ONLY {table} ALTER COLUMN {name} SET DEFAULT NULL").into());
    }
    if column.bool("not_null")? && column.bool("not_null_local")? {
        match column.opt_text("not_null_name")? {
            Some(constraint) => {
                let no_inherit = if column.bool("not_null_no_inherit")? { " NO INHERIT" } else { "" };
                let text = format!("CONSTRAINT {} NOT NULL {name}{no_inherit}", sql::ident(constraint));
                items.push(Item { part: None, pieces: vec![Piece::Text(text)] });
            }
            None => alters.push(format!("ALTER TABLE ONLY {table} ALTER COLUMN {name} SET NOT NULL").into()),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
