//! Values of COPY BINARY as the text that their type's input function reads. Layouts as the send functions of PostgreSQL 18
//! write them, and those of pgvector 0.8, hstore, citext, ltree and PostGIS.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::archive::ValueKind;

/// What a value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// The bytes are the text.
    Text,
    /// One byte; 0 is the empty text.
    Char,
    Bool,
    /// Of 2, 4 or 8 bytes.
    Integer,
    /// Of 4 or 8 bytes.
    Float,
    Uuid,
    Date,
    Timestamp,
    Timestamptz,
    /// 4 bytes without a sign: oid and its like.
    Unsigned,
    /// 8 bytes without a sign: xid8.
    UnsignedLong,
    Numeric,
    /// Hundredths.
    Money,
    Bytea,
    Time,
    TimeTz,
    Interval,
    Network,
    /// Bytes in hexadecimal digits, with a separator.
    Mac,
    /// Bytes in hexadecimal digits: PostGIS reads its binary form so.
    Hex,
    Bit,
    Point,
    Line,
    Segment,
    Box,
    Path,
    Polygon,
    Circle,
    /// A byte that says the version, and the text.
    Versioned,
    TextSearchVector,
    TextSearchQuery,
    Lsn,
    TupleId,
    Snapshot,
    Vector,
    HalfVector,
    SparseVector,
    Hstore,
    Array(Box<Type>),
    Composite(Vec<Type>),
    Range(Box<Type>),
    Multirange(Box<Type>),
}

/// Appends the text of `value` to `out`. `None`: it is no value of that type.
pub(super) fn render(of: &Type, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut input = Input(value);
    input.render(of, out)?;
    input.0.is_empty().then_some(())
}

