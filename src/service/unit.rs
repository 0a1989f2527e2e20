//! The description of the service, for systemd and for launchd. Pure.

use std::path::{Path, PathBuf};

const SYSTEMD: &str = include_str!("../../assets/hearken.service");
const LAUNCHD: &str = include_str!("../../assets/hearken.plist");

/// Around what needs user namespaces.
const CONTAINED: (&str, &str) = (
    "# What it does not even see; this needs user namespaces.\n",
    "# Up to here.\n",
);
const WRITES: &str = "ReadWritePaths=";
const CLOSES: [&str; 2] = ["ProtectSystem=", "ProtectHome="];

/// A text that cannot stand in a unit.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} cannot stand in a service's description: it holds a line break or bytes that are no text"
)]
pub struct UnitError(String);

/// What the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables that it needs.
    pub environment: Vec<(String, String)>,
    /// The data folder.
    pub data: PathBuf,
    /// Other folders that it may write to.
    pub writes: Vec<PathBuf>,
}

/// What of the unit needs namespaces, which not every system gives to a user's service: `KEY=value` each.
pub fn containment() -> Vec<&'static str> {
    let (_, rest) = SYSTEMD.split_once(CONTAINED.0).unwrap_or((SYSTEMD, ""));
    let (block, _) = rest.split_once(CONTAINED.1).unwrap_or_default();
    // It opens what another one closes.
    let opens = |line: &&str| line.starts_with(WRITES);
    block.lines().filter(|line| !opens(line)).collect()
}

/// The systemd unit, with so much of its [`containment`].
///
/// # Errors
/// [`UnitError`].
pub fn systemd(service: &Service, contained: &[&str]) -> Result<String, UnitError> {
    let command = joined(service.command.iter().map(|word| quoted(word, true)))?;
    let variables = service.environment.iter().map(|(name, value)| {
        let pair = quoted(&format!("{name}={value}"), false)?;
        Ok(format!("Environment={pair}\n"))
    });
    let variables: String = variables.collect::<Result<_, UnitError>>()?;
    let writes = std::iter::once(&service.data).chain(&service.writes);
    // One that is gone, or is on a disk that is not there yet, is no reason not to start.
    let writes = joined(writes.map(|path| quoted(&format!("-{}", text(path)?), false)))?;
    let mut left_out = containment();
    left_out.retain(|line| !contained.contains(line));
    if contained.is_empty() {
        left_out.extend([CONTAINED.0.trim_end(), CONTAINED.1.trim_end()]);
    }
    // It opens what one of these closes.
    let closes = |line: &&str| CLOSES.iter().any(|key| line.starts_with(key));
    let nothing_to_open = !contained.iter().any(closes);
    let kept = |line: &&str| match line.starts_with(WRITES) {
        true => !nothing_to_open,
        false => !left_out.contains(line),
    };
    let unit: String = SYSTEMD
        .split_inclusive('\n')
        .filter(|line| kept(&line.trim_end()))
        .collect();
    Ok(unit
        .replace(
            "ExecStart=@PROGRAM@\n",
            &format!("{variables}ExecStart={command}\n"),
        )
        .replace("@WRITES@", &writes))
}

