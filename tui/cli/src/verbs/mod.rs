//! One verb, one small file. Each makes the Request that the keys make too.

pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod engine;
pub(crate) mod help;
pub(crate) mod init;
pub(crate) mod kill;
pub(crate) mod plugins;
pub(crate) mod rotate;
pub(crate) mod secrets;
pub(crate) mod status;
pub(crate) mod watch;
pub(crate) mod whoami;
