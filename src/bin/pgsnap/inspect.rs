//! `pgsnap inspect`: what an archive says of itself, and whether it is true.

use std::collections::BTreeMap;

use pgsnap::archive::check::Damage;
use pgsnap::archive::salvage::Salvaged;
use pgsnap::archive::{Archive, Column, ColumnFacts, Entry, Table, TableIndex, ValueKind};
use pgsnap::selection::{Choice, SELECTION};
use serde_json::{Value, json};

use crate::args::Inspect;
use crate::{summary, text};

/// What there is to say about an archive that has been checked.
pub fn report(args: &Inspect, checked: &Salvaged, choice: &Choice) -> String {
    if args.json { format!("{:#}\n", describe(args, checked, choice)) } else { print(args, checked, choice) }
}

/// The entries that the report is about.
fn entries<'a>(archive: &'a Archive, choice: &'a Choice) -> impl Iterator<Item = &'a Entry> {
    let entries = archive.catalog().entries.iter().enumerate();
    entries.filter(|(place, _)| choice.contains(*place)).map(|(_, entry)| entry)
}

/// The tables that the report is about, with what the index says of them.
fn tables<'a>(archive: &'a Archive, choice: &'a Choice) -> impl Iterator<Item = (&'a Table, &'a TableIndex)> {
    let tables = archive.catalog().tables.iter().zip(&archive.index().tables);
    tables.filter(|(table, _)| choice.contains(table.entry as usize - 1))
}

/// What the dump was asked for, where that was not everything.
fn selection(archive: &Archive) -> Option<&str> {
    let settings = &archive.catalog().source.settings;
    settings.iter().find(|(name, _)| name == SELECTION).map(|(_, value)| value.as_str())
}

fn print(args: &Inspect, checked: &Salvaged, choice: &Choice) -> String {
    let archive = &checked.archive;
    let source = &archive.catalog().source;
    let mut text = format!(
        "archive    {}, format {}, pgsnap {}\nsource     database {} on PostgreSQL {}, {}, {}\nsnapshot   {}\n",
        archive.header().id,
        format(archive),
        text::name(&source.pgsnap_version),
        text::name(&source.database),
        text::name(&source.server_version),
        text::name(&source.encoding),
        text::name(&source.collate),
        time(source.snapshot_time),
    );
    if let Some(selection) = selection(archive) {
        text += &format!("selection  {}\n", text::name(selection));
    }
    for extension in &source.extensions {
        text += &format!("extension  {} {}\n", text::name(&extension.name), text::name(&extension.version));
    }
    text += &globals(archive);
    text.push('\n');
    if args.list {
        text += &list(archive, choice);
    } else {
        text += &contents(archive, choice);
        if args.stats {
            text += &stats(archive, choice);
        }
    }
    for (table, _) in tables(archive, choice) {
        if let Some(reason) = &table.text_reason {
            text += &format!("as text    {}: {}\n", text::name(&table.label()), text::name(reason));
        }
    }
    for connection in &choice.left_out {
        text += &format!("left out   {}\n", text::name(connection));
    }
    for missing in &source.uncovered {
        text += &format!("missing    {}\n", text::name(missing));
    }
    text += &verdict(args, checked);
    text
}

/// What a restore makes outside the database when it is asked to, and the tablespaces, which a person has to make.
fn globals(archive: &Archive) -> String {
    let mut text = String::new();
    for (label, kind) in [("database", "DATABASE"), ("tablespace", "TABLESPACE")] {
        for statement in of_kind(archive, kind).flat_map(|entry| &entry.create) {
            text += &format!("{label:<10} {}\n", text::name(statement));
        }
    }
    let roles: Vec<String> = of_kind(archive, "ROLE")
        .map(|role| text::name(&role.name) + if has_password(role) { " (with its password)" } else { "" })
        .collect();
    if !roles.is_empty() {
        text += &format!("roles      {}\n", roles.join(", "));
    }
    text
}

fn of_kind<'a>(archive: &'a Archive, kind: &'a str) -> impl Iterator<Item = &'a Entry> {
    archive.catalog().entries.iter().filter(move |entry| entry.kind == kind)
}

/// The statement after the one that makes the role gives it its password.
fn has_password(role: &Entry) -> bool {
    role.create.len() > 1
}

