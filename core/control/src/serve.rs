//! One request from its asking to its record: decide → append the intent → carry it out → append the outcome. Refuses
//! to do anything that could not be written down first.

use crate::config::Config;
use crate::failure::Failure;
use crate::installation::{InstallationKey, random_id};
use crate::journal::{Journal, Patient};
use crate::kill::{Switch, SwitchOpening};
use crate::mount::Mount;
use crate::surroundings::Surroundings;
use jiff::Timestamp;
use quarterdeck_contract::{
    ErrorKind, Expected, Extra, ExtraReply, Health, Inspection, Reading, SecretBytes, SecretName, Value, VersionId,
};
use quarterdeck_domain::access::Class;
use quarterdeck_domain::boundary::Boundary;
use quarterdeck_domain::decide::{Decision, Situation, decide};
use quarterdeck_domain::event::{Actor, Detail, Event, EventId, Status};
use quarterdeck_domain::person::Who;
use quarterdeck_domain::request::{Purpose, Request, Target};
use quarterdeck_domain::state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Instant;

/// A request and what goes beside it.
#[derive(Debug)]
pub struct Ask {
    /// What.
    pub request: Request,
    /// The value of a write, the new key of a rekey.
    pub value: Option<Value>,
    /// What a write or a delete expects to find; the version that a read wants.
    pub expected: Expected,
}

impl From<Request> for Ask {
    fn from(request: Request) -> Self {
        Self { request, value: None, expected: Expected::Anything }
    }
}

/// What a request came to.
#[derive(Debug)]
pub enum Done {
    /// It is done; there is nothing to hand over.
    Nothing,
    /// A value was read. The caller wipes it.
    Read(Reading),
    /// A value was stored, or brought back, as this version.
    Stored(VersionId),
    /// A secret was looked at.
    Inspected(Inspection),
    /// A store was opened and checked.
    Checked(Health, ExtraReply),
    /// A key was made. The caller wipes it.
    Key(SecretBytes),
    /// The file was sealed anew.
    Rekeyed(ExtraReply),
}

/// All that serves requests: who asks, where, the layers, the journal.
pub struct Control {
    /// What the process was started with.
    pub surroundings: Surroundings,
    /// What was configured.
    pub config: Config,
    /// Who asks.
    pub who: Who,
    /// The layers, highest first.
    pub mounts: Vec<Mount>,
    /// Where everything is written down.
    pub journal: Arc<dyn Journal>,
    /// Why the configuration can't be read, if so: then what is configured is nothing.
    pub broken: Option<String>,
    pub(crate) patient: Arc<Patient>,
    pub(crate) switch: OnceLock<Option<Arc<Switch>>>,
    pub(crate) key: InstallationKey,
    pub(crate) classes: BTreeMap<String, Class>,
    pub(crate) boundary: Boundary,
    pub(crate) look_only: Arc<RwLock<Option<String>>>,
}

impl Control {
    /// Serves one request.
    pub fn serve(&self, ask: Ask) -> Result<Done, Failure> {
        let request = ask.request.clone();
        let fingerprint = match (&request, &ask.value) {
            (Request::Write { .. }, Some(value)) => Some(self.key.fingerprint(value.bytes.expose())),
            _ => None,
        };
        self.recorded(request, fingerprint, || self.carry_out(ask))
    }

    /// The same for what is carried out with more than an [`Ask`] holds.
    pub(crate) fn recorded(
        &self,
        request: Request,
        fingerprint: Option<String>,
        carry_out: impl FnOnce() -> Result<Done, Failure>,
    ) -> Result<Done, Failure> {
        self.permit(&request)?;
        let intent = self.event(&request, None).came_out(Status::Pending, None, None);
        let request_id = intent.context.request_id.clone();
        if !is_instant(&request) {
            self.append(intent).map_err(|why| Failure::Unwritten { why })?;
        }
        let began = Instant::now();
        let outcome = carry_out();
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = self.event(&request, Some(request_id));
        let event = match &outcome {
            Ok(done) => event.came_out(Status::Success, Some(took), None).with(self.detail(
                &request,
                Some(done),
                fingerprint,
                None,
            )),
            Err(failure) => {
                let (status, code) = outcome_of(failure);
                event.came_out(status, Some(took), Some(code)).with(self.detail(
                    &request,
                    None,
                    fingerprint,
                    Some(failure.told().what),
                ))
            }
        };
        match (self.append(event), outcome) {
            (Ok(()), outcome) => outcome,
            (Err(why), Ok(_)) if is_instant(&request) => Err(Failure::Unwritten { why }),
            (Err(why), Ok(_)) => {
                Err(Failure::Unrecorded { done: format!("'{}' was carried out", request.words()), why })
            }
            (Err(_), Err(failure)) => Err(failure),
        }
    }

