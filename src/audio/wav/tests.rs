//! Files made byte by byte; `tests/audio.rs` reads those of other programs.
#![allow(clippy::unwrap_used)]

use super::*;

/// A header as a recorder writes it; everything can be set wrong.
fn wav(
    tag: u16,
    channels: u16,
    rate: u32,
    align: u16,
    bits: u16,
    claimed: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + claimed as u64).min(u64::from(u32::MAX)).to_le_bytes()[..4].iter());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(claimed.to_le_bytes());
    bytes.extend(data);
    bytes
}

fn read_bytes(bytes: &[u8]) -> Result<Recording, WavError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    read(file.path())
}

#[test]
fn every_width_gives_the_same_samples() {
    let cases: [(u16, u16, Vec<u8>); 5] = [
        (1, 1, vec![128, 192, 64]),
        (
            1,
            2,
            [0i16, 16384, -16384]
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect(),
        ),
        (1, 3, vec![0, 0, 0, 0, 0, 0x40, 0, 0, 0xc0]),
        (
            1,
            4,
            [0i32, 1 << 30, -(1 << 30)]
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect(),
        ),
        (
            3,
            4,
            [0f32, 0.5, -0.5]
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect(),
        ),
    ];
    for (tag, width, data) in cases {
        let length = data.len() as u32;
        let recording = read_bytes(&wav(tag, 1, 8000, width, width * 8, length, &data)).unwrap();
        assert_eq!(
            recording.samples,
            [0.0, 0.5, -0.5],
            "tag {tag}, {width} bytes"
        );
        assert_eq!((recording.rate, recording.channels), (8000, 1));
        assert!(!recording.truncated);
    }
}

#[test]
fn channels_are_averaged() {
    let data: Vec<u8> = [8192i16, 24576, 0, -16384]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let recording = read_bytes(&wav(1, 2, 44_100, 4, 16, 8, &data)).unwrap();
    assert_eq!(recording.samples, [0.5, -0.25]);
    assert_eq!(recording.channels, 2);
}

#[test]
fn extensible_and_odd_chunks_are_understood() {
    let mut bytes = b"RIFF\0\0\0\0WAVE".to_vec();
    bytes.extend(b"LIST\x03\0\0\0abc\0");
    bytes.extend(b"fmt ");
    bytes.extend(40u32.to_le_bytes());
    // 20 valid bits in 24, two channels.
    for value in [0xfffeu16, 2] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(48_000u32.to_le_bytes());
    bytes.extend(288_000u32.to_le_bytes());
    for value in [6u16, 24, 22, 20] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(3u32.to_le_bytes());
    bytes.extend([
        1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
    ]);
    bytes.extend(b"data");
    bytes.extend(6u32.to_le_bytes());
    bytes.extend([0, 0, 0x40, 0, 0, 0x40]);
    let recording = read_bytes(&bytes).unwrap();
    assert_eq!(recording.samples, [0.5]);
}

