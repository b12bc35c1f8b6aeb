//! The file on a real disk: modes, links, locks, several processes, kills. Needs nothing but Rust.

mod support;

use quarterdeck_contract::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::*;

struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// A place for a file in a folder of its own that does not exist yet.
fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(".secrets/encrypted_secrets.bin");
    Scene { _folder: folder, path }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

/// Names in the file's folder, but for the lock.
fn folder_of(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().expect("a folder")).expect("there");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names.sort();
    names
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T>) -> BackendError {
    outcome.expect_err("refused")
}

fn write(backend: &dyn SecretsBackend, at: &str, value: Value, expected: &Expected) -> Result<VersionId> {
    backend.write(&name(at), value, expected, CALL)
}

#[test]
fn file_and_folder_are_made_closed_and_kept_closed() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    set(&*backend, "broker.password", Value::text("canary-1"));
    assert_eq!((mode(&scene.path), mode(scene.path.parent().expect("folder"))), (0o600, 0o700));

    chmod(&scene.path, 0o644);
    chmod(scene.path.parent().expect("folder"), 0o755);
    let health = backend.health(CALL).expect("it opens");
    assert_eq!(health.summary, "file 0644, 1 name");
    assert!(health.warnings.iter().any(|w| w.contains("0644")), "{health:?}");
    assert!(health.warnings.iter().any(|w| w.contains("0755")), "{health:?}");

    set(&*backend, "broker.host", Value::text("h"));
    assert_eq!((mode(&scene.path), mode(scene.path.parent().expect("folder"))), (0o600, 0o700));
    let health = backend.health(CALL).expect("it opens");
    assert_eq!((health.summary.as_str(), health.warnings.len()), ("file 0600, 2 names", 0), "{health:?}");
}

#[test]
fn a_change_leaves_the_file_to_its_owner() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    set(&*backend, "a", Value::text("v"));
    let folder = scene.path.parent().expect("folder");
    // Only root may give a file away, and not in every container; where it may not, the file stays our own.
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(12_345), None).is_ok();
    let ours = rustix::process::geteuid().as_raw();
    let owner = if give(folder) && give(&scene.path) { 12_345 } else { ours };
    set(&*backend, "a", Value::text("w"));
    rotate(&*backend, OTHER).expect("rekeyed");
    assert_eq!(fs::metadata(&scene.path).expect("there").uid(), owner);
    assert_eq!(fs::metadata(beside(&scene.path, ".lock")).expect("there").uid(), owner);
    fs::remove_file(&scene.path).expect("removed");
    set(&*backend, "a", Value::text("a new file in their folder"));
    assert_eq!(fs::metadata(&scene.path).expect("there").uid(), owner);
}

#[test]
fn a_folder_that_holds_other_things_keeps_its_mode() {
    let scene = scene();
    let folder = scene.path.parent().expect("folder");
    fs::create_dir(folder).expect("made");
    fs::write(folder.join("program.py"), "").expect("written");
    chmod(folder, 0o755);
    let backend = backend(&scene.path, KEY);
    set(&*backend, "a", Value::text("v"));
    assert_eq!(mode(folder), 0o755);
    let warnings = backend.health(CALL).expect("it opens").warnings;
    assert!(warnings.iter().any(|w| w.contains("holds other things")), "{warnings:?}");
}

#[test]
fn no_file_is_a_state_and_not_a_failure() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    let health = backend.health(CALL).expect("a state");
    assert_eq!(health.summary, "no file yet");
    assert!(names(&*backend).is_empty());
    assert_eq!(refusal(backend.read(&name("a"), None, CALL)).kind, ErrorKind::NotFound);
    assert_eq!(refusal(backend.delete(&name("a"), &Expected::Anything, CALL)).kind, ErrorKind::NotFound);
    assert_eq!(refusal(rotate(&*backend, OTHER)).kind, ErrorKind::NotFound);
    assert!(!scene.path.parent().expect("folder").exists(), "looking makes nothing");
}

