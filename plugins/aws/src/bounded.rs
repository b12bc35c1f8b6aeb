//! The client that carries every request, with a bound on answers. Refuses to swallow what AWS would never send: a secret
//! has 64 KiB at most, and a page of a list less than 2 MiB.

use aws_sdk_secretsmanager::config::{HttpClient, RuntimeComponents, RuntimeComponentsBuilder, SharedHttpClient};
use aws_sdk_secretsmanager::error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use std::fmt;

/// Most bytes of an answer.
pub(crate) const MOST: usize = 8 << 20;

/// An answer had more.
#[derive(Debug)]
pub(crate) struct Oversize;

impl fmt::Display for Oversize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer has more than {} MiB", MOST >> 20)
    }
}

impl std::error::Error for Oversize {}

/// A client that reads no more than [`MOST`] of an answer.
#[derive(Debug)]
pub(crate) struct Bounded(pub(crate) SharedHttpClient);

impl HttpClient for Bounded {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(&self, given: &RuntimeComponentsBuilder, bag: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_base_client_config(given, bag)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, bag: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_final_config(components, bag)
    }
}

#[derive(Debug)]
struct Connector(SharedHttpConnector);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async { read(answer.await?).await })
    }
}

/// The answer with its body in memory: none of ours is a stream.
async fn read(mut answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    // Of no retryable kind: it would be as large again.
    let oversize = || ConnectorError::other(Oversize.into(), None);
    let said = answer.headers().get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if said > MOST {
        return Err(oversize());
    }
    // At once as large as it gets: growing would leave copies of a value behind.
    let mut whole = Vec::with_capacity(said);
    let mut body = ByteStream::new(std::mem::replace(answer.body_mut(), SdkBody::taken()));
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|broken| ConnectorError::io(broken.into()))?;
        if whole.len() + piece.len() > MOST {
            return Err(oversize());
        }
        whole.extend_from_slice(&piece);
    }
    *answer.body_mut() = SdkBody::from(whole);
    Ok(answer)
}
