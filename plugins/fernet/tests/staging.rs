//! A rotation's steps on a real disk: several processes, a sidecar that somebody touched, a full disk. Needs nothing but
//! Rust and `sh`.

mod support;

use quarterdeck_contract::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::*;

const IDS: [&str; 2] = ["5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001", "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002"];

struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
    backend: Box<dyn SecretsBackend>,
    old: VersionId,
}

/// A file with one secret, whose value is `old`.
fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secrets.bin");
    let backend = backend(&path, KEY);
    let old = set(&*backend, "broker.password", Value::text("old"));
    Scene { _folder: folder, path, backend, old }
}

impl Scene {
    fn name(&self) -> SecretName {
        name("broker.password")
    }

    fn stage(&self, text: &str, id: &str) -> Result<VersionId> {
        self.backend.stage(&self.name(), Value::text(text), id, CALL)
    }

    fn promote(&self, version: &VersionId, from: &VersionId) -> Result<VersionId> {
        self.backend.promote(&self.name(), version, from, CALL)
    }

    fn value(&self) -> String {
        get(&*self.backend, "broker.password")
    }

    fn at(&self, version: &VersionId) -> Result<String> {
        let reading = self.backend.read(&self.name(), Some(version), CALL)?;
        Ok(String::from_utf8(reading.value.bytes.into_inner()).expect("UTF-8"))
    }

    fn stages(&self) -> Vec<(VersionId, Stage, Option<String>)> {
        let versions = self.backend.inspect(&self.name(), CALL).expect("there").versions;
        versions.into_iter().map(|one| (one.id, one.stage.expect("a stage"), one.rotation)).collect()
    }

    fn sidecar(&self) -> PathBuf {
        PathBuf::from(format!("{}.quarterdeck", self.path.display()))
    }
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T>) -> Option<String> {
    match outcome {
        Err(BackendError { kind: ErrorKind::Conflict { current }, .. }) => current,
        other => panic!("no conflict: {other:?}"),
    }
}

#[test]
fn a_rotation_from_its_beginning_to_its_end() {
    let scene = scene();
    let before = fs::read(&scene.path).expect("there");
    let staged = scene.stage("new", IDS[0]).expect("staged");
    assert_eq!(staged.0, format!("pending:{}", IDS[0]));
    assert_eq!(fs::read(&scene.path).expect("there"), before, "staging does not touch the file");
    assert_eq!(fs::metadata(scene.sidecar()).expect("there").permissions().mode() & 0o7777, 0o600);
    let pending = (staged.clone(), Stage::Pending, Some(IDS[0].to_owned()));
    assert_eq!(scene.stages(), [(scene.old.clone(), Stage::Current, None), pending]);
    let kept = scene.backend.health(CALL).expect("it opens").facts;
    let kept = kept.into_iter().find(|(label, _)| label == "kept beside it").expect("told").1;
    assert!(kept.starts_with("broker.password: staged 0 s ago by rotation 5b0f3f6e"), "{kept}");

    let new = scene.promote(&staged, &scene.old).expect("promoted");
    assert_eq!(scene.backend.read(&scene.name(), None, CALL).expect("there").version, Some(new.clone()));
    assert_eq!((scene.value(), scene.at(&scene.old).expect("kept")), ("new".into(), "old".into()));
    scene.backend.unstage(&scene.name(), &staged, CALL).expect("unstaged");
    let previous = (scene.old.clone(), Stage::Previous, None);
    assert_eq!(scene.stages(), [(new.clone(), Stage::Current, None), previous]);
    // What was asked before it was unstaged may be asked again after it.
    assert_eq!(scene.promote(&staged, &scene.old).expect("done"), new);
    assert_eq!(scene.stage("another", IDS[0]).expect("one id, one value"), new);
    scene.backend.retire(&scene.name(), &scene.old, &new, CALL).expect("retired");
    assert_eq!(scene.at(&scene.old).expect_err("gone").kind, ErrorKind::NotFound);
    assert!(!scene.sidecar().exists(), "what holds nothing is not there");
    scene.backend.retire(&scene.name(), &scene.old, &new, CALL).expect("retired once");
}

