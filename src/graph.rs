//! Ordering: topological sort with priorities, strongly connected components.
//!
//! A graph is a slice: `needs[n]` lists the nodes that node `n` needs, by their places in the slice; duplicates are
//! harmless. Nothing here recurses, so that a chain of a hundred thousand nodes costs no stack.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The nodes in an order in which each comes after everything it needs; among those that are ready the one with the
/// smallest key comes first. A node that needs itself, or stands in or behind a loop, is left out: the result is shorter
/// than `needs` then.
pub fn topological_order<K: Ord>(needs: &[Vec<usize>], keys: &[K]) -> Vec<usize> {
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (node, targets) in needs.iter().enumerate() {
        for &target in targets {
            needed_by[target].push(node);
        }
    }
    let mut ready: BinaryHeap<Reverse<(&K, usize)>> = (0..needs.len())
        .filter(|&node| missing[node] == 0)
        .map(|node| Reverse((&keys[node], node)))
        .collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse((_, node))) = ready.pop() {
        order.push(node);
        for &user in &needed_by[node] {
            missing[user] -= 1;
            if missing[user] == 0 {
                ready.push(Reverse((&keys[user], user)));
            }
        }
    }
    order
}

/// The strongly connected components (Tarjan), each after the components it needs; a component's nodes are sorted.
/// A node outside every loop is a component of its own.
pub fn components(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut number = vec![UNSEEN; needs.len()];
    let mut low = vec![0; needs.len()];
    let mut open = vec![false; needs.len()];
    let mut stack = Vec::new();
    let mut found = Vec::new();
    let mut next = 0;
    // A visit is a node and how many of its targets have been followed.
    let mut visits: Vec<(usize, usize)> = Vec::new();
    for root in 0..needs.len() {
        if number[root] != UNSEEN {
            continue;
        }
        visits.push((root, 0));
        while let Some(&mut (node, ref mut followed)) = visits.last_mut() {
            if *followed == 0 {
                number[node] = next;
                low[node] = next;
                next += 1;
                stack.push(node);
                open[node] = true;
            }
            if let Some(&target) = needs[node].get(*followed) {
                *followed += 1;
                if number[target] == UNSEEN {
                    visits.push((target, 0));
                } else if open[target] {
                    low[node] = low[node].min(number[target]);
                }
                continue;
            }
            visits.pop();
            if let Some(&(parent, _)) = visits.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == number[node] {
                let start = stack.iter().rposition(|&other| other == node).unwrap_or(0);
                let mut component = stack.split_off(start);
                for &member in &component {
                    open[member] = false;
                }
                component.sort_unstable();
                found.push(component);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn the_smallest_ready_key_comes_first() {
        let needs = vec![vec![2], vec![], vec![], vec![0, 1]];
        assert_eq!(topological_order(&needs, &['a', 'c', 'b', 'd']), [2, 0, 1, 3]);
    }

    #[test]
    fn equal_keys_keep_their_places_and_duplicates_are_harmless() {
        assert_eq!(topological_order(&[vec![1, 1], vec![], vec![]], &[0, 0, 0]), [1, 0, 2]);
    }

    #[test]
    fn loops_and_what_needs_them_are_left_out() {
        assert_eq!(topological_order(&[vec![1], vec![0], vec![1], vec![]], &[0, 0, 0, 0]), [3]);
    }

    #[test]
    fn components_come_after_what_they_need() {
        // 0 <-> 1 -> 2 -> 3 <-> 4, 5 needs itself.
        let needs = vec![vec![1], vec![0, 2], vec![3], vec![4], vec![3], vec![5]];
        assert_eq!(components(&needs), [vec![3, 4], vec![2], vec![0, 1], vec![5]]);
    }

    #[test]
    fn long_chains_and_long_loops_cost_no_stack() {
        const LENGTH: usize = 100_000;
        let mut chain: Vec<Vec<usize>> = (0..LENGTH).map(|node| vec![node + 1]).collect();
        chain.push(Vec::new());
        assert_eq!(components(&chain).len(), LENGTH + 1);
        let keys: Vec<usize> = (0..=LENGTH).collect();
        assert_eq!(topological_order(&chain, &keys).first(), Some(&LENGTH));
        chain[LENGTH].push(0);
        assert_eq!(components(&chain).len(), 1);
        assert!(topological_order(&chain, &keys).is_empty());
    }

    fn reaches(needs: &[Vec<usize>], from: usize, to: usize) -> bool {
        let mut seen = vec![false; needs.len()];
        let mut todo = vec![from];
        while let Some(node) = todo.pop() {
            if node == to {
                return true;
            }
            if !std::mem::replace(&mut seen[node], true) {
                todo.extend(&needs[node]);
            }
        }
        false
    }

    proptest! {
        #[test]
        fn components_are_what_reaches_each_other(edges in proptest::collection::vec((0..8usize, 0..8usize), 0..20)) {
            let mut needs = vec![Vec::new(); 8];
            for (from, to) in edges {
                needs[from].push(to);
            }
            let mut component_of = [usize::MAX; 8];
            for (at, component) in components(&needs).iter().enumerate() {
                for &node in component {
                    prop_assert_eq!(component_of[node], usize::MAX);
                    component_of[node] = at;
                }
            }
            for a in 0..8 {
                for b in 0..8 {
                    let together = reaches(&needs, a, b) && reaches(&needs, b, a);
                    prop_assert_eq!(component_of[a] == component_of[b], together);
                    prop_assert!(!needs[a].contains(&b) || component_of[b] <= component_of[a]);
                }
            }
        }
    }
}
