//! `pgsnap inspect`: what an archive says of itself, and whether it is true.

use std::collections::BTreeMap;

use pgsnap::archive::check::{self, Damage, Depth};
use pgsnap::archive::{Archive, Column, ColumnFacts, Entry, Table, TableIndex, ValueKind};
use serde_json::{Value, json};

use crate::args::Inspect;
use crate::text;

/// What there is to say about an archive.
pub struct Report {
    /// For stdout.
    pub text: String,
    /// What is wrong with it.
    pub damages: Vec<Damage>,
}

/// Checks an archive and describes it.
pub fn inspect(args: &Inspect, archive: &Archive) -> Report {
    let depth = if args.quick { Depth::Structure } else { Depth::Full };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let damages = check::check(archive, depth, threads, &mut |_, _| ()).err().unwrap_or_default();
    let text = match args {
        Inspect { json: true, .. } => format!("{:#}\n", describe(args, archive, &damages)),
        _ => print(args, archive, &damages),
    };
    Report { text, damages }
}

fn print(args: &Inspect, archive: &Archive, damages: &[Damage]) -> String {
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
    for extension in &source.extensions {
        text += &format!("extension  {} {}\n", text::name(&extension.name), text::name(&extension.version));
    }
    text.push('\n');
    if args.list {
        text += &list(archive);
    } else {
        text += &contents(archive);
        if args.stats {
            text += &stats(archive);
        }
    }
    for table in &archive.catalog().tables {
        if let Some(reason) = &table.text_reason {
            text += &format!("as text    {}: {}\n", text::name(&table.label()), text::name(reason));
        }
    }
    for missing in &source.uncovered {
        text += &format!("missing    {}\n", text::name(missing));
    }
    text += &verdict(args, archive, damages);
    text
}

fn verdict(args: &Inspect, archive: &Archive, damages: &[Damage]) -> String {
    let size = text::bytes(archive.file_bytes());
    let blocks: usize = archive.index().tables.iter().map(|table| table.blocks.len()).sum();
    match (damages, args.quick) {
        ([], false) => format!(
            "intact: {size}, {} blocks decoded, every checksum and digest right\n",
            text::count(blocks as u64)
        ),
        ([], true) => format!(
            "structure intact: {size}; {} blocks were not read (--quick)\n",
            text::count(blocks as u64)
        ),
        (damages, _) => format!("DAMAGED in {} places\n", damages.len()),
    }
}

/// One line per table, one for the rest by kind.
fn contents(archive: &Archive) -> String {
    let mut rows = Vec::new();
    for (table, index) in archive.catalog().tables.iter().zip(&archive.index().tables) {
        rows.push(sizes("TABLE DATA", &table.label(), index));
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in archive.catalog().entries.iter().filter(|entry| entry.table.is_none()) {
        *kinds.entry(&entry.kind).or_default() += 1;
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
fn list(archive: &Archive) -> String {
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
    let rows: Vec<Vec<String>> = archive.catalog().entries.iter().map(row).collect();
    text::table(&[">id", "kind", "name", ">rows", ">bytes", ">stored", ">ratio", "owner"], &rows) + "\n"
}

/// NULLs, minimum and maximum of every column.
fn stats(archive: &Archive) -> String {
    let mut rows = Vec::new();
    for (table, index) in archive.catalog().tables.iter().zip(&archive.index().tables) {
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
fn describe(args: &Inspect, archive: &Archive, damages: &[Damage]) -> Value {
    let source = &archive.catalog().source;
    let tables = archive.catalog().tables.iter().zip(&archive.index().tables);
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
            "not_dumped": source.uncovered,
        },
        "entries": archive.catalog().entries.iter().map(|entry| json!({
            "id": entry.id,
            "kind": entry.kind,
            "schema": entry.schema,
            "name": entry.name,
            "owner": entry.owner,
            "dependencies": entry.dependencies,
        })).collect::<Vec<_>>(),
        "tables": tables.map(|(table, index)| describe_table(table, index)).collect::<Vec<_>>(),
        "damages": damages.iter().map(|damage| json!({
            "table": damage.table, "block": damage.block, "offset": damage.offset, "what": damage.what,
        })).collect::<Vec<_>>(),
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
