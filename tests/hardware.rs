//! Real microphones and loudspeakers, through cpal, rodio and ALSA, on a sound server without cards.
//!
//! One test, step after step: the environment that leads to the server belongs to the whole process.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use hearken::audio::hardware::{list, open_microphone, open_speaker};
use hearken::audio::{MicrophoneError, Speaker, SpeakerError, wav};
use hearken::speak::player::{PlayItem, Played, Player, PlayerSettings};
use hearken::speak::voice::Speech;
use support::sound_server::{SoundServer, ended_within};
use support::tone::{amplitude_at, rms, sounding, tone};

const PATIENCE: Duration = Duration::from_millis(50);

/// Fails the test when something takes longer than it ever should.
struct Deadline(Instant, &'static str);

impl Deadline {
    fn new(what: &'static str) -> Self {
        Self(Instant::now(), what)
    }

    fn check(&self) {
        assert!(
            self.0.elapsed() < Duration::from_secs(20),
            "{}: no end after 20 s",
            self.1
        );
    }
}

/// Writes all of `samples`, and returns when the loudspeaker has been handed `until` of what it was ever given.
fn play(speaker: &mut dyn Speaker, mut samples: &[f32], until: Option<u64>) {
    let deadline = Deadline::new("playing");
    let wanted = until.unwrap_or(speaker.written() + samples.len() as u64);
    while speaker.played() < wanted {
        let taken = speaker.write(samples).unwrap();
        samples = &samples[taken..];
        std::thread::sleep(Duration::from_millis(2));
        deadline.check();
    }
}

fn the_microphone_hears_the_room(server: &SoundServer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    wav::write(&path, &tone(22_050, 440.0, 1.5, 0.5), 22_050).unwrap();
    let mut microphone = open_microphone("default").unwrap();
    let mut heard = Vec::new();
    let deadline = Deadline::new("hearing");
    // Until the microphone is warm, so that nothing of the tone is missed.
    while heard.is_empty() {
        microphone.read(&mut heard, PATIENCE).unwrap();
        deadline.check();
    }
    let mut player = server.start_playing(&path);
    while heard.len() < 16_000
        || sounding(&heard[heard.len() - 8000..], 0.1).len() > 100
        || rms(&heard) < 0.05
    {
        microphone.read(&mut heard, PATIENCE).unwrap();
        deadline.check();
    }
    assert!(ended_within(&mut player, Duration::from_secs(10)));
    let sound = sounding(&heard, 0.1);
    let seconds = sound.len() as f64 / 16_000.0;
    assert!(
        (1.4..1.6).contains(&seconds),
        "{seconds} s of the tone's 1.5 were heard"
    );
    // Whole: a gap would turn the phase and lose amplitude.
    let amplitude = amplitude_at(sound, 16_000, 440.0);
    assert!(
        (0.45..0.55).contains(&amplitude),
        "amplitude {amplitude} in place of 0.5"
    );
    assert!(
        (rms(sound) - 0.3535).abs() < 0.04,
        "something else is heard as well: {}",
        rms(sound)
    );
    assert_eq!(microphone.dropped(), 0);
}

fn the_loudspeaker_plays_a_tone_without_gaps(server: &SoundServer) {
    let folder = tempfile::tempdir().unwrap();
    let mut found = Vec::new();
    // A machine that is busy with other tests may starve one playback; it cannot starve three.
    for attempt in 0..3 {
        let recorder = server.record_speaker(&folder.path().join(format!("{attempt}.wav")));
        let mut speaker = open_speaker("default").unwrap();
        let rate = speaker.rate();
        play(&mut *speaker, &tone(rate, 660.0, 1.5, 0.4), None);
        assert_eq!(speaker.written(), u64::from(rate) * 3 / 2);
        play(&mut *speaker, &vec![0.0; rate as usize / 2], None);
        drop(speaker);
        let (samples, rate) = recorder.stop();
        let sound = sounding(&samples, 0.05);
        let seconds = sound.len() as f64 / f64::from(rate);
        let amplitude = amplitude_at(sound, rate, 660.0);
        if (1.49..1.51).contains(&seconds) && (0.38..0.42).contains(&amplitude) {
            return;
        }
        found.push((seconds, amplitude));
    }
    panic!("the tone of 1.5 s and amplitude 0.4 came out as {found:?} (seconds, amplitude)");
}

fn flushing_discards(server: &SoundServer) {
    let folder = tempfile::tempdir().unwrap();
    let recorder = server.record_speaker(&folder.path().join("flushed.wav"));
    let mut speaker = open_speaker("default").unwrap();
    let rate = u64::from(speaker.rate());
    let deadline = Deadline::new("flushing");
    play(
        &mut *speaker,
        &tone(rate as u32, 440.0, 2.0, 0.4),
        Some(rate / 2),
    );
    // Fill the ring, so that there is something to discard.
    while speaker.write(&tone(rate as u32, 440.0, 0.1, 0.4)).unwrap() > 0 {
        deadline.check();
    }
    let written = speaker.written();
    let before = speaker.played();
    assert!(
        written - before > rate / 10,
        "{} samples ahead",
        written - before
    );
    speaker.flush();
    while speaker.played() < written {
        speaker.write(&[]).unwrap();
        deadline.check();
    }
    // What is written after a flush is heard: another tone.
    play(&mut *speaker, &vec![0.0; rate as usize / 2], None);
    play(&mut *speaker, &tone(rate as u32, 1000.0, 0.3, 0.4), None);
    play(&mut *speaker, &vec![0.0; rate as usize / 2], None);
    drop(speaker);
    let (samples, recorded) = recorder.stop();
    let windows: Vec<&[f32]> = samples.chunks_exact(recorded as usize / 100).collect();
    let sounding_at = |hertz: f64| {
        windows
            .iter()
            .filter(|window| amplitude_at(window, recorded, hertz) > 0.2)
            .count() as f64
            / 100.0
    };
    let (first, second) = (sounding_at(440.0), sounding_at(1000.0));
    let handed = before as f64 / rate as f64;
    // Up to one more callback's worth, and windows that are cut by the edge.
    assert!(
        first < handed + 0.1,
        "{first} s of the flushed tone were heard, {handed} s were handed over"
    );
    assert!(
        first > handed - 0.15,
        "only {first} s were heard of {handed} s handed over"
    );
    assert!(
        (0.25..0.36).contains(&second),
        "{second} s of the next tone were heard"
    );
}

fn ducking_lowers_what_the_room_hears_and_comes_back(server: &SoundServer) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut found = Vec::new();
    // As above: a machine that is busy with other tests may disturb one playback, not three.
    for attempt in 0..3 {
        let recorder = server.record_speaker(&folder.path().join(format!("{attempt}.wav")));
        let speaker = open_speaker("default").unwrap();
        let rate = speaker.rate();
        let settings = PlayerSettings {
            volume_percent: 100,
        };
        let (player, mut reports) = Player::spawn(speaker, settings).unwrap();
        let item = PlayItem {
            tag: 1,
            clause: 0,
            speech: Speech {
                samples: tone(rate, 660.0, 3.0, 0.4),
                rate,
            },
            text: String::new(),
        };
        runtime.block_on(async {
            player.play(item).await.unwrap();
            let started = reports.recv().await;
            assert!(matches!(started, Some(Played::Started { .. })));
            tokio::time::sleep(Duration::from_secs(1)).await;
            player.duck(12.0);
            tokio::time::sleep(Duration::from_secs(1)).await;
            player.duck(0.0);
            while !matches!(reports.recv().await, Some(Played::Idle) | None) {}
            tokio::time::sleep(Duration::from_millis(500)).await;
        });
        drop(player);
        let (samples, rate) = recorder.stop();
        let sound = sounding(&samples, 0.02);
        let at = |tenths: usize| {
            let from = (tenths * rate as usize / 10).min(sound.len());
            let until = (from + rate as usize / 5).min(sound.len());
            amplitude_at(&sound[from..until], rate, 660.0)
        };
        let levels = [at(5), at(14), at(25)];
        let [before, ducked, after] = levels;
        let fell = 20.0 * (before / ducked).log10();
        if (10.5..13.5).contains(&fell) && (0.9..1.1).contains(&(after / before)) {
            return;
        }
        found.push(levels);
    }
    panic!("amplitudes before, while ducked and after: {found:?}");
}

