//! Who reads a secret, which version, and whose log-in failed since: from the journal and the other programs' audit
//! lines. Refuses to take silence for a proof, to believe a time to come, and to grow without end.

use crate::config::Config;
use crate::watch::JOURNAL;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::audit::{AuditLine, Place};
use quarterdeck_domain::person::Role;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{ReaderRow, Rotation, unit};
use quarterdeck_domain::sanitise;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A reader is known for so long after its last read.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A clock may be so far ahead of ours; what says it was later is not believed.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// So many secrets, readers of each, and both together.
const MOST_SECRETS: usize = 10_000;
const MOST_READERS: usize = 200;
const MOST: usize = 100_000;
/// So many failed log-ins.
const MOST_ERRORS: usize = 10_000;
/// Columns of a reader's name, of a secret's, and of what an error says.
const NAME: usize = 64;
const RESOURCE: usize = 240;

/// What was heard of readers, by secret. Fed with audit lines as they come.
#[derive(Debug, Default)]
pub struct Readers {
    /// By what was read, as the source calls it; then by reader.
    heard: BTreeMap<String, BTreeMap<String, Heard>>,
    entries: usize,
    errors: BTreeMap<At, Failed>,
    /// The sources that are listened to beside the journal; all when nothing is said.
    sources: Option<BTreeSet<String>>,
    /// The configuration keys by backend's name.
    keys: BTreeMap<String, BTreeSet<String>>,
}

/// What was heard of one reader of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    first: Timestamp,
    last: Timestamp,
    /// A source other than our journal tells of it: it would tell of its errors too.
    is_watched: bool,
}

/// A failed log-in's own time and place, so that a line that is heard twice counts once.
type At = (Timestamp, Arc<str>, u64, u64);

/// A failed log-in.
#[derive(Debug)]
struct Failed {
    who: String,
    resource: String,
    outcome: String,
}

impl Readers {
    /// Listens to the sources that configuration names, and knows its keys.
    pub fn of_config(config: &Config) -> Self {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for secret in &config.file.secret {
            keys.entry(secret.name.clone()).or_default().extend(secret.key.clone());
        }
        let sources = config.file.rotate.watch.sources.clone();
        let shown = |name: String| sanitise::line(&name, 20).into_owned();
        Self { keys, sources: sources.map(|sources| sources.into_iter().map(shown).collect()), ..Self::default() }
    }

    /// Takes audit lines, of the journal and of `[rotate.watch]` sources.
    pub fn hear(&mut self, lines: &[AuditLine]) {
        self.hear_at(lines, quarterdeck_clock::utc());
    }

    /// The same at a time that is given.
    pub fn hear_at(&mut self, lines: &[AuditLine], now: Timestamp) {
        for line in lines {
            if !self.listens_to(&line.source) {
                continue;
            }
            // A line without a time, or of a time to come, proves nothing.
            let Some(at) = line.at.filter(|at| now.duration_since(*at) > -AHEAD) else { continue };
            if now.duration_since(at) > KNOWN_FOR {
                continue;
            }
            if is_read(line) {
                if is_a_programs(line) {
                    self.read(line, at);
                }
            } else if is_failed_login(line) {
                self.failed(line, at);
            }
        }
    }

    fn listens_to(&self, source: &str) -> bool {
        source == JOURNAL || self.sources.as_ref().is_none_or(|sources| sources.contains(source))
    }

    fn read(&mut self, line: &AuditLine, at: Timestamp) {
        let resource = cut(line.resource(), RESOURCE);
        let who = who(line);
        let is_watched = line.source.as_ref() != JOURNAL;
        if !self.heard.contains_key(&resource) && self.heard.len() >= MOST_SECRETS {
            self.forget_secrets();
        }
        let readers = self.heard.entry(resource).or_default();
        if let Some(known) = readers.get_mut(&who) {
            known.first = known.first.min(at);
            known.last = known.last.max(at);
            known.is_watched |= is_watched;
            return;
        }
        if readers.len() >= MOST_READERS {
            self.entries -= forget(readers, MOST_READERS / 10);
        }
        readers.insert(who, Heard { first: at, last: at, is_watched });
        self.entries += 1;
        if self.entries > MOST {
            self.forget_secrets();
        }
    }

