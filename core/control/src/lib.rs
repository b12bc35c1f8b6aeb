//! Where clock, disk and plugins meet: the journal, the tail, the layers, the requests. Refuses to draw and to parse a
//! command line: it serves requests and sends notices.
#![forbid(unsafe_code)]

pub mod config;
pub mod installation;
pub mod overview;
pub mod surroundings;
pub mod yaml;
