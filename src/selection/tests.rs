use super::*;
use crate::archive::{Lock, Source, Table, Transfer};

/// An entry as the catalog layer makes it. The section goes by the kind.
pub(super) fn entry(id: u32, kind: &str, schema: &str, name: &str, dependencies: &[u32]) -> Entry {
    let section = match kind {
        "TABLE DATA" | "SEQUENCE SET" | "BLOBS" | "BLOB METADATA" => Section::Data,
        "INDEX"
        | "INDEX ATTACH"
        | "CONSTRAINT"
        | "FK CONSTRAINT"
        | "TRIGGER"
        | "STATISTICS"
        | "MATERIALIZED VIEW DATA"
        | "PUBLICATION"
        | "PUBLICATION TABLE"
        | "DEFAULT ACL" => Section::PostData,
        _ => Section::PreData,
    };
    Entry {
        id,
        kind: kind.to_owned(),
        schema: Some(schema.to_owned()).filter(|schema| !schema.is_empty()),
        name: name.to_owned(),
        owner: None,
        section,
        pass: if kind.ends_with("ACL") { Pass::Acl } else { Pass::Main },
        lock: Lock::None,
        create: Vec::new(),
        drop: Vec::new(),
        owned: None,
        tablespace: None,
        access_method: None,
        dependencies: dependencies.to_vec(),
        table: None,
    }
}

/// A catalog of these entries; those with rows get their tables.
fn catalog(mut entries: Vec<Entry>) -> Catalog {
    let mut tables = Vec::new();
    for entry in entries.iter_mut().filter(|entry| matches!(entry.kind.as_str(), "TABLE DATA" | "BLOBS")) {
        entry.table = Some(tables.len() as u32);
        tables.push(Table {
            entry: entry.id,
            schema: entry.schema.clone().unwrap_or_default(),
            name: entry.name.clone(),
            transfer: Transfer::Binary,
            text_reason: None,
            root: None,
            condition: None,
            columns: Vec::new(),
        });
    }
    let settings = vec![(SEARCH_PATH.to_owned(), "me, app".to_owned())];
    Catalog { source: Source { database: "db".to_owned(), settings, ..Source::default() }, entries, tables }
}

fn example() -> Catalog {
    let with_drop = |entry: Entry, drop: &str| Entry { drop: vec![drop.to_owned()], ..entry };
    let identity = Entry {
        create: vec!["ALTER TABLE app.\"a b\" ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY".to_owned()],
        ..entry(11, "SEQUENCE", "app", "a b_id_seq", &[1, 7])
    };
    catalog(vec![
        entry(1, "SCHEMA", "", "app", &[]),
        entry(2, "SCHEMA", "", "other", &[]),
        entry(3, "COMMENT", "", "SCHEMA app", &[1]),
        entry(4, "EXTENSION", "", "hstore", &[2]),
        entry(5, "TYPE", "app", "mood", &[1]),
        entry(6, "TABLE", "app", "a", &[1, 4]),
        entry(7, "TABLE", "app", "a b", &[1, 5]),
        entry(8, "TABLE", "other", "parent", &[2]),
        entry(9, "TABLE", "other", "child", &[2, 8]),
        entry(10, "SEQUENCE", "other", "a_id_seq", &[2, 6]),
        identity,
        entry(12, "VIEW", "other", "v", &[2, 6, 9]),
        entry(13, "TABLE ATTACH", "other", "child", &[2, 8, 9]),
        entry(14, "SEQUENCE OWNED BY", "other", "a_id_seq", &[2, 6, 10]),
        entry(15, "DEFAULT", "app", "a id", &[1, 6, 10]),
        entry(16, "ACL", "app", "TABLE a", &[6]),
        entry(17, "TABLE DATA", "app", "a", &[1, 6]),
        entry(18, "TABLE DATA", "app", "a b", &[1, 7]),
        entry(19, "TABLE DATA", "other", "child", &[2, 9]),
        entry(20, "TABLE DATA", "other", "config", &[2, 4]),
        entry(21, "SEQUENCE SET", "other", "a_id_seq", &[2, 10]),
        entry(22, "BLOB METADATA", "", "1234", &[]),
        entry(23, "COMMENT", "", "LARGE OBJECT 1234", &[22]),
        entry(24, "STATISTICS DATA", "app", "a", &[1, 6]),
        entry(25, "CONSTRAINT", "app", "a a_pkey", &[1, 6]),
        entry(26, "INDEX", "other", "parent_i", &[2, 8]),
        entry(27, "INDEX", "other", "child_i", &[2, 9, 26]),
        entry(28, "INDEX ATTACH", "other", "child_i", &[2, 8, 9, 26, 27]),
        // On app.a, to app."a b": its name begins with both.
        with_drop(
            entry(29, "FK CONSTRAINT", "app", "a b c", &[1, 6, 7]),
            "ALTER TABLE ONLY app.a DROP CONSTRAINT \"b c\"",
        ),
        entry(30, "COMMENT", "app", "FK CONSTRAINT a b c", &[29]),
        entry(31, "PUBLICATION", "", "p", &[]),
        entry(32, "PUBLICATION TABLE", "app", "p a", &[1, 6, 31]),
        entry(33, "DEFAULT ACL", "app", "DEFAULT PRIVILEGES FOR TABLES", &[1]),
        entry(34, "DEFAULT ACL", "", "DEFAULT PRIVILEGES FOR TABLES", &[]),
    ])
}

