//! The staging folder: what is unfinished lies there, on the weights' own disk. What a broken pull leaves makes the
//! next one shorter; what cannot be gone on with is swept away.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::catalogue::{Catalogue, Entry, File, Part, Source};
use super::{State, Store};

/// The folder. Its owner holds the lock.
pub(super) struct Staging<'a> {
    pub(super) dir: PathBuf,
    store: &'a Store,
    catalogue: &'a Catalogue,
}

impl<'a> Staging<'a> {
    /// That of `store`, swept.
    pub(super) fn new(store: &'a Store, catalogue: &'a Catalogue) -> Self {
        let staging = Self {
            dir: store.staging(),
            store,
            catalogue,
        };
        staging.sweep();
        staging
    }

    /// Where a file lies while it is unpacked or converted.
    pub(super) fn fresh(&self, file: &File) -> PathBuf {
        self.dir.join(format!("{}.new", file.file))
    }

    /// Whether the wheel of `part` has come.
    pub(super) fn has(&self, part: &Part) -> bool {
        self.dir.join(part.staged()).is_file()
    }

    /// Sweeps, and removes the folder unless something in it is worth keeping.
    pub(super) fn leave(&self) {
        self.sweep();
        let _ = fs::remove_dir(&self.dir);
    }

    /// Removes what cannot be gone on with: a killed pip's files, a file that was being unpacked or converted.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A leftover costs room and nothing else.
            if name.starts_with("pip-") {
                let _ = fs::remove_dir_all(entry.path());
            } else if name.ends_with(".new") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Bytes that getting a file takes on the disk, with what lies there meanwhile.
    pub(super) fn need(&self, file: &File) -> u64 {
        let own = file.size.unwrap_or(0);
        own + match file.sources.first() {
            Some(Source {
                import: Some(conversion),
                ..
            }) => {
                let from = self.catalogue.find(&conversion.from);
                match from.and_then(|entry| Some((entry, entry.files.first()?))) {
                    Some((entry, _)) if self.store.state_of(entry) == State::Present => 0,
                    Some((_, from)) => self.need(from),
                    None => 0,
                }
            }
            Some(source) => {
                let to_come = source.packages.iter();
                let to_come = to_come.filter(|p| !self.has(p));
                let sizes: Vec<u64> = to_come.map(|p| p.size).collect();
                // pip copies each from its own temporary file.
                sizes.iter().sum::<u64>() + sizes.iter().max().copied().unwrap_or(0)
            }
            None => 0,
        }
    }

    /// Removes what `done` needed in the staging folder and the `rest` does not.
    pub(super) fn tidy(&self, done: &Entry, rest: &[&Entry]) {
        let mut used = BTreeSet::new();
        self.staged_by(done, &mut used);
        let mut still = BTreeSet::new();
        for entry in rest {
            self.staged_by(entry, &mut still);
        }
        for name in used.difference(&still) {
            // Most were never there.
            let _ = fs::remove_file(self.dir.join(name));
        }
    }

    fn staged_by(&self, entry: &Entry, names: &mut BTreeSet<String>) {
        for source in entry.files.iter().flat_map(|f| &f.sources) {
            names.extend(source.packages.iter().map(Part::staged));
            let Some(conversion) = &source.import else {
                continue;
            };
            for name in [&conversion.from, &conversion.tokens, &conversion.mel] {
                if let Some(entry) = self.catalogue.find(name) {
                    names.extend(entry.files.iter().map(|f| f.file.clone()));
                    self.staged_by(entry, names);
                }
            }
        }
    }
}