#[test]
fn a_promoted_value_is_kept_until_its_rotation_is_over() {
    let scene = scene();
    let promoted = || {
        let staged = scene.stage("new", IDS[0]).expect("staged");
        let new = scene.promote(&staged, &scene.old).expect("promoted");
        scene.backend.unstage(&scene.name(), &staged, CALL).expect("unstaged");
        (staged, new)
    };
    let (staged, new) = promoted();
    let theirs = set(&*scene.backend, "broker.password", Value::text("theirs"));
    // It is told as one that was current, and by its rotation.
    let ours = (new.clone(), Stage::Previous, Some(IDS[0].to_owned()));
    assert_eq!(scene.stages()[1..], [ours, (scene.old.clone(), Stage::Previous, None)]);
    assert_eq!([scene.at(&new), scene.at(&staged)], [Ok("new".to_owned()), Ok("new".to_owned())]);
    assert_eq!(scene.stage("another", IDS[0]).expect("one id, one value"), new);
    let kept = format!("{:?}", scene.backend.health(CALL).expect("it opens").facts);
    assert!(kept.contains(&format!("the new value of rotation {}", IDS[0])), "{kept}");
    scene.backend.retire(&scene.name(), &new, &theirs, CALL).expect("over");
    assert_eq!((scene.at(&new).expect_err("gone").kind, scene.at(&scene.old)), (ErrorKind::NotFound, Ok("old".into())));
    // What a lost rotation left of the old value goes with the next one's.
    let staged = scene.stage("newer", IDS[1]).expect("staged");
    let newer = scene.promote(&staged, &theirs).expect("promoted");
    scene.backend.retire(&scene.name(), &theirs, &newer, CALL).expect("retired");
    assert!(!scene.sidecar().exists(), "{:?}", scene.stages());

    let back = set(&*scene.backend, "broker.password", Value::text("old"));
    assert_eq!(back, scene.old);
    let (staged, new) = promoted();
    scene.promote(&back, &new).expect("taken back");
    // Nobody reads it any more, as before it was promoted.
    let pending = (staged.clone(), Stage::Pending, Some(IDS[0].to_owned()));
    assert_eq!(scene.stages(), [(back.clone(), Stage::Current, None), pending]);
    assert_eq!([scene.at(&new), scene.at(&staged)], [Ok("new".to_owned()), Ok("new".to_owned())]);
    scene.backend.unstage(&scene.name(), &staged, CALL).expect("unstaged");
    assert!(!scene.sidecar().exists(), "{:?}", scene.stages());
}

#[test]
fn what_somebody_set_by_hand_is_not_written_over_and_the_staged_value_stays() {
    let scene = scene();
    let staged = scene.stage("new", IDS[0]).expect("staged");
    let theirs = set(&*scene.backend, "broker.password", Value::text("theirs"));
    assert_eq!(conflict(scene.promote(&staged, &scene.old)), Some(theirs.0));
    assert_eq!((scene.value(), scene.at(&staged).expect("staged")), ("theirs".into(), "new".into()));
    scene.backend.delete(&scene.name(), &Expected::Anything, CALL).expect("deleted");
    assert_eq!(conflict(scene.promote(&staged, &scene.old)), None, "it is gone");
    assert_eq!(conflict(scene.backend.retire(&scene.name(), &scene.old, &staged, CALL)), None);
    scene.backend.unstage(&scene.name(), &staged, CALL).expect("unstaged");
    scene.backend.unstage(&scene.name(), &staged, CALL).expect("unstaged once");
    assert!(!scene.sidecar().exists());
    assert_eq!(scene.stage("new", IDS[0]).expect_err("nothing is there").kind, ErrorKind::NotFound);
}

