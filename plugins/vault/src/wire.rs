//! Bytes to the server and back. Refuses to follow a redirect (the token would go along), to use a proxy of its
//! process's environment, to outlast a call's deadline, and to put a body into an error.

use crate::answer::Answer;
use crate::settings::{Settings, origin};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Request, Url};
use rustify::Endpoint;
use std::error::Error;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

/// Longest answer that is read, in bytes: as much as a frame to the program holds.
const LONGEST: usize = 32 << 20;

/// How often a throttled request is sent again, and the first pause.
const AGAIN: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

/// A connection to one server.
pub(crate) struct Wire {
    http: Client,
    /// Scheme, host, port and path, without a slash at the end.
    base: String,
    headers: HeaderMap,
}

impl Wire {
    /// Makes the connection's client; connects to nobody yet.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Somebody else in the same program may have been first, with the same provider.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let mut builder = Client::builder()
            .tls_backend_rustls()
            .user_agent(concat!("quarterdeck-vault/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(settings.address.scheme() == "https")
            .pool_idle_timeout(Duration::from_secs(30))
            .tls_danger_accept_invalid_certs(!settings.verify);
        if let Some(path) = &settings.ca_file {
            let own = certificates(path)?;
            builder = builder.tls_certs_only(own);
        } else if settings.address.scheme() == "http" {
            // Else the client asks for the system's certificates, which a machine without any has not got.
            builder = builder.tls_certs_only(Vec::new());
        }
        let http = builder.build().map_err(|_| {
            BackendError::new(ErrorKind::Tls, "the system has no certificate authorities that could be read")
                .hint("Install 'ca-certificates', or set 'ca_file' (VAULT_CACERT) to the server's own.")
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        if let Some(namespace) = settings.namespace.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(HeaderName::from_static("x-vault-namespace"), namespace);
        }
        let base = format!("{}{}", origin(&settings.address), settings.address.path().trim_end_matches('/'));
        Ok(Self { http, base, headers })
    }

    /// Sends a request and reads the answer, whatever its status; when throttled it waits and asks again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Tls`], [`ErrorKind::Timeout`], and for a request that changes something
    /// and was sent, [`ErrorKind::OutcomeUnknown`].
    pub(crate) async fn send(
        &self,
        endpoint: &impl Endpoint,
        token: Option<&str>,
        calls: &Calls,
        until: Instant,
    ) -> Result<Answer> {
        let mut pause = PAUSE;
        let mut lost = false;
        for again in 0.. {
            if Instant::now() >= until {
                return Err(late());
            }
            let request = self.request(endpoint, token)?;
            let reads = request.method() == Method::GET;
            calls.count();
            let (answer, asked_pause) = match self.exchange(request, until).await {
                // A kept connection may have been closed by the other side meanwhile.
                Err(Broken { error, lost: true }) if reads && !lost && error.kind == ErrorKind::Unreachable => {
                    lost = true;
                    continue;
                }
                Err(Broken { error, .. }) if reads || error.kind != ErrorKind::Timeout => return Err(error),
                Err(_) => return Err(unknown("the server did not answer in time")),
                Ok(exchanged) => exchanged,
            };
            let wait = asked_pause.unwrap_or(pause);
            if answer.status != 429 || again >= AGAIN || Instant::now() + wait >= until {
                return Ok(answer);
            }
            sleep(wait).await;
            pause *= 2;
        }
        Err(unreachable_server("gave up"))
    }

    fn request(&self, endpoint: &impl Endpoint, token: Option<&str>) -> Result<Request> {
        let unbuilt = || BackendError::new(ErrorKind::Invalid, "the request can't be put into words");
        // The path is put together on an empty address, where vaultrs' leading slashes do no harm.
        let (parts, body) = endpoint.request("http://vault").map_err(|_| unbuilt())?.into_parts();
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let url = Url::parse(&format!("{}/v1/{}", self.base, path.trim_start_matches('/'))).map_err(|_| unbuilt())?;
        let mut request = Request::new(parts.method, url);
        *request.headers_mut() = self.headers.clone();
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token).map_err(|_| unbuilt())?;
            value.set_sensitive(true);
            request.headers_mut().insert(HeaderName::from_static("x-vault-token"), value);
        }
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }

