//! A new key for the Fernet file, in three steps where it is known where the key lies: add the new key to the list there,
//! seal with it, drop the old one. Refuses any moment at which the key that opens the file is on no disk.
//!
//! ```text
//! key file, .env   old ──────── new,old ──────────────────── new
//! secrets file     old ───────────────────── new ───────────────
//! killed           as before    finished by '--drop', or by the same rekey
//! ```

use crate::failure::Failure;
use crate::key_file::{KeyHome, KeyText, VARIABLE, list};
use crate::serve::{Control, Done, senseless};
use quarterdeck_contract::{ExtraReply, SecretBytes};
use quarterdeck_domain::request::Request;
use std::path::Path;
use zeroize::Zeroizing;

/// How the layer is asked: the new key, and what is said yes to (`check`, `finish`).
type Seal<'a> = dyn Fn(&KeyText, &[&str]) -> Result<ExtraReply, Failure> + 'a;

impl Control {
    /// Seals a layer's file with a new key; without one, finishes with the first key of the list. The list is where the
    /// key lies: in the layer's key file, or in this `.env` file.
    pub fn rekey(
        &self,
        layer: &str,
        new_key: Option<SecretBytes>,
        env_file: Option<&Path>,
    ) -> Result<ExtraReply, Failure> {
        let request = Request::Rekey { layer: layer.to_owned() };
        let sealed = || self.seal_anew(layer, new_key, env_file).map(Done::Rekeyed);
        match self.recorded(request, None, sealed)? {
            Done::Rekeyed(reply) => Ok(reply),
            _ => Err(senseless("nothing was sealed anew")),
        }
    }

    pub(crate) fn seal_anew(
        &self,
        layer: &str,
        new_key: Option<SecretBytes>,
        env_file: Option<&Path>,
    ) -> Result<ExtraReply, Failure> {
        let new_key = new_key.map(|key| Zeroizing::new(String::from_utf8_lossy(key.expose()).trim().to_owned()));
        let seal = |key: &KeyText, words: &[&str]| {
            self.extra_with(layer, "rotate-key", words, Some(SecretBytes::from(key.as_str())))
        };
        let home = match (env_file, self.mount(layer)?.key_file()) {
            (Some(_), Some(file)) => {
                return Err(Failure::Senseless {
                    what: format!("the key lies in {}, and in no .env file", file.display()),
                    next: "Leave '--update-env' out: that file is changed in any case.".into(),
                });
            }
            (Some(file), None) => Some(KeyHome::env(&self.surroundings.cwd.join(file))),
            (None, Some(file)) => Some(KeyHome::whole(file)),
            (None, None) => None,
        };
        let Some(home) = home.transpose().map_err(|error| Failure::of_backend(layer, error))? else {
            let key = new_key.ok_or_else(|| Failure::Senseless {
                what: "nobody said where the list of keys lies".into(),
                next: "Name the .env file: 'secrets rekey --drop --update-env FILE'.".into(),
            })?;
            return seal(&key, &[]);
        };
        // A key file is in use only where the variable is not set.
        let session = list(self.surroundings.var(VARIABLE).unwrap_or_default());
        let reply = steps(layer, &home, &session, new_key, &seal);
        reply.map_err(|failure| half_done(failure, &home, env_file.is_some()))
    }
}

/// The three steps.
fn steps(
    layer: &str,
    home: &KeyHome,
    session: &[KeyText],
    new_key: Option<KeyText>,
    seal: &Seal<'_>,
) -> Result<ExtraReply, Failure> {
    let of_layer = |error| Failure::of_backend(layer, error);
    let there = home.keys().map_err(of_layer)?;
    if !there.is_empty() && !session.is_empty() && !session.iter().any(|key| there.contains(key)) {
        return Err(Failure::Senseless {
            what: format!("{} holds another key than this session has", home.path().display()),
            next: format!("Load it first ('set -a; . {}; set +a'), or name the right file.", home.path().display()),
        });
    }
    let new = match (new_key, there.as_slice()) {
        (Some(new), _) => new,
        (None, [first, _, ..]) => first.clone(),
        (None, _) => {
            return Err(Failure::Senseless {
                what: format!("{} holds no list of keys: there is nothing to finish", home.path().display()),
                next: "Begin a rekey with '--new-key -'.".into(),
            });
        }
    };
    let finishes = there.len() > 1 && there.contains(&new);
    let words: &[&str] = if finishes { &["finish"] } else { &[] };
    // What can't be done is told before anything was changed.
    seal(&new, &[words, &["check"]].concat())?;
    let mut all = vec![new.clone()];
    for key in there.iter().chain(session) {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
    point("checked");
    if all != there {
        home.put(&all).map_err(of_layer)?;
    }
    point("added");
    let mut reply = seal(&new, words)?;
    point("sealed");
    home.put(std::slice::from_ref(&new)).map_err(of_layer)?;
    point("dropped");
    reply.results.insert("key_in".into(), home.path().display().to_string());
    let older: Vec<String> = home.older_lines().map_err(of_layer)?.iter().map(usize::to_string).collect();
    if !older.is_empty() {
        reply.results.insert("older_keys_in_lines".into(), older.join(", "));
    }
    Ok(reply)
}

/// Says how a rekey that failed half way is finished. Its list is left as it is: another program may have loaded it and
/// sealed with the new key meanwhile.
fn half_done(failure: Failure, home: &KeyHome, env: bool) -> Failure {
    let Failure::Backend { layer, mut error } = failure else { return failure };
    if home.keys().is_ok_and(|keys| keys.len() > 1) {
        let path = home.path().display();
        let update = if env { format!(" --update-env {path}") } else { String::new() };
        let now = format!(
            "{path} holds a list of keys, of which one opens the file: 'secrets rekey --drop{update}' finishes with the first"
        );
        error.hint = format!("{} {now}.", error.hint).trim_start().to_owned();
    }
    Failure::Backend { layer, error }
}

/// A place at which the suite kills the process; in a build for use it is nothing.
#[cfg(not(test))]
pub(crate) const fn point(_: &str) {}
#[cfg(test)]
pub(crate) use tests::point;

#[cfg(test)]
#[path = "rekey_tests.rs"]
mod tests;
