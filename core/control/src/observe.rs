//! Asks a backend how it is and what it lists. Refuses to keep anything to itself and to write anything down: an
//! observation is passing news; only a transition is journaled, by the one who sees it.

use crate::mount::Mount;
use crate::overview::{LayerListing, elsewhere};
use jiff::{SignedDuration, Timestamp};
use quarterdeck_contract::{BackendError, Capability, Entry, ErrorKind, Health, PageRequest, Result};
use quarterdeck_domain::boundary::Boundary;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::overview::{BackendRow, Condition};
use quarterdeck_domain::sanitise;
use quarterdeck_host::Confinement;
use std::time::{Duration, Instant};

/// Most pages of one listing: 10,000 pages of at least one name each end a listing that never ends.
const MOST_PAGES: usize = 10_000;
/// Latencies kept for the picture of them.
const HISTORY: usize = 60;
/// Longest text of a backend that is shown, in characters.
const SHOWN: usize = 400;
/// A credential that ends within this is told.
const ENDS_SOON: SignedDuration = SignedDuration::from_mins(10);
/// One that was seen to be renewed is left to that for longer.
const ENDS_NOW: SignedDuration = SignedDuration::from_mins(1);

/// All that is known of one backend by asking it.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The last listing that was good, and the error that hides a newer one.
    pub listing: LayerListing,
    /// The last answer to a health question; `None` before the first.
    pub health: Option<std::result::Result<Health, BackendError>>,
    /// Since when it is down, if it is.
    pub down_since: Option<Timestamp>,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// The last latencies, newest last, microseconds.
    pub history_us: Vec<u64>,
    /// What its process may reach, once that is known.
    pub confinement: Option<Confinement>,
    /// When the credential ends, if that is soon.
    pub ends: Option<Timestamp>,
    listed: bool,
    renewed: bool,
    ended: bool,
}

impl Observation {
    /// Nothing asked yet.
    pub fn new(mount: &Mount) -> Self {
        Self {
            listing: LayerListing { layer: mount.layer.clone(), kind: mount.kind.clone(), ..LayerListing::default() },
            health: None,
            down_since: None,
            answered_at: None,
            history_us: Vec::new(),
            confinement: None,
            ends: None,
            listed: false,
            renewed: false,
            ended: false,
        }
    }

    /// Asks for health, and for the listing when that is good. Takes as long as the backend may take.
    pub fn ask(&mut self, mount: &Mount, now: impl Fn() -> Timestamp) {
        if self.probe(mount, &now) {
            self.list(mount, now);
        }
    }

    /// Asks for health alone; true when it is good.
    pub fn probe(&mut self, mount: &Mount, now: impl Fn() -> Timestamp) -> bool {
        let began = Instant::now();
        let mut health = mount.backend().health(mount.call());
        // A store that can't be opened and a key file that was changed: somebody sealed it anew.
        let locked = |error: &BackendError| matches!(error.kind, ErrorKind::Invalid | ErrorKind::Uninitialised);
        if health.as_ref().is_err_and(locked) && mount.take_changed_key() {
            health = mount.backend().health(mount.call());
        }
        self.remember(began.elapsed());
        match &health {
            Ok(good) => {
                self.answered_at = Some(now());
                self.look_at_the_end(good.expires_at.and_then(|at| Timestamp::from_second(at).ok()), now());
            }
            Err(error) => self.listing.error = Some(error.clone()),
        }
        self.health = Some(health);
        self.confinement = mount.host_status().and_then(|host| host.confinement);
        self.mark(now);
        self.is_good()
    }

    /// Asks for the listing.
    pub fn list(&mut self, mount: &Mount, now: impl Fn() -> Timestamp) {
        self.listing.writable = mount.backend().describe().can(Capability::Write);
        match list_all(mount) {
            Ok(entries) => {
                let untold = |entry: &Entry| mount.untold(entry.name.as_str());
                self.listing.untold = entries.iter().filter_map(untold).collect();
                self.listing.entries = entries;
                self.listing.error = None;
                self.listed = true;
            }
            Err(error) => self.listing.error = Some(error),
        }
        self.mark(now);
    }

