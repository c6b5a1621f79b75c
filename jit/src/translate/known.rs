//! What is known of references where control is: by their types, and by what has not trapped or
//! branched away so far.

use std::collections::HashMap;

use cranelift_codegen::ir::Value;

/// What a reference can refer to, from anything to little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    /// It may be anything: an object, a number, something of the host's.
    Any,
    /// An object or a number.
    Eq,
    /// An object.
    Object,
    /// An object that is no array.
    Struct,
}

/// What is known of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What it refers to, if it is not null.
    pub bound: Bound,
    pub is_non_null: bool,
}

impl Known {
    /// Nothing.
    pub const NOTHING: Known = Known { bound: Bound::Any, is_non_null: false };

    fn and(self, other: Known) -> Known {
        Known {
            bound: self.bound.max(other.bound),
            is_non_null: self.is_non_null || other.is_non_null,
        }
    }
}

/// What is known of all references of a function. A fact holds from where it was learnt as far as
/// control can come from there only: blocks forget at their ends what was learnt inside.
#[derive(Debug, Default)]
pub(super) struct Facts {
    known: HashMap<Value, Known>,
    /// What was known before each fact that was learnt, to forget it.
    learnt: Vec<(Value, Known)>,
    /// Results of tests: the reference that is not null if the result is not zero, or if it is.
    tests: HashMap<Value, (Value, bool)>,
}

impl Facts {
    /// What is known of `value` here.
    pub(super) fn of(&self, value: Value) -> Known {
        self.known.get(&value).copied().unwrap_or(Known::NOTHING)
    }

    /// Of a value that was just made: holds wherever it can be used.
    pub(super) fn define(&mut self, value: Value, known: Known) {
        self.known.insert(value, known);
    }

    /// Holds from here on.
    pub(super) fn learn(&mut self, value: Value, known: Known) {
        let before = self.of(value);
        let after = before.and(known);
        if after != before {
            self.learnt.push((value, before));
            self.known.insert(value, after);
        }
    }

    /// `value` is not null from here on.
    pub(super) fn learn_non_null(&mut self, value: Value) {
        self.learn(value, Known { is_non_null: true, ..Known::NOTHING });
    }

    /// How much was learnt so far: for [`Facts::forget`].
    pub(super) fn mark(&self) -> usize {
        self.learnt.len()
    }

    /// Forgets what was learnt since `mark`.
    pub(super) fn forget(&mut self, mark: usize) {
        while self.learnt.len() > mark {
            if let Some((value, before)) = self.learnt.pop() {
                self.known.insert(value, before);
            }
        }
    }

    /// `result` says whether `reference` is null.
    pub(super) fn note_null_test(&mut self, result: Value, reference: Value) {
        self.tests.insert(result, (reference, false));
    }

    /// `result` is the opposite of `condition`.
    pub(super) fn note_opposite(&mut self, result: Value, condition: Value) {
        if let Some((reference, is_if_set)) = self.tests.get(&condition).copied() {
            self.tests.insert(result, (reference, !is_if_set));
        }
    }

    /// From here on `condition` is known to be zero, or not to be.
    pub(super) fn learn_condition(&mut self, condition: Value, is_set: bool) {
        if let Some((reference, is_if_set)) = self.tests.get(&condition).copied()
            && is_if_set == is_set
        {
            self.learn_non_null(reference);
        }
    }
}
