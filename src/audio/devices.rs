//! Which devices there are, which of them a person wants to see, and which one a name means. Pure.
//!
//! ALSA offers a card under a dozen names and adds plugins that are no devices at all; [`rank`] tells them apart.
//! What there is comes from [`hardware::list`](super::hardware::list).

use serde::Deserialize;

/// What a device is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// To hear.
    Microphone,
    /// To play.
    Loudspeaker,
}

impl Role {
    fn noun(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Loudspeaker => "loudspeaker",
        }
    }
}

/// A device as the sound system names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What `audio.microphone` and `audio.loudspeaker` accept.
    pub name: String,
    /// What a person recognises; may equal the name.
    pub description: String,
    /// It can be a microphone, as far as the sound system knows before it is opened.
    pub hears: bool,
    /// It can be a loudspeaker, likewise.
    pub plays: bool,
}

impl Device {
    /// Whether the device can be used so.
    pub fn serves(&self, role: Role) -> bool {
        match role {
            Role::Microphone => self.hears,
            Role::Loudspeaker => self.plays,
        }
    }
}

/// A name that means no device; each is a sentence that says what to ask for instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// There is none of this name.
    #[error("{0}")]
    None(String),
    /// There are several.
    #[error("{0}")]
    Several(String),
}

/// How useful a device is to a person, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Whatever the system is set to.
    Default,
    /// The desktop's sound server.
    Server,
    /// A sound card, with conversion to any rate.
    Card,
    /// The same card in other clothes, or a plugin that is no device.
    Variant,
}

/// Names under which ALSA offers sound servers.
const SERVERS: [&str; 2] = ["pipewire", "pulse"];

/// ALSA's plugins and special views of a card: everything before the colon.
const VARIANTS: [&str; 35] = [
    // JACK is a server, but asking after it starts it, and its library writes to the terminal.
    "jack",
    "null",
    "lavrate",
    "samplerate",
    "speexrate",
    "speex",
    "upmix",
    "vdownmix",
    "oss",
    "usbstream",
    "front",
    "rear",
    "center_lfe",
    "side",
    "surround21",
    "surround40",
    "surround41",
    "surround50",
    "surround51",
    "surround71",
    "iec958",
    "spdif",
    "hdmi",
    "dmix",
    "dsnoop",
    "dshare",
    "modem",
    "phoneline",
    "hw",
    "sysdefault",
    "plug",
    "shm",
    "tee",
    "file",
    "cards",
];

/// How useful the device `name` is to a person.
pub fn rank(name: &str) -> Rank {
    let (prefix, rest) = name.split_once(':').unwrap_or((name, ""));
    if name == "default" {
        Rank::Default
    } else if SERVERS.contains(&prefix) {
        Rank::Server
    } else if VARIANTS.contains(&prefix) {
        Rank::Variant
    } else if prefix == "plughw" && rest.starts_with("CARD=") && is_numbered(rest) {
        // The same card is listed by its name as well, which stays when cards change places.
        Rank::Variant
    } else {
        Rank::Card
    }
}

fn is_numbered(rest: &str) -> bool {
    let card = rest
        .trim_start_matches("CARD=")
        .split(',')
        .next()
        .unwrap_or("");
    !card.is_empty() && card.bytes().all(|b| b.is_ascii_digit())
}

/// The devices for `role`, most useful first, each once; variants only with `all`.
pub fn listed(devices: &[Device], role: Role, all: bool) -> Vec<&Device> {
    let mut chosen: Vec<&Device> = Vec::new();
    for device in devices.iter().filter(|device| device.serves(role)) {
        let wanted = all || rank(&device.name) != Rank::Variant;
        if wanted && !chosen.iter().any(|other| other.name == device.name) {
            chosen.push(device);
        }
    }
    chosen.sort_by_key(|device| rank(&device.name));
    chosen
}

/// The device that `asked` means: its name, else its description, else the only one that contains it, whatever the
/// case. When there is none or more than one, a sentence that says what to ask for instead.
pub fn choose<'a>(asked: &str, devices: &'a [Device], role: Role) -> Result<&'a Device, Unclear> {
    let all = listed(devices, role, true);
    if all.is_empty() {
        let noun = role.noun();
        return Err(Unclear::None(format!(
            "there is no {noun} at all; plug one in"
        )));
    }
    let exact = all
        .iter()
        .find(|device| device.name == asked)
        .or_else(|| all.iter().find(|device| device.description == asked));
    if let Some(device) = exact {
        return Ok(device);
    }
    let wanted = asked.to_lowercase();
    let contains = |device: &&&Device| {
        device.name.to_lowercase().contains(&wanted)
            || device.description.to_lowercase().contains(&wanted)
    };
    // What a person sees in the short list counts before the variants do.
    for pool in [listed(devices, role, false), all.clone()] {
        let found: Vec<&&Device> = pool.iter().filter(contains).collect();
        match found[..] {
            [] => {}
            [device] => return Ok(device),
            _ => {
                let names: Vec<&str> = found.iter().map(|device| device.name.as_str()).collect();
                let names = join(&names);
                return Err(Unclear::Several(format!(
                    "several match: {names}; name one of them"
                )));
            }
        }
    }
    Err(Unclear::None(format!(
        "there is none of that name; the nearest {}; `hearken devices` lists all",
        nearest(&wanted, &all)
    )))
}