    /// The kill-switch of this session's environment; `None` where no environment is chosen. It is opened when it is asked
    /// for first, under this program's name: `cockpit`, `watch`, a verb.
    pub fn switch(&self, program: &str) -> Option<&Arc<Switch>> {
        let open = || {
            Some(Switch::open(SwitchOpening {
                surroundings: &self.surroundings,
                environment: self.config.environment?,
                config: Some(&self.config).filter(|_| self.broken.is_none()),
                who: self.who.clone(),
                journal: self.patient.clone(),
                program: program.to_owned(),
                look_only: self.look_only.clone(),
            }))
        };
        self.switch.get_or_init(open).as_ref()
    }

    /// The state, folded up to what any process has written by now.
    pub fn state(&self) -> Arc<State> {
        self.journal.state()
    }

    /// Which names belong to one environment alone.
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// Why nothing may be changed from here, if so.
    pub fn look_only(&self) -> Option<String> {
        self.look_only.read().ok().and_then(|guard| guard.clone())
    }

    /// Makes this session look only for a reason, or gives it its hands back.
    pub fn set_look_only(&self, why: Option<String>) {
        if let Ok(mut guard) = self.look_only.write() {
            *guard = why;
        }
    }

    /// Appends what was observed (a backend went down): it is no request and asks nobody.
    pub fn observe(&self, event: Event) -> Result<(), Failure> {
        self.append(event).map_err(|why| Failure::Unwritten { why })
    }

    /// Records the plugins that policy left out of this session.
    pub(crate) fn record_refusals(&self) {
        for mount in &self.mounts {
            let (Some(kind), Err(error)) = (mount.refused(), mount.backend().health(mount.call())) else { continue };
            let event = self.system_event(kind).on(format!("backend://{}", mount.layer));
            let asked = format!("mount {} as '{}'", mount.kind, mount.layer);
            let event = event.came_out(Status::Denied, None, Some(kind.entry().name));
            let reasons = vec![quarterdeck_domain::sanitise::line(&error.what, 400).into_owned()];
            // The layer says it whether or not it could be written.
            let _ = self.append(event.with(Detail::Refusal { asked, reasons }));
        }
    }

    /// An event of this session, now.
    pub fn system_event(&self, kind: quarterdeck_domain::catalogue::EventKind) -> Event {
        let ids = EventId { event: random_id("evt", 16), request: random_id("req", 12) };
        Event::new(kind, Timestamp::now(), ids, Actor::system(&self.who.session), self.config.environment)
    }

