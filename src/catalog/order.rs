//! Order: which parts are created inside their hosts, what moves to post-data, and in which order objects are restored.
//!
//! An object may need only what is in its own section or an earlier one, and needs must not run in circles. Where the
//! catalog says otherwise, this module repairs it the way pg_dump does: a part (a default, a CHECK) is taken out of its
//! host's statement; a view is created with empty content first and gets its definition in post-data; a function or
//! materialized view moves to post-data, and takes along what needs it. What cannot be repaired is cut with a warning.

use std::collections::{BTreeSet, HashMap};

use rayon::slice::ParallelSliceMut as _;

use super::dependencies::Needs;
use super::{Draft, ObjectId, Repair, Section};
use crate::graph;

/// What a node of the order creates of its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// All of it.
    Whole,
    /// The view without content.
    Dummy,
    /// The content of the view that was created as a dummy.
    Replacement,
}

/// A place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// The draft.
    pub draft: usize,
    /// What of it.
    pub form: Form,
    /// The section in which it ended up.
    pub section: Section,
    /// Earlier places in the order.
    pub needs: Vec<usize>,
}

/// The order of a database's objects.
#[derive(Debug)]
pub(super) struct Order {
    /// The objects; parts that are created inside others have no place of their own.
    pub nodes: Vec<Node>,
    /// For each draft the place where it is created.
    pub place: Vec<usize>,
    /// The parts that stand alone though they could be inside their hosts.
    pub separate: BTreeSet<ObjectId>,
}

/// Orders the drafts. `needs` go along with `drafts`. Where needs
/// leave a choice, section, pass, kind, schema and name decide, so that equal databases give equal orders.
pub(super) fn order(drafts: &[Draft], needs: Vec<Needs>) -> Order {
    let mut sorter = Sorter::new(drafts, needs);
    loop {
        sorter.repair_sections();
        if !sorter.repair_loops() {
            return sorter.finish();
        }
    }
}

struct Sorter<'a> {
    drafts: &'a [Draft],
    needs: Vec<Needs>,
    /// For parts that are inside their host: the host.
    host: Vec<Option<usize>>,
    /// The parts inside each draft.
    parts: Vec<Vec<usize>>,
    separate: BTreeSet<ObjectId>,
    section: Vec<Section>,
    dummies: Vec<usize>,
    is_dummy: Vec<bool>,
}

impl<'a> Sorter<'a> {
    fn new(drafts: &'a [Draft], needs: Vec<Needs>) -> Self {
        let by_id: HashMap<ObjectId, usize> =
            drafts.iter().enumerate().map(|(at, draft)| (draft.id, at)).collect();
        let host: Vec<Option<usize>> =
            drafts.iter().map(|draft| by_id.get(&draft.inline_in?).copied()).collect();
        let mut parts = vec![Vec::new(); drafts.len()];
        for (part, host) in host.iter().enumerate() {
            if let Some(host) = *host {
                parts[host].push(part);
            }
        }
        Sorter {
            drafts,
            needs,
            host,
            parts,
            separate: BTreeSet::new(),
            section: drafts.iter().map(|draft| draft.section).collect(),
            dummies: Vec::new(),
            is_dummy: vec![false; drafts.len()],
        }
    }

    /// The draft in whose statement a draft is created: its host, or itself.
    fn place(&self, draft: usize) -> usize {
        self.host[draft].unwrap_or(draft)
    }

    fn separate(&mut self, part: usize) {
        if let Some(host) = self.host[part].take() {
            self.parts[host].retain(|&other| other != part);
            self.separate.insert(self.drafts[part].id);
        }
    }

    fn make_dummy(&mut self, view: usize) {
        self.is_dummy[view] = true;
        self.dummies.push(view);
    }

    fn can_be_dummy(&self, draft: usize) -> bool {
        !self.is_dummy[draft] && matches!(self.drafts[draft].repair, Repair::DummyView { .. })
    }

    /// Takes out a need that nothing can satisfy in time.
    fn cut(&mut self, from: usize, to: usize) {
        tracing::warn!(
            "{} needs {}, which cannot be created before it: restoring it may fail",
            self.drafts[from].describe(),
            self.drafts[to].describe()
        );
        self.needs[from].remove(to);
    }

