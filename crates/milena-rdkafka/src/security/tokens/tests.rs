//! Providers of all sorts, and what their clients get.

use super::*;
use milena_core::{error::BoxError, transport::TokenProvider};
use std::{
    sync::{
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, SystemTime},
};

const STUCK: Duration = Duration::from_secs(30);

/// Tells what a client was given.
struct Client(Sender<Result<String, String>>);

impl Holder for Client {
    fn hold(&self, issued: &Issued) -> Result<(), String> {
        let extensions: Vec<_> =
            issued.extensions.iter().map(|(a, b)| format!("{a}={b}")).collect();
        let told = format!("{} {}", issued.token.value.expose(), extensions.join(","));
        self.0.send(Ok(told.trim().to_owned())).map_err(|error| error.to_string())
    }

    fn miss(&self, why: &str) {
        let _ = self.0.send(Err(why.to_owned()));
    }
}

struct Enlisted {
    _client: Arc<Client>,
    told: Receiver<Result<String, String>>,
    _enrolled: Enrolled,
}

impl Enlisted {
    fn at(tokens: &Arc<Tokens>) -> Self {
        let (tell, told) = channel();
        let client = Arc::new(Client(tell));
        let weak: Weak<Client> = Arc::downgrade(&client);
        let enrolled = tokens.enroll(weak).unwrap();
        Self { _client: client, told, _enrolled: enrolled }
    }

    fn next(&self) -> Result<String, String> {
        self.told.recv_timeout(STUCK).unwrap()
    }
}

/// Calls this with the number of the call.
struct Calls<F>(F, AtomicU64);

impl<F: Fn(u64) -> Result<Token, BoxError> + Send + Sync + 'static> TokenProvider for Calls<F> {
    async fn token(&self) -> Result<Token, BoxError> {
        (self.0)(self.1.fetch_add(1, SeqCst))
    }
}

fn tokens(call: impl Fn(u64) -> Result<Token, BoxError> + Send + Sync + 'static) -> Arc<Tokens> {
    Arc::new(Tokens::new(Arc::new(Calls(call, AtomicU64::new(0))), Pace::default()))
}

fn valid_for(value: impl ToString, time: Duration) -> Token {
    Token::new(value.to_string(), SystemTime::now() + time)
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn all_clients_have_one_token_and_one_that_comes_later_has_it_at_once() {
    let tokens = tokens(|call| Ok(valid_for(call, HOUR)));
    let (one, two) = (Enlisted::at(&tokens), Enlisted::at(&tokens));

    assert_eq!(one.next(), Ok("0".into()));
    assert_eq!(two.next(), Ok("0".into()));
    let three = Enlisted::at(&tokens);
    assert_eq!(three.told.try_recv().unwrap(), Ok("0".into()));
}

#[test]
fn a_token_is_replaced_before_it_ends() {
    let tokens = tokens(|call| Ok(valid_for(call, Duration::from_millis(300))));
    let client = Enlisted::at(&tokens);

    for call in 0..4 {
        assert_eq!(client.next(), Ok(call.to_string()));
    }
    assert!(tokens.failure().is_none());
}

#[test]
fn a_provider_that_fails_is_called_again() {
    let tokens = tokens(|call| match call {
        0 => Err("the server is away".into()),
        call => Ok(valid_for(call, HOUR)),
    });
    let client = Enlisted::at(&tokens);

    let why = "could not get a token for OAUTHBEARER: the server is away";
    assert_eq!(client.next(), Err(why.into()));
    assert_eq!(client.next(), Ok("1".into()));
}

#[test]
fn a_provider_that_fails_while_there_is_a_token_is_nobody_s_trouble() {
    let tokens = tokens(|call| match call {
        1 => Err("the server is away".into()),
        call => Ok(valid_for(call, Duration::from_secs(10))),
    });
    let tokens =
        Arc::new(Tokens::new(tokens.provider.clone(), Pace { refresh_at: 0.1, ..Pace::default() }));
    let client = Enlisted::at(&tokens);

    assert_eq!(client.next(), Ok("0".into()));
    assert_eq!(client.next(), Ok("2".into()));
}

#[test]
fn a_token_that_no_broker_would_take_is_refused_early() {
    type Make = fn() -> Token;
    let cases: [(Make, &str); 3] = [
        (|| valid_for("", HOUR), "it is empty"),
        (|| valid_for("a b", HOUR), "no token has such a character as number 1"),
        (|| Token::new("a", SystemTime::now() - 5 * Duration::from_secs(1)), "it expired 5 s ago"),
    ];
    for (token, why) in cases {
        let tokens = tokens(move |_| Ok(token()));
        let client = Enlisted::at(&tokens);

        let message =
            format!("could not get a token for OAUTHBEARER: could not use a token: {why}");
        assert_eq!(client.next(), Err(message));
        assert_eq!(tokens.failure().unwrap().kind, ErrorKind::Unauthorized);
    }
}

#[test]
fn a_provider_that_panics_fails() {
    let tokens = tokens(|_| panic!("on purpose"));
    let client = Enlisted::at(&tokens);

    let why =
        "could not get a token for OAUTHBEARER: the provider panicked, or its runtime has ended";
    assert_eq!(client.next(), Err(why.into()));
}

struct Hangs;

impl TokenProvider for Hangs {
    async fn token(&self) -> Result<Token, BoxError> {
        std::future::pending().await
    }
}

#[test]
fn a_provider_that_hangs_is_given_up_with_and_without_a_runtime() {
    let pace = Pace { timeout: Duration::from_millis(20), ..Pace::default() };
    let why = "could not get a token for OAUTHBEARER: the provider has not answered in 20ms";
    let check = || {
        let tokens = Arc::new(Tokens::new(Arc::new(Hangs), pace));
        assert_eq!(Enlisted::at(&tokens).next(), Err(why.into()));
        assert_eq!(tokens.failure().unwrap().kind, ErrorKind::TimedOut);
    };
    check();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _inside = runtime.enter();
    check();
}

struct Extended(&'static str, &'static str);

impl TokenProvider for Extended {
    async fn token(&self) -> Result<Token, BoxError> {
        Ok(valid_for("token", HOUR))
    }

    fn extensions(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(self.0.into(), self.1.into())])
    }
}

#[test]
fn extensions_go_with_the_token_if_they_can_be_sent() {
    let next = |name, value| {
        let tokens = Arc::new(Tokens::new(Arc::new(Extended(name, value)), Pace::default()));
        Enlisted::at(&tokens).next()
    };
    let refused = |name, why| {
        let message = format!("could not use extension `{name}` of a token: {why}");
        Err(format!("could not get a token for OAUTHBEARER: {message}"))
    };

    assert_eq!(next("tenant", "milena"), Ok("token tenant=milena".into()));
    assert_eq!(next("a-b", "x"), refused("a-b", "its name is not of letters alone"));
    assert_eq!(next("auth", "x"), refused("auth", "that is what the token itself is called"));
    let why = "its value has a character that cannot be sent";
    assert_eq!(next("tenant", "\u{1}"), refused("tenant", why));
}

#[test]
fn the_thread_ends_with_the_last_client_and_begins_again() {
    let tokens = tokens(|call| Ok(valid_for(call, HOUR)));
    let client = Enlisted::at(&tokens);
    assert_eq!(client.next(), Ok("0".into()));
    drop(client);

    let start = Instant::now();
    while tokens.lock().runs {
        assert!(start.elapsed() < STUCK);
        thread::yield_now();
    }
    assert_eq!(Enlisted::at(&tokens).next(), Ok("0".into()));
}
