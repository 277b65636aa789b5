use milena_core::handler::Delivery;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tower::{Layer, Service};

/// Counts the records that handlers are called with, and says now and then how many that is a second.
///
/// ```
/// use milena::{Router, each, layers::BenchmarkLayer};
/// use std::time::Duration;
///
/// # async fn bill() {}
/// let benchmark = BenchmarkLayer::every(Duration::from_secs(1)).sliding_window(10);
/// let figures = benchmark.clone(); // for `figures.figures()`
/// # let _: Router =
/// Router::new("billing")
///     .subscribe("orders", each(bill))
///     .layer_with(move |it| benchmark.of(it.operation.handler))
/// # ;
/// ```
///
/// What it logs is as FastKafka has it, at the level INFO, with the target `milena::benchmark`:
/// `Throughput = 52,190, Avg throughput = 50,847 - For billing::bill(interval=1,sliding_window_size=10)`.
/// Nothing is logged while nothing is called. A call with a batch counts its records, and a call that is
/// made again counts again.
#[derive(Clone)]
pub struct BenchmarkLayer {
    interval: Duration,
    window: Option<usize>,
    name: Option<Arc<str>>,
    counts: Arc<Mutex<Vec<Arc<Count>>>>,
}

/// How many records a handler was called with, as [`BenchmarkLayer::figures`] tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// The handler, or the topic of its first record if [`BenchmarkLayer::of`] named none.
    pub name: Arc<str>,
    /// How many records it was called with since the first.
    pub count: u64,
    /// How many a second in the last interval that is over; `None` when none is.
    pub throughput: Option<f64>,
    /// The mean over the sliding window; `None` when there is no window, or nothing in it.
    pub average: Option<f64>,
    /// The intervals in the sliding window, the oldest first, each as records a second.
    pub history: Vec<f64>,
}

impl BenchmarkLayer {
    /// Says how many records a second there were as soon as this time is over.
    ///
    /// # Panics
    ///
    /// If that is no time at all.
    #[track_caller]
    pub fn every(interval: Duration) -> Self {
        assert!(
            !interval.is_zero(),
            "a benchmark that says something every 0 s has nothing to say"
        );
        Self { interval, window: None, name: None, counts: Arc::default() }
    }

    /// Says also the mean over so many intervals.
    ///
    /// # Panics
    ///
    /// If that is none.
    #[must_use]
    #[track_caller]
    pub fn sliding_window(self, intervals: usize) -> Self {
        assert!(intervals > 0, "a sliding window has at least one interval");
        Self { window: Some(intervals), ..self }
    }

    /// The same layer for the handler of this name. Its figures stand beside those of the others.
    #[must_use]
    pub fn of(&self, handler: impl Into<Arc<str>>) -> Self {
        Self { name: Some(handler.into()), ..self.clone() }
    }

    /// The figures of all handlers that were called so far, in the order of their first calls.
    pub fn figures(&self) -> Vec<Figures> {
        lock(&self.counts).iter().map(|count| count.figures()).collect()
    }

    /// The count of this name, which all who have it share.
    fn count(&self, name: &Arc<str>) -> Arc<Count> {
        let mut counts = lock(&self.counts);
        if let Some(known) = counts.iter().find(|count| count.name == *name) {
            return known.clone();
        }
        let count = Count { name: name.clone(), state: Mutex::default() };
        counts.push(Arc::new(count));
        counts[counts.len() - 1].clone()
    }
}

/// What is counted of one handler.
struct Count {
    name: Arc<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    count: u64,
    /// The count when the interval began, and when that was.
    before: u64,
    since: Option<Instant>,
    throughput: Option<f64>,
    history: VecDeque<f64>,
}

impl Count {
    fn called(&self, records: usize, benchmark: &BenchmarkLayer) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.count += records as u64;
        let elapsed = now - *state.since.get_or_insert(now);
        if elapsed < benchmark.interval {
            return;
        }
        let throughput = (state.count - state.before) as f64 / elapsed.as_secs_f64();
        (state.before, state.since) = (state.count, Some(now));
        state.throughput = Some(throughput);
        if let Some(window) = benchmark.window {
            state.history.push_back(throughput);
            if state.history.len() > window {
                state.history.pop_front();
            }
        }
        let average = average(&state.history);
        drop(state);
        self.tell(throughput, average, benchmark);
    }

    fn tell(&self, throughput: f64, average: Option<f64>, benchmark: &BenchmarkLayer) {
        let average = average.map_or(String::new(), |average| {
            format!(", Avg throughput = {}", with_commas(average))
        });
        let window = benchmark.window.map_or("None".to_owned(), |window| window.to_string());
        tracing::info!(
            target: "milena::benchmark",
            "Throughput = {}{average} - For {}(interval={},sliding_window_size={window})",
            with_commas(throughput), self.name, benchmark.interval.as_secs_f64(),
        );
    }

    fn figures(&self) -> Figures {
        let state = lock(&self.state);
        Figures {
            name: self.name.clone(),
            count: state.count,
            throughput: state.throughput,
            average: average(&state.history),
            history: state.history.iter().copied().collect(),
        }
    }
}

fn average(history: &VecDeque<f64>) -> Option<f64> {
    let sum: f64 = history.iter().sum();
    (!history.is_empty()).then(|| sum / history.len() as f64)
}

/// The number without decimals, in groups of three digits.
fn with_commas(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for BenchmarkLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BenchmarkLayer")
            .field("interval", &self.interval)
            .field("sliding_window", &self.window)
            .finish_non_exhaustive()
    }
}

impl<T> Layer<T> for BenchmarkLayer {
    type Service = Benchmark<T>;

    fn layer(&self, inner: T) -> Self::Service {
        Benchmark { inner, benchmark: self.clone(), count: Arc::default() }
    }
}

/// A service whose calls are counted; [`BenchmarkLayer`] makes it.
#[derive(Clone)]
pub struct Benchmark<T> {
    inner: T,
    benchmark: BenchmarkLayer,
    count: Arc<OnceLock<Arc<Count>>>,
}

impl<T: Service<Delivery>> Service<Delivery> for Benchmark<T> {
    type Response = T::Response;
    type Error = T::Error;
    type Future = T::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, delivery: Delivery) -> T::Future {
        let count = self.count.get_or_init(|| match &self.benchmark.name {
            Some(name) => self.benchmark.count(name),
            None => self.benchmark.count(&delivery.first().topic().into()),
        });
        count.called(delivery.len(), &self.benchmark);
        self.inner.call(delivery)
    }
}

impl<T> fmt::Debug for Benchmark<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Benchmark").field(&self.benchmark).finish()
    }
}
