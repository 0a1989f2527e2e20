//! `hearken ctl devices` and `use-device`.

use serde_json::{Value, json};

use crate::cli::wire::{Wire, printable, text};

/// Lists what there is.
pub(super) fn list(wire: &mut Wire, as_json: bool) -> anyhow::Result<()> {
    let devices = wire.ask(json!({"method": "devices"}))?;
    match as_json {
        true => println!("{devices}"),
        false => print!("{}", as_text(&devices)),
    }
    Ok(())
}

/// Uses another, as `role` or as all that it can be.
pub(super) fn choose(wire: &mut Wire, name: &str, role: Option<&str>) -> anyhow::Result<()> {
    let mut request = json!({"method": "use-device", "name": name});
    if let Some(role) = role {
        request["as"] = json!(role);
    }
    let chosen = wire.ask(request)?;
    for (role, name) in chosen.as_object().into_iter().flatten() {
        println!("{role} from now on: {}", printable(text(name)));
    }
    println!("until hearken ends; the configuration's audio.* keys choose for longer");
    Ok(())
}

fn as_text(devices: &Value) -> String {
    let mut lines = String::new();
    for (title, list) in [
        ("Microphones", "microphones"),
        ("Loudspeakers", "loudspeakers"),
    ] {
        lines += &format!("{title}\n");
        for device in devices[list].as_array().into_iter().flatten() {
            let mark = if device["used"] == true { '*' } else { ' ' };
            let name = printable(text(&device["name"]));
            let description = printable(text(&device["description"]));
            lines += &format!("{mark} {name}  {description}\n");
        }
    }
    lines + "* is used; another is by: hearken ctl use-device NAME\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_used_one_has_a_mark() {
        let device = |name, used| json!({"name": name, "description": "a thing", "used": used});
        let devices = json!({
            "microphones": [device("default", false), device("webcam", true)],
            "loudspeakers": [device("default", true)],
        });
        let told = as_text(&devices);
        assert!(told.contains("\n* webcam  a thing\n"), "{told}");
        assert!(told.contains("Loudspeakers\n* default"), "{told}");
    }
}
