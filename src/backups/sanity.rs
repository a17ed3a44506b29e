//! Whether a new archive is much smaller than those before it. Pure.

/// So many of the newest archives are what a new one is compared with.
pub(super) const RECENT: usize = 5;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Bytes of the archive.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
}

/// When an archive is suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// With fewer bytes than this, whatever those before it had.
    pub min_bytes: u64,
    /// With fewer bytes or rows than this many percent of the median of those before it; 0 is never.
    pub percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { min_bytes: 0, percent: 50 }
    }
}

/// What is wrong with an archive, as a sentence without a subject; none when nothing is. `before` are the good ones of the same
/// database, the oldest first.
pub fn suspicion(new: Measure, before: &[Measure], limits: Limits) -> Option<String> {
    if new.bytes < limits.min_bytes {
        return Some(format!("has {} bytes, and {} are the least it may have", new.bytes, limits.min_bytes));
    }
    let recent = &before[before.len().saturating_sub(RECENT)..];
    let drop = |new: u64, of: fn(&Measure) -> u64, what: &str| {
        let usual = usual(recent.iter().map(of), limits.percent)?;
        is_drop(new, usual, limits.percent)
            .then(|| format!("has {new} {what}, and those before it have {usual} (the median)"))
    };
    drop(new.rows, |measure| measure.rows, "rows")
        .or_else(|| drop(new.bytes, |measure| measure.bytes, "bytes"))
}

/// The median. An archive that was itself a sudden drop, and that somebody took for good, begins a new series.
fn usual(values: impl Iterator<Item = u64>, percent: u8) -> Option<u64> {
    let mut series: Vec<u64> = Vec::new();
    for value in values {
        if median(&series).is_some_and(|usual| is_drop(value, usual, percent)) {
            series.clear();
        }
        series.push(value);
    }
    median(&series)
}

fn is_drop(value: u64, usual: u64, percent: u8) -> bool {
    u128::from(value) * 100 < u128::from(usual) * u128::from(percent)
}

/// The value in the middle, the larger of two.
fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rows(rows: &[u64]) -> Vec<Measure> {
        rows.iter().map(|rows| Measure { bytes: 1000 + rows, rows: *rows }).collect()
    }

    fn is_suspect(rows: u64, before: &[u64]) -> bool {
        suspicion(with_rows(&[rows])[0], &with_rows(before), Limits::default()).is_some()
    }

    #[test]
    fn a_sudden_drop() {
        assert!(!is_suspect(0, &[]));
        assert!(is_suspect(0, &[1]), "empty, and was not");
        assert!(!is_suspect(0, &[0, 0]));
        assert!(is_suspect(49, &[100, 100, 100, 100, 100]));
        assert!(!is_suspect(50, &[100, 100, 100, 100, 100]));
        assert!(!is_suspect(1000, &[100]), "growth");
        // Only the newest five.
        assert!(!is_suspect(10, &[1000, 1000, 1000, 10, 11, 12, 10, 11]));
        // One that is out of line changes no median.
        assert!(is_suspect(40, &[100, 100, 55, 100, 100]));
    }

    #[test]
    fn what_was_taken_for_good_is_what_comes_next_is_compared_with() {
        assert!(!is_suspect(10, &[100, 100, 100, 100, 11]));
        assert!(is_suspect(4, &[100, 100, 100, 100, 11]));
    }

    #[test]
    fn bytes_and_limits() {
        let before = [Measure { bytes: 1_000_000, rows: 5 }];
        let new = Measure { bytes: 499_999, rows: 5 };
        let with = |min_bytes, percent| suspicion(new, &before, Limits { min_bytes, percent });
        assert_eq!(with(0, 50).unwrap(), "has 499999 bytes, and those before it have 1000000 (the median)");
        assert_eq!(with(0, 0), None);
        assert_eq!(with(500_000, 0).unwrap(), "has 499999 bytes, and 500000 are the least it may have");
    }
}
