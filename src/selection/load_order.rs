//! In which order rows can be loaded into tables whose foreign keys are there already.

use std::collections::{BTreeMap, BTreeSet};

use super::belongs::{Belongs, Owners, dependencies, is_relation};
use crate::archive::Catalog;
use crate::graph;

/// For the entries with rows, by their places: those whose rows must be loaded before, because foreign keys refer to them.
/// A table that refers to itself is among its own. `counts` says which foreign keys count, by the places of their entries. Where
/// tables refer to each other in a circle there is no such order, and the log warns of it.
pub fn references(catalog: &Catalog, counts: impl Fn(usize) -> bool) -> BTreeMap<usize, BTreeSet<usize>> {
    let owners = Owners::of(catalog);
    // The rows of a relation and of its partitions.
    let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, _) in catalog.entries.iter().enumerate().filter(|(_, entry)| entry.table.is_some()) {
        if let Belongs::Relation(relation) = owners.of[place] {
            for above in owners.above(relation) {
                rows.entry(above).or_default().push(place);
            }
        }
    }
    let mut references: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (place, entry) in catalog.entries.iter().enumerate() {
        let Belongs::Relation(referring) = owners.of[place] else { continue };
        if entry.kind != "FK CONSTRAINT" || !counts(place) {
            continue;
        }
        let relations = dependencies(entry).filter(|need| is_relation(&catalog.entries[*need]));
        let relations: BTreeSet<usize> = relations
            .filter_map(|need| match owners.of[need] {
                Belongs::Relation(relation) => Some(relation),
                _ => None,
            })
            .collect();
        let of_extensions: Vec<usize> =
            dependencies(entry).filter(|need| catalog.is_configuration(&catalog.entries[*need])).collect();
        // A foreign key that names one table only refers to that.
        let referred: Vec<usize> = match relations.len() {
            1 if of_extensions.is_empty() => relations.into_iter().collect(),
            _ => relations.into_iter().filter(|relation| *relation != referring).collect(),
        };
        let before = referred.iter().filter_map(|relation| rows.get(relation)).flatten().copied();
        let before: Vec<usize> = before.chain(of_extensions).collect();
        for from in rows.get(&referring).into_iter().flatten() {
            references.entry(*from).or_default().extend(&before);
        }
    }
    cut_circles(catalog, &mut references);
    references
}

/// Takes out what leads around in a circle of several tables.
fn cut_circles(catalog: &Catalog, references: &mut BTreeMap<usize, BTreeSet<usize>>) {
    let places: BTreeSet<usize> =
        references.iter().flat_map(|(from, before)| before.iter().chain([from])).copied().collect();
    let places: Vec<usize> = places.into_iter().collect();
    let at = |place: &usize| places.binary_search(place).ok();
    let needs: Vec<Vec<usize>> = places
        .iter()
        .map(|place| references.get(place).into_iter().flatten().filter_map(at).collect())
        .collect();
    for circle in graph::components(&needs).into_iter().filter(|component| component.len() > 1) {
        let members: BTreeSet<usize> = circle.into_iter().map(|at| places[at]).collect();
        let names: Vec<String> =
            members.iter().map(|place| catalog.entries[*place].qualified_name()).collect();
        tracing::warn!(
            "foreign keys lead in a circle around {}: where they exist already, the rows of these tables cannot be loaded",
            names.join(", ")
        );
        for place in &members {
            if let Some(before) = references.get_mut(place) {
                before.retain(|other| other == place || !members.contains(other));
            }
        }
    }
}
