//! Plugins and their pins: what is loaded is what was pinned. Refuses a library that nobody named, once one is named.

use crate::house::House;

/// The table that `plugins verify` offers.
fn offered(house: &House) -> String {
    let said = house.run(&["plugins", "verify"]).expect_status(0).stdout;
    let table = said.split_once("[plugins.pinned]\n").unwrap_or_else(|| panic!("no table in {said}")).1;
    format!("[plugins.pinned]\n{table}")
}

#[test]
fn what_is_offered_can_be_pasted_and_holds() {
    let house = House::new();
    let table = offered(&house);
    house.configure(&table);
    let said = house.run(&["plugins", "verify"]).expect_status(0).stdout;
    assert!(said.contains("  pinned  ") && !said.contains("[plugins.pinned]"), "{said}");
    let data = house.run(&["plugins", "list", "--json"]).expect_status(0).json();
    assert!(data.as_array().expect("an array").iter().all(|plugin| plugin["pinned"] == true), "{data}");
}

#[test]
fn another_library_than_the_pinned_one_is_6_and_says_its_sum() {
    let house = House::guide("qa");
    let table = offered(&house);
    let env = table.lines().find(|line| line.starts_with("env =")).expect("its line");
    let spoilt = env.replace(['a', 'b', 'c'], "0");
    house.configure(&table.replace(env, &spoilt));
    let said = house.run(&["plugins", "verify"]).expect_status(6).stdout;
    let sum = env.split('"').nth(1).expect("a sum");
    assert!(said.contains(sum) && said.contains("pinned"), "{said}");
    assert!(said.contains("REFUSED") && said.contains("Put the right library back"), "{said}");
}

#[test]
fn where_one_is_pinned_another_is_not_let_in() {
    let house = House::guide("qa");
    let table = offered(&house);
    let rest: Vec<&str> = table.lines().filter(|line| !line.starts_with("fernet =")).collect();
    house.configure(&rest.join("\n"));
    let said = house.run(&["plugins", "verify"]).expect_status(6).stdout;
    assert!(said.contains("fernet") && said.to_lowercase().contains("pinned"), "{said}");
}

#[test]
fn a_pinned_plugin_that_is_nowhere_is_told() {
    let house = House::new();
    let table = offered(&house);
    house.configure(&format!("{table}\nnowhere = \"{}\"\n", "0".repeat(64)));
    let said = house.run(&["plugins", "verify"]).expect_status(0).stdout;
    assert!(said.contains("nowhere") && said.contains("MISSING"), "{said}");
}
