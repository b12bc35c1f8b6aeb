//! Bad libraries, each refused with its reason; loaded here in process, and once through a child.

use crate::runner::Test;
use crate::{PATIENCE, library, setup, spec};
use quarterdeck_contract::ErrorKind;
use quarterdeck_host::{HostSpec, Hosted, LoadError, LoadRules};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TESTS: &[Test] = &[
    ("refusals::a_good_copy_is_loaded", a_good_copy_is_loaded),
    ("refusals::no_file", no_file),
    ("refusals::not_a_library", not_a_library),
    ("refusals::a_torn_library", a_torn_library),
    ("refusals::wrong_magic", wrong_magic),
    ("refusals::wrong_abi", wrong_abi),
    ("refusals::missing_symbol", missing_symbol),
    ("refusals::writable_by_others", writable_by_others),
    ("refusals::somebody_elses", somebody_elses),
    ("refusals::a_link_a_folder_and_a_pipe", a_link_a_folder_and_a_pipe),
    ("refusals::another_than_the_pinned_one", another_than_the_pinned_one),
    ("refusals::what_was_judged_is_what_is_loaded", what_was_judged_is_what_is_loaded),
    ("refusals::a_child_is_held_to_its_pin", a_child_is_held_to_its_pin),
    ("refusals::a_child_tells_its_parent_why", a_child_tells_its_parent_why),
];

/// A folder and in it a copy of the library, changed.
fn copy(change: impl FnOnce(&mut Vec<u8>)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o700);
    let path = folder.path().join("libcopy.so");
    let mut bytes = fs::read(library()).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    mode(&path, 0o644);
    (folder, path)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// No group is overlooked, whoever runs the test.
fn rules() -> LoadRules {
    LoadRules { private_group: None, ..LoadRules::for_this_process() }
}

fn refusal(path: &Path) -> LoadError {
    refusal_by(path, &rules())
}

fn refusal_by(path: &Path, rules: &LoadRules) -> LoadError {
    let Err(error) = quarterdeck_abi::load(path, rules) else { panic!("a bad library was loaded") };
    let text = error.to_string();
    assert!(text.contains(", while loading '") && text.ends_with('.'), "{text}");
    error
}

/// Where the table stands in the file: the magic, then a plausible size.
fn table(bytes: &[u8]) -> usize {
    let at = bytes.windows(10).position(|window| window[..8] == *b"QDPLUGIN" && window[8] > 60 && window[9] == 0);
    at.expect("a plugin has a table")
}

fn a_good_copy_is_loaded() {
    let (_folder, path) = copy(|_| {});
    let library = quarterdeck_abi::load(&path, &rules()).unwrap();
    assert_eq!((library.name(), library.version(), library.abi()), ("misbehave", "0.1.0", (1, 0)));
    assert_eq!(quarterdeck_abi::examine(&path, &rules()).unwrap(), library.sha256());
    assert!(library.create(&setup(""), std::sync::Arc::new(|_, _| {})).is_ok());
}

fn no_file() {
    let (folder, _) = copy(|_| {});
    assert!(matches!(refusal(&folder.path().join("none.so")), LoadError::Missing { .. }));
    assert!(matches!(refusal(&folder.path().join("none/none.so")), LoadError::Missing { .. }));
}

fn not_a_library() {
    for content in ["", "#!/bin/sh\n", "\x7fEL"] {
        let (_folder, path) = copy(|bytes| *bytes = content.as_bytes().to_vec());
        assert!(matches!(refusal(&path), LoadError::NotALibrary { .. }), "{content:?}");
    }
}

fn a_torn_library() {
    let (_folder, path) = copy(|bytes| bytes.truncate(100));
    let LoadError::Unloadable { why, .. } = refusal(&path) else { panic!("another reason") };
    assert!(!why.is_empty() && !why.contains("/proc/self"), "{why}");
}

fn wrong_magic() {
    let (_folder, path) = copy(|bytes| {
        let at = table(bytes);
        bytes[at] = b'X';
    });
    assert!(matches!(refusal(&path), LoadError::WrongMagic { .. }));
}

fn wrong_abi() {
    let (_folder, path) = copy(|bytes| {
        let at = table(bytes) + 12;
        bytes[at] = 9;
    });
    assert!(matches!(refusal(&path), LoadError::WrongAbi { found: (9, 0), .. }));
}

fn missing_symbol() {
    let (_folder, path) = copy(|bytes| {
        let name = b"\0quarterdeck_plugin\0";
        let found: Vec<usize> = (0..bytes.len() - name.len()).filter(|&at| bytes[at..].starts_with(name)).collect();
        assert!(!found.is_empty());
        found.into_iter().for_each(|at| bytes[at + name.len() - 2] = b'X');
    });
    assert!(matches!(refusal(&path), LoadError::NoSymbol { .. }));
}

