use super::{
    history::{History, Lane, Rules, What},
    script::{MS, broker, put, service, settle, working},
};
use crate::kit::TestApp;
use milena::{Retry, unordered};

#[tokio::test(start_paused = true)]
async fn records_of_one_key_run_at_once_up_to_the_bound() {
    let (broker, history) = (broker(3), History::default());
    (0..30).for_each(|i| put(&broker, i % 3, Some("a"), "never"));
    let app = service(&history, working(unordered(7))).drain_timeout(MS);
    let test = TestApp::start_on(broker, app).await;

    tokio::time::sleep(1000 * MS).await;

    assert_eq!(history.running(), 7);
    test.stop().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_lies_before_the_first_record_that_is_not_done() {
    let (broker, history) = (broker(1), History::default());
    for value in ["3", "50", "1", "30", "0", "10"] {
        put(&broker, 0, None, value);
    }
    let app = service(&history, working(unordered(8))).commit_interval(MS);
    let test = TestApp::start_on(broker.clone(), app).await;

    let mut seen = Vec::new();
    while broker.lag("g", "t") > 0 {
        tokio::time::sleep(MS).await;
        seen.push(broker.committed("g", "t", 0));
    }

    seen.dedup();
    assert_eq!(seen, [None, Some(1), Some(6)]);
    assert_eq!(history.offsets(What::Done), [4, 2, 0, 5, 3, 1]);
    test.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_to_be_tried_again_takes_no_place() {
    let (broker, history) = (broker(1), History::default());
    put(&broker, 0, None, "fail 0");
    (0..50).for_each(|_| put(&broker, 0, None, "1"));
    let subscriber = working(unordered(1)).retry(Retry::fixed(2, 60_000 * MS));
    let test = TestApp::start_on(broker, service(&history, subscriber)).await;

    tokio::time::sleep(30_000 * MS).await;
    assert_eq!(history.offsets(What::Done), (1..51).collect::<Vec<_>>());
    settle(&test).await;

    Rules::new(Lane::Free, 1).check(&history);
    test.stop().await.unwrap();
}
