//! The C joint between the program and a plugin library, and the frames that carry the same calls over a socket.
//!
//! A plugin calls [`export_backend!`] and nothing else of this crate but [`log`]. The program calls [`load`]. This is
//! the only crate with `unsafe`, and each block says beside it why it holds. It refuses to unload a library, to load one
//! that somebody else could have written, and to let a panic or a secret through the border.
#![allow(unsafe_code, reason = "a C border can't be crossed without; nothing else in the house has any")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may"))]

pub mod frame;
mod load;
mod log;
mod plugin;
mod rules;
mod table;
pub mod wire;

pub use load::{Library, Loaded, Sealed, examine, load, open};
pub use log::{Level, Log, log};
pub use rules::{Facts, LoadError, LoadRules, Place, private_group};
pub use table::{ABI_MAJOR, ABI_MINOR};

/// What [`export_backend!`] expands to; not for use by hand.
#[doc(hidden)]
pub mod joint {
    pub use crate::plugin::Plugin;
    pub use crate::table::Table;
}

/// Ends the process at once: no destructor, no `atexit`, no waiting for a thread that hangs.
///
/// The child of a plugin leaves by this when its socket closes: whatever the plugin is doing then must not delay it.
pub fn leave(status: i32) -> ! {
    // SAFETY: `_exit` takes any status and doesn't return; it runs no code of ours.
    unsafe { libc::_exit(status) }
}

/// Makes the crate that calls it a plugin: exports the one symbol that the program looks for.
///
/// `constructor` is a `fn(Setup) -> quarterdeck_contract::Result<Box<dyn SecretsBackend>>`. It runs in a child process
/// under a deadline of some seconds and may fail; reaching a server can wait for the first call.
///
/// A program has room for one: two plugins linked into one binary both define the symbol and the linker says so. Load
/// the second as the library that it is.
///
/// ```
/// # use quarterdeck_contract::*;
/// # struct Shelf;
/// # impl SecretsBackend for Shelf {
/// #     fn describe(&self) -> Description { unimplemented!() }
/// #     fn health(&self, _: Call) -> Result<Health> { unimplemented!() }
/// #     fn list(&self, _: &PageRequest, _: Call) -> Result<Page> { unimplemented!() }
/// #     fn inspect(&self, _: &SecretName, _: Call) -> Result<Inspection> { unimplemented!() }
/// #     fn keys(&self, _: &SecretName, _: Call) -> Result<Vec<String>> { unimplemented!() }
/// #     fn read(&self, _: &SecretName, _: Option<&VersionId>, _: Call) -> Result<Reading> { unimplemented!() }
/// # }
/// fn make(setup: Setup) -> Result<Box<dyn SecretsBackend>> {
///     let _folder = setup.text("folder");
///     Ok(Box::new(Shelf))
/// }
///
/// quarterdeck_abi::export_backend!("shelf", env!("CARGO_PKG_VERSION"), make);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_backend {
    ($name:expr, $version:expr, $constructor:expr) => {
        const _: () = {
            // Each entry turns a panic into an answer; with `panic = "abort"` there is nothing left to turn.
            #[cfg(panic = "abort")]
            compile_error!("a Quarterdeck plugin must be built with panic = \"unwind\" (set it in [profile.*])");

            struct Exported;

            impl $crate::joint::Plugin for Exported {
                fn create(
                    setup: ::quarterdeck_contract::Setup,
                ) -> ::quarterdeck_contract::Result<::std::boxed::Box<dyn ::quarterdeck_contract::SecretsBackend>>
                {
                    ($constructor)(setup)
                }
            }

            static TABLE: $crate::joint::Table = $crate::joint::Table::of::<Exported>($name, $version);

            /// The table of this plugin, for the program that loads it.
            #[allow(unsafe_code, reason = "the one exported symbol; no other crate in the process defines it")]
            #[unsafe(no_mangle)]
            extern "C" fn quarterdeck_plugin() -> *const $crate::joint::Table {
                &TABLE
            }
        };
    };
}
