//! The engine as a process of its own for the tests: `KEY=VALUE` words in, one engine out. Refuses a word it doesn't
//! know. The program's own verb reads a real command line.

use quarterdeck_domain::environment::Environment;
use quarterdeck_simulator::{Options, run};
use std::time::Duration;

fn main() {
    let mut options = Options::new("alpha-us", Environment::Demo, "U1234789", ".".into(), ".".into());
    for word in std::env::args().skip(1) {
        let (key, value) = word.split_once('=').expect("KEY=VALUE");
        match key {
            "name" => options.name = value.into(),
            "base" => options.base = value.into(),
            "state" => options.state = value.into(),
            "audit" => options.audit = Some(value.into()),
            "rate" => options.rate = value.parse().expect("a rate"),
            "orders" => options.orders = value.parse().expect("a number"),
            "positions" => options.positions = value.parse().expect("a number"),
            "fills-ms" => options.fills_every = Some(Duration::from_millis(value.parse().expect("a number"))),
            "misbehave" => options.misbehave.push(value.parse().expect("a fault")),
            "control" => options.control = Some(value.into()),
            "die-at" => options.die_at = Some(value.parse().expect("a step")),
            "with-parent" => options.with_parent = value == "yes",
            _ => panic!("'{key}' is no option"),
        }
    }
    if let Err(error) = run(options) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
