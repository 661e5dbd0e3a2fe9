//! One picture: what came out, how long it took, and the limits, over time.

use core::error::Error;
use core::ops::Range;
use std::path::Path;

use mtaio_core::sim::{Point, Scenario};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::compare::{Compared, title};
use crate::policies::Kind;

const SIZE: (u32, u32) = (960, 1040);
/// Room for the title and the legend.
const HEAD: u32 = 110;
/// Latencies are drawn from here on, in milliseconds.
const FASTEST: f64 = 10.0;
/// How many numbers stand at an axis at most.
const LABELS: usize = 6;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Colours that most people can tell apart (Okabe and Ito).
const fn color(kind: Kind) -> RGBColor {
    match kind {
        Kind::None => RGBColor(120, 120, 120),
        Kind::Fixed => RGBColor(86, 180, 233),
        Kind::Aimd => RGBColor(204, 121, 167),
        Kind::Vegas => RGBColor(0, 158, 115),
        Kind::Gradient2 => RGBColor(230, 159, 0),
        Kind::Elastic => RGBColor(213, 94, 0),
        Kind::Told => RGBColor(0, 114, 178),
    }
}

fn style(kind: Kind) -> ShapeStyle {
    color(kind).stroke_width(if kind == Kind::Elastic { 3 } else { 2 })
}

/// Draws what came of the first seed.
pub(crate) fn draw(scenario: &Scenario, compared: &[Compared], file: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (head, body) = area.split_vertically(HEAD);
    draw_head(&head, scenario, compared)?;
    let panels = body.split_evenly((3, 1));
    let seconds = scenario.duration().as_secs_f64();
    let most = |what: &dyn Fn(&Point) -> f64| {
        let points = compared.iter().flat_map(|compared| &compared.reports[0].series);
        points.map(what).fold(0.0, f64::max)
    };

    let capacities: Vec<_> = steps(seconds).map(|at| (at, capacity(scenario, at))).collect();
    let highest = capacities.iter().map(|(_, capacity)| *capacity).fold(most(&|point| point.served as f64), f64::max);
    let mut chart = panel(&panels[0], seconds, 0.0..1.08 * highest, "served, per second", LABELS, short)?;
    dashed(&mut chart, &capacities)?;
    // Three seconds together: single ones are as noisy as the traffic.
    lines(&mut chart, compared, |points| {
        Some(points.iter().map(|point| point.served as f64).sum::<f64>() / points.len() as f64)
    })?;

    let slowest = most(&|point| point.latency).max(10.0 * FASTEST) * 1.2;
    let powers = FASTEST.log10()..slowest.log10();
    // Powers of ten only.
    let labels = (powers.end - powers.start) as usize + 1;
    let mut chart = panel(&panels[1], seconds, powers, "latency, ms (log)", labels, |y| short(&10_f64.powf(*y)))?;
    lines(&mut chart, compared, |points| {
        let served: u64 = points.iter().map(|point| point.served).sum();
        let total: f64 = points.iter().map(|point| point.latency * point.served as f64).sum();
        (served > 0).then(|| (total / served as f64).max(FASTEST).log10())
    })?;

    let limit = most(&|point| point.limit.unwrap_or_default() as f64).max(scenario.server().workers() as f64);
    let mut chart = panel(&panels[2], seconds, 0.0..1.1 * limit, "limit, requests at once", LABELS, short)?;
    let workers = scenario.server().workers() as f64;
    dashed(&mut chart, &steps(seconds).map(|at| (at, workers)).collect::<Vec<_>>())?;
    lines(&mut chart, compared, |points| {
        points.iter().map(|point| point.limit).sum::<Option<u64>>().map(|sum| sum as f64 / points.len() as f64)
    })?;
    area.present()?;
    Ok(())
}

fn capacity(scenario: &Scenario, at: f64) -> f64 {
    scenario.server().capacity_at(core::time::Duration::from_secs_f64(at))
}

/// Instants, half a second apart.
fn steps(seconds: f64) -> impl Iterator<Item = f64> {
    (0..(2.0 * seconds) as u32).map(|step| f64::from(step) / 2.0)
}

fn short(value: &f64) -> String {
    if value.abs() >= 10.0 || *value == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn draw_head(area: &Area<'_>, scenario: &Scenario, compared: &[Compared]) -> Result<(), Box<dyn Error>> {
    let title = format!("{}, what came of each policy (one seed)", title(scenario));
    area.draw(&Text::new(title, (24, 14), ("sans-serif", 24).into_font()))?;
    for (number, compared) in compared.iter().enumerate() {
        let (x, y) = (28 + number as i32 % 4 * 215, 62 + number as i32 / 4 * 24);
        area.draw(&PathElement::new(vec![(x, y), (x + 28, y)], style(compared.policy)))?;
        area.draw(&Text::new(compared.policy.name(), (x + 36, y - 8), ("sans-serif", 16).into_font()))?;
    }
    let number = compared.len() as i32;
    let (x, y) = (28 + number % 4 * 215, 62 + number / 4 * 24);
    for dash in 0..3 {
        area.draw(&PathElement::new(vec![(x + 10 * dash, y), (x + 10 * dash + 6, y)], BLACK.stroke_width(2)))?;
    }
    area.draw(&Text::new("what the server can do", (x + 36, y - 8), ("sans-serif", 16).into_font()))?;
    Ok(())
}

fn panel<'a, 'b>(
    area: &'a Area<'b>,
    seconds: f64,
    range: Range<f64>,
    name: &str,
    labels: usize,
    label: impl Fn(&f64) -> String,
) -> Result<Chart<'a, 'b>, Box<dyn Error>>
where
    'b: 'a,
{
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..seconds, range)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("time, seconds")
        .y_desc(name)
        .y_labels(labels)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| label(y))
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    Ok(chart)
}

/// A line for each policy, with a point for every three seconds.
fn lines(
    chart: &mut Chart<'_, '_>,
    compared: &[Compared],
    what: impl Fn(&[Point]) -> Option<f64>,
) -> Result<(), Box<dyn Error>> {
    for Compared { policy, reports } in compared {
        let chunks = reports[0].series.chunks(3);
        let points = chunks.map(|chunk| what(chunk).map(|value| (chunk[chunk.len() / 2].second as f64 - 0.5, value)));
        let points: Vec<_> = points.collect();
        // Where there is nothing to say there is no line.
        for part in points.split(Option::is_none).filter(|part| !part.is_empty()) {
            let part: Vec<_> = part.iter().copied().flatten().collect();
            chart.draw_series(core::iter::once(PathElement::new(part, style(*policy))))?;
        }
    }
    Ok(())
}

fn dashed(chart: &mut Chart<'_, '_>, points: &[(f64, f64)]) -> Result<(), Box<dyn Error>> {
    let every = (points.len() / 60).max(2);
    for dash in points.chunks(every) {
        let dash = &dash[..(every * 2 / 3).max(2).min(dash.len())];
        chart.draw_series(core::iter::once(PathElement::new(dash.to_vec(), BLACK.stroke_width(2))))?;
    }
    Ok(())
}
