use super::{Asked, Faults};
use crate::TransactionStep;
use milena_core::error::ErrorKind;
use std::time::Duration;

/// What befalls a step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StepFault {
    /// It is not done, and the producer learns that.
    Refuse(ErrorKind),
    /// It is not done, and the producer does not learn that.
    LoseRequest,
    /// It is done, and the producer does not learn that.
    LoseAnswer,
}

/// What befalls transactional producers.
///
/// Faults strike the next steps of their sort, whosever they are, one after the other in the order in which they
/// were asked for. When the producer cannot know the outcome there is nothing left for it but to be dropped: whatever
/// else it does is refused, with an error of kind `Driver`, and what it left open stays so until there is another of
/// the id, or its time is over.
impl Faults {
    /// Refuses the next steps of this sort with an error of this kind, and does not do them.
    ///
    /// With `Aborted` the transaction can only be aborted; with `Fenced` the broker has done so, and the producer has its
    /// id no more. Of any other kind the producer learns nothing of the outcome.
    ///
    /// ```
    /// # use milena_core::{error::ErrorKind, transport::Transport};
    /// # use milena_memory::{Memory, TransactionStep};
    /// # use std::time::Duration;
    /// # async fn refused(memory: &Memory) -> Result<(), milena_core::Error> {
    /// let billing = memory.transactions("billing".into(), Duration::from_secs(60)).await?;
    /// memory.faults().refuse_steps(TransactionStep::Commit, 1, ErrorKind::Aborted);
    /// billing.begin().await?;
    ///
    /// assert_eq!(billing.commit().await.unwrap_err().kind(), ErrorKind::Aborted);
    /// assert_eq!(memory.faults().fired().steps_refused, 1);
    /// billing.abort().await?;
    /// billing.begin().await
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(refused(&Memory::new())).unwrap();
    /// ```
    pub fn refuse_steps(&self, step: TransactionStep, steps: usize, kind: ErrorKind) {
        self.strike(step, steps, StepFault::Refuse(kind));
    }

    /// Does not do the next steps of this sort, and answers nothing: the producer is told `TimedOut`, at once.
    pub fn lose_step_requests(&self, step: TransactionStep, steps: usize) {
        self.strike(step, steps, StepFault::LoseRequest);
    }

    /// Does the next steps of this sort, and answers nothing: the producer is told `TimedOut`, at once.
    pub fn lose_step_answers(&self, step: TransactionStep, steps: usize) {
        self.strike(step, steps, StepFault::LoseAnswer);
    }

    /// Gives the answers to the next steps of this sort, also those that other faults strike, so much later, on the
    /// clock of tokio. What is done is done at once.
    pub fn delay_step_answers(&self, step: TransactionStep, steps: usize, delay: Duration) {
        self.0.with(|broker| {
            let delays = broker.asked.delays.entry(step).or_default();
            delays.extend(std::iter::repeat_n(delay, steps));
        });
    }

    /// Has a rival take this transactional id from the producer that has it, as another program that starts does: its
    /// transaction is aborted, and its next call fenced. The rival does nothing else. Without such a producer nothing
    /// happens.
    pub fn fence_producer(&self, id: &str) {
        self.0.with(|broker| {
            let fenced = broker.fence(id);
            broker.asked.fired.producers_fenced += usize::from(fenced);
        });
    }

    fn strike(&self, step: TransactionStep, steps: usize, fault: StepFault) {
        self.0.with(|broker| {
            let faults = broker.asked.steps.entry(step).or_default();
            faults.extend(std::iter::repeat_n(fault, steps));
        });
    }
}

impl Asked {
    /// What befalls the next step of this sort.
    pub(crate) fn strike_step(&mut self, step: TransactionStep) -> Option<StepFault> {
        let fault = self.steps.get_mut(&step)?.pop_front()?;
        match fault {
            StepFault::Refuse(_) => self.fired.steps_refused += 1,
            StepFault::LoseRequest => self.fired.step_requests_lost += 1,
            StepFault::LoseAnswer => self.fired.step_answers_lost += 1,
        }
        Some(fault)
    }

    /// How much later a step of this sort is answered.
    pub(crate) fn delay_step(&mut self, step: TransactionStep) -> Option<Duration> {
        let delay = self.delays.get_mut(&step)?.pop_front()?;
        self.fired.step_answers_delayed += 1;
        Some(delay)
    }
}
