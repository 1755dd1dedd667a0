-- How urgent a form is to be scrubbed, once it has been read: what the relay queues again after Redis
-- lost its memory must put an emergency before the others, as its first job did.
--
-- The rule: set with the step to SCRUBBING, from the clinic's own policy; NULL is not urgent.
SET LOCAL ROLE nexacore_owner;

ALTER TABLE intake_forms ADD COLUMN scrub_urgency text
    CHECK (scrub_urgency IN ('LOW', 'MODERATE', 'URGENT', 'CRITICAL'));
GRANT SELECT (scrub_urgency) ON intake_forms TO nexacore_relay;
