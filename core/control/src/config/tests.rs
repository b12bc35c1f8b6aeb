use super::*;

fn world(folder: &Path, vars: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        vars: vars.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        cwd: folder.join("work"),
        executable: folder.join("bin/quarterdeck"),
        user: "alice".into(),
        host: "bastion-1".into(),
        pid: 1,
        etc: folder.join("etc"),
    }
}

fn house(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

#[test]
fn a_working_folder_does_not_say_who_confirms_a_rotation() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut surroundings = Surroundings::of_this_process();
    let path = |name: &str| dir.path().join(name);
    surroundings.vars = [("XDG_CONFIG_HOME".into(), path("config").into_os_string())].into();
    (surroundings.cwd, surroundings.etc) = (path("work"), path("etc"));
    let text = "[rotate]\nconfirm = \"devops\"\ngrace = \"1s\"\n";
    for folder in ["config/quarterdeck", "work"] {
        std::fs::create_dir_all(path(folder)).expect("a folder");
    }
    std::fs::write(path("work").join(FILE_NAME), text).expect("a file");
    let load = || Config::load(&surroundings, Wanted::Named("paper")).expect("a configuration");
    let config = load();
    assert!(config.file.rotate.confirm.is_none() && config.file.rotate.grace.is_none(), "{:?}", config.file.rotate);
    assert!(config.warnings.iter().any(|warning| warning.starts_with("[rotate] of ")), "{:?}", config.warnings);
    std::fs::write(path("config/quarterdeck").join(FILE_NAME), text).expect("a file");
    assert_eq!(load().file.rotate.confirm.as_deref(), Some("devops"), "the person's own file says it");
}

#[test]
fn without_any_file_or_name_there_is_no_environment_and_no_error() {
    let folder = house(&[]);
    let config = Config::load(&world(folder.path(), &[]), Wanted::AsConfigured).expect("nothing is fine");
    assert_eq!(config.environment, None);
}

#[test]
fn the_flag_comes_before_the_variable_before_the_file() {
    let folder = house(&[("work/quarterdeck.toml", "[environment]\nname = 'paper'\n")]);
    let load = |vars: &[(&str, &str)], flag| Config::load(&world(folder.path(), vars), flag).map(|c| c.environment);
    assert_eq!(load(&[], Wanted::AsConfigured).expect("paper"), Some(Environment::Paper));
    assert_eq!(load(&[("DP_ENVIRONMENT", "prod")], Wanted::AsConfigured).expect("prod"), Some(Environment::Production));
    assert_eq!(load(&[("DP_ENVIRONMENT", "prod")], Wanted::Named("qa")).expect("qa"), Some(Environment::Qa));
    assert!(load(&[("DP_ENVIRONMENT", "prd")], Wanted::AsConfigured).is_err(), "an unknown name is never guessed");
}

#[test]
fn in_production_a_planted_file_makes_no_governance_officer() {
    let planted = "[[person]]\nname='alice'\nrole='governance'\n[screen]\ntheme='light'\n";
    let folder = house(&[("work/quarterdeck.toml", planted)]);
    let config =
        Config::load(&world(folder.path(), &[]), Wanted::Named("production")).expect("it loads, less the person");
    assert_eq!(config.person_of("alice").1, None);
    assert_eq!(config.file.screen.theme.as_deref(), Some("light"), "looks are anybody's");
    assert!(config.warnings.iter().any(|w| w.contains("[person]")), "{:?}", config.warnings);
    let qa = Config::load(&world(folder.path(), &[]), Wanted::Named("qa")).expect("it loads");
    assert_eq!(qa.person_of("alice").1, Some(Role::Governance));
}

