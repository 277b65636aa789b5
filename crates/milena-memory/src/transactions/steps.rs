use super::{Session, TransactionStep, seat::Stage};
use crate::{Memory, broker::Broker, faults::StepFault, group::Identity};
use milena_core::{
    error::{Error, ErrorKind},
    record::TopicPartition,
};
use std::{sync::Arc, time::Duration};

const UNKNOWN: &str =
    "nobody knows what became of the call before, so there is to be a new producer";
const LOST: &str = "there was no answer in time, which was asked for";
const REFUSED: &str = "the refusal was asked for";

/// What transactional producers ask for, and what befalls them.
impl Broker {
    /// Makes a producer of this id.
    pub(super) fn start(
        &mut self,
        id: &Arc<str>,
        timeout: Duration,
        memory: &Memory,
    ) -> Result<Session, Error> {
        let step = TransactionStep::Start;
        let fault = self.asked.strike_step(step);
        match fault {
            None => return Ok(self.give(id, timeout, memory)),
            Some(StepFault::Refuse(kind)) => return Err(step.error(kind, id, REFUSED)),
            Some(StepFault::LoseAnswer) => _ = self.give(id, timeout, memory),
            Some(StepFault::LoseRequest) => {}
        }
        Err(step.error(ErrorKind::TimedOut, id, LOST))
    }

    /// Does a step of a producer that may take one, unless a fault strikes.
    pub(super) fn step(
        &mut self,
        session: &Session,
        step: TransactionStep,
        act: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check(session, step)?;
        let refused = |kind, cause: &str| Err(step.error(kind, &session.id, cause));
        match self.asked.strike_step(step) {
            None => return act(self),
            Some(StepFault::Refuse(kind)) => {
                match kind {
                    ErrorKind::Fenced => _ = self.fence(&session.id),
                    ErrorKind::Aborted => self.set(session, Stage::Failed(REFUSED.to_owned())),
                    _ => self.set(session, Stage::Unknown),
                }
                return refused(kind, REFUSED);
            }
            Some(StepFault::LoseAnswer) => _ = act(self),
            Some(StepFault::LoseRequest) => {}
        }
        self.set(session, Stage::Unknown);
        refused(ErrorKind::TimedOut, LOST)
    }

    pub(super) fn begin(&mut self, session: &Session) {
        self.set(session, Stage::Begun);
    }

    pub(super) fn send_offsets(
        &mut self,
        session: &Session,
        offsets: &[(TopicPartition, i64)],
        identity: &Identity,
    ) -> Result<(), Error> {
        let refused = self.in_group(&identity.group, |group, world| {
            let refused = group.refuse_identity(identity, world.asked);
            if refused.is_none() {
                group.keep(session.producer, offsets);
            }
            refused
        });
        if let Some(cause) = refused {
            self.set(session, Stage::Failed(format!("offsets were refused: {cause}")));
            let step = TransactionStep::SendOffsets;
            return Err(step.error(ErrorKind::Aborted, &session.id, cause));
        }
        if let Some(seat) = self.coordinator.seat(session) {
            seat.add_group(identity.group.clone());
        }
        self.touch();
        Ok(())
    }

    pub(super) fn abort_transaction(&mut self, session: &Session) {
        self.end(session, false);
        self.give_up(session, ErrorKind::Aborted, "the transaction was aborted");
    }

    /// Says whether it is the turn of the step. As with Kafka that is known without a question to a broker, so that no
    /// fault strikes when it is not.
    fn check(&mut self, session: &Session, step: TransactionStep) -> Result<(), Error> {
        use TransactionStep::{Abort, Begin};
        let stage = self.coordinator.seat(session).map(|seat| &seat.stage);
        let (kind, cause) = match (stage, step) {
            (None, _) => (ErrorKind::Fenced, self.coordinator.fenced(&session.id)),
            (Some(Stage::Unknown), _) => (ErrorKind::Driver, UNKNOWN),
            (_, Abort) | (Some(Stage::Idle), Begin) => return Ok(()),
            (Some(Stage::Failed(cause)), _) => (ErrorKind::Aborted, &**cause),
            (Some(Stage::Begun), Begin) => (ErrorKind::Driver, "the one before is open"),
            (Some(Stage::Begun), _) => return Ok(()),
            (Some(Stage::Idle), _) => (ErrorKind::Driver, "none was begun"),
        };
        Err(step.error(kind, &session.id, cause))
    }

    fn set(&mut self, session: &Session, stage: Stage) {
        if let Some(seat) = self.coordinator.seat(session) {
            seat.stage = stage;
        }
    }
}
