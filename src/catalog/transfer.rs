//! How the rows of a table travel: in COPY BINARY unless a type forbids it, and where their values embed type OIDs.

use std::collections::HashMap;

use super::kinds::Query;
use super::{Error, Relation, Results, Shape, ValueKind};
use crate::pg::Version;

const TYPES: &str = "column types";
const COLUMNS: &str = "columns";

/// The first OID that is handed out when a cluster or an object is made (FirstGenbkiObjectId); those below are assigned in
/// PostgreSQL's source and mean the same everywhere. From here to 16383 they are initdb's and differ between versions:
/// information_schema's types.
const FIRST_UNFIXED_OID: u32 = 10000;

/// Types nested deeper than this travel as text: nobody has such, and every reader of shapes would have to bear them.
const DEEPEST: usize = 32;

/// Every type that a table's column reaches, with what it is made of, and every column of every table with its type.
pub(super) fn queries(version: Version) -> Vec<Query> {
    let multirange = multirange_of(version);
    let parts_of = parts_of(version);
    // An array is what array_in reads: int2vector and oidvector have elements too, but are types of their own.
    let types = format!(
        "
        WITH RECURSIVE reached (oid) AS (
            SELECT a.atttypid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
            UNION
            SELECT n.oid
            FROM reached s JOIN pg_catalog.pg_type t ON t.oid = s.oid
            {parts_of}
        )
        SELECT t.oid, t.typname, pg_catalog.format_type(t.oid, NULL) AS name,
               t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AS is_system,
               t.typsend <> 0 AND t.typreceive <> 0 AS is_binary,
               CASE WHEN t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc THEN 'array'
                    WHEN t.typtype = 'd' THEN 'domain'
                    WHEN t.typtype = 'c' THEN 'composite'
                    WHEN t.typtype = 'r' THEN 'range'
                    WHEN t.typtype = 'm' THEN 'multirange'
                    ELSE 'plain' END AS form,
               CASE WHEN t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc THEN ARRAY[t.typelem::text]
                    WHEN t.typtype = 'd' THEN ARRAY[t.typbasetype::text]
                    WHEN t.typtype = 'c' THEN
                        ARRAY(SELECT f.atttypid::text FROM pg_catalog.pg_attribute f
                              WHERE f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped
                              ORDER BY f.attnum)
                    WHEN t.typtype IN ('r', 'm') THEN
                        ARRAY(SELECT r.rngsubtype::text FROM pg_catalog.pg_range r
                              WHERE (t.typtype = 'r' AND r.rngtypid = t.oid)
                                 OR (t.typtype = 'm' AND {multirange} = t.oid)) END AS parts
        FROM reached s JOIN pg_catalog.pg_type t ON t.oid = s.oid"
    );
    let columns = "
        SELECT a.attrelid, a.attname, a.atttypid
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attgenerated = ''"
        .to_owned();
    vec![Query { name: TYPES, sql: types }, Query { name: COLUMNS, sql: columns }]
}

/// Behind `pg_type t`, joins `n (oid)`: the types that a type is made of.
pub(super) fn parts_of(version: Version) -> String {
    let multirange = multirange_of(version);
    format!(
        "
        CROSS JOIN LATERAL (
            SELECT t.typelem WHERE t.typinput = 'pg_catalog.array_in'::pg_catalog.regproc
            UNION ALL
            SELECT t.typbasetype WHERE t.typtype = 'd'
            UNION ALL
            SELECT f.atttypid FROM pg_catalog.pg_attribute f
            WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum > 0 AND NOT f.attisdropped
            UNION ALL
            SELECT r.rngsubtype FROM pg_catalog.pg_range r
            WHERE (t.typtype = 'r' AND r.rngtypid = t.oid) OR (t.typtype = 'm' AND {multirange} = t.oid)
        ) n (oid)"
    )
}

