//! What is said in the bench: sentences that call a name, sentences that speak of it, and talk without it.

use std::collections::HashSet;

use hearken::listen::name::Name;

use super::chance::Chance;

/// Ways to call a name in English: alone, greeted, at the start, at the end.
pub const CALLS: [&str; 24] = [
    "NAME.",
    "NAME?",
    "NAME!",
    "Hey NAME.",
    "Okay, NAME.",
    "Hello, NAME.",
    "NAME, what time is it?",
    "NAME, turn on the light in the kitchen.",
    "NAME, how is the weather tomorrow?",
    "NAME, set a timer for ten minutes.",
    "NAME, who wrote Romeo and Juliet?",
    "NAME, can you hear me?",
    "NAME, stop.",
    "NAME, tell me a story about a dragon that cannot fly.",
    "Hey NAME, play some music.",
    "Hey NAME, what's on my calendar today?",
    "Okay NAME, remind me to call my mother.",
    "What time is it, NAME?",
    "Turn off the light, NAME.",
    "How far is it to the moon, NAME?",
    "Thank you, NAME.",
    "Good morning, NAME.",
    "What is seventeen plus twenty five, NAME?",
    "Please say it again, NAME.",
];

/// The same in Korean. `야` stands for the particle that suits the name.
pub const CALLS_KO: [&str; 12] = [
    "NAME야.",
    "NAME!",
    "NAME야, 지금 몇 시야?",
    "NAME야, 부엌 불 켜 줘.",
    "NAME야, 오늘 날씨 어때?",
    "NAME야, 음악 틀어 줘.",
    "NAME, 십 분 타이머 맞춰 줘.",
    "NAME야, 내 말 들려?",
    "NAME야, 그만.",
    "지금 몇 시야, NAME야?",
    "고마워, NAME야.",
    "불 꺼 줘, NAME야.",
];

/// Sentences that speak of somebody with that name and call nobody.
pub const MENTIONS: [&str; 16] = [
    "I told NAME that we would be late.",
    "NAME is coming tomorrow with her brother.",
    "I talked to NAME yesterday.",
    "NAME said that the house is too small.",
    "Have you seen NAME today?",
    "That is the car that NAME bought last year.",
    "NAME and Peter went to the cinema.",
    "NAME's mother lives in Boston.",
    "We met NAME at the station and had lunch.",
    "Nobody knows where NAME has put the keys.",
    "I think NAME would like that a lot.",
    "He danced with NAME for the whole evening.",
    "NAME never drinks coffee in the evening.",
    "It was NAME who called the doctor.",
    "The teacher gave NAME a book about whales.",
    "NAME will not be there, but her sister will.",
];

/// Names of people; those that sound like the usual name first, and oftener.
const PEOPLE: [&str; 64] = [
    "Amanda",
    "Savannah",
    "Sam",
    "Sammy",
    "Samuel",
    "Miranda",
    "Santana",
    "Cassandra",
    "Sandra",
    "Matthew",
    "Agatha",
    "Tabitha",
    "Anthony",
    "Susanna",
    "Mandy",
    "Martha",
    "Samson",
    "Simon",
    "Salma",
    "Sabrina",
    "Amanda",
    "Savannah",
    "Sam",
    "Sammy",
    "Tamara",
    "Simone",
    "Melinda",
    "Belinda",
    "Peter",
    "Mary",
    "John",
    "Laura",
    "Robert",
    "Julia",
    "David",
    "Emma",
    "Thomas",
    "Alice",
    "George",
    "Helen",
    "Frank",
    "Claire",
    "Henry",
    "Diana",
    "Oliver",
    "Grace",
    "Victor",
    "Nora",
    "Walter",
    "Rachel",
    "Philip",
    "Irene",
    "Patrick",
    "Monica",
    "Edward",
    "Paula",
    "Stephen",
    "Theresa",
    "Andrew",
    "Veronica",
    "Daniel",
    "Caroline",
    "Jeremy",
    "Beatrice",
];

