//! `pgsnap verify`: an archive beside a live database.

use std::sync::Arc;

use pgsnap::archive::Archive;
use pgsnap::verify::{self, Compared, Found, Verdict, VerifyOptions, VerifySummary};
use pgsnap::{Class, Error};
use serde_json::{Value, json};

use crate::args::Verify;
use crate::report::{self, Reporter, tell_error};
use crate::{ask_password, config, jobs, show, summary, text, with_runtime};

pub fn run(args: Verify) -> Result<u8, Error> {
    report::start_log(&args.output);
    let archive = Arc::new(Archive::open(&args.archive)?);
    let selection = args.patterns.read()?;
    let mut config = config(&args.connection, None, false)?;
    ask_password(&mut config, &args.connection)?;
    let options = VerifyOptions {
        jobs: jobs(args.jobs),
        selection,
        lock_wait_timeout: args.lock_wait_timeout,
        is_sound: false,
    };
    let reporter = Arc::new(Reporter::new(&args.output));
    let summary = with_runtime(options.jobs, async |interrupt| {
        verify::run(&config, archive, &options, reporter.clone(), interrupt).await
    });
    reporter.finish();
    let summary = summary??;
    if args.output.json {
        show(&format!("{}\n", as_json(&summary)))?;
    } else if args.output.wants_summary() {
        show(&as_text(&summary))?;
    }
    if summary.is_equal() {
        return Ok(0);
    }
    tell_error(Class::Loss, None, &format!("not equal: {}", counts(&summary)), args.output.json);
    Ok(Class::Loss as u8)
}

/// `3 equal, 1 different, 0 missing, 0 extra`
pub fn counts(summary: &VerifySummary) -> String {
    let count = |is: fn(&Verdict) -> bool| text::count(summary.count(is) as u64);
    format!(
        "{} equal, {} different, {} missing, {} extra",
        count(|verdict| *verdict == Verdict::Equal),
        count(|verdict| matches!(verdict, Verdict::Different { .. })),
        count(|verdict| *verdict == Verdict::Missing),
        count(|verdict| *verdict == Verdict::Extra),
    )
}

/// A line for each table that is not equal.
pub fn not_equal(summary: &VerifySummary) -> String {
    let line = |compared: &Compared| {
        let table = text::name(&compared.table);
        match &compared.verdict {
            Verdict::Equal => String::new(),
            Verdict::Different { what } => format!("different: table {table}: {}\n", text::name(what)),
            Verdict::Missing => format!("missing: the database has no table {table}\n"),
            Verdict::Extra => format!("extra: the archive has no rows of table {table}\n"),
        }
    };
    summary.tables.iter().map(line).collect()
}

fn as_text(summary: &VerifySummary) -> String {
    format!(
        "{}compared {} tables: {}; {} rows, {}, {}\n",
        not_equal(summary),
        text::count(summary.tables.len() as u64),
        counts(summary),
        text::count(summary.rows),
        text::bytes(summary.bytes),
        summary::pace(summary.bytes, summary.elapsed),
    )
}

fn as_json(summary: &VerifySummary) -> Value {
    json!({
        "type": "verify",
        "equal": summary.is_equal(),
        "tables": tables(summary),
        "rows": summary.rows,
        "bytes": summary.bytes,
        "seconds": summary.elapsed.as_secs_f64(),
    })
}

/// What was found of every table.
pub fn tables(summary: &VerifySummary) -> Vec<Value> {
    let found = |found: Option<Found>| {
        found.map(|found| json!({"rows": found.rows, "digest": found.digest.to_string()}))
    };
    let table = |compared: &Compared| {
        let (verdict, what) = match &compared.verdict {
            Verdict::Equal => ("equal", None),
            Verdict::Different { what } => ("different", Some(what)),
            Verdict::Missing => ("missing", None),
            Verdict::Extra => ("extra", None),
        };
        json!({
            "table": compared.table,
            "verdict": verdict,
            "what": what,
            "archive": found(compared.archive),
            "database": found(compared.database),
        })
    };
    summary.tables.iter().map(table).collect()
}
