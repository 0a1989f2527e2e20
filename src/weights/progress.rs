//! How far a pull has come, as somebody who watches is told. The command line draws bars; tests count.

/// A watcher. Called on the pulling thread and on the download's; must be quick.
pub trait Progress: Sync {
    /// A stage of one file begins: `what` for people ("joe.onnx: fetch"), with so many bytes to come, if known.
    fn begin(&self, what: &str, total: Option<u64>);
    /// The bytes to come have become known.
    fn total(&self, bytes: u64);
    /// So many bytes of the stage are done. May go back when a source starts anew.
    fn at(&self, bytes: u64);
    /// The stage is over.
    fn end(&self);
    /// Something to know that is no failure of the whole.
    fn note(&self, text: &str);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _total: Option<u64>) {}
    fn total(&self, _bytes: u64) {}
    fn at(&self, _bytes: u64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
}
