use crate::{Member, at, to};
use milena_core::{ProducerRecord, Record, transport::StartAt};
use milena_memory::Memory;

fn values(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| str::from_utf8(record.value().unwrap()).unwrap()).collect()
}

#[test]
fn records_stand_in_the_order_in_which_they_were_written() {
    let memory = Memory::new();
    memory.create_topic("t", 3);
    for (partition, value) in [(2, "a"), (0, "b"), (2, "c"), (1, "d")] {
        memory.produce(to("t", partition).value(value).header("h", "1")).unwrap();
        memory.produce(to("other", 0).value("x")).unwrap();
    }

    let records = memory.records("t");

    assert_eq!(values(&records), ["a", "b", "c", "d"]);
    let places: Vec<_> =
        records.iter().map(|record| (record.partition(), record.offset())).collect();
    assert_eq!(places, [(2, 0), (0, 0), (2, 1), (1, 0)]);
    assert_eq!(records[3].headers().get("h"), Some(&b"1"[..]));
    assert_eq!(memory.records("nothing").len(), 0);
}

#[test]
fn lag_counts_what_is_not_committed() {
    let memory = Memory::new();
    memory.create_topic("t", 2);
    for partition in [0, 0, 1] {
        memory.produce(to("t", partition)).unwrap();
    }
    assert_eq!(memory.lag("g", "t"), 3);
    let mut member = Member::join(&memory, "g", &["t"]);
    member.begin("t");
    assert_eq!(memory.lag("g", "t"), 3);

    member.0.commit(vec![(at("t", 0), 2)]);

    assert_eq!(memory.lag("g", "t"), 1);
    memory.skip_offsets("t", 0, 4);
    assert_eq!(memory.lag("g", "t"), 5);
    assert_eq!(memory.lag("g", "unknown"), 0);
}

#[test]
fn what_a_group_skips_at_its_start_is_no_lag() {
    let memory = Memory::new();
    memory.produce(to("t", 0)).unwrap();
    let mut member = Member::join_at(&memory, "g", &["t"], StartAt::Latest);

    assert_eq!(memory.lag("g", "t"), 1);
    member.begin("t");
    assert_eq!(memory.lag("g", "t"), 0);
    memory.produce(to("t", 0)).unwrap();
    assert_eq!(memory.lag("g", "t"), 1);
}

#[test]
fn a_key_can_be_looked_up() {
    let memory = Memory::new();
    memory.create_topic("t", 7);

    let delivered = memory.produce(ProducerRecord::new("t").key("ada")).unwrap();

    assert_eq!(memory.partition_for("t", b"ada"), Some(delivered.partition));
    assert_eq!(memory.partition_for("unknown", b"ada"), None);
    assert_eq!(memory.end("t", delivered.partition), 1);
    assert_eq!(memory.end("t", 9), 0);
}
