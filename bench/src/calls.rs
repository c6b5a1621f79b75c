//! What a call costs, inside a dso and across dsos, through the loader that users have.

mod dynvm;
mod peer;
pub mod program;
mod table;

use std::path::Path;

pub use dynvm::Dynvm;
pub use peer::Peer;
pub use table::{Row, Samples};

use crate::Result;

/// Something that runs the programs of [`program`] and takes the time.
pub trait Engine {
    /// Nanoseconds of one call to `function` with so many iterations. The result is checked.
    ///
    /// # Errors
    /// If the function stops, or gives something else.
    fn time(&mut self, function: &Function, iterations: u32) -> Result<f64>;
}

/// A function to be timed.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name of its export; of the callee where the host itself calls in a loop.
    pub name: String,
    /// Its second argument, if it has one.
    pub arg: Option<i32>,
    /// How many calls, or reads, one iteration makes.
    pub sites: u32,
    /// By how much its result grows in an iteration.
    pub increment: u32,
    /// Whether the host makes the calls.
    pub is_host_loop: bool,
}

/// What a row of the table compares.
pub struct Case {
    /// What is called.
    pub what: &'static str,
    /// How many call sites there are, each with a callee of its own.
    pub sites: u32,
    /// Inside a dso.
    pub inside: Option<Function>,
    /// Across dsos, or through the host.
    pub across: Option<Function>,
    /// The same inside a module of another engine.
    pub peer: Option<Function>,
}

/// Every case, in the order of the table.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for sites in [1, program::SITES] {
        let f = |prefix: &str, what: &str, arg| {
            Some(Function {
                name: format!("{prefix}_{what}_{sites}"),
                arg,
                sites,
                increment: sites,
                is_host_loop: false,
            })
        };
        let mut add = |what, inside, across, peer| {
            cases.push(Case { what, sites, inside, across, peer });
        };
        add(
            "direct call, main → library",
            f("m", "inside", None),
            f("m", "across", None),
            f("m", "inside", None),
        );
        add(
            "direct call, library → main",
            f("l", "inside", None),
            f("l", "across", None),
            f("m", "inside", None),
        );
        add(
            "direct call of a weak symbol",
            f("m", "inside", None),
            f("m", "weak", None),
            f("m", "inside", None),
        );
        add(
            "call_indirect, main → library",
            f("m", "indirect", Some(0)),
            f("m", "indirect", Some(1)),
            f("m", "indirect", Some(0)),
        );
        add(
            "call_indirect, library → main",
            f("l", "indirect", Some(0)),
            f("l", "indirect", Some(1)),
            f("m", "indirect", Some(0)),
        );
        add(
            "data read, own and through the GOT",
            f("m", "data_inside", None),
            f("m", "data_across", None),
            f("m", "data_inside", None),
        );
    }
    cases.extend(single_cases());
    cases
}

fn single_cases() -> [Case; 4] {
    let function = |name: &str, increment, is_host_loop| {
        let name = name.to_owned();
        Some(Function { name, arg: None, sites: 1, increment, is_host_loop })
    };
    [
        Case {
            what: "callback: main → library → main",
            sites: 1,
            inside: function("m_callback_inside", 1, false),
            across: function("m_callback_across", 1, false),
            peer: function("m_callback_inside", 1, false),
        },
        Case {
            what: "wasm → host → back",
            sites: 1,
            inside: None,
            across: function("m_host", 1, false),
            peer: function("m_host", 1, false),
        },
        Case {
            what: "host → wasm → back",
            sites: 1,
            inside: None,
            across: function("m0", 1, true),
            peer: function("m0", 1, true),
        },
        Case {
            what: "wasm → host → wasm → back",
            sites: 1,
            inside: None,
            across: function("m_through_host", 1, false),
            peer: function("m_through_host", 1, false),
        },
    ]
}

/// Writes the programs into `dir`.
///
/// # Errors
/// If the directory cannot be written.
pub fn write_programs(dir: &Path) -> Result<()> {
    use program::Kind;
    for (name, kind) in [("main", Kind::Main), ("lib", Kind::Library), ("plain", Kind::Plain)] {
        let binary = wat::parse_str(program::text(kind))?;
        std::fs::write(dir.join(name).with_extension("wasm"), binary)?;
    }
    Ok(())
}
