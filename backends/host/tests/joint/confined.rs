//! What a library in a child may and may not do to the system. It tries by ordinary calls; each is refused by an error, and
//! the plugin works on. As root, too: then nothing but the confinement stands in its way.

use crate::runner::Test;
use crate::{CALL, PATIENCE, name, setup, spec};
use quarterdeck_contract::{BackendError, ErrorKind, Expected, Extra, SecretsBackend, Setting, Value};
use quarterdeck_host::{HostSpec, Hosted, Kernel, PluginManifest};
use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const TESTS: &[Test] = &[
    ("confined::unconfined_it_may_do_all_of_it", unconfined_it_may_do_all_of_it),
    ("confined::files_elsewhere_are_out_of_reach", files_elsewhere_are_out_of_reach),
    ("confined::its_own_folders_are_within_reach", its_own_folders_are_within_reach),
    ("confined::no_other_program_and_no_other_process", no_other_program_and_no_other_process),
    ("confined::a_declared_port_and_no_other", a_declared_port_and_no_other),
    ("confined::without_ports_there_is_no_network", without_ports_there_is_no_network),
    ("confined::names_are_resolved_where_that_is_asked_for", names_are_resolved_where_that_is_asked_for),
    ("confined::each_of_its_threads_is", each_of_its_threads_is),
    ("confined::it_says_what_it_may_reach", it_says_what_it_may_reach),
    ("confined::what_the_kernel_lacks_is_told_or_refused", what_the_kernel_lacks_is_told_or_refused),
    ("confined::a_folder_that_comes_later_is_within_reach", a_folder_that_comes_later_is_within_reach),
    ("confined::a_folder_to_write_is_made_for_a_change", a_folder_to_write_is_made_for_a_change),
    ("confined::a_setting_that_is_missing_is_named", a_setting_that_is_missing_is_named),
];

/// Folders to read, folders to write, ports, names.
fn manifest(read: &[&Path], write: &[&Path], ports: &[u16], names: bool) -> PluginManifest {
    let texts = |paths: &[&Path]| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    PluginManifest {
        name: "misbehave".into(),
        read_folders: texts(read),
        write_folders: texts(write),
        tcp_ports: ports.iter().map(u16::to_string).collect(),
        tcp_names: names,
        ..PluginManifest::default()
    }
}

fn confined(manifest: PluginManifest) -> Hosted {
    Hosted::new(spec("").confined_by(manifest, true))
}

fn nothing() -> Hosted {
    confined(manifest(&[], &[], &[], false))
}

fn attempt(backend: &Hosted, what: &str, on: impl AsRef<Path>) -> Result<String, BackendError> {
    let on = on.as_ref().to_string_lossy().into_owned();
    let arguments = BTreeMap::from([("what".to_owned(), what.to_owned()), ("on".to_owned(), on)]);
    let extra = Extra { operation: "attempt".into(), arguments };
    backend.extra(&extra, None, CALL).map(|reply| reply.results["gave"].clone())
}

/// Denied by the system, and not for want of a file or a listener.
fn refused(backend: &Hosted, what: &str, on: impl AsRef<Path>) {
    let on = on.as_ref();
    match attempt(backend, what, on) {
        Err(BackendError { kind: ErrorKind::Denied { .. }, .. }) => {}
        other => panic!("'{what}' on '{}' gave {other:?}", on.display()),
    }
}

fn given(backend: &Hosted, what: &str, on: impl AsRef<Path>) -> String {
    attempt(backend, what, on).unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Whatever it tried, the same process still serves.
fn still_works(backend: &Hosted) {
    assert_eq!(backend.read(&name("a/one"), None, CALL).unwrap().value.bytes.expose(), b"canary-one-1");
    assert_eq!(backend.status().restarts, 0);
}

fn own_pid() -> String {
    std::process::id().to_string()
}

/// A folder and in it the file `secret`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "canary").unwrap();
    folder
}

/// Else the refusals below would prove nothing.
fn unconfined_it_may_do_all_of_it() {
    let kernel = Kernel { landlock: 0, seccomp: false };
    let backend = Hosted::new(HostSpec { kernel, ..spec("") });
    let folder = folder();
    assert_eq!(given(&backend, "read", folder.path().join("secret")), "6");
    given(&backend, "make", folder.path().join("new"));
    given(&backend, "mode", folder.path().join("new"));
    given(&backend, "empty", folder.path().join("new"));
    given(&backend, "remove", folder.path().join("new"));
    given(&backend, "start", "/bin/true");
    given(&backend, "fork", "");
    given(&backend, "signal", own_pid());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    given(&backend, "connect", listener.local_addr().unwrap().to_string());
    given(&backend, "listen", "127.0.0.1:0");
    given(&backend, "datagram", UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string());
    let socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    given(&backend, "unix", socket.local_addr().unwrap().as_pathname().unwrap());
    given(&backend, "datagram pair", "");
    let lacks = backend.status().confinement.unwrap().lacks;
    assert_eq!(lacks.len(), 3, "{lacks:?}");
}

