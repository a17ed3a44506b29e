//! `dump`: into a file, to stdout, into a directory; one database, all, or those of a file.

use std::io::IsTerminal;
use std::sync::Arc;

use pgsnap::catalog::Roles;
use pgsnap::dump::{self, DumpOptions, DumpSummary};
use pgsnap::pg::Moment;
use pgsnap::{Class, Error};

use crate::args::{Dump, Output, STANDARD_STREAM};
use crate::report::{self, Reporter, tell, tell_error};
use crate::{
    ask_password, backups, config, config_file, jobs, show, signalled, summary, usage, with_runtime,
};

/// Dumps, or does all that a file says.
pub fn run(args: Dump) -> Result<u8, Error> {
    let Some(file) = &args.config else {
        report::start_log(&args.output);
        return run_one(args);
    };
    let runs = config_file::read(file)?;
    // There is one log; what the file says of it stands above the first dump.
    let Some(first) = runs.first() else { return Ok(0) };
    report::start_log(&first.output);
    let output = first.output.clone();
    worst(&output, runs.into_iter().map(|args| move || run_one(args)))
}

/// Does one thing after the other, whatever becomes of each; the highest exit code. An error of one alone is left to the caller.
pub fn worst(
    output: &Output,
    runs: impl ExactSizeIterator<Item = impl FnOnce() -> Result<u8, Error>>,
) -> Result<u8, Error> {
    let is_alone = runs.len() == 1;
    let mut worst = 0;
    for run in runs {
        let code = match run() {
            Err(error) if is_alone => return Err(error),
            Err(error) => {
                tell_error(error.class(), Some(&error), &error.to_string(), output.json);
                error.class() as u8
            }
            Ok(code) => code,
        };
        worst = worst.max(code);
        if signalled().is_some() {
            break;
        }
    }
    Ok(worst)
}

fn run_one(args: Dump) -> Result<u8, Error> {
    if args.backups.dir.is_none() && args.backups.keep.policy().has_rules() {
        return Err(usage("--keep-* is about the archives in a directory: name one with --dir"));
    }
    // Without a file there is a directory, in which the archive gets its name.
    let file = args.file.unwrap_or_default();
    let to_stdout = file.as_os_str() == STANDARD_STREAM;
    if to_stdout && std::io::stdout().is_terminal() {
        return Err(usage(
            "an archive is not written to a terminal: redirect stdout, or name a file after -f",
        ));
    }
    let selection = args.selection.read()?;
    let mut config = config(&args.connection, args.database, false)?;
    if args.backups.dir.is_none() {
        ask_password(&mut config, &args.connection)?;
    }
    let options = DumpOptions {
        selection,
        output: if to_stdout { dump::Output::Stdout } else { dump::Output::File(file) },
        force: args.force,
        jobs: jobs(args.jobs),
        level: args.compress,
        split_above: args.split_above,
        lock_wait_timeout: args.lock_wait_timeout,
        rate_limit: args.rate_limit,
        max_duration: args.max_duration,
        warn_snapshot_age: args.warn_snapshot_age,
        moment: match (args.snapshot, args.serializable_deferrable) {
            (Some(id), _) => Moment::Exported(id),
            (None, true) => Moment::Serializable,
            (None, false) => Moment::Locked,
        },
        // No database need refer to a role that all of them are to be restored with.
        roles: Roles { all: args.all_roles || args.backups.all_databases, passwords: args.role_passwords },
    };
    if args.backups.dir.is_some() {
        return backups::dump(config, &args.connection, &options, args.backups, &args.output);
    }
    let reporter = Arc::new(Reporter::new(&args.output));
    let summary = with_runtime(options.jobs, async |interrupt| {
        dump::run(&config, &options, reporter.clone(), interrupt).await
    });
    reporter.finish();
    let summary = summary??;
    report::log_summary(&summary::dump(&summary, false));
    if args.output.wants_summary() {
        let text = summary::dump(&summary, args.output.json);
        match to_stdout {
            true => tell(text.trim_end()),
            false => show(&text)?,
        }
    }
    Ok(verdict(&summary, &args.output))
}

/// What the dump could not take along is said at the end, where it is seen, and by the exit code.
pub fn verdict(summary: &DumpSummary, output: &Output) -> u8 {
    match not_covered(summary) {
        None => 0,
        Some(message) => {
            tell_error(Class::Loss, None, &format!("the archive is complete, and {message}"), output.json);
            Class::Loss as u8
        }
    }
}

/// What will not come back from the archive, if there is something.
pub fn not_covered(summary: &DumpSummary) -> Option<String> {
    let names: Vec<String> = summary.uncovered.iter().map(|object| format!("\n  {object}")).collect();
    (!names.is_empty())
        .then(|| format!("{} things will not come back from it:{}", summary.uncovered.len(), names.concat()))
}
