use super::*;
use crate::catalog::{Piece, Statement};

/// A database as its order sees it: drafts, and which needs which.
#[derive(Default)]
struct Database {
    drafts: Vec<Draft>,
    needs: Vec<Needs>,
}

impl Database {
    fn add(&mut self, kind: &'static str, name: &str, section: Section) -> usize {
        let oid = u32::try_from(self.drafts.len()).unwrap_or(0);
        self.drafts.push(Draft::new(ObjectId::new(1, oid), kind, Some("s"), name, section));
        self.needs.push(Needs::default());
        self.drafts.len() - 1
    }

    fn pre(&mut self, kind: &'static str, name: &str) -> usize {
        self.add(kind, name, Section::PreData)
    }

    fn view(&mut self, name: &str) -> usize {
        let view = self.pre("VIEW", name);
        self.drafts[view].repair = Repair::DummyView { create: "CREATE VIEW dummy".to_owned() };
        view
    }

    fn movable(&mut self, kind: &'static str, name: &str) -> usize {
        let draft = self.pre(kind, name);
        self.drafts[draft].repair = Repair::Postpone;
        draft
    }

    /// A part of `host` that stands in `section` when it stands alone.
    fn part(&mut self, kind: &'static str, name: &str, host: usize, section: Section) -> usize {
        let part = self.add(kind, name, section);
        let id = self.drafts[part].id;
        self.drafts[part].inline_in = Some(self.drafts[host].id);
        self.drafts[host].create.push(Statement(vec![Piece::Part { part: id, text: name.to_owned() }]));
        self.need(part, host);
        part
    }

    fn need(&mut self, from: usize, to: usize) {
        self.needs[from].add(to, true);
    }

    /// A need of a view's definition.
    fn reads(&mut self, view: usize, to: usize) {
        self.needs[view].add(to, false);
    }

    /// The order, in words; checks that everything comes after what it needs, and sections in their order.
    fn order(&self) -> Vec<String> {
        let order = order(&self.drafts, self.needs.clone());
        assert!(order.nodes.is_sorted_by_key(|node| node.section));
        let mut words = Vec::new();
        for (at, node) in order.nodes.iter().enumerate() {
            assert!(node.needs.iter().all(|&need| need < at));
            let form = match node.form {
                Form::Whole => "",
                Form::Dummy => " (dummy)",
                Form::Replacement => " (definition)",
            };
            let section = if node.section == Section::PostData { ", post" } else { "" };
            words.push(format!("{}{form}{section}", self.drafts[node.draft].name));
        }
        words
    }
}

#[test]
fn names_decide_where_needs_do_not() {
    let mut database = Database::default();
    let c = database.pre("TABLE", "c");
    database.pre("TABLE", "b");
    let a = database.pre("TABLE", "a");
    database.need(a, c);
    assert_eq!(database.order(), ["b", "c", "a"]);
}

/// pg_dump's rules 7, 9 and 12: a part that only needs its host stays inside it.
#[test]
fn parts_stay_inside() {
    let mut database = Database::default();
    let table = database.pre("TABLE", "t");
    database.part("CHECK CONSTRAINT", "t check", table, Section::PostData);
    let function = database.movable("FUNCTION", "f");
    let default = database.part("DEFAULT", "t default", table, Section::PreData);
    database.need(default, function);
    assert_eq!(database.order(), ["f", "t"]);
}

/// Rule 8.
#[test]
fn a_check_that_needs_its_table_through_others_goes_behind_the_data() {
    let mut database = Database::default();
    let table = database.pre("TABLE", "t");
    let function = database.movable("FUNCTION", "f");
    let check = database.part("CHECK CONSTRAINT", "t check", table, Section::PostData);
    database.need(check, function);
    database.need(function, table);
    assert_eq!(database.order(), ["t", "f", "t check, post"]);
}

/// Rule 11: the sequence of a serial column needs the table, its default needs the sequence.
#[test]
fn a_default_in_a_loop_comes_after_its_table() {
    let mut database = Database::default();
    let table = database.pre("TABLE", "t");
    let sequence = database.pre("SEQUENCE", "q");
    let default = database.part("DEFAULT", "t default", table, Section::PreData);
    database.need(default, sequence);
    database.need(sequence, table);
    assert_eq!(database.order(), ["t", "q", "t default"]);
}

/// Rule 13.
#[test]
fn a_domain_constraint_in_a_loop_goes_behind_the_data() {
    let mut database = Database::default();
    let domain = database.pre("DOMAIN", "d");
    let function = database.movable("FUNCTION", "f");
    let check = database.part("CHECK CONSTRAINT", "d check", domain, Section::PostData);
    database.need(check, function);
    database.need(function, domain);
    assert_eq!(database.order(), ["d", "f", "d check, post"]);
}

/// Rule 3.
#[test]
fn views_in_a_circle_begin_with_a_dummy() {
    let mut database = Database::default();
    let first = database.view("a");
    let second = database.view("b");
    let function = database.movable("FUNCTION", "f");
    database.reads(first, function);
    database.need(function, second);
    database.reads(second, first);
    assert_eq!(database.order(), ["a (dummy)", "b", "f", "a (definition), post"]);
}

/// Rules 3 and 4: GROUP BY on the primary key, which is made behind the data.
#[test]
fn what_needs_a_primary_key_goes_behind_the_data() {
    let mut database = Database::default();
    let table = database.pre("TABLE", "t");
    let key = database.add("CONSTRAINT", "t pkey", Section::PostData);
    database.need(key, table);
    let view = database.view("v");
    database.reads(view, key);
    let matview = database.movable("MATERIALIZED VIEW", "m");
    database.reads(matview, key);
    let above_view = database.view("above v");
    database.reads(above_view, view);
    let above_matview = database.view("above m");
    database.reads(above_matview, matview);
    assert_eq!(
        database.order(),
        [
            "above m (dummy)",
            "t",
            "v (dummy)",
            "above v",
            "t pkey, post",
            "m, post",
            "above m (definition), post",
            "v (definition), post",
        ]
    );
}

/// Rule 6: a function whose SQL body needs the primary key, and what calls it.
#[test]
fn a_function_that_needs_a_primary_key_goes_behind_the_data() {
    let mut database = Database::default();
    let table = database.pre("TABLE", "t");
    let key = database.add("CONSTRAINT", "t pkey", Section::PostData);
    database.need(key, table);
    let function = database.movable("FUNCTION", "f");
    database.need(function, key);
    let caller = database.movable("FUNCTION", "caller");
    database.need(caller, function);
    let other = database.pre("TABLE", "u");
    let default = database.part("DEFAULT", "u default", other, Section::PreData);
    database.need(default, function);
    assert_eq!(database.order(), ["t", "u", "t pkey, post", "f, post", "caller, post", "u default, post"]);
}

/// Rule 14.
#[test]
fn a_table_that_needs_itself_is_no_loop() {
    let mut database = Database::default();
    let table = database.pre("TABLE", "t");
    database.need(table, table);
    assert_eq!(database.order(), ["t"]);
}

/// Rule 16: nothing is lost, and the cut is the same every time.
#[test]
fn what_cannot_be_repaired_is_cut_in_one_place() {
    let mut database = Database::default();
    let names = ["c", "a", "b"].map(|name| database.pre("TABLE", name));
    for at in 0..3 {
        database.need(names[at], names[(at + 1) % 3]);
    }
    assert_eq!(database.order(), ["a", "c", "b"]);
}
