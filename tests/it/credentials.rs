//! Credentials as settings of the main job, and the surroundings of a connection: proxies and
//! certificates.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use cumulus_etl::http::{Auth, Client, ClientOptions, Method};
use url::Url;

use crate::loopback::{Answer, Server};
use crate::needs::{self, Needed, need};
use crate::support::{Ended, Site, block_on, end};

/// A run that ends before it has read anything: its INPUT is not there.
fn run(site: &Site, variables: &[(&str, &str)], options: &[&str]) -> Ended {
    let mut command = site.command();
    command.envs(variables.iter().map(|(name, value)| (format!("CUMULUS_ETL_{name}"), value)));
    end(command.args(["missing", "out", "phi"]).args(options))
}

#[test]
fn credentials_that_can_not_be_meant_are_refused() {
    let site = Site::new();
    site.file("settings.toml", "bearer-token = \"geheim\"\n");
    let file = "--config=settings.toml";
    for (variables, options, code) in [
        (&[][..], &["--smart-client-id=x"][..], 15),
        (&[("SMART_KEY", "geheim")], &[], 15),
        (&[], &["--basic-user=x"], 25),
        (&[("BASIC_PASSWD", "geheim")], &[], 25),
        (&[("BASIC_PASSWD", "geheim")], &["--basic-user=x"], 54),
        (&[("BASIC_PASSWD", "geheim")], &["--basic-user=x", "--bearer-token=geheim"], 37),
        (&[("SMART_CLIENT_ID", "x"), ("SMART_JWKS", "geheim")], &["--bearer-token=geheim"], 37),
        (&[("SMART_CLIENT_ID", "x")], &["--smart-key=geheim", file], 37),
        (&[], &[file], 54),
        (&[("BEARER_TOKEN", ""), ("BASIC_USER", "")], &[], 54),
        (&[], &["--smart-key=a", "--smart-jwks=geheim"], 2),
    ] {
        let ended = run(&site, variables, options);
        assert_eq!(ended.code, Some(code), "{variables:?} {options:?}: {}", ended.err);
        assert!(!ended.err.contains("geheim"), "{}", ended.err);
    }
}

#[test]
fn a_broken_configuration_file_is_not_shown() {
    let site = Site::new();
    for text in ["basic-passwd = geheim\n", "basic-passwd = \"geheim\n", "[geheim"] {
        site.file("settings.toml", text);
        let ended = run(&site, &[], &["--config=settings.toml"]);
        assert_eq!(ended.code, Some(23), "{}", ended.err);
        assert!(ended.err.contains("line 1") && !ended.err.contains("geheim"), "{}", ended.err);
    }
}

/// A part of the tests below, as a process of its own, as its environment can't be changed here.
#[test]
#[ignore = "a part of other tests"]
fn ask_for_what_the_environment_names() {
    let url = std::env::var("TEST_ASK_FOR").expect("another test sets it");
    let url = Url::parse(&url).unwrap();
    let result = Client::new(&url, Auth::none(), &ClientOptions::default()).map(|client| {
        let request = client.request(Method::GET, client.url("there"));
        let ask = async { request.send().await?.bytes(1 << 20).await };
        match block_on(ask) {
            Ok(body) => String::from_utf8_lossy(&body).into_owned(),
            Err(error) => format!("retryable: {}: {error}", error.is_retryable()),
        }
    });
    println!("answer: {result:?}");
}

fn ask(url: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = "credentials::ask_for_what_the_environment_names";
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command.env_clear().env("TEST_ASK_FOR", url).envs(variables.iter().copied());
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let line = ended.out.lines().find_map(|line| line.split_once("answer: ")).unwrap();
    line.1.to_owned()
}

#[test]
fn proxies_are_those_of_the_environment() {
    let proxy = Server::start(|asked| Answer::new(200, format!("proxied {}", asked.target)));
    let with_password = proxy.url.as_str().replace("http://", "http://me:geheim@");
    let url = "http://ehr.invalid/fhir";
    let proxied = format!("Ok(\"proxied {url}/there\")");
    assert_eq!(ask(url, &[("HTTP_PROXY", proxy.url.as_str())]), proxied);
    assert_eq!(ask(url, &[("all_proxy", with_password.as_str())]), proxied);
    let authorization = &proxy.asked().pop().unwrap().headers["proxy-authorization"];
    assert!(authorization.starts_with("Basic "));
    let variables = [("HTTP_PROXY", proxy.url.as_str()), ("NO_PROXY", "ehr.invalid")];
    assert!(ask(url, &variables).contains("no answer from http://ehr.invalid/fhir/there"));
    assert_eq!(proxy.asked().len(), 2);
    // A proxy that isn't there is not blamed with its password.
    let answer = ask(url, &[("http_proxy", "http://me:geheim@127.0.0.1:9")]);
    assert!(answer.contains("retryable: true") && !answer.contains("geheim"), "{answer}");
}

/// Makes a certificate authority and a server's certificate of it, for localhost.
fn certificates(site: &Site) -> Needed<()> {
    needs::openssl()?;
    site.file("names", "subjectAltName=DNS:localhost\n");
    let openssl = |line: &str| {
        let output = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(site.path(""))
            .stdin(Stdio::null())
            .output();
        output.map(|output| {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        })
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {key} -subj /CN=Hospital -days 2 -keyout ca.key -out ca.pem"))
        .and_then(|()| {
            openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"))
        })
        .and_then(|()| {
            openssl(
                "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                 -extfile names -out server.pem",
            )
        })
        .unwrap();
    Ok(())
}

#[test]
fn a_hospitals_own_authority_is_trusted_if_it_is_named() {
    let site = Site::new();
    need!(certificates(&site));
    site.file("there", "HTTP/1.0 200 Said\r\n\r\na file");
    let mut server = Command::new("openssl")
        .args(["s_server", "-HTTP", "-cert", "server.pem", "-key", "server.key", "-accept", "0"])
        .current_dir(site.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // "ACCEPT [::]:41234"
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("ACCEPT")).unwrap();
    let port = line.rsplit(':').next().unwrap().trim().to_owned();
    let url = format!("https://localhost:{port}");
    let untrusted = ask(&url, &[]);
    let trusted = ask(&url, &[("SSL_CERT_FILE", &site.arg("ca.pem"))]);
    fs::write(site.path("empty.pem"), "").unwrap();
    let empty = ask(&url, &[("SSL_CERT_FILE", &site.arg("empty.pem"))]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(untrusted.contains("SSL_CERT_FILE"), "{untrusted}");
    assert!(untrusted.contains("retryable: false"), "{untrusted}");
    assert_eq!(trusted, "Ok(\"a file\")");
    assert!(empty.contains("SSL_CERT_FILE holds no CA certificates"), "{empty}");
}

#[test]
fn a_token_that_may_be_meant_as_a_path_is_hinted_at() {
    let site = Site::new();
    let secrets = [("bearer-token", "path/that/is/not/there"), ("bearer-token", "token.txt")];
    for (option, text) in secrets {
        let mut command = site.command();
        command.args(["export", "http://127.0.0.1:9/fhir", "dir", &format!("--{option}={text}")]);
        let ended = end(command.env("CUMULUS_ETL_TEST_TIME_SCALE", "0.0001"));
        assert!(ended.err.contains(&format!("--{option} names no file")), "{}", ended.err);
        assert!(!ended.err.contains(text), "{}", ended.err);
    }
}
