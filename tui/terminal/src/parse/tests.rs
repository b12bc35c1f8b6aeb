//! What each sequence means, and what no bytes may ever do.

use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(10);

/// What these reads bring, each followed by nothing for as long as the parser waits.
fn heard(reads: &[&[u8]]) -> Vec<Input> {
    let (mut parser, mut all) = (Parser::new(), Vec::new());
    for bytes in reads {
        parser.feed(bytes, NOW, &mut |input| all.push(input));
        if parser.patience().is_some() {
            parser.expire(&mut |input| all.push(input));
        }
    }
    all
}

fn keys(bytes: &[u8]) -> Vec<Key> {
    heard(&[bytes])
        .into_iter()
        .map(|input| if let Input::Key(key) = input { key } else { panic!("{input:?}") })
        .collect()
}

fn with(code: KeyCode, held: &str) -> Key {
    Key { code, ctrl: held.contains('c'), alt: held.contains('a'), shift: held.contains('s') }
}

#[test]
fn each_sequence_has_its_key() {
    use KeyCode::*;
    let table: &[(&[u8], Key)] = &[
        (b"j", with(Char('j'), "")),
        (b"G", with(Char('G'), "")),
        (b"\x18", Key::ctrl('x')),
        (b"\x03", Key::ctrl('c')),
        (b"\x1a", Key::ctrl('z')),
        (b"\x0a", Key::ctrl('j')),
        (b"\0", Key::ctrl(' ')),
        (b"\x1c", Key::ctrl('\\')),
        (b"\x1f", Key::ctrl('_')),
        (b"\r", with(Enter, "")),
        (b"\t", with(Tab, "")),
        (b"\x7f", with(Backspace, "")),
        (b"\x08", with(Backspace, "")),
        (b"\x1b", with(Esc, "")),
        (b"\x1bj", with(Char('j'), "a")),
        (b"\x1b\x7f", with(Backspace, "a")),
        (b"\x1b[A", with(Up, "")),
        (b"\x1bOB", with(Down, "")),
        (b"\x1b[1;5C", with(Right, "c")),
        (b"\x1b[1;2D", with(Left, "s")),
        (b"\x1b[1;3A", with(Up, "a")),
        (b"\x1b[H", with(Home, "")),
        (b"\x1b[4~", with(End, "")),
        (b"\x1b[7~", with(Home, "")),
        (b"\x1bOF", with(End, "")),
        (b"\x1b[2~", with(Insert, "")),
        (b"\x1b[3;5~", with(Delete, "c")),
        (b"\x1b[5~", with(PageUp, "")),
        (b"\x1b[6~", with(PageDown, "")),
        (b"\x1b[Z", with(BackTab, "")),
        (b"\x1bOP", with(F(1), "")),
        (b"\x1b[[E", with(F(5), "")),
        (b"\x1b[15~", with(F(5), "")),
        (b"\x1b[17~", with(F(6), "")),
        (b"\x1b[24~", with(F(12), "")),
        (b"\x1b[34~", with(F(20), "")),
        (b"\x1b[1;5P", with(F(1), "c")),
        (b"\x1bOM", with(Enter, "")),
        (b"\x1bOp", with(Char('0'), "")),
        (b"\x1b[120;5u", Key::ctrl('x')),
        (b"\x1b[27;5;120~", Key::ctrl('x')),
        (b"\x1b[9;2u", with(BackTab, "")),
        ("é".as_bytes(), with(Char('é'), "")),
        ("東".as_bytes(), with(Char('東'), "")),
        ("🂡".as_bytes(), with(Char('🂡'), "")),
    ];
    for (bytes, key) in table {
        assert_eq!(keys(bytes), [*key], "{}", bytes.escape_ascii());
    }
}

