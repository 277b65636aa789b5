use crate::options::{Options, millis};
use milena_core::error::Error;
use rdkafka::ClientConfig;
use std::time::Duration;

/// After which time a connection that a transactional producer does not use is made anew.
const IDLE: Duration = Duration::from_secs(60);
const RETRY_BACKOFF: &str = "retry.backoff.ms";

impl Options {
    /// The options of a producer whose records are all part of a transaction.
    pub(crate) fn transactions(
        &self,
        brokers: &str,
        id: &str,
        timeout: Duration,
    ) -> Result<ClientConfig, Error> {
        let mut config = self.producer(brokers)?;
        config.set("transactional.id", id);
        config.set("transaction.timeout.ms", millis(timeout));
        // What cannot be delivered fails its transaction while there is time to abort it.
        let delivery = timeout / 4 * 3;
        config.set("message.timeout.ms", millis(delivery));
        // Until then a topic may be unknown, so that its record tells that it is, and not that it was late.
        at_most(&mut config, "topic.metadata.propagation.max.ms", timeout / 4);
        // What is not answered is sent again within the transaction, however long others may wait.
        at_most(&mut config, "socket.timeout.ms", (timeout / 2).min(Duration::from_secs(60)));
        // A call that waits for an event of a connection gets one, sooner or later.
        at_most(&mut config, "connections.max.idle.ms", IDLE);
        // The first request may come before the brokers have put the end of the transaction before in writing.
        if config.get(RETRY_BACKOFF).is_none() {
            config.set(RETRY_BACKOFF, "10");
        }
        // Whoever commits does not wait for this, and librdkafka wants it to be less than the time for delivery.
        at_most(&mut config, "queue.buffering.max.ms", delivery / 2);
        Ok(config)
    }
}

/// Sets a time, unless a shorter one was set.
fn at_most(config: &mut ClientConfig, option: &str, time: Duration) {
    let set = config.get(option).and_then(|millis| millis.parse::<f64>().ok());
    if set.is_none_or(|set| set > time.as_secs_f64() * 1e3) {
        config.set(option, millis(time));
    }
}
