//! The program's side: a library from its file to a backend. Refuses to believe a path twice: what is judged, hashed
//! and loaded is one open file, copied into sealed memory; and refuses to unload, since a thread of the library may run on.

use crate::log::{Log, sink};
use crate::rules::{Facts, LoadError, LoadRules, Place};
use crate::table::{ANSWERED, Entries, Flaw, Lent, Parcel, Table, read};
use crate::{frame, wire};
use libloading::os::unix;
use quarterdeck_contract::{BackendError, Carrier, Description, ErrorKind, Reply, Request, Result as Backed, Setup};
use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, SealFlags, Stat};
use sha2::{Digest, Sha256};
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A loaded library. It stays loaded until the process ends.
#[derive(Clone)]
pub struct Library {
    path: PathBuf,
    sha256: [u8; 32],
    entries: Entries,
}

/// A backend behind a library's border.
pub struct Loaded {
    description: Description,
    handle: Handle,
    entries: Entries,
}

struct Handle(*mut c_void);

// SAFETY: the handle points to a `Box<dyn SecretsBackend>`, which is `Send + Sync` by the trait.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// A library that was judged and copied into sealed memory, and of which no code has run. What happens to its file from
/// here on is of no matter.
pub struct Sealed {
    path: PathBuf,
    copy: OwnedFd,
    sha256: [u8; 32],
}

/// Loads a library if the rules allow it.
///
/// # Errors
///
/// One variant of [`LoadError`] for each reason.
pub fn load(path: &Path, rules: &LoadRules) -> Result<Library, LoadError> {
    Sealed::of(path, rules)?.load()
}

/// Judges and hashes a library without loading it: what a listing of plugins shows. Gives its SHA-256 in hexadecimal.
///
/// # Errors
///
/// As [`load`], as far as it can be told from outside.
pub fn examine(path: &Path, rules: &LoadRules) -> Result<String, LoadError> {
    Ok(hexadecimal(&Sealed::of(path, rules)?.sha256))
}

impl Sealed {
    /// Copies a library if the rules allow it. A process that is about to confine itself does this first: afterwards it
    /// may not even open the file.
    ///
    /// # Errors
    ///
    /// As [`load`], as far as it can be told from outside.
    pub fn of(path: &Path, rules: &LoadRules) -> Result<Self, LoadError> {
        let (path, file) = open(path, rules)?;
        let (copy, sha256) = seal(&path, file)?;
        if rules.pinned.is_some_and(|pinned| pinned != sha256) {
            return Err(LoadError::Pinned { path, found: hexadecimal(&sha256) });
        }
        Ok(Self { path, copy, sha256 })
    }

    /// Loads the copy: runs the library's initialisers.
    ///
    /// # Errors
    ///
    /// As [`load`], what only the loader and the library's table can tell.
    pub fn load(self) -> Result<Library, LoadError> {
        let Self { path, copy, sha256 } = self;
        let table = link(&path, copy)?;
        // SAFETY: the table of a library that stays loaded for ever; that it is one takes a library's word, see `read`.
        match unsafe { read(table) } {
            Ok(entries) => Ok(Library { path, sha256, entries }),
            Err(Flaw::Magic) => Err(LoadError::WrongMagic { path }),
            Err(Flaw::Abi { major, minor }) => Err(LoadError::WrongAbi { path, found: (major, minor) }),
            Err(Flaw::Incomplete) => Err(LoadError::Incomplete { path }),
        }
    }
}

impl Library {
    /// The kind of backend that it makes.
    pub fn name(&self) -> &str {
        &self.entries.name
    }

    /// Its own version.
    pub fn version(&self) -> &str {
        &self.entries.version
    }

    /// The version of the joint that it was built for: major and minor.
    pub fn abi(&self) -> (u16, u16) {
        self.entries.abi
    }

    /// The SHA-256 of what was loaded, in hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(&self.sha256)
    }

    /// Where it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a backend. The first call says for good where the library's log lines go.
    ///
    /// # Errors
    ///
    /// The constructor's own error; `Panicked` if it panicked; `Invalid` if its answer makes no sense.
    pub fn create(&self, setup: &Setup, log: Log) -> Backed<Loaded> {
        let (message, secrets) = wire::encode_setup(setup);
        let mut handle = std::ptr::null_mut();
        let mut parcel = Parcel::EMPTY;
        let (message, secrets) = (Lent::of(&message), Lent::of(&secrets));
        // SAFETY: an entry of a loaded library; both lent buffers and both places outlive the call.
        let status = unsafe { (self.entries.create)(message, secrets, sink(log), &mut handle, &mut parcel) };
        let description = self.entries.open(status, parcel, |message, _| wire::decode_made(message))?;
        if handle.is_null() {
            return Err(faulty("made nothing"));
        }
        Ok(Loaded { description, handle: Handle(handle), entries: self.entries.clone() })
    }
}

impl Carrier for Loaded {
    fn description(&self) -> Description {
        self.description.clone()
    }

    fn carry(&self, request: Request) -> Reply {
        let message = wire::encode_request(&request);
        let secret = request.secret.as_ref().map_or(&[][..], |secret| secret.expose());
        let mut parcel = Parcel::EMPTY;
        // SAFETY: an entry of a loaded library with its own live handle; the buffers and the place outlive the call.
        let status = unsafe { (self.entries.call)(self.handle.0, Lent::of(&message), Lent::of(secret), &mut parcel) };
        self.entries
            .open(status, parcel, |message, secret| Ok(wire::decode_reply(message, || secret.to_vec())))
            .unwrap_or_else(|error| Reply { answer: Err(error), secret: None })
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: the handle came from this library's `create`, and nobody else has it.
        unsafe { (self.entries.destroy)(self.handle.0) }
    }
}

