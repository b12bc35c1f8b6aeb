//! The short way to the switch: without plugins, with a broken configuration, on a full disk.

use super::{House, SOON, TRADER, all, until};
use crate::config::Wanted;
use crate::installation::random_id;
use crate::journal::Journal as _;
use crate::kill::post;
use crate::open::{OpenError, Opening, open};
use quarterdeck_clock::moment;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::event::{Actor, Detail, Event, EventId};
use quarterdeck_domain::kill::{EngineStanding, Level, SwitchState};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "QUARTERDECK_TEST_LONE_OF";
const CHILD: &str = "kill::tests::lone::a_child_fires_on_a_full_disk";

fn configure(house: &House, text: &str) {
    let folder = house.home.path().join("config/quarterdeck");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("quarterdeck.toml"), text).expect("written");
}

#[test]
fn a_broken_configuration_needs_a_name_and_then_stands_in_nobodys_way() {
    let house = House::new();
    configure(&house, "[screen\n");
    let blind = post(&house.world, Wanted::AsConfigured, "kill stop").err().expect("no environment");
    assert!(matches!(blind, OpenError::Blind(_)) && blind.told().next.contains("--env"), "{blind:?}");
    let unknown = post(&house.world, Wanted::Named("qaa"), "kill stop").err().expect("no such environment");
    assert!(matches!(unknown, OpenError::Environment(_)), "{unknown:?}");
    let post = post(&house.world, Wanted::Named("qa"), "kill stop").expect("it opens");
    assert!(post.config.is_none() && post.broken.is_some() && post.environment == Environment::Qa);
    let fired = post.switch.fire(Level::Stop, None, moment());
    assert_eq!((fired.refused, fired.undurable, fired.unjournalled), (None, None, None));
    configure(&house, &format!("[environment]\nname='qa'\n{TRADER}"));
    let mended = super::super::post(&house.world, Wanted::AsConfigured, "kill status").expect("it opens");
    assert_eq!(mended.switch.look().state, SwitchState::GracefulStop, "the same latch");
}

#[test]
fn a_cockpit_opens_over_a_broken_configuration_looks_only_and_stops() {
    let house = House::new();
    configure(&house, "[[person]]\nname='alice'\nrole='tradr'\n");
    let opening = Opening { needs_environment: true, ..Opening::default() };
    assert!(open(house.world.clone(), Wanted::Named("qa"), &opening).is_err(), "a verb needs its configuration");
    let opening = Opening { watches: true, ..opening };
    let blind = open(house.world.clone(), Wanted::AsConfigured, &opening).err().expect("no environment");
    assert!(matches!(blind, OpenError::Blind(_)), "{blind:?}");
    let control = open(house.world.clone(), Wanted::Named("qa"), &opening).expect("it opens");
    let why = control.look_only().expect("it looks only");
    assert!(why.starts_with("the configuration can't be read: ") && why.contains("trader"), "{why}");
    assert_eq!(control.config.warnings, [why]);
    let switch = control.switch("cockpit").expect("there is one");
    let fired = switch.fire(Level::Stop, None, moment());
    assert_eq!((fired.refused, fired.undurable, fired.unjournalled), (None, None, None));
    assert_eq!(control.state().switch.record.as_ref().map(|record| record.level), Some(3));
}

#[test]
fn in_production_only_the_owner_of_the_folder_releases_and_everybody_is_told_who() {
    let house = House::bare();
    let etc = format!("[environment]\nname='production'\n{TRADER}");
    fs::create_dir_all(house.home.path().join("etc")).expect("a folder");
    fs::write(house.home.path().join("etc/quarterdeck.toml"), etc).expect("written");
    let open = || post(&house.world, Wanted::AsConfigured, "kill status").expect("it opens").switch;
    open().set_up().expect("its owner sets it up");
    assert_eq!(open().place().base(), house.home.path().join("var/production"));
    open().fire(Level::Stop, None, moment());
    let latch = open().place().latch();
    if std::os::unix::fs::chown(&latch, Some(65_534), None).is_err() {
        // Only root can give a folder away.
        return;
    }
    let row = open().look();
    let may_not = row.may_not_hold.expect("it is not ours");
    assert!(may_not.contains("nobody") && may_not.contains("quarterdeck kill release --env production"), "{may_not}");
    assert_eq!(row.can_hold, ["nobody"]);
    let refused = open().hold(None).expect_err("it is not ours");
    assert!(refused.to_string().contains("Only the owner"), "{refused}");
    std::os::unix::fs::chown(&latch, Some(0), None).expect("root");
    open().hold(None).expect("its owner holds");
}

