//! Which order comes next: a function of the seed and of what the venue has accepted so far, so that a run can be
//! repeated and a restart goes on where the engine was killed. Refuses to look like a strategy.

use crate::venue::{Ask, Book, Order};

const TICKERS: [&str; 16] = [
    "AAPL", "MSFT", "NVDA", "AMZN", "META", "GOOG", "TSLA", "JPM", "XOM", "UNH", "JNJ", "PG", "HD", "KO", "PEP", "CSCO",
];
/// Shares of an order, and between what a position swings.
const LOT: i64 = 100;
const LEAST: i64 = 200;
const MOST: i64 = 800;

/// What the engine tries to keep at the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The engine's name: the beginning of its order ids.
    pub name: String,
    /// Repeats a run.
    pub seed: u64,
    /// Orders that rest.
    pub orders: u64,
    /// Instruments with a position.
    pub positions: u64,
}

impl Plan {
    /// What a new venue is filled with before the engine trades: positions first, then resting orders.
    pub(crate) fn seeds(&self) -> Vec<Ask> {
        let position = |n: u64| Ask::Trade(self.order(n, n, side(n) * 3 * LOT));
        let resting = |n: u64| Ask::Rest(self.order(self.positions + n, n % self.positions.max(1), side(n) * LOT));
        (0..self.positions).map(position).chain((0..self.orders).map(resting)).collect()
    }

    /// What happens at the next beat of its pace: at most one resting order is filled or taken back, and one order goes
    /// out.
    pub(crate) fn next(&self, book: &Book) -> Vec<Ask> {
        let number = book.count;
        let chance = mix(self.seed ^ mix(number));
        let full = book.resting.len() as u64 >= self.orders.max(1);
        let mut asks: Vec<Ask> = full.then(|| self.gone(book, chance)).flatten().into_iter().collect();
        // One in four trades at once, where positions are kept at all.
        if self.positions > 0 && ((chance >> 8).is_multiple_of(4) || self.orders == 0) {
            asks.push(Ask::Trade(self.leaning(book, number, chance)));
        } else {
            asks.push(Ask::Rest(self.leaning(book, number, chance)));
        }
        asks
    }

    /// The oldest resting order is filled, or taken back.
    fn gone(&self, book: &Book, chance: u64) -> Option<Ask> {
        let oldest = book.resting.first()?.clone();
        let fills = self.positions > 0 && !(chance >> 16).is_multiple_of(3);
        Some(if fills { Ask::Fill(oldest) } else { Ask::Cancel(oldest) })
    }

    /// An order that leads the position in its instrument back between its bounds.
    fn leaning(&self, book: &Book, number: u64, chance: u64) -> Order {
        let which = (chance >> 24) % self.positions.max(1);
        let held = book.position(&instrument(which));
        let way = if held == 0 { side(which) } else { held.signum() };
        let lots = 1 + i64::try_from((chance >> 32) % 2).unwrap_or(0);
        let grows = held.abs() <= LEAST || (held.abs() < MOST && (chance >> 40).is_multiple_of(2));
        self.order(number, which, if grows { way * lots * LOT } else { -way * LOT })
    }

    fn order(&self, number: u64, which: u64, quantity: i64) -> Order {
        Order { id: format!("{}-{}", self.name, number + 1), instrument: instrument(which), quantity }
    }
}

/// `AAPL` … `CSCO`, then `AAPL.1` and so on.
fn instrument(which: u64) -> String {
    let count = TICKERS.len() as u64;
    let ticker = TICKERS[usize::try_from(which % count).unwrap_or_default()];
    if which < count { ticker.to_owned() } else { format!("{ticker}.{}", which / count) }
}

/// Every third instrument is held short.
fn side(which: u64) -> i64 {
    if which % 3 == 2 { -1 } else { 1 }
}

/// splitmix64 (Steele, Lea and Flood, 2014): the same bits for the same number, everywhere.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::Conditions;

    fn run(plan: &Plan, steps: usize) -> (Book, Vec<Ask>) {
        let (mut book, mut all) = (Book::default(), Vec::new());
        let mut take = |book: &mut Book, ask: Ask| {
            let fact = book.decide(&ask, &Conditions::default()).expect("accepted").expect("a fact");
            book.apply(fact);
            all.push(ask);
        };
        plan.seeds().into_iter().for_each(|ask| take(&mut book, ask));
        for _ in 0..steps {
            plan.next(&book).into_iter().for_each(|ask| take(&mut book, ask));
        }
        (book, all)
    }

    fn plan(orders: u64, positions: u64) -> Plan {
        Plan { name: "alpha-us".into(), seed: 7, orders, positions }
    }

    #[test]
    fn a_new_venue_holds_what_was_asked_for() {
        let (book, _) = run(&plan(12, 5), 0);
        assert_eq!((book.resting.len(), book.positions.len()), (12, 5));
        let (book, _) = run(&plan(0, 20), 0);
        assert_eq!((book.resting.len(), book.positions.len()), (0, 20));
    }

    #[test]
    fn trading_keeps_near_to_it_and_every_order_is_accepted() {
        for (orders, positions) in [(12, 5), (1, 1), (0, 3), (4, 0), (0, 0)] {
            let (book, _) = run(&plan(orders, positions), 2_000);
            assert!(book.resting.len() as u64 <= orders.max(1), "{orders}/{positions}: {}", book.resting.len());
            assert!(book.positions.len() as u64 <= positions, "{:?}", book.positions);
            assert!(book.positions.values().all(|held| held.abs() <= 3_000), "{:?}", book.positions);
        }
        let (book, _) = run(&plan(12, 5), 2_000);
        assert!(book.resting.len() >= 11 && book.positions.len() >= 4, "{book:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_orders_and_another_seed_others() {
        assert_eq!(run(&plan(12, 5), 200), run(&plan(12, 5), 200));
        assert_ne!(run(&plan(12, 5), 200).1, run(&Plan { seed: 8, ..plan(12, 5) }, 200).1);
    }
}
