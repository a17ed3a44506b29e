//! The program: arguments in, exit code out. Everything it can do is in the library.

mod args;
mod backups;
mod config_file;
mod drill;
mod dump;
mod examples;
mod inspect;
mod report;
mod shell;
mod summary;
mod text;
mod verify;

use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use pgsnap::archive::check::{Damage, Depth, check};
use pgsnap::archive::salvage::{self, Salvaged};
use pgsnap::archive::{self, Archive};
use pgsnap::pg::{ConnectArgs, ConnectConfig, Environment};
use pgsnap::progress::{Event, Monitor};
use pgsnap::restore::{self, Blocks, Clean, Input, LeftOut, OnError, RestoreOptions, Verdict};
use pgsnap::selection::{Place, Selection, place};
use pgsnap::{Class, Error, script};
use tokio::signal::unix::{SignalKind, signal};

use args::{Cli, Command, Connection, Inspect, Output, Restore, STANDARD_STREAM};
use report::{Reporter, tell, tell_error};

/// How long a command may take that knows the password.
const PASSWORD_PATIENCE: Duration = Duration::from_secs(60);

/// The number of the signal that ended the work, or 0.
static SIGNAL: AtomicU8 = AtomicU8::new(0);
/// The same for one that came while nothing waited for it.
static LATE_SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

fn main() -> ExitCode {
    // Whatever this one was started with: nobody else reads what is written, not even for a moment.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    if std::env::args_os().any(|argument| holds_password(&argument.to_string_lossy())) {
        tell(
            "pgsnap: error: a password on the command line is visible to everybody on this machine: use ~/.pgpass, PGPASSWORD or DATABASE_URL",
        );
        return ExitCode::from(Class::Usage as u8);
    }
    let cli = Cli::parse();
    let as_json = match &cli.command {
        Command::Dump(dump) => dump.output.json,
        Command::Restore(restore) => restore.output.json,
        Command::Inspect(inspect) => inspect.json,
        Command::Verify(verify) => verify.output.json,
        Command::Drill(drill) => drill.output.json,
        Command::Status(status) => status.json,
        Command::Prune(prune) => prune.json,
        Command::Completions { .. } | Command::Man { .. } => false,
    };
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| match cli.command {
        Command::Dump(args) => dump::run(*args),
        Command::Restore(args) => run_restore(args),
        Command::Inspect(args) => run_inspect(&args),
        Command::Verify(args) => verify::run(args),
        Command::Drill(args) => drill::run(args),
        Command::Status(args) => backups::status(&args),
        Command::Prune(args) => backups::prune(&args),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { dir } => shell::man(dir.as_deref()),
    }));
    let code = match done {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            tell_error(error.class(), Some(&error), &format!("{error}{}", hint(&error)), as_json);
            error.class() as u8
        }
        Err(_) => {
            tell_error(Class::Bug, None, "a bug in pgsnap: it panicked, see above", as_json);
            Class::Bug as u8
        }
    };
    ExitCode::from(signalled().unwrap_or(code))
}

/// The exit code of a program that a signal has ended.
fn signalled() -> Option<u8> {
    let late = u8::try_from(LATE_SIGNAL.load(Ordering::Relaxed)).unwrap_or_default();
    [SIGNAL.load(Ordering::Relaxed), late].into_iter().find(|signal| *signal != 0).map(|signal| 128 + signal)
}

/// From now on a signal that nothing waits for is remembered.
fn remember_signals() -> Result<(), Error> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for number in [SIGHUP, SIGINT, SIGTERM] {
        let remembered = usize::try_from(number).unwrap_or_default();
        signal_hook::flag::register_usize(number, Arc::clone(&LATE_SIGNAL), remembered)
            .map_err(Error::Threads)?;
    }
    Ok(())
}

