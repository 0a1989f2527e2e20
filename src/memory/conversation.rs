//! The conversation outlasts the process, however it ends: a SQLite file in the data folder, readable by its owner alone, one
//! transaction a turn. On the thread `memory`, so that a slow disk delays no turn.
//!
//! What is forgotten is overwritten in the file. A file that is damaged or somebody else's is set aside under another
//! name, never deleted.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SendError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

/// Says that a SQLite file is a conversation of hearken's: "hear" in ASCII.
const APPLICATION: i32 = 0x6865_6172;
/// The layout of the table. It grows with every change.
const LAYOUT: i32 = 1;
/// So many turns are kept; the oldest go.
const MOST: i64 = 1_000;
/// Another program may be reading the file; it is waited for so long.
const BUSY: Duration = Duration::from_secs(5);

/// Why the conversation cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "the conversation cannot be kept in {path}: {reason}; this time nothing outlasts the process"
)]
pub struct ConversationError {
    path: PathBuf,
    reason: String,
}

/// A turn that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What was asked, as the model was told.
    pub asked: String,
    /// What of the answer was heard.
    pub said: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Recalled {
    /// The latest turns, oldest first.
    pub turns: Vec<Kept>,
    /// What had to be done with the file, for a person.
    pub told: Option<String>,
}

enum Job {
    Add(Kept),
    ForgetLast,
    Clear(Told),
    /// A bug.
    #[cfg(test)]
    Break,
}

/// Is told once whether it has been done, and if not, why.
pub type Told = Box<dyn FnOnce(Result<(), String>) + Send>;

/// Keeps the conversation. Dropping it writes down what is still to be written.
pub struct Keeper {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    failed: Arc<dyn Fn(String) + Send + Sync>,
    /// That the thread is gone was told.
    told: AtomicBool,
}

impl Keeper {
    /// Opens or creates `file` and recalls its latest `turns` turns. What cannot be written later is told to `failed`, once
    /// until it can be written again.
    ///
    /// # Errors
    /// When the file cannot be made or opened.
    pub fn open(
        file: &Path,
        turns: usize,
        failed: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<(Self, Recalled), ConversationError> {
        let unusable = |reason: String| ConversationError {
            path: file.to_owned(),
            reason,
        };
        let ((connection, turns), told) = match read(file, turns) {
            Ok(sound) => (sound, None),
            Err(Unusable::System(reason)) => return Err(unusable(reason)),
            Err(Unusable::NotOurs(reason)) => {
                let told =
                    begin_anew(file, &reason).map_err(|error| unusable(error.to_string()))?;
                match read(file, turns) {
                    Ok(new) => (new, Some(told)),
                    Err(Unusable::System(reason) | Unusable::NotOurs(reason)) => {
                        return Err(unusable(reason));
                    }
                }
            }
        };
        let recalled = Recalled { turns, told };
        let (jobs, waiting) = channel();
        let path = file.to_owned();
        let failed: Arc<dyn Fn(String) + Send + Sync> = Arc::new(failed);
        let tell = Arc::clone(&failed);
        let thread = std::thread::Builder::new()
            .name("memory".into())
            .spawn(move || {
                let mut told = false;
                let mut connection = Some(connection);
                for job in waiting {
                    let forgets = !matches!(job, Job::Add(_));
                    let outcome = kept(&mut connection, &path, &job, &*tell);
                    match &outcome {
                        Ok(()) => told = false,
                        // That something is not forgotten is told each time.
                        Err(what) if forgets || !std::mem::replace(&mut told, true) => {
                            tell(what.clone());
                        }
                        Err(_) => {}
                    }
                    if let Job::Clear(told) = job {
                        told(outcome);
                    }
                }
            })
            .map_err(|error| unusable(error.to_string()))?;
        let keeper = Self {
            jobs: Some(jobs),
            thread: Some(thread),
            failed,
            told: AtomicBool::new(false),
        };
        Ok((keeper, recalled))
    }

    /// Keeps a turn.
    pub fn add(&self, asked: &str, said: &str) {
        self.order(Job::Add(Kept {
            asked: asked.to_owned(),
            said: said.to_owned(),
        }));
    }

    /// The last turn is forgotten.
    pub fn forget_last(&self) {
        self.order(Job::ForgetLast);
    }

    /// All is forgotten; `told` is told when nothing of it is in the file any more.
    pub fn clear(&self, told: Told) {
        self.order(Job::Clear(told));
    }

    fn order(&self, job: Job) {
        let Some(jobs) = &self.jobs else { return };
        let Err(SendError(job)) = jobs.send(job) else {
            return;
        };
        let what = "the conversation cannot be written any more: its thread has ended; \
                    this is a bug in hearken, please report it";
        // That something is not forgotten is told each time.
        if !matches!(job, Job::Add(_)) || !self.told.swap(true, Ordering::Relaxed) {
            (self.failed)(what.into());
        }
        if let Job::Clear(told) = job {
            told(Err(what.into()));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps the conversation broke");
        }
    }
}

/// Forgets the conversation in `file`, which nobody keeps any more, on a thread of its own. `told` is told when nothing of it is in the
/// file, or why it still is; that is told to `failed` as well. A file that is not there has nothing to forget.
pub fn clear_left(file: &Path, failed: impl Fn(String) + Send + 'static, told: Told) {
    let file = file.to_owned();
    let clear = move || {
        let outcome = match file.try_exists() {
            Ok(false) => Ok(()),
            _ => clear_file(&file),
        };
        if let Err(what) = &outcome {
            failed(what.clone());
        }
        told(outcome);
    };
    let begun = std::thread::Builder::new()
        .name("memory".into())
        .spawn(clear);
    if let Err(error) = begun {
        // Whoever waits for `told` is answered: it is dropped.
        tracing::error!("nothing is forgotten: {error}");
    }
}

fn clear_file(file: &Path) -> Result<(), String> {
    let still = |reason: String| {
        format!(
            "the conversation is still in {}: {reason}; delete that file to have it forgotten",
            file.display()
        )
    };
    let connection = opened(file).map_err(|error| match error {
        Unusable::NotOurs(reason) => still(format!("it {reason}")),
        Unusable::System(reason) => still(reason),
    })?;
    done(&connection, &Job::Clear(Box::new(|_| ()))).map_err(|error| still(error.to_string()))
}

enum Unusable {
    /// The file is damaged, or is something else.
    NotOurs(String),
    /// It cannot be had at all.
    System(String),
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType, Utf8Error};
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let damaged = match &error {
            // Text that is none.
            FromSqlConversionFailure(..) | InvalidColumnType(..) | Utf8Error(..) => true,
            error => matches!(
                error.sqlite_error_code(),
                Some(DatabaseCorrupt | NotADatabase)
            ),
        };
        match damaged {
            true => Self::NotOurs("is damaged".into()),
            false => Self::System(error.to_string()),
        }
    }
}

