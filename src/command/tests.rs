//! What is a command, what is for the model, and that nothing panics.

use proptest::prelude::*;

use super::*;

fn now() -> DateTime {
    jiff::civil::date(2026, 11, 26).at(16, 10, 0, 0)
}

fn check(command: &Command, language: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(
            recognise(text, language).as_ref(),
            Some(command),
            "{text:?}"
        );
        assert_eq!(recognise(text, "").as_ref(), Some(command), "{text:?}");
    }
}

#[test]
#[rustfmt::skip]
fn english_commands() {
    for (command, texts) in ENGLISH {
        check(command, "en", texts);
    }
}

#[test]
fn korean_commands() {
    for (command, texts) in KOREAN {
        check(command, "ko", texts);
    }
}

#[rustfmt::skip]
const ENGLISH: &[(Command, &[&str])] = &[
    (Command::Stop, &[
        "Stop.", "stop", "Stop!", "STOP", "Okay. Stop.", "Stop it.", "Stop it, please.", "Please stop.", "Be quiet.", "Shut up!",
        "That's enough.", "That’s enough, thanks.", "Stop, stop, stop!", "No, stop.", "Could you please stop talking?", "Quiet!",
        "Stop. Stop it. Please stop.", "Wait, stop.", "You can stop now.", "Okay, that's enough now.", "Stop, never mind.", "Shh!",
    ]),
    (Command::NeverMind, &[
        "Never mind.", "Nevermind", "Forget it.", "Oh, forget about it.", "Cancel that.", "No, never mind.", "It's nothing.", "Nothing.", "Cancel",
    ]),
    (Command::Pause, &[
        "Pause.", "Hold on.", "Hold on a second.", "Wait a minute.", "Just a moment, please.", "Hang on.", "One moment, please.",
        "Give me a second.", "Pause, please.",
    ]),
    (Command::GoOn, &[
        "Go on.", "Continue.", "Please continue.", "Okay, go on.", "Yes, go ahead.", "Carry on.", "Keep going!", "Resume.", "Go on, please.", "You can continue now.",
    ]),
    (Command::Louder, &[
        "Louder.", "Louder, please.", "Turn it up.", "Speak up.", "A bit louder, please.", "Could you speak a little louder?", "Volume up.",
        "Turn the volume up.", "Can you turn up the volume, please?", "I can't hear you.", "You're too quiet.", "Speak louder, please!", "Make it a bit louder.",
    ]),
    (Command::Quieter, &[
        "Quieter.", "Turn it down.", "Not so loud!", "A bit quieter, please.", "Speak more quietly.", "Too loud.", "Lower the volume.", "Volume down, please.",
        "Turn the volume down a bit.".trim_ascii(), "Keep your voice down.", "Softer.",
    ]),
    (Command::Slower, &[
        "Slower.", "Slow down.", "Speak more slowly.", "Speak more slowly, please.", "A bit slower, please.", "Not so fast!", "You're talking too fast.", "Too fast.",
        "Could you speak slower?", "Please speak slowly.",
    ]),
    (Command::Faster, &[
        "Faster.", "Speak faster.", "A little faster, please.", "Speed up.", "Can you speak more quickly?", "You're too slow.",
    ]),
    (Command::Repeat, &[
        "Say that again.", "Say that again, please.", "Repeat that.", "What did you say?", "Sorry, what did you say?", "What was that?", "Pardon?",
        "Could you repeat that, please?", "I didn't catch that.", "Once more.", "Can you say that again?", "Come again?",
    ]),
    (Command::Sleep, &["Go to sleep.", "Okay, go to sleep now.", "Stop listening.", "You can go to sleep now.", "Sleep mode.", "Go back to sleep."]),
    (Command::Wake, &["Wake up.", "Wake up!", "Hey, wake up.", "Wake up, please.", "Start listening."]),
    (Command::Forget, &[
        "Forget that.", "Forget what I said.", "Forget what I just said.", "Please forget about that.",
    ]),
    (Command::ForgetAll, &[
        "Please forget everything.", "Clear the conversation.", "Forget everything I said.", "Let's start a new conversation.",
        "Forget this conversation.", "Forget it all.", "Clear your memory.",
    ]),
    (Command::Time, &[
        "What time is it?", "What's the time?", "what’s the time", "What is the time?", "What time is it now?", "So what time is it?", "Can you tell me the time?",
        "Do you know what time it is?", "Tell me the time, please.", "What time is it, please?", "Do you have the time?", "What time is it right now?",
    ]),
    (Command::Date, &[
        "What's the date?", "What's the date today?", "What is today's date?", "What day is it?", "What day is it today?", "Tell me the date.", "What's today?",
        "What day of the week is it?", "And what's the date?", "What date is it?", "What year is it?",
    ]),
];

