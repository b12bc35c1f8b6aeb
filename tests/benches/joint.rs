//! What the joint costs: the same call direct, through a loaded library, and through a child, confined and
//! not. Refuses to judge: it
//! prints medians and asserts nothing.
//!
//! `cargo bench -p quarterdeck-host`
#![allow(clippy::unwrap_used, reason = "a benchmark may")]

use quarterdeck_contract::{Call, Expected, Kind, SecretBytes, SecretName, SecretsBackend, Setup, Value};
use quarterdeck_host::{HostSpec, Hosted, InProcess, Kernel, LoadRules, PluginManifest};
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
    let [free, child] = [unconfined(), confined()].map(Hosted::new);

    println!("{:<28}{:>12}{:>12}{:>14}{:>12}", "ns a call, median", "direct", "in process", "child, free", "confined");
    let ways: [&dyn SecretsBackend; 4] = [direct.as_ref(), &in_process, &free, &child];
    for (what, size, rounds) in
        [("read 32 bytes", 32, 2000), ("read 16 KiB", 16 << 10, 1000), ("read 1 MiB", 1 << 20, 50)]
    {
        let name = SecretName::parse(what).unwrap();
        let medians = ways.map(|backend| {
            let value = Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![7; size]) };
            backend.write(&name, value, &Expected::Absent, CALL).unwrap();
            median(rounds, || drop(backend.read(&name, None, CALL).unwrap()))
        });
        print(what, medians);
    }
    let medians = ways.map(|backend| median(2000, || drop(backend.health(CALL).unwrap())));
    print("health (ping and call)", medians);

    let start = |spec: fn() -> HostSpec| median(50, || drop(Hosted::new(spec()).ready(CALL.within).unwrap()));
    println!("{:<28}{:>38}{:>12}", "start, ready, stop", start(unconfined), start(confined));
}

fn print(what: &str, medians: [u128; 4]) {
    println!("{what:<28}{:>12}{:>12}{:>14}{:>12}", medians[0], medians[1], medians[2], medians[3]);
}

/// As a plugin with a folder, a port and names is.
fn confined() -> HostSpec {
    let manifest = "name = \"misbehave\"\nfolders.write = [\"/tmp\"]\ntcp.ports = [443]\ntcp.names = true";
    unconfined_but_for(Kernel::default()).confined_by(PluginManifest::parse(manifest).unwrap(), true)
}

fn unconfined() -> HostSpec {
    unconfined_but_for(Kernel { landlock: 0, seccomp: false })
}

fn unconfined_but_for(kernel: Kernel) -> HostSpec {
    HostSpec { kernel, ..HostSpec::new("shelf", "/proc/self/exe", library(), Setup::default()) }
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
