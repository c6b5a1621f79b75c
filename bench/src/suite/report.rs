//! Figures as Markdown.

use std::fmt::Write as _;

use super::Group;
use crate::Result;

/// A group's table: medians, and beside each how often it is dynvm's.
#[must_use]
pub fn markdown(group: &Group) -> String {
    let mut text = format!("### {}\n\n{}; less is better.\n\n|", group.title, group.unit);
    for system in &group.systems {
        write!(text, " | {system}").expect("a string takes all text");
    }
    text.push_str(" |\n|---");
    text.push_str(&"|---".repeat(group.systems.len()));
    text.push_str("|\n");
    for case in &group.cases {
        write!(text, "| {}", case.name).expect("a string takes all text");
        for system in 0..group.systems.len() {
            let shown = match (case.median(system), case.ratio(system)) {
                (None, _) => "–".to_owned(),
                (Some(median), Some(ratio)) if system > 0 => {
                    format!("{} ({ratio:.2} ×)", digits(median))
                }
                (Some(median), _) => digits(median),
            };
            write!(text, " | {shown}").expect("a string takes all text");
        }
        text.push_str(" |\n");
    }
    write!(text, "\n![{}](plots/{}.svg)\n", group.title, group.name).expect("as above");
    text
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `text` with what stands between two lines replaced.
///
/// # Errors
/// If it has not both lines.
pub fn replace_between(text: &str, (start, end): (&str, &str), content: &str) -> Result<String> {
    let found = text.split_once(start);
    let found = found.and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) =
        found.ok_or_else(|| format!("expected the lines `{start}` and `{end}`"))?;
    Ok(format!("{before}{start}\n{content}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Case, Group};
    use super::{markdown, replace_between};

    #[test]
    fn a_table_has_a_column_for_each_system() {
        let case = |name: &str, samples| Case { name: name.to_owned(), samples };
        let group = Group {
            title: "Kernels".to_owned(),
            unit: "seconds",
            name: "kernels",
            systems: vec!["dynvm".to_owned(), "native".to_owned()],
            cases: vec![
                case("one", vec![vec![2.0, 2.0], vec![1.0, 1.5]]),
                case("two", vec![vec![123.4], vec![]]),
            ],
        };
        let expected = "### Kernels\n\nseconds; less is better.\n\n| | dynvm | native |\n\
                        |---|---|---|\n| one | 2.00 | 1.50 (0.75 ×) |\n| two | 123 | – |\n\n\
                        ![Kernels](plots/kernels.svg)\n";
        assert_eq!(markdown(&group), expected);
    }

    #[test]
    fn only_what_is_between_changes() {
        let replaced = replace_between("a\n<1>\nold\n<2>\nb\n", ("<1>", "<2>"), "new");
        assert_eq!(replaced.expect("both lines are there"), "a\n<1>\nnew\n<2>\nb\n");
        let error = replace_between("a\n<1>\n", ("<1>", "<2>"), "new").expect_err("one is missing");
        assert_eq!(error.to_string(), "expected the lines `<1>` and `<2>`");
    }
}
