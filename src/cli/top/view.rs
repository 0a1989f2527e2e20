//! The screen, drawn. Pure but for the frame.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Wrap};

use super::screen::{Screen, Waterfall, Who};

/// Below this a room is silent, and above the other it is loud, in dB of full scale.
const METER_DB: (f64, f64) = (-70.0, -10.0);

/// Colours of the stages, in their order.
const COLOURS: [Color; 6] = [
    Color::DarkGray,
    Color::Blue,
    Color::Cyan,
    Color::Green,
    Color::Yellow,
    Color::Magenta,
];

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, screen: &Screen) {
    let turns = u16::try_from(screen.turns.len()).unwrap_or(0).clamp(1, 8);
    let [head, meter, said, latest, keys] = Layout::vertical([
        Constraint::Length(5),
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(turns + 2),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(header(screen), head);
    frame.render_widget(gauge(screen), meter);
    conversation(frame, said, screen);
    waterfalls(frame, latest, screen);
    frame.render_widget(
        Paragraph::new("q quit   m mute   l listen   s stop").style(dim()),
        keys,
    );
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// What it is doing, in a word, and the colour of that.
fn state(screen: &Screen) -> (String, Color) {
    let state = screen.text("state");
    match &state[..] {
        _ if screen.is_muted() => ("muted".into(), Color::Red),
        "idle" if screen.is("asleep") => ("asleep".into(), Color::DarkGray),
        "idle" if screen.is("window_open") => ("listening to you".into(), Color::Green),
        "idle" => ("waiting for its name".into(), Color::DarkGray),
        "listening" => ("somebody speaks".into(), Color::Green),
        "thinking" | "transcribing" => (state, Color::Yellow),
        _ => (state, Color::Magenta),
    }
}

fn header(screen: &Screen) -> Paragraph<'static> {
    let (state, colour) = state(screen);
    let there = |key: &str| match screen.is(key) {
        true => "there",
        false => "GONE, looked for",
    };
    let echo = match screen.number("erle_db") {
        Some(db) => format!("{:.0} dB less", db.max(0.0)),
        None => "not measured yet".into(),
    };
    let lines = vec![
        Line::from(vec![
            Span::styled(
                screen.text("name"),
                Style::new().add_modifier(Modifier::BOLD),
            ),
            Span::raw("  "),
            Span::styled(state, Style::new().fg(colour).add_modifier(Modifier::BOLD)),
        ]),
        Line::from(format!(
            "microphone {}   loudspeaker {} at {:.0} %   echo {echo}",
            there("microphone"),
            there("loudspeaker"),
            screen.number("volume_percent").unwrap_or(0.0),
        )),
        Line::from(format!(
            "{}   {:.0} % of a core   {:.0} MB   {:.0} turns remembered",
            screen.text("backend"),
            screen.cost.percent,
            screen.cost.bytes as f64 / 1e6,
            screen.number("remembered_turns").unwrap_or(0.0),
        )),
    ];
    Paragraph::new(lines).block(Block::bordered().title(format!(" hearken {} ", screen.version)))
}

fn gauge(screen: &Screen) -> Gauge<'static> {
    let db = screen.level_db();
    let ratio = ((db - METER_DB.0) / (METER_DB.1 - METER_DB.0)).clamp(0.0, 1.0);
    let speaks = screen.text("state") == "listening";
    let colour = if speaks {
        Color::Green
    } else {
        Color::DarkGray
    };
    let label = match (screen.is_muted(), speaks) {
        (true, _) => "closed".into(),
        (false, true) => format!("{db:.0} dB  speech"),
        (false, false) => format!("{db:.0} dB"),
    };
    Gauge::default()
        .block(Block::bordered().title(" what it hears "))
        .gauge_style(Style::new().fg(colour))
        .ratio(if screen.is_muted() { 0.0 } else { ratio })
        .label(label)
}

fn conversation(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let line = |who: Who, text: &str| {
        let (name, style) = match who {
            Who::You => ("you      ", Style::new().fg(Color::Cyan)),
            Who::Hearken => ("hearken  ", Style::new().fg(Color::Magenta)),
            Who::Note => ("         ", dim()),
        };
        let body = if who == Who::Note {
            dim()
        } else {
            Style::new()
        };
        Line::from(vec![
            Span::styled(name, style),
            Span::styled(text.to_owned(), body),
        ])
    };
    let mut lines: Vec<Line<'_>> = screen
        .said
        .iter()
        .map(|(who, said)| line(*who, said))
        .collect();
    if !screen.partial.is_empty() {
        lines.push(line(Who::You, &format!("{} …", screen.partial)));
    }
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    // The latest is at the bottom, however many rows the lines take.
    let inner = Block::bordered().inner(area);
    let rows: usize = screen
        .said
        .iter()
        .map(|(_, said)| rows(said, inner.width))
        .sum::<usize>()
        + rows(&screen.partial, inner.width) * usize::from(!screen.partial.is_empty());
    let over = rows.saturating_sub(usize::from(inner.height));
    let block = Block::bordered().title(" conversation ");
    let paragraph = paragraph
        .block(block)
        .scroll((u16::try_from(over).unwrap_or(u16::MAX), 0));
    frame.render_widget(paragraph, area);
}

/// Rows that a line of the conversation takes, about: words are not broken.
fn rows(said: &str, width: u16) -> usize {
    let width = usize::from(width).max(1);
    let mut rows = 1;
    let mut column = 9;
    for word in said.split(' ') {
        let length = Span::raw(word).width();
        if column > 0 && column + length > width {
            rows += 1;
            column = 0;
        }
        column += length + 1;
        // One that is longer than a row goes on in the next.
        rows += (column - 1) / width.max(1) * usize::from(length > width);
        column %= width + 1;
    }
    rows
}

fn waterfalls(frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
    let block =
        Block::bordered().title(" the latest turns, from the end of speech to the first sound ");
    let inner = block.inner(area);
    let longest = screen
        .turns
        .iter()
        .filter_map(|turn| turn.last())
        .map(|(_, ms)| *ms)
        .fold(1.0, f64::max);
    let room = usize::from(inner.width.saturating_sub(9)).max(1);
    let latest = screen.turns.iter().rev().take(usize::from(inner.height));
    let lines: Vec<Line<'_>> = match screen.turns.is_empty() {
        true => vec![Line::styled("none yet", dim())],
        false => latest.map(|turn| bar(turn, longest, room)).collect(),
    };
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// One turn: a part for each stage, as long as it took.
fn bar(turn: &Waterfall, longest: f64, room: usize) -> Line<'static> {
    let cell = |ms: f64| (ms / longest * room as f64).round() as usize;
    let mut at = 0;
    let mut parts = Vec::new();
    for (stage, (name, ms)) in turn.iter().enumerate() {
        let end = cell(*ms).clamp(at, room);
        let width = end - at;
        // The name where there is room for it.
        let text: String = match width > name.len() {
            true => format!("{name:<width$}"),
            false => " ".repeat(width),
        };
        let colour = COLOURS[stage % COLOURS.len()];
        parts.push(Span::styled(text, Style::new().bg(colour).fg(Color::Black)));
        at = end;
    }
    let total = turn.last().map_or(0.0, |(_, ms)| *ms);
    parts.push(Span::raw(format!(" {total:.0} ms")));
    Line::from(parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, screen)).unwrap();
        terminal.backend().to_string()
    }

    fn screen() -> Screen {
        let mut screen = Screen::new("0.1.0");
        screen.status(json!({
            "state": "listening", "name": "Samantha", "muted": false, "asleep": false, "window_open": true,
            "microphone": true, "loudspeaker": false, "volume_percent": 80, "level": 0.1, "erle_db": 31.6,
            "remembered_turns": 2, "backend": "qwen2.5-coder-0.5b", "process": 1,
        }));
        for n in 0..30 {
            screen.note(&format!("note {n}"));
        }
        screen.event(&json!({"event": "transcribed", "text": "What is the capital of France?"}));
        screen.event(&json!({
            "event": "turn_finished", "reply": "The capital of France is Paris.", "interrupted": false,
            "stages_ms": {"endpoint": 200.0, "text": 450.0, "first_token": 600.0, "first_clause": 700.0,
                          "first_sample": 850.0, "first_played": 900.0},
        }));
        screen
    }

    #[test]
    fn everything_is_on_it_and_the_latest_at_the_bottom() {
        let shown = drawn(&screen(), 80, 24);
        for words in [
            "Samantha  somebody speaks",
            "loudspeaker GONE",
            "32 dB less",
            "qwen2.5-coder-0.5b",
            "-20 dB  speech",
            "What is the capital of France?",
            "The capital of France is Paris.",
            "text",
            "900 ms",
            "m mute",
        ] {
            assert!(shown.contains(words), "{words} is not in\n{shown}");
        }
        assert!(!shown.contains("note 0 "), "{shown}");
    }

    #[test]
    fn any_terminal_will_do() {
        for (width, height) in [(1, 1), (10, 4), (20, 10), (300, 100)] {
            drawn(&screen(), width, height);
        }
        drawn(&Screen::new("0.1.0"), 80, 24);
    }

    #[test]
    fn long_lines_take_several_rows() {
        assert_eq!(rows("", 40), 1);
        assert_eq!(rows("short", 40), 1);
        assert_eq!(rows(&"word ".repeat(20), 40), 3);
        assert!(rows(&"x".repeat(100), 40) >= 3);
    }
}