fn files_elsewhere_are_out_of_reach() {
    let (own, others) = (folder(), folder());
    let backend = confined(manifest(&[], &[own.path()], &[], false));
    let secret = others.path().join("secret");
    refused(&backend, "read", "/etc/shadow");
    refused(&backend, "read", "/proc/self/environ");
    refused(&backend, "list", "/");
    refused(&backend, "list", others.path());
    for what in ["read", "make", "empty", "remove", "rename", "mode"] {
        refused(&backend, what, &secret);
    }
    refused(&backend, "make", others.path().join("new"));
    refused(&backend, "make folder", others.path().join("folder"));
    // A link in its own folder neither is made by it nor leads it out.
    refused(&backend, "link", own.path().join("link"));
    std::os::unix::fs::symlink(&secret, own.path().join("link")).unwrap();
    refused(&backend, "read", own.path().join("link"));
    refused(&backend, "read", own.path().join("../").join(secret.strip_prefix("/tmp").unwrap_or(&secret)));
    assert_eq!(fs::read_to_string(secret).unwrap(), "canary");
    still_works(&backend);
}

fn its_own_folders_are_within_reach() {
    let (read, write) = (folder(), folder());
    let backend = confined(manifest(&[read.path()], &[write.path()], &[], false));
    assert_eq!(given(&backend, "read", read.path().join("secret")), "6");
    assert_eq!(given(&backend, "list", read.path()), "1");
    refused(&backend, "make", read.path().join("new"));
    refused(&backend, "empty", read.path().join("secret"));
    let (deep, file) = (write.path().join("a/b"), write.path().join("a/b/new"));
    given(&backend, "make folder", &deep);
    given(&backend, "make", &file);
    given(&backend, "mode of open", &file);
    given(&backend, "empty", &file);
    given(&backend, "rename", &file);
    given(&backend, "remove", write.path().join("a/b/new.away"));
    still_works(&backend);
    // Who may only read changes no mode, not even of what it opened.
    refused(&confined(manifest(&[read.path()], &[], &[], false)), "mode of open", read.path().join("secret"));
    assert_eq!(given(&backend, "compute", ""), "6.3341");
}

fn no_other_program_and_no_other_process() {
    let backend = nothing();
    for program in ["/bin/true", "/bin/sh", "/proc/self/exe"] {
        refused(&backend, "start", program);
        refused(&backend, "exec", program);
    }
    refused(&backend, "fork", "");
    for what in ["trace", "memory", "descriptor", "signal"] {
        refused(&backend, what, own_pid());
    }
    for file in ["mem", "environ", "maps", "root/etc/shadow", "fd"] {
        refused(&backend, if file == "fd" { "list" } else { "read" }, format!("/proc/{}/{file}", own_pid()));
    }
    refused(&backend, "dumpable", "");
    refused(&backend, "chroot", "/tmp");
    assert_eq!(given(&backend, "thread", ""), "joined");
    still_works(&backend);
}

fn a_declared_port_and_no_other() {
    let [declared, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [declared, other] = [&declared, &other].map(|listener| listener.local_addr().unwrap());
    let backend = confined(manifest(&[], &[], &[declared.port()], false));
    given(&backend, "connect", declared.to_string());
    refused(&backend, "connect", other.to_string());
    for (what, on) in [("listen", "127.0.0.1:0"), ("datagram", "127.0.0.1:9"), ("raw", ""), ("multipath", "")] {
        refused(&backend, what, on);
    }
    still_works(&backend);
}

fn without_ports_there_is_no_network() {
    let backend = nothing();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    refused(&backend, "connect", listener.local_addr().unwrap().to_string());
    refused(&backend, "datagram", "127.0.0.1:9");
    let folder = tempfile::tempdir().unwrap();
    let socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    refused(&backend, "unix", socket.local_addr().unwrap().as_pathname().unwrap());
    refused(&backend, "datagram pair", "");
    // What a runtime wakes itself with.
    given(&backend, "pair", "");
    still_works(&backend);
}

fn names_are_resolved_where_that_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let backend = confined(manifest(&[], &[], &[port], true));
    let found = given(&backend, "resolve", "localhost");
    assert!(found.split(' ').any(|address| address == "127.0.0.1" || address == "::1"), "{found}");
    // A name that is not there is looked for, with the resolver's own means, and is no refusal.
    let error = attempt(&backend, "resolve", "no-such-host.invalid").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    given(&backend, "read", "/etc/hosts");
    for file in ["/etc/passwd", "/etc/shadow"] {
        refused(&backend, "read", file);
    }
    refused(&backend, "list", "/etc");
    still_works(&backend);
    refused(&confined(manifest(&[], &[], &[port], false)), "read", "/etc/hosts");
}

fn each_of_its_threads_is() {
    let backend = nothing();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..8).for_each(|_| refused(&backend, "read", "/etc/shadow")));
        }
    });
    still_works(&backend);
}