/// The multirange type of a row `r` of pg_range.
fn multirange_of(version: Version) -> &'static str {
    if version.major() >= 14 { "r.rngmultitypid" } else { "0" }
}

/// The types that columns reach, and the columns' types.
pub(super) struct TypeCatalog {
    types: HashMap<u32, Type>,
    /// By relation and column name.
    columns: HashMap<(u32, String), u32>,
    /// Whether servers of this version compare the type OIDs inside arrays and composites with their own (up to 13).
    compares_oids: bool,
}

struct Type {
    name: String,
    form: Form,
    parts: Vec<u32>,
    is_binary: bool,
    /// Of pg_catalog, and not to be sent in binary although it could be.
    obstacle: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Array,
    Domain,
    Composite,
    Range,
    Multirange,
}

/// What is to be known of a type to move its values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// How values compare.
    pub value: ValueKind,
    /// Where values embed OIDs that differ between databases.
    pub shape: Shape,
    /// Why values cannot travel in binary: the type that forbids it, and the reason.
    pub obstacle: Option<String>,
}

impl TypeCatalog {
    /// From the results of [`queries`].
    pub(super) fn read(results: &Results, version: Version) -> Result<Self, Error> {
        let mut types = HashMap::new();
        for row in results.rows(TYPES) {
            let form = match row.text("form")? {
                "array" => Form::Array,
                "domain" => Form::Domain,
                "composite" => Form::Composite,
                "range" => Form::Range,
                "multirange" => Form::Multirange,
                _ => Form::Plain,
            };
            let parts = row.list("parts")?.into_iter().map(str::parse);
            let parts =
                parts.collect::<Result<_, _>>().map_err(|_| row.problem("parts", "is no list of OIDs"))?;
            let name = row.text("name")?.to_owned();
            let obstacle = if row.bool("is_system")? { obstacle(row.text("typname")?) } else { None };
            types.insert(
                row.oid("oid")?,
                Type { name, form, parts, is_binary: row.bool("is_binary")?, obstacle },
            );
        }
        let mut columns = HashMap::new();
        for row in results.rows(COLUMNS) {
            columns.insert((row.oid("attrelid")?, row.text("attname")?.to_owned()), row.oid("atttypid")?);
        }
        Ok(TypeCatalog { types, columns, compares_oids: version.major() <= 13 })
    }

    /// Fills in how the rows of a relation travel: its columns' values and shapes, and the reason for text if there is one.
    pub(super) fn complete(&self, relation: &mut Relation) {
        let mut embeds = None;
        for column in &mut relation.columns {
            let Some(&oid) = self.columns.get(&(relation.oid, column.name.clone())) else { continue };
            let decision = self.decide(oid);
            if let Some(obstacle) = decision.obstacle {
                relation.text_reason.get_or_insert_with(|| format!("column {}: {obstacle}", column.name));
            }
            if decision.shape != Shape::Plain && embeds.is_none() {
                embeds = Some(format!(
                    "column {}: values of type {} hold OIDs of types, which servers up to 13 compare with their own",
                    column.name, column.type_name
                ));
            }
            column.value = decision.value;
            column.shape = decision.shape;
        }
        if self.compares_oids && relation.text_reason.is_none() {
            relation.text_reason = embeds;
        }
    }

    /// What is to be known of a type.
    pub(super) fn decide(&self, oid: u32) -> Decision {
        self.decide_at(oid, 0)
    }