#[test]
fn a_link_stays_and_its_target_changes() {
    let scene = scene();
    let real = scene.path.parent().expect("folder").join("real/file.bin");
    fs::create_dir_all(scene.path.parent().expect("folder")).expect("made");
    symlink("real/file.bin", &scene.path).expect("linked");
    let backend = backend(&scene.path, KEY);
    for value in ["first, through a dangling link", "second"] {
        set(&*backend, "a", Value::text(value));
        assert!(fs::symlink_metadata(&scene.path).expect("there").is_symlink());
        assert!(fs::symlink_metadata(&real).expect("there").is_file());
        assert_eq!(get(&*backend, "a"), value);
    }
    let rekeyed = rotate(&*backend, OTHER).expect("rekeyed");
    assert_eq!(rekeyed.results["names"], "1");
    assert!(fs::symlink_metadata(&scene.path).expect("there").is_symlink());
    assert_eq!(folder_of(&real), ["file.bin"]);
}

#[test]
fn links_in_a_circle_a_pipe_and_a_folder_are_refused() {
    let scene = scene();
    let folder = scene.path.parent().expect("folder");
    fs::create_dir(folder).expect("made");
    symlink(&scene.path, &scene.path).expect("linked");
    assert_eq!(refusal(backend(&scene.path, KEY).health(CALL)).kind, ErrorKind::Invalid);
    assert_eq!(refusal(backend(folder, KEY).health(CALL)).kind, ErrorKind::Invalid);
    let pipe = folder.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("a pipe");
    assert_eq!(refusal(backend(&pipe, KEY).health(CALL)).kind, ErrorKind::Invalid);
}

#[test]
fn wrong_key_and_torn_file_say_so_and_change_nothing() {
    let scene = scene();
    set(&*backend(&scene.path, KEY), "a", Value::text("canary-1"));
    let whole = fs::read(&scene.path).expect("there");

    let wrong = backend(&scene.path, OTHER);
    for error in [
        refusal(wrong.health(CALL)),
        refusal(wrong.list(&PageRequest::default(), CALL)),
        refusal(wrong.read(&name("a"), None, CALL)),
        refusal(write(&*wrong, "b", Value::text("canary-2"), &Expected::Anything)),
        refusal(rotate(&*wrong, KEY)),
    ] {
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.what.starts_with("Invalid encryption key or corrupted secrets file"), "{error}");
        assert!(!error.hint.is_empty() && !error.to_string().contains("canary"), "{error}");
    }
    assert_eq!(fs::read(&scene.path).expect("there"), whole);

    let right = backend(&scene.path, KEY);
    for torn in [&whole[..0], &whole[..9], &whole[..whole.len() / 2], &whole[..whole.len() - 1], b"not a token"] {
        fs::write(&scene.path, torn).expect("torn");
        assert_eq!(refusal(right.health(CALL)).kind, ErrorKind::Invalid);
        assert_eq!(refusal(write(&*right, "b", Value::text("v"), &Expected::Anything)).kind, ErrorKind::Invalid);
        assert_eq!(fs::read(&scene.path).expect("there"), torn);
    }
}

#[test]
fn a_missing_key_and_a_token_for_a_key_are_told_in_each_call_and_generate_key_works() {
    let scene = scene();
    for (key, kind) in
        [("", ErrorKind::Uninitialised), ("gAAAAABhkF7x9z", ErrorKind::Invalid), ("x", ErrorKind::Invalid)]
    {
        let backend = backend(&scene.path, key);
        assert_eq!(refusal(backend.health(CALL)).kind, kind);
        let generate = Extra { operation: "generate-key".into(), arguments: BTreeMap::new() };
        let made = backend.extra(&generate, None, CALL).expect("a key").secret.expect("secret");
        assert!(quarterdeck_fernet::key::Key::parse(made.expose()).is_ok());
    }
}