fn writable_by_others() {
    for (who, bits) in [("its group", 0o664), ("everybody", 0o646)] {
        let (_folder, path) = copy(|_| {});
        mode(&path, bits);
        assert!(matches!(refusal(&path), LoadError::Writable { by, .. } if by == who));
    }
    for (who, bits) in [("its group", 0o770), ("everybody", 0o1777)] {
        let (folder, path) = copy(|_| {});
        mode(folder.path(), bits);
        assert!(matches!(refusal(&path), LoadError::Writable { by, path, .. } if by == who && path.is_dir()));
    }
    let (folder, path) = copy(|_| {});
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    mode(&inner, 0o755);
    fs::rename(&path, inner.join("lib.so")).unwrap();
    assert!(quarterdeck_abi::load(&inner.join("lib.so"), &rules()).is_ok());
    mode(folder.path(), 0o777);
    assert!(matches!(refusal(&inner.join("lib.so")), LoadError::Writable { by: "everybody", .. }));
}

/// Root can give a file away; anybody else pretends to be somebody who owns nothing here.
fn somebody_elses() {
    let (folder, path) = copy(|_| {});
    if rules().uid == 0 {
        chown(&path, Some(65534), None).unwrap();
        assert!(matches!(refusal(&path), LoadError::Owner { uid: 65534, .. }));
        chown(&path, Some(0), None).unwrap();
        chown(folder.path(), Some(65534), None).unwrap();
        assert!(matches!(refusal(&path), LoadError::Owner { uid: 65534, .. }));
    } else {
        let stranger = LoadRules { uid: 65533, ..rules() };
        assert!(matches!(refusal_by(&path, &stranger), LoadError::Owner { .. }));
    }
}

fn a_link_a_folder_and_a_pipe() {
    let (folder, path) = copy(|_| {});
    let link = folder.path().join("link.so");
    symlink(&path, &link).unwrap();
    assert!(matches!(refusal(&link), LoadError::Symlink { .. }));
    let inner = folder.path().join("inner.so");
    fs::create_dir(&inner).unwrap();
    assert!(matches!(refusal(&inner), LoadError::NotAFile { .. }));
    let pipe = folder.path().join("pipe.so");
    let bits = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, bits, 0).unwrap();
    assert!(matches!(refusal(&pipe), LoadError::NotAFile { .. }));
}

fn another_than_the_pinned_one() {
    let (_folder, path) = copy(|_| {});
    let pinned = LoadRules { pinned: Some([0; 32]), ..rules() };
    let LoadError::Pinned { found, .. } = refusal_by(&path, &pinned) else { panic!("another reason") };
    assert_eq!(found, quarterdeck_abi::load(&path, &rules()).unwrap().sha256());
}

/// The file may be changed, replaced or taken away between the check and the loading: it isn't looked at again.
fn what_was_judged_is_what_is_loaded() {
    let (_folder, path) = copy(|_| {});
    let pinned = quarterdeck_host::examine(&path, &rules()).unwrap();
    let sealed = quarterdeck_abi::Sealed::of(&path, &rules()).unwrap();
    fs::write(&path, "another").unwrap();
    assert_eq!(sealed.load().unwrap().sha256(), pinned);
    assert!(matches!(refusal(&path), LoadError::NotALibrary { .. }));
}

fn a_child_is_held_to_its_pin() {
    let (_folder, path) = copy(|_| {});
    let digest = quarterdeck_host::examine(&path, &rules()).unwrap();
    let bytes: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap()).collect();
    let pinned: [u8; 32] = bytes.try_into().unwrap();
    let child =
        |library: &Path| Hosted::new(HostSpec { pinned: Some(pinned), library: library.to_owned(), ..spec("") });
    let backend = child(&path);
    backend.ready(PATIENCE).unwrap();
    assert_eq!(backend.status().sha256.as_ref(), Some(&digest));
    // What is changed while it runs is refused at its next start.
    let mut other = fs::read(&path).unwrap();
    other.push(0);
    fs::write(&path, other).unwrap();
    backend.restart_now();
    let error = backend.ready(PATIENCE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.what.contains("not the pinned one"), "{error}");
    assert!(child(&path).ready(PATIENCE).is_err());
}

fn a_child_tells_its_parent_why() {
    let (_folder, path) = copy(|bytes| {
        let at = table(bytes) + 12;
        bytes[at] = 9;
    });
    let backend = Hosted::new(HostSpec { library: path.clone(), ..spec("") });
    let error = backend.ready(PATIENCE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.what.contains("built for joint 9.0"), "{error}");
    assert!(error.doing.contains(&*path.to_string_lossy()), "{error}");
    assert!(backend.status().last_error.unwrap().contains("built for joint 9.0"));
}
