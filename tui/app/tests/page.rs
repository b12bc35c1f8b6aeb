//! `docs/keys.md` is the table of keys, written out. Refuses a key that the page leaves out or makes up.

use quarterdeck_app::{ACTIONS, Row, Screen};

/// The page, whole.
fn page() -> String {
    let mut page = String::from(
        "# Keys\n\nEvery key of the cockpit, made from its own table; `?` shows the same and filters it. `:` finds an action by its name.\n\nAn action marked *unlocked* works in a session that may act: Production begins look only, and `u` unlocks it for ten\nminutes; `--readonly` stays look only. A key can be changed under `[keys]` of the [configuration](configuration.md), by the\naction's name; `^X`, `^C`, `^Z` and `Esc` are the same for everybody. `x` and `X` do nothing, everywhere. `^D` is Ctrl and D.\n\n`^X` opens the kill-switch over whatever is there, in every session and at every size. Type one of the two codes it shows,\nthen `^X` again: that sends it. Enter, a paste and a key held down send nothing; Esc closes, and what was there comes back.\n\n| key | action | where | what |\n| --- | --- | --- | --- |\n",
    );
    for row in ACTIONS {
        let keys: Vec<String> = row.keys.split(' ').map(|key| format!("`{key}`")).collect();
        page.push_str(&format!("| {} | {} | {} | {} |\n", keys.join(" "), row.name, place(row), row.help));
    }
    page
}

fn place(row: &Row) -> String {
    let screens = [
        (Screen::Overview, "overview"),
        (Screen::Secrets, "secrets"),
        (Screen::Audit, "audit"),
        (Screen::Backends, "backends"),
        (Screen::Rotation, "rotations"),
    ];
    let held: Vec<&str> =
        screens.iter().filter(|(screen, _)| row.scope.holds(*screen)).map(|(_, name)| *name).collect();
    let place = if held.len() == screens.len() { "everywhere".to_owned() } else { held.join(", ") };
    if row.guarded { format!("{place}; *unlocked*") } else { place }
}

#[test]
fn the_keys_page_is_the_table() {
    let page = page();
    // Printed as it stands, to be put in its place.
    assert!(page == include_str!("../../../docs/keys.md"), "docs/keys.md is made from the table of keys:\n{page}");
}
