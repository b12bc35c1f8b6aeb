//! One HTTP call with the value as its credential or its body. Refuses plain HTTP to another host, a redirect, a proxy,
//! and to tell what an answer holds besides its status.

use super::{Errand, Verdict};
use quarterdeck_contract::{Kind, Value};
use quarterdeck_domain::rotate::Step;
use rustls::crypto::ring;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::http::{HeaderValue, Request, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error};
use zeroize::Zeroizing;

/// Where the value stands in the request.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    /// In this header; in the body without one.
    pub(super) header: Option<&'a str>,
    /// Before the value, in a header.
    pub(super) before: &'a str,
}

pub(super) fn run(method: &str, url: &str, way: Way<'_>, within: Duration, errand: &Errand<'_>) -> Verdict {
    match call(method, url, way, within, errand.value) {
        Ok(response) => judged(response.status().as_u16(), errand.step),
        Err(verdict) => verdict,
    }
}

/// What a status means. Who takes a value's validity away with the value itself finds it gone the second time.
fn judged(status: u16, step: Step) -> Verdict {
    let ends = matches!(step, Step::Retire | Step::Revoke);
    match status {
        200..=299 => Verdict::Yes(format!("answered {status}")),
        401 | 404 | 410 if ends => Verdict::Yes(format!("answered {status}: it was gone")),
        408 | 425 | 429 | 500.. => Verdict::Trouble(format!("answered {status}: not now")),
        300..=399 => Verdict::No(format!("answered {status}: a redirect is not followed; configure where it leads")),
        401 | 403 => Verdict::No(format!("answered {status}: the value is refused")),
        _ => Verdict::No(format!("answered {status}")),
    }
}

/// One call; what prevents it is a verdict already.
pub(super) fn call(
    method: &str,
    url: &str,
    way: Way<'_>,
    within: Duration,
    value: &Value,
) -> Result<Response<Body>, Verdict> {
    let no = |why: &str| Verdict::No(why.to_owned());
    let uri: Uri = url.parse().map_err(|_| no("the hook's URL is none"))?;
    let plain = uri.scheme_str() == Some("http");
    if plain && !is_loopback(&uri) {
        return Err(no("a value goes to another host by https alone"));
    }
    let mut request = Request::builder().method(method).uri(uri);
    let mut body = &[][..];
    match way.header {
        Some(name) => request = request.header(name, credential(way.before, value).ok_or_else(|| no(UNFIT))?),
        None if method == "GET" => return Err(no("a GET has no body: name the header that carries the value")),
        None => {
            let kind = if value.kind == Kind::Json { "application/json" } else { "application/octet-stream" };
            request = request.header("content-type", kind);
            body = value.bytes.expose();
        }
    }
    let request = request.body(body).map_err(|_| no("the hook's method or header is none"))?;
    let agent = agent(within, plain).map_err(Verdict::Trouble)?;
    let sent =
        if body.is_empty() && way.header.is_some() { agent.run(request.map(|_| ())) } else { agent.run(request) };
    sent.map_err(|error| failed(&error, within))
}

const UNFIT: &str = "the value can't stand in a header: it has a line end or other control characters";

fn credential(before: &str, value: &Value) -> Option<HeaderValue> {
    let bytes = value.bytes.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut text = Zeroizing::new(Vec::with_capacity(before.len() + bytes.len()));
    text.extend_from_slice(before.as_bytes());
    text.extend_from_slice(bytes);
    let mut header = HeaderValue::from_bytes(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn agent(within: Duration, plain: bool) -> Result<Agent, String> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent("quarterdeck")
        .timeout_global(Some(within));
    if !plain {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::Specific(roots()?));
        config = config.https_only(true).tls_config(tls.build());
    }
    Ok(config.build().into())
}

/// The machine's own certificates, read once.
fn roots() -> Result<Arc<Vec<Certificate<'static>>>, String> {
    static ROOTS: OnceLock<Arc<Vec<Certificate<'static>>>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        Arc::new(found.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
    });
    if roots.is_empty() {
        return Err("this machine has no certificates to trust: install 'ca-certificates'".into());
    }
    Ok(roots.clone())
}

fn failed(error: &Error, within: Duration) -> Verdict {
    Verdict::Trouble(match error {
        Error::Timeout(_) => format!("no answer within {} s", within.as_secs()),
        Error::HostNotFound => "the host's name is not known".into(),
        Error::Tls(_) | Error::Rustls(_) => format!("the secure connection can't be made: {error}"),
        other => format!("can't be asked: {other}"),
    })
}
