use super::*;

#[test]
fn tables_have_names_of_their_own() {
    let mut names: Vec<_> = steps(&Sources::default())
        .into_iter()
        .flat_map(|step| step.statements)
        .map(|statement| statement.table)
        .collect();
    assert_eq!(names.len(), 111 - 22 - 3);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 111 - 22 - 3);
    assert_eq!(counts().unwrap().len(), 22);
}
