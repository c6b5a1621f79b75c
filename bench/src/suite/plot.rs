//! Figures as SVG: bars, a group of them for each case.

use std::path::Path;

use plotters::prelude::*;

use super::Group;
use crate::Result;

/// One colour for each system.
const COLORS: [RGBColor; 5] = [
    RGBColor(0x2f, 0x6d, 0xb5),
    RGBColor(0x9a, 0x9a, 0x9a),
    RGBColor(0xe0, 0x8a, 0x2e),
    RGBColor(0x4f, 0x9d, 0x5d),
    RGBColor(0xb0, 0x4a, 0x5a),
];

const WIDTH: u32 = 860;
const HEIGHT: u32 = 380;
/// Room for the names of the cases, below.
const NAMES: u32 = 34;
/// Room for the numbers, on the left.
const NUMBERS: u32 = 60;
const MARGIN: u32 = 12;

/// Writes a group's plot. Bars are as high as the figure is times that of the highest bar of the
/// case, so that cases of any size can be compared.
///
/// # Errors
/// If the file cannot be written.
pub fn plot(group: &Group, path: &Path) -> Result<()> {
    let systems = group.systems.len();
    let area = SVGBackend::new(path, (WIDTH, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    let step = systems as f64 + 1.0;
    let width = step * group.cases.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .margin(MARGIN)
        .caption(format!("{} ({}, dynvm = 1)", group.title, group.unit), ("sans-serif", 16))
        .set_label_area_size(LabelAreaPosition::Left, NUMBERS)
        .set_label_area_size(LabelAreaPosition::Bottom, NAMES)
        .build_cartesian_2d(0.0..width, 0.0..highest(group) * 1.1)?;
    chart.configure_mesh().disable_x_mesh().disable_x_axis().draw()?;
    for (system, name) in group.systems.iter().enumerate() {
        let color = COLORS[system % COLORS.len()];
        let bars = group.cases.iter().enumerate().filter_map(|(position, case)| {
            let start = step * position as f64 + system as f64 + 0.5;
            let height = height(case, system)?;
            Some(Rectangle::new([(start, 0.0), (start + 0.9, height)], color.filled()))
        });
        chart
            .draw_series(bars)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], color.filled()));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE)
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    let inner = (WIDTH - NUMBERS - 2 * MARGIN) as f64;
    for (position, case) in group.cases.iter().enumerate() {
        let x = inner * (step * position as f64 + 0.5) / width;
        let place = ((NUMBERS + MARGIN) as i32 + x as i32, (HEIGHT - NAMES) as i32);
        area.draw(&Text::new(case.name.clone(), place, ("sans-serif", 12)))?;
    }
    area.present()?;
    Ok(())
}

/// dynvm's bar is 1.
fn height(case: &super::Case, system: usize) -> Option<f64> {
    match system {
        0 => case.median(0).map(|_| 1.0),
        _ => case.ratio(system),
    }
}

fn highest(group: &Group) -> f64 {
    let systems = 0..group.systems.len();
    let all = group.cases.iter().flat_map(|case| systems.clone().filter_map(|it| height(case, it)));
    all.fold(1.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::{Case, Group};
    use super::plot;

    #[test]
    fn a_plot_has_a_bar_for_each_figure() {
        let samples = vec![vec![2.0], vec![1.0]];
        let group = Group {
            title: "Kernels".to_owned(),
            unit: "s",
            name: "kernels",
            systems: vec!["dynvm".to_owned(), "native".to_owned()],
            cases: vec![Case { name: "sieve".to_owned(), samples }],
        };
        let name = format!("dynvm-plot-{}.svg", std::process::id());
        let path = std::env::temp_dir().join(name);
        plot(&group, &path).expect("it is written");
        let text = std::fs::read_to_string(&path).expect("it is there");
        std::fs::remove_file(&path).expect("it is removed");
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{text}");
        for part in ["sieve", "dynvm", "native", "Kernels"] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
        assert!(plot(&group, std::path::Path::new("/no/such/place/plot.svg")).is_err());
    }
}