#[test]
fn compare_and_set_lets_one_of_many_win() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    let first = write(&*backend, "a.b", Value::text("0"), &Expected::Absent).expect("absent");
    assert!(matches!(
        refusal(write(&*backend, "a.b", Value::text("x"), &Expected::Absent)).kind,
        ErrorKind::Conflict { current: Some(current) } if current == first.0
    ));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let (backend, first) = (&backend, &first);
        let threads: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn(move || {
                    write(&**backend, "a.b", Value::text(&format!("by {n}")), &Expected::Version(first.clone()))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let lost = outcomes.into_iter().filter_map(|outcome| outcome.err());
    assert!(lost.map(|error| error.kind).all(|kind| matches!(kind, ErrorKind::Conflict { current: Some(_) })));
    let gone = refusal(backend.delete(&name("a.b"), &Expected::Version(first), CALL));
    assert!(matches!(gone.kind, ErrorKind::Conflict { .. }));
}

#[test]
fn versions_follow_name_and_value_and_do_not_tell_them() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    let a = set(&*backend, "a", Value::text("alike"));
    let b = set(&*backend, "b", Value::text("alike"));
    assert_ne!(a, b);
    assert_eq!(set(&*backend, "a", Value::text("alike")), a);
    assert_ne!(set(&*backend, "a", Value::json("\"alike but not\"")), a);
    assert_eq!(backend.read(&name("b"), Some(&b), CALL).expect("current").version, Some(b.clone()));
    assert_eq!(refusal(backend.read(&name("b"), Some(&a), CALL)).kind, ErrorKind::NotFound);
    let listed = backend.list(&PageRequest { prefix: "b".into(), ..PageRequest::default() }, CALL).expect("a page");
    assert_eq!(listed.entries[0].version.as_ref(), Some(&b));
    assert_eq!(backend.inspect(&name("b"), CALL).expect("there").versions[0].id, b);
}

#[test]
fn kinds_of_values_come_back_as_they_went_in() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    for (at, json) in [
        ("n", "1.10"),
        ("big", "123456789012345678901234567890"),
        ("e", "1e-07"),
        ("t", "true"),
        ("z", "null"),
        ("l", "[]"),
    ] {
        set(&*backend, at, Value::json(json));
        let reading = backend.read(&name(at), None, CALL).expect("there");
        assert_eq!(reading.value, Value::json(json));
    }
    set(&*backend, "m", Value::json(r#"{"y":{"z":1},"x.":"é"}"#));
    assert_eq!(backend.keys(&name("m"), CALL).expect("a map"), [r"x\.", "y.z"]);
    assert_eq!(get(&*backend, r"m.x\."), "é");
    assert_eq!(get(&*backend, "m"), "{\n  \"x.\": \"\\u00e9\",\n  \"y\": {\n    \"z\": 1\n  }\n}");
    assert!(backend.keys(&name("n"), CALL).expect("no map").is_empty());
    let binary = Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![0, 255]) };
    assert_eq!(refusal(write(&*backend, "bin", binary, &Expected::Anything)).kind, ErrorKind::Unsupported);
    let not_text = Value { kind: Kind::Text, bytes: SecretBytes::new(vec![b'a', 255]) };
    assert_eq!(refusal(write(&*backend, "bin", not_text, &Expected::Anything)).kind, ErrorKind::Invalid);
    for json in ["{", "NaN", "1 2", "\"canary"] {
        let error = refusal(write(&*backend, "bad", Value::json(json), &Expected::Anything));
        assert_eq!((error.kind.clone(), error.to_string().contains("canary")), (ErrorKind::Invalid, false), "{error}");
    }
}