    /// The last health question had a good answer.
    pub fn is_good(&self) -> bool {
        matches!(self.health, Some(Ok(_)))
    }

    /// A listing stands, and no error hides a newer one.
    pub fn is_listed(&self) -> bool {
        self.listed && self.listing.error.is_none()
    }

    fn mark(&mut self, now: impl Fn() -> Timestamp) {
        self.down_since = self.error().is_some().then(|| self.down_since.unwrap_or_else(now));
    }

    /// A credential that moved its end was renewed, by the plugin or by somebody.
    fn look_at_the_end(&mut self, end: Option<Timestamp>, now: Timestamp) {
        let before = self.health.as_ref().and_then(|health| health.as_ref().ok()?.expires_at);
        self.renewed |= end.zip(before).is_some_and(|(end, before)| end.as_second() > before + 1);
        let soon = if self.renewed { ENDS_NOW } else { ENDS_SOON };
        self.ends = end.filter(|end| end.duration_since(now) < soon);
        self.ended = end.is_some_and(|end| end <= now);
    }

    /// What works and is not as it should be, beside what the backend says itself.
    fn worries(&self) -> Vec<String> {
        // Of one that fails its error says what to do.
        let ends = self.ends.filter(|_| self.is_good()).map(|at| match self.ended {
            true => format!("its credential ended at {at:.0}: log in anew"),
            false => format!("its credential ends at {at:.0}: renew it or log in anew"),
        });
        let lacks = self.confinement.iter().flat_map(|confinement| &confinement.lacks);
        ends.into_iter().chain(lacks.map(|lack| format!("not confined: {lack}"))).collect()
    }

    fn elsewhere(&self, boundary: &Boundary, here: Option<Environment>) -> String {
        let counts = elsewhere([&self.listing], boundary, here);
        counts.iter().map(|(owner, names)| format!(", {names} of {} not shown here", owner.title())).collect()
    }

    fn remember(&mut self, took: Duration) {
        self.history_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let extra = self.history_us.len().saturating_sub(HISTORY);
        self.history_us.drain(..extra);
    }

    /// The error that stands now, if one does.
    pub fn error(&self) -> Option<&BackendError> {
        match &self.health {
            Some(Err(error)) => Some(error),
            _ => self.listing.error.as_ref(),
        }
    }

    /// How the backend is, in one word.
    pub fn condition(&self) -> Condition {
        match (self.error(), &self.health) {
            (Some(error), _) => Condition::Down {
                code: error.kind.code().replace('_', " "),
                since: self.down_since.unwrap_or(Timestamp::UNIX_EPOCH),
            },
            (None, None) => Condition::Connecting,
            (None, Some(Ok(health))) if !health.warnings.is_empty() || !self.worries().is_empty() => Condition::Warning,
            (None, Some(_)) => Condition::Ok,
        }
    }

