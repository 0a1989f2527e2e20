//! Microphones and loudspeakers, as programs see and choose them.

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::Chosen;
use crate::audio::devices::{Device, Role, Unclear, choose, listed};
use crate::audio::hardware;
use crate::config::Audio;

/// Programs ask the sound system one after the other, so that however many they are, those whose device is lost can ask it too.
static ASKING: Semaphore = Semaphore::const_new(1);

/// The devices that there are. A sound system that hangs is given up there.
pub(super) async fn there() -> Result<Vec<Device>, String> {
    let _asking = ASKING.acquire().await;
    let asked = tokio::task::spawn_blocking(hardware::list).await;
    asked.unwrap_or_else(|_| Err("the sound system does not answer".into()))
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

/// What `name` is chosen for: `role`, or everything that it can be. One sentence when it is nothing, or not clear.
pub(super) fn choose_for(
    devices: &[Device],
    name: &str,
    role: Option<Role>,
) -> Result<Chosen, String> {
    let chosen = |as_role| match role {
        Some(role) if role != as_role => None,
        _ => Some(choose(name, devices, as_role).map(|device| device.name.clone())),
    };
    let [microphone, loudspeaker] = [Role::Microphone, Role::Loudspeaker].map(chosen);
    match (microphone, loudspeaker) {
        // Half of what was meant is not what was meant.
        (Some(Err(Unclear::Several(why))), _) | (_, Some(Err(Unclear::Several(why)))) => Err(why),
        (Some(Err(heard)), Some(Err(played))) if heard == played => Err(heard.to_string()),
        (Some(Err(heard)), Some(Err(played))) => Err(format!(
            "as a microphone: {heard}; as a loudspeaker: {played}"
        )),
        (Some(Err(why)), None) | (None, Some(Err(why))) => Err(why.to_string()),
        (microphone, loudspeaker) => Ok(Chosen {
            microphone: microphone.and_then(Result::ok),
            loudspeaker: loudspeaker.and_then(Result::ok),
        }),
    }
}

/// Whether the microphone that is chosen can be opened. One that is in use already is not asked: some can be open only once. The
/// loudspeaker is opened anyway before it takes another's place.
pub(super) async fn can_hear(chosen: &Chosen, used: &Audio) -> Result<(), String> {
    let Some(name) = chosen.microphone.clone() else {
        return Ok(());
    };
    if name == used.microphone {
        return Ok(());
    }
    let asked = name.clone();
    let _asking = ASKING.acquire().await;
    let format = tokio::task::spawn_blocking(move || hardware::format(&asked, Role::Microphone));
    match format.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(format!("the microphone {name} cannot be used: {why}")),
        Err(_) => Err("the sound system does not answer".into()),
    }
}

/// What has been chosen, for the program that asked.
pub(super) fn chosen_value(chosen: &Chosen) -> Value {
    let mut value = json!({});
    for (key, name) in [
        ("microphone", &chosen.microphone),
        ("loudspeaker", &chosen.loudspeaker),
    ] {
        if let Some(name) = name {
            value[key] = json!(name);
        }
    }
    value
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
        assert_eq!(
            chosen_value(&all),
            json!({"microphone": "headset", "loudspeaker": "headset"})
        );
        let one = choose_for(&desk(), "HEAD", Some(Role::Loudspeaker)).unwrap();
        assert_eq!(chosen_value(&one), json!({"loudspeaker": "headset"}));
        let camera = choose_for(&desk(), "webcam", None).unwrap();
        assert_eq!(chosen_value(&camera), json!({"microphone": "webcam"}));
        assert!(choose_for(&desk(), "webcam", Some(Role::Loudspeaker)).is_err());
    }

    #[test]
    fn what_is_none_or_not_clear_is_told() {
        let why = choose_for(&desk(), "gramophone", None).unwrap_err();
        assert!(
            why.contains("as a loudspeaker: ") && why.contains("nearest"),
            "{why}"
        );
        let mut two = desk();
        two.push(Device {
            name: "webcam 2".into(),
            ..two[1].clone()
        });
        two.push(Device {
            name: "web radio".into(),
            hears: false,
            ..two[2].clone()
        });
        let why = choose_for(&two, "web", None).unwrap_err();
        assert!(why.starts_with("several match"), "{why}");
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
