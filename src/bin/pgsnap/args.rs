//! What was typed: every option of every command in one place, in the order of its help, so that what commands share is shared.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueEnum};
use pgsnap::backups::{Hook, Policy};
use pgsnap::dump::DumpOptions;
use pgsnap::selection::{self, Options};
use pgsnap::{Error, archive, pg};

use crate::examples;

/// Instead of the name of a file: stdin or stdout.
pub const STANDARD_STREAM: &str = "-";

/// Back up and restore PostgreSQL: one consistent snapshot, one checksummed archive file, in parallel.
#[derive(Debug, Parser)]
#[command(
    name = "pgsnap",
    version,
    disable_help_flag = true,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Print help
    #[arg(short = '?', long, action = ArgAction::Help, global = true)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dump one consistent snapshot of a database into an archive file
    #[command(after_help = examples::DUMP)]
    Dump(Box<Dump>),
    /// Restore an archive into an empty database, or a new one
    #[command(after_help = examples::RESTORE)]
    Restore(Restore),
    /// Tell whether an archive is intact, and what is in it
    #[command(after_help = examples::INSPECT)]
    Inspect(Inspect),
    /// Compare the rows of an archive with those of a live database, table by table
    #[command(after_help = examples::VERIFY)]
    Verify(Verify),
    /// Restore an archive into a scratch database, compare and check that, tell the time it took, and drop it
    #[command(after_help = examples::DRILL)]
    Drill(Drill),
    /// Tell what backups there are in a directory, and whether they are young enough
    #[command(after_help = examples::STATUS)]
    Status(Status),
    /// Delete archives that need not be kept any longer
    #[command(after_help = examples::PRUNE)]
    Prune(Prune),
    /// Print what makes a shell complete commands and options
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command into a directory
    #[command(after_help = examples::MAN)]
    Man {
        /// A directory that is there
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("to").required(true).multiple(true).args(["file", "dir", "config"]), args_override_self = true)]
pub struct Dump {
    /// The database, when -d does not name it
    #[arg(value_name = "DBNAME", conflicts_with = "dbname")]
    pub database: Option<String>,
    /// The archive to write; refused when it exists. - is stdout
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "dir")]
    pub file: Option<PathBuf>,
    /// Do the dumps that a file asks for (TOML): a [[database]] for each, with the names of these options
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Replace an existing archive
    #[arg(long, conflicts_with = "dir")]
    pub force: bool,
    #[command(flatten)]
    pub backups: Backups,
    /// Workers, each with a connection of its own [default: the number of CPUs, at most 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// zstd level, 0 (store) to 19
    #[arg(short = 'Z', long, value_name = "LEVEL", default_value_t = DumpOptions::DEFAULT_LEVEL, value_parser = clap::value_parser!(i32).range(0..=19))]
    pub compress: i32,
    /// Split tables with more bytes than this over several workers
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "128MiB")]
    pub split_above: u64,
    /// Give up when a table lock is not granted within this time
    #[arg(long, value_name = "TIMEOUT", value_parser = parse_duration, default_value = "30s")]
    pub lock_wait_timeout: Duration,
    /// Read at most so many bytes of rows per second
    #[arg(long, value_name = "SIZE", value_parser = parse_rate)]
    pub rate_limit: Option<u64>,
    /// Give up when the dump is not complete after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
    /// Warn when the snapshot is as old as this, and each time its age has doubled
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
    pub warn_snapshot_age: Duration,
    /// Dump what this snapshot shows, which another session has exported (pg_export_snapshot)
    #[arg(long, value_name = "ID", conflicts_with = "serializable_deferrable")]
    pub snapshot: Option<String>,
    /// Wait for a moment that no serializable transaction can make one that never was
    #[arg(long)]
    pub serializable_deferrable: bool,
    /// Keep all roles of the server, not only those that the database refers to
    #[arg(long)]
    pub all_roles: bool,
    /// Keep the passwords of roles, as the server keeps them (hashes), in the archive
    #[arg(long)]
    pub role_passwords: bool,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub output: Output,
}

