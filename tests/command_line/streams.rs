//! Streams and files that aren't what a verb hopes for: an output that takes nothing, a pipe where a file is named, a
//! value without its quotes.

use crate::house::House;
use rustix::fs::{CWD, Mode, mkfifoat};

#[test]
fn an_answer_that_could_not_be_printed_is_no_success() {
    let house = House::qa();
    for words in ["secrets list", "secrets list --json", "status", "whoami", "help configuration"] {
        let said = house.shell(&format!("quarterdeck {words} > /dev/full")).expect_status(1);
        assert!(said.stderr.contains("while: writing to standard output"), "{words}: {said:?}");
    }
    house.shell("quarterdeck nonsense 2> /dev/full").expect_status(2);
    house.shell("quarterdeck secrets get nothing 2> /dev/full").expect_status(4);
    // A reader that has seen enough is no trouble.
    let said = house.shell("quarterdeck audit catalogue | head -n 1; quarterdeck whoami").expect_status(0);
    assert_eq!(said.stderr, "");
}

#[test]
fn a_word_too_many_is_not_repeated() {
    let house = House::qa();
    for words in ["secrets set broker.password correct hor5e-battery", "secrets set a b hor5e-battery --json"] {
        let said = house.shell(&format!("quarterdeck {words}")).expect_status(2);
        assert!(!format!("{said:?}").contains("hor5e"), "{said:?}");
        assert!(format!("{said:?}").contains("a word too many"), "{said:?}");
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for() {
    let house = House::guide("qa");
    let pipe = house.path("work/pipe");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("a pipe");
    house.configure("[[audit.source]]\nname = \"other\"\npath = \"pipe\"\n");
    let said = house.run(&["audit", "query", "actor=nobody"]).expect_status(4);
    assert!(said.stderr.contains("no ordinary file"), "{said:?}");
    house.configure("[backend.yaml]\npath = \"pipe\"\n");
    let said = house.run(&["secrets", "list"]);
    assert!(said.stderr.contains("yaml is left out: it is no ordinary file"), "{said:?}");
    let mut house = house;
    house.drop_var("DP_SECRETS_ENCRYPTION_KEY");
    house.configure("[backend.fernet]\nkey_file = \"pipe\"\n");
    let said = house.run(&["secrets", "list"]);
    assert!(said.stderr.contains("the key can't be read: it is no ordinary file"), "{said:?}");
    std::fs::remove_file(house.path("work/quarterdeck.toml")).expect("ours");
    std::fs::rename(house.path("work/pipe"), house.path("work/quarterdeck.toml")).expect("ours");
    let said = house.run(&["secrets", "list"]).expect_status(1);
    assert!(said.stderr.contains("no ordinary file"), "{said:?}");
}
