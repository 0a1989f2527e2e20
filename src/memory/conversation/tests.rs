//! What is kept, forgotten, closed to others and set aside.
#![allow(clippy::unwrap_used)]

use super::*;

fn open(file: &Path) -> (Keeper, Recalled) {
    Keeper::open(file, 8, |what| panic!("{what}")).unwrap()
}

fn cleared(file: &Path) -> Result<(), String> {
    let (tell, told) = channel();
    let done = move |outcome| tell.send(outcome).unwrap();
    clear_left(file, |_| (), Box::new(done));
    told.recv().unwrap()
}

#[test]
fn what_nobody_adds_to_can_be_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conversation.db");
    assert_eq!(cleared(&file), Ok(()));
    assert!(!file.exists());
    let (keeper, _) = open(&file);
    keeper.add("Where is my red umbrella?", "In the hall.");
    drop(keeper);
    assert_eq!(cleared(&file), Ok(()));
    let (keeper, recalled) = open(&file);
    assert!(recalled.turns.is_empty());
    drop(keeper);
    assert!(!String::from_utf8_lossy(&std::fs::read(&file).unwrap()).contains("umbrella"));
    // Somebody else's is not touched, and said.
    std::fs::write(&file, "a diary").unwrap();
    assert!(cleared(&file).unwrap_err().contains("conversation.db"));
    assert_eq!(std::fs::read(&file).unwrap(), b"a diary");
}

fn asked(recalled: &Recalled) -> Vec<&str> {
    recalled.turns.iter().map(|t| &t.asked[..]).collect()
}

#[test]
fn a_conversation_is_recalled_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("below/conversation.db");
    let (keeper, recalled) = open(&file);
    assert!(recalled.turns.is_empty() && recalled.told.is_none());
    for n in 0..10 {
        keeper.add(&format!("question {n}"), "답");
    }
    keeper.forget_last();
    drop(keeper);
    let (keeper, recalled) = open(&file);
    assert_eq!(asked(&recalled)[..2], ["question 1", "question 2"]);
    assert_eq!(recalled.turns.last().unwrap().said, "답");
    assert_eq!(recalled.turns.len(), 8);
    for path in std::fs::read_dir(file.parent().unwrap()).unwrap() {
        let path = path.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let (told, is) = channel();
    keeper.clear(Box::new(move |outcome| told.send(outcome).unwrap()));
    assert_eq!(is.recv().unwrap(), Ok(()));
    assert_eq!(latest(&Connection::open(&file).unwrap(), 8).unwrap(), []);
    drop(keeper);
    assert!(open(&file).1.turns.is_empty());
}

#[test]
fn what_others_could_read_is_closed_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("below/conversation.db");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (keeper, _) = open(&file);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    keeper.add("question", "answer");
    drop(keeper);
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let (keeper, recalled) = open(&file);
    assert_eq!(recalled.turns.len(), 1);
    assert_eq!(mode(&file), 0o600);
    drop(keeper);
    // So is what is set aside.
    std::fs::write(&file, "no database").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let (_keeper, recalled) = open(&file);
    assert!(recalled.told.unwrap().contains("set aside"));
    for path in std::fs::read_dir(file.parent().unwrap()).unwrap() {
        let path = path.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn what_is_forgotten_is_in_no_file_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conversation.db");
    let holds = |secret: &str| {
        let files = std::fs::read_dir(dir.path()).unwrap();
        files
            .map(|f| std::fs::read(f.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(secret.len()).any(|w| w == secret.as_bytes()))
    };
    let (keeper, _) = open(&file);
    keeper.add("my secret wish", "noted");
    drop(keeper);
    assert!(holds("my secret wish"));
    let (keeper, _) = open(&file);
    keeper.forget_last();
    drop(keeper);
    assert!(!holds("my secret wish"));
}

#[test]
fn what_is_damaged_or_somebody_elses_is_set_aside_whole() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conversation.db");
    let foreign = {
        let path = dir.path().join("foreign");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE photos (x)").unwrap();
        drop(connection);
        std::fs::read(path).unwrap()
    };
    let newer = {
        let path = dir.path().join("newer");
        drop(open(&path).0);
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        std::fs::read(path).unwrap()
    };
    let mut torn = {
        let path = dir.path().join("torn");
        let (keeper, _) = open(&path);
        (0..200).for_each(|n| keeper.add(&"x".repeat(400), &n.to_string()));
        drop(keeper);
        std::fs::read(path).unwrap()
    };
    torn[4_096..12_288].fill(0xa5);
    let kept = |name: &str| {
        let path = dir.path().join(name);
        let (keeper, _) = open(&path);
        keeper.add("umbrella", "In the hall.");
        drop(keeper);
        path
    };
    // One bit of one word.
    let mut no_text = std::fs::read(kept("no_text")).unwrap();
    let word = |bytes: &[u8]| bytes.windows(8).position(|w| w == b"umbrella").unwrap();
    let at = word(&no_text);
    no_text[at] |= 0x80;
    let other_table = {
        let path = kept("other_table");
        let connection = Connection::open(&path).unwrap();
        let other = "DROP TABLE turn; CREATE TABLE turn (x)";
        connection.execute_batch(other).unwrap();
        drop(connection);
        std::fs::read(path).unwrap()
    };
    let nothing = b"no database at all".repeat(100);
    for bytes in [nothing, foreign, newer, torn, no_text, other_table] {
        std::fs::write(&file, &bytes).unwrap();
        let (keeper, recalled) = open(&file);
        let told = recalled.told.unwrap();
        assert!(told.contains("set aside as"), "{told}");
        let aside = told.split("set aside as ").nth(1).unwrap();
        let aside = aside.split(',').next().unwrap();
        assert_eq!(std::fs::read(aside).unwrap(), bytes, "{told}");
        keeper.add("a", "b");
        drop(keeper);
        assert_eq!(asked(&open(&file).1), ["a"]);
    }
}

