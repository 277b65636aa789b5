//! What is asked of librdkafka by its own functions, and the only place with `unsafe`.
//!
//! rust-rdkafka stands in the way where it closes a consumer (its `drop` waits without end for answers
//! that nobody gives, and logs an error after a close that went well), commits (it tells no outcome) and
//! reads records one by one. Everything here that points into a client holds the client, so that nothing
//! can outlive it.
#![allow(unsafe_code, reason = "this is the place for it")]

use crate::{
    error, log,
    security::{Holder, Issued, distrust},
    topics,
};
use bytes::Bytes;
use milena_core::{
    error::Error,
    record::{Headers, OwnedRecord, Timestamp, TopicPartition},
    reply::ProducerRecord,
    transport::Receipt,
};
use rdkafka::{
    ClientConfig, ClientContext, TopicPartitionList, client,
    error::RDKafkaErrorCode as Code,
    metadata::Metadata,
    types::{RDKafkaApiKey as Api, RDKafkaType},
};
use rdkafka_sys as sys;
use std::{
    collections::BTreeSet,
    ffi::{CStr, CString, c_char, c_int, c_void},
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    slice,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// A client of librdkafka.
///
/// It ends on a thread of its own, because its end waits for threads of librdkafka and for connections.
pub(crate) struct Client {
    client: ManuallyDrop<client::Client<Context>>,
    events: NonNull<sys::rd_kafka_queue_t>,
    /// Called when an event comes, until the client is dropped.
    wake: NonNull<Wake>,
    /// Whether it reads only what was committed, of transactions.
    reads_committed: bool,
}

/// librdkafka keeps one pointer to it, so it is boxed once more.
type Wake = Box<dyn Fn() + Send + Sync>;

// SAFETY: a client of librdkafka may be used on any thread, by several at once; so may its queue.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// rust-rdkafka wants one; what it would be told, `Event` tells.
#[derive(Default)]
struct Context {
    /// What was found wrong with the last certificate that is not trusted.
    distrust: Mutex<Option<String>>,
    /// Whether a request of a transaction was given up without an answer.
    has_lost: AtomicBool,
}

impl ClientContext for Context {}

/// Called for each certificate of a broker: it is trusted if nothing was found wrong with it, and else it is
/// noted what. Of what OpenSSL found, librdkafka tells only that there was something.
unsafe extern "C" fn verify(
    _: *mut sys::rd_kafka_t,
    _: *const c_char,
    _: i32,
    wrong: *mut c_int,
    _: c_int,
    _: *const c_char,
    _: usize,
    why: *mut c_char,
    size: usize,
    context: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka gives a number to read, room for a C string, and the context, which lives as long
    // as the client.
    unsafe {
        let wrong = *wrong;
        if wrong == 0 {
            return 1;
        }
        let found = distrust(wrong);
        if size > found.len() {
            ptr::copy_nonoverlapping(found.as_ptr().cast(), why, found.len());
            *why.add(found.len()) = 0;
        }
        let context = &*context.cast::<Context>();
        *context.distrust.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        0
    }
}

/// Requests that are part of a transaction.
const OF_TRANSACTIONS: [Api; 5] = [
    Api::Produce,
    Api::AddPartitionsToTxn,
    Api::AddOffsetsToTxn,
    Api::EndTxn,
    Api::TxnOffsetCommit,
];

/// Called when there is a client with a transactional id: has `lost` called from then on.
unsafe extern "C" fn watch(
    client: *mut sys::rd_kafka_t,
    _: *const sys::rd_kafka_conf_t,
    _: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> sys::rd_kafka_resp_err_t {
    // SAFETY: the client is alive, and so is its context as long as it is.
    unsafe {
        let context = sys::rd_kafka_opaque(client);
        let name = c"milena".as_ptr();
        sys::rd_kafka_interceptor_add_on_response_received(client, name, Some(lost), context)
    }
}

/// Called for each request that is answered or given up, before anybody is told: notes that one of a
/// transaction was given up.
unsafe extern "C" fn lost(
    _: *mut sys::rd_kafka_t,
    _: c_int,
    _: *const c_char,
    _: i32,
    api: i16,
    _: i16,
    _: i32,
    _: usize,
    _: i64,
    error: sys::rd_kafka_resp_err_t,
    context: *mut c_void,
) -> sys::rd_kafka_resp_err_t {
    let none = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    if error != none && OF_TRANSACTIONS.iter().any(|it| *it as i16 == api) {
        // SAFETY: `watch` has given the context, which lives as long as the client.
        unsafe { (*context.cast::<Context>()).has_lost.store(true, SeqCst) }
    }
    none
}

impl Client {
    /// A consumer, which calls `wake` when there is an event, on a thread of librdkafka that must not wait.
    pub(crate) fn consumer(
        config: &ClientConfig,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let events = sys::RD_KAFKA_EVENT_REBALANCE | sys::RD_KAFKA_EVENT_OFFSET_COMMIT;
        let client = Self::create(config, RDKafkaType::RD_KAFKA_CONSUMER, events)?;
        // SAFETY: the client is alive. It is a consumer of a group, so it has such a queue, to which
        // all other events go as well from here on.
        let queue = unsafe {
            sys::rd_kafka_poll_set_consumer(client.native_ptr());
            sys::rd_kafka_queue_get_consumer(client.native_ptr())
        };
        let mut client = Self::new(client, queue, wake)?;
        client.reads_committed = config.get("isolation.level") == Some("read_committed");
        Ok(client)
    }

    /// Whether it reads only what was committed, of transactions.
    pub(crate) fn reads_committed(&self) -> bool {
        self.reads_committed
    }

    fn create(
        config: &ClientConfig,
        kind: RDKafkaType,
        events: c_int,
    ) -> Result<client::Client<Context>, Error> {
        let native = config.create_native_config().map_err(|error| error::refused(&error))?;
        let all = events | sys::RD_KAFKA_EVENT_ERROR | sys::RD_KAFKA_EVENT_STATS;
        // SAFETY: the configuration is alive.
        unsafe {
            sys::rd_kafka_conf_set_events(native.ptr(), all);
            // Where there is no TLS, this does nothing.
            sys::rd_kafka_conf_set_ssl_cert_verify_cb(native.ptr(), Some(verify));
        }
        if config.get("transactional.id").is_some() {
            // SAFETY: the configuration is alive, and so is the name; there is no context yet.
            unsafe {
                let (conf, name) = (native.ptr(), c"milena".as_ptr());
                sys::rd_kafka_conf_interceptor_add_on_new(conf, name, Some(watch), ptr::null_mut());
            }
        }
        client::Client::new(config, native, kind, Context::default())
            .map_err(|error| error::refused(&error))
    }

    fn new(
        client: client::Client<Context>,
        events: *mut sys::rd_kafka_queue_t,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let events = NonNull::new(events)
            .ok_or_else(|| error::config("could not make a client: it has no queue".into()))?;
        let wake = NonNull::from(Box::leak(Box::<Wake>::new(Box::new(wake))));
        // SAFETY: the callback is switched off before the box is dropped.
        unsafe {
            let (call, wake) = (Some(call as unsafe extern "C" fn(_, _)), wake.as_ptr().cast());
            sys::rd_kafka_queue_cb_event_enable(events.as_ptr(), call, wake);
        }
        Ok(Self { client: ManuallyDrop::new(client), events, wake, reads_committed: false })
    }

    /// The next event, for which it waits so long. Polling is what keeps a consumer in its group.
    pub(crate) fn poll(&self, wait: Duration) -> Option<Event> {
        // SAFETY: the queue is alive; the event that comes is ours.
        let event = unsafe { sys::rd_kafka_queue_poll(self.events.as_ptr(), millis(wait)) };
        NonNull::new(event).map(Event::new)
    }

    /// What is wrong with the last certificate of a broker that was not trusted.
    pub(crate) fn distrust(&self) -> Option<String> {
        self.client.context().distrust.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error after which the client can do nothing any more.
    pub(crate) fn fatal_error(&self) -> Option<(Code, String)> {
        self.client.fatal_error()
    }

    /// Asks a broker for a topic, or for all there are.
    pub(crate) fn metadata(&self, topic: Option<&str>, within: Duration) -> Result<Metadata, Code> {
        self.client
            .fetch_metadata(topic, within)
            .map_err(|error| error.rdkafka_error_code().unwrap_or(Code::Unknown))
    }

    /// Whether a broker answers in this time: it is asked for the topics that the client knows.
    pub(crate) fn reach(&self, within: Duration) -> Result<(), Code> {
        let mut metadata = ptr::null();
        let topic = ptr::null_mut();
        // SAFETY: the client lives; what comes back is freed at once and not looked at.
        let code = unsafe {
            let code =
                sys::rd_kafka_metadata(self.raw(), 0, topic, &raw mut metadata, millis(within));
            if !metadata.is_null() {
                sys::rd_kafka_metadata_destroy(metadata);
            }
            code
        };
        check(code)
    }

    fn raw(&self) -> *mut sys::rd_kafka_t {
        self.client.native_ptr()
    }

    fn events(&self) -> *mut sys::rd_kafka_queue_t {
        self.events.as_ptr()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the queue and the box are ours and not used again; no call of the callback runs any
        // more when it was switched off. The client is taken once, here.
        let client = unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.events.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.events.as_ptr());
            drop(Box::from_raw(self.wake.as_ptr()));
            ManuallyDrop::take(&mut self.client)
        };
        let end = thread::Builder::new().name("kafka-end".into()).spawn(|| drop(client));
        if let Err(error) = end {
            tracing::warn!(%error, "could not begin a thread for a client to end on");
        }
    }
}

unsafe extern "C" fn call(_: *mut sys::rd_kafka_t, wake: *mut c_void) {
    // SAFETY: `wake` is that of a `Client` which has not dropped it.
    unsafe { (*wake.cast::<Wake>())() }
}

/// What any client does that shows tokens.
impl Holder for Client {
    fn hold(&self, issued: &Issued) -> Result<(), String> {
        // SAFETY: the client is alive.
        unsafe { hold(self.raw(), issued) }
    }

    fn miss(&self, why: &str) {
        // SAFETY: the client is alive.
        unsafe { miss(self.raw(), why) }
    }
}

impl Holder for topics::Client {
    fn hold(&self, issued: &Issued) -> Result<(), String> {
        // SAFETY: the client is alive.
        unsafe { hold(self.inner().native_ptr(), issued) }
    }

    fn miss(&self, why: &str) {
        // SAFETY: the client is alive.
        unsafe { miss(self.inner().native_ptr(), why) }
    }
}

/// The queue of what an administrator's client tells beside its answers.
pub(crate) struct Ears {
    raw: NonNull<sys::rd_kafka_queue_t>,
    #[expect(dead_code, reason = "it is kept alive")]
    client: Arc<topics::Client>,
}

// SAFETY: a queue of librdkafka may be used on any thread.
unsafe impl Send for Ears {}

impl Ears {
    pub(crate) fn new(client: Arc<topics::Client>) -> Option<Self> {
        // SAFETY: the client is alive, and every client has such a queue.
        let raw = unsafe { sys::rd_kafka_queue_get_main(client.inner().native_ptr()) };
        Some(Self { raw: NonNull::new(raw)?, client })
    }

    /// The next event, for which it waits so long.
    pub(crate) fn poll(&self, wait: Duration) -> Option<Event> {
        // SAFETY: the queue is alive; the event that comes is ours.
        let event = unsafe { sys::rd_kafka_queue_poll(self.raw.as_ptr(), millis(wait)) };
        NonNull::new(event).map(Event::new)
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and not used again; the client is dropped behind it.
        unsafe { sys::rd_kafka_queue_destroy(self.raw.as_ptr()) }
    }
}

/// Gives a client a token, also for the connections that it has.
///
/// # Safety
///
/// The client is alive.
unsafe fn hold(client: *mut sys::rd_kafka_t, issued: &Issued) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "it has a null character".to_owned());
    let (value, principal) = (text(issued.token.value.expose())?, text(&issued.token.principal)?);
    let pairs = issued.extensions.iter().flat_map(|(name, value)| [text(name), text(value)]);
    let pairs: Vec<CString> = pairs.collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = pairs.iter().map(|it| it.as_ptr()).collect();
    let mut why = [0; 256];
    // SAFETY: the client is alive; all texts are C strings that are, and are copied. `why` is a C string
    // behind the call.
    unsafe {
        let code = sys::rd_kafka_oauthbearer_set_token(
            client,
            value.as_ptr(),
            issued.token.expires_at_millis(),
            principal.as_ptr(),
            pointers.as_mut_ptr(),
            pointers.len(),
            why.as_mut_ptr(),
            why.len(),
        );
        check(code).map_err(|_| self::text(why.as_ptr()).into_owned())
    }
}

