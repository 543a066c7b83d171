//! Requests and answers: redirects, errors, compression, what is never shown.

use std::sync::Arc;

use cumulus_etl::error::SettingsFault;
use cumulus_etl::http::header::RANGE;
use cumulus_etl::http::{
    Auth, Client, ClientOptions, Credentials, Error, Method, Secret, TokenUse,
};
use serde_json::json;
use url::Url;

use crate::auth::{authorization, client_of, configuration, ehr, get, smart, statement, token};
use crate::loopback::{Answer, Asked, Server};
use crate::support::block_on;

/// Two servers: one gives `target` of the other with `status`; the other's requests are given back.
fn redirected(status: u16, token: TokenUse) -> (Vec<Asked>, Vec<Asked>) {
    let other = Server::start(|_| Answer::new(200, "file"));
    let there = other.url.join("/bucket/file?sig=1").unwrap();
    let location = there.to_string();
    let server = ehr(move |asked| match asked.target.as_str() {
        "/fhir/here" => Answer::new(status, "").header("Location", "there"),
        _ => Answer::new(status, "").header("Location", &location),
    });
    let client = client_of(&server, &smart());
    let request = client.request(Method::GET, client.url("here")).with_token(token);
    let response = block_on(request.send()).unwrap();
    assert_eq!(response.url(), &there);
    assert_eq!(block_on(response.bytes(9)).unwrap(), "file");
    let asked = server.asked().into_iter().filter(|a| a.target.contains("here")).collect();
    (asked, other.asked())
}

#[test]
fn a_redirect_to_another_server_goes_without_credentials() {
    for status in [301, 302, 303, 307, 308] {
        for token in [TokenUse::SameOrigin, TokenUse::Required] {
            let (ours, others) = redirected(status, token);
            assert_eq!(ours.len(), 2);
            for asked in ours {
                assert_eq!(authorization(&asked), Some("Bearer access-token-1"), "{status}");
            }
            assert_eq!(others.len(), 1);
            assert_eq!(authorization(&others[0]), None, "{status}");
        }
    }
}

#[test]
fn another_server_gets_the_token_only_if_it_shall() {
    let other = Server::start(|_| Answer::new(200, "file"));
    let server = ehr(|_| Answer::new(200, ""));
    let client = client_of(&server, &smart());
    for (token, expected) in [
        (TokenUse::SameOrigin, None),
        (TokenUse::Never, None),
        (TokenUse::Required, Some("Bearer access-token-1")),
    ] {
        block_on(client.request(Method::GET, other.url.clone()).with_token(token).send()).unwrap();
        assert_eq!(authorization(&other.asked().pop().unwrap()), expected, "{token:?}");
    }
}

#[test]
fn a_body_is_not_sent_on_to_another_server() {
    let other = Server::start(|_| Answer::new(200, ""));
    for (status, methods) in [(307, &[][..]), (308, &[]), (303, &["GET"]), (302, &["GET"])] {
        let before = other.asked().len();
        let location = other.url.to_string();
        let server = ehr(move |_| Answer::new(status, "").header("Location", &location));
        let client = client_of(&server, &smart());
        let request = client.request(Method::POST, client.url("Patient/$export"));
        let sent = block_on(request.with_body("patients", "application/fhir+json").send());
        assert_eq!(sent.is_ok(), !methods.is_empty());
        let others = other.asked().split_off(before);
        assert_eq!(others.iter().map(|a| a.method.as_str()).collect::<Vec<_>>(), methods);
        assert!(
            others.iter().all(|a| a.body.is_empty() && !a.headers.contains_key("content-type"))
        );
    }
}

#[test]
fn redirects_end() {
    let server = ehr(|_| Answer::new(302, "").header("Location", "again"));
    let client = client_of(&server, &smart());
    let error = get(&client, client.url("a")).unwrap_err();
    assert!(matches!(&error, Error::Unusable { what, .. } if what.contains("10")), "{error}");
    assert_eq!(server.asked_of("/fhir/again").len(), 10);
    for answer in
        [Answer::new(302, ""), Answer::new(302, "").header("Location", "file:///etc/passwd")]
    {
        let server = ehr(move |_| answer.clone());
        let client = client_of(&server, &smart());
        let error = get(&client, client.url("a")).unwrap_err();
        assert!(!error.is_retryable(), "{error}");
    }
}

