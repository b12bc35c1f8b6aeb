use super::helper::Freshness;
use super::settings::Wish;
use super::*;
use crate::config::Wanted;
use jiff::Timestamp;
use quarterdeck_contract::Setting;
use std::os::unix::fs::PermissionsExt as _;

const QA: Option<Environment> = Some(Environment::Qa);
const PRODUCTION: Option<Environment> = Some(Environment::Production);

/// A home, a working folder, and variables.
struct World {
    folder: tempfile::TempDir,
    vars: Vec<(&'static str, String)>,
}

impl World {
    fn new(vars: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, vars: vars.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("ours");
        path
    }

    fn surroundings(&self) -> Surroundings {
        let at = |name: &str| self.folder.path().join(name);
        let mut vars: std::collections::BTreeMap<_, _> =
            self.vars.iter().map(|(name, value)| ((*name).into(), value.into())).collect();
        vars.insert("HOME".into(), at("home").into());
        vars.insert("PATH".into(), "/usr/bin:/bin".into());
        Surroundings {
            vars,
            cwd: self.folder.path().to_owned(),
            executable: at("bin/quarterdeck"),
            user: "alice".into(),
            host: "bastion-1".into(),
            pid: 1,
            etc: at("etc"),
        }
    }

    /// What the layer would be made from; `table` is its `[backend.…]`.
    fn maker(&self, layer: &str, environment: Option<Environment>, table: &str) -> Maker {
        let table: BackendTable = toml::from_str(table).expect("a table");
        let kind = table.plugin.clone().unwrap_or_else(|| layer.to_owned());
        let manifest = match kind.as_str() {
            "aws" => "name = 'aws'\n[environment]\nprefixes = ['AWS_']\n[helpers]\nprograms = ['credential_process']\n",
            _ => "name = 'vault'\n[environment]\nprefixes = ['VAULT_']\n",
        };
        let manifest = PluginManifest::parse(manifest).expect("a manifest");
        let (layer, surroundings) = (layer.to_owned(), self.surroundings());
        Maker { layer, kind, table, environment, manifest, surroundings, versions: None }
    }

    fn setup(&self, layer: &str, environment: Option<Environment>, table: &str) -> Setup {
        self.maker(layer, environment, table).make(None).expect("a setup")
    }