/// Has an error event tell that there is no token, unless the last one told the same.
///
/// # Safety
///
/// The client is alive.
unsafe fn miss(client: *mut sys::rd_kafka_t, why: &str) {
    let why = CString::new(why.replace('\0', "")).unwrap_or_default();
    // SAFETY: the client is alive; the text is, and is copied.
    unsafe { sys::rd_kafka_oauthbearer_set_token_failure(client, why.as_ptr()) };
}

/// What a consumer does. All of it answers at once.
impl Client {
    pub(crate) fn subscribe(&self, topics: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: the client and the list are alive.
        check(unsafe { sys::rd_kafka_subscribe(self.raw(), topics.ptr()) })
    }

    pub(crate) fn unsubscribe(&self) -> Result<(), Code> {
        // SAFETY: the client is alive.
        check(unsafe { sys::rd_kafka_unsubscribe(self.raw()) })
    }

    /// Reads these and nothing else; `None` is nothing.
    pub(crate) fn assign(&self, list: Option<&TopicPartitionList>) -> Result<(), Code> {
        let list = list.map_or(ptr::null(), |list| list.ptr().cast_const());
        // SAFETY: the client and the list are alive; null is allowed.
        check(unsafe { sys::rd_kafka_assign(self.raw(), list) })
    }