fn verdict(args: &Inspect, checked: &Salvaged) -> String {
    let size = text::bytes(checked.archive.file_bytes());
    let index = checked.archive.index();
    let blocks = text::count(index.blocks);
    if args.quick {
        return format!("structure intact: {size}; {blocks} blocks were not read (--quick)\n");
    }
    if checked.damages.is_empty() {
        return format!("intact: {size}, {blocks} blocks decoded, every checksum and digest right\n");
    }
    let mut text = format!("DAMAGED in {} places; the report tells what is left\n", checked.damages.len());
    for (table, damages) in losses(&checked.damages) {
        let rows = text::lost_rows(damages.iter().map(|damage| damage.rows));
        let place = match damages[..] {
            [Damage { offset, bytes: 0, .. }] => format!("at byte {offset}"),
            [Damage { offset, bytes, .. }] => format!("bytes {offset} to {}", offset.saturating_add(*bytes)),
            _ => format!("{} places", damages.len()),
        };
        let table = table
            .map_or_else(|| "tables not known".to_owned(), |table| format!("table {}", text::name(table)));
        text += &format!("lost       {table}: {rows}, {place}\n");
    }
    let (rows, option) = (text::count(index.rows), loading_option(checked));
    text += &format!("left       {rows} rows in {blocks} blocks: pgsnap restore {option} loads them\n");
    text
}

/// Where rows are lost, by table.
fn losses(damages: &[Damage]) -> BTreeMap<Option<&str>, Vec<&Damage>> {
    let mut losses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for damage in damages.iter().filter(|damage| damage.rows != Some(0)) {
        losses.entry(damage.table.as_deref()).or_default().push(damage);
    }
    losses
}

/// The option of restore that loads what is left of a damaged archive.
fn loading_option(checked: &Salvaged) -> &'static str {
    if checked.scanned { "--salvage" } else { "--skip-damaged" }
}

/// One line per table, one for the rest by kind.
fn contents(archive: &Archive, choice: &Choice) -> String {
    let mut rows = Vec::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries(archive, choice) {
        let Some(number) = entry.table else {
            *kinds.entry(&entry.kind).or_default() += 1;
            continue;
        };
        if let (Some(table), Some(index)) =
            (archive.table(number), archive.index().tables.get(number as usize))
        {
            rows.push(sizes(&entry.kind, &table.label(), index));
        }
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, number)| format!("{} {}", text::count(number), text::name(kind)))
        .collect();
    let table = text::table(&["kind", "name", ">rows", ">bytes", ">stored", ">ratio"], &rows);
    format!("{table}\nand {}\n\n", kinds.join(", "))
}

fn sizes(kind: &str, name: &str, index: &TableIndex) -> Vec<String> {
    let ratio = match index.raw_bytes {
        0 => "-".to_owned(),
        raw => format!("{:.2}", index.stored_bytes as f64 / raw as f64),
    };
    vec![
        text::name(kind),
        text::name(name),
        text::count(index.rows),
        text::bytes(index.raw_bytes),
        text::bytes(index.stored_bytes),
        ratio,
    ]
}

/// One line per entry, in restore order.
fn list(archive: &Archive, choice: &Choice) -> String {
    let row = |entry: &Entry| {
        let data = entry.table.and_then(|table| archive.index().tables.get(table as usize));
        let mut row = data.map_or_else(
            || {
                let mut row = vec![String::new(); 6];
                row[0] = text::name(&entry.kind);
                row[1] = text::name(&entry.qualified_name());
                row
            },
            |index| sizes(&entry.kind, &entry.qualified_name(), index),
        );
        row.insert(0, entry.id.to_string());
        row.push(text::name(entry.owner.as_deref().unwrap_or("")));
        row
    };
    let rows: Vec<Vec<String>> = entries(archive, choice).map(row).collect();
    text::table(&[">id", "kind", "name", ">rows", ">bytes", ">stored", ">ratio", "owner"], &rows) + "\n"
}