/// Phrases that sound a little like the usual name, where a sentence may begin or end.
const NEAR: [&str; 40] = [
    "some man",
    "cement",
    "semantics",
    "the same answer",
    "a salmon",
    "summer and autumn",
    "some matter",
    "the panther",
    "a phantom",
    "the anthem",
    "an anthem",
    "the commander",
    "some money",
    "a sample",
    "the summit",
    "a symptom",
    "Santa",
    "some other",
    "something",
    "somebody",
    "the mantle",
    "a samovar",
    "a sandwich",
    "the sermon",
    "a satin hat",
    "a man that",
    "the man at the",
    "some ants",
    "same hands",
    "Sam and her",
    "a seminar",
    "the cemetery",
    "a mammoth",
    "a month",
    "some months",
    "the Sabbath",
    "a hyacinth",
    "Atlanta",
    "Montana",
    "a cinema",
];

const THINGS: [&str; 48] = [
    "the bicycle",
    "a yellow umbrella",
    "the old piano",
    "my keys",
    "the newspaper",
    "a box of matches",
    "the ladder",
    "a wooden table",
    "the telephone",
    "a silver spoon",
    "the garden gate",
    "a pair of gloves",
    "the red curtain",
    "a bottle of milk",
    "the train ticket",
    "a map of the city",
    "the kitchen sink",
    "a heavy suitcase",
    "the radio",
    "a leather jacket",
    "the broken window",
    "a candle",
    "the alarm clock",
    "a handful of coins",
    "the fishing boat",
    "a loaf of bread",
    "the photograph",
    "a green bottle",
    "the washing machine",
    "a short letter",
    "the back door",
    "a cup of tea",
    "the winter coat",
    "a bag of apples",
    "the lawn mower",
    "a glass of water",
    "the birthday cake",
    "a library book",
    "the spare tyre",
    "a pot of soup",
    "the camera",
    "a clean shirt",
    "the hammer",
    "a postcard",
    "the front seat",
    "a football",
    "the violin",
    "a paper plane",
];

const PLACES: [&str; 32] = [
    "in the kitchen",
    "behind the house",
    "at the station",
    "near the river",
    "in the cellar",
    "on the roof",
    "under the bed",
    "across the street",
    "at my uncle's farm",
    "in the next village",
    "by the lake",
    "at the office",
    "on the second floor",
    "in the hospital",
    "at the corner shop",
    "in the mountains",
    "on the beach",
    "in the attic",
    "next to the church",
    "at the airport",
    "in the back garden",
    "on the bridge",
    "outside the theatre",
    "in the waiting room",
    "at the dentist",
    "on the balcony",
    "in the forest",
    "at the market",
    "in the garage",
    "on the way home",
    "in the library",
    "at the swimming pool",
];

const TIMES: [&str; 24] = [
    "yesterday",
    "last Monday",
    "on Friday evening",
    "before breakfast",
    "after the meeting",
    "at half past seven",
    "in the morning",
    "two weeks ago",
    "every Sunday",
    "tomorrow at noon",
    "in three days",
    "during the storm",
    "once a month",
    "late at night",
    "next summer",
    "at the end of March",
    "since Tuesday",
    "for twenty minutes",
    "in nineteen eighty four",
    "on her birthday",
    "right after lunch",
    "almost every day",
    "a year ago",
    "tonight",
];

const PAST: [&str; 32] = [
    "found",
    "sold",
    "painted",
    "lost",
    "repaired",
    "borrowed",
    "carried",
    "forgot",
    "bought",
    "hid",
    "dropped",
    "cleaned",
    "measured",
    "photographed",
    "returned",
    "opened",
    "needed",
    "wanted",
    "broke",
    "moved",
    "noticed",
    "kept",
    "described",
    "ordered",
    "packed",
    "stole",
    "washed",
    "sent back",
    "wrapped up",
    "looked for",
    "asked for",
    "paid for",
];

