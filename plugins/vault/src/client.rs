//! A request with our token, and an answer or the reason why there is none. Refuses to leave a 403 unexplained.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::mounted::{self, Mounted};
use crate::refusal::{Inquiry, Need};
use crate::session::{Held, Session};
use crate::settings::Settings;
use crate::wire::{Calls, Wire};
use quarterdeck_contract::Result;
use rustify::Endpoint;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// One server, as one identity.
pub(crate) struct Client {
    pub(crate) settings: Settings,
    pub(crate) session: Session,
    pub(crate) calls: Calls,
    wire: Mutex<Option<Arc<Wire>>>,
    mounted: Mutex<Option<Arc<Mounted>>>,
}

impl Client {
    /// Reaches for nothing yet.
    pub(crate) fn new(mut settings: Settings) -> Self {
        let auth = std::mem::replace(&mut settings.auth, crate::settings::Auth::Token(None));
        let session = Session::new(auth, settings.token_from.take(), settings.renew);
        Self { settings, session, calls: Calls::default(), wire: Mutex::default(), mounted: Mutex::default() }
    }

    /// An answer of status 2xx, 400 or 404; every other one is an error by its reason.
    pub(crate) async fn ask(&self, endpoint: &impl Endpoint, need: &Need, until: Instant) -> Result<Answer> {
        let (answer, held) = self.exchange(endpoint, need, until).await?;
        if answer.is_fine() || answer.status == 404 || answer.status == 400 && !answer.wants_tls {
            return Ok(answer);
        }
        Err(self.why(&answer, &held, need, until).await)
    }

    /// As [`ask`](Self::ask), and nothing where the token may not.
    pub(crate) async fn ask_if_allowed(
        &self,
        endpoint: &impl Endpoint,
        need: &Need,
        until: Instant,
    ) -> Result<Option<Answer>> {
        let (answer, held) = self.exchange(endpoint, need, until).await?;
        match answer.status {
            200..300 | 400 | 404 if !answer.wants_tls => Ok(Some(answer)),
            403 => Ok(None),
            _ => Err(self.why(&answer, &held, need, until).await),
        }
    }

    /// The error that an answer is.
    pub(crate) async fn why(
        &self,
        answer: &Answer,
        held: &Held,
        need: &Need,
        until: Instant,
    ) -> quarterdeck_contract::BackendError {
        let Ok(wire) = self.wire() else { return crate::wire::late() };
        let inquiry =
            Inquiry { wire: &wire, calls: &self.calls, token: Some(&held.token), remedy: self.session.remedy(), until };
        inquiry.why(answer, need).await
    }

    /// The answer of whatever status, with the token that it is for. A refused token is replaced once, where it can be.
    pub(crate) async fn exchange(
        &self,
        endpoint: &impl Endpoint,
        need: &Need,
        until: Instant,
    ) -> Result<(Answer, Arc<Held>)> {
        let doing = |error: quarterdeck_contract::BackendError| match error.doing.is_empty() {
            true => error.doing(need.doing.clone()),
            false => error,
        };
        let wire = self.wire().map_err(doing)?;
        let held = self.session.token(&wire, &self.calls, until).await.map_err(doing)?;
        let answer = wire.send(endpoint, Some(&held.token), &self.calls, until).await.map_err(doing)?;
        if answer.status != 403 {
            return Ok((answer, held));
        }
        let Some(other) = self.session.another(&held, &wire, &self.calls, until).await.map_err(doing)? else {
            return Ok((answer, held));
        };
        let answer = wire.send(endpoint, Some(&other.token), &self.calls, until).await.map_err(doing)?;
        Ok((answer, other))
    }

    /// Where the secrets are; asked once, on the way to what is being done.
    pub(crate) async fn mounted(&self, doing: String, until: Instant) -> Result<Arc<Mounted>> {
        if let Some(mounted) = self.mounted.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(mounted.clone());
        }
        let probe = mounted::probe(&self.settings);
        let need = Need::new(format!("sys/internal/ui/mounts/{probe}"), "read", doing);
        let answer = self.ask_if_allowed(&Ask::get(&need.path), &need, until).await?;
        let answer = answer.filter(Answer::is_fine);
        let mounted = Arc::new(mounted::resolve(&self.settings, answer.as_ref())?);
        // A guess is asked again, since the token's rights may grow.
        if mounted.asked {
            *self.mounted.lock().unwrap_or_else(PoisonError::into_inner) = Some(mounted.clone());
        }
        Ok(mounted)
    }

    /// Forgets where the secrets are: the mount turned out to be another one.
    pub(crate) fn forget_mount(&self) {
        *self.mounted.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The connection, made when it is first needed: a certificate file may come later.
    pub(crate) fn wire(&self) -> Result<Arc<Wire>> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        match wire.as_ref() {
            Some(wire) => Ok(wire.clone()),
            None => Ok(wire.insert(Arc::new(Wire::new(&self.settings)?)).clone()),
        }
    }
}