#[test]
fn what_is_damaged_while_it_is_in_use_is_set_aside_and_nothing_new_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conversation.db");
    let (told, is) = channel();
    let (keeper, _) = Keeper::open(&file, 8, move |what| told.send(what).unwrap()).unwrap();
    keeper.add("one", "1");
    let spoil = || {
        let other = Connection::open(&file).unwrap();
        // Nothing of it stays in anybody's memory.
        other.execute_batch("UPDATE turn SET said = 'x'").unwrap();
        let done = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let busy = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], done);
        assert_eq!(busy, Ok(0));
        drop(other);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[4_096..].fill(0xa5);
        std::fs::write(&file, bytes).unwrap();
    };
    let (forgotten, was) = channel();
    let forget = |keeper: &Keeper| {
        let tell = forgotten.clone();
        keeper.clear(Box::new(move |outcome| tell.send(outcome).unwrap()));
        was.recv().unwrap()
    };
    // Everything before it has been done.
    keeper.forget_last();
    keeper.add("two", "2");
    assert_eq!(forget(&keeper), Ok(()));
    spoil();
    keeper.add("three", "3");
    let what = is.recv().unwrap();
    assert!(what.contains("is damaged; it was set aside as"), "{what}");
    assert_eq!(forget(&keeper), Ok(()));
    keeper.add("four", "4");
    assert_eq!(forget(&keeper), Ok(()));
    keeper.add("five", "5");
    drop(keeper);
    assert_eq!(asked(&open(&file).1), ["five"]);
    assert_eq!(is.try_iter().count(), 0);
}

#[test]
fn what_cannot_be_forgotten_because_it_was_set_aside_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conversation.db");
    let (told, is) = channel();
    std::fs::write(&file, b"no database at all".repeat(100)).unwrap();
    let mut connection = None;
    let tell = |what| told.send(what).unwrap();
    let why = kept(&mut connection, &file, &Job::ForgetLast, &tell).unwrap_err();
    assert!(why.contains("delete that"), "{why}");
    assert!(is.recv().unwrap().contains("set aside as"));
    assert_eq!(
        kept(&mut connection, &file, &Job::ForgetLast, &tell),
        Ok(())
    );
}

#[test]
fn a_bug_costs_one_turn_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conversation.db");
    let (told, is) = channel();
    let (keeper, _) = Keeper::open(&file, 8, move |what| told.send(what).unwrap()).unwrap();
    keeper.add("one", "1");
    keeper.order(Job::Break);
    keeper.add("two", "2");
    drop(keeper);
    let told: Vec<_> = is.iter().collect();
    assert!(
        matches!(&told[..], [what] if what.contains("it broke")),
        "{told:?}"
    );
    assert_eq!(asked(&open(&file).1), ["one", "two"]);
}

#[test]
fn a_thread_that_is_gone_is_told_once_and_whenever_something_is_to_be_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (told, is) = channel();
    let failed = move |what| told.send(what).unwrap();
    let (mut keeper, _) = Keeper::open(&dir.path().join("a.db"), 8, failed).unwrap();
    keeper.jobs = Some(channel().0);
    keeper.add("one", "1");
    keeper.add("two", "2");
    assert_eq!(is.try_iter().count(), 1);
    let (cleared, was) = channel();
    keeper.clear(Box::new(move |outcome| cleared.send(outcome).unwrap()));
    assert!(was.recv().unwrap().is_err());
    assert_eq!(is.try_iter().count(), 1);
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let error = Keeper::open(Path::new("/proc/none/conversation.db"), 8, |_| ());
    let told = error.err().unwrap().to_string();
    assert!(told.contains("/proc/none/conversation.db"), "{told}");
}