    /// What there is to know beside: what is missing first.
    fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        let denied = self.error().and_then(|error| match &error.kind {
            ErrorKind::Denied { missing, grant } => Some([("missing", missing.as_str()), ("grant", grant.as_str())]),
            _ => None,
        });
        let health = self.health.as_ref().and_then(|health| health.as_ref().ok());
        let told = health.into_iter().flat_map(|health| &health.facts).map(|(a, b)| (a.as_str(), b.as_str()));
        denied.into_iter().flatten().filter(|(_, text)| !text.is_empty()).chain(told)
    }

    /// The tile, as it is seen from an environment: what belongs to another one is counted, and not listed.
    pub fn row(&self, mount: &Mount, boundary: &Boundary, here: Option<Environment>) -> BackendRow {
        let host = mount.host_status();
        let health = self.health.as_ref().and_then(|health| health.as_ref().ok());
        let said = health.map_or(&[][..], |health| &health.warnings);
        let text = |part: Option<String>| part.unwrap_or_default();
        BackendRow {
            name: mount.layer.clone(),
            kind: mount.kind.clone(),
            target: tame(&mount.backend().describe().target),
            isolation: mount.isolation(),
            condition: self.condition(),
            summary: health.map(|health| tame(&health.summary) + &self.elsewhere(boundary, here)).unwrap_or_default(),
            latency_us: self.history_us.last().copied().filter(|_| health.is_some()),
            history_us: self.history_us.clone(),
            answered_at: self.answered_at,
            every: mount.every,
            facts: self.facts().map(|(label, text)| (tame(label), tame(text))).collect(),
            warnings: said.iter().chain(&self.worries()).map(|text| tame(text)).collect(),
            error: self.error().map(|error| (tame(&happened(error)), remedy(error))),
            names: self.listed.then_some(self.listing.entries.len()),
            plugin_version: text(host.as_ref().and_then(|host| host.version.clone())),
            plugin_sha256: text(host.as_ref().and_then(|host| host.sha256.clone())),
            restarts: host.as_ref().map_or(0, |host| u32::try_from(host.restarts).unwrap_or(u32::MAX)),
            confinement: self.confinement.as_ref().map(|known| tame(&known.summary)).unwrap_or_default(),
            unconfined: self.confinement.iter().flat_map(|known| &known.lacks).map(|lack| tame(lack)).collect(),
            expires_at: health.and_then(|health| Timestamp::from_second(health.expires_at?).ok()),
            stderr_tail: host.map(|host| host.stderr_tail.iter().map(|line| tame(line)).collect()).unwrap_or_default(),
        }
    }
}

fn tame(text: &str) -> String {
    sanitise::line(text, SHOWN).into_owned()
}

/// What happened, and while doing what.
fn happened(error: &BackendError) -> String {
    if error.doing.is_empty() { error.what.clone() } else { format!("{}, while {}", error.what, error.doing) }
}

/// What to do next, with the line that would grant what is missing.
fn remedy(error: &BackendError) -> String {
    match &error.kind {
        // The hint may say it already.
        ErrorKind::Denied { grant, .. } if !grant.is_empty() && !error.hint.contains(grant.as_str()) => {
            let hint = if error.hint.is_empty() { "Somebody who may has to allow it." } else { &error.hint };
            format!("{} Grant: {}", tame(hint), tame(grant))
        }
        _ => tame(&error.hint),
    }
}

/// Pages through a whole listing; one that doesn't go on, or never ends, is an error and no shorter listing.
pub fn list_all(mount: &Mount) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    // Large pages: a file is opened once for each.
    let mut page = PageRequest { limit: 10_000, ..PageRequest::default() };
    for _ in 0..MOST_PAGES {
        let mut answer = mount.backend().list(&page, mount.call())?;
        entries.append(&mut answer.entries);
        match answer.next {
            None => return Ok(entries),
            Some(next) if page.after.as_ref() != Some(&next) => page.after = Some(next),
            Some(_) => return Err(endless("doesn't go on", entries.len())),
        }
    }
    Err(endless("never ends", entries.len()))
}

fn endless(how: &str, names: usize) -> BackendError {
    BackendError::new(ErrorKind::Invalid, format!("the listing {how} after {names} names"))
        .doing("listing it")
        .hint("The plugin or the server is faulty; 'quarterdeck plugins list' names the plugin.")
}

/// Asks all mounts at once, each in a thread of its own, so that a slow one delays nobody.
pub fn ask_all(mounts: &[Mount]) -> Vec<Observation> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = mounts
            .iter()
            .map(|mount| {
                scope.spawn(move || {
                    let mut observation = Observation::new(mount);
                    observation.ask(mount, Timestamp::now);
                    observation
                })
            })
            .collect();
        asked
            .into_iter()
            .zip(mounts)
            .map(|(asked, mount)| asked.join().unwrap_or_else(|_| Observation::new(mount)))
            .collect()
    })
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
