//! Faults of an upload: refusals, links that do not do, connections that break.

use super::Ground;
use super::files::{export, export_with, fingerprint, noise, whole};
use super::server::Mood;
use super::store::Fault;
use crate::needs::need;

/// An export of some megabytes: its upload takes a while.
fn large(ground: &Ground, study: &str) {
    let more = [("x__large.flat.parquet", noise(6 << 20))];
    export_with(&ground.site, study, Some(whole(1)), &more);
}

fn arrived(ground: &Ground, study: &str) -> bool {
    let (sha256, size) = fingerprint(&ground.site, study);
    let objects = ground.store.objects(&format!("{study}/site_a/"));
    objects.iter().any(|(_, other_size, other)| *other_size == size && *other == sha256)
}

#[test]
fn a_wrong_user_or_id_is_told_and_not_tried_again() {
    let ground = need!(Ground::new());
    export(&ground.site, "wrong", None);
    export(&ground.site, "wrong2", None);
    let mut command = ground.upload(&["wrong", "wrong2"]);
    let ended = ground.ends(command.env("CUMULUS_AGGREGATOR_ID", "mistyped"), 32);
    assert!(ended.err.contains("does not accept user 'site_a' with this ID"), "{ended:?}");
    assert!(ended.err.contains("not tried for the same reason: wrong2"), "{ended:?}");
    assert!(!ended.err.contains("mistyped"), "{ended:?}");
    assert_eq!(ground.asked().len(), 1);
    let forbidden = r#"{"Message":"User is not authorized to access this resource"}"#;
    ground.aggregator.is(&[Mood::Says(403, forbidden)]);
    let ended = ground.ends(&mut ground.upload(&["wrong"]), 32);
    assert!(ended.err.contains("is a --network needed?"), "{ended:?}");
    assert!(!arrived(&ground, "wrong") && !ground.has_receipt("wrong"));
}

#[test]
fn a_wrong_network_has_a_code_of_its_own() {
    let ground = need!(Ground::new());
    export(&ground.site, "net", None);
    for network in ["nonsense", "closed"] {
        let ended = ground.ends(ground.upload(&["net"]).args(["--network", network]), 76);
        let words = format!("has no network '{network}' that user 'site_a' may send to");
        assert!(ended.err.contains(&words), "{ended:?}");
    }
    assert_eq!(ground.asked().len(), 2);
    assert!(!arrived(&ground, "net") && !ground.has_receipt("net"));
}

#[test]
fn a_study_that_is_being_processed_waits_and_the_others_go() {
    let ground = need!(Ground::new());
    export(&ground.site, "busy", None);
    export(&ground.site, "free", None);
    ground.aggregator.is_busy_with("busy");
    let ended = ground.ends(&mut ground.upload(&["busy", "free"]), 75);
    assert!(ended.err.contains("busy: the Aggregator is still processing an earlier"), "{ended:?}");
    assert!(ended.err.contains("run again in some minutes"), "{ended:?}");
    assert!(!arrived(&ground, "busy") && arrived(&ground, "free"));
    assert!(!ground.has_receipt("busy") && ground.has_receipt("free"));
}

#[test]
fn an_expired_link_is_replaced_once_within_the_transaction() {
    let ground = need!(Ground::new());
    export(&ground.site, "late", None);
    ground.aggregator.is(&[Mood::Expires(-60)]);
    ground.ends(&mut ground.upload(&["late"]), 0);
    let shown: Vec<_> = ground.asked().into_iter().map(|(_, shown)| shown).collect();
    assert_eq!(shown, [None, Some("transaction-1".to_owned())]);
    assert!(arrived(&ground, "late"));

    export(&ground.site, "later", None);
    ground.aggregator.is(&[Mood::Expires(-60), Mood::Expires(-60)]);
    let ended = ground.ends(&mut ground.upload(&["later"]), 77);
    assert!(ended.err.contains("the link to upload to has expired"), "{ended:?}");
    assert_eq!(ground.asked().len(), 4);
    assert!(!arrived(&ground, "later") && !ground.has_receipt("later"));
}

#[test]
fn a_link_with_wrong_conditions_is_the_administrators_matter() {
    let ground = need!(Ground::new());
    for (study, mood, words) in [
        ("policy", Mood::OtherKey, "by the conditions of the Aggregator's own link"),
        ("forged", Mood::Forged, "by the conditions of the Aggregator's own link"),
        ("size", Mood::AtMost(100), "larger than the Aggregator takes"),
    ] {
        large(&ground, study);
        ground.aggregator.is(std::slice::from_ref(&mood));
        let before = ground.asked().len();
        let ended = ground.ends(&mut ground.upload(&[study]), 74);
        assert!(ended.err.contains(words), "{mood:?}: {ended:?}");
        assert_eq!(ground.asked().len(), before + 1, "{mood:?}: it is not tried again");
        assert!(!arrived(&ground, study) && !ground.has_receipt(study));
    }
}

