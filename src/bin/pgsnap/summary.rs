//! The one-line summary at the end, for people and as JSON.

use std::time::Duration;

use pgsnap::archive::check::Damage;
use pgsnap::dump::DumpSummary;
use pgsnap::restore::{LeftOut, Outline, Phase, RestoreSummary, Verdict};
use serde_json::{Value, json};

use crate::text;

/// A task that takes longer than this is worth a line.
const NOTICED: Duration = Duration::from_secs(1);

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
            "not_restored": not_restored(&summary.not_restored),
            "left_out": summary.left_out,
            "not_dumped": summary.uncovered,
            "resumed": summary.resumed,
            "slowest": summary.slowest.iter()
                .map(|(task, took)| json!({"task": task, "seconds": took.as_secs_f64()})).collect::<Vec<_>>(),
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
    for LeftOut { verdict, reason } in &summary.not_restored {
        let reason: Vec<String> = reason.lines().map(text::name).collect();
        lines += &format!("not restored ({}): {}\n", verdict.words(), reason.join("\n"));
    }
    lines += &slowest(&summary.slowest);
    if summary.needs_analyze {
        lines += "the planner has no statistics of the rows: run ANALYZE\n";
    }
    let is_lost = |left_out: &LeftOut| left_out.verdict == Verdict::Lost;
    let verified = match (summary.verified, losses) {
        (true, []) if summary.not_restored.iter().any(is_lost) => "not everything equal to the archive",
        (true, []) => "every table equal to the archive",
        (true, _) => "every table equal to what is left of the archive",
        (false, _) => "not verified",
    };
    let resumed = if summary.resumed { ", begun by an earlier restore" } else { "" };
    lines += &format!(
        "restored {}, {}, {}, {verified}{resumed}\n",
        counts(summary.objects, summary.tables, summary.rows),
        text::bytes(summary.bytes),
        pace(summary.bytes, summary.elapsed),
    );
    lines
}

/// What was not restored, as JSON.
pub fn not_restored(left_out: &[LeftOut]) -> Vec<Value> {
    left_out
        .iter()
        .map(|LeftOut { verdict, reason }| json!({"means": verdict.words(), "what": reason}))
        .collect()
}

/// The slowest tasks, if any took a time that a person notices.
fn slowest(tasks: &[(String, Duration)]) -> String {
    let noticed: Vec<&(String, Duration)> = tasks.iter().filter(|(_, took)| *took >= NOTICED).collect();
    if noticed.is_empty() {
        return String::new();
    }
    let line = |(task, took): &(String, Duration)| {
        format!("  {:>8.1} s  {}\n", took.as_secs_f64(), text::name(task))
    };
    format!("slowest:\n{}", noticed.into_iter().map(line).collect::<String>())
}

/// What a restore would do.
pub fn outline(outline: &Outline, as_json: bool) -> String {
    let Outline { phases, jobs, memory, bytes, resumes, left_out: cut_off } = outline;
    if as_json {
        let largest = |phase: &Phase| {
            let largest = phase.largest.iter().map(|(task, bytes)| json!({"task": task, "bytes": bytes}));
            largest.collect::<Vec<_>>()
        };
        let phases = phases
            .iter()
            .map(|phase| json!({"phase": phase.name, "count": phase.count, "largest": largest(phase)}));
        let object = json!({
            "type": "plan",
            "phases": phases.collect::<Vec<_>>(),
            "jobs": jobs,
            "memory": memory,
            "bytes": bytes,
            "resumes": resumes,
            "left_out": cut_off,
        });
        return format!("{object}\n");
    }
    let mut lines = left_out(cut_off);
    for Phase { name, count, largest } in phases {
        lines += &format!("{:>10}  {name}\n", text::count(*count as u64));
        for (task, bytes) in largest {
            lines += &format!("{:>22}  {}\n", text::bytes(*bytes), text::name(task));
        }
    }
    let verb = if *resumes { "would go on with a restore of" } else { "would restore" };
    lines += &format!(
        "{verb} {} of rows with {jobs} workers, and {} of the server's memory for indexes; nothing was changed\n",
        text::bytes(*bytes),
        text::bytes(*memory),
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
