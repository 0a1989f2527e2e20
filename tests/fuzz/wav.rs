//! Recordings.

use std::io::{Seek, SeekFrom, Write};

use hearken::audio::EAR_RATE;
use hearken::audio::wav::{Recording, WavError, read, read_for_ear};
use proptest::prelude::*;

use crate::memory::peak_of;
use crate::mutate::{Bytes, mutated, noise};
use crate::trial::alone;

const WORDS: [&str; 6] = ["fmt ", "data", "LIST", "RIFF", "WAVE", "JUNK\0\0\0\0"];

/// A recording of so many bits a sample; 32 are floating-point.
fn wav(channels: u16, bits: u16, rate: u32, frames: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: match bits {
            32 => hound::SampleFormat::Float,
            _ => hound::SampleFormat::Int,
        },
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for n in 0..frames * u32::from(channels) {
        match bits {
            32 => writer.write_sample((n as f32).sin()).unwrap(),
            _ => writer.write_sample((n % 100) as i32).unwrap(),
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// Bytes of samples when the samples of a file of `bytes` bytes are kept at the ear's rate: one byte is a sample at least,
/// of the lowest rate at most. A list that grows has three times that for a moment.
fn at_most(bytes: usize) -> usize {
    let rates = (EAR_RATE / hearken::audio::wav::RATES.start()) as usize;
    3 * size_of::<f32>() * rates * bytes
}

fn is_sound(read: Result<Recording, WavError>, bytes: usize) -> Result<(), TestCaseError> {
    match read {
        Ok(recording) => {
            prop_assert!(recording.samples.iter().all(|s| (-1.0..=1.0).contains(s)));
            let expected = recording.seconds * f64::from(recording.rate);
            let given = recording.samples.len() as f64;
            prop_assert!(
                (given - expected).abs() <= 1.0,
                "{given} samples and not {expected}"
            );
            prop_assert!(recording.seconds * 1_000.0 <= bytes as f64);
        }
        Err(error) => {
            let said = error.to_string();
            prop_assert!(said.contains("a.wav") && !said.contains('\n'), "{}", said);
        }
    }
    Ok(())
}

#[test]
fn a_recording_is_read_as_far_as_it_goes() {
    let alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let seeds = vec![
        wav(1, 16, 16_000, 200),
        wav(2, 24, 44_100, 100),
        wav(1, 8, 8_000, 300),
        wav(3, 32, 48_000, 50),
    ];
    let bytes = prop_oneof![
        6 => mutated(seeds, &WORDS),
        1 => noise(),
        1 => noise().prop_map(|rest| Bytes([b"RIFF\0\0\0\0WAVE", &*rest].concat())),
    ];
    alone.fuzz(
        4,
        bytes,
        // The filter between two rates is a table of some megabytes at worst.
        |bytes| 8_000_000 + at_most(bytes.len()),
        |bytes| {
            std::fs::write(&path, &**bytes).unwrap();
            is_sound(read_for_ear(&path), bytes.len())?;
            let (recording, peak) = peak_of(|| read(&path));
            prop_assert!(peak <= 50_000 + 12 * bytes.len(), "{} bytes", peak);
            is_sound(recording, bytes.len())
        },
    );
}

/// Thirty megabytes of chunks without contents, each of which was once read as eight kilobytes.
#[test]
fn empty_chunks_are_passed_over_quickly() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let good = wav(1, 16, 16_000, 10);
    let chunks = b"JUNK\0\0\0\0".repeat(4_000_000);
    std::fs::write(&path, [&good[..12], &chunks, &good[12..]].concat()).unwrap();
    assert_eq!(read(&path).unwrap().samples.len(), 10);
}

/// A file without contents takes no room on the disk, and whoever makes one has not much to do for it.
#[test]
fn a_recording_of_gigabytes_is_refused_before_it_is_read() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut header = wav(1, 16, 16_000, 0);
    let length = header.len() - 4;
    header[length..].fill(0xff);
    file.write_all(&header).unwrap();
    file.seek(SeekFrom::Start(1 << 40)).unwrap();
    file.write_all(&[0]).unwrap();
    let (refused, peak) = peak_of(|| (read(&path), read_for_ear(&path)));
    assert!(matches!(
        refused,
        (Err(WavError::TooLong { .. }), Err(WavError::TooLong { .. }))
    ));
    assert!(peak < 1_000_000, "{peak}");
}
