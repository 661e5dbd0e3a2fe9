//! Charts, as SVG.

use core::error::Error;
use core::ops::Range;
use std::path::Path;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::study::{Axis, Scale, Series, Study};
use crate::table::short;

const SIZE: (u32, u32) = (860, 520);
/// Room for the title, and for each row of names.
const TITLE: i32 = 46;
const NAMES: i32 = 24;

/// Colours that most people can tell apart.
const COLORS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

impl Axis {
    fn place(&self, value: f64) -> f64 {
        if self.scale == Scale::Log { value.log10() } else { value }
    }

    /// What is written at a place.
    fn name(&self, place: f64) -> String {
        match self.scale {
            Scale::Log => short(10_f64.powf(place)),
            Scale::Whole if place.fract() != 0.0 => String::new(),
            Scale::Whole | Scale::Linear => short(place),
        }
    }

    /// From whole powers of ten, or from where it begins, to a little beyond all values.
    fn bounds(&self, values: impl Iterator<Item = f64>) -> Range<f64> {
        let (low, high) = values.fold(self.range, |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = (self.place(low), self.place(high));
        match self.scale {
            Scale::Log => low.floor()..high.ceil(),
            Scale::Whole => low..high,
            Scale::Linear => low..low + (high - low) * 1.08,
        }
    }

    /// How many places are named.
    fn names(&self, bounds: &Range<f64>) -> usize {
        if self.scale == Scale::Linear { 8 } else { (bounds.end - bounds.start) as usize + 1 }
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// A line and its name, for each series.
fn draw_names(area: &Area<'_>, series: &[Series]) -> Result<(), Box<dyn Error>> {
    let columns = names_in_a_row(series);
    let width = (SIZE.0 as i32 - 40) / columns;
    for (number, series) in series.iter().enumerate() {
        let (row, column) = (number as i32 / columns, number as i32 % columns);
        let (x, y) = (24 + column * width, TITLE + row * NAMES + 8);
        area.draw(&PathElement::new(vec![(x, y), (x + 26, y)], style(series)))?;
        area.draw(&Circle::new((x + 13, y), 4, fill(series)))?;
        area.draw(&Text::new(series.name.clone(), (x + 34, y - 7), ("sans-serif", 15).into_font()))?;
    }
    Ok(())
}

/// So many that a peer stands below ours.
fn names_in_a_row(series: &[Series]) -> i32 {
    series.iter().filter(|series| !series.is_peer).count().clamp(2, 3) as i32
}

fn style(series: &Series) -> ShapeStyle {
    COLORS[series.color].stroke_width(if series.is_peer { 1 } else { 3 })
}

fn fill(series: &Series) -> ShapeStyle {
    let color = COLORS[series.color];
    if series.is_peer { color.stroke_width(1) } else { color.filled() }
}

pub(crate) fn draw(study: &Study, file: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let columns = names_in_a_row(&study.series);
    let rows = (study.series.len() as i32 + columns - 1) / columns;
    let (head, body) = area.split_vertically(TITLE + rows * NAMES);
    head.draw(&Text::new(study.title, (24, 14), ("sans-serif", 20).into_font()))?;
    draw_names(&head, &study.series)?;
    let points = || study.series.iter().flat_map(|series| &series.points);
    let x = study.x.bounds(points().map(|point| point.0));
    let y = study.y.bounds(points().map(|point| point.1));
    let mut chart = ChartBuilder::on(&body)
        .margin(14)
        .margin_right(34)
        .set_label_area_size(LabelAreaPosition::Left, 68)
        .set_label_area_size(LabelAreaPosition::Bottom, 48)
        .build_cartesian_2d::<RangedCoordf64, RangedCoordf64>(x.clone().into(), y.clone().into())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(study.x.names(&x))
        .y_labels(study.y.names(&y))
        .x_label_formatter(&|place| study.x.name(*place))
        .y_label_formatter(&|place| study.y.name(*place))
        .label_style(("sans-serif", 14))
        .axis_desc_style(("sans-serif", 15))
        .x_desc(study.x.label)
        .y_desc(study.y.label)
        .draw()?;
    for series in &study.series {
        let places = series.points.iter().map(|(x, y)| (study.x.place(*x), study.y.place(*y)));
        let places: Vec<_> = places.collect();
        chart.draw_series([PathElement::new(places.clone(), style(series))])?;
        chart.draw_series(places.iter().map(|place| Circle::new(*place, 4, fill(series))))?;
    }
    area.present()?;
    Ok(())
}