    /// A tenth of the secrets goes, those that were read longest ago.
    fn forget_secrets(&mut self) {
        let last = |readers: &BTreeMap<String, Heard>| readers.values().map(|heard| heard.last).max();
        let mut ages: Vec<(Option<Timestamp>, String)> =
            self.heard.iter().map(|(name, readers)| (last(readers), name.clone())).collect();
        ages.sort();
        for (_, name) in ages.iter().take(ages.len() / 10 + 1) {
            self.entries -= self.heard.remove(name).map_or(0, |readers| readers.len());
        }
    }

    fn failed(&mut self, line: &AuditLine, at: Timestamp) {
        let Place { file, offset, .. } = line.place;
        let failed =
            Failed { who: who(line), resource: cut(line.resource(), RESOURCE), outcome: cut(line.outcome(), RESOURCE) };
        self.errors.insert((at, line.source.clone(), file, offset), failed);
        if self.errors.len() > MOST_ERRORS {
            self.errors.pop_first();
        }
    }

    /// The readers of a rotation's secret, worst first.
    pub fn of(&self, rotation: &Rotation) -> Vec<ReaderRow> {
        let errors = self.since_promote(rotation);
        let mut rows = self.of_target(rotation.target());
        for row in &mut rows {
            let read_new = row.last_read.zip(rotation.promoted_at).is_some_and(|(read, promoted)| read >= promoted);
            row.version = match (&rotation.promoted, read_new) {
                (Some(promoted), true) => Some(promoted.clone()),
                _ => row.last_read.map(|_| rotation.plan.from.clone()),
            };
            let own: Vec<&Failed> =
                errors.iter().filter(|(_, failed)| failed.who == row.name).map(|(_, failed)| *failed).collect();
            let count = u32::try_from(own.len()).unwrap_or(u32::MAX);
            row.errors = row.errors.filter(|_| rotation.promoted_at.is_some()).map(|_| count);
            row.last_error = own.last().map_or_else(String::new, |failed| failed.outcome.clone());
        }
        // Who failed without ever having been heard to read is told as well.
        for (_, failed) in &errors {
            if rows.iter().all(|row| row.name != failed.who) && self.is_named(rotation.target(), failed) {
                let own = errors.iter().filter(|(_, other)| other.who == failed.who).count();
                rows.push(ReaderRow {
                    name: failed.who.clone(),
                    last_read: None,
                    version: None,
                    errors: u32::try_from(own).ok(),
                    last_error: failed.outcome.clone(),
                });
            }
        }
        let on_old: BTreeSet<String> = self.on_old(rotation).into_iter().collect();
        rows.sort_by_key(|row| {
            (std::cmp::Reverse(row.errors.unwrap_or(0)), !on_old.contains(&row.name), row.name.clone())
        });
        rows
    }

    /// The readers of a secret, by name; their errors are not counted, but told to be tellable.
    pub fn of_target(&self, target: &Target) -> Vec<ReaderRow> {
        let row = |(name, heard): (String, Heard)| ReaderRow {
            name,
            last_read: Some(heard.last),
            version: None,
            errors: heard.is_watched.then_some(0),
            last_error: String::new(),
        };
        self.readers(target).into_iter().map(row).collect()
    }

    /// Log-in errors since promote within the rule's time, and who had them.
    pub fn errors(&self, rotation: &Rotation, now: Timestamp) -> (u32, Vec<String>) {
        let Some(rule) = rotation.plan.watch else { return (0, Vec::new()) };
        let within = SignedDuration::from_secs(i64::try_from(rule.within_s).unwrap_or(i64::MAX));
        let errors = self.since_promote(rotation);
        let recent: Vec<&Failed> = errors
            .into_iter()
            .filter(|(at, _)| now.duration_since(*at) <= within && now.duration_since(*at) > -AHEAD)
            .map(|(_, failed)| failed)
            .collect();
        let who: BTreeSet<String> = recent.iter().map(|failed| failed.who.clone()).collect();
        (u32::try_from(recent.len()).unwrap_or(u32::MAX), who.into_iter().collect())
    }

    /// Readers whose last read is the old version. One that was heard for the first time while the rotation was under
    /// way, and never again, is the rotation's own look at the value.
    pub fn on_old(&self, rotation: &Rotation) -> Vec<String> {
        let Some(promoted) = rotation.promoted_at else { return Vec::new() };
        let is_on_old = |heard: &Heard| heard.last < promoted && heard.first < rotation.began_at;
        let readers = self.readers(rotation.target()).into_iter();
        readers.filter(|(_, heard)| is_on_old(heard)).map(|(name, _)| name).collect()
    }