/// What helps against damage.
fn hint(error: &Error) -> &'static str {
    match error {
        Error::Restore(restore::Error::Damaged { .. }) => {
            "\n  restore --skip-damaged loads everything else and ends with exit code 4"
        }
        Error::Archive(
            archive::Error::NothingToSalvage { .. }
            | archive::Error::NotAFile { .. }
            | archive::Error::TextMode,
        ) => "",
        Error::Archive(_) if error.class() == Class::Damaged => {
            "\n  inspect (without --quick) says what is left of it, restore --salvage loads that and ends with exit code 4"
        }
        _ => "",
    }
}

fn run_restore(args: Restore) -> Result<u8, Error> {
    report::start_log(&args.output);
    let reporter = Arc::new(Reporter::new(&args.output));
    if args.archive.as_os_str() == STANDARD_STREAM && args.selection.reads_stdin() {
        return Err(usage("stdin is either the archive or the filter file"));
    }
    let (input, blocks, losses) = open(&args, &reporter)?;
    let selection = args.selection.read()?;
    if args.sql {
        return run_script(&args.output, input, blocks, &losses, &selection, &reporter);
    }
    let mut config = config(&args.connection, None, args.create)?;
    ask_password(&mut config, &args.connection)?;
    let options = RestoreOptions {
        jobs: if args.single_transaction { 1 } else { jobs(args.jobs) },
        create: args.create,
        roles: args.roles,
        force_version: args.force_version,
        selection,
        memory: args.memory,
        verify: !args.no_verify,
        blocks,
        resume: args.resume,
        clean: match (args.clean, args.if_exists) {
            (false, _) => Clean::No,
            (true, false) => Clean::All,
            (true, true) => Clean::IfExists,
        },
        single_transaction: args.single_transaction,
        on_error: match args.on_error {
            args::OnError::Stop => OnError::Stop,
            args::OnError::Continue => OnError::Continue,
        },
        role: args.role,
        map_roles: args.map_role.into_iter().collect(),
        disable_triggers: args.disable_triggers,
    };
    if args.dry_run {
        let Input::File(archive) = input else {
            return Err(usage("--dry-run needs a file: a pipe does not say in advance what it brings"));
        };
        let outlined = with_runtime(options.jobs, async |interrupt| {
            restore::outline(&config, archive, &options, reporter.clone(), interrupt).await
        });
        reporter.finish();
        show(&summary::outline(&outlined??, args.output.json))?;
        return Ok(0);
    }
    let summary = with_runtime(options.jobs, async |interrupt| {
        restore::run(&config, input, &options, reporter.clone(), interrupt).await
    });
    reporter.finish();
    let summary = summary??;
    report::log_summary(&summary::restore(&summary, &losses, false));
    if args.output.wants_summary() {
        show(&summary::restore(&summary, &losses, args.output.json))?;
    }
    Ok(loss_verdict(&losses, &summary.not_restored, &args.output))
}

/// Prints the script that a restore would run.
fn run_script(
    output: &Output,
    input: Input,
    blocks: Blocks,
    losses: &[Damage],
    selection: &Selection,
    reporter: &Reporter,
) -> Result<u8, Error> {
    let Input::File(archive) = input else {
        return Err(usage(
            "--sql needs a file: what comes out of a pipe is known to be whole only at its end",
        ));
    };
    if blocks == Blocks::Unchecked {
        reporter.report(Event::Step("checking the archive".to_owned()));
        check(&archive, Depth::Full, cores(), &mut |_, _| ()).map_err(restore::Error::damaged)?;
    }
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().map_err(Error::Stdout)?;
    let mut stdout = BufWriter::with_capacity(1 << 20, File::from(stdout));
    let choice = selection.choose(archive.catalog())?;
    let entries = &archive.catalog().entries;
    let wanted = |at: usize| choice.contains(at) && place(entries, &entries[at]) == Place::Inside;
    let options = selection.options();
    let how = script::Options { owners: !options.no_owner, tablespaces: !options.no_tablespaces };
    let objects = script::write(&archive, wanted, how, &mut stdout)?;
    reporter.finish();
    for left_out in &choice.left_out {
        reporter.warn(&format!("left out: {left_out}"));
    }
    if output.wants_summary() {
        tell(&format!("a script of {} objects, complete", text::count(objects as u64)));
    }
    Ok(loss_verdict(losses, &[], output))
}

