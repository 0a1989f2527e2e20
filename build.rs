//! Links what espeak-rs-sys leaves out: its eSpeak NG uses Debian's libsonic, and its own build script does not say so.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-lib=sonic");
}
