//! Events and what was expected of them; a verdict. Pure.

use super::format::{Absent, Count, Expect, Heard, Kind, Loudspeaker, Moment, Pattern, Scenario};
use super::tape::Track;
use super::timeline::{Entry, Timeline, as_text};

/// A frame of a loudness, in ms.
const FRAME_MS: i64 = 20;
/// So much before a moment `quieter_db` looks, in ms.
const BEFORE_MS: i64 = 1000;
/// Digital silence, in dB of full scale.
const SILENCE_DB: f64 = -120.0;

/// What is wrong with what happened; nothing when all is well. `heard` are the loudspeaker's words, when the scenario
/// asks for them.
pub fn judge(
    scenario: &Scenario,
    timeline: &Timeline,
    speaker: &Track,
    heard: Option<&str>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(scenario.expect.iter().filter_map(|e| missing(e, timeline)));
    wrong.extend(scenario.absent.iter().filter_map(|a| present(a, timeline)));
    wrong.extend(
        scenario
            .count
            .iter()
            .filter_map(|c| miscounted(c, timeline)),
    );
    for check in &scenario.loudspeaker {
        wrong.extend(wrong_level(check, timeline, speaker));
    }
    if let Some(expected) = &scenario.heard {
        wrong.extend(misheard(expected, heard.unwrap_or_default()));
    }
    wrong
}

fn moment(event: &str) -> Moment {
    Moment {
        event: event.into(),
        nth: 1,
        contains: None,
        ms: 0,
    }
}

fn missing(expect: &Expect, timeline: &Timeline) -> Option<String> {
    let after = expect.after.clone().unwrap_or_else(|| moment("start"));
    let what = describe(&expect.event, expect.contains.as_ref());
    let fields = expect
        .fields
        .iter()
        .map(|(name, pattern)| format!(" {name} ~ /{pattern}/"))
        .collect::<String>();
    let Some(from) = timeline.when(&after) else {
        return Some(format!(
            "{what}{fields} was expected after {after}, which never came"
        ));
    };
    let matches = |entry: &&Entry| {
        let is = |name: &String, pattern: &Pattern| {
            let value = entry.value.get(name);
            value.is_some_and(|value| pattern.is_in(&as_text(value)))
        };
        entry.kind == expect.event.0
            && entry.contains(expect.contains.as_ref())
            && expect
                .fields
                .iter()
                .all(|(name, pattern)| is(name, pattern))
    };
    let found = timeline.since(&after)?.iter().find(matches);
    let found = found.map(|entry| entry.ms - from);
    let limit = expect.within_ms.unwrap_or(i64::MAX);
    let within = expect
        .within_ms
        .map_or_else(String::new, |ms| format!(" within {ms} ms"));
    match found {
        Some(ms) if ms <= limit => None,
        Some(ms) => Some(format!(
            "{what}{fields} was expected{within} after {after}, and came after {ms} ms"
        )),
        None => Some(format!(
            "{what}{fields} was expected{within} after {after}, and did not come"
        )),
    }
}

fn describe(kind: &Kind, contains: Option<&Pattern>) -> String {
    contains.map_or_else(
        || kind.0.clone(),
        |pattern| format!("{} with /{pattern}/", kind.0),
    )
}

/// The entries between two moments, or what keeps them from being looked at.
fn between<'a>(
    timeline: &'a Timeline,
    from: Option<&Moment>,
    to: Option<&Moment>,
) -> Result<Vec<&'a Entry>, String> {
    let from = from.cloned().unwrap_or_else(|| moment("start"));
    let since = timeline.since(&from);
    let since = since.ok_or_else(|| format!("{from} never came"))?;
    let told_to_stop = || timeline.when(&moment("end"));
    let end = to.and_then(|to| timeline.when(to)).or_else(told_to_stop);
    let end = end.unwrap_or(i64::MAX);
    Ok(since.iter().take_while(|entry| entry.ms < end).collect())
}

fn span(from: Option<&Moment>, to: Option<&Moment>) -> String {
    let from = from.map_or_else(String::new, |from| format!(" from {from}"));
    let to = to.map_or_else(String::new, |to| format!(" to {to}"));
    from + &to
}

