//! Credentials on the wire: how tokens are got and renewed.

use std::sync::atomic::{AtomicUsize, Ordering};

use cumulus_etl::error::{CredentialFault, ErrorKind};
use cumulus_etl::http::smart::{Algorithm, PrivateKey};
use cumulus_etl::http::{Auth, Client, ClientOptions, Credentials, Error, Method, Secret};
use serde_json::{Value, json};
use url::Url;

use crate::loopback::{Answer, Asked, Server};
use crate::support::block_on;

/// Credentials of a registered client.
pub fn smart() -> Credentials {
    let key = PrivateKey::generate_key(Algorithm::Es384).unwrap();
    Credentials {
        smart_client_id: Some("our-client".to_owned()),
        smart_key: Some(Secret::new(key.private_jwks().unwrap().as_str())),
        ..Default::default()
    }
}

pub fn client_of(server: &Server, credentials: &Credentials) -> Client {
    let types = ["Patient".to_owned(), "Group".to_owned()];
    let auth = credentials.auth(&types).unwrap();
    Client::new(&server.url.join("fhir").unwrap(), auth, &ClientOptions::default()).unwrap()
}

pub fn get(client: &Client, url: Url) -> Result<Vec<u8>, Error> {
    block_on(async {
        let response = client.request(Method::GET, url).send().await?;
        Ok(response.bytes(1 << 20).await?.to_vec())
    })
}

/// A FHIR server with a token endpoint; the `n`-th token is `access-token-n`. Requests
/// other than discovery are answered by `answer`.
pub fn ehr(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    let tokens = AtomicUsize::new(0);
    Server::start(move |asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
        "/token" => {
            let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
            token(&format!("access-token-{number}"), &json!(300))
        }
        "/fhir/metadata" => statement("Invented", json!({})),
        _ => answer(asked),
    })
}

pub fn configuration(asked: &Asked, capabilities: &[&str]) -> Answer {
    let token = format!("http://{}/token", asked.headers["host"]);
    Answer::json(200, &json!({"token_endpoint": token, "capabilities": capabilities}))
}

pub fn token(value: &str, expires_in: &Value) -> Answer {
    let body = json!({"access_token": value, "token_type": "BeArEr", "expires_in": expires_in});
    Answer::json(200, &body)
}

pub fn statement(software: &str, security: Value) -> Answer {
    Answer::json(
        200,
        &json!({"resourceType": "CapabilityStatement", "software": {"name": software},
            "rest": [{"security": security}]}),
    )
}

pub fn authorization(asked: &Asked) -> Option<&str> {
    asked.headers.get("authorization").map(String::as_str)
}

#[test]
fn a_token_is_asked_for_as_smart_says() {
    let server = ehr(|_| Answer::new(200, "row"));
    let client = client_of(&server, &smart());
    for _ in 0..2 {
        assert_eq!(get(&client, client.url("Patient")).unwrap(), b"row");
    }
    let discovery = server.asked_of("/fhir/.well-known/smart-configuration");
    assert_eq!(discovery.len(), 1);
    assert_eq!(discovery[0].headers["accept"], "application/json");
    assert_eq!(authorization(&discovery[0]), None);
    let asked = server.asked_of("/token");
    assert_eq!(asked.len(), 1, "a token is used until it ends");
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(authorization(&asked[0]), None);
    let form = asked[0].form();
    let names: Vec<_> = form.keys().map(String::as_str).collect();
    assert_eq!(names, ["client_assertion", "client_assertion_type", "grant_type", "scope"]);
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "system/Patient.read system/Group.read");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(form["client_assertion_type"], kind);
    for asked in server.asked_of("/fhir/Patient") {
        assert_eq!(authorization(&asked), Some("Bearer access-token-1"));
        let agent = concat!("cumulus-etl/", env!("CARGO_PKG_VERSION"));
        assert_eq!(asked.headers["user-agent"], agent);
        assert!(!asked.headers.contains_key("epic-client-id"));
    }
}

