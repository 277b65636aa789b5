use milena_core::record::TopicPartition;
use tokio::sync::broadcast;

/// How many incidents a reader may be behind before it misses some.
const ROOM: usize = 1024;

/// Something that went wrong, or that somebody should know of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Incident {
    /// A call had not ended when its partition went to another member, which may call with the same
    /// record. Its result is dropped.
    Overlap {
        /// The partition.
        partition: TopicPartition,
        /// The first record that was not done.
        offset: i64,
    },
    /// A record that is not done holds its partition back.
    HeldBack {
        /// The partition.
        partition: TopicPartition,
        /// The record.
        offset: i64,
    },
    /// The offset to go on from was not there, so reading went on at another.
    Reset {
        /// The partition.
        partition: TopicPartition,
        /// The offset that was not there.
        from: i64,
        /// Where reading went on; what lies between was lost, or came again if it lies before.
        to: i64,
    },
    /// A rebalance listener failed, or took too long.
    Listener {
        /// Its method.
        method: &'static str,
        /// What went wrong.
        error: String,
    },
    /// The watchdog barks.
    Stuck {
        /// The partition.
        partition: TopicPartition,
        /// The row of the table that the watchdog goes by.
        row: u8,
        /// What is wrong, and what it may come from.
        text: String,
    },
    /// A circuit breaker opened, and its subscription is paused.
    BreakerOpened {
        /// The topics of the subscription, for a person to read.
        topics: String,
        /// Why.
        why: String,
    },
    /// A circuit breaker closed again.
    BreakerClosed {
        /// The topics of the subscription, for a person to read.
        topics: String,
    },
}

/// Where incidents are told, for as long as the service runs.
#[derive(Clone, Debug)]
pub(crate) struct News(broadcast::Sender<Incident>);

/// Where they can be heard.
#[derive(Clone, Debug)]
pub(crate) struct Newsstand(broadcast::WeakSender<Incident>);

impl News {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(ROOM))
    }

    pub(crate) fn tell(&self, incident: Incident) {
        // Nobody has to listen.
        let _ = self.0.send(incident);
    }

    pub(crate) fn stand(&self) -> Newsstand {
        Newsstand(self.0.downgrade())
    }
}

impl Newsstand {
    pub(crate) fn subscribe(&self) -> Incidents {
        // Behind the end there is a channel that has ended.
        let sender = self.0.upgrade().unwrap_or_else(|| broadcast::Sender::new(1));
        Incidents(sender.subscribe())
    }
}

/// The incidents of a group, as they happen. Who is more than 1,024 behind misses the oldest.
#[derive(Debug)]
pub struct Incidents(broadcast::Receiver<Incident>);

impl Incidents {
    /// The next one; `None` when the service has ended.
    ///
    /// # Cancel safety
    ///
    /// None is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Incident> {
        loop {
            match self.0.recv().await {
                Ok(incident) => return Some(incident),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