/// The archive, what is known of its blocks, and what is lost.
fn open(args: &Restore, reporter: &Reporter) -> Result<(Input, Blocks, Vec<Damage>), Error> {
    if !args.skip_damaged && !args.salvage {
        return Ok((restore_input(&args.archive)?, Blocks::Unchecked, Vec::new()));
    }
    if args.archive.as_os_str() == STANDARD_STREAM {
        return Err(usage(
            "--skip-damaged and --salvage need a file: what comes out of a pipe is read only once",
        ));
    }
    reporter.report(Event::Step("checking the archive".to_owned()));
    let Salvaged { archive, damages, .. } = if args.salvage {
        salvage::open(&args.archive, cores(), &mut |_, _| ())?
    } else {
        salvage::skip_damaged(Archive::open(&args.archive)?, cores(), &mut |_, _| ())
    };
    for damage in &damages {
        reporter.warn(&damage.to_string());
    }
    let blocks = if damages.is_empty() { Blocks::Sound } else { Blocks::Incomplete };
    Ok((Input::File(Arc::new(archive)), blocks, damages))
}

/// What was lost is said at the end, where it is seen, and by the exit code.
fn loss_verdict(losses: &[Damage], not_restored: &[LeftOut], output: &Output) -> u8 {
    let of = |verdict| not_restored.iter().filter(|left_out| left_out.verdict == verdict).count();
    let (lost, not_here) = (of(Verdict::Lost), of(Verdict::NotHere));
    if losses.is_empty() && lost + not_here == 0 {
        return 0;
    }
    let mut message = match (losses, lost) {
        ([], 0) => format!("everything is restored but {not_here} things that are not possible here"),
        ([], _) => {
            format!("{lost} things are lost, {not_here} are not possible here; everything else is restored")
        }
        (losses, _) => {
            let rows = text::lost_rows(losses.iter().map(|loss| loss.rows));
            format!("the archive is damaged in {} places: {rows} lost, the rest is restored", losses.len())
        }
    };
    for LeftOut { verdict, reason } in not_restored {
        message += &format!("\n  {}: {reason}", verdict.words());
    }
    tell_error(Class::Loss, None, &message, output.json);
    Class::Loss as u8
}

/// The archive of a restore: the file of that name, or what comes out of a pipe.
fn restore_input(archive: &Path) -> Result<Input, Error> {
    if archive.as_os_str() != STANDARD_STREAM {
        return Ok(Input::File(Arc::new(Archive::open(archive)?)));
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(usage("an archive is not read from a terminal: redirect stdin, or name a file"));
    }
    let stdin = stdin.as_fd().try_clone_to_owned().map_err(Error::Stdin)?;
    Ok(Input::Pipe(Box::new(File::from(stdin))))
}

fn usage(sentence: &str) -> Error {
    pgsnap::pg::Error::Usage(sentence.to_owned()).into()
}

fn run_inspect(args: &Inspect) -> Result<u8, Error> {
    let selection = args.selection.read()?;
    let checked = if args.quick {
        Salvaged { archive: Archive::open(&args.archive)?, scanned: false, damages: Vec::new() }
    } else {
        salvage::open(&args.archive, cores(), &mut |_, _| ())?
    };
    let choice = selection.choose(checked.archive.catalog())?;
    show(&inspect::report(args, &checked, &choice))?;
    for damage in &checked.damages {
        tell(&format!("pgsnap: {}", text::name(&damage.to_string())));
    }
    if checked.damages.is_empty() {
        return Ok(0);
    }
    let message = format!("{} is damaged in {} places", args.archive.display(), checked.damages.len());
    tell_error(Class::Damaged, None, &message, args.json);
    Ok(Class::Damaged as u8)
}

