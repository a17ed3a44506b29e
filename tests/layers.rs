//! The layers of `docs/architecture.md`, held: every path from one module of the crate to another is allowed by the
//! table on that page, and every module has its row.
#![allow(clippy::unwrap_used)] // A test fails by panicking.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

#[test]
fn the_code_keeps_to_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let table = Table::read(&page);
    let mut sources = Vec::new();
    read_sources(&root.join("src"), "", &mut sources);
    let found = violations(&table, &sources);
    assert!(found.is_empty(), "against the table in docs/architecture.md:\n{}", found.join("\n"));
}

const PAGE: &str = "| module | may import, inside the crate |\n|---|---|\n| sql, graph | nothing |\n| pg | sql |\n\
                    | bin/pgsnap | public names of the library |\n\n| other | table |\n";

/// What is found in one file, in a house where each module of PAGE exists.
fn found_in(path: &str, source: &str) -> Vec<String> {
    let mut sources: Vec<(String, String)> = ["sql/mod.rs", "graph.rs", "pg/mod.rs", "bin/pgsnap/main.rs"]
        .map(|path| (path.into(), String::new()))
        .into();
    sources.push((path.into(), source.into()));
    violations(&Table::read(PAGE), &sources)
}

#[test]
fn allowed_paths_pass() {
    let source = "use crate::sql::{Ident, quote}; use crate::{pg::Session, sql}; use super::Version; use std::io;
                  pub(crate) fn f() { crate::sql::quote(); super::super::sql::quote(); vec![crate::pg::X] }
                  /// crate::graph in a comment
                  #[cfg(test)] mod tests { use super::*; use super::super::Version; const T: &str = \"crate::graph::x\"; }";
    assert_eq!(found_in("pg/session.rs", source), Vec::<String>::new());
    assert_eq!(found_in("lib.rs", "pub mod graph; pub use crate::graph::Graph;"), Vec::<String>::new());
    assert_eq!(
        found_in("bin/pgsnap/args.rs", "use crate::term::Bar; use pgsnap::pg::Session;"),
        Vec::<String>::new()
    );
}

#[test]
fn every_form_of_a_violation_is_found() {
    for (path, source) in [
        ("sql/ident.rs", "use crate::pg::Session;"),
        ("sql/ident.rs", "use crate::{sql::quote, pg::{Session, Version}};"),
        ("sql/ident.rs", "use super::super::pg::Session;"),
        ("sql/ident.rs", "fn f() { if true { crate::pg::connect() } }"),
        ("sql/ident.rs", "fn f() { vec![crate::pg::X] }"),
        ("sql/ident.rs", "mod inner { use super::super::super::pg::Session; }"),
        ("graph.rs", "use super::sql;"),
        ("pg/session.rs", "use crate::Session;"),
        ("pg/session.rs", "use std::collections::*;"),
        ("pg/session.rs", "pub use super::*;"),
        ("pg/session.rs", "mod tests { use std::io::*; }"),
        ("dump/mod.rs", ""),
        ("bin/pgsnap/args.rs", "#[path = \"../../pg/mod.rs\"] mod pg;"),
        ("bin/pgsnap/args.rs", "use pgsnap::*;"),
    ] {
        assert_eq!(found_in(path, source).len(), 1, "{path}: {source}: {:?}", found_in(path, source));
    }
}

#[test]
fn a_row_without_a_module_is_found() {
    let found = violations(&Table::read(PAGE), &[("sql/mod.rs".into(), String::new())]);
    assert_eq!(found.len(), 3, "{found:?}");
}

/// Module to the modules it may import; None means that only the compiler limits it (the program).
struct Table(BTreeMap<String, Option<Vec<String>>>);

impl Table {
    fn read(page: &str) -> Table {
        let rows = page.lines().skip_while(|line| !line.starts_with("| module | may import")).skip(2);
        let names = |cell: &str| cell.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
        let mut table = BTreeMap::new();
        for row in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [modules, imports] = cells[..] else { panic!("two columns, not: {row}") };
            let allowed = match imports {
                "nothing" => Some(Vec::new()),
                "public names of the library" => None,
                _ => Some(names(imports)),
            };
            table.extend(names(modules).into_iter().map(|module| (module, allowed.clone())));
        }
        assert!(!table.is_empty(), "docs/architecture.md has no table of modules");
        Table(table)
    }
}

