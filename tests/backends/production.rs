//! In Production the answer of a layer that can't be asked is an error, and nothing below is taken for it.

use crate::house::{House, is_root};
use quarterdeck_servers::{Fault, OpenBao, Proxy};
use serde_json::json;

#[test]
fn a_layer_that_fails_is_the_answer_and_nothing_below_is_read() {
    let bao = OpenBao::raft();
    bao.write("prod/desk", &json!({ "value": "from-vault" }));
    let proxy = Proxy::raw(&bao.address());
    let mut house = House::guide("qa");
    let user = house.user();
    house.feed(&["secrets", "set", "prod/desk", "--layer", "fernet", "--env", "production"], b"from-below");
    // Where root runs this, the machine's file gives a role that may read; else every read is refused before.
    let person = format!("[[person]]\nname = \"alice\"\nunix = \"{user}\"\nrole = \"devops\"\n");
    house.write("etc/quarterdeck.toml", person + "[plugins]\nconfinement = \"partial\"\n");
    house.set_var("DP_ENVIRONMENT", "production");
    house.set_var("DP_USE_VAULT", "1");
    house.set_var("VAULT_ADDR", &format!("https://{}", proxy.authority()));
    house.set_var("VAULT_CACERT", bao.ca_file().to_str().expect("a plain path"));
    house.set_var("VAULT_TOKEN", &bao.token(&["root"], "1h"));

    let read = || house.run(&["secrets", "get", "prod/desk"]);
    if is_root() {
        assert_eq!(read().expect_status(0).stdout, "from-vault\n");
    }
    for fault in [Fault::Refuse, Fault::Reset, Fault::HalfOpen] {
        proxy.set(fault);
        for verb in [&["secrets", "list"][..], &["secrets", "get", "prod/desk"], &["status"], &["doctor"]] {
            let said = house.run(verb);
            assert_ne!(said.status, 0, "{verb:?}: {said:?}");
            assert!(!said.stdout.contains("from-below"), "{verb:?}: {said:?}");
        }
    }
    proxy.heal();
    if is_root() {
        assert_eq!(read().expect_status(0).stdout, "from-vault\n");
    }
}
