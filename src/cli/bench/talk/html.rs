//! The report as one page for a browser, with the waterfall of every turn as a picture in it. Nothing is loaded from
//! elsewhere, and there is no script.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::judge::GAP_MS;
use super::report::{CUT_OFF_AIM, Report, whole};
use super::stages::{PLAYED, STAGES, percentile};
use super::waterfall;

/// Where the page goes. It can be written when there is one; an old page is only given up when the new one is whole.
pub struct Page {
    path: PathBuf,
    target: Target,
}

enum Target {
    /// A file beside it that takes its name.
    Beside(NamedTempFile),
    /// What is no ordinary file cannot be replaced.
    Itself(File),
}

impl Page {
    /// Sees to it that `path` can be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let refused = || format!("cannot write {}", path.display());
        if path.is_dir() {
            bail!("cannot write {}: it is a folder", path.display());
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            bail!(
                "cannot write {}: there is no folder {}",
                path.display(),
                folder.display()
            );
        }
        // What is there may be protected.
        let there = match path.exists() {
            true => Some(
                OpenOptions::new()
                    .write(true)
                    .open(path)
                    .with_context(refused)?,
            ),
            false => None,
        };
        let target = match there {
            Some(file) if !path.is_file() => Target::Itself(file),
            _ => Target::Beside(beside(folder).with_context(refused)?),
        };
        let path = path.to_owned();
        Ok(Self { path, target })
    }

    /// Writes the page.
    pub fn write(self, text: &str) -> anyhow::Result<()> {
        let refused = || format!("cannot write {}", self.path.display());
        match self.target {
            Target::Beside(mut file) => {
                file.write_all(text.as_bytes()).with_context(refused)?;
                file.persist(&self.path).with_context(refused)?;
            }
            Target::Itself(mut file) => file.write_all(text.as_bytes()).with_context(refused)?,
        }
        Ok(())
    }
}

/// A new file in `folder`, readable for whom the user lets read.
fn beside(folder: &Path) -> std::io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .prefix(".hearken-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

const STYLE: &str = "
:root { color-scheme: light dark; }
body { margin: 2rem auto; padding: 0 1.5rem; max-width: 1180px; background: #fff; color: #1f2937;
  font: 15px/1.5 system-ui, 'DejaVu Sans', sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .2rem 0; color: #6b7280; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.figure { flex: 1 1 9rem; padding: .7rem 1rem; border: 1px solid #e5e7eb; border-radius: .5rem; }
.figure b { display: block; font-size: 1.5rem; font-weight: 600; line-height: 1.25; }
.figure span { color: #6b7280; font-size: .85rem; }
.bad b { color: #c0392b; }
.picture { overflow-x: auto; }
svg { display: block; min-width: 860px; width: 100%; height: auto; }
table { border-collapse: collapse; }
th, td { padding: .25rem 1.4rem .25rem 0; text-align: right; font-variant-numeric: tabular-nums; }
th { font-weight: 500; color: #6b7280; }
th:first-child, td:first-child { text-align: left; }
td { border-top: 1px solid #e5e7eb; }
td i { display: inline-block; width: .8em; height: .8em; margin-right: .6em; border-radius: .15em; }
@media (prefers-color-scheme: dark) {
  body { background: #14171c; color: #e5e7eb; }
  p, th, .figure span { color: #9ca3af; }
  .figure, td { border-color: #2e343d; }
  .bad b { color: #ff7b72; }
}
";

/// The page.
pub fn page(report: &Report) -> String {
    let times = report.times(PLAYED);
    let [p50, p95] = [50, 95].map(|p| whole(percentile(&times, p)));
    let gaps = report.gaps().len();
    let figures = [
        (format!("{p50} ms"), "voice to voice, p50".into(), false),
        (format!("{p95} ms"), "voice to voice, p95".into(), false),
        (
            format!("{} of {}", report.counted(), report.turns.len()),
            "turns counted: answered whole".into(),
            false,
        ),
        (
            format!("{} of {}", report.cut_off(), report.turns.len()),
            format!(
                "cut off: {:.1} %, aim at most {CUT_OFF_AIM:.0} %",
                report.cut_off_percent()
            ),
            report.cut_off_percent() > CUT_OFF_AIM,
        ),
        (
            gaps.to_string(),
            format!("gaps over {GAP_MS:.0} ms in replies"),
            gaps > 0,
        ),
    ];
    let figures: String = figures.iter().map(figure).collect();
    let rows: String = STAGES.iter().map(|stage| row(report, stage)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>hearken: voice to voice</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>hearken: voice to voice</h1>\n<p>{}</p>\n\
         <div class=\"figures\">{figures}</div>\n\
         <h2>Every turn, in ms after the last speech sample</h2>\n<div class=\"picture\">\n{}</div>\n\
         <h2>Stages</h2>\n<table>\n<tr><th>reached, in ms after the last speech sample</th><th>p50</th><th>p95</th>\
         <th>turns</th></tr>\n{rows}</table>\n\
         <p>p50 and p95 are the values of the nearest rank among the turns that count. Faint rows do not count.</p>\n\
         </body>\n</html>\n",
        escaped(&report.conditions()),
        waterfall::picture(report),
    )
}

fn figure((value, label, bad): &(String, String, bool)) -> String {
    let class = if *bad { "figure bad" } else { "figure" };
    format!("<div class=\"{class}\"><b>{value}</b><span>{label}</span></div>")
}

fn row(report: &Report, stage: &super::stages::Stage) -> String {
    let times = report.times(stage.key);
    let [p50, p95] = [50, 95].map(|p| whole(percentile(&times, p)));
    format!(
        "<tr><td><i style=\"background:{}\"></i>{}</td><td>{p50}</td><td>{p95}</td><td>{}</td></tr>\n",
        stage.colour,
        stage.label,
        times.len()
    )
}

/// `text` as HTML shows it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let page = page(&report());
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
        for wanted in [
            "first question",
            "second question",
            "third &lt;question&gt;",
            "cut off",
            "1 of 3",
            "prefers-color-scheme: dark",
        ] {
            assert!(page.contains(wanted), "{wanted}");
        }
        let foreign = ["<script", "src=", "href=", "@import", "url("];
        assert!(foreign.iter().all(|f| !page.contains(f)));
    }

    #[test]
    fn an_old_page_stays_until_there_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        std::fs::write(&path, "old").unwrap();
        drop(Page::open(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let page = Page::open(&path).unwrap();
        page.write("new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let says = |path: &Path| format!("{:#}", Page::open(path).err().unwrap());
        assert!(says(folder.path()).contains("it is a folder"));
        assert!(says(&folder.path().join("no/page.html")).contains("there is no folder"));
    }
}
