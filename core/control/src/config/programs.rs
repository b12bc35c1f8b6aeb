//! The programs that hooks and generators name, looked at before anybody needs them; and what else of rotations is not as
//! it was meant. Refuses to run a program, and to read more of it than its place and its mode.

use super::{Config, SecretTable, duration, rotation};
use quarterdeck_domain::rotate::{Generator, Hook};
use quarterdeck_domain::sanitise;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where programs without a path are looked for; whose file is there is root's.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Something of rotations that is not as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What, and of which secret.
    pub what: String,
    /// What to do.
    pub next: String,
}

impl Config {
    /// What of `[rotate]` and `[[secret]]` can't be as it is said, here and now.
    pub fn remarks(&self) -> Vec<Remark> {
        self.file.secret.iter().flat_map(|secret| self.remarks_of(secret)).collect()
    }

    fn remarks_of(&self, secret: &SecretTable) -> Vec<Remark> {
        let name = sanitise::line(&secret.name, 240);
        let mut remarks = Vec::new();
        let generator = secret.generator.as_ref().and_then(|value| rotation::generator(value).ok());
        let made = generator.as_ref().and_then(of_generator).map(|words| ("generator", words.to_vec()));
        let hooks = [("set", &secret.set), ("test", &secret.test), ("revoke", &secret.revoke)];
        let hooks = hooks.into_iter().filter_map(|(part, table)| {
            let hook = rotation::hook(table.as_ref()?).ok()?;
            Some((part, of_hook(&hook)?.to_vec()))
        });
        for (part, words) in made.into_iter().chain(hooks) {
            remarks.extend(why_not(&words).map(|why| Remark {
                what: format!("[[secret]] {name} {part}: {why}"),
                next: "put the program there, executable for whoever carries rotations on, or name another".into(),
            }));
        }
        let layer = secret.layer.as_deref().unwrap_or_default();
        remarks.extend(self.cut_grace(layer, &secret.name).map(|cut| Remark {
            what: format!("[[secret]] {name} grace: {cut}"),
            next: "say a grace that is shorter than the period".into(),
        }));
        remarks
    }

    /// That a grace is shortened since it is as long as the period; nothing where it is kept.
    pub(crate) fn cut_grace(&self, layer: &str, name: &str) -> Option<String> {
        let said = self.secret_in(layer, name).and_then(|said| said.grace.as_deref());
        let text = said.or(self.file.rotate.grace.as_deref())?;
        let (wished, kept) = (rotation::grace(text).ok()?, self.policy(layer, name));
        (kept.grace < wished).then(|| {
            let (wished, period, grace) =
                (duration::words(wished), duration::words(kept.period), duration::words(kept.grace));
            format!("{wished} is not shorter than the period of {period}: it is cut to {grace}")
        })
    }
}

/// The words of what makes a value.
pub(crate) fn of_generator(generator: &Generator) -> Option<&[String]> {
    match generator {
        Generator::Command { words } => Some(words),
        _ => None,
    }
}

/// The words of what does a step.
pub(crate) fn of_hook(hook: &Hook) -> Option<&[String]> {
    match hook {
        Hook::Command { words, .. } => Some(words),
        _ => None,
    }
}

/// Why this program can't be run by this user; nothing where it can.
pub(crate) fn why_not(words: &[String]) -> Option<String> {
    let program = words.first()?;
    let places: Vec<PathBuf> = match program.contains('/') {
        true => vec![program.into()],
        false => FOLDERS.iter().map(|folder| Path::new(folder).join(program)).collect(),
    };
    let shown = sanitise::line(program, 240);
    let mut seen = None;
    for place in &places {
        match std::fs::metadata(place) {
            Ok(facts) if !facts.is_file() => seen = Some(format!("{shown} is no program")),
            Ok(_) if rustix::fs::access(place, rustix::fs::Access::EXEC_OK).is_ok() => return None,
            Ok(_) => seen = Some(format!("{shown} is not executable by you")),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => seen = Some(format!("{shown} can't be looked at: {error}")),
        }
    }
    let nowhere = || match program.contains('/') {
        true => format!("{shown} is not there"),
        false => format!("{shown} is in none of {}", FOLDERS.join(", ")),
    };
    Some(seen.unwrap_or_else(nowhere))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn why(program: &Path) -> Option<String> {
        why_not(&[program.to_string_lossy().into_owned(), "word".into()])
    }

    #[test]
    fn a_program_that_is_not_there_or_not_executable_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("set-key");
        assert_eq!(why(&file), Some(format!("{} is not there", file.display())));
        std::fs::write(&file, "#!/bin/sh\n").expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        assert_eq!(why(&file), Some(format!("{} is not executable by you", file.display())));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).expect("its mode");
        assert_eq!(why(&file), None);
        assert_eq!(why(folder.path()), Some(format!("{} is no program", folder.path().display())));
        assert_eq!(why(Path::new("sh")), None);
        assert!(why(Path::new("no-such-program-here")).is_some_and(|why| why.contains("in none of /usr/local/sbin")));
    }

    #[test]
    fn what_can_not_be_as_it_is_said_is_remarked() {
        let text = "[rotate]\ngrace='100d'\n[[secret]]\nname='a'\nset={command=['/nowhere/set']}\n\
                    generator={command=['/nowhere/make']}\n[[secret]]\nname='b'\ngrace='5m'\n";
        let config = Config { file: toml::from_str(text).expect("valid"), ..Config::default() };
        let told: Vec<String> = config.remarks().into_iter().map(|remark| remark.what).collect();
        assert_eq!(
            told,
            [
                "[[secret]] a generator: /nowhere/make is not there",
                "[[secret]] a set: /nowhere/set is not there",
                "[[secret]] a grace: 100 d is not shorter than the period of 90 d: it is cut to 9 d",
            ]
        );
    }
}
