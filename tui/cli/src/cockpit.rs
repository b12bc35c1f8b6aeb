//! Runs the screen: what arrives goes to the model, what the model asks for is done, what it shows is drawn. Refuses to
//! decide anything and to wait for anybody: every slow thing has a thread of its own and comes back as news.

mod inspect;
mod rotate;
mod trigger;

use crate::args::{Colour, Common};
use crate::keys;
use crate::output::{Outcome, Trouble};
use crate::theme;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{
    Asking, Binding, Copied, Effect, Keymap, Message, Model, News, Overlay, Seat, Setup, update, wake_at,
};
use quarterdeck_control::config::Config;
use quarterdeck_control::failure::Failure;
use quarterdeck_control::open::OpenError;
use quarterdeck_control::rotate::Begun;
use quarterdeck_control::serve::{Control, Done};
use quarterdeck_control::watch::{Notice, Nudges, Tell, Watch};
use quarterdeck_domain::environment::{Environment, UnknownEnvironment};
use quarterdeck_domain::request::{Purpose, Request, Target};
use quarterdeck_panes::{Options, Theme, draw_frame};
use quarterdeck_terminal::{ColorFlag, ColorMode, Features, Frame, Input, Limits, Screen, Terminal};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use trigger::Trigger;

/// A revealed value that was copied leaves the clipboard after this.
const CLIPBOARD: SignedDuration = SignedDuration::from_secs(30);
/// How much news is taken before the screen is drawn again.
const BATCH: usize = 256;
/// What comes by itself is drawn at most so often; a key's answer is drawn at once.
const PAUSE: Duration = Duration::from_millis(125);

/// Something that arrived.
enum Arrival {
    Input(Input),
    News(News),
    /// A rotation is durable; this process carries it on.
    Begun(Begun),
}

/// Runs until the person leaves, or has to.
pub(crate) fn run(control: Control, nudges: Arc<Nudges>, common: &Common) -> Outcome {
    let features = features(common, &control.config);
    let theme = theme::load(common, &control, features.colours == ColorMode::Mono)?;
    opened(&control)?;
    let setup = setup(&control)?;
    let control = Arc::new(control);
    let (send, receive) = channel();
    let to_loop = send.clone();
    let terminal = Terminal::open(features, Limits::default(), move |input| {
        // The loop is gone only when the program ends.
        let _ = to_loop.send(Arrival::Input(input));
    })
    .map_err(|error| {
        Trouble::failed(format!(
            "{error}\n  while: opening the terminal\n  next:  run it in a terminal; 'quarterdeck status' needs none"
        ))
    })?;
    let switch = control.switch("cockpit").cloned().ok_or(UnknownEnvironment::Unset).map_err(OpenError::from)?;
    let trigger = Trigger::new(switch, environment(&control), send.clone());
    let mut cockpit = Cockpit {
        screen: terminal.screen(),
        model: Model::new(setup, quarterdeck_clock::utc()),
        theme,
        ascii: features.ascii,
        clear_clipboard_at: None,
        drawn: Instant::now(),
        owed: false,
        watch: None,
        control: control.clone(),
        trigger,
        send,
    };
    let size = terminal.size();
    cockpit.screen.title(title(control.config.environment));
    cockpit.take(News::Resize { columns: size.cols, rows: size.rows }, &terminal);
    // The first picture stands before anybody is asked anything.
    cockpit.draw();
    cockpit.start(nudges)?;
    if let Some(why) = &control.broken {
        let next = "mend it and open the cockpit again; until then it looks only, and ^X works";
        let message = Message { what: why.clone(), doing: "opening the session".into(), next: next.into() };
        cockpit.take(News::Failed(message), &terminal);
    }
    let ending = cockpit.turn(&receive, &terminal);
    drop(terminal);
    cockpit.trigger.finish();
    // What is carried here is let go while the session still stands in the journal.
    drop(cockpit.watch.take());
    let _ = control.serve(Request::CloseSession.into());
    Ok(ending)
}

