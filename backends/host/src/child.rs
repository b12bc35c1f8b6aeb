//! The child's side: `quarterdeck plugin-host NAME`. Refuses to outlive its parent: when the socket closes it is gone,
//! whatever the plugin is doing; and refuses to read anything but the socket: no arguments, no environment.

use crate::confine::{confine, harden, refusal};
use crate::message::{Configure, Hello};
use crate::ring::tame;
use crate::status::Confinement;
use quarterdeck_abi::frame::{self, Frame, FrameError, FrameKind};
use quarterdeck_abi::{Level, LoadRules, Loaded, Log, Sealed, leave, wire};
use quarterdeck_contract::{BackendError, Carrier, ErrorKind, Reply};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Exit statuses of a child that ends before it could say anything in a frame.
const NOT_FOR_PEOPLE: i32 = 2;
const PANICKED: i32 = 101;

/// Runs the child. The first thing that `main` looks at, before any thread: what is set here is for the whole process.
///
/// Standard input is the socket to the parent, standard output leads nowhere and standard error to the parent's ring.
pub fn child_main() -> ! {
    let lacks = harden();
    let Some(socket) = take_socket() else {
        eprintln!("quarterdeck: 'plugin-host' is started by the program itself, for each plugin; it is no command");
        leave(NOT_FOR_PEOPLE)
    };
    // Whatever goes wrong in here is this crate's fault; the parent sees status 101 and says so.
    let _ = catch_unwind(AssertUnwindSafe(|| serve(socket, lacks)));
    leave(PANICKED)
}

/// Moves the socket away from standard input, where a plugin could stumble over it.
fn take_socket() -> Option<UnixStream> {
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).ok()?;
    let socket = UnixStream::from(socket);
    socket.peer_addr().ok()?;
    let nothing = File::open("/dev/null").ok()?;
    rustix::stdio::dup2_stdin(&nothing).ok()?;
    Some(socket)
}

/// What the threads of a child share.
struct Desk {
    out: Mutex<UnixStream>,
    calls: Mutex<VecDeque<Frame>>,
    arrived: Condvar,
}

fn serve(mut socket: UnixStream, lacks: Vec<String>) {
    let Ok(first) = frame::read(&mut socket) else { leave(0) };
    let Ok(out) = socket.try_clone() else { leave(PANICKED) };
    let desk = Arc::new(Desk { out: Mutex::new(out), calls: Mutex::default(), arrived: Condvar::new() });
    // While this is the only thread: the next ones are confined as it is.
    let prepared = prepare(first, lacks);
    // From here on the parent's end is noticed at once, also while the library loads or its constructor hangs.
    spawn("plugin-io", {
        let desk = desk.clone();
        move || listen(socket, &desk)
    });
    let (backend, workers) = match prepared.and_then(|prepared| make(prepared, &desk)) {
        Ok((backend, hello, workers)) => {
            desk.send(0, FrameKind::Hello, &wire::json(&hello), &[]);
            (Arc::new(backend), workers)
        }
        Err(error) => {
            desk.send(0, FrameKind::Refused, &wire::json(&error), &[]);
            // The parent reads it, and its end of the socket closes: the listening thread ends us.
            loop {
                thread::park();
            }
        }
    };
    for number in 1..workers {
        let (desk, backend) = (desk.clone(), backend.clone());
        spawn(&format!("plugin-{number}"), move || work(&desk, &backend));
    }
    work(&desk, &backend)
}

/// A thread whose panic ends the process, rather than leave a child that is there and doesn't answer.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    let guarded = move || {
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            leave(PANICKED)
        }
    };
    // As much stack as a main thread has: the plugin's code expects no less.
    if thread::Builder::new().name(name.to_owned()).stack_size(8 << 20).spawn(guarded).is_err() {
        eprintln!("quarterdeck: the system refuses a thread");
        leave(PANICKED)
    }
}

/// The I/O thread: queues calls, answers pings at once, and leaves when there is nobody to talk to.
fn listen(mut socket: UnixStream, desk: &Desk) {
    loop {
        match frame::read(&mut socket) {
            Ok(frame) if frame.kind == FrameKind::Call => {
                lock(&desk.calls).push_back(frame);
                desk.arrived.notify_one();
            }
            Ok(frame) if frame.kind == FrameKind::Ping => desk.send(frame.id, FrameKind::Pong, &[], &[]),
            Ok(_) | Err(_) => leave(0),
        }
    }
}

