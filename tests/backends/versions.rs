//! Versions that somebody else makes in the real servers: told once, by calls that read no value; and a server that fails,
//! which is asked nothing but its health.

use crate::world::World;
use quarterdeck_servers::{Fault, wait_until};
use serde_json::json;

const OFTEN: &str = "[watch]\nversions = \"1s\"\n";

fn world() -> World {
    let world = World::qa();
    let (vault, aws) = (world.vault.address(), world.aws.address());
    world.configure(&vault, &aws, OFTEN);
    world
}

#[test]
fn another_version_in_vault_and_in_aws_is_told_once_and_no_value_is_read_for_it() {
    let world = world();
    world.vault.forget();
    world.aws.forget();
    let (mut screen, mut other) = (world.open(), world.open());
    screen.lists("qa/text");
    // Two answers about its version have come once a third is asked for.
    wait_until("versions are known", || world.vault.count("GET /v1/secret/metadata/qa/plain") > 4);
    wait_until("names are known", || world.aws.count("ListSecrets") > 4);
    world.vaulted("qa/plain", json!({ "value": "canary-elsewhere" }));
    world.moto.secret("PutSecretValue", &json!({ "SecretId": "qa/text", "SecretString": "canary-elsewhere" }));
    world.vaulted("qa/newcomer", json!({ "value": "canary-elsewhere" }));
    for screen in [&mut screen, &mut other] {
        screen.press("3", "AUDIT");
        for words in ["version 3, was version 2; made elsewhere", "new, version 1; made elsewhere", "aws/qa/text"] {
            screen.shows(words);
        }
    }
    screen.keys("\x03");
    other.keys("\x03");
    assert_eq!((screen.ends(), other.ends()), (0, 0));
    let told = world.house.events("qa", "SECRET_VERSION_CHANGED");
    let of = |name: &str| told.iter().filter(|event| event.contains(name)).count();
    let each = [of("vault/qa/plain"), of("vault/qa/newcomer"), of("aws/qa/text")];
    assert_eq!((told.len(), each), (3, [1, 1, 1]), "{told:#?}");
    let (vault, aws) = (world.vault.seen(), world.aws.seen());
    let singly = |line: &&String| {
        line.contains("/v1/secret/data/qa/") || line.contains("GetSecretValue") || line.contains("DescribeSecret")
    };
    assert_eq!(vault.iter().chain(&aws).filter(singly).count(), 0, "{vault:#?} {aws:#?}");
    world.house.run(&["audit", "verify"]).expect_status(0);
}

#[test]
fn a_server_that_fails_is_asked_for_its_health_alone() {
    let world = world();
    let mut screen = world.open();
    screen.lists("qa/plain");
    world.vault.set(Fault::status(502));
    screen.press("6", "BACKENDS");
    screen.shows("backends 3/4");
    world.vault.forget();
    wait_until("some probes failed", || world.vault.seen().len() >= 12);
    screen.press("2", "SECRETS");
    screen.press("/\x15qa/plain", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("v", "asked again by itself");
    let seen = world.vault.seen();
    let other = |line: &&String| line.contains("/secret/data/qa/") || line.contains("/secret/metadata/qa");
    assert_eq!(seen.iter().filter(other).count(), 0, "{seen:#?}");
    world.vault.heal();
    screen.shows("backends 4/4");
    screen.press("v", "canary-vault-plain-2a07c4");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}
