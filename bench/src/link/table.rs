//! The table of loads: medians in milliseconds, and ratios of the same rounds.

use std::fmt;
use std::time::Duration;

use super::Graph;
use super::dynvm::Load;

/// Samples of each graph, in the order of the graphs.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    size: usize,
    imports: usize,
    loads: Vec<Load>,
    native: Vec<Duration>,
}

impl Table {
    /// A row per graph, without samples.
    #[must_use]
    pub fn new(graphs: &[Graph]) -> Table {
        let row = |graph: &Graph| Row {
            name: graph.name,
            size: graph.size,
            imports: graph.imports(),
            loads: Vec::new(),
            native: Vec::new(),
        };
        Table { rows: graphs.iter().map(row).collect() }
    }

    /// Adds a round's samples of one graph.
    pub fn add(&mut self, position: usize, load: Load, native: Option<Duration>) {
        self.rows[position].loads.push(load);
        self.rows[position].native.extend(native);
    }
}

impl Row {
    fn median_ms(&self, part: impl Fn(&Load) -> Duration) -> f64 {
        median(self.loads.iter().map(|load| part(load).as_secs_f64() * 1e3).collect())
    }

    /// The median of the rounds' ratios, so that what slows down both sides does not show.
    fn ratio(&self, part: impl Fn(&Load) -> Duration) -> f64 {
        let both = self.loads.iter().zip(&self.native);
        median(both.map(|(load, native)| part(load).as_secs_f64() / native.as_secs_f64()).collect())
    }
}

/// The middle of what was measured.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| graph | size | imports | validate | read | bind | rest | linking | \
             per import or dso, µs | native | linking ÷ native | with validating |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let rest = row.median_ms(|load| load.linking().saturating_sub(load.read + load.bind));
            let validate = row.median_ms(|load| load.validate);
            let linking = row.median_ms(Load::linking);
            let native = median(row.native.iter().map(|it| it.as_secs_f64() * 1e3).collect());
            let Row { name, size, imports, .. } = row;
            let (read, bind) = (row.median_ms(|load| load.read), row.median_ms(|load| load.bind));
            let each = linking * 1e3 / (*size).max(*imports) as f64;
            write!(f, "| {name} | {size} | {imports} | {validate:.2} ")?;
            write!(f, "| {read:.2} | {bind:.2} | {rest:.2} ")?;
            write!(f, "| {linking:.2} | {each:.2} ")?;
            if row.native.is_empty() {
                writeln!(f, "| – | – | – |")?;
                continue;
            }
            let (linking, opening) = (row.ratio(Load::linking), row.ratio(Load::opening));
            writeln!(f, "| {native:.2} | {linking:.2} | {opening:.2} |")?;
        }
        Ok(())
    }
}