    pub(crate) fn incremental_assign(&self, list: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: the client and the list are alive; the error is ours.
        unsafe { check_error(sys::rd_kafka_incremental_assign(self.raw(), list.ptr())) }
    }

    pub(crate) fn incremental_unassign(&self, list: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: the client and the list are alive; the error is ours.
        unsafe { check_error(sys::rd_kafka_incremental_unassign(self.raw(), list.ptr())) }
    }

    /// Whether what is being revoked is no longer this member's already.
    pub(crate) fn is_assignment_lost(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_assignment_lost(self.raw()) == 1 }
    }

    /// Whether partitions are given and taken one by one.
    pub(crate) fn is_cooperative(&self) -> bool {
        // SAFETY: the client is alive; the name of its protocol is null or a C string that stays.
        unsafe {
            let protocol = sys::rd_kafka_rebalance_protocol(self.raw());
            !protocol.is_null() && CStr::from_ptr(protocol) == c"COOPERATIVE"
        }
    }

    /// Sends a commit; an event tells its outcome.
    pub(crate) fn commit(&self, offsets: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: the client, its queue and the list are alive; librdkafka copies the list and counts
        // its reference to the queue.
        check(unsafe {
            sys::rd_kafka_commit_queue(
                self.raw(),
                offsets.ptr(),
                self.events(),
                None,
                ptr::null_mut(),
            )
        })
    }

    /// Writes into the list how far its partitions were read, markers of transactions included.
    pub(crate) fn positions(&self, list: &mut TopicPartitionList) {
        // SAFETY: the client and the list are alive. What goes wrong is told for each partition.
        unsafe { sys::rd_kafka_position(self.raw(), list.ptr()) };
    }

    /// Reads on from these offsets. Nothing of before is read behind the call; whether reading goes on
    /// there is told for each partition, unless there is no time for it.
    pub(crate) fn seek(&self, list: &mut TopicPartitionList, within: Duration) -> Result<(), Code> {
        // SAFETY: the client and the list are alive; the error is ours.
        unsafe {
            check_error(sys::rd_kafka_seek_partitions(self.raw(), list.ptr(), millis(within)))
        }
    }

    /// Whether the group has given it a name that it has not given back. Of a member under
    /// `group.protocol=consumer`, which names itself, this says nothing.
    pub(crate) fn is_member(&self) -> bool {
        // SAFETY: the client is alive. The name is null, or a C string that is ours to free.
        unsafe {
            let name = sys::rd_kafka_memberid(self.raw());
            if name.is_null() {
                return false;
            }
            let named = !CStr::from_ptr(name).is_empty();
            sys::rd_kafka_mem_free(self.raw(), name.cast());
            named
        }
    }

    /// Who it is in its group, and since which generation; `None` without a group.
    pub(crate) fn generation(&self) -> Option<Generation> {
        // SAFETY: the client is alive; what comes back is ours.
        let raw = unsafe { sys::rd_kafka_consumer_group_metadata(self.raw()) };
        NonNull::new(raw).map(Generation)
    }

    /// Begins to leave the group for good.
    pub(crate) fn close(&self) -> Result<(), Code> {
        // SAFETY: the client and its queue are alive; the error is ours.
        unsafe { check_error(sys::rd_kafka_consumer_close_queue(self.raw(), self.events())) }
    }

    /// Whether it has left the group for good.
    pub(crate) fn is_closed(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_consumer_closed(self.raw()) == 1 }
    }
}

