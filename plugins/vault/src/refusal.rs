//! Why the server said no, told apart by asking it: 403 is a missing policy or a dead token, 500 an audit log that can't
//! be written, 503 a sealed server or one that was never set up. Refuses to repeat the server's words about a request
//! that had a secret in it.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::session::is_unknown;
use crate::wire::{Calls, Wire};
use quarterdeck_contract::{BackendError, ErrorKind};
use rustify::Endpoint;
use serde_json::{Value, json};
use tokio::time::Instant;
use vaultrs::api::token::requests::LookupTokenSelfRequest;
use zeroize::Zeroizing;

/// What a request needs, for the case that it is refused.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    /// The API's path, without `/v1/`.
    pub(crate) path: String,
    /// The capability on it.
    pub(crate) capability: &'static str,
    /// What to add to the policy, if it is not just that capability on that path.
    pub(crate) grant: Option<String>,
    /// What is being done, for the error.
    pub(crate) doing: String,
    /// The request holds a secret, so that nothing of the answer's words is shown.
    pub(crate) carries_secret: bool,
}

impl Need {
    /// A capability on a path.
    pub(crate) fn new(path: impl Into<String>, capability: &'static str, doing: impl Into<String>) -> Self {
        Self { path: path.into(), capability, grant: None, doing: doing.into(), carries_secret: false }
    }

    /// The policy that would grant it.
    pub(crate) fn granted_by(mut self, grant: String) -> Self {
        self.grant = Some(grant);
        self
    }

    /// Says that the request holds a secret.
    pub(crate) fn with_secret(mut self) -> Self {
        self.carries_secret = true;
        self
    }

    fn grant(&self) -> String {
        self.grant.clone().unwrap_or_else(|| line(&self.path, &[self.capability]))
    }
}

/// One line of a policy.
pub(crate) fn line(path: &str, capabilities: &[&str]) -> String {
    let quoted: Vec<_> = capabilities.iter().map(|capability| format!("\"{capability}\"")).collect();
    format!("path \"{path}\" {{ capabilities = [{}] }}", quoted.join(", "))
}

/// The line with what the token has on that path already: of several rules the most exact one counts alone, and a line for
/// the path itself would take away what a wider one gives.
fn kept(line: String, path: &str, has: &[String]) -> String {
    if !line.starts_with(&format!("path \"{path}\" ")) {
        return line;
    }
    let mut has: Vec<String> = has.iter().map(|one| format!("\"{one}\"")).collect();
    has.retain(|one| !matches!(one.as_str(), "\"deny\"" | "\"root\"") && !line.contains(one.as_str()));
    has.sort();
    has.iter().fold(line, |line, one| line.replacen("capabilities = [", &format!("capabilities = [{one}, "), 1))
}

/// Who asks the server why.
pub(crate) struct Inquiry<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) calls: &'a Calls,
    pub(crate) token: Option<&'a str>,
    /// What to do about a dead token.
    pub(crate) remedy: String,
    pub(crate) until: Instant,
}

impl Inquiry<'_> {
    /// The error that an answer is.
    pub(crate) async fn why(&self, answer: &Answer, need: &Need) -> BackendError {
        let error = match answer.status {
            403 => self.denied(need).await,
            500 if answer.errors().contains("too large") => too_large(),
            status if (500..=599).contains(&status) || status == 472 || status == 473 => self.trouble(status).await,
            _ => plain(answer, need),
        };
        error.doing(need.doing.clone())
    }

    /// What is wrong with a server that answers with a status like this.
    pub(crate) async fn trouble(&self, status: u16) -> BackendError {
        let health = self.ask(&Ask::get("sys/health"), false).await;
        let flag = |name: &str| health.as_ref().and_then(|health| health.whole()?.get(name)?.as_bool());
        if flag("initialized") == Some(false) {
            return BackendError::new(ErrorKind::Uninitialised, "the server was never set up")
                .hint("Initialise it ('bao operator init' or 'vault operator init'), and keep its keys apart.");
        }
        if flag("sealed") == Some(true) {
            return BackendError::new(ErrorKind::Sealed, "the server is sealed")
                .hint("Unseal it ('bao operator unseal' or 'vault operator unseal'), or look at its seal's key.");
        }
        if status == 500 && flag("sealed") == Some(false) && self.every_request_fails().await {
            return BackendError::new(
                ErrorKind::AuditBlocked,
                "the server is up and fails every request, as it does when it can't write its audit log",
            )
            .hint(
                "Look at the disk and the mode of its audit devices' files; it answers again once one can be written.",
            );
        }
        let (what, hint) = match flag("standby") {
            Some(true) => ("the server is a standby without an active one", "Look at the cluster's leader."),
            _ => ("the server or something before it is in trouble", "Look at its log, and at the proxy before it."),
        };
        BackendError::new(ErrorKind::Unreachable, format!("{what}: it answers {status}")).hint(hint)
    }

    /// A token's look-up is written to the audit log too, and touches no secret.
    async fn every_request_fails(&self) -> bool {
        match self.token {
            Some(_) => self.ask(&LookupTokenSelfRequest {}, true).await.is_none_or(|answer| answer.status == 500),
            None => true,
        }
    }

    async fn denied(&self, need: &Need) -> BackendError {
        let looked_up = self.ask(&LookupTokenSelfRequest {}, true).await;
        if looked_up.as_ref().is_some_and(is_unknown) {
            return BackendError::new(ErrorKind::Expired, "the token is expired, revoked, or none of this server's")
                .hint(format!("{}; look also whether address and namespace are the right ones.", self.remedy));
        }
        let missing = format!("{} on {}", need.capability, need.path);
        let has = self.capabilities(&need.path).await;
        let grant = kept(need.grant(), &need.path, has.as_deref().unwrap_or_default());
        let what = match has {
            Some(has) if has.iter().any(|one| one == need.capability || one == "root") => {
                format!(
                    "the policies allow '{}' on {} and the server refuses it: another rule stands against it",
                    need.capability, need.path
                )
            }
            Some(has) if has.is_empty() || has == ["deny"] => {
                format!("the token's policies allow nothing on {}", need.path)
            }
            Some(has) => {
                format!("the token's policies allow {} on {}, not '{}'", has.join(", "), need.path, need.capability)
            }
            None => format!("the token's policies don't allow '{}' on {}", need.capability, need.path),
        };
        let hint = format!("Add to the token's policy: {grant}");
        BackendError::denied(missing, what).granted_by(grant).hint(hint)
    }

    /// What the token may do on a path, if it may ask.
    async fn capabilities(&self, path: &str) -> Option<Vec<String>> {
        let body = json!({ "paths": [path] }).to_string().into_bytes();
        let answer = self.ask(&Ask::post("sys/capabilities-self", Zeroizing::new(body)), true).await?;
        let list = answer.data().get(path).or_else(|| answer.whole()?.get(path))?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    async fn ask(&self, endpoint: &impl Endpoint, with_token: bool) -> Option<Answer> {
        let token = self.token.filter(|_| with_token);
        self.wire.send(endpoint, token, self.calls, self.until).await.ok()
    }
}

