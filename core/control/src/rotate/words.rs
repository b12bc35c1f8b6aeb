//! A plan's steps in words, for each kind of backend: what is done, where, and what to know of it. Refuses to decide.

use crate::config::duration;
use jiff::SignedDuration;
use quarterdeck_domain::rotate::{Downtime, Hook, Plan, Retire, Step, unit};
use quarterdeck_domain::sanitise;
use std::fmt::Display;

/// How AWS's own schedule is told among a secret's facts.
pub(super) const OTHERS_SCHEDULE: &str = "rotated by AWS";

/// Where it is done.
pub(super) struct Ground<'a> {
    /// `aws`, `vault`, `fernet`.
    pub(super) kind: &'a str,
    /// The layer's name.
    pub(super) layer: &'a str,
    /// Vault's KV version 1: without versions and check-and-set.
    pub(super) is_kv1: bool,
    /// An audit source besides our own would tell of log-in errors.
    pub(super) has_ears: bool,
}

/// What one step will do.
pub(super) fn step(step: Step, plan: &Plan, ground: &Ground<'_>) -> String {
    let from = sanitise::line(&plan.from, 80);
    // What a person tries is tried once, before it is promoted.
    let by_hand = matches!(step, Step::Check | Step::Verify) && plan.test.as_ref().is_some_and(Hook::is_by_person);
    let hook = plan.hook(step).filter(|_| !by_hand).map(plain).unwrap_or_default();
    match step {
        Step::Confirm => {
            let role = plan.confirm.map(|role| role.name()).unwrap_or_default();
            format!("somebody else with the role '{role}' confirms it; recorded, not signed")
        }
        Step::Check if hook.is_empty() => format!("the current value, {from}, is read"),
        Step::Check => format!("the current value, {from}, is read and tried: {hook}"),
        Step::Stage => format!("{}; {}", plain(&plan.generator), staged(plan, ground)),
        Step::Set => format!("the new value is made known: {hook}"),
        Step::Test => format!("the new value is tried: {hook}"),
        Step::Promote => promoted(&from, ground),
        Step::Unstage => unstaged(plan, ground),
        Step::Grace => grace(plan, ground),
        Step::Retire => format!("the old value, {from}, is made invalid where it is used: {hook}"),
        Step::Verify if by_hand => "you tried the new value before: nothing more is tried".into(),
        Step::Verify if plan.revoke.is_none() => format!("the new value is tried again: {hook}"),
        Step::Verify => format!("the new value is accepted and the old one refused: {hook}"),
        Step::Drop => dropped(&from, ground),
        Step::Restore | Step::Revoke | Step::Discard | Step::End => String::new(),
    }
}

fn plain(what: &impl Display) -> String {
    sanitise::line(&what.to_string(), 400).into_owned()
}

fn staged(plan: &Plan, ground: &Ground<'_>) -> String {
    match ground.kind {
        "aws" => "stored as AWSPENDING under the rotation's id, read by nobody yet".into(),
        "vault" if ground.is_kv1 => format!("stored at {}, read by nobody yet", shadow(plan)),
        "vault" => format!("stored at {} with cas=0, read by nobody yet", shadow(plan)),
        "fernet" => "stored in an encrypted file beside the main one, which stays as it is".into(),
        _ => format!("stored in {}, read by nobody yet", ground.layer),
    }
}

fn shadow(plan: &Plan) -> String {
    format!("{}.quarterdeck-pending", sanitise::line(unit(&plan.target.name), 240))
}

fn promoted(from: &str, ground: &Ground<'_>) -> String {
    match ground.kind {
        "aws" => format!("AWSCURRENT moves to it, if {from} still has it; {from} becomes AWSPREVIOUS"),
        "vault" if ground.is_kv1 => "written over the current value, which is kept aside".into(),
        "vault" => format!("written as the next version with cas={from}; {from} stays readable"),
        "fernet" => "the main file is replaced by one rename, if its value is still the same".into(),
        _ => format!("it becomes current, if {from} still is"),
    }
}

fn unstaged(plan: &Plan, ground: &Ground<'_>) -> String {
    match ground.kind {
        "aws" => "AWSPENDING is taken off it".into(),
        "vault" => format!("{} is removed", shadow(plan)),
        "fernet" => "the pending value leaves the file beside the main one".into(),
        _ => "its pending mark is taken away".into(),
    }
}

fn grace(plan: &Plan, ground: &Ground<'_>) -> String {
    let window = match (plan.grace_s, plan.downtime) {
        (0, _) => "none: it goes on at once".to_owned(),
        (seconds, Downtime::Zero) => format!("{}: old and new are both valid", span(seconds)),
        (seconds, Downtime::Brief) => format!("{}: the way back stays open", span(seconds)),
    };
    let back = match plan.watch.filter(|_| plan.grace_s > 0) {
        Some(rule) if ground.has_ears => {
            format!("; {} log-in errors in {} lead back", rule.errors, span(rule.within_s))
        }
        Some(_) => "; no audit source is configured: log-in errors are not heard".into(),
        None => String::new(),
    };
    let late = match plan.retire {
        _ if plan.grace_s == 0 => "",
        Retire::Ask => "; a reader that is late is asked about",
        Retire::Wait => "; a reader that is late is waited for",
        Retire::Force => "; a reader that is late is cut off",
    };
    format!("{window}{back}{late}")
}

fn dropped(from: &str, ground: &Ground<'_>) -> String {
    match ground.kind {
        "aws" => format!("AWSPREVIOUS is taken off {from}"),
        "vault" if ground.is_kv1 => "the old value that was kept aside is removed".into(),
        "vault" => format!("version {from} is deleted"),
        "fernet" => "the old value leaves the file beside the main one".into(),
        _ => format!("{from} leaves {}", ground.layer),
    }
}

/// What to know of this backend and this name.
pub(super) fn remarks(plan: &Plan, ground: &Ground<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some((map, _)) = plan.target.name.split_once('#') {
        let map = sanitise::line(map, 240);
        remarks.push(format!("a key of {map}: the whole of it gets a new version, its other keys stay as they are"));
    }
    if ground.is_kv1 {
        remarks
            .push("KV version 1 has no check-and-set: a write by somebody else in the same instant is not seen".into());
    }
    remarks
}

/// What to do where a layer can't keep a value that nobody reads yet.
pub(super) fn instead(kind: &str, layer: &str) -> String {
    match kind {
        "env" => "the environment can't keep two values: change it where it is set and start its readers anew, \
                  or move it with 'secrets set' into a layer that can"
            .into(),
        "yaml" => "a plain YAML file can't keep two values: move it with 'secrets set' into a layer that can, \
                   then delete it there"
            .into(),
        _ => format!("{layer} can't keep a value that nobody reads yet: rotate it where it is made"),
    }
}

/// `10 min`, `90 s`, `2 h`, `3 d`.
pub(super) fn span(seconds: u64) -> String {
    duration::words(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}
