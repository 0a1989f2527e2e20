//! A session bus of a test's own, and who is on it. The user's own bus is never touched: another socket, and a configuration
//! that starts no program.

use std::collections::HashMap;
use std::future::pending;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hearken::config::{self, Media};
use hearken::desktop::Desktop;
use hearken::desktop::session::Session;
use hearken::event::{Bus, Event, TurnReport};
use hearken::turn::TurnId;
use hearken::turn::timing::Stages;
use tempfile::TempDir;
use tokio::sync::watch;
use zbus::connection::Builder;
use zbus::zvariant::OwnedValue;
use zbus::{Connection, interface};

use crate::room::BOUND;

/// Lets everybody do everything.
const RULES: &str = r#"<busconfig>
<type>session</type><listen>unix:path=PATH</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

/// Longer than any test: whoever waits for an answer that a test holds back waits for good.
pub const FOR_GOOD: Duration = Duration::from_secs(3_600);

/// The bus; it ends with the value.
pub struct PrivateBus {
    dir: TempDir,
    daemon: Child,
}

impl PrivateBus {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus");
        let rules = RULES.replace("PATH", path.to_str().unwrap());
        std::fs::write(dir.path().join("bus.conf"), rules).unwrap();
        let daemon = spawn(dir.path());
        Self { dir, daemon }
    }

    pub fn address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("bus").display())
    }

    /// A way there.
    pub fn session(&self) -> Session {
        Session::new(Some(self.address()))
    }

    /// It dies at once, as if it had crashed.
    pub fn kill(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }

    /// Another one is there at the same place.
    pub fn restart(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(self.dir.path().join("bus"));
        self.daemon = spawn(self.dir.path());
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts one; it is ready when it has said where it is.
fn spawn(dir: &Path) -> Child {
    let mut daemon = Command::new("dbus-daemon")
        .args(["--nofork", "--nopidfile", "--print-address"])
        .arg(format!("--config-file={}/bus.conf", dir.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon (dbus) is needed");
    let mut line = String::new();
    let said = daemon.stdout.take().unwrap();
    BufReader::new(said).read_line(&mut line).unwrap();
    assert!(
        line.starts_with("unix:"),
        "dbus-daemon does not start: {line}"
    );
    daemon
}

/// How a player is, and what it was asked.
#[derive(Default)]
pub struct Deck {
    pub status: String,
    pub volume: f64,
    /// What it was told to do.
    pub told: Vec<String>,
    /// How often somebody wanted to know how it is.
    pub asked: usize,
    /// It answers nobody.
    pub hangs: bool,
    /// It does what it is told, and does not say so.
    pub mute: bool,
}

/// A media player.
pub struct Player {
    deck: Arc<Mutex<Deck>>,
    pub connection: Connection,
}

struct Interface(Arc<Mutex<Deck>>);

impl Interface {
    async fn deck(&self) -> MutexGuard<'_, Deck> {
        let hangs = self.0.lock().unwrap().hangs;
        if hangs {
            self.0.lock().unwrap().asked += 1;
            pending::<()>().await;
        }
        self.0.lock().unwrap()
    }
}

#[interface(name = "org.mpris.MediaPlayer2.Player")]
impl Interface {
    async fn pause(&self) {
        let mute = {
            let mut deck = self.deck().await;
            deck.told.push("pause".into());
            deck.status = "Paused".into();
            deck.mute
        };
        if mute {
            pending::<()>().await;
        }
    }

    async fn play(&self) {
        let mut deck = self.deck().await;
        deck.told.push("play".into());
        deck.status = "Playing".into();
    }

    #[zbus(property)]
    async fn playback_status(&self) -> String {
        let mut deck = self.deck().await;
        deck.asked += 1;
        deck.status.clone()
    }

    #[zbus(property)]
    async fn volume(&self) -> f64 {
        self.deck().await.volume
    }

    /// It counts in percents, as many do.
    #[zbus(property)]
    async fn set_volume(&self, volume: f64) {
        let mut deck = self.deck().await;
        deck.told.push(format!("volume {volume:.3}"));
        deck.volume = (volume * 100.0).round() / 100.0;
    }
}

impl Player {
    /// One that has these names.
    pub async fn join(bus: &PrivateBus, names: &[&str], status: &str, volume: f64) -> Self {
        let deck = Arc::new(Mutex::new(Deck {
            status: status.into(),
            volume,
            ..Deck::default()
        }));
        let mut builder = Builder::address(&bus.address()[..])
            .unwrap()
            .serve_at("/org/mpris/MediaPlayer2", Interface(Arc::clone(&deck)))
            .unwrap();
        for name in names {
            let name = format!("org.mpris.MediaPlayer2.{name}");
            builder = builder.name(name).unwrap();
        }
        let connection = builder.build().await.unwrap();
        Self { deck, connection }
    }

    pub fn deck(&self) -> MutexGuard<'_, Deck> {
        self.deck.lock().unwrap()
    }

    pub fn told(&self) -> Vec<String> {
        self.deck().told.clone()
    }

    pub async fn until_told(&self, told: &[&str]) {
        until(&format!("{told:?}"), || self.deck().told == told).await;
    }

    /// Its program ends.
    pub async fn vanish(self) {
        self.connection.close().await.unwrap();
    }
}

/// What a notification server was asked to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub app: String,
    pub id: u32,
    pub replaces: u32,
    pub summary: String,
    pub body: String,
    pub urgency: u8,
}

