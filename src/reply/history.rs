//! What the model is told of the conversation: only what was really said aloud. Pure; owned by the conductor.
//!
//! # Why it forgets by halves
//! A server keeps the work that it did for the beginning of the last prompt and begins behind it. Forgetting the oldest
//! turn at every new one would change that beginning every time, and the whole conversation would be read anew for
//! every answer. So when there is too much, the older half goes at once; the beginning then stays the same for
//! several turns.

use serde::{Deserialize, Serialize};

use super::model::{Message, Role};

/// Tokens that a chat template puts around one message, at most.
const TOKENS_AROUND: usize = 8;

/// What stands before what is said next to a reply that is not whole: the model is told. Not in the reply itself, for a
/// small model writes a dash at its end again when it is asked the same once more.
const INTERRUPTING: &str = "(interrupting) ";
/// The same when the reply was stopped, and what is said next is something else.
const STOPPED: &str = "(after stopping you) ";
/// The same when the reply broke off by itself.
const BROKE_OFF: &str = "(after your answer broke off) ";

/// An unanswered question longer than this is not carried on, in bytes.
const LONGEST_UNANSWERED: usize = 2_000;

/// The conversation so far.
#[derive(Debug, Clone)]
pub struct History {
    system: String,
    max_turns: usize,
    budget_tokens: usize,
    turns: Vec<Turn>,
    /// A question that was called off before the first word of an answer.
    unanswered: Option<String>,
}

/// The conversation, for another program to go on with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// What was asked, what was heard of the answer, and what the model is told of its end before the next question.
    turns: Vec<(String, String, String)>,
    unanswered: Option<String>,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it was heard.
    Whole,
    /// It broke off.
    BrokeOff,
    /// Somebody interrupted it, or called it off.
    Interrupted,
}

#[derive(Debug, Clone)]
struct Turn {
    asked: String,
    said: String,
    /// What the model is told of its end before the next question.
    told: &'static str,
}

impl Turn {
    fn tokens(&self) -> usize {
        estimate_tokens(&self.asked) + estimate_tokens(&self.said) + 2 * TOKENS_AROUND
    }
}

impl History {
    /// An empty conversation. `system_prompt` comes first in every prompt (none when empty); at most `max_turns`
    /// earlier turns are kept; the prompt is to stay within `budget_tokens`, which is the model's context less what
    /// its reply may take.
    pub fn new(system_prompt: &str, max_turns: usize, budget_tokens: usize) -> Self {
        Self {
            system: system_prompt.trim().to_owned(),
            max_turns,
            budget_tokens,
            turns: Vec::new(),
            unanswered: None,
        }
    }

    /// What to ask the model for `user_text`: the instructions, the turns that are kept, this question. Records
    /// nothing. Where the question alone leaves no room for all turns, the oldest are left out of this one prompt; a
    /// question larger than the budget goes out as it is.
    pub fn begin(&self, user_text: &str) -> Vec<Message> {
        let asked = self.asked(user_text);
        let fixed = estimate_tokens(&asked) + TOKENS_AROUND + self.system_tokens();
        let room = self.budget_tokens.saturating_sub(fixed);
        let kept = self.last_within(room);
        let mut messages = self.with(kept);
        messages.push(Message {
            role: Role::User,
            text: asked,
        });
        messages
    }

    /// What the next prompt will begin with, as far as it is known: everything but the question.
    pub fn so_far(&self) -> Vec<Message> {
        let room = self.budget_tokens.saturating_sub(self.system_tokens());
        self.with(self.last_within(room))
    }

    /// What was asked and answered, without the instructions and without what only the model is told.
    pub fn conversation(&self) -> Vec<Message> {
        let before = self.instructions().len();
        let mut messages = self.with(&self.turns).split_off(before);
        for message in messages.iter_mut().filter(|m| m.role == Role::User) {
            let told = [INTERRUPTING, STOPPED, BROKE_OFF].into_iter();
            let said = told.filter_map(|told| message.text.strip_prefix(told));
            if let Some(said) = said.map(str::to_owned).next() {
                message.text = said;
            }
        }
        messages
    }

    /// The instructions and these turns.
    fn with(&self, turns: &[Turn]) -> Vec<Message> {
        let message = |role, text: &str| Message {
            role,
            text: text.to_owned(),
        };
        let mut messages = self.instructions();
        for turn in turns {
            messages.push(message(Role::User, &turn.asked));
            messages.push(message(Role::Assistant, &turn.said));
        }
        messages
    }

