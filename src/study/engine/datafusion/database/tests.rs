use super::*;

fn table(change: &StudyChange, name: &str) -> StoredTable {
    let file = change.file_name(name, 1);
    change.study_folder().write(&file, "rows").unwrap();
    StoredTable {
        name: name.to_owned(),
        files: vec![StoredFile { name: file, bytes: 4, rows: 1 }],
        counted: false,
        of_patients: true,
    }
}

fn s() -> StudyName {
    StudyName::parse("s").unwrap()
}

fn names(database: &Database) -> Vec<String> {
    let listing = database.list(&s()).unwrap().unwrap();
    listing.tables.into_iter().map(|table| table.name).collect()
}

#[test]
fn who_has_lost_the_study_does_not_commit() {
    let database = Database::new(Folder::open("memory://lost/db").unwrap());
    let first = database.begin_change(&s()).unwrap();
    let made = table(&first, "s__first");
    // Another run has taken the lock over, and is done.
    database.root.child(LOCKS).write("s", "of another run").unwrap();
    let other = r#"{"layout": 1, "program": "x", "built": "x", "tables": []}"#;
    let error = first.commit_tables(vec![made], false).unwrap_err().to_string();
    assert!(error.contains("another run has taken over"), "{error}");
    assert!(database.list(&s()).unwrap().is_none());

    // The same between the look at the lock and the list.
    database.root.child(LOCKS).remove("s").unwrap();
    for before in [false, true] {
        let change = database.begin_change(&s()).unwrap();
        assert_eq!(change.old_tables().is_empty(), !before);
        let made = table(&change, "s__late");
        database.study_folder(&s()).write(LIST, other).unwrap();
        let error = change.commit_tables(vec![made], false).unwrap_err().to_string();
        assert!(error.contains("has changed 'memory://lost/db/s/tables.json'"), "{error}");
        assert_eq!(names(&database), [""; 0]);
        let change = database.begin_change(&s()).unwrap();
        let made = table(&change, "s__second");
        change.commit_tables(vec![made], false).unwrap();
        assert_eq!(names(&database), ["s__second"]);
    }
}

#[test]
fn a_build_is_removed_only_where_the_list_is_known_not_to_name_it() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::new(Folder::open(dir.path().to_str().unwrap()).unwrap());
    let file_of_dropped = |is_readable: bool| {
        let change = database.begin_change(&s()).unwrap();
        let file = dir.path().join("s").join(&table(&change, "s__t").files[0].name);
        let list = dir.path().join("s").join(LIST);
        // A folder in the list's place can't be read.
        if !is_readable {
            std::fs::create_dir(&list).unwrap();
        }
        drop(change);
        if !is_readable {
            std::fs::remove_dir(&list).unwrap();
        }
        file
    };
    assert!(file_of_dropped(false).exists());
    assert!(!file_of_dropped(true).exists());
}

#[test]
fn tables_on_a_disk_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("db");
    let database = Database::new(Folder::open(root.to_str().unwrap()).unwrap());
    let change = database.begin_change(&s()).unwrap();
    let made = table(&change, "s__t");
    let file = root.join("s").join(&made.files[0].name);
    change.commit_tables(vec![made], false).unwrap();
    for path in [&root, &root.join("s"), &root.join("s/tables.json"), &file] {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

#[test]
fn cleaning_removes_no_tables_of_another_layout() {
    let database = Database::new(Folder::open("memory://newer/db").unwrap());
    let change = database.begin_change(&s()).unwrap();
    let made = table(&change, "s__nlp_notes");
    let file = made.files[0].name.clone();
    change.commit_tables(vec![made], false).unwrap();
    let folder = database.study_folder(&s());
    for list in [
        r#"{"layout": 2, "program": "cumulus-etl 9", "built": "x", "tables": []}"#,
        r#"{"layout": 2, "program": "cumulus-etl 9", "tables": {"s__nlp_notes": []}}"#,
        r#"{"layout": "2.1"}"#,
    ] {
        folder.write(LIST, list).unwrap();
        let error = database.clean_study(&s()).unwrap_err().to_string();
        assert!(error.contains("clean the study with that version"), "{error}");
        assert_eq!(folder.read(LIST).unwrap().unwrap(), list);
        assert!(folder.read(&file).unwrap().is_some());
    }
}

#[test]
fn without_a_list_files_of_protected_tables_stay() {
    let database = Database::new(Folder::open("memory://damaged/db").unwrap());
    let folder = database.study_folder(&s());
    for (name, is_kept) in [("s__NLP_notes", true), ("s__lib", true), ("s__library", false)] {
        let change = database.begin_change(&s()).unwrap();
        let made = table(&change, name);
        let file = made.files[0].name.clone();
        change.commit_tables(vec![made], false).unwrap();
        folder.write(LIST, "{\"layout\": 1, \"tab").unwrap();
        let cleaned = database.clean_study(&s());
        assert_eq!(folder.read(&file).unwrap().is_some(), is_kept, "{name}");
        assert_eq!(folder.read(LIST).unwrap().is_some(), is_kept, "{name}");
        match cleaned {
            Ok(cleaned) => assert_eq!((cleaned, is_kept), (Cleaned::default(), false)),
            Err(error) => {
                let said = error.to_string();
                assert!(is_kept && said.contains("is damaged") && said.contains(&file), "{said}");
                // Where the files are elsewhere, it can be cleaned.
                folder.remove(&file).unwrap();
                database.clean_study(&s()).unwrap();
            }
        }
        assert!(database.list(&s()).unwrap().is_none());
    }
}
