//! Servers that are killed, sealed, slow, half-open, throttling and cut, under an open cockpit: the tile says so, the other
//! layers and the keys go on, and it is well again without a hand.

use crate::house::screen::Screen;
use crate::world::World;
use quarterdeck_servers::{Fault, OpenBao, Proxy};
use std::time::Duration;

/// Each fault, and the words of a tile that has it.
fn faults(throttle: Fault) -> Vec<(Fault, &'static [&'static str])> {
    vec![
        (Fault::Refuse, &["UNREACHABLE"]),
        (Fault::Reset, &["UNREACHABLE"]),
        (Fault::Delay(Duration::from_secs(5)), &["TIMEOUT"]),
        (Fault::HalfOpen, &["TIMEOUT"]),
        (throttle, &["THROTTLED"]),
        (Fault::status(502), &["UNREACHABLE"]),
        (Fault::Truncate(5), &["UNREACHABLE", "INVALID"]),
    ]
}

#[test]
fn vaults_tile_follows_each_fault_and_its_end() {
    let world = World::qa();
    follows(&world, "vault", &world.vault, faults(Fault::throttle_vault()));
}

#[test]
fn the_tile_of_aws_follows_each_fault_and_its_end() {
    let world = World::qa();
    follows(&world, "aws", &world.aws, faults(Fault::throttle_aws()));
}

fn follows(world: &World, layer: &str, proxy: &Proxy, faults: Vec<(Fault, &[&str])>) {
    let mut screen = world.open();
    screen.lists("desk.stored");
    for (fault, words) in faults {
        let told = format!("{fault:?}");
        proxy.set(fault);
        fails(&mut screen, layer, &told, words);
        others_go_on(&mut screen);
        proxy.heal();
        screen.until(&format!("{layer} is well after {told}"), |shown| shown.contains("backends 4/4"));
    }
    leaves(world, screen);
}

#[test]
fn a_server_that_is_killed_or_sealed_and_comes_back_needs_no_hand() {
    let mut world = World::over(OpenBao::raft());
    let (vault, aws) = (world.bao.plain_address(), world.moto.address());
    world.configure(&vault, &aws, "");
    let mut screen = world.open();
    screen.lists("qa/plain");

    world.bao.seal();
    fails(&mut screen, "vault", "sealed", &["SEALED"]);
    others_go_on(&mut screen);
    world.bao.stop();
    fails(&mut screen, "vault", "killed", &["UNREACHABLE"]);
    others_go_on(&mut screen);
    world.bao.start_again();
    screen.shows("backends 4/4");

    world.bao.freeze();
    fails(&mut screen, "vault", "frozen", &["TIMEOUT"]);
    world.bao.thaw();
    screen.shows("backends 4/4");

    world.bao.block_audit();
    fails(&mut screen, "vault", "with no audit", &["AUDIT BLOCKED"]);
    world.bao.unblock_audit();
    screen.shows("backends 4/4");

    world.moto.stop();
    fails(&mut screen, "aws", "killed", &["UNREACHABLE"]);
    others_go_on(&mut screen);
    world.moto.start_again();
    screen.shows("backends 4/4");
    leaves(&world, screen);
}

#[test]
fn outside_production_a_layer_that_fails_is_a_loud_warning_and_the_one_below_answers() {
    let world = World::qa();
    for fault in [Fault::Refuse, Fault::HalfOpen, Fault::throttle_vault()] {
        world.vault.set(fault);
        let said = world.house.run(&["secrets", "get", "qa/shared"]).expect_status(0);
        assert_eq!(said.stdout, "canary-aws-shared-31d86a\n");
        assert!(said.stderr.contains("WARNING: vault can't be asked"), "{}", said.stderr);
        // What lies above is not touched by it.
        let above = world.house.run(&["secrets", "get", "desk.entry"]).expect_status(0);
        assert_eq!((above.stdout.as_str(), above.stderr.as_str()), ("canary-entry-0be611\n", ""));
    }
    let row = world.status("vault");
    assert_eq!(row["error"]["error_code"], "THROTTLED", "{row}");
    assert!(!row["error"]["next"].as_str().expect("a remedy").is_empty(), "{row}");
}

#[test]
fn where_a_layer_is_required_its_failure_is_the_answer() {
    let world = World::qa();
    let file = world.house.path("work/quarterdeck.toml");
    let text = std::fs::read_to_string(file).expect("the configuration");
    world.house.configure(&text.replace("[backend.vault]\n", "[backend.vault]\nrequired = true\n"));
    world.vault.set(Fault::Refuse);
    let said = world.house.run(&["secrets", "get", "qa/shared"]).expect_status(5);
    assert_eq!(said.stdout, "");
    world.vault.heal();
    let said = world.house.run(&["secrets", "get", "qa/shared"]).expect_status(0);
    assert_eq!(said.stdout, "canary-vault-shared-8f4e02\n");
}

#[test]
fn one_poll_is_enough_to_see_a_fault_and_its_end() {
    let world = World::qa();
    let file = world.house.path("work/quarterdeck.toml");
    let text = std::fs::read_to_string(file).expect("the configuration");
    // Nobody asks but 'r', and that once.
    world.house.configure(&text.replace("every = \"1s\"", "every = \"1h\""));
    let mut screen = world.open();
    screen.lists("desk.stored");
    for fault in [Fault::Refuse, Fault::HalfOpen, Fault::status(502)] {
        world.vault.set(fault.clone());
        world.aws.set(fault);
        screen.press("2", "SECRETS");
        screen.press("r", "backends 2/4");
        world.vault.heal();
        world.aws.heal();
        screen.press("r", "backends 4/4");
    }
    leaves(&world, screen);
}

#[test]
fn a_cockpit_opens_while_both_servers_hang() {
    let world = World::qa();
    world.vault.set(Fault::HalfOpen);
    world.aws.set(Fault::HalfOpen);
    let mut screen = world.house.open(&[], 160, 48);
    screen.lists("desk.stored");
    screen.press("2", "SECRETS");
    screen.press("/desk.stored", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("v", "canary-fernet-1c8810");
    screen.shows("backends 2/4");
    world.vault.heal();
    world.aws.heal();
    screen.shows("backends 4/4");
    screen.press("/\x15qa/plain", "SECRETS 1 of");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}

/// Waits for the tile of a layer; one of the words is enough.
#[track_caller]
fn fails(screen: &mut Screen, layer: &str, why: &str, words: &[&str]) {
    screen.press("6", "BACKENDS");
    let row = |line: &str| line.contains(layer) && words.iter().any(|word| line.contains(word));
    screen.until(&format!("{layer} {why}: {words:?}"), |shown| shown.lines().any(row));
    screen.shows("backends 3/4");
}

/// While a fault holds: keys are answered, another layer's value is read, the journal is written.
#[track_caller]
fn others_go_on(screen: &mut Screen) {
    screen.press("2", "SECRETS");
    screen.press("/\x15desk.stored", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("v", "canary-fernet-1c8810");
    screen.press("3", "SECRET_REVEAL");
    screen.press("2", "SECRETS");
    screen.press("/\x15", "SECRETS 8");
    screen.keys("\r");
}

fn leaves(world: &World, mut screen: Screen) {
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    let (down, up) = (world.house.events("qa", "BACKEND_DOWN").len(), world.house.events("qa", "BACKEND_UP").len());
    assert_eq!(down, up, "each fault and each end is recorded");
    world.house.run(&["audit", "verify"]).expect_status(0);
}
