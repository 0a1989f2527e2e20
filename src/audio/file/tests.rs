//! A file as a microphone and as a loudspeaker.

use super::super::wav;
use super::*;

const PATIENCE: Duration = Duration::from_millis(20);

/// Reads until nothing more comes, and says how it ended.
fn drain(microphone: &mut FileMicrophone) -> (Vec<f32>, bool) {
    let mut heard = Vec::new();
    loop {
        let before = heard.len();
        match microphone.read(&mut heard, PATIENCE) {
            Ok(()) if heard.len() > before => {}
            Ok(()) => return (heard, false),
            Err(MicrophoneError::Ended) => return (heard, true),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_recording_is_heard_whole_and_followed_by_silence() {
    let (mut microphone, feed) = FileMicrophone::new(Pace::AsFast);
    feed.play(vec![0.5; 1000]);
    let (heard, ended) = drain(&mut microphone);
    assert!(!ended);
    assert_eq!(heard.len(), 1000 + 32_000);
    assert!(heard[..1000].iter().all(|s| *s == 0.5));
    assert!(heard[1000..].iter().all(|s| *s == 0.0));
    feed.clone().play(vec![0.25; 10]);
    feed.end();
    microphone.set_tail(Duration::from_millis(1));
    let (heard, ended) = drain(&mut microphone);
    assert_eq!((heard.len(), ended), (10 + 16, true));
    assert!(matches!(
        microphone.read(&mut Vec::new(), PATIENCE),
        Err(MicrophoneError::Ended)
    ));
}

#[test]
fn a_microphone_that_nobody_feeds_is_over() {
    for pace in [Pace::AsFast, Pace::RealTime] {
        let (mut microphone, feed) = FileMicrophone::new(pace);
        drop(feed);
        let mut heard = Vec::new();
        let ended = (0..100).any(|_| microphone.read(&mut heard, PATIENCE).is_err());
        assert!(ended, "{pace:?}");
    }
}

#[test]
fn in_real_time_it_is_known_when_a_recording_began() {
    let (mut microphone, feed) = FileMicrophone::new(Pace::RealTime);
    let mut heard = Vec::new();
    microphone.read(&mut heard, PATIENCE).unwrap();
    let before = Instant::now();
    let mut begun = feed.play_timed(vec![0.5; 160]);
    while !heard.contains(&0.5) {
        microphone.read(&mut heard, PATIENCE).unwrap();
    }
    let began = begun.try_recv().unwrap();
    // It may begin in the past, with the sample after the last one that was read.
    assert!(began < Instant::now() && began + PATIENCE > before);
    let first = heard.iter().position(|s| *s == 0.5).unwrap() as u64;
    assert_eq!(began, microphone.started.unwrap() + seconds(first));
}

#[test]
fn in_real_time_the_clock_decides_how_much_is_heard() {
    let (mut microphone, feed) = FileMicrophone::new(Pace::RealTime);
    feed.play(vec![0.5; 800]);
    let began = Instant::now();
    let mut heard = Vec::new();
    while heard.len() < 1600 {
        microphone.read(&mut heard, PATIENCE).unwrap();
        let clock = (began.elapsed().as_secs_f64() * 16_000.0) as usize;
        assert!(
            heard.len() <= clock,
            "{} samples heard, {clock} made",
            heard.len()
        );
    }
    assert!(heard[..800].iter().all(|s| *s == 0.5));
    assert!(heard[800..].iter().all(|s| *s == 0.0));
}

#[test]
fn in_real_time_silence_comes_before_the_end() {
    let (mut microphone, feed) = FileMicrophone::new(Pace::RealTime);
    microphone.set_tail(Duration::from_millis(50));
    feed.play(vec![0.5; 400]);
    feed.play(vec![0.25; 400]);
    feed.end();
    let mut heard = Vec::new();
    let ended = loop {
        if let Err(error) = microphone.read(&mut heard, PATIENCE) {
            break error;
        }
    };
    assert!(matches!(ended, MicrophoneError::Ended));
    assert_eq!(heard.len(), 400 + 400 + 800);
    assert!(heard[..400].iter().all(|s| *s == 0.5));
    assert!(heard[400..800].iter().all(|s| *s == 0.25));
    assert!(heard[800..].iter().all(|s| *s == 0.0));
}

#[test]
fn as_fast_as_possible_replies_follow_each_other_in_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut speaker = WavSpeaker::create(file.path(), 22_050, Pace::AsFast).unwrap();
    assert_eq!(speaker.rate(), 22_050);
    assert_eq!(speaker.write(&[0.5; 3000]).unwrap(), 3000);
    assert_eq!(speaker.write(&[0.25; 100]).unwrap(), 100);
    assert_eq!((speaker.written(), speaker.played()), (3100, 3100));
    // Even if the program is killed here.
    let recording = wav::read(file.path()).unwrap();
    assert_eq!((recording.samples.len(), recording.rate), (3100, 22_050));
}

#[test]
fn in_real_time_the_file_holds_what_one_would_hear() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut speaker = WavSpeaker::create(file.path(), 16_000, Pace::RealTime).unwrap();
    let taken = speaker.write(&[0.5; 100_000]).unwrap();
    assert!((1..=4800).contains(&taken), "{taken}");
    assert!(speaker.played() < speaker.written());
    while speaker.played() < 800 {
        std::thread::yield_now();
    }
    let played = speaker.played() as usize;
    speaker.flush();
    assert_eq!(speaker.played(), speaker.written());
    let flushed_after = wav::read(file.path()).unwrap().samples.len();
    while wav::read(file.path()).unwrap().samples.len() < flushed_after + 800 {
        speaker.write(&[]).unwrap();
    }
    drop(speaker);
    let samples = wav::read(file.path()).unwrap().samples;
    let sound = samples.iter().filter(|s| **s > 0.4).count();
    assert!(
        sound >= played && sound < taken,
        "{played} played, {sound} in the file, {taken} taken"
    );
    assert!(samples[flushed_after..].iter().all(|s| *s == 0.0));
}

#[test]
fn a_file_that_cannot_be_written_is_said() {
    let made = WavSpeaker::create(Path::new("/nowhere/reply.wav"), 16_000, Pace::AsFast);
    assert!(matches!(made, Err(SpeakerError::File { .. })));
    let full = Path::new("/dev/full");
    if full.exists() {
        let made = WavSpeaker::create(full, 16_000, Pace::AsFast);
        assert!(matches!(made, Err(SpeakerError::File { .. })));
    }
}
