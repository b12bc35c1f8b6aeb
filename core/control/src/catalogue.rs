//! Where plugins are found. Refuses to load: it names files, and the host judges them.

use crate::config::Config;
use crate::surroundings::Surroundings;
use quarterdeck_domain::environment::Environment;
use std::path::{Path, PathBuf};

/// A plugin that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name: `fernet`.
    pub name: String,
    /// Its library.
    pub library: PathBuf,
    /// What it needs, beside the library; `None` when there is no such file.
    pub manifest: Option<PathBuf>,
}

/// The folders that are searched, first hit wins: configuration's, beside the executable, the user's, the machine's.
pub fn folders(config: &Config, surroundings: &Surroundings) -> Vec<PathBuf> {
    let mut folders = config.file.plugins.folders.clone();
    // A variable is anybody's to set, so Production doesn't listen to it.
    if config.environment != Some(Environment::Production)
        && let Some(named) = surroundings.var("QUARTERDECK_PLUGINS")
    {
        folders.extend(std::env::split_paths(named));
    }
    if let Some(beside) = surroundings.executable.parent() {
        folders.push(beside.to_owned());
        folders.push(beside.join("../lib/quarterdeck/plugins"));
    }
    folders.push(surroundings.data_home().join("plugins"));
    folders.push(PathBuf::from("/usr/lib/quarterdeck/plugins"));
    folders
}

/// Finds one by its name.
pub fn find(name: &str, folders: &[PathBuf]) -> Option<Found> {
    folders.iter().find_map(|folder| {
        let library = folder.join(format!("libquarterdeck_{name}.so"));
        library.is_file().then(|| found(name, folder, library))
    })
}

/// Every plugin there is, by name, first hit of each.
pub fn all(folders: &[PathBuf]) -> Vec<Found> {
    let mut plugins: Vec<Found> = Vec::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for library in entries.flatten().map(|entry| entry.path()) {
            let Some(name) = plugin_name(&library) else { continue };
            if plugins.iter().all(|plugin| plugin.name != name) {
                plugins.push(found(&name, folder, library));
            }
        }
    }
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    plugins
}

fn plugin_name(library: &Path) -> Option<String> {
    let name = library.file_name()?.to_str()?.strip_prefix("libquarterdeck_")?.strip_suffix(".so")?;
    Some(name.to_owned())
}

fn found(name: &str, folder: &Path, library: PathBuf) -> Found {
    let manifest = folder.join(format!("{name}.plugin.toml"));
    Found { name: name.to_owned(), library, manifest: manifest.is_file().then_some(manifest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_wins_and_a_manifest_is_found_beside_its_library() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        for folder in [&one, &two] {
            std::fs::create_dir(folder).expect("a folder");
            std::fs::write(folder.join("libquarterdeck_x.so"), b"").expect("a file");
        }
        std::fs::write(two.join("libquarterdeck_y.so"), b"").expect("a file");
        std::fs::write(two.join("y.plugin.toml"), b"").expect("a file");
        let folders = [one.clone(), two.clone()];
        assert_eq!(find("x", &folders).map(|found| found.library), Some(one.join("libquarterdeck_x.so")));
        let names: Vec<String> = all(&folders).into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["x", "y"]);
        assert_eq!(find("y", &folders).and_then(|found| found.manifest), Some(two.join("y.plugin.toml")));
        assert_eq!(find("z", &folders), None);
    }
}