/// Each file below `directory`, as its path below src/ and its text.
fn read_sources(directory: &Path, prefix: &str, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read_sources(&entry.path(), &format!("{path}/"), sources);
        } else if path.ends_with(".rs") {
            sources.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

fn violations(table: &Table, sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in sources {
        let modules = module_path(path);
        let row = modules.first().map(|module| (module, table.0.get(module)));
        if let Some((module, None)) = row {
            found.push(format!("src/{path}: the module {module} has no row"));
            continue;
        }
        let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("src/{path}: {error}"));
        let mut file = File {
            path,
            modules: &modules,
            allowed: row.and_then(|(_, row)| row?.as_ref()),
            found: &mut found,
        };
        let in_tests = modules.iter().any(|module| module.ends_with("tests"));
        file.check(tokens, modules.len(), in_tests);
    }
    for module in table.0.keys() {
        if !sources.iter().any(|(path, _)| module_path(path).first() == Some(module)) {
            found.push(format!("the row of {module} is about no module"));
        }
    }
    found
}

/// `pg/copy.rs` is pg, copy; the crate's root is nothing; the program is one module, `bin/NAME`.
fn module_path(path: &str) -> Vec<String> {
    if let Some(program) = path.strip_prefix("bin/") {
        let name = program.split(['/', '.']).next().unwrap_or_default();
        return vec![format!("bin/{name}")];
    }
    let mut modules: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if modules.last().is_some_and(|last| last == "mod" || last == "lib") {
        modules.pop();
    }
    modules
}

struct File<'a> {
    path: &'a str,
    /// Empty for lib.rs.
    modules: &'a [String],
    /// None: any module.
    allowed: Option<&'a Vec<String>>,
    found: &'a mut Vec<String>,
}

impl File<'_> {
    /// `depth` counts modules from the crate's root to here, inline ones too.
    fn check(&mut self, tokens: TokenStream, depth: usize, in_tests: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let (mut inner_depth, mut inner_tests) = (depth, in_tests);
            match token {
                // `use<..>` in a return type imports nothing.
                TokenTree::Ident(word) if word == "use" && !is_punct(tokens.get(at + 1), '<') => {
                    self.check_glob(&tokens[at..], in_tests)
                }
                TokenTree::Ident(word)
                    if word == "path" && self.is_program() && is_punct(tokens.get(at + 1), '=') =>
                {
                    self.report("a #[path] around the library's public names");
                }
                TokenTree::Ident(word) if word == "crate" && !self.is_program() => {
                    if let Some(next) = after_colons(&tokens, at) {
                        self.check_targets(next);
                    }
                }
                TokenTree::Ident(word) if word == "super" && !self.is_program() => {
                    let mut supers = 1;
                    while let Some(TokenTree::Ident(next)) = after_colons(&tokens, at)
                        && next == "super"
                    {
                        supers += 1;
                        at += 3;
                    }
                    if supers == depth
                        && let Some(next) = after_colons(&tokens, at)
                        && !is_punct(Some(next), '*')
                    {
                        self.check_targets(next);
                    }
                }
                TokenTree::Group(group) => {
                    // `mod name {`
                    if group.delimiter() == Delimiter::Brace
                        && let Some([TokenTree::Ident(word), TokenTree::Ident(name)]) =
                            at.checked_sub(2).map(|start| &tokens[start..at])
                        && word == "mod"
                    {
                        inner_depth += 1;
                        inner_tests |= name == "tests";
                    }
                    self.check(group.stream(), inner_depth, inner_tests);
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// What stands after `crate::`: a name, or names in braces.
    fn check_targets(&mut self, target: &TokenTree) {
        match target {
            TokenTree::Ident(name) => {
                let module = name.to_string();
                let own = self.modules.first() == Some(&module);
                if !own && self.allowed.is_some_and(|allowed| !allowed.contains(&module)) {
                    let from = self.modules.first().map_or("lib.rs", String::as_str);
                    self.report(&format!("{from} may not import {module}"));
                }
            }
            TokenTree::Group(group) => {
                let mut first = true;
                for token in group.stream() {
                    if first {
                        self.check_targets(&token);
                    }
                    first = is_punct(Some(&token), ',');
                }
            }
            _ => {}
        }
    }

    fn check_glob(&mut self, item: &[TokenTree], in_tests: bool) {
        let item: TokenStream =
            item.iter().skip(1).take_while(|token| !is_punct(Some(token), ';')).cloned().collect();
        let text = item.to_string().replace(' ', "");
        if text.contains('*') && !(in_tests && text == "super::*") {
            self.report(&format!("a glob import: use {text}"));
        }
    }

    fn is_program(&self) -> bool {
        self.path.starts_with("bin/")
    }

    fn report(&mut self, what: &str) {
        self.found.push(format!("src/{}: {what}", self.path));
    }
}

/// The token after `::`, if `::` stands after `at`.
fn after_colons(tokens: &[TokenTree], at: usize) -> Option<&TokenTree> {
    (is_punct(tokens.get(at + 1), ':') && is_punct(tokens.get(at + 2), ':')).then(|| tokens.get(at + 3))?
}

fn is_punct(token: Option<&TokenTree>, punct: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
}
