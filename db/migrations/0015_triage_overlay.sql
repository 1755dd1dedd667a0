-- A clinic's own triage rules: terms its patients use, and concepts it wants to see sooner.
--
-- The rule: the text is checked by `nexacore triage overlay` before it is written here; whoever
-- writes it otherwise finds the clinic's forms scored by the built-in rules and sent to a person.
SET LOCAL ROLE nexacore_owner;

ALTER TABLE clinic_settings
    ADD COLUMN triage_overlay text CHECK (octet_length(triage_overlay) BETWEEN 1 AND 262144);
COMMENT ON COLUMN clinic_settings.triage_overlay IS
    'lines in the format of data/lexicon.tsv; may add and raise, never remove or lower';
