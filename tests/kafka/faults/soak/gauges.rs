//! What a process has, over time.

use crate::faults::child::Process;
use std::time::{Duration, Instant};

const MIB: f64 = 1048576.0;

#[derive(Clone, Copy, Debug)]
struct Sample {
    minutes: f64,
    /// Bytes of memory, files and sockets, threads.
    has: [usize; 3],
}

pub(super) struct Gauges {
    start: Instant,
    samples: Vec<Sample>,
}

impl Gauges {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), samples: Vec::new() }
    }

    pub(super) fn sample(&mut self, process: &Process) {
        let has = [process.memory(), process.files(), process.threads()];
        self.samples.push(Sample { minutes: self.start.elapsed().as_secs_f64() / 60.0, has });
    }

    /// The samples behind the first quarter of the time, in which a process finds its size.
    fn settled(&self) -> &[Sample] {
        &self.samples[self.samples.len() / 4..]
    }

    /// The slope of the line through the settled samples: so much more a minute.
    fn slope(&self, of: usize) -> f64 {
        let samples = self.settled();
        let count = samples.len() as f64;
        let mean = |value: &dyn Fn(&Sample) -> f64| samples.iter().map(value).sum::<f64>() / count;
        let (time, size) = (mean(&|it| it.minutes), mean(&|it| it.has[of] as f64));
        let along = |it: &Sample| (it.minutes - time) * (it.has[of] as f64 - size);
        let spread = |it: &Sample| (it.minutes - time).powi(2);
        mean(&along) / mean(&spread)
    }

    /// The least and the most behind the first quarter.
    fn range(&self, of: usize) -> (usize, usize) {
        let has = || self.settled().iter().map(|it| it.has[of]);
        (has().min().unwrap(), has().max().unwrap())
    }

    pub(super) fn now(&self) -> String {
        let [memory, files, threads] = self.samples.last().unwrap().has;
        format!("RSS {:.1} MiB, {files} files, {threads} threads", memory as f64 / MIB)
    }

    /// Says what it has, and makes sure that it does not grow.
    pub(super) fn check(&self, long: bool) {
        let minutes = self.samples.last().unwrap().minutes - self.settled()[0].minutes;
        let (memory, files, threads) = (self.range(0), self.range(1), self.range(2));
        println!(
            "F44: in the last {minutes:.1} min of a member: RSS {:.1} to {:.1} MiB, {:+.3} MiB a minute; \
             {} to {} files, {:+.3} a minute; {} to {} threads, {:+.3} a minute",
            memory.0 as f64 / MIB,
            memory.1 as f64 / MIB,
            self.slope(0) / MIB,
            files.0,
            files.1,
            self.slope(1),
            threads.0,
            threads.1,
            self.slope(2)
        );
        let more = [files.1 - files.0, threads.1 - threads.0];
        assert!(memory.1 < 100 << 20 && more.iter().all(|it| *it < 20), "too much: {more:?}");
        if long {
            let grown = [0, 1, 2].map(|of| self.slope(of) * minutes);
            assert!(
                grown[0] < 4.0 * MIB && grown[1] < 4.0 && grown[2] < 4.0,
                "it grows: {grown:?}"
            );
        }
    }
}

/// How often a process is looked at.
pub(super) const EVERY: Duration = Duration::from_millis(500);