#[test]
fn answers_to_questions_are_no_keys() {
    let answers: [&[u8]; 9] = [
        b"\x1b[?62;22c",
        b"\x1b[>41;380;0c",
        b"\x1b[0n",
        b"\x1b[12;40R",
        b"\x1b[?2026;2$y",
        b"\x1b]11;rgb:1010/1010/1010\x1b\\",
        b"\x1b]10;rgb:d0d0/d0d0/d0d0\x07",
        b"\x1bP>|XTerm(380)\x1b\\",
        b"\x1b[I\x1b[O\x1b[M !!",
    ];
    for answer in answers {
        assert_eq!(heard(&[answer]), [], "{}", answer.escape_ascii());
    }
}

#[test]
fn a_torn_sequence_leaves_no_letter_behind() {
    let up = Input::Key(Key::plain(KeyCode::Up));
    let esc = Input::Key(Key::plain(KeyCode::Esc));
    let home = Input::Key(Key::plain(KeyCode::Home));
    // Torn after Esc: the Esc is a key by then, the rest is still the sequence it was.
    assert_eq!(heard(&[b"\x1b", b"[A"]), [esc.clone(), up.clone()]);
    assert_eq!(heard(&[b"\x1b", b"OH"]), [esc.clone(), home]);
    // Torn by less than the parser waits.
    let mut all = Vec::new();
    let mut parser = Parser::new();
    for part in [&b"\x1b"[..], b"[", b"1;", b"5A"] {
        parser.feed(part, NOW, &mut |input| all.push(input));
    }
    assert_eq!(all, [Input::Key(with(KeyCode::Up, "c"))]);
    // Esc, and then a bracket that was typed.
    assert_eq!(heard(&[b"\x1b", b"["]), [esc, Input::Key(Key::plain(KeyCode::Char('[')))]);
}

#[test]
fn keys_a_slow_line_brings_at_once_are_all_heard() {
    assert_eq!(keys(b"\x1b\x1b[A"), [with(KeyCode::Esc, ""), with(KeyCode::Up, "")]);
    assert_eq!(keys(b"\x1b\x03"), [with(KeyCode::Esc, ""), Key::ctrl('c')]);
    assert_eq!(
        keys(b"jj\x1b[Bq"),
        [
            Key::plain(KeyCode::Char('j')),
            Key::plain(KeyCode::Char('j')),
            Key::plain(KeyCode::Down),
            Key::plain(KeyCode::Char('q')),
        ]
    );
}

#[test]
fn the_mouse_is_read() {
    let at = |kind, column, row| Input::Mouse(Mouse { kind, column, row });
    assert_eq!(heard(&[b"\x1b[<0;10;5M"]), [at(MouseKind::Press(0), 9, 4)]);
    assert_eq!(heard(&[b"\x1b[<2;1;1m"]), [at(MouseKind::Release(2), 0, 0)]);
    assert_eq!(heard(&[b"\x1b[<65;3;3M\x1b[<80;3;3M"]), [at(MouseKind::WheelDown, 2, 2), at(MouseKind::WheelUp, 2, 2)]);
    assert_eq!(heard(&[b"\x1b[<0;0;0M\x1b[<35;1;1M\x1b[<0;99999;1M"]), []);
}

#[test]
fn a_paste_comes_whole_and_clean() {
    let paste = |bytes: &[u8]| heard(&[b"\x1b[200~", bytes, b"\x1b[201~", b"k"]);
    let then_k = |text: &str| vec![Input::Paste(text.to_owned()), Input::Key(Key::plain(KeyCode::Char('k')))];
    assert_eq!(paste(b"line\rline\r\nline\n\tend"), then_k("line\nline\nline\n\tend"));
    assert_eq!(paste(b"x\x18\x1b[A\x1b]0;title\x07y"), then_k("x[A]0;titley"));
    assert_eq!(paste(b""), then_k(""));
    assert_eq!(paste("é東\u{9b}".as_bytes()), then_k("é東"));
}

#[test]
fn a_paste_too_long_is_lost_as_a_whole() {
    let most = vec![b'a'; PASTE_MOST - PASTE_END.len()];
    assert!(matches!(&heard(&[b"\x1b[200~", &most, PASTE_END])[..], [Input::Paste(text)] if text.len() == most.len()));
    let more = vec![b'a'; PASTE_MOST * 2 + 1];
    assert_eq!(heard(&[b"\x1b[200~", &more, b"\x1b[201~"]), [Input::PasteLost]);
}