#[test]
fn a_map_and_a_number_are_staged_as_they_are_and_other_names_are_left_alone() {
    let scene = scene();
    set(&*scene.backend, "broker.port", Value::json("1.10"));
    let (map, port) = (name("broker"), name("broker.port"));
    let version = |name: &SecretName| scene.backend.read(name, None, CALL).expect("there").version.expect("a version");
    let (old_map, old_port) = (version(&map), version(&port));
    let staged = scene.backend.stage(&port, Value::json("2.50"), IDS[0], CALL).expect("staged");
    let wide = scene.backend.stage(&map, Value::json(r#"{"password":"p","port":3.00}"#), IDS[1], CALL).expect("staged");
    scene.backend.promote(&port, &staged, &old_port, CALL).expect("promoted");
    assert_eq!((get(&*scene.backend, "broker.port"), scene.value()), ("2.50".into(), "old".into()));
    // The map is another one since a key of it is.
    conflict(scene.backend.promote(&map, &wide, &old_map, CALL));
    scene.backend.promote(&map, &wide, &version(&map), CALL).expect("promoted");
    assert_eq!((get(&*scene.backend, "broker.port"), scene.value()), ("3.00".into(), "p".into()));
    let text =
        scene.backend.stage(&port, Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![0xff]) }, IDS[0], CALL);
    assert_eq!(text.expect_err("no JSON").kind, ErrorKind::Unsupported);
    let long = "x".repeat(65);
    for id in ["", "two words", "line\nbreak", long.as_str()] {
        assert_eq!(scene.stage("v", id).expect_err("no id").kind, ErrorKind::Invalid, "{id:?}");
    }
}

#[test]
fn what_would_not_fit_into_the_file_is_not_staged() {
    let scene = scene();
    let big = "x".repeat(16 << 20);
    assert_eq!(scene.stage(&big, IDS[0]).expect_err("too large").kind, ErrorKind::TooLarge);
    assert!(!scene.sidecar().exists());
    assert_eq!(scene.value(), "old");
}

/// Each way in which a sidecar can be wrong.
fn spoil(scene: &Scene, how: &str) {
    let at = scene.sidecar();
    let mut bytes = fs::read(&at).expect("there");
    match how {
        "altered" => {
            bytes[40] ^= 1;
            fs::write(&at, bytes).expect("written");
        }
        "cut short" => fs::write(&at, &bytes[..bytes.len() / 2]).expect("written"),
        "empty" => fs::write(&at, "").expect("written"),
        "no token" => fs::write(&at, "canary").expect("written"),
        // Sealed with the right key, and nothing of ours.
        "a secrets file" => drop(fs::copy(&scene.path, &at).expect("copied")),
        "another key's" => {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("secrets.bin");
            let other = backend(&path, OTHER);
            set(&*other, "broker.password", Value::text("old"));
            other.stage(&scene.name(), Value::text("new"), IDS[0], CALL).expect("staged");
            fs::copy(folder.path().join("secrets.bin.quarterdeck"), &at).expect("copied");
        }
        "a link" => {
            let aside = at.with_extension("aside");
            fs::rename(&at, &aside).expect("moved");
            symlink(aside, &at).expect("linked");
        }
        _ => {
            fs::remove_file(&at).expect("removed");
            fs::create_dir(&at).expect("made");
        }
    }
}

#[test]
fn a_sidecar_that_is_wrong_is_named_and_stands_in_nobodys_way() {
    for how in ["altered", "cut short", "empty", "no token", "a secrets file", "another key's", "a link", "a folder"] {
        let scene = scene();
        let staged = scene.stage("new", IDS[0]).expect("staged");
        spoil(&scene, how);
        let was = fs::symlink_metadata(scene.sidecar()).expect("there").len();
        let errors = [
            scene.promote(&staged, &scene.old).expect_err(how),
            scene.stage("new", IDS[0]).expect_err(how),
            scene.backend.unstage(&scene.name(), &staged, CALL).expect_err(how),
            scene.at(&staged).expect_err(how),
        ];
        for error in errors {
            let said = error.to_string();
            assert!(said.contains("secrets.bin.quarterdeck") && !error.hint.is_empty(), "{how}: {said}");
            assert_eq!(error.kind, ErrorKind::Invalid, "{how}: {said}");
            assert!(!said.contains("canary"), "{how}: {said}");
        }
        let health = scene.backend.health(CALL).expect("the file opens");
        assert!(health.warnings.iter().any(|warning| warning.contains(".quarterdeck")), "{how}: {health:?}");
        let inspection = scene.backend.inspect(&scene.name(), CALL).expect("there");
        assert_eq!(inspection.versions[0].id, scene.old, "{how}");
        assert!(inspection.facts[0].1.contains(".quarterdeck"), "{how}: {inspection:?}");
        // The file goes on: read, written, listed, sealed with another key.
        assert_eq!(scene.value(), "old", "{how}");
        set(&*scene.backend, "other", Value::text("v"));
        rotate(&*scene.backend, OTHER).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(names(&*backend(&scene.path, OTHER)), ["broker.password", "other"], "{how}");
        assert_eq!(fs::symlink_metadata(scene.sidecar()).expect("there").len(), was, "{how}: it is left as it is");
    }
}

