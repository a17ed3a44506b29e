//! Progress and warnings on stderr, and how an error is told.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pgsnap::progress::{Event, Monitor};
use pgsnap::{Class, Error};
use serde_json::json;

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
        if let Style::Json = self.style {
            return tell(&as_json(&event).to_string());
        }
        match (event, &self.style) {
            (Event::Step(step), Style::Bar(bar)) => {
                bar.set_length(0);
                bar.set_position(0);
                bar.set_message(step);
            }
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
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
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

/// Sends the library's own log to stderr: warnings, and with -vv everything.
pub fn start_log(output: &Output) {
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (_, 0 | 1) => "warn",
        _ => "pgsnap=debug,warn",
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_target(false);
    match output.log_format {
        // Colours are a feature that the package is built without.
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}