/// What a consumer asks the brokers. All of it waits for the answer, and must not be asked where polling is done.
impl Client {
    /// Writes into the list what the group has committed for its partitions.
    pub(crate) fn committed(
        &self,
        list: &mut TopicPartitionList,
        within: Duration,
    ) -> Result<(), Code> {
        // SAFETY: the client and the list are alive.
        check(unsafe { sys::rd_kafka_committed(self.raw(), list.ptr(), millis(within)) })
    }

    /// Writes into the list the offsets of times, or of one of the ends, which it has in the place of offsets. A
    /// partition may be in it once.
    ///
    /// `rd_kafka_ListOffsets` would tell more, but looks leaders up on this thread and on that of librdkafka at
    /// once, when metadata change meanwhile: one frees what the other still uses.
    pub(crate) fn offsets_at(
        &self,
        list: &mut TopicPartitionList,
        within: Duration,
    ) -> Result<(), Code> {
        // SAFETY: the client and the list are alive.
        match check(unsafe {
            sys::rd_kafka_offsets_for_times(self.raw(), list.ptr(), millis(within))
        }) {
            Err(Code::AllBrokersDown) => Err(Code::OperationTimedOut),
            // There is none of them, as each says for itself.
            Err(Code::UnknownPartition) => Ok(()),
            result => result,
        }
    }

    /// The ids of the topics that there are, of these, from brokers that have ids.
    pub(crate) fn topic_ids(
        &self,
        topics: &BTreeSet<Arc<str>>,
        within: Duration,
    ) -> Result<Vec<(Arc<str>, TopicId)>, Code> {
        let names: Vec<_> = topics.iter().filter_map(|topic| CString::new(&**topic).ok()).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let answer = self.ask(kind, within, |options, queue| {
            // SAFETY: the client, the options, the queue and the names, which are copied, are alive. The
            // collection is ours, and destroyed at the end.
            unsafe {
                let topics = pointers.as_mut_ptr();
                let topics = sys::rd_kafka_TopicCollection_of_topic_names(topics, names.len());
                sys::rd_kafka_DescribeTopics(self.raw(), topics, options, queue);
                sys::rd_kafka_TopicCollection_destroy(topics);
            }
            Ok(())
        });
        answer?.topic_ids()
    }

    /// Asks something of this kind, and waits for the answer; without time for one it does not ask.
    fn ask(
        &self,
        kind: sys::rd_kafka_admin_op_t,
        within: Duration,
        ask: impl FnOnce(
            *mut sys::rd_kafka_AdminOptions_t,
            *mut sys::rd_kafka_queue_t,
        ) -> Result<(), Code>,
    ) -> Result<Event, Code> {
        let (mut text, wait) = ([0; 64], millis(within));
        if wait == 0 {
            return Err(Code::OperationTimedOut);
        }
        // SAFETY: the client is alive. Options and queue are ours, and destroyed at the end; an answer that
        // comes later is destroyed with the queue.
        let event = unsafe {
            let options = sys::rd_kafka_AdminOptions_new(self.raw(), kind);
            let (queue, size) = (sys::rd_kafka_queue_new(self.raw()), text.len());
            sys::rd_kafka_AdminOptions_set_request_timeout(options, wait, text.as_mut_ptr(), size);
            let event = ask(options, queue).map(|()| sys::rd_kafka_queue_poll(queue, wait));
            sys::rd_kafka_AdminOptions_destroy(options);
            sys::rd_kafka_queue_destroy(queue);
            event?
        };
        NonNull::new(event).map(Event::new).ok_or(Code::OperationTimedOut)
    }
}

