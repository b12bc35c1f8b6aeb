//! The program as it is installed: binary, plugins and their manifests in one folder, linked from what cargo built for
//! these tests. Refuses a library older than its source: cargo builds the plugins before the suites, as their
//! dev-dependencies, into the folder of the suite itself.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const PLUGINS: [&str; 4] = ["env", "vault", "aws", "fernet"];
const MISBEHAVE: &str = "libquarterdeck_misbehave.so";

/// The installed program, with its plugins beside it.
pub(crate) fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            let folder = folder("installed");
            let files = |name: &&str| [format!("libquarterdeck_{name}.so"), format!("{name}.plugin.toml")];
            PLUGINS.iter().flat_map(files).for_each(|name| link(&built().join(&name), &folder.join(&name)));
            let program = folder.join("quarterdeck");
            link(Path::new(env!("CARGO_BIN_EXE_quarterdeck")), &program);
            program
        })
        .clone()
}

/// The program alone: no plugin is beside it.
pub(crate) fn bare() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            let program = folder("bare").join("quarterdeck");
            link(Path::new(env!("CARGO_BIN_EXE_quarterdeck")), &program);
            program
        })
        .clone()
}

/// A folder with the plugin that misbehaves.
pub(crate) fn misbehave() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = folder("misbehave");
            link(&built().join(MISBEHAVE), &folder.join(MISBEHAVE));
            // Its secrets are the entries that begin so.
            let manifest = "name = \"misbehave\"\n[environment]\nprefixes = [\"DP_SHELF_\"]\n";
            replace(&folder.join("misbehave.plugin.toml"), |new| std::fs::write(new, manifest));
            folder
        })
        .clone()
}

/// Where cargo put this suite, and the libraries that it depends on.
fn built() -> PathBuf {
    let suite = std::env::current_exe().expect("this suite");
    suite.parent().expect("it is in a folder").to_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder under target");
    folder
}

/// Makes `to` the same file as `from`, without a moment in which it is not there.
fn link(from: &Path, to: &Path) {
    let id = |path: &Path| std::fs::metadata(path).map(|facts| (facts.dev(), facts.ino())).ok();
    assert!(id(from).is_some(), "{} was not built", from.display());
    if id(from) != id(to) {
        replace(to, |new| std::fs::hard_link(from, new).or_else(|_| std::fs::copy(from, new).map(|_| ())));
    }
}

fn replace(file: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) {
    let new = file.with_extension(format!("new-{}", std::process::id()));
    let _ = std::fs::remove_file(&new);
    make(&new).and_then(|()| std::fs::rename(&new, file)).expect("room under target");
}
