//! The scenarios, and who takes part in each.

use crate::{
    job::Seen,
    latency, many, memory, milena, reference, request, slow,
    topics::{self, BACKLOG, ERRANDS, PAYMENTS},
    transactions::Every,
};
use clap::{Subcommand, ValueEnum};

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Subcommand, ValueEnum)]
pub enum Scenario {
    Consume,
    ConsumeBatch,
    Layered,
    /// By key, 16 calls at once, 10,000 keys, a handler that does not wait.
    Keyed,
    /// The same in no order.
    Unordered,
    /// 10,000 records of one partition, 1,000 keys, a handler that sleeps 0 to 5 ms, 1,000 calls at once.
    Slow,
    /// 2,000 partitions in 200 subscriptions of one consumer.
    Many,
    Pipeline,
    /// The same in transactions, one each 100 ms.
    Transactions,
    /// The same, one each 1,000 records.
    TransactionsByCount,
    Latency,
    /// A question to another service, and its answer: one after the other.
    Request,
    Memory,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Contender {
    Milena,
    /// A loop over rdkafka's `StreamConsumer`.
    StreamConsumer,
    /// A thread that reads batches, and a channel.
    Raw,
    /// The same with a threaded producer behind it.
    ByHand,
    /// Milena with `by_key`.
    ByKey,
    /// Milena with `unordered`.
    Unordered,
    /// Milena with one subscription, as in `consume`.
    Consume,
    /// Milena without transactions, as in `pipeline`.
    Pipeline,
}

impl Scenario {
    /// Milena first, then its references.
    pub fn contenders(self) -> &'static [Contender] {
        use Contender::{ByHand, ByKey, Consume, Milena, Pipeline, Raw, StreamConsumer, Unordered};
        match self {
            Self::Consume => &[Milena, StreamConsumer, Raw],
            Self::ConsumeBatch | Self::Layered | Self::Keyed | Self::Unordered => &[Milena, Raw],
            Self::Slow => &[ByKey, Unordered],
            Self::Many => &[Milena, Consume, Raw],
            Self::Pipeline | Self::Request => &[Milena, ByHand],
            Self::Transactions | Self::TransactionsByCount => &[Milena, Raw, Pipeline],
            Self::Latency => &[Milena, StreamConsumer],
            Self::Memory => &[Milena],
        }
    }

    /// How many rounds are enough.
    pub fn rounds(self) -> usize {
        match self {
            Self::Memory => 1,
            Self::Pipeline
            | Self::Transactions
            | Self::TransactionsByCount
            | Self::Latency
            | Self::Request
            | Self::Many => 3,
            _ => 5,
        }
    }

    /// Makes the topics that the measurement reads and writes; `unique` names those of one round.
    pub async fn prepare(self, unique: &str) -> anyhow::Result<()> {
        match self {
            Self::Memory => BACKLOG.prepare().await,
            Self::Slow => ERRANDS.prepare().await,
            Self::Many => {
                PAYMENTS.prepare().await?;
                many::prepare().await
            }
            Self::Latency => topics::create(unique, PAYMENTS.partitions).await,
            Self::Request => {
                topics::create_all(&[unique.to_owned(), request::answers(unique)], 1).await
            }
            Self::Pipeline | Self::Transactions | Self::TransactionsByCount => {
                PAYMENTS.prepare().await?;
                topics::create(unique, PAYMENTS.partitions).await
            }
            _ => PAYMENTS.prepare().await,
        }
    }

    /// Measures one round of one contender, in this process.
    pub async fn measure(self, contender: Contender, unique: &str) -> anyhow::Result<Seen> {
        match (self, contender) {
            (Self::ConsumeBatch, Contender::Milena) => milena::consume_batch().await,
            (Self::Layered, Contender::Milena) => milena::layered().await,
            (Self::Keyed, Contender::Milena) => milena::keyed().await,
            (Self::Unordered, Contender::Milena) => milena::unordered().await,
            (Self::Many, Contender::Milena) => many::consume().await,
            (Self::Transactions, Contender::Milena) => {
                milena::transactions(unique, Every::TIME).await
            }
            (Self::TransactionsByCount, Contender::Milena) => {
                milena::transactions(unique, Every::COUNT).await
            }
            (Self::Transactions, Contender::Raw) => {
                reference::transactions::run(unique, Every::TIME).await
            }
            (Self::TransactionsByCount, Contender::Raw) => {
                reference::transactions::run(unique, Every::COUNT).await
            }
            (Self::Pipeline, Contender::Milena) | (_, Contender::Pipeline) => {
                milena::pipeline(unique).await
            }
            (Self::Request, Contender::Milena) => request::milena(unique).await,
            (Self::Latency, Contender::Milena) => latency::milena(unique).await,
            (Self::Memory, Contender::Milena) => memory::slow().await,
            (Self::Latency, Contender::StreamConsumer) => latency::stream(unique).await,
            (_, Contender::StreamConsumer) => reference::stream::consume().await,
            (_, Contender::ByKey) => slow::run(::milena::by_key(slow::CALLS)).await,
            (_, Contender::Unordered) => slow::run(::milena::unordered(slow::CALLS)).await,
            // `consume` of Milena is a contender of its own where it is the reference.
            (_, Contender::Milena | Contender::Consume) => milena::consume().await,
            (Self::Many, Contender::Raw) => many::by_hand().await,
            (_, Contender::Raw) => reference::raw::consume(&[PAYMENTS.name]).await,
            (Self::Request, Contender::ByHand) => reference::request::run(unique).await,
            (_, Contender::ByHand) => reference::pipeline::run(unique).await,
        }
    }
}

/// The name on the command line and in the output.
pub fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