fn it_says_what_it_may_reach() {
    let (read, write) = (folder(), folder());
    let backend = confined(manifest(&[read.path()], &[write.path()], &[8200, 443], true));
    assert_eq!(backend.status().confinement, None);
    backend.ready(PATIENCE).unwrap();
    let confinement = backend.status().confinement.unwrap();
    assert_eq!(confinement.summary, "2 folders, ports 443 8200, names, no exec");
    assert!(confinement.lacks.is_empty(), "{:?}", confinement.lacks);
    let limits = fs::read_to_string(format!("/proc/{}/status", backend.status().pid.unwrap())).unwrap();
    assert!(limits.lines().any(|line| line == "Seccomp:\t2"), "{limits}");
}

fn what_the_kernel_lacks_is_told_or_refused() {
    let old = |landlock, seccomp, ports: &[u16], whole| {
        let confined = spec("").confined_by(manifest(&[], &[], ports, false), whole);
        Hosted::new(HostSpec { kernel: Kernel { landlock, seccomp }, ..confined })
    };
    let lacks = |backend: &Hosted| {
        backend.ready(PATIENCE).unwrap();
        backend.status().confinement.unwrap().lacks.join("; ")
    };
    assert!(lacks(&old(0, true, &[], false)).starts_with("it may reach every file that you may"));
    assert!(lacks(&old(2, true, &[], false)).starts_with("it may empty any file"));
    assert!(lacks(&old(3, true, &[443], false)).starts_with("it may connect to every TCP port"));
    assert!(lacks(&old(9, false, &[], false)).starts_with("it may start programs"));
    // Without a network no port has to be confined; what is refused by the filter needs no Landlock.
    assert_eq!(lacks(&old(3, true, &[], true)), "");
    refused(&old(0, true, &[], false), "start", "/bin/true");
    for (landlock, seccomp) in [(0, true), (9, false)] {
        let backend = old(landlock, seccomp, &[], true);
        let error = backend.ready(PATIENCE).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.what.starts_with("the plugin can't be confined whole: it may "), "{error}");
        assert!(error.hint.contains("[plugins] confinement = \"partial\""), "{error}");
        let status = backend.status();
        assert!(status.stderr_tail.is_empty() && status.plugin.is_none(), "nothing of the plugin ran");
    }
}

fn a_folder_that_comes_later_is_within_reach() {
    let home = tempfile::tempdir().unwrap();
    let (later, secret) = (home.path().join("later"), home.path().join("later/secret"));
    let backend = confined(manifest(&[&later], &[], &[], false));
    // A read that first opens the file; there is no secret of this name once it could.
    let asked = name(&format!("misbehave/open:{}", secret.display()));
    let open = || backend.read(&asked, None, CALL).unwrap_err().kind;
    assert_eq!(open(), ErrorKind::Unreachable, "there is no such folder");
    for (round, aside) in ["one", "two"].into_iter().enumerate() {
        fs::create_dir(&later).unwrap();
        fs::write(&secret, "canary").unwrap();
        assert_eq!(open(), ErrorKind::NotFound, "the file was opened");
        assert_eq!(backend.status().restarts, round as u64 + 1);
        // The next one has the same name.
        fs::rename(&later, home.path().join(aside)).unwrap();
    }
}

fn a_folder_to_write_is_made_for_a_change() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("a/b");
    let backend = confined(manifest(&[], &[&folder], &[], false));
    backend.health(CALL).unwrap();
    assert_eq!(attempt(&backend, "make", folder.join("new")).unwrap_err().kind, ErrorKind::Unreachable);
    assert!(!folder.exists(), "nothing is made by looking, and for what is the backend's own");
    backend.write(&name("x"), Value::text("v"), &Expected::Anything, CALL).unwrap();
    given(&backend, "make", folder.join("new"));
    assert_eq!(fs::read_to_string(folder.join("new")).unwrap(), "made");
    refused(&backend, "make", home.path().join("a/beside"));
}

fn a_setting_that_is_missing_is_named() {
    let needy = PluginManifest::parse("name = \"misbehave\"\n[folders]\nread = [\"{folder}\"]").unwrap();
    let backend = Hosted::new(spec("").confined_by(needy.clone(), true));
    let error = backend.ready(PATIENCE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Uninitialised);
    assert!(error.to_string().contains("needs the setting 'folder'"), "{error}");
    // The setup that counts is the renewed one.
    let renewed = || {
        let mut setup = setup("");
        setup.settings.insert("folder".into(), Setting::Text("/etc/ssl".into()));
        Some(setup)
    };
    let spec = HostSpec { renew: Some(std::sync::Arc::new(renewed)), ..spec("") };
    let backend = Hosted::new(spec.confined_by(needy, true));
    backend.ready(PATIENCE).unwrap();
    assert_eq!(backend.status().confinement.unwrap().summary, "1 folder, no network, no exec");
}