/// `maintenance` says that the database is one to make another from.
fn config(
    connection: &Connection,
    database: Option<String>,
    maintenance: bool,
) -> Result<ConnectConfig, Error> {
    let args = ConnectArgs {
        dbname: connection.dbname.clone().or(database),
        host: connection.host.clone(),
        port: connection.port.clone(),
        user: connection.username.clone(),
        no_password: connection.no_password,
        force_password: connection.password,
        maintenance,
    };
    Ok(ConnectConfig::resolve(&args, &Environment::from_process())?)
}

/// Asks for the password where `-W` wants that, or the command that knows it.
fn ask_password(config: &mut ConnectConfig, connection: &Connection) -> Result<(), Error> {
    if let Some(command) = &connection.password_command {
        let refused = |what| usage(&format!("--password-command: {what}"));
        config.set_password(command.first_line(PASSWORD_PATIENCE).map_err(refused)?);
    } else if config.needs_password_prompt() {
        let password =
            rpassword::prompt_password(format!("Password for {}: ", text::name(&config.describe())));
        let refused = |error| usage(&format!("cannot ask for a password without a terminal: {error}"));
        config.set_password(password.map_err(refused)?);
    }
    Ok(())
}

fn jobs(asked: Option<u16>) -> usize {
    asked.map_or_else(|| cores().min(4), usize::from)
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Runs the work on a multi-threaded runtime, with the future that resolves when a signal asks for an end.
fn with_runtime<T>(
    jobs: usize,
    work: impl AsyncFnOnce(std::pin::Pin<Box<dyn Future<Output = ()>>>) -> T,
) -> Result<T, Error> {
    // A write beyond the file size limit must fail like any other, instead of killing the process.
    let limit = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
    // A worker that waits for the writer occupies its thread; its connection needs another.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2 * jobs + 2).enable_all().build();
    match (limit, runtime) {
        (Ok(_), Ok(runtime)) => {
            let result = runtime.block_on(async { Ok(work(Box::pin(interrupted())).await) });
            runtime.shutdown_timeout(Duration::from_secs(2));
            result
        }
        (Err(error), _) | (_, Err(error)) => Err(Error::Threads(error)),
    }
}

/// Resolves on SIGHUP, SIGINT or SIGTERM; a second one ends the process at once.
async fn interrupted() {
    let number = next_signal().await;
    SIGNAL.store(number, Ordering::Relaxed);
    tokio::spawn(async {
        let number = next_signal().await;
        std::process::exit(128 + i32::from(number));
    });
}

async fn next_signal() -> u8 {
    let listen = |kind| signal(kind).ok();
    let (mut hangup, mut interrupt, mut terminate) =
        (listen(SignalKind::hangup()), listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    async fn wait(signal: &mut Option<tokio::signal::unix::Signal>) {
        match signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
    tokio::select! {
        () = wait(&mut hangup) => 1,
        () = wait(&mut interrupt) => 2,
        () = wait(&mut terminate) => 15,
    }
}

/// Text on stdout. A reader that has gone away, as `head` does, is no error of ours.
fn show(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Stdout(error)),
        _ => Ok(()),
    }
}

/// A password in the arguments is in every process list by now. Wherever it stands: it must not be in a message too.
fn holds_password(argument: &str) -> bool {
    let authority =
        argument.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(""));
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_arguments_are_seen_wherever_they_stand() {
        assert!(holds_password("postgres://u:secret@host/db"));
        assert!(holds_password("--dbname=postgresql://u:se@cret@host"));
        for plain in ["postgres://u@host/db", "postgres://host:5432/a@b", "a:b@c", "/tmp/x", "-f"] {
            assert!(!holds_password(plain), "{plain}");
        }
    }
}