#[test]
fn a_sidecar_that_is_not_there_holds_nothing() {
    let scene = scene();
    let staged = scene.stage("new", IDS[0]).expect("staged");
    fs::remove_file(scene.sidecar()).expect("removed");
    let error = scene.promote(&staged, &scene.old).expect_err("nothing is staged");
    assert_eq!(error.kind, ErrorKind::NotFound);
    scene.backend.unstage(&scene.name(), &staged, CALL).expect("nothing to do");
    assert_eq!(scene.stages().len(), 1);
}

#[test]
fn a_sidecar_that_others_may_read_is_told_and_closed_by_its_next_change() {
    let scene = scene();
    let staged = scene.stage("new", IDS[0]).expect("staged");
    fs::set_permissions(scene.sidecar(), fs::Permissions::from_mode(0o644)).expect("ours");
    let warnings = scene.backend.health(CALL).expect("it opens").warnings;
    assert!(warnings.iter().any(|warning| warning.contains("is 0644 and should be 0600")), "{warnings:?}");
    scene.promote(&staged, &scene.old).expect("promoted");
    assert_eq!(fs::metadata(scene.sidecar()).expect("there").permissions().mode() & 0o7777, 0o600);
    assert!(scene.backend.health(CALL).expect("it opens").warnings.is_empty());
}

#[test]
fn a_rekey_takes_the_sidecar_along_and_the_old_key_opens_it_no_more() {
    let scene = scene();
    let staged = scene.stage("new", IDS[0]).expect("staged");
    let sealed_before = fs::read(scene.sidecar()).expect("there");
    rotate(&*scene.backend, OTHER).expect("rekeyed");
    let read = |keys: &str| backend(&scene.path, keys).read(&scene.name(), Some(&staged), CALL).is_ok();
    assert!(read(OTHER) && !read(KEY));
    assert_eq!(fs::read(scene.sidecar()).expect("there").iter().filter(|byte| **byte == b'\n').count(), 1);
    // With a list of keys the first change of the file takes it along as well.
    let list = backend(&scene.path, &format!("{KEY},{OTHER}"));
    set(&*list, "other", Value::text("v"));
    assert!(read(KEY) && !read(OTHER));
    // One that was not taken along (put back from a copy) opens with a list.
    fs::write(scene.sidecar(), sealed_before).expect("written");
    assert!(read(&format!("{OTHER},{KEY}")));
}

const JOB: &str = "QUARTERDECK_TEST_STAGING";

fn command(job: &str) -> String {
    let this = std::env::current_exe().expect("this suite");
    format!("{JOB}='{job}' exec {} --exact a_job_of_another_process --nocapture --test-threads=1", this.display())
}

/// A test by itself, and the body of the other processes.
#[test]
fn a_job_of_another_process() {
    let Ok(job) = std::env::var(JOB) else { return };
    let job: Vec<&str> = job.split('|').collect();
    let path = Path::new(job[1]);
    match job[0] {
        "stage" => {
            let got = backend(path, KEY).stage(&name("broker.password"), Value::text(job[2]), job[2], CALL);
            match got {
                Ok(version) => println!("\nwon {}", version.0),
                other => println!("\nlost to {}", conflict(other).expect("a rotation")),
            }
        }
        _ => with_ever_more_room(path),
    }
}

