//! Microphones and loudspeakers, as programs see and choose them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::audio::devices::{Device, Role, choose, listed};
use crate::audio::hardware;
use crate::config::Audio;

/// A sound system that does not tell its devices within this tells nothing.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

const ROLES: [Role; 2] = [Role::Microphone, Role::Loudspeaker];

/// The devices that there are.
pub(super) async fn there() -> Result<Vec<Device>, String> {
    let asked = tokio::task::spawn_blocking(hardware::list);
    match tokio::time::timeout(TOLD_WITHIN, asked).await {
        Ok(Ok(devices)) => devices,
        Ok(Err(_)) | Err(_) => Err("the sound system does not answer".into()),
    }
}

/// What is there, and what of it `audio` means.
pub(super) fn as_value(devices: &[Device], audio: &Audio) -> Value {
    let list = |role, asked: &str| {
        let used = choose(asked, devices, role).ok();
        let value = |device: &Device| {
            json!({
                "name": device.name,
                "description": device.description,
                "used": used.is_some_and(|used| used.name == device.name),
            })
        };
        let mut shown = listed(devices, role, false);
        if let Some(used) = used
            && !shown.iter().any(|device| device.name == used.name)
        {
            shown.insert(0, used);
        }
        shown.into_iter().map(value).collect::<Vec<_>>()
    };
    json!({
        "microphones": list(Role::Microphone, &audio.microphone),
        "loudspeakers": list(Role::Loudspeaker, &audio.loudspeaker),
    })
}

/// What `name` is chosen for: `role`, or everything that it can be. One sentence when it is nothing.
pub(super) fn choose_for(
    devices: &[Device],
    name: &str,
    role: Option<Role>,
) -> Result<Vec<(Role, String)>, String> {
    let chosen = |role| choose(name, devices, role).map(|device| (role, device.name.clone()));
    if let Some(role) = role {
        return Ok(vec![chosen(role)?]);
    }
    let found: Vec<_> = ROLES
        .into_iter()
        .filter_map(|role| chosen(role).ok())
        .collect();
    match found.is_empty() {
        true => chosen(Role::Microphone).map(|one| vec![one]),
        false => Ok(found),
    }
}

/// The key that chooses it.
pub(super) fn key(role: Role, name: &str) -> String {
    format!("audio.{}={name}", noun(role))
}

/// What has been chosen, for the program that asked.
pub(super) fn chosen_value(chosen: &[(Role, String)]) -> Value {
    let pairs = chosen
        .iter()
        .map(|(role, name)| (noun(*role).into(), json!(name)));
    Value::Object(pairs.collect())
}

fn noun(role: Role) -> &'static str {
    match role {
        Role::Microphone => "microphone",
        Role::Loudspeaker => "loudspeaker",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn desk() -> Vec<Device> {
        let device = |name: &str, hears, plays| Device {
            name: name.into(),
            description: format!("the {name}"),
            hears,
            plays,
        };
        vec![
            device("default", true, true),
            device("webcam", true, false),
            device("headset", true, true),
        ]
    }

    #[test]
    fn a_device_is_chosen_for_all_that_it_can_be_or_for_one_thing() {
        let all = choose_for(&desk(), "headset", None).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(
            chosen_value(&all),
            json!({"microphone": "headset", "loudspeaker": "headset"})
        );
        let one = choose_for(&desk(), "HEAD", Some(Role::Loudspeaker)).unwrap();
        assert_eq!(key(one[0].0, &one[0].1), "audio.loudspeaker=headset");
        let camera = choose_for(&desk(), "webcam", None).unwrap();
        assert_eq!(camera, [(Role::Microphone, "webcam".to_owned())]);
        assert!(choose_for(&desk(), "webcam", Some(Role::Loudspeaker)).is_err());
        let why = choose_for(&desk(), "gramophone", None).unwrap_err();
        assert!(why.contains("nearest"), "{why}");
    }

    #[test]
    fn what_is_used_is_marked() {
        let audio = Audio {
            microphone: "webcam".into(),
            ..Audio::default()
        };
        let told = as_value(&desk(), &audio);
        let used = |list: &str| {
            let devices = told[list].as_array().unwrap().iter();
            let used = devices.filter(|device| device["used"] == true);
            used.map(|device| device["name"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(used("microphones"), ["webcam"]);
        assert_eq!(used("loudspeakers"), ["default"]);
    }
}