#[test]
fn epic_is_told_the_client_id_and_nobody_else() {
    let other = Server::start(|_| Answer::new(200, ""));
    let server = Server::start(|asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
        "/fhir/metadata" => statement("Epic", json!({})),
        "/token" => token("t", &json!(300)),
        _ => Answer::new(200, ""),
    });
    let basic = Credentials {
        smart_client_id: Some("our-client".to_owned()),
        basic_user: Some("u".to_owned()),
        basic_passwd: Some(Secret::new("p")),
        ..Default::default()
    };
    for credentials in [smart(), basic] {
        let client = client_of(&server, &credentials);
        get(&client, client.url("Patient")).unwrap();
        let asked = server.asked_of("/fhir/Patient").pop().unwrap();
        assert_eq!(asked.headers["epic-client-id"], "our-client");
        get(&client, other.url.clone()).unwrap();
        assert!(!other.asked().pop().unwrap().headers.contains_key("epic-client-id"));
    }
}

#[test]
fn an_error_has_the_servers_words_but_no_secret() {
    let server = ehr(|asked| {
        let mut said = format!("{} {}", asked.headers["authorization"], asked.target);
        if said.starts_with("Basic") {
            said.push_str(", which is geheim");
        }
        let issue = json!([{"severity": "error", "diagnostics": format!("you said {said}")}]);
        let body = json!({"resourceType": "OperationOutcome", "issue": issue});
        Answer::json(422, &body).header("X-Said", &said).header("Set-Cookie", "s=cookie-monster")
    });
    let basic = Credentials {
        basic_user: Some("user".to_owned()),
        basic_passwd: Some(Secret::new("geheim")),
        ..Default::default()
    };
    let bearer = Credentials { bearer_token: Some(Secret::new("abc-def")), ..Default::default() };
    for credentials in [smart(), basic, bearer] {
        let client = client_of(&server, &credentials);
        let url = client.url("$export?_type=Patient&patient=Patient/smith&token=geheim");
        let error = get(&client, url).unwrap_err();
        let answer = error.answer().unwrap();
        let said = "you said";
        assert!(answer.text.as_deref().is_some_and(|text| text.starts_with(said)), "{error}");
        let all = format!("{error} {error:?} {client:?} {credentials:?}");
        assert!(error.to_string().contains("422") && all.contains("_type=Patient"), "{all}");
        let secrets = ["access-token", "geheim", "dXNlcjpnZWhlaW0=", "abc-def", "smith", "monster"];
        for secret in secrets {
            assert!(!all.contains(secret), "{secret}: {all}");
        }
    }
}

#[test]
fn plain_words_are_shown_and_web_pages_are_not() {
    for (body, shown) in [("Queue\n is  full", ": Queue is full"), ("<html>Oops</html>", "Said")] {
        let server = ehr(move |_| Answer::new(413, body));
        let client = client_of(&server, &Credentials::default());
        let error = get(&client, client.url("a")).unwrap_err();
        assert!(!error.to_string().contains("Oops"), "{error}");
        if shown != "Said" {
            assert!(error.to_string().ends_with(shown), "{error}");
        }
        assert_eq!(error.answer().unwrap().body, body);
    }
}

#[test]
fn the_body_of_an_error_is_capped() {
    let server = ehr(|_| Answer::new(500, "x".repeat(1 << 20)));
    let client = client_of(&server, &Credentials::default());
    let error = get(&client, client.url("a")).unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(error.answer().unwrap().body.len(), 64 << 10);
    assert!(error.to_string().len() < 1000);
}

