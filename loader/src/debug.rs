//! The categories of `DYNVM_DEBUG`, after ld.so's `LD_DEBUG`.
//!
//! Each is a target of `tracing` events. The program installs the subscriber; without one an
//! event costs a test of a flag.

/// A category of debug output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    /// What the user writes.
    pub name: &'static str,
    /// Target of its events.
    pub target: &'static str,
    /// What it shows.
    pub description: &'static str,
}

/// Every category, in the order of `help`.
pub const CATEGORIES: [Category; 9] = [
    Category { name: "libs", target: "dynvm::libs", description: "where libraries are looked for" },
    Category {
        name: "files",
        target: "dynvm::files",
        description: "each file that is loaded, and where it is placed",
    },
    Category {
        name: "scopes",
        target: "dynvm::scopes",
        description: "the scopes that are searched",
    },
    Category {
        name: "symbols",
        target: "dynvm::symbols",
        description: "each symbol that is looked up, and those that nobody defines",
    },
    Category {
        name: "bindings",
        target: "dynvm::bindings",
        description: "which definition each symbol is bound to",
    },
    Category { name: "reloc", target: "dynvm::reloc", description: "relocation and its values" },
    Category { name: "init", target: "dynvm::init", description: "constructors and entry points" },
    Category {
        name: "statistics",
        target: "dynvm::statistics",
        description: "numbers and times of loading",
    },
    Category {
        name: "wasi",
        target: "dynvm::wasi",
        description: "each call of a function of WASI, and what it returns",
    },
];

/// The categories that a comma-separated list names; `all` names every one. `Err` has the first
/// word that names none (`help` does not).
///
/// # Errors
/// If a word is no category.
pub fn parse(list: &str) -> Result<Vec<Category>, String> {
    let mut categories = Vec::new();
    for word in list.split([',', ' ', ':']).filter(|word| !word.is_empty()) {
        if word == "all" {
            return Ok(CATEGORIES.to_vec());
        }
        let found = CATEGORIES.iter().find(|category| category.name == word);
        categories.push(*found.ok_or_else(|| word.to_owned())?);
    }
    Ok(categories)
}

/// What `help` prints.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("DYNVM_DEBUG is a list of these, separated by commas:\n");
    for category in CATEGORIES {
        text.push_str(&format!("  {:<12}{}\n", category.name, category.description));
    }
    text.push_str("  all         all of them\n  help        this text\n");
    text
}

#[cfg(test)]
mod tests {
    use super::{CATEGORIES, parse};

    #[test]
    fn lists_name_categories() {
        let names =
            |list| parse(list).map(|found| found.iter().map(|it| it.name).collect::<Vec<_>>());
        assert_eq!(names("libs,init"), Ok(vec!["libs", "init"]));
        assert_eq!(names("all").map(|all| all.len()), Ok(CATEGORIES.len()));
        assert_eq!(names("libs,nothing"), Err("nothing".to_owned()));
        assert_eq!(names(""), Ok(Vec::new()));
    }
}