    /// Failed log-ins after promote that name the secret, or come from one of its readers; oldest first.
    fn since_promote(&self, rotation: &Rotation) -> Vec<(Timestamp, &Failed)> {
        let Some(promoted) = rotation.promoted_at else { return Vec::new() };
        let readers = self.readers(rotation.target());
        let concerns = |failed: &Failed| readers.contains_key(&failed.who) || self.is_named(rotation.target(), failed);
        let from: At = (promoted, "".into(), 0, 0);
        let later = self.errors.range(from..).filter(|((at, ..), _)| *at > promoted);
        later.filter(|(_, failed)| concerns(failed)).map(|((at, ..), failed)| (*at, failed)).collect()
    }

    fn is_named(&self, target: &Target, failed: &Failed) -> bool {
        let names = self.names(target);
        names.contains(failed.resource.as_str())
            || names
                .iter()
                .filter(|name| name.len() >= 6)
                .any(|name| stands_in(&failed.resource, name) || stands_in(&failed.outcome, name))
    }

    /// All that were heard to read it, under whatever name.
    fn readers(&self, target: &Target) -> BTreeMap<String, Heard> {
        let mut all: BTreeMap<String, Heard> = BTreeMap::new();
        for (name, heard) in self.names(target).iter().filter_map(|name| self.heard.get(name)).flatten() {
            let known = all.entry(name.clone()).or_insert_with(|| heard.clone());
            known.first = known.first.min(heard.first);
            known.last = known.last.max(heard.last);
            known.is_watched |= heard.is_watched;
        }
        all
    }

    /// What a secret is called: by its backend, by configuration, and with its layer before that.
    fn names(&self, target: &Target) -> BTreeSet<String> {
        let own = [target.name.as_str(), unit(&target.name)];
        let tied = own.iter().filter_map(|name| self.keys.get(*name)).flatten().map(String::as_str);
        let plain: Vec<&str> = own.into_iter().chain(tied).collect();
        let layered = plain.iter().map(|name| format!("{}/{name}", target.layer));
        let all = plain.iter().map(|name| (*name).to_owned()).chain(layered);
        all.map(|name| cut(&name, RESOURCE)).collect()
    }
}

/// Drops so many of the readers that were heard longest ago.
fn forget(readers: &mut BTreeMap<String, Heard>, count: usize) -> usize {
    let mut ages: Vec<(Timestamp, String)> = readers.iter().map(|(name, heard)| (heard.last, name.clone())).collect();
    ages.sort();
    ages.iter().take(count).filter(|(_, name)| readers.remove(name).is_some()).count()
}

/// A reader is a program. What a person looks at through us is in our own journal, and keeps no old value alive.
fn is_a_programs(line: &AuditLine) -> bool {
    line.source.as_ref() != JOURNAL || line.beside().is_some_and(|beside| beside.role == Role::Service.name())
}

/// The program that a line tells of; where it names none, the source itself.
fn who(line: &AuditLine) -> String {
    let actor = line.actor();
    let is_nobody = matches!(actor, "" | "-") || actor.starts_with("pid ");
    cut(if is_nobody { &line.source } else { actor }, NAME)
}

/// A value was read and handed over. What a person looked at on the screen is no reader.
fn is_read(line: &AuditLine) -> bool {
    const READS: [&str; 4] = ["SECRET_READ", "SECRET_ACCESS", "SECRET_GET", "SECRET_FETCH"];
    READS.contains(&line.kind()) && !is_bad(line.outcome()) && !line.outcome().starts_with("pending")
}

fn is_failed_login(line: &AuditLine) -> bool {
    let words: Vec<&str> = line.kind().split('_').collect();
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    let is_login = has(&["LOGIN", "LOGON", "AUTH", "AUTHENTICATION"]);
    is_login && (is_bad(line.outcome()) || has(&["FAILED", "FAILURE", "REJECTED", "DENIED", "ERROR"]))
}

fn is_bad(outcome: &str) -> bool {
    ["rejected", "FAILED", "DENIED", "UNKNOWN"].iter().any(|word| outcome.starts_with(word))
}

/// True where a name stands in a text by itself, and not as a part of a longer one.
fn stands_in(text: &str, name: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "-_/.#".contains(c));
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

fn cut(text: &str, columns: usize) -> String {
    sanitise::line(text, columns).into_owned()
}

#[cfg(test)]
#[path = "readers_tests.rs"]
mod tests;