    /// Records a turn: what was asked, and of the answer what was heard. What is said next to a reply that is not whole is
    /// marked, so that the model knows.
    ///
    /// When nothing was heard there is no turn, for models want question and answer to alternate. If it was called
    /// off, the question goes in front of the next one: "the weather in Paris" – "no, in Rome".
    /// For a reply that failed, do not call this: the person was told, and asks again.
    ///
    /// Returns what is now remembered of it: what was asked, and what was heard.
    pub fn record(&mut self, user_text: &str, spoken_text: &str, end: End) -> Option<(&str, &str)> {
        let asked = self.asked(user_text);
        self.unanswered = None;
        let said = spoken_text.trim();
        if said.is_empty() {
            if end != End::Whole {
                let short = |text: &String| text.len() <= LONGEST_UNANSWERED;
                let latest = || Some(user_text.trim().to_owned());
                self.unanswered = Some(asked).filter(short).or_else(latest).filter(short);
            }
            return None;
        }
        self.turns.push(Turn {
            asked,
            said: said.to_owned(),
            told: match end {
                End::Whole => "",
                End::BrokeOff => BROKE_OFF,
                End::Interrupted => INTERRUPTING,
            },
        });
        self.trim();
        self.turns
            .last()
            .map(|turn| (&turn.asked[..], &turn.said[..]))
    }

    /// Goes on with a conversation of before: what was asked and heard, oldest first.
    pub fn restore(&mut self, turns: impl IntoIterator<Item = (String, String)>) {
        let restored = turns.into_iter().map(|(asked, said)| Turn {
            asked,
            said,
            told: "",
        });
        self.turns.extend(restored);
        self.trim();
    }

    /// All of it but the instructions.
    pub fn snapshot(&self) -> Snapshot {
        let turns = self.turns.iter();
        Snapshot {
            turns: turns
                .map(|turn| (turn.asked.clone(), turn.said.clone(), turn.told.into()))
                .collect(),
            unanswered: self.unanswered.clone(),
        }
    }

    /// Goes on where another program stopped.
    pub fn go_on_with(&mut self, snapshot: Snapshot) {
        let known = [INTERRUPTING, STOPPED, BROKE_OFF];
        let turns = snapshot.turns.into_iter().map(|(asked, said, told)| Turn {
            asked,
            said,
            told: known.into_iter().find(|k| *k == told).unwrap_or(""),
        });
        self.turns = turns.collect();
        self.unanswered = snapshot.unanswered;
        self.trim();
    }

    /// Remembers no more than so many turns in so many tokens from now on (see [`History::new`]).
    pub fn resize(&mut self, max_turns: usize, budget_tokens: usize) {
        (self.max_turns, self.budget_tokens) = (max_turns, budget_tokens);
        self.trim();
    }

    /// Forgets the last turn, or the question that was not answered; whether there was one.
    pub fn forget_last(&mut self) -> bool {
        self.unanswered.take().is_some() || self.turns.pop().is_some()
    }

    /// What was asked last is not wanted any more: it does not go in front of the next question, which interrupts nothing.
    pub fn call_off(&mut self) {
        self.unanswered = None;
        if let Some(last) = self.turns.last_mut().filter(|t| t.told == INTERRUPTING) {
            last.told = STOPPED;
        }
    }

    /// Other instructions from now on.
    pub fn instruct(&mut self, system_prompt: &str) {
        self.system = system_prompt.trim().to_owned();
    }

    /// What every prompt begins with; nothing without instructions.
    pub fn instructions(&self) -> Vec<Message> {
        let system = Some(&self.system).filter(|text| !text.is_empty());
        let message = |text: &String| Message {
            role: Role::System,
            text: text.clone(),
        };
        system.map(message).into_iter().collect()
    }

    /// Forgets the conversation, not the instructions.
    pub fn clear(&mut self) {
        self.turns.clear();
        self.unanswered = None;
    }

    /// How many turns are kept now.
    pub fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The question with the one before it that was called off.
    fn asked(&self, user_text: &str) -> String {
        let text = user_text.trim();
        match &self.unanswered {
            Some(before) => format!("{before}\n{text}"),
            None => format!("{}{text}", self.turns.last().map_or("", |turn| turn.told)),
        }
    }

    fn system_tokens(&self) -> usize {
        estimate_tokens(&self.system) + TOKENS_AROUND
    }