const QUALITIES: [&str; 24] = [
    "too expensive",
    "surprisingly heavy",
    "rather small",
    "almost new",
    "completely wet",
    "very quiet",
    "much cheaper",
    "not bad at all",
    "terribly loud",
    "a little strange",
    "out of order",
    "full of dust",
    "quite useful",
    "half empty",
    "impossible to find",
    "older than I thought",
    "as cold as ice",
    "worth the money",
    "hard to explain",
    "made of glass",
    "better than before",
    "late again",
    "still warm",
    "gone",
];

/// Templates of talk. Capitals are slots.
const TALK: [&str; 60] = [
    "PERSON PAST THING TIME.",
    "I PAST THING PLACE TIME.",
    "We PAST THING and PAST THING PLACE.",
    "THING PLACE is QUALITY.",
    "Did PERSON really say that THING was QUALITY?",
    "PERSON, did you see THING PLACE?",
    "Hey PERSON, where is THING?",
    "What do you think, PERSON?",
    "Okay, PERSON, then we meet PLACE TIME.",
    "PERSON, come here and help me with THING.",
    "PERSON and PERSON were PLACE TIME.",
    "I asked PERSON about THING, and it was QUALITY.",
    "NEAR is QUALITY.",
    "NEAR, and what comes after that?",
    "NEAR was PLACE TIME.",
    "Hey, NEAR is not what I meant.",
    "I never liked NEAR.",
    "Is that NEAR?",
    "They PAST NEAR PLACE.",
    "So NEAR it is, PERSON.",
    "Tell me about NEAR.",
    "What is the difference between NEAR and NEAR?",
    "PERSON PAST NEAR TIME.",
    "It takes NUMBER minutes from the lake to NEAR.",
    "There were NUMBER people PLACE, and PERSON was one of them.",
    "The bill was NUMBER dollars, which is QUALITY.",
    "My number is NUMBER, NUMBER, NUMBER.",
    "Turn left after NUMBER metres and stop PLACE.",
    "Can you bring me THING when you are PLACE?",
    "How much is THING?",
    "Why is THING PLACE?",
    "Who PAST THING TIME?",
    "When PERSON was young, the family PAST THING every summer.",
    "If it rains TIME, we will look for THING PLACE.",
    "Nobody PAST THING because it was QUALITY.",
    "The doctor PAST THING and said that PERSON should rest TIME.",
    "She laughed and PAST THING.",
    "He says THING is QUALITY, but I don't believe it.",
    "Please put THING PLACE.",
    "Wait, that is not THING.",
    "No, PERSON, that's mine.",
    "Thank you, PERSON, that was kind.",
    "Good morning, PERSON. Is THING PLACE?",
    "The weather PLACE was QUALITY TIME.",
    "According to the report, NUMBER per cent of them PAST NEAR TIME.",
    "In the film a man PAST THING and was never seen again.",
    "My sister PERSON works PLACE and PAST THING.",
    "Sometimes I wonder who PAST THING.",
    "Can someone open the window? It is QUALITY in here.",
    "Stop it, both of you, THING is QUALITY!",
    "I'd rather have NEAR than THING.",
    "On the left you see NEAR, and behind it THING.",
    "The answer is NUMBER, not NUMBER.",
    "PERSON told me that NEAR was QUALITY.",
    "Set the table, PERSON, dinner is ready TIME.",
    "What time does the train to NEAR leave?",
    "Yes, NEAR.",
    "PERSON!",
    "Hello, PERSON.",
    "Well, TIME PERSON PAST THING, PAST NEAR, and came back PLACE.",
];

/// Talk without the name: no sentence twice, and none that holds it.
pub struct Talk {
    chance: Chance,
    said: HashSet<String>,
    name: String,
    templates: Vec<&'static str>,
    people: Vec<&'static str>,
}

impl Talk {
    /// What is said in any house: nobody in it has a name that sounds like `name`. The same `seed` makes the same talk.
    pub fn ordinary(seed: u64, name: &Name) -> Self {
        let templates = TALK.into_iter().filter(|t| !t.contains("NEAR"));
        let people = PEOPLE.into_iter().filter(|p| !name.sounds_like(p));
        Self::new(seed, name, templates.collect(), people.collect())
    }