fn present(absent: &Absent, timeline: &Timeline) -> Option<String> {
    let (from, to) = (absent.from.as_ref(), absent.to.as_ref());
    let span = span(from, to);
    let kinds: Vec<&str> = absent.events.iter().map(|kind| kind.0.as_str()).collect();
    let entries = match between(timeline, from, to) {
        Ok(entries) => entries,
        Err(reason) => {
            return Some(format!("no {}{span}: {reason}", kinds.join(", no ")));
        }
    };
    let found = entries.iter().find(|entry| {
        kinds.contains(&entry.kind.as_str()) && entry.contains(absent.contains.as_ref())
    })?;
    Some(format!(
        "no {} was expected{span}, and it came at {} ms",
        found.kind, found.ms
    ))
}

fn miscounted(count: &Count, timeline: &Timeline) -> Option<String> {
    let (from, to) = (count.from.as_ref(), count.to.as_ref());
    let what = describe(&count.event, count.contains.as_ref());
    let span = span(from, to);
    let entries = match between(timeline, from, to) {
        Ok(entries) => entries,
        Err(reason) => return Some(format!("the number of {what}{span}: {reason}")),
    };
    let found = entries
        .iter()
        .filter(|e| e.kind == count.event.0 && e.contains(count.contains.as_ref()))
        .count();
    let least = count.is.or(count.at_least).unwrap_or(0);
    let most = count.is.or(count.at_most).unwrap_or(usize::MAX);
    if (least..=most).contains(&found) {
        return None;
    }
    let wanted = match (count.is, count.at_least) {
        (Some(is), _) => format!("{is}"),
        (None, Some(least)) if found < least => format!("at least {least}"),
        _ => format!("at most {most}"),
    };
    Some(format!(
        "{what}{span} came {found} times, and {wanted} was expected"
    ))
}

fn wrong_level(check: &Loudspeaker, timeline: &Timeline, speaker: &Track) -> Vec<String> {
    let Some(from) = timeline.when(&check.from) else {
        return vec![format!(
            "the loudspeaker after {}, which never came",
            check.from
        )];
    };
    let loudest = |from: i64, to: i64| loudest_db(speaker, from, to);
    let level = loudest(from, from + check.for_ms);
    let stretch = format!("for {} ms from {}", check.for_ms, check.from);
    let mut wrong = Vec::new();
    let Some(level) = level else {
        return vec![format!(
            "the loudspeaker's recording does not reach {stretch}"
        )];
    };
    if let Some(limit) = check.below_db.filter(|limit| level > *limit) {
        wrong.push(format!(
            "the loudspeaker reached {level:.0} dB {stretch}, and should stay below {limit} dB"
        ));
    }
    if let Some(limit) = check.above_db.filter(|limit| level < *limit) {
        wrong.push(format!(
            "the loudspeaker only reached {level:.0} dB {stretch}, and should reach {limit} dB"
        ));
    }
    if let Some(limit) = check.quieter_db {
        let than = check.than.as_ref().unwrap_or(&check.from);
        let before = timeline
            .when(than)
            .and_then(|than| loudest(than - BEFORE_MS, than))
            .unwrap_or(SILENCE_DB);
        if before - level < limit {
            wrong.push(format!(
                "the loudspeaker was {:.0} dB quieter {stretch} than before {than} ({before:.0} dB), and should be \
                 {limit} dB",
                before - level
            ));
        }
    }
    wrong
}

/// The loudest frame between two moments, in dB of full scale; `None` when nothing was recorded then.
fn loudest_db(track: &Track, from: i64, to: i64) -> Option<f64> {
    let power = |samples: &[f32]| {
        let sum: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        sum / samples.len() as f64
    };
    let stretch = track.between(from, to)?;
    let frame = (track.rate as usize * FRAME_MS as usize / 1000).max(1);
    let loudest = stretch.chunks(frame).map(power).fold(0.0, f64::max);
    Some((10.0 * loudest.log10()).max(SILENCE_DB))
}

fn misheard(expected: &Heard, heard: &str) -> Vec<String> {
    let words = spoken_words(heard);
    let missing = expected.contains.iter().filter(|p| !p.is_in(&words));
    let present = expected.absent.iter().filter(|p| p.is_in(&words));
    missing
        .map(|p| format!("the loudspeaker should say /{p}/, and said: {words}"))
        .chain(present.map(|p| format!("the loudspeaker should not say /{p}/, and said: {words}")))
        .collect()
}

/// Lower case, single spaces, no punctuation.
pub fn spoken_words(text: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || c == '\'';
    text.to_lowercase()
        .split(|c: char| !kept(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
