//! A server that gives out the cluster's tokens for an id and a secret.

use super::cluster::token;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

pub(crate) struct TokenServer {
    pub(crate) url: String,
}

impl TokenServer {
    pub(crate) async fn start(id: &'static str, secret: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, id, secret));
            }
        });
        Self { url }
    }
}

async fn answer(mut connection: TcpStream, id: &str, secret: &str) {
    let request = read(&mut connection).await;
    let encode = |text: &str| text.replace(':', "%3A").replace(' ', "+");
    let both = format!("{}:{}", encode(id), encode(secret));
    let header = format!("authorization: Basic {}", STANDARD.encode(&both));
    let body = format!("client_id={}&client_secret={}", encode(id), encode(secret));
    let is_known = request.contains(&header) || request.contains(&body);
    let asks_right = request.starts_with("POST /token ")
        && ["grant_type=client_credentials", "scope=kafka", "audience=kafka"]
            .iter()
            .all(|part| request.contains(part));
    let (status, json) = match (is_known, asks_right) {
        (true, true) => {
            let token = tokio::task::spawn_blocking(|| token(&[])).await.unwrap();
            ("200 OK", format!(r#"{{"access_token":"{token}","expires_in":300}}"#))
        }
        (false, _) => ("401 Unauthorized", r#"{"error":"invalid_client"}"#.into()),
        (true, false) => ("400 Bad Request", r#"{"error":"invalid_request"}"#.into()),
    };
    let length = json.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{json}"
    );
    connection.write_all(answer.as_bytes()).await.unwrap();
}

/// Head and body.
async fn read(connection: &mut TcpStream) -> String {
    let mut request = String::new();
    loop {
        let mut bytes = [0; 4096];
        let read = connection.read(&mut bytes).await.unwrap();
        request.push_str(&String::from_utf8_lossy(&bytes[..read]));
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return request;
        }
    }
}