    fn decide_at(&self, oid: u32, depth: usize) -> Decision {
        let mut decision = Decision { value: value_kind(oid), shape: Shape::Plain, obstacle: None };
        let Some(r#type) = self.types.get(&oid) else {
            decision.obstacle = Some(format!("type with OID {oid} is not in the catalog"));
            return decision;
        };
        if depth > DEEPEST {
            decision.obstacle = Some(format!("type {} is nested too deeply", r#type.name));
            return decision;
        }
        let parts: Vec<Decision> = r#type.parts.iter().map(|&part| self.decide_at(part, depth + 1)).collect();
        decision.obstacle = if let Some(obstacle) = r#type.obstacle {
            Some(format!("values of type {} {obstacle}", r#type.name))
        } else if !r#type.is_binary {
            Some(format!("type {} has no binary input and output functions", r#type.name))
        } else {
            parts.iter().find_map(|part| part.obstacle.clone())
        };
        let embedded = parts.iter().any(|part| part.shape != Shape::Plain);
        let unfixed_part = r#type.parts.iter().any(|&part| part >= FIRST_UNFIXED_OID);
        let value = parts.first().map(|part| part.value);
        let mut shapes = parts.into_iter().map(|part| part.shape);
        match r#type.form {
            Form::Plain => {}
            Form::Domain => {
                decision.value = value.unwrap_or(ValueKind::Opaque);
                decision.shape = shapes.next().unwrap_or(Shape::Plain);
            }
            Form::Composite if embedded || unfixed_part => {
                decision.shape = Shape::Composite(shapes.collect())
            }
            Form::Array if embedded || unfixed_part => {
                decision.shape = Shape::Array(Box::new(shapes.next().unwrap_or(Shape::Plain)));
            }
            Form::Range if embedded => {
                decision.shape = Shape::Range(Box::new(shapes.next().unwrap_or(Shape::Plain)));
            }
            Form::Multirange if embedded => {
                decision.shape = Shape::Multirange(Box::new(shapes.next().unwrap_or(Shape::Plain)));
            }
            Form::Composite | Form::Array | Form::Range | Form::Multirange => {}
        }
        decision
    }
}

/// What speaks against binary for a type of pg_catalog that has binary input and output functions.
fn obstacle(name: &str) -> Option<&'static str> {
    match name {
        "regclass" | "regtype" | "regproc" | "regprocedure" | "regoper" | "regoperator" | "regconfig"
        | "regdictionary" | "regcollation" | "regrole" | "regnamespace" | "regdatabase" => {
            Some("are OIDs in binary, which mean something else in another database")
        }
        // An empty tsquery: 13.23, 17.10 and 18.4 say "malformed tsquery: operand not found", 15.20 takes it.
        "int2vector" | "oidvector" | "tsquery" => Some("cannot be read back in binary when they are empty"),
        "pg_node_tree"
        | "pg_ndistinct"
        | "pg_dependencies"
        | "pg_mcv_list"
        | "pg_brin_bloom_summary"
        | "pg_brin_minmax_multi_summary" => Some("cannot be read back by any server"),
        _ => None,
    }
}

/// How values of a type of pg_catalog compare, by its OID.
fn value_kind(oid: u32) -> ValueKind {
    match oid {
        16 => ValueKind::Bool,
        20 | 21 | 23 => ValueKind::Integer,
        700 | 701 => ValueKind::Float,
        1082 => ValueKind::Date,
        1114 => ValueKind::Timestamp,
        1184 => ValueKind::Timestamptz,
        2950 => ValueKind::Uuid,
        _ => ValueKind::Opaque,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Attribute;

    const INT4: u32 = 23;
    const REGCLASS: u32 = 2205;
    const ENUM: u32 = 20000;
    const INTS: u32 = 1007;
    const INITDBS: u32 = 13500;

    fn catalog(user: &[(u32, Form, &[u32])], compares_oids: bool) -> TypeCatalog {
        let mut types = HashMap::new();
        let known: &[(u32, Form, &[u32])] = &[
            (INT4, Form::Plain, &[]),
            (ENUM, Form::Plain, &[]),
            (INITDBS, Form::Plain, &[]),
            (INTS, Form::Array, &[INT4]),
            (REGCLASS, Form::Plain, &[]),
        ];
        for &(oid, form, parts) in known.iter().chain(user) {
            let obstacle = if oid == REGCLASS { obstacle("regclass") } else { None };
            let name = format!("type {oid}");
            types.insert(oid, Type { name, form, parts: parts.to_vec(), is_binary: true, obstacle });
        }
        TypeCatalog { types, columns: HashMap::new(), compares_oids }
    }

    fn shape(user: &[(u32, Form, &[u32])], oid: u32) -> Shape {
        let decision = catalog(user, false).decide(oid);
        assert_eq!(decision.obstacle, None);
        decision.shape
    }

    #[test]
    fn shapes_follow_the_embedded_oids_only() {
        assert_eq!(shape(&[], ENUM), Shape::Plain);
        assert_eq!(shape(&[], INTS), Shape::Plain);
        assert_eq!(shape(&[(20001, Form::Array, &[ENUM])], 20001), Shape::Array(Box::new(Shape::Plain)));
        assert_eq!(shape(&[(13501, Form::Array, &[INITDBS])], 13501), Shape::Array(Box::new(Shape::Plain)));
        assert_eq!(shape(&[(20002, Form::Composite, &[INT4, INTS])], 20002), Shape::Plain);
        let nested: &[(u32, Form, &[u32])] = &[
            (20001, Form::Array, &[ENUM]),
            (20002, Form::Composite, &[INT4, 20001]),
            (20003, Form::Domain, &[20002]),
            (20004, Form::Range, &[20003]),
        ];
        let composite = Shape::Composite(vec![Shape::Plain, Shape::Array(Box::new(Shape::Plain))]);
        assert_eq!(shape(nested, 20003), composite);
        assert_eq!(shape(nested, 20004), Shape::Range(Box::new(composite)));
    }

    #[test]
    fn a_domain_compares_like_its_base() {
        assert_eq!(catalog(&[(20001, Form::Domain, &[INT4])], false).decide(20001).value, ValueKind::Integer);
        assert_eq!(catalog(&[(20001, Form::Array, &[INT4])], false).decide(20001).value, ValueKind::Opaque);
    }

    #[test]
    fn reg_types_are_found_however_deep() {
        let types =
            catalog(&[(20001, Form::Composite, &[INT4, REGCLASS]), (20002, Form::Array, &[20001])], false);
        let obstacle = types.decide(20002).obstacle.unwrap_or_default();
        assert!(obstacle.contains("type 2205") && obstacle.contains("OIDs"), "{obstacle}");
    }

    #[test]
    fn nesting_has_a_limit() {
        let chain: Vec<(u32, [u32; 1])> = (0..40).map(|at| (30000 + at, [30001 + at])).collect();
        let user: Vec<(u32, Form, &[u32])> =
            chain.iter().map(|(oid, part)| (*oid, Form::Domain, &part[..])).collect();
        let obstacle = catalog(&user, false).decide(30000).obstacle.unwrap_or_default();
        assert!(obstacle.contains("nested too deeply"), "{obstacle}");
    }

    #[test]
    fn old_servers_get_text_where_oids_are_embedded() {
        for compares_oids in [true, false] {
            let mut types = catalog(&[(20001, Form::Array, &[ENUM])], compares_oids);
            types.columns.insert((1, "c".to_owned()), 20001);
            let column = Attribute {
                name: "c".to_owned(),
                type_name: "public.e[]".to_owned(),
                value: ValueKind::Opaque,
                shape: Shape::Plain,
            };
            let mut relation = Relation {
                oid: 1,
                schema: "public".to_owned(),
                name: "t".to_owned(),
                bytes: 0,
                pages: 0,
                is_heap: true,
                columns: vec![column],
                text_reason: None,
                root: None,
                condition: None,
                large_objects: Vec::new(),
            };
            types.complete(&mut relation);
            assert_eq!(relation.text_reason.is_some(), compares_oids);
            assert_eq!(relation.columns[0].shape, Shape::Array(Box::new(Shape::Plain)));
        }
    }
}
