use super::{
    Session,
    seat::{Seat, Stage},
};
use crate::{Memory, broker::Broker};
use milena_core::{
    error::{Error, ErrorKind},
    reply::ProducerRecord,
    transport::Delivered,
};
use std::{sync::Arc, time::Duration};

const RIVAL: &str = "another producer has the id";
const TIME: &str = "its transaction took too long";

/// What becomes of transactions.
impl Broker {
    /// Gives the id to a new producer. The one before is fenced.
    pub(super) fn give(&mut self, id: &Arc<str>, timeout: Duration, memory: &Memory) -> Session {
        self.fence(id);
        let session = Session { id: id.clone(), producer: self.new_id() };
        let mut seat = Seat::new(session.clone(), timeout, memory);
        seat.fenced = RIVAL;
        self.coordinator.0.insert(id.clone(), seat);
        session
    }

    /// Takes the id from the producer that has it, and aborts its transaction; whether there was one.
    pub(crate) fn fence(&mut self, id: &str) -> bool {
        let seat = self.coordinator.0.get(id);
        let session = seat.map(|seat| seat.session.clone());
        session.map(|session| self.unseat(&session, RIVAL)).is_some()
    }

    /// The time of a transaction is over. Its producer learns that when it does something.
    pub(super) fn time_out(&mut self, session: &Session) {
        if self.coordinator.seat(session).is_some() {
            self.unseat(session, TIME);
        }
    }

    /// Ends the transaction of this producer, at the broker.
    pub(super) fn end(&mut self, session: &Session, committed: bool) {
        let Some(seat) = self.coordinator.seat(session) else { return };
        seat.stage = Stage::Idle;
        let (places, groups) = seat.take();
        for place in places {
            let topic = self.topics.get_mut(&place.0);
            let log = topic.and_then(|topic| topic.log_mut(place.1));
            if log.is_some_and(|log| log.end_transaction(session.producer, committed)) {
                self.appended(&place);
            }
        }
        for id in groups {
            self.in_group(&id, |group, world| {
                group.end_transaction(session.producer, committed, world.topics);
            });
            self.wake_group(&id);
        }
        self.touch();
    }

    /// Gives the receipts back that were held, with an error.
    pub(super) fn give_up(&mut self, session: &Session, kind: ErrorKind, cause: &str) {
        let held = self.take_held(session.producer);
        let given_up = held.into_iter().map(|(receipt, _)| {
            (
                receipt,
                Err(Error::new(kind, format!("could not publish as `{}`: {cause}", session.id))),
            )
        });
        self.after.deliver(given_up);
        self.touch();
    }

    /// Appends a record in the transaction of this producer, or says why not; then nothing of it can be committed.
    pub(crate) fn write_in(
        &mut self,
        session: &Session,
        record: ProducerRecord,
    ) -> Result<Delivered, Error> {
        self.may_write(session, &record.topic)?;
        let topic = record.topic.clone();
        let delivered = self.write(record, Some(session.producer));
        if let Some(seat) = self.coordinator.seat(session) {
            match &delivered {
                Ok(delivered) => seat.add_place((topic, delivered.partition)),
                Err(error) => seat.stage = Stage::Failed(format!("a record was refused: {error}")),
            }
        }
        delivered
    }

    fn may_write(&mut self, session: &Session, topic: &str) -> Result<(), Error> {
        let id = &session.id;
        let (kind, cause) = match self.coordinator.seat(session).map(|seat| &seat.stage) {
            Some(Stage::Begun) => return Ok(()),
            Some(Stage::Idle) => (ErrorKind::Publish, format!("no transaction of `{id}` is open")),
            Some(Stage::Failed(cause)) => (ErrorKind::Aborted, cause.clone()),
            Some(Stage::Unknown) => {
                (ErrorKind::Driver, format!("nobody knows what became of `{id}`"))
            }
            None => (ErrorKind::Fenced, self.coordinator.fenced(id).to_owned()),
        };
        Err(Error::new(kind, format!("could not write to topic `{topic}`: {cause}")))
    }

    fn unseat(&mut self, session: &Session, cause: &'static str) {
        self.end(session, false);
        let producer = self.new_id();
        if let Some(seat) = self.coordinator.seat(session) {
            seat.session.producer = producer;
            seat.fenced = cause;
        }
        self.give_up(session, ErrorKind::Fenced, cause);
    }
}
