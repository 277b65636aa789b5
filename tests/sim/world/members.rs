use super::{
    handlers::{self, Dice},
    plan::Plan,
};
use milena::{Memory, serve};
use milena_check::History;
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

/// How many members there can be at once.
pub(crate) const SLOTS: usize = 3;

/// The members of the group, each in its slot.
pub(crate) struct Members {
    dice: Dice,
    broker: Memory,
    history: History,
    slots: [Option<Member>; SLOTS],
    begun: usize,
    /// Those that were asked to stop, or have ended by themselves.
    leaving: Vec<JoinHandle<()>>,
    pub(crate) counts: BTreeMap<&'static str, usize>,
}

struct Member {
    name: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Members {
    pub(crate) fn new(plan: &Plan, broker: &Memory, history: &History) -> Self {
        let counts = ["kills", "stops", "starts", "failures"].map(|name| (name, 0)).into();
        Self {
            dice: Dice::new(plan),
            broker: broker.clone(),
            history: history.clone(),
            slots: [const { None }; SLOTS],
            begun: 0,
            leaving: Vec::new(),
            counts,
        }
    }

    fn count(&mut self, what: &'static str) {
        self.count_if(what, true);
    }

    fn count_if(&mut self, what: &'static str, is_so: bool) {
        *self.counts.entry(what).or_default() += usize::from(is_so);
    }

    /// A member begins, unless there is one.
    pub(crate) fn start(&mut self, slot: usize) {
        self.bury(slot);
        if self.slots[slot].is_some() {
            return;
        }
        self.count("starts");
        self.begun += 1;
        let name = format!("member-{slot}-{}", self.begun);
        let router = handlers::router(&self.dice, &self.history, slot, &name);
        let (stop, stopped) = oneshot::channel::<()>();
        let service = serve(self.history.transport(name.as_str(), self.broker.clone()), router)
            .with_shutdown(async { drop(stopped.await) });
        let (history, told) = (self.history.clone(), name.clone());
        let task = tokio::spawn(async move {
            let result = service.await;
            history.ended(&told, &result);
        });
        self.slots[slot] = Some(Member { name, stop, task });
    }

    /// Asks a member to stop.
    pub(crate) fn stop(&mut self, slot: usize) {
        self.bury(slot);
        self.count_if("stops", self.slots[slot].is_some());
        self.let_go(slot);
    }

    fn let_go(&mut self, slot: usize) {
        if let Some(Member { name, stop, task }) = self.slots[slot].take() {
            self.history.stopping(&name);
            drop(stop);
            self.leaving.push(task);
        }
    }

    /// Ends a member without a word.
    pub(crate) fn kill(&mut self, slot: usize) {
        self.bury(slot);
        if let Some(Member { name, task, .. }) = self.slots[slot].take() {
            self.count("kills");
            task.abort();
            self.history.killed(&name);
        }
    }

    /// Takes a member away that has ended by itself.
    fn bury(&mut self, slot: usize) {
        if self.slots[slot].as_ref().is_some_and(|member| member.task.is_finished()) {
            self.count("failures");
            self.slots[slot] = None;
        }
    }

    /// Begins again what has ended by itself, and at least one.
    pub(crate) fn revive(&mut self) {
        for slot in 0..SLOTS {
            let was_there = self.slots[slot].is_some();
            self.bury(slot);
            if was_there {
                self.start(slot);
            }
        }
        if self.slots.iter().all(Option::is_none) {
            self.start(0);
        }
    }

    /// Asks all to stop, and waits for them.
    pub(crate) async fn stop_all(&mut self) {
        (0..SLOTS).for_each(|slot| self.bury(slot));
        (0..SLOTS).for_each(|slot| self.let_go(slot));
        for task in self.leaving.drain(..) {
            // What does not stop is found in the history.
            let _ = timeout(Duration::from_secs(600), task).await;
        }
    }
}
