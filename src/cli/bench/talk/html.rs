//! The report as one page for a browser.

use std::path::Path;

use super::report::Report;

/// Where the page goes.
pub struct Page;

impl Page {
    /// Opens it.
    pub fn open(_path: &Path) -> anyhow::Result<Self> {
        Ok(Self)
    }

    /// Writes it.
    pub fn write(self, _text: &str) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The page.
pub fn page(_report: &Report) -> String {
    String::new()
}
