//! From what the catalog layer found to what the archive carries: the same facts in the archive's own types.

use crate::archive;
use crate::catalog::{Attribute, Inventory, Lock, Object, Pass, Relation, Section, Shape, ValueKind};
use crate::script;

/// The archive's catalog, and the relation behind each of its tables, in the same order.
pub fn catalog(source: archive::Source, inventory: Inventory) -> (archive::Catalog, Vec<Relation>) {
    let mut entries = Vec::with_capacity(inventory.objects.len());
    let mut tables = Vec::new();
    let mut relations = Vec::new();
    for (id, mut object) in (1u32..).zip(inventory.objects) {
        let table = object.data.take().map(|relation| {
            let number = tables.len() as u32;
            tables.push(table(id, &relation));
            relations.push(*relation);
            number
        });
        entries.push(entry(id, object, table));
    }
    let mut catalog = archive::Catalog { source, entries, tables };
    let reasons =
        script::unknown_columns(&catalog).map(|column| column.map(only_as_text)).collect::<Vec<_>>();
    for (table, reason) in catalog.tables.iter_mut().zip(reasons) {
        if reason.is_some() {
            (table.transfer, table.text_reason) = (archive::Transfer::Text, reason);
        }
    }
    (catalog, relations)
}

/// A binary form that only the server can read would be of no use in a script, and may change with the extension.
fn only_as_text(column: &archive::Column) -> String {
    format!("column {}: the binary form of type {} is not known", column.name, column.type_name)
}

fn entry(id: u32, object: Object, table: Option<u32>) -> archive::Entry {
    archive::Entry {
        id,
        kind: object.kind.to_owned(),
        schema: object.schema,
        name: object.name,
        owner: object.owner,
        section: match object.section {
            Section::PreData => archive::Section::PreData,
            Section::Data => archive::Section::Data,
            Section::PostData => archive::Section::PostData,
        },
        pass: match object.pass {
            Pass::Main => archive::Pass::Main,
            Pass::Acl => archive::Pass::Acl,
            Pass::PostAcl => archive::Pass::PostAcl,
        },
        lock: match object.lock {
            Lock::None => archive::Lock::None,
            Lock::Share => archive::Lock::Share,
            Lock::Exclusive => archive::Lock::Exclusive,
        },
        create: object.create,
        drop: object.drop,
        owned: object.owned,
        tablespace: object.tablespace,
        access_method: object.access_method,
        dependencies: object.dependencies.into_iter().map(|place| place as u32 + 1).collect(),
        table,
    }
}

fn table(entry: u32, relation: &Relation) -> archive::Table {
    archive::Table {
        entry,
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        transfer: match relation.text_reason {
            None => archive::Transfer::Binary,
            Some(_) => archive::Transfer::Text,
        },
        text_reason: relation.text_reason.clone(),
        root: relation.root.clone(),
        condition: relation.condition.clone(),
        columns: relation.columns.iter().map(column).collect(),
    }
}

fn column(attribute: &Attribute) -> archive::Column {
    archive::Column {
        name: attribute.name.clone(),
        type_name: attribute.type_name.clone(),
        value: match attribute.value {
            ValueKind::Opaque => archive::ValueKind::Opaque,
            ValueKind::Bool => archive::ValueKind::Bool,
            ValueKind::Integer => archive::ValueKind::Integer,
            ValueKind::Float => archive::ValueKind::Float,
            ValueKind::Date => archive::ValueKind::Date,
            ValueKind::Timestamp => archive::ValueKind::Timestamp,
            ValueKind::Timestamptz => archive::ValueKind::Timestamptz,
            ValueKind::Uuid => archive::ValueKind::Uuid,
        },
        shape: shape(&attribute.shape),
    }
}

fn shape(of: &Shape) -> archive::Shape {
    match of {
        Shape::Plain => archive::Shape::Plain,
        Shape::Array(element) => archive::Shape::Array(Box::new(shape(element))),
        Shape::Composite(fields) => archive::Shape::Composite(fields.iter().map(shape).collect()),
        Shape::Range(bound) => archive::Shape::Range(Box::new(shape(bound))),
        Shape::Multirange(bound) => archive::Shape::Multirange(Box::new(shape(bound))),
    }
}
