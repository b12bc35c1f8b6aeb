//! What the suites share: a backend over a running server, and a search for canaries in all that it says.

#![allow(dead_code, reason = "each suite uses its part")]

use quarterdeck_contract::*;
use quarterdeck_servers::OpenBao;
use serde_json::{Value as Json, json};
use std::fmt::Debug;
use std::time::Duration;

pub(crate) const CALL: Call = Call { within: Duration::from_secs(30) };

/// In every secret, token name and password of these suites.
pub(crate) const CANARY: &str = "canary";

/// Settings and secrets of a backend, by name.
#[derive(Default)]
pub(crate) struct Given {
    setup: Setup,
}

impl Given {
    /// A server's address and a token.
    pub(crate) fn token(server: &OpenBao, token: &str) -> Self {
        Self::at(server).secret("token", token)
    }

    /// A server's address, and its CA when it has one.
    pub(crate) fn at(server: &OpenBao) -> Self {
        let given = Self::default().text("address", &server.address());
        match server.ca_file().is_file() {
            true => given.text("ca_file", &server.ca_file().display().to_string()),
            false => given,
        }
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.set(name, Setting::Text(value.into()))
    }

    pub(crate) fn set(mut self, name: &str, value: Setting) -> Self {
        self.setup.settings.insert(name.into(), value);
        self
    }

    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.setup.secrets.insert(name.into(), SecretBytes::from(value));
        self
    }

    pub(crate) fn backend(mut self) -> Box<dyn SecretsBackend> {
        self.setup.instance = "vault".into();
        quarterdeck_vault::create(self.setup).expect("made")
    }
}

/// A backend as root over the server's `secret/`.
pub(crate) fn root(server: &OpenBao) -> Box<dyn SecretsBackend> {
    Given::token(server, server.root_token()).backend()
}

/// A backend with a token of this policy.
pub(crate) fn with_policy(server: &OpenBao, policy: &str) -> Given {
    server.policy("test", policy);
    Given::token(server, &server.token(&["test"], "8h"))
}

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

/// What a read gives, as kind and text.
#[track_caller]
pub(crate) fn read(backend: &dyn SecretsBackend, at: &str) -> (Kind, String) {
    let reading = backend.read(&name(at), None, CALL).expect("readable");
    (reading.value.kind, String::from_utf8_lossy(reading.value.bytes.expose()).into_owned())
}

/// The error, in which no canary and no token may stand.
#[track_caller]
pub(crate) fn refusal<T: Debug>(outcome: Result<T>) -> BackendError {
    let error = outcome.expect_err("refused");
    let shown = format!("{error} {error:?}");
    assert!(!shows_a_secret(&shown), "an error shows a secret: {shown}");
    assert!(!error.what.is_empty() && !error.hint.is_empty(), "{error:?} says too little");
    error
}

/// True when a canary stands in a text, or a token of the server's own.
pub(crate) fn shows_a_secret(text: &str) -> bool {
    let is_token = |part: &str| part.chars().take_while(char::is_ascii_alphanumeric).count() >= 20;
    text.contains(CANARY) || text.split("s.").skip(1).any(is_token)
}

/// The code of a refused read of `x/key`.
#[track_caller]
pub(crate) fn refused_read(backend: &dyn SecretsBackend) -> &'static str {
    refusal(backend.read(&name("x/key"), None, CALL)).kind.code()
}

/// All names, page by page.
pub(crate) fn names(backend: &dyn SecretsBackend, prefix: &str, limit: u32) -> Vec<String> {
    entries(backend, prefix, limit).into_iter().map(|entry| entry.name.as_str().to_owned()).collect()
}

/// All entries, page by page.
pub(crate) fn entries(backend: &dyn SecretsBackend, prefix: &str, limit: u32) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = backend.list(&PageRequest { prefix: prefix.into(), after, limit }, CALL).expect("a page");
        found.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// A server with `x/key` = {"password": "canary-1"}.
pub(crate) fn server() -> OpenBao {
    let server = OpenBao::dev();
    server.write("x/key", &secret("canary-1"));
    server
}

pub(crate) fn secret(value: &str) -> Json {
    json!({ "password": value })
}

/// The fact of this label.
pub(crate) fn fact(facts: &[(String, String)], label: &str) -> String {
    let found = facts.iter().find(|(known, _)| known == label);
    found.map(|(_, text)| text.clone()).unwrap_or_default()
}
