//! The layers, watched beside the kill-switch: their health, versions that somebody else made, and rotations that are to
//! be carried on. Refuses to be needed: it opens on a thread of its own, and where it can't, the switch is kept all the
//! same.

use super::Log;
use super::rotations::changes;
use crate::args::Common;
use crate::session::wanted;
use crate::switch::text::tame;
use quarterdeck_control::follow::Follow;
use quarterdeck_control::open::{Opening, open};
use quarterdeck_control::rotate::carrier::Carrier;
use quarterdeck_control::serve::Control;
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_control::watch::{Nudges, written};
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::overview::BackendRow;
use quarterdeck_domain::rotate::RotationRow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The layers, once they are open.
#[derive(Clone)]
pub(super) struct Layers {
    follow: Arc<OnceLock<Follow>>,
    carrier: Arc<OnceLock<Arc<Carrier>>>,
    log: Arc<Log>,
    began: jiff::Timestamp,
}

impl Layers {
    /// Begins to open them, and does not wait.
    pub(super) fn start(common: &Common, log: Arc<Log>) -> Self {
        let layers = Self { follow: Arc::default(), carrier: Arc::default(), log, began: quarterdeck_clock::utc() };
        let (own, common) = (layers.clone(), common.clone());
        let started = std::thread::Builder::new().name("layers".into()).spawn(move || own.open(&common));
        if let Err(error) = started {
            layers.log.say(&format!("layers are not watched: {error}"));
        }
        layers
    }

    /// What the tail brought: a change that any watcher told is said here once; what was stored through us is listed.
    pub(super) fn heard(&self, lines: &[AuditLine]) {
        for line in lines {
            if line.kind() == "SECRET_VERSION_CHANGED" && line.at.is_some_and(|at| at >= self.began) {
                self.log.say(&format!("{}: {}", tame(line.resource()), tame(line.outcome())));
            }
            if let (Some(layer), Some(follow)) = (written(line, self.began), self.follow.get()) {
                follow.written(layer);
            }
        }
        if let Some(carrier) = self.carrier.get() {
            carrier.heard(lines);
            carrier.journal_grew();
        }
    }

    /// False when a thread that carries rotations died.
    pub(super) fn is_alive(&self) -> bool {
        self.carrier.get().is_none_or(|carrier| carrier.is_alive())
    }

    /// Lets go of the rotations: whoever goes on need not wait.
    pub(super) fn stop(&self) {
        self.carrier.get().iter().for_each(|carrier| carrier.stop());
    }

    /// Carries rotations on, and says each step.
    fn carry(&self, control: &Arc<Control>) {
        let (log, last) = (self.log.clone(), Mutex::new(None::<Vec<RotationRow>>));
        let told = move |rows: Vec<RotationRow>| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            changes(last.as_deref(), &rows).iter().for_each(|line| log.say(line));
            *last = Some(rows);
        };
        match Carrier::start(control.clone(), "watch", true, Arc::new(told)) {
            Ok(carrier) => _ = self.carrier.set(carrier),
            Err(error) => self.log.say(&format!("rotations are not carried on: {error}")),
        }
        if let Some(why) = control.look_only() {
            self.log.say(&format!("rotations are not carried on: {}", tame(&why)));
        }
    }

    fn open(&self, common: &Common) {
        let nudges = Arc::new(Nudges::default());
        let heard = nudges.clone();
        let opening = Opening {
            needs_environment: true,
            watches: true,
            besides: None,
            looks: true,
            look_only: None,
            on_change: Some(Arc::new(move |layer, status| heard.heard(layer, status))),
        };
        let control = match open(Surroundings::of_this_process(), wanted(common), &opening) {
            Ok(control) => control,
            Err(error) => return self.log.say(&format!("layers are not watched: {}", tame(&error.to_string()))),
        };
        if let Some(why) = &control.broken {
            return self.log.say(&format!("layers are not watched: {}", tame(why)));
        }
        let control = Arc::new(control);
        self.carry(&control);
        let follow = self.follow.get_or_init(|| Follow::new(control, nudges, false)).clone();
        let carrier = self.carrier.clone();
        let (log, rows, last) = (self.log.clone(), follow.clone(), Mutex::new(BTreeMap::new()));
        let told = move |_| {
            if let Some(carrier) = carrier.get() {
                carrier.listed(&rows.listings());
            }
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            for row in rows.backends() {
                let word = row.condition.word().to_owned();
                if word != "connecting" && last.insert(row.name.clone(), word.clone()) != Some(word) {
                    log.say(&said(&row));
                }
            }
        };
        if let Err(error) = follow.start(&(Arc::new(told) as _)) {
            self.log.say(&format!("layers are not watched: {error}"));
        }
    }
}

/// `layer vault is SEALED: it is sealed`
fn said(row: &BackendRow) -> String {
    let why = row.error.as_ref().map(|(what, _)| what).or(row.warnings.first());
    let why = why.map_or_else(String::new, |why| format!(": {}", tame(why)));
    format!("layer {} is {}{why}", tame(&row.name), row.condition.word())
}
