//! Samples of a case and what is printed of them.

use super::Case;

/// Nanoseconds per call, one per round.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a round's.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that half of the rounds do not exceed.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    /// The least disturbed round.
    #[must_use]
    pub fn least(&self) -> Option<f64> {
        self.0.iter().copied().min_by(f64::total_cmp)
    }

    /// Round by round, these over those: what slows both down at once does not show.
    #[must_use]
    pub fn over(&self, other: &Samples) -> Samples {
        Samples(self.0.iter().zip(&other.0).map(|(these, those)| these / those).collect())
    }
}

/// A case with what was measured of it.
pub struct Row {
    /// The case.
    pub case: Case,
    /// Inside a dso.
    pub inside: Samples,
    /// Across dsos.
    pub across: Samples,
    /// The peer's.
    pub peer: Samples,
}

impl Row {
    /// The table's first lines.
    pub const HEAD: &str = "\
| | sites | inside, ns | across, ns | across ÷ inside | least | wasmtime inside, ns | across ÷ wasmtime |
|---|---|---|---|---|---|---|---|";

    /// A case before its first round.
    #[must_use]
    pub fn new(case: Case) -> Row {
        let [inside, across, peer] = Default::default();
        Row { case, inside, across, peer }
    }

    /// A line of the table.
    #[must_use]
    pub fn line(&self) -> String {
        let show =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ns| format!("{ns:.2}"));
        let ratio = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.3}"))
        };
        let least =
            self.across.least().zip(self.inside.least()).map(|(across, inside)| across / inside);
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            self.case.what,
            self.case.sites,
            show(self.inside.median()),
            show(self.across.median()),
            ratio(self.across.over(&self.inside).median()),
            ratio(least),
            show(self.peer.median()),
            ratio(self.across.over(&self.peer).median()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let (inside, across) = (Samples(vec![1.0, 4.0, 1.0]), Samples(vec![1.0, 4.0, 2.0]));
        assert_eq!(across.over(&inside).median(), Some(1.0));
        assert_eq!(across.median(), Some(2.0));
        assert_eq!(Samples::default().median(), None);
    }
}
