//! A program for the tests to put on a terminal: it shows what it hears, and misbehaves on request.
//!
//! `terminal-subject [deaf|flood SOCKET]`. Keys: q quits, p panics in a thread, P in the one that hears, d drains,
//! z suspends, b rings and sets the title, c copies, m switches the mouse on. `deaf` does nothing about anything it hears. `flood` draws
//! frames without end of work, then says so on the socket, and ends when told there.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use quarterdeck_terminal::{Features, Frame, Input, Key, KeyCode, Limits, Screen, Terminal};

/// How many frames a flood has.
const FLOOD: u32 = 3000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (tell, news) = mpsc::channel();
    let terminal = match Terminal::open(Features::default(), Limits::default(), move |input| {
        assert_ne!(input, Input::Key(Key::plain(KeyCode::Char('P'))), "told to");
        let _ = tell.send(input);
    }) {
        Ok(terminal) => terminal,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let screen = terminal.screen();
    draw(&screen, "READY");
    match &arguments[..] {
        [] => converse(&terminal, &screen, &news),
        [word] if word == "deaf" => loop {
            thread::park();
        },
        [word, socket] if word == "flood" => flood(&screen, socket),
        _ => ExitCode::FAILURE,
    }
}

fn converse(terminal: &Terminal, screen: &Screen, news: &mpsc::Receiver<Input>) -> ExitCode {
    let mut heard = Vec::new();
    for input in news {
        match &input {
            Input::Key(Key { code: KeyCode::Char('q'), ctrl: false, .. }) => return ExitCode::SUCCESS,
            Input::Key(Key { code: KeyCode::Char('p'), ctrl: false, .. }) => {
                thread::spawn(|| panic!("a thread went wrong"));
            }
            Input::Key(Key { code: KeyCode::Char('d'), .. }) => terminal.drain(),
            Input::Key(Key { code: KeyCode::Char('z'), .. }) => terminal.suspend(),
            Input::Key(Key { code: KeyCode::Char('b'), .. }) => {
                screen.bell();
                screen.title("Quarterdeck: a test");
            }
            Input::Key(Key { code: KeyCode::Char('c'), .. }) => {
                let _ = screen.copy("copied text");
            }
            Input::Key(Key { code: KeyCode::Char('m'), .. }) => screen.set_mouse(true),
            Input::Terminate(why) => return ExitCode::from(why.exit_status() as u8),
            Input::Hangup => return ExitCode::from(129),
            _ => {}
        }
        heard.push(format!("{input:?}"));
        draw(screen, &heard.join(" | "));
    }
    // The thread that hears is gone; whether that ends the program is what the test asks.
    loop {
        thread::park();
    }
}

fn flood(screen: &Screen, socket: &str) -> ExitCode {
    let Ok(mut socket) = UnixStream::connect(socket) else { return ExitCode::FAILURE };
    for number in 1..=FLOOD {
        let line = format!("frame {number} ");
        draw(screen, &line.repeat(100));
    }
    let told = socket.write_all(b"drawn").is_ok() && socket.read_exact(&mut [0]).is_ok();
    if told { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fills the screen with a text, wrapped.
fn draw(screen: &Screen, text: &str) {
    let mut buffer = screen.blank();
    let cols = usize::from(buffer.area.width);
    let characters: Vec<char> = text.chars().collect();
    for (row, part) in characters.chunks(cols).take(usize::from(buffer.area.height)).enumerate() {
        let line: String = part.iter().collect();
        buffer.set_string(0, row as u16, line, ratatui::style::Style::new());
    }
    screen.show(Frame { buffer, cursor: None, sensitive: true });
}