/// Who a member of a group is, and since which generation.
pub(crate) struct Generation(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: it belongs to whoever has it, on any thread, and holds nothing of the client it came from.
unsafe impl Send for Generation {}
// SAFETY: nobody writes to it.
unsafe impl Sync for Generation {}

impl Generation {
    /// That of a client whom no group gives anything, and that commits for one.
    pub(crate) fn outside(group: &str) -> Option<Self> {
        let group = CString::new(group).ok()?;
        // SAFETY: the name is alive, and is copied.
        let raw = unsafe { sys::rd_kafka_consumer_group_metadata_new(group.as_ptr()) };
        NonNull::new(raw).map(Self)
    }

    /// Whether the group knows it. The brokers check nothing of what is said without a name.
    pub(crate) fn is_member(&self) -> bool {
        // SAFETY: it is alive; the name is null, or a C string that lives as long.
        unsafe {
            let name = text(sys::rd_kafka_consumer_group_metadata_member_id(self.raw()));
            !name.is_empty() && sys::rd_kafka_consumer_group_metadata_generation_id(self.raw()) >= 0
        }
    }

    /// The name of the group.
    pub(crate) fn group(&self) -> String {
        // SAFETY: it is alive; the name is a C string that lives as long.
        unsafe { text(sys::rd_kafka_consumer_group_metadata_group_id(self.raw())) }.into()
    }

    fn raw(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.0.as_ptr()
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        // SAFETY: it is ours and not used again.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

/// What a topic does not share with one of the same name that was there before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TopicId(i64, i64);

/// A queue of records.
pub(crate) struct Queue {
    raw: NonNull<sys::rd_kafka_queue_t>,
    #[expect(dead_code, reason = "it is kept alive")]
    client: Arc<Client>,
}

// SAFETY: a queue of librdkafka may be used on any thread, by several at once.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// A queue of its own, to which others can be forwarded.
    pub(crate) fn new(client: Arc<Client>) -> Option<Self> {
        // SAFETY: the client is alive.
        let raw = unsafe { sys::rd_kafka_queue_new(client.raw()) };
        Some(Self { raw: NonNull::new(raw)?, client })
    }

    /// The queue of a partition; `None` when no topic can be called so.
    pub(crate) fn of_partition(client: Arc<Client>, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client and the name are alive.
        let raw =
            unsafe { sys::rd_kafka_queue_get_partition(client.raw(), topic.as_ptr(), partition) };
        Some(Self { raw: NonNull::new(raw)?, client })
    }

    /// Moves what is in this queue, and what will be, to another one; or keeps it from now on.
    pub(crate) fn forward(&self, to: Option<&Self>) {
        let to = to.map_or(ptr::null_mut(), |queue| queue.raw.as_ptr());
        // SAFETY: both queues are alive; librdkafka counts its reference.
        unsafe { sys::rd_kafka_queue_forward(self.raw.as_ptr(), to) }
    }

    /// Ends the read that waits, or the next one that would.
    pub(crate) fn wake_reader(&self) {
        // SAFETY: the queue is alive.
        unsafe { sys::rd_kafka_queue_yield(self.raw.as_ptr()) }
    }

    /// Adds at most so many messages to a batch. It waits until there are so many, or so long.
    pub(crate) fn read(&self, wait: Duration, most: usize, batch: &mut Batch) {
        let messages = &mut batch.messages;
        messages.reserve(most);
        // SAFETY: there is room for so many pointers behind the messages, and a `Message` is one
        // pointer. librdkafka tells how many it wrote; none is null, and all are ours.
        unsafe {
            let room = messages.as_mut_ptr().add(messages.len()).cast();
            let read =
                sys::rd_kafka_consume_batch_queue(self.raw.as_ptr(), millis(wait), room, most);
            messages.set_len(messages.len() + usize::try_from(read).unwrap_or(0));
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and not used again; the client is dropped behind it.
        unsafe { sys::rd_kafka_queue_destroy(self.raw.as_ptr()) }
    }
}

/// # Safety
///
/// The error is null or ours, and not used again.
unsafe fn check_error(error: *mut sys::rd_kafka_error_t) -> Result<(), Code> {
    // SAFETY: what the caller says; null is no error.
    unsafe {
        let code = sys::rd_kafka_error_code(error);
        sys::rd_kafka_error_destroy(error);
        check(code)
    }
}

/// Something that a client tells.
pub(crate) struct Event(NonNull<sys::rd_kafka_event_t>);

/// What it tells.
pub(crate) enum Said {
    /// The group gives partitions, or takes them.
    Rebalance {
        assigns: bool,
        partitions: Vec<TopicPartition>,
    },
    Committed(Result<(), Code>),
    Error(Code, String),
    /// A record that came on the queue of events.
    Record(TopicPartition, OwnedRecord),
    /// Statistics, as JSON.
    Statistics(String),
    /// Nothing that matters; what was to be logged has been.
    Nothing,
}

impl Event {
    fn new(raw: NonNull<sys::rd_kafka_event_t>) -> Self {
        Self(raw)
    }

    pub(crate) fn said(&self) -> Said {
        // SAFETY: the event is ours.
        match unsafe { sys::rd_kafka_event_type(self.raw()) } {
            sys::RD_KAFKA_EVENT_REBALANCE => self.rebalance(),
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => Said::Committed(self.error()),
            sys::RD_KAFKA_EVENT_ERROR => {
                // SAFETY: the text lives as long as the event.
                let reason = unsafe { text(sys::rd_kafka_event_error_string(self.raw())) };
                self.error().err().map_or(Said::Nothing, |code| Said::Error(code, reason.into()))
            }
            sys::RD_KAFKA_EVENT_FETCH => self.record(),
            sys::RD_KAFKA_EVENT_LOG => self.log(),
            sys::RD_KAFKA_EVENT_STATS => {
                // SAFETY: the text lives as long as the event.
                Said::Statistics(unsafe { text(sys::rd_kafka_event_stats(self.raw())) }.into())
            }
            _ => Said::Nothing,
        }
    }

    fn error(&self) -> Result<(), Code> {
        // SAFETY: the event is ours.
        check(unsafe { sys::rd_kafka_event_error(self.raw()) })
    }

    fn rebalance(&self) -> Said {
        let at = |at: &sys::rd_kafka_topic_partition_t| {
            // SAFETY: the name of the topic lives as long as the event.
            TopicPartition::new(unsafe { text(at.topic) }, at.partition)
        };
        // SAFETY: the list lives as long as the event, and has `cnt` elements.
        let partitions = unsafe {
            let list = &*sys::rd_kafka_event_topic_partition_list(self.raw());
            let count = usize::try_from(list.cnt).unwrap_or(0);
            bounded(list.elems, count).iter().map(at).collect()
        };
        Said::Rebalance { assigns: self.error() == Err(Code::AssignPartitions), partitions }
    }

    /// The ids that it tells of.
    fn topic_ids(&self) -> Result<Vec<(Arc<str>, TopicId)>, Code> {
        self.error()?;
        let mut count = 0;
        // SAFETY: the event is ours. The result is null if it tells of something else, or lives as long as
        // the event, with `count` pointers to what does as well, names and ids included.
        unsafe {
            let result = sys::rd_kafka_event_DescribeTopics_result(self.raw());
            if result.is_null() {
                return Err(Code::Fail);
            }
            let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            let id = |topic: &*const sys::rd_kafka_TopicDescription_t| {
                let error = sys::rd_kafka_TopicDescription_error(*topic);
                check(sys::rd_kafka_error_code(error)).ok()?;
                let id = sys::rd_kafka_TopicDescription_topic_id(*topic);
                let high = sys::rd_kafka_Uuid_most_significant_bits(id);
                let low = sys::rd_kafka_Uuid_least_significant_bits(id);
                let name = text(sys::rd_kafka_TopicDescription_name(*topic));
                // Brokers that have no ids say so.
                ((high, low) != (0, 0)).then(|| (name.as_ref().into(), TopicId(high, low)))
            };
            Ok(bounded(topics.cast_const(), count).iter().filter_map(id).collect())
        }
    }

    fn record(&self) -> Said {
        // SAFETY: the event is ours.
        let message = unsafe { sys::rd_kafka_event_message_next(self.raw()) };
        let Some(message) = NonNull::new(message.cast_mut()) else { return Said::Nothing };
        let message = Message::borrowed(message);
        Said::Record(TopicPartition::new(message.topic(), message.partition()), message.to_owned())
    }

    fn log(&self) -> Said {
        let (mut facility, mut line, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the three may be written to; the texts live as long as the event.
        unsafe {
            sys::rd_kafka_event_log(self.raw(), &raw mut facility, &raw mut line, &raw mut level);
            log::line(level, text(facility).trim(), text(line).trim());
        }
        Said::Nothing
    }

    fn raw(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event is ours and not used again.
        unsafe { sys::rd_kafka_event_destroy(self.raw()) }
    }
}

/// A record, or an error, that librdkafka read.
///
/// It never leaves the [`Batch`] or the [`Messages`] it is in, which hold the client.
#[repr(transparent)]
pub(crate) struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message belongs to whoever has it, on any thread.
unsafe impl Send for Message {}
// SAFETY: what is read of a shared message is never written to, but for the parsed headers, which
// `Messages` reads under a lock.
unsafe impl Sync for Message {}

impl Message {
    /// A message that is another's, and alive as long as this is used.
    fn borrowed(raw: NonNull<sys::rd_kafka_message_t>) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self(raw))
    }

    /// What a producer sent with it.
    fn opaque(&self) -> *mut c_void {
        self.get()._private
    }

    /// Names the topic among those of the client, as long as one of its partitions is assigned.
    pub(crate) fn topic_id(&self) -> usize {
        self.get().rkt as usize
    }

    pub(crate) fn topic(&self) -> &str {
        let topic = self.get().rkt;
        if topic.is_null() {
            return "";
        }
        // SAFETY: the message keeps its topic alive, whose name is a C string.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) }.to_str().unwrap_or_default()
    }

    pub(crate) fn partition(&self) -> i32 {
        self.get().partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.get().offset
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        let message = self.get();
        // SAFETY: it points to so many bytes, which live as long as the message, or is null.
        unsafe { bytes(message.key, message.key_len) }
    }

    /// The value of a record; the text of an error.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        let message = self.get();
        // SAFETY: it points to so many bytes, which live as long as the message, or is null.
        unsafe { bytes(message.payload, message.len) }
    }

    /// How many bytes key and value have.
    pub(crate) fn size(&self) -> usize {
        self.get().len + self.get().key_len
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        use sys::rd_kafka_timestamp_type_t as Kind;
        let mut kind = Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, and `kind` may be written to.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) };
        match kind {
            Kind::RD_KAFKA_TIMESTAMP_CREATE_TIME => Timestamp::Created(millis),
            Kind::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Timestamp::Appended(millis),
            Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Timestamp::None,
        }
    }

    pub(crate) fn error(&self) -> Option<Code> {
        match self.get().err {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
            error => Some(error.into()),
        }
    }

    /// A copy of the record.
    fn to_owned(&self) -> OwnedRecord {
        OwnedRecord {
            offset: self.offset(),
            timestamp: self.timestamp(),
            key: self.key().map(Bytes::copy_from_slice),
            value: self.value().map(Bytes::copy_from_slice),
            // SAFETY: the message is on the thread that polls, and on no other.
            headers: unsafe { self.headers() },
        }
    }

    /// # Safety
    ///
    /// No other thread reads the headers of this message: librdkafka parses them when they are read
    /// first, and keeps them in the message.
    unsafe fn headers(&self) -> Headers {
        let mut headers = Headers::new();
        // SAFETY: as for this function.
        unsafe { self.each_header(|name, value| headers.push(name.to_string_lossy(), value)) };
        headers
    }

    /// The value of the last header of this name that is not null.
    ///
    /// # Safety
    ///
    /// As for the headers.
    unsafe fn header(&self, name: &str) -> Option<Bytes> {
        let mut found = None;
        let look = |its: &CStr, value: Option<&[u8]>| {
            if its.to_bytes() == name.as_bytes() {
                found = value.map(Bytes::copy_from_slice).or(found.take());
            }
        };
        // SAFETY: as for this function.
        unsafe { self.each_header(look) };
        found
    }

    /// # Safety
    ///
    /// As for the headers.
    unsafe fn has_headers(&self) -> bool {
        let mut raw = ptr::null_mut();
        // SAFETY: the message is alive, and no other thread does this.
        let found = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut raw) };
        found == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// # Safety
    ///
    /// As for the headers.
    unsafe fn each_header(&self, mut see: impl FnMut(&CStr, Option<&[u8]>)) {
        let mut raw = ptr::null_mut();
        // SAFETY: the message is alive, and no other thread does this.
        let mut found = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut raw) };
        for index in 0.. {
            if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                break;
            }
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers live as long as the message; the three may be written to. `name` is
            // a C string then, and `value` null or so many bytes. There are none behind the last.
            unsafe {
                found = sys::rd_kafka_header_get_all(
                    raw,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if !name.is_null() {
                    see(CStr::from_ptr(name), bytes(value, size));
                }
            }
        }
    }

    fn get(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message is ours until it is dropped, and librdkafka does not write to this part.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is ours and is not used again; its client is alive.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// Messages as they were read, of any partition.
pub(crate) struct Batch {
    messages: Vec<Message>,
    client: Arc<Client>,
}

impl Batch {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { messages: Vec::new(), client }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Empties it into one list for each slot, in order. A new slot is one more than there were; messages
    /// without one are destroyed.
    pub(crate) fn split(
        &mut self,
        mut slot: impl FnMut(&Message) -> Option<usize>,
    ) -> Vec<Messages> {
        let (mut lists, mut left) = (Vec::<Messages>::new(), self.messages.len());
        for message in self.messages.drain(..) {
            if let Some(slot) = slot(&message) {
                if slot == lists.len() {
                    lists.push(Messages::new(self.client.clone(), left));
                }
                lists[slot].push(message);
            }
            left -= 1;
        }
        lists
    }
}

/// Messages of one partition.
pub(crate) struct Messages {
    messages: Vec<Message>,
    size: usize,
    /// Held while headers are read.
    headers: Mutex<()>,
    /// Whether any of them has headers, once somebody asked for one.
    has_headers: OnceLock<bool>,
    #[expect(dead_code, reason = "it is kept alive")]
    client: Arc<Client>,
}

/// Most lists are short when there are several.
const SHORT: usize = 64;

impl Messages {
    fn new(client: Arc<Client>, most: usize) -> Self {
        let messages = Vec::with_capacity(most.min(SHORT));
        Self { messages, size: 0, headers: Mutex::new(()), has_headers: OnceLock::new(), client }
    }

    fn push(&mut self, message: Message) {
        self.size += message.size();
        self.messages.push(message);
    }

    pub(crate) fn as_slice(&self) -> &[Message] {
        &self.messages
    }

    /// How many bytes the keys and values have.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Has the processor fetch a message that is looked at soon. librdkafka made it on another thread,
    /// so that it is seldom in the cache: waiting for it costs as much as all else that is done to a record.
    pub(crate) fn prefetch(&self, index: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(message) = self.messages.get(index) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: this only hints; any address will do.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(message.0.as_ptr().cast()) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = index;
    }

    pub(crate) fn headers(&self, index: usize) -> Headers {
        let _alone = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: messages are shared as part of their list only, and the lock is held.
        unsafe { self.messages[index].headers() }
    }

    /// The value of the last header of this name that is not null. Nothing is locked when no message of
    /// the list has headers.
    pub(crate) fn header(&self, index: usize, name: &str) -> Option<Bytes> {
        if !*self.has_headers.get_or_init(|| self.any_headers()) {
            return None;
        }
        let _alone = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: messages are shared as part of their list only, and the lock is held.
        unsafe { self.messages[index].header(name) }
    }

    fn any_headers(&self) -> bool {
        let _alone = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: messages are shared as part of their list only, and the lock is held.
        self.messages.iter().any(|message| unsafe { message.has_headers() })
    }
}

/// What a producer does.
impl Client {
    pub(crate) fn producer(config: &ClientConfig) -> Result<Self, Error> {
        let client = Self::create(config, RDKafkaType::RD_KAFKA_PRODUCER, sys::RD_KAFKA_EVENT_DR)?;
        // SAFETY: the client is alive, and every client has such a queue.
        let queue = unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) };
        Self::new(client, queue, || {})
    }

    /// Ends the poll that waits, or the next one that would.
    pub(crate) fn wake_poller(&self) {
        // SAFETY: the queue is alive.
        unsafe { sys::rd_kafka_queue_yield(self.events()) }
    }

    /// Sends what waits without waiting for more, until all was answered or the time is over. Somebody
    /// else has to poll.
    pub(crate) fn flush(&self, within: Duration) {
        // SAFETY: the client is alive. What it returns is whether the time was over.
        unsafe { sys::rd_kafka_flush(self.raw(), millis(within)) };
    }

    /// Gives up everything that was not answered.
    pub(crate) fn purge(&self) {
        // SAFETY: the client is alive; the flags are right.
        unsafe {
            let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT;
            sys::rd_kafka_purge(self.raw(), flags);
        }
    }
}

