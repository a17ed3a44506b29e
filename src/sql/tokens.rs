//! Statements as psql and the server cut them into tokens, with standard_conforming_strings on. Facts: PostgreSQL's manual, chapter
//! "Lexical Structure", and psql's `psqlscan.l` of PostgreSQL 18.

/// The tokens of statements, without white space and comments: names and numbers, quoted names, literals, and all else character by
/// character. `None` when a quote or a comment does not end.
pub fn tokens(text: &str) -> Option<Vec<&str>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = length(rest, first)?;
        let (token, behind) = rest.split_at(length);
        if !is_blank(token) {
            tokens.push(token);
        }
        rest = behind;
    }
    Some(tokens)
}

/// A statement as psql may read it: it ends where it ends here, nothing in it is a command of psql's (a backslash outside of
/// quotes), and nothing the name of a variable of psql's (a colon and a name: of the bounds of a slice, `a[1:n]`, they are parted
/// by a blank). `None` when that cannot be, or when versions of psql may read it differently.
///
/// A statement that psql took for unfinished would make commands of the rows behind it.
pub fn for_psql(statement: &str) -> Option<String> {
    let mut text = String::with_capacity(statement.len());
    let mut rest = statement;
    let mut in_comment = false;
    let mut nesting = Nesting::default();
    // The last token, without white space and comments.
    let mut last = "";
    while let Some(first) = rest.chars().next() {
        let (token, behind) = rest.split_at(length(rest, first)?);
        let is_number = first.is_ascii_digit() && behind.starts_with(['\'', '$']);
        // A string goes on behind a line end, and then keeps its kind of escapes.
        let goes_on = last.starts_with(['e', 'E']) && last.ends_with('\'') && first == '\'';
        if token == "\\" || is_number || goes_on || !nesting.goes_on_with(token) {
            return None;
        }
        let is_cast = text.ends_with(':') && token == ":";
        in_comment = token.starts_with("--");
        if !is_blank(token) {
            last = token;
        }
        text.push_str(token);
        if token == ":" && !is_cast && behind.starts_with(|c| is_name(c) || matches!(c, '"' | '\'' | '{')) {
            text.push(' ');
        }
        rest = behind;
    }
    if in_comment {
        text.push('\n');
    }
    nesting.is_closed().then_some(text)
}

/// What keeps psql from taking a semicolon for the end of a statement: parentheses, and the body of a function.
#[derive(Default)]
struct Nesting {
    parentheses: usize,
    /// BEGIN, and CASE inside of it.
    blocks: usize,
    /// The first words, in upper case, as far as they can make a function.
    words: Vec<String>,
}

impl Nesting {
    /// Takes a token; false when it ends the statement or closes what is not open.
    fn goes_on_with(&mut self, token: &str) -> bool {
        match token {
            "(" => self.parentheses += 1,
            ")" if self.parentheses == 0 => return false,
            ")" => self.parentheses -= 1,
            ";" => return !self.is_closed(),
            _ if token.starts_with(is_name) => self.word(token.to_ascii_uppercase()),
            _ => {}
        }
        true
    }

    fn word(&mut self, word: String) {
        let is_function = match self.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["CREATE", "OR", "REPLACE", kind, ..] | ["CREATE", kind, ..] => {
                matches!(*kind, "FUNCTION" | "PROCEDURE")
            }
            _ => false,
        };
        match word.as_str() {
            _ if !is_function || self.parentheses > 0 => {}
            "BEGIN" => self.blocks += 1,
            "CASE" if self.blocks > 0 => self.blocks += 1,
            "END" if self.blocks > 0 => self.blocks -= 1,
            _ => {}
        }
        if self.words.len() < 4 {
            self.words.push(word);
        }
    }

    fn is_closed(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }
}

/// White space or a comment.
fn is_blank(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_whitespace() || c == '\x0b')
        || token.starts_with("--")
        || token.starts_with("/*")
}

/// A token that is a name, without its quotes.
pub fn name(token: &str) -> String {
    match token.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None => token.to_owned(),
    }
}

