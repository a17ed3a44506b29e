//! What a restore has not restored, because it may go on without it: lost rows, or an error that `--on-error continue` passes over.

use std::collections::BTreeMap;

use super::statements::DEADLOCK;
use super::{Blocks, Error, OnError, Shared};
use crate::archive::{Entry, Section};

/// The class of integrity_constraint_violation: foreign_key_violation and the like.
const INTEGRITY_CONSTRAINT: &str = "23";
/// Classes after which nothing else will go better: insufficient_resources, operator_intervention, system_error, internal_error.
const OF_THE_SERVER: [&str; 4] = ["53", "57", "58", "XX"];
/// insufficient_privilege, feature_not_supported, undefined_file (an extension's control file, before 16), undefined_object (roles
/// and what else is outside a database), object_not_in_prerequisite_state.
const NOT_HERE: [&str; 5] = ["42501", "0A000", "58P01", "42704", "55000"];
/// duplicate_object, duplicate_schema, duplicate_table
const THERE_ALREADY: [&str; 3] = ["42710", "42P06", "42P07"];

/// What the want of an entry means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Rows, or what they are kept in or guarded by, or something that the server could have taken.
    Lost,
    /// This server, or this role, cannot have it.
    NotHere,
    /// It is there, or says nothing that is not there.
    Harmless,
}

impl Verdict {
    /// Its words in a report.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Lost => "lost",
            Verdict::NotHere => "not possible here",
            Verdict::Harmless => "harmless",
        }
    }
}

/// Something that was not restored.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// What that means.
    pub verdict: Verdict,
    /// The object, and why.
    pub reason: String,
}

/// Everything that was left out, some of it entries, by their ids.
#[derive(Default)]
pub struct AllLeftOut {
    entries: BTreeMap<u32, Verdict>,
    all: Vec<LeftOut>,
}

impl AllLeftOut {
    /// How many of them are entries.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// All of them, the worst first.
    pub fn into_sorted(mut self) -> Vec<LeftOut> {
        self.all.sort_by_key(|left_out| left_out.verdict);
        self.all
    }
}

impl Shared {
    /// Whether a failure need not end the restore.
    pub(super) fn may_leave_out(&self) -> bool {
        self.options.blocks == Blocks::Incomplete || self.options.on_error == OnError::Continue
    }

    /// Whether an entry needs one that was left out; it is left out too then. What only waits for its turn behind rows does not.
    pub(super) fn needs_what_is_left_out(&self, entry: &Entry) -> bool {
        let mut left_out = self.left_out();
        if left_out.entries.contains_key(&entry.id) {
            return true;
        }
        let needs =
            entry.dependencies.iter().filter(|id| self.catalog.entries[**id as usize - 1].table.is_none());
        let missing = needs.copied().find_map(|id| Some((id, *left_out.entries.get(&id)?)));
        let Some((id, verdict)) = missing else { return false };
        let needed = self.catalog.entries[id as usize - 1].label();
        let reason = format!("{}: it needs {needed}, which was not restored", entry.label());
        let verdict = if holds_rows(entry) { Verdict::Lost } else { verdict };
        left_out.entries.insert(entry.id, verdict);
        left_out.all.push(LeftOut { verdict, reason });
        true
    }

    /// Leaves an entry out that has failed.
    ///
    /// # Errors
    ///
    /// The error itself if the restore cannot go on after it.
    pub(super) fn leave_out(&self, entry: &Entry, error: Error) -> Result<(), Error> {
        let Some(verdict) = self.verdict(entry, &error) else { return Err(error) };
        let reason = match &error {
            Error::Statement { object, source } => format!("{object}: {source}"),
            error => format!("{}: {error}", entry.label()),
        };
        let mut left_out = self.left_out();
        // What is harmless is as good as there: what needs it is restored.
        if verdict == Verdict::Harmless || left_out.entries.insert(entry.id, verdict).is_none() {
            left_out.all.push(LeftOut { verdict, reason });
        }
        Ok(())
    }

    /// What it would mean to go on after an error; none if that cannot be.
    fn verdict(&self, entry: &Entry, error: &Error) -> Option<Verdict> {
        let goes_on = self.options.on_error == OnError::Continue;
        let source = match error {
            Error::Statement { source, .. } | Error::Load { source, .. } => source,
            Error::Different { .. } => return goes_on.then_some(Verdict::Lost),
            _ => return None,
        };
        let state = source.sqlstate()?;
        let lacks_rows = self.options.blocks == Blocks::Incomplete && state.starts_with(INTEGRITY_CONSTRAINT);
        let of_the_server = OF_THE_SERVER.iter().any(|class| state.starts_with(class)) || state == DEADLOCK;
        let may_go_on = goes_on && (!of_the_server || NOT_HERE.contains(&state));
        (lacks_rows || may_go_on).then(|| verdict(entry, state))
    }

    /// Whether an entry was left out.
    pub(super) fn is_left_out(&self, entry: &Entry) -> bool {
        self.left_out().entries.contains_key(&entry.id)
    }

    /// Takes down something that is no entry as a whole.
    pub(super) fn tell_left_out(&self, verdict: Verdict, reason: String) {
        self.left_out().all.push(LeftOut { verdict, reason });
    }
}

fn holds_rows(entry: &Entry) -> bool {
    entry.section == Section::Data
        || matches!(entry.kind.as_str(), "TABLE" | "MATERIALIZED VIEW" | "SEQUENCE")
}

fn verdict(entry: &Entry, sqlstate: &str) -> Verdict {
    let brings_nothing = matches!(entry.kind.as_str(), "SCHEMA" | "EXTENSION" | "PROCEDURAL LANGUAGE");
    let of_extension = entry.kind == "COMMENT" && entry.name.starts_with("EXTENSION ");
    if holds_rows(entry) {
        Verdict::Lost
    } else if brings_nothing && THERE_ALREADY.contains(&sqlstate) || of_extension && sqlstate == "42501" {
        Verdict::Harmless
    } else if NOT_HERE.contains(&sqlstate) {
        Verdict::NotHere
    } else {
        Verdict::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::globals::tests::entry;
    use super::*;

    #[test]
    fn what_it_means_that_an_entry_is_missing() {
        let of = |kind, name, state| verdict(&entry(1, kind, name, &[]), state);
        assert_eq!(of("TABLE", "t", "42501"), Verdict::Lost);
        assert_eq!(of("FUNCTION", "f", "42883"), Verdict::Lost);
        assert_eq!(of("EVENT TRIGGER", "e", "42501"), Verdict::NotHere);
        assert_eq!(of("EXTENSION", "vector", "0A000"), Verdict::NotHere);
        assert_eq!(of("EXTENSION", "vector", "42710"), Verdict::Harmless);
        assert_eq!(of("TABLE", "t", "42P07"), Verdict::Lost);
        assert_eq!(of("COMMENT", "EXTENSION vector", "42501"), Verdict::Harmless);
        assert_eq!(of("COMMENT", "TABLE t", "42501"), Verdict::NotHere);
    }
}
