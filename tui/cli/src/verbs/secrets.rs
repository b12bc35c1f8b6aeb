//! `secrets …`: the guide's verbs over any writable layer. Refuses to take a value from anywhere but standard input, a
//! prompt or, with a warning, the command line.

mod diff;
mod history;
mod rekey;
mod restore;
mod search;

use crate::args::{Common, Secrets};
use crate::input;
use crate::output::{self, Outcome, Trouble, aside};
use crate::rows;
use crate::session::{Needs, session};
use jiff::Timestamp;
use quarterdeck_control::ages;
use quarterdeck_control::failure::Failure;
use quarterdeck_control::find::{Destination, Located, expected};
use quarterdeck_control::observe::ask_all;
use quarterdeck_control::overview::{LayerListing, elsewhere, secret_rows};
use quarterdeck_control::serve::{Ask, Control, Done};
use quarterdeck_control::{Expected, Kind, Value, VersionId};
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::request::{Purpose, Request, Target};
use quarterdeck_domain::sanitise;
use rustix::termios::isatty;
use serde_json::json;
use std::io::Write;

/// Carries one of them out.
pub(crate) fn run(verb: &Secrets, common: &Common) -> Outcome {
    match verb {
        Secrets::GenerateKey => generate_key(common),
        Secrets::Set { name, value, layer, as_json, if_version } => {
            let wish = Wish { name, layer: layer.as_deref(), as_json: *as_json, if_version: if_version.as_deref() };
            set(common, &wish, value.as_deref())
        }
        Secrets::Get { name, layer, version } => get(common, name, layer.as_deref(), version.as_deref()),
        Secrets::List { layer } => list(common, layer.as_deref()),
        Secrets::Search { words } => search::run(common, words),
        Secrets::History { name, layer } => history::run(common, name, layer.as_deref()),
        Secrets::Diff { name, one, other, layer } => diff::run(common, name, layer.as_deref(), [one, other]),
        Secrets::Restore { name, layer } => restore::run(common, name, layer.as_deref()),
        Secrets::Delete { name, layer, if_version } => delete(common, name, layer.as_deref(), if_version.as_deref()),
        Secrets::Validate { layer } => validate(common, layer),
        Secrets::Rekey { new_key, update_env, drop: _, layer } => {
            rekey::run(common, new_key.as_deref(), update_env.as_deref(), layer)
        }
    }
}

const FILE: Needs = Needs { environment: false, layer: Some("fernet"), looks: false };
const LOOK: Needs = Needs { looks: true, ..FILE };

fn generate_key(common: &Common) -> Outcome {
    let control = session(common, FILE)?;
    let Done::Key(key) = control.serve(Request::GenerateKey.into())? else {
        return Err(Trouble::failed("the plugin gave no key"));
    };
    let key = String::from_utf8_lossy(key.expose()).into_owned();
    if common.json {
        output::data(&json!({ "key": key }));
    } else {
        output::text("Generated a Fernet key. Put it where your program finds it, and nowhere else:");
        output::text("  DP_SECRETS_ENCRYPTION_KEY in .env (mode 0600), or [backend.fernet] key_file");
        output::text(&key);
    }
    Ok(0)
}

struct Wish<'a> {
    name: &'a str,
    layer: Option<&'a str>,
    as_json: bool,
    if_version: Option<&'a str>,
}

fn set(common: &Common, wish: &Wish<'_>, given: Option<&str>) -> Outcome {
    let control = session(common, FILE)?;
    if given.is_some_and(str::is_empty) {
        return Err(input::nothing("secrets set NAME"));
    }
    if given.is_some() {
        aside("warning: a value on the command line is seen by everybody who lists processes, and your shell keeps it");
    }
    control.permit(&Request::Write { target: control.named(wish.name, wish.layer) })?;
    let Destination { target, held, above, unasked } = control.place_for(wish.name, wish.layer)?;
    warn_of(&unasked);
    warn_of_a_rotation(&control, &target);
    let bytes = match given {
        Some(value) => value.as_bytes().to_vec(),
        None => input::value(wish.name, "secrets set NAME")?,
    };
    let expected = expected(wish.if_version, held.as_ref());
    let kind = match (wish.as_json, std::str::from_utf8(&bytes)) {
        (true, _) => Kind::Json,
        (false, Ok(_)) => Kind::Text,
        (false, Err(_)) => Kind::Binary,
    };
    let value = Value { kind, bytes: bytes.into() };
    if let (None, Some(held)) = (wish.if_version, &held) {
        control.keeps_its_keys(&target, held, Some(&value))?;
    }
    let ask = Ask { request: Request::Write { target: target.clone() }, value: Some(value), expected };
    let Done::Stored(version) = control.serve(ask)? else { return Err(Trouble::failed("nothing was stored")) };
    if common.json {
        output::data(
            &json!({ "name": target.name, "layer": target.layer, "version": version.0, "shadowed_by": above }),
        );
    } else {
        output::text(&format!("stored {} in {}, version {}", target.name, target.layer, version.0));
    }
    for layer in above {
        aside(&format!("warning: {layer} holds '{}' too and wins over what you stored", wish.name));
    }
    Ok(0)
}