/// What a producer with a transactional id does. All of it waits, for so long at most, and needs somebody
/// else who polls.
impl Client {
    pub(crate) fn init_transactions(&self, within: Duration) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error is ours.
        unsafe { failure(sys::rd_kafka_init_transactions(self.raw(), millis(within))) }
    }

    /// Whether a request of a transaction was given up without an answer. It may still reach the broker.
    pub(crate) fn has_lost(&self) -> bool {
        self.client.context().has_lost.load(SeqCst)
    }

    pub(crate) fn begin_transaction(&self) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error is ours.
        unsafe { failure(sys::rd_kafka_begin_transaction(self.raw())) }
    }

    pub(crate) fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        generation: &Generation,
        within: Duration,
    ) -> Result<(), Failure> {
        let (offsets, generation) = (offsets.ptr(), generation.raw());
        // SAFETY: the client is alive, and so are list and generation, which are copied; the error is ours.
        unsafe {
            failure(sys::rd_kafka_send_offsets_to_transaction(
                self.raw(),
                offsets,
                generation,
                millis(within),
            ))
        }
    }

    pub(crate) fn commit_transaction(&self, within: Duration) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error is ours.
        unsafe { failure(sys::rd_kafka_commit_transaction(self.raw(), millis(within))) }
    }

    pub(crate) fn abort_transaction(&self, within: Duration) -> Result<(), Failure> {
        // SAFETY: the client is alive; the error is ours.
        unsafe { failure(sys::rd_kafka_abort_transaction(self.raw(), millis(within))) }
    }
}

