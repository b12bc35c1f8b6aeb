//! A secret where readers find it: in OpenBao, in moto, in a Fernet file that Python reads. Refuses to go through the
//! program: what is current is what a reader gets that never heard of it.

use crate::house::House;
use quarterdeck_servers::{Moto, OpenBao, Proxy};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// One backend of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Vault,
    Aws,
    Fernet,
}

/// The backend and its one secret.
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) store: Store,
    /// In front of a server.
    pub(crate) proxy: Option<Proxy>,
}

pub(crate) enum Store {
    Vault(Mutex<OpenBao>),
    Aws(Moto),
    Fernet(Mutex<Python>),
}

impl Place {
    /// An empty one.
    pub(crate) fn start(kind: Kind, house: &House) -> Self {
        let (store, proxy) = match kind {
            Kind::Vault => {
                let bao = OpenBao::dev();
                let proxy = Proxy::http(&bao.plain_address());
                (Store::Vault(Mutex::new(bao)), Some(proxy))
            }
            Kind::Aws => {
                let moto = Moto::start();
                let proxy = Proxy::http(&moto.address());
                (Store::Aws(moto), Some(proxy))
            }
            Kind::Fernet => (Store::Fernet(Mutex::new(Python::start(house))), None),
        };
        Self { kind, store, proxy }
    }

    /// A Vault as in production, which writes an audit log.
    pub(crate) fn audited() -> Self {
        let bao = OpenBao::raft();
        let proxy = Some(Proxy::http(&bao.plain_address()));
        Self { kind: Kind::Vault, store: Store::Vault(Mutex::new(bao)), proxy }
    }

    /// The layer.
    pub(crate) fn layer(&self) -> &'static str {
        match self.kind {
            Kind::Vault => "vault",
            Kind::Aws => "aws",
            Kind::Fernet => "fernet",
        }
    }

    /// The secret's name there.
    pub(crate) fn name(&self) -> &'static str {
        if self.kind == Kind::Fernet { "desk.broker" } else { "desk/broker" }
    }

    /// Its part of the configuration.
    pub(crate) fn configured(&self, house: &House) -> String {
        let at = self.proxy.as_ref().map(Proxy::address).unwrap_or_default();
        match self.kind {
            Kind::Vault => format!("[backend.vault]\nwithin = \"2s\"\nsettings = {{ address = \"{at}\" }}\n"),
            Kind::Aws => format!(
                "[backend.aws]\nwithin = \"2s\"\nsettings = {{ region = \"us-east-1\", endpoint = \"{at}\" }}\n"
            ),
            Kind::Fernet => format!("[backend.fernet]\npath = \"{}\"\n", file(house).display()),
        }
    }

    /// Stores a value by hand: with the server's own interface, or with Python.
    pub(crate) fn put(&self, value: &str) {
        match &self.store {
            Store::Vault(bao) => _ = bao.lock().expect("no panic").write(self.name(), &json!({ "value": value })),
            Store::Aws(moto) => self.put_in_aws(moto, value),
            Store::Fernet(python) => _ = python.lock().expect("no panic").ask(&format!("put {value}")),
        }
    }

    /// What a reader gets now; nothing while it can't be asked.
    pub(crate) fn current(&self) -> Option<String> {
        match &self.store {
            Store::Vault(bao) => {
                let path = format!("secret/data/{}", self.name());
                let (status, answer) = bao.lock().expect("no panic").request("GET", &path, "root", None);
                (status == 200).then(|| text(&answer["data"]["data"]["value"]))
            }
            Store::Aws(moto) => {
                // As AWS does where no stage is named; moto would give the version that was put last.
                let asked = json!({ "SecretId": self.name(), "VersionStage": "AWSCURRENT" });
                let (status, answer) = moto.request("GetSecretValue", &asked);
                (status == 200).then(|| text(&answer["SecretString"]))
            }
            Store::Fernet(python) => Some(python.lock().expect("no panic").ask("get")),
        }
    }

    /// In two steps: after a stage was moved, moto's PutSecretValue would leave two versions current.
    fn put_in_aws(&self, moto: &Moto, value: &str) {
        let put = json!({ "SecretId": self.name(), "SecretString": value, "VersionStages": ["BYHAND"] });
        let (status, put) = moto.request("PutSecretValue", &put);
        if status != 200 {
            moto.secret("CreateSecret", &json!({ "Name": self.name(), "SecretString": value }));
            return;
        }
        let told = moto.secret("DescribeSecret", &json!({ "SecretId": self.name() }));
        let stages = told["VersionIdsToStages"].as_object().expect("versions");
        let is_current = |stages: &Value| stages.as_array().is_some_and(|all| all.contains(&json!("AWSCURRENT")));
        let (from, _) = stages.iter().find(|(_, stages)| is_current(stages)).expect("one is current");
        let moved = json!({
            "SecretId": self.name(), "VersionStage": "AWSCURRENT", "MoveToVersionId": put["VersionId"],
            "RemoveFromVersionId": from,
        });
        moto.secret("UpdateSecretVersionStage", &moved);
    }

    /// What a rotation has left aside there, in words; empty when there is nothing.
    pub(crate) fn pending(&self) -> String {
        match &self.store {
            Store::Vault(bao) => {
                let folder = self.name().split('/').next().expect("a folder");
                let list = format!("secret/metadata/{folder}?list=true");
                let keys = bao.lock().expect("no panic").request("GET", &list, "root", None).1;
                let keys = keys["data"]["keys"].as_array().cloned().unwrap_or_default();
                let aside = keys.iter().map(text).filter(|key| key.contains(".quarterdeck"));
                aside.collect::<Vec<_>>().join(" ")
            }
            Store::Aws(moto) => {
                let told = moto.secret("DescribeSecret", &json!({ "SecretId": self.name() }));
                let stages = told["VersionIdsToStages"].to_string();
                if stages.contains("AWSPENDING") { stages } else { String::new() }
            }
            Store::Fernet(python) => python.lock().expect("no panic").ask("pending"),
        }
    }

    pub(crate) fn bao(&self) -> std::sync::MutexGuard<'_, OpenBao> {
        let Store::Vault(bao) = &self.store else { panic!("that is no Vault") };
        bao.lock().expect("no panic")
    }

    pub(crate) fn moto(&self) -> &Moto {
        let Store::Aws(moto) = &self.store else { panic!("that is no AWS") };
        moto
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a server is behind it")
    }
}

