//! `dump --dir`, `status` and `prune`: what they are asked, and what they say.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use pgsnap::backups::{
    Directory, Error as BackupsError, Examine, Limits, Lock, Outcome, Pruned, Run, RunOptions, Status,
    metrics, not_begun, prune as prune_one, status as all_statuses, words,
};
use pgsnap::dump::{self, DumpOptions, databases};
use pgsnap::pg::ConnectConfig;
use pgsnap::progress::{Event, Monitor};
use pgsnap::{Class, Error};
use serde_json::{Value, json};

use crate::args::{self, Connection, Output};
use crate::dump::{not_covered, verdict, worst};
use crate::report::{Reporter, log_summary, tell_error};
use crate::{ask_password, cores, remember_signals, show, signalled, summary, text, usage, with_runtime};

/// Dumps into a directory: a database, or all of the server.
pub fn dump(
    mut config: ConnectConfig,
    connection: &Connection,
    options: &DumpOptions,
    args: args::Backups,
    output: &Output,
) -> Result<u8, Error> {
    let Some(dir) = args.dir else { return Err(usage("--dir is missing")) };
    let run_options = RunOptions {
        limits: Limits { min_bytes: args.min_size, percent: args.suspect_below },
        keep: args.keep.policy(),
        threads: cores(),
        metrics_file: args.metrics_file,
        on_failure: args.on_failure,
        on_success: args.on_success,
        hook_timeout: args.hook_timeout,
    };
    remember_signals()?;
    // Without a password each of the databases has failed.
    let password = ask_password(&mut config, connection).map_err(|error| error.to_string());
    let mut code = 0;
    let databases = match args.all_databases {
        true => match password.clone().map_err(|what| usage(&what)).and_then(|()| all_databases(&config)) {
            Ok(databases) => databases,
            Err(error) => {
                // What there are archives of has failed too; what else there is nobody knows.
                tell_error(error.class(), Some(&error), &error.to_string(), output.json);
                code = error.class() as u8;
                let known = Directory::open(&dir).and_then(|directory| directory.databases());
                known.unwrap_or_default().into_iter().collect()
            }
        },
        false => vec![config.database().to_owned()],
    };
    let one = |database: String| {
        let (config, password, dir) = (config.with_database(&database), password.clone(), &dir);
        let run_options = run_options.clone();
        move || dump_one(&config, password, options, dir, run_options, output)
    };
    Ok(code.max(worst(output, databases.into_iter().map(one))?))
}

fn all_databases(config: &ConnectConfig) -> Result<Vec<String>, Error> {
    with_runtime(1, async |interrupt| {
        tokio::select! {
            databases = databases(config) => databases.map_err(Error::from),
            () = interrupt => Err(dump::Error::Interrupted.into()),
        }
    })?
}

fn dump_one(
    config: &ConnectConfig,
    password: Result<(), String>,
    options: &DumpOptions,
    dir: &Path,
    run_options: RunOptions,
    output: &Output,
) -> Result<u8, Error> {
    let database = config.database();
    let mut run = match Run::begin(dir, database, run_options.clone()) {
        Ok(run) => run,
        Err(error) => {
            let class = Error::class_of(&error);
            let outcome = Outcome::failed(class as u8, class.name(), &error.to_string());
            not_begun(dir, database, &run_options, &error, &outcome);
            return Err(error.into());
        }
    };
    let reporter = Arc::new(Reporter::new(output));
    reporter.report(Event::Step(format!("database {database}")));
    let dumped = password.map_err(|what| usage(&what)).and_then(|()| {
        with_runtime(options.jobs, async |interrupt| {
            run.dump(config, options, reporter.clone(), interrupt).await.map_err(Error::from)
        })
    });
    reporter.finish();
    // Whatever fails from here on, the run says how it ended.
    let dumped = dumped.and_then(|dumped| dumped).and_then(|summary| {
        log_summary(&summary::dump(&summary, false));
        for name in run.pruned() {
            reporter.note(&format!("deleted {name}"));
        }
        if output.wants_summary() {
            show(&summary::dump(&summary, output.json))?;
        }
        Ok(summary)
    });
    let outcome = match &dumped {
        Ok(summary) => Outcome { code: verdict(summary, output), class: None, message: not_covered(summary) },
        Err(error) => outcome_of(error),
    };
    let archive = run.archive().map(str::to_owned);
    let outcome = run.end(outcome, |error| outcome_of(&error.into()));
    let is_suspect = matches!(dumped, Err(Error::Backups(BackupsError::Suspect { .. })));
    if let (Some(_), Some(archive), false) = (outcome.class, archive, is_suspect) {
        // What has failed is whatever should come after it, or say so.
        let message = outcome.message.unwrap_or_default();
        let message = format!("the archive is complete, {archive}, but: {message}");
        let error = dumped.as_ref().err();
        tell_error(error.map_or(Class::Storage, Error::class), error, &message, output.json);
        return Ok(outcome.code);
    }
    dumped.map(|_| outcome.code)
}