/// A notification server.
pub struct Server {
    pub shown: Arc<Mutex<Vec<Shown>>>,
    pub closed: Arc<Mutex<Vec<u32>>>,
    connection: Connection,
}

struct Notifications {
    shown: Arc<Mutex<Vec<Shown>>>,
    closed: Arc<Mutex<Vec<u32>>>,
    capabilities: &'static [&'static str],
    /// It says so late what it has shown.
    late: Duration,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    fn get_capabilities(&self) -> Vec<String> {
        self.capabilities.iter().map(|c| (*c).into()).collect()
    }

    #[allow(clippy::too_many_arguments)]
    async fn notify(
        &self,
        app: String,
        replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        _expire: i32,
    ) -> u32 {
        let id = match replaces {
            0 => 10 + self.shown.lock().unwrap().len() as u32,
            id => id,
        };
        self.shown.lock().unwrap().push(Shown {
            app,
            id,
            replaces,
            summary,
            body,
            urgency: u8::try_from(&hints["urgency"]).unwrap(),
        });
        tokio::time::sleep(self.late).await;
        id
    }

    fn close_notification(&self, id: u32) {
        self.closed.lock().unwrap().push(id);
    }
}

impl Server {
    pub async fn join(bus: &PrivateBus, capabilities: &'static [&'static str]) -> Self {
        Self::join_late(bus, capabilities, Duration::ZERO).await
    }

    /// One that says so late what it has shown.
    pub async fn join_late(
        bus: &PrivateBus,
        capabilities: &'static [&'static str],
        late: Duration,
    ) -> Self {
        let (shown, closed) = (Arc::default(), Arc::default());
        let serves = Notifications {
            shown: Arc::clone(&shown),
            closed: Arc::clone(&closed),
            capabilities,
            late,
        };
        let connection = Builder::address(&bus.address()[..])
            .unwrap()
            .serve_at("/org/freedesktop/Notifications", serves)
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .build()
            .await
            .unwrap();
        Self {
            shown,
            closed,
            connection,
        }
    }

    /// Its program ends.
    pub async fn vanish(self) {
        self.connection.close().await.unwrap();
    }

    /// Waits until so many have been shown; all of them.
    pub async fn shows(&self, many: usize) -> Vec<Shown> {
        let count = || self.shown.lock().unwrap().len();
        until(&format!("{many} notifications"), || count() >= many).await;
        self.shown.lock().unwrap().clone()
    }
}

/// Waits for `there`.
pub async fn until(what: &str, there: impl Fn() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < BOUND, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// hearken's part in a desktop, with events that a test makes up.
pub struct Part {
    pub events: Bus,
    pub config: watch::Sender<config::Desktop>,
    pub desktop: Desktop,
}

impl Part {
    pub fn begin(media: Media, session: Session) -> Self {
        let (events, (config, read)) = (
            Bus::default(),
            watch::channel(config::Desktop {
                media,
                ..config::Desktop::default()
            }),
        );
        let desktop = Desktop::begin(events.subscribe(), read, session);
        Self {
            events,
            config,
            desktop,
        }
    }

    /// Somebody has asked something.
    pub fn asked(&self, turn: u64) {
        self.events.emit(Event::Transcribed {
            turn: TurnId(turn),
            text: "What is a whale?".into(),
            language: "en".into(),
        });
    }

    /// They were answered, and nobody goes on.
    pub fn answered(&self, turn: u64) {
        self.events.emit(Event::TurnFinished(TurnReport {
            turn: TurnId(turn),
            transcript: "What is a whale?".into(),
            reply: "A mammal.".into(),
            interrupted: false,
            failure: None,
            stages: Stages::default(),
            speech_end: Instant::now(),
            gaps_ms: Vec::new(),
        }));
    }

    pub fn configure(&self, config: config::Desktop) {
        self.config.send_replace(config);
    }

    /// It ends; nobody is asked anything any more.
    pub async fn end(self) {
        let ended = tokio::time::timeout(BOUND, self.desktop.end()).await;
        ended.expect("it never ended");
    }
}
