use milena::{Json, Router, each};
use milena_test::TestApp;

async fn double(Json(number): Json<i64>) -> Json<i64> {
    Json(number * 2)
}

fn app() -> Router {
    Router::new("doubler").subscribe("numbers", each(double).publish_to("doubled"))
}

#[tokio::test(start_paused = true)]
async fn a_number_is_doubled() {
    let test = TestApp::start(app()).await;

    test.publish("numbers", Json(4)).await; // returns once settled

    test.calls(double).assert_called_once_with(Json(4));
    assert_eq!(test.published::<i64>("doubled"), [8]);
}
