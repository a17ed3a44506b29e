//! Values whose minimum and maximum an archive keeps: how they compare and how they print. format-spec/facts.md

use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

/// How the values of a column compare and print. The bytes are those of COPY BINARY: big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueKind {
    /// No minimum, no maximum.
    Opaque,
    /// One byte, 0 or 1.
    Bool,
    /// A signed integer of 2, 4 or 8 bytes.
    Integer,
    /// IEEE 754 of 4 or 8 bytes; NaN is greater than every number, as in PostgreSQL.
    Float,
    /// Days since 2000-01-01 in 4 bytes; the least and the greatest number are the infinities.
    Date,
    /// Microseconds since 2000-01-01 in 8 bytes; the least and the greatest number are the infinities.
    Timestamp,
    /// The same, in UTC.
    Timestamptz,
    /// 16 bytes, compared as such.
    Uuid,
}

const POSTGRES_EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

impl ValueKind {
    /// A number that orders values of this kind as PostgreSQL does; `None` if `value` has not a width of this kind.
    ///
    /// Negative zero comes before zero. All NaNs have one key.
    pub(super) fn key(self, value: &[u8]) -> Option<u128> {
        let key = match (self, value) {
            (ValueKind::Bool, &[byte]) => u64::from(byte),
            (ValueKind::Integer, &[a, b]) => signed_key(i16::from_be_bytes([a, b]).into()),
            (ValueKind::Integer | ValueKind::Date, &[a, b, c, d]) => {
                signed_key(i32::from_be_bytes([a, b, c, d]).into())
            }
            (ValueKind::Float, &[a, b, c, d]) => float_key(f32::from_be_bytes([a, b, c, d]).into()),
            (ValueKind::Integer | ValueKind::Timestamp | ValueKind::Timestamptz, _) => {
                signed_key(i64::from_be_bytes(value.try_into().ok()?))
            }
            (ValueKind::Float, _) => float_key(f64::from_be_bytes(value.try_into().ok()?)),
            (ValueKind::Uuid, _) => return Some(u128::from_be_bytes(value.try_into().ok()?)),
            (ValueKind::Opaque | ValueKind::Bool | ValueKind::Date, _) => return None,
        };
        Some(key.into())
    }

