//! The description of the service, for systemd and for launchd. Pure.

use std::path::Path;

const SYSTEMD: &str = include_str!("../../assets/hearken.service");
const LAUNCHD: &str = include_str!("../../assets/hearken.plist");

/// A path that cannot stand in a unit.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} cannot stand in a service's description: it holds a line break or bytes that are no text"
)]
pub struct UnitError(String);

/// The systemd unit that runs `program` and lets it write below `data` alone.
///
/// # Errors
/// [`UnitError`].
pub fn systemd(program: &Path, data: &Path) -> Result<String, UnitError> {
    // Quotes hold spaces together, and a percent sign begins a specifier.
    let quoted = |path: &Path, dollars: bool| {
        let escaped = text(path)?
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('%', "%%");
        let escaped = match dollars {
            true => escaped.replace('$', "$$"),
            false => escaped,
        };
        Ok(format!("\"{escaped}\""))
    };
    Ok(SYSTEMD
        .replace("@PROGRAM@", &quoted(program, true)?)
        .replace("@DATA@", &quoted(data, false)?))
}

/// The launchd agent that does the same.
///
/// # Errors
/// [`UnitError`].
pub fn launchd(program: &Path, data: &Path) -> Result<String, UnitError> {
    let escaped = |path: &Path| {
        Ok(text(path)?
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"))
    };
    Ok(LAUNCHD
        .replace("@PROGRAM@", &escaped(program)?)
        .replace("@DATA@", &escaped(data)?))
}

fn text(path: &Path) -> Result<&str, UnitError> {
    path.to_str()
        .filter(|text| !text.contains(char::is_control))
        .ok_or_else(|| UnitError(path.to_string_lossy().into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_in_it_whatever_they_hold() {
        let unit = systemd(
            Path::new("/opt/a b/100%/$x/hearken"),
            Path::new("/home/o\"o"),
        )
        .unwrap();
        assert!(
            unit.contains("ExecStart=\"/opt/a b/100%%/$$x/hearken\" run --wait\n"),
            "{unit}"
        );
        assert!(unit.contains("ReadWritePaths=\"/home/o\\\"o\"\n"), "{unit}");
        assert!(!unit.contains('@') || unit.contains("SystemCallFilter=@system-service"));
        let agent = launchd(Path::new("/a&b/hearken"), Path::new("/data")).unwrap();
        assert!(
            agent.contains("<string>/a&amp;b/hearken</string>"),
            "{agent}"
        );
        assert!(systemd(Path::new("/a\nb"), Path::new("/data")).is_err());
    }
}