#[test]
fn a_listing_is_paged_without_gap_or_repeat() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    let many: Vec<_> = (0..25).map(|n| format!(r#""k{n:02}": {n}"#)).collect();
    set(&*backend, "all", Value::json(&format!("{{{}}}", many.join(","))));
    set(&*backend, "other", Value::text("v"));
    let mut page = PageRequest { prefix: "all.".into(), after: None, limit: 7 };
    let mut seen = Vec::new();
    loop {
        let got = backend.list(&page, CALL).expect("a page");
        assert!(got.entries.len() <= 7);
        seen.extend(got.entries.into_iter().map(|entry| entry.name.to_string()));
        let Some(next) = got.next else { break };
        page.after = Some(next);
    }
    assert_eq!(seen, (0..25).map(|n| format!("all.k{n:02}")).collect::<Vec<_>>());
}

#[test]
fn a_held_lock_names_its_holder_and_is_not_waited_for_without_end() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    set(&*backend, "a", Value::text("v"));
    let lock = fs::File::open(beside(&scene.path, ".lock")).expect("left by the first set");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("ours");
    let call = Call { within: Duration::from_millis(50) };
    let error = refusal(backend.write(&name("a"), Value::text("w"), &Expected::Anything, call));
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.what.contains(&format!("process {}", std::process::id())), "{error}");
    assert_eq!(get(&*backend, "a"), "v", "a reader needs no lock");
    drop(lock);
    set(&*backend, "a", Value::text("w"));
}

#[test]
fn a_lock_that_is_a_link_is_refused() {
    let scene = scene();
    fs::create_dir(scene.path.parent().expect("folder")).expect("made");
    symlink("/dev/null", beside(&scene.path, ".lock")).expect("linked");
    assert_eq!(
        refusal(write(&*backend(&scene.path, KEY), "a", Value::text("v"), &Expected::Anything)).kind,
        ErrorKind::Invalid
    );
}

#[test]
fn eight_processes_and_eight_threads_lose_nothing() {
    const EACH: usize = 12;
    let scene = scene();
    let writers: Vec<_> = (0..8).map(|n| Writer::start(&scene.path, &format!("p{n}"), EACH)).collect();
    let backend = backend(&scene.path, KEY);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let backend = &backend;
            scope.spawn(move || {
                (0..EACH).for_each(|at| drop(set(&**backend, &format!("t{n}.n{at}"), Value::text("v"))))
            });
        }
    });
    for writer in writers {
        assert_eq!(writer.finish().len(), EACH);
    }
    assert_eq!(names(&*backend).len(), 16 * EACH);
    assert_eq!(folder_of(&scene.path), ["encrypted_secrets.bin"]);
}

/// Spins for a while that differs from round to round, so that a kill meets another step each time.
fn spin(round: u32) {
    (0..(round * 77_191) % 400_000).for_each(|_| std::hint::spin_loop());
}

/// Makes the file so large that a kill meets a step, and not always the pause between two.
fn ballast() -> String {
    "x".repeat(1 << 18)
}

#[test]
fn a_killed_writer_leaves_a_readable_file_with_all_it_said_to_be_done() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    set(&*backend, "ballast", Value::text(&ballast()));
    let mut done = Vec::new();
    for round in 0..25 {
        let mut writer = Writer::start(&scene.path, &format!("r{round}"), 1_000);
        (0..=round % 4).for_each(|_| done.extend(writer.done()));
        spin(round);
        done.extend(writer.kill());
        let there = names(&*backend);
        assert!(done.iter().all(|name| there.binary_search(name).is_ok()), "round {round}");
    }
    set(&*backend, "last", Value::text("v"));
    assert_eq!(folder_of(&scene.path), ["encrypted_secrets.bin"], "what the killed left is swept");
}

#[test]
fn a_killed_rekey_leaves_a_file_that_the_old_or_the_new_key_opens() {
    let scene = scene();
    let both = format!("{KEY},{OTHER}");
    set(&*backend(&scene.path, KEY), "a", Value::text("canary-1"));
    set(&*backend(&scene.path, KEY), "ballast", Value::text(&ballast()));
    for round in 0..25 {
        let mut rekeying = Writer::start(&scene.path, "", 1_000);
        // Whichever key the round before ended with, one of the first two attempts says something.
        let _ = rekeying.done();
        spin(round);
        rekeying.kill();
        let reader = backend(&scene.path, &both);
        assert_eq!(get(&*reader, "a"), "canary-1", "round {round}");
        let opens = [KEY, OTHER].map(|key| backend(&scene.path, key).health(CALL).is_ok());
        assert!(opens[0] != opens[1], "round {round}: {opens:?}");
        // Back to the first key for the next round.
        if !opens[0] {
            rotate(&*reader, KEY).expect("rekeyed");
        }
    }
    set(&*backend(&scene.path, KEY), "b", Value::text("v"));
    assert_eq!(folder_of(&scene.path), ["encrypted_secrets.bin"]);
}

