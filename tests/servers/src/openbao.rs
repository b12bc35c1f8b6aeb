//! OpenBao: a dev server in memory, and one as in production (raft, TLS, a seal, an audit device). Refuses to hide what the
//! server answers: a call gives status and body; only set-up helpers insist on success.

use crate::http::{self, Answer};
use crate::process::{Held, free_ports};
use crate::{from_venv, pause, wait_until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const ROOT: &str = "root";

/// The certificate that a server with TLS shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// For 127.0.0.1 and localhost, by the server's own CA.
    Good,
    /// It ended yesterday.
    Expired,
    /// For another host.
    Elsewhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dev,
    Raft(Certificate),
    Uninitialised,
}

/// A running OpenBao.
pub struct OpenBao {
    folder: TempDir,
    kind: Kind,
    /// Plain HTTP, for tests; with TLS the address is on the next port.
    port: u16,
    tls: u16,
    running: Option<Held>,
}

impl OpenBao {
    /// A dev server: unsealed, in memory, plain HTTP, KV v2 at `secret/`, root token `root`.
    pub fn dev() -> Self {
        Self::of(Kind::Dev)
    }

    /// As in production: raft, TLS, a static seal, KV v2 at `secret/`, root token `root`, an audit file. Keeps its data over
    /// [`Self::stop`] and [`Self::start_again`].
    pub fn raft() -> Self {
        Self::tls(Certificate::Good)
    }

    /// The same with this certificate.
    pub fn tls(certificate: Certificate) -> Self {
        Self::of(Kind::Raft(certificate))
    }

    /// A server that nobody has initialised; plain HTTP.
    pub fn uninitialised() -> Self {
        Self::of(Kind::Uninitialised)
    }

    fn of(kind: Kind) -> Self {
        for _ in 0..5 {
            let folder = tempfile::Builder::new().prefix("openbao-").tempdir().expect("a temporary folder");
            let (port, tls) = free_ports();
            let mut server = Self { folder, kind, port, tls, running: None };
            if kind != Kind::Dev {
                server.prepare();
            }
            if server.run() {
                return server;
            }
        }
        panic!("five times somebody took the port that was free before");
    }

    /// What `VAULT_ADDR` says.
    pub fn address(&self) -> String {
        match self.kind {
            Kind::Raft(_) => format!("https://127.0.0.1:{}", self.tls),
            _ => self.plain_address(),
        }
    }