#[rustfmt::skip]
const KOREAN: &[(Command, &[&str])] = &[
    (Command::Stop, &["그만.", "그만!", "그만해.", "그만 해 줘", "이제 그만해.", "멈춰.", "멈춰 주세요.", "조용히 해.", "조용히 해 주세요", "그만 말해.", "그만, 그만!", "스톱"]),
    (Command::NeverMind, &["됐어.", "아니야, 됐어.", "취소해 줘.", "신경 쓰지 마.", "아무것도 아니야."]),
    (Command::Pause, &["잠깐.", "잠깐만.", "잠깐만요.", "잠시만요", "기다려.", "잠깐 기다려 줘.", "잠깐만 기다려 주세요.", "일시정지"]),
    (Command::GoOn, &["계속해.", "계속해줘.", "계속해 주세요.", "계속 말해 줘.", "응, 계속해.", "이어서 말해 줘", "계속하세요."]),
    (Command::Louder, &["더 크게.", "더 크게 말해 줘.", "좀 더 크게 말해 주세요.", "소리 키워.", "소리 좀 키워 줘.", "볼륨 올려 줘.", "잘 안 들려."]),
    (Command::Quieter, &["더 작게.", "더 작게 말해줘.", "소리 줄여 줘", "볼륨 낮춰.", "너무 커.", "좀 더 조용히 말해 줘"]),
    (Command::Slower, &["천천히.", "천천히 말해 줘.", "더 천천히 말해 주세요.", "너무 빨라.", "좀 천천히 말해 줘"]),
    (Command::Faster, &["더 빨리.", "더 빨리 말해 줘.", "너무 느려."]),
    (Command::Repeat, &["다시 말해 줘.", "다시 한번 말해 줘.", "다시 말해주세요.", "뭐라고?", "뭐라고 했어?", "방금 뭐라고 했어?", "한 번 더 말해 줘.", "못 들었어."]),
    (Command::Sleep, &["자러 가.", "이제 자도 돼.", "수면 모드", "그만 들어."]),
    (Command::Wake, &["일어나.", "일어나!", "일어나 봐", "깨어나."]),
    (Command::Forget, &["잊어버려.", "그거 잊어버려.", "방금 한 말 잊어버려".trim_ascii(), "내가 한 말 잊어 줘."]),
    (Command::ForgetAll, &["다 잊어버려.", "대화 내용 지워 줘", "새로운 대화를 시작해 줘."]),
    (Command::Time, &["지금 몇 시야?", "몇 시야?", "지금 몇시야?", "지금 몇 시예요?", "몇 시인지 알려 줘.", "지금 시간 알려 줘", "지금 몇 시지?"]),
    (Command::Date, &["오늘 며칠이야?", "오늘이 며칠이야?", "오늘 몇 월 며칠이야?", "오늘 날짜가 뭐야?", "오늘 무슨 요일이야?", "오늘 몇일이야?", "오늘 날짜 알려 줘."]),
];

