//! The waterfall of every turn as a picture (SVG): a row a turn, a bar a stage, p50 and p95 as lines. Pure.

use std::fmt::Write as _;

use super::html::escaped;
use super::judge::{Outcome, gaps};
use super::report::Report;
use super::stages::{PLAYED, Reached, STAGES, percentile};
use super::turn::Turn;

/// All lengths are of the picture's own units; the page makes it as wide as there is room.
const WIDTH: f64 = 1120.0;
/// Where the axis begins, and what is left beside its end for a number.
const LEFT: f64 = 345.0;
const RIGHT: f64 = 100.0;
/// Legend and axis above the first row.
const TOP: f64 = 88.0;
const ROW: f64 = 38.0;
const BAR: f64 = 20.0;
/// So many characters of a question fit in front of the axis, and of the smaller line below it.
const FITS: usize = 48;
const FITS_BELOW: usize = 60;

const STYLE: &str = "
.t { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2937; }
.s { font: 10px system-ui, 'DejaVu Sans', sans-serif; fill: #6b7280; }
.n { font-variant-numeric: tabular-nums; text-anchor: end; }
.grid { stroke: #e5e7eb; stroke-width: 1; }
.zero { stroke: #6b7280; stroke-width: 1; }
.p { stroke: #1f2937; stroke-width: 1.2; stroke-dasharray: 4 3; }
.bad { fill: #c0392b; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  .t { fill: #e5e7eb; } .s { fill: #9ca3af; } .grid { stroke: #2e343d; } .zero { stroke: #9ca3af; }
  .p { stroke: #e5e7eb; } .bad { fill: #ff7b72; }
}
";

/// The axis: from when to when, in ms, and how far apart its marks are.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    from: f64,
    to: f64,
    step: f64,
}

impl Axis {
    /// One that all of `times` fit on, with the end of speech.
    fn of(times: impl Iterator<Item = f64>) -> Self {
        let (least, most) = times.fold((0.0f64, 100.0f64), |(a, b), t| (a.min(t), b.max(t)));
        let steps = [50.0, 100.0, 200.0, 250.0, 500.0, 1_000.0, 2_000.0, 5_000.0];
        let fits = |step: &f64| (most - least) / step <= 12.0;
        let step = steps.into_iter().find(fits).unwrap_or(10_000.0);
        Self {
            from: (least / step).floor() * step,
            to: (most / step).ceil() * step,
            step,
        }
    }

    fn x(self, ms: f64) -> f64 {
        LEFT + (ms - self.from) / (self.to - self.from) * (WIDTH - LEFT - RIGHT)
    }

    fn marks(self) -> Vec<f64> {
        let count = ((self.to - self.from) / self.step).round() as u32;
        (0..=count)
            .map(|i| self.from + f64::from(i) * self.step)
            .collect()
    }
}

/// The bars of a turn: each stage from the one that was reached before it (the first from the end of speech), in the
/// order of time, whatever order they are listed in. Key, from, to.
fn bars(stages: &Reached) -> Vec<(&str, f64, f64)> {
    let mut reached: Vec<(&str, f64)> = stages.iter().map(|(k, ms)| (k.as_str(), *ms)).collect();
    let place = |key: &str| STAGES.iter().position(|stage| stage.key == key);
    reached.sort_by(|a, b| a.1.total_cmp(&b.1).then(place(a.0).cmp(&place(b.0))));
    let mut since = reached.first().map_or(0.0, |first| first.1.min(0.0));
    let bar = |(key, at)| {
        let bar = (key, since, at);
        since = at;
        bar
    };
    reached.into_iter().map(bar).collect()
}

/// The picture.
pub fn picture(report: &Report) -> String {
    // A turn that does not count may lie anywhere.
    let counted = report.turns.iter().filter(|turn| turn.counts());
    let axis = Axis::of(counted.flat_map(|turn| turn.stages_ms.values()).copied());
    let bottom = TOP + ROW * report.turns.len() as f64;
    let height = bottom + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Waterfall of {} turns\">\n<style>{STYLE}</style>\n",
        report.turns.len()
    );
    legend(&mut svg, report);
    for mark in axis.marks() {
        let (x, class) = (axis.x(mark), if mark == 0.0 { "zero" } else { "grid" });
        put(
            &mut svg,
            format!(
                "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>",
                TOP - 6.0
            ),
        );
        put(
            &mut svg,
            format!(
                "<text class=\"s\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{mark:.0}</text>",
                TOP - 12.0
            ),
        );
    }
    for (number, turn) in report.turns.iter().enumerate() {
        row(&mut svg, turn, axis, TOP + ROW * number as f64);
    }
    percentiles(&mut svg, report, axis, bottom);
    svg.push_str("</svg>\n");
    svg
}

fn put(svg: &mut String, element: String) {
    svg.push_str(&element);
    svg.push('\n');
}

/// Of the stages that were reached.
fn legend(svg: &mut String, report: &Report) {
    let mut x = 0.0;
    let reached = |key| report.turns.iter().any(|t| t.stages_ms.contains_key(key));
    for stage in STAGES.iter().filter(|stage| reached(stage.key)) {
        put(
            svg,
            format!(
                "<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{}\"/>",
                stage.colour
            ),
        );
        put(
            svg,
            format!(
                "<text class=\"t\" x=\"{}\" y=\"18\">{}</text>",
                x + 18.0,
                stage.label
            ),
        );
        x += 18.0 + 7.2 * stage.label.len() as f64 + 18.0;
    }
}

fn row(svg: &mut String, turn: &Turn, axis: Axis, top: f64) {
    let middle = top + ROW / 2.0;
    let faint = if turn.counts() { "1" } else { "0.35" };
    put(
        svg,
        format!("<line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{top}\" y2=\"{top}\"/>"),
    );
    put(
        svg,
        format!(
            "<text class=\"t\" x=\"0\" y=\"{}\">{}<title>{}</title></text>",
            middle - 3.0,
            escaped(&shortened(&turn.question, FITS)),
            escaped(&turn.question)
        ),
    );
    let bad = match turn.counts() {
        true => String::new(),
        false => format!("<tspan class=\"bad\">{}</tspan> · ", turn.outcome.label()),
    };
    put(
        svg,
        format!(
            "<text class=\"s\" x=\"0\" y=\"{}\">{bad}{}</text>",
            middle + 11.0,
            escaped(&shortened(&about(turn), FITS_BELOW))
        ),
    );
    let _ = write!(svg, "<g opacity=\"{faint}\">");
    for (key, from, to) in bars(&turn.stages_ms) {
        let Some(stage) = STAGES.iter().find(|stage| stage.key == key) else {
            continue;
        };
        if to < axis.from || from > axis.to {
            continue;
        }
        let (left, right) = (from.max(axis.from), to.min(axis.to));
        // What took no time is a line, so that it is seen.
        let (x, width) = (axis.x(left), (axis.x(right) - axis.x(left)).max(1.0));
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{}\">\
             <title>{}: {to:.0} ms (+{:.0})</title></rect>",
            middle - BAR / 2.0,
            stage.colour,
            stage.label,
            to - from,
        );
    }
    svg.push_str("</g>\n");
    if let Some(early) = early(turn) {
        put(
            svg,
            format!(
                "<text class=\"s bad\" x=\"{:.1}\" y=\"{}\">{early}</text>",
                axis.x(0.0) + 6.0,
                middle + 4.0
            ),
        );
    }
    let end = match (turn.stages_ms.get(PLAYED), turn.outcome) {
        (Some(ms), Outcome::Answered) => format!("{ms:.0}"),
        _ => "–".into(),
    };
    put(
        svg,
        format!(
            "<text class=\"t n\" x=\"{}\" y=\"{}\">{end}</text>",
            WIDTH - 4.0,
            middle + 4.0
        ),
    );
}

/// What is said of a turn that was taken too early, or nothing.
fn early(turn: &Turn) -> Option<String> {
    let before = -turn.taken_ms.filter(|_| turn.outcome.is_cut_off())?;
    (before > 0.0).then(|| {
        format!(
            "taken {:.1} s before the speaker had finished",
            before / 1000.0
        )
    })
}

/// Who asked, for how long, with which pauses; and gaps in the reply.
fn about(turn: &Turn) -> String {
    let list = |values: Vec<f64>| {
        let values: Vec<String> = values.iter().map(|v| format!("{v:.0}")).collect();
        values.join(" + ")
    };
    let mut about = vec![format!("{:.1} s", turn.seconds)];
    if turn.speaker != turn.question {
        about.push(turn.speaker.clone());
    }
    if !turn.pauses_ms.is_empty() {
        about.push(format!("pause {} ms", list(turn.pauses_ms.clone())));
    }
    let gaps: Vec<f64> = gaps(&turn.silences_ms).collect();
    if !gaps.is_empty() {
        about.push(format!("gap {} ms", list(gaps)));
    }
    about.join(" · ")
}

fn shortened(text: &str, fits: usize) -> String {
    match text.chars().count() > fits {
        true => text.chars().take(fits - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

fn percentiles(svg: &mut String, report: &Report, axis: Axis, bottom: f64) {
    let times = report.times(PLAYED);
    // One label to the left of its line, one to the right: they may be near each other.
    for (percent, anchor, aside) in [(50, "end", -5.0), (95, "start", 5.0)] {
        let Some(ms) = percentile(&times, percent) else {
            continue;
        };
        let x = axis.x(ms);
        put(
            svg,
            format!("<line class=\"p\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"44\" y2=\"{bottom}\"/>"),
        );
        put(
            svg,
            format!(
                "<text class=\"t\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"53\">p{percent} {ms:.0} ms</text>",
                x + aside
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    fn reached(stages: &[(&str, f64)]) -> Reached {
        stages.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()
    }

    #[test]
    fn bars_follow_each_other_in_time() {
        let stages = reached(&[("endpoint", 700.0), ("text", 300.0), (PLAYED, 900.0)]);
        assert_eq!(
            bars(&stages),
            [
                ("text", 0.0, 300.0),
                ("endpoint", 300.0, 700.0),
                (PLAYED, 700.0, 900.0)
            ]
        );
        let early = reached(&[("text", -40.0), ("endpoint", 200.0)]);
        assert_eq!(
            bars(&early),
            [("text", -40.0, -40.0), ("endpoint", -40.0, 200.0)]
        );
        assert!(bars(&Reached::new()).is_empty());
    }

    #[test]
    fn everything_fits_on_the_axis() {
        let axis = Axis::of([-40.0, 2_243.0].into_iter());
        assert_eq!((axis.from, axis.to, axis.step), (-200.0, 2_400.0, 200.0));
        assert_eq!((axis.x(-200.0), axis.x(2_400.0)), (LEFT, WIDTH - RIGHT));
        assert_eq!(axis.marks().len(), 14);
        let nothing = Axis::of(std::iter::empty());
        assert!(nothing.to > nothing.from);
    }

    #[test]
    fn each_turn_has_a_row_and_each_stage_a_bar() {
        let report = report();
        let picture = picture(&report);
        for turn in &report.turns {
            assert!(
                picture.contains(&escaped(&turn.question)),
                "{}",
                turn.question
            );
        }
        // The one that was cut off has its first stage far before the end of speech.
        assert_eq!(picture.matches("</title></rect>").count(), 5);
        assert!(picture.contains("p50 1000 ms") && picture.contains("p95 1300 ms"));
        assert!(picture.contains("gap 400 ms") && picture.contains("pause 600 ms"));
    }
}
