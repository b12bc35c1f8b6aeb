//! A Python with `cryptography`, and scripts over a house's Fernet file. Refuses any other Python.

use crate::house::House;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// What every script begins with.
const PRELUDE: &str = "
import sys, json
from cryptography.fernet import Fernet
path, key = sys.argv[1:3]
def plain():
    with open(path, 'rb') as f:
        return Fernet(key).decrypt(f.read()).decode()
def read():
    return json.loads(plain())
def write(obj, end=b''):
    import os
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, 'wb') as f:
        f.write(Fernet(key).encrypt(json.dumps(obj, indent=2, sort_keys=True).encode()) + end)
    os.chmod(path, 0o600)
";

/// Scripts over one file and its key.
pub(crate) struct Python {
    path: PathBuf,
    key: String,
}

/// A script that runs.
pub(crate) struct Running(Child);

impl Python {
    /// Over the guide's file of a house, with the key that its environment has now.
    pub(crate) fn over(house: &House) -> Self {
        let key = house.vars()["DP_SECRETS_ENCRYPTION_KEY"].clone();
        Self { path: house.path("work/.secrets/encrypted_secrets.bin"), key }
    }

    /// Runs a script to its end; gives what it printed.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> String {
        self.start(script).finish()
    }

    /// Starts one; it sees the end of its standard input when it is to finish.
    pub(crate) fn start(&self, script: &str) -> Running {
        let mut command = Command::new(interpreter());
        command.args(["-c", &format!("{PRELUDE}\n{script}")]).arg(&self.path).arg(&self.key);
        command.env("PYTHONIOENCODING", "utf-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        Running(command.spawn().expect("a Python"))
    }
}

impl Running {
    /// Ends its input, waits for its end, gives what it printed.
    #[track_caller]
    pub(crate) fn finish(mut self) -> String {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().expect("it ends");
        assert!(output.status.success(), "the script failed: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// The one that is named, that of `./tests/run`, or the machine's own.
fn interpreter() -> &'static Path {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let named = std::env::var_os("QUARTERDECK_TEST_PYTHON").map(PathBuf::from);
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
        let candidates = named.map_or_else(|| vec![made, "python3".into()], |named| vec![named]);
        candidates.into_iter().find(|python| {
            let probe = Command::new(python).args(["-c", "import cryptography.fernet"]).stderr(Stdio::null()).status();
            probe.is_ok_and(|status| status.success())
        })
    });
    found.as_deref().expect(
        "no Python with 'cryptography' was found. './tests/run' makes one, or: \
         python3 -m venv target/venv && target/venv/bin/pip install cryptography",
    )
}