/// Why a call for a transaction failed, and what can be done behind it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) reason: String,
    /// The client can do nothing any more.
    pub(crate) is_fatal: bool,
    /// The same call can be made again, and goes on where this one was.
    pub(crate) is_retriable: bool,
    /// The transaction can only be aborted.
    pub(crate) requires_abort: bool,
}

/// # Safety
///
/// The error is null or ours, and not used again.
unsafe fn failure(error: *mut sys::rd_kafka_error_t) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: what the caller says; the text is copied before the error is gone.
    unsafe {
        let failure = Failure {
            code: sys::rd_kafka_error_code(error).into(),
            reason: text(sys::rd_kafka_error_string(error)).into(),
            is_fatal: sys::rd_kafka_error_is_fatal(error) == 1,
            is_retriable: sys::rd_kafka_error_is_retriable(error) == 1,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) == 1,
        };
        sys::rd_kafka_error_destroy(error);
        Err(failure)
    }
}

/// A topic that records are sent to.
pub(crate) struct Topic {
    raw: NonNull<sys::rd_kafka_topic_t>,
    client: Arc<Client>,
}

// SAFETY: a topic of librdkafka may be used on any thread, by several at once.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Topic {
    /// The topic of this name; `None` when no topic can be called so.
    pub(crate) fn new(client: Arc<Client>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client and the name are alive; no configuration is the default one.
        let raw = unsafe { sys::rd_kafka_topic_new(client.raw(), name.as_ptr(), ptr::null_mut()) };
        Some(Self { raw: NonNull::new(raw)?, client })
    }

    /// Copies a record into librdkafka's queue. Its receipt comes back with the answer, or at once.
    pub(crate) fn send(
        &self,
        record: &ProducerRecord,
        receipt: Box<Receipt>,
    ) -> Result<(), (Code, Box<Receipt>)> {
        use sys::rd_kafka_vtype_t as is;
        let (key, key_len) = raw(record.key.as_deref());
        let (value, value_len) = raw(record.value.as_deref());
        let headers = headers(record);
        let receipt = Box::into_raw(receipt);
        // SAFETY: each tag is followed by the values that librdkafka reads for it, in their C types.
        // It copies key and value. It owns headers and receipt if it takes the record, and else we do.
        let code = unsafe {
            sys::rd_kafka_producev(
                self.client.raw(),
                is::RD_KAFKA_VTYPE_RKT,
                self.raw.as_ptr(),
                is::RD_KAFKA_VTYPE_PARTITION,
                record.partition.unwrap_or(-1),
                is::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                is::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                is::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                is::RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp.unwrap_or(0),
                is::RD_KAFKA_VTYPE_OPAQUE,
                receipt.cast::<c_void>(),
                is::RD_KAFKA_VTYPE_HEADERS,
                headers,
                is::RD_KAFKA_VTYPE_END,
            )
        };
        let Err(code) = check(code) else { return Ok(()) };
        // SAFETY: the record was not taken, so both are ours.
        unsafe {
            if !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            Err((code, Box::from_raw(receipt)))
        }
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the topic is ours and not used again; the client is dropped behind it.
        unsafe { sys::rd_kafka_topic_destroy(self.raw.as_ptr()) }
    }
}