/// Up to three names, nearest first, as the end of "the nearest …".
fn nearest(wanted: &str, devices: &[&Device]) -> String {
    let mut scored: Vec<(f64, &str)> = devices
        .iter()
        .map(|device| {
            let by_name = strsim::jaro_winkler(wanted, &device.name.to_lowercase());
            let by_words = strsim::jaro_winkler(wanted, &device.description.to_lowercase());
            (by_name.max(by_words), device.name.as_str())
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<&str> = scored.iter().take(3).map(|(_, name)| *name).collect();
    match names[..] {
        [name] => format!("is {name:?}"),
        _ => format!("are {}", join(&names)),
    }
}

fn join(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn device(name: &str, description: &str) -> Device {
        Device {
            name: name.into(),
            description: description.into(),
            hears: true,
            plays: !description.contains("Webcam"),
        }
    }

    /// What ALSA lists on a laptop with a webcam.
    fn laptop() -> Vec<Device> {
        vec![
            device(
                "null",
                "Discard all samples (playback) or generate zero samples (capture)",
            ),
            device("hw:CARD=PCH,DEV=0", "HDA Intel PCH, ALC295 Analog"),
            device("plughw:CARD=PCH,DEV=0", "HDA Intel PCH, ALC295 Analog"),
            device("sysdefault:CARD=PCH", "HDA Intel PCH, ALC295 Analog"),
            device("front:CARD=PCH,DEV=0", "HDA Intel PCH, ALC295 Analog"),
            device("plughw:CARD=C920,DEV=0", "HD Pro Webcam C920, USB Audio"),
            device("pulse", "PulseAudio Sound Server"),
            device(
                "default",
                "Default ALSA Output (currently PulseAudio Sound Server)",
            ),
            device("plughw:CARD=0,DEV=0", "HDA Intel PCH, ALC295 Analog"),
            device("default", "Default Audio Device"),
        ]
    }

    fn names(devices: &[&Device]) -> Vec<String> {
        devices.iter().map(|device| device.name.clone()).collect()
    }

    #[test]
    fn the_short_list_begins_with_the_default_and_names_each_card_once() {
        let devices = laptop();
        assert_eq!(
            names(&listed(&devices, Role::Microphone, false)),
            [
                "default",
                "pulse",
                "plughw:CARD=PCH,DEV=0",
                "plughw:CARD=C920,DEV=0"
            ]
        );
        assert_eq!(
            names(&listed(&devices, Role::Loudspeaker, false)),
            ["default", "pulse", "plughw:CARD=PCH,DEV=0"]
        );
        assert_eq!(listed(&devices, Role::Microphone, true).len(), 9);
    }

    #[test]
    fn a_name_is_found_exactly_or_by_its_only_part() {
        let devices = laptop();
        for (asked, name) in [
            ("default", "default"),
            ("null", "null"),
            ("hw:CARD=PCH,DEV=0", "hw:CARD=PCH,DEV=0"),
            ("HD Pro Webcam C920, USB Audio", "plughw:CARD=C920,DEV=0"),
            ("webcam", "plughw:CARD=C920,DEV=0"),
            ("c920", "plughw:CARD=C920,DEV=0"),
            ("ALC295", "plughw:CARD=PCH,DEV=0"),
            ("front:", "front:CARD=PCH,DEV=0"),
        ] {
            assert_eq!(
                choose(asked, &devices, Role::Microphone).unwrap().name,
                name,
                "{asked}"
            );
        }
    }

    #[test]
    fn a_wrong_name_gets_the_nearest() {
        let devices = laptop();
        let advice = choose("pulze", &devices, Role::Loudspeaker)
            .unwrap_err()
            .to_string();
        assert!(advice.contains("nearest are \"pulse\""), "{advice}");
        // A webcam plays nothing.
        assert!(choose("c920", &devices, Role::Loudspeaker).is_err());
    }

    #[test]
    fn a_part_of_several_names_is_refused_with_all_of_them() {
        let advice = choose("plughw", &laptop(), Role::Microphone)
            .unwrap_err()
            .to_string();
        assert_eq!(
            advice,
            "several match: \"plughw:CARD=PCH,DEV=0\" and \"plughw:CARD=C920,DEV=0\"; name one of them"
        );
    }

    #[test]
    fn no_device_at_all_is_said() {
        let advice = choose("anything", &[], Role::Microphone)
            .unwrap_err()
            .to_string();
        assert_eq!(advice, "there is no microphone at all; plug one in");
    }
}
