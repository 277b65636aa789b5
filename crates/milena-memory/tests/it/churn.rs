use crate::{Member, at, configured, to};
use milena_core::{TopicPartition, transport::Event};
use milena_memory::Memory;
use std::collections::HashMap;

const PARTITIONS: i32 = 5;

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A service's side of a member: what it holds, and how far it has read.
struct Service {
    member: Member,
    held: HashMap<TopicPartition, (u64, Option<i64>)>,
    /// Partitions that it was asked for and has not released.
    revoked: Vec<TopicPartition>,
}

impl Service {
    fn join(memory: &Memory, strategy: &str) -> Self {
        let option = [("partition.assignment.strategy", strategy)];
        let member = Member::with(memory, configured("g", &["t"], &option));
        Self { member, held: HashMap::new(), revoked: Vec::new() }
    }

    /// Takes an event, and what it reads into account.
    fn step(&mut self, read: &mut Vec<(i32, i64)>) -> bool {
        let Some(event) = self.member.next() else { return false };
        match event {
            Event::Records(chunk) => {
                let offsets: Vec<_> = (0..chunk.len()).map(|i| chunk.records().offset(i)).collect();
                let held = self.held.get_mut(chunk.place()).expect("it is read, so it is held");
                assert_eq!(held.0, chunk.epoch().0);
                assert!(!self.revoked.contains(chunk.place()));
                held.1 = Some(offsets[offsets.len() - 1] + 1);
                read.extend(offsets.into_iter().map(|offset| (chunk.partition(), offset)));
            }
            Event::Position(place, _, offset) => {
                self.held.get_mut(&place).expect("it is held").1 = Some(offset);
            }
            Event::Assigned(list) => {
                for (place, epoch) in &list {
                    assert!(self.held.insert(place.clone(), (epoch.0, None)).is_none());
                }
                self.member.0.assign(list.into_iter().map(|(place, _)| (place, None)).collect());
            }
            Event::Revoked(list, _) => self.revoked.extend(list),
            Event::Committed(result) => result.unwrap(),
            event => panic!("{event:?}"),
        }
        true
    }

    fn release(&mut self) {
        let list = std::mem::take(&mut self.revoked);
        self.commit(&list);
        self.held.retain(|place, _| !list.contains(place));
        self.member.0.release(list);
    }

    fn commit(&mut self, list: &[TopicPartition]) {
        let offset = |place: &TopicPartition| Some((place.clone(), self.held[place].1?));
        let offsets: Vec<_> = list.iter().filter_map(offset).collect();
        self.member.0.commit(offsets);
        self.member.committed().unwrap();
    }

    fn leave(mut self) {
        let all: Vec<_> = self.held.keys().cloned().collect();
        self.commit(&all);
    }
}

#[test]
fn whatever_members_do_every_record_is_read_once() {
    churn("cooperative-sticky", 100);
}

#[test]
fn whatever_members_do_every_record_is_read_once_also_when_everything_is_revoked() {
    churn("range", 50);
    churn("roundrobin", 50);
}

fn churn(strategy: &str, seeds: u64) {
    for seed in 0..seeds {
        let (memory, mut numbers) = (Memory::new().max_chunk(3), Numbers(seed));
        memory.create_topic("t", PARTITIONS);
        let (mut services, mut read, mut written) = (Vec::<Service>::new(), Vec::new(), Vec::new());
        for _ in 0..400 {
            let who = numbers.below(services.len().max(1));
            match numbers.below(12) {
                0 if services.len() < 6 => services.push(Service::join(&memory, strategy)),
                1 if !services.is_empty() => {
                    let mut service = services.swap_remove(who);
                    while service.step(&mut read) {}
                    service.leave();
                }
                2 if !services.is_empty() => services[who].release(),
                3..6 => {
                    let partition = i32::try_from(numbers.below(5)).unwrap();
                    let delivered = memory.produce(to("t", partition)).unwrap();
                    written.push((partition, delivered.offset));
                }
                6 => memory.skip_offsets("t", i32::try_from(numbers.below(5)).unwrap(), 2),
                _ if !services.is_empty() => drop(services[who].step(&mut read)),
                _ => {}
            }
            check_apart(&services, seed);
        }

        services.push(Service::join(&memory, strategy));
        finish(&mut services, &mut read);

        read.sort_unstable();
        written.sort_unstable();
        assert_eq!(read, written, "seed {seed}");
        assert_eq!(memory.lag("g", "t"), 0, "seed {seed}");
    }
}

/// Lets all of them come to rest, and commit.
fn finish(services: &mut Vec<Service>, read: &mut Vec<(i32, i64)>) {
    let mut busy = true;
    while busy {
        busy = false;
        for service in services.iter_mut() {
            while service.step(read) {
                busy = true;
            }
            if !service.revoked.is_empty() {
                service.release();
                busy = true;
            }
        }
    }
    services.drain(..).for_each(Service::leave);
}

fn check_apart(services: &[Service], seed: u64) {
    for partition in 0..PARTITIONS {
        let place = at("t", partition);
        let holders = services.iter().filter(|service| service.held.contains_key(&place)).count();
        assert!(holders <= 1, "seed {seed}: {place} has {holders} holders");
    }
}
