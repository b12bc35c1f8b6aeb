//! A house with four layers, two of them over real servers, each of these behind a proxy. Every value and every token in
//! it is nowhere else in the world. Refuses to share anything between tests.

use crate::house::House;
use crate::house::processes::{Process, under};
use crate::house::screen::Screen;
use crate::search::Bird;
use quarterdeck_servers::{Moto, OpenBao, Proxy};
use serde_json::{Value, json};

/// What a cockpit needs of a KV mount of version 2 to list, read and change all of it.
pub(crate) const POLICY: &str = r#"
path "secret/data/*"     { capabilities = ["create", "update", "read"] }
path "secret/subkeys/*"  { capabilities = ["read"] }
path "secret/metadata/"  { capabilities = ["list"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
"#;

/// The house, its servers and its values.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) bao: OpenBao,
    pub(crate) moto: Moto,
    pub(crate) vault: Proxy,
    pub(crate) aws: Proxy,
    pub(crate) birds: Vec<Bird>,
}

impl World {
    /// QA over an OpenBao in memory and a moto.
    pub(crate) fn qa() -> Self {
        Self::over(OpenBao::dev())
    }

    /// QA over this OpenBao and a moto.
    pub(crate) fn over(bao: OpenBao) -> Self {
        let moto = Moto::start();
        let (vault, aws) = (Proxy::http(&bao.plain_address()), Proxy::http(&moto.address()));
        let mut world = Self { house: House::guide("qa"), bao, moto, vault, aws, birds: Vec::new() };
        let key = world.house.vars()["DP_SECRETS_ENCRYPTION_KEY"].clone();
        world.bird("the Fernet key", &key);
        world.log_in();
        let (vault, aws) = (world.vault.address(), world.aws.address());
        world.configure(&vault, &aws, "");
        world.fill();
        world
    }

    /// The configuration of the four layers, each asked every second.
    pub(crate) fn configure(&self, vault: &str, aws: &str, more: &str) {
        self.house.configure(&format!(
            "[environment]\nname = \"qa\"\n\
             [backend.env]\nevery = \"1s\"\n\
             [backend.fernet]\nevery = \"1s\"\npath = \".secrets/encrypted_secrets.bin\"\n\
             [backend.vault]\nevery = \"1s\"\nwithin = \"2s\"\nsettings = {{ address = \"{vault}\" }}\n\
             [backend.aws]\nevery = \"1s\"\nwithin = \"2s\"\n\
             settings = {{ region = \"us-east-1\", endpoint = \"{aws}\" }}\n{more}"
        ));
    }

    /// Puts a value into the world that is searched for from now on.
    pub(crate) fn bird(&mut self, name: &'static str, value: &str) -> String {
        self.birds.push(Bird { name, value: value.to_owned() });
        value.to_owned()
    }

    fn log_in(&mut self) {
        self.bao.policy("cockpit", POLICY);
        let token = self.bao.token(&["cockpit"], "700h");
        let token = self.bird("Vault's token", &token);
        self.house.set_var("VAULT_TOKEN", &token);
        let key = self.bird("the AWS secret access key", "canaryAwsSecretAccessKey77d20e");
        let session = self.bird("the AWS session token", "canaryAwsSessionToken90ac31");
        let entries =
            [("ACCESS_KEY_ID", "AKIAQUARTERDECK00000"), ("SECRET_ACCESS_KEY", &key), ("SESSION_TOKEN", &session)];
        entries.into_iter().for_each(|(name, value)| self.house.set_var(&format!("AWS_{name}"), value));
    }

    /// A value in each form in each layer; `qa/shared` in both servers.
    fn fill(&mut self) {
        let entry = self.bird("an entry", "canary-entry-0be611");
        self.house.set_var("DP_DESK__ENTRY", &entry);
        let stored = self.bird("in the Fernet file", "canary-fernet-1c8810");
        self.house.feed(&["secrets", "set", "desk.stored", "--layer", "fernet"], stored.as_bytes()).expect_status(0);

        let older = self.bird("an older version in Vault", "canary-vault-older-5521fe");
        self.vaulted("qa/plain", json!({ "value": older }));
        let plain = self.bird("in Vault", "canary-vault-plain-2a07c4");
        self.vaulted("qa/plain", json!({ "value": plain }));
        let password = self.bird("a key in Vault", "canary-vault-key-c3311b");
        self.vaulted("qa/broker", json!({ "user": "desk-user", "password": password }));
        let above = self.bird("in Vault, above AWS", "canary-vault-shared-8f4e02");
        self.vaulted("qa/shared", json!({ "value": above }));

        let text = self.bird("in AWS", "canary-aws-text-64fd90");
        self.in_aws("qa/text", json!({ "SecretString": text }));
        let password = self.bird("a key in AWS", "canary-aws-key-7b19d5");
        self.in_aws("qa/map", json!({ "SecretString": json!({ "password": password }).to_string() }));
        // 'canary-aws-binary-5c2e' and three bytes that are no text.
        let binary = self.bird("bytes in AWS", "canary-aws-binary-5c2e");
        assert_eq!(binary.len(), 22);
        self.in_aws("qa/bytes", json!({ "SecretBinary": "Y2FuYXJ5LWF3cy1iaW5hcnktNWMyZf/+AA==" }));
        let below = self.bird("in AWS, below Vault", "canary-aws-shared-31d86a");
        self.in_aws("qa/shared", json!({ "SecretString": below }));
    }

    pub(crate) fn vaulted(&self, path: &str, data: Value) {
        self.bao.write(path, &data);
    }

    pub(crate) fn in_aws(&self, name: &str, mut value: Value) {
        value["Name"] = json!(name);
        self.moto.secret("CreateSecret", &value);
    }

    /// The row of a backend in `status --json`.
    #[track_caller]
    pub(crate) fn status(&self, layer: &str) -> Value {
        let told = self.house.run(&["status", "--json"]).json();
        let rows = told["backends"].as_array().expect("rows");
        rows.iter().find(|row| row["name"] == layer).unwrap_or_else(|| panic!("no {layer} in {told}")).clone()
    }

    /// A cockpit in which all four have answered.
    pub(crate) fn open(&self) -> Screen {
        let mut screen = self.house.open(&[], 160, 48);
        screen.shows("backends 4/4");
        screen
    }
}

/// The processes of a cockpit: its own and its plugins'.
pub(crate) fn processes(screen: &Screen) -> Vec<Process> {
    let own = Process::of(screen.pid() as i32).expect("it runs");
    std::iter::once(own).chain(under(screen.pid())).collect()
}
