//! The journal changed under a cockpit in which nobody presses a key: it is seen all the same.

use crate::house::House;
use std::path::Path;

type Change = (&'static str, fn(&Path));

fn lock_removed(folder: &Path) {
    std::fs::remove_file(folder.join("journal.lock")).expect("the lock file");
}

fn cut(folder: &Path) {
    let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let file = names.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).max().expect("a file");
    std::fs::File::options().write(true).open(file).and_then(|file| file.set_len(500)).expect("it is cut");
}

fn replaced(folder: &Path) {
    let aside = folder.with_extension("aside");
    std::fs::rename(folder, &aside).expect("it is moved");
    std::fs::create_dir(folder).expect("a folder");
    crate::house::mode(folder, 0o700);
    for entry in std::fs::read_dir(&aside).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, folder.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

#[test]
fn a_journal_that_is_changed_under_it_is_noticed_without_a_key() {
    const CHANGES: [Change; 3] = [("its lock is removed", lock_removed), ("cut", cut), ("replaced", replaced)];
    for (what, change) in CHANGES {
        let house = House::qa();
        house.configure("[backend.env]\nevery = \"1s\"\n");
        let mut screen = house.open(&[], 160, 48);
        screen.shows("backends 2/2");
        screen.shows("journal ok");
        change(&house.state("qa").join("journal"));
        screen.until(what, |shown| shown.contains("JOURNAL BROKEN"));
        screen.keys("\x03");
        assert_eq!(screen.ends(), 0, "{what}");
        screen.is_restored();
    }
}
