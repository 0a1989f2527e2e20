//! Wishes, murmurs, commands and echoes over a reply.
#![allow(clippy::unwrap_used)]

use super::*;

fn judge(policy: Policy, text: &str, over: bool, voiced_ms: u32) -> Verdict {
    judge_sure(policy, text, over, voiced_ms, -0.2)
}

fn judge_sure(
    policy: Policy,
    text: &str,
    over: bool,
    voiced_ms: u32,
    mean_logprob: f32,
) -> Verdict {
    let name = Name::new("Samantha").unwrap();
    verdict(&Interruption {
        policy,
        text,
        language: "en",
        mean_logprob,
        no_words: false,
        over,
        whole: over && voiced_ms == 0,
        voiced_ms,
        length_ms: 1_000,
        name: &name,
        speaking: "Once upon a time there was a king who had to stop for a rest.",
        held: false,
    })
}

#[test]
fn sentences_the_name_and_stop_words_stop_it() {
    for text in [
        "Stop.",
        "Wait!",
        "No.",
        "Samantha.",
        "What about Paris?",
        "Okay, stop.",
        "Yeah, but what about Paris?",
        "Samantha, tell me something else.",
    ] {
        assert_eq!(
            judge(Policy::Speech, text, true, 700),
            Verdict::Stop,
            "{text}"
        );
    }
    for text in ["Stop", "What about", "Tell me something"] {
        assert_eq!(
            judge(Policy::Speech, text, false, 400),
            Verdict::Stop,
            "{text}"
        );
    }
}

#[test]
fn murmurs_and_coughs_do_not() {
    for text in ["Uh-huh.", "Yeah.", "Okay.", "Right.", "Mm-hmm.", "", "Hmm."] {
        assert_eq!(
            judge(Policy::Speech, text, true, 400),
            Verdict::CarryOn,
            "{text:?}"
        );
    }
    for text in ["Uh", ""] {
        assert_eq!(
            judge(Policy::Speech, text, false, 300),
            Verdict::Unclear,
            "{text:?}"
        );
    }
}

/// What is left of a beginning that goes round in circles.
#[test]
fn what_is_read_twice_means_what_it_means_once() {
    for (text, verdict) in [
        ("Stop. Stop.", Verdict::Stop),
        ("Samantha. Samantha.", Verdict::Stop),
        ("How far is it? How far is it?", Verdict::Stop),
        ("Uh-huh. Uh-huh.", Verdict::CarryOn),
        ("Okay. Okay.", Verdict::CarryOn),
        ("Emma. Emma.", Verdict::CarryOn),
        ("Tha. Tha. Tha.", Verdict::Unclear),
        ("Speak loud. Speak loud.", Verdict::Unclear),
    ] {
        assert_eq!(judge(Policy::Speech, text, false, 500), verdict, "{text}");
    }
    assert_eq!(
        judge(Policy::Speech, "Yen, yen, yen.", false, 1_300),
        Verdict::Unclear
    );
    assert_eq!(
        judge(Policy::Speech, "Tier, tier, tier.", true, 0),
        Verdict::CarryOn
    );
    assert_eq!(judge(Policy::Speech, "No, no, no!", true, 0), Verdict::Stop);
}

#[test]
fn a_doubtful_word_is_a_murmur_and_a_stop_word_never_is() {
    let doubtful = |text| judge_sure(Policy::Speech, text, true, 400, -0.9);
    assert_eq!(doubtful("Waha."), Verdict::CarryOn);
    assert_eq!(doubtful("Stop."), Verdict::Stop);
    assert_eq!(doubtful("Samantha."), Verdict::Stop);
    // Several words wait for the whole, which is believed.
    assert_eq!(doubtful("And Emma."), Verdict::Unclear);
    let whole = judge_sure(Policy::Speech, "How far is it?", true, 0, -0.9);
    assert_eq!(whole, Verdict::Stop);
    assert_eq!(judge(Policy::Speech, "Paris?", true, 400), Verdict::Stop);
}

#[test]
fn doubtful_words_in_no_time_are_a_murmur() {
    let name = Name::new("Samantha").unwrap();
    let heard = |text, length_ms, mean_logprob| {
        verdict(&Interruption {
            policy: Policy::Speech,
            text,
            language: "en",
            mean_logprob,
            no_words: false,
            over: true,
            whole: true,
            voiced_ms: 0,
            length_ms,
            name: &name,
            speaking: "Once upon a time there was a king.",
            held: false,
        })
    };
    assert_eq!(heard("Come on.", 350, -0.99), Verdict::CarryOn);
    assert_eq!(heard("Come on.", 350, -0.3), Verdict::Stop);
    assert_eq!(heard("Come on.", 800, -0.99), Verdict::Stop);
    for stops in ["Stop!", "No, stop.", "I'd stop.", "Samantha."] {
        assert_eq!(heard(stops, 350, -0.99), Verdict::Stop, "{stops}");
    }
}