#[test]
fn what_is_no_number_is_silence_and_what_is_too_loud_is_clipped() {
    let data: Vec<u8> = [f32::NAN, f32::INFINITY, 7.0, -7.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let recording = read_bytes(&wav(3, 1, 16_000, 4, 32, 16, &data)).unwrap();
    assert_eq!(recording.samples, [0.0, 0.0, 1.0, -1.0]);
}

#[test]
fn a_truncated_file_gives_what_is_there_and_says_so() {
    let recording = read_bytes(&wav(1, 1, 16_000, 2, 16, 1000, &[0, 0x40, 0, 0x40, 9])).unwrap();
    assert_eq!(recording.samples, [0.5, 0.5]);
    assert!(recording.truncated);
    assert_eq!(recording.seconds, 2.0 / 16_000.0);
}

#[test]
fn a_length_that_nobody_knew_is_found() {
    for claimed in [0, 0x7fff_ffff, u32::MAX] {
        let mut bytes = wav(1, 1, 16_000, 2, 16, claimed, &[0, 0x40, 0, 0xc0]);
        bytes[4..8].copy_from_slice(&36u32.to_le_bytes());
        let recording = read_bytes(&bytes).unwrap();
        assert_eq!(recording.samples, [0.5, -0.5], "claims {claimed}");
        assert!(!recording.truncated);
    }
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let cases: [(Vec<u8>, &str); 13] = [
        (vec![], "is empty: there is no sound in it"),
        (wav(1, 1, 16_000, 2, 16, 0, &[]), "is empty"),
        (
            b"hello, this is a text".to_vec(),
            "is not a WAV file (it looks like text)",
        ),
        (b"RIFF".to_vec(), "is not a WAV file (it is too short)"),
        (b"OggS\0\0\0\0\0\0\0\0\0".to_vec(), "it looks like Ogg"),
        (wav(1, 0, 16_000, 2, 16, 4, &[0; 4]), "it claims 0 channels"),
        (
            wav(1, 60_000, 16_000, 2, 16, 4, &[0; 4]),
            "it claims 60000 channels",
        ),
        (wav(1, 1, 0, 2, 16, 4, &[0; 4]), "it claims a rate of 0 Hz"),
        (
            wav(1, 1, u32::MAX, 2, 16, 4, &[0; 4]),
            "it claims a rate of 4294967295 Hz",
        ),
        (
            wav(1, 1, 16_000, 2, 99, 4, &[0; 4]),
            "it claims 99 bits a sample",
        ),
        (
            wav(7, 1, 8_000, 1, 8, 4, &[0; 4]),
            "holds \u{3bc}-law, which is not read",
        ),
        (
            wav(3, 1, 8_000, 8, 64, 8, &[0; 8]),
            "64-bit floating-point samples",
        ),
        (
            wav(1, 1, 16_000, 2, 16, 4, &[])[..30].to_vec(),
            "it ends within its header",
        ),
    ];
    for (bytes, expected) in cases {
        let message = read_bytes(&bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "{message} lacks {expected}");
        assert!(!message.contains('\n'));
    }
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        read(folder.path()),
        Err(WavError::Unreadable { .. })
    ));
    assert!(matches!(
        read(&folder.path().join("none.wav")),
        Err(WavError::Unreadable { .. })
    ));
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(read(&pipe), Err(WavError::Unreadable { .. })));
}

#[test]
fn what_is_written_is_read_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let samples: Vec<f32> = (0..4800).map(|n| (n as f32 * 0.05).sin() * 0.8).collect();
    write(file.path(), &samples, 48_000).unwrap();
    let recording = read(file.path()).unwrap();
    assert_eq!(recording.rate, 48_000);
    for (before, after) in samples.iter().zip(&recording.samples) {
        assert!((before - after).abs() < 1e-4);
    }
    let heard = read_for_ear(file.path()).unwrap();
    assert_eq!((heard.rate, heard.samples.len()), (16_000, 1600));
    assert_eq!(heard.seconds, 0.1);
}

#[test]
fn a_file_that_was_never_finished_is_readable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = Writer::create(file.path(), 16_000).unwrap();
    writer.write(&[0.25; 100]).unwrap();
    writer.flush().unwrap();
    writer.write(&[0.25; 10]).unwrap();
    std::mem::forget(writer);
    let recording = read(file.path()).unwrap();
    assert_eq!(recording.samples.len(), 100);
}

#[test]
fn a_full_disk_and_a_missing_folder_are_said() {
    if Path::new("/dev/full").exists() {
        let message = write(Path::new("/dev/full"), &[0.1; 100], 16_000)
            .unwrap_err()
            .to_string();
        assert_eq!(message, "cannot write /dev/full: no space left on device");
    }
    let message = write(Path::new("/nowhere/out.wav"), &[], 16_000)
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "cannot write /nowhere/out.wav: no such file or directory"
    );
}