#[test]
fn scopes_are_those_that_the_server_has() {
    for (capabilities, action) in [
        (&[][..], "read"),
        (&["permission-v1"], "read"),
        (&["permission-v1", "permission-v2"], "read"),
        (&["permission-v2"], "rs"),
    ] {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/fhir/.well-known/smart-configuration" => configuration(asked, capabilities),
            _ => token("t", &json!(300)),
        });
        block_on(client_of(&server, &smart()).authorize()).unwrap();
        let scope = server.asked_of("/token")[0].form()["scope"].clone();
        assert_eq!(scope, format!("system/Patient.{action} system/Group.{action}"));
    }
}

#[test]
fn no_scope_is_asked_for_of_a_type_that_the_server_lacks() {
    for (types, scope) in [
        (json!([{"type": "Patient"}, {"type": "Device"}]), "system/Patient.read"),
        // If it has nothing of what is wanted, that is not said by the token endpoint.
        (json!([{"type": "Device"}]), "system/Patient.read system/Group.read"),
    ] {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
            "/fhir/metadata" => Answer::json(
                200,
                &json!({"resourceType": "CapabilityStatement", "rest": [{"resource": types}]}),
            ),
            _ => token("t", &json!(300)),
        });
        let client = client_of(&server, &smart());
        block_on(client.authorize()).unwrap();
        block_on(client.capabilities()).unwrap();
        assert_eq!(server.asked_of("/token")[0].form()["scope"], scope);
        assert_eq!(server.asked_of("/fhir/metadata").len(), 1);
    }
}

#[test]
fn scopes_and_token_endpoint_can_be_given() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/elsewhere?a=1" => token("t", &json!(300)),
        _ => Answer::new(404, ""),
    });
    let credentials = Credentials {
        token_url: Some(server.url.join("/elsewhere?a=1").unwrap().into()),
        scope: Some("system/*.rs launch".to_owned()),
        ..smart()
    };
    block_on(client_of(&server, &credentials).authorize()).unwrap();
    assert_eq!(server.asked_of("/elsewhere")[0].form()["scope"], "system/*.rs launch");
}

#[test]
fn the_token_endpoint_is_also_found_in_the_capability_statement() {
    // Without a SMART configuration, and with one that isn't.
    for answer in
        [Answer::new(404, "no"), Answer::new(200, "<html>"), Answer::json(200, &json!({}))]
    {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/fhir/.well-known/smart-configuration" => answer.clone(),
            "/fhir/metadata" => {
                let url = format!("http://{}/old/token", asked.headers["host"]);
                let uris = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";
                let token = json!([{"url": "token", "valueUri": url}]);
                statement("x", json!({"extension": [{"url": uris, "extension": token}]}))
            }
            _ => token("t", &json!(300)),
        });
        block_on(client_of(&server, &smart()).authorize()).unwrap();
        assert_eq!(server.asked_of("/old/token").len(), 1);
    }
}

#[test]
fn a_server_without_a_token_endpoint_is_an_error_of_credentials() {
    let server = Server::start(|_| Answer::new(404, ""));
    let error = block_on(client_of(&server, &smart()).authorize()).unwrap_err();
    let error = error.into_error(ErrorKind::Failed);
    assert_eq!(error.kind(), CredentialFault::Refused.into());
    assert!(error.to_string().contains("--token-url"), "{error}");
}

#[test]
fn a_token_endpoint_that_says_400_is_asked_once_more() {
    let times = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
        "/fhir/metadata" => statement("x", json!({})),
        _ if times.fetch_add(1, Ordering::SeqCst) == 0 => Answer::new(400, "flaky"),
        _ => token("t", &json!(300)),
    });
    block_on(client_of(&server, &smart()).authorize()).unwrap();
    let asked = server.asked_of("/token");
    assert_eq!(asked.len(), 2);
    // A server that remembers `jti` would refuse the same assertion.
    assert_ne!(asked[0].form()["client_assertion"], asked[1].form()["client_assertion"]);
}

