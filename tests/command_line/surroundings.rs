//! Vault and AWS as the guide and AWS's own programs set them up: by variables, by the files of a home, by a program that
//! gives credentials. Over real servers.

use crate::house::House;
use quarterdeck_servers::{Moto, OpenBao};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// The guide's own policy: it reads what it knows the name of, and nothing of how things are.
const GUIDES: &str = "path \"secret/data/algo-trade/*\" { capabilities = [\"read\", \"list\"] }";

/// The guide's set-up of Vault over a Fernet file.
fn guide(bao: &OpenBao) -> House {
    bao.policy("guide", GUIDES);
    bao.write("algo-trade/broker", &json!({ "password": "in vault", "host": "gateway" }));
    let mut house = House::guide("qa");
    house.run(&["secrets", "set", "desk.a", "in fernet"]).expect_status(0);
    for (name, value) in [
        ("VAULT_ADDR", bao.plain_address()),
        ("VAULT_TOKEN", bao.token(&["guide"], "1h")),
        ("DP_USE_VAULT", "1".into()),
        ("DP_VAULT_PATH", "secret/data/algo-trade/broker".into()),
    ] {
        house.set_var(name, &value);
    }
    house
}

#[test]
fn each_key_of_the_guides_path_is_a_configuration_key() {
    let bao = OpenBao::dev();
    let mut house = guide(&bao);
    for name in ["broker.password", "algo-trade/broker#password"] {
        let said = house.run(&["secrets", "get", name]).expect_status(0);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("in vault\n", ""), "{name}");
    }
    // The token is told nothing of other names, and they are no part of the layer: what is below answers, unwarned.
    let below = house.run(&["secrets", "get", "desk.a"]).expect_status(0);
    assert_eq!((below.stdout.as_str(), below.stderr.as_str()), ("in fernet\n", ""));
    house.set_var("DP_BROKER__PASSWORD", "from here");
    assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "from here\n");
    let rows = house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    let row = rows.as_array().expect("rows").iter().find(|row| row["name"] == "broker.password").expect("it is listed");
    assert_eq!((&row["layer"], &row["shadows"]), (&json!("env"), &json!(["vault"])));
    let told = house.run(&["secrets", "history", "algo-trade/broker#password", "--json"]).expect_status(0).json();
    let holders: Vec<_> =
        told["holders"].as_array().expect("holders").iter().map(|held| held["layer"].clone()).collect();
    assert_eq!(holders, ["env", "vault"]);
}

#[test]
fn the_token_that_a_log_in_left_serves_while_it_is_private() {
    let bao = OpenBao::dev();
    let mut house = guide(&bao);
    let token = house.vars()["VAULT_TOKEN"].clone();
    house.drop_var("VAULT_TOKEN");
    let file = house.write("home/.vault-token", format!("{token}\n"));
    assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "in vault\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let said = house.run(&["secrets", "get", "broker.password", "--layer", "vault"]);
    assert!(said.status != 0 && said.stderr.contains("chmod 600"), "{said:?}");
    assert!(!said.stderr.contains(&token), "{}", said.stderr);
}

#[test]
fn a_path_of_another_environment_is_no_layer_here() {
    let bao = OpenBao::dev();
    bao.write("prod/broker", &json!({ "password": "of production" }));
    let mut house = guide(&bao);
    house.set_var("VAULT_TOKEN", bao.root_token());
    for path in ["secret/data/prod/broker", "secret/data//PROD/broker"] {
        house.set_var("DP_VAULT_PATH", path);
        for words in
            [&["secrets", "get", "broker.password", "--layer", "vault"][..], &["secrets", "list", "--layer", "vault"]]
        {
            let said = house.run(words);
            assert!(said.status != 0 && said.stderr.contains("its path belongs to PRODUCTION"), "{said:?}");
        }
    }
    assert_eq!(house.events("qa", "ENVIRONMENT_CROSSED"), vec!["DENIED backend://vault"; 4]);
}

#[test]
fn a_program_gives_the_credentials_and_the_plugin_starts_none() {
    let moto = Moto::start();
    let mut house = House::guide("qa");
    let runs = house.path("runs");
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> {}\n\
         echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAGIVEN\",\"SecretAccessKey\":\"canarySecretAccessKey\"}}'\n",
        runs.display()
    );
    let give = house.write("home/give", script);
    std::fs::set_permissions(&give, std::fs::Permissions::from_mode(0o700)).expect("ours");
    house.write(
        "home/.aws/config",
        format!("[profile desk]\nregion = eu-west-1\ncredential_process = \"{}\" 'a b'\n", give.display()),
    );
    house.configure(&format!("[backend.aws.settings]\nendpoint = \"{}\"\nprofile = \"desk\"\n", moto.address()));
    house.set_var("AWS_REGION", "us-east-1");
    moto.secret("CreateSecret", &json!({ "Name": "qa/desk/key", "SecretString": "in aws" }));
    assert_eq!(house.run(&["secrets", "get", "qa/desk/key", "--layer", "aws"]).expect_status(0).stdout, "in aws\n");
    assert_eq!(std::fs::read_to_string(&runs).expect("it ran"), "a b\n", "once for a run of the program");
    house.write("home/give", "#!/bin/sh\necho canarySecretAccessKey >&2\nexit 4\n");
    std::fs::set_permissions(&give, std::fs::Permissions::from_mode(0o700)).expect("ours");
    let said = house.run(&["secrets", "get", "qa/desk/key", "--layer", "aws"]);
    assert!(
        said.status != 0 && said.stderr.contains("credential_process") && said.stderr.contains("by hand"),
        "{said:?}"
    );
    assert!(!said.stderr.contains("canary"), "{}", said.stderr);
}
