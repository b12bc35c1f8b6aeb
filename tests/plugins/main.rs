//! A plugin of somebody else's: built outside this repository by the very steps of `docs/writing-a-plugin.md`, found, loaded
//! in a confined child and read from. Refuses to know the steps itself: they are read from the page.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "../house/mod.rs"]
mod house;

use house::House;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The code of the page's steps, in their order: what stands further in than the text around it.
fn steps() -> Vec<String> {
    let page = fs::read_to_string(repository().join("docs/writing-a-plugin.md")).unwrap();
    let (_, steps) = page.split_once("## From the template to the screen\n").expect("the section");
    let (steps, _) = steps.split_once("\n## ").expect("the next one");
    let mut blocks = vec![String::new()];
    for line in steps.lines() {
        match line.strip_prefix("       ") {
            Some(code) => *blocks.last_mut().unwrap() += &format!("{code}\n"),
            None if blocks.last().is_some_and(|block| !block.is_empty()) => blocks.push(String::new()),
            None => {}
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A house in which cargo works as it does for whoever runs the tests, without the network. What it builds is kept from
/// one run to the next.
fn workshop() -> House {
    let mut house = House::qa();
    let var = |name: &str| std::env::var(name).ok();
    let home = var("HOME").unwrap_or_default();
    for (name, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        house.set_var(name, &var(name).unwrap_or_else(|| format!("{home}/{usual}")));
    }
    house.set_var("CARGO_NET_OFFLINE", "true");
    house.set_var("CARGO_TERM_COLOR", "never");
    let tools = Path::new(env!("CARGO")).parent().unwrap().display();
    let path = format!("{tools}:{}", house.vars()["PATH"]);
    house.set_var("PATH", &path);
    house
}

/// Runs a step as a person would, in a shell that remembers where it is: in `folder` after the first.
fn follow(house: &House, step: &str, folder: &Path) -> String {
    let mut command: Command = house.command(Path::new("/bin/sh"));
    let output = command.args(["-euc", step]).current_dir(folder).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{step}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn a_plugin_from_the_page_is_built_loaded_and_read_from() {
    let house = workshop();
    let steps = steps();
    let [copy, build, install, list, configure, status, shown] = steps.as_slice() else {
        panic!("the page has other steps: {steps:#?}")
    };
    follow(&house, copy, &repository());
    let files = house.path("home/src/files");
    // Only where cargo puts what it makes is ours, so that the next run is quick.
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("somebody-elses");
    fs::create_dir_all(&made).unwrap();
    symlink(made, files.join("target")).unwrap();
    let tested = follow(&house, build, &files);
    assert!(tested.contains("test result: ok."), "{tested}");
    follow(&house, install, &files);

    let listed = follow(&house, list, &files);
    let line = listed.lines().find(|line| line.starts_with("files ")).unwrap_or_else(|| panic!("{listed}"));
    assert!(line.contains("joint 1.") && line.contains("child") && !line.contains("REFUSED"), "{line}");

    // The page's folder is the machine's: the same with one of the house, and a neighbour that it may not read.
    let secrets = house.path("run/secrets");
    for (name, value) in [("run/secrets/one", "canary-1"), ("run/secrets/two", "canary-2"), ("run/beside", "canary-3")]
    {
        house.write(name, value);
    }
    symlink("../beside", secrets.join("three")).unwrap();
    assert!(configure.contains("\"/run/secrets\""));
    house.configure(&configure.replace("/run/secrets", &secrets.display().to_string()));
    let said = follow(&house, status, &house.work());
    let wanted = shown.lines().find(|line| line.starts_with("run ")).expect("the page shows it");
    let line = said.lines().find(|line| line.starts_with("run ")).unwrap_or_else(|| panic!("{said}"));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(line)[..2], words(wanted)[..2], "{said}");
    assert!(line.contains("child ") && line.contains("3 files"), "{line}");

    assert_eq!(house.run(&["--env", "qa", "secrets", "get", "one"]).expect_status(0).stdout.trim(), "canary-1");
    let refused = house.run(&["--env", "qa", "secrets", "get", "three"]);
    assert!(refused.status != 0 && !refused.stdout.contains("canary"), "{refused:?}");
}
