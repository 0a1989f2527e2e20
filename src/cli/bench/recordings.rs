//! Recordings of people whose words are known, for the benches.

use std::path::Path;

use anyhow::{Context as _, bail};
use hearken::audio::wav;

use super::words;

/// Where Debian's package pocketsphinx-testdata puts recordings of people.
pub const RECORDINGS: &str = "/usr/share/pocketsphinx/test/data";

/// Recordings of that package whose words are in no transcription file.
const ALONE: [(&str, &str); 3] = [
    ("goforward.raw", "go forward ten meters"),
    ("something.raw", "go somewhere and do something"),
    ("tidigits/dhd.2934z.raw", "two nine three four zero"),
];

/// A recording and its words.
pub struct Recording {
    /// The folder that it is in.
    pub set: String,
    /// Where it is.
    pub file: String,
    /// Its words as they are compared.
    pub said: Vec<String>,
    /// Mono, at the ear's rate.
    pub samples: Vec<f32>,
}

/// All recordings below `dir` whose words are known.
pub fn recordings(dir: &Path) -> anyhow::Result<Vec<Recording>> {
    if !dir.is_dir() {
        bail!(
            "there are no recordings in {}; install Debian's package pocketsphinx-testdata, or name a folder with --recordings",
            dir.display()
        );
    }
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    for entry in std::fs::read_dir(dir).with_context(|| format!("{}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    for folder in folders {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = entry?.path();
            if path.is_file() && path.to_string_lossy().ends_with("transcription") {
                transcribed(&folder, &path, &mut found)?;
            }
        }
    }
    for (file, said) in ALONE {
        let path = dir.join(file);
        if path.is_file() {
            found.push(recording("commands", &path, said)?);
        }
    }
    if found.is_empty() {
        bail!(
            "{} has no transcription file with recordings beside it",
            dir.display()
        );
    }
    Ok(found)
}

/// The recordings of one transcription file: lines such as `<s> ten of clubs </s> (001)`.
fn transcribed(folder: &Path, list: &Path, found: &mut Vec<Recording>) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(list).with_context(|| format!("{}", list.display()))?;
    let set = folder
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    for line in text.lines() {
        let Some((said, name)) = line
            .trim_end()
            .strip_suffix(')')
            .and_then(|l| l.rsplit_once('('))
        else {
            continue;
        };
        let said = said.replace("<s>", " ").replace("</s>", " ");
        let named = ["wav", "raw"].map(|extension| folder.join(format!("{name}.{extension}")));
        if let Some(path) = named.iter().find(|p| p.is_file()) {
            found.push(recording(&set, path, &said)?);
        }
    }
    Ok(())
}

fn recording(set: &str, path: &Path, said: &str) -> anyhow::Result<Recording> {
    let samples = match path.extension().is_some_and(|e| e == "raw") {
        true => std::fs::read(path)
            .with_context(|| format!("{}", path.display()))?
            .chunks_exact(2)
            .map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0)
            .collect(),
        false => wav::read_for_ear(path)?.samples,
    };
    Ok(Recording {
        set: set.to_owned(),
        file: path.display().to_string(),
        said: words::normalized(said),
        samples,
    })
}