/// The file, opened, and its latest `turns` turns.
fn read(file: &Path, turns: usize) -> Result<(Connection, Vec<Kept>), Unusable> {
    let connection = opened(file)?;
    let turns = latest(&connection, turns)?;
    Ok((connection, turns))
}

fn opened(file: &Path) -> Result<Connection, Unusable> {
    let system = |error: std::io::Error| Unusable::System(error.to_string());
    super::make_folder_of(file).map_err(system)?;
    // SQLite gives the files beside it the same mode.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map_err(system)?;
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i32>(0));
    let tables = number("SELECT count(*) FROM sqlite_master")?;
    let (application, layout) = (
        number("PRAGMA application_id")?,
        number("PRAGMA user_version")?,
    );
    let empty = tables == 0 && application == 0 && layout == 0;
    if !empty && application != APPLICATION {
        return Err(Unusable::NotOurs("is no conversation of hearken's".into()));
    }
    if !empty && layout != LAYOUT {
        return Err(Unusable::NotOurs(format!(
            "has layout {layout}, which this hearken does not know"
        )));
    }
    for suffix in ["", "-wal", "-shm"] {
        close_to_others(&with(file, suffix));
    }
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(Unusable::NotOurs("is damaged".into()));
    }
    let whole = |connection: &Connection| {
        let turn = "SELECT count(*) FROM pragma_table_info('turn') WHERE name IN ('id', 'at', 'asked', 'said')";
        connection.query_row(turn, [], |row| row.get::<_, i32>(0))
    };
    if !empty && whole(&connection)? != 4 {
        return Err(Unusable::NotOurs("is damaged".into()));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Each turn is on the disk before the next.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    if empty {
        connection.execute_batch(&format!(
            "BEGIN;
             CREATE TABLE turn (
                 id INTEGER PRIMARY KEY,
                 at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
                 asked TEXT NOT NULL,
                 said TEXT NOT NULL
             ) STRICT;
             PRAGMA application_id = {APPLICATION};
             PRAGMA user_version = {LAYOUT};
             COMMIT;"
        ))?;
    }
    Ok(connection)
}

/// The file of that name with something behind it.
fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A conversation that came from elsewhere, out of a backup for one, may be open to others: no longer. What is no file, and
/// what somebody else owns, stays as it is.
fn close_to_others(file: &Path) {
    let Ok(about) = std::fs::metadata(file) else {
        return;
    };
    let mode = about.permissions().mode();
    if about.is_file()
        && mode & 0o077 != 0
        && let Err(error) = std::fs::set_permissions(file, Permissions::from_mode(mode & 0o700))
    {
        tracing::warn!("others may read {}: {error}", file.display());
    }
}

