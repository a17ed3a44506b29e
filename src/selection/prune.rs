//! The catalog of what was chosen alone, for the archive of a dump.

use std::collections::{BTreeMap, BTreeSet};

use super::belongs::dependencies;
use super::{Choice, Place, SELECTION, Selection, names_role, place, references};
use crate::archive::{Catalog, Entry, Source, Table};
use crate::graph;

impl Selection {
    /// The chosen entries with new ids, and the numbers that their tables had before. A dependency on an entry that is left out
    /// becomes one on what that depends on.
    pub fn prune(&self, catalog: Catalog, choice: &Choice) -> (Catalog, Vec<u32>) {
        if self.describe().is_empty() {
            let numbers = (0..catalog.tables.len() as u32).collect();
            return (catalog, numbers);
        }
        let order = order(&catalog, choice);
        let selected = selected_tables(&catalog, choice);
        let mut ids: Vec<Option<u32>> = vec![None; catalog.entries.len()];
        order.iter().zip(1u32..).for_each(|((place, _), id)| ids[*place] = Some(id));
        let ids_of = ids_of(&catalog, &ids);
        let mut entries: Vec<Option<Entry>> = catalog.entries.into_iter().map(Some).collect();
        let mut tables: Vec<Option<Table>> = catalog.tables.into_iter().map(Some).collect();
        let (mut kept, mut kept_tables, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for (place, before) in order {
            let (Some(mut entry), Some(id)) = (entries[place].take(), ids[place]) else { continue };
            entry.id = id;
            let mut needs: BTreeSet<u32> =
                entry.dependencies.iter().flat_map(|id| &ids_of[*id as usize - 1]).copied().collect();
            needs.extend(before.iter().filter_map(|place| ids[*place]));
            needs.remove(&entry.id);
            entry.dependencies = needs.into_iter().collect();
            self.strip(&mut entry);
            if let Some(number) = entry.table
                && let Some(mut table) = tables.get_mut(number as usize).and_then(Option::take)
            {
                table.entry = entry.id;
                // A table is loaded through its root only where that is selected too.
                table.root.take_if(|root| !selected.contains(root));
                entry.table = Some(kept_tables.len() as u32);
                kept_tables.push(table);
                numbers.push(number);
            }
            kept.push(entry);
        }
        let mut source = catalog.source;
        self.prune_source(&mut source, &kept);
        (Catalog { source, entries: kept, tables: kept_tables }, numbers)
    }

    fn strip(&self, entry: &mut Entry) {
        // There it is the role that has the settings, is the member, has the privileges.
        let is_of_role =
            matches!(entry.kind.as_str(), "ROLE PROPERTIES" | "ROLE MEMBERSHIP" | "PARAMETER ACL");
        if self.options.no_owner && !is_of_role {
            (entry.owner, entry.owned) = (None, None);
        }
        if self.options.no_tablespaces {
            entry.tablespace = None;
        }
    }

    fn prune_source(&self, source: &mut Source, entries: &[Entry]) {
        source.settings.push((SELECTION.to_owned(), self.describe()));
        if !self.is_partial() && !self.options.no_owner && !self.options.no_privileges {
            return;
        }
        let inside = entries.iter().filter(|entry| place(entries, entry) == Place::Inside);
        source.roles.retain(|role| inside.clone().any(|entry| names_role(entry, role)));
        source
            .policy_roles
            .retain(|role| entries.iter().any(|entry| entry.kind == "POLICY" && names_role(entry, role)));
        let needed = |name: &str| entries.iter().any(|entry| entry.kind == "EXTENSION" && entry.name == name);
        source.extensions.retain(|extension| needed(&extension.name));
    }
}

/// Schema and name of every table that is selected, though perhaps its definition is not.
fn selected_tables(catalog: &Catalog, choice: &Choice) -> BTreeSet<(String, String)> {
    let tables = catalog.entries.iter().enumerate().filter(|(_, entry)| entry.kind == "TABLE");
    let selected = tables.filter(|(place, _)| choice.selects(*place));
    selected.filter_map(|(_, entry)| Some((entry.schema.clone()?, entry.name.clone()))).collect()
}

/// The places of the chosen entries in a new order, with places of rows that come before. That of the catalog, but where rows come
/// without the foreign keys of their tables, they come in an order in which they can be loaded into tables that have those.
fn order(catalog: &Catalog, choice: &Choice) -> Vec<(usize, Vec<usize>)> {
    let chosen: Vec<usize> = (0..catalog.entries.len()).filter(|place| choice.contains(*place)).collect();
    let has_rows = chosen.iter().any(|place| catalog.entries[*place].table.is_some());
    let before = if has_rows { references(catalog, |key| !choice.contains(key)) } else { BTreeMap::new() };
    if before.is_empty() {
        return chosen.into_iter().map(|place| (place, Vec::new())).collect();
    }
    let at = |place: &usize| chosen.binary_search(place).ok();
    let before = |place: &usize| {
        let before =
            before.get(place).into_iter().flatten().filter(|other| *other != place && at(other).is_some());
        before.copied().collect::<Vec<_>>()
    };
    let needs: Vec<Vec<usize>> = chosen
        .iter()
        .map(|place| {
            let own = dependencies(&catalog.entries[*place]);
            own.chain(before(place)).filter_map(|need| at(&need)).collect()
        })
        .collect();
    let keys: Vec<usize> = (0..chosen.len()).collect();
    let sorted = graph::topological_order(&needs, &keys);
    sorted.into_iter().map(|at| (chosen[at], before(&chosen[at]))).collect()
}

/// For each entry its new id, or for one that is left out those of what it depends on.
fn ids_of(catalog: &Catalog, ids: &[Option<u32>]) -> Vec<BTreeSet<u32>> {
    let mut of: Vec<BTreeSet<u32>> = Vec::with_capacity(catalog.entries.len());
    for (place, entry) in catalog.entries.iter().enumerate() {
        let through = || dependencies(entry).flat_map(|need| &of[need]).copied().collect();
        let here = ids[place].map_or_else(through, |id| BTreeSet::from([id]));
        of.push(here);
    }
    of
}
