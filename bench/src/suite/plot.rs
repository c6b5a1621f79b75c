//! Figures as SVG: a group of bars for each case.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

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

/// Of the bars with their scale; the names of the systems are beside them.
const WIDTH: u32 = 760;
/// Room for the names of the systems.
const SYSTEMS: u32 = 160;
const HEIGHT: u32 = 380;
/// Room for the names of the cases, below.
const NAMES: u32 = 34;
/// Room for the numbers, on the left.
const NUMBERS: u32 = 60;
const MARGIN: u32 = 12;

/// Writes a group's plot: for each case and system a bar from 1, which is the first system, up or
/// down to how often its figure is that of the first. The scale is logarithmic, so that twice as
/// much and half as much are equally far.
///
/// # Errors
/// If the file cannot be written.
pub fn plot(group: &Group, path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (WIDTH + SYSTEMS, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    let (bars_area, systems_area) = area.split_horizontally(WIDTH);
    let (first, others) = group.systems.split_first().ok_or("a group has systems")?;
    let step = others.len() as f64 + 1.0;
    let width = step * group.cases.len() as f64;
    let mut chart = ChartBuilder::on(&bars_area)
        .margin(MARGIN)
        .caption(format!("{}: {}; {first} = 1", group.title, group.unit), ("sans-serif", 16))
        .set_label_area_size(LabelAreaPosition::Left, NUMBERS)
        .set_label_area_size(LabelAreaPosition::Bottom, NAMES)
        .build_cartesian_2d(0.0..width, range(group).log_scale())?;
    // The scale's steps are sums: 0.30000000000000004 is one.
    let numbers = |value: &f64| format!("{}", (value * 1e6).round() / 1e6);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .bold_line_style(BLACK.mix(0.15))
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&numbers)
        .draw()?;
    for (position, name) in others.iter().enumerate() {
        let color = COLORS[position % COLORS.len()];
        let bars = group.cases.iter().enumerate().filter_map(|(case_position, case)| {
            let start = step * case_position as f64 + position as f64 + 0.5;
            let ratio = case.ratio(position + 1)?;
            Some(Rectangle::new([(start, 1.0), (start + 0.9, ratio)], color.filled()))
        });
        chart.draw_series(bars)?;
        let y = 60 + 20 * position as i32;
        systems_area.draw(&Rectangle::new([(0, y), (10, y + 10)], color.filled()))?;
        systems_area.draw(&Text::new(name.clone(), (16, y - 1), ("sans-serif", 12)))?;
    }
    chart.draw_series(LineSeries::new([(0.0, 1.0), (width, 1.0)], &BLACK))?;
    let centered = ("sans-serif", 12).into_text_style(&area).pos(Pos::new(HPos::Center, VPos::Top));
    let inner = f64::from(WIDTH - NUMBERS - 2 * MARGIN);
    for (position, case) in group.cases.iter().enumerate() {
        let x = inner * step * (position as f64 + 0.5) / width;
        let place = ((NUMBERS + MARGIN) as i32 + x as i32, (HEIGHT - NAMES) as i32);
        area.draw(&Text::new(case.name.clone(), place, centered.clone()))?;
    }
    area.present()?;
    Ok(())
}

/// From below the least ratio to above the greatest.
fn range(group: &Group) -> std::ops::Range<f64> {
    let systems = 1..group.systems.len();
    let ratios =
        group.cases.iter().flat_map(|case| systems.clone().filter_map(|it| case.ratio(it)));
    let (least, most) =
        ratios.fold((1.0_f64, 1.0_f64), |(least, most), ratio| (least.min(ratio), most.max(ratio)));
    least / 1.5..most * 1.5
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