    /// Talk that tempts: a third of the kinds of sentences hold words that sound like the usual name, and people are called
    /// Savannah and Amanda.
    pub fn tempting(seed: u64, name: &Name) -> Self {
        Self::new(seed, name, TALK.to_vec(), PEOPLE.to_vec())
    }

    fn new(
        seed: u64,
        name: &Name,
        templates: Vec<&'static str>,
        people: Vec<&'static str>,
    ) -> Self {
        Self {
            chance: Chance::new(seed),
            said: HashSet::new(),
            name: name.written().to_lowercase(),
            templates,
            people,
        }
    }

    /// The next sentence.
    pub fn sentence(&mut self) -> String {
        loop {
            let sentence = self.filled();
            let lower = sentence.to_lowercase();
            // Short ones are soon all said; then longer ones come.
            if !lower.contains(&self.name) && self.said.insert(sentence.clone()) {
                return sentence;
            }
        }
    }

    fn filled(&mut self) -> String {
        let template = self.chance.of(&self.templates);
        let mut filled = String::new();
        for piece in template.split_inclusive(|c: char| !c.is_ascii_uppercase()) {
            let word = piece.trim_end_matches(|c: char| !c.is_ascii_uppercase());
            let number;
            let text = match word {
                "PERSON" => self.chance.of(&self.people),
                "NEAR" => self.chance.of(&NEAR),
                "THING" => self.chance.of(&THINGS),
                "PLACE" => self.chance.of(&PLACES),
                "TIME" => self.chance.of(&TIMES),
                "PAST" => self.chance.of(&PAST),
                "QUALITY" => self.chance.of(&QUALITIES),
                "NUMBER" => {
                    number = (2 + self.chance.below(998)).to_string();
                    &number
                }
                other => other,
            };
            filled.push_str(text);
            filled.push_str(&piece[word.len()..]);
        }
        capitalized(&filled)
    }
}

/// `call` for `name`; a Korean particle suits the name's last sound.
pub fn calling(call: &str, name: &str) -> String {
    let closed = name.chars().next_back().is_some_and(|c| {
        ('\u{ac00}'..='\u{d7a3}').contains(&c) && !(c as u32 - 0xac00).is_multiple_of(28)
    });
    let call = match closed {
        true => call.replace("NAME야", "NAME아"),
        false => call.to_owned(),
    };
    call.replace("NAME", name)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn talk_never_repeats_itself_nor_says_a_name() {
        let name = Name::new("Amanda").unwrap();
        for mut talk in [Talk::ordinary(1, &name), Talk::tempting(1, &name)] {
            let said: HashSet<String> = (0..3000).map(|_| talk.sentence()).collect();
            assert_eq!(said.len(), 3000);
            for sentence in &said {
                assert!(!sentence.contains("Amanda"), "{sentence}");
                let slot = [
                    "PERSON", "NEAR", "THING", "PLACE", "TIME", "PAST", "QUALITY", "NUMBER",
                ];
                assert!(
                    !slot.iter().any(|slot| sentence.contains(slot)),
                    "{sentence}"
                );
            }
        }
    }

    #[test]
    fn only_tempting_talk_tempts() {
        let name = Name::new("Samantha").unwrap();
        let said = |mut talk: Talk| (0..1000).map(|_| talk.sentence()).collect::<String>();
        let (ordinary, tempting) = (
            said(Talk::ordinary(1, &name)),
            said(Talk::tempting(1, &name)),
        );
        for near in ["Savannah", "some matter", "Amanda"] {
            assert!(
                !ordinary.contains(near) && tempting.contains(near),
                "{near}"
            );
        }
        assert!(ordinary.contains("Peter"));
    }

    #[test]
    fn the_particle_suits_the_name() {
        assert_eq!(calling("NAME야, 그만.", "지수"), "지수야, 그만.");
        assert_eq!(calling("NAME야, 그만.", "민준"), "민준아, 그만.");
        assert_eq!(calling("Hey NAME.", "Anna"), "Hey Anna.");
    }
}