/// The launchd agent that does the same.
///
/// # Errors
/// [`UnitError`].
pub fn launchd(service: &Service) -> Result<String, UnitError> {
    let escaped = |text: &str| {
        Ok(plain(text)?
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"))
    };
    let words = service.command.iter().map(|word| {
        let word = escaped(word)?;
        Ok(format!("    <string>{word}</string>\n"))
    });
    let words: String = words.collect::<Result<_, UnitError>>()?;
    let variables = service.environment.iter().map(|(name, value)| {
        let (name, value) = (escaped(name)?, escaped(value)?);
        Ok(format!("    <key>{name}</key><string>{value}</string>\n"))
    });
    let variables: String = variables.collect::<Result<_, UnitError>>()?;
    Ok(LAUNCHD
        .replace("@PROGRAM@", &words)
        .replace("@ENVIRONMENT@", &variables)
        .replace("@DATA@", &escaped(text(&service.data)?)?))
}

fn joined(words: impl Iterator<Item = Result<String, UnitError>>) -> Result<String, UnitError> {
    Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// Quotes hold spaces together, a percent sign begins a specifier, and a dollar sign a variable in a command.
fn quoted(word: &str, in_command: bool) -> Result<String, UnitError> {
    let escaped = plain(word)?
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    let escaped = match in_command {
        true => escaped.replace('$', "$$"),
        false => escaped,
    };
    Ok(format!("\"{escaped}\""))
}

fn text(path: &Path) -> Result<&str, UnitError> {
    path.to_str()
        .ok_or_else(|| UnitError(path.to_string_lossy().into_owned()))
}

fn plain(text: &str) -> Result<&str, UnitError> {
    match text.contains(char::is_control) {
        true => Err(UnitError(text.to_owned())),
        false => Ok(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn service(words: &[&str]) -> Service {
        Service {
            command: words.iter().map(|w| (*w).to_owned()).collect(),
            environment: vec![("HEARKEN_LLM".into(), "/opt/a b/llm".into())],
            data: "/home/o\"o".into(),
            writes: vec!["/srv/words".into()],
        }
    }

    #[test]
    fn whatever_paths_hold_they_stand_in_it() {
        let service = service(&["/opt/a b/100%/$x/hearken", "run", "--wait"]);
        let unit = systemd(&service, &containment()).unwrap();
        let start = "ExecStart=\"/opt/a b/100%%/$$x/hearken\" \"run\" \"--wait\"\n";
        assert!(unit.contains(start), "{unit}");
        let writes = "ReadWritePaths=\"-/home/o\\\"o\" \"-/srv/words\"\n";
        assert!(unit.contains(writes), "{unit}");
        assert!(
            unit.contains("Environment=\"HEARKEN_LLM=/opt/a b/llm\"\n"),
            "{unit}"
        );
        let agent = launchd(&self::service(&["/a&b/hearken", "run"])).unwrap();
        assert!(
            agent.contains("<string>/a&amp;b/hearken</string>"),
            "{agent}"
        );
        for text in [unit, agent] {
            for place in ["@PROGRAM@", "@WRITES@", "@DATA@", "@ENVIRONMENT@"] {
                assert!(!text.contains(place), "{text}");
            }
        }
        assert!(systemd(&self::service(&["/a\nb"]), &[]).is_err());
    }

    #[test]
    fn without_user_namespaces_it_asks_for_none() {
        let unit = systemd(&service(&["/bin/hearken"]), &[]).unwrap();
        for key in [
            "PrivateUsers",
            "ProtectSystem",
            "ReadWritePaths",
            "PrivateTmp",
        ] {
            assert!(!unit.contains(key), "{unit}");
        }
        assert!(
            unit.contains("NoNewPrivileges=yes") && unit.contains("[Install]"),
            "{unit}"
        );
        assert!(!unit.contains("# What it does not even see"), "{unit}");
        let little = systemd(&service(&["/bin/hearken"]), &["ProtectClock=yes"]).unwrap();
        assert!(little.contains("ProtectClock") && !little.contains("ReadWritePaths"));
    }

    #[test]
    fn what_the_system_does_not_give_is_left_out_alone() {
        let all = containment();
        assert!(all.len() > 10 && all.contains(&"ProtectKernelLogs=yes"));
        let given: Vec<_> = all
            .iter()
            .copied()
            .filter(|key| !key.contains("Kernel"))
            .collect();
        let unit = systemd(&service(&["/bin/hearken"]), &given).unwrap();
        assert!(!unit.contains("ProtectKernel"), "{unit}");
        for key in given.into_iter().chain([WRITES, "NoNewPrivileges=yes"]) {
            assert!(unit.contains(key), "{key}: {unit}");
        }
    }
}