/// What a dump does that is run day after day.
#[derive(Debug, Args)]
#[command(next_help_heading = "Directory of backups")]
pub struct Backups {
    /// Write DIR/DBNAME_YYYY-MM-DDTHHMMSSZ.pgsnap, one run at a time, read it back, and note it in DIR/history.jsonl
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Dump every database of the server that is no template and takes connections, with --all-roles; -d names one to connect
    /// to first
    #[arg(long, conflicts_with_all = ["file", "snapshot"])]
    pub all_databases: bool,
    /// Keep an archive aside as suspect when it has fewer bytes or rows than so many percent of the median of the last five; 0 is
    /// never
    #[arg(long, value_name = "PERCENT", conflicts_with = "file", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub suspect_below: u8,
    /// The same when it has fewer bytes than this
    #[arg(long, value_name = "SIZE", conflicts_with = "file", value_parser = parse_size, default_value = "0")]
    pub min_size: u64,
    #[command(flatten)]
    pub keep: Keep,
    /// Write metrics for node_exporter's textfile collector
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub metrics_file: Option<PathBuf>,
    /// Run this command, without a shell, from the second failure on, one after the other; PGSNAP_* variables say what happened
    #[arg(long, value_name = "CMD", conflicts_with = "file", value_parser = Hook::parse)]
    pub on_failure: Option<Hook>,
    /// Run this command after a success
    #[arg(long, value_name = "CMD", conflicts_with = "file", value_parser = Hook::parse)]
    pub on_success: Option<Hook>,
    /// Kill such a command when it takes longer
    #[arg(long, value_name = "TIME", conflicts_with = "file", value_parser = parse_duration, default_value = "1min")]
    pub hook_timeout: Duration,
}

/// Which archives are kept. One that no rule wants is deleted; without rules none is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retention")]
pub struct Keep {
    /// The newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_last: Option<u32>,
    /// The newest of each of the last N days that have one (UTC)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_daily: Option<u32>,
    /// The newest of each of the last N weeks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_weekly: Option<u32>,
    /// The newest of each of the last N months
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_monthly: Option<u32>,
    /// The newest of each of the last N years
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_yearly: Option<u32>,
    /// All that are not older than the newest by more than this: 36h, 14d, 8w
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    keep_within: Option<Duration>,
}

impl Keep {
    /// The rules.
    pub fn policy(&self) -> Policy {
        Policy {
            last: self.keep_last.unwrap_or(0),
            daily: self.keep_daily.unwrap_or(0),
            weekly: self.keep_weekly.unwrap_or(0),
            monthly: self.keep_monthly.unwrap_or(0),
            yearly: self.keep_yearly.unwrap_or(0),
            within: self.keep_within,
        }
    }
}

#[derive(Debug, Args)]
pub struct Status {
    /// The directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// End with exit code 11 when a database has no good archive, or the newest is older than this: 26h, 2d
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub max_age: Option<Duration>,
    /// Read every block of the newest archive of each database
    #[arg(long)]
    pub full: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "prometheus")]
    pub json: bool,
    /// Print metrics for Prometheus
    #[arg(long)]
    pub prometheus: bool,
}

