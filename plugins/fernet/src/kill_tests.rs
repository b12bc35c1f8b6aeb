//! A process that is killed at each point of each change, in turn: what it leaves is read, and the change is done again.
//! Refuses to be in any build but this suite's: elsewhere a point is nothing.

use crate::create;
use quarterdeck_contract::*;
use rustix::process::{Signal, getpid, kill_process};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many points are left to pass; 0 means that none kills.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// What somebody else does when a thread comes to a point.
type Meanwhile = Box<dyn FnMut(&str)>;

thread_local! {
    static MEANWHILE: RefCell<Option<Meanwhile>> = const { RefCell::new(None) };
}

/// Kills the process, as `kill -9` does, if this is the point.
pub(crate) fn point(name: &str) {
    MEANWHILE.with_borrow_mut(|meanwhile| meanwhile.iter_mut().for_each(|act| act(name)));
    if LEFT.load(Ordering::SeqCst) > 0 && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        println!("\nat {name}");
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

const OLD: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const NEW: &str = "wGknIOZNpk-KFe5_t5gxH6Eac9gxTv6SlOHVJnSyEVw=";
const ID: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
const CALL: Call = Call { within: Duration::from_secs(60) };
const JOB: &str = "QUARTERDECK_TEST_JOB";

/// What is done and killed: its word, what was done before it, and the key to do it with.
const JOBS: [(&str, &[&str], &str); 10] = [
    ("stage", &[], "OLD"),
    ("promote", &["stage"], "OLD"),
    ("unstage", &["stage"], "OLD"),
    ("take back", &["stage", "promote", "unstage"], "OLD"),
    ("unstage", &["stage", "promote", "unstage", "take back"], "OLD"),
    ("retire ours", &["stage", "promote", "unstage", "by hand"], "OLD"),
    ("retire ours", &["stage", "promote", "by hand", "unstage"], "NEW,OLD"),
    ("retire", &["stage", "promote", "unstage"], "OLD"),
    ("rekey", &["stage"], "OLD"),
    // A key list: the first change seals with the first key, so the sidecar has to go along.
    ("promote", &["stage"], "NEW,OLD"),
];

fn backend(path: &Path, keys: &str) -> Box<dyn SecretsBackend> {
    let keys = keys.replace("OLD", OLD).replace("NEW", NEW);
    let setup = Setup {
        instance: "fernet".into(),
        settings: BTreeMap::from([("path".into(), Setting::Text(path.to_str().expect("UTF-8").into()))]),
        secrets: BTreeMap::from([
            ("key".into(), SecretBytes::from(keys.as_str())),
            ("fingerprint_key".into(), SecretBytes::from("of the installation")),
        ]),
    };
    create(setup).expect("a backend")
}

fn name() -> SecretName {
    SecretName::parse("broker.password").expect("a name")
}

fn versions(backend: &dyn SecretsBackend) -> Vec<(VersionId, Option<Stage>)> {
    let versions = backend.inspect(&name(), CALL).expect("there").versions;
    versions.into_iter().map(|version| (version.id, version.stage)).collect()
}

fn find(backend: &dyn SecretsBackend, stage: Stage) -> VersionId {
    let found = versions(backend).into_iter().find(|(_, its)| *its == Some(stage));
    found.map_or_else(|| VersionId(format!("no {stage:?}")), |(id, _)| id)
}

/// The versions of the old, the new and somebody's value, from a file of their own.
fn ids() -> [VersionId; 3] {
    let folder = tempfile::tempdir().expect("a folder");
    let other = backend(&folder.path().join("other"), "OLD");
    let version = |value| other.write(&name(), Value::text(value), &Expected::Anything, CALL).expect("written");
    ["the old value", "the new value", "theirs"].map(version)
}

fn act(backend: &dyn SecretsBackend, word: &str) -> Result<()> {
    act_with(backend, word, &ids())
}

fn act_with(backend: &dyn SecretsBackend, word: &str, [old, new, theirs]: &[VersionId; 3]) -> Result<()> {
    let pending = VersionId(format!("pending:{ID}"));
    match word {
        "stage" => backend.stage(&name(), Value::text("the new value"), ID, CALL).map(drop),
        "promote" => backend.promote(&name(), &pending, old, CALL).map(|got| assert_eq!(got, *new)),
        "unstage" => backend.unstage(&name(), &pending, CALL),
        "take back" => backend.promote(&name(), old, new, CALL).map(|got| assert_eq!(got, *old)),
        "retire" => backend.retire(&name(), old, new, CALL),
        "retire ours" => backend.retire(&name(), new, theirs, CALL),
        "by hand" => backend.write(&name(), Value::text("theirs"), &Expected::Anything, CALL).map(drop),
        _ => {
            let extra =
                Extra { operation: "rotate-key".into(), arguments: BTreeMap::from([("finish".into(), "yes".into())]) };
            backend.extra(&extra, Some(SecretBytes::from(NEW)), CALL).map(drop)
        }
    }
}

fn text(reading: Reading) -> String {
    String::from_utf8(reading.value.bytes.into_inner()).expect("UTF-8")
}

/// All that can be told of what is there, values too.
fn all(path: &Path, keys: &str) -> Vec<String> {
    let backend = backend(path, keys);
    let read = |id: &VersionId| text(backend.read(&name(), Some(id), CALL).expect("it is listed"));
    let mut all: Vec<String> =
        versions(&*backend).iter().map(|(id, stage)| format!("{stage:?} {} {}", id.0, read(id))).collect();
    let mut files: Vec<String> = fs::read_dir(path.parent().expect("a folder"))
        .expect("there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    all.extend(files);
    all
}

fn prepare(path: &Path, before: &[&str]) {
    let backend = backend(path, "OLD");
    backend.write(&name(), Value::text("the old value"), &Expected::Absent, CALL).expect("written");
    before.iter().for_each(|word| act(&*backend, word).unwrap_or_else(|error| panic!("{word}: {error}")));
}

/// Lets another process do a job and die at the given point; gives the point, or nothing when the job was done before.
fn killed(path: &Path, word: &str, keys: &str, at: usize) -> Option<String> {
    let output = Command::new(std::env::current_exe().expect("this suite"))
        .args(["--exact", "kill_tests::a_job_is_done", "--nocapture", "--test-threads=1"])
        .env(JOB, format!("{}\n{word}\n{keys}\n{at}", path.display()))
        .stderr(Stdio::inherit())
        .output()
        .expect("a second process of this suite");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let point = said.lines().find_map(|line| line.strip_prefix("at ")).map(str::to_owned);
    assert_eq!(point.is_none(), output.status.success(), "{word} at {at}: {said}");
    point
}

/// A test by itself, and the body of each process that is killed.
#[test]
fn a_job_is_done() {
    let Ok(job) = std::env::var(JOB) else {
        let folder = tempfile::tempdir().expect("a folder");
        return prepare(&folder.path().join("file"), &["stage", "promote", "unstage", "retire"]);
    };
    let job: Vec<&str> = job.lines().collect();
    let backend = backend(Path::new(job[0]), job[2]);
    let ids = ids();
    LEFT.store(job[3].parse().expect("a number"), Ordering::SeqCst);
    act_with(&*backend, job[1], &ids).expect("done");
}

#[test]
fn a_change_that_is_killed_at_any_point_leaves_a_readable_file_and_is_done_by_doing_it_again() {
    for (word, before, keys) in JOBS {
        let fresh = || {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("secrets.bin");
            prepare(&path, before);
            (folder, path)
        };
        let (_folder, path) = fresh();
        act(&*backend(&path, keys), word).expect("done");
        let wanted = all(&path, "NEW,OLD");
        let mut points = Vec::new();
        loop {
            let (_folder, path) = fresh();
            let was = text(backend(&path, "OLD").read(&name(), None, CALL).expect("there"));
            let Some(point) = killed(&path, word, keys, points.len() + 1) else { break };
            let what = format!("{word} with {keys}, killed at '{point}'");
            // One key opens the file, which holds what was or what was to be.
            let opens = ["OLD", "NEW"].map(|key| backend(&path, key).health(CALL).is_ok());
            assert!(opens[0] != opens[1], "{what}: {opens:?}");
            let is = text(backend(&path, "NEW,OLD").read(&name(), None, CALL).expect("it opens"));
            let is_one = is == was || matches!(word, "promote" | "take back") && wanted[0].ends_with(&is);
            assert!(is_one, "{what}: another value");
            // The same key opens what is beside it.
            let key = if opens[0] { "OLD" } else { "NEW" };
            assert!(!all(&path, key).is_empty(), "{what}");
            assert!(backend(&path, key).inspect(&name(), CALL).expect("there").facts.is_empty(), "{what}");
            act(&*backend(&path, "NEW,OLD"), word).unwrap_or_else(|error| panic!("{what}, again: {error}"));
            // A change more, as the next rotation's, leaves nothing of the kill behind.
            let again = backend(&path, "NEW,OLD");
            let ballast = SecretName::parse("other").expect("a name");
            again.write(&ballast, Value::text("v"), &Expected::Absent, CALL).expect("written");
            assert_eq!(all(&path, "NEW,OLD"), wanted, "{what}");
            points.push(point);
        }
        assert!(!points.is_empty(), "{word}: no point");
        println!("{word} with {keys}: {}", points.join(", "));
    }
}

/// Whatever was cut short, a rotation that is aborted leaves nothing.
#[test]
fn a_promotion_that_is_killed_and_aborted_leaves_nothing() {
    for at in 1.. {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.bin");
        prepare(&path, &["stage"]);
        let Some(point) = killed(&path, "promote", "OLD", at) else { break };
        let backend = backend(&path, "OLD");
        let [old, new, _] = ids();
        if find(&*backend, Stage::Current) == new {
            act(&*backend, "take back").unwrap_or_else(|error| panic!("{point}: {error}"));
        }
        act(&*backend, "unstage").unwrap_or_else(|error| panic!("{point}: {error}"));
        assert_eq!(versions(&*backend), [(old, Some(Stage::Current))], "{point}");
        let left = all(&path, "OLD");
        assert_eq!(left[1..], ["secrets.bin", "secrets.bin.lock"], "{point}");
    }
}

/// As Python does it.
fn written_without_the_lock(path: &Path, text: &str) {
    let key = crate::key::Key::parse(OLD.as_bytes()).expect("a key");
    fs::write(path, crate::token::seal(&key, 1, [0; 16], text.as_bytes())).expect("written");
}

/// Whoever revokes it where it is used has to read it first, wherever the process before it was killed.
#[test]
fn what_a_hand_writes_over_during_a_rotation_can_be_read_until_it_is_over() {
    let [old, new, theirs] = ids();
    let pending = VersionId(format!("pending:{ID}"));
    let jobs: [(&str, &[&str]); 3] =
        [("promote", &["stage"]), ("unstage", &["stage", "promote"]), ("take back", &["stage", "promote", "unstage"])];
    for (word, before) in jobs {
        for at in 1.. {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("secrets.bin");
            prepare(&path, before);
            let point = killed(&path, word, "OLD", at);
            let what = format!("{word}, killed at {point:?}");
            written_without_the_lock(&path, r#"{"broker": {"password": "theirs"}}"#);
            let backend = backend(&path, "OLD");
            let read = |id: &VersionId| backend.read(&name(), Some(id), CALL).map(text);
            // By the version that it was promoted as, and by the one that it was staged as.
            for id in [&new, &pending] {
                assert_eq!(read(id).as_deref(), Ok("the new value"), "{what}: {id:?}");
            }
            for step in ["promote", "take back"] {
                let refused = act(&*backend, step).expect_err("theirs is current").kind;
                assert_eq!(refused, ErrorKind::Conflict { current: Some(theirs.0.clone()) }, "{what}, then {step}");
            }
            if word == "unstage" {
                act(&*backend, "unstage").unwrap_or_else(|error| panic!("{what}, then unstage: {error}"));
                assert_eq!(read(&new).as_deref(), Ok("the new value"), "{what}");
            }
            // The rotation's end, as it takes its own value away.
            for step in ["retire ours", "unstage"] {
                act(&*backend, step).unwrap_or_else(|error| panic!("{what}, then {step}: {error}"));
            }
            assert!([&new, &pending].iter().all(|id| read(id).is_err()), "{what}: it is over");
            assert_eq!(versions(&*backend)[0], (theirs.clone(), Some(Stage::Current)), "{what}");
            assert!(versions(&*backend)[1..].iter().all(|(id, _)| *id == old), "{what}");
            if point.is_none() {
                break;
            }
        }
    }
}

/// As Python does it: in place and without the lock, after the old value was kept and before the file is replaced.
#[test]
fn what_a_writer_without_the_lock_writes_during_a_promotion_is_kept() {
    let promoted = |theirs: &'static str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.bin");
        prepare(&path, &["stage"]);
        let (at, mut left, ids) = (path.clone(), 1, ids());
        MEANWHILE.set(Some(Box::new(move |point| {
            if point == "new file written" && left > 0 {
                left -= 1;
                written_without_the_lock(&at, theirs);
            }
        })));
        let outcome = act_with(&*backend(&path, "OLD"), "promote", &ids);
        MEANWHILE.set(None);
        let backend = backend(&path, "OLD");
        let stages: Vec<_> = versions(&*backend).into_iter().map(|(_, stage)| stage.expect("a stage")).collect();
        (outcome, text(backend.read(&name(), None, CALL).expect("there")), stages)
    };
    let (outcome, value, stages) = promoted(r#"{"broker": {"password": "the old value", "port": 1}}"#);
    assert_eq!((outcome, value.as_str()), (Ok(()), "the new value"), "another secret was changed");
    assert_eq!(stages, [Stage::Current, Stage::Previous]);
    let (outcome, value, stages) = promoted(r#"{"broker": {"password": "theirs"}}"#);
    assert!(matches!(outcome, Err(BackendError { kind: ErrorKind::Conflict { .. }, .. })), "{outcome:?}");
    assert_eq!((value.as_str(), stages.as_slice()), ("theirs", [Stage::Current, Stage::Pending].as_slice()));
}
