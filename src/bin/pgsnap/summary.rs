//! The one-line summary at the end, for people and as JSON.

use std::time::Duration;

use pgsnap::archive::check::Damage;
use pgsnap::dump::DumpSummary;
use pgsnap::restore::RestoreSummary;
use serde_json::{Value, json};

use crate::text;

/// What a dump has done.
pub fn dump(summary: &DumpSummary, as_json: bool) -> String {
    if as_json {
        let object = json!({
            "type": "dump",
            "archive": summary.archive.to_string(),
            "objects": summary.objects,
            "tables": summary.tables,
            "rows": summary.rows,
            "bytes_in": summary.bytes_in,
            "bytes_out": summary.bytes_out,
            "seconds": summary.elapsed.as_secs_f64(),
            "text_tables": summary.text_tables.iter()
                .map(|(table, reason)| json!({"table": table, "reason": reason})).collect::<Vec<_>>(),
            "left_out": summary.left_out,
            "needs_outside": summary.needs_outside,
            "not_dumped": summary.uncovered,
        });
        return format!("{object}\n");
    }
    let mut lines = left_out(&summary.left_out);
    for need in &summary.needs_outside {
        lines += &format!("needed and not selected: {}\n", text::name(need));
    }
    for (table, reason) in &summary.text_tables {
        lines += &format!("table {} travelled as text: {}\n", text::name(table), text::name(reason));
    }
    lines += &format!(
        "dumped {}, {} in, {} out, {}: {}\n",
        counts(summary.objects, summary.tables, summary.rows),
        text::bytes(summary.bytes_in),
        text::bytes(summary.bytes_out),
        pace(summary.bytes_in, summary.elapsed),
        text::name(&summary.archive.to_string()),
    );
    lines
}

/// What a restore has done, without what was lost in the archive.
pub fn restore(summary: &RestoreSummary, losses: &[Damage], as_json: bool) -> String {
    if as_json {
        let object = json!({
            "type": "restore",
            "objects": summary.objects,
            "tables": summary.tables,
            "rows": summary.rows,
            "bytes": summary.bytes,
            "verified": summary.verified,
            "needs_analyze": summary.needs_analyze,
            "losses": losses.iter().map(damage).collect::<Vec<_>>(),
            "kept_roles": summary.kept_roles,
            "not_restored": summary.not_restored,
            "left_out": summary.left_out,
            "not_dumped": summary.uncovered,
            "seconds": summary.elapsed.as_secs_f64(),
        });
        return format!("{object}\n");
    }
    let mut lines = left_out(&summary.left_out);
    for missing in &summary.uncovered {
        lines += &format!("missing in the archive since its dump: {}\n", text::name(missing));
    }
    for loss in losses {
        lines += &format!("lost: {}\n", text::name(&loss.to_string()));
    }
    if !summary.kept_roles.is_empty() {
        let roles: Vec<String> = summary.kept_roles.iter().map(|role| text::name(role)).collect();
        lines += &format!("left as they were, since they exist: roles {}\n", roles.join(", "));
    }
    for entry in &summary.not_restored {
        let entry: Vec<String> = entry.lines().map(text::name).collect();
        lines += &format!("not restored: {}\n", entry.join("\n"));
    }
    if summary.needs_analyze {
        lines += "the planner has no statistics of the rows: run ANALYZE\n";
    }
    let verified = match (summary.verified, losses) {
        (true, []) => "every table equal to the archive",
        (true, _) => "every table equal to what is left of the archive",
        (false, _) => "not verified",
    };
    lines += &format!(
        "restored {}, {}, {}, {verified}\n",
        counts(summary.objects, summary.tables, summary.rows),
        text::bytes(summary.bytes),
        pace(summary.bytes, summary.elapsed),
    );
    lines
}

/// What the selection has cut off.
fn left_out(connections: &[String]) -> String {
    connections.iter().map(|connection| format!("left out: {}\n", text::name(connection))).collect()
}

/// A place of an archive that is damaged, as JSON.
pub fn damage(damage: &Damage) -> Value {
    json!({
        "table": damage.table,
        "block": damage.block,
        "offset": damage.offset,
        "bytes": damage.bytes,
        "rows": damage.rows,
        "what": damage.what,
    })
}

/// `3 objects, 1 tables, 7 rows`
pub fn counts(objects: usize, tables: usize, rows: u64) -> String {
    let objects = text::count(objects as u64);
    format!("{objects} objects, {} tables, {} rows", text::count(tables as u64), text::count(rows))
}

/// Seconds and bytes per second.
pub fn pace(bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    format!("{seconds:.1} s, {}/s", text::bytes((bytes as f64 / seconds.max(0.001)) as u64))
}
