//! What stands in memory between the program and a library: the table and the buffers. Refuses to change: fields are
//! only ever added at the end, and read only if the library's own `size` says that they are there.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

/// The first eight bytes of a table: `QDPLUGIN` in memory order.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"QDPLUGIN");
/// The major version of this joint. A library with another one is refused.
pub const ABI_MAJOR: u16 = 1;
/// The minor version: how many times something was added since the major changed. Any is accepted.
pub const ABI_MINOR: u16 = 0;

/// An entry answered; the answer may be an error.
pub(crate) const ANSWERED: u32 = 0;
/// An entry panicked; there is no answer.
pub(crate) const PANICKED: u32 = 1;

/// Bytes lent for the duration of a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Lent {
    pub(crate) start: *const u8,
    pub(crate) len: usize,
}

/// Bytes owned by the side that made them, which alone may free them.
#[repr(C)]
pub(crate) struct Owned {
    pub(crate) start: *mut u8,
    pub(crate) len: usize,
    pub(crate) capacity: usize,
}

/// What an entry gives back: a message and, apart from it, secret bytes.
#[repr(C)]
pub(crate) struct Parcel {
    pub(crate) message: Owned,
    pub(crate) secret: Owned,
}

/// Where a library's log lines go.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sink {
    pub(crate) emit: Option<unsafe extern "C" fn(context: *mut c_void, level: u32, text: Lent)>,
    pub(crate) context: *mut c_void,
}

/// Makes a backend: `setup` and its `secrets` in, a handle and `Result<Description>` out.
pub(crate) type Create = unsafe extern "C" fn(Lent, Lent, Sink, *mut *mut c_void, *mut Parcel) -> u32;
/// Carries one request out on a handle.
pub(crate) type Call = unsafe extern "C" fn(*mut c_void, Lent, Lent, *mut Parcel) -> u32;
/// Wipes and frees what an entry of the same library gave back.
pub(crate) type Free = unsafe extern "C" fn(*mut Parcel);
/// Ends a handle.
pub(crate) type Destroy = unsafe extern "C" fn(*mut c_void);

/// The table that `quarterdeck_plugin()` points to.
#[repr(C)]
pub struct Table {
    magic: u64,
    size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: Lent,
    version: Lent,
    create: Option<Create>,
    call: Option<Call>,
    free: Option<Free>,
    destroy: Option<Destroy>,
}

// SAFETY: a table is built by `of` from constants, is never written, and points at `'static` text and functions only.
unsafe impl Sync for Table {}

impl Table {
    /// The table of one plugin.
    #[doc(hidden)]
    pub const fn of<P: crate::plugin::Plugin>(name: &'static str, version: &'static str) -> Self {
        Self {
            magic: MAGIC,
            size: size_of::<Self>() as u32,
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            name: Lent::of(name.as_bytes()),
            version: Lent::of(version.as_bytes()),
            create: Some(crate::plugin::create::<P>),
            call: Some(crate::plugin::call),
            free: Some(crate::plugin::free),
            destroy: Some(crate::plugin::destroy),
        }
    }
}

/// A table that was read and found whole.
#[derive(Clone)]
pub(crate) struct Entries {
    pub(crate) abi: (u16, u16),
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) create: Create,
    pub(crate) call: Call,
    pub(crate) free: Free,
    pub(crate) destroy: Destroy,
}

/// What is wrong with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Magic,
    Abi { major: u16, minor: u16 },
    Incomplete,
}

/// Reads a table, each field only if the library says that it has it.
///
/// # Safety
///
/// `table` is what a library's `quarterdeck_plugin` gave: null, or readable for 16 bytes and then for as many as its
/// `size` field says, for ever. That it holds is what loading a library at all takes on trust.
pub(crate) unsafe fn read(table: *const Table) -> Result<Entries, Flaw> {
    if table.is_null() || !table.is_aligned() {
        return Err(Flaw::Magic);
    }
    // SAFETY: not null, aligned, and readable for the fixed head by this function's own contract.
    let (magic, size) = unsafe { ((*table).magic, (*table).size as usize) };
    if magic != MAGIC {
        return Err(Flaw::Magic);
    }
    // SAFETY: as above; the head up to here is the same in every version.
    let (major, minor) = unsafe { ((*table).abi_major, (*table).abi_minor) };
    if major != ABI_MAJOR {
        return Err(Flaw::Abi { major, minor });
    }
    let there = |offset: usize, length: usize| if offset + length <= size { Ok(()) } else { Err(Flaw::Incomplete) };
    there(offset_of!(Table, destroy), size_of::<Option<Destroy>>())?;
    // SAFETY: `size` covers every field up to `destroy`, which is the last of minor version 0.
    let table = unsafe { &*table };
    Ok(Entries {
        abi: (major, minor),
        // SAFETY: the library's name and version are `'static` text of its own.
        name: unsafe { table.name.text() }.ok_or(Flaw::Incomplete)?,
        // SAFETY: as for the name.
        version: unsafe { table.version.text() }.ok_or(Flaw::Incomplete)?,
        create: table.create.ok_or(Flaw::Incomplete)?,
        call: table.call.ok_or(Flaw::Incomplete)?,
        free: table.free.ok_or(Flaw::Incomplete)?,
        destroy: table.destroy.ok_or(Flaw::Incomplete)?,
    })
}

