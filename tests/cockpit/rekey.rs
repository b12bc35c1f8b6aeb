//! The Fernet file sealed anew under an open cockpit: it goes on with the key that is in the key file now.

use crate::house::House;

#[test]
fn a_cockpit_takes_the_new_key_from_the_key_file() {
    let house = House::new();
    house.run(&["--env", "qa", "init"]).expect_status(0);
    house.feed(&["secrets", "set", "broker.password"], b"a-value").expect_status(0);
    let mut screen = house.open(&[], 160, 48);
    screen.shows("backends 2/2");
    let key = house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    let said = house.feed(&["secrets", "rekey", "--new-key", "-"], key.as_bytes()).expect_status(0);
    assert!(said.stdout.contains("the new key is in "), "{}", said.stdout);
    assert!(!said.stdout.contains(&key), "a key is not repeated");
    assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "a-value\n");
    // 'r' asks at once; a question that the old key can't answer starts the plugin again, with the new one.
    screen.press("6j", "DETAIL fernet");
    screen.keys("r");
    screen.until("the plugin is started again", |shown| {
        shown.contains("DETAIL fernet") && !shown.contains("never started again") && shown.contains("backends 2/2")
    });
    screen.press("2", "broker.password");
    screen.press("v", "a-value");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}
