//! The requests to a bucket's server, and its answers in the user's words.

use std::fs;

use serde_json::{Value, json};

use crate::needs::need;
use crate::s3::SECRET;
use crate::stores::{Bucket, Found, GROUP, Ground, ended, export, program};
use crate::support::{end, open_folder, patient};

#[test]
fn requests_speak_of_kms_only_when_asked_to() {
    let bucket = need!(Bucket::new());
    let row = patient("a", "male");
    bucket.load(export(&[("p.ndjson", &[row])]).path());
    let written = |log: &Value| -> Vec<Value> {
        let writes = log.as_array().unwrap().iter().filter(|seen| seen["method"] == "PUT");
        writes
            .map(|seen| {
                let mut headers = seen.clone();
                let headers = headers.as_object_mut().unwrap();
                headers.retain(|name, _| name.contains("ENCRYPTION"));
                Value::Object(headers.clone())
            })
            .collect()
    };
    bucket.server.order("log");
    bucket.run("deltalake").unwrap();
    let plain = written(&bucket.server.order("log"));
    assert!(plain.len() > 5 && plain.iter().all(|headers| *headers == json!({})), "{plain:?}");

    ended(end(bucket.job().arg("--s3-kms-key=alias/lake"))).unwrap();
    let keyed = written(&bucket.server.order("log"));
    let expected = json!({
        "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION": "aws:kms",
        "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID": "alias/lake",
    });
    assert!(keyed.len() > 5 && keyed.iter().all(|headers| *headers == expected), "{keyed:?}");
}

#[test]
fn a_table_takes_few_requests() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    let requests = || -> Vec<String> {
        bucket.server.order("log");
        bucket.run("deltalake").unwrap();
        let log = bucket.server.order("log");
        let shown = log.as_array().unwrap().iter();
        let shown = shown.map(|seen| {
            format!("{} {} {}", seen["method"], seen["path"], seen["query"]).replace('"', "")
        });
        shown
            .filter(|text| text.contains("lake/patient") || text.contains("lake%2Fpatient"))
            .collect()
    };
    // Looking for it, its file, commit and manifest, looking for other writers, tidying it.
    let first = requests();
    assert!((4..=6).contains(&first.len()), "{first:#?}");
    // The commit and the file besides, and joining the two files.
    let second = requests();
    assert!((4..=14).contains(&second.len()), "{second:#?}");
}

#[test]
fn errors_say_what_to_do_and_no_secret() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    for (answer, code, phrase) in [
        ("GET 404 NoSuchBucket", 54, "there is no bucket 's3://input'"),
        ("GET 403 AccessDenied", 70, "s3:ListBucket in 's3://input'"),
        ("GET-OBJECT 403 AccessDenied", 70, "s3:GetObject in 's3://input'"),
        ("PUT 403 AccessDenied", 70, "s3:PutObject in 's3://phi'"),
        ("GET 400 ExpiredToken", 70, "have expired"),
        ("GET 403 InvalidAccessKeyId", 70, "does not accept the credentials"),
        ("GET 403 SignatureDoesNotMatch", 70, "does not accept the credentials"),
        (
            "GET 400 AuthorizationHeaderMalformed <Region>eu-west-1</Region>",
            70,
            "--s3-region eu-west-1",
        ),
        ("PUT 400 KMS.DisabledException", 70, "KMS key"),
        ("PUT 501 NotImplemented", 70, "no conditional writes"),
    ] {
        bucket.server.order(&format!("answer {answer}"));
        let ended = end(&mut bucket.job());
        bucket.server.order("well");
        assert_eq!(ended.code, Some(code), "{answer}: {}", ended.err);
        assert!(ended.err.contains(phrase), "{answer}: {}", ended.err);
        for secret in [SECRET, "AKIAIOSFODNN7EXAMPLE", "Signature=", "<Error>"] {
            assert!(!ended.err.contains(secret), "{answer}: {}", ended.err);
        }
    }
    let mut command = bucket.job();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(70));
    assert!(ended.err.contains("there are no AWS credentials"), "{}", ended.err);
}

