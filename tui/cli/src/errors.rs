//! What a backend's error means and what helps, one line for each kind: what `status`, `doctor` and every failed verb
//! say beside a backend's own words, and what `docs/errors.md` is made from. Refuses to hide a backend's own hint.

use quarterdeck_control::{BackendError, ErrorKind};
use serde_json::{Value, json};

/// One kind of error.
pub(crate) struct Known {
    /// Its `error_code`.
    pub code: &'static str,
    /// What it says, in a phrase.
    pub means: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Every kind, in the order in which one looks for it: who we are, how the backend is, what is asked, the plugin.
pub(crate) const ERRORS: &[Known] = &[
    known(
        "DENIED",
        "the backend knows us and says no",
        "add what 'grant' says to our policy; who may change it knows how",
    ),
    known(
        "EXPIRED",
        "the credential is no longer valid: it ended, was revoked, or never was",
        "log in anew: a new VAULT_TOKEN, 'aws sso login', another session token",
    ),
    known(
        "SEALED",
        "the backend is up and locked",
        "its keepers unseal it ('vault operator unseal'); nothing here helps",
    ),
    known(
        "UNINITIALISED",
        "the backend was never set up",
        "set it up ('vault operator init'), or name the right address; for the Fernet file 'quarterdeck secrets set' makes it",
    ),
    known(
        "AUDIT_BLOCKED",
        "the backend refuses everything because it can't write its own audit log",
        "make room for its audit device, or mend it; its health page says all is well meanwhile",
    ),
    known(
        "UNREACHABLE",
        "nobody answers",
        "look at the address, the network, the firewall; then whether the server runs",
    ),
    known(
        "TLS",
        "the secure connection could not be made",
        "name its authority (ca_file), or mend its certificate; checks are not switched off",
    ),
    known(
        "TIMEOUT",
        "the deadline passed; nothing was changed",
        "ask again; a backend that is always slow gets more with [backend.NAME] within",
    ),
    known("THROTTLED", "asked too often", "wait; raise [backend.NAME] every, or the account's quota"),
    known(
        "NOT_FOUND",
        "there is no secret, version or key of this name",
        "'quarterdeck secrets search WORD' finds names in every layer",
    ),
    known("DELETED", "it was deleted and can be brought back", "'quarterdeck secrets restore NAME'"),
    known(
        "DESTROYED",
        "it was destroyed and can't be brought back",
        "set it anew; 'quarterdeck secrets history NAME' shows which versions are left",
    ),
    known(
        "WRONG_VERSION",
        "the engine behind the path speaks another version of its interface",
        "write the path with /data/ for KV version 2 and without it for version 1, or set kv",
    ),
    known(
        "CONFLICT",
        "somebody changed it meanwhile; nothing was written",
        "look at it again ('quarterdeck secrets history NAME'), then decide anew",
    ),
    known(
        "OUTCOME_UNKNOWN",
        "a write was sent and its answer was lost",
        "read it back before anything else: it may have been stored",
    ),
    known(
        "TOO_LARGE",
        "the value or the store exceeds a limit",
        "keep something that large elsewhere, and its place here",
    ),
    known(
        "INVALID",
        "the request, the settings or what is stored makes no sense",
        "mend what the message names; a backend's settings are under [backend.NAME]",
    ),
    known("UNSUPPORTED", "this backend has no such operation, and never will", "use another layer: '--layer NAME'"),
    known(
        "GONE",
        "the plugin's process is not there",
        "'quarterdeck plugins verify' says whether it can be loaded; the next question starts it anew",
    ),
    known(
        "PANICKED",
        "the plugin failed in this call; the others go on",
        "ask again; tell its maker what 'quarterdeck doctor' shows",
    ),
];

const fn known(code: &'static str, means: &'static str, remedy: &'static str) -> Known {
    Known { code, means, remedy }
}

/// What a backend's error comes to, for text and data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// Its kind in one word.
    pub code: &'static str,
    /// What is missing, in the backend's own words.
    pub missing: Option<String>,
    /// What would grant it: a policy's line in the backend's own language.
    pub grant: Option<String>,
    /// The backend's own hint.
    pub hint: Option<String>,
}

impl Cause {
    /// The cause that a backend tells.
    pub(crate) fn of(error: &BackendError) -> Self {
        let said = |text: &str| (!text.is_empty()).then(|| quarterdeck_domain::sanitise::line(text, 800).into_owned());
        let (missing, grant) = match &error.kind {
            ErrorKind::Denied { missing, grant } => (said(missing), said(grant)),
            _ => (None, None),
        };
        Self { code: error.kind.code(), missing, grant, hint: said(&error.hint) }
    }

    /// What to do: the backend's own words, else what always holds for this kind.
    pub(crate) fn next(&self) -> &str {
        let usual = || ERRORS.iter().find(|known| known.code == self.code).map_or("", |known| known.remedy);
        self.hint.as_deref().unwrap_or_else(usual)
    }

    /// What is missing and what would grant it, a line each; a grant that the backend's own hint repeats once only.
    pub(crate) fn lines(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|missing| format!("needs: {missing}"));
        let unsaid = self.grant.iter().filter(|grant| !self.next().contains(grant.as_str()));
        missing.chain(unsaid.map(|grant| format!("grant: {grant}"))).collect()
    }

    /// Puts its fields into an object of `--json`.
    pub(crate) fn tell(&self, object: &mut Value) {
        object["error_code"] = json!(self.code);
        object["missing"] = json!(self.missing);
        object["grant"] = json!(self.grant);
        object["hint"] = json!(self.hint);
    }
}
