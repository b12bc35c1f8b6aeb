//! The real thing: a program on a pseudo-terminal that is typed at, signalled, stopped, stalled and cut off. Each
//! test waits for what it expects to see and never for time to pass; the bound is for a machine that hangs.

mod bench;

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use bench::{BOUND, Bench, SUBJECT};
use rustix::process::Signal;

const LEFT: &[u8] = b"\x1b[?25h\x1b[?1049l";
const ENTERED: &[u8] = b"\x1b[?1049h";

#[test]
fn quitting_puts_the_terminal_back() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    assert!(bench.is_raw());
    assert!(bench.screen().alternate_screen() && bench.screen().bracketed_paste());
    bench.type_in(b"q");
    assert_eq!(bench.ends(), 0);
    bench.assert_restored();
}

#[test]
fn nothing_is_asked_of_the_terminal() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    bench.type_in(b"q");
    bench.ends();
    for question in [&b"\x1b[c"[..], b"\x1b[6n", b"\x1b]10;?", b"\x1b]11;?", b"\x1b[?u", b"$p"] {
        assert!(!bench.has_sent(question), "{}", question.escape_ascii());
    }
}

#[test]
fn keys_and_pastes_arrive_as_what_they_are() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    bench.type_in(b"\x1b[B");
    bench.until_shows("code: Down");
    bench.type_in("é".as_bytes());
    bench.until_shows("Char('é')");
    bench.type_in(b"\x1b");
    bench.until_shows("code: Esc");
    bench.type_in(b"\x1b[200~a\x18qb\x1b[201~");
    bench.until_shows("Paste(\"aqb\")");
    bench.type_in(b"\x03");
    bench.until_shows("Char('c'), ctrl: true");
    bench.type_in(b"d");
    bench.until_shows("Drained");
    bench.type_in(b"q");
    assert_eq!(bench.ends(), 0);
}

#[test]
fn bell_title_copy_and_mouse_are_sent_and_undone() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    bench.type_in(b"b");
    bench.until_sent(b"\x1b]2;Quarterdeck: a test\x07");
    assert!(bench.has_sent(b"\x07\x1b[22;2t"), "the bell, and the old title is kept");
    bench.type_in(b"c");
    bench.until_sent(b"\x1b]52;c;Y29waWVkIHRleHQ=\x07");
    bench.type_in(b"m");
    bench.until_sent(b"\x1b[?1000;1006h");
    bench.type_in(b"\x1b[<0;3;2M");
    bench.until_shows("Press(0), column: 2, row: 1");
    bench.type_in(b"q");
    assert_eq!(bench.ends(), 0);
    assert!(bench.has_sent(b"\x1b[23;2t"), "the old title is back");
    assert_eq!(bench.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    bench.assert_restored();
}

#[test]
fn every_ending_signal_restores_the_terminal() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let mut bench = Bench::start(&[]);
        bench.until_shows("READY");
        bench.signal(signal);
        assert_eq!(bench.ends(), status);
        bench.assert_restored();
    }
}

#[test]
fn a_program_that_hears_nothing_is_restored_and_ended_all_the_same() {
    let mut bench = Bench::start(&["deaf"]);
    bench.until_shows("READY");
    bench.signal(Signal::TERM);
    bench.until_sent(LEFT);
    assert_eq!(bench.ends(), 143);
    bench.assert_restored();
}

#[test]
fn a_panic_in_any_thread_restores_before_it_is_printed() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    bench.type_in(b"p");
    assert_eq!(bench.ends(), 101);
    bench.assert_restored();
    let left = bench.place_of(LEFT).expect("the terminal was left");
    let printed = bench.place_of(b"a thread went wrong").expect("the panic was printed");
    assert!(left < printed);
}

#[test]
fn a_panic_in_the_thread_that_hears_restores_and_ends_too() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    bench.type_in(b"P");
    assert_eq!(bench.ends(), 101);
    bench.assert_restored();
}

#[test]
fn without_a_terminal_it_says_so() {
    let output = Command::new(SUBJECT).stdin(Stdio::null()).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "standard input is not a terminal\n");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_new_size_is_told_and_painted() {
    let mut bench = Bench::start(&[]);
    bench.until_shows("READY");
    bench.resize(40, 10);
    bench.until_shows("cols: 40, rows: 10");
    bench.resize(1, 1);
    bench.until_sent(b"\x1b[2JR");
    bench.resize(80, 24);
    bench.until_shows("cols: 80, rows: 24");
    bench.resize(0, 0);
    bench.until_shows("cols: 80, rows: 24 }) | Resize(Size { cols: 80, rows: 24 })");
    bench.type_in(b"q");
    assert_eq!(bench.ends(), 0);
}

