use std::time::Duration;
use tokio::time::Instant;

/// How long a service may be at its records before that counts as stuck.
const REAL: Duration = Duration::from_secs(60);
/// The same where time costs nothing.
const VIRTUAL: Duration = Duration::from_hours(24);

/// Whether the time of this runtime stands still unless everybody waits for it.
pub(super) fn is_paused() -> bool {
    let before = Instant::now();
    // A clock that runs moves on sooner.
    (0..10_000).all(|_| Instant::now() == before)
}

/// Lets the time run, because what is outside of this process does not wait.
pub(super) fn run() {
    if is_paused() {
        tokio::time::resume();
    }
}

/// How long everything may take to be settled.
pub(super) fn settled_within() -> Duration {
    if is_paused() { VIRTUAL } else { REAL }
}