    /// One request and its answer, with the pause that a throttling server asks for.
    async fn exchange(
        &self,
        request: Request,
        until: Instant,
    ) -> std::result::Result<(Answer, Option<Duration>), Broken> {
        let reads = request.method() == Method::GET;
        let late = || Broken { error: late(), lost: false };
        let broken = |error: reqwest::Error| broken(&error, reads);
        let mut response = match timeout_at(until, self.http.execute(request)).await {
            Ok(response) => response.map_err(broken)?,
            Err(_) => return Err(late()),
        };
        let size = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(LONGEST));
        let mut body = Zeroizing::new(Vec::with_capacity(size.min(LONGEST)));
        loop {
            match timeout_at(until, response.chunk()).await {
                Ok(Ok(Some(part))) if body.len() + part.len() <= LONGEST => append(&mut body, &part),
                Ok(Ok(Some(_))) => {
                    let error = BackendError::new(ErrorKind::TooLarge, "the server's answer is longer than 32 MiB");
                    return Err(Broken { error, lost: false });
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(broken(error)),
                Err(_) => return Err(late()),
            }
        }
        let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let pause = header(RETRY_AFTER).and_then(|text| text.parse::<u32>().ok());
        let pause = pause.map(|seconds| Duration::from_secs(seconds.into()));
        let location = header(LOCATION).and_then(|text| Url::parse(text).ok()).map(|url| origin(&url));
        Ok((Answer::new(response.status().as_u16(), location, &body), pause))
    }
}

/// Appends without leaving the shorter buffer's copy behind.
fn append(body: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if body.capacity() - body.len() < part.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + part.len()).max(body.capacity() * 2)));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(part);
}

/// A request that got no whole answer.
struct Broken {
    error: BackendError,
    /// The connection broke off after it was made.
    lost: bool,
}

fn broken(error: &reqwest::Error, reads: bool) -> Broken {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return Broken { error: tls_error(tls), lost: false };
    }
    if error.is_connect() {
        let what = match cause::<std::io::Error>(error).map(std::io::Error::kind) {
            Some(std::io::ErrorKind::ConnectionRefused) => "nobody listens there",
            Some(std::io::ErrorKind::PermissionDenied) => "the connection is not allowed from here",
            Some(_) if error_text_has(error, "dns") => "the name of the host is not known",
            _ => "no connection could be made",
        };
        return Broken { error: unreachable_server(what), lost: false };
    }
    let what = "the connection broke off";
    Broken { error: if reads { unreachable_server(what) } else { unknown(what) }, lost: true }
}

fn unreachable_server(what: &str) -> BackendError {
    BackendError::new(ErrorKind::Unreachable, format!("the server can't be reached: {what}"))
        .hint("Look whether it runs and whether the address is its own ('curl ADDRESS/v1/sys/health').")
}

fn unknown(what: &str) -> BackendError {
    BackendError::new(ErrorKind::OutcomeUnknown, format!("{what}, so it is not known whether the change was made"))
        .hint("Read the secret's versions before anything else.")
}

/// The deadline passed.
pub(crate) fn late() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "the server did not answer in time")
        .hint("Look at the server's load and at the way to it.")
}

/// TLS errors name certificates and alerts, never what is inside.
fn tls_error(error: &rustls::Error) -> BackendError {
    let hint = match error {
        rustls::Error::InvalidMessage(_) => "The server speaks no TLS there: use http://, or its TLS port.",
        rustls::Error::InvalidCertificate(_) => {
            "Set 'ca_file' (VAULT_CACERT) to the authority that signed the server's certificate, and the address to a name in it."
        }
        _ => "Look at the server's TLS set-up ('quarterdeck tls check HOST:PORT').",
    };
    BackendError::new(ErrorKind::Tls, format!("no secure connection could be made: {error}")).hint(hint)
}

fn certificates(path: &std::path::Path) -> Result<Vec<Certificate>> {
    let refuse = |what: &str| {
        Err(BackendError::new(ErrorKind::Tls, format!("the certificate authority {} {what}", path.display()))
            .hint("Set 'ca_file' (VAULT_CACERT) to a PEM file that this program may read."))
    };
    let Ok(pem) = std::fs::read(path) else { return refuse("can't be read") };
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => refuse("holds no certificate"),
    }
}

/// The first cause of this type.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

fn error_text_has(error: &(dyn Error + 'static), word: &str) -> bool {
    causes(error).any(|error| error.to_string().contains(word))
}

/// An error and what it comes from.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| behind(*error))
}

/// An I/O error that wraps another error names only that one's cause as its own.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The requests of the last hour, by the minute.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Minutes>);

struct Minutes {
    since: Instant,
    counts: [(u64, u64); 60],
}

impl Default for Minutes {
    fn default() -> Self {
        Self { since: Instant::now(), counts: [(0, 0); 60] }
    }
}

impl Calls {
    fn count(&self) {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = minutes.since.elapsed().as_secs() / 60;
        let slot = &mut minutes.counts[(now % 60) as usize];
        if slot.0 != now {
            *slot = (now, 0);
        }
        slot.1 += 1;
    }

    /// How many there were.
    pub(crate) fn last_hour(&self) -> u64 {
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = minutes.since.elapsed().as_secs() / 60;
        minutes.counts.iter().filter(|(minute, _)| now - minute < 60).map(|(_, count)| count).sum()
    }
}
