-- A line per patient and respiratory condition (ICD-10 J, or the words of SNOMED CT).
CREATE TABLE cough__cohort AS
SELECT DISTINCT
    c.subject.reference AS subject_ref,
    CAST(substr(c.recordedDate, 1, 4) AS integer) AS "recordedYear"
FROM condition AS c,
    UNNEST(c.code.coding) AS u (coding)
WHERE
    u.coding.code LIKE 'J%'
    OR regexp_like(u.coding.display, '(?i)asthma|bronchitis|pharyngitis|sinusitis|cough');

-- All conditions of these patients.
CREATE TABLE cough__condition AS
SELECT
    c.subject.reference AS subject_ref,
    c.encounter.reference AS encounter_ref,
    u.coding.code,
    u.coding.display,
    p.gender
FROM condition AS c
INNER JOIN patient AS p ON c.subject.reference = concat('Patient/', p.id)
CROSS JOIN UNNEST(c.code.coding) AS u (coding)
WHERE c.subject.reference IN (SELECT subject_ref FROM cough__cohort);

-- The times that the data is from.
CREATE TABLE cough__meta_date AS
SELECT
    CAST(min(from_iso8601_timestamp(recordedDate)) AS date) AS min_date,
    CAST(max(from_iso8601_timestamp(recordedDate)) AS date) AS max_date
FROM condition;

-- Raise it when the meaning of a table changes.
CREATE TABLE cough__meta_version AS
SELECT 1 AS data_package_version;