    /// The layer of this name.
    pub fn mount(&self, layer: &str) -> Result<&Mount, Failure> {
        self.mounts.iter().find(|mount| mount.layer == layer).ok_or_else(|| Failure::Senseless {
            what: format!("there is no layer '{layer}' here"),
            next: format!(
                "The layers are: {}.",
                self.mounts.iter().map(|mount| mount.layer.as_str()).collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// What is decided of a request here. Records nothing: nothing was asked for yet.
    pub(crate) fn decision(&self, request: &Request, look_only: Option<&str>) -> Decision {
        let situation = Situation {
            who: &self.who,
            environment: self.config.environment,
            look_only,
            classes: &self.classes,
            boundary: &self.boundary,
        };
        decide(&situation, request)
    }

    /// Decides, and records a refusal. A verb asks this first of all, so that what is not allowed reaches no backend.
    pub fn permit(&self, request: &Request) -> Result<(), Failure> {
        let asked = request.words();
        let (failure, reasons) = match self.decision(request, self.look_only().as_deref()) {
            Decision::Permit => return Ok(()),
            Decision::Refuse(reasons) => (Failure::Refused { asked: asked.clone(), reasons: reasons.clone() }, reasons),
            Decision::NeedsApproval { by, why } => {
                (Failure::NeedsApproval { asked: asked.clone(), by, why: why.clone() }, vec![why])
            }
            Decision::Crossed { owner } => {
                (Failure::Crossed { asked: asked.clone(), owner }, vec![format!("it belongs to {}", owner.title())])
            }
        };
        use quarterdeck_domain::catalogue::EventKind;
        let kind = match failure {
            Failure::Crossed { .. } => EventKind::EnvironmentCrossed,
            _ => EventKind::PermissionDenied,
        };
        let mut event = self.event(request, None);
        event.event_type = kind;
        event.data_type = kind.entry().data_type.into();
        let event =
            event.came_out(Status::Denied, None, Some(kind.entry().name)).with(Detail::Refusal { asked, reasons });
        // A refusal stands whether or not it could be written.
        let _ = self.append(event);
        Err(failure)
    }

    fn append(&self, event: Event) -> Result<(), String> {
        self.journal.append(vec![event]).map(|_| ()).map_err(|error| error.to_string())
    }

    fn event(&self, request: &Request, request_id: Option<String>) -> Event {
        let ids = EventId { event: random_id("evt", 16), request: request_id.unwrap_or_else(|| random_id("req", 12)) };
        let actor = Actor::person(&self.who);
        let mut event = Event::new(request.event(), Timestamp::now(), ids, actor, self.config.environment)
            .on(request.resource())
            .with(self.detail(request, None, None, None));
        event.context.ip_address = self.surroundings.client_address();
        event
    }

    fn detail(
        &self,
        request: &Request,
        done: Option<&Done>,
        fingerprint: Option<String>,
        note: Option<String>,
    ) -> Detail {
        let secret = |target: &Target, purpose: &str| {
            let version = match done {
                Some(Done::Stored(version)) => Some(version.0.clone()),
                Some(Done::Read(reading)) => reading.version.as_ref().map(|version| version.0.clone()),
                _ => None,
            };
            Detail::Secret {
                layer: target.layer.clone(),
                name: target.name.clone(),
                purpose: purpose.into(),
                version,
                fingerprint: fingerprint.clone(),
                note: note.clone(),
            }
        };
        let check = |what: &str| Detail::Check {
            what: what.to_owned(),
            count: 0,
            found: note.clone().unwrap_or_else(|| if done.is_some() { "done".into() } else { String::new() }),
        };
        match request {
            Request::Read { target, purpose: Purpose::Get } => secret(target, "get"),
            Request::Read { target, purpose: Purpose::Reveal } => secret(target, "reveal"),
            Request::Write { target } => secret(target, "set"),
            Request::Delete { target } => secret(target, "delete"),
            Request::Restore { target } => secret(target, "restore"),
            Request::Inspect { target } => secret(target, "inspect"),
            Request::Rekey { layer } | Request::Validate { layer } => check(layer),
            Request::QueryAudit { filter } => check(&quarterdeck_domain::sanitise::line(filter, 400)),
            Request::OpenSession { host, program, pid } => Detail::Session {
                host: host.clone(),
                program: program.clone(),
                pid: *pid,
                look_only: self.look_only().is_some(),
            },
            Request::CloseSession
            | Request::GenerateKey
            | Request::ShowConfig
            | Request::VerifyJournal
            | Request::Fire(_)
            | Request::Hold
            | Request::Release => check(""),
            Request::PlanRotation { target }
            | Request::Rotate { target }
            | Request::ConfirmRotation { target, .. }
            | Request::Steer { target, .. }
            | Request::Adopt { target } => secret(target, "rotate"),
        }
    }

    fn carry_out(&self, ask: Ask) -> Result<Done, Failure> {
        let Ask { request, value, expected } = ask;
        match request {
            Request::OpenSession { .. }
            | Request::CloseSession
            | Request::ShowConfig
            | Request::VerifyJournal
            | Request::QueryAudit { .. } => Ok(Done::Nothing),
            Request::PlanRotation { .. }
            | Request::Rotate { .. }
            | Request::ConfirmRotation { .. }
            | Request::Steer { .. }
            | Request::Adopt { .. } => Err(senseless("a rotation is not served in one piece")),
            Request::Fire(_) | Request::Hold | Request::Release => {
                Err(senseless("the kill-switch is not served here: it may not wait for the journal"))
            }
            Request::Read { target, .. } => {
                let version = match &expected {
                    Expected::Version(version) => Some(version),
                    Expected::Anything | Expected::Absent => None,
                };
                self.on(&target, |mount, name| mount.backend().read(name, version, mount.call())).map(Done::Read)
            }
            Request::Write { target } => {
                let value = value.ok_or_else(|| senseless("a write needs a value"))?;
                self.on(&target, |mount, name| mount.backend().write(name, value, &expected, mount.call()))
                    .map(Done::Stored)
            }
            Request::Delete { target } => self
                .on(&target, |mount, name| mount.backend().delete(name, &expected, mount.call()))
                .map(|()| Done::Nothing),
            Request::Restore { target } => {
                self.on(&target, |mount, name| mount.backend().restore(name, mount.call())).map(Done::Stored)
            }
            Request::Inspect { target } => {
                self.on(&target, |mount, name| mount.backend().inspect(name, mount.call())).map(Done::Inspected)
            }
            Request::Rekey { layer } => {
                let key = value.ok_or_else(|| senseless("a rekey needs the new key"))?.bytes;
                self.seal_anew(&layer, Some(key), None).map(Done::Rekeyed)
            }
            Request::Validate { layer } => {
                let mount = self.mount(&layer)?;
                let health =
                    mount.backend().health(mount.call()).map_err(|error| Failure::of_backend(&layer, error))?;
                let checked = match self.extra(&layer, "validate", None) {
                    Err(Failure::Backend { error, .. }) if error.kind == ErrorKind::Unsupported => {
                        ExtraReply::default()
                    }
                    other => other?,
                };
                Ok(Done::Checked(health, checked))
            }
            Request::GenerateKey => {
                let reply = self.extra("fernet", "generate-key", None)?;
                reply.secret.map(Done::Key).ok_or_else(|| senseless("the plugin gave no key"))
            }
        }
    }

    fn on<T>(
        &self,
        target: &Target,
        act: impl FnOnce(&Mount, &SecretName) -> quarterdeck_contract::Result<T>,
    ) -> Result<T, Failure> {
        let mount = self.mount(&target.layer)?;
        let name = SecretName::parse(&target.name).ok_or_else(|| senseless("that is no secret's name"))?;
        act(mount, &name).map_err(|error| Failure::of_backend(&target.layer, error))
    }

    fn extra(&self, layer: &str, operation: &str, secret: Option<SecretBytes>) -> Result<ExtraReply, Failure> {
        self.extra_with(layer, operation, &[], secret)
    }

    /// What one backend has alone; each of the words is said yes to.
    pub(crate) fn extra_with(
        &self,
        layer: &str,
        operation: &str,
        words: &[&str],
        secret: Option<SecretBytes>,
    ) -> Result<ExtraReply, Failure> {
        let mount = self.mount(layer)?;
        let arguments = words.iter().map(|word| ((*word).to_owned(), "yes".to_owned())).collect();
        let extra = Extra { operation: operation.to_owned(), arguments };
        mount.backend().extra(&extra, secret, mount.call()).map_err(|error| Failure::of_backend(layer, error))
    }
}

/// One event is enough: it is done as soon as that is written, or what it gives is handed over only then.
fn is_instant(request: &Request) -> bool {
    matches!(
        request,
        Request::OpenSession { .. }
            | Request::CloseSession
            | Request::ShowConfig
            | Request::Inspect { .. }
            | Request::VerifyJournal
            | Request::QueryAudit { .. }
    )
}

pub(crate) fn senseless(what: &str) -> Failure {
    Failure::Senseless { what: what.to_owned(), next: "See 'quarterdeck help'.".into() }
}

fn outcome_of(failure: &Failure) -> (Status, &'static str) {
    match failure {
        Failure::Backend { error, .. } if error.kind == ErrorKind::OutcomeUnknown => {
            (Status::Unknown, error.kind.code())
        }
        Failure::Backend { error, .. } => (Status::Failure, error.kind.code()),
        Failure::NotFound { .. } => (Status::Failure, "NOT_FOUND"),
        _ => (Status::Failure, "FAILED"),
    }
}