/// The session's first record; a role without a log-in is turned away before the screen opens. A journal that can't be
/// written turns nobody away: the worst day is the day to look.
fn opened(control: &Control) -> Result<(), Trouble> {
    let open = Request::OpenSession {
        host: control.surroundings.host.clone(),
        program: "cockpit".into(),
        pid: control.surroundings.pid,
    };
    match control.serve(open.into()) {
        Ok(_) => Ok(()),
        Err(Failure::Unwritten { why }) => {
            control.set_look_only(Some(format!("nothing can be recorded: {why}")));
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// A cockpit is opened on one; see [`Opening::needs_environment`](quarterdeck_control::open::Opening).
fn environment(control: &Control) -> Environment {
    control.config.environment.unwrap_or(Environment::Qa)
}

fn setup(control: &Control) -> Result<Setup, Trouble> {
    let environment = environment(control);
    let seat = Seat {
        environment,
        who: control.who.clone(),
        host: control.surroundings.host.clone(),
        desk: control.config.file.desk.phone.clone(),
    };
    let mut setup = Setup::new(seat, control.look_only().is_some());
    setup.read_only_because = control.look_only();
    if !setup.access.is_free() && control.look_only().is_none() {
        control.set_look_only(Some("this session looks only; 'u' unlocks it".into()));
    }
    let bindings: Vec<Binding> = keys::bindings(&control.config);
    setup.keymap = Keymap::rebound(&bindings).map_err(|wrong| {
        let all = wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ");
        Trouble::failed(format!("[keys] can't be used: {all}\n  next:  mend it; 'quarterdeck help configuration'"))
    })?;
    Ok(setup)
}

/// What this terminal understands.
pub(crate) fn features(common: &Common, config: &Config) -> Features {
    let flag = match common.color {
        Colour::Auto => None,
        Colour::Never => ColorFlag::parse("never"),
        Colour::Sixteen => ColorFlag::parse("16"),
        Colour::TwoFiftySix => ColorFlag::parse("256"),
        Colour::True => ColorFlag::parse("true"),
    };
    let vars: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let ascii = common.ascii || config.file.screen.ascii == Some(true);
    Features::choose(flag, ascii, |name| {
        vars.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    })
}

fn title(environment: Option<Environment>) -> &'static str {
    match environment {
        Some(Environment::Production) => "Quarterdeck ## PRODUCTION ##",
        Some(Environment::Paper) => "Quarterdeck == PAPER ==",
        Some(Environment::Demo) => "Quarterdeck ~~ DEMO ~~",
        Some(Environment::Qa) | None => "Quarterdeck .. QA ..",
    }
}

struct Cockpit {
    screen: Screen,
    model: Model,
    theme: Theme,
    ascii: bool,
    clear_clipboard_at: Option<Timestamp>,
    drawn: Instant,
    /// Something changed and is not drawn yet.
    owed: bool,
    watch: Option<Watch>,
    control: Arc<Control>,
    trigger: Trigger,
    send: Sender<Arrival>,
}

impl Cockpit {
    /// Begins to ask backends, to read the tail, and to verify the journal.
    fn start(&mut self, nudges: Arc<Nudges>) -> Result<(), Trouble> {
        let (send, control) = (self.send.clone(), self.control.clone());
        let tell: Tell = Arc::new(move |notice| {
            let news = match notice {
                Notice::Secrets(rows) => News::Secrets(rows),
                Notice::Backends(rows) => News::Backends(rows),
                Notice::Journal(row) => News::Journal(row),
                Notice::Kill(row) => News::Kill(row),
                Notice::Rotations(rows) => News::Rotations(rotate::seen_here(&control, rows)),
                Notice::Lines(lines) => News::Lines(lines),
                Notice::Sources(rows) => News::Sources(rows),
            };
            let _ = send.send(Arrival::News(news));
        });
        let watch = Watch::start(self.control.clone(), nudges, tell)?;
        self.watch = Some(watch);
        Ok(())
    }

    /// Takes what arrives until it is time to leave; gives the exit status.
    fn turn(&mut self, receive: &Receiver<Arrival>, terminal: &Terminal) -> u8 {
        loop {
            let mut prompt = false;
            let mut ending = match receive.recv_timeout(self.patience()) {
                Ok(arrival) => {
                    prompt |= is_awaited(&arrival);
                    self.arrived(arrival, terminal)
                }
                Err(RecvTimeoutError::Timeout) if wake_at(&self.model) <= quarterdeck_clock::utc() => {
                    prompt = true;
                    self.tick(terminal)
                }
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(1),
            };
            // One picture for all that is there already.
            for arrival in receive.try_iter().take(BATCH) {
                if ending.is_some() {
                    break;
                }
                prompt |= is_awaited(&arrival);
                ending = self.arrived(arrival, terminal);
            }
            if let Some(status) = ending {
                return status;
            }
            if prompt || self.drawn.elapsed() >= PAUSE {
                self.draw();
            } else {
                self.owed = true;
            }
        }
    }

    /// How long nothing has to be done: until the model wants the time, or a picture is owed.
    fn patience(&self) -> Duration {
        let wake = wake_at(&self.model).duration_since(quarterdeck_clock::utc());
        let wake = Duration::try_from(wake).unwrap_or(Duration::ZERO);
        if self.owed { wake.min(PAUSE.saturating_sub(self.drawn.elapsed())) } else { wake }
    }

    fn tick(&mut self, terminal: &Terminal) -> Option<u8> {
        let now = quarterdeck_clock::utc();
        if self.clear_clipboard_at.is_some_and(|at| at <= now) {
            self.clear_clipboard_at = None;
            self.screen.clear_clipboard();
        }
        let lives = self.watch.as_ref().is_some_and(Watch::is_alive);
        self.take(if lives { News::Alive } else { News::Tick }, terminal)
    }

    fn arrived(&mut self, arrival: Arrival, terminal: &Terminal) -> Option<u8> {
        match arrival {
            Arrival::News(news) => self.take(news, terminal),
            Arrival::Begun(begun) => {
                let news = News::Begun(begun.number);
                if let Some(watch) = &self.watch {
                    watch.carry(begun);
                }
                self.take(news, terminal)
            }
            // Typed before the codes stood, and not for them.
            Arrival::Input(Input::Key(_) | Input::Paste(_)) if self.trigger.is_draining() => None,
            Arrival::Input(Input::Drained) => {
                let armed = self.trigger.drained()?;
                self.take(armed, terminal)
            }
            Arrival::Input(Input::Key(key)) => self.take(News::Key(keys::translated(key)), terminal),
            Arrival::Input(Input::Paste(text)) => self.take(News::Paste(text), terminal),
            Arrival::Input(Input::Resize(size)) => {
                self.take(News::Resize { columns: size.cols, rows: size.rows }, terminal)
            }
            Arrival::Input(Input::Resumed) => self.take(News::Resumed, terminal),
            Arrival::Input(Input::Terminate(ending)) => Some(u8::try_from(ending.exit_status()).unwrap_or(1)),
            Arrival::Input(Input::Hangup) => {
                self.take(News::Hangup, terminal);
                Some(129)
            }
            Arrival::Input(Input::PasteLost | Input::Mouse(_)) => None,
        }
    }

    /// Feeds the model and does what it asks for.
    fn take(&mut self, mut news: News, terminal: &Terminal) -> Option<u8> {
        if let (News::Planned { plan, .. }, Some(watch)) = (&mut news, &self.watch) {
            plan.readers = watch.readers_of(&plan.plan.target);
        }
        let effects = update(&mut self.model, news, quarterdeck_clock::utc());
        effects.into_iter().fold(None, |ending, effect| ending.or(self.act(effect, terminal)))
    }

    fn act(&mut self, effect: Effect, terminal: &Terminal) -> Option<u8> {
        match effect {
            Effect::Quit => return Some(0),
            Effect::Suspend => {
                self.take(News::Suspended, terminal);
                self.draw();
                terminal.suspend();
            }
            Effect::Reveal { name, layer } => self.reveal(name, layer),
            Effect::Inspect { name, layer } => {
                self.watch.iter().for_each(|watch| watch.looked_at(&layer, &name));
                inspect::ask(self.control.clone(), self.send.clone(), Target { layer, name });
            }
            Effect::ReadAgain(layer) => {
                if let Some(watch) = &self.watch {
                    watch.read_again(layer.as_deref());
                }
            }
            Effect::FetchLine { place, .. } => self.fetch(place),
            Effect::Copy(Copied::Text(text)) => self.copy(&text),
            Effect::Copy(Copied::Value(value)) => {
                self.copy(value.expose());
                self.clear_clipboard_at = quarterdeck_clock::utc().checked_add(CLIPBOARD).ok();
            }
            Effect::Unlocked { .. } => self.control.set_look_only(None),
            Effect::LookOnly => self.control.set_look_only(Some("this session looks only; 'u' unlocks it".into())),
            Effect::Arm => self.trigger.arm(terminal),
            Effect::Fire(level) => self.trigger.fire(level),
            Effect::Explain(reason) => self.trigger.explain(reason),
            Effect::Hold { reason } => self.trigger.hold(reason),
            Effect::Release { reason, note, without } => self.trigger.release(reason, note, without),
            Effect::SetMouse(on) => self.screen.set_mouse(on),
            Effect::Ring => self.screen.bell(),
            Effect::Redraw => self.screen.repaint(),
            Effect::PlanRotation { .. }
            | Effect::StartRotation { .. }
            | Effect::SteerRotation { .. }
            | Effect::SayStep { .. }
            | Effect::ConfirmRotation { .. } => rotate::act(&self.control, &self.send, effect),
        }
        None
    }

    fn copy(&mut self, text: &str) {
        if let Err(error) = self.screen.copy(text) {
            let _ = self.send.send(Arrival::News(News::Failed(Message::plain(error.to_string()))));
        }
    }

    /// A reveal is a request like any other; it has a thread because a backend may be slow.
    fn reveal(&self, name: String, layer: String) {
        let (control, send) = (self.control.clone(), self.send.clone());
        let asked = std::thread::Builder::new().name("reveal".into()).spawn(move || {
            let target = Target { layer: layer.clone(), name: name.clone() };
            let news = match control.serve(Request::Read { target, purpose: Purpose::Reveal }.into()) {
                Ok(Done::Read(reading)) => {
                    let value = match String::from_utf8(reading.value.bytes.into_inner()) {
                        Ok(text) => text,
                        Err(_) => "(binary: 'quarterdeck secrets get' writes it as it is)".to_owned(),
                    };
                    let until = quarterdeck_clock::utc() + SignedDuration::from_secs(10);
                    News::Revealed { name, layer, value: quarterdeck_app::Value::new(value), until }
                }
                Ok(_) => News::Failed(Message::plain("nothing was read")),
                Err(failure) => failed(&failure),
            };
            let _ = send.send(Arrival::News(news));
        });
        if let Err(error) = asked {
            let _ = self.send.send(Arrival::News(News::Failed(Message::plain(error.to_string()))));
        }
    }

    fn fetch(&self, place: quarterdeck_domain::audit::Place) {
        let (Some(places), send) = (self.watch.as_ref().map(Watch::places), self.send.clone()) else { return };
        let asked = std::thread::Builder::new().name("fetch".into()).spawn(move || {
            let lines = places.fetch(place).unwrap_or_else(|error| vec![error.to_string()]);
            let _ = send.send(Arrival::News(News::LineDetail { place, lines }));
        });
        if let Err(error) = asked {
            let _ = self.send.send(Arrival::News(News::Failed(Message::plain(error.to_string()))));
        }
    }

    fn draw(&mut self) {
        let mut buffer = self.screen.blank();
        let area = buffer.area;
        let options = Options { ascii: self.ascii };
        let cursor = draw_frame(&self.model, &self.theme, options, area, &mut buffer);
        let typed = |asking: &Asking| asking.value.as_ref().is_some_and(|value| value.length() > 0);
        let sensitive = matches!(self.model.reveal, quarterdeck_app::Reveal::Shown { .. })
            || matches!(&self.model.overlay, Some(Overlay::Rotation(asking)) if typed(asking));
        (self.drawn, self.owed) = (Instant::now(), false);
        self.screen.show(Frame { buffer, cursor: cursor.map(|at| (at.x, at.y)), sensitive });
    }
}

/// True for what a person did or waits for.
fn is_awaited(arrival: &Arrival) -> bool {
    match arrival {
        Arrival::Input(_) | Arrival::Begun(_) => true,
        Arrival::News(news) => matches!(
            news,
            News::Revealed { .. }
                | News::Inspected(_)
                | News::LineDetail { .. }
                | News::Planned { .. }
                | News::NotRotated { .. }
                | News::Told(_)
                | News::Refused(_)
                | News::Failed(_)
        ),
    }
}

fn failed(failure: &Failure) -> News {
    let told = failure.told();
    // The screen says REFUSED itself.
    let what = told.what.strip_prefix("refused: ").map_or(told.what.clone(), str::to_owned);
    let message = Message { what, doing: told.doing, next: told.next };
    match failure {
        Failure::Refused { .. } | Failure::Crossed { .. } | Failure::NeedsApproval { .. } => News::Refused(message),
        _ => News::Failed(message),
    }
}