#[test]
fn errors_say_whether_to_try_again() {
    for (status, retryable) in [
        (400, false),
        (404, false),
        (408, true),
        (410, false),
        (429, true),
        (500, true),
        (501, false),
        (502, true),
        (503, true),
        (504, true),
    ] {
        let server = ehr(move |_| Answer::new(status, ""));
        let client = client_of(&server, &Credentials::default());
        let error = get(&client, client.url("a")).unwrap_err();
        assert_eq!((error.status(), error.is_retryable()), (Some(status), retryable));
    }
    let client = client_of(&ehr(|_| Answer::new(200, "")), &Credentials::default());
    // Nobody listens there.
    let error = get(&client, Url::parse("http://127.0.0.1:9/").unwrap()).unwrap_err();
    assert!(matches!(error, Error::Transport { retryable: true, .. }), "{error}");
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let server = ehr(|_| Answer { broken: true, ..Answer::new(200, "row") });
    let client = client_of(&server, &Credentials::default());
    let error = get(&client, client.url("a")).unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let server = ehr(|_| Answer::new(200, "[1, 2, 3]"));
    let client = client_of(&server, &Credentials::default());
    let ask = |limit| {
        let request = client.request(Method::GET, client.url("a"));
        block_on(async { request.send().await?.json(limit).await })
    };
    assert_eq!(ask(9).unwrap(), json!([1, 2, 3]));
    assert!(matches!(ask(8).unwrap_err(), Error::Unusable { .. }));
}

#[test]
fn a_body_that_would_take_many_times_its_size_is_refused() {
    for one in ["[],", "{\"a\":0},", "[[0]],"] {
        let body = format!("[{}0]", one.repeat((1 << 20) / one.len() - 1));
        let server = ehr(move |_| Answer::new(200, body.as_str()));
        let client = client_of(&server, &Credentials::default());
        let request = client.request(Method::GET, client.url("a"));
        let error = block_on(async { request.send().await?.json(1 << 20).await }).unwrap_err();
        assert!(matches!(error, Error::Unusable { .. }), "{one}: {error}");
    }
}

#[test]
fn answers_are_compressed_unless_their_bytes_count() {
    let zipped = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"row").unwrap();
        Arc::new(encoder.finish().unwrap())
    };
    let server = ehr(move |asked| match asked.headers.get("accept-encoding").map(String::as_str) {
        Some("gzip") => Answer::new(200, zipped.to_vec()).header("Content-Encoding", "gzip"),
        _ => Answer::new(200, "plain"),
    });
    let client = client_of(&server, &Credentials::default());
    assert_eq!(get(&client, client.url("a")).unwrap(), b"row");
    let request = client
        .request(Method::GET, client.url("a"))
        .without_compression()
        .with_header(RANGE, "bytes=1-");
    let response = block_on(request.send()).unwrap();
    assert_eq!(block_on(response.bytes(9)).unwrap(), "plain");
    assert_eq!(server.asked().pop().unwrap().headers["accept-encoding"], "identity");
    let options = ClientOptions { gzip: false, ..ClientOptions::default() };
    let client = Client::new(&server.url, Auth::none(), &options).unwrap();
    assert_eq!(get(&client, client.url("a")).unwrap(), b"plain");
}

#[test]
fn a_base_url_must_be_one_without_credentials() {
    for url in ["ftp://ehr/fhir", "https://user:geheim@ehr/fhir"] {
        let url = Url::parse(url).unwrap();
        let error = Client::new(&url, Auth::none(), &ClientOptions::default()).unwrap_err();
        assert_eq!(error.kind(), SettingsFault::InvalidValue.into());
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    // The server's threads wait until the test has ended.
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = ehr(move |_| {
        let _ = held.lock().unwrap().recv();
        Answer::new(200, "")
    });
    let options = ClientOptions {
        read_timeout: std::time::Duration::from_millis(50),
        ..ClientOptions::default()
    };
    let client = Client::new(&server.url, Auth::none(), &options).unwrap();
    let error = get(&client, client.url("a")).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("took too long"), "{error}");
    drop(hold);
}