    /// Until nothing needs anything of a later section.
    fn repair_sections(&mut self) {
        loop {
            let mut changed = false;
            for draft in 0..self.drafts.len() {
                let late: Vec<(usize, bool)> = self.needs[draft]
                    .iter()
                    .filter(|&(to, own)| (own || !self.is_dummy[draft]) && self.is_late(draft, to))
                    .collect();
                for (to, own) in late {
                    if self.is_late(draft, to) && (own || !self.is_dummy[draft]) {
                        self.repair_late(draft, to, own);
                        changed = true;
                    }
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn is_late(&self, draft: usize, to: usize) -> bool {
        self.section[self.place(to)] > self.section[self.place(draft)]
    }

    fn repair_late(&mut self, draft: usize, to: usize, own: bool) {
        let stands_alone = self.separate.contains(&self.drafts[draft].id);
        if self.host[draft].is_some() {
            self.separate(draft);
        } else if !own && self.can_be_dummy(draft) {
            self.make_dummy(draft);
        } else if stands_alone || self.drafts[draft].repair == Repair::Postpone {
            self.section[draft] = Section::PostData;
        } else {
            self.cut(draft, to);
        }
    }

    /// The graph of places: one node per draft, then one per replacement of a dummy. Parts inside hosts have no edges.
    fn graph(&self) -> Vec<Vec<usize>> {
        let count = self.drafts.len();
        let mut graph = vec![Vec::new(); count + self.dummies.len()];
        for (draft, needs) in self.needs.iter().enumerate() {
            let from = self.place(draft);
            let targets = needs.iter().filter(|&(_, own)| own || !self.is_dummy[draft]);
            graph[from].extend(targets.map(|(to, _)| self.place(to)).filter(|&to| to != from));
        }
        for (at, &view) in self.dummies.iter().enumerate() {
            graph[count + at].push(view);
            graph[count + at].extend(self.needs[view].drafts().map(|to| self.place(to)));
        }
        for targets in &mut graph {
            targets.sort_unstable();
            targets.dedup();
            targets.shrink_to_fit();
        }
        graph
    }

    /// One repair in every loop; false when there is none.
    fn repair_loops(&mut self) -> bool {
        let graph = self.graph();
        let mut found = false;
        for component in graph::components(&graph) {
            if component.len() > 1 {
                found = true;
                let members: BTreeSet<usize> = component.into_iter().collect();
                self.repair_loop(&members, &graph);
            }
        }
        found
    }

    fn repair_loop(&mut self, members: &BTreeSet<usize>, graph: &[Vec<usize>]) {
        let needs_members = |sorter: &Self, part: usize, host: usize| {
            let mut places = sorter.needs[part].drafts().map(|to| sorter.place(to));
            places.any(|to| to != host && members.contains(&to))
        };
        let mut separated = false;
        for &host in members {
            let parts: Vec<usize> = self.parts[host].clone();
            for part in parts.into_iter().filter(|&part| needs_members(self, part, host)).collect::<Vec<_>>()
            {
                self.separate(part);
                separated = true;
            }
        }
        if separated {
            return;
        }
        let by_definition = |view: &usize| {
            let mut needs = self.needs[*view].iter();
            self.can_be_dummy(*view) && needs.any(|(to, own)| !own && members.contains(&self.place(to)))
        };
        let key = |place: &usize| self.key(*place);
        if let Some(view) = members.iter().copied().filter(by_definition).min_by_key(key) {
            self.make_dummy(view);
            return;
        }
        let Some(from) = members.iter().copied().min_by_key(key) else { return };
        let Some(to) = graph[from].iter().copied().filter(|to| members.contains(to)).min_by_key(key) else {
            return;
        };
        let pairs: Vec<(usize, usize)> = std::iter::once(from)
            .chain(self.parts[from].iter().copied())
            .flat_map(|part| self.needs[part].drafts().map(move |target| (part, target)))
            .filter(|&(_, target)| self.place(target) == to)
            .collect();
        for (part, target) in pairs {
            self.cut(part, target);
        }
    }

    fn key(&self, place: usize) -> impl Ord + Send + use<'a> {
        let count = self.drafts.len();
        let (at, form) = if place < count {
            (place, if self.is_dummy[place] { Form::Dummy } else { Form::Whole })
        } else {
            (self.dummies[place - count], Form::Replacement)
        };
        let draft = &self.drafts[at];
        let section = if form == Form::Replacement { Section::PostData } else { self.section[at] };
        (section, draft.pass, draft.rank, &draft.schema, &draft.name, draft.kind, draft.id, form)
    }

    /// The rank of each place by its key.
    fn ranks(&self, places: usize) -> Vec<usize> {
        let mut by_key: Vec<usize> = (0..places).collect();
        by_key.par_sort_unstable_by(|left, right| self.key(*left).cmp(&self.key(*right)));
        let mut ranks = vec![0; places];
        by_key.iter().enumerate().for_each(|(rank, place)| ranks[*place] = rank);
        ranks
    }

    fn finish(self) -> Order {
        let count = self.drafts.len();
        let mut graph = self.graph();
        let sorted = graph::topological_order(&graph, &self.ranks(graph.len()));
        let mut position = vec![0; graph.len()];
        let mut nodes = Vec::new();
        for node in sorted {
            if self.host.get(node).is_some_and(Option::is_some) {
                continue;
            }
            position[node] = nodes.len();
            let mut needs = std::mem::take(&mut graph[node]);
            needs.iter_mut().for_each(|to| *to = position[*to]);
            needs.sort_unstable();
            let (draft, form, section) = if node >= count {
                (self.dummies[node - count], Form::Replacement, Section::PostData)
            } else if self.is_dummy[node] {
                (node, Form::Dummy, self.section[node])
            } else {
                (node, Form::Whole, self.section[node])
            };
            nodes.push(Node { draft, form, section, needs });
        }
        let place = (0..count).map(|draft| position[self.place(draft)]).collect();
        Order { nodes, place, separate: self.separate }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
