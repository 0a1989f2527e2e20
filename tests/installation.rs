//! What `make install` puts on a computer and `make uninstall` takes away again, and that the documents' links lead
//! somewhere, in the source and where they are installed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

const HEARKEN: &str = env!("CARGO_BIN_EXE_hearken");
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

fn script(root: &Path, what: &str) {
    let mut command = Command::new(Path::new(SOURCE).join("scripts/install.sh"));
    command.env("DESTDIR", root).env("PREFIX", "/usr").arg(what);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Every file below a folder, without what is built.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with(".git") || path.ends_with("target") => {}
                true => folders.push(path),
                false => drop(found.insert(path)),
            }
        }
    }
    found
}

/// The links of a document, and the anchors that it offers.
fn read(document: &Path) -> (Vec<String>, BTreeSet<String>) {
    let text = std::fs::read_to_string(document).unwrap();
    let (mut links, mut anchors) = (Vec::new(), BTreeSet::new());
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.to_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let heading = heading.take().unwrap().to_lowercase();
                let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
                let anchor: String = heading.chars().filter(kept).collect();
                anchors.insert(anchor.replace(' ', "-"));
            }
            _ => {}
        }
    }
    (links, anchors)
}

/// How many links the documents below a folder have to one another; each leads to a file that is there, and to a heading
/// in it.
fn links_lead_somewhere(folder: &Path) -> usize {
    let is_document = |path: &PathBuf| path.extension().is_some_and(|e| e == "md");
    let documents = files(folder).into_iter().filter(is_document);
    let documents: BTreeMap<PathBuf, _> =
        documents.map(|path| (path.clone(), read(&path))).collect();
    let mut count = 0;
    for (document, (links, _)) in &documents {
        for link in links.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            let place = document.display();
            let file = file.canonicalize();
            let file = file.unwrap_or_else(|e| panic!("{place}: {link}: {e}"));
            if !anchor.is_empty() {
                let (_, anchors) = &documents[&file];
                assert!(anchors.contains(anchor), "{place}: {link}: {anchors:?}");
            }
            count += 1;
        }
    }
    count
}

#[test]
fn the_documents_of_the_source_link_to_what_is_there() {
    let source = Path::new(SOURCE).canonicalize().unwrap();
    assert!(links_lead_somewhere(&source) > 10);
}

#[test]
fn what_is_installed_is_whole_and_goes_again() {
    let built = Path::new(SOURCE).join("target/release/hearken");
    if built.canonicalize().ok() != Path::new(HEARKEN).canonicalize().ok() {
        eprintln!(
            "the script installs target/release, which is not what is tested here: nothing is shown"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    // Of somebody else, and to stay.
    let other = root.join("usr/share/man/man1/hearkening.1");
    std::fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::fs::write(&other, "").unwrap();
    script(&root, "install");
    let there = |file: &str| {
        let path = root.join("usr").join(file);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{file}: {e}"))
    };
    for file in [
        "bin/hearken",
        "bin/hearken-llm",
        "share/doc/hearken/LICENSE",
    ] {
        assert!(!there(file).is_empty());
    }

    let help = Command::new(HEARKEN).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // A long explanation goes on in lines that are indented further.
    let commands: Vec<&str> = listed
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 12, "{help}");
    for command in commands
        .iter()
        .chain(&["weights-add", "service-logs", "bench-talk"])
    {
        let page =
            String::from_utf8(there(&format!("share/man/man1/hearken-{command}.1"))).unwrap();
        assert!(page.contains(&format!(".TH hearken-{command} 1")), "{page}");
        assert!(
            page.contains(".SH NAME") && page.contains(".SH OPTIONS"),
            "{page}"
        );
    }
    let all = String::from_utf8(there("share/man/man1/hearken.1")).unwrap();
    for command in commands {
        assert!(all.contains(&format!(".SH HEARKEN {}", command.to_uppercase())));
    }

    let installed = root.join("usr/share/doc/hearken");
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "docs/control.md",
        "docs/measured.md",
    ] {
        assert!(installed.join(document).is_file(), "{document}");
    }
    assert!(links_lead_somewhere(&installed) > 10);

    script(&root, "uninstall");
    assert_eq!(files(&root), BTreeSet::from([other]));
    assert!(
        !root.join("usr/share/doc/hearken").exists() && !root.join("usr/share/hearken").exists()
    );
}
