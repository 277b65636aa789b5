//! What is needed of librdkafka's statistics, which are large: all else is skipped as it is read.

use serde::Deserialize;
use std::{borrow::Cow, collections::HashMap};

#[derive(Deserialize)]
pub(super) struct Statistics<'a> {
    #[serde(borrow)]
    pub(super) brokers: HashMap<String, Broker<'a>>,
    #[serde(borrow)]
    pub(super) topics: HashMap<String, Topic<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Broker<'a> {
    #[serde(rename = "nodeid")]
    pub(super) id: i32,
    #[serde(borrow)]
    source: Cow<'a, str>,
    /// How many requests wait for their answers.
    #[serde(rename = "waitresp_cnt")]
    pub(super) waiting: i64,
    /// How many answers came.
    #[serde(rename = "rx")]
    pub(super) answers: u64,
    /// How long ago the last request was sent, and the last answer came, in microseconds; -1 is unknown.
    #[serde(rename = "txidle")]
    pub(super) sent_ago: i64,
    #[serde(rename = "rxidle")]
    pub(super) answered_ago: i64,
    #[serde(rename = "req")]
    pub(super) requests: Requests,
}

#[derive(Deserialize)]
pub(super) struct Requests {
    #[serde(rename = "Fetch", default)]
    pub(super) fetches: u64,
}

#[derive(Deserialize)]
pub(super) struct Topic<'a> {
    #[serde(borrow)]
    pub(super) partitions: HashMap<i32, Partition<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Partition<'a> {
    /// The broker that it is read from.
    pub(super) broker: i32,
    #[serde(borrow)]
    fetch_state: Cow<'a, str>,
    /// The offset behind the last record of all, and behind the last that is surely committed.
    pub(super) hi_offset: i64,
    pub(super) ls_offset: i64,
}

impl Broker<'_> {
    /// Whether it is a broker, and not a second connection to one.
    pub(super) fn is_one(&self) -> bool {
        self.id >= 0 && self.source != "logical"
    }
}

impl Partition<'_> {
    /// Whether it is part of the requests to its broker, unless there is no room for more of it.
    pub(super) fn is_fetched(&self) -> bool {
        self.fetch_state == "active"
    }
}
