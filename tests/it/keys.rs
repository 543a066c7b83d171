//! Keys: making them, showing them, and proving with them who we are.
//!
//! Other JOSE libraries check the proofs: jwcrypto, in the Python that `CUMULUS_TEST_PYTHON` names,
//! and Debian's `jose`. Without them, tests are skipped.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use cumulus_etl::http::{Client, ClientOptions, Credentials, Secret};
use serde_json::{Value, json};

use crate::loopback::{Answer, Server};
use crate::needs::{self, need};
use crate::support::{Ended, Site, block_on, end};

fn keys(site: &Site, arguments: &[&str]) -> Ended {
    end(site.command().arg("keys").args(arguments))
}

/// The one key of a JWK Set.
fn only_key(jwks: &str) -> Value {
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(1));
    jwks["keys"][0].clone()
}

fn members(key: &Value) -> BTreeSet<&str> {
    key.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn new_keys_are_a_pair_that_only_their_owner_can_read() {
    for (alg, public, private) in [
        (
            "RS384",
            &["kty", "n", "e", "alg", "use", "kid"][..],
            &["d", "p", "q", "dp", "dq", "qi"][..],
        ),
        ("ES384", &["kty", "crv", "x", "y", "alg", "use", "kid"], &["d"]),
    ] {
        let site = Site::new();
        let mut command = Command::new("sh");
        command.args(["-c", "umask 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_cumulus-etl")]);
        command.args(["keys", "new", &site.arg("deep/keys"), "--alg", alg]);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let read = |name: &str| {
            let path = site.path("deep/keys").join(name);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
            only_key(&fs::read_to_string(path).unwrap())
        };
        let (shown, kept) = (read("public.jwks"), read("private.jwks"));
        let mode = fs::metadata(site.path("deep/keys")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        assert_eq!(members(&shown), public.iter().copied().collect());
        assert_eq!(kept["key_ops"], json!(["sign"]));
        assert_eq!(kept["kid"], shown["kid"]);
        assert_eq!(shown["alg"], alg);
        for name in private {
            assert!(kept[name].as_str().is_some_and(|text| text.len() > 20), "{name}");
        }
        // Nothing else is left behind, under whatever name.
        assert_eq!(fs::read_dir(site.path("deep/keys")).unwrap().count(), 2);
    }
}

#[test]
fn each_key_has_a_name_of_its_own() {
    let site = Site::new();
    let mut kids = BTreeSet::new();
    for dir in ["a", "b", "c"] {
        assert_eq!(keys(&site, &["new", dir, "--alg", "es384"]).code, Some(0));
        let text = fs::read_to_string(site.path(dir).join("public.jwks")).unwrap();
        kids.insert(only_key(&text)["kid"].as_str().unwrap().to_owned());
    }
    assert_eq!(kids.len(), 3);
}

#[test]
fn keys_are_never_overwritten() {
    for name in ["private.jwks", "public.jwks"] {
        let site = Site::new();
        site.file(&format!("keys/{name}"), "mine");
        let ended = keys(&site, &["new", "keys", "--alg", "ES384"]);
        assert_eq!(ended.code, Some(26), "{}", ended.err);
        assert!(ended.err.contains(name), "{}", ended.err);
        assert_eq!(fs::read_to_string(site.path("keys").join(name)).unwrap(), "mine");
        assert_eq!(fs::read_dir(site.path("keys")).unwrap().count(), 1);
    }
}

#[test]
fn keys_are_made_on_the_local_disk_only() {
    for dir in ["memory:///keys", "s3://bucket/keys"] {
        let ended = keys(&Site::new(), &["new", dir]);
        assert_eq!(ended.code, Some(23), "{}", ended.err);
    }
}

#[test]
fn only_known_algorithms_are_made() {
    let ended = keys(&Site::new(), &["new", "keys", "--alg", "HS256"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
}

#[test]
fn the_public_half_is_shown() {
    let site = Site::new();
    assert_eq!(keys(&site, &["new", "keys"]).code, Some(0));
    let ended = keys(&site, &["show", "keys/private.jwks"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let public = fs::read_to_string(site.path("keys/public.jwks")).unwrap();
    assert_eq!(only_key(&ended.out), only_key(&public));
}

#[test]
fn what_is_no_private_key_is_refused_without_showing_it() {
    let site = Site::new();
    assert_eq!(keys(&site, &["new", "keys", "--alg", "ES384"]).code, Some(0));
    let private = fs::read_to_string(site.path("keys/private.jwks")).unwrap();
    let d = only_key(&private)["d"].as_str().unwrap().to_owned();
    let other = if d.starts_with('A') { "B" } else { "A" };
    for (name, text, word) in [
        ("cut.jwks", private[..private.len() - 20].to_owned(), "not valid JSON"),
        ("wrong.jwks", private.replace(&d, &format!("{other}{}", &d[1..])), "damaged"),
        ("alg.jwks", private.replace("ES384", "RS384"), "does not fit"),
        ("new.jwks", private.replace("ES384", "XY1"), "not known"),
        ("oct.jwk", json!({"kty": "oct", "k": d}).to_string(), "neither RSA nor EC"),
        ("none.jwks", json!({"keys": []}).to_string(), "no keys"),
        ("verify.jwks", private.replace("sign", "verify"), "no private key for signing"),
        ("some.txt", d.clone(), "no private key"),
        ("empty", String::new(), "no private key"),
    ] {
        site.file(name, &text);
        let ended = keys(&site, &["show", name]);
        assert_eq!(ended.code, Some(38), "{name}: {}", ended.err);
        assert!(ended.err.contains(word) && ended.err.contains(name), "{name}: {}", ended.err);
        assert!(!ended.err.contains(&d[1..]) && ended.out.is_empty(), "{name}");
    }
    let ended = keys(&site, &["show", "keys/public.jwks"]);
    assert!(ended.code == Some(38) && ended.err.contains("public half"), "{}", ended.err);
    let ended = keys(&site, &["show", "missing.jwks"]);
    assert_eq!(ended.code, Some(38), "{}", ended.err);
    // A key's text by mistake cut out of its file is not a path to be repeated.
    let ended = keys(&site, &["show", &d]);
    assert!(ended.code == Some(38) && !ended.err.contains(&d), "{}", ended.err);
}

/// A key set's first key that can sign is taken, whatever stands before it.
#[test]
fn the_key_of_a_set_is_the_first_that_can_sign() {
    let site = Site::new();
    let mut of = Vec::new();
    for dir in ["a", "b"] {
        assert_eq!(keys(&site, &["new", dir, "--alg", "ES384"]).code, Some(0));
        let read = |name| fs::read_to_string(site.path(dir).join(name)).unwrap();
        of.push((only_key(&read("private.jwks")), only_key(&read("public.jwks"))));
    }
    let without_ops = |key: &Value| {
        let mut key = key.clone();
        key.as_object_mut().unwrap().remove("key_ops");
        key
    };
    let with_ops = |key: &Value, ops: Value| {
        let mut key = key.clone();
        key["key_ops"] = ops;
        key
    };
    let (a, b) = (&of[0], &of[1]);
    for (set, kid) in [
        (vec![a.1.clone(), b.0.clone()], &b.0["kid"]),
        (vec![with_ops(&a.0, json!(["decrypt"])), without_ops(&b.0)], &b.0["kid"]),
        (vec![without_ops(&a.0), b.0.clone()], &a.0["kid"]),
        (vec![with_ops(&a.0, json!(["verify", "sign"])), b.0.clone()], &a.0["kid"]),
    ] {
        site.file("set", json!({"keys": set}).to_string());
        let ended = keys(&site, &["show", "set"]);
        assert_eq!(&only_key(&ended.out)["kid"], kid, "{}", ended.err);
    }
}

/// Asks a server for a token with this key; gives the assertion.
fn assertion(key: &str) -> (String, Server) {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/fhir/.well-known/smart-configuration" => {
            let token = format!("http://{}/a/token", asked.headers["host"]);
            Answer::json(200, &json!({"token_endpoint": token, "capabilities": []}))
        }
        "/a/token" => Answer::json(200, &json!({"access_token": "t", "token_type": "bearer"})),
        _ => Answer::new(404, ""),
    });
    let credentials = Credentials {
        smart_client_id: Some("our client".to_owned()),
        smart_key: Some(Secret::new(key)),
        ..Default::default()
    };
    let base = server.url.join("fhir").unwrap();
    let client =
        Client::new(&base, credentials.auth(&[]).unwrap(), &ClientOptions::default()).unwrap();
    block_on(client.authorize()).unwrap();
    let asked = server.asked_of("/a/token").remove(0);
    (asked.form().remove("client_assertion").unwrap(), server)
}

/// Checks a key's assertion with each JOSE library that there is.
fn check_with_others(site: &Site, key: &Path, alg: &str, kid: Option<&str>) {
    let ended = keys(site, &["show", key.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    site.file("shown.jwks", &ended.out);
    assert_eq!(only_key(&ended.out)["alg"], alg);
    let (assertion, server) = assertion(key.to_str().unwrap());
    if let Ok(python) = needs::python() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/jose.py");
        let mut command = Command::new(python);
        let ended = end(command.arg(script).arg(site.path("shown.jwks")).arg(&assertion));
        assert_eq!(ended.code, Some(0), "{alg}: {}", ended.err);
        let found: Value = serde_json::from_str(&ended.out).unwrap();
        check(&found["header"], &found["claims"], alg, kid, &server);
    }
    if needs::jose().is_ok() {
        let verify = ["jws", "ver", "-i", "-", "-k", &site.arg("shown.jwks"), "-O", "-"];
        let mut child = Command::new("jose")
            .args(verify)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(assertion.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{alg}: jose does not accept the signature");
        let claims: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(claims["iss"], "our client");
    }
}

fn check(header: &Value, claims: &Value, alg: &str, kid: Option<&str>, server: &Server) {
    let mut expected = json!({"alg": alg, "typ": "JWT"});
    if let Some(kid) = kid {
        expected["kid"] = json!(kid);
    }
    assert_eq!(header, &expected);
    assert_eq!(members(claims), ["iss", "sub", "aud", "exp", "jti"].into_iter().collect());
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("our client"), &json!("our client")));
    assert_eq!(claims["aud"], format!("{}a/token", server.url));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let expires = claims["exp"].as_u64().unwrap();
    assert!(expires > now && expires < now + 300, "{expires} at {now}");
}

#[test]
fn other_libraries_accept_what_new_keys_sign() {
    for alg in ["RS384", "ES384"] {
        let site = Site::new();
        assert_eq!(keys(&site, &["new", "keys", "--alg", alg]).code, Some(0));
        let public = fs::read_to_string(site.path("keys/public.jwks")).unwrap();
        let kid = only_key(&public)["kid"].as_str().unwrap().to_owned();
        check_with_others(&site, &site.path("keys/private.jwks"), alg, Some(&kid));
    }
}

#[test]
fn keys_of_other_tools_sign_as_well() {
    need!(needs::jose());
    for alg in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
        let site = Site::new();
        // As a key by itself, and in a set (-s).
        for options in [&[][..], &["-s"]] {
            let path = site.path(&format!("key{}", options.len()));
            let template = json!({"alg": alg, "kid": "2024 key"}).to_string();
            let mut command = Command::new("jose");
            command.args(["jwk", "gen"]).args(options).args(["-i", &template, "-o"]).arg(&path);
            let ended = end(&mut command);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            check_with_others(&site, &path, alg, Some("2024 key"));
        }
    }
}

#[test]
fn keys_in_pem_sign_as_well() {
    need!(needs::openssl());
    let site = Site::new();
    let openssl = |line: &str, name: &str| -> PathBuf {
        let arguments = line.split(' ');
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        site.file(name, &output.stdout);
        site.path(name)
    };
    for (line, alg) in [
        ("genrsa 2048", "RS384"),
        ("genrsa -traditional 2048", "RS384"),
        // With its parameters in front, as openssl does by default.
        ("ecparam -name prime256v1 -genkey", "ES256"),
        ("ecparam -name secp384r1 -genkey -noout", "ES384"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", "ES512"),
    ] {
        let path = openssl(line, "key.pem");
        check_with_others(&site, &path, alg, None);
        // The text itself is as good as a file.
        let text = fs::read_to_string(&path).unwrap();
        assert!(!assertion(&text).0.is_empty());
    }
    for (line, word) in [
        ("genrsa -aes256 -passout pass:geheim 2048", "passphrase"),
        ("genrsa 1024", "2048"),
        ("ecparam -name secp256k1 -genkey -noout", "P-256"),
        ("genpkey -algorithm ed25519", "P-256"),
    ] {
        openssl(line, "bad.pem");
        let ended = keys(&site, &["show", "bad.pem"]);
        assert!(ended.code == Some(38) && ended.err.contains(word), "{line}: {}", ended.err);
    }
}