#[derive(Debug, Args)]
pub struct Prune {
    /// The directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Only archives of these databases
    #[arg(long = "database", value_name = "DBNAME")]
    pub databases: Vec<String>,
    #[command(flatten)]
    pub keep: Keep,
    /// Read every block of all archives before, and not only of the newest
    #[arg(long)]
    pub full: bool,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// The archive; - is stdin
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Workers, each with a connection of its own [default: the number of CPUs, at most 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Make the database, with its name, locale, settings and privileges; -d names one to connect to first [default: postgres]
    #[arg(short = 'C', long)]
    pub create: bool,
    /// Make the roles that are missing, with their attributes, settings and memberships
    #[arg(long)]
    pub roles: bool,
    /// Go on with a restore of this archive that was ended; begin it if there is none
    #[arg(long, conflicts_with_all = ["clean", "single_transaction", "sql"])]
    pub resume: bool,
    /// Drop what the archive brings first, or the database (with --create)
    #[arg(short = 'c', long, conflicts_with_all = ["data_only", "sql"])]
    pub clean: bool,
    /// Drop only what is there
    #[arg(long, requires = "clean")]
    pub if_exists: bool,
    /// All or nothing: one transaction, with one worker
    #[arg(short = '1', long, conflicts_with_all = ["jobs", "on_error", "sql"])]
    pub single_transaction: bool,
    /// What happens when a statement of the archive has failed
    #[arg(long, value_enum, value_name = "HOW", default_value_t = OnError::Stop)]
    pub on_error: OnError,
    /// Take on this role in every session: it will own what is made, where --no-owner is given
    #[arg(long, value_name = "ROLE", conflicts_with = "sql")]
    pub role: Option<String>,
    /// Another role in the place of one in the archive: as owner, in privileges and policies; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_mapping, conflicts_with_all = ["sql", "roles"])]
    pub map_role: Vec<(String, String)>,
    /// No triggers and no checks of foreign keys while rows go into tables that are there; for superusers
    #[arg(long, requires = "data_only", conflicts_with = "sql")]
    pub disable_triggers: bool,
    /// Look at archive and target, say what would be done, and change nothing
    #[arg(long, conflicts_with_all = ["sql", "salvage", "skip_damaged"])]
    pub dry_run: bool,
    /// Memory for all index builds that run at one time [default: a quarter of the server's effective_cache_size]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// Try an archive from a newer major version than the server's; every table is read back and compared
    #[arg(long, conflicts_with_all = ["no_verify", "sql"])]
    pub force_version: bool,
    /// Do not read the tables back to compare row counts and digests
    #[arg(long)]
    pub no_verify: bool,
    /// Load a damaged archive without its damaged blocks, and say what is lost; ends with exit code 4
    #[arg(long)]
    pub skip_damaged: bool,
    /// The same for an archive that was cut short, or whose header, catalog, index or footer is damaged
    #[arg(long)]
    pub salvage: bool,
    /// Print the script for psql that would run, rows included, and connect to nothing
    #[arg(long, conflicts_with_all = ["jobs", "memory", "no_verify", "create", "roles", "Connection"])]
    pub sql: bool,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// It ends the restore
    Stop,
    /// What failed is left out, with what needs it, and told at the end; ends with exit code 4
    Continue,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Check the structure only; blocks are not read
    #[arg(long)]
    pub quick: bool,
    /// List every entry
    #[arg(long, conflicts_with = "stats")]
    pub list: bool,
    /// Show NULLs, minimum and maximum of every column
    #[arg(long)]
    pub stats: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub selection: Selection,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Workers, each with a connection of its own [default: the number of CPUs, at most 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Give up when a table lock is not granted within this time
    #[arg(long, value_name = "TIMEOUT", value_parser = parse_duration, default_value = "30s")]
    pub lock_wait_timeout: Duration,
    #[command(flatten)]
    pub patterns: Patterns,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Drill {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Workers, each with a connection of its own [default: the number of CPUs, at most 4]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub output: Output,
}

/// Which tables it is about; without any of these, all.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct Patterns {
    /// Schemas that match, and nothing that is in no schema
    #[arg(short = 'n', long = "schema", value_name = "PATTERN")]
    schemas: Vec<String>,
    /// Not these schemas
    #[arg(short = 'N', long = "exclude-schema", value_name = "PATTERN")]
    exclude_schemas: Vec<String>,
    /// Tables, views and sequences that match, with all that belongs to them, and nothing else
    #[arg(short = 't', long = "table", value_name = "PATTERN")]
    tables: Vec<String>,
    /// Not these tables, views and sequences
    #[arg(short = 'T', long = "exclude-table", value_name = "PATTERN")]
    exclude_tables: Vec<String>,
    /// These tables without their rows
    #[arg(long, value_name = "PATTERN")]
    exclude_table_data: Vec<String>,
    /// Extensions that match, and no other
    #[arg(short = 'e', long = "extension", value_name = "PATTERN")]
    extensions: Vec<String>,
    /// Not these extensions
    #[arg(long = "exclude-extension", value_name = "PATTERN")]
    exclude_extensions: Vec<String>,
    /// Take patterns from a file as pg_dump reads them, `include table app.*` a line; - is stdin
    #[arg(long = "filter", value_name = "FILE")]
    filters: Vec<PathBuf>,
    /// No large objects
    #[arg(short = 'B', long, alias = "no-blobs")]
    no_large_objects: bool,
}

/// What of a database or an archive it is about; without any of these, all of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct Selection {
    #[command(flatten)]
    patterns: Patterns,
    /// Definitions without rows
    #[arg(short = 's', long)]
    schema_only: bool,
    /// Rows without definitions
    #[arg(short = 'a', long, conflicts_with = "schema_only")]
    data_only: bool,
    /// Only this section
    #[arg(long = "section", value_enum, value_name = "SECTION")]
    sections: Vec<Section>,
    /// No owners: everything belongs to the role that restores
    #[arg(short = 'O', long)]
    no_owner: bool,
    /// No privileges (GRANT, REVOKE, default privileges)
    #[arg(short = 'x', long, alias = "no-acl")]
    no_privileges: bool,
    /// No comments
    #[arg(long)]
    no_comments: bool,
    /// No publications
    #[arg(long)]
    no_publications: bool,
    /// No subscriptions
    #[arg(long)]
    no_subscriptions: bool,
    /// No security labels
    #[arg(long)]
    no_security_labels: bool,
    /// No tablespaces: everything goes into the default one
    #[arg(long)]
    no_tablespaces: bool,
    /// No planner statistics
    #[arg(long)]
    no_statistics: bool,
}

/// pg_dump's sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Definitions that rows need
    PreData,
    /// Rows and values of sequences
    Data,
    /// Indexes, constraints, triggers and what else comes after the rows
    PostData,
}