    /// `value` for people: as PostgreSQL prints it with DateStyle ISO and time zone UTC, or in hexadecimal digits when
    /// it is not a value of this kind.
    pub fn render(self, value: &[u8]) -> String {
        self.render_known(value).unwrap_or_else(|| value.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn render_known(self, value: &[u8]) -> Option<String> {
        Some(match (self, value) {
            (ValueKind::Bool, [0]) => "false".to_owned(),
            (ValueKind::Bool, [1]) => "true".to_owned(),
            (ValueKind::Integer, _) => signed(value)?.to_string(),
            (ValueKind::Float, [_, _, _, _]) => {
                render_float(f32::from_be_bytes(value.try_into().ok()?), f32::is_infinite)
            }
            (ValueKind::Float, _) => {
                render_float(f64::from_be_bytes(value.try_into().ok()?), f64::is_infinite)
            }
            (ValueKind::Date, [_, _, _, _]) => match i32::from_be_bytes(value.try_into().ok()?) {
                i32::MIN => "-infinity".to_owned(),
                i32::MAX => "infinity".to_owned(),
                days => {
                    let distance = Days::new(days.unsigned_abs().into());
                    let date = match days {
                        0.. => POSTGRES_EPOCH.checked_add_days(distance),
                        _ => POSTGRES_EPOCH.checked_sub_days(distance),
                    };
                    render_year(date?, "%m-%d")
                }
            },
            (ValueKind::Timestamp | ValueKind::Timestamptz, _) => {
                match i64::from_be_bytes(value.try_into().ok()?) {
                    i64::MIN => "-infinity".to_owned(),
                    i64::MAX => "infinity".to_owned(),
                    microseconds => self.render_timestamp(microseconds)?,
                }
            }
            (ValueKind::Uuid, _) => {
                let digits = format!("{:032x}", u128::from_be_bytes(value.try_into().ok()?));
                let part = |from, to| digits.get(from..to).unwrap_or_default();
                [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
            }
            (ValueKind::Opaque | ValueKind::Bool | ValueKind::Date, _) => return None,
        })
    }

    fn render_timestamp(self, microseconds: i64) -> Option<String> {
        let epoch = POSTGRES_EPOCH.and_hms_opt(0, 0, 0)?;
        let time = epoch.checked_add_signed(TimeDelta::microseconds(microseconds))?;
        let mut text = render_year(time.date(), "%m-%d");
        let (era, digits) = if text.ends_with(" BC") { (" BC", text.len() - 3) } else { ("", text.len()) };
        text.truncate(digits);
        text += &time.format(" %H:%M:%S%.f").to_string();
        if self == ValueKind::Timestamptz {
            text += "+00";
        }
        Some(text + era)
    }
}

/// The date with the year as PostgreSQL writes it: at least four digits, years before 1 as BC.
fn render_year(date: NaiveDate, rest: &str) -> String {
    let (year, era) = match date.year() {
        year @ 1.. => (year, ""),
        year => (1 - year, " BC"),
    };
    format!("{year:04}-{}{era}", date.format(rest))
}

fn render_float<F: std::fmt::Display + Copy + PartialOrd + Default>(
    value: F,
    infinite: fn(F) -> bool,
) -> String {
    match infinite(value) {
        true if value > F::default() => "Infinity".to_owned(),
        true => "-Infinity".to_owned(),
        false => value.to_string(),
    }
}

fn signed(value: &[u8]) -> Option<i64> {
    Some(match *value {
        [a, b] => i16::from_be_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
        _ => i64::from_be_bytes(value.try_into().ok()?),
    })
}

fn signed_key(value: i64) -> u64 {
    value.cast_unsigned() ^ 1 << 63
}

fn float_key(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_postgres_does() {
        let ordered = |kind: ValueKind, values: &[Vec<u8>]| {
            let keys = values.iter().map(|value| kind.key(value).unwrap()).collect::<Vec<_>>();
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{kind:?} {keys:?}");
        };
        let bytes =
            |values: &[i64]| values.iter().map(|value| value.to_be_bytes().to_vec()).collect::<Vec<_>>();
        ordered(ValueKind::Integer, &bytes(&[i64::MIN, -1, 0, 1, i64::MAX]));
        ordered(ValueKind::Timestamp, &bytes(&[i64::MIN, -1, 0, 1, i64::MAX]));
        ordered(ValueKind::Integer, &[-300i16, -1, 0, 1, 300].map(|value| value.to_be_bytes().to_vec()));
        ordered(ValueKind::Date, &[i32::MIN, -1, 0, i32::MAX].map(|value| value.to_be_bytes().to_vec()));
        let floats = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 2.0, f64::INFINITY, f64::NAN];
        ordered(ValueKind::Float, &floats.map(|value| value.to_be_bytes().to_vec()));
        ordered(ValueKind::Float, &[-1f32, 0.0, 1e-40, 1.0].map(|value| value.to_be_bytes().to_vec()));
        ordered(ValueKind::Bool, &[vec![0], vec![1]]);
        let negative_nan = (-f64::NAN).to_be_bytes();
        assert_eq!(ValueKind::Float.key(&negative_nan), ValueKind::Float.key(&f64::NAN.to_be_bytes()));
        for kind in [ValueKind::Bool, ValueKind::Integer, ValueKind::Float, ValueKind::Date, ValueKind::Uuid]
        {
            assert_eq!(kind.key(&[1, 2, 3]), None);
        }
    }

    #[test]
    fn renders_as_postgres_prints() {
        let date = |days: i32| ValueKind::Date.render(&days.to_be_bytes());
        assert_eq!(date(0), "2000-01-01");
        assert_eq!(date(-1), "1999-12-31");
        assert_eq!(date(59), "2000-02-29");
        assert_eq!(date(-730120 - 366), "0002-12-31 BC");
        assert_eq!(date(i32::MAX), "infinity");
        assert_eq!(date(i32::MIN), "-infinity");
        assert_eq!(date(-730120), "0001-12-31 BC");
        let timestamp = |value: i64| ValueKind::Timestamp.render(&value.to_be_bytes());
        assert_eq!(timestamp(0), "2000-01-01 00:00:00");
        assert_eq!(timestamp(-730_120 * 86_400_000_000 + 3_600_000_000), "0001-12-31 01:00:00 BC");
        assert_eq!(timestamp(-1), "1999-12-31 23:59:59.999999");
        assert_eq!(timestamp(i64::MAX), "infinity");
        assert_eq!(timestamp(i64::MIN), "-infinity");
        assert_eq!(ValueKind::Timestamptz.render(&1_500_000i64.to_be_bytes()), "2000-01-01 00:00:01.500+00");
        assert_eq!(ValueKind::Integer.render(&(-5i16).to_be_bytes()), "-5");
        assert_eq!(ValueKind::Integer.render(&(-70_000i32).to_be_bytes()), "-70000");
        assert_eq!(ValueKind::Integer.render(&(1i64 << 40).to_be_bytes()), "1099511627776");
        assert_eq!(ValueKind::Float.render(&1.5f32.to_be_bytes()), "1.5");
        assert_eq!(ValueKind::Float.render(&f64::NAN.to_be_bytes()), "NaN");
        assert_eq!(ValueKind::Float.render(&f64::INFINITY.to_be_bytes()), "Infinity");
        assert_eq!(ValueKind::Float.render(&f32::INFINITY.to_be_bytes()), "Infinity");
        assert_eq!(ValueKind::Float.render(&f64::NEG_INFINITY.to_be_bytes()), "-Infinity");
        assert_eq!(ValueKind::Bool.render(&[1]), "true");
        assert_eq!(ValueKind::Uuid.render(&[0xab; 16]), "abababab-abab-abab-abab-abababababab");
        assert_eq!(ValueKind::Integer.render(&[1, 2, 3]), "010203");
        assert_eq!(ValueKind::Opaque.render(b"a"), "61");
    }
}