impl Entries {
    /// Reads what an entry gave back and has the library wipe and free it.
    fn open<T>(&self, status: u32, mut parcel: Parcel, read: impl FnOnce(&[u8], &[u8]) -> Backed<T>) -> Backed<T> {
        if status != ANSWERED {
            let error = BackendError::new(ErrorKind::Panicked, "the plugin panicked at its border");
            return Err(error.hint("Its last log lines say where; report it to whoever made the plugin."));
        }
        let outcome = if parcel.message.len.saturating_add(parcel.secret.len) > frame::MAX {
            let what = format!("the plugin's answer has more than {} MiB", frame::MAX >> 20);
            Err(BackendError::new(ErrorKind::TooLarge, what).hint("Ask for less at once."))
        } else {
            // SAFETY: the library filled the parcel and keeps it until `free`, which comes after.
            let (message, secret) = unsafe { (parcel.message.lend().bytes(), parcel.secret.lend().bytes()) };
            read(message, secret)
        };
        // SAFETY: filled by this library and given back once.
        unsafe { (self.free)(&mut parcel) };
        outcome
    }
}

fn faulty(what: &str) -> BackendError {
    BackendError::new(ErrorKind::Invalid, format!("the plugin {what}"))
        .doing("making a backend")
        .hint("The plugin is faulty; build it again against this program's version.")
}

/// Opens a library, or what stands beside it and is believed as the library is, without following a link. Judges it and
/// every folder above it. Gives its path without links.
///
/// # Errors
///
/// As [`load`], as far as it can be told without its content.
pub fn open(path: &Path, rules: &LoadRules) -> Result<(PathBuf, File), LoadError> {
    let unreadable = |why: io::Error| match why.kind() {
        io::ErrorKind::NotFound => LoadError::Missing { path: path.to_owned() },
        _ => LoadError::Unreadable { path: path.to_owned(), why },
    };
    let path_in_full = std::path::absolute(path).map_err(unreadable)?;
    let (Some(folder), Some(name)) = (path_in_full.parent(), path_in_full.file_name()) else {
        return Err(LoadError::NotAFile { path: path.to_owned() });
    };
    let real = folder.canonicalize().map_err(unreadable)?;
    // Links in the path are common and fine; whoever can change one is judged by the folder that it is in.
    let ways = if real == folder { vec![&*real] } else { vec![&*real, folder] };
    for way in ways {
        for (depth, folder) in way.ancestors().enumerate() {
            let stat = rustix::fs::stat(folder).map_err(|why| unreadable(why.into()))?;
            let place = if depth == 0 { Place::Folder } else { Place::Above };
            rules.judge(folder, place, facts(&stat))?;
        }
    }
    let path = real.join(name);
    // NONBLOCK: opening a pipe that nobody writes would wait for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::openat(CWD, &path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::LOOP) => return Err(LoadError::Symlink { path }),
        Err(why) => return Err(unreadable(why.into())),
    };
    let stat = rustix::fs::fstat(&file).map_err(|why| unreadable(why.into()))?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
        return Err(LoadError::NotAFile { path });
    }
    rules.judge(&path, Place::Library, facts(&stat))?;
    Ok((path, File::from(file)))
}

fn facts(stat: &Stat) -> Facts {
    Facts { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777 }
}

/// Copies the file into memory that nobody can change any more, and hashes what was copied.
fn seal(path: &Path, mut file: File) -> Result<(OwnedFd, [u8; 32]), LoadError> {
    let unreadable = |why: io::Error| LoadError::Unreadable { path: path.to_owned(), why };
    let copy = rustix::fs::memfd_create("quarterdeck-plugin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(|why| unreadable(why.into()))?;
    let mut copy = File::from(copy);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut first = true;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(unreadable(why)),
        };
        if std::mem::take(&mut first) && !buffer[..read].starts_with(b"\x7fELF") {
            return Err(LoadError::NotALibrary { path: path.to_owned() });
        }
        hash.update(&buffer[..read]);
        copy.write_all(&buffer[..read]).map_err(unreadable)?;
    }
    if first {
        return Err(LoadError::NotALibrary { path: path.to_owned() });
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&copy, seals).map_err(|why| unreadable(why.into()))?;
    Ok((copy.into(), hash.finalize().into()))
}

/// Loads the sealed copy for good and asks it for its table.
fn link(path: &Path, copy: OwnedFd) -> Result<*const Table, LoadError> {
    let name = format!("/proc/self/fd/{}", copy.as_raw_fd());
    // SAFETY: runs the library's initialisers, which is what loading a plugin means; the rules said that it may.
    let library = unsafe { unix::Library::open(Some(&name), unix::RTLD_NOW | unix::RTLD_LOCAL) }
        .map_err(|error| LoadError::Unloadable { path: path.to_owned(), why: reason(&error, &name) })?;
    // A thread or a thread-local destructor of the library may run after us: it is never unloaded.
    let library = std::mem::ManuallyDrop::new(library);
    // The loader knows a library by its path: the number stays taken, or the next library would seem to be this one.
    std::mem::forget(copy);
    // SAFETY: the symbol of this name is, by the joint's definition, a function of this type.
    let table = unsafe { library.get::<unsafe extern "C" fn() -> *const Table>(b"quarterdeck_plugin\0") }
        .map_err(|_| LoadError::NoSymbol { path: path.to_owned() })?;
    // SAFETY: as above; it takes nothing and gives a pointer to a constant.
    Ok(unsafe { table() })
}

/// The loader's reason without our name for the copy, which tells nobody anything.
fn reason(error: &libloading::Error, name: &str) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    text.replace(&format!("{name}: "), "").chars().filter(|char| !char.is_control()).take(300).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