impl Patterns {
    /// What was asked for, with the rules of the filter files.
    pub fn read(&self) -> Result<selection::Selection, Error> {
        Ok(selection::Selection::new(self.options()?)?)
    }

    fn options(&self) -> Result<Options, Error> {
        let mut options = Options {
            schemas: self.schemas.clone(),
            exclude_schemas: self.exclude_schemas.clone(),
            tables: self.tables.clone(),
            exclude_tables: self.exclude_tables.clone(),
            exclude_table_data: self.exclude_table_data.clone(),
            extensions: self.extensions.clone(),
            exclude_extensions: self.exclude_extensions.clone(),
            no_large_objects: self.no_large_objects,
            ..Options::default()
        };
        for file in &self.filters {
            let name = file.display().to_string();
            let text = if file.as_os_str() == STANDARD_STREAM {
                std::io::read_to_string(std::io::stdin())
            } else {
                std::fs::read_to_string(file)
            };
            let unreadable = |error| pg::Error::Usage(format!("cannot read the filter file {name}: {error}"));
            options.add_filter(&name, &text.map_err(unreadable)?)?;
        }
        Ok(options)
    }
}

impl Selection {
    /// Whether it asks for what is on stdin.
    pub fn reads_stdin(&self) -> bool {
        self.patterns.filters.iter().any(|file| file.as_os_str() == STANDARD_STREAM)
    }

    /// What was asked for, with the rules of the filter files.
    pub fn read(&self) -> Result<selection::Selection, Error> {
        let section = |section: &Section| match section {
            Section::PreData => archive::Section::PreData,
            Section::Data => archive::Section::Data,
            Section::PostData => archive::Section::PostData,
        };
        Ok(selection::Selection::new(Options {
            schema_only: self.schema_only,
            data_only: self.data_only,
            sections: self.sections.iter().map(section).collect(),
            no_owner: self.no_owner,
            no_privileges: self.no_privileges,
            no_comments: self.no_comments,
            no_publications: self.no_publications,
            no_subscriptions: self.no_subscriptions,
            no_security_labels: self.no_security_labels,
            no_tablespaces: self.no_tablespaces,
            no_statistics: self.no_statistics,
            ..self.patterns.options()?
        })?)
    }
}

