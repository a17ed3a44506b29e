//! Patterns as psql reads them: `app.order*`, `"Mixed Case"`, `*.audit_(log|trail)`.
//!
//! Facts: psql's documentation, "Patterns". Letters outside quotes fold to lower case, `*` and `?` stand for any characters
//! and for one, a dot separates, `$` is always itself, `[]` too, and whatever else means something in a regular expression
//! does outside quotes.

use regex::{Regex, RegexBuilder};

use super::Error;

/// A pattern for names that may be qualified.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// As it was typed.
    pub text: String,
    /// The database that it names, if any.
    pub database: Option<String>,
    schema: Option<Regex>,
    name: Regex,
}

/// What a pattern is for: how many parts it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// An extension: a name.
    Extension,
    /// A schema, perhaps with its database.
    Schema,
    /// A relation, perhaps with its schema and database.
    Relation,
}

/// A part of a pattern between dots.
#[derive(Default)]
struct Part {
    regex: String,
    /// The characters as they stand, without the quotes.
    plain: String,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn new(text: &str, of: Of) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Pattern { pattern: text.to_owned(), problem };
        let mut parts = parts(text).ok_or_else(|| wrong("a quoted name has no end".to_owned()))?;
        let most = match of {
            Of::Extension => 1,
            Of::Schema => 2,
            Of::Relation => 3,
        };
        if parts.len() > most {
            return Err(wrong(
                "too many dots; write a dot that is part of a name in double quotes".to_owned(),
            ));
        }
        let mut regex = || parts.pop().map(|part| compile(&part.regex)).transpose();
        let name = regex().map_err(wrong)?;
        let schema = if of == Of::Relation { regex().map_err(wrong)? } else { None };
        let name = name.ok_or_else(|| wrong("is empty".to_owned()))?;
        Ok(Pattern { text: text.to_owned(), database: parts.pop().map(|part| part.plain), schema, name })
    }

    /// Whether a name without a schema matches.
    pub(super) fn matches_name(&self, name: &str) -> bool {
        self.name.is_match(name)
    }

    /// Whether a relation matches. Without a schema the pattern is about those of the search path.
    pub(super) fn matches(&self, schema: &str, name: &str, search_path: &[String]) -> bool {
        let schema_matches = match &self.schema {
            Some(regex) => regex.is_match(schema),
            None => search_path.iter().any(|in_path| in_path == schema),
        };
        schema_matches && self.matches_name(name)
    }

    /// Whether it says nothing of a schema.
    pub(super) fn is_unqualified(&self) -> bool {
        self.schema.is_none()
    }
}

fn compile(regex: &str) -> Result<Regex, String> {
    // As in PostgreSQL a dot is any character, a line feed too.
    let built = RegexBuilder::new(&format!("^(?:{regex})$")).dot_matches_new_line(true).build();
    built.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or("is no regular expression").trim_start_matches("error: ");
        format!("{reason}; write a name with special characters in double quotes")
    })
}

/// The parts; none if a quote is left open.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = vec![];
    let mut part = Part::default();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => part.literal('"'),
            '"' => quoted = !quoted,
            char if quoted => part.literal(char),
            '.' => parts.push(std::mem::take(&mut part)),
            '*' => part.wild(char, ".*"),
            '?' => part.wild(char, "."),
            '$' => part.literal(char),
            // The name of an array type rather than the start of a set of characters.
            '[' if chars.next_if_eq(&']').is_some() => {
                part.literal('[');
                part.literal(']');
            }
            char => {
                let char = char.to_ascii_lowercase();
                part.plain.push(char);
                part.regex.push(char);
            }
        }
    }
    parts.push(part);
    (!quoted).then_some(parts)
}

impl Part {
    fn literal(&mut self, char: char) {
        self.plain.push(char);
        self.regex.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
    }

    fn wild(&mut self, char: char, regex: &str) {
        self.plain.push(char);
        self.regex.push_str(regex);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(pattern: &str, schema: &str, name: &str) -> bool {
        let path = ["public".to_owned()];
        Pattern::new(pattern, Of::Relation).unwrap().matches(schema, name, &path)
    }

    #[test]
    fn names_fold_and_quotes_keep() {
        assert!(relation("Orders", "public", "orders"));
        assert!(!relation("Orders", "public", "Orders"));
        assert!(relation("\"Orders\"", "public", "Orders"));
        assert!(relation("O\"R\"ders", "public", "oRders"));
        assert!(relation("\"a.b\".\"c\"\"d\"", "a.b", "c\"d"));
        assert!(relation("GRÖSSE", "public", "grÖsse"));
        assert!(relation("\"größe €\"", "public", "größe €"));
    }

    #[test]
    fn wild_characters_and_regular_expressions() {
        assert!(relation("o*", "public", "orders\nof today"));
        assert!(!relation("o*", "public", "no"));
        assert!(relation("order?", "public", "orders") && !relation("order?", "public", "order"));
        assert!(relation("(a|b)[0-9]+", "public", "b17") && !relation("(a|b)[0-9]+", "public", "b"));
        assert!(!relation("a|b", "public", "ab"));
        assert!(relation("a|b", "public", "b"));
        assert!(!relation("\"o*\"", "public", "orders") && relation("\"o*\"", "public", "o*"));
        assert!(relation("a$b", "public", "a$b"));
        assert!(relation("_int4[]", "public", "_int4[]"));
        assert!(relation("\"[x]\"", "public", "[x]"));
    }

    #[test]
    fn without_a_schema_the_search_path_counts() {
        assert!(relation("t", "public", "t") && !relation("t", "app", "t"));
        assert!(relation("*.t", "app", "t"));
        assert!(relation("ap?.t", "app", "t") && !relation("public.t", "app", "t"));
        assert!(!relation(".t", "public", "t"));
    }

    #[test]
    fn a_database_may_stand_before_it() {
        let pattern = Pattern::new("\"My db\".app.t", Of::Relation).unwrap();
        assert_eq!(pattern.database.as_deref(), Some("My db"));
        let pattern = Pattern::new("DB.app", Of::Schema).unwrap();
        assert_eq!(pattern.database.as_deref(), Some("db"));
        assert!(pattern.matches_name("app"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, of) in [
            ("a.b.c.d", Of::Relation),
            ("a.b.c", Of::Schema),
            ("a.b", Of::Extension),
            ("\"a", Of::Schema),
            ("a(", Of::Schema),
            ("+", Of::Schema),
        ] {
            let error = Pattern::new(text, of).unwrap_err();
            assert!(error.to_string().starts_with(&format!("pattern {text}: ")), "{error}");
        }
    }
}