#[test]
fn refused_credentials_end_with_32_and_the_servers_words() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
        _ => {
            let assertion = asked.form()["client_assertion"].clone();
            let words = format!("no key for {assertion}");
            let body = json!({"error": "invalid_client", "error_description": words});
            Answer::json(400, &body)
        }
    });
    let error = block_on(client_of(&server, &smart()).authorize()).unwrap_err();
    assert_eq!(server.asked_of("/token").len(), 2);
    assert!(!error.is_retryable());
    let (details, error) = (format!("{error:?}"), error.into_error(ErrorKind::Failed));
    assert_eq!(error.kind(), CredentialFault::Refused.into());
    assert!(error.to_string().contains("invalid_client: no key for ***"), "{error}");
    for asked in server.asked_of("/token") {
        let assertion = &asked.form()["client_assertion"];
        assert!(!details.contains(assertion.split('.').next_back().unwrap()), "{details}");
    }
}

#[test]
fn a_token_endpoint_that_is_down_may_be_tried_again() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
        _ => Answer::new(503, "later"),
    });
    let error = block_on(client_of(&server, &smart()).authorize()).unwrap_err();
    assert!(error.is_retryable() && !error.is_auth(), "{error}");
}

#[test]
fn answers_that_are_no_bearer_token_are_refused() {
    for body in
        [json!({}), json!({"access_token": ""}), json!({"access_token": "t", "token_type": "mac"})]
    {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
            _ => Answer::json(200, &body),
        });
        let error = block_on(client_of(&server, &smart()).authorize()).unwrap_err();
        assert_eq!(error.into_error(ErrorKind::Failed).kind(), CredentialFault::Refused.into());
    }
}

#[test]
fn a_token_that_has_ended_is_renewed_before_it_is_used() {
    for (expires_in, tokens) in
        [(json!("0.000001"), 2), (json!(1e-6), 2), (json!("300"), 1), (json!(null), 1)]
    {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
            "/fhir/metadata" => statement("x", json!({})),
            "/token" => token("t", &expires_in),
            _ => Answer::new(200, ""),
        });
        let client = client_of(&server, &smart());
        for _ in 0..2 {
            get(&client, client.url("a")).unwrap();
        }
        assert_eq!(server.asked_of("/token").len(), tokens);
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    let server = ehr(|asked| match authorization(asked) {
        Some("Bearer access-token-1") => Answer::new(401, ""),
        _ => Answer::new(200, "row"),
    });
    let client = client_of(&server, &smart());
    assert_eq!(get(&client, client.url("Patient")).unwrap(), b"row");
    assert_eq!(server.asked_of("/fhir/Patient").len(), 2);

    let server = ehr(|_| Answer::new(401, ""));
    let client = client_of(&server, &smart());
    let error = get(&client, client.url("Patient")).unwrap_err();
    assert_eq!(server.asked_of("/fhir/Patient").len(), 2);
    assert_eq!(server.asked_of("/token").len(), 2);
    assert_eq!(error.status(), Some(401));
    assert_eq!(error.into_error(ErrorKind::Failed).kind(), CredentialFault::Refused.into());
}

#[test]
fn many_requests_at_once_share_one_new_token() {
    let server = ehr(|asked| match authorization(asked) {
        Some("Bearer access-token-1") => Answer::new(401, ""),
        _ => Answer::new(200, "row"),
    });
    let client = client_of(&server, &smart());
    let requests = (0..20).map(|n| {
        let request = client.request(Method::GET, client.url(&format!("Patient/{n}")));
        async move { request.send().await.map(drop) }
    });
    block_on(futures::future::try_join_all(requests)).unwrap();
    assert_eq!(server.asked_of("/token").len(), 2);
}

