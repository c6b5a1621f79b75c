//! Constant expressions, folded: once every base is known, most of them are one number.
//!
//! Libraries compute where things are: `global.get $__memory_base; i32.const 8; i32.add`. In the
//! linked module the base is a number, so the place is one too, and an engine that does not know
//! arithmetic in constant expressions, or reads no global there but an imported one, has none to read.

use std::collections::{HashMap, HashSet};

use wasmparser::{ConstExpr, Ieee32, Ieee64, Operator, V128};

use crate::input::{GlobalUse, Input};
use crate::node::GlobalNode;
use crate::reachable::position;

/// A number that is known before the program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    I32(i32),
    I64(i64),
    F32(Ieee32),
    F64(Ieee64),
    V128(V128),
}

impl Constant {
    /// An integer of the given width.
    pub(crate) fn integer_of(value: u64, is_wide: bool) -> Constant {
        if is_wide {
            Constant::I64(value.cast_signed())
        } else {
            Constant::I32((value as u32).cast_signed())
        }
    }

    /// The value, if it is an integer. Narrow ones have zeros above.
    pub(crate) fn integer(self) -> Option<u64> {
        match self {
            Constant::I32(value) => Some(value.cast_unsigned().into()),
            Constant::I64(value) => Some(value.cast_unsigned()),
            Constant::F32(_) | Constant::F64(_) | Constant::V128(_) => None,
        }
    }

    fn of(operator: &Operator<'_>) -> Option<Constant> {
        Some(match *operator {
            Operator::I32Const { value } => Constant::I32(value),
            Operator::I64Const { value } => Constant::I64(value),
            Operator::F32Const { value } => Constant::F32(value),
            Operator::F64Const { value } => Constant::F64(value),
            Operator::V128Const { value } => Constant::V128(value),
            _ => return None,
        })
    }

    /// The instruction that gives it.
    pub(crate) fn operator(self) -> Operator<'static> {
        match self {
            Constant::I32(value) => Operator::I32Const { value },
            Constant::I64(value) => Operator::I64Const { value },
            Constant::F32(value) => Operator::F32Const { value },
            Constant::F64(value) => Operator::F64Const { value },
            Constant::V128(value) => Operator::V128Const { value },
        }
    }
}

/// The globals whose value is known: those that nothing changes, made of numbers and of one another.
#[derive(Default)]
pub(crate) struct Constants(HashMap<GlobalNode, Constant>);

impl Constants {
    /// Finds the values of all dsos' globals, each once and behind those that it is made of.
    pub(crate) fn new(inputs: &[Input<'_>]) -> Constants {
        let mut constants = Constants::default();
        let mut entered = HashSet::new();
        let mut path: Vec<(GlobalNode, Vec<GlobalNode>)> = Vec::new();
        let defined = inputs.iter().flat_map(|input| {
            (0..input.globals.len() as u32).map(|at| GlobalNode::Dso(input.dso.id, at))
        });
        for root in defined {
            if entered.insert(root.clone()) {
                path.push((root.clone(), named_by(inputs, &root)));
            }
            while let Some((node, needs)) = path.last_mut() {
                if let Some(needed) = needs.pop() {
                    if entered.insert(needed.clone()) {
                        let needs = named_by(inputs, &needed);
                        path.push((needed, needs));
                    }
                    continue;
                }
                // What goes in a circle was entered and has no value here, so none comes of it.
                if let Some(value) = constants.first_value(inputs, node) {
                    constants.0.insert(node.clone(), value);
                }
                path.pop();
            }
        }
        constants
    }

    fn first_value(&self, inputs: &[Input<'_>], node: &GlobalNode) -> Option<Constant> {
        let (input, expr) = definition(inputs, node)?;
        self.value(input, expr)
    }

    /// The value of a constant expression, if nothing unknown is in it.
    pub(crate) fn value(&self, input: &Input<'_>, expr: &ConstExpr<'_>) -> Option<Constant> {
        match self.fold(input, expr).ok()?.as_slice() {
            [operator] => Constant::of(operator),
            _ => None,
        }
    }

    /// The value of a global that never changes.
    pub(crate) fn global(&self, input: &Input<'_>, index: u32) -> Option<Constant> {
        match &input.uses.globals[index as usize] {
            GlobalUse::Number(number) => {
                let ty = input.dso.module.globals[index as usize].value;
                let is_wide = ty == dynvm_vm::types::ValType::I64;
                Some(Constant::integer_of(*number, is_wide))
            }
            GlobalUse::Node(node) => self.0.get(node).copied(),
        }
    }

    /// A constant expression with all that is known computed; what is not stays as it was.
    pub(crate) fn fold<'b>(
        &self,
        input: &Input<'_>,
        expr: &ConstExpr<'b>,
    ) -> wasmparser::Result<Vec<Operator<'b>>> {
        let mut folded = Vec::new();
        let mut operators = expr.get_operators_reader();
        while !operators.is_end_then_eof() {
            let operator = operators.read()?;
            let known = match operator {
                Operator::GlobalGet { global_index } => self.global(input, global_index),
                _ => None,
            };
            push(&mut folded, known.map_or(operator, |known| known.operator()));
        }
        Ok(folded)
    }
}

