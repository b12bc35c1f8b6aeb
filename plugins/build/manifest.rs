//! Puts a plugin's manifest beside the built library, in the profile's folder and in its `deps`: every plugin's build
//! script is this with the manifest's name. Refuses to make the copy newer than the manifest, which would set off the
//! next build.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Copies `manifest`, a file beside the crate's own `Cargo.toml`.
pub(crate) fn beside_the_library(manifest: &str) -> io::Result<()> {
    println!("cargo::rerun-if-changed={manifest}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../build/manifest.rs");
    let text = fs::read(manifest)?;
    let profile = profile_folder()?;
    for folder in [profile.join("deps"), profile] {
        // Also when somebody removed it since.
        println!("cargo::rerun-if-changed={}", folder.join(manifest).display());
        put(&folder.join(manifest), &text, manifest)?;
    }
    Ok(())
}

/// `target/<profile>`, three names above `build/<package>/out`.
fn profile_folder() -> io::Result<PathBuf> {
    let out = env::var_os("OUT_DIR").map(PathBuf::from);
    let profile = out.as_deref().and_then(|out| out.ancestors().nth(3)).map(Path::to_owned);
    profile.ok_or_else(|| io::Error::other("cargo gave no OUT_DIR under a profile's folder"))
}

fn put(path: &Path, text: &[u8], manifest: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    // As old as what it is a copy of: a newer one would make the next build run this again.
    fs::File::options().write(true).open(path)?.set_modified(fs::metadata(manifest)?.modified()?)
}
