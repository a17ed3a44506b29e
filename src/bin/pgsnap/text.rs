//! Numbers and names as people read them.

/// Groups of three digits: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits and a unit: `697 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// A name from a database as it may stand on a terminal: control characters and those that change the direction or hide are
/// escaped.
pub fn name(name: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if hidden(c) { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

/// How many rows are lost in several places; of some nobody may know.
pub fn lost_rows(places: impl Iterator<Item = Option<u64>>) -> String {
    let (mut known, mut unknown) = (0u64, false);
    for rows in places {
        known = known.saturating_add(rows.unwrap_or(0));
        unknown |= rows.is_none();
    }
    match (known, unknown) {
        (0, false) => "no rows".to_owned(),
        (1, false) => "1 row".to_owned(),
        (rows, false) => format!("{} rows", count(rows)),
        (0, true) => "an unknown number of rows".to_owned(),
        (rows, true) => format!("at least {} rows", count(rows)),
    }
}

/// A table of rows; columns whose heading starts with `>` are aligned to the right.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> =
        headings.iter().map(|heading| heading.trim_start_matches('>').chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles: Vec<String> =
        headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for ((cell, width), heading) in row.iter().zip(&widths).zip(headings) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            match heading.starts_with('>') {
                true => line.extend([&padding, cell.as_str(), "  "]),
                false => line.extend([cell.as_str(), &padding, "  "]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [bytes(0), bytes(999), bytes(1000), bytes(999_600)],
            ["0 B", "999 B", "1.00 kB", "1.00 MB"]
        );
        assert_eq!([bytes(69_700_000), bytes(697_000_000)], ["69.7 MB", "697 MB"]);
    }

    #[test]
    fn lost_rows_are_counted_as_far_as_they_are_known() {
        let text = |places: &[Option<u64>]| lost_rows(places.iter().copied());
        assert_eq!(
            [text(&[]), text(&[Some(1)]), text(&[Some(0), Some(1000)])],
            ["no rows", "1 row", "1,000 rows"]
        );
        assert_eq!([text(&[None]), text(&[Some(7), None])], ["an unknown number of rows", "at least 7 rows"]);
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        assert_eq!(name("größe x"), "größe x");
        assert_eq!(name("a\u{1b}[2Jb\n\u{202e}"), "a\\u{1b}[2Jb\\n\\u{202e}");
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["bcd".to_owned(), "1,000".to_owned()]];
        assert_eq!(table(&["name", ">rows"], &rows), "name   rows\na         1\nbcd   1,000\n");
    }
}