/// A worker: one call after the other.
fn work(desk: &Desk, backend: &Loaded) {
    loop {
        let mut frame = desk.next_call();
        let Frame { id, message, secret, .. } = &mut frame;
        let reply = match wire::decode_request(message, || secret.take()) {
            Ok(request) => backend.carry(request),
            Err(error) => Reply { answer: Err(error), secret: None },
        };
        desk.reply(*id, &reply);
    }
}

/// A child that is confined and has run nothing of the plugin yet.
struct Prepared {
    first: Frame,
    configure: Configure,
    sealed: Sealed,
    confinement: Confinement,
}

/// Takes the library into memory, then gives up everything that the plugin doesn't need: its file among it.
fn prepare(first: Frame, lacks: Vec<String>) -> Result<Prepared, BackendError> {
    if first.kind != FrameKind::Configure {
        return Err(BackendError::new(ErrorKind::Invalid, "the first frame is no configuration"));
    }
    let configure: Configure = wire::parse(&first.message, "a configuration")?;
    let rules = LoadRules { pinned: configure.pinned, ..LoadRules::for_this_process() };
    let sealed = Sealed::of(&configure.library, &rules)?;
    let confinement = confine(&configure.demands, configure.kernel, lacks);
    if configure.whole && !confinement.lacks.is_empty() {
        return Err(refusal(&configure.instance, &confinement.lacks));
    }
    Ok(Prepared { first, configure, sealed, confinement })
}

fn make(prepared: Prepared, desk: &Arc<Desk>) -> Result<(Loaded, Hello, usize), BackendError> {
    let Prepared { mut first, configure, sealed, confinement } = prepared;
    let library = sealed.load()?;
    let name = format!("qd-{}", library.name());
    if let Ok(name) = std::ffi::CString::new(name) {
        // For `ps` and `top`; a system that refuses loses nothing else.
        let _ = rustix::thread::set_name(&name);
    }
    let secrets = zeroize::Zeroizing::new(first.secret.take());
    let setup = wire::decode_setup(configure.setup.as_bytes(), &secrets)?;
    let log: Log = {
        let desk = desk.clone();
        Arc::new(move |level: Level, text: &str| {
            desk.send(u64::from(level.number()), FrameKind::Log, tame(text).as_bytes(), &[]);
        })
    };
    let backend = library.create(&setup, log)?;
    let hello = Hello {
        name: library.name().to_owned(),
        version: library.version().to_owned(),
        abi: library.abi(),
        sha256: library.sha256(),
        description: backend.description(),
        confinement,
    };
    Ok((backend, hello, configure.workers.clamp(1, 64)))
}

impl Desk {
    fn next_call(&self) -> Frame {
        let mut calls = lock(&self.calls);
        loop {
            match calls.pop_front() {
                Some(call) => return call,
                None => calls = self.arrived.wait(calls).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn reply(&self, id: u64, reply: &Reply) {
        let secret = reply.secret.as_ref().map_or(&[][..], |secret| secret.expose());
        self.send(id, FrameKind::Reply, &wire::encode_reply(reply), secret);
    }

    /// Sends a frame; one that is too big becomes an error of the same id. A socket that fails has no other side.
    fn send(&self, id: u64, kind: FrameKind, message: &[u8], secret: &[u8]) {
        let mut out = lock(&self.out);
        match frame::write(&mut *out, id, kind, message, secret) {
            Ok(()) => {}
            Err(FrameError::TooLarge(size)) => {
                let what = format!("the plugin's answer of {size} bytes is more than the {} allowed", frame::MAX);
                let error = BackendError::new(ErrorKind::TooLarge, what).hint("Ask for less at once.");
                let reply = wire::encode_reply(&Reply { answer: Err(error), secret: None });
                if frame::write(&mut *out, id, kind, &reply, &[]).is_err() {
                    leave(0)
                }
            }
            Err(_) => leave(0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
