//! What the suites of this crate share: backends on temporary files, and other processes that write them. Refuses to
//! touch anything outside a test's own folder.
#![allow(dead_code, reason = "each suite uses its part")]

use quarterdeck_contract::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

pub(crate) const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
pub(crate) const OTHER: &str = "wGknIOZNpk-KFe5_t5gxH6Eac9gxTv6SlOHVJnSyEVw=";
pub(crate) const CALL: Call = Call { within: Duration::from_secs(60) };

/// A backend on a file, opened with a list of keys.
pub(crate) fn backend(path: &Path, keys: &str) -> Box<dyn SecretsBackend> {
    let setup = Setup {
        instance: "fernet".into(),
        settings: BTreeMap::from([("path".into(), Setting::Text(path.to_str().expect("UTF-8").into()))]),
        secrets: BTreeMap::from([("key".into(), SecretBytes::from(keys))]),
    };
    quarterdeck_fernet::create(setup).expect("a backend")
}

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

pub(crate) fn set(backend: &dyn SecretsBackend, at: &str, value: Value) -> VersionId {
    backend.write(&name(at), value, &Expected::Anything, CALL).unwrap_or_else(|error| panic!("{at}: {error}"))
}

/// The value of a secret as text, of either kind.
pub(crate) fn get(backend: &dyn SecretsBackend, at: &str) -> String {
    let reading = backend.read(&name(at), None, CALL).unwrap_or_else(|error| panic!("{at}: {error}"));
    String::from_utf8(reading.value.bytes.into_inner()).expect("UTF-8")
}

pub(crate) fn names(backend: &dyn SecretsBackend) -> Vec<String> {
    let mut names = Vec::new();
    let mut page = PageRequest::default();
    loop {
        let got = backend.list(&page, CALL).expect("a page");
        names.extend(got.entries.iter().map(|entry| entry.name.to_string()));
        match got.next {
            Some(next) => page.after = Some(next),
            None => return names,
        }
    }
}

pub(crate) fn rotate(backend: &dyn SecretsBackend, new_key: &str) -> Result<ExtraReply> {
    let extra = Extra { operation: "rotate-key".into(), arguments: BTreeMap::new() };
    backend.extra(&extra, Some(SecretBytes::from(new_key)), CALL)
}

const JOB: &str = "QUARTERDECK_TEST_WRITER";

/// Another process that writes `count` names under `prefix`, or rekeys to and fro when `prefix` is empty. It says a
/// line for each one that is done.
pub(crate) struct Writer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    pub(crate) fn start(path: &Path, prefix: &str, count: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this suite"))
            .args(["--exact", "support::a_writer_reads_back_what_it_wrote", "--nocapture", "--test-threads=1"])
            .env(JOB, format!("{}\n{prefix}\n{count}", path.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("a second process of this suite");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// Waits for the next thing that is done; `None` when the process ended.
    pub(crate) fn done(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(std::result::Result::ok)
            .find_map(|line| Some(line.strip_prefix("done ")?.to_owned()))
    }

    /// Kills it as `kill -9` does, and gives what it had said to be done.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a process to kill");
        let said = std::iter::from_fn(|| self.done()).collect();
        self.child.wait().expect("an end");
        said
    }

    /// Waits for a good end.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.done()).collect();
        assert!(self.child.wait().expect("an end").success());
        said
    }
}

/// A test by itself, and the body of each [`Writer`].
#[test]
fn a_writer_reads_back_what_it_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = format!("{}\nalone\n3", folder.path().join("s/file.bin").display());
    let job = std::env::var(JOB).unwrap_or(own);
    let mut parts = job.lines();
    let (path, prefix, count) =
        (parts.next().expect("path"), parts.next().expect("prefix"), parts.next().expect("count"));
    let backend = backend(Path::new(path), &format!("{KEY},{OTHER}"));
    for at in 0..count.parse().expect("a number") {
        if prefix.is_empty() {
            rotate(&*backend, if at % 2 == 0 { OTHER } else { KEY }).expect("rekeyed");
            println!("\ndone {at}");
            continue;
        }
        let name = format!("{prefix}.n{at}");
        set(&*backend, &name, Value::text(&format!("value of {name}")));
        assert_eq!(get(&*backend, &name), format!("value of {name}"));
        println!("\ndone {name}");
    }
}
