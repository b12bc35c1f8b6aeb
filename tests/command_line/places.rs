//! Where the program stands and where its files are: any working folder, any way of installing it, no plugin at all.

use crate::house::{House, installed, mode};
use std::path::Path;

#[test]
fn it_works_from_any_folder() {
    let house = House::qa();
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    for folder in ["/", "/proc", house.path("home").to_str().expect("a plain path")] {
        let mut command = house.command(house.program());
        let output = command.current_dir(folder).args(["secrets", "get", "desk.a"]).output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "b\n", "{folder}");
    }
}

#[test]
fn it_works_when_it_is_called_by_a_link() {
    let house = House::qa();
    let link = house.path("tmp/qd");
    std::os::unix::fs::symlink(house.program(), &link).expect("a link");
    let output = house.command(&link).args(["plugins", "list", "--json"]).output().expect("it starts");
    let plugins: serde_json::Value = serde_json::from_slice(&output.stdout).expect("data");
    assert_eq!(plugins.as_array().map(Vec::len), Some(4));
}

#[test]
fn it_works_when_its_working_folder_is_gone() {
    let house = House::qa();
    let said = house.shell("mkdir gone && cd gone && rmdir ../gone && quarterdeck whoami");
    said.expect_status(0);
}

/// A prefix: `bin/quarterdeck` and `lib/quarterdeck/plugins/`.
#[test]
fn plugins_of_a_prefix_are_found() {
    let mut house = House::new();
    let beside = house.program().parent().expect("a folder").to_owned();
    let (bin, plugins) = (house.path("usr/bin"), house.path("usr/lib/quarterdeck/plugins"));
    for folder in [&bin, &plugins] {
        std::fs::create_dir_all(folder).expect("folders");
        folder.ancestors().take_while(|path| *path != house.root()).for_each(|path| mode(path, 0o755));
    }
    std::fs::copy(house.program(), bin.join("quarterdeck")).expect("a copy");
    for name in ["libquarterdeck_fernet.so", "fernet.plugin.toml"] {
        std::fs::copy(beside.join(name), plugins.join(name)).expect("a copy");
        mode(&plugins.join(name), 0o644);
    }
    house.use_program(bin.join("quarterdeck"));
    let key = house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", &key);
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
}

#[test]
fn without_any_plugin_every_verb_that_needs_one_names_the_command_that_builds_them() {
    let mut house = House::qa();
    house.use_program(installed::bare());
    let verbs: [&[&str]; 8] = [
        &[],
        &["demo"],
        &["status"],
        &["doctor"],
        &["secrets", "list"],
        &["secrets", "generate-key"],
        &["config", "show"],
        &["plugins", "list"],
    ];
    for verb in verbs {
        let said = house.run(verb);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert_eq!(said.status, 5, "{verb:?}: {all}");
        assert!(all.contains("cargo build --release"), "{verb:?}: {all}");
    }
    assert_eq!(std::fs::read_dir(house.path("tmp")).expect("a folder").count(), 0, "the demo left nothing");
}

#[test]
fn a_library_that_others_can_write_is_refused_with_its_reason() {
    let house = House::guide("qa");
    let folder = house.path("plugins");
    std::fs::create_dir(&folder).expect("a folder");
    mode(&folder, 0o755);
    let beside = house.program().parent().expect("a folder");
    for name in ["libquarterdeck_fernet.so", "fernet.plugin.toml"] {
        std::fs::copy(beside.join(name), folder.join(name)).expect("a copy");
    }
    house.configure("[plugins]\nfolders = [\"../plugins\"]\n");
    let library = folder.join("libquarterdeck_fernet.so");
    mode(&library, 0o755);
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    for bits in [0o757, 0o777] {
        mode(&library, bits);
        let said = house.run(&["secrets", "list", "--layer", "fernet"]);
        assert_ne!(said.status, 0);
        assert!(said.stderr.contains("everybody"), "{}", said.stderr);
        assert_eq!(house.run(&["plugins", "verify"]).status, 6);
    }
    mode(&library, 0o755);
    std::fs::write(&library, "no library").expect("written");
    let said = house.run(&["secrets", "list", "--layer", "fernet"]);
    assert_ne!(said.status, 0);
    assert!(said.stderr.contains("not a library") || said.stderr.contains("no library"), "{}", said.stderr);
}

#[test]
fn a_key_that_is_misspelt_is_named_with_its_file_line_and_the_nearest() {
    let house = House::new();
    let cases = [
        ("[screen]\ntheem = \"dark\"\n", "line 2", "did you mean 'theme'"),
        ("\n\n[enviroment]\nname = \"qa\"\n", "line 3", "did you mean 'environment'"),
        ("[backend.fernet]\nkey-file = \"k\"\n", "line 2", "did you mean 'key_file'"),
        ("[[person]]\nname = \"a\"\nrole = \"tradr\"\n", "[[person]] a", "did you mean 'trader'"),
        ("[[secret]]\nname = \"a\"\nperiod = \"30\"\n", "period", "the unit is missing"),
        ("[screen\n", "line 1", "not TOML"),
    ];
    for (text, place, meant) in cases {
        house.configure(text);
        for verb in [&["config", "check"][..], &["--env", "qa", "status"]] {
            let said = house.run(verb).expect_status(1);
            assert!(said.stderr.contains(place) && said.stderr.contains(meant), "{text}: {}", said.stderr);
        }
    }
}

#[test]
fn later_files_win_and_paths_belong_to_the_file_that_says_them() {
    let house = House::new();
    house.write("etc/quarterdeck.toml", "[environment]\nname = \"paper\"\n[screen]\ntheme = \"light\"\n");
    house.write("home/.config/quarterdeck/quarterdeck.toml", "[backend.yaml]\npath = \"mine.yaml\"\n");
    house.write("home/.config/quarterdeck/mine.yaml", "desk:\n  a: b\n");
    house.configure("[environment]\nname = \"qa\"\n");
    let said = house.run(&["status", "--json"]).expect_status(0).json();
    let rows = house.run(&["--env", "qa", "secrets", "list", "--json"]).expect_status(0).json();
    assert_eq!(rows[0]["name"], "desk.a");
    // A file that root owns speaks for the machine; anybody else's is laid over.
    let wanted = if crate::house::is_root() { "paper" } else { "qa" };
    assert_eq!(said["environment"], wanted);
}

#[test]
fn nothing_is_written_beside_the_homes_own_folders() {
    let house = House::qa();
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    house.run(&["status"]).expect_status(0);
    assert_eq!(names(&house.work()), Vec::<String>::new());
    assert_eq!(names(&house.path("tmp")), Vec::<String>::new());
    assert_eq!(names(&house.path("home")), [".config", ".local"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}