/// Where the server is. What is not given comes from the PG* environment variables, or else from DATABASE_URL.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Database name, key=value conninfo, or postgres:// URI
    #[arg(short = 'd', long, value_name = "DBNAME")]
    pub dbname: Option<String>,
    /// Host name, or directory of the Unix socket
    #[arg(short = 'h', long, value_name = "HOST")]
    pub host: Option<String>,
    /// Port
    #[arg(short = 'p', long, value_name = "PORT")]
    pub port: Option<String>,
    /// Role to connect as
    #[arg(short = 'U', long, value_name = "NAME")]
    pub username: Option<String>,
    /// Never ask for a password
    #[arg(short = 'w', long, conflicts_with = "password")]
    pub no_password: bool,
    /// Ask for a password before connecting
    #[arg(short = 'W', long)]
    pub password: bool,
    /// Take the password from the first line that this command prints; it is run without a shell
    #[arg(long, value_name = "CMD", conflicts_with_all = ["password", "no_password"], value_parser = Hook::parse)]
    pub password_command: Option<Hook>,
}

/// What is told, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// How progress is shown on stderr
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Progress::Auto)]
    pub progress: Progress,
    /// Write log lines to the end of this file too, whatever -q says; it may be rotated meanwhile
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// How log lines are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Tell every object and table; twice for the library's own log
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Tell errors only; with --json the summary too
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print the summary as one JSON object; errors as one on stderr's last line
    #[arg(long)]
    pub json: bool,
}

impl Output {
    /// Whether the summary is printed: not for cron, which mails whatever is said.
    pub fn wants_summary(&self) -> bool {
        self.json || !self.quiet
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar
    Bar,
    /// One line per step
    Plain,
    /// One JSON object per event
    Json,
    /// Nothing
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// `OLD=NEW`
fn parse_mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("not two names of roles as in OLD=NEW".to_owned()),
    }
}

/// An age: `90min`, `26h`, `7d`, `8w`.
fn parse_age(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("s", 1), ("min", 60), ("h", 3600), ("d", 86_400), ("w", 7 * 86_400)];
    scaled(text, &UNITS)
        .filter(|seconds| *seconds < 1 << 40)
        .map(Duration::from_secs)
        .ok_or_else(|| "not an age such as 90min, 26h, 7d or 8w".to_owned())
}

/// A size in bytes: `1000`, `64kB`, `128MiB`, `2GB`.
fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 10] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    scaled(text, &UNITS).ok_or_else(|| "not a size such as 64kB, 128MiB or 2GB".to_owned())
}

/// A size per second, which may be written so: `20MB` or `20MB/s`.
fn parse_rate(text: &str) -> Result<u64, String> {
    match parse_size(text.strip_suffix("/s").unwrap_or(text)) {
        Ok(0) => Err("at that rate nothing is ever read".to_owned()),
        rate => rate,
    }
}

/// A time: a number of milliseconds as for pg_dump, or with a unit: `500ms`, `30s`, `2min`, `1h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("min", 60_000), ("s", 1000), ("h", 3_600_000), ("", 1)];
    scaled(text, &UNITS)
        .map(Duration::from_millis)
        .ok_or_else(|| "not a time such as 500ms, 30s or 2min".to_owned())
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_times() {
        assert_eq!(parse_size("128MiB"), Ok(128 << 20));
        assert_eq!(parse_size("5"), Ok(5));
        assert_eq!(parse_size("2 GB"), Ok(2_000_000_000));
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1500"), Ok(Duration::from_millis(1500)));
        for bad in ["", "MB", "-1", "1XB", "1.5GB", "99999999999999999999", "20000000TiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert!(parse_duration("soon").is_err());
        assert_eq!(parse_age("26h"), Ok(Duration::from_secs(93_600)));
        assert!(parse_age("26").is_err());
    }
}