/// A shell with job control, told to start the program, and to bring it back when it has stopped.
const JOB_CONTROL: &str = r#"set -m; "$0"; echo "STOPPED $?"; fg >/dev/null; S=$?; sh -c "exit $S""#;

#[test]
fn suspending_leaves_stops_and_comes_back_painted() {
    for external in [false, true] {
        let mut bench = Bench::start_script(JOB_CONTROL);
        bench.until_shows("READY");
        if external {
            bench.signal(Signal::TSTP);
        } else {
            bench.type_in(b"z");
        }
        bench.until_shows("Resumed");
        let stopped = bench.place_of(b"STOPPED ").expect("the shell saw it stop");
        assert!(bench.place_of(LEFT).expect("the terminal was left") < stopped);
        assert!(bench.last_place_of(ENTERED).expect("the terminal was entered again") > stopped);
        bench.type_in(b"q");
        assert_eq!(bench.ends(), 0);
        bench.assert_restored();
    }
}

#[test]
fn without_a_shell_to_continue_it_nothing_stops() {
    let mut bench = Bench::start_alone();
    bench.until_shows("READY");
    bench.type_in(b"zk");
    bench.until_shows("Char('k')");
    assert!(!bench.has_sent(LEFT));
    bench.type_in(b"q");
    assert_eq!(bench.ends(), 0);
}

#[test]
fn a_hang_up_ends_the_program() {
    let mut bench = Bench::start_alone();
    bench.until_shows("READY");
    bench.hang_up();
    assert_eq!(bench.ends(), 129);
}

/// The shell ignores SIGHUP and so does what it starts; and the program doesn't lead the session, so that the kernel
/// sends it none. Only the dead terminal tells. The program is deaf besides: the fuse alone can end it.
#[test]
fn a_hang_up_without_a_signal_ends_even_a_deaf_program() {
    let mut bench = Bench::start_script(r#"trap "" HUP; "$0" deaf"#);
    bench.until_shows("READY");
    bench.hang_up();
    assert_eq!(bench.ends(), 129);
}

/// A socket for the program to say something beside the terminal.
fn socket(name: &str) -> (String, mpsc::Receiver<std::os::unix::net::UnixStream>) {
    let path = std::env::temp_dir().join(format!("quarterdeck-terminal-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket in the temporary folder");
    let (tell, told) = mpsc::channel();
    let text = path.to_str().expect("a plain path").to_owned();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the program connects");
        let _ = std::fs::remove_file(path);
        let mut word = [0; 5];
        stream.read_exact(&mut word).expect("the program says it has drawn");
        let _ = tell.send(stream);
    });
    (text, told)
}

#[test]
fn a_stalled_terminal_blocks_nobody_and_gets_only_the_newest() {
    let (path, drawn) = socket("stall");
    let mut bench = Bench::start_unread(&["flood", &path]);
    let mut stream = drawn.recv_timeout(BOUND).expect("3000 frames are drawn while nobody reads");
    bench.read_on();
    bench.until_shows("frame 3000 ");
    assert!(bench.sent_so_far() < 64 * 1024, "what was dropped costs nothing: {} bytes", bench.sent_so_far());
    stream.write_all(b"!").expect("the program waits for this");
    assert_eq!(bench.ends(), 0);
    bench.assert_restored();
}

#[test]
fn a_stalled_terminal_does_not_keep_the_program_from_leaving() {
    let (path, drawn) = socket("leave");
    let mut bench = Bench::start_unread(&["flood", &path]);
    let mut stream = drawn.recv_timeout(BOUND).expect("3000 frames are drawn while nobody reads");
    stream.write_all(b"!").expect("the program waits for this");
    stream.set_read_timeout(Some(BOUND)).expect("a bound");
    assert_eq!(stream.read(&mut [0]).ok(), Some(0), "the program is gone with nobody reading");
    bench.read_on();
    assert_eq!(bench.ends(), 0);
    bench.assert_restored();
}
