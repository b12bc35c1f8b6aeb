//! One call to AWS inside its deadline: the runtime, the session, attempts counted. Refuses to outstay the caller.

use crate::errors::{self, Asked};
use crate::login::{self, Session};
use crate::network::trouble;
use crate::plain;
use crate::settings::Settings;
use aws_sdk_secretsmanager::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_secretsmanager::error::{BoxError, ProvideErrorMetadata, SdkError};
use quarterdeck_contract::{BackendError, Call, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What is left of a deadline for carrying the answer back.
const MARGIN: Duration = Duration::from_millis(150);

/// AWS as it is configured here.
pub(crate) struct Remote {
    /// The settings.
    pub(crate) settings: Settings,
    /// How often it was asked.
    pub(crate) calls: Arc<Calls>,
    runtime: Runtime,
    session: Mutex<Option<Arc<Session>>>,
}

impl Remote {
    /// Asks nobody.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        // Names are looked up on threads beside the workers.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(4)
            .thread_name("aws")
            .enable_io()
            .enable_time()
            .build();
        let runtime = runtime.map_err(|error| {
            BackendError::new(ErrorKind::Invalid, format!("no thread can be started: {error}")).doing("starting")
        })?;
        Ok(Self { settings, calls: Arc::default(), runtime, session: Mutex::default() })
    }

    /// Does `work` in the time of the call. An error says what was being done.
    pub(crate) fn run<T>(&self, call: Call, doing: &str, work: impl AsyncFnOnce(&Ask) -> Result<T>) -> Result<T> {
        let margin = MARGIN.min(call.within / 5);
        let deadline = Instant::now() + call.within.saturating_sub(margin);
        let wire = Arc::<Wire>::default();
        let work = async {
            let session = self.session().await?;
            work(&Ask { session, deadline, calls: self.calls.clone(), wire: wire.clone() }).await
        };
        // Made inside, where the runtime's timer is. A little later than the operations' own end, which says more.
        let end = deadline + margin / 2;
        let done = self.runtime.block_on(async { tokio::time::timeout_at(end.into(), work).await });
        let cut_off = || if wire.changing.load(Ordering::Relaxed) { errors::unknown() } else { errors::too_slow() };
        let done = done.unwrap_or_else(|_| Err(cut_off()));
        done.map_err(|error| {
            // Whoever logs in anew (SSO, another key in the file) is heard at the next call.
            if matches!(error.kind, ErrorKind::Expired) {
                *self.held() = None;
            }
            plain::error(if error.doing.is_empty() { error.doing(doing) } else { error })
        })
    }

    async fn session(&self) -> Result<Arc<Session>> {
        if let Some(session) = self.held().clone() {
            return Ok(session);
        }
        // Two at once both open one; the last stays. Holding the lock would make one wait for the other's deadline.
        let session = Arc::new(login::open(&self.settings).await?);
        *self.held() = Some(session.clone());
        Ok(session)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call needs to ask AWS.
pub(crate) struct Ask {
    /// The session.
    pub(crate) session: Arc<Session>,
    deadline: Instant,
    calls: Arc<Calls>,
    wire: Arc<Wire>,
}

impl Ask {
    /// The client.
    pub(crate) fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        &self.session.secrets
    }

    /// Time-outs that end before the call's deadline; goes with every operation.
    ///
    /// One attempt gets three fifths of what is left: a connection that is half open costs that, and another is tried.
    /// What changes something takes less, so that its outcome can be read back.
    pub(crate) fn limits(&self, changes: bool) -> Builder {
        self.wire.changing.fetch_or(changes, Ordering::Relaxed);
        Builder::default().timeout_config(self.timeouts(if changes { 0.7 } else { 1.0 }))
    }

    /// The same for STS.
    pub(crate) fn sts_limits(&self) -> aws_sdk_sts::config::Builder {
        aws_sdk_sts::config::Builder::default().timeout_config(self.timeouts(0.5))
    }

    fn timeouts(&self, share: f32) -> TimeoutConfig {
        let left = self.deadline.saturating_duration_since(Instant::now()).mul_f32(share);
        let left = left.max(Duration::from_millis(1));
        TimeoutConfig::builder().operation_timeout(left).operation_attempt_timeout(left.mul_f32(0.6)).build()
    }

    /// Listens to the attempts of one operation; goes with every operation.
    pub(crate) fn listening(&self) -> Listening {
        self.wire.throttled.store(false, Ordering::Relaxed);
        self.wire.unsettled.store(false, Ordering::Relaxed);
        Listening { calls: self.calls.clone(), wire: self.wire.clone() }
    }

    /// True when an operation that failed so may have been done all the same: an attempt of it got no clear answer.
    pub(crate) fn may_be_done<E>(&self, error: &SdkError<E>) -> bool {
        matches!(error, SdkError::TimeoutError(_) | SdkError::ResponseError(_))
            || self.wire.unsettled.load(Ordering::Relaxed)
    }

    /// The error of an operation.
    pub(crate) fn no<E>(&self, error: &SdkError<E>, asked: &Asked<'_>) -> BackendError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        errors::explain(error, asked, &self.session, &self.wire)
    }
}

/// Sends one operation of Secrets Manager, with the call's limits: `send!(ask, describe_secret().secret_id(name))`.
macro_rules! send {
    ($ask:expr, $($operation:tt)+) => {
        $crate::remote::send!(@ $ask, false, $($operation)+)
    };
    (@ $ask:expr, $changes:expr, $($operation:tt)+) => {
        $ask.secrets()
            .$($operation)+
            .customize()
            .config_override($ask.limits($changes))
            .interceptor($ask.listening())
            .send()
            .await
    };
}
pub(crate) use send;

/// The same for what changes something.
macro_rules! send_change {
    ($ask:expr, $($operation:tt)+) => {
        $crate::remote::send!(@ $ask, true, $($operation)+)
    };
}
pub(crate) use send_change;

/// Hears each attempt.
#[derive(Debug)]
pub(crate) struct Listening {
    calls: Arc<Calls>,
    wire: Arc<Wire>,
}

impl Intercept for Listening {
    fn name(&self) -> &'static str {
        "Listening"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        self.calls.count(Instant::now());
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        let body = context.response().and_then(|response| response.body().bytes()).unwrap_or_default();
        let throttled = status.is_some_and(|status| status == 429 || status >= 400 && errors::is_throttling(body));
        self.wire.throttled.store(throttled, Ordering::Relaxed);
        let settled = match status {
            Some(status) => status < 500,
            None => context
                .output_or_error()
                .and_then(|outcome| outcome.err()?.as_connector_error())
                .is_some_and(|error| trouble(error).is_some()),
        };
        if !settled {
            self.wire.unsettled.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Attempts of the last hour, by the minute.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Vec<(Instant, u32)>>);

impl Calls {
    fn count(&self, now: Instant) {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match minutes.last_mut().filter(|(since, _)| now.duration_since(*since) < Duration::from_secs(60)) {
            Some((_, count)) => *count += 1,
            None => minutes.push((now, 1)),
        }
        minutes.retain(|(since, _)| now.duration_since(*since) < Duration::from_secs(3600));
    }

    /// How many there were.
    pub(crate) fn of_the_last_hour(&self) -> u32 {
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = minutes.iter().filter(|(since, _)| since.elapsed() < Duration::from_secs(3600));
        recent.map(|(_, count)| count).sum()
    }
}

/// What the wire said of the operation that runs, and of the call.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    throttled: AtomicBool,
    unsettled: AtomicBool,
    /// Something that changes AWS was sent in this call.
    changing: AtomicBool,
}

impl Wire {
    /// True when the last attempt was told to come more seldom.
    pub(crate) fn was_throttled(&self) -> bool {
        self.throttled.load(Ordering::Relaxed)
    }
}
