use super::Session;
use crate::{Memory, assign::Place, broker::Broker, group::GroupId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};
use tokio::{runtime::Handle, task::AbortHandle};

/// Whose each id is.
#[derive(Default)]
pub(crate) struct Coordinator(pub(super) BTreeMap<Arc<str>, Seat>);

/// An id with the producer that has it, and its transaction.
pub(super) struct Seat {
    pub(super) session: Session,
    pub(super) stage: Stage,
    /// Why the producer before has it no more.
    pub(super) fenced: &'static str,
    /// What is in the transaction, which is open when there is something.
    places: BTreeSet<Place>,
    groups: BTreeSet<GroupId>,
    timeout: Duration,
    timer: Option<Timer>,
    broker: Weak<Mutex<Broker>>,
}

/// How far its producer is, as that sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    Idle,
    Begun,
    /// There is nothing left but to abort it, because of this.
    Failed(String),
    /// Nobody knows what became of a step. There is nothing left but a new producer.
    Unknown,
}

impl Coordinator {
    /// The ids of open transactions.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter(|(_, seat)| seat.is_open()).map(|(id, _)| id)
    }

    /// The seat of this producer, if it has the id yet.
    pub(super) fn seat(&mut self, session: &Session) -> Option<&mut Seat> {
        self.0.get_mut(&session.id).filter(|seat| seat.session.producer == session.producer)
    }

    /// Why a producer that was there has the id no more.
    pub(super) fn fenced(&self, id: &str) -> &'static str {
        self.0.get(id).map_or("", |seat| seat.fenced)
    }
}

impl Seat {
    pub(super) fn new(session: Session, timeout: Duration, memory: &Memory) -> Self {
        Self {
            session,
            stage: Stage::Idle,
            fenced: "",
            places: BTreeSet::new(),
            groups: BTreeSet::new(),
            timeout,
            timer: None,
            broker: Arc::downgrade(&memory.0),
        }
    }

    /// A partition is written in the transaction.
    pub(super) fn add_place(&mut self, place: Place) {
        self.open();
        self.places.insert(place);
    }

    /// Offsets of a group are sent with the transaction.
    pub(super) fn add_group(&mut self, group: GroupId) {
        self.open();
        self.groups.insert(group);
    }

    /// Takes what was in the transaction, whose time counts no more.
    pub(super) fn take(&mut self) -> (BTreeSet<Place>, BTreeSet<GroupId>) {
        self.timer = None;
        (std::mem::take(&mut self.places), std::mem::take(&mut self.groups))
    }

    fn is_open(&self) -> bool {
        !self.places.is_empty() || !self.groups.is_empty()
    }

    fn open(&mut self) {
        if !self.is_open() {
            self.timer = Timer::begin(self.broker.clone(), self.session.clone(), self.timeout);
        }
    }
}

/// What ends a transaction when its time is over. Dropped, it does not.
struct Timer(AbortHandle);

impl Timer {
    /// A timer on tokio's clock, if there is one here.
    fn begin(broker: Weak<Mutex<Broker>>, session: Session, timeout: Duration) -> Option<Self> {
        let end = async move {
            tokio::time::sleep(timeout).await;
            if let Some(broker) = broker.upgrade() {
                Memory(broker).with(|broker| broker.time_out(&session));
            }
        };
        Some(Self(Handle::try_current().ok()?.spawn(end).abort_handle()))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