#[test]
#[rustfmt::skip]
fn names_are_taken_as_written() {
    for (text, name) in [
        ("Your name is Anna.", "Anna"), ("I'll call you Anna.", "Anna"), ("I will call you Mary Ann.", "Mary Ann"), ("I’ll call you Samantha, okay?", "Samantha"),
        ("From now on your name is Samantha.", "Samantha"), ("From now on, your name is Jean-Luc", "Jean-Luc"), ("Okay, I'll call you Bob from now on.", "Bob"),
        ("I'm going to call you Friday Girl", ""), ("Can I call you Anna?", "Anna"), ("Let me call you O'Neil.", "O'Neil"), ("Your new name is Zoë!", "Zoë"),
        ("Change your name to Max, please.", "Max"), ("From now on you are Iris.", "Iris"), ("Your name's Anna.", "Anna"), ("I'll call you Anna, please", "Anna"),
        ("Your name is Anna?", ""), ("I'll call you May.", "May"),
    ] {
        let expected = (!name.is_empty()).then(|| Command::Name(name.into()));
        assert_eq!(recognise(text, "en"), expected, "{text}");
    }
    for (text, name) in [
        ("네 이름은 지수야.", "지수"), ("네 이름은 민준이야.", "민준"), ("이제부터 너를 지수라고 부를게.", "지수"), ("앞으로 너를 민준이라고 부를게", "민준"),
        ("네 이름은 루이야.", "루이"), ("이제부터 네 이름은 사만다야", "사만다"), ("널 지수라고 불러도 돼?", "지수"), ("지수라고 부를게.", "지수"), ("너를 Samantha라고 부를게.", "Samantha"),
        ("네 이름은 뭐야?", ""), ("네 이름은 좋은 이름이야", ""), ("네 이름은 지수야?", ""), ("네 이름은 별로야", ""), ("네 이름이 뭐야?", ""),
    ] {
        let expected = (!name.is_empty()).then(|| Command::Name(name.into()));
        assert_eq!(recognise(text, "ko"), expected, "{text}");
    }
}

#[rustfmt::skip]
const FOR_THE_MODEL: &[&str] = &[
    "stop me if I'm wrong, but is it late?", "Stop me if I'm wrong but", "What time is it in Tokyo?", "Pause for effect is a good technique.", "Go on, tell me about cats.",
    "Your name is nice.", "Your name is what?", "What is the date of Easter?", "I'll call you later.", "Call you back.", "I'll call you back.", "How do I say louder in Spanish?",
    "Wake up is a song.", "What time is the meeting?", "What time is it when the sun sets?", "Stop the timer.", "Stop the music in the kitchen.", "Where is the bus stop?", "Is it time to stop?",
    "Get up.", "Listen to me.", "Are you awake?", "I'll call you, Tom.", "What's the date of the battle of Hastings?", "What day is Christmas?", "What day is it tomorrow?", "What was the date yesterday?", "Forget that and tell me about dogs.",
    "Forget that I told you about Anna.", "Don't forget that.", "Never mind the weather, what about Paris?", "Tell me when to stop.", "How do I turn it down politely?", "Turn it up at the oven.",
    "Continue the story about the dragon.", "Continue with the second point.", "Repeat after me.", "Repeat the word banana ten times.", "Say that again in French.", "Say it in German.",
    "What did you say about Paris?", "What did you say your name was?", "What is your name?", "Who are you?", "Wait for me at the station.", "Hold on to your hat is an idiom.", "Wake me up at seven.",
    "Go to sleep is what I tell my children.", "How can I go to sleep faster?", "I can't sleep.", "Why do we sleep?", "Make it quieter in the second verse.", "Is light faster than sound?",
    "Which is faster, a car or a train?", "Who can run faster than a horse?", "Quiet places in London?", "Silence of the Lambs, who made it?", "Stop and think about it: what is time?",
    "Your name is on the list.", "Your name is Monday.", "Your name is English.", "I'll call you when I'm there.", "I'll call you Tuesday.", "I will call you a taxi.", "I'll call you tomorrow.", "I'll call you in May.",
    "Can I call you back?", "Can I call you later?", "What is time?", "What's the time difference between Paris and Seoul?", "How late is it in New York?", "What year is it in the Chinese calendar?", "Nothing compares to you is by whom?",
    "Okay.", "Yes.", "No.", "Thank you.", "Please.", "Okay, please, yes.", "", "...", "Hello.", "Enough about me, how are you?", "That's enough sugar, isn't it?", "Again and again he tried.",
    "Pardon my French, where does it come from?", "What was that song about?", "One moment in time is a song by whom?", "The capital of France.", "Cancel my appointment.", "Slow down the aging process, how?", "Tell me the time of sunrise.",
    "My name is Anna.", "Call me Anna.", "Her name is Anna.", "Is your name Anna?", "Listen to me, I have a question.", "Louder than bombs, who wrote it?",
    "그만한 이유가 있어?", "지금 도쿄는 몇 시야?", "도쿄는 지금 몇 시야?", "내일 몇 시에 만나?", "부활절은 며칠이야?", "내일은 무슨 요일이야?", "잠깐만 있으면 비가 올까?", "계속 비가 올까?", "고양이 얘기를 계속해 줘",
    "더 크게 자라는 나무는 뭐야?", "천천히 걷는 동물은 뭐가 있어?", "다시 말해 줘 프랑스어로", "일어나서 뭐 하면 좋을까?", "네 이름이 뭐야?", "네 이름은 무엇이야?", "나를 지수라고 불러 줘", "내 이름은 지수야", "나는 지수야",
    "조용한 곳을 추천해 줘", "잊어버린 비밀번호를 어떻게 찾지?", "내일 다시 전화할게", "잘 자", "안녕", "그만두는 방법을 알려 줘", "멈춰 있는 차", "크게 웃는 법", "몇 시에 자러 가면 좋아?",
];

