//! A proxy that makes faults on order and counts the requests it sees. Refuses to keep a connection for a second request:
//! each fault hits exactly the requests that it is meant for.

use crate::http::{Head, chunks};
use crate::process::free_ports;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What becomes of a request (or, without HTTP, of a connection).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The answer waits so long; shorter when the fault is healed or replaced meanwhile.
    Delay(Duration),
    /// The connection is reset.
    Reset,
    /// Nobody listens. It holds for all requests, whatever [`Proxy::set_for`] says.
    Refuse,
    /// The connection is taken, the request is read, and nothing ever comes. What was caught stays so when healed.
    HalfOpen,
    /// The server gets the request and answers it, and the connection is reset instead.
    Lose,
    /// This answer instead of the server's. Only with HTTP.
    Answer {
        /// The status.
        status: u16,
        /// Further headers.
        headers: Vec<(&'static str, &'static str)>,
        /// The body.
        body: String,
    },
    /// The answer ends after so many bytes of its body (without HTTP: so many bytes at all).
    Truncate(usize),
}

impl Fault {
    /// What Vault says when it is asked too often.
    pub fn throttle_vault() -> Self {
        let body = r#"{"errors":["request path \"secret\": rate limit quota exceeded"]}"#.to_owned();
        Self::Answer { status: 429, headers: vec![("Content-Type", "application/json"), ("Retry-After", "1")], body }
    }

    /// What AWS says when it is asked too often.
    pub fn throttle_aws() -> Self {
        let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#.to_owned();
        Self::Answer { status: 400, headers: vec![("Content-Type", "application/x-amz-json-1.1")], body }
    }

    /// A server's own failure.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: vec![("Content-Type", "application/json")], body: r#"{"errors":[]}"#.into() }
    }
}

/// A running proxy. It ends with its value; what hangs in it ends with its client.
pub struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    address: SocketAddr,
    upstream: SocketAddr,
    http: bool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rule: Option<Rule>,
    seen: Vec<String>,
    connections: usize,
    /// Rises with each order, so that what waits under an old one goes on.
    order: u64,
    listening: bool,
    ended: bool,
}

struct Rule {
    fault: Fault,
    part: String,
    times: Option<usize>,
}

impl Proxy {
    /// In front of a plain HTTP server (`http://127.0.0.1:PORT`).
    pub fn http(upstream: &str) -> Self {
        Self::start(upstream, true)
    }

    /// In front of anything, byte by byte, as TLS needs it.
    pub fn raw(upstream: &str) -> Self {
        Self::start(upstream, false)
    }

    fn start(upstream: &str, http: bool) -> Self {
        let upstream = upstream.rsplit('/').next().and_then(|address| address.parse().ok()).expect("SCHEME://IP:PORT");
        let listener = TcpListener::bind(("127.0.0.1", free_ports().0)).expect("nobody else was quicker");
        let address = listener.local_addr().expect("bound");
        let shared = Shared { address, upstream, http, state: Mutex::default(), changed: Condvar::new() };
        let proxy = Self { shared: Arc::new(shared) };
        proxy.listen(listener);
        proxy
    }