#[test]
fn a_place_that_was_configured_is_found_again_when_the_configuration_breaks() {
    let house = House::bare();
    let there = house.home.path().join("srv");
    configure(&house, &format!("[environment]\nname='qa'\n[kill_switch]\nfolder='{}'\n{TRADER}", there.display()));
    let good = post(&house.world, Wanted::AsConfigured, "init").expect("it opens");
    good.switch.set_up().expect("set up");
    assert!(there.join("latch/latch").exists());
    configure(&house, "[kill_switch\n");
    let broken = post(&house.world, Wanted::Named("qa"), "kill stop").expect("it opens");
    assert_eq!(broken.switch.place().base(), there);
    broken.switch.fire(Level::Halt, None, moment());
    assert_eq!(good.switch.look().record.map(|record| record.level), Some(4));
}

#[test]
fn a_full_disk_stops_the_engines_and_says_unjournalled_until_space_returns() {
    let house = House::new();
    house.switch("init").latch.mend_spare();
    configure(&house, &format!("[environment]\nname='qa'\n{TRADER}"));
    let engine = house.engine("alpha");
    // Room for no other line: a latch's size is all that a file may have.
    let journal = house.journal("sess-full");
    let detail = Detail::Check { what: "x".repeat(3_500), count: 0, found: String::new() };
    let ids = EventId { event: random_id("evt", 16), request: random_id("req", 12) };
    let actor = Actor::system("sess-full");
    let event = Event::new(EventKind::ConfigRead, moment().utc, ids, actor, Some(Environment::Qa)).with(detail);
    journal.append(vec![event]).expect("there is room yet");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("a test program has a path"));
    shell.args(["--exact", CHILD, "--nocapture", "--test-threads", "1"]);
    shell.env(FOLDER, house.home.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let said = String::from_utf8_lossy(&shell.output().expect("sh is everywhere").stdout).into_owned();
    assert!(said.contains("durable, UNJOURNALLED: there is no space"), "{said}");
    assert!(said.contains("nothing is held while the journal can't be written"), "{said}");
    assert!(engine.permit().is_none(), "the engine is stopped");
    assert_eq!(house.count("KILL_SWITCH_ACTIVATED"), 0);
    let watch = house.started("watch");
    until(&watch, "it is taken in", |row| row.unjournalled.is_none() && house.count("KILL_SWITCH_ADOPTED") == 1);
}

/// What another process does on a full disk, when it was started by the test above.
#[test]
fn a_child_fires_on_a_full_disk() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let world = super::world(Path::new(&folder));
    let post = post(&world, Wanted::AsConfigured, "kill stop").expect("it opens");
    // As large as a latch, and too small for another line of the journal.
    let limit = rustix::process::Rlimit { current: Some(4096), maximum: Some(4096) };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).expect("a limit may be lowered");
    let fired = post.switch.fire(Level::Stop, None, moment());
    let mut out = std::io::stdout().lock();
    let durable = fired.undurable.map_or_else(|| "durable".into(), |why| format!("undurable: {why}"));
    let journal = fired.unjournalled.map_or_else(|| "journalled".into(), |why| format!("UNJOURNALLED: {why}"));
    writeln!(out, "\n{durable}, {journal}").expect("a pipe");
    let row = post.switch.wait_answered(SOON);
    assert!(all(&row, &["alpha"], EngineStanding::Blocked), "{row:#?}");
    let refused = post.switch.hold(None).expect_err("nothing is held");
    writeln!(out, "\nhold refused: {refused}").expect("a pipe");
}
