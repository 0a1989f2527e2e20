//! Tables of docs/reliability.md, which tests write: `WRITE_TABLES=1` writes what they find.

use std::path::Path;

/// What stands between `<!-- NAME -->` and `<!-- end of NAME -->`; it is `table` afterwards, when that is wished.
pub fn standing(name: &str, table: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let (before, rest) = page.split_once(&begin).unwrap();
    let (written, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("WRITE_TABLES").is_none() {
        return written.to_owned();
    }
    std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    table.to_owned()
}
