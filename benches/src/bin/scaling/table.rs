//! The numbers of a study, as text.

use mtaio_benches::numbers::three_digits;

use crate::study::Study;

/// A power of ten, as one says it.
pub(crate) fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        1e6.. => (value / 1e6, " M"),
        1e3.. => (value / 1e3, " k"),
        _ => (value, ""),
    };
    format!("{}{unit}", (value * 1e3).round() / 1e3)
}

/// The values of all series at each place of the first one's.
fn rows(study: &Study) -> impl Iterator<Item = (f64, Vec<f64>)> {
    let points = study.series[0].points.iter().enumerate();
    points.map(|(row, (x, _))| (*x, study.series.iter().map(|series| series.points[row].1).collect()))
}

pub(crate) fn csv(study: &Study) -> String {
    let names: Vec<_> = study.series.iter().map(|series| format!("\"{}\"", series.name)).collect();
    let mut text = format!("\"{}\",{}\n", study.x.label, names.join(","));
    for (x, values) in rows(study) {
        let values: Vec<_> = values.iter().map(|value| format!("{value:.3}")).collect();
        text += &format!("{x},{}\n", values.join(","));
    }
    text
}

pub(crate) fn markdown(study: &Study) -> String {
    let names: Vec<_> = study.series.iter().map(|series| &*series.name).collect();
    let mut text = format!("| {} | {} |\n|---:|{}\n", study.x.label, names.join(" | "), "---:|".repeat(names.len()));
    for (x, values) in rows(study) {
        let values: Vec<_> = values.iter().map(|value| three_digits(*value)).collect();
        text += &format!("| {} | {} |\n", short(x), values.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Axis, Scale, Series};

    #[test]
    fn a_study_is_written_row_by_row() {
        let axis = |label| Axis { label, scale: Scale::Log, range: (1.0, 1.0) };
        let mut series = Series::of(&["ours"], &[]);
        series[0].points = vec![(1.0, 2.5), (1e6, 1234.5)];
        let study = Study { title: "all", x: axis("waiters"), y: axis("ns"), series };
        assert_eq!(csv(&study), "\"waiters\",\"ours\"\n1,2.500\n1000000,1234.500\n");
        assert_eq!(markdown(&study), "| waiters | ours |\n|---:|---:|\n| 1 | 2.50 |\n| 1 M | 1234 |\n");
    }
}
