//! A rekey over a real Fernet file, killed at each of its points in turn. Refuses to be in any build but this suite's.

use super::*;
use quarterdeck_contract::*;
use rustix::process::{Signal, getpid, kill_process};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many points are left to pass; 0 means that none kills.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// Kills the process, as `kill -9` does, if this is the point.
pub(crate) fn point(name: &str) {
    if LEFT.load(Ordering::SeqCst) > 0 && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        println!("\nat {name}");
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

const OLD: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const NEW: &str = "wGknIOZNpk-KFe5_t5gxH6Eac9gxTv6SlOHVJnSyEVw=";
const CALL: Call = Call { within: Duration::from_secs(60) };
const JOB: &str = "QUARTERDECK_TEST_REKEY";

/// A secrets file sealed with the old key, which lies in a key file or in a `.env` file.
struct House {
    _folder: tempfile::TempDir,
    secrets: PathBuf,
    keys: PathBuf,
    env: bool,
}

fn house(env: bool) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = folder.path().join("secrets.bin");
    let keys = folder.path().join(if env { ".env" } else { "fernet.key" });
    let text = if env { format!("# ours\nexport {VARIABLE}=\"{OLD}\" # c\nA=1\n") } else { format!("{OLD}\n") };
    std::fs::write(&keys, text).expect("written");
    let first = backend(&secrets, OLD);
    first.write(&name(), Value::text("a value"), &Expected::Absent, CALL).expect("written");
    // A staged value goes along.
    first.stage(&name(), Value::text("staged"), "rotation", CALL).expect("staged");
    House { _folder: folder, secrets, keys, env }
}

fn backend(path: &Path, keys: &str) -> Box<dyn SecretsBackend> {
    let setup = Setup {
        instance: "fernet".into(),
        settings: BTreeMap::from([("path".into(), Setting::Text(path.to_str().expect("UTF-8").into()))]),
        secrets: BTreeMap::from([("key".into(), SecretBytes::from(keys))]),
    };
    quarterdeck_fernet::create(setup).expect("a backend")
}

fn name() -> SecretName {
    SecretName::parse("broker.password").expect("a name")
}

/// True when the key opens the file and what is staged beside it.
fn opens(secrets: &Path, key: &str) -> bool {
    let staged = VersionId("pending:rotation".into());
    let read = |version| backend(secrets, key).read(&name(), version, CALL);
    match read(None) {
        Ok(reading) => {
            assert_eq!(reading.value, Value::text("a value"));
            assert_eq!(read(Some(&staged)).expect("staged").value, Value::text("staged"));
            true
        }
        Err(_) => false,
    }
}

/// The three steps, as a session does them that was started with this key in its environment.
fn rekey(secrets: &Path, keys: &Path, env: bool, new: Option<&str>) -> std::result::Result<ExtraReply, Failure> {
    let home = if env { KeyHome::env(keys) } else { KeyHome::whole(keys) }.expect("there");
    let text = |key: &str| Zeroizing::new(key.to_owned());
    // A shell keeps what it loaded; a key file is read by each session.
    let ring = match env {
        true => OLD.to_owned(),
        false => home.keys().expect("keys").iter().map(|key| key.as_str()).collect::<Vec<_>>().join(","),
    };
    let session = if env { list(&ring) } else { Vec::new() };
    let plugin = backend(secrets, &ring);
    let seal = |key: &KeyText, words: &[&str]| {
        let arguments = words.iter().map(|word| ((*word).to_owned(), "yes".to_owned())).collect();
        let extra = Extra { operation: "rotate-key".into(), arguments };
        let sealed = plugin.extra(&extra, Some(SecretBytes::from(key.as_str())), CALL);
        sealed.map_err(|error| Failure::of_backend("fernet", error))
    };
    steps("fernet", &home, &session, new.map(text), &seal).map_err(|failure| half_done(failure, &home, env))
}

impl House {
    fn rekey(&self, new: Option<&str>) -> std::result::Result<ExtraReply, Failure> {
        rekey(&self.secrets, &self.keys, self.env, new)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.keys).expect("there")
    }

    fn keys(&self) -> Vec<KeyText> {
        if self.env { KeyHome::env(&self.keys) } else { KeyHome::whole(&self.keys) }
            .expect("free")
            .keys()
            .expect("keys")
    }

    /// Lets another process do it and die at a point; gives the point, or nothing when it was done before.
    fn killed(&self, at: usize) -> Option<String> {
        let job = format!("{}\n{}\n{}\n{at}", self.secrets.display(), self.keys.display(), self.env);
        let output = Command::new(std::env::current_exe().expect("this suite"))
            .args(["--exact", "rekey::tests::a_rekey_of_another_process", "--nocapture", "--test-threads=1"])
            .env(JOB, job)
            .stderr(Stdio::inherit())
            .output()
            .expect("a second process of this suite");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let point = said.lines().find_map(|line| line.strip_prefix("at ")).map(str::to_owned);
        assert_eq!(point.is_none(), output.status.success(), "{at}: {said}");
        point
    }
}

