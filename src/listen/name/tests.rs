//! Sentences that call a name, and sentences that do not.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn name(written: &str) -> Name {
    Name::new(written).unwrap()
}

/// "" for the name alone, "-" for no call.
fn heard(name: &Name, transcript: &str) -> String {
    match name.called(transcript) {
        Called::No => "-".into(),
        Called::Alone => String::new(),
        Called::With(rest) => rest,
    }
}

fn check(written: &str, table: &[(&str, &str)]) {
    let name = name(written);
    let wrong: Vec<String> = table
        .iter()
        .filter(|(transcript, expected)| heard(&name, transcript) != *expected)
        .map(|(transcript, expected)| {
            format!(
                "{transcript:?}: {:?}, not {expected:?}",
                heard(&name, transcript)
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_name_that_is_called_is_heard() {
    check(
        "Samantha",
        &[
            ("Samantha.", ""),
            ("Samantha?", ""),
            ("samantha", ""),
            ("Hey Samantha.", ""),
            ("Hey, Samantha!", ""),
            ("K Samantha, play some music.", "Play some music."),
            ("Okay, Samantha.", ""),
            ("Hello Samantha", ""),
            ("Samantha. Samantha.", "Samantha."),
            ("Samantha, what time is it?", "What time is it?"),
            ("Samantha what time is it?", "What time is it?"),
            ("Samantha. What time is it?", "What time is it?"),
            ("Samantha! What time is it?", "What time is it?"),
            ("Samantha - what time is it?", "What time is it?"),
            ("Samantha... what time is it?", "What time is it?"),
            ("Hey Samantha, what time is it?", "What time is it?"),
            ("Hey, Samantha. What time is it?", "What time is it?"),
            ("Hey Samantha my light is broken", "My light is broken"),
            ("Okay, so, Samantha, tell me a joke.", "Tell me a joke."),
            ("What time is it, Samantha?", "What time is it?"),
            ("What time is it Samantha?", "What time is it?"),
            ("What time is it? Samantha.", "What time is it?"),
            ("Turn it off, Samantha.", "Turn it off."),
            ("Turn it off Samantha.", "Turn it off."),
            ("What is 17+25 Samantha?", "What is 17+25?"),
            ("17+25 Samantha", "17+25"),
            ("I gave 25 Samantha.", "-"),
            ("Turn off the light Samantha.", "Turn off the light."),
            ("What do bees make Samantha?", "What do bees make?"),
            ("What does a cat eat Samantha?", "What does a cat eat?"),
            ("What can you do Samantha?", "What can you do?"),
            (
                "How far is it to the moon Samantha?",
                "How far is it to the moon?",
            ),
            ("Never mind, Samantha.", "Never mind."),
            ("Samantha never mind.", "Never mind."),
            ("Thank you, Samantha.", "Thank you."),
            ("Thank you Samantha.", "Thank you."),
            ("Good morning, Samantha.", "Good morning."),
            ("Good morning Samantha", "Good morning"),
            (
                "What time is it, Samantha, please?",
                "What time is it, please?",
            ),
            ("Stop, Samantha!", "Stop!"),
            ("No, Samantha, stop.", "No, stop."),
            (
                "Please, Samantha, turn on the light.",
                "Please, turn on the light.",
            ),
            (
                "That was good. Samantha, what time is it?",
                "What time is it?",
            ),
            (
                "That was good, Samantha, what time is it?",
                "What time is it?",
            ),
            (
                "Samantha, what time is it? I'm late.",
                "What time is it? I'm late.",
            ),
            ("Samantha can you hear me?", "Can you hear me?"),
            ("Samantha, can you hear me", "Can you hear me"),
            (
                "Samantha is it going to rain today?",
                "Is it going to rain today?",
            ),
            ("Samantha turn on the lights.", "Turn on the lights."),
            ("Samantha, the kitchen is dark.", "The kitchen is dark."),
            ("Samantha, who wrote Hamlet?", "Who wrote Hamlet?"),
            ("Samantha who wrote Hamlet?", "Who wrote Hamlet?"),
            ("Samantha I need help.", "I need help."),
            (
                "Samantha, is Paris the capital of France?",
                "Is Paris the capital of France?",
            ),
            ("Samantha, Paris, is it far?", "Paris, is it far?"),
            (
                "Samantha, set a timer for 3.5 minutes.",
                "Set a timer for 3.5 minutes.",
            ),
            ("I'm late. What time is it, Samantha?", "What time is it?"),
            ("Tell me, Samantha, what time is it?", "What time is it?"),
            (
                "Samantha, and what about tomorrow?",
                "And what about tomorrow?",
            ),
        ],
    );
}

#[test]
fn a_name_that_is_misheard_is_heard() {
    check(
        "Samantha",
        &[
            ("Samanta, what time is it?", "What time is it?"),
            ("Sam Antha, what time is it?", "What time is it?"),
            ("Summantha, what time is it?", "What time is it?"),
            ("Samatha, what time is it?", "What time is it?"),
            ("Semantha.", ""),
            ("Hey Samanther, turn it up.", "Turn it up."),
            ("What's the weather, Samanta?", "What's the weather?"),
            ("사만다, 지금 몇 시야?", "지금 몇 시야?"),
            ("사만다야 지금 몇 시야?", "지금 몇 시야?"),
        ],
    );
}

#[test]
fn a_name_that_is_spoken_of_is_not_heard() {
    check(
        "Samantha",
        &[
            ("", "-"),
            ("...", "-"),
            ("What time is it?", "-"),
            ("I told Samantha that we would be late.", "-"),
            ("I told Samantha.", "-"),
            ("I talked to Samantha.", "-"),
            ("Have you seen Samantha?", "-"),
            ("Where is Samantha?", "-"),
            ("Is it Samantha?", "-"),
            ("Is that Samantha?", "-"),
            ("They call me Samantha.", "-"),
            ("Samantha is coming tomorrow.", "-"),
            ("Samantha said that she would come.", "-"),
            ("Samantha told you that.", "-"),
            ("Samantha can sing.", "-"),
            ("Samantha did it.", "-"),
            ("Samantha never drinks coffee.", "-"),
            ("Do you know my sister Samantha?", "-"),
            ("What is the real Samantha?", "-"),
            ("What did you tell Samantha?", "-"),
            ("What did you make Samantha?", "-"),
            ("What did Tom give Samantha?", "-"),
            ("What did Tom get Samantha?", "-"),
            ("What did Mom cook Samantha?", "-"),
            ("What did you feed Samantha?", "-"),
            ("What should I wear around Samantha?", "-"),
            ("What does he like about Samantha?", "-"),
            ("What did he do to Samantha?", "-"),
            ("What do you call Samantha?", "-"),
            ("What does my sister Samantha?", "-"),
            ("What do you see Samantha.", "-"),
            ("I saw the light Samantha.", "-"),
            ("Samantha will help us tomorrow.", "-"),
            ("Samantha's book is on the table.", "-"),
            ("Samantha’s here.", "-"),
            ("That is Samantha's.", "-"),
            ("Samantha and I went home.", "-"),
            ("Samantha and Tom are here.", "-"),
            ("Samantha, Tom and Anna went home.", "-"),
            ("Samantha, Tom, and Anna went home.", "-"),
            ("I saw Tom, Anna, Samantha.", "-"),
            ("I saw Tom, Anna, and Samantha.", "-"),
            ("Tom and Samantha.", "-"),
            ("My sister, Samantha, is ill.", "-"),
            ("Samantha, who lives next door, is ill.", "-"),
            ("Samantha who lives next door is nice.", "-"),
            ("So Samantha went home.", "-"),
            ("And Samantha was there too.", "-"),
            ("The book that Samantha wrote is good.", "-"),
            ("My name is Samantha.", "-"),
            ("I like Samantha, but she is far away.", "-"),
        ],
    );
}

#[test]
fn what_merely_sounds_alike_is_not_heard() {
    check(
        "Samantha",
        &[
            ("Amanda, what time is it?", "-"),
            ("Savannah, what time is it?", "-"),
            ("Sam, what time is it?", "-"),
            ("Sam and Amanda, what time is it?", "-"),
            ("Some man, what time is it?", "-"),
            ("Cement, what a mess.", "-"),
            ("Semantics, that is what it is.", "-"),
            ("Santa, what time is it?", "-"),
            ("Some of them, what are they?", "-"),
            ("Sam and the others went home.", "-"),
            ("Somewhere, what is that?", "-"),
            ("Same, and you?", "-"),
        ],
    );
    check(
        "Anna",
        &[
            ("Anna, what time is it?", "What time is it?"),
            ("Ana, what time is it?", "What time is it?"),
            ("And a cat.", "-"),
            ("Any, what is that?", "-"),
            ("On a table.", "-"),
            ("Hey, no.", "-"),
            ("And, what is it?", "-"),
            ("Amy, what time is it?", "-"),
        ],
    );
    check(
        "Marvin",
        &[
            ("Marvin, what time is it?", "What time is it?"),
            ("Marven, what time is it?", "What time is it?"),
            ("Mar vin, what time is it?", "What time is it?"),
            ("Martin, what time is it?", "-"),
            ("Marvelous, what a day.", "-"),
            ("Morning, what time is it?", "-"),
            ("Melvin, what time is it?", "-"),
        ],
    );
}

#[test]
fn the_side_of_a_call_is_known() {
    let name = name("Samantha");
    for (transcript, side) in [
        (
            "Samantha, how is the weather in Paris tomorrow?",
            Some(Side::Start),
        ),
        (
            "Hey Samantha, how is the weather in Paris?",
            Some(Side::Start),
        ),
        (
            "How is the weather in Paris tomorrow, Samantha?",
            Some(Side::End),
        ),
        ("Hey Samantha.", Some(Side::Within)),
        (
            "That was a very good idea. Samantha, what do you think of it?",
            Some(Side::Within),
        ),
        ("I told Samantha.", None),
    ] {
        assert_eq!(name.side(transcript), side, "{transcript}");
    }
}

#[test]
fn what_is_heard_without_expecting_the_name_may_be_farther_from_it() {
    let name = name("Samantha");
    for like in [
        "How far is it, Sanata?",
        "Zemetha",
        "Summon the what time is it?",
        "cement",
        "Hey Sam Anther",
    ] {
        assert!(name.resembles(like), "{like}");
    }
    for unlike in [
        "Okay, Savannah, then we go.",
        "Amanda and Peter",
        "The man was here.",
        "Santa",
        "semantics",
        "",
    ] {
        assert!(!name.resembles(unlike), "{unlike}");
    }
}

#[test]
fn korean_names_are_heard_with_what_hangs_on_them() {
    check(
        "지수",
        &[
            ("지수야.", ""),
            ("지수야, 지금 몇 시야?", "지금 몇 시야?"),
            ("지수야 지금 몇 시야?", "지금 몇 시야?"),
            ("지수 야, 지금 몇 시야?", "지금 몇 시야?"),
            ("지수, 지금 몇 시야?", "지금 몇 시야?"),
            ("지수 지금 몇 시야?", "지금 몇 시야?"),
            ("지수 씨, 불 켜 주세요.", "불 켜 주세요."),
            ("지수님 불 켜 주세요.", "불 켜 주세요."),
            ("야 지수야 불 꺼.", "불 꺼."),
            ("지금 몇 시야, 지수야?", "지금 몇 시야?"),
            ("지금 몇 시야 지수야?", "지금 몇 시야?"),
            ("치수야, 지금 몇 시야?", "지금 몇 시야?"),
            ("Jisoo, what time is it?", "What time is it?"),
            ("지수가 왔어.", "-"),
            ("지수는 어제 집에 갔어.", "-"),
            ("지수를 봤어?", "-"),
            ("지수한테 말했어.", "-"),
            ("지수의 책이야.", "-"),
            ("지수랑 놀았어.", "-"),
            ("어제 지수가 왔어.", "-"),
            ("쟤는 지수야.", "-"),
            ("내 동생이 지수야.", "-"),
            ("나 지수 봤어.", "-"),
            ("기분 좋아, 지금 몇 시야?", "-"),
        ],
    );
    check(
        "민준",
        &[
            ("민준아, 뭐 해?", "뭐 해?"),
            ("민준아!", ""),
            ("민준이가 왔어.", "-"),
            ("민준이는 잔다.", "-"),
        ],
    );
    check(
        "수아",
        &[
            ("수아야, 자니?", "자니?"),
            ("수아, 자니?", "자니?"),
            ("수아가 잔다.", "-"),
        ],
    );
}

#[test]
fn names_of_several_words_and_with_digits() {
    check(
        "Mary Ann",
        &[
            ("Mary Ann, stop.", "Stop."),
            ("Maryanne, stop.", "Stop."),
            ("Mary-Ann, stop.", "Stop."),
            ("Mary, and stop.", "-"),
        ],
    );
    check(
        "HAL 9000",
        &[
            ("HAL 9000, open the door.", "Open the door."),
            ("Hal 9000. Stop.", "Stop."),
        ],
    );
    check(
        "Саманта",
        &[
            ("Саманта, который час?", "Который час?"),
            ("Samanta, stop.", "Stop."),
        ],
    );
}

#[test]
fn what_cannot_be_a_name_is_refused() {
    for (written, error) in [
        ("", NameError::Empty),
        (" . ", NameError::Empty),
        ("\n", NameError::Empty),
        ("the", NameError::Common("the".into())),
        ("Hey", NameError::Common("Hey".into())),
        ("Okay you", NameError::Common("Okay you".into())),
        ("007", NameError::NoLetters("007".into())),
        ("B", NameError::TooShort("B".into())),
        ("Sam<b>", NameError::Sign('<')),
        ("a b c d e", NameError::TooLong),
        (&"a".repeat(41), NameError::TooLong),
    ] {
        assert_eq!(Name::new(written).err(), Some(error), "{written:?}");
    }
    for good in [
        "Samantha",
        " Samantha ",
        "지수",
        "Jean-Luc",
        "O’Brien",
        "サマンサ",
        "Computer",
        "R2D2",
        "Zoë",
        "Bo",
    ] {
        assert!(Name::new(good).is_ok(), "{good}");
    }
    assert_eq!(name("  Mary \n Ann. ").written(), "Mary Ann");
    assert_eq!(name("Samantha").prompt(), "Samantha.");
}

/// Pieces that transcripts are made of, and some that they are not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec![
            "Samantha", "samanta", "Sam", "Antha", "지수", "지수야", "hey", "and", "is", "what", "you", "it", "please",
            "Tom", "씨", "야", "가", ",", ".", "?", "!", "'s", "-", "…", "。", "3.5", "\u{301}", "İ", "ß", "\0", "\n",
        ]).prop_map(String::from),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_what_is_said_is_tidy(
        pieces in prop::collection::vec(piece(), 0..24), spaced in any::<bool>(),
        written in prop_oneof![Just("Samantha".to_owned()), Just("지수".to_owned()), any::<String>()],
    ) {
        let transcript = pieces.join(if spaced { " " } else { "" });
        let Ok(name) = Name::new(&written) else { return Ok(()) };
        if let Called::With(rest) = name.called(&transcript) {
            prop_assert!(rest.chars().any(char::is_alphanumeric));
            prop_assert_eq!(rest.trim(), rest.as_str());
        }
    }

    #[test]
    fn any_name_that_is_taken_is_heard_when_it_is_called(
        written in "[A-Z][a-z]{2,9}|[가-힣]{2,3}", greeted in any::<bool>(),
    ) {
        let Ok(name) = Name::new(&written) else { return Ok(()) };
        let greeting = if greeted { "Hey " } else { "" };
        let transcript = format!("{greeting}{written}, what time is it?");
        prop_assert_eq!(name.called(&transcript), Called::With("What time is it?".into()));
        prop_assert_eq!(name.called(&format!("{greeting}{written}.")), Called::Alone);
    }

    #[test]
    fn text_without_anything_like_the_name_calls_nobody(text in "[b-lB-L ,.?!]{0,80}") {
        prop_assert_eq!(name("Samantha").called(&text), Called::No);
    }
}

#[test]
fn what_was_said_to_somebody_else_is_left_out() {
    let name = Name::new("Samantha").unwrap();
    let addressed = |text| name.addressed(text).to_owned();
    assert_eq!(
        addressed("My PIN is 4711. Samantha, what time is it?"),
        "Samantha, what time is it?"
    );
    assert_eq!(
        addressed("That is it. Turn on the light. Samantha!"),
        "Turn on the light. Samantha!"
    );
    assert_eq!(
        addressed("Samantha. Tell me a story."),
        "Samantha. Tell me a story."
    );
    assert_eq!(addressed("And what about Rome?"), "And what about Rome?");
}

#[test]
fn a_hey_that_is_written_into_the_name_is_a_call() {
    let samantha = Name::new("Samantha").unwrap();
    for text in ["Paisamanta.", "Heysamantha!", "Asamantha."] {
        assert_eq!(samantha.called(text), Called::Alone, "{text}");
    }
    for text in [
        "Paisamanta is far away.",
        "Paisamanta's.",
        "Semantics.",
        "Manta.",
    ] {
        assert_eq!(samantha.called(text), Called::No, "{text}");
    }
    for (name, text) in [
        ("Eva", "Geneva."),
        ("Sandra", "Cassandra! Dinner is ready."),
        ("Monica", "Harmonica."),
    ] {
        assert_eq!(Name::new(name).unwrap().called(text), Called::No, "{text}");
    }
}

#[test]
fn a_greeting_and_a_stop_that_whisper_mangles_still_call() {
    let samantha = Name::new("Samantha").unwrap();
    for text in ["Tello Samantha.", "The low Samantha.", "Yellow, Samantha"] {
        assert_eq!(samantha.called(text), Called::Alone, "{text}");
    }
    for text in ["Samantha's top.", "Samantha Stoke"] {
        let stop = Called::With("Stop.".into());
        assert_eq!(samantha.called(text), stop, "{text}");
    }
    for text in [
        "Samantha's top is red.",
        "Samantha Stoke is here.",
        "Samantha storms.",
        "Tell Samantha.",
        "The low Samantha road.",
        "With Samantha.",
        "Sam's top.",
    ] {
        assert_eq!(samantha.called(text), Called::No, "{text}");
    }
}

#[test]
fn words_at_the_edge_may_be_the_name_misheard() {
    let name = Name::new("Samantha").unwrap();
    for (heard, guess) in [
        (
            "Saman, set a timer for 10 minutes.",
            "Samantha, set a timer for 10 minutes.",
        ),
        (
            "Cement a set timer for 10 minutes",
            "Samantha set timer for 10 minutes",
        ),
        ("Someone tell me a story.", "Samantha tell me a story."),
        (
            "Hey Saman, play some music.",
            "Hey Samantha, play some music.",
        ),
        ("Samarang, set a type", "Samantha, set a type"),
        ("What time is it, Sanata?", "What time is it, Samantha?"),
    ] {
        let guessed = name.guess(heard).map(|(_, guess)| guess);
        assert_eq!(guessed.as_deref(), Some(guess), "{heard}");
    }
    for heard in [
        "Someone is at the door.",
        "Savannah, set a timer.",
        "Savanna, set a timer.",
        "Okay, Savana then, set a timer.",
        "Okay, Samantha and we meet on the beach.",
        "I told Samantha that, tell me.",
        "Amanda, what time is it?",
        "What is the time?",
        "I told someone.",
        "",
    ] {
        assert_eq!(name.guess(heard), None, "{heard}");
    }
}

#[test]
fn what_is_nearly_a_call_is_nearer_than_a_guess() {
    let name = Name::new("Samantha").unwrap();
    for (heard, nearly) in [
        ("Good morning, Sanata.", true),
        ("Sanatha, can you hear me?", true),
        ("Someone tell me a story.", false),
        ("Savannah, can you hear me?", false),
        ("Sanata is coming.", false),
    ] {
        assert_eq!(name.is_nearly_called(heard), nearly, "{heard}");
    }
}

#[test]
fn common_words_are_no_short_name_misheard() {
    for (name, heard) in [
        ("Ben", "Where have you been?"),
        ("Dan", "Please turn it down."),
    ] {
        assert_eq!(Name::new(name).unwrap().guess(heard), None, "{name}");
    }
    let name = Name::new("Samantha").unwrap();
    let common = "Someone tell me a story.";
    assert!(name.guess(common).is_some() && !name.is_nearly_called(common));
}

#[test]
fn a_name_that_whisper_writes_twice_for_something_else_does_not_call() {
    let name = Name::new("Samantha").unwrap();
    let loops = "I opened a pot of soup in the attic, one Samantha. Samantha.";
    assert_eq!((name.called(loops), name.side(loops)), (Called::No, None));
    let light = "Turn on the light. Samantha!";
    let called = Called::With("Turn on the light.".into());
    assert_eq!(name.called(light), called);
    assert!(name.side(light).is_some());
}
