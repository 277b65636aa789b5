use super::{
    errands::Errands,
    mailbox::Mailbox,
    origin::{Beginning, Begins, Origin},
    step::Start,
};
use crate::native::Client;
use milena_core::record::TopicPartition;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the answer to librdkafka waits until it is known where all partitions begin. What is read
/// already stands still meanwhile; a question that follows the answer may wait for other members.
const HOLD: Duration = Duration::from_millis(500);
/// How long the broker may take to say where partitions begin, and when it is asked again if it does not.
const ANSWER: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(200);
/// How long those that are known later wait for others, when all that is read must begin again with them.
const GATHER: Duration = Duration::from_secs(5);

/// Partitions that this member holds and librdkafka does not read, because it is not known where they
/// begin. librdkafka never looks for an offset by itself.
pub(super) struct Starts {
    waiting: HashMap<TopicPartition, Waiting>,
    /// An assignment that librdkafka waits for, and since when.
    held: Option<(Kind, Instant)>,
    /// How librdkafka was told last, and when.
    told: (Kind, Instant),
    round: u64,
    next_ask: Instant,
    errands: Errands<Answer>,
}

/// How librdkafka is told: all at once, or what is added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Whole,
    Added,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waiting {
    Unasked,
    /// It was asked in this round.
    Asked(u64),
    At(i64),
    /// It has ended before it began.
    Ended,
}

type Answer = (u64, Vec<(TopicPartition, Begins)>);

impl Starts {
    pub(super) fn new(client: &Arc<Client>, mailbox: &Arc<Mailbox>) -> Self {
        Self {
            waiting: HashMap::new(),
            held: None,
            told: (Kind::Added, Instant::now()),
            round: 0,
            next_ask: Instant::now(),
            errands: Errands::new("kafka-starts", client, mailbox),
        }
    }

    /// These are to begin, and librdkafka waits to be told of them.
    pub(super) fn hold(&mut self, starts: &[Start], kind: Kind, now: Instant) {
        if kind == Kind::Whole {
            self.waiting.clear();
        }
        for (place, _, offset) in starts {
            let waiting = offset.map_or(Waiting::Unasked, Waiting::At);
            self.waiting.insert(place.clone(), waiting);
        }
        self.held = Some((kind, now));
        self.next_ask = now;
    }

    /// It is known where these begin.
    pub(super) fn begin_at(&mut self, starts: Vec<(TopicPartition, i64)>) {
        for (place, offset) in starts {
            self.waiting.insert(place, Waiting::At(offset));
        }
    }

    /// These never begin.
    pub(super) fn end(&mut self, places: &[TopicPartition]) {
        for place in places {
            if let Some(waiting) = self.waiting.get_mut(place) {
                *waiting = Waiting::Ended;
            }
        }
    }

    /// Forgets these. Those that librdkafka was told of are left.
    pub(super) fn take_back(&mut self, places: &[TopicPartition]) -> Vec<TopicPartition> {
        places.iter().filter(|place| self.waiting.remove(*place).is_none()).cloned().collect()
    }

    /// Forgets all; librdkafka waits for nothing.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.held = None;
    }

    /// Whether librdkafka waits to be told.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Asks where partitions begin, if it is time to, and takes the answers. Those that begin nowhere,
    /// or of which nothing is known for now, are given back.
    pub(super) fn look(
        &mut self,
        now: Instant,
        origin: &Origin,
        is_new: impl Fn(&TopicPartition) -> bool,
    ) -> Vec<(TopicPartition, Begins)> {
        let mut troubles = Vec::new();
        for (round, begins) in self.errands.take() {
            troubles.extend(
                begins.into_iter().filter_map(|(at, begins)| self.learn(round, at, begins)),
            );
        }
        if !troubles.is_empty() {
            self.next_ask = now + AGAIN;
        }
        if now >= self.next_ask {
            self.ask(origin, is_new);
        }
        troubles
    }

    /// What librdkafka is to be told now: where these begin, and what it waits for, if it does.
    pub(super) fn take(
        &mut self,
        now: Instant,
        is_settled: bool,
    ) -> Option<(Option<Kind>, HashMap<TopicPartition, i64>)> {
        let known = |it: &Waiting| matches!(it, Waiting::At(_));
        let asked = |it: &Waiting| matches!(it, Waiting::Unasked | Waiting::Asked(_));
        let all = !self.waiting.values().any(asked);
        let due = match (self.held, self.told) {
            (Some((_, since)), _) => all || now - since >= HOLD,
            // Otherwise it would take this for the answer to something else.
            (None, _) if !is_settled || !self.waiting.values().any(known) => false,
            (None, (kind, since)) => all || kind == Kind::Added || now - since >= GATHER,
        };
        due.then(|| {
            let kind = self.held.take().map(|(kind, _)| kind);
            self.told = (kind.unwrap_or(self.told.0), now);
            (kind, self.take_known())
        })
    }

    /// What librdkafka waits for, and what is known of it so far.
    pub(super) fn take_held(&mut self) -> Option<(Kind, HashMap<TopicPartition, i64>)> {
        let (kind, since) = self.held.take()?;
        self.told = (kind, since);
        Some((kind, self.take_known()))
    }

    fn take_known(&mut self) -> HashMap<TopicPartition, i64> {
        let at = |it: Waiting| if let Waiting::At(offset) = it { Some(offset) } else { None };
        let known: HashMap<_, _> =
            self.waiting.iter().filter_map(|(place, it)| Some((place.clone(), at(*it)?))).collect();
        self.waiting.retain(|_, it| at(*it).is_none());
        known
    }

    fn ask(&mut self, origin: &Origin, is_new: impl Fn(&TopicPartition) -> bool) {
        let mut partitions: Vec<Beginning> = Vec::new();
        for (place, waiting) in &mut self.waiting {
            if *waiting == Waiting::Unasked {
                *waiting = Waiting::Asked(self.round + 1);
                partitions.push((place.clone(), is_new(place)));
            }
        }
        if partitions.is_empty() {
            return;
        }
        self.round += 1;
        let (round, origin) = (self.round, origin.clone());
        let ask = move |client: &Client| (round, origin.begin(client, partitions, ANSWER));
        if !self.errands.send(ask) {
            self.ask_again(round);
        }
    }

    fn ask_again(&mut self, round: u64) {
        self.next_ask = Instant::now() + AGAIN;
        for waiting in self.waiting.values_mut() {
            if *waiting == Waiting::Asked(round) {
                *waiting = Waiting::Unasked;
            }
        }
    }

    fn learn(
        &mut self,
        round: u64,
        place: TopicPartition,
        begins: Begins,
    ) -> Option<(TopicPartition, Begins)> {
        // What ended and came again meanwhile was asked again.
        let waiting = self.waiting.get_mut(&place).filter(|it| **it == Waiting::Asked(round))?;
        if let Begins::At(offset) = begins {
            *waiting = Waiting::At(offset);
            return None;
        }
        *waiting = Waiting::Unasked;
        Some((place, begins))
    }
}