    fn helper(&self, environment: Option<Environment>, table: &str) -> Result<Option<Helper>> {
        let maker = self.maker("aws", environment, table);
        Helper::of(&maker.wish(), &maker.make(None)?)
    }
}

fn secret(setup: &Setup, name: &str) -> Option<String> {
    setup.secrets.get(name).map(|bytes| String::from_utf8_lossy(bytes.expose()).into_owned())
}

#[test]
fn the_sessions_variables_come_first_but_where_root_says_otherwise() {
    let world = World::new(&[
        ("VAULT_ADDR", "https://planted:8200"),
        ("VAULT_TOKEN", "planted\n"),
        ("VAULT_CACERT", "ca.pem"),
        ("DP_VAULT_PATH", "secret/data/desk/broker"),
    ]);
    let token = world.write("token", "roots\n", 0o600);
    let table = format!(
        "secret_files = {{ token = '{}' }}\nsettings = {{ address = 'https://vault:8200' }}\n",
        token.display()
    );
    let read = |layer, environment, table: &str| {
        let setup = world.setup(layer, environment, table);
        let from =
            if secret(&setup, "token").as_deref() == Some("roots") { token.to_str() } else { Some("VAULT_TOKEN") };
        assert_eq!(setup.text("token_from"), from, "a remedy names what counts");
        (setup.text("address").map(str::to_owned), secret(&setup, "token"))
    };
    let pair = |address: &str, token: &str| (Some(address.to_owned()), Some(token.to_owned()));
    assert_eq!(read("vault", QA, &table), pair("https://planted:8200", "planted"));
    assert_eq!(read("vault", PRODUCTION, &table), pair("https://vault:8200", "roots"));
    assert_eq!(read("eu", QA, &format!("plugin = 'vault'\n{table}")), pair("https://vault:8200", "roots"));
    assert_eq!(read("vault", PRODUCTION, ""), pair("https://planted:8200", "planted"), "root says nothing");
    let setup = world.setup("vault", QA, "");
    assert_eq!(setup.secrets.keys().collect::<Vec<_>>(), ["token"], "one word for one thing");
    assert_eq!(setup.text("path"), Some("secret/data/desk/broker"));
    assert_eq!(setup.text("environment"), Some("qa"));
    let beside = world.folder.path().join("ca.pem");
    assert_eq!(setup.text("ca_file"), beside.to_str(), "a variable's file is found from the working folder");
}

#[test]
fn the_token_that_vault_login_left_is_taken_when_it_is_private() {
    let world = World::new(&[]);
    assert_eq!(secret(&world.setup("vault", QA, ""), "token"), None);
    let file = world.write("home/.vault-token", "left", 0o600);
    assert_eq!(secret(&world.setup("vault", QA, ""), "token").as_deref(), Some("left"));
    assert_eq!(world.setup("vault", QA, "").text("token_from"), file.to_str());
    assert_eq!(secret(&world.setup("vault", QA, "settings = { auth = 'approle' }"), "token"), None);
    assert!(world.maker("vault", QA, "").watched().contains(&file));
    world.write("home/.vault-token", "left", 0o644);
    let error = world.maker("vault", QA, "").make(None).expect_err("everybody can read it");
    assert!(error.hint.contains("chmod 600") && error.doing.contains(".vault-token"), "{error}");
}

#[test]
fn production_enforces_https_and_verifies() {
    let flag = |vars: &[(&'static str, &str)], environment, table: &str| {
        World::new(vars).setup("vault", environment, table).flag("enforce_https")
    };
    assert!(flag(&[("DP_SECURITY__ENFORCE_HTTPS", "false")], PRODUCTION, "settings = { enforce_https = false }"));
    assert!(flag(&[("DP_SECURITY__ENFORCE_HTTPS", "true")], QA, ""));
    assert!(flag(&[("DP_SECURITY__ENFORCE_HTTPS", "false")], QA, "settings = { enforce_https = true }"));
    assert!(!flag(&[], QA, ""));
    let unverified = "settings = { verify = false }";
    let world = World::new(&[]);
    assert!(world.maker("vault", PRODUCTION, unverified).make(None).is_err_and(|e| e.what.contains("verify")));
    assert_eq!(world.setup("vault", QA, unverified).settings.get("verify"), Some(&Setting::Flag(false)));
}

#[test]
fn aws_entries_reach_it_by_its_manifest_and_none_leads_elsewhere_than_root_says() {
    let vars = [
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "planted"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_PROFILE", "planted"),
        ("AWS_ENDPOINT_URL", "http://planted"),
        ("OTHER", "x"),
    ];
    let world = World::new(&vars);
    world.write("home/.aws/config", "", 0o600);
    let table = "settings = { region = 'eu-west-1', profile = 'desk', endpoint = 'https://aws' }";
    let told = |environment| {
        let setup = world.setup("aws", environment, table);
        let names: Vec<String> = setup.secrets.keys().cloned().collect();
        let text = |name: &str| setup.text(name).unwrap_or_default().to_owned();
        ([text("region"), text("profile"), text("endpoint")], names, text("aws_folder"))
    };
    let (settings, names, folder) = told(QA);
    assert_eq!(settings, ["us-east-1", "planted", "http://planted"]);
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(folder.ends_with("/home/.aws"));
    let (settings, names, _) = told(PRODUCTION);
    assert_eq!(settings, ["eu-west-1", "desk", "https://aws"]);
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_helper_is_run_without_a_shell_and_without_the_guides_secrets() {
    let world = World::new(&[("DP_BROKER__PASSWORD", "canary"), ("MARK", "seen")]);
    let script = "#!/bin/sh\n[ -z \"$DP_BROKER__PASSWORD\" ] && [ \"$MARK\" = seen ] || exit 3\n\
        echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"$1\\\",\\\"SecretAccessKey\\\":\\\"$2\\\",\\\"Expiration\\\":\\\"2030-01-01T00:00:00Z\\\"}\"\n\
        echo x >> runs\n";
    let program = world.write("give me", script, 0o700);
    let config = format!("[default]\ncredential_process = \"{}\" 'a;b' $HOME\n", program.display());
    world.write("home/.aws/config", &config, 0o600);
    let helper = world.helper(QA, "").expect("profiles").expect("a helper");
    let at = |text: &str| text.parse::<Timestamp>().expect("a test's own timestamp");
    assert_eq!(helper.freshen(at("2029-12-31T00:00:00Z")), Ok(Freshness::New));
    let given = helper.given().expect("given");
    let json: serde_json::Value = serde_json::from_slice(given.expose()).expect("JSON");
    assert_eq!((&json["AccessKeyId"], &json["SecretAccessKey"]), (&"a;b".into(), &"$HOME".into()));
    let setup = world.maker("aws", QA, "").make(Some(given)).expect("a setup");
    assert!(setup.secrets.contains_key(CREDENTIAL_PROCESS));
    // It is asked again five minutes before the end, and what still holds is used on when it fails.
    let runs = || std::fs::read_to_string(world.folder.path().join("runs")).expect("it ran").lines().count();
    assert_eq!(helper.freshen(at("2029-12-31T23:54:59Z")), Ok(Freshness::Same));
    assert_eq!(runs(), 1);
    assert_eq!(helper.freshen(at("2029-12-31T23:55:00Z")), Ok(Freshness::New));
    assert_eq!(runs(), 2);
    world.write("give me", "#!/bin/sh\nexit 7\n", 0o700);
    assert_eq!(helper.freshen(at("2029-12-31T23:59:59Z")), Ok(Freshness::Same));
    let error = helper.freshen(at("2030-01-01T00:00:00Z")).expect_err("it ended");
    assert!(error.what.contains("exit status: 7") && error.doing.contains("give me"), "{error}");
}

#[test]
fn what_a_helper_says_wrongly_is_never_repeated() {
    for (says, told) in [
        ("echo canary", "as JSON"),
        ("echo '{\"Version\":2,\"AccessKeyId\":\"canary\",\"SecretAccessKey\":\"canary\"}'", "Version is not 1"),
        (
            "echo '{\"Version\":1,\"AccessKeyId\":\"canary\",\"SecretAccessKey\":\"x\",\"Expiration\":\"canary\"}'",
            "no time",
        ),
        ("echo canary >&2; exit 1", "exit status: 1"),
        ("head -c 100000 /dev/zero", "more than"),
    ] {
        let world = World::new(&[]);
        let program = world.write("give", &format!("#!/bin/sh\n{says}\n"), 0o700);
        world.write("home/.aws/config", &format!("[default]\ncredential_process={}\n", program.display()), 0o600);
        let helper = world.helper(QA, "").expect("profiles").expect("a helper");
        let error = helper.freshen(Timestamp::now()).expect_err("it makes no sense").to_string();
        assert!(error.contains(told) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn a_helper_that_hangs_is_ended_with_all_that_it_started() {
    let world = World::new(&[]);
    // The child of the helper holds the pipe open, too.
    let program = world.write("give", "#!/bin/sh\ntail -f /dev/null & echo $! > child; wait\n", 0o700);
    let helper = Helper::new(program.display().to_string(), &world.surroundings(), Duration::from_millis(300));
    let error = helper.freshen(Timestamp::now()).expect_err("it hangs");
    assert!(error.what.contains("was ended"), "{error}");
    let child = std::fs::read_to_string(world.folder.path().join("child")).expect("it started one");
    let status = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !status().is_empty() && !status().contains(") Z ") {
        assert!(std::time::Instant::now() < end, "it lives: {}", status());
        std::thread::yield_now();
    }
}

#[test]
fn no_helper_is_run_that_others_may_have_named_or_that_a_key_makes_needless() {
    let config = "[default]\ncredential_process = /bin/true\n";
    let world = World::new(&[]);
    let file = world.write("home/.aws/config", config, 0o600);
    assert!(world.helper(QA, "").expect("profiles").is_some());
    assert!(world.helper(QA, "settings = { profile = 'other' }").expect("profiles").is_none());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("ours");
    assert!(world.helper(QA, "").is_err());
    let keyed = World::new(&[("AWS_ACCESS_KEY_ID", "AKIA")]);
    keyed.write("home/.aws/config", config, 0o600);
    assert!(keyed.helper(QA, "").expect("profiles").is_none());
    let mut elsewhere = World::new(&[]);
    let planted = elsewhere.write("planted", config, 0o600);
    elsewhere.vars.push(("AWS_CONFIG_FILE", planted.display().to_string()));
    assert!(elsewhere.helper(QA, "").expect("profiles").is_some());
    assert!(elsewhere.helper(PRODUCTION, "").expect("profiles").is_none(), "a variable names no program there");
}

#[test]
fn a_backend_that_leads_to_another_environments_secrets_is_refused() {
    let world = World::new(&[]);
    let config = |environment| Config { environment, ..Config::default() };
    let lead =
        |environment, table: &str| crossed("vault", &world.setup("vault", environment, table), &config(environment));
    for table in [
        "settings = { path = 'secret/data/prod/broker' }",
        "settings = { password_path = 'secret/PROD/broker' }",
        "settings = { namespace = 'prod' }",
        "settings = { mount = 'production/' }",
        "settings = { prefix = 'prod/' }",
    ] {
        let error = lead(QA, table).expect("refused");
        assert!(error.what.contains("PRODUCTION"), "{error}");
        assert!(lead(PRODUCTION, table).is_none(), "{table}");
    }
    assert!(lead(QA, "settings = { path = 'secret/data/algo-trade/broker', mount = 'secret' }").is_none());
    let fernet = world.setup("fernet", QA, "plugin = 'fernet'\npath = '/prod/secrets.bin'");
    assert!(crossed("fernet", &fernet, &config(QA)).is_none(), "a file is no name");
}

#[test]
fn a_backend_may_be_for_some_environments_alone() {
    let world = World::new(&[("DP_USE_VAULT", "1")]);
    world.write("quarterdeck.toml", "[backend.vault]\nenvironments=['prod','paper']\n[backend.aws]\n", 0o600);
    let on = |name| {
        let config = Config::load(&world.surroundings(), Wanted::Named(name)).expect("it loads");
        layers(&config, &world.surroundings())
    };
    assert_eq!(on("paper"), ["env", "vault", "aws"]);
    assert_eq!(on("qa"), ["env", "aws"]);
}

#[test]
fn a_wish_knows_when_configuration_comes_first() {
    let (table, world) = (BackendTable::default(), World::new(&[]));
    let surroundings = world.surroundings();
    let first = |layer, environment| {
        Wish { layer, kind: "vault", table: &table, environment, surroundings: &surroundings }.configured_first()
    };
    assert!(!first("vault", QA) && !first("vault", None));
    assert!(first("vault", PRODUCTION) && first("vault-eu", QA));
}
