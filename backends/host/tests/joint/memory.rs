//! After a value has passed through the joint and was dropped, this process has no copy of it. Refuses to look into the
//! child: nobody can, and it goes when it is stopped.

use crate::runner::Test;
use crate::{CALL, hosted, library, name, setup};
use quarterdeck_contract::{Expected, Kind, SecretBytes, SecretsBackend, Value};
use quarterdeck_host::{InProcess, LoadRules};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

pub(crate) const TESTS: &[Test] = &[
    ("memory::a_value_through_a_child_leaves_no_copy", through_a_child),
    ("memory::a_value_through_a_library_leaves_no_copy", through_a_library),
];

fn through_a_child() {
    let backend = hosted("");
    write_read_drop(&backend);
    assert_eq!(copies(), 0);
}

/// The library keeps the value as long as it is stored: it is deleted before the search.
fn through_a_library() {
    let rules = LoadRules::for_this_process();
    let backend = InProcess::load("shelf", &library(), &rules, &setup(""), Arc::new(|_, _| {})).unwrap();
    write_read_drop(&backend);
    backend.delete(&name("sought"), &Expected::Anything, CALL).unwrap();
    assert_eq!(copies(), 0);
}

fn write_read_drop(backend: &dyn SecretsBackend) {
    let kept = value();
    assert!(copies() > 0, "the search finds what is there");
    backend.write(&name("sought"), Value { kind: Kind::Binary, bytes: kept }, &Expected::Absent, CALL).unwrap();
    let read = backend.read(&name("sought"), None, CALL).unwrap();
    assert_eq!(read.value.bytes.len(), WHOLE);
}

/// How much of the value is sought. It stands many times in the value, so that a freed copy is found although the
/// allocator has written its own notes over the first bytes.
const LENGTH: usize = 40;
const WHOLE: usize = 4096;

/// Byte by byte from arithmetic, so that neither the program's file nor its stack has the whole.
fn byte(at: usize) -> u8 {
    std::hint::black_box((at as u8).wrapping_mul(73) ^ 0xA7)
}

fn value() -> SecretBytes {
    let mut bytes = Vec::with_capacity(WHOLE);
    (0..WHOLE).for_each(|at| bytes.push(byte(at)));
    SecretBytes::new(bytes)
}

/// How often the value stands in this process's writable memory.
fn copies() -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut page = vec![0; 1 << 16];
    let mut found = 0;
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|bits| bits.starts_with("rw"))) {
        let (from, to) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')).unwrap();
        let (mut at, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        while at < to {
            let want = page.len().min((to - at) as usize);
            // Some special ranges can't be read; they hold nothing of ours.
            let Ok(read) = memory.read_at(&mut page[..want], at) else { break };
            let hits = page[..read].windows(LENGTH).filter(|window| (0..LENGTH).all(|i| window[i] == byte(i)));
            found += hits.count();
            if read <= LENGTH {
                break;
            }
            // Ranges overlap by a value's length, so that none is cut in two. A hit may count twice; zero is what matters.
            at += (read - if at + read as u64 == to { 0 } else { LENGTH }) as u64;
        }
    }
    // What the search itself read is no leftover.
    page.fill(0);
    std::hint::black_box(&page);
    found
}
