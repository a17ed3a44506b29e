//! Which archives of a database are kept. Pure: times and verdicts in, decisions out.
//!
//! Only good archives count, in the time of their snapshots, in UTC. What is not good is never deleted here, and never keeps a
//! good one from being kept.

use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// What is to be kept. An archive is deleted when no rule wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// So many of the newest.
    pub last: u32,
    /// The newest of each of so many days that have one.
    pub daily: u32,
    /// The same for weeks, from Monday on (ISO 8601).
    pub weekly: u32,
    /// The same for months.
    pub monthly: u32,
    /// The same for years.
    pub yearly: u32,
    /// All that are not older than the newest by more than this.
    pub within: Option<Duration>,
}

impl Policy {
    /// Whether it has a rule: without one nothing is ever deleted.
    pub fn has_rules(&self) -> bool {
        *self != Policy::default()
    }
}

/// An archive that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// When its snapshot was taken.
    pub at: DateTime<Utc>,
    /// Whether it is complete and undamaged, as far as is known, and not suspect.
    pub is_good: bool,
}

/// What happens to an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stays, for these reasons: `daily`, `last`.
    Keep(Vec<&'static str>),
    /// It goes.
    Delete,
    /// It is not good: no rule is about it.
    PassOver,
}

/// Why nothing is deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongClock {
    /// An archive is of a time that has not come.
    #[error(
        "an archive is of {archive}, and now it is {now}: set this machine's clock or the server's right, or move that archive away (pgsnap \
         status names it)"
    )]
    Future {
        /// When its snapshot was taken.
        archive: DateTime<Utc>,
        /// What this machine's clock says.
        now: DateTime<Utc>,
    },
    /// The archive that has just been made is older than one that was there.
    #[error(
        "the new archive is of {new}, and {before} is of {newest}: the clock of the server is behind, or was ahead. Set it right, and move \
         away what is of a wrong time"
    )]
    Behind {
        /// When the snapshot of the new one was taken.
        new: DateTime<Utc>,
        /// The name of the newest.
        before: String,
        /// When that one's was.
        newest: DateTime<Utc>,
    },
    /// All but the newest would go at once.
    #[error(
        "between the newest archive ({newest}) and the one before it ({before}) there is more time than all are kept for: either there \
         were no backups, or a clock has jumped. Nothing is deleted until there is another one"
    )]
    Gap {
        /// The newest.
        newest: DateTime<Utc>,
        /// The one before it.
        before: DateTime<Utc>,
    },
}

/// How far the clocks of server and machine may be apart.
pub const SKEW: TimeDelta = TimeDelta::hours(1);

/// A day, week, month or year, as a number of its own.
type Bucket = fn(&DateTime<Utc>) -> (i32, u32);

