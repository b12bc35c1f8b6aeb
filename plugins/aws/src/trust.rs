//! Whom the secure connection believes: the system's certification authorities and one's own. Refuses to verify less.

use crate::bounded::Bounded;
use aws_sdk_secretsmanager::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::path::Path;

/// The client that carries every request.
pub(crate) fn http_client(ca_file: Option<&Path>) -> Result<SharedHttpClient> {
    // Asked first: the client panics (or trusts nobody, in silence) when the system has no authorities to read.
    let system = !rustls_native_certs::load_native_certs().certs.is_empty();
    let mut store = TrustStore::empty().with_native_roots(system);
    if let Some(file) = ca_file {
        store.add_pem_certificate(own(file)?);
    }
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(|error| BackendError::new(ErrorKind::Tls, error.to_string()))?;
    let client = Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(context).build_https();
    Ok(SharedHttpClient::new(Bounded(client)))
}

/// The file's text, once every certificate in it was understood: the client panics at one that is not.
fn own(file: &Path) -> Result<Vec<u8>> {
    let failed = |what: String| {
        BackendError::new(ErrorKind::Tls, what)
            .doing(format!("reading {}", file.display()))
            .hint("Name a file with PEM certificates as ca_file (or AWS_CA_BUNDLE).")
    };
    let pem = std::fs::read(file).map_err(|error| failed(format!("the certificates can't be read: {error}")))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| failed("what is in it is no certificate in PEM".into()))?;
        store.add(certificate).map_err(|_| failed("a certificate in it can't be used".into()))?;
    }
    if store.is_empty() { Err(failed("there is no certificate in it".into())) } else { Ok(pem) }
}
