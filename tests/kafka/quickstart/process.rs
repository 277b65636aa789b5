use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

/// The example as a program, in a process of its own.
pub(super) struct Process {
    child: Child,
    /// What it has logged.
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// Where the program is. It is built here, because cargo does so only for tests of its own package.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let build =
        ["build", "--package=milena-examples", "--example=quickstart", "--message-format=json"];
    let output = Command::new(env!("CARGO")).args(build).stderr(Stdio::inherit()).output().unwrap();
    let found = output.stdout.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(&line.unwrap()).ok()?;
        let ours = message["target"]["name"] == "quickstart";
        Some(PathBuf::from(message["executable"].as_str().filter(|_| ours)?))
    });
    found.expect("the example can be built")
});

/// The example with these arguments, not started yet.
pub(super) fn program(args: &[&str]) -> Command {
    let mut program = Command::new(&*PROGRAM);
    program.args(args).env("RUST_LOG", "milena=info,milena::record=off").env("NO_COLOR", "1");
    program
}

impl Process {
    /// Starts the service on a broker, with these options of the client.
    pub(super) fn start(broker: &str, options: &[&str]) -> Self {
        let args: Vec<_> = options.iter().flat_map(|option| ["--set", option]).collect();
        Self::start_with(broker, &args)
    }

    /// The same with these arguments.
    pub(super) fn start_with(broker: &str, args: &[&str]) -> Self {
        let url = format!("kafka://{broker}");
        let args: Vec<_> = ["--broker", &url].into_iter().chain(args.iter().copied()).collect();
        let mut child =
            program(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let (lines, stderr) = (log.clone(), BufReader::new(child.stderr.take().unwrap()));
        let reader = std::thread::spawn(move || {
            for line in stderr.lines() {
                lines.lock().unwrap().push(line.unwrap());
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    /// How many lines of its log are like this, up to now.
    pub(super) fn said(&self, is_like_this: impl Fn(&String) -> bool) -> usize {
        self.log.lock().unwrap().iter().filter(|line| is_like_this(line)).count()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).unwrap();
    }

    /// Waits for its end, which is to come soon.
    pub(super) fn end(mut self) -> (ExitStatus, Vec<String>) {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.reader.take().into_iter().for_each(|it| it.join().unwrap());
                return (status, std::mem::take(&mut self.log.lock().unwrap()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().unwrap();
        panic!("it has not ended after 30 s; its log: {:#?}", self.log.lock().unwrap());
    }

    /// Asks it to stop, and says what it logged. It has to end well.
    pub(super) fn terminate(self) -> Vec<String> {
        self.signal(Signal::SIGTERM);
        let (status, log) = self.end();
        assert!(status.success(), "{status}; its log: {log:#?}");
        log
    }

    pub(super) fn kill(self) {
        self.signal(Signal::SIGKILL);
        let (status, _) = self.end();
        assert!(!status.success());
    }
}

/// A test that fails shows what its processes said.
impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() && self.reader.is_some() {
            let _ = self.child.kill();
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            println!("the log of process {}:\n{}", self.child.id(), log.join("\n"));
        }
    }
}

/// What a whole run of it says, which is to end by itself.
pub(super) fn run(args: &[&str]) -> String {
    let mut child = program(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {said}");
    said
}