    /// The same server by plain HTTP, whatever it is: what an HTTP proxy forwards to.
    pub fn plain_address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The CA of a server with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &'static str {
        ROOT
    }

    /// One call; `path` is without `/v1/`.
    pub fn request(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.try_request(method, path, token, body).expect("the server answers");
        (answer.status, answer.json())
    }

    /// One call that must succeed, as root.
    ///
    /// # Panics
    /// When the server refuses.
    #[track_caller]
    pub fn root(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.request(method, path, ROOT, (!body.is_null()).then_some(body));
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Writes a secret of the KV v2 mount `secret/`; gives its version.
    #[track_caller]
    pub fn write(&self, path: &str, data: &Value) -> u64 {
        let answer = self.root("POST", &format!("secret/data/{path}"), &json!({ "data": data }));
        answer["data"]["version"].as_u64().expect("a version")
    }

    /// Mounts a KV of version 1 or 2.
    #[track_caller]
    pub fn mount(&self, path: &str, version: u8) {
        let body = json!({ "type": "kv", "options": { "version": version.to_string() } });
        self.root("POST", &format!("sys/mounts/{path}"), &body);
        // A new mount of version 2 upgrades itself first.
        wait_until("the mount takes a write", || {
            let probe = if version == 2 { format!("{path}/data/probe") } else { format!("{path}/probe") };
            let written = self.request("POST", &probe, ROOT, Some(&json!({ "data": { "k": "v" } }))).0 < 300;
            let gone = if version == 2 { format!("{path}/metadata/probe") } else { probe };
            written && self.request("DELETE", &gone, ROOT, None).0 == 204
        });
    }

    /// Writes a policy.
    #[track_caller]
    pub fn policy(&self, name: &str, text: &str) {
        self.root("PUT", &format!("sys/policies/acl/{name}"), &json!({ "policy": text }));
    }

    /// A token of these policies that lives so long (`1h`) and may be renewed.
    #[track_caller]
    pub fn token(&self, policies: &[&str], ttl: &str) -> String {
        self.token_with(&json!({ "policies": policies, "ttl": ttl, "no_default_policy": false }))
    }

    /// A token made with this body of `auth/token/create`.
    #[track_caller]
    pub fn token_with(&self, body: &Value) -> String {
        text(&self.root("POST", "auth/token/create", body)["auth"]["client_token"])
    }

    /// Ends a token before its time.
    #[track_caller]
    pub fn revoke(&self, token: &str) {
        self.root("POST", "auth/token/revoke", &json!({ "token": token }));
    }

    /// An AppRole of these policies at `auth/approle`: its role id and a secret id.
    #[track_caller]
    pub fn approle(&self, name: &str, policies: &[&str], token_ttl: &str) -> (String, String) {
        let _ = self.request("POST", "sys/auth/approle", ROOT, Some(&json!({ "type": "approle" })));
        let role = format!("auth/approle/role/{name}");
        self.root("POST", &role, &json!({ "token_policies": policies, "token_ttl": token_ttl }));
        let id = self.root("GET", &format!("{role}/role-id"), &Value::Null);
        let secret = self.root("POST", &format!("{role}/secret-id"), &json!({}));
        (text(&id["data"]["role_id"]), text(&secret["data"]["secret_id"]))
    }

    /// A user of these policies at `auth/userpass`.
    #[track_caller]
    pub fn userpass(&self, user: &str, password: &str, policies: &[&str]) {
        let _ = self.request("POST", "sys/auth/userpass", ROOT, Some(&json!({ "type": "userpass" })));
        let body = json!({ "password": password, "token_policies": policies });
        self.root("POST", &format!("auth/userpass/users/{user}"), &body);
    }

    /// Seals it. [`Self::unseal`] opens it again.
    #[track_caller]
    pub fn seal(&self) {
        self.root("PUT", "sys/seal", &Value::Null);
        wait_until("the server is sealed", || self.health() == Some(503));
    }

    /// Opens it again: a dev server with its key, another one by a restart.
    #[track_caller]
    pub fn unseal(&mut self) {
        if self.kind != Kind::Dev {
            self.stop();
            return self.start_again();
        }
        let log = self.log();
        let key = log.lines().find_map(|line| line.strip_prefix("Unseal Key:")).expect("a dev server tells it").trim();
        let (status, answer) = self.request("PUT", "sys/unseal", "", Some(&json!({ "key": key })));
        assert!(status == 200, "{answer}");
        wait_until("the server is unsealed", || self.health() == Some(200));
    }

    /// Kills it. Its port stays its own by habit alone.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again at the same address. A dev server has forgotten everything.
    ///
    /// # Panics
    /// When somebody else has taken the port.
    #[track_caller]
    pub fn start_again(&mut self) {
        let _ = std::fs::remove_file(self.log_file());
        assert!(self.run(), "somebody else has taken the port of {}:\n{}", self.address(), self.log());
    }

    /// Freezes it: it takes connections and answers nothing.
    pub fn freeze(&self) {
        self.running.as_ref().expect("it runs").signal("STOP");
    }

    /// Ends the freeze.
    pub fn thaw(&self) {
        self.running.as_ref().expect("it runs").signal("CONT");
    }

    /// What the audit device has written, one JSON text a line.
    pub fn audit_log(&self) -> String {
        std::fs::read_to_string(self.audit_file()).expect("a server with an audit device")
    }

    /// Makes the audit device fail: every request is answered with 500, and `sys/health` with 200.
    #[track_caller]
    pub fn block_audit(&self) {
        let file = self.audit_file();
        std::fs::rename(&file, file.with_extension("kept")).expect("an audit file");
        // A folder in its place refuses to be written, for root too. On HUP the device opens its file again.
        std::fs::create_dir(&file).expect("room for a folder");
        self.running.as_ref().expect("it runs").signal("HUP");
        wait_until("the audit device fails", || self.request("GET", "auth/token/lookup-self", ROOT, None).0 == 500);
        assert_eq!(self.health(), Some(200), "only the audit device fails");
    }

    /// Lets the audit device write again, to a new file.
    #[track_caller]
    pub fn unblock_audit(&self) {
        std::fs::remove_dir(self.audit_file()).expect("it was blocked");
        wait_until("the audit device writes", || self.request("GET", "auth/token/lookup-self", ROOT, None).0 == 200);
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        self.running.as_ref().map(Held::log).unwrap_or_default()
    }

    fn audit_file(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn try_request(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> std::io::Result<Answer> {
        let headers = [("X-Vault-Token", token), ("Content-Type", "application/json")];
        let headers = if token.is_empty() { &headers[1..] } else { &headers[..] };
        let body = body.map(Value::to_string).unwrap_or_default();
        http::call(self.port, method, &format!("/v1/{path}"), headers, body.as_bytes())
    }

    /// The status of `sys/health`; none while nobody answers.
    fn health(&self) -> Option<u16> {
        self.try_request("GET", "sys/health", "", None).ok().map(|answer| answer.status)
    }

    /// Starts the process and waits until it is ready; false when the port was taken.
    #[track_caller]
    fn run(&mut self) -> bool {
        let (home, config) = (self.at(""), self.at("server.hcl"));
        let (listen, root) = (format!("-dev-listen-address=127.0.0.1:{}", self.port), "-dev-root-token-id=root");
        let dev = ["server", "-dev", "-dev-no-store-token", root, &listen];
        let real = ["server", "-config", &config];
        let words = if self.kind == Kind::Dev { &dev[..] } else { &real[..] };
        let held = Held::start(&from_venv("bao"), words, &[("HOME", &home)], &self.log_file());
        self.running = Some(held);

        let end = std::time::Instant::now() + crate::PATIENCE;
        while !self.is_ready() {
            if self.running.as_ref().is_some_and(Held::lost_its_port) {
                return false;
            }
            assert!(std::time::Instant::now() < end, "OpenBao does not get ready:\n{}", self.log());
            pause();
        }
        true
    }

    /// Ready is more than healthy: the mount has upgraded itself and the root token is known.
    fn is_ready(&self) -> bool {
        if self.kind == Kind::Uninitialised {
            return self.health() == Some(501);
        }
        let probe = self.try_request("GET", "secret/data/quarterdeck-probe", ROOT, None);
        self.health() == Some(200) && probe.is_ok_and(|answer| answer.status == 404)
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a plain path").to_owned()
    }

    /// Writes the configuration, the key of the seal, the certificates.
    fn prepare(&self) {
        std::fs::create_dir(self.at("raft")).expect("a folder");
        // Else a listener's port for its cluster is the next one, which is the other listener's.
        let (cluster, other) = free_ports();
        let mut config = format!(
            "api_addr = \"{}\"\ncluster_addr = \"https://127.0.0.1:{cluster}\"\n\
             storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"one\"\n  performance_multiplier = 1\n}}\n\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{}\"\n  cluster_address = \"127.0.0.1:{cluster}\"\n  \
             tls_disable = true\n}}\n",
            self.address(),
            self.at("raft"),
            self.port,
        );
        if let Kind::Raft(certificate) = self.kind {
            certificates(self.folder.path(), certificate);
            // A key of a server that lives for a test; nobody needs it to be random.
            std::fs::write(self.at("seal.key"), [7; 32]).expect("a file");
            config += &REAL
                .replace("TLS_PORT", &self.tls.to_string())
                .replace("CLUSTER_PORT", &other.to_string())
                .replace("FOLDER", self.folder.path().to_str().expect("a plain path"));
        }
        std::fs::write(self.at("server.hcl"), config).expect("a file");
    }
}

const REAL: &str = r#"
listener "tcp" {
  address = "127.0.0.1:TLS_PORT"
  cluster_address = "127.0.0.1:CLUSTER_PORT"
  tls_cert_file = "FOLDER/server.pem"
  tls_key_file = "FOLDER/server.key"
}
seal "static" {
  current_key_id = "k1"
  current_key = "file://FOLDER/seal.key"
}
audit "file" "to-file" {
  options {
    file_path = "FOLDER/audit.log"
    mode = "0600"
  }
}
initialize "seed" {
  request "kv2" {
    operation = "update"
    path = "sys/mounts/secret"
    data = {
      type = "kv"
      options = {
        version = "2"
      }
    }
  }
  request "root" {
    operation = "update"
    path = "auth/token/create"
    data = {
      id = "root"
      policies = ["root"]
      no_parent = true
    }
  }
}
"#;

fn certificates(folder: &Path, certificate: Certificate) {
    let kind = match certificate {
        Certificate::Good => "good",
        Certificate::Expired => "expired",
        Certificate::Elsewhere => "elsewhere",
    };
    let mut python = Command::new(from_venv("python"));
    let made = python.args(["-c", include_str!("certificates.py")]).arg(folder).arg(kind).status();
    assert!(made.is_ok_and(|status| status.success()), "Python made no certificates in {}", folder.display());
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