#[test]
fn a_paste_that_never_ends_does_not_lock_the_keyboard() {
    let (mut parser, mut all) = (Parser::new(), Vec::new());
    parser.feed(b"\x1b[200~some text", NOW, &mut |input| all.push(input));
    parser.feed(b"more after a stall of the line", LONG, &mut |input| all.push(input));
    assert_eq!(all, [], "what comes in bulk is still the paste");
    parser.feed(b"\x1b[20", LONG, &mut |input| all.push(input));
    parser.feed(b"0~", LONG, &mut |input| all.push(input));
    assert_eq!(all, [], "and so is what may be the beginning of its end");
    parser.feed(b"\x18", LONG, &mut |input| all.push(input));
    assert_eq!(all, [Input::PasteLost, Input::Key(Key::ctrl('x'))]);
}

#[test]
fn draining_forgets_what_was_begun_but_a_paste_stays_one() {
    let (mut parser, mut all) = (Parser::new(), Vec::new());
    parser.feed(b"\x1b[1;", NOW, &mut |input| all.push(input));
    parser.forget();
    parser.feed(b"j\x1b[200~secret", NOW, &mut |input| all.push(input));
    parser.forget();
    parser.feed(b"\x18rest\x1b[201~", NOW, &mut |input| all.push(input));
    assert_eq!(all, [Input::Key(Key::plain(KeyCode::Char('j'))), Input::Paste("rest".to_owned())]);
}

/// Bytes that lead somewhere oftener than any bytes do.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(vec![
            &b"\x1b["[..],
            b"\x1b",
            b"\x1bO",
            b"\x1b]",
            b"200~",
            b"<0;1;1",
            b"M",
            b";5",
            b"u",
            b"~"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn without_paste_end(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|byte| *byte != b'~');
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_a_paste_is_a_key(before in noise(), inside in noise(), cut in 0..64usize) {
        let before: Vec<u8> = before.into_iter().filter(|byte| (b' '..=b'~').contains(byte)).collect();
        let inside = without_paste_end(inside);
        let cut = cut.min(inside.len());
        let all = heard(&[&before, b"\x1b[200~", &inside[..cut], &inside[cut..], b"\x1b[201~"]);
        prop_assert_eq!(all.len(), before.len() + 1);
        prop_assert!(matches!(&all[before.len()], Input::Paste(text) if !text.contains(|c: char| c.is_control() && !"\n\t".contains(c))));
    }

    #[test]
    fn ctrl_x_is_heard_whatever_came_before(before in noise()) {
        let mut parser = Parser::new();
        parser.feed(&before, NOW, &mut |_| {});
        let in_paste = matches!(parser.state, State::Paste { .. });
        let mut all = Vec::new();
        parser.feed(b"\x18", NOW, &mut |input| all.push(input));
        prop_assert_eq!(all.contains(&Input::Key(Key::ctrl('x'))), !in_paste);
    }

    #[test]
    fn any_bytes_in_any_pieces_give_the_same(bytes in noise(), cut in 0..200usize) {
        let whole = { let mut all = Vec::new(); Parser::new().feed(&bytes, NOW, &mut |input| all.push(input)); all };
        let cut = cut.min(bytes.len());
        let (mut parser, mut all) = (Parser::new(), Vec::new());
        for part in [&bytes[..cut], &bytes[cut..]] {
            parser.feed(part, NOW, &mut |input| all.push(input));
        }
        prop_assert_eq!(all, whole);
    }

    #[test]
    fn no_key_is_a_control_character(bytes in noise()) {
        for input in heard(&[&bytes]) {
            if let Input::Key(Key { code: KeyCode::Char(c), .. }) = input {
                prop_assert!(!c.is_control());
            }
        }
    }
}
