use super::*;
use quarterdeck_domain::redact::REDACTED;
use quarterdeck_domain::rotate::Stdin;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

const VALUE: &str = "canary-of-the-hooks-77";

fn answer(hook: &Hook, step: Step, value: &Value) -> Answered {
    let target = Target { layer: "vault".into(), name: "desk/broker".into() };
    let environment = "qa";
    let (old, new) = (None, Some(value));
    run(
        hook,
        &Errand { rotation: "R-27", id: "the-id", environment, target: &target, step, version: "v15", value, old, new },
    )
}

fn shell(line: &str, stdin: Stdin, within_s: u64) -> Hook {
    Hook::Command { words: vec!["/bin/sh".into(), "-c".into(), line.into()], within_s, stdin }
}

fn asked(line: &str) -> Answered {
    answer(&shell(line, Stdin::Value, 20), Step::Set, &Value::text(VALUE))
}

#[track_caller]
fn yes(answered: Answered) -> String {
    match answered {
        Answered::Yes { note, .. } => note,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn no(answered: Answered) -> String {
    match answered {
        Answered::No { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn absent(answered: Answered) -> String {
    match answered {
        Answered::Absent { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn trouble(answered: Answered) -> String {
    match answered {
        Answered::Trouble { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_finds_the_value_on_its_input_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    let at = file.display();
    let note = yes(asked(&format!(
        "cat > {at}; tr '\\0' ' ' < /proc/self/cmdline >> {at}.args; env > {at}.env; pwd; echo set"
    )));
    assert_eq!(note, "set");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), VALUE);
    let env = std::fs::read_to_string(format!("{at}.env")).expect("written");
    for var in ["ROTATION=R-27", "ID=the-id", "STEP=set", "SECRET=desk/broker", "LAYER=vault", "VERSION=v15"] {
        assert!(env.contains(&format!("QUARTERDECK_{var}\n")), "{var} is not in {env}");
    }
    assert!(env.contains("QUARTERDECK_ENVIRONMENT=qa\n") && env.contains("PATH=/usr/local/sbin:"), "{env}");
    assert!(!env.contains("CARGO") && !env.contains(VALUE), "the caller's environment is none of its business: {env}");
    assert!(!std::fs::read_to_string(format!("{at}.args")).expect("written").contains(VALUE));
}

#[test]
fn json_tells_all_and_can_be_read() {
    let hook = shell("cat", Stdin::Json, 20);
    let Hook::Command { words, within_s, .. } = &hook else { unreachable!() };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("heard");
    for (value, told) in [
        (Value::text("a \"b\"\n\u{1}ö"), serde_json::json!("a \"b\"\n\u{1}ö")),
        (Value::json(r#"{"user":"u","pin":"0012"}"#), serde_json::json!({"user": "u", "pin": "0012"})),
        (
            Value { kind: quarterdeck_contract::Kind::Binary, bytes: vec![255, 0].into() },
            serde_json::json!({"base64": "/wA="}),
        ),
    ] {
        let line = format!("cat > {}", file.display());
        let words = vec![words[0].clone(), words[1].clone(), line];
        yes(answer(&Hook::Command { words, within_s: *within_s, stdin: Stdin::Json }, Step::Test, &value));
        let heard: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("it is JSON");
        assert_eq!((&heard["value"], &heard["new"], &heard["step"]), (&told, &told, &serde_json::json!("test")));
        assert_eq!((&heard["secret"], heard.get("old")), (&serde_json::json!("desk/broker"), None));
    }
}

#[test]
fn each_end_of_a_command_is_told_in_words() {
    assert_eq!(no(asked("echo wrong account >&2; exit 3")), "sh ended with 3: wrong account");
    assert_eq!(no(asked("echo told; exit 1")), "sh ended with 1: told");
    assert!(trouble(asked("exit 75")).contains("not now"));
    assert!(absent(asked("/no/such/program")).contains("is not there"));
    assert!(absent(asked("/etc/passwd")).contains("may not be run"));
    assert!(trouble(asked("kill -9 $$")).contains("signal 9"));
    let missing = Hook::Command { words: vec!["/no/such/program".into()], within_s: 5, stdin: Stdin::Value };
    assert!(absent(answer(&missing, Step::Set, &Value::text(VALUE))).contains("program"));
    let nothing = Hook::Command { words: Vec::new(), within_s: 5, stdin: Stdin::Value };
    assert!(absent(answer(&nothing, Step::Set, &Value::text(VALUE))).contains("no command"));
}

#[test]
fn who_reads_no_input_has_done_nothing_wrong() {
    let big = Value::text(&"x".repeat(400_000));
    assert_eq!(yes(answer(&shell("exec 0<&-; echo fine", Stdin::Value, 20), Step::Set, &big)), "fine");
}

#[test]
fn a_value_in_what_is_said_is_hidden_and_floods_are_cut() {
    assert_eq!(yes(asked("read value; echo key $value set")), format!("key {REDACTED} set"));
    assert_eq!(no(asked("base64 >&2; exit 1")).split(": ").nth(1).map(|told| told.starts_with(REDACTED)), Some(true));
    let told =
        yes(asked("value=$(cat); while [ ${#all} -lt 70000 ]; do all=\"$all $value\"; done; printf %s \"$all\""));
    assert_eq!(told, "", "of a line that is cut nothing is told");
    assert_eq!(yes(asked("yes | head -c 3000000; echo last")), "y", "nobody waits for what isn't heard");
}

#[test]
fn a_command_whose_time_is_over_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    // Two processes hold the pipe open, and neither writes.
    let line = format!("tail -f /dev/null > {p} & tail -f /dev/null > {p}", p = pipe.display());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_string(&mut text)).map(|_| text)
    });
    let why = trouble(answer(&shell(&line, Stdin::Value, 1), Step::Set, &Value::text(VALUE)));
    assert!(why.contains("not done after 1 s"), "{why}");
    // The end of the pipe: nobody holds it any more.
    assert_eq!(reader.join().expect("it ends").expect("it reads"), "");
}

/// Answers one call, and tells what was asked.
fn server(says: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/key", listener.local_addr().expect("bound"));
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse().expect("a number");
            }
            if line.trim().is_empty() {
                break;
            }
            head += &line;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let _ = tell.send(head + &String::from_utf8_lossy(&body));
        let _ =
            stream.write_all(format!("HTTP/1.1 {says}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
    });
    (url, heard)
}

fn http(method: &str, url: &str, header: Option<&str>) -> Hook {
    let (method, url, header) = (method.into(), url.into(), header.map(str::to_owned));
    Hook::Http { method, url, header, before: "Bearer ".into(), within_s: 10 }
}

#[test]
fn an_http_call_carries_the_value_in_a_header_or_as_its_body() {
    let (url, heard) = server("204 No Content");
    yes(answer(&http("GET", &url, Some("Authorization")), Step::Test, &Value::text(&format!("{VALUE}\n"))));
    let request = heard.recv().expect("a call");
    assert!(request.starts_with("GET /key HTTP/1.1"), "{request}");
    assert!(request.to_lowercase().contains(&format!("authorization: bearer {VALUE}\r\n")), "{request}");
    let (url, heard) = server("200 OK");
    yes(answer(&http("PUT", &url, None), Step::Set, &Value::json(r#"{"a":1}"#)));
    let request = heard.recv().expect("a call");
    assert!(request.starts_with("PUT /key") && request.ends_with("{\"a\":1}"), "{request}");
    assert!(request.contains("application/json"), "{request}");
}

#[test]
fn a_status_is_yes_no_or_not_now() {
    let ask = |says, step| {
        let (url, _heard) = server(says);
        answer(&http("POST", &url, Some("X-Key")), step, &Value::text(VALUE))
    };
    for says in ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "302 Found\r\nLocation: /x"] {
        let why = no(ask(says, Step::Test));
        assert!(why.contains(&says[..3]), "{why}");
    }
    for says in ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"] {
        trouble(ask(says, Step::Test));
    }
    // What is gone needs no revoking.
    for says in ["200 OK", "401 Unauthorized", "404 Not Found", "410 Gone"] {
        yes(ask(says, Step::Revoke));
        yes(ask(says, Step::Retire));
    }
    no(ask("403 Forbidden", Step::Revoke));
}

#[test]
fn a_call_that_would_show_the_value_is_not_made() {
    let value = Value::text(VALUE);
    assert!(no(answer(&http("GET", "http://broker.example/key", Some("X")), Step::Test, &value)).contains("https"));
    assert!(no(answer(&http("GET", "http://127.0.0.1:1/key", None), Step::Test, &value)).contains("no body"));
    assert!(
        no(answer(&http("GET", "http://127.0.0.1:1/", Some("X")), Step::Test, &Value::text("a\nb"))).contains("header")
    );
    let why = trouble(answer(&http("GET", "http://127.0.0.1:1/", Some("X")), Step::Test, &value));
    assert!(!why.contains(VALUE), "{why}");
    // Whoever answers without a certificate that the machine trusts is not given the value.
    let (url, heard) = server("200 OK");
    trouble(answer(&http("GET", &url.replace("http:", "https:"), Some("X")), Step::Test, &value));
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_person_is_asked_by_nobody_here() {
    no(answer(&Hook::Person { told: "at the portal".into(), undo: None }, Step::Set, &Value::text(VALUE)));
}
