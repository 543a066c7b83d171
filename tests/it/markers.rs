//! OUTPUT and PHI in buckets of real servers: each is known by its marker, or else by what is in it.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

use crate::emulators::{Emulator, PLACES, azurite, seaweed};
use crate::needs::need;
use crate::stores::{Ground, ended, export};
use crate::support::{block_on, end, patient};

const INPUT: &str = PLACES[0];
const OUTPUT: &str = PLACES[1];
const PHI: &str = PLACES[2];
const OUTPUT_MARKER: (&str, &str) = ("output", "in a lake/.cumulus-output");
const PHI_MARKER: (&str, &str) = ("phi", "in a lake/.cumulus-phi");

/// Rows that become a table, and one that is rejected.
fn load(server: &Emulator) {
    let broken = json!({"resourceType": "Patient"});
    server.load(export(&[("p.ndjson", &[patient("a", "male"), broken])]).path());
}

fn has(server: &Emulator, (bucket, name): (&str, &str)) -> bool {
    server.objects().contains_key(&format!("{bucket}/{name}"))
}

/// A run and a check on these places are refused, and change nothing. Gives what the run says.
fn refused(server: &Emulator, places: [&str; 3]) -> String {
    let before = server.objects();
    let mut said = String::new();
    for check in [Some("--check"), None] {
        let ended = end(server.job_in(places).args(check));
        assert_eq!(ended.code, Some(22), "{places:?} {check:?}: {}", ended.err);
        assert_eq!(server.objects(), before, "{places:?} {check:?}");
        said = ended.err;
    }
    said
}

fn refuse_swapped_places(server: &Emulator) {
    load(server);
    for removed in [&[][..], &[OUTPUT_MARKER], &[PHI_MARKER], &[OUTPUT_MARKER, PHI_MARKER]] {
        // In their places they are taken, and marked.
        ended(end(&mut server.job_in(PLACES))).unwrap();
        assert!(has(server, OUTPUT_MARKER) && has(server, PHI_MARKER), "{removed:?}");
        for (bucket, name) in removed {
            block_on(server.store(bucket).delete(&Path::from(*name))).unwrap();
        }
        let is_marked = |marker| !removed.contains(&marker);
        for (places, sign) in [
            ([INPUT, PHI, OUTPUT], is_marked(PHI_MARKER).then_some("'.cumulus-phi'")),
            ([INPUT, PHI, "phi/new"], is_marked(PHI_MARKER).then_some("'.cumulus-phi'")),
            (
                [INPUT, "output/new", OUTPUT],
                is_marked(OUTPUT_MARKER).then_some("'.cumulus-output'"),
            ),
        ] {
            let said = refused(server, places);
            assert!(said.contains("INPUT OUTPUT PHI"), "{places:?}: {said}");
            assert!(said.contains(sign.unwrap_or_default()), "{places:?}: {said}");
        }
        // As INPUT, too: rejected rows and anonymous IDs are nothing to read.
        for input in [OUTPUT, PHI] {
            refused(server, [input, "output/new", "phi/new"]);
        }
    }
}

#[test]
fn swapped_places_are_refused_in_seaweedfs() {
    refuse_swapped_places(&need!(seaweed()));
}

#[test]
fn swapped_places_are_refused_in_azurite() {
    refuse_swapped_places(&need!(azurite()));
}

#[test]
fn a_marker_alone_says_what_a_place_in_a_bucket_is_for() {
    let server = need!(seaweed());
    load(&server);
    for (marker, place) in [(".cumulus-phi", 1), (".cumulus-output", 2)] {
        let marked = format!("output/only {marker}");
        let name = Path::from(format!("only {marker}/{marker}"));
        block_on(server.store("output").put(&name, "".into())).unwrap();
        // And what is inside of it.
        for named in [marked.clone(), format!("{marked}/"), format!("{marked}/some/where")] {
            let mut places = [INPUT, "output/new", "phi/new"];
            places[place] = &named;
            let said = refused(&server, places);
            assert!(said.contains(&format!("'{marker}'")), "{named}: {said}");
        }
    }
}