/// The Fernet file.
pub(crate) fn file(house: &House) -> PathBuf {
    house.path("work/.secrets/encrypted_secrets.bin")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a team's own Python does with the file; one question a line.
const SCRIPT: &str = r#"
import json, os, sys
from pathlib import Path
from cryptography.fernet import Fernet
key, path = Fernet(os.environ["KEY"]), Path(os.environ["FILE"])
for line in sys.stdin:
    verb, _, value = line.rstrip("\n").partition(" ")
    said = ""
    if verb == "get":
        said = json.loads(key.decrypt(path.read_bytes()))["desk"]["broker"]
    elif verb == "put":
        path.parent.mkdir(mode=0o700, exist_ok=True)
        map = json.loads(key.decrypt(path.read_bytes())) if path.exists() else {}
        map.setdefault("desk", {})["broker"] = value
        new = path.with_suffix(".new")
        new.write_bytes(key.encrypt(json.dumps(map, indent=2, sort_keys=True).encode()))
        new.chmod(0o600)
        new.rename(path)
    elif verb == "pending":
        aside = Path(str(path) + ".quarterdeck")
        lines = aside.read_bytes().split() if aside.exists() else []
        texts = [key.decrypt(line).decode() for line in lines]
        said = " ".join("pending" for text in texts if '"pending"' in text)
    print(said, flush=True)
"#;

/// A Python that stays.
pub(crate) struct Python {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    fn start(house: &House) -> Self {
        let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv");
        let venv = std::env::var_os("QUARTERDECK_TEST_VENV").map_or_else(made, PathBuf::from);
        let mut command = Command::new(venv.join("bin/python"));
        command.args(["-c", SCRIPT]).env_clear().env("FILE", file(house));
        command.env("KEY", &house.vars()["DP_SECRETS_ENCRYPTION_KEY"]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("Python is there. Else run: ./tests/support/python.sh");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout }
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.stdin, "{question}").expect("Python listens");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("Python answers");
        assert!(answer.ends_with('\n'), "Python failed: see above");
        answer.trim_end().to_owned()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