/// What is left of a value.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn f64(&mut self) -> Option<String> {
        self.array::<8>().map(|bytes| ValueKind::Float.render(&bytes))
    }

    /// A text that ends with NUL.
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.bytes(length)?;
        self.u8().map(|_| text)
    }

    /// A length and so many bytes; the length -1 stands for NULL.
    fn field(&mut self) -> Option<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Some(None),
            length => self.bytes(usize::try_from(length).ok()?).map(Some),
        }
    }

    /// A value that an archive renders anyway, if it has one of these lengths.
    fn known(&mut self, kind: ValueKind, lengths: &[usize]) -> Option<String> {
        lengths.contains(&self.0.len()).then(|| kind.render(self.all()))
    }

    /// Microseconds since 2000-01-01.
    fn moment(&mut self, zone: &str) -> Option<String> {
        const DAY: i64 = 86_400_000_000;
        Some(match self.i64()? {
            i64::MIN => "-infinity".to_owned(),
            i64::MAX => "infinity".to_owned(),
            moment => {
                let time = moment.rem_euclid(DAY).cast_unsigned();
                date(moment.div_euclid(DAY), &format!(" {}{zone}", hours(time)))
            }
        })
    }

    fn render(&mut self, of: &Type, out: &mut Vec<u8>) -> Option<()> {
        let text = match of {
            Type::Text => {
                out.extend_from_slice(self.all());
                return Some(());
            }
            Type::Versioned => {
                self.u8()?;
                out.extend_from_slice(self.all());
                return Some(());
            }
            Type::Char => match self.u8()? {
                0 => String::new(),
                byte @ ..0x80 => char::from(byte).to_string(),
                byte => format!("\\{byte:03o}"),
            },
            Type::Bool => self.known(ValueKind::Bool, &[1])?,
            Type::Integer => self.known(ValueKind::Integer, &[2, 4, 8])?,
            Type::Float => self.known(ValueKind::Float, &[4, 8])?,
            Type::Uuid => self.known(ValueKind::Uuid, &[16])?,
            Type::Date => match self.i32()? {
                i32::MIN => "-infinity".to_owned(),
                i32::MAX => "infinity".to_owned(),
                days => date(days.into(), ""),
            },
            Type::Timestamp => self.moment("")?,
            Type::Timestamptz => self.moment("+00")?,
            Type::Unsigned => self.u32()?.to_string(),
            Type::UnsignedLong => self.u64()?.to_string(),
            Type::Numeric => self.numeric()?,
            Type::Money => hundredths(self.i64()?),
            Type::Bytea => format!("\\x{}", hex(self.all(), "")),
            Type::Hex => hex(self.all(), ""),
            Type::Time => time(self.i64()?)?,
            Type::TimeTz => {
                let time = time(self.i64()?)?;
                // Seconds west of Greenwich.
                let zone = self.i32()?;
                let sign = if zone > 0 { '-' } else { '+' };
                let zone = zone.unsigned_abs();
                format!("{time}{sign}{:02}:{:02}:{:02}", zone / 3600, zone / 60 % 60, zone % 60)
            }
            Type::Interval => self.interval()?,
            Type::Network => self.network()?,
            Type::Mac => hex(self.all(), ":"),
            Type::Bit => {
                let length = usize::try_from(self.i32()?).ok()?;
                let bytes = self.bytes(length.div_ceil(8))?;
                let bit = |at: usize| if bytes[at / 8] >> (7 - at % 8) & 1 == 1 { '1' } else { '0' };
                (0..length).map(bit).collect()
            }
            Type::Point => self.point()?,
            Type::Line => format!("{{{},{},{}}}", self.f64()?, self.f64()?, self.f64()?),
            Type::Segment => format!("[{},{}]", self.point()?, self.point()?),
            Type::Box => format!("{},{}", self.point()?, self.point()?),
            Type::Path => match self.u8()? {
                0 => format!("[{}]", self.points()?),
                _ => format!("({})", self.points()?),
            },
            Type::Polygon => format!("({})", self.points()?),
            Type::Circle => format!("<{},{}>", self.point()?, self.f64()?),
            Type::Lsn => format!("{:X}/{:X}", self.u32()?, self.u32()?),
            Type::TupleId => format!("({},{})", self.u32()?, self.u16()?),
            Type::Snapshot => self.snapshot()?,
            Type::Vector | Type::HalfVector | Type::SparseVector => self.vector(of)?,
            Type::TextSearchVector => return self.text_search_vector(out),
            Type::TextSearchQuery => return self.text_search_query(out),
            Type::Hstore => return self.hstore(out),
            Type::Array(element) => return self.items(element, out),
            Type::Composite(fields) => return self.composite(fields, out),
            Type::Range(bound) => return self.range(bound, out),
            Type::Multirange(bound) => {
                out.push(b'{');
                for at in 0..self.u32()? {
                    if at > 0 {
                        out.push(b',');
                    }
                    Input(self.field()??).range(bound, out)?;
                }
                out.push(b'}');
                return Some(());
            }
        };
        out.extend_from_slice(text.as_bytes());
        Some(())
    }

    fn numeric(&mut self) -> Option<String> {
        let (count, weight) = (self.u16()?, i64::from(self.u16()?.cast_signed()));
        let (sign, scale) = (self.u16()?, usize::from(self.u16()?));
        let digits = (0..count).map(|_| self.u16()).collect::<Option<Vec<_>>>()?;
        let mut text = match sign {
            0x0000 => String::new(),
            0x4000 => "-".to_owned(),
            0xc000 => return Some("NaN".to_owned()),
            0xd000 => return Some("Infinity".to_owned()),
            0xf000 => return Some("-Infinity".to_owned()),
            _ => return None,
        };
        // Of four decimals each; the first stands for 10000 ^ weight.
        let digit = |at: i64| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
        let whole =
            (0..=weight.max(0)).map(|at| format!("{:04}", digit(at + weight.min(0)))).collect::<String>();
        let whole = whole.trim_start_matches('0');
        text += if whole.is_empty() { "0" } else { whole };
        if scale > 0 {
            let groups = i64::try_from(scale.div_ceil(4)).ok()?;
            let part: String = (1..=groups).map(|at| format!("{:04}", digit(weight + at))).collect();
            text += ".";
            text += part.get(..scale)?;
        }
        Some(text)
    }

    fn interval(&mut self) -> Option<String> {
        Some(match (self.i64()?, self.i32()?, self.i32()?) {
            (i64::MAX, i32::MAX, i32::MAX) => "infinity".to_owned(),
            (i64::MIN, i32::MIN, i32::MIN) => "-infinity".to_owned(),
            (time, days, months) => {
                let sign = if time < 0 { "-" } else { "" };
                format!("{months} mons {days} days {sign}{}", hours(time.unsigned_abs()))
            }
        })
    }

    fn network(&mut self) -> Option<String> {
        let (_family, bits, _is_cidr) = (self.u8()?, self.u8()?, self.u8()?);
        Some(match self.u8()? {
            4 => format!("{}/{bits}", Ipv4Addr::from(self.array::<4>()?)),
            16 => format!("{}/{bits}", Ipv6Addr::from(self.array::<16>()?)),
            _ => return None,
        })
    }

    fn point(&mut self) -> Option<String> {
        Some(format!("({},{})", self.f64()?, self.f64()?))
    }

    fn points(&mut self) -> Option<String> {
        let points = (0..self.u32()?).map(|_| self.point()).collect::<Option<Vec<_>>>()?;
        Some(points.join(","))
    }

    fn snapshot(&mut self) -> Option<String> {
        let count = self.u32()?;
        let (least, next) = (self.u64()?, self.u64()?);
        let running = (0..count).map(|_| self.u64().map(|id| id.to_string())).collect::<Option<Vec<_>>>()?;
        Some(format!("{least}:{next}:{}", running.join(",")))
    }

    fn vector(&mut self, of: &Type) -> Option<String> {
        let float = |bytes: [u8; 4]| ValueKind::Float.render(&bytes);
        if *of == Type::SparseVector {
            let (dimensions, count, _unused) = (self.u32()?, self.u32()?, self.u32()?);
            let places = (0..count).map(|_| self.u32()).collect::<Option<Vec<_>>>()?;
            let item = |place: u32| Some(format!("{}:{}", u64::from(place) + 1, float(self.array()?)));
            let items = places.into_iter().map(item).collect::<Option<Vec<_>>>()?;
            return Some(format!("{{{}}}/{dimensions}", items.join(",")));
        }
        let (dimensions, _unused) = (self.u16()?, self.u16()?);
        let item = |_| match of {
            Type::HalfVector => Some(float(half(self.u16()?).to_be_bytes())),
            _ => Some(float(self.array()?)),
        };
        let items = (0..dimensions).map(item).collect::<Option<Vec<_>>>()?;
        Some(format!("[{}]", items.join(",")))
    }

    fn text_search_vector(&mut self, out: &mut Vec<u8>) -> Option<()> {
        for at in 0..self.u32()? {
            if at > 0 {
                out.push(b' ');
            }
            quote(self.text()?, b'\'', out);
            for place in 0..self.u16()? {
                let position = self.u16()?;
                let weight = ["", "C", "B", "A"][usize::from(position >> 14)];
                let separator = if place == 0 { ':' } else { ',' };
                out.extend_from_slice(format!("{separator}{}{weight}", position & 0x3fff).as_bytes());
            }
        }
        Some(())
    }

    /// Operators stand before their operands, the right one first: read from the end, every operand is there when its
    /// operator comes.
    fn text_search_query(&mut self, out: &mut Vec<u8>) -> Option<()> {
        enum Item<'a> {
            Value(&'a [u8], u8, bool),
            Operator(u8, u16),
        }
        let mut items = Vec::new();
        for _ in 0..self.u32()? {
            items.push(match self.u8()? {
                1 => {
                    let (weights, prefix) = (self.u8()?, self.u8()? != 0);
                    Item::Value(self.text()?, weights, prefix)
                }
                2 => {
                    let operator = self.u8()?;
                    Item::Operator(operator, if operator == 4 { self.u16()? } else { 0 })
                }
                _ => return None,
            });
        }
        let mut operands: Vec<Vec<u8>> = Vec::new();
        for item in items.into_iter().rev() {
            let mut text = Vec::new();
            match item {
                Item::Value(value, weights, prefix) => {
                    quote(value, b'\'', &mut text);
                    let letters = [(8, 'A'), (4, 'B'), (2, 'C'), (1, 'D')];
                    let letters =
                        letters.iter().filter(|(bit, _)| weights & bit != 0).map(|(_, letter)| letter);
                    let suffix: String = prefix.then_some(&'*').into_iter().chain(letters).collect();
                    if !suffix.is_empty() {
                        text.extend_from_slice(format!(":{suffix}").as_bytes());
                    }
                }
                Item::Operator(1, _) => {
                    text.extend_from_slice(b"!( ");
                    text.append(&mut operands.pop()?);
                    text.extend_from_slice(b" )");
                }
                Item::Operator(operator, distance) => {
                    let (mut right, mut left) = (operands.pop()?, operands.pop()?);
                    let sign = match operator {
                        2 => "&".to_owned(),
                        3 => "|".to_owned(),
                        4 => format!("<{distance}>"),
                        _ => return None,
                    };
                    text.extend_from_slice(b"( ");
                    text.append(&mut left);
                    text.extend_from_slice(format!(" {sign} ").as_bytes());
                    text.append(&mut right);
                    text.extend_from_slice(b" )");
                }
            }
            operands.push(text);
        }
        let query = operands.pop().unwrap_or_default();
        out.extend_from_slice(&query);
        operands.is_empty().then_some(())
    }

    fn hstore(&mut self, out: &mut Vec<u8>) -> Option<()> {
        for at in 0..self.u32()? {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            quote_with_backslashes(self.field()??, out);
            out.extend_from_slice(b"=>");
            match self.field()? {
                Some(value) => quote_with_backslashes(value, out),
                None => out.extend_from_slice(b"NULL"),
            }
        }
        Some(())
    }

    fn items(&mut self, element: &Type, out: &mut Vec<u8>) -> Option<()> {
        let (dimensions, _nulls, _element) = (self.u32()?, self.u32()?, self.u32()?);
        let bounds = (0..dimensions)
            .map(|_| Some((self.u32()?, i64::from(self.i32()?))))
            .collect::<Option<Vec<(u32, i64)>>>()?;
        if bounds.iter().any(|(_, lower)| *lower != 1) {
            for (length, lower) in &bounds {
                let upper = lower + i64::from(*length) - 1;
                out.extend_from_slice(format!("[{lower}:{upper}]").as_bytes());
            }
            out.push(b'=');
        }
        let lengths: Vec<u32> = bounds.iter().map(|(length, _)| *length).collect();
        // At most six dimensions, as PostgreSQL has them: the depth of the calls.
        match lengths.as_slice() {
            [] => out.extend_from_slice(b"{}"),
            lengths if lengths.len() <= 6 => self.dimension(lengths, element, out)?,
            _ => return None,
        }
        Some(())
    }

    fn dimension(&mut self, lengths: &[u32], element: &Type, out: &mut Vec<u8>) -> Option<()> {
        let (length, inner) = lengths.split_first()?;
        out.push(b'{');
        for at in 0..*length {
            if at > 0 {
                out.push(if *element == Type::Box { b';' } else { b',' });
            }
            if !inner.is_empty() {
                self.dimension(inner, element, out)?;
                continue;
            }
            let Some(value) = self.field()? else {
                out.extend_from_slice(b"NULL");
                continue;
            };
            let mut text = Vec::new();
            render(element, value, &mut text)?;
            if text.is_empty() || text.eq_ignore_ascii_case(b"null") || holds(&text, b"{},;\"\\") {
                quote_with_backslashes(&text, out);
            } else {
                out.append(&mut text);
            }
        }
        out.push(b'}');
        Some(())
    }

    fn composite(&mut self, fields: &[Type], out: &mut Vec<u8>) -> Option<()> {
        if usize::try_from(self.u32()?).ok()? != fields.len() {
            return None;
        }
        out.push(b'(');
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.u32()?;
            if let Some(value) = self.field()? {
                let mut text = Vec::new();
                render(field, value, &mut text)?;
                if text.is_empty() || holds(&text, b"(),\"\\") {
                    quote(&text, b'"', out)
                } else {
                    out.append(&mut text)
                }
            }
        }
        out.push(b')');
        Some(())
    }

    fn range(&mut self, bound: &Type, out: &mut Vec<u8>) -> Option<()> {
        const EMPTY: u8 = 0x01;
        const LOWER_INCLUSIVE: u8 = 0x02;
        const UPPER_INCLUSIVE: u8 = 0x04;
        const LOWER_INFINITE: u8 = 0x08;
        const UPPER_INFINITE: u8 = 0x10;
        let flags = self.u8()?;
        if flags & EMPTY != 0 {
            out.extend_from_slice(b"empty");
            return Some(());
        }
        out.push(if flags & LOWER_INCLUSIVE != 0 { b'[' } else { b'(' });
        for (infinite, behind) in [(LOWER_INFINITE, b","), (UPPER_INFINITE, b"")] as [(u8, &[u8]); 2] {
            if flags & infinite == 0 {
                let mut text = Vec::new();
                render(bound, self.field()??, &mut text)?;
                if text.is_empty() || holds(&text, b"()[],\"\\") {
                    quote(&text, b'"', out)
                } else {
                    out.append(&mut text)
                }
            }
            out.extend_from_slice(behind);
        }
        out.push(if flags & UPPER_INCLUSIVE != 0 { b']' } else { b')' });
        Some(())
    }
}

