//! Figures over time, as a picture. The hour in real time (tests/real_time.rs) includes this file.

use anyhow::anyhow;
use plotters::prelude::*;

/// Width and height of the picture, in pixels.
const SIZE: (u32, u32) = (900, 1000);

/// One curve a figure, one above the other: its title and its points, over `along` from nothing to `most`.
pub fn svg(along: &str, most: f64, curves: &[(&str, Vec<(f64, f64)>)]) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
        let areas = area.split_evenly((curves.len(), 1));
        for (area, (title, points)) in areas.iter().zip(curves) {
            curve(area, title, (along, most), points).map_err(|error| anyhow!("{error}"))?;
        }
        area.present().map_err(|error| anyhow!("{error}"))?;
    }
    Ok(text)
}

fn curve<'a>(
    area: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    title: &str,
    (along, end): (&str, f64),
    points: &[(f64, f64)],
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    // From nothing up: what looks flat is flat.
    let most = points.iter().map(|point| point.1).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end.max(1.0), 0.0..most * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc(along)
        .y_labels(4)
        .label_style(("sans-serif", 12))
        .draw()?;
    chart.draw_series(LineSeries::new(points.iter().copied(), &BLUE))?;
    Ok(())
}
