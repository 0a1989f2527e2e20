//! `hearken service`: hearken as a service of the user's session, by systemd or launchd. No root.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use hearken::config::{self, Backend, Config, ConfigError};
use hearken::memory::make_folder_of;
use hearken::service::unit::{self, Service};
use hearken::weights::Store;

use super::reload::Source;

/// Arguments of `hearken service`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hearken service install            now, and with every session from now on
  hearken service status
  hearken service logs --follow
  hearken service install --print    only show what would be written")]
pub struct Args {
    #[command(subcommand)]
    wish: Wish,
}

impl Args {
    /// Whether the configuration is of no weight: it is about a service that is there.
    pub(super) fn is_of_what_is_there(&self) -> bool {
        !matches!(self.wish, Wish::Install { .. })
    }
}

#[derive(Subcommand)]
enum Wish {
    /// Write the unit, and start it now and with every session
    Install {
        /// Show the unit and write nothing
        #[arg(long)]
        print: bool,
    },
    /// Stop it and remove the unit; configuration, weights and memory stay
    Uninstall,
    /// Tell how it is
    Status,
    /// Show its log
    Logs {
        /// Go on showing what comes
        #[arg(long, short)]
        follow: bool,
        /// So many of the last lines
        #[arg(long, short, value_name = "N", default_value_t = 50)]
        lines: u32,
    },
}

const UNIT: &str = "hearken.service";

/// Runs the command.
pub fn run(args: &Args, config: &Config, source: &Source) -> anyhow::Result<()> {
    let place = place()?;
    match args.wish {
        Wish::Install { print } => install(&place, config, source, print),
        Wish::Uninstall => uninstall(&place),
        Wish::Status => manager(&place, Question::Status),
        Wish::Logs { follow, lines } => manager(&place, Question::Logs { follow, lines }),
    }
}

/// Where the description of the service is.
enum Place {
    Systemd(PathBuf),
    Launchd(PathBuf),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::Systemd(path) | Self::Launchd(path) => path,
        }
    }
}

enum Question {
    Status,
    Logs { follow: bool, lines: u32 },
}

fn place() -> anyhow::Result<Place> {
    use etcetera::BaseStrategy as _;
    let base =
        etcetera::choose_base_strategy().context("there is no home folder to install it in")?;
    Ok(match cfg!(target_os = "macos") {
        true => Place::Launchd(base.home_dir().join("Library/LaunchAgents/hearken.plist")),
        false => Place::Systemd(base.config_dir().join("systemd/user").join(UNIT)),
    })
}

fn install(place: &Place, config: &Config, source: &Source, print: bool) -> anyhow::Result<()> {
    if !print {
        can_serve(config)?;
    }
    let service = service(config, source)?;
    let text = match place {
        Place::Systemd(_) if print => unit::systemd(&service, &unit::containment())?,
        Place::Systemd(_) => unit::systemd(&service, &containment())?,
        Place::Launchd(_) => unit::launchd(&service)?,
    };
    if print {
        print!("{text}");
        return Ok(());
    }
    // The unit lets it write there if they are there when it starts; in a home that is closed it could not make them.
    let writable = |what: &Path| format!("cannot write {}", what.display());
    for folder in std::iter::once(&service.data).chain(&service.writes) {
        make_folder_of(&folder.join("file")).with_context(|| writable(folder))?;
    }
    write(place.path(), &text).with_context(|| writable(place.path()))?;
    println!("wrote {}", place.path().display());
    match place {
        Place::Systemd(_) => {
            systemctl(&["daemon-reload"])?;
            systemctl(&["enable", UNIT])?;
            // One that runs already goes on with the new unit. It is ready when it hears, which nobody waits for here: a
            // microphone may be missing.
            systemctl(&["restart", "--no-block", UNIT])?;
        }
        Place::Launchd(path) => started("launchctl", &["load", "-w", &path.to_string_lossy()])?,
    }
    println!(
        "hearken begins, now and with your session; look after it with: hearken service status"
    );
    Ok(())
}

