//! A private PulseAudio without any card: a loudspeaker that can be recorded and a microphone in a room where
//! recordings can be played. The user's own sound server is never touched: another socket, another configuration.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The server; it ends with the value.
pub struct SoundServer {
    dir: TempDir,
    server: Child,
}

impl SoundServer {
    /// Starts a server and waits until its devices work.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Without the system's own configuration: no card and no user's setting can get in the way. The same devices have
        // another name as well.
        std::fs::write(
            dir.path().join("alsa.conf"),
            "pcm.!default { type pulse }\nctl.!default { type pulse }\n\
             pcm.other { type pulse hint { show on description \"another name\" } }\n",
        )
        .unwrap();
        // Nobody is asked for it, but the library complains without one.
        std::fs::write(dir.path().join("cookie"), [0; 256]).unwrap();
        let server = spawn(dir.path());
        let started = Self { dir, server };
        started.wait();
        started
    }

    /// Its own folder, which goes with it.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// What a program needs in its environment to use this server.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let dir = self.dir.path();
        let mut socket = OsString::from("unix:");
        socket.push(dir.join("socket"));
        vec![
            ("XDG_RUNTIME_DIR", dir.into()),
            ("PULSE_RUNTIME_PATH", dir.into()),
            ("PULSE_SERVER", socket),
            ("PULSE_COOKIE", dir.join("cookie").into()),
            ("ALSA_CONFIG_PATH", dir.join("alsa.conf").into()),
        ]
    }

    /// `program` with that environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .envs(self.env())
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::null());
        command
    }

    /// Somebody speaks in the room; returns when they have finished.
    pub fn play_into_room(&self, wav: &Path) {
        self.play_into(wav, "room");
    }

    /// The same in another room.
    pub fn play_into(&self, wav: &Path, room: &str) {
        let mut player = self.start_playing_into(wav, room);
        let ended = ended_within(&mut player, Duration::from_secs(60));
        if !ended {
            let _ = player.kill();
            let _ = player.wait();
        }
        assert!(ended, "paplay did not end");
    }

    /// The same without waiting; the caller waits for the child.
    pub fn start_playing(&self, wav: &Path) -> Child {
        self.start_playing_into(wav, "room")
    }

    fn start_playing_into(&self, wav: &Path, room: &str) -> Child {
        self.command("paplay")
            .args(["--device", room])
            .arg(wav)
            .spawn()
            .expect("paplay (pulseaudio-utils) is needed")
    }

    /// Records what the loudspeaker plays.
    pub fn record_speaker(&self, path: &Path) -> Recorder {
        self.record(path, "speaker.monitor")
    }

    /// Records from this source.
    pub fn record(&self, path: &Path, source: &str) -> Recorder {
        let process = self
            .command("parecord")
            .args(["--device", source, "--file-format=wav", "--channels=1"])
            .args(["--rate=48000", "--latency-msec=20"])
            .arg(path)
            .spawn()
            .expect("parecord (pulseaudio-utils) is needed");
        let recorder = Recorder {
            process,
            path: path.into(),
        };
        let header = 44;
        let began = Instant::now();
        while std::fs::metadata(path).map_or(0, |file| file.len()) <= header {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "parecord records nothing"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        recorder
    }

    /// The server dies at once, as if it had crashed.
    pub fn kill(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Loudspeaker and microphone disappear, and the server stays.
    pub fn unplug(&self) {
        self.pactl(&["unload-module", "module-null-sink"]);
    }

    /// They are plugged in again, at this sample rate in Hz; returns when they were there, as soon as they work.
    pub fn plug_in(&self, rate: u32) -> Instant {
        for module in ["module-loopback", "module-remap-source"] {
            // They may have gone with what they were made of.
            self.control(&["unload-module", module], Stdio::null());
        }
        for module in devices(rate) {
            let words: Vec<_> = module.split(' ').collect();
            self.pactl(&[&["load-module"], &words[..]].concat());
        }
        self.wait()
    }

    /// Has the server do something.
    pub fn pactl(&self, arguments: &[&str]) {
        assert!(
            self.control(arguments, Stdio::inherit()),
            "pactl {arguments:?}"
        );
    }

    /// The same; whether it did. A server that hangs does not.
    fn control(&self, arguments: &[&str], errors: Stdio) -> bool {
        let mut asking = self
            .command("pactl")
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("pactl (pulseaudio-utils) is needed");
        if !ended_within(&mut asking, Duration::from_secs(10)) {
            let _ = asking.kill();
        }
        asking.wait().unwrap().success()
    }

    /// The server stays, and answers nobody any more.
    pub fn freeze(&self) {
        kill(Pid::from_raw(self.server.id() as i32), Signal::SIGSTOP).unwrap();
    }

    /// It goes on.
    pub fn thaw(&self) {
        kill(Pid::from_raw(self.server.id() as i32), Signal::SIGCONT).unwrap();
    }

    /// A server that died comes back at the same place; returns when its devices were there, as soon as they work.
    pub fn restart(&mut self) -> Instant {
        self.kill();
        let _ = std::fs::remove_file(self.dir.path().join("socket"));
        self.server = spawn(self.dir.path());
        self.wait()
    }

    fn wait(&self) -> Instant {
        let began = Instant::now();
        let ready = |arguments: [&str; 2]| self.control(&arguments, Stdio::null());
        while !(ready(["set-default-sink", "speaker"]) && ready(["set-default-source", "mic"])) {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "pulseaudio does not start: {log}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let there = Instant::now();
        // A virtual sink's first block is two seconds long: wait until it is over.
        for source in ["mic", "speaker.monitor"] {
            let path = self.dir.path().join("first-block");
            let file = File::create(&path).unwrap();
            let mut first = self
                .command("parecord")
                .args(["--raw", "--latency-msec=20", "--device", source])
                .stdout(file)
                .spawn()
                .expect("parecord (pulseaudio-utils) is needed");
            while std::fs::metadata(&path).unwrap().len() < 8000 {
                assert!(
                    began.elapsed() < Duration::from_secs(20),
                    "{source} gives no sound"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = first.kill();
            let _ = first.wait();
        }
        there
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        end(&mut self.server, Signal::SIGTERM);
    }
}

/// A loudspeaker, and a microphone in a room. A virtual sink that nobody hurries works in blocks of two seconds, unlike any
/// card; the loopbacks hurry them.
fn devices(rate: u32) -> [String; 6] {
    [
        format!("module-null-sink sink_name=speaker rate={rate}"),
        format!("module-null-sink sink_name=room rate={rate}"),
        "module-remap-source source_name=mic master=room.monitor".into(),
        format!("module-null-sink sink_name=void rate={rate}"),
        "module-loopback source=mic sink=void latency_msec=30".into(),
        "module-loopback source=speaker.monitor sink=void latency_msec=30".into(),
    ]
}

fn spawn(dir: &Path) -> Child {
    let socket = format!(
        "module-native-protocol-unix auth-anonymous=1 socket={}/socket",
        dir.display()
    );
    let mut command = Command::new("pulseaudio");
    command
        .args([
            "-n",
            "--daemonize=no",
            "--exit-idle-time=600",
            "--use-pid-file=no",
        ])
        .args(["--disable-shm=yes", "--high-priority=no", "--realtime=no"])
        .arg(format!("--log-target=file:{}/log", dir.display()));
    for module in std::iter::once(socket).chain(devices(48_000)) {
        command.args(["-L", &module]);
    }
    for variable in [
        "HOME",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "PULSE_RUNTIME_PATH",
        "PULSE_STATE_PATH",
    ] {
        command.env(variable, dir);
    }
    for variable in ["PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"] {
        command.env_remove(variable);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pulseaudio is needed")
}

/// What the loudspeaker plays, being recorded.
pub struct Recorder {
    process: Child,
    path: PathBuf,
}

impl Recorder {
    /// Ends the recording and returns it: samples and their rate.
    pub fn stop(mut self) -> (Vec<f32>, u32) {
        end(&mut self.process, Signal::SIGINT);
        let recording = hearken::audio::wav::read(&self.path).unwrap();
        (recording.samples, recording.rate)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        end(&mut self.process, Signal::SIGINT);
    }
}

/// Asks a process to end, and kills it when it does not.
fn end(process: &mut Child, signal: Signal) {
    if let Ok(None) = process.try_wait() {
        let _ = kill(Pid::from_raw(process.id() as i32), signal);
        if !ended_within(process, Duration::from_secs(3)) {
            let _ = process.kill();
        }
    }
    let _ = process.wait();
}

/// Waits for a process, but not for ever.
pub fn ended_within(process: &mut Child, time: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < time {
        if let Ok(Some(_)) = process.try_wait() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