#[test]
fn the_first_word_of_a_beginning_says_nothing_unless_it_stops() {
    for (text, verdict) in [
        ("Speed", Verdict::Unclear),
        ("Stop", Verdict::Stop),
        ("Samantha", Verdict::Stop),
        ("What about", Verdict::Stop),
    ] {
        assert_eq!(judge(Policy::Speech, text, false, 300), verdict, "{text}");
    }
    assert_eq!(judge(Policy::Speech, "Paris", false, 1_300), Verdict::Stop);
}

#[test]
fn of_a_short_sound_that_is_over_only_a_word_that_stops_is_believed() {
    assert!(!is_worth_a_look(192, false));
    assert!(is_worth_a_look(192, true) && is_worth_a_look(256, false));
    let judge = |text, voiced_ms| judge(Policy::Speech, text, true, voiced_ms);
    for stops in ["Wait.", "Stop!", "Samantha."] {
        assert_eq!(judge(stops, 192), Verdict::Stop, "{stops}");
    }
    assert_eq!(judge("Pause.", 192), Verdict::Hold);
    for other in ["A man.", "What?", "Yeah.", ""] {
        assert_eq!(judge(other, 192), Verdict::Unclear, "{other}");
    }
    // The whole, whose length is not asked for, is judged as ever.
    assert_eq!(judge("A man.", 0), Verdict::Stop);
    assert_eq!(judge("Amen.", 0), Verdict::CarryOn);
    assert_eq!(judge("Emma.", 0), Verdict::CarryOn);
    assert_eq!(judge("Yeah.", 0), Verdict::CarryOn);
    assert_eq!(judge("Yeah.", 256), Verdict::CarryOn);
}

#[test]
fn whoever_speaks_for_long_is_no_murmur() {
    assert_eq!(judge(Policy::Speech, "", false, 1_300), Verdict::Stop);
    assert_eq!(judge(Policy::Name, "", false, 5_000), Verdict::Unclear);
}

#[test]
fn whoever_hums_or_laughs_for_long_is_one() {
    assert_eq!(judge(Policy::Speech, "Mmm", false, 1_300), Verdict::Unclear);
    let name = Name::new("Samantha").unwrap();
    let laughs = Interruption {
        policy: Policy::Speech,
        text: "",
        language: "en",
        mean_logprob: -0.3,
        no_words: true,
        over: false,
        whole: false,
        voiced_ms: 1_300,
        length_ms: 1_000,
        name: &name,
        speaking: "",
        held: false,
    };
    assert_eq!(verdict(&laughs), Verdict::Unclear);
}

#[test]
fn doubtful_words_must_be_read_twice() {
    let looks = |looks: &[(Verdict, bool)]| {
        let mut agreement = Agreement::default();
        let took = looks
            .iter()
            .map(|(v, certain)| agreement.with(*v, *certain));
        took.last().unwrap()
    };
    let (stop, unclear) = (Verdict::Stop, Verdict::Unclear);
    assert_eq!(looks(&[(stop, true)]), stop);
    assert_eq!(looks(&[(stop, false)]), unclear);
    assert_eq!(looks(&[(stop, false), (stop, false)]), stop);
    assert_eq!(
        looks(&[(stop, false), (unclear, false), (stop, false)]),
        unclear
    );
    assert_eq!(looks(&[(Verdict::CarryOn, false)]), Verdict::CarryOn);
}

#[test]
fn commands_for_the_reply_do_not_stop_it() {
    for text in [
        "Louder.",
        "Speak more slowly, please.",
        "Turn it down.",
        "Go on.",
    ] {
        assert_eq!(
            judge(Policy::Speech, text, true, 900),
            Verdict::CarryOn,
            "{text}"
        );
    }
    for text in ["Pause.", "Hold on.", "Samantha, pause."] {
        assert_eq!(
            judge(Policy::Speech, text, true, 600),
            Verdict::Hold,
            "{text}"
        );
    }
    for text in ["Louder", "Speak more", "Turn it", "Speak low", "Turn it of"] {
        assert_eq!(
            judge(Policy::Speech, text, false, 500),
            Verdict::Unclear,
            "{text}"
        );
    }
    // A pause in the command is not its end.
    assert_eq!(
        judge(Policy::Speech, "Turn it.", true, 500),
        Verdict::Unclear
    );
    assert_eq!(judge(Policy::Speech, "Turn it.", true, 0), Verdict::Stop);
}

#[test]
fn of_commands_in_a_row_the_last_counts() {
    let command = |text| last_command(text, "en");
    assert_eq!(command("Pause. Go on."), Some(Command::GoOn));
    assert_eq!(command("Louder. Pause!"), Some(Command::Pause));
    assert_eq!(command("What about Paris? Pause."), None);
    assert_eq!(command(""), None);
}

#[test]
fn its_own_words_are_nobodys() {
    let own = "there was a king who had to stop";
    assert_eq!(judge(Policy::Speech, own, true, 2_000), Verdict::CarryOn);
    assert_eq!(
        judge(Policy::Speech, "Once upon", false, 400),
        Verdict::Unclear
    );
    assert_eq!(
        judge(Policy::Speech, "A king?", true, 400),
        Verdict::CarryOn
    );
    assert_eq!(judge(Policy::Speech, "Stop", false, 400), Verdict::Stop);
    assert_eq!(judge(Policy::Speech, own, false, 600), Verdict::Unclear);
    assert_eq!(judge(Policy::Speech, own, false, 2_000), Verdict::CarryOn);
}