#[test]
fn credentials_come_from_profiles_too() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    let aws = bucket.home.path().join(".aws");
    fs::create_dir(&aws).unwrap();
    let script = bucket.home.path().join("keys");
    let answer =
        format!(r#"{{"Version":1,"AccessKeyId":"FROMAPROCESS","SecretAccessKey":"{SECRET}"}}"#);
    fs::write(&script, answer).unwrap();
    let config = format!(
        "[profile lake]\nregion = eu-central-1\ncredential_process = /bin/cat {}\n",
        script.display()
    );
    fs::write(aws.join("config"), config).unwrap();
    let mut command = bucket.job();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_PROFILE", "lake");
    bucket.server.order("log");
    ended(end(&mut command)).unwrap();
    let log = bucket.server.order("log");
    let signed = "AWS4-HMAC-SHA256 Credential=FROMAPROCESS/";
    for seen in log.as_array().unwrap() {
        let by = seen["HTTP_AUTHORIZATION"].as_str().unwrap();
        assert!(by.starts_with(signed) && by.contains("/eu-central-1/s3/"), "{by}");
    }
}

#[test]
fn public_buckets_requester_pays_and_checksums_are_asked_for_by_variables() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    let run = |variable: (&str, &str)| -> Vec<Value> {
        bucket.server.order("log");
        let ended = end(bucket.job().env(variable.0, variable.1));
        // These buckets are not public.
        let public = variable.0 == "AWS_SKIP_SIGNATURE";
        assert_eq!(ended.code, Some(if public { 70 } else { 0 }), "{}", ended.err);
        bucket.server.order("log").as_array().unwrap().clone()
    };
    let has = |seen: &Value, header: &str| !seen[header].is_null();
    let written = |seen: &&Value| seen["method"] == "PUT";

    let public = run(("AWS_SKIP_SIGNATURE", "true"));
    assert!(public.len() > 1 && public.iter().all(|seen| !has(seen, "HTTP_AUTHORIZATION")));
    let paid = run(("AWS_REQUEST_PAYER", "true"));
    let gets = || paid.iter().filter(|seen| seen["method"] == "GET");
    assert!(gets().count() > 5);
    assert!(gets().all(|seen| seen["HTTP_X_AMZ_REQUEST_PAYER"] == "requester"), "{paid:?}");
    let summed = run(("AWS_CHECKSUM_ALGORITHM", "SHA256"));
    assert!(summed.iter().filter(written).count() > 5);
    assert!(summed.iter().filter(written).all(|seen| has(seen, "HTTP_X_AMZ_CHECKSUM_SHA256")));
}

#[test]
fn a_server_without_conditional_writes_is_refused_before_anything_is_written() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    bucket.server.order("ignore-conditions");
    let message = bucket.run("deltalake").unwrap_err();
    assert!(message.contains("no conditional writes"), "{message}");
    let dir = tempfile::tempdir().unwrap();
    bucket.save("out", dir.path());
    bucket.save("phi", dir.path());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_check_of_buckets_leaves_nothing_there() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    ended(end(bucket.job().arg("--check"))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    bucket.save("out", dir.path());
    bucket.save("phi", dir.path());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    bucket.server.order("answer PUT 403 AccessDenied");
    let message = ended(end(bucket.job().arg("--check"))).unwrap_err();
    for place in ["s3:PutObject in 's3://output'", "s3:PutObject in 's3://phi'"] {
        assert!(message.contains(place), "{message}");
    }
}

#[test]
fn a_check_without_the_right_credentials_says_where_and_what_to_do() {
    let bucket = need!(Bucket::new());
    bucket.load(export(&[("p.ndjson", &[patient("a", "male")])]).path());
    bucket.run("deltalake").unwrap();
    let objects = || {
        let dir = tempfile::tempdir().unwrap();
        for name in ["input", "output", "phi"] {
            bucket.server.order(&format!("save {name} {}", dir.path().join(name).display()));
        }
        let names = open_folder(dir.path().to_str().unwrap()).list().unwrap();
        assert!(names.len() > 5, "{names:?}");
        names
    };
    let before = objects();
    let [input, output, phi] = ["'s3://input/'", "'s3://output/a%20lake/", "'s3://phi/"];
    let renew = "have expired; get new ones";
    let wrong = "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    for (answer, places, words) in [
        // Nothing is allowed: each place is named.
        ("GET 403 InvalidAccessKeyId", &[input, output, phi][..], wrong),
        ("GET 403 SignatureDoesNotMatch", &[input, output, phi], wrong),
        ("GET 400 ExpiredToken", &[input, output, phi], renew),
        ("GET 403 AccessDenied", &[input, output, phi], "the permission s3:ListBucket"),
        // Or something is not.
        ("GET-OBJECT 403 AccessDenied", &["'s3://input/p.ndjson'"], "the permission s3:GetObject"),
        ("PUT 403 AccessDenied", &[output, phi], "the permission s3:PutObject"),
        ("PUT 400 ExpiredToken", &[output, phi], renew),
    ] {
        bucket.server.order(&format!("answer {answer}"));
        let ended = end(bucket.job().arg("--check"));
        bucket.server.order("well");
        assert_eq!(ended.code, Some(70), "{answer}: {}", ended.err);
        for place in places {
            // In one message: what was done where, and what to do.
            let told = ended.err.lines().any(|line| line.contains(place) && line.contains(words));
            assert!(told, "{answer}, {place}: {}", ended.err);
        }
        for secret in [SECRET, "AKIAIOSFODNN7EXAMPLE", "Signature=", "<Error>"] {
            assert!(!ended.err.contains(secret), "{answer}: {}", ended.err);
        }
        assert_eq!(objects(), before, "{answer}");
    }
    // The object that was written to try it can't be removed: it is named, to be removed by someone who may.
    bucket.server.order("answer POST 403 AccessDenied");
    let ended = end(bucket.job().arg("--check"));
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    assert!(ended.err.contains("s3:DeleteObject"), "{}", ended.err);
    assert!(ended.err.contains("a%20lake/.cumulus-etl-check-"), "{}", ended.err);
}

