//! What a plugin is made from: configuration's settings, the session's variables, the files that hold secrets. Refuses to
//! hand over an entry that the plugin's manifest does not name.

use super::helper::CREDENTIAL_PROCESS;
use super::private;
use super::settings::{Wish, text};
use crate::config::BackendTable;
use crate::ordinary;
use crate::surroundings::Surroundings;
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes, Setting, Setup};
use quarterdeck_domain::environment::Environment;
use quarterdeck_host::PluginManifest;
use std::path::{Path, PathBuf};

/// All that a setup is made from, kept to make it again.
pub(super) struct Maker {
    pub(super) layer: String,
    pub(super) kind: String,
    pub(super) table: BackendTable,
    pub(super) environment: Option<Environment>,
    pub(super) manifest: PluginManifest,
    pub(super) surroundings: Surroundings,
    /// Under it a Fernet value's version stays the same when the file is sealed anew.
    pub(super) versions: Option<SecretBytes>,
}

impl Maker {
    pub(super) fn wish(&self) -> Wish<'_> {
        Wish {
            layer: &self.layer,
            kind: &self.kind,
            table: &self.table,
            environment: self.environment,
            surroundings: &self.surroundings,
        }
    }

    /// A setup that tells nothing.
    pub(super) fn nothing(&self) -> Setup {
        Setup { instance: self.layer.clone(), ..Setup::default() }
    }

    /// A setup without secrets: what is wrong with it is wrong for the whole session.
    pub(super) fn plain(&self) -> Result<Setup> {
        let mut setup = self.nothing();
        setup.settings = self.wish().settings()?;
        self.places(&mut setup);
        Ok(setup)
    }

    /// Makes it from what is there now; `given` is what a helper said.
    pub(super) fn make(&self, given: Option<SecretBytes>) -> Result<Setup> {
        let mut setup = self.plain()?;
        self.secrets(&mut setup)?;
        if let Some(given) = given {
            setup.secrets.insert(CREDENTIAL_PROCESS.into(), given);
        }
        Ok(setup)
    }

    /// The files whose change is a reason to make it again.
    pub(super) fn watched(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.table.secret_files.values().cloned().collect();
        if self.kind == "vault" {
            files.push(self.vault_token());
        }
        files
    }

    fn places(&self, setup: &mut Setup) {
        if let Some(path) = self.table.path.clone().or_else(|| fernet_path(&self.kind, &self.surroundings)) {
            // The folder is what the plugin's manifest asks for: a rename makes a new file, so rights are a folder's.
            if let Some(folder) = path.parent() {
                setup.settings.insert("folder".into(), Setting::Text(text(folder)));
            }
            setup.settings.insert("path".into(), Setting::Text(text(&path)));
        }
        if let Some(files) = &self.table.env_files {
            let files = files.iter().map(|file| text(file)).collect();
            setup.settings.insert("env_files".into(), Setting::List(files));
        }
    }

    fn secrets(&self, setup: &mut Setup) -> Result<()> {
        let wish = self.wish();
        for (name, value) in self.surroundings.entries() {
            if self.manifest.wants(&name) && !is_reserved(&name) && wish.lets_in(&name) {
                setup.secrets.insert(name, SecretBytes::new(value));
            }
        }
        for (name, file) in &self.table.secret_files {
            // Where variables come first, one that is set makes its file needless.
            if wish.configured_first() || !setup.secrets.contains_key(name) {
                let secret = private::read(&self.layer, name, file)?;
                setup.secrets.insert(name.clone(), secret);
            }
        }
        match self.kind.as_str() {
            "fernet" => self.of_fernet(setup)?,
            "vault" => self.of_vault(setup)?,
            _ => {}
        }
        Ok(())
    }

    fn of_fernet(&self, setup: &mut Setup) -> Result<()> {
        if let Some(key) = fernet_key(self.table.key_file.as_deref(), &self.surroundings)? {
            setup.secrets.insert("key".into(), key);
        }
        if let Some(key) = &self.versions {
            setup.secrets.insert("fingerprint_key".into(), key.duplicate());
        }
        Ok(())
    }

    /// The session's token: `VAULT_TOKEN`, else the file that `vault login` leaves behind. A backend that logs in another
    /// way gets none.
    fn of_vault(&self, setup: &mut Setup) -> Result<()> {
        if setup.text("auth").is_some_and(|way| way != "token") {
            return Ok(());
        }
        let by_file = setup.secrets.contains_key("token");
        let file = self.table.secret_files.get("token").filter(|_| by_file).cloned();
        let file = file.unwrap_or_else(|| self.vault_token());
        let by_variable = self.surroundings.var("VAULT_TOKEN").map(|token| SecretBytes::from(token.trim()));
        let (token, from) = match by_variable {
            Some(token) if !by_file || !self.wish().configured_first() => (Some(token), "VAULT_TOKEN".to_owned()),
            _ if by_file => (None, text(&file)),
            _ => (private::read_if_there(&file)?, text(&file)),
        };
        // Who has to replace it is told which of these counts.
        setup.settings.insert("token_from".into(), Setting::Text(from));
        if let Some(token) = token {
            setup.secrets.insert("token".into(), token);
        }
        Ok(())
    }

    fn vault_token(&self) -> PathBuf {
        self.surroundings.home().join(".vault-token")
    }
}

/// The guide's own names, which steer and are never secrets (R1.2).
pub fn is_reserved(entry: &str) -> bool {
    let entry = entry.to_ascii_uppercase();
    const PREFIXES: [&str; 3] = ["DP_USE_", "DP_VAULT_", "DP_AUDIT_"];
    const NAMES: [&str; 4] =
        ["DP_SECRETS_ENCRYPTION_KEY", "DP_ENCRYPTED_SECRETS_FILE", "DP_ENVIRONMENT", "DP_SECURITY__ENFORCE_HTTPS"];
    NAMES.contains(&entry.as_str()) || PREFIXES.iter().any(|prefix| entry.starts_with(prefix))
}

fn fernet_path(kind: &str, surroundings: &Surroundings) -> Option<PathBuf> {
    if kind != "fernet" {
        return None;
    }
    let named = surroundings.var("DP_ENCRYPTED_SECRETS_FILE").unwrap_or(".secrets/encrypted_secrets.bin");
    Some(surroundings.cwd.join(named))
}

/// Largest key file that is read: a key is 44 bytes, and several may stand in it.
const KEY_FILE: u32 = 64 << 10;

/// The environment's key, else the key file's.
fn fernet_key(file: Option<&Path>, surroundings: &Surroundings) -> Result<Option<SecretBytes>> {
    if let Some(key) = surroundings.var("DP_SECRETS_ENCRYPTION_KEY") {
        return Ok(Some(SecretBytes::from(key)));
    }
    let Some(file) = file else { return Ok(None) };
    let bytes = ordinary::read(file, KEY_FILE).map_err(|error| {
        BackendError::new(ErrorKind::Invalid, format!("the key can't be read: {error}"))
            .doing(format!("reading {}", file.display()))
            .hint("Name the right file in [backend.fernet] key_file, or set DP_SECRETS_ENCRYPTION_KEY.")
    })?;
    Ok(Some(SecretBytes::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_steering_names_are_never_secrets() {
        for name in [
            "DP_USE_VAULT",
            "DP_VAULT_PATH",
            "DP_AUDIT_LOG_FILE",
            "DP_SECRETS_ENCRYPTION_KEY",
            "DP_ENVIRONMENT",
            "DP_SECURITY__ENFORCE_HTTPS",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("DP_BROKER__PASSWORD"));
        assert!(!is_reserved("DP_ENVIRONMENTAL"));
    }
}
