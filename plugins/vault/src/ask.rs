//! The requests that vaultrs has not got, or has with a mistake in them. Refuses to know what they are for.

use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use zeroize::Zeroizing;

/// A request by its path, without `/v1/`.
pub(crate) struct Ask {
    method: RequestMethod,
    path: String,
    query: Option<&'static str>,
    body: Option<Zeroizing<Vec<u8>>>,
}

impl Ask {
    /// Reads a path.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: RequestMethod::GET, path: path.into(), query: None, body: None }
    }

    /// Lists a folder. Not by the LIST verb, which proxies refuse.
    pub(crate) fn list(path: impl Into<String>) -> Self {
        Self { query: Some("list=true"), ..Self::get(path) }
    }

    /// Sends a body to a path.
    pub(crate) fn post(path: impl Into<String>, body: Zeroizing<Vec<u8>>) -> Self {
        Self { method: RequestMethod::POST, body: Some(body), ..Self::get(path) }
    }
}

impl Endpoint for Ask {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.map(str::to_owned))
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.as_ref().map(|body| body.to_vec()))
    }
}
