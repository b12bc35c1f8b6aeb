//! The command line and real Python over one file: what one writes the other reads. Refuses to pass without Python's
//! `cryptography`: where there is none, these tests fail and name the command that makes one.

#[path = "../house/mod.rs"]
mod house;

mod engine;
mod interpreter;

use house::House;
use interpreter::Python;

/// A house with a Fernet file that both know.
fn both() -> (House, Python) {
    let house = House::guide("qa");
    let python = Python::over(&house);
    (house, python)
}

#[test]
fn what_python_writes_is_listed_read_and_valid() {
    let (house, python) = both();
    python.run(
        r#"write({"broker": {"password": "pä€𝄞\n\"\\", "port": 7497, "fee": 1.10, "none": None, "on": True},
                  "big": 123456789012345678901234567890, "list": [1, [2, {}]], "empty": {}, "text": "  two\nlines\n"})"#,
    );
    let names = house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    let names: Vec<&str> = names.as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
    for name in ["big", "broker.fee", "broker.none", "broker.on", "broker.password", "broker.port", "list", "text"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    house.run(&["secrets", "validate"]).expect_status(0);
    for (name, wanted) in [
        ("broker.password", "pä€𝄞\n\"\\\n"),
        ("broker.port", "7497\n"),
        ("broker.fee", "1.1\n"),
        ("broker.none", "null\n"),
        ("broker.on", "true\n"),
        ("big", "123456789012345678901234567890\n"),
        ("text", "  two\nlines\n\n"),
    ] {
        assert_eq!(house.run(&["secrets", "get", name]).expect_status(0).stdout, wanted, "{name}");
    }
}

#[test]
fn what_is_set_python_reads_byte_by_byte_as_it_would_have_written_it() {
    let (house, python) = both();
    for (name, value) in [("broker.password", "pä€𝄞\u{7f}\u{1}\n\"\\"), ("broker.host", "127.0.0.1"), ("a", "")] {
        match value {
            "" => house.feed(&["secrets", "set", name, "--as-json"], b"\"\"").expect_status(0),
            value => house.feed(&["secrets", "set", name], format!("{value}\n").as_bytes()).expect_status(0),
        };
    }
    let data = "{\"z\": [1, 2.50, 1e400], \"big\": 123456789012345678901234567890, \"deep\": {\"er\": null}}";
    house.feed(&["secrets", "set", "data", "--as-json"], data.as_bytes()).expect_status(0);
    let told = python.run(
        r#"
text = plain()
assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) or "2.50" in text, text
data = json.loads(text)
assert data["broker"] == {"password": "pä€𝄞\x7f\x01\n\"\\", "host": "127.0.0.1"}, data
assert data["a"] == "" and data["data"]["big"] == 123456789012345678901234567890, data
assert data["data"]["z"][1] == 2.5 and data["data"]["deep"] == {"er": None}, data
print(all(ord(c) < 128 for c in text))"#,
    );
    assert_eq!(told.trim(), "True", "text is escaped as Python escapes it");
}

#[test]
fn keys_of_either_open_the_file_of_the_other() {
    let (mut house, python) = both();
    house.run(&["secrets", "set", "desk.a", "ours"]).expect_status(0);
    let made = python.run("print(Fernet.generate_key().decode())");
    let made = made.trim();
    house.feed(&["secrets", "rekey", "--new-key", "-"], made.as_bytes()).expect_status(0);
    house.run(&["secrets", "get", "desk.a"]).expect_status(1);
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", made);
    assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "ours\n");
    assert_eq!(Python::over(&house).run("print(read()['desk']['a'])"), "ours\n");
}

#[test]
fn newlines_after_the_token_are_read_as_python_reads_them() {
    let (house, python) = both();
    for end in ["b'\\n'", "b'\\r\\n'", "b'\\n\\n'"] {
        python.run(&format!("write({{'desk': {{'a': 'b'}}}}, {end})"));
        assert_eq!(house.run(&["secrets", "get", "desk.a"]).expect_status(0).stdout, "b\n", "{end}");
    }
}

#[test]
fn a_wrong_key_is_told_by_both() {
    let (mut house, _) = both();
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    let other = house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", &other);
    house.run(&["secrets", "get", "desk.a", "--layer", "fernet"]).expect_status(1);
    let told = Python::over(&house)
        .run("from cryptography.fernet import InvalidToken\ntry:\n    read()\nexcept InvalidToken:\n    print('no')");
    assert_eq!(told, "no\n");
}

/// The document may be 16 MiB; its largest value is a little less.
const LARGEST: usize = (16 << 20) - 64;

#[test]
fn sixteen_mebibytes_pass_from_python_and_back_and_no_more() {
    let (house, python) = both();
    python.run(&format!("write({{'large': 'y' * {LARGEST}}})"));
    let said = house.run(&["secrets", "get", "large"]).expect_status(0);
    assert_eq!(said.stdout.len(), LARGEST + 1);
    house.run(&["secrets", "delete", "large"]).expect_status(0);
    house.feed(&["secrets", "set", "large"], &vec![b'z'; LARGEST]).expect_status(0);
    assert_eq!(python.run(&format!("print(read()['large'] == 'z' * {LARGEST})")), "True\n");
    let said = house.feed(&["secrets", "set", "more"], &[b'z'; 64]).expect_status(1);
    assert!(said.stderr.contains("more than 16 MiB"), "{}", said.stderr);
    assert_eq!(python.run("print(list(read()))"), "['large']\n");
}

#[test]
fn eight_processes_that_set_at_once_lose_nothing() {
    let (house, python) = both();
    let names: Vec<String> = (0..8).map(|number| format!("desk.n{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let house = &house;
            scope.spawn(move || {
                for value in 0..3 {
                    house.feed(&["secrets", "set", name], format!("{name} {value}").as_bytes()).expect_status(0);
                }
            });
        }
    });
    for (number, name) in names.iter().enumerate() {
        assert_eq!(python.run(&format!("print(read()['desk']['n{number}'])")), format!("{name} 2\n"));
    }
    assert_eq!(house.events("qa", "SECRET_WRITE").iter().filter(|told| told.starts_with("SUCCESS")).count(), 24);
    house.run(&["audit", "verify"]).expect_status(0);
}

#[test]
fn python_reading_all_the_while_never_finds_a_half_written_file() {
    let (house, python) = both();
    house.run(&["secrets", "set", "desk.a", "0"]).expect_status(0);
    let reader = python.start(
        "import threading\nover = threading.Event()\n\
         threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()\nreads = 0\n\
         while not over.is_set() or reads < 3:\n    assert read()['desk']['a'].isdigit()\n    reads += 1\nprint(reads >= 3)",
    );
    for value in 1..12 {
        house.feed(&["secrets", "set", "desk.a"], value.to_string().as_bytes()).expect_status(0);
    }
    assert_eq!(reader.finish(), "True\n");
}