/// Decides for each candidate, in their order.
///
/// # Errors
///
/// [`WrongClock`] when the times cannot be right: then nothing may be deleted.
pub fn decide(
    candidates: &[Candidate],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Decision>, WrongClock> {
    let mut good: Vec<usize> = (0..candidates.len()).filter(|at| candidates[*at].is_good).collect();
    good.sort_by_key(|at| std::cmp::Reverse(candidates[*at].at));
    let time = |place: usize| candidates[place].at;
    let latest = candidates.iter().map(|candidate| candidate.at).max();
    if let Some(archive) = latest.filter(|latest| *latest > now + SKEW) {
        return Err(WrongClock::Future { archive, now });
    }
    let mut reasons: Vec<Vec<&'static str>> = vec![Vec::new(); candidates.len()];
    if let Some(newest) = good.first() {
        reasons[*newest].push("newest");
    }
    good.iter().take(policy.last as usize).for_each(|at| reasons[*at].push("last"));
    if let (Some(within), [newest, rest @ ..]) = (policy.within, good.as_slice()) {
        let is_recent = |at: usize| (time(*newest) - time(at)).to_std().is_ok_and(|older| older <= within);
        if let Some(before) = rest.first().filter(|before| !is_recent(**before)) {
            return Err(WrongClock::Gap { newest: time(*newest), before: time(*before) });
        }
        good.iter().filter(|at| is_recent(**at)).for_each(|at| reasons[*at].push("within"));
    }
    let rules: [(&'static str, u32, Bucket); 4] = [
        ("daily", policy.daily, |at| (at.year(), at.ordinal())),
        ("weekly", policy.weekly, |at| (at.iso_week().year(), at.iso_week().week())),
        ("monthly", policy.monthly, |at| (at.year(), at.month())),
        ("yearly", policy.yearly, |at| (at.year(), 0)),
    ];
    for (rule, count, bucket) in rules {
        let (mut kept, mut last) = (0, None);
        for place in &good {
            let own = Some(bucket(&time(*place)));
            if kept < count && own != last {
                reasons[*place].push(rule);
                (kept, last) = (kept + 1, own);
            }
        }
    }
    let decision = |(candidate, reasons): (&Candidate, Vec<&'static str>)| match candidate.is_good {
        false => Decision::PassOver,
        true if reasons.is_empty() && policy.has_rules() => Decision::Delete,
        true => Decision::Keep(reasons),
    };
    Ok(candidates.iter().zip(reasons).map(decision).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::{collection, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn good(times: &[&str]) -> Vec<Candidate> {
        times.iter().map(|time| Candidate { at: at(time), is_good: true }).collect()
    }

    /// The places of the candidates that stay.
    fn kept(candidates: &[Candidate], policy: &Policy, now: &str) -> Vec<usize> {
        let decisions = decide(candidates, policy, at(now)).unwrap();
        (0..decisions.len()).filter(|place| decisions[*place] != Decision::Delete).collect()
    }

    #[test]
    fn the_newest_of_each_day() {
        let archives = good(&[
            "2026-11-20T03:00:00Z",
            "2026-11-20T23:59:59Z",
            "2026-11-21T00:00:00Z",
            "2026-11-22T03:00:00Z",
        ]);
        let policy = |daily| Policy { daily, ..Policy::default() };
        assert_eq!(kept(&archives, &policy(2), "2026-11-22T04:00:00Z"), [2, 3]);
        // Days without an archive do not count: a pause deletes nothing.
        assert_eq!(kept(&archives, &policy(3), "2027-05-01T00:00:00Z"), [1, 2, 3]);
        assert_eq!(kept(&archives, &Policy::default(), "2026-11-22T04:00:00Z"), [0, 1, 2, 3]);
    }

    #[test]
    fn weeks_months_and_years() {
        let archives = good(&[
            "2025-12-28T03:00:00Z", // Sunday, week 52
            "2025-12-29T03:00:00Z", // Monday, week 1 of 2026
            "2026-01-01T03:00:00Z", // the same week, another month and year
            "2026-01-31T03:00:00Z",
        ]);
        let now = "2026-02-01T00:00:00Z";
        assert_eq!(kept(&archives, &Policy { weekly: 2, ..Policy::default() }, now), [2, 3]);
        assert_eq!(kept(&archives, &Policy { weekly: 3, ..Policy::default() }, now), [0, 2, 3]);
        assert_eq!(kept(&archives, &Policy { monthly: 2, ..Policy::default() }, now), [1, 3]);
        assert_eq!(kept(&archives, &Policy { yearly: 2, ..Policy::default() }, now), [1, 3]);
        assert_eq!(kept(&archives, &Policy { last: 1, yearly: 2, ..Policy::default() }, now), [1, 3]);
    }

    #[test]
    fn what_is_not_good_does_not_count_and_is_not_deleted() {
        let mut archives = good(&["2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z", "2026-11-22T03:00:00Z"]);
        archives[2].is_good = false;
        let policy = Policy { last: 1, ..Policy::default() };
        let decisions = decide(&archives, &policy, at("2026-11-22T04:00:00Z")).unwrap();
        assert_eq!(decisions, [Decision::Delete, Decision::Keep(vec!["newest", "last"]), Decision::PassOver]);
    }

    #[test]
    fn a_clock_that_cannot_be_right_deletes_nothing() {
        let archives = good(&["2026-11-20T03:00:00Z", "2026-11-22T03:00:00Z"]);
        let policy =
            |days: u64| Policy { within: Some(Duration::from_secs(days * 86_400)), ..Policy::default() };
        let decided = |days, now| decide(&archives, &policy(days), at(now));
        assert!(matches!(decided(7, "2026-11-22T01:59:00Z"), Err(WrongClock::Future { .. })));
        assert!(decided(7, "2026-11-22T02:00:00Z").is_ok());
        assert!(matches!(decided(1, "2026-11-22T04:00:00Z"), Err(WrongClock::Gap { .. })));
        assert!(decided(2, "2026-11-22T04:00:00Z").is_ok());
    }

    proptest! {
        /// The rules once more, each for itself, as slow as it likes.
        #[test]
        fn the_rules_hold(
            archives in collection::vec((0i64..400 * 86_400, any::<bool>()), 0..30),
            (last, daily, weekly, monthly, yearly) in (0u32..4, 0u32..9, 0u32..5, 0u32..5, 0u32..3),
        ) {
            let candidates: Vec<Candidate> = archives
                .iter()
                .map(|(seconds, is_good)| Candidate { at: at("2025-06-01T00:00:00Z") + TimeDelta::seconds(*seconds), is_good: *is_good })
                .collect();
            let policy = Policy { last, daily, weekly, monthly, yearly, within: None };
            let decisions = decide(&candidates, &policy, at("2026-12-01T00:00:00Z")).unwrap();
            let newer_good = |than: &Candidate| {
                let than = than.at;
                candidates.iter().filter(move |other| other.is_good && other.at > than)
            };
            for (candidate, decision) in candidates.iter().zip(&decisions) {
                prop_assert_eq!(*decision == Decision::PassOver, !candidate.is_good);
                if !candidate.is_good {
                    continue;
                }
                let newer = newer_good(candidate).count();
                let in_time = |format: &str| {
                    let own = candidate.at.format(format).to_string();
                    let mut newer: Vec<String> = newer_good(candidate).map(|other| other.at.format(format).to_string()).collect();
                    newer.sort();
                    newer.dedup();
                    if newer.contains(&own) { u32::MAX } else { u32::try_from(newer.len()).unwrap() }
                };
                let wanted = newer == 0
                    || newer < last as usize
                    || in_time("%Y-%j") < daily
                    || in_time("%G-%V") < weekly
                    || in_time("%Y-%m") < monthly
                    || in_time("%Y") < yearly
                    || !policy.has_rules();
                let is_twin = candidates.iter().filter(|other| other.is_good && other.at == candidate.at).count() > 1;
                prop_assert!(is_twin || wanted != (*decision == Decision::Delete), "{:?}: {:?}", candidate, decision);
            }
        }
    }
}
