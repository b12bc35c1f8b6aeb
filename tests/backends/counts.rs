//! What is asked of the servers, counted at the proxies: no listing reads a value.

use crate::world::World;
use serde_json::json;

#[test]
fn no_listing_reads_a_value() {
    let world = World::qa();
    for at in 0..200 {
        world.vaulted(&format!("qa/many/{}/{at}", at % 10), json!({ "value": "v" }));
        world.in_aws(&format!("qa/many-in-aws/{at}"), json!({ "SecretString": "v" }));
    }
    world.vault.forget();
    world.aws.forget();
    let verbs = [&["status"][..], &["secrets", "list"], &["secrets", "search", "many"], &["config", "show"]];
    verbs.iter().for_each(|verb| _ = world.house.run(verb).expect_status(0));
    // It finds something else that is wrong: there is no kill-switch in this house.
    world.house.run(&["doctor"]);
    let mut screen = world.open();
    screen.lists("qa/broker");
    screen.press("2", "SECRETS");
    screen.press("/many", "SECRETS 400 of");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);

    let (vault, aws) = (world.vault.seen(), world.aws.seen());
    let read = |line: &&String| line.contains(" /v1/secret/data/qa/") || line.contains("GetSecretValue");
    assert_eq!(vault.iter().chain(&aws).filter(read).count(), 0, "{vault:#?}");
    assert!(vault.iter().any(|line| line.contains("/v1/secret/metadata/qa/many")), "it was listed: {vault:#?}");
    assert!(aws.iter().any(|line| line.contains("ListSecrets")), "it was listed: {aws:#?}");
    // And one read is one read.
    world.vault.forget();
    world.house.run(&["secrets", "get", "qa/plain"]).expect_status(0);
    assert_eq!(world.vault.count("GET /v1/secret/data/qa/plain"), 1, "{:#?}", world.vault.seen());
}
