//! Filter files, as pg_dump 17 reads them: a line `include table app.order*` each, `#` before a comment.

use super::{Error, Options};

impl Options {
    /// Adds the rules of a filter file. `name` is the file's, for messages.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] with the line.
    pub fn add_filter(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let mut lines = Lines { text, line: 1 };
        while !lines.text.is_empty() {
            let line = lines.line;
            let failed = |problem: String| Error::Filter { file: name.to_owned(), line, problem };
            let command = lines.word();
            if !command.is_empty() {
                let object = lines.word();
                let pattern = lines.pattern().ok_or_else(|| failed("a quoted name has no end".to_owned()))?;
                let rules = self.rules(&command, &object).map_err(failed)?;
                if pattern.is_empty() {
                    return Err(failed("the pattern is missing".to_owned()));
                }
                rules.push(pattern);
            }
            lines.end().map_err(failed)?;
        }
        Ok(())
    }

    /// Where the pattern of such a line belongs.
    fn rules(&mut self, command: &str, object: &str) -> Result<&mut Vec<String>, String> {
        match (command, object) {
            ("include", "schema") => Ok(&mut self.schemas),
            ("exclude", "schema") => Ok(&mut self.exclude_schemas),
            ("include", "table") => Ok(&mut self.tables),
            ("exclude", "table") => Ok(&mut self.exclude_tables),
            ("exclude", "table_data") => Ok(&mut self.exclude_table_data),
            ("include", "extension") => Ok(&mut self.extensions),
            ("exclude", "extension") => Ok(&mut self.exclude_extensions),
            ("include" | "exclude", "table_and_children" | "table_data_and_children") => Err(format!(
                "{object} is not known: partitions go with their table, and inheritance children are named by themselves"
            )),
            ("include", "foreign_data") => Err("the rows of foreign tables are not dumped".to_owned()),
            ("include" | "exclude", "") => {
                Err(format!("{command} what? Write {command} table, schema or extension"))
            }
            ("include" | "exclude", _) => Err(format!("\"{command} {object}\" is not known")),
            _ => Err(format!("starts with \"{command}\" instead of include or exclude")),
        }
    }
}

/// The rest of a file.
struct Lines<'a> {
    text: &'a str,
    line: usize,
}

impl Lines<'_> {
    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.text.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.text = rest;
    }

    fn skip_blanks(&mut self) {
        let blank = |c: char| c.is_whitespace() && c != '\n';
        self.skip(self.text.len() - self.text.trim_start_matches(blank).len());
    }

    /// The next word of this line; empty at its end.
    fn word(&mut self) -> String {
        self.skip_blanks();
        let end = self.text.find(|c: char| c.is_whitespace() || matches!(c, '#' | '"'));
        let word = self.text[..end.unwrap_or(self.text.len())].to_owned();
        self.skip(word.len());
        word
    }

    /// The rest of this line without its comment; blanks count inside quotes only, and a quoted name may hold line feeds.
    /// None when a quote is left open.
    fn pattern(&mut self) -> Option<String> {
        let mut pattern = String::new();
        let (mut quoted, mut length, mut blanks) = (false, 0, false);
        for char in self.text.chars() {
            if !quoted && matches!(char, '\n' | '#') {
                break;
            }
            length += char.len_utf8();
            if !quoted && char.is_whitespace() {
                blanks = true;
                continue;
            }
            // A blank between two words is a part of the name, one beside a dot is not.
            if std::mem::take(&mut blanks) && char != '.' && !pattern.is_empty() && !pattern.ends_with('.') {
                pattern.push(' ');
            }
            quoted ^= char == '"';
            pattern.push(char);
        }
        self.skip(length);
        (!quoted).then_some(pattern)
    }

    /// Goes to the next line; there may only be a comment before it.
    fn end(&mut self) -> Result<(), String> {
        self.skip_blanks();
        if !matches!(self.text.chars().next(), None | Some('\n' | '#')) {
            let rest = self.text.lines().next().unwrap_or_default();
            return Err(format!("what is \"{rest}\"?"));
        }
        self.skip(self.text.find('\n').map_or(self.text.len(), |end| end + 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, Error> {
        let mut options = Options::default();
        options.add_filter("f", text).map(|()| options)
    }

    #[test]
    fn rules_comments_and_quoted_names() {
        let options = read(
            "# what we want\n\n  include schema app # all of it\ninclude\ttable  \"Odd # one\" . \"a\n\"\"b\"  # x\n\
             exclude table app.tmp*\nexclude table_data public.log\nexclude schema a  b\nexclude extension hstore\n\
             include extension post*",
        )
        .unwrap();
        assert_eq!(options.schemas, ["app"]);
        assert_eq!(options.tables, ["\"Odd # one\".\"a\n\"\"b\""]);
        assert_eq!(options.exclude_tables, ["app.tmp*"]);
        assert_eq!(options.exclude_table_data, ["public.log"]);
        assert_eq!(options.exclude_schemas, ["a b"]);
        assert_eq!(options.exclude_extensions, ["hstore"]);
        assert_eq!(options.extensions, ["post*"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, line) in [
            ("table t", 1),
            ("\ninclude", 2),
            ("include table", 1),
            ("include table # t", 1),
            ("include table \"t\n\n", 1),
            ("include table \"a\nb\"\ninclude thing t", 3),
            ("include table_data t", 1),
            ("include foreign_data s", 1),
            ("exclude table_and_children t", 1),
            ("\"include\" table t", 1),
        ] {
            match read(text) {
                Err(Error::Filter { line: told, .. }) => assert_eq!(told, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