/// A service has none of the variables of the shell that installs it, and a unit is no place for a key.
fn can_serve(config: &Config) -> Result<(), ConfigError> {
    let key_env = &config.reply.server.key_env;
    let needed = config.reply.backend == Backend::Server && !key_env.is_empty();
    if !needed || manager_has(key_env) {
        return Ok(());
    }
    Err(ConfigError::Invalid {
        place: "reply.server.key_env".into(),
        problem: format!(
            "a service does not have the variable {key_env} of your shell; put the key into a file with mode 0600 and set \
             reply.server.key_file instead"
        ),
    })
}

/// Whether the session's service manager hands the variable to its services, as one of `~/.config/environment.d` is.
fn manager_has(variable: &str) -> bool {
    let environment = quietly("systemctl", &["--user", "show-environment"]);
    environment.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut names = text.lines().filter_map(|line| line.split_once('='));
        names.any(|(name, _)| name == variable)
    })
}

/// The service as this command line has it: with the same configuration.
fn service(config: &Config, source: &Source) -> anyhow::Result<Service> {
    let program = std::env::current_exe().context("cannot tell which program this is")?;
    let store = Store::new(&config.data_dir);
    let mut command = vec![program.to_string_lossy().into_owned()];
    if let Some(file) = &source.file {
        let file = std::path::absolute(file)?;
        command.extend(["--config".into(), file.to_string_lossy().into_owned()]);
    }
    for key in &source.set {
        // The service has another working folder.
        command.extend(["--set".into(), config::anywhere(key)]);
    }
    command.extend(["run", "--wait"].map(String::from));
    // The configuration's own variables belong to a shell; these say where things are.
    let environment = ["HEARKEN_DATA_DIR", "HEARKEN_LLM"]
        .into_iter()
        .filter_map(|name| {
            let place = std::path::absolute(std::env::var_os(name)?).ok()?;
            Some((name.to_owned(), place.into_os_string().into_string().ok()?))
        });
    let folder = |file: &Path| file.parent().map(Path::to_owned);
    let writes = [&config.memory.file, &config.control.socket];
    Ok(Service {
        command,
        environment: environment.collect(),
        data: std::path::absolute(store.data())?,
        writes: writes
            .into_iter()
            .filter_map(|file| folder(file))
            .filter(|f| f.is_absolute())
            .collect(),
    })
}

/// What of the unit's containment this system gives to a user's service: all of it, or what works by itself. Some systems
/// forbid the namespaces that it needs, some containers a part of them.
fn containment() -> Vec<&'static str> {
    let all = unit::containment();
    if starts_with(&all) {
        return all;
    }
    if !starts_with(&[]) {
        println!(
            "systemd-run starts no service here to try it with; the unit does without what not every system gives"
        );
        return Vec::new();
    }
    let one = |setting: &&str| starts_with(&[*setting]);
    let mut given: Vec<_> = all.iter().copied().filter(one).collect();
    if !given.is_empty() && !starts_with(&given) {
        given.clear();
    }
    let missing = all.iter().filter(|setting| !given.contains(setting));
    let missing: Vec<_> = missing.copied().collect();
    println!(
        "this system does not give to a user's service what these need, and the unit does without: {}",
        missing.join(", ")
    );
    given
}

/// Whether a service of the user's starts with these settings and can still tell the service manager that it has.
fn starts_with(settings: &[&str]) -> bool {
    let mut command = Command::new("systemd-run");
    command.args(["--user", "--quiet", "--wait", "--collect"]);
    // This gives it the socket, as `Type=notify` does.
    for setting in settings.iter().chain(&["NotifyAccess=all"]) {
        command.args(["-p", setting]);
    }
    command.args(["sh", "-c", "test -S \"$NOTIFY_SOCKET\""]);
    let tried = command.stdin(Stdio::null()).output();
    tried.is_ok_and(|output| output.status.success())
}

