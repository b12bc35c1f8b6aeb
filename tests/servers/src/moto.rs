//! moto, which answers as AWS does. Refuses to be the judge where it differs from AWS: see the design of backends.

use crate::http::{self, Answer};
use crate::process::{Held, free_ports};
use crate::{from_venv, pause};
use serde_json::Value;
use std::time::Instant;
use tempfile::TempDir;

/// A running moto.
pub struct Moto {
    port: u16,
    running: Option<Held>,
    folder: TempDir,
}

impl Moto {
    /// One that lets everybody in, whatever the key.
    pub fn start() -> Self {
        for _ in 0..5 {
            let folder = tempfile::Builder::new().prefix("moto-").tempdir().expect("a temporary folder");
            let mut moto = Self { port: free_ports().0, running: None, folder };
            if moto.run() {
                return moto;
            }
        }
        panic!("five times somebody took the port that was free before");
    }

    /// The endpoint.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Forgets everything: secrets, users, enforcement.
    pub fn reset(&self) {
        assert_eq!(self.post("/moto-api/reset", &[], "").status, 200);
    }

    /// One call of Secrets Manager in us-east-1: `secret("CreateSecret", &json!({…}))`.
    pub fn request(&self, action: &str, body: &Value) -> (u16, Value) {
        let target = format!("secretsmanager.{action}");
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", &authorization("secretsmanager")),
        ];
        let answer = self.post("/", &headers, &body.to_string());
        (answer.status, answer.json())
    }

    /// One call of Secrets Manager that must succeed.
    ///
    /// # Panics
    /// When moto refuses.
    #[track_caller]
    pub fn secret(&self, action: &str, body: &Value) -> Value {
        let (status, answer) = self.request(action, body);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    /// A user with this inline policy (JSON): access key id and secret access key. To be made before
    /// [`Self::enforce`].
    #[track_caller]
    pub fn user(&self, name: &str, policy: &Value) -> (String, String) {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]);
        let policy = policy.to_string();
        let put = [("Action", "PutUserPolicy"), ("UserName", name), ("PolicyName", "own"), ("PolicyDocument", &policy)];
        self.iam(&put);
        let answer = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]);
        (tag(&answer, "AccessKeyId"), tag(&answer, "SecretAccessKey"))
    }

    /// A role that everybody may assume, with this inline policy: its ARN.
    #[track_caller]
    pub fn role(&self, name: &str, policy: &Value) -> String {
        let trust =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#;
        let create = [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust)];
        let answer = self.iam(&create);
        let policy = policy.to_string();
        let put = [("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "own"), ("PolicyDocument", &policy)];
        self.iam(&put);
        tag(&answer, "Arn")
    }

    /// From now on signatures and policies count.
    #[track_caller]
    pub fn enforce(&self) {
        assert_eq!(self.post("/moto-api/reset-auth", &[], "0").status, 200);
    }

    /// From now on they don't.
    #[track_caller]
    pub fn relax(&self) {
        assert_eq!(self.post("/moto-api/reset-auth", &[], "inf").status, 200);
    }

    /// Kills it.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again at the same address. It has forgotten everything.
    ///
    /// # Panics
    /// When somebody else has taken the port.
    #[track_caller]
    pub fn start_again(&mut self) {
        let _ = std::fs::remove_file(self.folder.path().join("server.log"));
        assert!(self.run(), "somebody else has taken the port of {}", self.address());
    }

    /// Freezes it: it takes connections and answers nothing.
    pub fn freeze(&self) {
        self.running.as_ref().expect("it runs").signal("STOP");
    }

    /// Ends the freeze.
    pub fn thaw(&self) {
        self.running.as_ref().expect("it runs").signal("CONT");
    }

    fn iam(&self, fields: &[(&str, &str)]) -> String {
        let fields = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        let body = format!("{}&Version=2010-05-08", fields.collect::<Vec<_>>().join("&"));
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let answer = self.post("/", &[kind, ("Authorization", &authorization("iam"))], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        http::call(self.port, "POST", path, headers, body.as_bytes()).expect("moto answers")
    }

    fn run(&mut self) -> bool {
        let port = self.port.to_string();
        let home = self.folder.path().to_str().expect("a plain path");
        let words = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port];
        let vars = [("HOME", home), ("INITIAL_NO_AUTH_ACTION_COUNT", "inf")];
        let held = Held::start(&from_venv("python"), &words, &vars, &self.folder.path().join("server.log"));
        let end = Instant::now() + crate::PATIENCE;
        while !http::call(self.port, "GET", "/moto-api/", &[], b"").is_ok_and(|answer| answer.status == 200) {
            if held.lost_its_port() {
                return false;
            }
            assert!(Instant::now() < end, "moto does not get ready:\n{}", held.log());
            pause();
        }
        self.running = Some(held);
        true
    }
}

/// A signature that moto believes as long as it doesn't enforce.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0000"
    )
}

fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// The text of the first such tag.
#[track_caller]
fn tag(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect("the tag is there");
    rest.split('<').next().expect("it ends").to_owned()
}
