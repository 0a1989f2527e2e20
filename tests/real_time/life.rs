//! What happens in the room and in which order: the same in every run. Pure.

use super::chance::Chance;

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Microphone and loudspeaker are unplugged and plugged in.
    Devices,
    /// The sound server dies and is started anew.
    Server,
    /// The sound server hangs and goes on.
    Hang,
    /// The language model's process is killed.
    Model,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Somebody calls it by name and asks.
    Ask,
    /// Somebody calls it by name and wants what needs no model.
    Command,
    /// People talk, and not to it.
    Talk,
    /// Music or noise.
    Sound,
    /// A reply is stopped.
    Stop,
    /// A reply is interrupted by another question.
    Interruption,
    /// The microphone is closed, somebody speaks, and it is opened.
    Mute,
    /// Another configuration.
    Reload,
    /// Something breaks, while it listens or in the middle of a reply.
    Fault { what: Fault, in_a_reply: bool },
}

/// However short the life is, this is in it.
const OPENING: [Scene; 5] = [
    Scene::Ask,
    Scene::Talk,
    Scene::Interruption,
    Scene::Fault {
        what: Fault::Devices,
        in_a_reply: false,
    },
    Scene::Command,
];

/// A round of the life; each is shuffled anew.
const ROUND: [Scene; 17] = [
    Scene::Ask,
    Scene::Ask,
    Scene::Ask,
    Scene::Command,
    Scene::Talk,
    Scene::Talk,
    Scene::Talk,
    Scene::Talk,
    Scene::Sound,
    Scene::Stop,
    Scene::Interruption,
    Scene::Mute,
    Scene::Reload,
    fault(Fault::Devices),
    fault(Fault::Server),
    fault(Fault::Hang),
    fault(Fault::Model),
];

const fn fault(what: Fault) -> Scene {
    let in_a_reply = false;
    Scene::Fault { what, in_a_reply }
}

/// Between two scenes it is quiet for so long, in s.
const QUIET_S: (f32, f32) = (1.0, 12.0);

/// One scene after the other.
pub struct Life {
    chance: Chance,
    /// The next is the last.
    ahead: Vec<Scene>,
    rounds: usize,
    quiet_s: f32,
}

impl Life {
    pub fn new() -> Self {
        Self {
            chance: Chance::new(1),
            ahead: OPENING.into_iter().rev().collect(),
            rounds: 0,
            quiet_s: QUIET_S.0,
        }
    }

    /// What happens next, and for how many seconds it is quiet before.
    pub fn next(&mut self) -> (f32, Scene) {
        let scene = self.ahead.pop().unwrap_or_else(|| self.round());
        let quiet_s = self.quiet_s;
        self.quiet_s = QUIET_S.0 + self.chance.part() * (QUIET_S.1 - QUIET_S.0);
        (quiet_s, scene)
    }

    /// Whether what every life has is over.
    pub fn is_begun(&self) -> bool {
        self.rounds > 0 || self.ahead.is_empty()
    }

    fn round(&mut self) -> Scene {
        self.rounds += 1;
        self.ahead = ROUND.into();
        for n in (1..self.ahead.len()).rev() {
            self.ahead.swap(n, self.chance.below(n + 1));
        }
        // What breaks does so while it listens as well as while it speaks.
        for (n, scene) in self.ahead.iter_mut().enumerate() {
            if let Scene::Fault { in_a_reply, .. } = scene {
                *in_a_reply = (n + self.rounds).is_multiple_of(2);
            }
        }
        self.ahead.pop().unwrap_or(Scene::Ask)
    }
}

#[test]
fn every_life_begins_alike_and_every_round_has_all_of_it() {
    let mut life = Life::new();
    let opening: Vec<_> = OPENING.iter().map(|_| life.next().1).collect();
    assert_eq!(opening, OPENING);
    assert!(life.is_begun());
    for _ in 0..3 {
        let round: Vec<_> = ROUND.iter().map(|_| life.next()).collect();
        let has = |wanted: Scene| round.iter().any(|(_, scene)| *scene == wanted);
        assert!(has(Scene::Stop) && has(Scene::Mute) && has(Scene::Reload));
        let broken = |(_, scene): &&(f32, Scene)| matches!(scene, Scene::Fault { .. });
        assert_eq!(round.iter().filter(broken).count(), 4);
        assert!(
            round
                .iter()
                .all(|(quiet_s, _)| (1.0..=12.0).contains(quiet_s))
        );
    }
}
