//! A chart of the figures, as SVG.

use core::error::Error;
use core::ops::Range;

use mtaio_benches::{Against, Role, Unit};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figures::Figures;
use crate::table::value;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: i32 = 960;
/// The names are left of this, and the figures right of that.
const BARS: Range<i32> = 360..700;
const LINE: i32 = 24;
const HEAD: i32 = 66;
const GAP: i32 = 24;
/// A ratio above this is cut off.
const MOST: f64 = 1.5;

const INK: RGBColor = RGBColor(36, 41, 47);
const FAINT: RGBColor = RGBColor(208, 215, 222);
const OURS: RGBColor = RGBColor(9, 105, 218);
const WORSE: RGBColor = RGBColor(207, 34, 46);
const PEERS: [RGBColor; 2] = [RGBColor(140, 149, 159), RGBColor(191, 135, 0)];

/// One panel for times beside those of the best peers, and one for rates that are reached.
pub(crate) fn svg(figures: &[Figures]) -> Result<String, Box<dyn Error>> {
    let is_time = |it: &&Figures| matches!(it.unit, Unit::Nanos | Unit::CpuNanos) && it.best_peer().is_some();
    let times: Vec<_> = figures.iter().filter(is_time).collect();
    let shares: Vec<_> = figures.iter().filter(|it| matches!(it.unit, Unit::Share(_))).collect();
    if times.is_empty() && shares.is_empty() {
        return Err("none of these rows can be drawn".into());
    }
    let height = |panel: &[&Figures]| if panel.is_empty() { 0 } else { HEAD + LINE * panel.len() as i32 + GAP };
    let (first, second) = (height(&times), height(&shares));
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH as u32, (first + second) as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        let (top, bottom) = area.split_vertically(first);
        if !times.is_empty() {
            draw_times(&top, &times)?;
        }
        if !shares.is_empty() {
            draw_shares(&bottom, &shares)?;
        }
        area.present()?;
    }
    Ok(text)
}

fn label(area: &Area<'_>, text: &str, at: (i32, i32), side: HPos, size: u32, ink: RGBColor) -> Drawn {
    let style = ("sans-serif", size).into_text_style(area).color(&ink).pos(Pos::new(side, VPos::Center));
    Ok(area.draw(&Text::new(text.to_owned(), at, style))?)
}

fn bar(area: &Area<'_>, from: (i32, i32), to: (i32, i32), ink: RGBColor) -> Drawn {
    Ok(area.draw(&Rectangle::new([from, to], ink.filled()))?)
}

/// Where a number stands, on an axis that begins with zero.
fn place(number: f64, most: f64) -> i32 {
    BARS.start + (f64::from(BARS.end - BARS.start) * number.min(most) / most) as i32
}

fn axis(area: &Area<'_>, title: &str, marks: &[f64], most: f64, lines: usize) -> Drawn {
    label(area, title, (16, 20), HPos::Left, 17, INK)?;
    let bottom = HEAD + LINE * lines as i32;
    for mark in marks {
        let x = place(*mark, most);
        let ink = if (*mark - 1.0).abs() < f64::EPSILON { INK } else { FAINT };
        area.draw(&PathElement::new([(x, HEAD - 8), (x, bottom)], ink))?;
        label(area, &mark.to_string(), (x, HEAD - 18), HPos::Center, 12, INK)?;
    }
    Ok(())
}

/// The time of ours, where that of the best peer is 1.
fn draw_times(area: &Area<'_>, rows: &[&Figures]) -> Drawn {
    axis(area, "Time of mtaio, where the best peer takes 1 (less is better)", &[0.0, 0.5, 1.0, 1.5], MOST, rows.len())?;
    for (line, figures) in rows.iter().enumerate() {
        let (Some(peer), Some(ratio)) = (figures.best_peer(), figures.against(Against::Peer)) else { continue };
        let y = HEAD + LINE * line as i32 + LINE / 2;
        let ink = if ratio.median <= 1.05 { OURS } else { WORSE };
        label(area, &figures.name, (BARS.start - 10, y), HPos::Right, 13, INK)?;
        bar(area, (BARS.start, y - 7), (place(ratio.median, MOST), y + 7), ink)?;
        area.draw(&PathElement::new([(place(ratio.min, MOST), y), (place(ratio.max, MOST), y)], INK))?;
        let (own, other) = (figures.ours().spread().median, peer.spread().median);
        let (own, other) = (value(own, figures.unit), value(other, figures.unit));
        label(area, &format!("{own}, {} {other}", peer.name), (BARS.end + 10, y), HPos::Left, 12, INK)?;
    }
    Ok(())
}

/// How much of the rate that was asked for everybody reached.
fn draw_shares(area: &Area<'_>, rows: &[&Figures]) -> Drawn {
    let most = 1.1;
    axis(
        area,
        "Share of the rate that waiting tasks get (1 is all of it)",
        &[0.0, 0.25, 0.5, 0.75, 1.0],
        most,
        rows.len(),
    )?;
    let mut names: Vec<_> = rows.iter().flat_map(|it| &it.series).map(|it| (it.role, it.name)).collect();
    names.sort_by_key(|(role, name)| (*role != Role::Ours, *name));
    names.dedup();
    let ink = |name: &str| match names.iter().position(|(_, other)| *other == name) {
        Some(0) | None => OURS,
        Some(number) => PEERS[(number - 1) % PEERS.len()],
    };
    for (number, (_, name)) in names.iter().enumerate() {
        let x = BARS.end + 10;
        let y = 20 + 16 * number as i32;
        bar(area, (x, y - 5), (x + 10, y + 5), ink(name))?;
        label(area, name, (x + 16, y), HPos::Left, 12, INK)?;
    }
    for (line, figures) in rows.iter().enumerate() {
        let y = HEAD + LINE * line as i32;
        label(area, &figures.name, (BARS.start - 10, y + LINE / 2), HPos::Right, 13, INK)?;
        for (number, series) in figures.series.iter().enumerate() {
            let y = y + 3 + 6 * number as i32;
            bar(area, (BARS.start, y), (place(series.spread().median, most), y + 5), ink(series.name))?;
        }
        let shares = figures.series.iter().map(|it| value(it.spread().median, figures.unit));
        let shares = shares.collect::<Vec<_>>().join(", ");
        label(area, &shares, (BARS.end + 10, y + LINE / 2), HPos::Left, 12, INK)?;
    }
    Ok(())
}