/// The file is whole at any moment.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder_of(path)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn uninstall(place: &Place) -> anyhow::Result<()> {
    let path = place.path();
    if !path.exists() {
        println!("there is no {}; nothing to do", path.display());
        return Ok(());
    }
    let stopped = match place {
        Place::Systemd(_) => systemctl(&["disable", "--now", UNIT]),
        Place::Launchd(path) => started("launchctl", &["unload", "-w", &path.to_string_lossy()]),
    };
    std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    println!(
        "removed {}; your configuration, weights and memory are untouched",
        path.display()
    );
    stopped?;
    if let Place::Systemd(_) = place {
        systemctl(&["daemon-reload"])?;
    }
    Ok(())
}

/// What the service manager says of it.
fn manager(place: &Place, question: Question) -> anyhow::Result<()> {
    let path = place.path();
    if !path.exists() {
        bail!(
            "hearken is no service: there is no {}; make it one with: hearken service install",
            path.display()
        );
    }
    let (program, arguments): (&str, Vec<String>) = match (place, question) {
        (Place::Systemd(_), Question::Status) => {
            reach_manager()?;
            (
                "systemctl",
                ["--user", "--no-pager", "status", UNIT]
                    .map(Into::into)
                    .into(),
            )
        }
        (Place::Systemd(_), Question::Logs { follow, lines }) => {
            reach_journal()?;
            let mut arguments: Vec<String> = ["--user", "--no-pager", "--unit", UNIT, "--lines"]
                .map(Into::into)
                .into();
            arguments.push(lines.to_string());
            arguments.extend(follow.then(|| "--follow".into()));
            ("journalctl", arguments)
        }
        (Place::Launchd(_), Question::Status) => {
            ("launchctl", ["list", "hearken"].map(Into::into).into())
        }
        (Place::Launchd(_), Question::Logs { .. }) => {
            bail!("launchd keeps its log in hearken.log in the data folder")
        }
    };
    let status = Command::new(program)
        .args(&arguments)
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    // `systemctl status` says with 3 that it does not run, which it has told in words as well.
    match status.code() {
        Some(0 | 3) => Ok(()),
        _ => bail!("{program} {} ended with {status}", arguments.join(" ")),
    }
}

/// Asks the service manager of the session for nothing, so that one that is not there is told in our words.
fn reach_manager() -> anyhow::Result<()> {
    match quietly("systemctl", &["--user", "show", "--property=Version"]) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!(no_session(&last_line(&output.stderr))),
        Err(error) => bail!(no_session(&format!("systemctl: {error}"))),
    }
}

/// What is wrong without a session of the user's, and what to do.
fn no_session(words: &str) -> String {
    format!(
        "no service manager of your session can be reached ({words}): log in at a desktop or a console, or let your session \
         begin without that with `sudo loginctl enable-linger $USER`; without systemd, begin hearken itself with \
         `hearken run`"
    )
}

/// Asks the journal for one line. A journal that cannot be read says so beside its output, not by its exit code.
fn reach_journal() -> anyhow::Result<()> {
    let asked = ["--user", "--no-pager", "--unit", UNIT, "--lines", "1"];
    let words = match quietly("journalctl", &asked) {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let has_lines = said.lines().any(|line| !line.starts_with("-- "));
            if output.status.success() && (has_lines || output.stderr.is_empty()) {
                return Ok(());
            }
            last_line(&output.stderr)
        }
        Err(error) => format!("journalctl: {error}"),
    };
    bail!(
        "there is no journal here that you may read ({words}): it needs systemd-journald and, where journals are kept in memory \
         alone, the group systemd-journal; `hearken run` shows the same log on a terminal"
    )
}

fn quietly(program: &str, arguments: &[&str]) -> std::io::Result<std::process::Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).output()
}

/// The last of several lines says what came of it.
fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it says no more").trim().to_owned()
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    started("systemctl", &[&["--user"], arguments].concat())
}

fn started(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let said = match quietly(program, arguments) {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    // What it cannot do because it is not there is told as such.
    if program == "systemctl" {
        reach_manager()?;
    }
    bail!("{program} {} failed: {}", arguments.join(" "), said.trim())
}
