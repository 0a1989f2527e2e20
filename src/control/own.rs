//! What this process has open. Nobody but root can count that from outside: hearken leaves no core dump, and the system
//! gives the folders of such a process to root.

/// How many threads there are; `None` where the system does not say.
pub(super) fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// How many file descriptors are open; `None` where the system does not say, or has none left to look.
pub(super) fn descriptors() -> Option<usize> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The one by which they are counted is none of them.
    Some(open.saturating_sub(1))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted() {
        // Other tests of this process open and close files meanwhile, but not so many.
        let before = descriptors().unwrap();
        let files: Vec<_> = (0..200)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        let opened = descriptors().unwrap();
        assert!(opened > before + 100, "{before}, then {opened}");
        drop(files);
        assert!(threads().unwrap() >= 1);
    }
}