/// NULLs, minimum and maximum of every column.
fn stats(archive: &Archive, choice: &Choice) -> String {
    let mut rows = Vec::new();
    for (table, index) in tables(archive, choice) {
        for (column, facts) in table.columns.iter().zip(&index.columns) {
            let bound = |value: &Option<Vec<u8>>| {
                bound(column, value).map_or_else(|| "-".to_owned(), |text| text::name(&text))
            };
            rows.push(vec![
                text::name(&table.label()),
                text::name(&column.name),
                text::name(&column.type_name),
                text::count(facts.nulls),
                text::bytes(facts.bytes),
                bound(&facts.min),
                bound(&facts.max),
            ]);
        }
    }
    text::table(&["table", "column", "type", ">nulls", ">bytes", "min", "max"], &rows) + "\n"
}

fn bound(column: &Column, value: &Option<Vec<u8>>) -> Option<String> {
    value.as_ref().map(|value| column.value.render(value))
}

/// The JSON object of docs/inspecting.md.
fn describe(args: &Inspect, checked: &Salvaged, choice: &Choice) -> Value {
    let Salvaged { archive, damages, .. } = checked;
    let source = &archive.catalog().source;
    json!({
        "archive": {
            "id": archive.header().id.to_string(),
            "format": format(archive),
            "bytes": archive.file_bytes(),
            "checked": if args.quick { "structure" } else { "full" },
            "intact": damages.is_empty(),
        },
        "source": {
            "pgsnap": source.pgsnap_version,
            "server_version": source.server_version,
            "server_version_num": source.server_version_num,
            "database": source.database,
            "encoding": source.encoding,
            "collate": source.collate,
            "ctype": source.ctype,
            "snapshot": time(source.snapshot_time),
            "extensions": source.extensions.iter().map(|extension| json!({
                "name": extension.name, "schema": extension.schema, "version": extension.version,
            })).collect::<Vec<_>>(),
            "roles": source.roles,
            "settings": source.settings.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            "selection": selection(archive),
            "not_dumped": source.uncovered,
        },
        "globals": {
            "database": of_kind(archive, "DATABASE").flat_map(|entry| &entry.create).collect::<Vec<_>>(),
            "tablespaces": of_kind(archive, "TABLESPACE").map(|entry| json!({
                "name": entry.name, "owner": entry.owner, "statements": entry.create,
            })).collect::<Vec<_>>(),
            "roles": of_kind(archive, "ROLE").map(|entry| json!({
                "name": entry.name, "password": has_password(entry),
            })).collect::<Vec<_>>(),
        },
        "entries": entries(archive, choice).map(|entry| json!({
            "id": entry.id,
            "kind": entry.kind,
            "schema": entry.schema,
            "name": entry.name,
            "owner": entry.owner,
            "dependencies": entry.dependencies,
        })).collect::<Vec<_>>(),
        "tables": tables(archive, choice).map(|(table, index)| describe_table(table, index)).collect::<Vec<_>>(),
        "left_out": choice.left_out,
        "damages": damages.iter().map(summary::damage).collect::<Vec<_>>(),
        "loads_with": (!damages.is_empty()).then(|| loading_option(checked)),
    })
}

fn describe_table(table: &Table, index: &TableIndex) -> Value {
    let column = |(column, facts): (&Column, &ColumnFacts)| {
        json!({
            "name": column.name,
            "type": column.type_name,
            "nulls": facts.nulls,
            "bytes": facts.bytes,
            "min": bound(column, &facts.min),
            "max": bound(column, &facts.max),
            "ordered": column.value != ValueKind::Opaque,
        })
    };
    json!({
        "entry": table.entry,
        "schema": table.schema,
        "name": table.name,
        "transfer": if table.text_reason.is_some() { "text" } else { "binary" },
        "text_reason": table.text_reason,
        "root": table.root.as_ref().map(|(schema, name)| json!({"schema": schema, "name": name})),
        "condition": table.condition,
        "rows": index.rows,
        "bytes": index.raw_bytes,
        "stored": index.stored_bytes,
        "blocks": index.blocks.len(),
        "digest": index.digest.to_string(),
        "columns": table.columns.iter().zip(&index.columns).map(column).collect::<Vec<_>>(),
    })
}

/// The format's version.
fn format(archive: &Archive) -> String {
    let header = archive.header();
    format!("{}.{}", header.major, header.minor)
}

/// Microseconds since 1970 as UTC.
fn time(microseconds: i64) -> String {
    chrono::DateTime::from_timestamp_micros(microseconds).map_or_else(
        || format!("{microseconds} µs"),
        |time| time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
    )
}