#[test]
fn of_four_processes_that_stage_one_secret_one_wins_and_the_others_are_told_who() {
    for round in 0..5 {
        let scene = scene();
        let start = |number: usize| {
            let job = format!("stage|{}|rotation-{round}-{number}", scene.path.display());
            Command::new("/bin/sh").args(["-c", &command(&job)]).stdout(Stdio::piped()).spawn().expect("a process")
        };
        let said: Vec<String> = (0..4)
            .map(start)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|child| String::from_utf8(child.wait_with_output().expect("an end").stdout).expect("UTF-8"))
            .collect();
        let of = |word: &str| -> Vec<String> {
            said.iter()
                .flat_map(|said| said.lines().filter_map(|line| line.strip_prefix(word).map(str::to_owned)))
                .collect()
        };
        let won = of("won pending:");
        assert_eq!(won.len(), 1, "{said:?}");
        assert_eq!(of("lost to "), [won[0].as_str(); 3], "{said:?}");
        assert_eq!(scene.at(&VersionId(format!("pending:{}", won[0]))).expect("staged"), won[0]);
    }
}

/// Files may grow to a little more each time: each write of each step fails in its turn, and what was there stays.
fn with_ever_more_room(path: &Path) {
    let backend = backend(path, KEY);
    let (old, new) = (get(&*backend, "broker.password"), "new ".repeat(64));
    let at = name("broker.password");
    let current = || backend.read(&at, None, CALL).expect("there").version.expect("a version");
    let from = current();
    let staged = VersionId(format!("pending:{}", IDS[0]));
    let seen = || {
        let versions = backend.inspect(&at, CALL).expect("there").versions;
        versions.into_iter().map(|one| (one.id, one.stage)).collect::<Vec<_>>()
    };
    let steps: [(&str, &dyn Fn() -> Result<()>); 6] = [
        ("stage", &|| backend.stage(&at, Value::text(&new), IDS[0], CALL).map(drop)),
        ("promote", &|| backend.promote(&at, &staged, &from, CALL).map(drop)),
        ("rekey", &|| rotate(&*backend, OTHER).map(drop)),
        ("take back", &|| {
            let versions = seen();
            let find = |stage| versions.iter().find(|(_, its)| *its == Some(stage)).map(|(id, _)| id.clone());
            let (old, new) = (find(Stage::Previous).expect("kept"), find(Stage::Current).expect("current"));
            backend.promote(&at, &old, &new, CALL).map(drop)
        }),
        ("set", &|| backend.write(&at, Value::text("by hand"), &Expected::Anything, CALL).map(drop)),
        ("unstage", &|| backend.unstage(&at, &staged, CALL)),
    ];
    for (what, step) in steps {
        let (mut room, mut failed) = (0, 0);
        loop {
            let (value, before) = (get(&*backend, "broker.password"), seen());
            let all = getrlimit(Resource::Fsize);
            setrlimit(Resource::Fsize, Rlimit { current: Some(room), ..all }).expect("a limit");
            let outcome = step();
            setrlimit(Resource::Fsize, all).expect("no limit");
            let Err(error) = outcome else { break };
            assert_eq!(error.kind, ErrorKind::TooLarge, "{what} with {room}: {error}");
            assert!(error.hint.contains("Make room"), "{what}: {error}");
            assert_eq!(get(&*backend, "broker.password"), value, "{what} with {room}");
            assert_eq!(seen(), before, "{what} with {room}");
            failed += 1;
            room += 256;
        }
        println!("\nfailed {failed} times: {what}");
    }
    assert_ne!(get(&*backend, "broker.password"), old);
}

#[test]
fn a_disk_that_is_full_at_any_write_leaves_the_old_state() {
    let scene = scene();
    // The file is larger than its sidecar, so that there is room for the one and none for the other.
    set(&*scene.backend, "ballast", Value::text(&"x".repeat(3_000)));
    let job = format!("room|{}", scene.path.display());
    // A write beyond the limit is a signal first; ignored, it is an error.
    let line = format!("trap '' XFSZ; {}", command(&job));
    let output = Command::new("/bin/sh").args(["-c", &line]).output().expect("a process");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for (what, least) in [("stage", 1), ("promote", 16), ("rekey", 16), ("take back", 16), ("set", 16)] {
        let line =
            said.lines().find(|line| line.ends_with(&format!(" times: {what}"))).unwrap_or_else(|| panic!("{said}"));
        let failed: u32 = line.split(' ').nth(1).and_then(|count| count.parse().ok()).expect("a count");
        assert!(failed >= least, "{line}");
    }
}
