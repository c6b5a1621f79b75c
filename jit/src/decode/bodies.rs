//! Function bodies: validated in parallel, and read once for what the rest of dynvm must know.

use rayon::prelude::*;
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader,
    ValidatorResources, WasmFeatures,
};

use super::types;
use crate::error::{DecodeError, Feature};
use crate::vm::module::Module;
use crate::vm::types::{FuncIndex, GlobalIndex};

/// A function as the validator hands it out.
type Function<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// What reading a body tells about it.
#[derive(Default)]
struct Findings {
    globals_assigned: Vec<GlobalIndex>,
    /// The first thing that cannot be compiled, and where it is.
    unsupported: Option<(Feature, u64)>,
}

/// Modules whose code ends before this are read by one thread: others would have to be started first.
const ALONE_BYTES_MAX: usize = 256 * 1024;

/// Validates all bodies and notes in `module` which globals they assign.
pub fn validate(
    functions: Vec<Function<'_>>,
    features: WasmFeatures,
    module: &mut Module,
) -> Result<(), DecodeError> {
    let read_one = |allocations: &mut FuncValidatorAllocations, function: Function<'_>| {
        let func = FuncIndex(function.0.index);
        read(function, features, allocations).map(|findings| (func, findings))
    };
    let findings: Vec<_> = if module.bodies.last().map_or(0, |body| body.end) < ALONE_BYTES_MAX {
        let mut allocations = FuncValidatorAllocations::default();
        functions.into_iter().map(|function| read_one(&mut allocations, function)).collect()
    } else {
        let functions = functions.into_par_iter();
        functions.map_init(FuncValidatorAllocations::default, read_one).collect()
    };
    // In the order of the functions, so that the same module always gives the same error; and
    // what is invalid comes before what is unsupported.
    let mut unsupported = None;
    for finding in findings {
        let (func, findings) = finding?;
        for global in findings.globals_assigned {
            module.globals_assigned[global.index()] = true;
        }
        unsupported = unsupported.or(findings.unsupported.map(|what| (func, what)));
    }
    match unsupported {
        None => Ok(()),
        Some((func, (feature, offset))) => {
            let function = Some(module.func_name(func));
            Err(DecodeError::Unsupported { feature, function, offset })
        }
    }
}

fn read(
    (function, body): Function<'_>,
    features: WasmFeatures,
    allocations: &mut FuncValidatorAllocations,
) -> Result<Findings, DecodeError> {
    let mut findings = Findings::default();
    for local in body.get_locals_reader()? {
        let (_, ty) = local?;
        if let Err(DecodeError::Unsupported { feature, offset, .. }) =
            types::value(ty, body.range().start)
        {
            findings.unsupported = findings.unsupported.or(Some((feature, offset)));
        }
    }

    let mut validator = function.into_validator(std::mem::take(allocations));
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    reader.set_features(features);
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let (op, offset) = operators.read_with_offset()?;
        validator.op(offset, &op)?;
        if let Operator::GlobalSet { global_index } = op {
            findings.globals_assigned.push(GlobalIndex(global_index));
        } else if findings.unsupported.is_none() {
            findings.unsupported = unsupported(&op).map(|feature| (feature, offset));
        }
    }
    operators.finish()?;
    *allocations = validator.into_allocations();

    findings.globals_assigned.sort_unstable();
    findings.globals_assigned.dedup();
    Ok(findings)
}

/// The feature that an operator belongs to, if it is one that cannot be compiled.
fn unsupported(op: &Operator<'_>) -> Option<Feature> {
    macro_rules! by_proposal {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            match op {
                $(Operator::$op { .. } => by_proposal!(feature $proposal),)*
                _ => Some(Feature::Other),
            }
        };
        (feature mvp) => { None };
        (feature sign_extension) => { None };
        (feature saturating_float_to_int) => { None };
        (feature bulk_memory) => { None };
        (feature reference_types) => { None };
        (feature tail_call) => { None };
        (feature simd) => { None };
        (feature relaxed_simd) => { None };
        (feature wide_arithmetic) => { None };
        (feature exceptions) => { None };
        (feature legacy_exceptions) => { None };
        (feature gc) => { None };
        (feature threads) => { None };
        (feature function_references) => { None };
        (feature $other:ident) => { Some(Feature::Other) };
    }
    wasmparser::for_each_operator!(by_proposal)
}
