//! What a backend is told when it is made. Refuses to be read from the environment: the host sends it.

use crate::SecretBytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One plain (not secret) setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// Text, a path, an address.
    Text(String),
    /// A switch.
    Flag(bool),
    /// A whole number, its unit named by the setting.
    Number(i64),
    /// Several texts.
    List(Vec<String>),
}

/// All that a backend is made from: the first frame a child receives.
///
/// `secrets` holds what must not be seen (a Fernet key, a token, the `DP_*` entries that the env plugin serves); it
/// travels in frames of its own and never in argv or the child's environment.
#[derive(Debug, Default)]
pub struct Setup {
    /// The instance's name as configuration has it, for errors: `fernet`, `vault-eu`.
    pub instance: String,
    /// Plain settings by name.
    pub settings: BTreeMap<String, Setting>,
    /// Secret settings by name.
    pub secrets: BTreeMap<String, SecretBytes>,
}

impl Setup {
    /// The text setting of this name, if it is there and is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.settings.get(name) {
            Some(Setting::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The list setting of this name; empty when it is absent.
    pub fn list(&self, name: &str) -> &[String] {
        match self.settings.get(name) {
            Some(Setting::List(items)) => items,
            _ => &[],
        }
    }

    /// The switch of this name; false when it is absent.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.settings.get(name), Some(Setting::Flag(true)))
    }
}
