use super::{Invitation, Member, Phase, Standing};
use crate::{
    assign::{partition, place},
    group::{Epochs, World},
};
use milena_core::{
    error::Error,
    transport::{Event, Fetch},
};
use std::task::Waker;

/// What a member is told.
impl Member {
    /// What it is told next; that which concerns the membership comes before records.
    pub(crate) fn next_event(
        &mut self,
        world: &mut World<'_>,
        epochs: &mut Epochs,
    ) -> Option<Event> {
        if let Some(event) = self.news.pop_front() {
            self.come_back(&event);
            return Some(event);
        }
        if self.failed {
            return None;
        }
        self.revoke().or_else(|| self.offer()).or_else(|| self.read(world, epochs))
    }

    /// Something to tell it. When it has failed, only answers count.
    pub(crate) fn tell(&mut self, event: Event) {
        if !self.failed || matches!(event, Event::Committed(_)) {
            self.news.push_back(event);
        }
    }

    /// It cannot go on.
    pub(crate) fn fail(&mut self, error: Error) {
        self.tell(Event::Failed(error));
        self.failed = true;
    }

    /// Tells it what is said of its partitions, if there is something.
    pub(crate) fn report_fetches(&mut self, fetches: &[Fetch]) -> Option<()> {
        let of_it = |fetch: &Fetch| {
            let place = place(&fetch.partition);
            let epoch = self.owned.get(&place).filter(|_| self.has(&place))?.epoch;
            Some(Fetch { epoch, ..fetch.clone() })
        };
        let fetches: Vec<_> = fetches.iter().filter_map(of_it).collect();
        let some = !self.failed && !fetches.is_empty();
        some.then(|| self.tell(Event::Fetches(fetches)))
    }

    pub(crate) fn set_waker(&mut self, waker: &Waker) -> Option<Waker> {
        self.waker.replace(waker.clone())
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// When it has heard of all that it lost it is a member again.
    fn come_back(&mut self, told: &Event) {
        let lost = |event: &Event| matches!(event, Event::Lost(_));
        if self.is_behind() && lost(told) && !self.news.iter().any(lost) {
            self.standing = Standing::In;
        }
    }

    /// Asks for what it is no longer to have.
    fn revoke(&mut self) -> Option<Event> {
        let mut revoked = Vec::new();
        for (place, owned) in &mut self.owned {
            let asked = matches!(owned.phase, Phase::Granted | Phase::Revoked);
            if !asked && !self.target.contains(place) {
                owned.phase = Phase::Revoked;
                revoked.push(partition(place));
            }
        }
        let some = !revoked.is_empty();
        some.then_some(Event::Revoked(revoked, self.settings.revoke_within))
    }

    /// Tells it what it got. The first time it is told also when that is nothing, as in Kafka.
    fn offer(&mut self) -> Option<Event> {
        let mut granted = Vec::new();
        for (place, owned) in &mut self.owned {
            if owned.phase == Phase::Granted {
                owned.phase = Phase::Assigned(None);
                granted.push((partition(place), owned.epoch));
            }
        }
        let first = self.invitation == Invitation::Open;
        let some = first || !granted.is_empty();
        if some {
            self.invitation = Invitation::Told;
        }
        some.then_some(Event::Assigned(granted))
    }
}
