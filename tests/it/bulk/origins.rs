//! Credentials: the hosts that see them, and the schemes that carry them.

use super::server::{Fault, List, Recorded, Server};
use super::*;
use crate::tls::trust;

const TOKEN: &str = "tok-0123456789-abcdefghijkl";
const BEARER: &[&str] = &["--bearer-token=tok-0123456789-abcdefghijkl"];
const BASIC: &[&str] = &["--basic-user=us", "--basic-passwd=p4ssword"];

/// A server with TLS that wants the token.
fn ehr(content: Content) -> Server {
    Server::start_tls(Content { expected_auth: Some(format!("Bearer {TOKEN}")), ..content })
}

/// Exports from `server`; the certificates of all servers are trusted.
fn run(site: &Site, servers: &[&Server], options: &[&str]) -> Ended {
    let _ = fs::remove_dir_all(site.path("dir"));
    let certificates: Vec<_> = servers.iter().map(|server| server.certificate()).collect();
    end(trust(&mut export(site, servers[0], options), site, &certificates))
}

fn shown(requests: &[Recorded]) -> Vec<&str> {
    requests.iter().map(|request| request.header("authorization")).collect()
}

/// The first output file is at `url`.
fn elsewhere(url: String) -> Content {
    let mut content = small();
    content.files[0].url = Some(url);
    content
}

/// The server's files alone, for anyone.
fn store() -> Content {
    Content { requires_token: false, ..small() }
}

fn manifest(token: Value, urls: &[String]) -> Fault {
    let files: Vec<_> = urls.iter().map(|url| json!({"type": "Patient", "url": url})).collect();
    let manifest = json!({"transactionTime": "2024-08-06T18:12:57Z", "requiresAccessToken": token,
        "output": files, "error": []});
    Fault::Answer(
        200,
        vec![("content-type", "application/json".to_owned())],
        manifest.to_string().into(),
    )
}

