//! Progress and warnings on stderr, and how an error is told.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pgsnap::progress::{Counts, Event, Monitor};
use pgsnap::{Class, Error};
use serde_json::json;
use tracing::Subscriber;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::args::{LogFormat, Output, Progress};
use crate::text;

/// The monitor of the program.
pub struct Reporter {
    style: Style,
    verbose: bool,
    quiet: bool,
}

enum Style {
    Bar(ProgressBar),
    Plain,
    Json,
    None,
}

impl Reporter {
    /// As the arguments want it.
    pub fn new(output: &Output) -> Self {
        let style = match output.progress {
            Progress::Auto if output.quiet => Style::None,
            Progress::Auto if std::io::stderr().is_terminal() => Style::Bar(bar()),
            Progress::Bar => Style::Bar(bar()),
            Progress::Auto | Progress::Plain => Style::Plain,
            Progress::Json => Style::Json,
            Progress::None => Style::None,
        };
        Reporter { style, verbose: output.verbose > 0, quiet: output.quiet }
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }

    /// Tells what the user should know before it goes on.
    pub fn warn(&self, what: &str) {
        match self.style {
            Style::Json => self.report(Event::Warning(what.to_owned())),
            _ => self.line(&format!("pgsnap: warning: {}", text::name(what))),
        }
    }

    /// Tells something that has been done.
    pub fn note(&self, what: &str) {
        if !matches!(self.style, Style::Json) && !self.quiet {
            self.line(&format!("pgsnap: {}", text::name(what)));
        }
    }

    fn line(&self, line: &str) {
        match &self.style {
            Style::Bar(bar) => bar.suspend(|| tell(line)),
            _ => tell(line),
        }
    }
}

impl Monitor for Reporter {
    fn report(&self, event: Event) {
        match &event {
            Event::Step(step) => tracing::info!(target: TOLD, "{}", text::name(step)),
            Event::Working(what) => tracing::info!(target: TOLD, "{}", text::name(what)),
            Event::Warning(what) => tracing::warn!(target: TOLD, "{}", text::name(what)),
            Event::Total(_) | Event::Advanced(_) | Event::Counted(_) | Event::Done(_) => {}
        }
        if let Style::Json = self.style {
            return tell(&as_json(&event).to_string());
        }
        match (event, &self.style) {
            (Event::Step(step), Style::Bar(bar)) => {
                bar.set_length(0);
                bar.set_position(0);
                bar.set_prefix("");
                bar.set_message(step);
            }
            (Event::Counted(counts), Style::Bar(bar)) => bar.set_prefix(format!("{counts} ")),
            (Event::Working(what), Style::Bar(bar)) => bar.set_message(text::name(&what)),
            (Event::Working(what), Style::Plain) if !self.quiet => {
                self.line(&format!("pgsnap: {}", text::name(&what)));
            }
            (Event::Step(step), Style::Plain) if !self.quiet => self.line(&format!("pgsnap: {step}")),
            (Event::Total(bytes), Style::Bar(bar)) => bar.set_length(bytes),
            (Event::Advanced(bytes), Style::Bar(bar)) => bar.inc(bytes),
            (Event::Warning(what), _) => self.warn(&what),
            (Event::Done(what), _) if self.verbose => self.line(&format!("pgsnap: {}", text::name(&what))),
            _ => {}
        }
    }
}

fn bar() -> ProgressBar {
    // The estimate can be too small: tables grow while they are dumped. The bar then stays full.
    let style =
        ProgressStyle::with_template("{msg} {prefix}{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn as_json(event: &Event) -> serde_json::Value {
    match event {
        Event::Step(step) => json!({"type": "step", "step": step}),
        Event::Total(bytes) => json!({"type": "total", "bytes": bytes}),
        Event::Advanced(bytes) => json!({"type": "advanced", "bytes": bytes}),
        Event::Counted(Counts { rows, tables, objects }) => json!({
            "type": "counted", "rows": rows, "tables": tables.done, "tables_of": tables.of,
            "objects": objects.done, "objects_of": objects.of,
        }),
        Event::Working(what) => json!({"type": "working", "what": what}),
        Event::Warning(what) => json!({"type": "warning", "what": what}),
        Event::Done(what) => json!({"type": "done", "what": what}),
    }
}

/// A line on stderr. When nobody can read it, there is nobody to tell.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Tells an error, for people or as the one JSON object that ends stderr.
pub fn tell_error(class: Class, error: Option<&Error>, message: &str, as_json: bool) {
    tracing::error!(target: TOLD, "exit code {}: {}", class as u8, text::name(message));
    if as_json {
        let error = json!({
            "type": "exit_error",
            "code": class as u8,
            "class": class.name(),
            "sqlstate": error.and_then(Error::sqlstate),
            "object": error.and_then(Error::object),
            "message": message,
        });
        tell(&error.to_string());
    } else {
        let lines: Vec<String> = message.lines().map(text::name).collect();
        tell(&format!("pgsnap: error: {}", lines.join("\n")));
    }
}

/// What is told is logged under this name too, for the log file alone: on stderr it has been said already.
const TOLD: &str = "told";

/// Sends the library's own log to stderr: warnings, and with -vv everything; and with all that is told to the log file.
pub fn start_log(output: &Output) {
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error,told=off",
        (_, 0 | 1) => "warn,told=off",
        _ => "pgsnap=debug,warn,told=off",
    };
    let stderr = layer(output.log_format, std::io::stderr, level);
    let file = output.log_file.clone();
    let file = file.map(|path| layer(output.log_format, LogFile(path), "warn,pgsnap=info,told=info"));
    tracing_subscriber::registry().with(stderr).with(file).init();
}

fn layer<S, W>(format: LogFormat, to: W, level: &str) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Colours are a feature that the package is built without.
    let layer = fmt::layer().with_writer(to).with_target(false).with_ansi(false);
    match format {
        LogFormat::Text => layer.with_filter(EnvFilter::new(level)).boxed(),
        LogFormat::Json => layer.json().with_filter(EnvFilter::new(level)).boxed(),
    }
}

/// A file to whose end lines are written. It is opened for each: whoever rotates it need not tell us. A backup does not fail for
/// want of a log.
#[derive(Clone)]
struct LogFile(PathBuf);

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = LogFile;

    fn make_writer(&'a self) -> LogFile {
        self.clone()
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        static REFUSED: AtomicBool = AtomicBool::new(false);
        let opened = File::options().append(true).create(true).open(&self.0);
        if let Err(error) = opened.and_then(|mut file| file.write_all(line))
            && !REFUSED.swap(true, Ordering::Relaxed)
        {
            tell(&format!("pgsnap: warning: cannot write to the log file {}: {error}", self.0.display()));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The line at the end of a run, for the log file.
pub fn log_summary(summary: &str) {
    for line in summary.lines() {
        tracing::info!(target: TOLD, "{line}");
    }
}