/// A test by itself, and the body of each process that is killed.
#[test]
fn a_rekey_of_another_process() {
    let Ok(job) = std::env::var(JOB) else { return };
    let job: Vec<&str> = job.lines().collect();
    LEFT.store(job[3].parse().expect("a number"), Ordering::SeqCst);
    rekey(Path::new(job[0]), Path::new(job[1]), job[2] == "true", Some(NEW)).expect("done");
}

#[test]
fn killed_at_any_point_a_key_on_the_disk_opens_the_file_and_either_way_finishes() {
    for (env, drops) in [(true, true), (true, false), (false, true), (false, false)] {
        let before = house(env).text();
        let mut points = Vec::new();
        loop {
            let house = house(env);
            let Some(point) = house.killed(points.len() + 1) else { break };
            let what = format!("{}, killed at '{point}'", house.keys.display());
            let keys = house.keys();
            assert!(keys.iter().any(|key| opens(&house.secrets, key)), "{what}: no key of {} opens", keys.len());
            match keys.len() {
                1 if keys[0].as_str() == NEW => {}
                1 => drop(house.rekey(Some(NEW)).unwrap_or_else(|failure| panic!("{what}: {failure:?}"))),
                _ => {
                    let new = if drops { None } else { Some(NEW) };
                    house.rekey(new).unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
                }
            }
            assert_eq!(house.text(), before.replace(OLD, NEW), "{what}");
            assert!(opens(&house.secrets, NEW) && !opens(&house.secrets, OLD), "{what}");
            let left = std::fs::read_dir(house.secrets.parent().expect("a folder")).expect("there");
            let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
            assert_eq!(left.len(), 4, "{what}: secrets, lock, sidecar, keys: {left:?}");
            points.push(point);
        }
        let wanted = ["checked", "new key file written", "added", "sealed", "new key file written", "dropped"];
        assert_eq!(points, wanted);
    }
}

#[test]
fn what_can_not_be_done_is_told_before_anything_is_changed() {
    let house = house(true);
    let before = house.text();
    for (new, told) in [
        (Some("gAAAAABhkF7x9z"), "this is a Fernet token, not a key"),
        (Some("short"), "this is no Fernet key"),
        (Some(OLD), "sealed with this key already"),
        (None, "holds no list of keys"),
    ] {
        let failure = house.rekey(new).expect_err(told).told();
        assert!(failure.what.contains(told) && !failure.next.is_empty(), "{failure:?}");
        assert_eq!(house.text(), before, "{told}");
    }
    assert!(opens(&house.secrets, OLD));
    std::fs::write(&house.keys, format!("{VARIABLE}={NEW}\n")).expect("written");
    let failure = house.rekey(Some(NEW)).expect_err("another key").told();
    assert!(failure.what.contains("holds another key") && failure.next.contains("set -a; . "), "{failure:?}");
    assert!(!format!("{failure:?}").contains(NEW));
}

#[test]
fn a_file_without_the_variable_gets_it_and_older_lines_are_told() {
    let house = house(true);
    std::fs::write(&house.keys, "A=1").expect("written");
    let reply = house.rekey(Some(NEW)).expect("done");
    assert_eq!(house.text(), format!("A=1\n{VARIABLE}={NEW}\n"));
    assert!(reply.results["key_in"].ends_with("/.env") && !reply.results.contains_key("older_keys_in_lines"));

    let house = self::house(true);
    std::fs::write(&house.keys, format!("{VARIABLE}={NEW}\nA=1\n{VARIABLE}={OLD}\n")).expect("written");
    let reply = house.rekey(Some(NEW)).expect("done");
    assert_eq!(reply.results["older_keys_in_lines"], "1");
    assert_eq!(house.text(), format!("{VARIABLE}={NEW}\nA=1\n{VARIABLE}={NEW}\n"));
}

#[test]
fn a_rekey_that_fails_after_its_first_step_says_how_to_finish() {
    let house = house(true);
    let home = KeyHome::env(&house.keys).expect("there");
    let calls = AtomicUsize::new(0);
    let seal = |_: &KeyText, _: &[&str]| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(ExtraReply::default()),
        _ => Err(Failure::of_backend("fernet", BackendError::new(ErrorKind::Gone, "its process died"))),
    };
    let failed = steps("fernet", &home, &list(OLD), Some(Zeroizing::new(NEW.to_owned())), &seal);
    let told = half_done(failed.expect_err("it died"), &home, true).told();
    assert!(told.next.contains("secrets rekey --drop --update-env /") && told.next.contains(".env"), "{told:?}");
    drop(home);
    assert_eq!(house.keys().len(), 2);
    house.rekey(None).expect("finished");
    assert!(opens(&house.secrets, NEW));
}
