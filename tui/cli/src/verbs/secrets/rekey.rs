//! `secrets rekey`: the Fernet file sealed with a new key, and the file that the key lies in kept in step. Refuses to repeat
//! a key, and to leave anybody guessing where the new one has to stand.

use crate::args::Common;
use crate::input;
use crate::output::{self, Outcome, aside};
use crate::session::session;
use quarterdeck_control::SecretBytes;
use quarterdeck_control::serve::Control;
use quarterdeck_domain::request::Request;
use serde_json::json;
use std::path::Path;

/// Carries it out; without a new key it finishes with the first of the list.
pub(super) fn run(common: &Common, new_key: Option<&str>, env_file: Option<&Path>, layer: &str) -> Outcome {
    let control = session(common, super::FILE)?;
    control.permit(&Request::Rekey { layer: layer.to_owned() })?;
    let key = match new_key {
        Some("-") => Some(input::value("the new key", "secrets rekey --new-key -")?),
        Some(given) => {
            aside(
                "warning: a key on the command line is seen by everybody who lists processes; '--new-key -' reads it from standard input",
            );
            Some(given.as_bytes().to_vec())
        }
        None => None,
    };
    let reply = control.rekey(layer, key.map(SecretBytes::new), env_file)?;
    if common.json {
        output::data(&json!({ "layer": layer, "rekeyed": true, "facts": reply.results }));
        return Ok(0);
    }
    output::text(&format!("{layer} is sealed with the new key"));
    match reply.results.get("key_in") {
        Some(file) => {
            output::text(&format!("the new key is in {file}; the old one opens nothing now"));
            match env_file {
                Some(_) => output::text("next: start open cockpits and programs again: they hold the old key"),
                None => {
                    output::text("next: start programs again that hold the old key; open cockpits take the new one");
                }
            }
            if let Some(lines) = reply.results.get("older_keys_in_lines") {
                aside(&format!("note: {file} has older keys too, in line {lines}: no program reads them, remove them"));
            }
        }
        None => {
            output::text("next: put the new key into DP_SECRETS_ENCRYPTION_KEY; the old one opens nothing now");
            if let Some((file, line)) = stands_in(&control) {
                output::text(&format!("      it stands in line {line} of {file}: write it there, after the '='"));
            }
            output::text("      then start open cockpits and programs again: they hold the old key");
            output::text("      ('--update-env FILE' does that itself, and no kill leaves the key nowhere)");
        }
    }
    Ok(0)
}

/// The `.env` file of the working folder and the line with the key, where there is one.
fn stands_in(control: &Control) -> Option<(String, usize)> {
    let file = control.surroundings.cwd.join(".env");
    quarterdeck_control::key_line(&file).map(|line| (file.display().to_string(), line))
}