fn outcome_of(error: &Error) -> Outcome {
    let class = error.class();
    Outcome::failed(signalled().unwrap_or(class as u8), class.name(), &error.to_string())
}

/// What backups there are.
pub fn status(args: &args::Status) -> Result<u8, Error> {
    let directory = Directory::open(&args.dir)?;
    let now = Utc::now();
    let statuses = all_statuses(&directory, now, args.full.then(cores))?;
    show(&match (args.json, args.prometheus) {
        (true, _) => format!("{}\n", json!({"type": "status", "databases": as_json(&statuses, now)})),
        (_, true) => metrics::render(&statuses),
        _ => table(&statuses, now),
    })?;
    let Some(max) = args.max_age.and_then(|max| TimeDelta::from_std(max).ok()) else { return Ok(0) };
    let too_old = statuses.iter().filter(|status| !status.is_recent(now, max));
    let mut lines: Vec<String> = too_old
        .map(|status| match status.age(now) {
            Some(age) => {
                format!("the newest good archive of database {} is {} old", status.database, span(age))
            }
            None => format!("database {} has no good archive", status.database),
        })
        .collect();
    if statuses.is_empty() {
        lines.push(format!("{} holds no archive", args.dir.display()));
    }
    if lines.is_empty() { Ok(0) } else { Err(BackupsError::TooOld { lines }.into()) }
}

/// Deletes what need not be kept.
pub fn prune(args: &args::Prune) -> Result<u8, Error> {
    let policy = args.keep.policy();
    if !policy.has_rules() {
        return Err(usage("say what is to be kept, for example --keep-daily 7"));
    }
    let directory = Directory::open(&args.dir)?;
    let there = directory.databases()?;
    if let Some(unknown) = args.databases.iter().find(|database| !there.contains(*database)) {
        return Err(usage(&format!("{} holds no archive of database {unknown}", args.dir.display())));
    }
    let chosen = |database: &&String| args.databases.is_empty() || args.databases.contains(database);
    let examine = if args.full { Examine::All } else { Examine::Newest };
    let (mut all, mut code) = (Vec::new(), 0);
    for database in there.iter().filter(chosen) {
        // Who only looks is in nobody's way.
        let lock = if args.dry_run { Ok(None) } else { Lock::take(&directory, database).map(Some) };
        let mut deleted = Vec::new();
        let pruned = lock.and_then(|lock| {
            prune_one(
                &directory,
                database,
                &policy,
                Utc::now(),
                cores(),
                examine,
                lock.is_some().then_some(&mut deleted),
            )
        });
        match pruned {
            Ok(pruned) => all.push((database.clone(), pruned)),
            // Those of other databases are none the worse for it.
            Err(error) => {
                let error = Error::from(error);
                tell_error(error.class(), Some(&error), &error.to_string(), args.json);
                code = code.max(error.class() as u8);
            }
        }
    }
    show(&match args.json {
        true => {
            format!("{}\n", json!({"type": "prune", "dry_run": args.dry_run, "databases": pruned_json(&all)}))
        }
        false => all.iter().map(|(_, pruned)| pruned_lines(pruned, args.dry_run)).collect(),
    })?;
    Ok(code)
}

