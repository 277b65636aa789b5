use super::origin::Origin;
use crate::{
    error::{config as refuse, refused},
    options::{self, Options},
    security::Identity,
};
use milena_core::{
    error::Error,
    transport::{Membership, Selection},
};
use rdkafka::ClientConfig;
use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How often librdkafka tells how the fetching goes.
const STATISTICS: &str = "5000";
const STATISTICS_INTERVAL: &str = "statistics.interval.ms";
const REFRESH_INTERVAL: &str = "topic.metadata.refresh.interval.ms";
/// How often it is looked which topics there are.
const REFRESH: Duration = Duration::from_secs(30);

/// What the thread knows of its membership.
pub(super) struct Settings {
    pub(super) group: Option<Arc<str>>,
    pub(super) selection: Selection,
    pub(super) origin: Origin,
    pub(super) brokers: String,
    pub(super) max_poll_interval: Duration,
    pub(super) refresh_interval: Duration,
    /// Whether it reads what no group gives it.
    pub(super) is_manual: bool,
    /// Whether it is a member under `group.protocol=consumer`.
    pub(super) names_itself: bool,
    /// Whether the group keeps its place for it while it is away.
    pub(super) is_static: bool,
    /// Whether a pattern may match topics of Kafka's own.
    pub(super) reads_internal: bool,
    /// Whether somebody wants to see the statistics.
    pub(super) logs_statistics: bool,
    pub(super) identity: Identity,
}

impl Settings {
    /// The settings, and the options that librdkafka gets.
    pub(super) fn new(
        options: &Options,
        brokers: &str,
        membership: Membership,
    ) -> Result<(Self, ClientConfig), Error> {
        check_names(&membership.selection)?;
        let group = membership.group.clone().unwrap_or_else(nobody);
        let mut config = options.consumer(brokers, &group, &membership.start)?;
        // Where reading begins and goes on is decided here.
        config.set("auto.offset.reset", "error");
        let logs_statistics = !matches!(config.get(STATISTICS_INTERVAL), None | Some("0"));
        if !logs_statistics {
            config.set(STATISTICS_INTERVAL, STATISTICS);
        }
        let is_manual =
            membership.group.is_none() || matches!(membership.selection, Selection::Partitions(_));
        let settings = Self {
            origin: Origin {
                has_group: membership.group.is_some(),
                start: membership.start,
                reset: membership.reset,
            },
            brokers: brokers.to_owned(),
            max_poll_interval: millis(&config, "max.poll.interval.ms")?,
            refresh_interval: refresh_interval(&config)?,
            is_manual,
            names_itself: options::by_broker(&config),
            is_static: config.get("group.instance.id").is_some_and(|id| !id.is_empty()),
            reads_internal: membership.config.get("exclude.internal.topics") == Some("false"),
            logs_statistics,
            identity: Identity::new(&options.security, &config),
            group: membership.group,
            selection: membership.selection,
        };
        Ok((settings, config))
    }

    /// Who reads.
    pub(super) fn whom(&self) -> String {
        self.group
            .as_ref()
            .map_or_else(|| "a reader without a group".into(), |group| format!("group `{group}`"))
    }

    /// The same, for a log.
    pub(super) fn group(&self) -> &str {
        self.group.as_deref().unwrap_or_default()
    }
}

/// librdkafka would take such a name for a pattern.
fn check_names(selection: &Selection) -> Result<(), Error> {
    let Selection::Topics { names, .. } = selection else { return Ok(()) };
    match names.iter().find(|name| name.starts_with('^')) {
        Some(name) => {
            let why = "no topic can be called so, and a pattern is given as one";
            Err(refuse(format!("could not subscribe to topic `{name}`: {why}")))
        }
        None => Ok(()),
    }
}

/// A group that nobody else has, and that nothing is ever committed for: librdkafka wants one.
fn nobody() -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (process, next) = (process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    format!("milena-{now:x}-{process}-{next}").into()
}

/// If looking is switched off, it is done as seldom as nobody notices.
fn refresh_interval(config: &ClientConfig) -> Result<Duration, Error> {
    match config.get(REFRESH_INTERVAL) {
        None => Ok(REFRESH),
        Some("-1") => Ok(Duration::from_secs(24 * 3600)),
        Some(_) => millis(config, REFRESH_INTERVAL),
    }
}

fn millis(config: &ClientConfig, option: &str) -> Result<Duration, Error> {
    let value = config
        .create_native_config()
        .and_then(|native| native.get(option))
        .map_err(|error| refused(&error))?;
    Ok(Duration::from_millis(value.parse().unwrap_or(300_000)))
}