#[test]
fn sentences_for_the_model_are_left_to_it() {
    assert!(FOR_THE_MODEL.len() >= 60);
    for text in FOR_THE_MODEL {
        for language in ["en", "ko", "", "de"] {
            assert_eq!(recognise(text, language), None, "{language} {text:?}");
        }
    }
}

#[test]
fn keys_are_the_tables() {
    for command in PLAIN {
        assert!(table::COMMANDS.contains(&command.key()));
    }
}

#[test]
fn answers_are_spoken_where_doing_it_is_not_enough() {
    let said = |command: &Command, language: &str| answer(command, now(), language);
    for command in [Command::Stop, Command::Pause, Command::GoOn] {
        assert_eq!(said(&command, "en"), None);
        assert_eq!(said(&command, "ko"), None);
    }
    let english = |command: &Command| said(command, "en").unwrap();
    assert_eq!(english(&Command::Time), "It's 4:10 PM.");
    assert_eq!(english(&Command::Date), "It's Thursday, November 26, 2026.");
    let anna = Command::Name("Anna".into());
    assert_eq!(english(&anna), "All right, I'm Anna.");
    let jisu = Command::Name("지수".into());
    assert_eq!(said(&jisu, "ko").unwrap(), "네, 제 이름은 이제 지수예요.");
    assert_eq!(
        said(&Command::Time, "ko").unwrap(),
        "지금 오후 네 시 십분이에요."
    );
    // No table: English.
    assert_eq!(said(&Command::Time, "de").unwrap(), "It's 4:10 PM.");
    assert_eq!(said(&Command::Time, "").unwrap(), "It's 4:10 PM.");
}

#[test]
fn answers_are_no_commands() {
    // An answer that comes back through the microphone must not start another.
    for command in PLAIN {
        for language in ["en", "ko"] {
            if let Some(said) = answer(&command, now(), language) {
                assert_eq!(recognise(&said, language), None, "{said}");
                assert!(!is_stop(&said, language), "{said}");
            }
        }
    }
}