fn pruned_lines(pruned: &Pruned, is_dry: bool) -> String {
    let kept = pruned.kept.iter().map(|(backup, rules)| ("keep", &backup.name, rules.join(", ")));
    let verb = if is_dry { "would delete" } else { "deleted" };
    let deleted = pruned.deleted.iter().map(|backup| (verb, &backup.name, String::new()));
    let others = pruned.passed_over.iter().map(|backup| ("leave", &backup.name, words(backup.state.clone())));
    let mut lines: Vec<_> = kept.chain(deleted).chain(others).collect();
    lines.sort_by(|one, other| other.1.cmp(one.1));
    let line = |(verb, name, why): (&str, &String, String)| match why.as_str() {
        "" => format!("{verb} {}\n", text::name(name)),
        why => format!("{verb} {} ({})\n", text::name(name), text::name(why)),
    };
    lines.into_iter().map(line).collect()
}

fn pruned_json(all: &[(String, Pruned)]) -> Vec<Value> {
    let one = |(database, pruned): &(String, Pruned)| {
        let kept = pruned.kept.iter().map(|(backup, rules)| json!({"archive": backup.name, "rules": rules}));
        let others = pruned.passed_over.iter();
        json!({
            "database": database,
            "kept": kept.collect::<Vec<_>>(),
            "deleted": pruned.deleted.iter().map(|backup| &backup.name).collect::<Vec<_>>(),
            "left": others.map(|backup| json!({"archive": backup.name, "why": words(backup.state.clone())})).collect::<Vec<_>>(),
        })
    };
    all.iter().map(one).collect()
}

fn as_json(statuses: &[Status], now: DateTime<Utc>) -> Vec<Value> {
    let one = |status: &Status| {
        json!({
            "database": status.database,
            "newest": status.newest.as_ref().map(|newest| json!({
                "archive": newest.name,
                "snapshot_time": newest.at,
                "bytes": newest.measure.bytes,
                "rows": newest.measure.rows,
                "seconds": status.seconds,
            })),
            "age_seconds": status.age(now).map(|age| age.num_seconds()),
            "growth_percent": status.growth,
            "good": status.good,
            "oldest": status.oldest,
            "not_good": status.others.iter().map(|(name, why)| json!({"archive": name, "why": why})).collect::<Vec<_>>(),
            "consecutive_failures": status.failures,
            "last_run": status.last_run,
            "next_to_go": status.next_to_go,
        })
    };
    statuses.iter().map(one).collect()
}

fn table(statuses: &[Status], now: DateTime<Utc>) -> String {
    let mut lines = String::new();
    for status in statuses {
        lines += &format!("database {}\n", text::name(&status.database));
        lines += &match (&status.newest, status.age(now)) {
            (Some(newest), Some(age)) => {
                let growth = status.growth.map_or_else(String::new, |growth| format!(" ({growth:+.1} %)"));
                let size = text::bytes(newest.measure.bytes);
                let rows = text::count(newest.measure.rows);
                format!(
                    "  newest      {}, {} old, {size}{growth}, {rows} rows\n",
                    text::name(&newest.name),
                    span(age)
                )
            }
            _ => "  newest      none that is good\n".to_owned(),
        };
        if let Some(oldest) = status.oldest {
            lines += &format!(
                "  good        {}, the oldest of {}\n",
                status.good,
                oldest.format("%Y-%m-%d %H:%M:%S UTC")
            );
        }
        for (name, why) in &status.others {
            lines += &format!("  not good    {}: {}\n", text::name(name), text::name(why));
        }
        if let Some(run) = &status.last_run {
            let ended = match (run.exit_code, &run.message) {
                (_, Some(message)) => text::name(message.lines().next().unwrap_or_default()),
                (code, None) => format!("exit code {}", code.unwrap_or_default()),
            };
            lines += &format!("  last run    {}: {ended}\n", run.started.format("%Y-%m-%d %H:%M:%S UTC"));
        }
        if status.failures > 0 {
            lines += &format!("  failed      {} times one after the other\n", status.failures);
        }
        for name in &status.next_to_go {
            lines += &format!("  next to go  {}\n", text::name(name));
        }
    }
    lines
}

/// `3 d 4 h`, `26 min`
fn span(age: TimeDelta) -> String {
    let minutes = age.num_minutes();
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
