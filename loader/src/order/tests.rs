//! The order of constructors: every row of the table that the linking ABI gives, after glibc's
//! own tests. The main program is `{}`; without an edge of its own it needs the first dso.

use std::collections::BTreeMap;

use super::{Dependencies, by_needed, for_destructors};
use crate::dso::DsoId;

/// What each dso needs, and is bound to besides.
struct Graph(Vec<Vec<DsoId>>, Vec<Vec<DsoId>>);

impl Dependencies for Graph {
    fn needed(&self, id: DsoId) -> &[DsoId] {
        &self.0[id.0 as usize]
    }

    fn bound_to(&self, id: DsoId) -> &[DsoId] {
        &self.1[id.0 as usize]
    }
}

/// Constructors run from the end of the order.
fn construction_order(ids: &[DsoId], needed: Vec<Vec<DsoId>>) -> Vec<DsoId> {
    let bound_to = vec![Vec::new(); needed.len()];
    let mut order = by_needed(ids, &Graph(needed, bound_to), false);
    order.reverse();
    order
}

/// Reads `a->[bc]->d;c->e`: each group of a chain needs each of the next.
fn edges(graph: &str) -> BTreeMap<char, Vec<char>> {
    let mut edges: BTreeMap<char, Vec<char>> = BTreeMap::new();
    for chain in graph.split(';') {
        let groups: Vec<Vec<char>> = chain.split("->").map(group).collect();
        for (from, to) in groups.iter().zip(&groups[1..]) {
            for each in from {
                edges.entry(*each).or_default().extend(to);
            }
        }
    }
    let mut targets: Vec<char> = edges.values().flatten().copied().collect();
    targets.push('a');
    edges.entry('*').or_insert_with(|| vec!['a']);
    for target in targets {
        edges.entry(target).or_default();
    }
    edges
}

fn group(text: &str) -> Vec<char> {
    match text {
        "{}" => vec!['*'],
        _ => text.chars().filter(|letter| letter.is_alphabetic()).collect(),
    }
}

fn output(graph: &str) -> String {
    let edges = edges(graph);
    let mut load_order = vec!['*'];
    let mut next = 0;
    while let Some(letter) = load_order.get(next) {
        for needed in &edges[letter] {
            if !load_order.contains(needed) {
                load_order.push(*needed);
            }
        }
        next += 1;
    }
    let id = |letter: char| {
        let position = load_order.iter().position(|other| *other == letter).expect("loaded");
        DsoId(position as u32)
    };
    let needed: Vec<Vec<DsoId>> = load_order
        .iter()
        .map(|letter| edges[letter].iter().map(|needed| id(*needed)).collect())
        .collect();
    let ids: Vec<DsoId> = load_order.iter().map(|letter| id(*letter)).collect();
    let order = construction_order(&ids, needed);
    let letters: Vec<char> = order.iter().map(|id| load_order[id.0 as usize]).collect();
    assert_eq!(letters.last(), Some(&'*'), "the main program comes last in {graph}");
    let libraries = &letters[..letters.len() - 1];
    let constructed: String = libraries.iter().map(|letter| format!("{letter}>")).collect();
    let destructed: String = libraries.iter().rev().map(|letter| format!("<{letter}")).collect();
    format!("{constructed}{{}}{destructed}")
}

#[track_caller]
fn check(graph: &str, expected: &str) {
    assert_eq!(output(graph), expected, "{graph}");
}

#[test]
fn dependencies_come_first() {
    check("a->b->c", "c>b>a>{}<a<b<c");
    check("a->b->[cd]->e", "e>d>c>b>a>{}<a<b<c<d<e");
    check("a->[bc]->[def]->[gh]->i", "i>h>g>f>e>d>c>b>a>{}<a<b<c<d<e<f<g<h<i");
    check("a->b->[de];a->c->d->e", "e>d>c>b>a>{}<a<b<c<d<e");
    check("a->[bcde]->f", "f>e>d>c>b>a>{}<a<b<c<d<e<f");
    check("a->[bc];b->[cde];e->f", "f>e>d>c>b>a>{}<a<b<c<d<e<f");
}

#[test]
fn the_order_on_the_command_line_does_not_matter() {
    let mut count = 0;
    let mut letters = ['a', 'b', 'c', 'd', 'e'];
    permutations(&mut letters, 0, &mut |order: &[char]| {
        let order: String = order.iter().collect();
        check(&format!("a->b->c->d->e;{{}}->[{order}]"), "e>d>c>b>a>{}<a<b<c<d<e");
        count += 1;
    });
    assert_eq!(count, 120);
}

fn permutations(letters: &mut [char; 5], fixed: usize, each: &mut impl FnMut(&[char])) {
    if fixed == letters.len() {
        each(letters);
        return;
    }
    for other in fixed..letters.len() {
        letters.swap(fixed, other);
        permutations(letters, fixed + 1, each);
        letters.swap(fixed, other);
    }
}

#[test]
fn a_cycle_is_broken_at_the_back_edge() {
    // What glibc 2.36 prints for these graphs.
    check("a->b->c->a", "b>a>c>{}<c<a<b");
    check("a->b->a", "a>b>{}<b<a");
    check("a->a", "a>{}<a");
}

#[test]
fn a_long_chain_does_not_use_up_the_stack() {
    let ids: Vec<DsoId> = (0..200_000).map(DsoId).collect();
    let needed: Vec<Vec<DsoId>> =
        ids.iter().map(|id| ids.get(id.0 as usize + 1).copied().into_iter().collect()).collect();
    let order = construction_order(&ids, needed);
    assert_eq!(order.first(), Some(&DsoId(199_999)));
}

#[test]
fn the_first_can_be_kept_first() {
    let ids = [DsoId(0), DsoId(1), DsoId(2)];
    let ring = Graph(vec![vec![], vec![DsoId(2)], vec![DsoId(0)]], vec![vec![]; 3]);
    assert_eq!(by_needed(&ids, &ring, true), ids);
    let ring = Graph(vec![vec![DsoId(1)], vec![DsoId(2)], vec![DsoId(0)]], vec![vec![]; 3]);
    assert_eq!(by_needed(&ids, &ring, false), [DsoId(2), DsoId(0), DsoId(1)]);
    assert_eq!(by_needed(&ids, &ring, true), [DsoId(0), DsoId(2), DsoId(1)]);
}

#[test]
fn bindings_count_less_than_names() {
    let ids = [DsoId(0), DsoId(1)];
    let free = Graph(vec![vec![], vec![]], vec![vec![], vec![DsoId(0)]]);
    assert_eq!(for_destructors(&ids, &free, false), [DsoId(1), DsoId(0)]);
    let against = Graph(vec![vec![DsoId(1)], vec![]], vec![vec![], vec![DsoId(0)]]);
    assert_eq!(for_destructors(&ids, &against, false), [DsoId(0), DsoId(1)]);
}