impl Event {
    /// Gives every receipt back that the event is the answer to, with what was sent and how it ended.
    pub(crate) fn answers(&self, mut each: impl FnMut(Receipt, &Message, Option<Code>)) {
        // SAFETY: the event is ours.
        if unsafe { sys::rd_kafka_event_type(self.raw()) } != sys::RD_KAFKA_EVENT_DR {
            return;
        }
        // SAFETY: the event is ours; its messages live as long as it does.
        while let Some(message) =
            NonNull::new(unsafe { sys::rd_kafka_event_message_next(self.raw()) }.cast_mut())
        {
            let message = Message::borrowed(message);
            // SAFETY: what librdkafka took has the receipt it was sent with, and is answered once.
            let receipt = unsafe { Box::from_raw(message.opaque().cast::<Receipt>()) };
            each(*receipt, &message, message.error());
        }
    }
}

/// As librdkafka takes bytes: null is not the same as empty.
fn raw(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

fn headers(record: &ProducerRecord) -> *mut sys::rd_kafka_headers_t {
    if record.headers.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: librdkafka copies name and value, whose lengths are told.
    unsafe {
        let headers = sys::rd_kafka_headers_new(record.headers.len());
        for (name, value) in record.headers.iter() {
            let (value, len) = raw(value);
            let (name, name_len) = (name.as_ptr().cast(), name.len().cast_signed());
            sys::rd_kafka_header_add(headers, name, name_len, value, len.cast_signed());
        }
        headers
    }
}

fn check(code: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
    match Code::from(code) {
        Code::NoError => Ok(()),
        code => Err(code),
    }
}

/// Milliseconds as librdkafka has them.
fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX)
}

/// # Safety
///
/// `text` is null or a C string that lives for `'a`.
unsafe fn text<'a>(text: *const c_char) -> std::borrow::Cow<'a, str> {
    if text.is_null() {
        return "".into();
    }
    // SAFETY: what the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}

/// # Safety
///
/// `start` is null, or points to `len` values that live for `'a`.
unsafe fn bounded<'a, T>(start: *const T, len: usize) -> &'a [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: what the caller says.
    unsafe { slice::from_raw_parts(start, len) }
}

/// # Safety
///
/// `start` is null, which there are no bytes for, or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: what the caller says.
    (!start.is_null()).then(|| unsafe { bounded(start.cast(), len) })
}