fn selection(options: Options) -> Selection {
    Selection::new(options).unwrap()
}

/// The ids that are chosen, and what is left out.
fn chosen(options: Options) -> (Vec<u32>, Vec<String>) {
    let catalog = example();
    let choice = selection(options).choose(&catalog).unwrap();
    (
        catalog.entries.iter().map(|entry| entry.id).filter(|id| choice.contains(*id as usize - 1)).collect(),
        choice.left_out,
    )
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn tables(patterns: &[&str]) -> Options {
    Options { tables: words(patterns), ..Options::default() }
}

#[test]
fn nothing_asked_for_is_everything() {
    assert_eq!(chosen(Options::default()), ((1..=34).collect(), vec![]));
}

#[test]
fn a_table_brings_what_belongs_to_it() {
    let (ids, left_out) = chosen(tables(&["app.a"]));
    assert_eq!(ids, [6, 10, 14, 15, 16, 17, 21, 24, 25]);
    assert_eq!(left_out, ["FK CONSTRAINT app.a b c: TABLE app.a b is not selected"]);
    let (ids, _) = chosen(tables(&["app.a*"]));
    assert_eq!(ids, [6, 7, 10, 11, 14, 15, 16, 17, 18, 21, 24, 25, 29, 30]);
    // Without a schema: one of the search path.
    assert_eq!(chosen(tables(&["a"])).0, chosen(tables(&["app.a"])).0);
}

#[test]
fn partitions_go_with_their_table() {
    assert_eq!(chosen(tables(&["other.parent"])).0, [8, 9, 13, 19, 26, 27, 28]);
    let (ids, left_out) = chosen(tables(&["other.child"]));
    assert_eq!(ids, [9, 19, 27]);
    assert_eq!(left_out, ["TABLE ATTACH other.child: TABLE other.parent is not selected"]);
    let without = Options { exclude_tables: words(&["other.parent"]), ..tables(&["other.*"]) };
    assert_eq!(chosen(without).0, [10, 12, 20, 21]);
    let without_rows =
        Options { exclude_table_data: words(&["other.parent", "other.a_id_seq"]), ..Options::default() };
    assert_eq!(chosen(without_rows).0, (1..=34).filter(|id| ![19, 21].contains(id)).collect::<Vec<_>>());
}

#[test]
fn identity_sequences_go_with_their_table_alone() {
    assert_eq!(chosen(tables(&["app.\"a b_id_seq\""])).0, [] as [u32; 0]);
    assert_eq!(chosen(tables(&["other.a_id_seq"])).0, [10, 21]);
    assert_eq!(
        chosen(Options { exclude_tables: words(&["other.a_id_seq"]), ..tables(&["app.a"]) }).0,
        chosen(tables(&["app.a"])).0
    );
}

#[test]
fn a_schema_brings_what_is_in_it() {
    let schemas = |schemas: &[&str]| Options { schemas: words(schemas), ..Options::default() };
    let (ids, left_out) = chosen(schemas(&["app"]));
    assert_eq!(ids, [1, 3, 5, 6, 7, 10, 11, 14, 15, 16, 17, 18, 21, 24, 25, 29, 30, 33]);
    assert_eq!(left_out, [] as [&str; 0]);
    // Rows of an extension's table in a schema that is asked for.
    assert!(chosen(schemas(&["other"])).0.contains(&20));
    let without = Options { exclude_schemas: words(&["a*"]), ..Options::default() };
    let (ids, left_out) = chosen(without);
    assert_eq!(ids, [2, 4, 8, 9, 10, 12, 13, 19, 20, 21, 22, 23, 26, 27, 28, 31, 34]);
    assert_eq!(left_out, ["PUBLICATION TABLE app.p a: TABLE app.a is not selected"]);
    // Tables that are asked for by name do not ask for schemas.
    assert_eq!(
        chosen(Options { schemas: words(&["other"]), ..tables(&["app.a"]) }).0,
        chosen(tables(&["app.a"])).0
    );
}

#[test]
fn extensions_come_in_a_whole_dump_or_by_name() {
    let named = Options { extensions: words(&["h*"]), ..Options::default() };
    let (ids, _) = chosen(named.clone());
    assert_eq!(ids, (1..=34).filter(|id| ![22, 23, 31, 32, 34].contains(id)).collect::<Vec<_>>());
    let with_tables = Options { tables: words(&["app.\"a b\""]), ..named };
    assert_eq!(chosen(with_tables).0, [4, 7, 11, 18, 20]);
    let without = Options { exclude_extensions: words(&["hstore"]), ..Options::default() };
    assert_eq!(chosen(without).0, (1..=34).filter(|id| ![4, 20].contains(id)).collect::<Vec<_>>());
}

#[test]
fn schema_data_and_sections_part_the_entries() {
    let (schema, _) = chosen(Options { schema_only: true, ..Options::default() });
    let (data, _) = chosen(Options { data_only: true, ..Options::default() });
    assert_eq!(data, [17, 18, 19, 20, 21, 22, 23]);
    assert_eq!(schema, (1..=34).filter(|id| !data.contains(id) && *id != 24).collect::<Vec<_>>());
    let section = |section| chosen(Options { sections: vec![section], ..Options::default() }).0;
    let mut all = section(Section::PreData);
    all.extend(section(Section::Data));
    all.extend(section(Section::PostData));
    all.sort_unstable();
    assert_eq!(all, (1..=34).collect::<Vec<_>>());
    let nothing = Selection::new(Options { schema_only: true, data_only: true, ..Options::default() });
    assert!(matches!(nothing, Err(Error::Contradiction(_))));
}

#[test]
fn switches_leave_out_kinds_with_what_is_about_them() {
    let without = |options: Options, ids: &[u32]| {
        assert_eq!(
            chosen(options.clone()).0,
            (1..=34).filter(|id| !ids.contains(id)).collect::<Vec<_>>(),
            "{options:?}"
        );
    };
    without(Options { no_comments: true, ..Options::default() }, &[3, 23, 30]);
    without(Options { no_privileges: true, ..Options::default() }, &[16, 33, 34]);
    without(Options { no_publications: true, ..Options::default() }, &[31, 32]);
    without(Options { no_large_objects: true, ..Options::default() }, &[22, 23]);
    without(Options { no_statistics: true, ..Options::default() }, &[24]);
}

#[test]
fn patterns_that_match_nothing_are_named_with_where_the_name_is() {
    let options = Options {
        schemas: words(&["app", "nowhere"]),
        tables: words(&["parent", "a", "other.x*"]),
        extensions: words(&["postgis"]),
        exclude_tables: words(&["never"]),
        ..Options::default()
    };
    let error = selection(options).choose(&example()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing matches --schema=nowhere; nothing matches --extension=postgis; nothing matches --table=parent in the \
         search path (me, app); there is other.parent; nothing matches --table=other.x*"
    );
    let typed = selection(tables(&["paretn", "othre.parent", "partner"])).choose(&example()).unwrap_err();
    assert_eq!(
        typed.to_string(),
        "nothing matches --table=paretn; there is parent; nothing matches --table=othre.parent; there is other.parent; \
         nothing matches --table=partner"
    );
    let other = selection(tables(&["another.app.a"])).choose(&example()).unwrap_err();
    assert_eq!(other.to_string(), "pattern another.app.a is about another database than db");
    assert!(selection(tables(&["db.app.a"])).choose(&example()).is_ok());
}

#[test]
fn before_the_catalog_is_known_tables_are_wanted_by_their_names() {
    let path = words(&["app"]);
    let wants = |options: Options, names: &[(&str, &str)], extension| {
        selection(options).wants_table(names, extension, &path)
    };
    let child = [("other", "child"), ("other", "parent")];
    assert!(wants(Options::default(), &child, None));
    assert!(wants(tables(&["other.parent"]), &child, None));
    assert!(wants(tables(&["a"]), &[("app", "a")], None) && !wants(tables(&["a"]), &[("other", "a")], None));
    assert!(!wants(Options { exclude_tables: words(&["other.parent"]), ..Options::default() }, &child, None));
    assert!(!wants(Options { schemas: words(&["app"]), ..Options::default() }, &child, None));
    assert!(wants(Options::default(), &[("app", "config")], Some("hstore")));
    assert!(!wants(tables(&["a"]), &[("app", "config")], Some("hstore")));
    assert!(wants(tables(&["config"]), &[("app", "config")], Some("hstore")));
}

#[test]
fn what_is_needed_and_not_wanted_is_known() {
    let catalog = example();
    let needs = |options| selection(options).choose(&catalog).unwrap().missing_needs(&catalog);
    assert_eq!(needs(Options::default()), []);
    // The schema, the enum. Not the table that a partition belongs to, nor that of a sequence.
    assert_eq!(needs(tables(&["app.\"a b\""])), [(0, 6), (4, 6), (0, 10), (0, 17)]);
    assert_eq!(needs(tables(&["other.child"])), [(1, 8), (1, 18), (1, 26)]);
    assert_eq!(needs(tables(&["other.a_id_seq"])), [(1, 9), (1, 20)]);
}

#[test]
fn the_rest_is_a_catalog_of_its_own() {
    let pruned = |options| {
        let catalog = example();
        let selection = selection(options);
        let choice = selection.choose(&catalog).unwrap();
        selection.prune(catalog, &choice)
    };
    let (rest, numbers) = pruned(tables(&["app.\"a b\"", "other.v"]));
    let entries: Vec<(u32, &str, &str, &[u32])> = rest
        .entries
        .iter()
        .map(|entry| (entry.id, entry.kind.as_str(), entry.name.as_str(), entry.dependencies.as_slice()))
        .collect();
    assert_eq!(
        entries,
        [
            (1, "TABLE", "a b", &[][..]),
            (2, "SEQUENCE", "a b_id_seq", &[1]),
            (3, "VIEW", "v", &[]),
            (4, "TABLE DATA", "a b", &[1])
        ]
    );
    assert_eq!((numbers, rest.tables[0].entry, rest.entries[3].table), (vec![1], 4, Some(0)));
    assert!(
        rest.source
            .settings
            .contains(&(SELECTION.to_owned(), "--table=app.\"a b\" --table=other.v".to_owned()))
    );
    let again = Selection::default().choose(&rest).unwrap();
    assert!(again.is_partial());
    // Dependencies lead through what is left out.
    let (rest, _) = pruned(Options { exclude_tables: words(&["other.child"]), ..Options::default() });
    let view = rest.entries.iter().find(|entry| entry.name == "v").unwrap();
    let names: Vec<&str> =
        view.dependencies.iter().map(|id| rest.entries[*id as usize - 1].name.as_str()).collect();
    assert_eq!(names, ["other", "a", "parent"]);
    let (rest, _) = pruned(Options { no_comments: true, ..Options::default() });
    assert!(!Selection::default().choose(&rest).unwrap().is_partial());
}

#[test]
fn rows_alone_come_in_the_order_of_the_foreign_keys() {
    // app.a refers to app."a b", and what refers to itself or around in a circle is no hindrance.
    let catalog = example();
    assert_eq!(references(&catalog, |_| true), [(16, [17].into())].into());
    let selection = selection(Options { data_only: true, ..Options::default() });
    let choice = selection.choose(&catalog).unwrap();
    let (rest, numbers) = selection.prune(catalog, &choice);
    let rows: Vec<(&str, &[u32])> = rest
        .entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.dependencies.as_slice()))
        .take(3)
        .collect();
    assert_eq!(rows, [("a b", &[][..]), ("a", &[1]), ("child", &[])]);
    assert_eq!(numbers, [1, 0, 2, 3]);
    let circle = self::catalog(vec![
        entry(1, "TABLE", "s", "a", &[]),
        entry(2, "TABLE", "s", "b", &[]),
        entry(3, "TABLE DATA", "s", "a", &[1]),
        entry(4, "TABLE DATA", "s", "b", &[2]),
        entry(5, "FK CONSTRAINT", "s", "a f", &[1, 2]),
        entry(6, "FK CONSTRAINT", "s", "b f", &[1, 2]),
        entry(7, "FK CONSTRAINT", "s", "b self", &[2]),
    ]);
    assert_eq!(references(&circle, |_| true), [(2, [].into()), (3, [3].into())].into());
    assert_eq!(references(&circle, |place| place == 4), [(2, [3].into())].into());
}