/// Sets the file aside, for this `reason`, so that another is begun; what is to be told of it.
fn begin_anew(file: &Path, reason: &str) -> std::io::Result<String> {
    let aside = set_aside(file)?;
    for suffix in ["", "-wal", "-shm"] {
        close_to_others(&with(&aside, suffix));
    }
    Ok(format!(
        "{} {reason}; it was set aside as {}, and a new one begun",
        file.display(),
        aside.display()
    ))
}

/// Gives the file, and SQLite's own beside it, another name.
fn set_aside(file: &Path) -> std::io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    let free = |n: &u32| !with(file, &format!(".{now}-{n}")).exists();
    let number = (1..1_000).find(free).unwrap_or(1_000);
    let aside = with(file, &format!(".{now}-{number}"));
    std::fs::rename(file, &aside)?;
    for own in ["-wal", "-shm"] {
        // They need not be there.
        let _ = std::fs::rename(with(file, own), with(&aside, own));
    }
    Ok(aside)
}

fn latest(connection: &Connection, turns: usize) -> rusqlite::Result<Vec<Kept>> {
    let mut query = connection.prepare("SELECT asked, said FROM turn ORDER BY id DESC LIMIT ?1")?;
    let kept = |row: &rusqlite::Row<'_>| {
        Ok(Kept {
            asked: row.get(0)?,
            said: row.get(1)?,
        })
    };
    let most = i64::try_from(turns).unwrap_or(MOST);
    let mut turns = query
        .query_map([most], kept)?
        .collect::<Result<Vec<_>, _>>()?;
    turns.reverse();
    Ok(turns)
}

/// Does it. A bug costs this job alone: with the next the file is opened anew. A file that turns out to be damaged is set aside, and the
/// job done in a new one; `tell` is told.
fn kept(
    connection: &mut Option<Connection>,
    file: &Path,
    job: &Job,
    tell: &dyn Fn(String),
) -> Result<(), String> {
    let why = match attempt(connection, file, job) {
        Ok(()) => return Ok(()),
        Err(Unusable::System(why)) => return Err(unwritten(file, &why)),
        Err(Unusable::NotOurs(why)) => why,
    };
    *connection = None;
    tell(begin_anew(file, &why).map_err(|error| unwritten(file, &error.to_string()))?);
    match job {
        Job::Add(_) => attempt(connection, file, job)
            .map_err(|(Unusable::NotOurs(why) | Unusable::System(why))| unwritten(file, &why)),
        // It is in the file that was set aside.
        _ => Err(format!(
            "what was to be forgotten is still in the file that was set aside beside {}; delete that to have it forgotten",
            file.display()
        )),
    }
}

fn unwritten(file: &Path, why: &str) -> String {
    format!(
        "the conversation cannot be written to {}: {why}",
        file.display()
    )
}

fn attempt(connection: &mut Option<Connection>, file: &Path, job: &Job) -> Result<(), Unusable> {
    let open = match connection.take() {
        Some(open) => open,
        None => opened(file)?,
    };
    let work = AssertUnwindSafe(|| {
        let outcome = done(&open, job);
        (open, outcome)
    });
    match catch_unwind(work) {
        Ok((open, outcome)) => {
            *connection = Some(open);
            Ok(outcome?)
        }
        Err(_) => Err(Unusable::System(
            "it broke; this is a bug in hearken, please report it".into(),
        )),
    }
}

fn done(connection: &Connection, job: &Job) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    match job {
        Job::Add(Kept { asked, said }) => {
            transaction.execute(
                "INSERT INTO turn (asked, said) VALUES (?1, ?2)",
                params![asked, said],
            )?;
            transaction.execute(
                "DELETE FROM turn WHERE id <= (SELECT max(id) FROM turn) - ?1",
                [MOST],
            )?;
        }
        Job::ForgetLast => {
            transaction.execute("DELETE FROM turn WHERE id = (SELECT max(id) FROM turn)", [])?;
        }
        Job::Clear(_) => {
            transaction.execute("DELETE FROM turn", [])?;
        }
        #[cfg(test)]
        Job::Break => panic!("scripted"),
    }
    transaction.commit()?;
    if !matches!(job, Job::Add(_)) {
        // Nor is it to stay in the log of what was written.
        let busy = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        if connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], busy)? != 0 {
            // Another program reads the file.
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                Some("what was forgotten is still in it while another program reads it".into()),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