    /// Forgets the older half when there is too much.
    fn trim(&mut self) {
        let room = self.budget_tokens.saturating_sub(self.system_tokens());
        // An eighth is for the next question.
        let room = room - room / 8;
        let too_many = self.turns.len() > self.max_turns;
        let too_long = self.turns.iter().map(Turn::tokens).sum::<usize>() > room;
        if !too_many && !too_long {
            return;
        }
        let by_count = if too_many {
            self.max_turns.div_ceil(2)
        } else {
            self.turns.len()
        };
        let by_length = if too_long {
            // The last turn is worth more than the stable beginning, if it fits at all.
            self.last_within(room / 2)
                .len()
                .max(self.last_within(room).len().min(1))
        } else {
            self.turns.len()
        };
        let keep = by_count.min(by_length);
        self.turns.drain(..self.turns.len() - keep);
    }

    /// The latest turns that together take at most `room` tokens.
    fn last_within(&self, room: usize) -> &[Turn] {
        let mut taken = 0;
        let fitting = self.turns.iter().rev().take_while(|turn| {
            taken += turn.tokens();
            taken <= room
        });
        let count = fitting.count();
        &self.turns[self.turns.len() - count..]
    }
}

/// How many tokens `text` takes, estimated on the safe side without the model's own tokens: a third of a token for an
/// ASCII character (English takes about a quarter), two thirds for every byte of all others, which is two tokens for
/// a Hangul syllable (models that know Korean take about one, those that do not up to three).
pub fn estimate_tokens(text: &str) -> usize {
    let thirds: usize = text.bytes().map(|b| if b.is_ascii() { 1 } else { 2 }).sum();
    thirds.div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(messages: &[Message]) -> Vec<(Role, &str)> {
        messages.iter().map(|m| (m.role, m.text.as_str())).collect()
    }

    #[test]
    fn what_is_known_of_the_next_prompt_is_its_beginning() {
        let mut history = History::new("Be brief.", 3, 2_000);
        for turn in 0..6 {
            let (known, prompt) = (history.so_far(), history.begin("And now?"));
            assert_eq!(known[..], prompt[..prompt.len() - 1], "after {turn} turns");
            history.record("What is it?", "It is a test.", End::Whole);
        }
    }

    #[test]
    fn a_prompt_is_the_instructions_the_turns_and_the_question() {
        let mut history = History::new(" Be brief. ", 8, 4_000);
        history.record("Hello?", "Hi there.", End::Whole);
        history.record("Tell me a story.", "Once upon a time", End::Interrupted);
        assert_eq!(
            texts(&history.begin(" And then? ")),
            [
                (Role::System, "Be brief."),
                (Role::User, "Hello?"),
                (Role::Assistant, "Hi there."),
                (Role::User, "Tell me a story."),
                (Role::Assistant, "Once upon a time"),
                (Role::User, "(interrupting) And then?"),
            ]
        );
        assert_eq!(history.turns(), 2);
        history.clear();
        assert_eq!(texts(&history.begin("x")).len(), 2);
        assert_eq!(
            texts(&History::new("", 8, 4_000).begin("x")),
            [(Role::User, "x")]
        );
    }

    #[test]
    fn another_program_goes_on_as_this_one_would() {
        let mut history = History::new("Be brief.", 8, 4_000);
        history.record("Hello?", "Hi there.", End::Whole);
        history.record("Tell me a story.", "Once upon", End::Interrupted);
        for unanswered in [false, true] {
            if unanswered {
                history.record("And?", "", End::Interrupted);
            }
            let carried = serde_json::to_string(&history.snapshot()).unwrap_or_default();
            let mut next = History::new("Be brief.", 8, 4_000);
            next.go_on_with(serde_json::from_str(&carried).unwrap_or_default());
            assert_eq!(next.begin("And now?"), history.begin("And now?"));
        }
    }

    #[test]
    fn a_question_that_was_called_off_goes_before_the_next() {
        let mut history = History::new("", 8, 4_000);
        history.record("The weather in Paris?", "", End::Interrupted);
        assert_eq!(history.turns(), 0);
        let prompt = history.begin("No, in Rome.");
        assert_eq!(
            texts(&prompt),
            [(Role::User, "The weather in Paris?\nNo, in Rome.")]
        );
        history.record("No, in Rome.", "Sunny.", End::Whole);
        // What was sent is what is kept, so that the beginning of the prompt stays.
        assert_eq!(history.begin("x")[0], prompt[0]);
        assert_eq!(texts(&history.begin("x"))[2], (Role::User, "x"));
        // Not for ever, and not when the model had nothing to say.
        history.record("a", "", End::Interrupted);
        history.record(&"b".repeat(10_000), "", End::Interrupted);
        assert_eq!(texts(&history.begin("x"))[2], (Role::User, "x"));
        history.record("a", " ", End::Whole);
        assert_eq!(texts(&history.begin("x"))[2], (Role::User, "x"));
    }

    #[test]
    fn the_beginning_stays_for_several_turns() {
        let mut history = History::new("Be brief.", 8, 4_000);
        let mut changes = 0;
        let mut before = history.begin("");
        for turn in 0..40 {
            history.record(&format!("question {turn}"), "answer", End::Whole);
            let now = history.begin("");
            let kept = before.len() - 1;
            if now.get(..kept) != Some(&before[..kept]) {
                changes += 1;
            }
            assert!((4..=8).contains(&history.turns()) || turn < 4);
            before = now;
        }
        assert_eq!(changes, 7);
    }

    #[test]
    fn the_model_is_told_how_its_reply_ended() {
        let mut history = History::new("", 8, 4_000);
        history.record("Tell me.", "Once upon", End::BrokeOff);
        let on = (Role::User, "(after your answer broke off) Go on.");
        assert_eq!(texts(&history.begin("Go on."))[2], on);
        history.record("Go on.", "a time", End::Interrupted);
        let sent = history.begin("No.");
        assert_eq!(texts(&sent)[4], (Role::User, "(interrupting) No."));
        history.record("No.", "Fine.", End::Whole);
        assert_eq!(history.begin("x")[4], sent[4]);
        assert_eq!(texts(&history.begin("x"))[6], (Role::User, "x"));
        history.record("x", "Well", End::Interrupted);
        history.call_off();
        let next = (Role::User, "(after stopping you) y");
        assert_eq!(texts(&history.begin("y"))[8], next);
        assert!(history.forget_last() && history.forget_last() && history.turns() == 2);
        history.instruct("Be Anna.");
        assert_eq!(texts(&history.begin("x"))[0], (Role::System, "Be Anna."));
        // People read what they said.
        let read = history.conversation();
        assert!(read.iter().all(|message| !message.text.contains('(')));
        assert_eq!(texts(&read)[2], (Role::User, "Go on."));
    }

    #[test]
    fn limits_of_none_and_one() {
        let mut none = History::new("", 0, 4_000);
        none.record("a", "b", End::Whole);
        assert_eq!(none.turns(), 0);
        let mut one = History::new("", 1, 4_000);
        one.record("a", "b", End::Whole);
        one.record("c", "d", End::Whole);
        assert_eq!(texts(&one.begin("e"))[0], (Role::User, "c"));
        let mut narrow = History::new("", 8, 100);
        narrow.record("a", &"word ".repeat(30), End::Whole);
        assert_eq!(narrow.turns(), 1);
        narrow.record("a", &"word ".repeat(1_000), End::Whole);
        assert_eq!(narrow.turns(), 0);
    }

    #[test]
    fn estimates_are_on_the_safe_side() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("The capital of France is Paris."), 11);
        assert_eq!(estimate_tokens("대한민국의 수도는 서울입니다."), 27);
    }

    proptest! {
        #[test]
        fn a_prompt_stays_within_its_budget(
            turns in prop::collection::vec(("[a-z가-힣]{1,80}", "[a-z가-힣 ]{0,200}", any::<bool>()), 0..30),
            question in "[a-z가-힣]{1,60}",
            budget in 300_usize..1_000,
        ) {
            let mut history = History::new("Be brief.", 8, budget);
            for (asked, said, complete) in turns {
                let prompt = history.begin(&asked);
                prop_assert!(prompt.iter().all(|m| !m.text.is_empty()));
                let end = if complete { End::Whole } else { End::Interrupted };
                history.record(&asked, &said, end);
                prop_assert!(history.turns() <= 8);
            }
            history.record("", "", End::Whole);
            let prompt = history.begin(&question);
            let tokens: usize = prompt.iter().map(|m| estimate_tokens(&m.text) + TOKENS_AROUND).sum();
            prop_assert!(tokens <= budget);
            // Question and answer alternate.
            let roles = prompt.iter().skip(1).map(|m| m.role);
            for (index, role) in roles.enumerate() {
                prop_assert_eq!(role, [Role::User, Role::Assistant][index % 2]);
            }
        }
    }
}