#[test]
fn credentials_never_go_over_http_where_the_server_is_encrypted() {
    let site = Site::new();
    let other = Server::start(store());
    let server = ehr(elsewhere(format!("{}/files/0", other.origin())));
    for credentials in [BEARER, BASIC] {
        if credentials == BASIC {
            let basic = "Basic dXM6cDRzc3dvcmQ=".to_owned();
            server.change(|content| content.expected_auth = Some(basic));
        }
        let ended = run(&site, &[&server], credentials);
        assert_eq!(ended.code, Some(16), "{}", ended.err);
        assert!(ended.err.contains("--allow-http"), "{}", ended.err);
        assert!(other.requests().is_empty());
        let ended = run(&site, &[&server], &[credentials, &["--allow-http"]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("is asked although it is not encrypted"), "{}", ended.err);
        assert_eq!(shown(&other.requests()), [""]);
        other.forget();
    }
}

#[test]
fn another_encrypted_host_gets_a_required_token_but_no_password() {
    let site = Site::new();
    let other = Server::start_tls(store());
    let server = ehr(elsewhere(format!("{}/files/0", other.origin())));
    let ended = run(&site, &[&server, &other], BEARER);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(shown(&other.requests()), [format!("Bearer {TOKEN}")]);
    let line = format!("The access token goes to {}, too", other.origin());
    assert!(ended.err.contains(&line), "{}", ended.err);

    other.forget();
    server.change(|content| content.expected_auth = Some("Basic dXM6cDRzc3dvcmQ=".to_owned()));
    other.change(|content| {
        content.requires_token = true;
        content.expected_auth = Some("Basic dXM6cDRzc3dvcmQ=".to_owned());
    });
    let named = format!("--token-host={}", &other.origin()["https://".len()..]);
    for options in [BASIC.to_vec(), [BASIC, &[named.as_str()]].concat()] {
        let ended = run(&site, &[&server, &other], &options);
        assert_eq!(ended.code, Some(16), "{}", ended.err);
        assert!(shown(&other.requests()).iter().all(|header| header.is_empty()));
        assert!(ended.err.contains("user and password are for"), "{}", ended.err);
    }
}

#[test]
fn a_manifest_of_another_origin_does_not_say_who_gets_the_token() {
    let site = Site::new();
    let other = Server::start_tls(store());
    let third = Server::start_tls(store());
    let urls = [format!("{}/files/0", other.origin()), format!("{}/files/2", third.origin())];
    // By a redirect of the status, and by the place of the status itself.
    let place = format!("{}/fhir/jobs/7", other.origin());
    let ways = [
        ("jobs/", Fault::redirect(307, place.clone())),
        ("$export", Fault::Answer(202, vec![("content-location", place)], Default::default())),
    ];
    for (path, fault) in ways {
        let server = ehr(small());
        let named = format!("--token-host={}", &other.origin()["https://".len()..]);
        for (options, expected) in
            [(BEARER.to_vec(), ""), ([BEARER, &[named.as_str()]].concat(), "Bearer")]
        {
            server.fault("GET", path, 1, fault.clone());
            other.fault("GET", "jobs/7", 1, manifest(json!(true), &urls));
            let ended = run(&site, &[&server, &other, &third], &options);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            assert_eq!(ended.err.contains("It is not believed"), expected.is_empty());
            for asked in [&other, &third] {
                let files = asked.seen("GET", "/files/");
                assert!(!files.is_empty());
                for header in shown(&files) {
                    assert_eq!(header.split(' ').next().unwrap(), expected, "{}", ended.err);
                }
                asked.forget();
            }
        }
    }
}

#[test]
fn urls_that_are_not_encrypted_are_refused_where_the_server_is_encrypted() {
    let site = Site::new();
    let plain = Server::start(store());
    let place = format!("{}/fhir/jobs/7", plain.origin());
    let file = format!("{}/files/0", plain.origin());
    let one = manifest(json!(false), std::slice::from_ref(&file));
    let next = json!({"transactionTime": "2024-08-06T18:12:57Z", "requiresAccessToken": true,
        "output": [], "link": [{"relation": "next", "url": place}]});
    let page = |value: &Value| Fault::Answer(200, Vec::new(), value.to_string().into());
    let ways = [
        (
            "$export",
            Fault::Answer(202, vec![("content-location", place.clone())], Default::default()),
        ),
        ("jobs/", page(&next)),
        ("jobs/", Fault::redirect(302, place.clone())),
        ("jobs/", one.clone()),
    ];
    for (path, fault) in ways {
        let server = ehr(small());
        for (options, code) in [(BEARER.to_vec(), 16), ([BEARER, &["--allow-http"]].concat(), 0)] {
            server.fault("GET", path, 1, fault.clone());
            plain.fault("GET", "jobs/7", 1, one.clone());
            let ended = run(&site, &[&server], &options);
            assert_eq!(ended.code, Some(code), "{path}: {}", ended.err);
            assert!(ended.err.contains("not encrypted"), "{}", ended.err);
            assert_eq!(plain.requests().is_empty(), code == 16, "{path}");
            assert!(shown(&plain.requests()).iter().all(|header| header.is_empty()), "{path}");
            plain.forget();
            plain.clear_faults();
            server.clear_faults();
        }
    }
}

#[test]
fn a_token_endpoint_that_is_not_encrypted_is_refused_where_the_server_is_encrypted() {
    let site = Site::new();
    let ended = end(site.command().args(["keys", "new", "keys"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let plain = Server::start(Content { token_uses: Some(99), ..Content::default() });
    let endpoint = format!("{}/token", plain.origin());
    let smart = json!({"token_endpoint": endpoint});
    let token = super::server::access_token(1);
    let expected_auth = Some(format!("Bearer {token}"));
    let server = Server::start_tls(Content { smart: Some(smart), expected_auth, ..small() });
    let credentials = ["--smart-client-id=us", "--smart-key=keys/private.jwks"];
    let given = format!("--token-url={endpoint}");
    for options in [credentials.to_vec(), [&credentials[..], &[given.as_str()]].concat()] {
        let ended = run(&site, &[&server], &options);
        assert_eq!(ended.code, Some(32), "{}", ended.err);
        assert!(ended.err.contains("not encrypted") && ended.err.contains("--allow-http"));
        assert!(plain.requests().is_empty());
    }
    let ended = run(&site, &[&server], &[&credentials[..], &["--allow-http"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("is asked although it is not encrypted"), "{}", ended.err);
}

#[test]
fn a_status_url_of_another_origin_gets_no_token_and_the_message_says_why() {
    let site = Site::new();
    let server = ehr(small());
    let other = ehr(small());
    // Its files are known as those of the other's first job.
    let warmed = run(&site, &[&other], BEARER);
    assert_eq!(warmed.code, Some(0), "{}", warmed.err);
    other.forget();
    let place = format!("{}/fhir/jobs/7", other.origin());
    let host = &other.origin()["https://".len()..];
    let located =
        || Fault::Answer(202, vec![("content-location", place.clone())], Default::default());
    server.fault("GET", "$export", 1, located());
    let ended = run(&site, &[&server, &other], BEARER);
    assert_eq!(ended.code, Some(32), "{}", ended.err);
    assert!(shown(&other.requests()).iter().all(|header| header.is_empty()));
    assert!(ended.err.contains(&format!("--token-host {host}")), "{}", ended.err);
    assert!(!ended.err.contains("the server wants credentials"), "{}", ended.err);

    other.forget();
    server.fault("GET", "$export", 1, located());
    let urls = [format!("{}/files/0", other.origin())];
    other.fault("GET", "jobs/7", 1, manifest(json!(true), &urls));
    let named = format!("--token-host={host}");
    let ended = run(&site, &[&server, &other], &[BEARER, &[named.as_str()]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(shown(&other.requests()).iter().all(|header| header.starts_with("Bearer")));
}

#[test]
fn an_export_that_is_denied_without_credentials_is_not_forgotten() {
    let site = Site::new();
    let server = ehr(small());
    let other = Server::start_tls(small());
    let place = format!("{}/fhir/jobs/7", other.origin());
    server.fault(
        "GET",
        "$export",
        9,
        Fault::Answer(202, vec![("content-location", place)], Default::default()),
    );
    let certificates: Vec<_> = [&server, &other].map(Server::certificate).to_vec();
    let again = |options: &[&str]| {
        let options = [BEARER, options].concat();
        end(trust(&mut export(&site, &server, &options), &site, &certificates))
    };
    other.fault("GET", "jobs/7", 99, Fault::status(404));
    other.fault("DELETE", "jobs/7", 99, Fault::status(404));
    // The server knows it, and does not say so to strangers.
    for options in [&[][..], &[], &["--cancel"], &["--cancel"]] {
        let ended = again(options);
        assert_eq!(ended.code, Some(16), "{options:?}: {}", ended.err);
        assert!(ended.err.contains("--token-host"), "{options:?}: {}", ended.err);
        assert!(!ended.err.contains("has ended"), "{options:?}: {}", ended.err);
        assert_eq!(server.seen("GET", "$export").len(), 1, "{options:?}");
    }
    // With credentials its word counts.
    let named = format!("--token-host={}", &other.origin()["https://".len()..]);
    let ended = again(&["--cancel", &named]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("The export has ended on the server"), "{}", ended.err);
    assert_eq!(
        shown(&other.seen("DELETE", "jobs/7")).last(),
        Some(&format!("Bearer {TOKEN}").as_str())
    );
}

#[test]
fn signed_links_come_without_a_token_wherever_they_are() {
    let site = Site::new();
    let other = Server::start_tls(store());
    for (answer, shown_to_files) in
        [(json!(false), false), (json!("false"), false), (json!(true), true), (json!(null), true)]
    {
        let server = ehr(Content { requires_token: false, ..small() });
        let urls = [
            format!("{}/files/0?signature=1", server.origin()),
            format!("{}/files/0?signature=2", other.origin()),
        ];
        server.fault("GET", "jobs/", 1, manifest(answer.clone(), &urls));
        let ended = run(&site, &[&server, &other], BEARER);
        assert_eq!(ended.code, Some(0), "{answer}: {}", ended.err);
        let own = server.seen("GET", "/files/");
        assert_eq!(shown(&own)[0].starts_with("Bearer"), shown_to_files, "{answer}");
        // A manifest without `requiresAccessToken` gives another origin no token.
        let foreign = other.seen("GET", "/files/");
        assert_eq!(shown(&foreign)[0].starts_with("Bearer"), answer == json!(true), "{answer}");
        other.forget();
    }
}

#[test]
fn what_stands_before_the_host_of_a_url_is_nobodys_password() {
    let site = Site::new();
    let server = ehr(Content { requires_token: false, ..small() });
    let urls =
        [server.origin().replace("https://", "https://them:theirs@") + "/files/0?signature=1"];
    server.fault("GET", "jobs/", 1, manifest(json!(false), &urls));
    let ended = run(&site, &[&server], BEARER);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(shown(&server.seen("GET", "/files/")), [""]);
    assert!(!ended.err.contains("theirs"), "{}", ended.err);
}

#[test]
fn a_server_without_encryption_is_used_as_before() {
    let site = Site::new();
    let other = Server::start(store());
    let mut content = elsewhere(format!("{}/files/0", other.origin()));
    content.expected_auth = Some(format!("Bearer {TOKEN}"));
    content.push(List::Output, "Patient", "", None);
    let server = Server::start(content);
    let ended = end(&mut export(&site, &server, BEARER));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(shown(&other.requests()), [format!("Bearer {TOKEN}")]);
    // On this machine nobody reads along.
    assert!(!ended.err.contains("not encrypted"), "{}", ended.err);
}

#[test]
fn hosts_that_are_none_are_refused() {
    let site = Site::new();
    for option in ["--token-host=a b", "--token-host=https://x/fhir", "--note-host=u@x"] {
        let mut command = site.command();
        let ended = end(command.args(["export", "https://ehr.invalid/fhir", "dir", option]));
        assert_eq!(ended.code, Some(23), "{}", ended.err);
        assert!(ended.err.contains("is no host"), "{}", ended.err);
    }
}

#[test]
fn notes_that_are_not_encrypted_are_refused_where_the_server_is_encrypted() {
    let site = Site::new();
    let note = || ("text/plain".to_owned(), "hello".into());
    let notes = BTreeMap::from([("/fhir/Binary/1".to_owned(), note())]);
    let plain = Server::start(Content { notes: notes.clone(), ..Content::default() });
    let server = ehr(Content { notes, ..Content::default() });
    let host = &plain.origin()["http://".len()..];
    let row = |url: &str| {
        resource(
            "DocumentReference",
            "d",
            json!({"content": [{"attachment": {"contentType": "text/plain", "url": url}}]}),
        )
    };
    let there = format!("{}/fhir/Binary/1", plain.origin());
    let named = format!("--note-host={host}");
    for (options, downloaded) in [
        (vec![named.as_str()], 0),
        (vec!["--allow-http"], 0),
        (vec![named.as_str(), "--allow-http"], 1),
    ] {
        site.rows("d.ndjson", &[row(&there)]);
        let mut command = site.command();
        command.args(["inline", "in", "--fhir-url", &server.base()]).args(BEARER).args(options);
        let ended = end(trust(&mut command, &site, &[server.certificate()]));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains(&format!("{downloaded} downloaded")), "{}", ended.err);
        assert_eq!(shown(&plain.requests()), vec![""; downloaded]);
    }
    // By a redirect of the server, too; its own notes come with the token.
    plain.forget();
    server.fault("GET", "Binary/1", 1, Fault::redirect(302, there));
    site.rows("d.ndjson", &[row("Binary/1"), row("/fhir/Binary/1")]);
    let mut command = site.command();
    command.args(["inline", "in", "--fhir-url", &server.base(), &named, "--max-connections=1"]);
    let ended = end(trust(command.args(BEARER), &site, &[server.certificate()]));
    assert!(ended.err.contains("1 downloaded"), "{}", ended.err);
    assert!(plain.requests().is_empty());
}

#[test]
fn a_server_whose_certificate_nobody_has_named_is_not_asked() {
    let site = Site::new();
    let (server, other) = (ehr(small()), ehr(small()));
    // Both say that they are an authority's; only one is named.
    let ended = end(trust(&mut export(&site, &server, BEARER), &site, &[other.certificate()]));
    assert_eq!(ended.code, Some(16), "{}", ended.err);
    assert!(ended.err.contains("invalid peer certificate"), "{}", ended.err);
    assert!(server.requests().is_empty());
}

#[test]
fn a_token_endpoint_whose_certificate_nobody_has_named_is_not_said_to_be_missing() {
    let site = Site::new();
    let ended = end(site.command().args(["keys", "new", "keys"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let smart = ["--smart-client-id=us", "--smart-key=keys/private.jwks"];
    let endpoint = Server::start_tls(Content { token_uses: Some(99), ..Content::default() });
    let url = format!("{}/token", endpoint.origin());
    let named = json!({"token_endpoint": url});
    let server = Server::start_tls(Content { smart: Some(named), ..small() });
    let silent = Server::start_tls(small());
    let given = format!("--token-url={url}");
    let check = |base: &Server, trusted: &Server, options: &[&str]| {
        let _ = fs::remove_dir_all(site.path("dir"));
        let options = [&smart[..], options].concat();
        let mut command = export(&site, base, &options);
        let ended = end(trust(&mut command, &site, &[trusted.certificate()]));
        assert_eq!(ended.code, Some(32), "{}", ended.err);
        assert!(!ended.err.contains("names no token endpoint"), "{}", ended.err);
        assert!(ended.err.contains("invalid peer certificate"), "{}", ended.err);
        let host = if trusted.origin() == base.origin() { &endpoint } else { base };
        assert!(ended.err.contains(host.origin()), "{}", ended.err);
        assert!(host.requests().is_empty());
    };
    // The server that would name it, with nothing trusted of it.
    check(&server, &endpoint, &[]);
    check(&silent, &endpoint, &[]);
    // The endpoint itself, as the server names it and as the user does.
    check(&server, &server, &[]);
    check(&silent, &silent, &[&given]);
}
