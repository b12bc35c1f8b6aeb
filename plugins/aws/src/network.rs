//! What went wrong on the way to AWS. Refuses to try again where nobody listens: the caller polls anyway, and five
//! attempts at a closed port take seconds.

use aws_sdk_secretsmanager::config::interceptors::InterceptorContext;
use aws_sdk_secretsmanager::config::retry::{ClassifyRetry, RetryAction};
use std::error::Error;
use std::io::ErrorKind;

/// Why there is no connection. In each case nothing was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The secure connection can't be made, and why.
    Tls(String),
    /// Nobody listens.
    Refused,
    /// We are not let out.
    Forbidden,
    /// The host's name leads nowhere.
    NoName,
    /// The network doesn't lead there.
    NoRoute,
    /// Nobody answers.
    Silent,
}

/// The trouble in an error, where it is one of these.
pub(crate) fn trouble(error: &(dyn Error + 'static)) -> Option<Trouble> {
    chain(error).find_map(|cause| {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(Trouble::Tls(tls.to_string()));
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                ErrorKind::ConnectionRefused => Some(Trouble::Refused),
                ErrorKind::PermissionDenied => Some(Trouble::Forbidden),
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(Trouble::NoRoute),
                _ => None,
            };
        }
        let said = cause.to_string();
        if said.starts_with("dns error") {
            return Some(Trouble::NoName);
        }
        said.starts_with("HTTP connect timeout").then_some(Trouble::Silent)
    })
}

/// An error and its causes; what an I/O error carries is among them, which its `source` skips.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// Ends the attempts where nobody was reached.
#[derive(Debug)]
pub(crate) struct NobodyThere;

impl ClassifyRetry for NobodyThere {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err).and_then(|error| error.as_connector_error());
        match error.and_then(|error| trouble(error)) {
            Some(_) => RetryAction::RetryForbidden,
            None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "nobody there"
    }
}
