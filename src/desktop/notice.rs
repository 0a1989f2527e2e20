//! What is shown to somebody at the screen. Pure; time is an input. None of it has a word of the conversation.

use std::time::{Duration, Instant};

use crate::event::Event;

/// The same text is shown once within this.
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
    /// What is shown of this device is true no longer, and what is true has just been shown before.
    Withdraw(&'static str),
}

/// What was shown lately.
#[derive(Debug, Default)]
pub struct Notices {
    lately: Vec<(Notice, Instant)>,
    /// Devices that are shown to be gone.
    gone: Vec<&'static str>,
}

impl Notices {
    /// Something happened.
    pub fn regard(&mut self, event: &Event, now: Instant) -> Option<Wish> {
        match event {
            Event::Failed { what } => {
                let notice = Notice {
                    summary: "Something failed".into(),
                    body: what.clone(),
                    device: None,
                };
                self.is_new(&notice, now).then_some(Wish::Show(notice))
            }
            Event::DeviceLost { device, why } => {
                let notice = Notice {
                    summary: format!("hearken has no {device}"),
                    body: format!("{why}; it is looked for"),
                    device: Some(device),
                };
                self.gone.retain(|gone| gone != device);
                if !self.is_new(&notice, now) {
                    return Some(Wish::Withdraw(device));
                }
                self.gone.push(device);
                Some(Wish::Show(notice))
            }
            // Who has not read that it was gone need not read that it is back.
            Event::DeviceFound { device } if self.gone.contains(device) => {
                let notice = Notice {
                    summary: format!("hearken has a {device} again"),
                    body: String::new(),
                    device: Some(device),
                };
                self.gone.retain(|gone| gone != device);
                match self.is_new(&notice, now) {
                    true => Some(Wish::Show(notice)),
                    false => Some(Wish::Withdraw(device)),
                }
            }
            _ => None,
        }
    }

    /// Whether it was not shown lately; it is shown then.
    fn is_new(&mut self, notice: &Notice, now: Instant) -> bool {
        self.lately
            .retain(|(_, at)| now.saturating_duration_since(*at) < AT_MOST);
        let new = self.lately.iter().all(|(shown, _)| shown != notice);
        if new {
            self.lately.push((notice.clone(), now));
        }
        new
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

    /// What is wished at each of these seconds, shortly.
    fn wishes(story: &[(u64, Event)]) -> Vec<String> {
        let (mut notices, began) = (Notices::default(), Instant::now());
        let wish = |(at, event): &(u64, Event)| match notices
            .regard(event, began + Duration::from_secs(*at))
        {
            None => "-".to_owned(),
            Some(Wish::Withdraw(device)) => format!("withdraw {device}"),
            Some(Wish::Show(notice)) => format!("{}: {}", notice.summary, notice.body),
        };
        story.iter().map(wish).collect()
    }

    #[test]
    fn the_same_text_is_shown_once_a_minute() {
        let story = [
            (0, failed("a")),
            (1, failed("b")),
            (59, failed("a")),
            (60, failed("a")),
            (61, Event::Listening),
        ];
        let (a, b) = ("Something failed: a", "Something failed: b");
        assert_eq!(wishes(&story), [a, b, "-", a, "-"]);
    }

    const GONE: &str = "hearken has no microphone: unplugged; it is looked for";
    const BACK: &str = "hearken has a microphone again: ";
    const NEITHER: &str = "withdraw microphone";

    #[test]
    fn a_device_that_is_back_stands_in_place_of_its_loss() {
        assert_eq!(wishes(&[(0, lost()), (2, FOUND)]), [GONE, BACK]);
        // Nobody has read that it was gone.
        assert_eq!(wishes(&[(0, FOUND)]), ["-"]);
    }

    #[test]
    fn nothing_untrue_stays_when_a_plug_is_loose() {
        let story = [
            (0, lost()),
            (1, FOUND),
            (2, lost()),
            (3, FOUND),
            (70, lost()),
        ];
        assert_eq!(wishes(&story), [GONE, BACK, NEITHER, "-", GONE]);
        let story = [(0, lost()), (50, FOUND), (61, lost()), (65, FOUND)];
        assert_eq!(wishes(&story), [GONE, BACK, GONE, NEITHER]);
    }

    #[test]
    fn markup_is_plain() {
        assert_eq!(
            escaped("<b>R&D</b> &lt;"),
            "&lt;b&gt;R&amp;D&lt;/b&gt; &amp;lt;"
        );
    }
}