/// The length of the token that `text` begins with.
fn length(text: &str, first: char) -> Option<usize> {
    match first {
        '-' if text.starts_with("--") => Some(text.find(['\n', '\r']).unwrap_or(text.len())),
        '/' if text.starts_with("/*") => comment(text),
        '"' => quoted(text, '"', false),
        '\'' => quoted(text, '\'', false),
        'e' | 'E' if text[1..].starts_with('\'') => quoted(&text[1..], '\'', true).map(|length| length + 1),
        '$' => Some(dollar(text)?.unwrap_or(1)),
        '0'..='9' => Some(text.find(|c: char| !is_name(c)).unwrap_or(text.len())),
        _ if is_name(first) => Some(text.find(|c: char| !(is_name(c) || c == '$')).unwrap_or(text.len())),
        _ => Some(first.len_utf8()),
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// A comment may hold comments.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0u32, 0);
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next()?.len_utf8();
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The length with both quotes; a doubled one ends nothing.
fn quoted(text: &str, mark: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == mark {
            if !text[at + 1..].starts_with(mark) {
                return Some(at + 1);
            }
            chars.next();
        }
    }
    None
}

/// The length of a literal in dollar quotes, if it is one.
fn dollar(text: &str) -> Option<Option<usize>> {
    let Some(end) = text[1..].find(|c| !is_name(c)) else { return Some(None) };
    let tag = &text[..end + 2];
    if !tag.ends_with('$') || tag[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Some(None);
    }
    text[tag.len()..].find(tag).map(|place| Some(place + 2 * tag.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_as_the_server_does() {
        for (text, expected) in [
            ("SELECT a1, \"B \"\"c\"", &["SELECT", "a1", ",", "\"B \"\"c\""][..]),
            ("'it''s \\' || E'it\\'s \\\\'''", &["'it''s \\'", "|", "|", "E'it\\'s \\\\'''"]),
            ("a--b\n;c /* d /* e */ ' */ f", &["a", ";", "c", "f"]),
            ("$$;'$$ $a$ $$ $A$ $a$ $1 a$b$c", &["$$;'$$", "$a$ $$ $A$ $a$", "$", "1", "a$b$c"]),
            ("é::\"ü\" \\x", &["é", ":", ":", "\"ü\"", "\\", "x"]),
            ("", &[]),
        ] {
            assert_eq!(tokens(text).as_deref(), Some(expected), "{text}");
        }
        for open in ["'", "\"a", "E'\\'", "$$ $", "$a$ $b$", "/* /* */", "'''"] {
            assert_eq!(tokens(open), None, "{open}");
        }
    }

    #[test]
    fn psql_finds_nothing_of_its_own() {
        for (statement, expected) in [
            ("SELECT a[1:\"USER\"], b::text, c[x:y]", "SELECT a[1: \"USER\"], b::text, c[x: y]"),
            ("SELECT ':x \\! y' -- \\! z", "SELECT ':x \\! y' -- \\! z\n"),
            ("f(a := 1)", "f(a := 1)"),
            ("SELECT :'x', :{?y}", "SELECT : 'x', : {?y}"),
        ] {
            assert_eq!(for_psql(statement).as_deref(), Some(expected));
        }
        let body = "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT (2); END";
        assert_eq!(for_psql(body).as_deref(), Some(body));
        let rule = "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)";
        assert_eq!(for_psql(rule).as_deref(), Some(rule));
        for open in [
            "SELECT (1",
            "SELECT 1)",
            "SELECT 1; SELECT 2",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1;",
            "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE 1; END",
            "CREATE PROCEDURE \"p\"() BEGIN ATOMIC SELECT 1",
            "SELECT 1E'\\''",
            "SELECT 1$$ $$",
            "SELECT 1a$$ $$",
            "SELECT E'a'\n'b\\''",
            "SELECT e'a' -- c\n'b'",
        ] {
            assert_eq!(for_psql(open), None, "{open}");
        }
        for refused in ["SELECT 1 \\! x", "\\i x", "SELECT 'open", "SELECT 1 \n\\copy"] {
            assert_eq!(for_psql(refused), None, "{refused}");
        }
    }

    #[test]
    fn names_lose_their_quotes() {
        assert_eq!(name("\"A \"\"b\"\"\""), "A \"b\"");
        assert_eq!(name("plain"), "plain");
    }
}