#[test]
fn rekey_changes_the_key_and_nothing_else() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    set(&*backend, "a.b", Value::json("1.10"));
    chmod(&scene.path, 0o640);
    assert_eq!(refusal(rotate(&*backend, KEY)).kind, ErrorKind::Invalid);
    let token = String::from_utf8(fs::read(&scene.path).expect("there")).expect("ASCII");
    assert!(refusal(rotate(&*backend, &token)).what.contains("token"));
    assert_eq!(refusal(rotate(&*backend, "short")).kind, ErrorKind::Invalid);

    assert_eq!(rotate(&*backend, &format!("{OTHER}\n")).expect("rekeyed").results["names"], "1");
    assert_eq!(get(&*backend, "a.b"), "1.10", "the backend that rekeyed goes on");
    set(&*backend, "c", Value::text("sealed with the new key"));
    assert_eq!(names(&*support::backend(&scene.path, OTHER)), ["a.b", "c"]);
    assert!(support::backend(&scene.path, KEY).health(CALL).is_err());
    assert_eq!((folder_of(&scene.path), mode(&scene.path)), (vec!["encrypted_secrets.bin".to_owned()], 0o600));
}

/// Each state that a kill can leave, by hand: what the file is, what else is there, and which keys open it.
#[test]
fn every_state_of_a_cut_short_rekey_is_readable_and_mended() {
    let old = scene();
    set(&*backend(&old.path, KEY), "a", Value::text("v"));
    let new = scene();
    set(&*backend(&new.path, OTHER), "a", Value::text("v"));
    let (old, new) = (fs::read(&old.path).expect("old"), fs::read(&new.path).expect("new"));
    type Other<'a> = (&'a str, &'a [u8]);
    let states: [(&str, &[u8], &[Other], &str); 4] = [
        ("new file written", &old, &[(".encrypted_secrets.bin.new-00", &new)], KEY),
        ("new file torn", &old, &[(".encrypted_secrets.bin.new-00", &new[..20])], KEY),
        (
            "old kept",
            &old,
            &[(".encrypted_secrets.bin.new-00", &new), ("encrypted_secrets.bin.before-rekey", &old)],
            KEY,
        ),
        ("renamed", &new, &[("encrypted_secrets.bin.before-rekey", &old)], OTHER),
    ];
    for (what, file, others, key) in states {
        let scene = scene();
        let folder = scene.path.parent().expect("folder");
        fs::create_dir(folder).expect("made");
        chmod(folder, 0o700);
        fs::write(&scene.path, file).expect("written");
        chmod(&scene.path, 0o600);
        others.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).expect("written"));
        assert_eq!(get(&*backend(&scene.path, key), "a"), "v", "{what}");
        let is_kept = others.iter().any(|(name, _)| name.ends_with("before-rekey"));
        let health = backend(&scene.path, key).health(CALL).expect("it opens");
        assert_eq!(health.warnings.iter().any(|w| w.contains("cut short")), is_kept, "{what}: {health:?}");
        if key == OTHER {
            let error = refusal(backend(&scene.path, KEY).health(CALL));
            assert!(error.hint.contains("before-rekey") && error.hint.contains("new,old"), "{error}");
        }
        let both = backend(&scene.path, &format!("{OTHER},{KEY}"));
        if key == KEY {
            rotate(&*both, OTHER).expect("the rekey is done again");
        } else {
            set(&*both, "b", Value::text("v"));
        }
        assert_eq!(folder_of(&scene.path), ["encrypted_secrets.bin"], "{what}");
        assert_eq!(get(&*backend(&scene.path, OTHER), "a"), "v", "{what}");
    }
}