#[test]
fn its_own_star_is_no_stop() {
    let name = Name::new("Samantha").unwrap();
    let heard = Interruption {
        policy: Policy::Speech,
        text: "Star.",
        language: "en",
        mean_logprob: -0.2,
        no_words: false,
        over: true,
        whole: false,
        voiced_ms: 300,
        length_ms: 1_000,
        name: &name,
        speaking: "The nearest star is the Sun.",
        held: false,
    };
    assert_eq!(verdict(&heard), Verdict::CarryOn);
    let speaking = "Once upon a time there was a king.";
    let elsewhere = Interruption { speaking, ..heard };
    assert_eq!(verdict(&elsewhere), Verdict::Stop);
    let murmur = Interruption {
        text: "Emma, okay.",
        ..elsewhere
    };
    assert_eq!(verdict(&murmur), Verdict::CarryOn);
}

#[test]
fn a_reply_that_is_held_can_be_told_to_go_on() {
    let name = Name::new("Samantha").unwrap();
    for policy in [Policy::Speech, Policy::Name] {
        let said = Interruption {
            policy,
            text: "Go on.",
            language: "en",
            mean_logprob: -0.2,
            no_words: false,
            over: true,
            whole: true,
            voiced_ms: 500,
            length_ms: 1_000,
            name: &name,
            speaking: "The king said that they should go on to the next town.",
            held: true,
        };
        assert_eq!(verdict(&said), Verdict::GoOn);
        let sounding = Interruption {
            held: false,
            ..said
        };
        assert_eq!(verdict(&sounding), Verdict::CarryOn);
        let begun = Interruption {
            text: "Please can",
            over: false,
            whole: false,
            ..said
        };
        assert_eq!(verdict(&begun), Verdict::Unclear);
        // What is for somebody else interrupts nothing; a call does.
        for (text, verdict_of) in [
            ("Tom, can you close the window?", Verdict::CarryOn),
            ("Samantha, can you close the window?", Verdict::Stop),
        ] {
            let asked = Interruption {
                text,
                voiced_ms: 1_600,
                ..said
            };
            assert_eq!(verdict(&asked), verdict_of, "{policy:?} {text}");
        }
        // "Please … continue" has a pause in it.
        let pause = Interruption {
            text: "Please.",
            whole: false,
            ..said
        };
        assert_eq!(verdict(&pause), Verdict::Unclear);
        let went_on = Interruption {
            whole: false,
            ..said
        };
        assert_eq!(verdict(&went_on), Verdict::GoOn);
    }
}

#[test]
fn with_the_policy_name_only_the_name_and_stop_words_do() {
    assert_eq!(
        judge(Policy::Name, "What about Paris?", true, 900),
        Verdict::CarryOn
    );
    assert_eq!(judge(Policy::Name, "Stop!", true, 400), Verdict::Stop);
    assert_eq!(judge(Policy::Name, "Samantha!", true, 600), Verdict::Stop);
    assert_eq!(judge(Policy::Off, "Samantha!", true, 600), Verdict::CarryOn);
}

#[test]
fn auto_depends_on_the_echo() {
    let auto = BargeIn::default();
    assert_eq!(policy(&auto, true, Mode::Name), Policy::Speech);
    assert_eq!(policy(&auto, false, Mode::Name), Policy::Off);
    assert_eq!(policy(&auto, true, Mode::PushToTalk), Policy::Name);
    let set = BargeIn {
        policy: Policy::Name,
        ..auto
    };
    assert_eq!(policy(&set, false, Mode::Name), Policy::Name);
}

#[test]
fn of_doubtful_words_a_stop_is_believed() {
    let heard_at = |mean_logprob, doubted: &str, refused| {
        let transcript = Transcript {
            text: String::new(),
            language: "en".into(),
            mean_logprob,
            refused,
            doubted: doubted.into(),
        };
        believed(transcript).text
    };
    let heard = |doubted: &str, refused| heard_at(-1.2, doubted, refused);
    assert_eq!(heard("Wait!", Some(Refused::Unsure)), "Wait!");
    assert_eq!(heard("I'd stop.", Some(Refused::Unsure)), "I'd stop.");
    // What it makes of noise.
    assert_eq!(heard("No.", Some(Refused::Unsure)), "");
    assert_eq!(heard_at(-3.5, "Stop!", Some(Refused::Unsure)), "");
    assert_eq!(heard("Star.", Some(Refused::Unsure)), "Star.");
    assert_eq!(heard("Stop!", Some(Refused::Unsure)), "Stop!");
    assert_eq!(heard("Now.", Some(Refused::Unsure)), "");
    assert_eq!(heard("Stop!", Some(Refused::Repetition)), "");
}
