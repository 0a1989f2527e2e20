//! The figures over time, as a picture.

use anyhow::anyhow;
use plotters::prelude::*;

use super::watch::{Figure, Figures};

/// Width and height of the picture, in pixels.
const SIZE: (u32, u32) = (900, 1000);

const KINDS: [(&str, Figure); 5] = [
    ("memory of hearken, MB", |look| Some(look.memory_mb)),
    ("memory of its language model, MB", |look| {
        Some(look.model_mb)
    }),
    ("threads", |look| Some(look.threads)),
    ("file descriptors", |look| Some(look.descriptors)),
    (
        "from the end of a question to its answer, ms (middle of the hour)",
        |look| look.latency_ms,
    ),
];

/// One curve a figure, one above the other.
pub fn svg(figures: &Figures) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
        for (area, (title, of)) in area.split_evenly((KINDS.len(), 1)).iter().zip(KINDS) {
            let points: Vec<_> = figures
                .looks
                .iter()
                .filter_map(|look| Some((look.hour, of(look)?)))
                .collect();
            curve(area, title, figures.hours, &points).map_err(|error| anyhow!("{error}"))?;
        }
        area.present().map_err(|error| anyhow!("{error}"))?;
    }
    Ok(text)
}

fn curve<'a>(
    area: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    title: &str,
    hours: f64,
    points: &[(f64, f64)],
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    // From nothing up: what looks flat is flat.
    let most = points.iter().map(|point| point.1).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..hours.max(1.0), 0.0..most * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("hours of sound")
        .y_labels(4)
        .label_style(("sans-serif", 12))
        .draw()?;
    chart.draw_series(LineSeries::new(points.iter().copied(), &BLUE))?;
    Ok(())
}