#[test]
fn overlapping_buckets_are_refused_whatever_their_spelling() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path());
    command.args(["in", "s3://lake/out", "s3a://lake/out/phi"]).args(GROUP);
    fs::create_dir(home.path().join("in")).unwrap();
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(22), "{}", ended.err);
}

#[test]
fn objects_whose_keys_are_no_paths_are_left_alone_and_named() {
    for format in ["deltalake", "parquet"] {
        let bucket = need!(Bucket::new());
        let (first, second) = ([patient("a", "male")], [patient("b", "male")]);
        bucket.load(export(&[("p.ndjson", &first), ("deep/er/q.ndjson", &second)]).path());
        let input = ["/p.ndjson", "deep//Patient.ndjson", "deep/er//", "../p.ndjson"];
        // A folder of a log would make it a table of Delta.
        let deeper = match format {
            "deltalake" => "a lake/patient/_delta_log//0.json",
            _ => "a lake/patient/archive//x",
        };
        let output = ["a lake//Patient.ndjson", "a lake/patient//README.md", deeper];
        let odd = [("input", &input[..]), ("output", &output), ("phi", &["rejected//x", "/x"])];
        for (name, key) in
            odd.iter().flat_map(|(name, keys)| keys.iter().map(move |key| (name, key)))
        {
            bucket.server.order(&format!("put {name} {key}"));
        }
        let option = format!("--output-format={format}");
        for options in [&["--check"][..], &[], &["--strict"]] {
            let ended = end(bucket.job().arg(&option).args(options));
            assert_eq!(ended.code, Some(0), "{format} {options:?}: {}", ended.err);
            for key in input {
                let told = format!("the object '{key}' is left alone: its key is no path");
                assert!(ended.err.contains(&told), "{format} {options:?}: {key}: {}", ended.err);
            }
            if options == ["--check"] {
                assert!(ended.err.contains("patient: 2 files, "), "{format}: {}", ended.err);
            }
            // Of a folder whose name is empty, what is in it is not looked for.
            let told = "the object 'a lake//' is left alone: its key is no path";
            assert!(ended.err.contains(told), "{format} {options:?}: {}", ended.err);
        }
        let saved = Found::of(&bucket);
        let ids: Vec<_> = saved.by_real(format, "patient", "Patient").into_keys().collect();
        assert_eq!(ids, ["a", "b"], "{format}");
        for (name, keys) in odd {
            let there = bucket.server.order(&format!("keys {name}"));
            for key in keys {
                let there = there.as_array().unwrap().iter().any(|known| known == key);
                assert!(there, "{format}: '{key}' is gone from {name}");
            }
        }
    }
}

#[test]
fn locations_that_cannot_be_used_are_refused_without_their_secrets() {
    let home = tempfile::tempdir().unwrap();
    for (location, phrase) in [
        ("ftp://lake/out", "no location that this program knows"),
        ("s3://me:hunter2@lake/out", "a bucket and a prefix only"),
        ("s3://lake/out?key=hunter2", "a bucket and a prefix only"),
        ("az://container/out", "AZURE_* variables"),
    ] {
        let ended = end(program(home.path()).args(["init", location]));
        assert_eq!(ended.code, Some(23), "{location}: {}", ended.err);
        assert!(ended.err.contains(phrase), "{location}: {}", ended.err);
        assert!(!ended.err.contains("hunter2"), "{}", ended.err);
    }
}