/// An answer that needs no further question.
fn plain(answer: &Answer, need: &Need) -> BackendError {
    let (kind, what, hint) = match answer.status {
        _ if answer.wants_tls => (
            ErrorKind::Tls,
            "the server speaks TLS and was asked in plain HTTP".to_owned(),
            "Write the address with https:// ('address' in the backend's settings, or VAULT_ADDR).",
        ),
        429 => (
            ErrorKind::Throttled,
            "the server is asked too often and still said so after several pauses".to_owned(),
            "Wait a little; look at its rate limit quotas.",
        ),
        413 => return too_large(),
        300..=399 => (
            ErrorKind::Unreachable,
            format!("the server sends us on to {}", answer.location.as_deref().unwrap_or("another address")),
            "Set 'address' in the backend's settings, or VAULT_ADDR, to that one: a token is not sent where nobody said it should go.",
        ),
        status => {
            let said = match need.carries_secret {
                true => String::new(),
                false => said(answer),
            };
            (ErrorKind::Invalid, format!("the server answers {status}{said}"), "Look at the mount and the name.")
        }
    };
    BackendError::new(kind, what).hint(hint)
}

/// By size of request, or by what one entry of the store may have.
pub(crate) fn too_large() -> BackendError {
    BackendError::new(ErrorKind::TooLarge, "the value is larger than the server takes")
        .hint("Keep large data elsewhere, and only its key here.")
}

/// The server's own words, on one line and not too many.
fn said(answer: &Answer) -> String {
    let words: String =
        answer.errors().chars().map(|char| if char.is_control() { ' ' } else { char }).take(200).collect();
    if words.is_empty() { words } else { format!(": {}", words.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_line_is_written_as_the_server_reads_it() {
        assert_eq!(
            line("secret/metadata/x/*", &["read", "list"]),
            r#"path "secret/metadata/x/*" { capabilities = ["read", "list"] }"#
        );
    }

    #[test]
    fn the_servers_words_about_a_secret_are_not_repeated() {
        let body = Zeroizing::new(br#"{"errors":["bad canary-1"]}"#.to_vec());
        let answer = Answer::new(400, None, &body);
        let need = Need::new("secret/data/x", "update", "writing 'x'");
        assert!(plain(&answer, &need).what.contains("canary-1"));
        assert!(!plain(&answer, &need.with_secret()).to_string().contains("canary-1"));
    }

    #[test]
    fn a_line_takes_nothing_away() {
        let has = |list: &[&str]| -> Vec<String> { list.iter().map(|one| (*one).to_owned()).collect() };
        let asked = || line("kv/data/x", &["create", "update"]);
        assert_eq!(kept(asked(), "kv/data/x", &has(&["read"])), line("kv/data/x", &["read", "create", "update"]));
        assert_eq!(kept(asked(), "kv/data/x", &has(&["deny"])), asked());
        assert_eq!(kept(asked(), "kv/data/x", &has(&["update"])), asked());
        let folder = || line("kv/metadata/*", &["read", "list"]);
        assert_eq!(kept(folder(), "kv/metadata/", &has(&["delete"])), folder());
    }
}