#[test]
fn a_file_that_everybody_can_write_makes_nobody_anything() {
    use std::os::unix::fs::PermissionsExt;
    let text = "[[person]]\nname='alice'\nrole='governance'\n[screen]\ntheme='light'\n";
    let folder = house(&[("work/quarterdeck.toml", text)]);
    let load = || Config::load(&world(folder.path(), &[]), Wanted::Named("qa")).expect("it loads");
    assert_eq!(load().person_of("alice").1, Some(Role::Governance));
    let file = folder.path().join("work/quarterdeck.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("a mode");
    let config = load();
    assert_eq!(config.person_of("alice").1, None);
    assert_eq!(config.file.screen.theme.as_deref(), Some("light"));
    assert!(config.warnings.iter().any(|w| w.contains("everybody can write")), "{:?}", config.warnings);
}

#[test]
fn a_flag_leads_no_session_to_another_environments_backends() {
    let text =
        "[environment]\nname='prod'\n[backend.fernet]\npath='live.bin'\n[[person]]\nname='alice'\nrole='trader'\n";
    let folder = house(&[("etc/quarterdeck.toml", text)]);
    let qa = Config::load(&world(folder.path(), &[]), Wanted::Named("qa")).expect("it loads");
    assert!(qa.file.backend.is_empty(), "{:?}", qa.file.backend);
    assert!(qa.warnings.iter().any(|w| w.contains("[backend]") && w.contains("PRODUCTION")), "{:?}", qa.warnings);
    let by_variable = Config::load(&world(folder.path(), &[("DP_ENVIRONMENT", "paper")]), Wanted::AsConfigured);
    assert!(by_variable.expect("it loads").file.backend.is_empty());
}

#[test]
fn the_latch_the_engines_and_whom_to_call_come_from_the_machines_own_file() {
    let text = "[kill_switch]\nfolder='switch'\n[[engine]]\nname='alpha'\n[market]\nzone='UTC'\nopen='09:00'\nclose='17:00'\n[desk]\nphone='1'\n";
    let planted = house(&[("work/quarterdeck.toml", text)]);
    let load =
        |house: &tempfile::TempDir, env| Config::load(&world(house.path(), &[]), Wanted::Named(env)).expect("it loads");
    let qa = load(&planted, "qa");
    assert_eq!(qa.file.kill_switch.folder, Some(planted.path().join("work/switch")), "beside the file that says so");
    assert!(qa.market().is_some() && qa.file.engine.len() == 1);
    let production = load(&planted, "production");
    assert_eq!(production.file.kill_switch.folder, None);
    assert!(production.market().is_none() && production.file.engine.is_empty() && production.file.desk.phone.is_none());
    for table in ["[kill_switch]", "[engine]", "[market]", "[desk]"] {
        assert!(production.warnings.iter().any(|warning| warning.contains(table)), "{:?}", production.warnings);
    }
    let of_another = house(&[("work/quarterdeck.toml", &format!("[environment]\nname='paper'\n{text}"))]);
    let qa = load(&of_another, "qa");
    assert_eq!(qa.file.kill_switch.folder, None, "a flag leads nobody to another environment's latch");
    assert!(qa.file.engine.is_empty() && qa.market().is_none());
}

#[test]
fn a_role_may_be_for_one_environment() {
    let text = "[[person]]\nname='al'\nunix='alice'\nrole='trader'\nenvironments=['paper']\n";
    let folder = house(&[("work/quarterdeck.toml", text)]);
    let role = |env| Config::load(&world(folder.path(), &[]), Wanted::Named(env)).map(|c| c.person_of("alice").1);
    assert_eq!(role("paper").expect("loads"), Some(Role::Trader));
    assert_eq!(role("qa").expect("loads"), None);
}

#[test]
fn wrong_values_are_named_with_what_was_meant() {
    for (text, want) in [
        ("[[person]]\nname='a'\nrole='tradr'\n", "did you mean 'trader'"),
        ("[[secret]]\nname='a'\nclass='brokr'\n", "did you mean 'broker'"),
        ("[[secret]]\nname='a'\nperiod='30'\n", "the unit is missing"),
        ("[enviroment]\nname='qa'\n", "did you mean 'environment'"),
        ("[screen\n", "line 1 is not TOML"),
        ("[kill_switch]\nfoldr='x'\n", "did you mean 'folder'"),
        ("[[engine]]\nname='a/b'\n", "[[engine]] name"),
        ("[market]\nopen='09:30'\n", "[market] zone: it is missing"),
    ] {
        let folder = house(&[("work/quarterdeck.toml", text)]);
        let said = Config::load(&world(folder.path(), &[]), Wanted::AsConfigured).expect_err("wrong").to_string();
        assert!(said.contains(want), "{text}: {said}");
    }
}

/// Every way to say less is a file that comes later and could drop, replace or empty what an earlier one says.
#[test]
fn a_later_file_adds_owners_of_names_and_takes_none_away() {
    let first = "[environment]\naliases = { live = 'production' }\n[[boundary]]\nenvironment = 'production'\n\
                 names = ['desk/*']\n[[secret]]\nname = 'one/x'\nenvironment = 'production'\n";
    for later in [
        "[environment]\naliases = { live = 'qa' }\n",
        "[[boundary]]\nenvironment = 'qa'\nnames = ['zz/*']\n",
        "boundary = []\nsecret = []\n",
        "[[secret]]\nname = 'one/x'\nenvironment = 'qa'\n",
        "[[secret]]\nname = 'other'\n",
    ] {
        let folder = house(&[("home/.config/quarterdeck/quarterdeck.toml", first), ("work/quarterdeck.toml", later)]);
        let home = folder.path().join("home").display().to_string();
        let config = Config::load(&world(folder.path(), &[("HOME", &home)]), Wanted::Named("qa")).expect("it loads");
        for name in ["live/x", "desk/x", "one/x"] {
            let owner = config.boundary().crossed("vault", name, config.environment);
            assert_eq!(owner, Some(Environment::Production), "{name} after {later}");
        }
    }
}

#[test]
fn what_a_file_of_another_environment_says_of_owners_stays() {
    let text = "[environment]\nname = 'production'\n[[secret]]\nname = 'live/x'\nenvironment = 'production'\n";
    let folder = house(&[("work/quarterdeck.toml", text)]);
    let config = Config::load(&world(folder.path(), &[]), Wanted::Named("qa")).expect("it loads");
    assert!(config.file.secret.is_empty(), "the rest of it is of Production");
    assert_eq!(config.boundary().crossed("vault", "live/x", config.environment), Some(Environment::Production));
}

#[test]
fn in_production_nobodys_file_but_roots_takes_a_name_away() {
    for text in ["[environment]\naliases = { a = 'paper' }\n", "[[boundary]]\nenvironment = 'qa'\nnames = ['a/*']\n"] {
        let folder = house(&[("work/quarterdeck.toml", text)]);
        let config = Config::load(&world(folder.path(), &[]), Wanted::Named("production")).expect("it loads");
        assert_eq!(config.boundary().crossed("vault", "a/x", config.environment), None, "{text}");
        assert!(!config.warnings.is_empty(), "{text}");
    }
}

#[test]
fn a_strangers_file_names_no_environment() {
    use std::os::unix::fs::PermissionsExt;
    let text =
        "[environment]\nname = 'paper'\naliases = { live = 'qa' }\n[[boundary]]\nenvironment = 'qa'\nnames = ['b/*']\n";
    let folder = house(&[("work/quarterdeck.toml", text)]);
    let file = folder.path().join("work/quarterdeck.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).expect("ours");
    let config = Config::load(&world(folder.path(), &[]), Wanted::AsConfigured).expect("it loads");
    assert_eq!((config.environment, config.file.environment.aliases.len(), config.claims.len()), (None, 0, 0));
    assert_eq!(config.warnings.iter().filter(|warning| warning.contains("[environment]")).count(), 1);
}

#[test]
fn an_alias_is_a_plain_word_that_is_no_environments_own() {
    for alias in ["prod", "Production", "dev", "qa", "*", "a/b", "", "a*"] {
        let folder = house(&[("work/quarterdeck.toml", &format!("[environment]\naliases = {{ '{alias}' = 'qa' }}\n"))]);
        let loaded = Config::load(&world(folder.path(), &[]), Wanted::Named("qa"));
        assert!(matches!(loaded, Err(ConfigError::Value { .. })), "{alias}: {loaded:?}");
    }
}

const ARMED: &str = "[[secret]]\nname = 'a'\nperiod = '7d'\ngenerator = { command = ['/bin/false'] }\n\
                     [secret.set]\ncommand = ['/bin/false']\n[secret.revoke]\nby = 'person'\ntell = 'at the portal'\n";

#[test]
fn a_working_folders_file_runs_nothing_and_keeps_the_rest() {
    let folder = house(&[("work/quarterdeck.toml", ARMED)]);
    let config = Config::load(&world(folder.path(), &[]), Wanted::Named("qa")).expect("it loads");
    let secret = config.secret_in("fernet", "a").expect("its entry");
    assert!(secret.set.is_none() && secret.generator.is_none());
    assert_eq!(secret.period.as_deref(), Some("7d"));
    assert!(secret.revoke.is_some(), "a person is asked, nothing is run");
    assert_eq!(config.left_aside.iter().map(|left| left.part).collect::<Vec<_>>(), ["generator", "set"]);
    let said = config.warnings.iter().filter(|warning| warning.starts_with("[[secret]] a ")).count();
    assert_eq!(said, 2, "{:?}", config.warnings);
}

#[test]
fn commands_count_from_the_users_own_file_and_a_later_file_adds_to_them() {
    use std::os::unix::fs::PermissionsExt;
    let later = "[[secret]]\nname = 'a'\ngrace = '5m'\n";
    let folder = house(&[("home/.config/quarterdeck/quarterdeck.toml", ARMED), ("work/quarterdeck.toml", later)]);
    let home = folder.path().join("home").display().to_string();
    let load = || Config::load(&world(folder.path(), &[("HOME", &home)]), Wanted::Named("qa")).expect("it loads");
    let own = folder.path().join("home/.config/quarterdeck/quarterdeck.toml");
    let mode = |mode| std::fs::set_permissions(&own, std::fs::Permissions::from_mode(mode)).expect("ours");
    mode(0o644);
    let config = load();
    let secret = config.secret_in("fernet", "a").expect("its entry");
    assert!(secret.set.is_some() && secret.generator.is_some() && config.left_aside.is_empty());
    assert_eq!((secret.period.as_deref(), secret.grace.as_deref()), (Some("7d"), Some("5m")));
    mode(0o664);
    assert_eq!(load().left_aside.len(), 2, "a group could write it");
}

#[test]
fn in_production_rotation_is_roots_to_configure() {
    let text = format!("[rotate]\nretire = 'force'\n{ARMED}");
    let folder = house(&[("home/.config/quarterdeck/quarterdeck.toml", &text)]);
    let home = folder.path().join("home").display().to_string();
    let config =
        Config::load(&world(folder.path(), &[("HOME", &home)]), Wanted::Named("production")).expect("it loads");
    assert!(config.file.secret.is_empty() && config.file.rotate.retire.is_none());
    assert_eq!(config.left_aside.len(), 2);
    assert!(config.warnings.iter().any(|warning| warning.contains("[rotate]")), "{:?}", config.warnings);
}

#[test]
fn what_is_said_of_a_rotation_wrongly_is_named_with_its_file_and_key() {
    for (text, want) in [
        ("[[secret]]\nname='a'\ngrace='5'\n", "quarterdeck/quarterdeck.toml [[secret]] a grace: '5' is not a duration"),
        ("[[secret]]\nname='a'\ngrace='2d'\nperiod='1d'\n", "[[secret]] a grace: it is not shorter"),
        ("[[secret]]\nname='a'\ngenerator='pasword:32'\n", "did you mean 'password'"),
        ("[[secret]]\nname='a'\nretire='asq'\n", "did you mean 'ask'"),
        ("[[secret]]\nname='a'\nlayer='fernt'\n", "did you mean 'fernet'"),
        ("[[secret]]\nname='a'\nschedule=true\n", "did you mean 'scheduled'"),
        ("[[secret]]\nname='a'\n[secret.set]\ncomand=['x']\n", "did you mean 'command'"),
        ("[[secret]]\nname='a'\n[secret.set]\nby='person'\n", "[[secret]] a set: 'tell' is missing"),
        (
            "[rotate]\nconfirm='tradr'\n",
            "[rotate] confirm: there is no role that can confirm 'tradr'; did you mean 'trader'",
        ),
        ("[rotate.watch]\nerrors=9999\n", "[rotate.watch] errors: 9999 is more"),
        ("[rotate.watch]\nsources=['ordrs']\n[[audit.source]]\nname='orders'\npath='o'\n", "did you mean 'orders'"),
        ("[rotate.wach]\nerrors=1\n", "did you mean 'watch'"),
    ] {
        let folder = house(&[("home/.config/quarterdeck/quarterdeck.toml", text)]);
        let home = folder.path().join("home").display().to_string();
        let world = world(folder.path(), &[("HOME", &home)]);
        let said = Config::load(&world, Wanted::AsConfigured).expect_err("wrong").to_string();
        assert!(said.contains(want), "{text}: {said}");
    }
}

#[test]
fn an_entry_that_names_the_layer_comes_before_one_that_names_none() {
    let text = "[[secret]]\nname='a'\nperiod='1d'\n[[secret]]\nname='a'\nlayer='vault'\nperiod='2d'\n\
                [[secret]]\nname='b'\nkey='k'\nlayer='aws'\n";
    let folder = house(&[("work/quarterdeck.toml", text)]);
    let config = Config::load(&world(folder.path(), &[]), Wanted::Named("qa")).expect("it loads");
    let period = |layer: &str| config.secret_in(layer, "a").and_then(|secret| secret.period.clone());
    assert_eq!((period("vault").as_deref(), period("aws").as_deref()), (Some("2d"), Some("1d")));
    assert!(config.secret_in("aws", "k").is_some() && config.secret_in("fernet", "k").is_none());
}
