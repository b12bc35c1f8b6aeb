//! What the joint costs: the same call direct, through a loaded library, and through a child. Refuses to judge: it
//! prints medians and asserts nothing.
//!
//! `cargo bench -p quarterdeck-host`
#![allow(clippy::unwrap_used, reason = "a benchmark may")]

use quarterdeck_contract::{Call, Expected, Kind, SecretBytes, SecretName, SecretsBackend, Setup, Value};
use quarterdeck_host::{HostSpec, Hosted, InProcess, LoadRules};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CALL: Call = Call { within: Duration::from_secs(30) };

fn main() {
    if std::env::args().nth(1).as_deref() == Some("plugin-host") {
        quarterdeck_host::child_main();
    }
    let rules = LoadRules::for_this_process();
    let silent = Arc::new(|_, _: &str| {});
    let direct = quarterdeck_misbehave::make(Setup::default()).unwrap();
    let in_process = InProcess::load("shelf", &library(), &rules, &Setup::default(), silent).unwrap();
    let child = Hosted::new(HostSpec::new("shelf", "/proc/self/exe", library(), Setup::default()));

    println!("{:<28}{:>12}{:>12}{:>12}", "ns a call, median", "direct", "in process", "child");
    let ways: [&dyn SecretsBackend; 3] = [direct.as_ref(), &in_process, &child];
    for (what, size, rounds) in
        [("read 32 bytes", 32, 2000), ("read 16 KiB", 16 << 10, 1000), ("read 1 MiB", 1 << 20, 50)]
    {
        let name = SecretName::parse(what).unwrap();
        let medians = ways.map(|backend| {
            let value = Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![7; size]) };
            backend.write(&name, value, &Expected::Absent, CALL).unwrap();
            median(rounds, || drop(backend.read(&name, None, CALL).unwrap()))
        });
        println!("{what:<28}{:>12}{:>12}{:>12}", medians[0], medians[1], medians[2]);
    }
    let medians = ways.map(|backend| median(2000, || drop(backend.health(CALL).unwrap())));
    println!("{:<28}{:>12}{:>12}{:>12}", "health (ping and call)", medians[0], medians[1], medians[2]);

    let start = median(20, || {
        let child = Hosted::new(HostSpec::new("shelf", "/proc/self/exe", library(), Setup::default()));
        child.ready(CALL.within).unwrap();
    });
    println!("{:<28}{:>36}", "start, ready, stop", start);
}

/// The library that cargo built for this bench: beside this binary.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libquarterdeck_misbehave.so")
}

fn median(rounds: usize, call: impl Fn()) -> u128 {
    (0..rounds / 10).for_each(|_| call());
    let timed = |_| {
        let before = Instant::now();
        call();
        before.elapsed().as_nanos()
    };
    let mut times: Vec<u128> = (0..rounds).map(timed).collect();
    times.sort_unstable();
    times[rounds / 2]
}
