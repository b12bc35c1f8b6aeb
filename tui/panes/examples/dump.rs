//! Prints a frame of the fixed day as plain text: `dump 80x24 [quiet|bad|demo|empty] [ascii|utf8] [KEYS…]`. Refuses
//! real data: it is a way to look at the panes without a terminal.

#[path = "../tests/common/mod.rs"]
mod common;

use quarterdeck_domain::environment::Environment;

fn main() {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let word = |index: usize, other: &'static str| words.get(index).map_or(other, String::as_str);
    let (columns, rows) = word(0, "80x24").split_once('x').unwrap_or(("80", "24"));
    let size = (columns.parse().unwrap_or(80), rows.parse().unwrap_or(24));
    let mut model = match word(1, "quiet") {
        "bad" => common::bad(size.0, size.1),
        "demo" => common::demo(size.0, size.1),
        "empty" => common::empty(Environment::Qa, size.0, size.1),
        _ => common::quiet(size.0, size.1),
    };
    for keys in words.iter().skip(3) {
        match keys.strip_prefix("text:") {
            Some(text) => common::type_text(&mut model, text),
            None => _ = common::press(&mut model, keys),
        }
    }
    print!("{}", common::text(&model, word(2, "ascii") == "ascii"));
}
