//! A server process that ends with this one. Refuses to leave anything running: a shell holds the server and the reading
//! end of a pipe; when nobody holds the writing end any more, by whatever death, the server is killed.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// `$0` is the log; each line on standard input is a signal for the server.
const HOLDER: &str = r#"
"$@" </dev/null >>"$0" 2>&1 &
server=$!
while read -r signal; do kill -"$signal" "$server"; done
kill -KILL "$server" 2>/dev/null
wait "$server"
"#;

/// One running server.
pub(crate) struct Held {
    holder: Child,
    signals: Mutex<Option<ChildStdin>>,
    log: PathBuf,
}

impl Held {
    /// Starts a server with this log.
    pub(crate) fn start(command: &Path, words: &[&str], vars: &[(&str, &str)], log: &Path) -> Self {
        let mut holder = Command::new("/bin/sh");
        holder.arg("-c").arg(HOLDER).arg(log).arg(command).args(words);
        holder.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").envs(vars.iter().copied());
        // A group of its own: an interrupt from the terminal must not end the holder before the server.
        holder.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut holder = holder.spawn().expect("a shell");
        let signals = Mutex::new(holder.stdin.take());
        Self { holder, signals, log: log.to_owned() }
    }

    /// Sends a signal by its name (`HUP`, `STOP`, `CONT`).
    pub(crate) fn signal(&self, name: &str) {
        let mut signals = self.signals.lock().expect("no holder panicked");
        signals.as_mut().expect("it runs").write_all(format!("{name}\n").as_bytes()).expect("the holder reads");
    }

    /// What the server has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// True when it found its port taken, by whoever was quicker. OpenBao goes on without one for a cluster.
    pub(crate) fn lost_its_port(&self) -> bool {
        let log = self.log().to_lowercase();
        log.lines().any(|line| line.contains("address already in use") && !line.contains("cluster-listener"))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.signals.lock().map(|mut signals| signals.take()));
        let _ = self.holder.wait();
    }
}

/// Ports that nobody has now, the first of two neighbours. They lie below those that the system hands out for
/// connections: a server that was stopped finds its own free when it is started again.
pub(crate) fn free_ports() -> (u16, u16) {
    loop {
        let any = TcpListener::bind(("127.0.0.1", 0)).and_then(|any| any.local_addr()).expect("a free port").port();
        let first = 10_000 + any % 11_000 * 2;
        if [first, first + 1].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return (first, first + 1);
        }
    }
}