fn a_wrong_name_is_answered_with_the_nearest() {
    match open_microphone("defualt").map(|_| ()) {
        Err(MicrophoneError::NotFound { name, advice }) => {
            assert_eq!(name, "defualt");
            assert!(advice.contains("default"), "{advice}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        open_speaker("nonsense").map(|_| ()),
        Err(SpeakerError::NotFound { .. })
    ));
    let devices = list().unwrap();
    assert!(
        devices.iter().any(|device| device.name == "default"),
        "{devices:?}"
    );
}

/// Opens both devices, has them work, has `fail` happen to the server, and waits until both say that they are gone.
fn both_are_lost(server: &mut SoundServer, fail: impl FnOnce(&mut SoundServer)) {
    let mut microphone = open_microphone("default").unwrap();
    let mut speaker = open_speaker("default").unwrap();
    let deadline = Deadline::new("warming up");
    let mut heard = Vec::new();
    while heard.is_empty() || speaker.played() == 0 {
        microphone.read(&mut heard, PATIENCE).unwrap();
        speaker.write(&[0.1; 480]).unwrap();
        deadline.check();
    }
    fail(server);
    let deadline = Deadline::new("noticing the loss");
    let lost = loop {
        match microphone.read(&mut heard, PATIENCE) {
            Ok(()) => deadline.check(),
            Err(error) => break error,
        }
    };
    assert!(matches!(lost, MicrophoneError::Lost(_)), "{lost}");
    let lost = loop {
        match speaker.write(&[0.1; 480]) {
            Ok(_) => deadline.check(),
            Err(error) => break error,
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(matches!(lost, SpeakerError::Lost(_)), "{lost}");
    let closing = Instant::now();
    drop((microphone, speaker));
    assert!(
        closing.elapsed() < Duration::from_secs(5),
        "closing took {:?}",
        closing.elapsed()
    );
}

fn devices_that_disappear_are_noticed(server: &mut SoundServer) {
    both_are_lost(server, |server| server.unplug());
    server.restart();
}

fn a_dead_server_is_noticed(server: &mut SoundServer) {
    both_are_lost(server, SoundServer::kill);
    match open_microphone("default").map(|_| ()) {
        Err(MicrophoneError::NotFound { advice, .. }) => {
            assert!(advice.contains("sound server"), "{advice}")
        }
        other => panic!("{other:?}"),
    }
}

fn a_hung_server_hangs_nobody(server: &mut SoundServer) {
    let mut microphone = open_microphone("default").unwrap();
    let mut heard = Vec::new();
    let deadline = Deadline::new("warming up again");
    while heard.is_empty() {
        microphone.read(&mut heard, PATIENCE).unwrap();
        deadline.check();
    }
    server.freeze();
    let deadline = Deadline::new("noticing that nothing comes");
    while microphone.read(&mut heard, PATIENCE).is_ok() {
        deadline.check();
    }
    let deadline = Deadline::new("closing and opening");
    drop(microphone);
    match open_microphone("default").map(|_| ()) {
        Err(MicrophoneError::Busy { reason, .. }) => {
            assert!(reason.contains("has not answered"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    deadline.check();
}

fn a_server_that_came_back_is_used_again(server: &mut SoundServer) {
    server.restart();
    let mut microphone = open_microphone("default").unwrap();
    let mut heard = Vec::new();
    let deadline = Deadline::new("hearing again");
    while heard.len() < 1600 {
        microphone.read(&mut heard, PATIENCE).unwrap();
        deadline.check();
    }
}

#[test]
fn sound_goes_in_and_out_and_may_break_off() {
    let mut server = SoundServer::start();
    for (name, value) in server.env() {
        // SAFETY: no other thread of this process reads or writes the environment now.
        unsafe { std::env::set_var(name, value) };
    }
    the_microphone_hears_the_room(&server);
    the_loudspeaker_plays_a_tone_without_gaps(&server);
    flushing_discards(&server);
    ducking_lowers_what_the_room_hears_and_comes_back(&server);
    a_wrong_name_is_answered_with_the_nearest();
    devices_that_disappear_are_noticed(&mut server);
    a_dead_server_is_noticed(&mut server);
    a_server_that_came_back_is_used_again(&mut server);
    a_hung_server_hangs_nobody(&mut server);
}