#[test]
fn passwords_and_tokens_are_sent_as_they_are() {
    let server = ehr(|_| Answer::new(200, ""));
    let of = |auth: Auth| {
        let base = server.url.join("fhir/").unwrap();
        let client = Client::new(&base, auth, &ClientOptions::default()).unwrap();
        get(&client, client.url("/a?b=c")).unwrap();
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.target, "/fhir/a?b=c");
        authorization(&asked).map(str::to_owned)
    };
    assert_eq!(of(Auth::none()), None);
    assert_eq!(of(Auth::bearer(Secret::new("abc"))).as_deref(), Some("Bearer abc"));
    let basic = of(Auth::basic("Aladdin", Secret::new("open sesame")));
    assert_eq!(basic.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

#[test]
fn a_guarded_capability_statement_is_asked_for_with_credentials() {
    let server = Server::start(|asked| match (asked.target.as_str(), authorization(asked)) {
        ("/fhir/metadata", None) => Answer::new(401, ""),
        ("/fhir/metadata", Some(_)) => statement("Guarded", json!({})),
        _ => Answer::new(404, ""),
    });
    let auth = Auth::bearer(Secret::new("abc"));
    let base = server.url.join("fhir").unwrap();
    let client = Client::new(&base, auth, &ClientOptions::default()).unwrap();
    let capabilities = block_on(client.capabilities()).unwrap();
    assert_eq!(capabilities.software_name.as_deref(), Some("Guarded"));
}

#[test]
fn the_way_to_a_token_asks_for_no_token() {
    // A CapabilityStatement behind credentials, which may or may not be needed to get them.
    for (has_configuration, ends_well) in [(true, true), (false, false)] {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/fhir/.well-known/smart-configuration" if has_configuration => {
                configuration(asked, &[])
            }
            "/token" => token("t", &json!(300)),
            "/fhir/metadata" if authorization(asked).is_none() => Answer::new(401, ""),
            "/fhir/metadata" => statement("Epic", json!({})),
            "/fhir/Patient" => Answer::new(200, ""),
            _ => Answer::new(404, ""),
        });
        let client = client_of(&server, &smart());
        match get(&client, client.url("Patient")) {
            Ok(_) => assert!(ends_well),
            Err(error) => assert!(!ends_well && error.is_auth(), "{error}"),
        }
        for asked in server.asked_of("/fhir/Patient") {
            assert_eq!(asked.headers["epic-client-id"], "our-client");
        }
    }
}

#[test]
fn a_server_that_is_down_is_not_blamed_on_the_credentials() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/fhir/metadata" => Answer::new(503, ""),
        _ => Answer::new(404, ""),
    });
    let error = block_on(client_of(&server, &smart()).authorize()).unwrap_err();
    assert!(error.is_retryable() && !error.is_auth(), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_not_said_to_name_no_token_endpoint() {
    let base = Url::parse("http://127.0.0.1:9/fhir").unwrap();
    let auth = smart().auth(&[]).unwrap();
    let client = Client::new(&base, auth, &ClientOptions::default()).unwrap();
    let error = block_on(client.authorize()).unwrap_err().to_string();
    assert!(!error.contains("names no token endpoint"), "{error}");
    assert!(error.contains("no answer from"), "{error}");
}

#[test]
fn a_token_endpoint_that_refuses_does_not_ask_for_what_was_given() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => configuration(asked, &[]),
        "/fhir/metadata" => statement("x", json!({})),
        _ => Answer::new(401, ""),
    });
    let error = block_on(client_of(&server, &smart()).authorize()).unwrap_err();
    assert!(error.is_auth(), "{error}");
    let error = error.to_string();
    assert!(!error.contains("wants credentials"), "{error}");
    assert!(error.contains("is the public key registered"), "{error}");
}

#[test]
fn a_forbidden_request_names_the_option_for_scopes() {
    let server = ehr(|_| Answer::new(403, ""));
    let client = client_of(&server, &smart());
    let error = get(&client, client.url("Group/1/$export")).unwrap_err().to_string();
    assert!(error.contains("--scope"), "{error}");
}
