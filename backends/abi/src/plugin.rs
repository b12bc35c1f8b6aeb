//! The library's side of the table: what runs when the program calls. Refuses to let a panic out: it becomes an answer
//! or a status, and its payload is forgotten, since dropping it could panic again.

use crate::log;
use crate::table::{ANSWERED, Lent, Owned, PANICKED, Parcel, Sink};
use crate::wire;
use quarterdeck_contract::{BackendError, ErrorKind, Reply, Result, SecretsBackend, Setup, dispatch};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use zeroize::Zeroize;

/// What the macro implements for a plugin.
#[doc(hidden)]
pub trait Plugin {
    /// The plugin's constructor.
    fn create(setup: Setup) -> Result<Box<dyn SecretsBackend>>;
}

/// What a handle points to.
type Backend = Box<dyn SecretsBackend>;

/// # Safety
///
/// `setup` and `secrets` are lent for the call, `sink` is good for ever, `handle` and `parcel` may be written.
pub(crate) unsafe extern "C" fn create<P: Plugin>(
    setup: Lent,
    secrets: Lent,
    sink: Sink,
    handle: *mut *mut c_void,
    parcel: *mut Parcel,
) -> u32 {
    guarded(|| {
        log::set(sink);
        hush_panics();
        // SAFETY: both are lent for this call.
        let (setup, secrets) = unsafe { (setup.bytes(), secrets.bytes()) };
        let made = wire::decode_setup(setup, secrets)
            .and_then(|setup| caught(|| P::create(setup)).unwrap_or_else(|| Err(panicked("making the backend"))));
        let description = made.and_then(|backend| {
            let description = caught(|| backend.describe()).ok_or_else(|| panicked("describing itself"))?;
            // SAFETY: the caller lets us write the handle.
            unsafe { handle.write(Box::into_raw(Box::new(backend)).cast()) };
            Ok(description)
        });
        // SAFETY: the caller lets us write the parcel.
        unsafe {
            parcel.write(Parcel {
                message: Owned::of(std::mem::take(&mut *wire::encode_made(&description))),
                secret: Owned::EMPTY,
            })
        };
    })
}

/// # Safety
///
/// `handle` comes from [`create`] of the same library and lives; `request` and `secret` are lent for the call;
/// `parcel` may be written.
pub(crate) unsafe extern "C" fn call(handle: *mut c_void, request: Lent, secret: Lent, parcel: *mut Parcel) -> u32 {
    guarded(|| {
        // SAFETY: a live handle of ours, shared: the trait is `Sync`.
        let backend = unsafe { &*handle.cast::<Backend>() };
        // SAFETY: both are lent for this call.
        let (request, secret) = unsafe { (request.bytes(), secret.bytes()) };
        let reply = match wire::decode_request(request, || secret.to_vec()) {
            Ok(request) => caught(|| dispatch(backend.as_ref(), request))
                .unwrap_or_else(|| Reply { answer: Err(panicked("answering")), secret: None }),
            Err(error) => Reply { answer: Err(error), secret: None },
        };
        let message = Owned::of(std::mem::take(&mut *wire::encode_reply(&reply)));
        let secret = reply.secret.map_or(Owned::EMPTY, |secret| Owned::of(secret.into_inner()));
        // SAFETY: the caller lets us write the parcel.
        unsafe { parcel.write(Parcel { message, secret }) };
    })
}

/// # Safety
///
/// `parcel` was filled by [`create`] or [`call`] of the same library and was not freed before.
pub(crate) unsafe extern "C" fn free(parcel: *mut Parcel) {
    guarded(|| {
        // SAFETY: filled by this library, so both were made by `Owned::of` here.
        let (mut message, mut secret) = unsafe { ((*parcel).message.take(), (*parcel).secret.take()) };
        message.zeroize();
        secret.zeroize();
    });
}

/// # Safety
///
/// `handle` comes from [`create`] of the same library; nobody uses it any more.
pub(crate) unsafe extern "C" fn destroy(handle: *mut c_void) {
    guarded(|| {
        if !handle.is_null() {
            // SAFETY: made by `Box::into_raw` in `create`, and given back once.
            drop(unsafe { Box::from_raw(handle.cast::<Backend>()) });
        }
    });
}

/// Runs an entry so that nothing unwinds over the border.
fn guarded(entry: impl FnOnce()) -> u32 {
    if caught(entry).is_some() { ANSWERED } else { PANICKED }
}

fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    // What a panic left half-done is the backend's own; its locks are poisoned and its next answers say so.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(payload) => {
            std::mem::forget(payload);
            None
        }
    }
}

fn panicked(doing: &str) -> BackendError {
    BackendError::new(ErrorKind::Panicked, "the plugin panicked")
        .doing(doing)
        .hint("Its last log lines say where; report it to whoever made the plugin.")
}

/// Makes a panic say where it happened and no more than a literal: a formatted message may hold a value.
fn hush_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
            let literal = panic.payload().downcast_ref::<&'static str>().map_or("", |text| text);
            let colon = if literal.is_empty() { "" } else { ": " };
            log::log(log::Level::Error, &format!("the plugin panicked{place}{colon}{literal}"));
        }));
    });
}