/// Whether a text needs quotes: it holds one of these bytes, or white space.
fn holds(text: &[u8], special: &[u8]) -> bool {
    text.iter().any(|byte| special.contains(byte) || byte.is_ascii_whitespace() || *byte == 0x0b)
}

/// In quotes; quotes and backslashes are doubled.
fn quote(text: &[u8], mark: u8, out: &mut Vec<u8>) {
    out.push(mark);
    for byte in text {
        if *byte == mark || *byte == b'\\' {
            out.push(*byte);
        }
        out.push(*byte);
    }
    out.push(mark);
}

/// In double quotes; a backslash stands before quotes and backslashes.
fn quote_with_backslashes(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// A day, counted from 2000-01-01, and what stands behind it. PostgreSQL's years go on where those of chrono end, at 262143.
fn date(days: i64, behind: &str) -> String {
    // Years of the calendar begin in March here, so that a leap day is the last of its year; 400 of them have 146,097 days.
    let days = days + 730_425;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    match era * 400 + year + i64::from(month <= 2) {
        year @ 1.. => format!("{year:04}-{month:02}-{day:02}{behind}"),
        year => format!("{:04}-{month:02}-{day:02}{behind} BC", 1 - year),
    }
}

fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
}

fn hundredths(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    format!("{sign}{}.{:02}", amount / 100, amount % 100)
}

/// A time of day in microseconds.
fn time(microseconds: i64) -> Option<String> {
    u64::try_from(microseconds).ok().map(hours)
}

fn hours(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:06}", seconds % 60, microseconds % 1_000_000)
}

/// A float of 16 bits; every one of them is a float of 32 bits too.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}
