//! What a plugin's library says of itself, asked in a child of its own. Refuses to hand it a secret.

use super::setup::Maker;
use super::{manifest, pins, whole};
use crate::catalogue::Found;
use crate::config::{BackendTable, Config};
use crate::surroundings::Surroundings;
use quarterdeck_contract::Setup;
use quarterdeck_host::{HostSpec, Hosted};
use std::time::Duration;

/// What a plugin's library said of itself when it was loaded in a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its version.
    pub version: String,
    /// The joint it was built for: `1.0`.
    pub abi: String,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// What the kernel here can't confine, each in words; empty when its process is confined whole.
    pub unconfined: Vec<String>,
}

/// Loads a plugin in a child of its own, as it is configured when nothing is said, and says what it is or why it was
/// refused. It gets no secret.
pub fn judge(found: &Found, surroundings: &Surroundings) -> Result<Judged, String> {
    judge_here(found, &Config::default(), surroundings)
}

/// The same, held to the pins and the confinement that configuration asks for.
pub fn judge_here(found: &Found, config: &Config, surroundings: &Surroundings) -> Result<Judged, String> {
    let spec = spec(found, config, surroundings).map_err(|error| error.to_string())?;
    let hosted = Hosted::new(spec);
    let ready = hosted.ready(Duration::from_secs(5));
    let status = hosted.status();
    match (status.version, status.abi, status.sha256) {
        (Some(version), Some((major, minor)), Some(sha256)) => {
            let unconfined = status.confinement.map(|confinement| confinement.lacks).unwrap_or_default();
            Ok(Judged { version, abi: format!("{major}.{minor}"), sha256, unconfined })
        }
        _ => Err(ready.err().map_or_else(|| "it did not say what it is".into(), |error| error.to_string())),
    }
}

fn spec(found: &Found, config: &Config, surroundings: &Surroundings) -> quarterdeck_contract::Result<HostSpec> {
    let pinned = pins::of(&found.name, &found.library, config)?;
    let maker = Maker {
        layer: found.name.clone(),
        kind: found.name.clone(),
        table: BackendTable::default(),
        environment: config.environment,
        manifest: manifest(found)?,
        surroundings: surroundings.clone(),
        versions: None,
    };
    let setup = Setup { secrets: Default::default(), ..maker.make(None)? };
    let mut spec = HostSpec::new(&found.name, surroundings.executable.clone(), found.library.clone(), setup);
    spec.pinned = pinned;
    // It is asked what it is and nothing more: for that it may reach nothing.
    spec.whole = whole(config);
    Ok(spec)
}
