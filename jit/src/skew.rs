//! Where a function starts in a line of the instruction cache, for the sake of its loops.
//!
//! A processor fetches code by lines of 64 bytes, and keeps decoded instructions by them. A short loop
//! that lies in one line more than it has to takes up to a fifth longer. Cranelift puts nothing between
//! blocks to align them, but where the function starts is ours to choose: so that its innermost loops
//! lie in as few lines as possible, the deepest above all.

use cranelift_codegen::CompiledCode;

/// A line of the instruction cache.
const LINE_BYTES: u32 = 64;
/// Bodies from this size on do not gain.
const LOOP_BYTES_MAX: u32 = 512;
/// More loops of a function are not looked at.
const LOOPS_MAX: usize = 64;
/// What a loop counts for, of the one around it: the logarithm.
const NESTING_LOG2: u32 = 3;
/// Deeper loops count like this one.
const NESTING_MAX: u32 = 6;

/// Offsets of a loop's first byte and of the first behind it.
#[derive(Clone, Copy)]
struct Loop {
    start: u32,
    end: u32,
}

/// How many bytes behind the start of a line the function should start: a multiple of `step`, a power
/// of two.
pub fn skew(compiled: &CompiledCode, step: u32) -> u32 {
    best(&loops(compiled), step)
}

/// The best of all places for loops, outer ones before inner ones.
fn best(loops: &[Loop], step: u32) -> u32 {
    let innermost = loops.iter().enumerate().filter(|(position, inner)| {
        let next = loops.get(position + 1);
        inner.end - inner.start <= LOOP_BYTES_MAX && next.is_none_or(|next| next.start >= inner.end)
    });
    let innermost = innermost.map(|(_, inner)| {
        let around =
            loops.iter().filter(|outer| outer.start <= inner.start && inner.end <= outer.end);
        (*inner, NESTING_LOG2 * (around.count() as u32).min(NESTING_MAX))
    });
    let innermost: Vec<_> = innermost.collect();
    if innermost.is_empty() {
        return 0;
    }
    let cost = |skew: u32| -> u64 {
        innermost.iter().map(|(inner, weight_log2)| inner.cost(skew) << weight_log2).sum()
    };
    let candidates = (0..LINE_BYTES).step_by(step.clamp(4, LINE_BYTES) as usize);
    candidates.min_by_key(|skew| cost(*skew)).unwrap_or(0)
}

impl Loop {
    /// How many lines are fetched in a turn; of places that are equal in that, an early one in its line
    /// is better.
    fn cost(self, skew: u32) -> u64 {
        let (start, last) = (self.start + skew, self.end - 1 + skew);
        let lines = last / LINE_BYTES - start / LINE_BYTES + 1;
        u64::from(lines * LINE_BYTES + start % LINE_BYTES / 16)
    }
}

/// The loops of a function: outer before inner ones, ascending.
fn loops(compiled: &CompiledCode) -> Vec<Loop> {
    let starts = &compiled.bb_starts;
    let code_end = compiled.buffer.data().len() as u32;
    let end = |block: u32| {
        let next = starts.partition_point(|start| *start <= block);
        starts.get(next).copied().unwrap_or(code_end)
    };
    let back = compiled.bb_edges.iter().filter(|(from, to)| to <= from);
    let mut loops: Vec<_> =
        back.map(|(from, to)| Loop { start: *to, end: end(*from) }).take(LOOPS_MAX).collect();
    loops.sort_unstable_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
    // Of branches to the same place the last one ends the loop.
    loops.dedup_by_key(|found| found.start);
    loops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(loops: &[(u32, u32)], step: u32, expected: u32) {
        let loops: Vec<_> =
            loops.iter().map(|(start, end)| Loop { start: *start, end: *end }).collect();
        assert_eq!(best(&loops, step), expected);
    }

    #[test]
    fn a_loop_lies_in_as_few_lines_as_it_can() {
        check(&[], 4, 0);
        check(&[(0, 64)], 4, 0);
        check(&[(40, 80)], 4, 24);
        // Constants behind the code are aligned to 16 bytes.
        check(&[(40, 80)], 16, 32);
        check(&[(40, 140)], 4, 24);
    }

    #[test]
    fn inner_loops_count_more_than_others_and_outer_ones_nothing() {
        check(&[(0, 60), (100, 300), (120, 160)], 4, 8);
        check(&[(30, 90), (100, 1000)], 4, 36);
    }
}
