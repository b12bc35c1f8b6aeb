//! What rests and what is held at the venue, as a fold over facts: an ask is decided against the book, and what is
//! accepted becomes one fact. Refuses a file, a clock, and any close that would turn a position round.

use super::{Conditions, Refused};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// No single order is larger, so that sums can't overflow.
const LARGEST: i64 = 1_000_000_000;

/// An order: a client order id, an instrument, and a quantity; a negative one sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The client's own id. The venue accepts each once.
    pub id: String,
    /// `AAPL`.
    pub instrument: String,
    /// Shares; negative sells; never zero.
    pub quantity: i64,
}

/// What is asked of the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A limit order that rests.
    Rest(Order),
    /// An order that trades at once.
    Trade(Order),
    /// The market comes to a resting order; only its id matters.
    Fill(Order),
    /// Take a resting order back; only its id matters.
    Cancel(Order),
    /// A market order that may only reduce: it is cut to the position, and refused where there is nothing to reduce.
    Close(Order),
}

/// What was accepted: one line of the venue's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The order rests.
    Rested(Order),
    /// The order traded at once.
    Traded(Order),
    /// A resting order traded.
    Filled(String),
    /// A resting order is gone.
    Cancelled(String),
    /// A reduce-only order traded; the quantity is what was left of it after cutting.
    Closed(Order),
    /// All that was before: the first line of a file that was folded up.
    Folded(Book),
}

/// The venue's book.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Resting orders, oldest first.
    pub resting: Vec<Order>,
    /// Positions by instrument; none is zero.
    pub positions: BTreeMap<String, i64>,
    /// Client order ids that were accepted.
    pub accepted: BTreeSet<String>,
    /// Those of them that closed a position: kept for ever.
    pub closed: BTreeSet<String>,
    /// How many orders were accepted in all, closing ones not counted.
    pub count: u64,
}

impl Book {
    /// The position in an instrument.
    pub fn position(&self, instrument: &str) -> i64 {
        self.positions.get(instrument).copied().unwrap_or(0)
    }

    /// What an ask comes to. `None`: accepted, and nothing changes.
    pub fn decide(&self, ask: &Ask, conditions: &Conditions) -> Result<Option<Fact>, Refused> {
        if conditions.down {
            return Err(Refused::Down("it doesn't answer".into()));
        }
        match ask {
            Ask::Rest(order) => self.may_add(order, conditions).map(|()| Some(Fact::Rested(order.clone()))),
            Ask::Trade(order) => self.may_add(order, conditions).map(|()| Some(Fact::Traded(order.clone()))),
            Ask::Fill(order) => {
                self.rests(order)?;
                is_open(conditions).map(|()| Some(Fact::Filled(order.id.clone())))
            }
            Ask::Cancel(order) => {
                self.rests(order)?;
                if conditions.rejects_cancels {
                    return Err(Refused::CancelRejected);
                }
                Ok((!conditions.keeps_orders).then(|| Fact::Cancelled(order.id.clone())))
            }
            Ask::Close(order) => self.close(order, conditions).map(Some),
        }
    }

    /// Takes a fact in.
    pub fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Rested(order) => {
                self.accepted.insert(order.id.clone());
                self.count += 1;
                self.resting.push(order);
            }
            Fact::Traded(order) => {
                self.accepted.insert(order.id.clone());
                self.count += 1;
                self.trade(&order);
            }
            Fact::Filled(id) => {
                if let Some(order) = self.take(&id) {
                    self.trade(&order);
                }
            }
            Fact::Cancelled(id) => {
                self.take(&id);
            }
            Fact::Closed(order) => {
                self.accepted.insert(order.id.clone());
                self.closed.insert(order.id.clone());
                self.trade(&order);
            }
            Fact::Folded(book) => *self = book,
        }
    }

    /// The same book with the ids forgotten that nobody will send again: those of orders that neither rest nor closed.
    pub fn folded(&self) -> Book {
        let resting: BTreeSet<&String> = self.resting.iter().map(|order| &order.id).collect();
        let keep = |id: &&String| resting.contains(id) || self.closed.contains(*id);
        Book { accepted: self.accepted.iter().filter(keep).cloned().collect(), ..self.clone() }
    }

    fn may_add(&self, order: &Order, conditions: &Conditions) -> Result<(), Refused> {
        self.is_new(order)?;
        is_open(conditions)
    }

    fn close(&self, order: &Order, conditions: &Conditions) -> Result<Fact, Refused> {
        self.may_add(order, conditions)?;
        let held = self.position(&order.instrument);
        // What goes the same way as the position would add to it; what goes further than it would turn it round.
        if held.signum() != -order.quantity.signum() {
            return Err(Refused::NothingToReduce);
        }
        let quantity = if order.quantity.abs() > held.abs() { -held } else { order.quantity };
        Ok(Fact::Closed(Order { quantity, ..order.clone() }))
    }

    fn is_new(&self, order: &Order) -> Result<(), Refused> {
        if self.accepted.contains(&order.id) {
            return Err(Refused::Duplicate);
        }
        if order.quantity == 0 || order.quantity.abs() > LARGEST {
            return Err(Refused::Quantity(order.quantity));
        }
        Ok(())
    }

    fn rests(&self, order: &Order) -> Result<(), Refused> {
        match self.resting.iter().any(|resting| resting.id == order.id) {
            true => Ok(()),
            false => Err(Refused::NotResting),
        }
    }

    fn take(&mut self, id: &str) -> Option<Order> {
        let at = self.resting.iter().position(|order| order.id == id)?;
        Some(self.resting.remove(at))
    }

    fn trade(&mut self, order: &Order) {
        let left = self.position(&order.instrument).saturating_add(order.quantity);
        match left {
            0 => self.positions.remove(&order.instrument),
            left => self.positions.insert(order.instrument.clone(), left),
        };
    }
}

fn is_open(conditions: &Conditions) -> Result<(), Refused> {
    match &conditions.shut_until {
        Some(until) => Err(Refused::Shut(until.clone())),
        None => Ok(()),
    }
}
