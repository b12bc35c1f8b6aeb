//! The values, and where they were put.

use crate::house::House;
use crate::search::{self, Bird};
use std::path::Path;

/// The house with a value in each place that holds secrets.
pub(crate) struct Aviary {
    pub(crate) house: House,
    pub(crate) birds: Vec<Bird>,
}

/// Files that hold them on purpose; the Fernet file holds them too, sealed.
const SOURCES: [&str; 3] = ["work/secrets.yaml", "work/orders.jsonl", "work/.env.local"];

impl Aviary {
    /// A value in the Fernet file, the environment, an `.env` file, a YAML file, a plugin's own store, another
    /// program's audit file; and the keys of the Fernet file.
    pub(crate) fn new() -> Self {
        let mut house = House::guide("qa");
        let key = house.vars()["DP_SECRETS_ENCRYPTION_KEY"].clone();
        let mut birds = vec![Bird { name: "the Fernet key", value: key }];
        let mut bird = |name: &'static str, value: &str| {
            birds.push(Bird { name, value: value.to_owned() });
            value.to_owned()
        };
        house.set_var("DP_BROKER__PASSWORD", &bird("an entry", "canary-entry-3fe81c"));
        house.set_var("DP_SHELF_ONE", &bird("a plugin's own", "canary-shelf-90b2d4"));
        house.write("work/.env.local", format!("DP_DESK__DOTENV={}\n", bird("an .env entry", "canary-dotenv-77a0e9")));
        house.write("work/secrets.yaml", format!("desk:\n  yaml: {}\n", bird("in YAML", "canary-yaml-5d1b6f")));
        house.write("work/orders.jsonl", audit_lines(&mut bird));
        house.configure(&format!(
            "[plugins]\nfolders = [{:?}]\n[backend.env]\nenv_files = [\".env.local\"]\n[backend.fernet]\n\
             path = \".secrets/encrypted_secrets.bin\"\n[backend.yaml]\npath = \"secrets.yaml\"\n\
             [backend.shelf]\nplugin = \"misbehave\"\nwithin = \"1s\"\n\
             [[audit.source]]\nname = \"orders\"\npath = \"orders.jsonl\"\n",
            crate::house::installed::misbehave()
        ));
        let stored = bird("stored", "canary-stored-c4a7f2");
        house.feed(&["secrets", "set", "desk.stored"], stored.as_bytes()).expect_status(0);
        Self { house, birds }
    }

    /// Adds a value that is searched for from now on.
    pub(crate) fn bird(&mut self, name: &'static str, value: &str) -> String {
        self.birds.push(Bird { name, value: value.to_owned() });
        value.to_owned()
    }

    /// Fails when one of them is in these bytes, as it is, in hexadecimal or in base64.
    #[track_caller]
    pub(crate) fn none_in(&self, place: &str, bytes: &[u8]) {
        search::none_in(&self.birds, place, bytes);
    }

    /// Fails when one of them is in any file of the house beside those that hold it on purpose.
    #[track_caller]
    pub(crate) fn none_in_files(&self) {
        search::none_in_files(&self.birds, self.house.root(), is_source);
    }
}

/// Another program's lines, with what such programs write by mistake.
fn audit_lines(bird: &mut impl FnMut(&'static str, &str) -> String) -> String {
    let line = |context: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-20T12:00:00Z\",\"actor\":\"service-role:alpha\",\"resource\":\"desk\",\
             \"action\":\"READ\",\"result\":\"SUCCESS\",\"context\":{context}}}\n"
        )
    };
    let password = bird("a password in a line", "canary-linepw-18ce55");
    let token = bird("a bearer token in a line", "canary-bearer-ab40117c2e9d88f3");
    let url = bird("a password in a URL", "canary-url-6e02b1");
    line(&format!("{{\"password\":\"{password}\"}}"))
        + &line(&format!("{{\"purpose\":\"Authorization: Bearer {token}\"}}"))
        + &line(&format!("{{\"purpose\":\"postgres://app:{url}@db.example.invalid/x\"}}"))
        + &format!("no JSON, but password={password} all the same\n")
        + &line("{\"purpose\":\"the-last-line\"}")
}

fn is_source(file: &Path) -> bool {
    SOURCES.iter().any(|source| file.ends_with(source))
}
