//! `pgsnap drill`: an archive restored into a scratch database.

use std::sync::Arc;

use pgsnap::archive::Archive;
use pgsnap::drill::{self, DrillOptions, DrillSummary};
use pgsnap::{Class, Error};
use serde_json::{Value, json};

use crate::args::Drill;
use crate::report::{self, Reporter, tell_error};
use crate::{ask_password, config, jobs, show, summary, text, verify, with_runtime};

pub fn run(args: Drill) -> Result<u8, Error> {
    report::start_log(&args.output);
    let archive = Arc::new(Archive::open(&args.archive)?);
    let selection = args.selection.read()?;
    let mut config = config(&args.connection, None, true)?;
    ask_password(&mut config, &args.connection)?;
    let options = DrillOptions { jobs: jobs(args.jobs), selection };
    let reporter = Arc::new(Reporter::new(&args.output));
    let drilled = with_runtime(options.jobs, async |interrupt| {
        drill::run(&config, archive, &options, reporter.clone(), interrupt).await
    });
    reporter.finish();
    let drilled = drilled??;
    if args.output.json {
        show(&format!("{}\n", as_json(&drilled)))?;
    } else if args.output.wants_summary() {
        show(&as_text(&drilled))?;
    }
    if drilled.is_good() {
        return Ok(0);
    }
    let message = "the archive did not come back whole: see above";
    tell_error(Class::Loss, None, message, args.output.json);
    Ok(Class::Loss as u8)
}

fn as_text(drilled: &DrillSummary) -> String {
    let DrillSummary { phases, recovery, restored, verified, checked } = drilled;
    let mut lines = String::new();
    let width = phases.iter().map(|(phase, _)| phase.len()).max().unwrap_or(0);
    for (phase, took) in phases {
        lines += &format!("{phase:width$}  {:>8.1} s\n", took.as_secs_f64());
    }
    lines += &verify::not_equal(verified);
    let not_restored = restored.not_restored.iter().map(|left_out| &left_out.reason);
    for problem in not_restored.chain(&checked.problems) {
        lines += &format!("wrong: {}\n", problem.lines().map(text::name).collect::<Vec<_>>().join("\n"));
    }
    let of_amcheck = match &checked.no_amcheck {
        Some(reason) => format!("not by amcheck: {reason}"),
        None => format!("{} by amcheck", text::count(checked.by_amcheck)),
    };
    lines += &format!(
        "{} indexes valid, {of_amcheck}; {} constraints valid, {} not valid as in the source\n",
        text::count(checked.indexes),
        text::count(checked.constraints),
        text::count(checked.not_valid)
    );
    lines += &format!("{} tables compared: {}\n", verified.tables.len(), verify::counts(verified));
    lines += &format!(
        "recovery time {:.1} s: {}, {}; the scratch database is gone\n",
        recovery.as_secs_f64(),
        summary::counts(restored.objects, restored.tables, restored.rows),
        text::bytes(restored.bytes),
    );
    lines
}

fn as_json(drilled: &DrillSummary) -> Value {
    let DrillSummary { phases, recovery, restored, verified, checked } = drilled;
    let phases = phases.iter().map(|(phase, took)| json!({"phase": phase, "seconds": took.as_secs_f64()}));
    json!({
        "type": "drill",
        "good": drilled.is_good(),
        "recovery_seconds": recovery.as_secs_f64(),
        "phases": phases.collect::<Vec<_>>(),
        "objects": restored.objects,
        "rows": restored.rows,
        "bytes": restored.bytes,
        "not_restored": summary::not_restored(&restored.not_restored),
        "tables": verify::tables(verified),
        "indexes": checked.indexes,
        "indexes_by_amcheck": checked.by_amcheck,
        "no_amcheck": checked.no_amcheck,
        "constraints": checked.constraints,
        "constraints_not_valid": checked.not_valid,
        "problems": checked.problems,
    })
}