/// Adds an operator to an expression. One that takes two known numbers becomes what it gives.
fn push<'b>(expr: &mut Vec<Operator<'b>>, operator: Operator<'b>) {
    if let [.., left, right] = expr.as_slice()
        && let (Some(left), Some(right)) = (Constant::of(left), Constant::of(right))
        && let (Some(left_value), Some(right_value)) = (left.integer(), right.integer())
        && let Some(value) = arithmetic(&operator, left_value, right_value)
    {
        let is_wide = matches!(left, Constant::I64(_));
        expr.truncate(expr.len() - 2);
        expr.push(Constant::integer_of(value, is_wide).operator());
    } else {
        expr.push(operator);
    }
}

/// What an operator makes of two integers, for those that constant expressions have. Narrow values
/// have zeros above.
pub(crate) fn arithmetic(operator: &Operator<'_>, left: u64, right: u64) -> Option<u64> {
    let narrow = |value: u64| value & u64::from(u32::MAX);
    Some(match operator {
        Operator::I32Add => narrow(left.wrapping_add(right)),
        Operator::I32Sub => narrow(left.wrapping_sub(right)),
        Operator::I32Mul => narrow(left.wrapping_mul(right)),
        Operator::I64Add => left.wrapping_add(right),
        Operator::I64Sub => left.wrapping_sub(right),
        Operator::I64Mul => left.wrapping_mul(right),
        _ => return None,
    })
}

/// The dso that defines a global that nothing changes, and what its value is made of.
fn definition<'i, 'a>(
    inputs: &'i [Input<'a>],
    node: &GlobalNode,
) -> Option<(&'i Input<'a>, &'i ConstExpr<'a>)> {
    let GlobalNode::Dso(id, at) = node else { return None };
    let input = &inputs[position(inputs, *id)];
    let global = &input.globals[*at as usize];
    (!global.ty.mutable).then_some((input, &global.init_expr))
}

/// The globals that a global's value is made of.
fn named_by(inputs: &[Input<'_>], node: &GlobalNode) -> Vec<GlobalNode> {
    let Some((input, expr)) = definition(inputs, node) else { return Vec::new() };
    let operators = expr.get_operators_reader().into_iter().map_while(Result::ok);
    let named = operators.filter_map(|operator| match operator {
        Operator::GlobalGet { global_index } => Some(&input.uses.globals[global_index as usize]),
        _ => None,
    });
    named
        .filter_map(|named| match named {
            GlobalUse::Node(node) => Some(node.clone()),
            GlobalUse::Number(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds the operators one by one.
    #[track_caller]
    fn check(operators: &[Operator<'static>], expected: &[Operator<'static>]) {
        let mut expr = Vec::new();
        for operator in operators {
            push(&mut expr, operator.clone());
        }
        assert_eq!(expr, expected);
    }

    fn i32(value: i32) -> Operator<'static> {
        Operator::I32Const { value }
    }

    fn i64(value: i64) -> Operator<'static> {
        Operator::I64Const { value }
    }

    #[test]
    fn each_operator_wraps_in_its_width() {
        check(&[i32(i32::MAX), i32(1), Operator::I32Add], &[i32(i32::MIN)]);
        check(&[i32(i32::MIN), i32(1), Operator::I32Sub], &[i32(i32::MAX)]);
        check(&[i32(0x10001), i32(-0x10001), Operator::I32Mul], &[i32(-0x20001)]);
        check(&[i32(3), i32(5), Operator::I32Sub], &[i32(-2)]);
        check(&[i64(i64::MAX), i64(1), Operator::I64Add], &[i64(i64::MIN)]);
        check(&[i64(i64::MIN), i64(1), Operator::I64Sub], &[i64(i64::MAX)]);
        check(&[i64(1 << 62), i64(-6), Operator::I64Mul], &[i64(i64::MIN)]);
        check(&[i64(-1), i64(0xffff_ffff), Operator::I64Add], &[i64(0xffff_fffe)]);
    }

    #[test]
    fn what_is_known_is_folded_beside_what_is_not() {
        let unknown = Operator::GlobalGet { global_index: 0 };
        let sum = [i32(2), i32(3), Operator::I32Add, i32(4), Operator::I32Mul];
        check(&sum, &[i32(20)]);
        let rest = [unknown.clone(), i32(20), Operator::I32Sub];
        let mut whole = vec![unknown.clone()];
        whole.extend(sum);
        whole.push(Operator::I32Sub);
        check(&whole, &rest);
        // The sum of what is not known and 1 is not 1 + 2.
        let kept = [unknown, i32(1), Operator::I32Add, i32(2), Operator::I32Add];
        check(&kept, &kept);
    }

    #[test]
    fn numbers_of_other_types_stay() {
        let half = Operator::F64Const { value: 0.5.into() };
        let pair = [half.clone(), half, Operator::I32Add];
        check(&pair, &pair);
        assert_eq!(Constant::of(&pair[0]).and_then(Constant::integer), None);
    }
}