fn get(common: &Common, name: &str, layer: Option<&str>, version: Option<&str>) -> Outcome {
    let control = session(common, LOOK)?;
    control.permit(&Request::Read { target: control.named(name, layer), purpose: Purpose::Get })?;
    let target = located(&control, name, layer)?.target;
    let request = Request::Read { target: target.clone(), purpose: Purpose::Get };
    let expected = version.map_or(Expected::Anything, |version| Expected::Version(VersionId(version.to_owned())));
    let Done::Read(reading) = control.serve(Ask { request, value: None, expected })? else {
        return Err(Trouble::failed("nothing was read"));
    };
    let bytes = reading.value.bytes.expose();
    if common.json {
        let (value, encoding) = match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), "utf-8"),
            Err(_) => (hex(bytes), "hex"),
        };
        output::data(&json!({
            "name": target.name, "layer": target.layer, "encoding": encoding, "value": value,
            "version": reading.version.map(|version| version.0),
        }));
    } else {
        let mut out = std::io::stdout().lock();
        if isatty(&out) {
            if shown(&mut out, bytes)? {
                aside("note: what the terminal would act on is shown as \\x1b; a file or a pipe gets it as it is");
            }
        } else {
            out.write_all(bytes)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(0)
}

/// Writes a value so that a terminal shows all of it and acts on none; true when that changed something.
fn shown(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<bool> {
    let mut changed = false;
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let acts = letter.is_control() && !matches!(letter, '\n' | '\t');
            let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            changed |= acts || turns;
            match u32::from(letter) {
                code if acts && code < 0x80 => write!(out, "\\x{code:02x}")?,
                code if acts || turns => write!(out, "\\u{{{code:x}}}")?,
                _ => write!(out, "{letter}")?,
            }
        }
        for byte in chunk.invalid() {
            changed = true;
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(changed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a name is; what could not be asked is said aloud.
pub(crate) fn located(control: &Control, name: &str, layer: Option<&str>) -> Result<Located, Failure> {
    let located = control.locate(name, layer)?;
    warn_of(&located.unasked);
    Ok(located)
}

fn warn_of(unasked: &[(String, String)]) {
    for (layer, why) in unasked {
        aside(&format!("WARNING: {layer} can't be asked and may override this: {why}"));
    }
}

/// What is stored by hand while a rotation is under way makes that one LOST.
fn warn_of_a_rotation(control: &Control, target: &Target) {
    // What can't be read on now is as it was.
    let _ = control.journal.catch_up();
    let state = control.state();
    let Some(live) = state.live_rotation(&target.layer, &target.name) else { return };
    let (name, verb) = (live.name(), if live.promoted.is_some() { "rollback" } else { "abort" });
    aside(&format!(
        "WARNING: {name} of this secret is under way, begun by {}, at '{}': what is stored now makes it LOST. \
         'quarterdeck rotate {verb} {name}' ends it first",
        sanitise::line(&live.by, 80),
        live.step
    ));
}

/// Every secret of this session, worst first, and what could not be listed.
pub(crate) fn all_rows(control: &Control, now: Timestamp) -> (Vec<SecretRow>, Vec<LayerListing>) {
    let listings: Vec<LayerListing> = ask_all(&control.mounts).into_iter().map(|seen| seen.listing).collect();
    let rows = secret_rows(&listings, &control.state(), &control.config, now);
    (rows, listings)
}

/// The same with the versions and ages that no listing tells; how many were not asked is said aside.
pub(crate) fn aged_rows(control: &Control, now: Timestamp) -> (Vec<SecretRow>, Vec<LayerListing>) {
    let (_, mut listings) = all_rows(control, now);
    ages::fill(control, &mut listings).iter().for_each(|untold| aside(&untold.line()));
    (secret_rows(&listings, &control.state(), &control.config, now), listings)
}

fn list(common: &Common, layer: Option<&str>) -> Outcome {
    let control = session(common, LOOK)?;
    if let Some(layer) = layer {
        control.mount(layer)?;
    }
    let now = Timestamp::now();
    let (mut rows, listings) = aged_rows(&control, now);
    rows.retain(|row| layer.is_none_or(|wanted| row.layer == wanted));
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let heard = failed_layers(&control, &listings, layer);
    if common.json {
        heard.as_ref().map_err(|trouble| trouble.clone())?;
        output::data(&rows.iter().map(|row| rows::secret(row, now)).collect());
    } else if rows.is_empty() {
        output::text(&match layer {
            // What can't be read is told below; it must not look like what was never stored.
            None if listings.iter().any(|listing| listing.error.is_some()) => {
                "no secret can be shown: a layer can't be read".to_owned()
            }
            None => "no secret yet. Store one with 'quarterdeck secrets set NAME'".to_owned(),
            Some(layer) => format!("no name comes from {layer}"),
        });
    } else {
        let cells = std::iter::once(rows::secret_header()).chain(rows.iter().map(|row| rows::secret_cells(row, now)));
        output::text(&output::table(&cells.collect::<Vec<_>>()));
    }
    not_shown(&control, &listings);
    heard
}

/// Says how many names belong to another environment.
fn not_shown(control: &Control, listings: &[LayerListing]) {
    for (owner, names) in elsewhere(listings, control.boundary(), control.config.environment) {
        let names = output::count(names as u64, "name");
        aside(&format!("{names} of {} not shown: '--env {}' shows them there", owner.title(), owner.name()));
    }
}

/// Says which layers could not be listed. Where the layer must not be missing (Production), or was asked for, it is an error.
fn failed_layers(control: &Control, listings: &[LayerListing], wanted: Option<&str>) -> Outcome {
    for listing in listings.iter().filter(|listing| wanted.is_none_or(|wanted| listing.layer == wanted)) {
        let Some(error) = &listing.error else { continue };
        let trouble = Trouble::from(Failure::of_backend(&listing.layer, error.clone()));
        if wanted.is_some() || control.mount(&listing.layer)?.required {
            return Err(trouble);
        }
        aside(&format!("WARNING: {} is left out: {}", listing.layer, trouble.text));
    }
    Ok(0)
}

fn delete(common: &Common, name: &str, layer: Option<&str>, if_version: Option<&str>) -> Outcome {
    let control = session(common, FILE)?;
    control.permit(&Request::Delete { target: control.named(name, layer) })?;
    let (target, held) = match control.place_for(name, layer)? {
        Destination { target, held: Some(held), .. } => (target, held),
        Destination { held: None, .. } => {
            let located = located(&control, name, layer)?;
            (located.target, located.inspection)
        }
    };
    if if_version.is_none() {
        control.keeps_its_keys(&target, &held, None)?;
    }
    let expected = expected(if_version, Some(&held));
    let Target { layer, name } = target.clone();
    control.serve(Ask { request: Request::Delete { target }, value: None, expected })?;
    if common.json {
        output::data(&json!({ "name": name, "layer": layer, "deleted": true }));
    } else {
        output::text(&format!("deleted {name} from {layer}"));
    }
    Ok(0)
}

fn validate(common: &Common, layer: &str) -> Outcome {
    let control = session(common, FILE)?;
    let Done::Checked(health, checked) = control.serve(Request::Validate { layer: layer.to_owned() }.into())? else {
        return Err(Trouble::failed("nothing was checked"));
    };
    let tame = |text: &str| sanitise::line(text, 400).into_owned();
    if common.json {
        output::data(&json!({
            "layer": layer, "valid": true, "summary": tame(&health.summary), "facts": checked.results,
            "warnings": health.warnings.iter().map(|text| tame(text)).collect::<Vec<_>>(),
        }));
    } else {
        output::text(&format!("{layer} is valid: {}", tame(&health.summary)));
        for (label, text) in checked.results.iter().filter(|(_, text)| !text.is_empty()) {
            output::text(&format!("  {}: {}", label.replace('_', " "), tame(&moment(label, text))));
        }
        health.warnings.iter().for_each(|warning| output::text(&format!("  warning: {}", tame(warning))));
    }
    Ok(0)
}

/// A Unix time as people read it, where the label says that it is one.
fn moment(label: &str, text: &str) -> String {
    let at = text.parse().ok().filter(|_| label.ends_with("_at")).and_then(|unix| Timestamp::from_second(unix).ok());
    at.map_or_else(|| text.to_owned(), |at| at.to_string())
}
