//! What is shown to somebody at the screen. Pure; time is an input. Anybody may see a screen, also a locked one: none of it has a
//! word of the conversation, and of a failure it says no more than that there was one, for its text may quote a server that quotes
//! a question.

use std::time::{Duration, Instant};

use crate::event::Event;

/// A failure is shown once within this.
pub const AT_MOST: Duration = Duration::from_secs(60);

/// Something to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// One line.
    pub summary: String,
    /// The rest; plain text.
    pub body: String,
    /// The device that it is about; it stands in place of what is shown of that.
    pub device: Option<&'static str>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Show this.
    Show(Notice),
    /// What is shown of this device is true no longer, and nothing is to be shown.
    Withdraw(&'static str),
}

/// What was shown lately.
#[derive(Debug, Default)]
pub struct Notices {
    /// When a failure was.
    failed: Option<Instant>,
    /// Devices that are shown to be gone.
    gone: Vec<&'static str>,
}

impl Notices {
    /// Something happened. Where nothing is to be `shown`, what was shown before must still not stay when it is true no longer.
    pub fn regard(&mut self, event: &Event, shown: bool, now: Instant) -> Option<Wish> {
        let lately = |at: Instant| now.saturating_duration_since(at) < AT_MOST;
        match event {
            Event::Failed { .. } if shown && !self.failed.is_some_and(lately) => {
                self.failed = Some(now);
                Some(Wish::Show(Notice {
                    summary: "Something failed".into(),
                    body: "Details are in the log".into(),
                    device: None,
                }))
            }
            // As often as it goes and comes: each notice stands in place of the one before, so that the last is true.
            Event::DeviceLost { device, why } => {
                self.gone.retain(|gone| gone != device);
                if !shown {
                    return Some(Wish::Withdraw(device));
                }
                self.gone.push(device);
                Some(Wish::Show(Notice {
                    summary: format!("hearken has no {device}"),
                    body: format!("{why}; it is looked for"),
                    device: Some(device),
                }))
            }
            // Who has not read that it was gone need not read that it is back.
            Event::DeviceFound { device } if self.gone.contains(device) => {
                self.gone.retain(|gone| gone != device);
                if !shown {
                    return Some(Wish::Withdraw(device));
                }
                Some(Wish::Show(Notice {
                    summary: format!("hearken has a {device} again"),
                    body: String::new(),
                    device: Some(device),
                }))
            }
            _ => None,
        }
    }
}

/// A text for a server that takes markup: what would be markup in it is plain.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROPHONE: &str = "microphone";

    fn failed(what: &str) -> Event {
        Event::Failed { what: what.into() }
    }

    fn lost() -> Event {
        Event::DeviceLost {
            device: MICROPHONE,
            why: "unplugged".into(),
        }
    }

    const FOUND: Event = Event::DeviceFound { device: MICROPHONE };

    /// What is wished at each of these seconds, shortly; something is shown until `off`.
    fn wishes_until(off: u64, story: &[(u64, Event)]) -> Vec<String> {
        let (mut notices, began) = (Notices::default(), Instant::now());
        let wish = |(at, event): &(u64, Event)| match notices.regard(
            event,
            *at < off,
            began + Duration::from_secs(*at),
        ) {
            None => "-".to_owned(),
            Some(Wish::Withdraw(device)) => format!("withdraw {device}"),
            Some(Wish::Show(notice)) => format!("{}: {}", notice.summary, notice.body),
        };
        story.iter().map(wish).collect()
    }

    fn wishes(story: &[(u64, Event)]) -> Vec<String> {
        wishes_until(u64::MAX, story)
    }

    const FAILED: &str = "Something failed: Details are in the log";
    const GONE: &str = "hearken has no microphone: unplugged; it is looked for";
    const BACK: &str = "hearken has a microphone again: ";
    const WITHDRAWN: &str = "withdraw microphone";

    #[test]
    fn a_failure_is_shown_once_a_minute_without_its_text() {
        let story = [
            (0, failed("a server says: request 1: \"my question\"")),
            (1, failed("a server says: request 2: \"my question\"")),
            (59, failed("b")),
            (60, failed("b")),
            (61, Event::Listening),
        ];
        assert_eq!(wishes(&story), [FAILED, "-", "-", FAILED, "-"]);
    }

    #[test]
    fn a_device_that_is_back_stands_in_place_of_its_loss() {
        assert_eq!(wishes(&[(0, lost()), (2, FOUND)]), [GONE, BACK]);
        // Nobody has read that it was gone.
        assert_eq!(wishes(&[(0, FOUND)]), ["-"]);
    }

    #[test]
    fn what_is_shown_is_true_when_a_plug_is_loose() {
        let story = [
            (0, lost()),
            (1, FOUND),
            (2, lost()),
            (3, FOUND),
            (4, lost()),
        ];
        assert_eq!(wishes(&story), [GONE, BACK, GONE, BACK, GONE]);
    }

    #[test]
    fn what_is_true_no_longer_is_withdrawn_also_from_who_wants_nothing_shown() {
        let story = [(0, lost()), (2, FOUND), (3, FOUND), (4, failed("a"))];
        assert_eq!(wishes_until(1, &story), [GONE, WITHDRAWN, "-", "-"]);
        // What they were not shown is not over for them either.
        assert_eq!(
            wishes_until(0, &[(1, lost()), (2, FOUND)]),
            [WITHDRAWN, "-"]
        );
    }

    #[test]
    fn markup_is_plain() {
        assert_eq!(
            escaped("<b>R&D</b> &lt;"),
            "&lt;b&gt;R&amp;D&lt;/b&gt; &amp;lt;"
        );
    }
}