#[test]
fn a_list_of_keys_seals_with_the_first_and_says_what_is_left_to_do() {
    let scene = scene();
    set(&*backend(&scene.path, KEY), "a", Value::text("v"));
    let both = backend(&scene.path, &format!("{OTHER} {KEY}"));
    let warnings = both.health(CALL).expect("it opens").warnings;
    assert!(warnings.iter().any(|w| w.contains("key 2 of 2")), "{warnings:?}");
    rotate(&*both, OTHER).expect("re-encrypted with a key of the list");
    assert!(both.health(CALL).expect("it opens").warnings.is_empty());
    assert_eq!(get(&*backend(&scene.path, OTHER), "a"), "v");
}

#[test]
fn a_stable_fingerprint_key_makes_versions_outlive_a_rekey() {
    let scene = scene();
    let with = |key: &str| {
        let setup = Setup {
            instance: "fernet".into(),
            settings: BTreeMap::from([("path".into(), Setting::Text(scene.path.display().to_string()))]),
            secrets: BTreeMap::from([
                ("key".into(), SecretBytes::from(key)),
                ("fingerprint_key".into(), SecretBytes::from("of the installation")),
            ]),
        };
        quarterdeck_fernet::create(setup).expect("a backend")
    };
    let version = set(&*with(KEY), "a", Value::text("v"));
    rotate(&*with(KEY), OTHER).expect("rekeyed");
    assert_eq!(with(OTHER).read(&name("a"), None, CALL).expect("there").version, Some(version));
    assert_ne!(set(&*backend(&scene.path, OTHER), "a", Value::text("v")), set(&*with(OTHER), "a", Value::text("v")));
}

#[test]
fn validate_gives_facts_for_programs() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    let validate = Extra { operation: "validate".into(), arguments: BTreeMap::new() };
    assert_eq!(refusal(backend.extra(&validate, None, CALL)).kind, ErrorKind::NotFound);
    set(&*backend, "a", Value::text("canary-1"));
    let facts = backend.extra(&validate, None, CALL).expect("sound").results;
    assert_eq!((facts["names"].as_str(), facts["mode"].as_str(), facts["warnings"].as_str()), ("1", "0600", ""));
    assert!(facts["sealed_at"].parse::<i64>().is_ok_and(|at| at > 1_700_000_000));
    assert!(!format!("{facts:?}").contains("canary"));
    let odd = Extra { operation: "token-create".into(), arguments: BTreeMap::new() };
    assert_eq!(refusal(backend.extra(&odd, None, CALL)).kind, ErrorKind::Unsupported);
}

#[test]
fn sixteen_mebibytes_are_the_limit() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    // {"a": "…"} in Python's layout takes 13 bytes around the text.
    let most = (16 << 20) - 13;
    set(&*backend, "a", Value::text(&"x".repeat(most)));
    assert_eq!(backend.read(&name("a"), None, CALL).expect("there").value.bytes.len(), most);
    let error = refusal(write(&*backend, "a", Value::text(&"y".repeat(most + 1)), &Expected::Anything));
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert_eq!(backend.read(&name("a"), None, CALL).expect("kept").value.bytes.expose().first(), Some(&b'x'));
}

#[test]
fn the_laws_of_every_backend_hold() {
    let scene = scene();
    let backend = backend(&scene.path, KEY);
    let values = [
        ("broker.password", Value::text("canary-1 with words")),
        ("broker.port", Value::json("1.10")),
        ("list", Value::json("[\"canary-2\", {\"a\": null}]")),
        ("prod/pagerduty/token", Value::text("canary-✓")),
        (r"dot\.ted.key", Value::text("canary-3")),
    ];
    let present = values.map(|(at, value)| {
        set(&*backend, at, Value { kind: value.kind, bytes: value.bytes.duplicate() });
        (name(at), value)
    });
    conformance::run(&conformance::Fixture::new(backend, present.into(), name("no.such")).writable("suite."));
}
