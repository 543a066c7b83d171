CREATE TABLE groups__encounter AS
SELECT
    e.subject.reference AS subject_ref,
    e.class.code AS class_code,
    CAST(substr(e.period.start, 1, 4) AS integer) AS start_year
FROM encounter AS e;
