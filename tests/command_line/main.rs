//! The command line as a person, a script and the guide's reader meet it: each verb's standard output, standard error
//! and exit status. Refuses to look inside: the program is run as it is installed.

#[path = "../house/mod.rs"]
mod house;

mod audit;
mod boundary;
mod kill;
mod layers;
mod lost;
mod pages;
mod places;
mod plugins;
mod policies;
mod roles;
mod rotate;
mod shapes;
mod streams;
mod surroundings;
mod transcripts;
mod trouble;
mod values;
mod watch;
