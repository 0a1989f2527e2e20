//! Names of other people that sound like the name: whisper is offered them beside it, so that it must choose. Pure.

use super::sound::{self, Sound};
use super::{SPELLING, words};

/// So many are offered: more would make whisper forget the first ones, and every one costs time.
const OFFERED: usize = 3;
/// What is further away, in parts of the name's length, is nobody's rival.
pub(super) const FAR: f32 = 0.4;

/// The nearest other names, nearest first, capitalized. None for a name in a script that the list is not written in.
pub(super) fn rivals(written: &str, letters: &str, sounds: &[Sound]) -> Vec<String> {
    if !written.is_ascii() {
        return Vec::new();
    }
    let mut near: Vec<(f32, &str)> = words::NAMES
        .all()
        .filter(|other| !letters.contains(other))
        .map(|other| (apart(sounds, other), other))
        .filter(|(apart, _)| *apart >= SPELLING && *apart <= FAR)
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    near.truncate(OFFERED);
    near.into_iter()
        .map(|(_, other)| super::tidy(other).unwrap_or_default())
        .collect()
}

/// How far `other` is, in parts of the name's length.
pub(super) fn apart(sounds: &[Sound], other: &str) -> f32 {
    sound::distance(sounds, &sound::sounds(other)) / sounds.len() as f32
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Name;

    fn offered(name: &str) -> String {
        Name::new(name).unwrap().prompt_to_choose(true)
    }

    #[test]
    fn names_that_sound_alike_are_offered_around_the_name() {
        let prompt = offered("Samantha");
        assert!(prompt.contains(", Samantha, "), "{prompt}");
        assert!(prompt.contains("Amanda"), "{prompt}");
        assert_eq!(prompt.matches(',').count(), 3, "{prompt}");
        assert!(
            offered("Marvin").contains("Melvin"),
            "{}",
            offered("Marvin")
        );
    }

    #[test]
    fn the_name_itself_can_be_left_out() {
        let prompt = Name::new("Samantha").unwrap().prompt_to_choose(false);
        assert!(!prompt.contains("Samantha"), "{prompt}");
        assert!(prompt.contains("Amanda"), "{prompt}");
        assert_eq!(prompt.matches(',').count(), 2, "{prompt}");
    }

    #[test]
    fn a_name_that_nobody_is_near_or_of_another_script_stands_alone() {
        assert_eq!(offered("Xylophonix"), "");
        assert_eq!(offered("사만다"), "");
    }

    #[test]
    fn one_rival_stands_behind() {
        assert_eq!(offered("Hal"), "Hal, Ella.");
    }

    #[test]
    fn another_spelling_is_no_rival() {
        assert!(!offered("Sara").contains("Sarah"), "{}", offered("Sara"));
    }
}
