//! Two-way compatibility, held to real Python: `cryptography` and `json`. Refuses to pass without them: where no Python
//! has `cryptography`, these tests fail and name the command that makes one.

mod support;

use quarterdeck_contract::*;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use support::*;

/// What every script begins with: `key`, `other`, `path` and the two ways over the file.
const PRELUDE: &str = r"
import sys, json, random
from cryptography.fernet import Fernet, MultiFernet
path, key, other = sys.argv[1:4]
def read(fernet=None):
    with open(path, 'rb') as f:
        return json.loads((fernet or Fernet(key)).decrypt(f.read()))
def write(obj, end=b''):
    with open(path, 'wb') as f:
        f.write(Fernet(key).encrypt(json.dumps(obj, indent=2, sort_keys=True).encode()) + end)
";

/// A Python with `cryptography`: the one that is named, that of `./tests/run`, or the machine's own.
fn interpreter() -> &'static Path {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let named = std::env::var_os("QUARTERDECK_TEST_PYTHON").map(PathBuf::from);
        let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
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

fn command(script: &str, path: &Path) -> Command {
    let mut command = Command::new(interpreter());
    command.args(["-c", &format!("{PRELUDE}\n{script}")]).arg(path).args([KEY, OTHER]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Runs a script to its end; gives what it printed.
fn python(script: &str, path: &Path) -> String {
    let output = command(script, path).output().expect("a Python");
    assert!(output.status.success(), "the script failed: {script}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A Python that reads the file again and again until it is told to end.
struct Poll {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Poll {
    /// Starts it, and waits until it has read the file once. `fernet` is the Python value that opens.
    fn start(path: &Path, fernet: &str) -> Self {
        let script = format!(
            r"
import threading
opener, over, reads = {fernet}, threading.Event(), 0
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set() or reads < 3:
    value = read(opener).get('a', '')
    assert value == 'v' or value == '' or value.startswith('valid'), 'a value that is not valid'
    reads += 1
    if reads == 1:
        print('reading', flush=True)
print(reads)
"
        );
        let mut child = command(&script, path).spawn().expect("a Python");
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        assert_eq!(lines.next().expect("a line").expect("UTF-8"), "reading");
        Self { child, stdin, lines }
    }

    /// Ends it; gives how often it read. A single failed read would have ended it before, in failure.
    fn end(mut self) -> usize {
        drop(self.stdin.take());
        let reads = self.lines.next().expect("a count").expect("UTF-8");
        assert!(self.child.wait().expect("an end").success(), "a read failed");
        reads.parse().expect("a number")
    }
}

fn scene() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("encrypted_secrets.bin");
    (folder, path)
}

#[test]
fn python_writes_and_we_read() {
    let (_folder, path) = scene();
    python(
        r#"
write({"broker": {"host": "127.0.0.1", "port": 7497, "password": "p\u00e4ss \"w\u00f6rd\" \\ \u007f \U0001f600 \u2028"},
       "prod/pagerduty/token": "t", "a.b": {"c.d": True}, "empty": {}, "list": [1, "zw\u00f6lf", None],
       "big": 123456789012345678901234567890, "small": 1e-07, "float": 1.10, "huge": 1e+300, "null": None, "neg": -0.0})
"#,
        &path,
    );
    let backend = backend(&path, KEY);
    let listed = names(&*backend);
    assert_eq!(
        listed,
        [
            r"a\.b.c\.d",
            "big",
            "broker.host",
            "broker.password",
            "broker.port",
            "empty",
            "float",
            "huge",
            "list",
            "neg",
            "null",
            "prod/pagerduty/token",
            "small",
        ]
    );
    let wanted = [
        ("broker.host", "127.0.0.1"),
        ("broker.password", "päss \"wörd\" \\ \u{7f} 😀 \u{2028}"),
        ("broker.port", "7497"),
        ("a.b.c.d", "true"),
        ("big", "123456789012345678901234567890"),
        ("small", "1e-07"),
        ("float", "1.1"),
        ("huge", "1e+300"),
        ("neg", "-0.0"),
        ("null", "null"),
        ("empty", "{}"),
        ("list", "[\n  1,\n  \"zw\\u00f6lf\",\n  null\n]"),
    ];
    for (name, value) in wanted {
        assert_eq!(get(&*backend, name), value, "{name}");
    }
}

#[test]
fn we_write_and_python_reads() {
    let (_folder, path) = scene();
    let backend = backend(&path, KEY);
    set(&*backend, "broker.password", Value::text("päss \"wörd\"\n\t\u{1} \u{7f} 😀 \u{ffff}"));
    set(&*backend, "broker.port", Value::json("7497"));
    set(&*backend, "big", Value::json("123456789012345678901234567890"));
    set(&*backend, "float", Value::json("1.10"));
    set(&*backend, "small", Value::json("1e-07"));
    set(&*backend, r"dot\.ted", Value::json("[null, true, {}]"));
    let said = python(
        r#"
d = read()
assert d == {"broker": {"password": "p\u00e4ss \"w\u00f6rd\"\n\t\x01 \x7f \U0001f600 \uffff", "port": 7497},
             "big": 123456789012345678901234567890, "float": 1.1, "small": 1e-07, "dot.ted": [None, True, {}]}, d
print(Fernet(key).decrypt(open(path, 'rb').read()).decode().count('1.10'))
"#,
        &path,
    );
    assert_eq!(said.trim(), "1", "the digits are kept");
}

#[test]
fn the_bytes_inside_are_those_that_python_writes() {
    let (_folder, path) = scene();
    // Four hundred documents of every kind, one in each line as Python writes it, as a JSON text of its own.
    let texts = python(
        r"
rng = random.Random(20250101)
def text():
    ranges = [(0, 0x80), (0, 0x80), (0x80, 0x800), (0x800, 0xd800), (0xe000, 0x10000), (0x10000, 0x110000)]
    return ''.join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(8)))
def number():
    return rng.choice([rng.randrange(-10, 10), rng.getrandbits(100), -rng.getrandbits(64), rng.random(), rng.random() * 10.0 ** rng.randrange(-320, 300), 1e-07, 1e16, 1e22])
def value(depth):
    kind = rng.randrange(8 if depth < 5 else 5)
    if kind == 0: return rng.choice([None, True, False])
    if kind < 3: return number()
    if kind < 5: return text()
    if kind < 6: return [value(depth + 1) for _ in range(rng.randrange(4))]
    return {text(): value(depth + 1) for _ in range(rng.randrange(5))}
for _ in range(400):
    print(json.dumps(json.dumps(value(0), indent=2, sort_keys=True)))
",
        &path,
    );
    let mut count = 0;
    for line in texts.lines() {
        let text: String = serde_json::from_str(line).expect("a JSON text");
        let tree = quarterdeck_fernet::json::parse(text.as_bytes()).expect("what Python writes");
        let ours = quarterdeck_fernet::json::to_python(&tree);
        assert_eq!(std::str::from_utf8(&ours).expect("ASCII"), text);
        count += 1;
    }
    assert_eq!(count, 400);
}

#[test]
fn what_python_writes_is_kept_byte_for_byte_by_a_change_elsewhere() {
    let (_folder, path) = scene();
    python(r#"write({"x": float("nan"), "y": [float("inf"), -float("inf")], "é": {"b": 1.5e-10, "a": {}}})"#, &path);
    let backend = backend(&path, KEY);
    let before = python("print(Fernet(key).decrypt(open(path, 'rb').read()).hex())", &path);
    set(&*backend, "new.name", Value::text("v"));
    backend.delete(&name("new.name"), &Expected::Anything, CALL).expect("deleted");
    assert_eq!(python("print(Fernet(key).decrypt(open(path, 'rb').read()).hex())", &path), before);
    for name_ in ["x", "y"] {
        let error = backend.read(&name(name_), None, CALL).expect_err("no JSON value");
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    }
}

#[test]
fn half_a_surrogate_pair_is_told_with_its_line() {
    let (_folder, path) = scene();
    python(r#"write({"a": 1, "b": "canary \ud800"})"#, &path);
    let error = backend(&path, KEY).health(CALL).expect_err("refused");
    assert!(error.what.contains("line 3") && error.what.contains("surrogate"), "{error}");
    assert!(!error.to_string().contains("canary"));
}

#[test]
fn newlines_at_the_end_do_no_harm_on_either_side() {
    let (_folder, path) = scene();
    for end in [r"b'\n'", r"b'\r\n'", r"b' \n\n'"] {
        python(&format!("write({{'a': 'v'}}, {end})"), &path);
        assert_eq!(get(&*backend(&path, &format!("{KEY}\r\n")), "a"), "v", "{end}");
    }
    set(&*backend(&path, &format!("\n{KEY}\n")), "a", Value::text("w"));
    let mut token = fs::read(&path).expect("there");
    token.extend_from_slice(b"\r\n");
    fs::write(&path, token).expect("written");
    assert_eq!(python("print(json.dumps(read()))", &path).trim(), r#"{"a": "w"}"#);
}

#[test]
fn sixteen_mebibytes_go_both_ways() {
    let (_folder, path) = scene();
    python("write({'a': 'x' * ((16 << 20) - 13)})", &path);
    let backend = backend(&path, KEY);
    let value = backend.read(&name("a"), None, CALL).expect("the largest").value;
    assert_eq!(value.bytes.len(), (16 << 20) - 13);
    set(&*backend, "a", value);
    assert_eq!(python("d = read(); assert set(d['a']) == {'x'}; print(len(d['a']))", &path).trim(), "16777203");
    python("write({'a': 'x' * ((16 << 20) - 12)})", &path);
    assert_eq!(backend.health(CALL).expect_err("one more").kind, ErrorKind::TooLarge);
}

#[test]
fn a_fast_clock_is_read_and_told_and_gives_no_age() {
    let (_folder, path) = scene();
    python(
        "import time\nopen(path, 'wb').write(Fernet(key).encrypt_at_time(b'{\"a\": \"v\"}', int(time.time()) + 86400))",
        &path,
    );
    let backend = backend(&path, KEY);
    assert_eq!(get(&*backend, "a"), "v");
    let warnings = backend.health(CALL).expect("it opens").warnings;
    assert!(warnings.iter().any(|warning| warning.contains("ahead")), "{warnings:?}");
    assert_eq!(backend.inspect(&name("a"), CALL).expect("there").versions[0].not_after, None);

    python("open(path, 'wb').write(Fernet(key).encrypt_at_time(b'{\"a\": \"v\"}', 1700000000))", &path);
    assert_eq!(backend.inspect(&name("a"), CALL).expect("there").versions[0].not_after, Some(1_700_000_000));
}

#[test]
fn keys_are_interchangeable() {
    let (_folder, path) = scene();
    let made = python("print(Fernet.generate_key().decode())", &path);
    assert!(quarterdeck_fernet::key::Key::parse(made.as_bytes()).is_ok());
    let ours = quarterdeck_fernet::key::Key::generate().expect("randomness").to_text();
    set(&*backend(&path, &ours), "a", Value::text("v"));
    let script = format!("print(read(Fernet('{}'))['a'])", ours.as_str());
    assert_eq!(python(&script, &path).trim(), "v");
}

#[test]
fn eight_processes_write_while_python_reads_and_nothing_is_lost_or_torn() {
    const EACH: usize = 10;
    let (_folder, path) = scene();
    set(&*backend(&path, KEY), "first", Value::text("v"));
    let poll = Poll::start(&path, "None");
    let writers: Vec<_> = (0..8).map(|n| Writer::start(&path, &format!("p{n}"), EACH)).collect();
    let done: Vec<_> = writers.into_iter().flat_map(Writer::finish).collect();
    assert!(poll.end() >= 3);
    assert_eq!(done.len(), 8 * EACH);
    let said = python("print(sum(len(v) for k, v in read().items() if k != 'first'))", &path);
    assert_eq!(said.trim(), (8 * EACH).to_string());
}

#[test]
fn a_reader_with_old_and_new_key_reads_throughout_a_rekey() {
    let (_folder, path) = scene();
    set(&*backend(&path, KEY), "a", Value::text("v"));
    let poll = Poll::start(&path, "MultiFernet([Fernet(other), Fernet(key)])");
    let rekeying = Writer::start(&path, "", 20).finish();
    assert_eq!(rekeying.len(), 20);
    assert!(poll.end() >= 3);
    let backend = backend(&path, KEY);
    rotate(&*backend, OTHER).expect("rekeyed");
    assert_eq!(python("print(read(Fernet(other))['a'])", &path).trim(), "v");
}

#[test]
fn python_reads_throughout_two_hundred_promotions_and_never_a_staged_value() {
    const ROUNDS: usize = 200;
    let (_folder, path) = scene();
    let backend = backend(&path, KEY);
    let at = name("a");
    let mut current = set(&*backend, "a", Value::text("valid 0"));
    let poll = Poll::start(&path, "MultiFernet([Fernet(other), Fernet(key)])");
    for round in 1..=ROUNDS {
        let id = format!("rotation-{round}");
        let before = fs::read(&path).expect("there");
        let staged = backend.stage(&at, Value::text(&format!("valid {round}")), &id, CALL).expect("staged");
        assert_eq!(fs::read(&path).expect("there"), before, "what is staged is not in the file");
        if round % 20 == 0 {
            rotate(&*backend, if round % 40 == 0 { KEY } else { OTHER }).expect("rekeyed");
            // Without the installation's key a version is a fingerprint by the file's own.
            current = backend.read(&at, None, CALL).expect("there").version.expect("a version");
        }
        let new = backend.promote(&at, &staged, &current, CALL).expect("promoted");
        if round % 3 == 0 {
            let back = backend.promote(&at, &current, &new, CALL).expect("taken back");
            assert_eq!(back, current);
            backend.unstage(&at, &staged, CALL).expect("unstaged");
            continue;
        }
        backend.unstage(&at, &staged, CALL).expect("unstaged");
        backend.retire(&at, &current, &new, CALL).expect("retired");
        current = new;
    }
    assert!(poll.end() >= 3);
    let said = python("print(read(MultiFernet([Fernet(other), Fernet(key)])))", &path);
    assert_eq!(said.trim(), format!("{{'a': 'valid {ROUNDS}'}}"));
    assert!(!path.with_extension("bin.quarterdeck").exists());
}

#[test]
fn python_says_no_where_we_say_no() {
    let (_folder, path) = scene();
    set(&*backend(&path, KEY), "a", Value::text("v"));
    let whole = fs::read(&path).expect("there");
    let mut altered = whole.clone();
    altered[60] ^= 1;
    let cases = [&whole[..], &whole[..whole.len() - 4], &whole[..10], b"", &altered];
    for (at, token) in cases.into_iter().enumerate() {
        fs::write(&path, token).expect("written");
        let script =
            "from cryptography.fernet import InvalidToken\ntry: read(); print('yes')\nexcept InvalidToken: print('no')";
        let theirs = python(script, &path).trim() == "yes";
        assert_eq!(backend(&path, KEY).health(CALL).is_ok(), theirs, "case {at}");
        assert_eq!(theirs, at == 0, "case {at}");
    }
}