/// Everything that is a command here, with its language.
fn commands() -> impl Strategy<Value = (String, &'static str)> {
    let all: Vec<(String, &'static str)> = ENGLISH
        .iter()
        .map(|entry| (entry.1, "en"))
        .chain(KOREAN.iter().map(|entry| (entry.1, "ko")))
        .flat_map(|(texts, code)| texts.iter().map(move |text| ((*text).to_owned(), code)))
        .collect();
    proptest::sample::select(all)
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), language in "en|ko|de||x-|.{0,3}", over in any::<bool>(), other in any::<String>()) {
        let _ = recognise(&text, &language);
        let _ = interjection(&text, over, &language);
        let _ = is_stop(&text, &language);
        let _ = is_own(&text, &other);
    }

    #[test]
    fn no_text_of_its_own_words_panics(
        words in proptest::collection::vec("stop|okay|it|your|name|is|Anna|İ|ß|I'll|call|you|그만|네|이름은|야|이|라고|\u{1100}|ﬁ|[ ,.?!'’-]", 0..40),
        over in any::<bool>(),
    ) {
        let text = words.join(" ");
        for language in ["en", "ko", ""] {
            let _ = recognise(&text, language);
            let _ = interjection(&text, over, language);
            let _ = is_stop(&text, language);
            let _ = is_own(&text, &text);
        }
    }

    #[test]
    fn case_punctuation_and_spaces_do_not_matter((text, language) in commands(), upper in any::<bool>(), before in "[ .,!\t\n]{0,4}", after in "[ .,!?…\t\n]{0,4}") {
        let plain = recognise(&text, language);
        prop_assert!(plain.is_some());
        let cased = if upper { text.to_uppercase() } else { text.to_lowercase() };
        prop_assert_eq!(&recognise(&format!("{before}{cased}{after}"), language), &plain);
        let bare: String = text.chars().filter(|c| !matches!(c, '.' | ',' | '!' | '?')).collect();
        prop_assert_eq!(&recognise(&bare, language), &plain);
    }

    #[test]
    fn what_was_not_said_politely_is_not_said(text in "[a-z]{1,6}( [a-z]{1,6}){0,5}") {
        // A sentence goes on behind a command: for the model.
        let sentence = format!("stop {text} zebra");
        prop_assert_eq!(recognise(&sentence, "en"), None);
    }
}

#[test]
fn a_stop_that_is_misread_over_a_reply_is_one() {
    for text in [
        "Please start talking.",
        "Start speaking, please.",
        "Star.",
        "I start",
        "Weight!",
    ] {
        assert!(must_be_stop(text, "en"), "{text}");
        assert_eq!(recognise(text, "en"), None, "{text}");
    }
    for text in [
        "Start talking about Paris.",
        "Start the timer.",
        "Yes, start.",
        "Start, please.",
        "Let's start.",
        "You can start.",
        "Start again.",
        "",
    ] {
        assert!(!must_be_stop(text, "en"), "{text}");
    }
}

#[test]
fn a_few_words_may_end_in_a_stop() {
    for text in [
        "Let's start.",
        "I'd stop",
        "I can stop.",
        "White star",
        "Stop!",
    ] {
        assert!(ends_in_stop(text, "en"), "{text}");
    }
    for text in ["What is the next stop?", "Start the music.", "Paris.", ""] {
        assert!(!ends_in_stop(text, "en"), "{text}");
    }
    assert!(ends_in_stop("이제 그만.", "ko"));
}

#[test]
fn a_beginning_may_become_a_command_for_the_reply() {
    for text in [
        "Louder",
        "Speak more",
        "Turn it",
        "Hold on",
        "Go",
        "Could you speak",
    ] {
        assert!(may_become(text, "en"), "{text}");
    }
    for text in ["Stop", "What about", "Tell me something", "", "Samantha"] {
        assert!(!may_become(text, "en"), "{text}");
    }
    assert!(may_become("더 크", "ko"));
}

#[test]
fn what_cannot_be_done_is_said() {
    for language in ["en", "ko"] {
        assert!(refusal(language).is_some());
        assert!(
            answer(
                &Command::Repeat,
                jiff::civil::date(2026, 1, 1).at(9, 0, 0, 0),
                language
            )
            .is_some()
        );
    }
}

#[test]
fn a_stop_that_is_read_otherwise_in_the_end_is_one() {
    let misread = |begun, whole| misread_stop(begun, whole, "en");
    for whole in ["Star.", "Start.", "Stop!", "Stock"] {
        assert!(misread("Stop.", whole), "{whole}");
    }
    for (begun, whole) in [
        ("Stop.", "Stockholm?"),
        ("Stop.", "Start the music."),
        ("Stop.", "Paris?"),
        ("Star.", "Star."),
    ] {
        assert!(!misread(begun, whole), "{begun} {whole}");
    }
    for (begun, whole) in [("그만.", "그건?"), ("중지.", "중국?")] {
        assert!(!misread_stop(begun, whole, "ko"), "{begun} {whole}");
    }
}