    /// What a client is given instead of the server's address, without a scheme: `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.shared.address.to_string()
    }

    /// The same with `http://`.
    pub fn address(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// From now on every request has this fault.
    pub fn set(&self, fault: Fault) {
        self.order(Rule { fault, part: String::new(), times: None });
    }

    /// The next requests have it, so many; those after them have none.
    pub fn set_times(&self, fault: Fault, times: usize) {
        self.order(Rule { fault, part: String::new(), times: Some(times) });
    }

    /// Requests have it whose line ([`Self::seen`]) has this part.
    pub fn set_for(&self, part: &str, fault: Fault) {
        assert!(self.shared.http, "bytes have no path");
        self.order(Rule { fault, part: part.into(), times: None });
    }

    /// The next requests have it whose line has this part, so many.
    pub fn set_for_times(&self, part: &str, fault: Fault, times: usize) {
        assert!(self.shared.http, "bytes have no path");
        self.order(Rule { fault, part: part.into(), times: Some(times) });
    }

    /// No faults from now on.
    ///
    /// # Panics
    /// When somebody took the port while nobody listened.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.order += 1;
        state.rule = None;
        let listens = state.listening;
        drop(state);
        self.shared.changed.notify_all();
        if !listens {
            self.listen(TcpListener::bind(self.shared.address).expect("nobody else took the port"));
        }
    }

    /// The requests so far, those with faults too: `METHOD PATH`, and with AWS ` Service.Action`.
    pub fn seen(&self) -> Vec<String> {
        self.shared.lock().seen.clone()
    }

    /// How many requests so far have this part in their line.
    pub fn count(&self, part: &str) -> usize {
        self.shared.lock().seen.iter().filter(|line| line.contains(part)).count()
    }

    /// How many connections were taken so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Counts from nothing again.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.seen.clear();
        state.connections = 0;
    }

    fn order(&self, rule: Rule) {
        assert!(self.shared.http || !matches!(rule.fault, Fault::Answer { .. }), "an answer needs HTTP");
        if rule.fault != Fault::Refuse {
            self.heal();
        }
        let mut state = self.shared.lock();
        state.order += 1;
        let refuse = rule.fault == Fault::Refuse;
        state.rule = (!refuse).then_some(rule);
        self.shared.changed.notify_all();
        if refuse && state.listening {
            drop(state);
            self.shared.close();
        }
    }

    fn listen(&self, listener: TcpListener) {
        self.shared.lock().listening = true;
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || shared.accept(&listener));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        let listens = state.listening;
        drop(state);
        self.shared.changed.notify_all();
        if listens {
            self.shared.close();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no connection panicked")
    }

    /// Ends the listening, and waits until it has ended.
    fn close(&self) {
        self.lock().listening = false;
        // The listener wakes for it, and sees that it is over.
        let _ = TcpStream::connect(self.address);
        crate::wait_until("nobody listens", || TcpStream::connect(self.address).is_err());
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let mut state = self.lock();
            if !state.listening {
                return;
            }
            state.connections += 1;
            drop(state);
            let shared = Arc::clone(self);
            // A client that goes away is no fault of ours.
            thread::spawn(move || client.and_then(|client| shared.serve(client)));
        }
    }

    fn serve(&self, client: TcpStream) -> io::Result<()> {
        if self.http { self.forward(client) } else { self.pipe(client) }
    }

    /// One request, and its answer.
    fn forward(&self, client: TcpStream) -> io::Result<()> {
        let mut from = BufReader::new(client.try_clone()?);
        let Some(head) = Head::read(&mut from)? else { return Ok(()) };
        let body = if head.chunked() {
            chunks(&mut from)?
        } else {
            let mut body = vec![0; head.length().unwrap_or_default()];
            from.read_exact(&mut body)?;
            body
        };
        let fault = self.see(&head);
        if let Some(Fault::Answer { status, headers, body }) = &fault {
            return answer(client, *status, headers, body);
        }
        let keep = match fault {
            Some(Fault::Truncate(keep)) => Some(keep),
            Some(Fault::Lose) => None,
            Some(ref fault) if !self.suffer(&client, fault)? => return Ok(()),
            _ => None,
        };

        let mut server = TcpStream::connect(self.upstream)?;
        let mut request = format!("{}\r\n", head.first);
        let ours = ["connection", "content-length", "transfer-encoding"];
        let theirs = head.headers.iter().filter(|(name, _)| !ours.contains(&name.as_str()));
        theirs.for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
        request += &format!("Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        server.write_all(&[request.as_bytes(), &body].concat())?;
        let mut whole = Vec::new();
        server.read_to_end(&mut whole)?;
        if fault == Some(Fault::Lose) {
            return reset(&client);
        }
        let begins = whole.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |end| end + 4);
        let end = keep.map_or(whole.len(), |keep| whole.len().min(begins + keep));
        let mut client = client;
        client.write_all(&whole[..end])
    }

    /// Bytes both ways.
    fn pipe(&self, client: TcpStream) -> io::Result<()> {
        let fault = self.due("");
        let keep = match fault {
            Some(Fault::Truncate(keep)) => keep as u64,
            Some(Fault::Lose) => 0,
            Some(fault) if !self.suffer(&client, &fault)? => return Ok(()),
            _ => u64::MAX,
        };
        let server = TcpStream::connect(self.upstream)?;
        let (mut asks, mut asked) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut asks, &mut asked);
            asked.shutdown(Shutdown::Write)
        });
        let _ = io::copy(&mut (&server).take(keep), &mut &client);
        let _ = server.shutdown(Shutdown::Both);
        client.shutdown(Shutdown::Both)
    }

    /// Lets the fault happen; true when the request goes on after it.
    fn suffer(&self, client: &TcpStream, fault: &Fault) -> io::Result<bool> {
        match fault {
            Fault::Delay(time) => {
                let state = self.lock();
                let order = state.order;
                let over = self.changed.wait_timeout_while(state, *time, |state| state.order == order && !state.ended);
                Ok(!over.expect("no connection panicked").0.ended)
            }
            // A refusal that comes while a request is on its way is a reset, as of a server that is killed.
            Fault::Reset | Fault::Refuse => reset(client).map(|()| false),
            Fault::HalfOpen => io::copy(&mut &*client, &mut io::sink()).map(|_| false),
            Fault::Answer { .. } | Fault::Truncate(_) | Fault::Lose => Ok(true),
        }
    }

    /// Notes a request and tells its fault.
    fn see(&self, head: &Head) -> Option<Fault> {
        let line = head.first.rsplit_once(' ').map_or(head.first.as_str(), |(line, _)| line);
        let line = match head.header("x-amz-target") {
            Some(target) => format!("{line} {target}"),
            None => line.to_owned(),
        };
        let fault = self.due(&line);
        self.lock().seen.push(line);
        fault
    }

    fn due(&self, line: &str) -> Option<Fault> {
        let mut state = self.lock();
        let rule = state.rule.as_mut().filter(|rule| line.contains(&rule.part))?;
        match &mut rule.times {
            Some(0) => return None,
            Some(times) => *times -= 1,
            None => {}
        }
        Some(rule.fault.clone())
    }
}

fn answer(mut client: TcpStream, status: u16, headers: &[(&str, &str)], body: &str) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Fault\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
    client.write_all(format!("{text}\r\n{body}").as_bytes())
}

/// Closes with a reset instead of an end.
fn reset(client: &TcpStream) -> io::Result<()> {
    let linger = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(client, linger).map_err(io::Error::from)
}