impl Lent {
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), len: bytes.len() }
    }

    /// # Safety
    ///
    /// The lender keeps the bytes alive and unwritten for `'a`.
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.start.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: not null; length and life are the lender's promise.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// A short text without control characters, copied.
    ///
    /// # Safety
    ///
    /// As for [`bytes`](Self::bytes).
    unsafe fn text(self) -> Option<String> {
        if self.len > 128 {
            return None;
        }
        // SAFETY: passed on from this function's own contract.
        let text = std::str::from_utf8(unsafe { self.bytes() }).ok()?;
        (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
    }
}

impl Owned {
    pub(crate) const EMPTY: Self = Self { start: std::ptr::null_mut(), len: 0, capacity: 0 };

    /// Gives a vector over the border without a copy.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self { start: bytes.as_mut_ptr(), len: bytes.len(), capacity: bytes.capacity() }
    }

    /// Takes back what [`of`](Self::of) gave.
    ///
    /// # Safety
    ///
    /// `self` was made by `of` in this same library and was not taken back before.
    pub(crate) unsafe fn take(&mut self) -> Vec<u8> {
        let Self { start, len, capacity } = std::mem::replace(self, Self::EMPTY);
        if start.is_null() {
            return Vec::new();
        }
        // SAFETY: the parts are those of a vector that `of` took apart with this allocator.
        unsafe { Vec::from_raw_parts(start, len, capacity) }
    }

    pub(crate) fn lend(&self) -> Lent {
        Lent { start: self.start, len: self.len }
    }
}

impl Parcel {
    pub(crate) const EMPTY: Self = Self { message: Owned::EMPTY, secret: Owned::EMPTY };
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretsBackend, Setup};

    struct Nothing;

    impl crate::plugin::Plugin for Nothing {
        fn create(_: Setup) -> Result<Box<dyn SecretsBackend>> {
            Err(BackendError::new(ErrorKind::Invalid, "no"))
        }
    }

    fn flaw(change: impl Fn(&mut Table)) -> Option<Flaw> {
        let mut table = Table::of::<Nothing>("nothing", "1.2.3");
        change(&mut table);
        // SAFETY: a live table of our own.
        unsafe { read(&table) }.err()
    }

    #[test]
    fn a_table_is_read_back_as_it_was_made() {
        let table = Table::of::<Nothing>("nothing", "1.2.3");
        // SAFETY: a live table of our own.
        let Ok(entries) = (unsafe { read(&table) }) else { panic!("a whole table was refused") };
        assert_eq!((entries.name.as_str(), entries.version.as_str()), ("nothing", "1.2.3"));
        assert_eq!(entries.abi, (ABI_MAJOR, ABI_MINOR));
    }

    #[test]
    fn each_flaw_has_its_name() {
        assert_eq!(flaw(|table| table.magic = 7), Some(Flaw::Magic));
        assert_eq!(flaw(|table| table.abi_major = 9), Some(Flaw::Abi { major: 9, minor: ABI_MINOR }));
        assert_eq!(flaw(|table| table.call = None), Some(Flaw::Incomplete));
        assert_eq!(flaw(|table| table.size = 24), Some(Flaw::Incomplete));
        assert_eq!(flaw(|table| table.name = Lent::of(b"a\x1b[2J")), Some(Flaw::Incomplete));
        assert_eq!(flaw(|table| table.abi_minor = 40), None, "a newer minor is welcome");
        assert_eq!(flaw(|table| table.size += 64), None, "fields added later are not read");
        // SAFETY: null is in the contract.
        assert_eq!(unsafe { read(std::ptr::null()) }.err(), Some(Flaw::Magic));
    }
}