#[test]
fn an_upload_that_breaks_off_is_repeated_within_its_transaction() {
    let ground = need!(Ground::new());
    large(&ground, "cut");
    let slow = Fault::Answers("503 Slow Down".to_owned());
    ground.line.breaks(&[Fault::CutAfter(1 << 20), slow, Fault::HangsAfter(100_000)]);
    let ended = ground.ends(&mut ground.upload(&["cut"]), 0);
    assert_eq!(ended.err.matches("trying again").count(), 3, "{ended:?}");
    let shown: Vec<_> = ground.asked().into_iter().map(|(_, shown)| shown).collect();
    let id = Some("transaction-1".to_owned());
    assert_eq!(shown, [None, id.clone(), id.clone(), id]);
    assert!(arrived(&ground, "cut"));
}

#[test]
fn a_connection_that_keeps_breaking_ends_the_run() {
    let ground = need!(Ground::new());
    large(&ground, "gone");
    export(&ground.site, "next", None);
    ground.line.breaks(&vec![Fault::CutAfter(1 << 20); 5]);
    let ended = ground.ends(&mut ground.upload(&["gone", "next"]), 74);
    assert!(ended.err.contains("the file was not taken: no answer from "), "{ended:?}");
    assert!(ended.err.contains("not tried for the same reason: next"), "{ended:?}");
    assert_eq!(ground.asked().len(), 5);
    assert!(!arrived(&ground, "gone") && !ground.has_receipt("gone"));
}

#[test]
fn an_answer_that_is_lost_is_no_proof_and_the_file_goes_again() {
    let ground = need!(Ground::new());
    export(&ground.site, "lost", None);
    ground.line.breaks(&[Fault::AnswerLost]);
    ground.ends(&mut ground.upload(&["lost"]), 0);
    assert_eq!(ground.asked().len(), 2);
    assert!(arrived(&ground, "lost") && ground.has_receipt("lost"));

    // The Aggregator has begun to process what has arrived.
    ground.aggregator.is_done();
    ground.line.breaks(&[Fault::AnswerLost]);
    let processing = Mood::Says(412, "\"Currently processing a previous upload\"");
    ground.aggregator.is(&[Mood::Expires(600), processing]);
    export(&ground.site, "lost2", None);
    let ended = ground.ends(&mut ground.upload(&["lost2"]), 75);
    assert!(ended.err.contains("most likely this one (transaction transaction-2)"), "{ended:?}");
    assert!(arrived(&ground, "lost2") && !ground.has_receipt("lost2"));
}

#[test]
fn an_aggregator_in_trouble_is_asked_again() {
    let ground = need!(Ground::new());
    export(&ground.site, "trouble", None);
    let trouble = [Mood::Says(502, "{\"message\": \"Bad\"}"), Mood::Says(429, "")];
    ground.aggregator.is(&trouble);
    ground.ends(&mut ground.upload(&["trouble"]), 0);
    assert!(arrived(&ground, "trouble"));
    ground.aggregator.is_done();

    ground.aggregator.is(&vec![Mood::Says(500, "{\"message\": null}"); 5]);
    let ended = ground.ends(&mut ground.upload(&["trouble"]), 74);
    assert!(ended.err.contains("the Aggregator does not take the upload"), "{ended:?}");

    ground.aggregator.is(&[Mood::Says(400, "\"Malformed data payload.\"")]);
    let ended = ground.ends(&mut ground.upload(&["trouble"]), 74);
    assert!(ended.err.contains("Malformed data payload."), "{ended:?}");

    // The lock of a lost answer's transaction cannot be opened.
    ground.aggregator.is(&[Mood::Lost]);
    let ended = ground.ends(&mut ground.upload(&["trouble"]), 75);
    assert!(ended.err.contains("still processing"), "{ended:?}");
}

#[test]
fn what_is_no_aggregator_is_told_apart() {
    let ground = need!(Ground::new());
    export(&ground.site, "else", None);
    for body in [
        "<html>Welcome</html>",
        "{}",
        r#"{"url": "nonsense", "fields": {}}"#,
        r#"{"url": "ftp://x/", "fields": {}}"#,
        r#"{"url": "http://127.0.0.1:9/", "fields": []}"#,
    ] {
        ground.aggregator.is(&[Mood::Says(200, body)]);
        let ended = ground.ends(&mut ground.upload(&["else"]), 74);
        assert!(!ended.err.contains("Welcome"), "{ended:?}");
    }
    ground.aggregator.is(&[Mood::Says(404, "")]);
    let ended = ground.ends(&mut ground.upload(&["else"]), 76);
    assert!(ended.err.contains("check --url and --network"), "{ended:?}");
    // A proxy's sign-in page is not the store's answer.
    ground.line.breaks(&[Fault::Answers("200 OK".to_owned())]);
    let ended = ground.ends(&mut ground.upload(&["else"]), 74);
    assert!(ended.err.contains("204 was expected"), "{ended:?}");
    ground.aggregator.is_done();
    ground.line.breaks(&[Fault::Answers("403 Forbidden".to_owned())]);
    let ended = ground.ends(&mut ground.upload(&["else"]), 74);
    assert!(ended.err.contains("does a proxy or firewall"), "{ended:?}");
    assert!(!arrived(&ground, "else"));
}
