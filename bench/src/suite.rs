//! What `all` measures: cases, each on several systems in turn, and what is written of them.

mod calls;
mod cases;
mod plot;
mod process;
mod report;
mod world;

pub use calls::calls;
pub use cases::{compile, kernels, memory, startup};
pub use plot::plot;
pub use process::{Program, peak_memory_mib, wall_seconds};
pub use report::{markdown, replace_between};
pub use world::{Guest, World};

use crate::Result;

/// Figures of one kind: a table and a plot.
pub struct Group {
    /// Its heading.
    pub title: String,
    /// What the figures are, with their unit; less is better.
    pub unit: &'static str,
    /// Name of its plot's file, without the ending.
    pub name: &'static str,
    /// The systems that are compared, by name; the first is dynvm.
    pub systems: Vec<String>,
    /// The rows of the table.
    pub cases: Vec<Case>,
}

/// A case with its samples.
pub struct Case {
    /// Its name.
    pub name: String,
    /// One list for each system, in their order; empty if the system cannot do it.
    pub samples: Vec<Vec<f64>>,
}

/// Takes a sample of a case on a system; `None` if it cannot do that.
pub type Sample<'a> = Box<dyn FnMut(usize) -> Result<Option<f64>> + 'a>;

impl Group {
    /// Measures `cases` in rounds: every system in each, so that what slows the machine down slows
    /// all of them.
    ///
    /// # Errors
    /// If a system fails at something that it can do.
    pub fn measure(&mut self, rounds: usize, cases: Vec<(String, Sample<'_>)>) -> Result<()> {
        let mut cases: Vec<_> = cases.into_iter().collect();
        let systems = self.systems.len();
        self.cases = cases
            .iter()
            .map(|(name, _)| Case { name: name.clone(), samples: vec![Vec::new(); systems] })
            .collect();
        for round in 0..rounds {
            for (case, (name, sample)) in self.cases.iter_mut().zip(&mut cases) {
                for turn in 0..systems {
                    // Who comes first changes from round to round.
                    let system = (turn + round) % systems;
                    let failed = |error| format!("{name}, {}: {error}", self.systems[system]);
                    case.samples[system].extend(sample(system).map_err(failed)?);
                }
            }
            eprint!("\r{}: round {} of {rounds}", self.title, round + 1);
        }
        eprintln!();
        Ok(())
    }

    /// Adds the geometric mean over all cases, round by round.
    pub fn add_mean(&mut self) {
        let mean = |system: usize| {
            let columns: Vec<_> = self.cases.iter().map(|case| &case.samples[system]).collect();
            let rounds = columns.iter().map(|column| column.len()).min().unwrap_or(0);
            let mean_of = |round: usize| {
                let logarithms = columns.iter().map(|column| column[round].ln());
                (logarithms.sum::<f64>() / columns.len() as f64).exp()
            };
            (0..rounds).map(mean_of).collect()
        };
        let samples = (0..self.systems.len()).map(mean).collect();
        self.cases.push(Case { name: "geometric mean".to_owned(), samples });
    }
}

impl Case {
    /// The median of a system's samples.
    #[must_use]
    pub fn median(&self, system: usize) -> Option<f64> {
        let mut sorted = self.samples[system].clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    /// How often a system's figure is that of the first, in the median of the rounds: what slows
    /// both down at once does not show.
    #[must_use]
    pub fn ratio(&self, system: usize) -> Option<f64> {
        let pairs = self.samples[0].iter().zip(&self.samples[system]);
        let mut ratios: Vec<f64> = pairs.map(|(first, other)| other / first).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Group, Sample};

    fn group() -> Group {
        let systems = vec!["dynvm".to_owned(), "other".to_owned()];
        Group { title: "T".to_owned(), unit: "s", name: "t", systems, cases: Vec::new() }
    }

    #[test]
    fn every_system_is_measured_in_every_round() {
        let mut order = Vec::new();
        let mut group = group();
        let sample: Sample<'_> = Box::new(|system| {
            order.push(system);
            Ok((system == 0).then_some(2.0))
        });
        group.measure(3, vec![("case".to_owned(), sample)]).expect("nothing fails");
        assert_eq!(group.cases[0].samples, [vec![2.0; 3], vec![]]);
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn the_mean_is_that_of_the_cases() {
        let mut group = group();
        let case = |first: f64, second: Vec<f64>| Case {
            name: "case".to_owned(),
            samples: vec![vec![first], second],
        };
        group.cases = vec![case(2.0, vec![3.0]), case(8.0, Vec::new())];
        group.add_mean();
        assert_eq!(group.cases[2].samples, [vec![4.0], vec![]]);
    }

    #[test]
    fn who_fails_is_named() {
        let mut group = group();
        let sample: Sample<'_> = Box::new(|system| match system {
            0 => Ok(Some(1.0)),
            _ => Err("no such thing".into()),
        });
        let error = group.measure(1, vec![("case".to_owned(), sample)]).expect_err("it fails");
        assert_eq!(error.to_string(), "case, other: no such thing");
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let samples = vec![vec![1.0, 4.0, 1.0], vec![2.0, 8.0, 3.0], vec![]];
        let case = Case { name: "case".to_owned(), samples };
        assert_eq!(case.median(0), Some(1.0));
        assert_eq!(case.ratio(1), Some(2.0));
        assert_eq!((case.median(2), case.ratio(2)), (None, None));
    }
}
